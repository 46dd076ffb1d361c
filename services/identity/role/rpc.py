"""Roles: kept by identity administrators; what they hold reaches everybody who has them within seconds."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from chassis import contract
from chassis.call import Call, Refused
from chassis.states import advance
from heyi.identity.v1 import roles_pb2 as pb
from identity import epoch
from identity.grant.model import Grant
from identity.role import rules
from identity.role.model import Role


class Roles:
    async def CreateRole(self, request: pb.CreateRoleRequest, call: Call) -> Any:
        await epoch.bump(call)
        role = await call.create(Role, request.role)
        rules.check(role, contract.load().permissions())
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
        call.update(role, request.role, request.update_mask)
        rules.check(role, contract.load().permissions())
        await _check_effects(role, call)
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
        await _check_effects(role, call)
        return call.announce(pb.RoleUpdated, role)


async def _check_effects(role: Role, call: Call) -> None:
    """Refuse what the role would newly do to its holders: to the caller, or to somebody who has another role too."""
    held = sa.select(Grant.employee_id).where(Grant.role_id == role.id, Grant.state == "ACTIVE")
    rights = (
        sa.select(Grant.employee_id, Role.code, Role.permissions)
        .join(Role, Role.id == Grant.role_id)
        .where(
            Grant.state == "ACTIVE",
            Role.state == "ACTIVE",
            Role.id != role.id,
            Grant.employee_id.in_(held),
        )
    )
    others: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
    for employee_id, code, permissions in (await call.db.execute(rights)).all():
        others[employee_id][code] = permissions
    own = held.where(Grant.employee_id == call.actor.employee_id).limit(1)
    if rules.gives_rights(role.permissions) or await call.db.scalar(own):
        _within_own(role, call)
    for roles in others.values():
        if (pair := rules.meeting({**roles, role.code: role.permissions}, role.code)) is not None:
            raise Refused("ROLE_SEPARATION", field="permissions", first=pair[0], second=pair[1])


def _within_own(role: Role, call: Call) -> None:
    """Nobody makes rights out of nothing."""
    for permission in rules.expand(role.permissions, contract.load().permissions()):
        if not call.can(permission):
            raise Refused("ROLE_BEYOND_OWN", field="permissions", permission=permission)
