"""Findings of one account, kept level with what a look at it came to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from chassis.call import Call
from heyi.identity.v1 import account_findings_pb2 as pb
from identity.account_finding.model import AccountFinding

if TYPE_CHECKING:
    from identity.employee.model import Account, Employee
    from identity.keycloak import Difference

LONGEST_VALUE = 255


async def keep_level(call: Call, employee: Employee, account: Account, differences: Sequence[Difference]) -> bool:
    """Tell new differences, follow those that changed, end those that are gone; whether any waits for somebody."""
    mine = sa.select(AccountFinding).where(AccountFinding.employee_id == employee.id, AccountFinding.state == "OPEN")
    open_ones = {finding.kind: finding for finding in await call.db.scalars(mine.with_for_update())}
    for difference in differences:
        finding = open_ones.pop(difference.kind, None)
        values = {"heyi_value": difference.heyi, "keycloak_value": difference.keycloak[:LONGEST_VALUE]}
        if finding is None:
            finding = call.add(_new(employee, account, difference.kind))
            _put(finding, values)
            if difference.overruled:
                finding.state, finding.decide_time = "OVERRULED", call.now()
            call.announce(pb.AccountFindingCreated, finding)
        elif _put(finding, values):
            call.announce(pb.AccountFindingUpdated, finding)
    for finding in open_ones.values():
        settle(call, finding)
    account.changed_by, account.change_time = "", None
    return any(not difference.overruled for difference in differences)


def settle(call: Call, finding: AccountFinding) -> None:
    """The two sides agree again, without a decision here."""
    finding.state, finding.decide_time = "SETTLED", call.now()
    call.announce(pb.AccountFindingUpdated, finding)


def _new(employee: Employee, account: Account, kind: str) -> AccountFinding:
    return AccountFinding(
        kind=kind,
        employee_id=employee.id,
        username=employee.username,
        name=employee.name,
        changed_by=account.changed_by,
        change_time=account.change_time,
        from_directory=account.from_directory,
        keycloak_id=account.keycloak_id or "",
    )


def _put(finding: AccountFinding, values: dict[str, str]) -> bool:
    changed = {name: value for name, value in values.items() if getattr(finding, name) != value}
    for name, value in changed.items():
        setattr(finding, name, value)
    return bool(changed)
