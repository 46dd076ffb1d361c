"""What a person may do in a company, from rights as the snapshot holds them."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable

from chassis.organisation import Right
from chassis.policy import SCOPES
from identity.role import rules as role_rules


def permissions(
    rights: Iterable[Right], catalogue: Iterable[str], *, company_id: uuid.UUID, today: datetime.date
) -> dict[str, str]:
    """Each permission held in the company today, with the widest scope of it."""
    held = [right for right in rights if right.holds(company_id, today)]
    scopes = {name: [r.scope for r in held if role_rules.holds(r.permissions, name)] for name in catalogue}
    return {name: max(reached, key=SCOPES.index) for name, reached in scopes.items() if reached}
