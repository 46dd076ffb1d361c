"""The clock."""

import datetime

import pytest

from chassis.clock import Clock, FrozenClock


def test_a_business_day_is_a_day_of_the_company_s_zone():
    clock = FrozenClock("2026-11-23T20:00:00+00:00")
    assert clock.today("Asia/Shanghai") == datetime.date(2026, 11, 24)
    assert clock.today("America/New_York") == datetime.date(2026, 11, 23)


def test_a_frozen_clock_moves_when_it_is_told():
    clock = FrozenClock("2026-11-23T09:00:00+08:00")
    assert clock.now() == datetime.datetime(2026, 11, 23, 1, tzinfo=datetime.UTC)
    clock.advance(hours=16)
    assert clock.today("Asia/Shanghai") == datetime.date(2026, 11, 24)


def test_an_instant_needs_its_offset():
    with pytest.raises(ValueError, match="offset"):
        FrozenClock("2026-11-23T09:00:00")


def test_the_system_s_clock_speaks_utc():
    assert Clock().now().tzinfo is datetime.UTC
