from __future__ import annotations

import uuid

import pytest

from chassis.testing import refused
from identity.department import rules
from identity.department.model import Department

HERE, THERE, ME, UP = (uuid.UUID(int=n) for n in range(1, 5))


def unit(above: uuid.UUID | None) -> Department:
    return Department(id=ME, company_id=HERE, name="Me", parent_id=above)


def test_a_root_stands_anywhere() -> None:
    rules.place(unit(None), [])


def test_a_department_stands_below_one_in_use() -> None:
    rules.place(unit(UP), [rules.Above(UP, HERE, "Up", True)])


@pytest.mark.parametrize(
    ("above", "reason"),
    [
        ([], "FIELD_NO_SUCH_DOCUMENT"),
        ([rules.Above(UP, THERE, "Up", True)], "DEPARTMENT_PARENT"),
        ([rules.Above(UP, HERE, "Up", False)], "DEPARTMENT_PARENT"),
        ([rules.Above(UP, HERE, "Up", True), rules.Above(ME, HERE, "Me", True)], "DEPARTMENT_CYCLE"),
        ([rules.Above(ME, HERE, "Me", True)], "DEPARTMENT_CYCLE"),
    ],
)
def test_what_would_break_the_tree_is_refused(above: list[rules.Above], reason: str) -> None:
    with refused(reason, field="parent_id"):
        rules.place(unit(UP), above)
