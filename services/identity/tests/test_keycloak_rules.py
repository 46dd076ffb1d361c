from __future__ import annotations

import uuid
from typing import Any

import pytest

from identity.keycloak import Wanted, differences, representation

WANTED = Wanted(uuid.UUID(int=1), "wang", "王小明", "wang@example.com", "zh-CN", enabled=True)
AS_WANTED = {
    "id": "k1",
    "username": "wang",
    "firstName": "王小明",
    "email": "wang@example.com",
    "enabled": True,
    "attributes": {"employee_id": [str(uuid.UUID(int=1))], "locale": ["en"]},
    "requiredActions": ["UPDATE_PASSWORD"],
}


@pytest.mark.parametrize(
    ("changed", "written"),
    [
        ({}, False),
        ({"lastName": ""}, False),
        ({"attributes": {"locale": ["zh-CN"]}}, False),
        ({"firstName": "王"}, True),
        ({"lastName": "王"}, True),
        ({"email": None}, True),
        ({"enabled": False}, True),
    ],
)
def test_only_differences_are_written(changed: dict[str, Any], written: bool) -> None:
    assert bool(differences({**AS_WANTED, **changed}, WANTED)) == written


def test_a_difference_leaves_alone_what_belongs_to_the_person() -> None:
    write = differences({**AS_WANTED, "firstName": "?"}, WANTED)

    assert write["attributes"]["locale"] == ["en"]
    assert "requiredActions" not in write
    assert "credentials" not in write


def test_a_password_shows_in_no_log() -> None:
    wanted = Wanted(uuid.UUID(int=1), "w", "W", "", "en", enabled=True, password="Heyi-demo-2026")

    assert "Heyi-demo-2026" not in repr(wanted)
    assert representation(wanted)["credentials"][0]["value"] == "Heyi-demo-2026"
