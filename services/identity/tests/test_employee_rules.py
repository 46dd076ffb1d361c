from __future__ import annotations

import datetime
import uuid

import pytest

from chassis.policy import Reach
from chassis.testing import refused
from identity.employee import rules
from identity.employee.model import Employee

ME, OTHER, HOME, AWAY, WORKSHOP, FINANCE = (uuid.UUID(int=n) for n in range(1, 7))


def somebody(**changes: object) -> Employee:
    values = {"id": OTHER, "name": "王小明", "username": "wang", "home_company_id": HOME, "department_id": WORKSHOP}
    return Employee(**{**values, "locale": "", **changes})


@pytest.mark.parametrize(
    ("reach", "employee", "allowed"),
    [
        (Reach(ME, all=True), somebody(home_company_id=AWAY), True),
        (Reach(ME, all=True), somebody(home_company_id=None), True),
        (Reach(ME, companies=frozenset({HOME})), somebody(), True),
        (Reach(ME, companies=frozenset({HOME})), somebody(home_company_id=AWAY), False),
        (Reach(ME, companies=frozenset({HOME})), somebody(home_company_id=None), False),
        (Reach(ME, departments=frozenset({WORKSHOP})), somebody(), True),
        (Reach(ME, departments=frozenset({FINANCE})), somebody(), False),
        (Reach(ME), somebody(), False),
        (Reach(ME), somebody(id=ME), True),
    ],
)
def test_how_far_a_keeper_reaches(reach: Reach, employee: Employee, allowed: bool) -> None:
    if allowed:
        rules.within(reach, employee)
    else:
        with refused("EMPLOYEE_OUT_OF_REACH"):
            rules.within(reach, employee)


def test_every_state_and_action_is_decided() -> None:
    actions = ("update", "disable", "enable", "reset_password", "reset_second_factor", "unlock")
    allowed = {(s, a): rules.TRANSITIONS.get((s, a)) for s in ("ACTIVE", "DISABLED") for a in actions}

    assert allowed == {
        ("ACTIVE", "update"): "ACTIVE",
        ("ACTIVE", "disable"): "DISABLED",
        ("ACTIVE", "enable"): None,
        ("ACTIVE", "reset_password"): "ACTIVE",
        ("ACTIVE", "reset_second_factor"): "ACTIVE",
        ("ACTIVE", "unlock"): "ACTIVE",
        ("DISABLED", "update"): "DISABLED",
        ("DISABLED", "disable"): None,
        ("DISABLED", "enable"): "ACTIVE",
        ("DISABLED", "reset_password"): None,
        ("DISABLED", "reset_second_factor"): None,
        ("DISABLED", "unlock"): None,
    }


def test_the_pinyin_of_the_name_sorts() -> None:
    employee = somebody(name="重庆 Anna")
    rules.check(employee)

    assert (employee.sort_key, employee.locale) == ("chong qing anna", "zh-CN")


def test_a_cut_has_whole_seconds_as_tokens_have() -> None:
    employee, now = somebody(), datetime.datetime(2026, 11, 23, 1, 2, 3, 999_999, tzinfo=datetime.UTC)
    rules.cut_off(employee, now=now)

    assert employee.not_before == now.replace(microsecond=0)
