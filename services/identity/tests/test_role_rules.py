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
