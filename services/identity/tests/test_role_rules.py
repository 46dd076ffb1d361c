from __future__ import annotations

import pytest

from identity.role import rules

CATALOGUE = ["a.x.get", "a.x.list", "a.y.get", "b.z.get"]


@pytest.mark.parametrize(
    ("patterns", "expanded"),
    [
        (["*"], CATALOGUE),
        (["a.*"], ["a.x.get", "a.x.list", "a.y.get"]),
        (["a.x.*", "b.z.get"], ["a.x.get", "a.x.list", "b.z.get"]),
        (["a.x"], []),
        (["a.x.ge"], []),
        ([], []),
    ],
)
def test_a_pattern_stands_for_what_begins_so(patterns: list[str], expanded: list[str]) -> None:
    assert rules.expand(patterns, CATALOGUE) == expanded


@pytest.mark.parametrize(
    ("roles", "added", "meets"),
    [
        ({"giver": ["identity.*"], "buyer": ["procurement.*"]}, "buyer", True),
        ({"giver": ["identity.*"], "buyer": ["procurement.*"]}, "giver", True),
        ({"giver": ["identity.employee.*"], "buyer": ["procurement.*"]}, "buyer", False),
        ({"flows": ["approval.*"], "buyer": ["procurement.purchase_order.release"]}, "flows", True),
        ({"administrator": ["*"], "buyer": ["procurement.*"]}, "buyer", False),
        ({"giver": ["identity.*"], "buyer": ["procurement.*"], "stock": ["inventory.*"]}, "stock", False),
        ({"buyer": ["procurement.*"]}, "buyer", False),
    ],
)
def test_duties_that_stay_apart_meet_only_by_the_role_that_is_added(
    roles: dict[str, list[str]], added: str, meets: bool
) -> None:
    assert (rules.meeting(roles, added) is not None) == meets


@pytest.mark.parametrize(
    ("patterns", "gives"),
    [
        (["*"], True),
        (["identity.*"], True),
        (["identity.employee.*"], True),
        (["identity.employee.get", "identity.employee.update"], False),
        (["procurement.*", "inventory.*", "approval.*"], False),
    ],
)
def test_which_roles_make_rights(patterns: list[str], gives: bool) -> None:
    assert rules.gives_rights(patterns) == gives
