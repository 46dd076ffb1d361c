"""To whom turns are delegated, and who takes over from who left: tables of links between people."""

from __future__ import annotations

import dataclasses
import datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest

from approval.engine import deputies
from approval.tests.factories import REQUISITION
from chassis.clock import FrozenClock
from chassis.organisation import Deputy
from chassis.testing import MORNING, stable, test_organisation

TODAY = datetime.date(2026, 11, 23)
KEYS = ("head", "boss", "buyer", "colleague", "requester", "finance_head", "disabled", "other_company")
NAMES = {stable(key): key for key in KEYS}


def deputy(way: str, **changes) -> Deputy:
    giver, taker = (stable(key) for key in way.split(">"))
    days = {"first": TODAY, "last": TODAY, **changes}
    return Deputy(stable(way), giver, taker, **days)


def organisation(*links: Deputy, **changes):
    delegations: dict = {}
    for link in links:
        delegations.setdefault(link.delegator_id, []).append(link)
    return dataclasses.replace(test_organisation(FrozenClock(MORNING)), delegations=delegations, **changes)


def turn(key: str = "head", amount: str = "8000", currency: str = "CNY", document_type: str = REQUISITION):
    return SimpleNamespace(
        assignee_id=stable(key), requester_id=stable("requester"),
        document_type=document_type, amount=Decimal(amount), currency=currency,
        visit_id=1, line=0, state="OPEN", delegate_id=None,
    )  # fmt: skip


def way(links, beside=(), **asked) -> str:
    asked_of = turn(**asked)
    line = [SimpleNamespace(**{**vars(asked_of), "assignee_id": stable(key)}) for key in beside]
    found = deputies.way_of(organisation(*links), asked_of, [asked_of, *line])
    return " ".join(NAMES[who] for who in found)


TOMORROW, YESTERDAY = TODAY + datetime.timedelta(days=1), TODAY - datetime.timedelta(days=1)
COVERED = [
    ({}, {}, True),
    ({"first": TOMORROW, "last": TOMORROW}, {}, False),
    ({"first": YESTERDAY, "last": YESTERDAY}, {}, False),
    ({"document_types": frozenset({REQUISITION})}, {}, True),
    ({"document_types": frozenset({"procurement.purchase_order"})}, {}, False),
    ({"limit": Decimal(8000), "currency": "CNY"}, {}, True),
    ({"limit": Decimal("7999.99"), "currency": "CNY"}, {}, False),
    ({"limit": Decimal(8000), "currency": "USD"}, {}, False),
    ({"limit": Decimal(1), "currency": "USD"}, {"amount": "0", "currency": ""}, True),
]


@pytest.mark.parametrize(("changes", "asked", "covered"), COVERED)
def test_a_delegation_covers_its_days_documents_and_amounts(changes, asked, covered):
    assert way([deputy("head>colleague", **changes)], **asked) == ("colleague" if covered else "")


SMALL = {"limit": Decimal(100), "currency": "CNY"}
WAYS = [
    (["head>buyer", "buyer>colleague"], [], "buyer colleague"),
    (["head>buyer", "buyer>colleague", "colleague>head"], [], "buyer colleague"),
    (["head>requester"], [], ""),
    (["head>buyer", "buyer>requester", "requester>colleague"], [], "buyer"),
    (["head>disabled"], [], ""),
    (["head>buyer", "buyer>disabled"], [], "buyer"),
    (["head>buyer", "buyer>colleague"], ["colleague"], ""),
    (["head>buyer", "buyer>colleague"], ["buyer"], "buyer colleague"),
]


@pytest.mark.parametrize(("links", "beside", "expected"), WAYS)
def test_the_way_goes_on_while_it_may(links, beside, expected):
    assert way([deputy(link) for link in links], beside) == expected


def test_nobody_passes_on_more_than_was_given():
    """The second link covers everything, the first only small amounts; and the other way round."""
    assert way([deputy("head>buyer", **SMALL), deputy("buyer>colleague")]) == ""
    assert way([deputy("head>buyer"), deputy("buyer>colleague", **SMALL)]) == "buyer"
    assert way([deputy("head>buyer"), deputy("buyer>colleague", **SMALL)], amount="100") == "buyer colleague"


def test_the_days_are_those_of_the_delegator_s_company():
    link = deputy("head>colleague", first=TOMORROW, last=TOMORROW)
    late = organisation(link, clock=FrozenClock("2026-11-23T15:59:59Z"))
    midnight = organisation(link, clock=FrozenClock("2026-11-23T16:00:00Z"))
    assert [len(deputies.way_of(at, turn())) for at in (late, midnight)] == [0, 1]


HEIRS = [
    ({"head": "colleague"}, "colleague boss"),
    ({"head": "boss"}, "boss boss"),
    ({"head": "disabled"}, "boss"),
    ({"head": "disabled", "disabled": "buyer"}, "buyer boss"),
    ({"head": "disabled", "disabled": "head"}, "boss"),
]


@pytest.mark.parametrize(("links", "expected"), HEIRS)
def test_the_successor_takes_over_then_the_heads_above(links, expected):
    successors = {stable(gone): stable(heir) for gone, heir in links.items()}
    found = deputies.heirs_of(organisation(successors=successors), stable("head"))
    assert " ".join(NAMES[who] for who in found) == expected


def test_who_came_back_has_left_nothing():
    successors = {stable("head"): stable("colleague"), stable("disabled"): stable("colleague")}
    here = organisation(successors=successors)
    assert [deputies.has_left(here, stable(key)) for key in ("head", "disabled", "boss")] == [False, True, False]
