"""What earlier cases say about one: similar ones with their outcome, and how its amount compares. Facts and numbers, no
opinion, and nothing of a case that the reader may not see.

Similar are cases of the same type, company and currency that share a supplier or a category with it, or come from the
same department. Looked at are, of the newest 2,000 of the type, the newest 500 that the reader may see: one statement
that costs the same however many cases there are.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from approval.case import usual
from approval.case.model import Case
from approval.case.sight import hidden_from
from chassis import money
from chassis.call import Call
from heyi.approval.v1 import cases_pb2 as pb

NEWEST, MOST, SHOWN, FEWEST = 2_000, 500, 5, 5
FINISHED = ("APPROVED", "REJECTED", "RETURNED")
# lists of the facts by which cases are alike, the closest first
ALIKE = ("supplier_ids", "categories")
FENCE = Decimal("1.5")
_FINISHED = Case.state.in_([sa.literal_column(f"'{state}'") for state in FINISHED])


async def advise(call: Call, case: Case, visible: Any) -> pb.CaseAdvice:
    """What the caller may know of cases like this one; nothing of a case of which something is hidden from them."""
    me = call.actor.employee_id
    if hidden_from(case, me):
        return pb.CaseAdvice(thin=True)
    whole = sa.or_(Case.readers.is_(None), sa.not_(Case.readers.contains([{"employee_id": str(me)}])))
    same = sa.and_(
        Case.company_id == case.company_id, Case.document_type == case.document_type, Case.currency == case.currency
    )
    shared = [Case.facts[name].label(name) for name in ALIKE]
    columns = (Case.id, Case.document_number, Case.title, Case.amount, Case.state, Case.department_id)
    before = Case.decide_time <= case.created_at
    newest = sa.select(Case.id).where(same, _FINISHED, before).order_by(Case.decide_time.desc()).limit(NEWEST)
    seen = (
        sa.select(*columns, Case.decide_time, Case.created_at, *shared)
        .where(
            Case.id == sa.any_(sa.func.array(newest.scalar_subquery())),
            Case.document_id != case.document_id,
            visible,
            whole,
        )
        .order_by(Case.decide_time.desc(), Case.id.desc())
        .limit(MOST)
    )
    found = (await call.db.execute(seen)).all()
    reply = pb.CaseAdvice(looked_at=len(found))
    similar = similar_to(case, found)
    reply.similar_by.extend(name for name in (*ALIKE, "department") if any(name in ways for _, ways in similar))
    reply.similar_count = len(similar)
    rows = [row for row, _ in similar]
    reply.approved_count, reply.rejected_count, reply.returned_count = (
        sum(row.state == state for row in rows) for state in FINISHED
    )
    reply.thin = len(rows) < FEWEST
    took = [_hours(row) for row in rows if row.state != "RETURNED"]
    reply.median_hours = f"{statistics.median(took):.2f}" if took else ""
    if not reply.thin:
        _compare(case.amount, [row.amount for row in rows], reply)
    reply.unusual.extend(await usual.unusual(call, case, sa.and_(visible, whole)))
    for row in rows[:SHOWN]:
        shown = reply.cases.add(
            case_id=str(row.id),
            document_number=row.document_number,
            title=row.title,
            amount=format(row.amount, "f"),
            state=row.state,
            hours=f"{_hours(row):.2f}",
        )
        shown.decide_time.FromDatetime(row.decide_time)
    return reply


def similar_to(case: Any, rows: Sequence[Any]) -> list[tuple[Any, list[str]]]:
    """The rows that are like a case, with what they share; those that share more first, then in their order."""
    facts: Mapping[str, Any] = case.facts or {}
    wanted = {name: _texts(facts.get(name)) for name in ALIKE}
    found = []
    for row in rows:
        ways = [name for name in ALIKE if wanted[name] & _texts(getattr(row, name))]
        if case.department_id is not None and row.department_id == case.department_id:
            ways.append("department")
        if ways:
            found.append((row, ways))
    return sorted(found, key=lambda pair: -len(pair[1]))


def _compare(amount: Decimal, amounts: Sequence[Decimal], reply: pb.CaseAdvice) -> None:
    """How an amount stands among others: their median and quartiles, and whether it is beyond Tukey's fences."""
    lower, middle, upper = statistics.quantiles(amounts, n=4, method="inclusive")
    spread = (upper - lower) * FENCE
    told = (format(money.quantize(one), "f") for one in (middle, lower, upper))
    reply.median_amount, reply.lower_amount, reply.upper_amount = told
    if middle:
        reply.of_median_percent = f"{100 * amount / middle:.1f}"
    beyond = pb.CaseAdvice.HIGH if amount > upper + spread else pb.CaseAdvice.LOW if amount < lower - spread else 0
    reply.deviation = beyond or pb.CaseAdvice.USUAL


def _hours(row: Any) -> float:
    return float((row.decide_time - row.created_at).total_seconds()) / 3600


def _texts(value: object) -> frozenset[str]:
    return frozenset(text for text in value if isinstance(text, str)) if isinstance(value, list) else frozenset()
