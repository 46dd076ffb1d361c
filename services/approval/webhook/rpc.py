"""Serves heyi.approval.v1.Webhooks."""

from __future__ import annotations

import datetime
from typing import Any

import sqlalchemy as sa

from approval.outside_event import rules as outside
from approval.webhook import replaying, rules
from approval.webhook.model import Webhook
from approval.webhook_delivery.model import DELIVERY, WebhookDelivery
from chassis import contract, egress
from chassis.call import Call, Refused
from chassis.service import crud
from chassis.states import advance
from heyi.approval.v1 import webhooks_pb2 as pb


class Webhooks(crud(Webhook, pb.WebhookUpdated, pb.WebhookUpdated)):  # type: ignore[misc]
    async def CreateWebhook(self, request: Any, call: Call) -> Any:
        row = await call.create(Webhook, request.webhook)
        row.maker_id = call.actor.employee_id
        row.signing_key = row.shown_once = rules.new_secret()
        await self.check(row, call)
        return call.announce(pb.WebhookUpdated, row)

    async def RotateWebhook(self, request: Any, call: Call) -> Any:
        row = await call.load(Webhook, request.id, etag=request.etag)
        advance(row, "rotate")
        row.previous_key, row.overlap_until_time = row.signing_key, call.now() + rules.OVERLAP
        row.signing_key = row.shown_once = rules.new_secret()
        return call.announce(pb.WebhookUpdated, row)

    async def ActivateWebhook(self, request: Any, call: Call) -> Any:
        row = await call.load(Webhook, request.id, etag=request.etag)
        advance(row, "activate")
        row.failing_since_time = None
        waits = [DELIVERY.c.webhook_id == row.id, DELIVERY.c.state == "WAITING"]
        await call.db.execute(sa.update(DELIVERY).where(*waits).values(due_time=call.now(), since_time=call.now()))
        return call.announce(pb.WebhookUpdated, row)

    async def TestWebhook(self, request: Any, call: Call) -> Any:
        # of any version: it changes nothing that somebody wrote
        row = await call.load(Webhook, request.id)
        advance(row, "test")
        row.answer, row.answer_time = "", None
        call.add(
            WebhookDelivery(
                company_id=row.company_id, webhook_id=row.id, event_type="test", document_type="approval.webhook",
                document_id=row.id, document_number=row.name, due_time=call.now(),
            )
        )  # fmt: skip
        return call.announce(pb.WebhookUpdated, row)

    async def ReplayWebhook(self, request: Any, call: Call) -> Any:
        row = await call.load(Webhook, request.id)
        advance(row, "replay")
        await replaying.ask(call, row, request.from_time.ToDatetime(datetime.UTC))
        return call.announce(pb.WebhookUpdated, row)

    async def check(self, row: Any, call: Call) -> None:
        """An address that may be asked, and events whose documents the maker may read all of."""
        try:
            egress.check(row.address)
        except egress.AddressRefused as problem:
            raise Refused.fields([("address", "WEBHOOK_ADDRESS", {"problem": str(problem)})]) from None
        row.events = sorted(set(row.events))
        rights, known = call.runtime.rights(), contract.load().permissions()
        for event_type in map(outside.type_of, contract.outside()):
            permission = f"{event_type.rpartition('.')[0]}.get"
            if outside.chosen(event_type) not in row.events or permission not in known:
                continue
            if not outside.reads_all(rights, call.actor.employee_id, permission, row.company_id):
                raise Refused.fields([("events", "WEBHOOK_EVENT", {"permission": permission})])
