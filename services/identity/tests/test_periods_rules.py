"""Chains of days: what begins ends what was, what is withdrawn gives its days back."""

from __future__ import annotations

import datetime
import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity import periods

DAY0 = datetime.date(2026, 1, 1)


def day(number: int | None) -> datetime.date | None:
    return None if number is None else DAY0 + datetime.timedelta(days=number)


@dataclass(eq=False)
class Period:
    from_date: datetime.date
    until_date: datetime.date | None = None
    state: str = "ACTIVE"


def of(first: int, last: int | None = None) -> Period:
    return Period(day(first), day(last))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("first", "last", "today", "state"),
    [(0, None, 0, "ACTIVE"), (1, None, 0, "PLANNED"), (0, 0, 0, "ACTIVE"), (0, 0, 1, "ENDED"), (2, 3, 9, "ENDED")],
)
def test_the_day_says_the_state(first: int, last: int | None, today: int, state: str) -> None:
    assert periods.state_on(of(first, last), day(today)) == state  # type: ignore[arg-type]


def test_what_begins_ends_what_lasted_and_gives_way_to_what_is_planned() -> None:
    old, planned, new = of(0, 99), of(100), of(50)

    changed = periods.insert([old, planned], new)

    assert (changed, old.until_date, new.until_date) == ([old], day(49), day(99))


def test_what_is_withdrawn_gives_its_days_back() -> None:
    old, gone = of(0, 49), of(50, 99)

    assert periods.remove([old], gone) == [old]
    assert old.until_date == day(99)


def test_history_before_the_first_ends_where_the_first_begins() -> None:
    first, earlier = of(100), of(10)

    assert periods.insert([first], earlier) == []
    assert earlier.until_date == day(99)


@given(st.lists(st.integers(0, 200), unique=True, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_a_chain_never_meets_itself_and_has_no_gap(begins: list[int], random) -> None:  # type: ignore[no-untyped-def]
    chain: list[Period] = []
    for begin in begins:
        new = of(begin)
        periods.insert(chain, new)
        chain.append(new)
    if len(chain) > 1:
        gone = random.choice([one for one in chain if one.from_date != min(o.from_date for o in chain)])
        chain.remove(gone)
        periods.remove(chain, gone)

    chain.sort(key=lambda one: one.from_date)
    for one, following in itertools.pairwise(chain):
        assert one.until_date == following.from_date - periods.DAY
    assert chain[-1].until_date is None
