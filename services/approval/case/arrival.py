"""A document asks to be agreed to: its words become a case, once for each submission, in whatever order they arrive."""

from __future__ import annotations

import uuid
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa
from google.protobuf import json_format

from approval.case import conduct
from approval.case.model import Case
from approval.case.rules import LIVE
from chassis import ids
from chassis.call import Call, Refused
from chassis.db import one_at_a_time


async def open_case(request: Any, event: Any, call: Call) -> None:
    """One case for each submission; a newer one takes the place of an older that still runs."""
    case = case_of(request)
    # submissions of one document, one after another: two consumers may hold the same event
    await call.db.execute(one_at_a_time(f"{case.document_type}/{case.document_id}"))
    same = sa.and_(Case.document_type == case.document_type, Case.document_id == case.document_id)
    known = (await call.db.execute(sa.select(Case).where(same).with_for_update())).scalars().all()
    if any(other.submission == case.submission for other in known):
        return
    case = call.add(case)
    for older in [c for c in known if c.submission < case.submission and c.state in LIVE]:
        older.park_reason, older.park_facts = "CASE_SUPERSEDED", {}
        await conduct.end(call, older, "WITHDRAWN", note="", because="task.superseded", silent=True)
    if any(other.submission > case.submission for other in known):
        case.state, case.park_reason, case.decide_time = "WITHDRAWN", "CASE_SUPERSEDED", call.now()
        return
    conduct.submitted(call, case)
    await conduct.begin(call, case, opening=True)


def case_of(request: Any) -> Case:
    """What a document says of itself, as a case that is not saved. Raises Refused for a field that cannot be read."""
    if not request.document_type or request.submission < 0:
        raise Refused("FIELD_REQUIRED", field="approval.document_type")
    return Case(
        id=ids.uuid7(),
        company_id=_id(request, "company_id"),
        state="RUNNING",
        owner_id=_id(request, "requester_id"),
        department_id=_id(request, "department_id") if request.department_id else None,
        document_type=request.document_type,
        document_id=_id(request, "document_id"),
        document_number=request.document_number,
        title=request.title,
        requester_id=_id(request, "requester_id"),
        amount=_amount(request.amount),
        currency=request.currency,
        content_hash=request.content_hash,
        submission=request.submission,
        facts=json_format.MessageToDict(request.facts),
        chosen=_chosen(request),
        basis=_basis(request),
        changing=False,
        participant_ids=[],
        waiting_on_ids=[],
        agreed_ids=[],
        park_reason="",
        note="",
        flow_name="",
    )


def take_over(case: Case, request: Any) -> None:
    """The document was changed while the case runs: how it asks from now on. What was filled in on the way stays."""
    fresh, known = case_of(request), case.facts or {}
    case.title, case.amount, case.currency = fresh.title, fresh.amount, fresh.currency
    case.content_hash, case.basis = fresh.content_hash, fresh.basis
    case.facts = {**(fresh.facts or {}), **{name: known[name] for name in ("handled",) if name in known}}


def _id(request: Any, name: str) -> uuid.UUID:
    return _read_id(getattr(request, name), name)


def _read_id(text: str, name: str) -> uuid.UUID:
    try:
        return ids.parse(text)
    except ValueError:
        raise Refused("FIELD_FORMAT", field=f"approval.{name}", value=text[:50], expected="UUID") from None


def _basis(request: Any) -> dict[str, Any] | None:
    """What each field says, as the case keeps it."""
    kept: dict[str, Any] = {}
    for path, said in request.basis.items():
        kept[path] = {"hash": said.hash, "complete": said.complete}
        if said.tells:
            kept[path]["tells"] = list(said.tells)
        if said.for_approvers:
            kept[path]["for_approvers"] = True
    return kept or None


def _chosen(request: Any) -> dict[str, list[str]]:
    """Whom the requester chose, by the id of the node."""
    return {
        choice.node_id: [str(_read_id(who, f"choices[{number}].employee_ids")) for who in choice.employee_ids]
        for number, choice in enumerate(request.choices)
    }


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text or 0)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or abs(amount) >= Decimal(10) ** 16:
        raise Refused("FIELD_DECIMAL", field="approval.amount", value=text[:50], precision=18, scale=2)
    return amount
