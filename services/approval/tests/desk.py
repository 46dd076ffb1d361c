"""A desk at which forms are designed, filled in and agreed to: what the service announces comes back to it, as it does
from the stream.
"""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from approval.tests.factories import OWNER, Office
from chassis import contract
from chassis.db import tables_of
from heyi.approval.v1 import office_requests_pb2 as pb

TYPE = "approval.office_request"


def label(text: str) -> dict[str, str]:
    return {"zh-CN": text, "en": text}


def field(key: str, kind: str = "TEXT", **more: Any) -> dict[str, Any]:
    return {"key": key, "label": label(key), "kind": kind, **more}


def option(key: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "label": label(key), **more}


# what is spent on what, its sum, why where it is much, and which account pays
CLAIM = [
    field("kind", "CHOICE", options=[option("travel"), option("meal")], required=True),
    field(
        "items", "TABLE", columns=[field("what", required=True), field("cost", "AMOUNT", required=True)], required=True
    ),
    field("total", "COMPUTED", result_kind="AMOUNT", formula="sum(items.map(i, i.cost))"),
    field("why", "LONG_TEXT", required_when="total > 1000", visible_when="total > 500"),
    field("partner", "PERSON"),
    field("account"),
]


class Desk(Office):
    """A company with its forms, flows and people."""

    def __init__(self, service: Any) -> None:
        super().__init__(service)
        self.requester = service.as_("requester")
        self.seen: set[uuid.UUID] = set()

    async def form(self, fields: Any = None, code: str = "claim", *, publish: bool = True, **more: Any) -> Any:
        """A form, published; its account is for approvers."""
        said = {
            "code": code, "name": "费用申请", "name_en": "Claim", "number_prefix": "FY", "amount_key": "total",
            "fields": CLAIM if fields is None else fields, "summary_keys": ["kind", "total"],
            "approver_keys": ["account"], **more,
        }  # fmt: skip
        if fields is not None:
            said = {**said, "amount_key": "", "summary_keys": [], "approver_keys": [], **more}
        made = await self.admin.CreateFormDefinition(form_definition=said)
        return await self.admin.PublishFormDefinition(id=made.id, note="first") if publish else made

    async def flow_for(self, tree: dict[str, Any], form: str = "claim", code: str = "F", **more: Any) -> Any:
        """A published flow for requests of a form."""
        fields = {
            "code": code, "name": f"flow {code}", "document_type": TYPE, "tree": tree,
            "condition": f"facts.form == '{form}'", "business_owner_id": OWNER, **more,
        }  # fmt: skip
        draft = await self.admin.CreateFlowDefinition(flow_definition=fields)
        return await self.publish(draft.id)

    async def filled(self, form: Any, values: dict[str, Any] | None = None, by: Any = None) -> Any:
        """A draft."""
        sent = {"form_id": form.id, "values": claim() if values is None else values}
        return await (by or self.requester).CreateOfficeRequest(office_request=sent)

    async def sent(self, form: Any, values: dict[str, Any] | None = None, by: Any = None) -> Any:
        """A request that was sent, as it is once everybody has heard of it."""
        draft = await self.filled(form, values, by)
        await (by or self.requester).SubmitOfficeRequest(id=draft.id, etag=draft.etag)
        await self.settle()
        return await (by or self.requester).GetOfficeRequest(id=draft.id)

    async def settle(self, *, twice: bool = False) -> None:
        """Bring what was announced back to the service until nothing new is said."""
        outbox = tables_of(self.service.service.base.metadata).outbox
        kinds = contract.load().events
        while True:
            async with self.service.runtime.engine.connect() as connection:
                rows = (
                    await connection.execute(sa.select(outbox).order_by(outbox.c.created_at, outbox.c.event_id))
                ).all()
            fresh = [row for row in rows if row.event_id not in self.seen]
            if not fresh:
                return
            for row in fresh:
                self.seen.add(row.event_id)
                if row.subject not in self.service.service.reactions:
                    continue
                message = kinds[row.subject].FromString(row.payload)
                await self.service.deliver(message, event_id=row.event_id, times=2 if twice else 1)

    async def agree(self, key: str, *, text: str = "", **more: Any) -> None:
        """A person agrees to the one turn that waits, with what it shows."""
        (task,) = await self.todo(key)
        await self.service.as_(key).ApproveTask(id=task.id, content_hash=task.content_hash, text=text, **more)
        await self.settle()

    async def get(self, row: Any, key: str = "requester") -> Any:
        return await self.service.as_(key).GetOfficeRequest(id=row.id)


def claim(*costs: str, **more: Any) -> dict[str, Any]:
    items = [{"what": f"thing {number}", "cost": cost} for number, cost in enumerate(costs or ("100", "23.4"), 1)]
    return {"kind": "travel", "items": items, **more}


def state(row: Any) -> str:
    return pb.OfficeRequest.State.Name(row.state)
