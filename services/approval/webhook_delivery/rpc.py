"""Serves heyi.approval.v1.WebhookDeliveries."""

from __future__ import annotations

from typing import Any

from approval.webhook_delivery.model import WebhookDelivery
from chassis.call import Call
from chassis.states import advance


class WebhookDeliveries:
    async def GetWebhookDelivery(self, request: Any, call: Call) -> Any:
        return await call.load(WebhookDelivery, request.id)

    async def ListWebhookDeliveries(self, request: Any, call: Call) -> Any:
        return await call.page(WebhookDelivery, request)

    async def RetryWebhookDelivery(self, request: Any, call: Call) -> Any:
        row = await call.load(WebhookDelivery, request.id, etag=request.etag)
        advance(row, "retry")
        row.due_time = row.since_time = call.now()
        row.send_time = row.lease = row.leased_until = None
        return row
