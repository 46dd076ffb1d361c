"""The working calendar: kept for the group, and where a company differs for that company."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from chassis.call import Call, Refused
from chassis.states import advance
from heyi.identity.v1 import calendar_days_pb2 as pb
from identity import epoch
from identity.calendar_day import rules
from identity.calendar_day.model import CalendarDay
from identity.company.model import Company


class CalendarDays:
    async def CreateCalendarDay(self, request: pb.CreateCalendarDayRequest, call: Call) -> Any:
        await epoch.bump(call)
        day = await call.create(CalendarDay, request.calendar_day)
        _keeps(call, day.calendar_company_id)
        return call.announce(pb.CalendarDayCreated, day)

    async def GetCalendarDay(self, request: pb.GetCalendarDayRequest, call: Call) -> Any:
        return await call.load(CalendarDay, request.id)

    async def ListCalendarDays(self, request: pb.ListCalendarDaysRequest, call: Call) -> Any:
        return await call.page(CalendarDay, request)

    async def BatchGetCalendarDays(self, request: pb.BatchGetCalendarDaysRequest, call: Call) -> Any:
        return await call.batch(CalendarDay, request)

    async def UpdateCalendarDay(self, request: pb.UpdateCalendarDayRequest, call: Call) -> Any:
        await epoch.bump(call)
        day = await call.load(CalendarDay, request.calendar_day.id, etag=request.calendar_day.etag)
        _keeps(call, day.calendar_company_id)
        advance(day, "update")
        call.update(day, request.calendar_day, request.update_mask)
        return call.announce(pb.CalendarDayUpdated, day)

    async def DeactivateCalendarDay(self, request: pb.DeactivateCalendarDayRequest, call: Call) -> Any:
        return await _move(request, call, "deactivate")

    async def ActivateCalendarDay(self, request: pb.ActivateCalendarDayRequest, call: Call) -> Any:
        return await _move(request, call, "activate")

    async def ImportCalendarDays(self, request: pb.ImportCalendarDaysRequest, call: Call) -> Any:
        # first, as everywhere: two imports at once come one after the other
        await epoch.bump(call)
        codes = {code: key for key, code in (await call.db.execute(sa.select(Company.id, Company.code))).all()}
        lines = rules.read(request.text, codes)
        for company_id in {line.company_id for line in lines}:
            _keeps(call, company_id)
        dates = {line.day for line in lines}
        known = (await call.db.scalars(sa.select(CalendarDay).where(CalendarDay.calendar_date.in_(dates)))).all()
        standing = {(day.calendar_date, day.calendar_company_id): day for day in known}
        reply = pb.ImportCalendarDaysResponse()
        for line in lines:
            day = standing.get((line.day, line.company_id))
            if day is None:
                made = CalendarDay(
                    calendar_date=line.day, kind=line.kind, name=line.name, calendar_company_id=line.company_id
                )
                call.announce(pb.CalendarDayCreated, call.add(made))
                reply.created_count += 1
            elif (day.kind, day.name, day.state) != (line.kind, line.name, "ACTIVE"):
                day.kind, day.name, day.state = line.kind, line.name, "ACTIVE"
                call.announce(pb.CalendarDayUpdated, day)
                reply.updated_count += 1
            else:
                reply.unchanged_count += 1
        return reply


async def _move(request: Any, call: Call, action: str) -> Any:
    await epoch.bump(call)
    day = await call.load(CalendarDay, request.id, etag=request.etag)
    _keeps(call, day.calendar_company_id)
    advance(day, action)
    return call.announce(pb.CalendarDayUpdated, day)


def _keeps(call: Call, company_id: uuid.UUID | None) -> None:
    """Who keeps one company's calendar changes neither the group's nor another's."""
    assert call.reach is not None
    if not (call.reach.all or (company_id is not None and call.reach.covers(company_id))):
        place = call.organisation.companies.get(company_id) if company_id else None
        raise Refused("CALENDAR_DAY_REACH", company=place.name if place else "*")
