"""What a role may hold: permissions of the contract.

A permission is `<service>.<document>.<verb>`; `<service>.<document>.*`, `<service>.*` and `*` stand for all that
begin so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from chassis.errors import Refused
from chassis.policy import patterns_of

if TYPE_CHECKING:
    from identity.role.model import Role

# Whoever holds one of these can make rights, so such a role is given only by somebody who has all that it holds.
GIVES_RIGHTS = (
    "identity.grant.create",
    "identity.role.create",
    "identity.role.update",
    "identity.employee.reset_password",
)
ADMINISTRATOR = "administrator"


def holds(patterns: Iterable[str], permission: str) -> bool:
    """Whether a role's permissions cover one of the contract."""
    return not set(patterns).isdisjoint(patterns_of(permission))


def gives_rights(patterns: Iterable[str]) -> bool:
    """Whether a role lets its holder make rights."""
    held = set(patterns)
    return any(holds(held, permission) for permission in GIVES_RIGHTS)


def expand(patterns: Iterable[str], catalogue: Iterable[str]) -> list[str]:
    """The permissions of the contract that a role covers."""
    held = set(patterns)
    return [permission for permission in catalogue if holds(held, permission)]


def check(role: Role, catalogue: Sequence[str]) -> None:
    """Refuse what the contract does not know; tidy the list."""
    known = {pattern for permission in catalogue for pattern in patterns_of(permission)}
    unknown = [(i, pattern) for i, pattern in enumerate(role.permissions) if pattern not in known]
    if unknown:
        raise Refused.fields(
            [(f"permissions[{i}]", "ROLE_PERMISSION_UNKNOWN", {"permission": pattern}) for i, pattern in unknown]
        )
    role.permissions = sorted(set(role.permissions))


def changeable(role: Role) -> None:
    """What comes with the product stays as it is; a role of the company's own can be made beside it."""
    if role.built_in:
        raise Refused("ROLE_BUILT_IN", name=role.name)
