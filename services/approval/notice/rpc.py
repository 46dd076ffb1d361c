"""Serves heyi.approval.v1.Notices: the caller's own, whatever the company."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from approval.notice.model import Notice
from chassis.call import Call, Refused
from heyi.approval.v1 import notices_pb2


class Notices:
    every_company = True

    async def ListNotices(self, request: Any, call: Call) -> Any:
        mine = Notice.employee_id == call.actor.employee_id
        return await call.page(Notice, request, where=[mine], scope=False)

    async def GetNotice(self, request: Any, call: Call) -> Any:
        return await _own(request, call)

    async def MarkReadNotice(self, request: Any, call: Call) -> Any:
        notice = await _own(request, call)
        notice.read_time = notice.read_time or call.now()
        return notice

    async def MarkAllReadNotices(self, request: Any, call: Call) -> Any:
        unread = sa.and_(Notice.employee_id == call.actor.employee_id, Notice.read_time.is_(None))
        now = call.now()
        marked = await call.db.execute(
            sa.update(Notice)
            .where(unread)
            .values(read_time=now, updated_at=now, version=Notice.version + 1)
            .execution_options(synchronize_session=False)
        )
        return notices_pb2.MarkAllReadNoticesResponse(count=marked.rowcount)


async def _own(request: Any, call: Call) -> Notice:
    notice = await call.load(Notice, request.id, scope=False)
    if notice.employee_id != call.actor.employee_id:
        raise Refused("DOCUMENT_NOT_FOUND", document_type="Notice", id=request.id)
    return notice
