"""Document numbers: `PO-{yyyy}-{000000}` counts per company, series and year. A series is named by its service, or is
the pattern itself where people choose it.

The counter row is taken last in the transaction, so that its lock is held only while the call is saved and
committed. Gaps are allowed: a number belongs to a document that was committed, or to none.
"""

from __future__ import annotations

import datetime
import re
import uuid
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chassis.together import numbered, run

if TYPE_CHECKING:
    from chassis.call import Call

SERIAL = re.compile(r"\{(0+)\}")


class Repeated:
    """Stands in for a row when its number is asked for: passes the number on to everything that repeats it."""

    def __init__(self, row: Any, *followers: Callable[[str], None]) -> None:
        self.row, self.followers = row, followers

    @property
    def company_id(self) -> uuid.UUID:
        return self.row.company_id  # type: ignore[no-any-return]

    @property
    def number(self) -> str | None:
        return self.row.number  # type: ignore[no-any-return]

    @number.setter
    def number(self, value: str) -> None:
        self.row.number = value
        for follow in self.followers:
            follow(value)


def render(pattern: str, on: datetime.date, serial: int) -> str:
    """A number of a series: {yyyy}, {yy}, {mm}, {dd} of the day and {000000} for the serial."""
    text = pattern.replace("{yyyy}", f"{on:%Y}").replace("{yy}", f"{on:%y}")
    text = text.replace("{mm}", f"{on:%m}").replace("{dd}", f"{on:%d}")
    return SERIAL.sub(lambda zeros: str(serial).zfill(len(zeros[1])), text)


def period(pattern: str, on: datetime.date) -> str:
    """What the serial starts anew with: the finest date part that the pattern names."""
    for part, format_ in (("{dd}", "%Y%m%d"), ("{mm}", "%Y%m"), ("{yy", "%Y")):
        if part in pattern:
            return on.strftime(format_)
    return ""


async def allocate(call: Call) -> None:
    """Number the rows that asked for one: one statement per series, whatever the number of rows."""
    from chassis.call import NO_COMPANY

    wishes: dict[tuple[Any, str], list[tuple[Any, str]]] = defaultdict(list)
    for row, series, attribute in call.numbers:
        company = getattr(row, "company_id", None) or NO_COMPANY
        wishes[(company, series)].append((row, attribute))
    on = call.today()
    for (company, series), rows in sorted(wishes.items(), key=lambda item: (str(item[0][0]), item[0][1])):
        pattern = series if "{" in series else call.runtime.service.series[series]
        count, values = len(rows), {"company": company, "series": series, "period": period(pattern, on)}
        last = (await run(call.db, _NEXT, tuple({**values, "count": count}[name] for name in _NAMES)))[0]
        for serial, (row, attribute) in enumerate(rows, last - count + 1):
            setattr(row, attribute, render(pattern, on, serial))
    call.numbers.clear()


_NEXT, _NAMES = numbered(
    "INSERT INTO number_series AS s (company_id, series, period, last) VALUES (:company, :series, :period, :count) "
    "ON CONFLICT (company_id, series, period) DO UPDATE SET last = s.last + EXCLUDED.last RETURNING last"
)
