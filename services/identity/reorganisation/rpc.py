"""Reorganisations: prepared as a draft, scheduled when nothing stands against them, in force by themselves."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from chassis import custom_fields, timers
from chassis.call import Call, Refused
from chassis.states import advance
from heyi.identity.v1 import reorganisations_pb2 as pb
from identity.employee.model import Employee
from identity.employee.rpc import keepable
from identity.reorganisation import effect, rules
from identity.reorganisation.model import Reorganisation


class Reorganisations:
    async def CreateReorganisation(self, request: pb.CreateReorganisationRequest, call: Call) -> Any:
        reorganisation = await call.create(Reorganisation, request.reorganisation)
        reorganisation.findings = []
        rules.check(reorganisation, call.today())
        return call.announce(pb.ReorganisationCreated, reorganisation)

    async def GetReorganisation(self, request: pb.GetReorganisationRequest, call: Call) -> Any:
        return await call.load(Reorganisation, request.id)

    async def ListReorganisations(self, request: pb.ListReorganisationsRequest, call: Call) -> Any:
        return await call.page(Reorganisation, request)

    async def BatchGetReorganisations(self, request: pb.BatchGetReorganisationsRequest, call: Call) -> Any:
        return await call.batch(Reorganisation, request)

    async def UpdateReorganisation(self, request: pb.UpdateReorganisationRequest, call: Call) -> Any:
        reorganisation = await call.load(Reorganisation, request.reorganisation.id, etag=request.reorganisation.etag)
        call.update(reorganisation, request.reorganisation, request.update_mask)
        advance(reorganisation, "update")
        rules.check(reorganisation, call.today())
        return call.announce(pb.ReorganisationUpdated, reorganisation)

    async def PreviewReorganisation(self, request: pb.PreviewReorganisationRequest, call: Call) -> Any:
        return await effect.preview(call, await call.load(Reorganisation, request.id))

    async def ScheduleReorganisation(self, request: pb.ScheduleReorganisationRequest, call: Call) -> Any:
        reorganisation = await call.load(Reorganisation, request.id, etag=request.etag)
        advance(reorganisation, "schedule")
        rules.in_time(reorganisation, call.today())
        if lacking := custom_fields.missing(call, reorganisation):
            raise Refused.fields(lacking)
        _, _, found = await effect.foreseen(call, reorganisation)
        rules.may_be_scheduled(reorganisation, found)
        moved = {line.employee_id for line in reorganisation.lines if line.employee_id and line.kind != "SET_HEAD"}
        await keepable(call, *await call.db.scalars(sa.select(Employee).where(Employee.id.in_(moved))))
        reorganisation.scheduled_by_id = call.actor.employee_id
        effect.wait_for_the_day(call, reorganisation)
        return call.announce(pb.ReorganisationUpdated, reorganisation)

    async def ReopenReorganisation(self, request: pb.ReopenReorganisationRequest, call: Call) -> Any:
        reorganisation = await call.load(Reorganisation, request.id, etag=request.etag)
        advance(reorganisation, "reopen")
        reorganisation.findings, reorganisation.scheduled_by_id = [], None
        await timers.drop(call, reorganisation.id)
        return call.announce(pb.ReorganisationUpdated, reorganisation)

    async def CancelReorganisation(self, request: pb.CancelReorganisationRequest, call: Call) -> Any:
        reorganisation = await call.load(Reorganisation, request.id, etag=request.etag)
        advance(reorganisation, "cancel")
        await timers.drop(call, reorganisation.id)
        return call.announce(pb.ReorganisationUpdated, reorganisation)
