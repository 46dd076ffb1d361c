"""Single values of a document's facts, such as what a unit of an item costs, against what earlier approved cases said
of the same. Which lists of facts hold such values, their contract says (`usual`); types whose facts hold lists of the
same message are compared with each other. Numbers and no opinion: nothing is decided by them.
"""

from __future__ import annotations

import functools
import statistics
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from approval.case.model import Case
from chassis import contract
from chassis.call import Call
from heyi.approval.v1 import case_views_pb2 as pb

# of each type the newest cases; of what a value is of, the newest values; fewer say nothing
NEWEST, LAST, FEWEST, SHOWN = 500, 20, 5, 20
FENCE, LEAST_PERCENT = Decimal("1.5"), Decimal(5)
Of = frozenset[tuple[str, str]]


class Compared(NamedTuple):
    """A list of facts: its name in a type's facts, the number in it, and the message that its members are."""

    fact: str
    field: str
    message: str


@functools.cache
def compared(document_type: str) -> tuple[Compared, ...]:
    """The lists in the facts of a type that hold numbers to compare."""
    document = contract.load().documents.get(document_type)
    facts = document.facts.fields if document is not None and document.facts is not None else ()
    return tuple(
        Compared(field.name, inner.name, field.message_type.full_name)
        for field in facts
        if field.message_type is not None and contract.repeated(field)
        for inner in field.message_type.fields
        if contract.spec_of(inner).usual
    )


def values_of(facts: Mapping[str, Any] | None, one: Compared) -> dict[Of, Decimal]:
    """What the facts of a case say, by what it is of."""
    listed = (facts or {}).get(one.fact)
    found = {}
    for member in listed if isinstance(listed, list) else ():
        if isinstance(member, dict) and isinstance(member.get(one.field), int | float):
            of = frozenset((name, str(value)) for name, value in member.items() if name != one.field)
            found[of] = Decimal(str(member[one.field]))
    return found


def off(value: Decimal, earlier: Sequence[Decimal]) -> tuple[Decimal, Decimal] | None:
    """The median, and how far above it in percent a value is that is beyond Tukey's fences and 5 % off at least; None
    where it is usual, or there are too few to say.
    """
    if len(earlier) < FEWEST:
        return None
    lower, middle, upper = statistics.quantiles(earlier, n=4, method="inclusive")
    spread = (upper - lower) * FENCE
    if not middle or lower - spread <= value <= upper + spread:
        return None
    percent = 100 * (value - middle) / middle
    return (middle, percent) if abs(percent) >= LEAST_PERCENT else None


async def unusual(call: Call, case: Case, seen: Any) -> list[pb.UnusualValue]:
    """The unusual values of a case, the furthest off first, against cases for which the condition `seen` holds."""
    found: list[tuple[Decimal, pb.UnusualValue]] = []
    for one in compared(case.document_type):
        said = values_of(case.facts, one)
        earlier = await _earlier(call, case, one, said, seen) if said else {}
        for of, value in said.items():
            if (how := off(value, earlier.get(of, ()))) is None:
                continue
            told = pb.UnusualValue(fact=one.fact, field=one.field, of=dict(of), compared_count=len(earlier[of]))
            told.value, told.median = (format(number.normalize(), "f") for number in (value, how[0]))
            told.above_percent = f"{how[1]:.1f}"
            found.append((abs(how[1]), told))
    return [told for _, told in sorted(found, key=lambda pair: -pair[0])[:SHOWN]]


async def _earlier(call: Call, case: Case, one: Compared, said: Iterable[Of], seen: Any) -> dict[Of, Sequence[Decimal]]:
    """The newest values of the same in approved cases of the company and currency, of every type that tells of such."""
    alike = [
        (name, other.fact)
        for name in contract.approvable()
        for other in compared(name)
        if (other.message, other.field) == (one.message, one.field)
    ]
    members = sa.union_all(*(_members(case, name, fact, seen) for name, fact in alike)).subquery()
    of = members.c.member.op("-")(one.field).cast(JSONB)
    newest = sa.func.row_number().over(partition_by=of, order_by=members.c.decide_time.desc())
    rows = sa.select(members.c.member, newest.label("place")).where(of.in_([sa.cast(dict(key), JSONB) for key in said]))
    listed = rows.subquery()
    found: dict[Of, list[Decimal]] = {}
    for (member,) in (await call.db.execute(sa.select(listed.c.member).where(listed.c.place <= LAST))).all():
        for key, value in values_of({one.fact: [member]}, one).items():
            found.setdefault(key, []).append(value)
    return dict(found)


def _members(case: Case, document_type: str, fact: str, seen: Any) -> Any:
    """What the newest approved cases of a type list."""
    # the state as the index of finished cases has it
    finished = Case.state.in_([sa.literal_column(f"'{state}'") for state in ("APPROVED", "REJECTED", "RETURNED")])
    newest = (
        sa.select(Case.facts[fact].label("listed"), Case.decide_time)
        .where(
            Case.company_id == case.company_id,
            Case.document_type == document_type,
            Case.currency == case.currency,
            finished,
            Case.state == "APPROVED",
            Case.decide_time <= case.created_at,
            Case.document_id != case.document_id,
            seen,
        )
        .order_by(Case.decide_time.desc())
        .limit(NEWEST)
        .subquery()
    )
    listed = sa.case((sa.func.jsonb_typeof(newest.c.listed) == "array", newest.c.listed), else_=sa.cast([], JSONB))
    return sa.select(sa.func.jsonb_array_elements(listed, type_=JSONB).label("member"), newest.c.decide_time)
