"""Which keys may be made: no right that its maker does not hold in the whole company, none that makes rights."""

from __future__ import annotations

import datetime
import hashlib
import secrets
from collections.abc import Callable, Collection, Sequence

from chassis.authn import KEY_PREFIX
from chassis.errors import Refused
from identity.role.rules import gives_rights

TRANSITIONS = {("ACTIVE", "revoke"): "REVOKED"}
LONGEST = datetime.timedelta(days=366)
SHOWN = 9


def new_key() -> str:
    """256 bits; the first letters say what it is to who finds it in a log."""
    return f"{KEY_PREFIX}{secrets.token_urlsafe(32)}"


def hashed(key: str) -> bytes:
    """What is kept of a key. It is random and long: nothing is gained by a slow hash."""
    return hashlib.sha256(key.encode()).digest()


def permissions(chosen: Sequence[str], catalogue: Collection[str], held: Callable[[str], bool]) -> list[str]:
    """The permissions of a key, in order. Refuses what does not exist, what makes rights, and what is beyond `held`."""
    for permission in chosen:
        if permission not in catalogue:
            raise Refused.fields([("permissions", "API_KEY_PERMISSION", {"permission": permission[:100]})])
        if gives_rights([permission]) or permission.startswith("identity.api_key."):
            raise Refused.fields([("permissions", "API_KEY_MAKES_RIGHTS", {"permission": permission})])
        if not held(permission):
            raise Refused("API_KEY_BEYOND_OWN", permission=permission)
    return sorted(set(chosen))


def dates(until: datetime.date, today: datetime.date) -> None:
    """Refuse a last day that is over or too far ahead."""
    if not today <= until <= today + LONGEST:
        raise Refused.fields([("valid_until_date", "API_KEY_DATES", {"until": until, "latest": today + LONGEST})])
