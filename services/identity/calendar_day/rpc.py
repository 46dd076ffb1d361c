"""The working calendar: kept for the group, and where a company differs for that company."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from chassis.call import Call
from chassis.states import advance
from heyi.identity.v1 import calendar_days_pb2 as pb
from identity import epoch
from identity.calendar_day import rules
from identity.calendar_day.model import CalendarDay
from identity.company.keeping import keeps
from identity.company.model import Company


class CalendarDays:
    async def CreateCalendarDay(self, request: pb.CreateCalendarDayRequest, call: Call) -> Any:
        await epoch.bump(call)
        day = await call.create(CalendarDay, request.calendar_day)
        keeps(call, day.calendar_company_id, "CALENDAR_DAY_REACH")
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
        keeps(call, day.calendar_company_id, "CALENDAR_DAY_REACH")
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
            keeps(call, company_id, "CALENDAR_DAY_REACH")
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
    keeps(call, day.calendar_company_id, "CALENDAR_DAY_REACH")
    advance(day, action)
    return call.announce(pb.CalendarDayUpdated, day)
