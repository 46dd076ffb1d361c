"""Keeps what is offered to the outside, and puts it on its way to the webhooks that are told of it."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from approval.outside_event import rules
from approval.outside_event.model import OutsideEvent
from approval.webhook.model import Webhook
from approval.webhook_delivery.model import DELIVERY, searched
from chassis import contract, ids
from chassis.call import Call
from chassis.runtime import search_vector
from chassis.service import Reaction

# one after another, so that `sequence` grows as they are committed
ONE_BY_ONE = sa.text("SELECT pg_advisory_xact_lock(hashtext('outside_event.sequence'))")


async def keep(event: Any, call: Call) -> None:
    """An event of the contract that is offered to the outside, of this company."""
    event_type = rules.type_of(contract.subject_of(type(event)))
    document, document_type = rules.document_of(event), event_type.rpartition(".")[0]
    row = OutsideEvent(
        id=rules.identifier(event_type, document), company_id=call.company_id, event_type=event_type,
        document_type=document_type, document_id=ids.parse(document.id),
        document_number=getattr(document, "number", "") or getattr(document, "document_number", ""),
        permission=rules.permission_of(document_type, document), data=rules.data_of(event),
    )  # fmt: skip
    await call.db.execute(ONE_BY_ONE)
    columns = (
        "id",
        "company_id",
        "event_type",
        "document_type",
        "document_id",
        "document_number",
        "permission",
        "data",
    )
    values = {name: getattr(row, name) for name in columns}
    put = pg.insert(OutsideEvent).values(
        **values, version=1, created_at=call.now(), updated_at=call.now(), search=search_vector(row)
    )
    kept = await call.db.scalar(put.on_conflict_do_nothing(index_elements=["id"]).returning(OutsideEvent.id))
    if kept is None:
        return
    told = sa.select(Webhook.id, Webhook.maker_id).where(
        Webhook.company_id == call.company_id, Webhook.state.in_(["ACTIVE", "PAUSED"]),
        Webhook.events.contains([rules.chosen(event_type)]),
    )  # fmt: skip
    rights = call.runtime.rights()
    deliveries = [
        {**delivery_of(row, found.id), "due_time": call.now(), "created_at": call.now(), "updated_at": call.now()}
        for found in (await call.db.execute(told)).all()
        if rules.reads_all(rights, found.maker_id, row.permission, call.company_id)
    ]
    if deliveries:
        await call.db.execute(pg.insert(DELIVERY), deliveries)


def delivery_of(row: Any, webhook_id: uuid.UUID) -> dict[str, Any]:
    """A kept event on its way to one webhook."""
    about = ("company_id", "event_type", "document_type", "document_id", "document_number")
    return {
        "id": ids.uuid7(), "version": 1, "state": "WAITING", "webhook_id": webhook_id, "event_id": row.id,
        "search": search_vector(searched(row)), **{name: getattr(row, name) for name in about},
    }  # fmt: skip


REACTION = Reaction(tuple(contract.outside()), keep)
