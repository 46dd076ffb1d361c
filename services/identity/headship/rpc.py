"""Headships: named ahead, in force by the day, kept for ever."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from chassis.call import Call, Refused
from chassis.states import advance
from heyi.identity.v1 import headships_pb2 as pb
from identity import epoch, periods
from identity.department.known import known_since
from identity.department.model import Department
from identity.employee.model import Employee
from identity.headship import heads, rules
from identity.headship.model import Headship


class Headships:
    async def CreateHeadship(self, request: pb.CreateHeadshipRequest, call: Call) -> Any:
        await epoch.bump(call)
        headship = await call.create(Headship, request.headship)
        await _settle(headship, call)
        return call.announce(pb.HeadshipCreated, headship)

    async def GetHeadship(self, request: pb.GetHeadshipRequest, call: Call) -> Any:
        return await call.load(Headship, request.id)

    async def ListHeadships(self, request: pb.ListHeadshipsRequest, call: Call) -> Any:
        return await call.page(Headship, request)

    async def BatchGetHeadships(self, request: pb.BatchGetHeadshipsRequest, call: Call) -> Any:
        return await call.batch(Headship, request)

    async def UpdateHeadship(self, request: pb.UpdateHeadshipRequest, call: Call) -> Any:
        await epoch.bump(call)
        headship = await call.load(Headship, request.headship.id, etag=request.headship.etag)
        before, whom = periods.Span(headship.from_date, headship.until_date), headship.employee_id
        call.update(headship, request.headship, request.update_mask)
        advance(headship, "update")
        others = headship.employee_id != whom
        periods.changeable(headship, before, call.today(), refusal="HEADSHIP_BEGUN", others=others)
        await _settle(headship, call, before)
        return call.announce(pb.HeadshipUpdated, headship)

    async def CancelHeadship(self, request: pb.CancelHeadshipRequest, call: Call) -> Any:
        await epoch.bump(call)
        headship = await call.load(Headship, request.id, etag=request.etag)
        periods.withdraw(headship, call, "HEADSHIP_BEGUN")
        if headship.kind == "HEAD":
            chain = await _others(headship, call)
            for other in periods.remove([one for one in chain if one.kind == "HEAD"], headship):
                other.state = periods.state_on(other, call.today())
                periods.tell(call, pb.HeadshipUpdated, other)
        await heads.follow(call, [headship.department_id])
        return call.announce(pb.HeadshipUpdated, headship)


async def _others(headship: Headship, call: Call) -> list[Headship]:
    held = await heads.of(call, [headship.department_id])
    return [one for one in held[headship.department_id] if one is not headship]


async def _settle(headship: Headship, call: Call, before: periods.Span | None = None) -> None:
    """Check it against the others, give it its room among them, show the head of today."""
    others = await _others(headship, call)
    department = await call.db.scalar(sa.select(Department).where(Department.id == headship.department_id))
    if department is None:
        raise Refused("FIELD_NO_SUCH_DOCUMENT", field="department_id", value=headship.department_id)
    concerned = [headship.employee_id, *(one.employee_id for one in others)]
    found = await call.db.execute(
        sa.select(Employee.id, Employee.name, Employee.state).where(Employee.id.in_(concerned))
    )
    people = {row.id: row for row in found}
    if headship.employee_id not in people:
        raise Refused("FIELD_NO_SUCH_DOCUMENT", field="employee_id", value=headship.employee_id)
    rules.in_use(field="department_id", name=department.name, active=department.state == "ACTIVE")
    person = people[headship.employee_id]
    rules.in_use(field="employee_id", name=person.name, active=person.state == "ACTIVE")
    chain = [one for one in others if one.kind == headship.kind]
    if before is not None and headship.kind == "HEAD" and before.from_date != headship.from_date:
        for other in periods.remove(chain, before):
            periods.tell(call, pb.HeadshipUpdated, other)
    rules.check(headship, others, {key: row.name for key, row in people.items()})
    heads.put_in(call, headship, chain if headship.kind == "HEAD" else ())
    await known_since(call, [headship.department_id], headship.from_date)
    await heads.follow(call, [headship.department_id], [] if before else [headship])
