"""Answers to findings. What Keycloak must learn it learns in the background, as after every other change."""

from __future__ import annotations

from typing import Any

from chassis.call import Call, Refused, same_version
from chassis.policy import Reach
from chassis.states import advance
from heyi.identity.v1 import account_findings_pb2 as pb
from heyi.identity.v1 import employees_pb2
from identity import epoch
from identity.account_finding import rules
from identity.account_finding.model import AccountFinding
from identity.employee import rules as employee_rules
from identity.employee.model import Account, Employee
from identity.employee.rpc import check_place, keepable, place
from identity.grant.rpc import administrators
from identity.headship import heads

ADOPTED_AS = {"NAME": "name", "EMAIL": "email"}


class AccountFindings:
    async def GetAccountFinding(self, request: pb.GetAccountFindingRequest, call: Call) -> Any:
        return await call.load(AccountFinding, request.id)

    async def ListAccountFindings(self, request: pb.ListAccountFindingsRequest, call: Call) -> Any:
        return await call.page(AccountFinding, request)

    async def BatchGetAccountFindings(self, request: pb.BatchGetAccountFindingsRequest, call: Call) -> Any:
        return await call.batch(AccountFinding, request)

    async def AdoptAccountFinding(self, request: pb.AdoptAccountFindingRequest, call: Call) -> Any:
        await epoch.bump(call)
        finding, employee, account = await _answer(request, call, "adopt")
        if field := ADOPTED_AS.get(finding.kind):
            _reach(call, "identity.employee.update", employee)
            advance(employee, "update")
            setattr(employee, field, finding.keycloak_value)
            employee_rules.check(employee)
            call.announce(employees_pb2.EmployeeUpdated, employee)
        elif employee.state == "ACTIVE":
            _reach(call, "identity.employee.disable", employee)
            advance(employee, "disable")
            left = await administrators(call, without_employee=employee.id)
            employee_rules.disable(employee, by=call.actor.employee_id, administrators_left=left, now=call.now())
            await heads.stood_in_by(call, employee.id)
            call.announce(employees_pb2.EmployeeDisabled, employee, reason="Keycloak")
        if finding.kind == "DELETED":
            # made again, closed: the name stays taken
            account.keycloak_id = account.agreed = None
        return _decided(call, finding, employee, account)

    async def RestoreAccountFinding(self, request: pb.RestoreAccountFindingRequest, call: Call) -> Any:
        finding, employee, account = await _answer(request, call, "restore")
        if finding.kind == "DELETED":
            account.keycloak_id = account.agreed = None
        else:
            _agree(account, finding)
        return _decided(call, finding, employee, account)

    async def DismissAccountFinding(self, request: pb.DismissAccountFindingRequest, call: Call) -> Any:
        if (await call.load(AccountFinding, request.id, lock=False)).kind == "STRANGER":
            return _close(call, await _stranger(request, call, "dismiss"))
        finding, employee, account = await _answer(request, call, "dismiss")
        _agree(account, finding)
        return _decided(call, finding, employee, account)

    async def BlockAccountFinding(self, request: pb.BlockAccountFindingRequest, call: Call) -> Any:
        finding = await _stranger(request, call, "block")
        finding.to_block = True
        return _close(call, finding)

    async def HireAccountFinding(self, request: pb.HireAccountFindingRequest, call: Call) -> Any:
        await epoch.bump(call)
        finding = await _stranger(request, call, "hire")
        wanted = employees_pb2.Employee(
            code=request.code,
            name=request.name or finding.name,
            username=finding.username,
            email=finding.email,
            home_company_id=request.home_company_id,
            department_id=request.department_id,
            post_id=request.post_id,
        )
        rules.employable(finding, wanted.name)
        employee = await call.create(Employee, wanted)
        employee_rules.check(employee)
        _reach(call, "identity.employee.create", employee)
        await check_place(employee, call)
        account = Account(
            employee=employee, wanted=1, due_at=call.now(), keycloak_id=finding.keycloak_id,
            from_directory=finding.from_directory,
        )  # fmt: skip
        call.db.add(account)
        await place(employee, call, call.today())
        call.announce(employees_pb2.EmployeeCreated, employee)
        finding.employee_id, finding.to_block = employee.id, False
        return _close(call, finding)


async def _stranger(request: Any, call: Call, action: str) -> AccountFinding:
    finding = await call.load(AccountFinding, request.id, etag=request.etag)
    rules.check(finding, action)
    advance(finding, action)
    return finding


async def _answer(request: Any, call: Call, action: str) -> tuple[AccountFinding, Employee, Account]:
    """The finding with its employee and account, locked as the Keycloak step locks them: employee, account, finding."""
    finding = await call.load(AccountFinding, request.id, lock=False)
    rules.check(finding, action)
    assert finding.employee_id is not None
    employee = await call.load(Employee, finding.employee_id, scope=False)
    await keepable(call, employee)
    account = await call.db.get_one(Account, employee.id, with_for_update=True)
    await call.db.refresh(finding, with_for_update=True)
    same_version(finding, request.etag)
    advance(finding, action)
    return finding, employee, account


def _agree(account: Account, finding: AccountFinding) -> None:
    """What Keycloak has is known from now on: it is no news there, and of what Heyi owns ours is written again."""
    account.agreed = {**(account.agreed or {}), finding.kind.lower(): finding.keycloak_value}


def _decided(call: Call, finding: AccountFinding, employee: Employee, account: Account) -> AccountFinding:
    employee_rules.tell_keycloak(employee, account, now=call.now())
    return _close(call, finding)


def _close(call: Call, finding: AccountFinding) -> AccountFinding:
    finding.decide_time, finding.decided_by_id = call.now(), call.actor.employee_id
    return call.announce(pb.AccountFindingUpdated, finding)


def _reach(call: Call, permission: str, employee: Employee) -> None:
    """Refuse whoever may answer findings, and may not do to that employee what the answer does."""
    assert call.actor.employee_id is not None
    reach: Reach | None = call.runtime.rights().reach(call.actor.employee_id, permission, call.company_id, call.today())
    if reach is None:
        raise Refused("ACCOUNT_FINDING_EMPLOYEE_RIGHT", permission=permission)
    employee_rules.within(reach, employee)
