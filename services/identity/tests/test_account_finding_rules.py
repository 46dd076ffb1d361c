"""Which answers fit which finding."""

from __future__ import annotations

import pytest

from chassis.testing import refused
from identity.account_finding import rules
from identity.account_finding.model import AccountFinding

ACTIONS = ("adopt", "restore", "hire", "block", "dismiss")


def finding(kind: str, **more: object) -> AccountFinding:
    return AccountFinding(**{"kind": kind, "username": "wang", "keycloak_value": "x", "from_directory": False, **more})


@pytest.mark.parametrize(
    ("kind", "from_directory", "fitting"),
    [
        ("NAME", False, {"adopt", "restore"}),
        ("NAME", True, {"adopt", "dismiss"}),
        ("EMAIL", False, {"adopt", "restore"}),
        ("EMAIL", True, {"adopt", "dismiss"}),
        ("USERNAME", False, {"restore"}),
        ("USERNAME", True, {"dismiss"}),
        ("ENABLED", False, {"adopt", "restore"}),
        ("ENABLED", True, {"adopt", "restore"}),
        ("OWNER", False, set()),
        ("DELETED", False, {"adopt", "restore"}),
        ("DELETED", True, {"adopt", "restore"}),
        ("STRANGER", False, {"hire", "block", "dismiss"}),
        ("STRANGER", True, {"hire", "block", "dismiss"}),
    ],
)
def test_the_answers_that_fit(kind: str, from_directory: bool, fitting: set[str]) -> None:
    found = finding(kind, from_directory=from_directory)

    assert {action for action in ACTIONS if rules.fits(found, action)} == fitting
    for action in set(ACTIONS) - fitting:
        with refused("ACCOUNT_FINDING_ACTION"):
            rules.check(found, action)


@pytest.mark.parametrize("name", ["", "长" * 61])
def test_a_name_that_no_employee_may_have_is_not_taken_over(name: str) -> None:
    assert not rules.fits(finding("NAME", keycloak_value=name), "adopt")
    with refused("ACCOUNT_FINDING_USERNAME"):
        rules.employable(finding("STRANGER"), name)


@pytest.mark.parametrize("username", ["w", "Wang", "wang@example.com", "王"])
def test_nobody_signs_in_with_such_a_name(username: str) -> None:
    with refused("ACCOUNT_FINDING_USERNAME"):
        rules.employable(finding("STRANGER", username=username), "王小明")
