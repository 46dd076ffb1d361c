"""Periods of days, both ends included: what follows what when one is put in, taken out, or the day comes.

A chain is what one employee or department has one after another: nothing in it meets anything else. Whatever begins
on a day ends what lasted until then, and goes on until the next one begins, however far ahead that was prepared.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chassis.errors import Refused
from chassis.states import advance

if TYPE_CHECKING:
    from chassis import contract
    from chassis.call import Call

DAY = datetime.timedelta(days=1)
LIVE = ("PLANNED", "ACTIVE")
TRANSITIONS = {
    ("PLANNED", "update"): "PLANNED",
    ("PLANNED", "cancel"): "CANCELLED",
    ("ACTIVE", "update"): "ACTIVE",
    # on the day on which it was written down: `withdrawable`
    ("ACTIVE", "cancel"): "CANCELLED",
    ("ENDED", "cancel"): "CANCELLED",
}


@dataclass
class Span:
    """Days without anything else: what a period was before a change."""

    from_date: datetime.date
    until_date: datetime.date | None


def holds(period: Any, day: datetime.date) -> bool:
    """Whether a day lies within."""
    return bool(period.from_date <= day and (period.until_date is None or day <= period.until_date))


def meet(one: Any, other: Any) -> bool:
    """Whether two have a day in common."""
    return (other.until_date is None or one.from_date <= other.until_date) and (
        one.until_date is None or other.from_date <= one.until_date
    )


def state_on(period: Any, today: datetime.date) -> str:
    """The state that the day gives to what nobody cancelled."""
    if period.until_date is not None and period.until_date < today:
        return "ENDED"
    return "PLANNED" if today < period.from_date else "ACTIVE"


def insert(chain: Collection[Any], new: Any) -> list[Any]:
    """Make room for `new` among the others, none of which begins on its first day; those that changed.

    What lasted until then ends the day before; `new` ends before the next one begins, or earlier where it says so.
    """
    changed = [
        other
        for other in chain
        if other.from_date < new.from_date and (other.until_date is None or new.from_date <= other.until_date)
    ]
    for other in changed:
        other.until_date = new.from_date - DAY
    following = min((other.from_date for other in chain if other.from_date > new.from_date), default=None)
    if following is not None and (new.until_date is None or following <= new.until_date):
        new.until_date = following - DAY
    return changed


def remove(chain: Collection[Any], gone: Any) -> list[Any]:
    """Whatever ended for `gone` goes on in its place; those that changed."""
    changed = [other for other in chain if other.until_date == gone.from_date - DAY]
    for other in changed:
        other.until_date = gone.until_date
    return changed


def check(period: Any, refusal: str) -> None:
    """Refuse a last day before the first."""
    if period.until_date is not None and period.until_date < period.from_date:
        days: dict[str, Any] = {"from": period.from_date, "until": period.until_date}
        raise Refused(refusal, field="until_date", **days)


def changeable(period: Any, before: Span, today: datetime.date, *, refusal: str, others: bool) -> None:
    """What has begun before today is history: only its last day may still move. `others`: whether more was changed."""
    if before.from_date < today and (others or period.from_date != before.from_date):
        facts: dict[str, Any] = {"from": before.from_date}
        raise Refused(refusal, **facts)


def withdrawable(period: Any, call: Call) -> bool:
    """Whether it may be withdrawn: before it begins, and later only on the day on which it was written down. A list
    that was brought in wrong is taken back then; what stood longer than that is history.
    """
    written = call.organisation.day_of(period.created_at, period.company_id)
    return bool(period.state == "PLANNED" or written >= call.organisation.today(period.company_id))


def offer(period: Any, message: Any, call: Call) -> None:
    """What is history cannot be withdrawn."""
    if "cancel" in message.allowed_actions and not withdrawable(period, call):
        message.allowed_actions.remove("cancel")


def withdraw(period: Any, call: Call, refusal: str) -> None:
    """Take it out of force. Refuses with `refusal` what is history."""
    if (period.state, "cancel") in TRANSITIONS and not withdrawable(period, call):
        facts: dict[str, Any] = {"from": period.from_date}
        raise Refused(refusal, **facts)
    advance(period, "cancel")


def remember(document: Any, kind: type[Any], kept: Sequence[str], today: datetime.date) -> None:
    """Write into a document's periods what it is from today on, where that is something else than before. `kind`: the
    lines of `periods`, with the attributes `kept`.
    """
    now = {name: getattr(document, name) for name in kept}
    last = document.periods[-1] if document.periods else None
    if last is not None and now == {name: getattr(last, name) for name in kept}:
        return
    if last is not None and last.from_date >= today:
        for name, value in now.items():
            setattr(last, name, value)
        return
    if last is not None:
        last.until_date = today - DAY
    number = len(document.periods) + 1
    document.periods.append(kind(line_number=number, from_date=today, until_date=None, **now))


def tell(call: Call, kind: type[contract.Message], row: Any) -> None:
    """Announce a change of a row, once in a call, with the state of the day."""
    if not any(said.row is row for said in call.announcements):
        call.announce(kind, row, parts=False)
