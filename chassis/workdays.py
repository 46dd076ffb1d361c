"""Working time: which days of a company are worked, at which hours, and what "in eight working hours" means.

A day is worked from Monday to Friday, unless the calendar says otherwise: the company's own entry first, then the
group's (holidays and make-up days, as the State Council announces them each year). The hours are the company's, in its
time zone; they lie within one day. All of it is computed from the organisation that every service has in memory.
"""

from __future__ import annotations

import datetime
import functools
import re
import uuid
from collections.abc import Iterator

from chassis.clock import zone
from chassis.organisation import GROUP_TIME_ZONE, Organisation

USUAL_HOURS = "09:00-12:00 13:00-18:00"
DAY = datetime.timedelta(days=1)
NONE = datetime.timedelta(0)
# a calendar without a working day in so long says nothing
MOST_DAYS = 10_000
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@functools.cache
def hours_of(text: str) -> tuple[tuple[datetime.time, datetime.time], ...]:
    """The hours of a working day, `09:00-12:00 13:00-18:00`, which an empty text stands for. Raises ValueError."""
    found: list[tuple[datetime.time, datetime.time]] = []
    for part in (text or USUAL_HOURS).split():
        match = _HOURS.fullmatch(part)
        if match is None:
            raise ValueError(f"no hours: {part}")
        begin, end = (datetime.time(int(match[n]), int(match[n + 1])) for n in (1, 3))
        if begin >= end or (found and begin < found[-1][1]):
            raise ValueError(f"not in order: {part}")
        found.append((begin, end))
    if not found:
        raise ValueError("no hours")
    return tuple(found)


def is_working_day(organisation: Organisation, company_id: uuid.UUID, day: datetime.date) -> bool:
    """Whether a company works on a day."""
    said = organisation.days.get((company_id, day), organisation.days.get((None, day)))
    return day.weekday() < 5 if said is None else said


def add_working_time(
    organisation: Organisation, company_id: uuid.UUID, start: datetime.datetime, span: datetime.timedelta
) -> datetime.datetime:
    """The instant (UTC) at which so much working time has passed since `start`; none passes outside of the hours."""
    if span < NONE:
        raise ValueError(f"time does not run backwards: {span}")
    if span == NONE:
        return start.astimezone(datetime.UTC)
    for begin, end in _spans(organisation, company_id, start):
        if span <= end - begin:
            return begin + span
        span -= end - begin
    raise ValueError("the calendar has no working days")


def working_from(organisation: Organisation, company_id: uuid.UUID, start: datetime.datetime) -> datetime.datetime:
    """The first instant (UTC) from `start` on at which the company works."""
    found = next(_spans(organisation, company_id, start), None)
    if found is None:
        raise ValueError("the calendar has no working days")
    return found[0]


def working_time_between(
    organisation: Organisation, company_id: uuid.UUID, start: datetime.datetime, end: datetime.datetime
) -> datetime.timedelta:
    """How much working time lies between two instants; none where the end comes first."""
    passed = NONE
    for begin, finish in _spans(organisation, company_id, start):
        if begin >= end:
            break
        passed += min(finish, end) - begin
    return passed


def add_working_days(
    organisation: Organisation, company_id: uuid.UUID, start: datetime.datetime, days: int
) -> datetime.datetime:
    """The same time of day (UTC's instant of it) on the so-many-th working day after that of `start`."""
    local = start.astimezone(zone_of(organisation, company_id))
    day = local.date()
    for _ in range(MOST_DAYS):
        if days <= 0:
            return datetime.datetime.combine(day, local.timetz()).astimezone(datetime.UTC)
        day += DAY
        days -= is_working_day(organisation, company_id, day)
    raise ValueError("the calendar has no working days")


def begin_of_day(organisation: Organisation, company_id: uuid.UUID, day: datetime.date) -> datetime.datetime:
    """The instant (UTC) at which a day begins for a company."""
    midnight = datetime.datetime.combine(day, datetime.time(), zone_of(organisation, company_id))
    return midnight.astimezone(datetime.UTC)


def zone_of(organisation: Organisation, company_id: uuid.UUID) -> datetime.tzinfo:
    """The time zone of a company; of the group's seat where there is none of this id."""
    place = organisation.companies.get(company_id)
    return zone(place.time_zone if place else GROUP_TIME_ZONE)


def _spans(
    organisation: Organisation, company_id: uuid.UUID, start: datetime.datetime
) -> Iterator[tuple[datetime.datetime, datetime.datetime]]:
    """Stretches of working time from an instant on, in UTC, the first of them cut to begin there."""
    place, where = organisation.companies.get(company_id), zone_of(organisation, company_id)
    hours = hours_of(place.working_hours if place else "")
    start = start.astimezone(datetime.UTC)
    first = start.astimezone(where).date()
    for number in range(MOST_DAYS):
        day = first + number * DAY
        if not is_working_day(organisation, company_id, day):
            continue
        for opens, closes in hours:
            begin = datetime.datetime.combine(day, opens, where).astimezone(datetime.UTC)
            end = datetime.datetime.combine(day, closes, where).astimezone(datetime.UTC)
            if max(begin, start) < end:
                yield max(begin, start), end
