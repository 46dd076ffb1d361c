"""Who answers a line, what a review may be about, and which duties a role breaks: as tables of cases."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from chassis.clock import FrozenClock
from chassis.policy import Reach
from chassis.testing import COMPANY, MORNING, OTHER_COMPANY, refused, stable, test_organisation
from identity.access_review import rules
from identity.access_review_line import rules as line_rules
from identity.duty_conflict.rules import Meeting

GROUP = test_organisation(FrozenClock(MORNING))
TODAY = datetime.date(2026, 11, 23)


@pytest.mark.parametrize(
    ("department", "employee", "opener", "away", "answers"),
    [
        ("workshop", "requester", "admin", "", "head"),
        ("workshop", "head", "admin", "", "boss"),  # nobody reviews the own rights
        ("workshop", "requester", "admin", "head", "boss"),  # a disabled head is none
        ("works", "boss", "admin", "", "admin"),  # no head above: who opened it
        ("works", "boss", "boss", "", ""),
        ("works", "boss", "admin", "admin", ""),
        ("workshop", "boss", "admin", "head", "admin"),
        ("elsewhere", "requester", "admin", "", "admin"),  # a head of another company cannot look into this one
        ("", "requester", "admin", "", "admin"),
    ],
)
def test_the_nearest_active_head_above_answers(
    department: str, employee: str, opener: str, away: str, answers: str
) -> None:
    people = dict(GROUP.people)
    if away:
        people[stable(away)] = dataclasses.replace(people[stable(away)], active=False)
    found = rules.reviewer(
        dataclasses.replace(GROUP, people=people),
        company_id=COMPANY, department_id=stable(department) if department else None,
        employee_id=stable(employee), opener_id=stable(opener),
    )  # fmt: skip
    assert found == (stable(answers) if answers else None)


@pytest.mark.parametrize(
    ("department", "reason"),
    [("nowhere", "FIELD_NO_SUCH_DOCUMENT"), ("elsewhere", "ACCESS_REVIEW_DEPARTMENT")],
)
def test_it_is_about_departments_of_the_company(department: str, reason: str) -> None:
    with refused(reason, field="department_id"):
        rules.units(review(department_id=stable(department)), GROUP)


def test_it_is_about_a_department_and_those_below_or_all() -> None:
    assert rules.units(review(department_id=stable("works")), GROUP) == {stable("works"), stable("workshop")}
    assert rules.units(review(), GROUP) is None


def review(**changes: Any) -> Any:
    return SimpleNamespace(**{"company_id": COMPANY, "department_id": None, "due_date": TODAY, **changes})


@pytest.mark.parametrize(
    ("reach", "departments", "fits"),
    [
        ({"all": True}, None, True),
        ({"companies": {COMPANY}}, None, True),
        ({"companies": {OTHER_COMPANY}}, None, False),
        ({"departments": {"works", "workshop"}}, {"works", "workshop"}, True),
        ({"departments": {"works"}}, {"works", "workshop"}, False),
        ({"departments": {"works", "workshop"}}, None, False),
        ({}, {"works"}, False),
    ],
)
def test_nobody_reviews_beyond_the_own_reach(reach: dict[str, Any], departments: set[str] | None, fits: bool) -> None:
    units = frozenset(map(stable, reach.pop("departments", ())))
    wanted = departments if departments is None else set(map(stable, departments))
    asked = Reach(stable("admin"), departments=units, **reach)
    if fits:
        return rules.within(asked, COMPANY, wanted)
    with refused("ACCESS_REVIEW_REACH"):
        rules.within(asked, COMPANY, wanted)


def test_a_due_date_is_today_or_later() -> None:
    rules.due(review(), TODAY)
    with refused("ACCESS_REVIEW_DUE", field="due_date"):
        rules.due(review(due_date=TODAY - datetime.timedelta(1)), TODAY)


@pytest.mark.parametrize(
    ("state", "until", "gone"),
    [("ACTIVE", None, False), ("ACTIVE", TODAY, False), ("ACTIVE", TODAY - datetime.timedelta(1), True),
     ("REVOKED", None, True)],
)  # fmt: skip
def test_a_role_is_gone_once_revoked_or_past_its_last_day(state: str, until: Any, gone: bool) -> None:
    assert line_rules.gone(state, until, TODAY) is gone


@pytest.mark.parametrize(("owner", "caller"), [("head", "boss"), ("", "boss"), ("head", "")])
def test_only_the_reviewer_answers(owner: str, caller: str) -> None:
    line: Any = SimpleNamespace(owner_id=stable(owner) if owner else None)
    with refused("ACCESS_REVIEW_LINE_NOT_REVIEWER"):
        line_rules.answers(line, stable(caller) if caller else None)


def test_a_finding_names_the_pair_and_the_other_role() -> None:
    def held(number: int, name: str) -> Any:
        return SimpleNamespace(grant_id=uuid.UUID(int=number) if number else None, role_name=name)

    orders, keeps, everybody, both = held(1, "采购员"), held(2, "主数据"), held(0, "员工"), held(3, "全能")
    pair: Any = SimpleNamespace(code="S1", name="钱账")

    found = rules.findings([Meeting(pair, orders, keeps), Meeting(pair, orders, everybody), Meeting(pair, both, both)])

    assert found == {
        orders.grant_id: "S1 钱账 (主数据)\nS1 钱账 (员工)",
        keeps.grant_id: "S1 钱账 (采购员)",
        both.grant_id: "S1 钱账",
    }
