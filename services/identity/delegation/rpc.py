"""Delegations: everybody keeps the own ones, administrators those of others within the reach of their right."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from chassis import contract
from chassis.call import Call, Refused
from chassis.states import advance
from heyi.identity.v1 import delegations_pb2 as pb
from identity import epoch
from identity.delegation import rules
from identity.delegation.model import LIVE, Delegation
from identity.employee.model import Employee
from identity.employee.rules import within


class Delegations:
    async def CreateDelegation(self, request: pb.CreateDelegationRequest, call: Call) -> Any:
        await epoch.bump(call)
        values = call.values_of(Delegation, request.delegation)
        delegation = Delegation(**{**values, "delegator_id": values.get("delegator_id") or call.actor.employee_id})
        delegation.owner_id = delegation.delegator_id
        call.add(delegation)
        await _check(delegation, call)
        delegation.state = rules.state_on(delegation, call.today(), both_active=True)
        return _announce(call, pb.DelegationCreated, delegation)

    async def GetDelegation(self, request: pb.GetDelegationRequest, call: Call) -> Any:
        return await call.load(Delegation, request.id)

    async def ListDelegations(self, request: pb.ListDelegationsRequest, call: Call) -> Any:
        return await call.page(Delegation, request)

    async def BatchGetDelegations(self, request: pb.BatchGetDelegationsRequest, call: Call) -> Any:
        return await call.batch(Delegation, request)

    async def UpdateDelegation(self, request: pb.UpdateDelegationRequest, call: Call) -> Any:
        await epoch.bump(call)
        delegation = await call.load(Delegation, request.delegation.id, etag=request.delegation.etag)
        advance(delegation, "update")
        call.update(delegation, request.delegation, request.update_mask)
        await _check(delegation, call)
        delegation.state = rules.state_on(delegation, call.today(), both_active=True)
        return _announce(call, pb.DelegationUpdated, delegation)

    async def RevokeDelegation(self, request: pb.RevokeDelegationRequest, call: Call) -> Any:
        await epoch.bump(call)
        delegation = await call.load(Delegation, request.id, etag=request.etag)
        return revoke(call, delegation, request.reason)


def revoke(call: Call, delegation: Delegation, reason: str) -> Delegation:
    """End a delegation now."""
    advance(delegation, "revoke")
    delegation.end_reason = reason
    return _announce(call, pb.DelegationRevoked, delegation)


def _announce(call: Call, kind: type[contract.Message], delegation: Delegation) -> Delegation:
    """Both people see it, and are told."""
    people = [delegation.delegator_id, delegation.delegate_id]
    call.grant_read(delegation, people)
    return call.announce(kind, delegation, audience=people)


async def _check(delegation: Delegation, call: Call) -> None:
    people = await people_of(call, [delegation.delegator_id, delegation.delegate_id])
    for field in ("delegator_id", "delegate_id"):
        if getattr(delegation, field) not in people:
            raise Refused("FIELD_NO_SUCH_DOCUMENT", field=field, value=getattr(delegation, field))
    delegator = people[delegation.delegator_id]
    assert call.reach is not None
    within(call.reach, delegator)
    if delegator.home_company_id != call.company_id:
        place = call.organisation.companies.get(delegator.home_company_id or call.company_id)
        raise Refused("DELEGATION_COMPANY", name=delegator.name, company=place.name if place else "")
    delegation.department_id = delegator.department_id
    rules.check(delegation, today=call.today(), approvable=contract.approvable())
    rules.parties((person.name, person.state == "ACTIVE") for person in people.values())
    rules.keeper(delegation, call.actor.employee_id, name=delegator.name)
    await call.every_company()
    others = (await call.db.scalars(sa.select(Delegation).where(LIVE, Delegation.id != delegation.id))).all()
    concerned = {who for other in others for who in (other.delegator_id, other.delegate_id)}
    names = {key: person.name for key, person in (await people_of(call, [*concerned, *people])).items()}
    rules.alone(delegation, others, names)
    rules.no_circle(delegation, others, names)


async def people_of(call: Call, employee_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Employee]:
    """Employees by id; ids that name nobody are left out."""
    found = await call.db.scalars(sa.select(Employee).where(Employee.id.in_(employee_ids)))
    return {person.id: person for person in found}
