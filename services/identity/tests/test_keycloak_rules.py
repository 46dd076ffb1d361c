from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.keycloak import Difference, Wanted, changes, compare, representation, values_of

WANTED = Wanted(uuid.UUID(int=1), "wang", "王小明", "Wang@example.com", "zh-CN", enabled=True)
LEFT = Wanted(uuid.UUID(int=1), "wang", "王小明", "Wang@example.com", "zh-CN", enabled=False)
AS_WANTED = {
    "id": "k1",
    "username": "wang",
    "firstName": "王小明",
    "email": "wang@example.com",
    "enabled": True,
    "attributes": {"employee_id": [str(uuid.UUID(int=1))], "locale": ["en"]},
    "requiredActions": ["UPDATE_PASSWORD"],
}
OTHER = {"attributes": {"employee_id": [str(uuid.UUID(int=2))]}}


@pytest.mark.parametrize(
    ("changed", "written"),
    [
        ({}, set()),
        ({"lastName": ""}, set()),
        ({"firstName": "王"}, {"name"}),
        ({"lastName": "王"}, {"name"}),
        ({"email": None}, {"email"}),
        ({"enabled": False}, {"enabled"}),
        ({"attributes": {"locale": ["zh-CN"]}}, {"owner"}),
    ],
)
def test_of_an_account_that_was_never_written_every_difference_is_ours_to_write(
    changed: dict[str, Any], written: set[str]
) -> None:
    found = compare(values_of({**AS_WANTED, **changed}), WANTED.values(), None, from_directory=False)

    assert (found.write, found.differences) == (written, ())
    assert found.agreed == WANTED.values()


@pytest.mark.parametrize(
    ("changed", "kind", "theirs"),
    [
        ({"firstName": "Mallory"}, "NAME", "Mallory"),
        ({"email": "m@example.com"}, "EMAIL", "m@example.com"),
        ({"enabled": False}, "ENABLED", "false"),
        ({"username": "mallory"}, "USERNAME", "mallory"),
    ],
)
def test_what_others_changed_is_told_and_left_alone(changed: dict[str, Any], kind: str, theirs: str) -> None:
    agreed = WANTED.values()

    found = compare(values_of({**AS_WANTED, **changed}), agreed, agreed, from_directory=False)

    assert (found.write, found.agreed) == (set(), agreed)
    assert found.differences == (Difference(kind, agreed[kind.lower()], theirs),)


def test_our_own_change_is_written_beside_one_of_others() -> None:
    moved = Wanted(uuid.UUID(int=1), "wang", "王大明", "new@example.com", "zh-CN", enabled=True)

    found = compare(values_of({**AS_WANTED, "firstName": "?"}), moved.values(), WANTED.values(), from_directory=False)

    assert found.write == {"email"}
    assert [(each.kind, each.heyi, each.keycloak) for each in found.differences] == [("NAME", "王大明", "?")]


@pytest.mark.parametrize(
    ("changed", "wanted", "kind"), [({"enabled": True}, LEFT, "ENABLED"), (OTHER, WANTED, "OWNER")]
)
def test_what_lets_in_somebody_who_may_not_is_put_right_and_told(
    changed: dict[str, Any], wanted: Wanted, kind: str
) -> None:
    found = compare(values_of({**AS_WANTED, **changed}), wanted.values(), wanted.values(), from_directory=False)

    assert found.write == {kind.lower()}
    assert [(each.kind, each.overruled) for each in found.differences] == [(kind, True)]


def test_a_write_of_ours_that_nobody_recorded_is_no_change_of_others() -> None:
    """The process died between Keycloak's answer and the record, and the name changed once more."""
    written, moved = WANTED.values(), {**WANTED.values(), "name": "王大明"}
    agreed = {**written, "name": "王"}

    found = compare(values_of(AS_WANTED), moved, agreed, from_directory=False, attempts=[written])

    assert (found.write, found.differences) == ({"name"}, ())


def test_the_name_and_e_mail_of_the_directory_are_never_written() -> None:
    theirs = values_of({**AS_WANTED, "firstName": "Wang", "attributes": {}})

    first = compare(theirs, WANTED.values(), None, from_directory=True)
    left_so = compare(
        {**theirs, "owner": first.agreed["owner"]},
        WANTED.values(),
        {**first.agreed, "name": "Wang"},
        from_directory=True,
    )

    assert (first.write, [each.kind for each in first.differences]) == ({"owner"}, ["NAME"])
    assert left_so.differences == ()


_VALUES = st.fixed_dictionaries({name: st.sampled_from("abc") for name in ("name", "email", "username", "owner")})
_ALL = st.builds(lambda values, enabled: {**values, "enabled": enabled}, _VALUES, st.sampled_from(["true", "false"]))


@given(_ALL, _ALL, st.none() | _ALL, st.booleans())
def test_every_value_is_agreed_on_written_or_told(
    theirs: dict[str, str], ours: dict[str, str], agreed: dict[str, str] | None, from_directory: bool
) -> None:
    """Nothing is lost, nobody stays let in, and a second look at what the first one wrote finds nothing new."""
    found = compare(theirs, ours, agreed, from_directory=from_directory)
    after = {name: ours[name] if name in found.write else value for name, value in theirs.items()}
    waiting = {each.kind.lower() for each in found.differences if not each.overruled}

    assert not waiting & found.write
    for name, value in after.items():
        known = from_directory and found.agreed.get(name) == value
        assert value == ours[name] or name in waiting or known
    assert after["owner"] == ours["owner"]
    assert not (after["enabled"] == "true" and ours["enabled"] == "false")
    again = compare(after, ours, found.agreed, from_directory=from_directory)
    assert (again.write, {each.kind.lower() for each in again.differences}) == (set(), waiting)
    assert again.agreed == found.agreed


def test_a_write_leaves_alone_what_belongs_to_others() -> None:
    write = changes({**AS_WANTED, "email": "x@example.com"}, WANTED, frozenset({"name"}))

    assert (write["firstName"], write["email"], write["enabled"]) == ("王小明", "x@example.com", True)
    assert write["attributes"] == AS_WANTED["attributes"]
    assert "requiredActions" not in write
    assert "credentials" not in write


def test_a_password_shows_in_no_log() -> None:
    wanted = Wanted(uuid.UUID(int=1), "w", "W", "", "en", enabled=True, password="Heyi-demo-2026")

    assert "Heyi-demo-2026" not in repr(wanted)
    assert representation(wanted)["credentials"][0]["value"] == "Heyi-demo-2026"
