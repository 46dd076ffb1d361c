"""Serves heyi.approval.v1.OutsideEvents."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from google.protobuf import json_format

from approval.outside_event import rules
from approval.outside_event.model import OutsideEvent
from chassis.call import Call
from heyi.approval.v1 import outside_events_pb2 as pb


class OutsideEvents:
    async def GetOutsideEvent(self, request: Any, call: Call) -> Any:
        return await call.load(OutsideEvent, request.id)

    async def ListOutsideEvents(self, request: Any, call: Call) -> Any:
        return await call.page(OutsideEvent, request)

    async def PullOutsideEvent(self, request: Any, call: Call) -> Any:
        after, rights = rules.behind(request.after), call.runtime.rights()
        behind = sa.select(OutsideEvent).where(
            OutsideEvent.company_id == call.company_id, OutsideEvent.sequence > after
        )
        rows = (await call.db.scalars(behind.order_by(OutsideEvent.sequence).limit(rules.size(request.limit)))).all()
        me = call.actor.employee_id
        reply = pb.PullOutsideEventResponse(cursor=str(rows[-1].sequence) if rows else request.after)
        for row in rows:
            if rules.reads_all(rights, me, row.permission, call.company_id):
                json_format.ParseDict(rules.told(row), reply.events.add())
        return reply
