"""Placements: one principal one on every day, no reporting line that comes back to where it began."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chassis.errors import Refused
from identity import periods

if TYPE_CHECKING:
    from identity.placement.model import Placement


def check(placement: Placement, others: Iterable[Placement], *, department: str, until: datetime.date | None) -> None:
    """Refuse days that contradict each other and a second placement of a kind in one place.

    `others`: those of the same employee that nobody cancelled; `until`: the last day before the change.
    """
    periods.check(placement, "PLACEMENT_DATES")
    principal = placement.kind == "PRINCIPAL"
    if principal and placement.until_date != until:
        raise Refused("PLACEMENT_PRINCIPAL_UNTIL", field="until_date")
    if placement.kind == "MATRIX" and placement.post_id is not None:
        raise Refused("PLACEMENT_MATRIX_POST", field="post_id")
    for other in others:
        same = principal or other.department_id == placement.department_id
        taken = other.from_date == placement.from_date if principal else periods.meet(placement, other)
        if other.kind == placement.kind and same and taken:
            days: dict[str, Any] = {"from": other.from_date, "until": other.until_date or ""}
            raise Refused("PLACEMENT_EXISTS", field="from_date", department=department, **days)


def in_use(*, field: str, name: str, active: bool) -> None:
    """Refuse a person or a place that is out of use."""
    if not active:
        raise Refused("PLACEMENT_OUT_OF_USE", field=field, name=name)


def no_circle(employee_id: uuid.UUID, above: Sequence[uuid.UUID], names: Mapping[uuid.UUID, str]) -> None:
    """Refuse a reporting line that comes back; `above`: whom the employee would report to, the nearest first."""
    if employee_id in above:
        way = [employee_id, *above[: above.index(employee_id) + 1]]
        chain = " → ".join(names[who] for who in way)
        raise Refused("PLACEMENT_REPORTS_IN_CIRCLE", field="reports_to_id", chain=chain)
