from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Refused
from chassis.testing import COMPANY, OTHER_COMPANY, refused, stable
from identity.saved_view import rules

MINE, OTHERS = stable("requester"), stable("head")


def view(sharing: str = "PRIVATE", **changes: Any) -> Any:
    facts = {"person_id": OTHERS, "shared_company_id": COMPANY, "shared_role_id": None, "shared_department_id": None}
    return SimpleNamespace(**{**facts, "sharing": sharing, **changes})


ROLE = view("ROLE", shared_role_id=stable("role"))
DEPARTMENT = view("DEPARTMENT", shared_department_id=stable("works"))


@pytest.mark.parametrize(
    ("one", "viewer", "seen"),
    [
        (view(person_id=MINE), {}, True),
        (view(), {}, False),
        (view(), {"shares": True}, False),
        (view("EVERYBODY"), {}, True),
        (view("EVERYBODY"), {"company_id": OTHER_COMPANY}, False),
        (view("EVERYBODY"), {"company_id": OTHER_COMPANY, "shares": True}, False),
        (ROLE, {}, False),
        (ROLE, {"role_ids": frozenset({stable("role")})}, True),
        (ROLE, {"shares": True}, True),
        (DEPARTMENT, {"department_ids": frozenset({stable("finance")})}, False),
        (DEPARTMENT, {"department_ids": frozenset({stable("workshop"), stable("works")})}, True),
    ],
)
def test_a_view_is_seen_by_its_keeper_and_by_whom_it_is_shared_with(one: Any, viewer: Any, seen: bool) -> None:
    assert rules.sees(one, rules.Viewer(**{"person_id": MINE, "company_id": COMPANY, **viewer})) is seen


@pytest.mark.parametrize(
    ("one", "shares", "allowed"),
    [
        (view(person_id=MINE), False, ["update", "delete"]),
        (view(person_id=MINE), True, ["update", "delete", "share"]),
        (view("EVERYBODY", person_id=MINE), False, ["update", "delete"]),
        (view("EVERYBODY"), False, []),
        (view("EVERYBODY"), True, ["update", "delete", "share"]),
        (view(), True, []),
    ],
)
def test_only_its_keeper_changes_it_or_of_shared_ones_whoever_may_share(one: Any, shares: bool, allowed: Any) -> None:
    assert rules.actions(one, MINE, shares=shares) == allowed
    if not allowed:
        with refused("SAVED_VIEW_OF_ANOTHER"):
            rules.changeable(one, "update", MINE, shares=shares, person="Head")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("sort=amount+desc&f.state=OPEN", "f.state=OPEN&sort=amount+desc"),
        ("q=%E8%BD%B4%E6%89%BF", "q=%E8%BD%B4%E6%89%BF"),
        ("f.custom_fields.colour=red&size=100", "f.custom_fields.colour=red&size=100"),
    ],
)
def test_a_query_has_one_spelling(text: str, kept: str) -> None:
    assert rules.query_of(text) == kept


@pytest.mark.parametrize(
    "text", ["company=1", "view=1", "<script>=1", "a b=1", "q", "//evil.example/?q=1", "&".join(["q=1"] * 101)]
)
def test_what_no_list_can_show_is_refused(text: str) -> None:
    with refused("SAVED_VIEW_QUERY", field="query"):
        rules.query_of(text)


@given(st.text(max_size=200))
def test_a_kept_query_is_kept_the_same_again_and_holds_nothing_but_names_and_values(text: str) -> None:
    try:
        kept = rules.query_of(text)
    except Refused:
        return
    assert rules.query_of(kept) == kept
    assert not set(kept) & set("<>\"'#/\n ")


def test_a_sharing_says_with_whom() -> None:
    role, department = stable("role"), stable("works")
    with refused("FIELD_REQUIRED", field="role_id"):
        rules.audience("ROLE", None, department)
    with refused("FIELD_REQUIRED", field="department_id"):
        rules.audience("DEPARTMENT", role, None)
    assert rules.audience("ROLE", role, department) == (role, None)
    assert rules.audience("DEPARTMENT", role, department) == (None, department)
    assert rules.audience("EVERYBODY", role, department) == rules.audience("PRIVATE", None, None) == (None, None)
    with refused("SAVED_VIEW_TOO_MANY"):
        rules.room(20, 20)
