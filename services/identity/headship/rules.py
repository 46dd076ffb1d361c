"""Who heads a department on a day: whoever stands in, as long as they are there, else the head."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from chassis.errors import Refused
from identity import periods

if TYPE_CHECKING:
    from identity.headship.model import Headship


def check(headship: Headship, others: Iterable[Headship], names: Mapping[uuid.UUID, str]) -> None:
    """Refuse days that contradict each other, two at a time, and a head who stands in for themselves.

    `others`: those of the same department that nobody cancelled.
    """
    periods.check(headship, "HEADSHIP_DATES")
    acting = headship.kind == "ACTING"
    if acting and headship.until_date is None:
        raise Refused("HEADSHIP_ACTING_UNTIL", field="until_date")
    for other in others:
        if other.kind == headship.kind:
            taken = periods.meet(headship, other) if acting else other.from_date == headship.from_date
            if taken:
                days: dict[str, Any] = {"from": other.from_date, "until": other.until_date or ""}
                raise Refused("HEADSHIP_EXISTS", field="from_date", name=names[other.employee_id], **days)
        elif other.employee_id == headship.employee_id and acting and periods.meet(headship, other):
            raise Refused("HEADSHIP_IS_HEAD", field="employee_id", name=names[headship.employee_id])


def in_use(*, field: str, name: str, active: bool) -> None:
    """Refuse a person or a department that is out of use."""
    if not active:
        raise Refused("HEADSHIP_OUT_OF_USE", field=field, name=name)


def effective(held: Iterable[Headship], today: datetime.date, active: Collection[uuid.UUID]) -> uuid.UUID | None:
    """Who heads the department today. One who stands in counts only while `active`; the head stays until replaced."""
    now = [one for one in held if one.state != "CANCELLED" and periods.holds(one, today)]
    standing_in = [one.employee_id for one in now if one.kind == "ACTING" and one.employee_id in active]
    return next(iter([*standing_in, *(one.employee_id for one in now if one.kind == "HEAD")]), None)
