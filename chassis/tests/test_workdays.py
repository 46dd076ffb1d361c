"""Working time: hand-reckoned cases of 2026, and what holds for any calendar, any hours and any instant."""

from __future__ import annotations

import dataclasses
import datetime
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import workdays
from chassis.organisation import Organisation, Place

HERE, THERE = uuid.UUID(int=1), uuid.UUID(int=2)
NOBODY = Organisation(1, {}, {}, {}, {}, {})
# the National Day of 2026, and what a company says for itself
DAYS = {
    **{(None, datetime.date(2026, 10, day)): False for day in range(1, 8)},
    (None, datetime.date(2026, 9, 20)): True,
    (None, datetime.date(2026, 10, 10)): True,
    (THERE, datetime.date(2026, 10, 10)): False,
    (THERE, datetime.date(2026, 10, 5)): True,
}


def group(days=None, hours: str = "", zone: str = "Asia/Shanghai") -> Organisation:
    places = {key: Place(key, "C", "C", "C", "CNY", zone, working_hours=hours) for key in (HERE, THERE)}
    return dataclasses.replace(NOBODY, companies=places, days=DAYS if days is None else days)


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(f"{text}+08:00")


def hours(count: float) -> datetime.timedelta:
    return datetime.timedelta(hours=count)


@pytest.mark.parametrize(
    ("day", "here", "there"),
    [
        ("2026-09-20", True, True),  # a Sunday that is worked
        ("2026-09-27", False, False),
        ("2026-10-05", False, True),  # a Monday of the holidays; the company works
        ("2026-10-08", True, True),
        ("2026-10-10", True, False),
    ],
)
def test_the_own_entry_of_a_company_goes_before_that_of_the_group(day: str, here: bool, there: bool) -> None:
    date = datetime.date.fromisoformat(day)
    assert workdays.is_working_day(group(), HERE, date) is here
    assert workdays.is_working_day(group(), THERE, date) is there


@pytest.mark.parametrize(
    ("start", "span", "end"),
    [
        ("2026-11-23T09:00", 8, "2026-11-23T18:00"),  # lunch is no work
        ("2026-11-23T11:00", 2, "2026-11-23T14:00"),
        ("2026-11-23T20:00", 1, "2026-11-24T10:00"),  # in the evening nothing passes
        ("2026-11-27T17:00", 2, "2026-11-30T10:00"),  # over the weekend
        ("2026-09-30T17:00", 2, "2026-10-08T10:00"),  # over the National Day
        ("2026-10-09T17:00", 2, "2026-10-10T10:00"),  # into the Saturday that is worked
        ("2026-11-23T03:00", 0, "2026-11-23T03:00"),
    ],
)
def test_working_hours_as_a_person_would_count_them(start: str, span: float, end: str) -> None:
    assert workdays.add_working_time(group(), HERE, at(start), hours(span)) == at(end)
    if span:
        assert workdays.working_time_between(group(), HERE, at(start), at(end)) == hours(span)


def test_working_days_keep_the_time_of_day() -> None:
    assert workdays.add_working_days(group(), HERE, at("2026-09-30T15:30"), 1) == at("2026-10-08T15:30")
    assert workdays.add_working_days(group(), HERE, at("2026-10-03T15:30"), 2) == at("2026-10-09T15:30")


def test_the_hours_and_the_zone_are_the_company_s() -> None:
    early = group(hours="07:00-15:00", zone="Europe/Berlin")
    # the clocks go forward on Sunday, 29 March 2026: Monday begins an hour earlier in UTC
    friday = datetime.datetime(2026, 3, 27, 13, 0, tzinfo=datetime.UTC)
    assert workdays.add_working_time(early, HERE, friday, hours(2)) == datetime.datetime(
        2026, 3, 30, 6, 0, tzinfo=datetime.UTC
    )


@pytest.mark.parametrize("text", ["9-18", "09:00", "18:00-09:00", "09:00-12:00 11:00-13:00", "24:00-25:00", "   "])
def test_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"hours|order"):
        workdays.hours_of(text)


def test_a_span_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        workdays.add_working_time(group(), HERE, at("2026-11-23T09:00"), hours(-1))


DATES = st.dates(datetime.date(2026, 1, 1), datetime.date(2026, 3, 1))
CALENDARS = st.dictionaries(st.tuples(st.sampled_from([None, HERE, THERE]), DATES), st.booleans(), max_size=25)
HOURS = st.sampled_from(["", "00:00-23:59", "08:30-12:00 13:00-17:30", "22:00-22:01", "06:00-10:00 10:00-14:00"])
ZONES = st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
GROUPS = st.builds(group, CALENDARS, HOURS, ZONES)
# minutes from Christmas 2025 to the middle of April 2026
INSTANTS = st.integers(0, 110 * 24 * 60).map(
    lambda minutes: datetime.datetime(2025, 12, 25, tzinfo=datetime.UTC) + datetime.timedelta(minutes=minutes)
)
SPANS = st.integers(0, 60 * 60).map(lambda minutes: datetime.timedelta(minutes=minutes))


@settings(max_examples=150, deadline=None)
@given(GROUPS, INSTANTS, SPANS, SPANS)
def test_time_that_was_added_lies_between_and_adding_in_two_steps_is_the_same(
    around: Organisation, start: datetime.datetime, first: datetime.timedelta, second: datetime.timedelta
) -> None:
    end = workdays.add_working_time(around, HERE, start, first)
    assert end >= start
    assert workdays.working_time_between(around, HERE, start, end) == first
    both = workdays.add_working_time(around, HERE, start, first + second)
    assert workdays.add_working_time(around, HERE, end, second) == both


@settings(max_examples=150, deadline=None)
@given(GROUPS, INSTANTS, SPANS, SPANS)
def test_who_begins_later_ends_no_earlier_and_ends_within_the_hours(
    around: Organisation, start: datetime.datetime, later: datetime.timedelta, span: datetime.timedelta
) -> None:
    end = workdays.add_working_time(around, HERE, start, span)
    assert workdays.add_working_time(around, HERE, start + later, span) >= end
    if span:
        place = around.companies[HERE]
        local = end.astimezone(workdays.zone_of(around, HERE))
        assert workdays.is_working_day(around, HERE, local.date())
        assert any(a <= local.time() <= b for a, b in workdays.hours_of(place.working_hours))


@settings(max_examples=100, deadline=None)
@given(GROUPS, INSTANTS, st.integers(1, 30))
def test_so_many_working_days_later_is_a_working_day_with_as_many_before(
    around: Organisation, start: datetime.datetime, days: int
) -> None:
    where = workdays.zone_of(around, HERE)
    begin, end = start.astimezone(where).date(), workdays.add_working_days(around, HERE, start, days).astimezone(where)
    between = [begin + datetime.timedelta(days=n) for n in range(1, (end.date() - begin).days + 1)]
    assert sum(workdays.is_working_day(around, HERE, day) for day in between) == days
    assert workdays.is_working_day(around, HERE, end.date())
