"""Which answers fit a finding, and what becomes of it.

Whoever keeps Keycloak may change accounts there; Heyi is their master. So a change found there is neither lost nor
obeyed: it waits until an administrator takes it over or takes it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.errors import Refused
from identity.employee.rules import USERNAME

if TYPE_CHECKING:
    from identity.account_finding.model import AccountFinding

TRANSITIONS = {
    ("OPEN", "adopt"): "ADOPTED",
    ("OPEN", "restore"): "RESTORED",
    ("OPEN", "hire"): "HIRED",
    ("OPEN", "block"): "BLOCKED",
    ("OPEN", "dismiss"): "DISMISSED",
    ("DISMISSED", "hire"): "HIRED",
    ("DISMISSED", "block"): "BLOCKED",
    ("BLOCKED", "hire"): "HIRED",
}
FITTING = {
    "NAME": ("adopt", "restore"),
    "EMAIL": ("adopt", "restore"),
    "USERNAME": ("restore",),
    "ENABLED": ("adopt", "restore"),
    "OWNER": (),
    "DELETED": ("adopt", "restore"),
    "STRANGER": ("hire", "block", "dismiss"),
}
# of an account of the company's directory, which Heyi does not write
IN_DIRECTORY = {"NAME": ("adopt", "dismiss"), "EMAIL": ("adopt", "dismiss"), "USERNAME": ("dismiss",)}
# as an employee's name may be
LONGEST_NAME = 60


def fits(finding: AccountFinding, action: str) -> bool:
    """Whether an answer fits; a name that no employee may have cannot be taken over."""
    if action == "adopt" and finding.kind == "NAME" and not 0 < len(finding.keycloak_value) <= LONGEST_NAME:
        return False
    fitting = IN_DIRECTORY.get(finding.kind) if finding.from_directory else None
    return action in (fitting or FITTING[finding.kind])


def employable(finding: AccountFinding, name: str) -> None:
    """Refuse to make an employee of an account whose names no employee may have."""
    if not USERNAME.fullmatch(finding.username) or not 0 < len(name) <= LONGEST_NAME:
        raise Refused("ACCOUNT_FINDING_USERNAME", username=finding.username)


def check(finding: AccountFinding, action: str) -> None:
    """Refuse an answer that does not fit."""
    if not fits(finding, action):
        raise Refused("ACCOUNT_FINDING_ACTION", kind=finding.kind, action=action)
