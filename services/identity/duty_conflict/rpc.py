"""Separated duties: pairs kept by administrators, and the list of those who hold both duties of one.

A pair is accepted although somebody breaks it already, and a move of an employee is too: what grants, roles and moves
left behind is read from the grants each time, so the list is never behind them.
"""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from chassis import contract, ids
from chassis.call import Call, Refused
from chassis.states import advance
from heyi.identity.v1 import duty_conflicts_pb2 as pb
from identity import epoch
from identity.directory.snapshot import EVERYBODY
from identity.duty_conflict import held, rules
from identity.duty_conflict.model import DutyConflict
from identity.duty_conflict.rules import Held, Meeting
from identity.employee.model import Employee
from identity.grant.model import Grant
from identity.role.model import Role
from identity.role.rules import ADMINISTRATOR

MOST_VIOLATIONS = 500


class DutyConflicts:
    async def CreateDutyConflict(self, request: pb.CreateDutyConflictRequest, call: Call) -> Any:
        await epoch.bump(call)
        pair = await call.create(DutyConflict, request.duty_conflict)
        await _check(pair, call)
        return call.announce(pb.DutyConflictCreated, pair)

    async def GetDutyConflict(self, request: pb.GetDutyConflictRequest, call: Call) -> Any:
        return await call.load(DutyConflict, request.id)

    async def ListDutyConflicts(self, request: pb.ListDutyConflictsRequest, call: Call) -> Any:
        return await call.page(DutyConflict, request)

    async def BatchGetDutyConflicts(self, request: pb.BatchGetDutyConflictsRequest, call: Call) -> Any:
        return await call.batch(DutyConflict, request)

    async def UpdateDutyConflict(self, request: pb.UpdateDutyConflictRequest, call: Call) -> Any:
        await epoch.bump(call)
        pair = await call.load(DutyConflict, request.duty_conflict.id, etag=request.duty_conflict.etag)
        advance(pair, "update")
        rules.changeable(pair)
        call.update(pair, request.duty_conflict, request.update_mask)
        await _check(pair, call)
        return call.announce(pb.DutyConflictUpdated, pair)

    async def DeactivateDutyConflict(self, request: pb.DeactivateDutyConflictRequest, call: Call) -> Any:
        await epoch.bump(call)
        pair = await call.load(DutyConflict, request.id, etag=request.etag)
        advance(pair, "deactivate")
        rules.changeable(pair)
        return call.announce(pb.DutyConflictUpdated, pair)

    async def ActivateDutyConflict(self, request: pb.ActivateDutyConflictRequest, call: Call) -> Any:
        await epoch.bump(call)
        pair = await call.load(DutyConflict, request.id, etag=request.etag)
        advance(pair, "activate")
        await _check(pair, call)
        return call.announce(pb.DutyConflictUpdated, pair)

    async def ListViolationsDutyConflicts(
        self, request: pb.ListViolationsDutyConflictsRequest, call: Call
    ) -> pb.ListViolationsDutyConflictsResponse:
        of_pair = [DutyConflict.id == _id(request.duty_conflict_id)] if request.duty_conflict_id else []
        of_person = [Grant.employee_id == _id(request.employee_id)] if request.employee_id else []
        pairs = await held.pairs_in_force(call, *of_pair)
        reach = call.reach
        assert reach is not None
        found = [
            meeting
            for meeting in rules.meetings(pairs, await _holders(pairs, of_person, call))
            if reach.covers(meeting.company_id)
        ]
        found.sort(key=lambda meeting: (meeting.since, meeting.pair.code), reverse=True)
        return pb.ListViolationsDutyConflictsResponse(
            violations=map(_violation, found[:MOST_VIOLATIONS]), total_size=len(found)
        )


async def _holders(pairs: list[DutyConflict], of_person: list[Any], call: Call) -> list[Held]:
    """Everybody who holds a duty of one of the pairs: four statements, whatever the number of people."""
    roles = (await call.db.execute(sa.select(Role.id, Role.code, Role.permissions).where(Role.state == "ACTIVE"))).all()
    bearing = {
        role.id: role.code
        for role in roles
        if role.code != ADMINISTRATOR
        and any(rules.bears(pair, side, role.id, role.permissions) for pair in pairs for side in rules.SIDES)
    }
    rights = await held.granted(call, Grant.role_id.in_(bearing), *of_person)
    # a pair that joins in the role of everybody alone is refused, so its other duty is held by a grant
    everybody = EVERYBODY in bearing.values()
    return rights + (await held.everybodys(call, {right.employee_id for right in rights}) if everybody else [])


async def _check(pair: DutyConflict, call: Call) -> None:
    roles = (await call.db.execute(sa.select(Role.id, Role.code, Role.name, Role.permissions))).all()
    rules.check(pair, set(contract.load().permissions()), {role.id: role.name for role in roles})
    for role in roles:
        if role.code == EVERYBODY and rules.joins(pair, role.id, role.permissions):
            raise Refused("DUTY_CONFLICT_EVERYBODY", role=role.name)
    keeper = await call.db.scalar(sa.select(Employee.id).where(Employee.id == pair.keeper_id))
    if keeper is None:
        raise Refused("FIELD_NO_SUCH_DOCUMENT", field="keeper_id", value=pair.keeper_id)


def _id(text: str) -> uuid.UUID | None:
    """An id of a question; one that is none names nobody."""
    try:
        return ids.parse(text)
    except ValueError:
        return None


def _violation(meeting: Meeting) -> pb.DutyViolation:
    violation = pb.DutyViolation(
        duty_conflict_id=str(meeting.pair.id), employee_id=str(meeting.first.employee_id),
        company_id=str(meeting.company_id or ""), first=_holding(meeting.first), second=_holding(meeting.second),
    )  # fmt: skip
    violation.since_time.FromDatetime(meeting.since)
    return violation


def _holding(right: Held) -> pb.DutyViolation.Holding:
    holding = pb.DutyViolation.Holding(
        grant_id=str(right.grant_id or ""), role_id=str(right.role_id), role_name=right.role_name,
        valid_until_date=str(right.valid_until or ""),
    )  # fmt: skip
    holding.since_time.FromDatetime(right.since)
    return holding
