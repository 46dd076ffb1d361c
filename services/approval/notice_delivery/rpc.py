"""Serves heyi.approval.v1.NoticeDeliveries."""

from __future__ import annotations

from typing import Any

from approval.notice_delivery.model import NoticeDelivery
from chassis.call import Call
from chassis.states import advance


class NoticeDeliveries:
    async def GetNoticeDelivery(self, request: Any, call: Call) -> Any:
        return await call.load(NoticeDelivery, request.id)

    async def ListNoticeDeliveries(self, request: Any, call: Call) -> Any:
        return await call.page(NoticeDelivery, request)

    async def RetryNoticeDelivery(self, request: Any, call: Call) -> Any:
        delivery = await call.load(NoticeDelivery, request.id, etag=request.etag)
        advance(delivery, "retry")
        delivery.due_time = call.now()
        return delivery
