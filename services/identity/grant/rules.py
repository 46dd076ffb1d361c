"""Who gives which role to whom, and how far it reaches.

Nobody gives more than the own rights cover, and somebody always stays administrator. Which duties never meet in one
person is said by the pairs of `duty_conflict`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

from chassis.errors import Refused
from chassis.policy import Reach

if TYPE_CHECKING:
    from identity.grant.model import Grant

TRANSITIONS = {("ACTIVE", "revoke"): "REVOKED"}


def check(grant: Grant) -> None:
    """Refuse a reach that contradicts itself and days in the wrong order."""
    if grant.scope == "CHOSEN" and not grant.department_ids:
        raise Refused("GRANT_DEPARTMENTS_MISSING", field="department_ids")
    if grant.scope == "ALL" and grant.grant_company_id is not None:
        raise Refused("GRANT_SCOPE", field="grant_company_id", scope=grant.scope)
    if grant.scope != "CHOSEN" and grant.department_ids:
        raise Refused("GRANT_SCOPE", field="department_ids", scope=grant.scope)
    first, last = grant.valid_from_date, grant.valid_until_date
    if first is not None and last is not None and last < first:
        raise Refused("GRANT_DATES", field="valid_until_date", **{"from": first, "until": last})
    # the same departments in another order are the same reach
    grant.department_ids = sorted(set(grant.department_ids))


def chosen(grant: Grant, companies: Mapping[uuid.UUID, tuple[uuid.UUID, str]]) -> None:
    """Refuse departments that do not exist or lie in another company. `companies`: department -> its company, name."""
    for index, department_id in enumerate(grant.department_ids):
        if department_id not in companies:
            raise Refused("FIELD_NO_SUCH_DOCUMENT", field=f"department_ids[{index}]", value=department_id)
        company_id, name = companies[department_id]
        if grant.grant_company_id not in (None, company_id):
            raise Refused("GRANT_DEPARTMENT_COMPANY", field=f"department_ids[{index}]", name=name)


def within(reach: Reach, company_id: uuid.UUID | None, *, role: str) -> None:
    """Refuse to give or take a role where the caller's own right to do so does not reach."""
    if not (reach.all or (company_id is not None and company_id in reach.companies)):
        raise Refused("GRANT_BEYOND_OWN", role=role)


def covered(*, makes_rights: bool, to_self: bool, covers: bool, role: str) -> None:
    """A role that makes rights, or one for oneself, is given and taken only by who has all that it holds."""
    if (makes_rights or to_self) and not covers:
        raise Refused("GRANT_BEYOND_OWN", role=role)


def keep_administrator(*, others: int) -> None:
    """Somebody stays who can give rights again."""
    if not others:
        raise Refused("GRANT_LAST_ADMINISTRATOR")
