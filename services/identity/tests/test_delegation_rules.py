"""Delegations that go round, that overlap, that have no end: as a table of links between people."""

from __future__ import annotations

import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from chassis.testing import refused, stable
from identity.delegation import rules

NAMES = {stable(name): name for name in "ABCD"}
TODAY = datetime.date(2026, 11, 23)


def link(way: str, first: int = 1, last: int = 30, types: str = "", currency: str = "", **changes: Any) -> Any:
    """`A>B`: A delegates to B from one day of December to another."""
    giver, taker = way.split(">")
    return SimpleNamespace(
        **{
            "delegator_id": stable(giver),
            "delegate_id": stable(taker),
            "from_date": datetime.date(2026, 12, first),
            "until_date": datetime.date(2026, 12, last),
            "document_types": types.split(),
            "limit_amount": 1000 if currency else None,
            "currency": currency,
            **changes,
        }
    )


CIRCLES = [
    ("A>B", ["B>A"], "A → B → A"),
    ("A>B", ["B>C", "C>A"], "A → B → C → A"),
    ("A>B", ["B>C", "C>D", "D>A"], "A → B → C → D → A"),
    ("A>B", ["B>C", "C>B"], ""),
    ("A>B", ["B>C", "C>D"], ""),
]


@pytest.mark.parametrize(("new", "others", "chain"), CIRCLES)
def test_nothing_goes_round(new: str, others: list[str], chain: str) -> None:
    links = [link(other) for other in others]
    if not chain:
        return rules.no_circle(link(new), links, NAMES)
    with refused("DELEGATION_CYCLE") as found:
        rules.no_circle(link(new), links, NAMES)
    assert found.value.facts["chain"] == chain


APART = {
    "days": ({"last": 10}, {"first": 11}),
    "documents": ({"types": "a.x"}, {"types": "a.y a.z"}),
    "currencies": ({"currency": "CNY"}, {"currency": "USD"}),
}
TOGETHER = {
    "days": ({"last": 10}, {"first": 10}),
    "documents": ({"types": "a.x a.y"}, {"types": "a.y"}),
    "every document": ({}, {"types": "a.y"}),
    "any currency": ({"currency": "CNY"}, {}),
}


@pytest.mark.parametrize("what", APART)
def test_what_never_meets_is_no_circle_and_no_repetition(what: str) -> None:
    one, other = APART[what]
    rules.no_circle(link("A>B", **one), [link("B>A", **other)], NAMES)
    rules.alone(link("A>B", **one), [link("A>C", **other)], NAMES)


@pytest.mark.parametrize("what", TOGETHER)
def test_what_meets_is_refused(what: str) -> None:
    one, other = TOGETHER[what]
    with refused("DELEGATION_CYCLE"):
        rules.no_circle(link("A>B", **one), [link("B>A", **other)], NAMES)
    with refused("DELEGATION_OVERLAP") as found:
        rules.alone(link("A>B", **one), [link("A>C", **other)], NAMES)
    assert found.value.facts["delegate"] == "C"


def test_a_circle_counts_where_all_its_links_hold_at_once() -> None:
    """Each two of the three overlap, the three never do."""
    links = [link("B>C", 5, 15), link("C>A", 12, 20)]
    rules.no_circle(link("A>B", 1, 10), links, NAMES)
    with refused("DELEGATION_CYCLE"):
        rules.no_circle(link("A>B", 1, 12), links, NAMES)


WRONG = [
    (link("A>A"), "DELEGATION_TO_SELF", "delegate_id"),
    (link("A>B", 2, 1), "DELEGATION_DATES", "until_date"),
    (link("A>B", until_date=TODAY - datetime.timedelta(days=1), from_date=TODAY - datetime.timedelta(days=5)),
     "DELEGATION_DATES", "until_date"),
    (link("A>B", types="a.x a.q"), "DELEGATION_DOCUMENT_TYPE", "document_types[0]"),
    (link("A>B", limit_amount=5), "DELEGATION_LIMIT", "currency"),
    (link("A>B", currency="CNY", limit_amount=None), "DELEGATION_LIMIT", "limit_amount"),
    (link("A>B", currency="CNY", limit_amount=0), "DELEGATION_LIMIT", "limit_amount"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "reason", "field"), WRONG)
def test_what_contradicts_itself_is_refused(made: Any, reason: str, field: str) -> None:
    with refused(reason, field=field):
        rules.check(made, today=TODAY, approvable=["a.x"])


STATES = [
    (datetime.date(2026, 11, 30), True, "PLANNED"),
    (datetime.date(2026, 12, 1), True, "ACTIVE"),
    (datetime.date(2026, 12, 30), True, "ACTIVE"),
    (datetime.date(2026, 12, 31), True, "ENDED"),
    (datetime.date(2026, 12, 5), False, "ENDED"),
]


@pytest.mark.parametrize(("today", "both_active", "state"), STATES)
def test_the_day_and_the_two_people_say_the_state(today: datetime.date, both_active: bool, state: str) -> None:
    assert rules.state_on(link("A>B"), today, both_active=both_active) == state
