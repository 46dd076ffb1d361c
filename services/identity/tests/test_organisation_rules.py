"""What a reorganisation makes of the organisation, without a database."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from chassis.testing import stable
from identity.organisation.tree import Known, Seat, Tree, Unit, applied
from identity.reorganisation import rules

WORKS, SHOP, STORE, LAB = (stable(name) for name in ("works", "workshop", "store", "lab"))
BOSS, HEAD, WANG, GONE, AWAY = (stable(name) for name in ("boss", "head", "wang", "gone", "away"))
MANAGER, OLD_POST = stable("manager"), stable("old post")


@dataclass
class Line:
    kind: str
    id: uuid.UUID = LAB
    line_number: int = 1
    department_id: uuid.UUID | None = None
    department_code: str = ""
    name: str = ""
    parent_id: uuid.UUID | None = None
    parent_code: str = ""
    employee_id: uuid.UUID | None = None
    post_id: uuid.UUID | None = None
    reports_to_id: uuid.UUID | None = None


def company() -> Tree:
    """Works with a workshop and a store; the boss heads the works, the head the workshop, Wang works there."""
    units = [Unit(WORKS, "W", "工厂", None, head_id=BOSS), Unit(SHOP, "S", "车间", WORKS, head_id=HEAD)]
    units.append(Unit(STORE, "T", "仓库", WORKS))
    places = {BOSS: WORKS, HEAD: SHOP, WANG: SHOP}
    people = {key: Known(name, own=True) for key, name in ((BOSS, "厂长"), (HEAD, "主任"), (WANG, "小王"))}
    return Tree(
        {unit.id: unit for unit in units},
        [Seat(who, "PRINCIPAL", where) for who, where in places.items()],
        {**people, GONE: Known("老李", active=False), AWAY: Known("外厂的人")},
        {MANAGER: Known("经理"), OLD_POST: Known("旧岗位", active=False)},
        frozenset("WSTX"),
    )


NEW_LAB: dict[str, Any] = {"kind": "NEW_DEPARTMENT", "department_code": "L", "name": "实验室"}


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([NEW_LAB], []),
        ([{**NEW_LAB, "department_code": "X"}], ["code_taken"]),
        ([{**NEW_LAB, "parent_code": "Q"}], ["code_unknown"]),
        ([{"kind": "RENAME", "department_id": stable("nothing"), "name": "x"}], ["department_gone"]),
        ([{"kind": "MOVE_DEPARTMENT", "department_id": WORKS, "parent_id": SHOP}], ["circle"]),
        ([{"kind": "MOVE_DEPARTMENT", "department_id": SHOP}], []),
        ([{"kind": "DISSOLVE", "department_id": STORE}], []),
        ([{"kind": "DISSOLVE", "department_id": SHOP}], ["has_people"]),
        ([{"kind": "DISSOLVE", "department_id": WORKS}], ["has_people", "has_departments"]),
        ([{"kind": "SET_HEAD", "department_id": STORE, "employee_id": GONE}], ["person_gone"]),
        ([{"kind": "SET_HEAD", "department_id": STORE, "employee_id": WANG}], []),
        ([{"kind": "MOVE_EMPLOYEE", "department_id": STORE, "employee_id": AWAY}], ["person_elsewhere"]),
        ([{"kind": "SET_POST", "employee_id": WANG, "post_id": OLD_POST}], ["post_gone"]),
        ([{"kind": "SET_REPORTS_TO", "employee_id": WANG, "reports_to_id": WANG}], ["reports_in_circle"]),
        (
            [
                {"kind": "SET_REPORTS_TO", "employee_id": WANG, "reports_to_id": HEAD},
                {"kind": "SET_REPORTS_TO", "employee_id": HEAD, "reports_to_id": WANG},
            ],
            ["reports_in_circle", "reports_in_circle"],
        ),
        # the order of the lines makes no difference to what is dissolved
        (
            [
                {"kind": "DISSOLVE", "department_id": SHOP},
                {"kind": "MOVE_EMPLOYEE", "employee_id": WANG, "department_id": STORE},
                {"kind": "MOVE_EMPLOYEE", "employee_id": HEAD, "department_id": STORE},
            ],
            [],
        ),
    ],
)
def test_what_stands_against_it(lines: list[dict[str, Any]], found: list[str]) -> None:
    numbered = [Line(**{"line_number": n, **line}) for n, line in enumerate(lines, 1)]

    _, findings = applied(company(), numbered)

    assert [one.key for one in findings if one.blocking] == found


def test_a_new_department_is_staffed_and_headed_by_the_same_reorganisation() -> None:
    before = company()
    after, found = applied(
        before,
        [
            Line(**NEW_LAB, parent_id=WORKS),
            Line("MOVE_EMPLOYEE", line_number=2, employee_id=WANG, department_code="L", post_id=MANAGER),
            Line("SET_HEAD", line_number=3, employee_id=WANG, department_code="L"),
            Line("RENAME", line_number=4, department_id=STORE, name="中心仓库"),
        ],
    )

    seat = after.principal(WANG)
    assert found == []
    assert (after.units[LAB].parent_id, after.units[LAB].head_id) == (WORKS, WANG)
    assert seat is not None
    assert (seat.department_id, seat.post_id) == (LAB, MANAGER)
    assert after.units[STORE].name == "中心仓库"
    assert LAB not in before.units, "what is foreseen changes nothing"


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ([Line("MOVE_EMPLOYEE", employee_id=WANG, department_id=STORE)], "no_head"),
        ([Line("MOVE_EMPLOYEE", employee_id=HEAD, department_id=STORE)], "still_heads"),
    ],
)
def test_what_is_only_said(lines: list[Line], key: str) -> None:
    _, findings = applied(company(), lines)

    assert key in [one.key for one in findings if not one.blocking]


@pytest.mark.parametrize(
    ("line", "faults"),
    [
        (Line("NEW_DEPARTMENT"), ["department_code", "name"]),
        (Line("RENAME", department_id=SHOP, name="x"), []),
        (Line("RENAME", department_id=SHOP, name="x", employee_id=WANG), ["employee_id"]),
        (Line("MOVE_EMPLOYEE", employee_id=WANG), ["department_id"]),
        (Line("MOVE_EMPLOYEE", employee_id=WANG, department_id=SHOP, department_code="L"), ["department_code"]),
        (Line("SET_REPORTS_TO", employee_id=WANG), []),
    ],
)
def test_each_kind_takes_its_own_fields(line: Line, faults: list[str]) -> None:
    assert [field for field, _, _ in rules._faults(line)] == faults  # type: ignore[arg-type]
