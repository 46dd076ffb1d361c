"""Roles: kept by identity administrators; what they hold reaches everybody who has them within seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from chassis import contract
from chassis.call import Call, Refused
from chassis.states import advance
from heyi.identity.v1 import roles_pb2 as pb
from identity import epoch
from identity.duty_conflict import held
from identity.duty_conflict import rules as duty_rules
from identity.employee.model import Employee
from identity.employee.rules import LOCALES
from identity.grant.model import Grant
from identity.role import rules
from identity.role.model import Role
from identity.role.templates import TEMPLATES


class Roles:
    async def CreateRole(self, request: pb.CreateRoleRequest, call: Call) -> Any:
        await epoch.bump(call)
        role = await call.create(Role, request.role)
        rules.check(role, contract.load().permissions())
        duty_rules.hold(await held.pairs_in_force(call), role.id, role.permissions, before=None)
        if rules.gives_rights(role.permissions):
            _within_own(role, call)
        return call.announce(pb.RoleCreated, role)

    async def GetRole(self, request: pb.GetRoleRequest, call: Call) -> Any:
        return await call.load(Role, request.id)

    async def ListRoles(self, request: pb.ListRolesRequest, call: Call) -> Any:
        return await call.page(Role, request)

    async def BatchGetRoles(self, request: pb.BatchGetRolesRequest, call: Call) -> Any:
        return await call.batch(Role, request)

    async def UpdateRole(self, request: pb.UpdateRoleRequest, call: Call) -> Any:
        await epoch.bump(call)
        role = await call.load(Role, request.role.id, etag=request.role.etag)
        advance(role, "update")
        rules.changeable(role)
        before = list(role.permissions)
        call.update(role, request.role, request.update_mask)
        rules.check(role, contract.load().permissions())
        await _check_effects(role, call, before=before)
        return call.announce(pb.RoleUpdated, role)

    async def DeactivateRole(self, request: pb.DeactivateRoleRequest, call: Call) -> Any:
        await epoch.bump(call)
        role = await call.load(Role, request.id, etag=request.etag)
        advance(role, "deactivate")
        rules.changeable(role)
        return call.announce(pb.RoleUpdated, role)

    async def ActivateRole(self, request: pb.ActivateRoleRequest, call: Call) -> Any:
        await epoch.bump(call)
        role = await call.load(Role, request.id, etag=request.etag)
        advance(role, "activate")
        await _check_effects(role, call, before=None)
        return call.announce(pb.RoleUpdated, role)

    async def ListTemplatesRoles(
        self, request: pb.ListTemplatesRolesRequest, call: Call
    ) -> pb.ListTemplatesRolesResponse:
        catalogue = contract.load().permissions()
        taken = sa.select(Role.code, Role.id).where(Role.code.in_([template.code for template in TEMPLATES]))
        known = {row.code: str(row.id) for row in (await call.db.execute(taken)).all()}
        locale = call.locale if call.locale in LOCALES else LOCALES[0]
        return pb.ListTemplatesRolesResponse(
            templates=[
                pb.RoleTemplate(
                    code=one.code, name=one.name[locale], description=one.description[locale],
                    permissions=one.held(catalogue), role_id=known.get(one.code, ""),
                )
                for one in TEMPLATES
            ]
        )  # fmt: skip


async def _check_effects(role: Role, call: Call, *, before: Sequence[str] | None) -> None:
    """Refuse what the role would newly do: to the caller, or to somebody who has the other duty of a pair by another
    role. `before`: what it permitted; None where it was out of use."""
    own = sa.select(Grant.id).where(
        Grant.role_id == role.id, Grant.state == "ACTIVE", Grant.employee_id == call.actor.employee_id
    )
    if rules.gives_rights(role.permissions) or await call.db.scalar(own.limit(1)):
        _within_own(role, call)
    pairs = await held.pairs_in_force(call)
    duty_rules.hold(pairs, role.id, role.permissions, before=before)
    has = (
        sa.select(Grant, Employee.name)
        .join(Employee, Employee.id == Grant.employee_id)
        .where(Grant.role_id == role.id, *held.IN_FORCE, held.not_over(call))
    )
    holders = (await call.db.execute(has)).all()
    names = {grant.employee_id: name for grant, name in holders}
    duty_rules.change(
        pairs,
        [held.of(grant, role.code, role.name, role.permissions, since=grant.created_at) for grant, _ in holders],
        [right for right in await held.of_people(call, names) if right.role_id != role.id],
        before=before,
        names=names,
    )


def _within_own(role: Role, call: Call) -> None:
    """Nobody makes rights out of nothing."""
    for permission in rules.expand(role.permissions, contract.load().permissions()):
        if not call.can(permission):
            raise Refused("ROLE_BEYOND_OWN", field="permissions", permission=permission)
