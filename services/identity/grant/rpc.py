"""Grants: a right appears with its commit and is gone within seconds of its revocation, everywhere."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from chassis import contract
from chassis.call import Call, Refused
from chassis.policy import Reach
from chassis.states import advance
from heyi.identity.v1 import grants_pb2 as pb
from identity import epoch
from identity.department.model import Department
from identity.duty_conflict import held
from identity.duty_conflict import rules as duty_rules
from identity.employee.model import Employee
from identity.grant import rules
from identity.grant.model import Grant
from identity.role import rules as role_rules
from identity.role.model import Role


class Grants:
    async def CreateGrant(self, request: pb.CreateGrantRequest, call: Call) -> Any:
        await epoch.bump(call)
        grant = await call.create(Grant, request.grant)
        rules.check(grant)
        employee, role = await _parties(grant, call)
        if employee.state != "ACTIVE" or role.state != "ACTIVE":
            raise Refused("GRANT_OUT_OF_USE", name=employee.name if employee.state != "ACTIVE" else role.name)
        rules.chosen(grant, await _companies_of(grant.department_ids, call))
        assert call.actor.employee_id is not None
        _within_own(grant, role, call, "identity.grant.create", by=call.actor.employee_id)
        await _separate(grant, employee, role, call)
        return call.announce(pb.GrantCreated, grant)

    async def GetGrant(self, request: pb.GetGrantRequest, call: Call) -> Any:
        return await call.load(Grant, request.id)

    async def ListGrants(self, request: pb.ListGrantsRequest, call: Call) -> Any:
        return await call.page(Grant, request)

    async def BatchGetGrants(self, request: pb.BatchGetGrantsRequest, call: Call) -> Any:
        return await call.batch(Grant, request)

    async def RevokeGrant(self, request: pb.RevokeGrantRequest, call: Call) -> Any:
        await epoch.bump(call)
        grant = await call.load(Grant, request.id, etag=request.etag)
        assert call.actor.employee_id is not None
        return await revoke(call, grant, request.reason, by=call.actor.employee_id)


async def revoke(call: Call, grant: Grant, reason: str, *, by: uuid.UUID) -> Grant:
    """End a grant by the right of `by`: the caller, or who asked the caller to decide. The caller raised the epoch."""
    advance(grant, "revoke")
    grant.revoke_reason = reason
    _, role = await _parties(grant, call)
    _within_own(grant, role, call, "identity.grant.revoke", by=by)
    if role.code == role_rules.ADMINISTRATOR:
        rules.keep_administrator(others=await administrators(call, without_grant=grant.id))
    return call.announce(pb.GrantRevoked, grant)


async def administrators(
    call: Call, *, without_grant: uuid.UUID | None = None, without_employee: uuid.UUID | None = None
) -> int:
    """How many active employees stay administrator of everything, for good."""
    lasting = (
        sa.select(sa.func.count(sa.distinct(Grant.employee_id)))
        .join(Role, Role.id == Grant.role_id)
        .join(Employee, Employee.id == Grant.employee_id)
        .where(
            Role.code == role_rules.ADMINISTRATOR,
            Grant.state == "ACTIVE",
            Grant.scope == "ALL",
            Grant.valid_until_date.is_(None),
            Employee.state == "ACTIVE",
        )
    )
    if without_grant is not None:
        lasting = lasting.where(Grant.id != without_grant)
    if without_employee is not None:
        lasting = lasting.where(Grant.employee_id != without_employee)
    return int(await call.db.scalar(lasting) or 0)


def covers(call: Call, permissions: list[str]) -> bool:
    """Whether the caller holds all that these permissions cover."""
    return all(call.can(permission) for permission in role_rules.expand(permissions, contract.load().permissions()))


def _within_own(grant: Grant, role: Role, call: Call, permission: str, *, by: uuid.UUID) -> None:
    rights, where = call.runtime.rights(), (call.company_id, call.today())
    rules.within(rights.reach(by, permission, *where) or Reach(by), grant.grant_company_id, role=role.name)
    held = role_rules.expand(role.permissions, contract.load().permissions())
    rules.covered(
        makes_rights=role_rules.gives_rights(role.permissions),
        to_self=grant.employee_id == by and grant.state == "ACTIVE",
        covers=all(rights.may(by, each, *where) for each in held),
        role=role.name,
    )


async def _parties(grant: Grant, call: Call) -> tuple[Employee, Role]:
    employee = await call.db.get(Employee, grant.employee_id)
    role = await call.db.get(Role, grant.role_id)
    if employee is None or role is None:
        name, value = ("employee_id", grant.employee_id) if employee is None else ("role_id", grant.role_id)
        raise Refused("FIELD_NO_SUCH_DOCUMENT", field=name, value=value)
    return employee, role


async def _companies_of(department_ids: list[uuid.UUID], call: Call) -> dict[uuid.UUID, tuple[uuid.UUID, str]]:
    if not department_ids:
        return {}
    await call.every_company()
    found = sa.select(Department.id, Department.company_id, Department.name).where(Department.id.in_(department_ids))
    return {row.id: (row.company_id, row.name) for row in (await call.db.execute(found)).all()}


async def _separate(grant: Grant, employee: Employee, role: Role, call: Call) -> None:
    """Refuse a role that brings duties together which stay apart."""
    others = [right for right in await held.of_people(call, [employee.id]) if right.grant_id != grant.id]
    given = held.of(grant, role.code, role.name, role.permissions, since=call.now())
    duty_rules.give(await held.pairs_in_force(call), given, others, employee=employee.name)
