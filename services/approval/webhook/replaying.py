"""Sends again what a webhook was told of once: in pieces, in the background, so that any number of events is repeated.

How far it is stands with the webhook, and moves on in the transaction of each piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from approval.outside_event import rules as outside
from approval.outside_event.keeping import delivery_of
from approval.outside_event.model import OutsideEvent
from approval.webhook.model import Webhook
from approval.webhook_delivery.model import DELIVERY
from chassis import passes, telemetry
from chassis.call import Call
from chassis.db import fenced_to

if TYPE_CHECKING:
    from chassis.runtime import Runtime

log = telemetry.logger("approval.webhooks")

AT_ONCE, LOOK_SECONDS = 1000, 1.0
_NAMES = ("id", "sequence", "company_id", "event_type", "document_type", "document_id", "document_number", "permission")
_OF_WEBHOOK = (
    Webhook.id, Webhook.company_id, Webhook.maker_id, Webhook.events, Webhook.replay_after, Webhook.replay_until,
)  # fmt: skip
# as whoever claims calls does: two that take many of them in different orders would wait for each other
_ALONE = sa.text("SELECT pg_advisory_xact_lock(hashtext('webhook_delivery.claim'))")


async def ask(call: Call, row: Webhook, since: Any) -> None:
    """Everything that is kept of the company since an instant is to be told again; beside what still is."""
    known = sa.select(sa.func.min(OutsideEvent.sequence)).where(
        OutsideEvent.company_id == row.company_id, OutsideEvent.created_at >= since
    )
    last = sa.select(sa.func.max(OutsideEvent.sequence)).where(OutsideEvent.company_id == row.company_id)
    first, until = (await call.db.execute(sa.select(known.scalar_subquery(), last.scalar_subquery()))).one()
    if first is not None:
        row.replay_after = min(first - 1, first - 1 if row.replay_after is None else row.replay_after)
        row.replay_until = max(until, row.replay_until or 0)


async def repeat(runtime: Runtime) -> None:
    """Background work of the service."""
    await passes.over_and_over(
        lambda: repeat_all(runtime), seconds=LOOK_SECONDS, log=log, waiting="what is to be sent again waits"
    )


async def repeat_all(runtime: Runtime) -> None:
    """Until nothing is to be sent again."""
    while await _repeat_some(runtime):
        pass


async def _repeat_some(runtime: Runtime) -> bool:
    """The next piece of one webhook; whether there was one."""
    with fenced_to(None):
        async with runtime.sessions() as session, session.begin():
            await session.execute(_ALONE)
            asked = sa.select(*_OF_WEBHOOK).where(Webhook.replay_until.is_not(None)).order_by(Webhook.id).limit(1)
            row = (await session.execute(asked)).one_or_none()
            if row is None:
                return False
            kept = (
                sa.select(*(getattr(OutsideEvent, name) for name in _NAMES))
                .where(
                    OutsideEvent.company_id == row.company_id, OutsideEvent.sequence > row.replay_after,
                    OutsideEvent.sequence <= row.replay_until,
                )
                .order_by(OutsideEvent.sequence).limit(AT_ONCE)
            )  # fmt: skip
            found = (await session.execute(kept)).all()
            await _put(runtime, session, row, found)
            whole = len(found) < AT_ONCE
            on = {"replay_after": None, "replay_until": None} if whole else {"replay_after": found[-1].sequence}
            # asked for again meanwhile: what was asked for last counts
            same = [Webhook.replay_after == row.replay_after, Webhook.replay_until == row.replay_until]
            await session.execute(sa.update(Webhook).where(Webhook.id == row.id, *same).values(**on))
            return True


async def _put(runtime: Runtime, session: Any, row: Any, found: Any) -> None:
    """Of these events those that the webhook is told of, and whose documents its maker may read, on their way again."""
    now, rights = runtime.clock.now(), runtime.rights()
    again = {"due_time": now, "since_time": now, "created_at": now, "updated_at": now}
    deliveries = [
        {**delivery_of(event, row.id), **again}
        for event in found
        if outside.chosen(event.event_type) in row.events
        and outside.reads_all(rights, row.maker_id, event.permission, row.company_id)
    ]
    if deliveries:
        put = pg.insert(DELIVERY)
        fresh = {name: put.excluded[name] for name in ("state", "due_time", "since_time", "updated_at")}
        freed = {"send_time": None, "lease": None, "leased_until": None, "version": DELIVERY.c.version + 1}
        both = put.on_conflict_do_update(index_elements=["webhook_id", "event_id"], set_={**fresh, **freed})
        await session.execute(both, deliveries)
