"""What a request says when it asks to be agreed to, and what a form with values in it answers."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from approval.office_request.model import OfficeRequest
from approval.office_request.rules import Pinned
from chassis import canonical, ids, import_lookup, seeing
from chassis.call import Call
from chassis.typed_fields import Taken, Violation
from heyi.approval.v1 import form_definitions_pb2, office_requests_pb2
from heyi.common.v1 import common_pb2
from heyi.documents.v1 import attachments_pb2

TYPE = "approval.office_request"
BATCH_GET_FILES = "heyi.documents.v1.Attachments/BatchGetAttachments"


def request_of(row: OfficeRequest, pinned: Pinned, call: Call) -> common_pb2.ApprovalRequest:
    """How a request asks: its facts are the form's fields, and each of them may be hidden or filled in by a step."""
    message = call.reply(row)
    approval = common_pb2.ApprovalRequest(
        document_type=TYPE,
        document_id=str(row.id),
        company_id=str(row.company_id),
        document_number=row.number or "",
        title=row.title,
        requester_id=str(row.owner_id),
        department_id=str(row.department_id),
        amount=format(row.amount, "f"),
        currency=row.currency,
        content_hash=canonical.content_hash(message),
        submission=row.submission,
        basis=pinned.tell(seeing.basis(message)),
    )
    approval.facts.update(pinned.facts(row.values))
    return approval


def hash_of(row: OfficeRequest, call: Call) -> str:
    """Hash of what an approver agrees to, from the row as it is."""
    return canonical.content_hash(call.reply(row))


def imagined(
    pinned: Pinned, values: Mapping[str, Any], requester_id: uuid.UUID, form_id: uuid.UUID, call: Call
) -> common_pb2.ApprovalRequest:
    """How a request would ask that nobody made."""
    person = call.organisation.people.get(requester_id)
    approval = common_pb2.ApprovalRequest(
        document_type=TYPE,
        document_id=str(form_id),
        company_id=str(call.company_id),
        title=pinned.message.name,
        requester_id=str(requester_id),
        department_id=str(person.department_id) if person and person.department_id else "",
        amount=format(pinned.amount(values), "f"),
        currency=call.company.base_currency,
    )
    approval.facts.update(pinned.facts(values))
    return approval


def filled(pinned: Pinned, taken: Taken) -> form_definitions_pb2.FilledForm:
    """A form with values in it."""
    reply = form_definitions_pb2.FilledForm(
        form=pinned.message,
        hidden_keys=sorted(taken.hidden),
        required_keys=sorted(taken.required),
        violations=[
            common_pb2.Violation(
                field=field, reason=reason, facts={name: str(fact)[:200] for name, fact in facts.items()}
            )
            for field, reason, facts in taken.violations
        ],
    )
    reply.values.update(taken.values)
    return reply


def _named(pinned: Pinned, values: Mapping[str, Any], kind: str) -> set[uuid.UUID]:
    return {ids.parse(key) for _, what, key in pinned.form.references(values) if what == kind}


async def names_in(rows: Iterable[tuple[Pinned, Mapping[str, Any]]], call: Call) -> dict[str, str]:
    """What the people, departments and requests are called that values name, by their ids; one statement at most."""
    listed = list(rows)
    organisation = call.organisation
    found: dict[str, str] = {}
    for pinned, values in listed:
        people, units = _named(pinned, values, "person"), _named(pinned, values, "department")
        found |= {str(key): organisation.people[key].name for key in people if key in organisation.people}
        found |= {str(key): organisation.departments[key].name for key in units if key in organisation.departments}
    if wanted := {key for pinned, values in listed for key in _named(pinned, values, TYPE)}:
        here = sa.select(OfficeRequest.id, OfficeRequest.number).where(OfficeRequest.id.in_(wanted))
        found |= {str(key): number or "" for key, number in (await call.db.execute(here)).all()}
    return found


async def strangers(
    pinned: Pinned, values: Mapping[str, Any], before: Mapping[str, Any], call: Call
) -> list[Violation]:
    """People, departments and documents that are not there, of what was typed anew."""
    fresh = {key: value for key, value in values.items() if value != before.get(key)}
    known: dict[str, Any] = {"person": call.organisation.people, "department": call.organisation.departments}
    named = pinned.form.references(fresh)
    return [
        (path, "FIELD_NO_SUCH_DOCUMENT", {"value": key})
        for path, kind, key in named
        if kind in known and ids.parse(key) not in known[kind]
    ] + await import_lookup.absent(call, (one for one in named if one[1] not in known))


async def files_at_fault(pinned: Pinned, values: Mapping[str, Any], row_id: uuid.UUID, call: Call) -> list[Violation]:
    """Files that fields name and that are not there: each is a whole file of this request, brought in for its field.
    One question, none where no field has any. Raises SERVICE_UNAVAILABLE.
    """
    named = pinned.form.files(values)
    found = await _files(call, [key for keys in named.values() for key in keys])
    return [
        (f"{key}[{index}]", "FIELD_NO_SUCH_DOCUMENT", {"value": file_id})
        for key, keys in named.items()
        for index, file_id in enumerate(keys)
        if found.get(file_id) != (str(row_id), f"values.{key}")
    ]


async def file_names(pinned: Pinned, values: Mapping[str, Any], call: Call) -> dict[str, str]:
    """What the files are called that fields name, as far as the caller may see them."""
    keys = [key for named in pinned.form.files(values).values() for key in named]
    reply = await _attachments(call, keys) if keys else None
    return {one.id: one.name for one in reply.attachments} if reply is not None else {}


async def _files(call: Call, keys: list[str]) -> dict[str, tuple[str, str]]:
    if not keys:
        return {}
    reply = await _attachments(call, keys)
    ready = attachments_pb2.Attachment.READY
    mine = (one for one in reply.attachments if one.state == ready and one.document_type == TYPE)
    return {one.id: (one.document_id, one.part_id) for one in mine}


async def _attachments(call: Call, keys: list[str]) -> Any:
    request = attachments_pb2.BatchGetAttachmentsRequest(ids=keys)
    return await call.ask("documents", BATCH_GET_FILES, request, as_caller=True)


def offered(form: Any) -> office_requests_pb2.OfferedForm:
    """A form among those that can be filled in."""
    return office_requests_pb2.OfferedForm(
        form_id=str(form.id),
        code=form.code,
        name=form.name,
        name_en=form.name_en,
        group_name=form.group_name,
        icon=form.icon or 0,
        description=form.description,
        version=form.published_version,
    )
