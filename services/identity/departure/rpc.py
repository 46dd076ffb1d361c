"""Departures: prepared by whoever may disable the employee, begun by hand or once the last day is over."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from chassis.call import Call, Refused
from chassis.states import advance
from heyi.identity.v1 import departures_pb2 as pb
from identity import epoch
from identity.departure import rules, saga
from identity.departure.model import Departure
from identity.employee.model import Employee
from identity.employee.rpc import keepable


class Departures:
    async def CreateDeparture(self, request: pb.CreateDepartureRequest, call: Call) -> Any:
        await epoch.bump(call)
        departure = await call.create(Departure, request.departure)
        await _check(departure, call)
        return call.announce(pb.DepartureCreated, departure)

    async def GetDeparture(self, request: pb.GetDepartureRequest, call: Call) -> Any:
        return await call.load(Departure, request.id)

    async def ListDepartures(self, request: pb.ListDeparturesRequest, call: Call) -> Any:
        return await call.page(Departure, request)

    async def BatchGetDepartures(self, request: pb.BatchGetDeparturesRequest, call: Call) -> Any:
        return await call.batch(Departure, request)

    async def UpdateDeparture(self, request: pb.UpdateDepartureRequest, call: Call) -> Any:
        await epoch.bump(call)
        departure = await call.load(Departure, request.departure.id, etag=request.departure.etag)
        advance(departure, "update")
        departure.blocked_by = None
        call.update(departure, request.departure, request.update_mask)
        await _check(departure, call)
        return call.announce(pb.DepartureUpdated, departure)

    async def RunDeparture(self, request: pb.RunDepartureRequest, call: Call) -> Any:
        await epoch.bump(call)
        departure = await call.load(Departure, request.id, etag=request.etag)
        await _check(departure, call)
        await saga.begin(call, departure)
        return departure

    async def CancelDeparture(self, request: pb.CancelDepartureRequest, call: Call) -> Any:
        await epoch.bump(call)
        departure = await call.load(Departure, request.id, etag=request.etag)
        advance(departure, "cancel")
        departure.blocked_by = None
        return call.announce(pb.DepartureUpdated, departure)


async def _check(departure: Departure, call: Call) -> None:
    both = (departure.employee_id, departure.successor_id)
    people = {one.id: one for one in await call.db.scalars(sa.select(Employee).where(Employee.id.in_(both)))}
    leaving = people.get(departure.employee_id)
    if leaving is not None:
        await keepable(call, leaving)
        if leaving.home_company_id != call.company_id:
            place = call.organisation.companies.get(leaving.home_company_id or call.company_id)
            raise Refused("DEPARTURE_COMPANY", name=leaving.name, company=place.name if place else "")
    await call.every_company()
    leaves = sa.select(Departure.id).where(
        Departure.employee_id == departure.successor_id, Departure.state.in_(rules.OPEN)
    )
    known = [(one.id, one.name, one.state == "ACTIVE") for one in people.values()]
    rules.check(departure, known, successor_leaves=await call.db.scalar(leaves) is not None)
