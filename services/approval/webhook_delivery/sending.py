"""Brings events to webhooks, in the background, for ever: at least once, in order for each document.

A round claims what is due with a lease in one short transaction, calls without any, and settles in a second one. A
process that dies leaves a lease that ends; then the same call goes out again, which its receiver knows by its id.
"""

from __future__ import annotations

import asyncio
import datetime
import time
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import aliased

from approval.notice.kinds import kind_of
from approval.notice.model import Notice
from approval.outside_event import rules as outside
from approval.outside_event.model import OutsideEvent
from approval.webhook import rules
from approval.webhook.model import Webhook
from approval.webhook_delivery.model import DELIVERY, WebhookDelivery
from chassis import egress, ids, passes, telemetry
from chassis.call import Actor
from chassis.db import fenced_to
from heyi.approval.v1 import notices_pb2, webhooks_pb2

if TYPE_CHECKING:
    from chassis.runtime import Runtime

log = telemetry.logger("approval.webhooks")

AT_ONCE, OF_ONE = 20, 5
LOOK_SECONDS = 1.0
# longer than a call may take
LEASE = datetime.timedelta(seconds=60)
KEPT, SWEEP_SECONDS = datetime.timedelta(days=30), 3600.0
METHOD = "approval.webhook.answer"
_FREE = sa.or_(DELIVERY.c.leased_until.is_(None), DELIVERY.c.leased_until < sa.func.clock_timestamp())


async def send(runtime: Runtime) -> None:
    """Background work of the service."""
    await passes.over_and_over(
        lambda: send_all(runtime), seconds=LOOK_SECONDS, log=log, waiting="calls to webhooks wait"
    )


async def forget(runtime: Runtime) -> None:
    """Background work of the service: what is kept for 30 days goes."""
    await passes.over_and_over(
        lambda: sweep(runtime), seconds=SWEEP_SECONDS, log=log, waiting="old calls to webhooks wait to be thrown away"
    )


async def send_all(runtime: Runtime, post: Any = egress.post) -> int:
    """Call until nothing is due; how many calls there were."""
    done = 0
    while some := await send_once(runtime, post):
        done += some
    return done


async def send_once(runtime: Runtime, post: Any = egress.post) -> int:
    """Make the calls that are due, a few of each webhook at once; how many."""
    lease = ids.uuid7()
    claimed = await claim(runtime, lease)
    problems = await asyncio.gather(*(_call(runtime, post, lease, *one) for one in claimed), return_exceptions=True)
    for problem in problems:
        if problem is not None:
            raise problem
    return len(claimed)


async def claim(runtime: Runtime, lease: uuid.UUID) -> Sequence[Any]:
    """What is due: (delivery, webhook, event). Nothing of a document of which something earlier still waits."""
    now = runtime.clock.now()
    earlier, event = aliased(WebhookDelivery), aliased(OutsideEvent)
    waits_before = sa.exists().where(
        earlier.webhook_id == DELIVERY.c.webhook_id, earlier.document_id == DELIVERY.c.document_id,
        earlier.state == "WAITING", earlier.event_id == event.id, event.sequence < OutsideEvent.sequence,
    )  # fmt: skip
    due = (
        sa.select(
            DELIVERY.c.id,
            sa.func.row_number().over(partition_by=DELIVERY.c.webhook_id, order_by=DELIVERY.c.due_time).label("place"),
        )
        .select_from(DELIVERY)
        .join(Webhook, Webhook.id == DELIVERY.c.webhook_id)
        .outerjoin(OutsideEvent, OutsideEvent.id == DELIVERY.c.event_id)
        .where(
            Webhook.state == "ACTIVE", DELIVERY.c.state == "WAITING", DELIVERY.c.due_time <= now, _FREE,
            sa.or_(DELIVERY.c.event_id.is_(None), ~waits_before),
        )
    ).subquery()  # fmt: skip
    few = sa.select(due.c.id).where(due.c.place <= OF_ONE).limit(AT_ONCE)
    taken = (
        sa.update(DELIVERY)
        .where(DELIVERY.c.id.in_(few))
        .values(
            lease=lease, leased_until=sa.func.clock_timestamp() + LEASE,
            attempt_count=DELIVERY.c.attempt_count + 1, version=DELIVERY.c.version + 1,
        )
    )  # fmt: skip
    mine = (
        sa.select(WebhookDelivery, Webhook, OutsideEvent)
        .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
        .outerjoin(OutsideEvent, OutsideEvent.id == WebhookDelivery.event_id)
        .where(WebhookDelivery.lease == lease)
    )
    with fenced_to(None):
        async with runtime.sessions() as session, session.begin():
            await session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('webhook_delivery.claim'))"))
            if not (await session.execute(taken)).rowcount:  # type: ignore[attr-defined]
                return []
            return (await session.execute(mine)).all()


def body_of(delivery: Any, event: Any) -> bytes:
    """What is told."""
    if event is not None:
        return orjson.dumps(outside.told(event))
    test = {
        "id": str(delivery.id), "type": "test", "createTime": delivery.created_at.isoformat().replace("+00:00", "Z"),
        "companyId": str(delivery.company_id), "documentType": delivery.document_type,
        "documentId": str(delivery.document_id), "documentNumber": delivery.document_number, "cursor": "", "data": {},
    }  # fmt: skip
    return orjson.dumps(test)


async def _call(runtime: Runtime, post: Any, lease: uuid.UUID, delivery: Any, webhook: Any, event: Any) -> None:
    now, body = runtime.clock.now(), body_of(delivery, event)
    keys = rules.keys(webhook.signing_key, webhook.previous_key, webhook.overlap_until_time, now)
    headers = {
        "user-agent": "heyi-webhook/1",
        "heyi-event": delivery.event_type,
        "heyi-delivery": str(delivery.id),
        "heyi-signature": rules.signature(keys, now, body),
    }
    began, status = time.monotonic(), 0
    try:
        answer = await post(webhook.address, body, headers=headers)
        status, text = answer.status, f"{answer.status} {answer.text}"
    except (egress.Unreachable, egress.NoAnswer, egress.AddressRefused) as problem:
        text = f"{type(problem).__name__}: {problem}"
    spent = round((time.monotonic() - began) * 1000)
    # a database keeps no zero bytes
    text = text.replace("\0", "").strip()[:500]
    await _settle(runtime, lease, delivery, webhook.id, status, spent, text)
    telemetry.count("heyi.webhook.calls", outcome="TAKEN" if rules.taken(status) else "LATER")


async def _settle(
    runtime: Runtime, lease: uuid.UUID, delivery: Any, webhook_id: uuid.UUID, status: int, spent: int, text: str
) -> None:
    """Record what came of a call; where the lease was lost, whoever took over does."""
    now, took = runtime.clock.now(), rules.taken(status)
    values: dict[str, Any] = {
        "answer_code": status, "duration_milliseconds": spent, "answer": text, "updated_at": now, "lease": None,
        "leased_until": None, "version": DELIVERY.c.version + 1,
    }  # fmt: skip
    later = rules.next_try(delivery.attempt_count, delivery.since_time or delivery.created_at, now)
    if took:
        values |= {"state": "SENT", "send_time": now}
    elif later is None or delivery.event_id is None:
        values |= {"state": "FAILED"}
    else:
        values |= {"due_time": later}
    with fenced_to(None):
        async with runtime.sessions() as session, session.begin():
            mine = sa.and_(DELIVERY.c.id == delivery.id, DELIVERY.c.lease == lease)
            await session.execute(sa.update(DELIVERY).where(mine).values(**values))
            actor = Actor(None, service=runtime.service.name)
            call = runtime.call_for_event(session, actor, delivery.company_id, "")
            webhook = await call.load(Webhook, webhook_id, lock=True, scope=False)
            since = None if took else webhook.failing_since_time or now
            paused = since is not None and webhook.state == "ACTIVE" and rules.pauses(since, now)
            if delivery.event_id is not None and not paused and (webhook.failing_since_time is None) == took:
                # no news: most calls are like the one before
                quiet = {"answer": text, "answer_time": now}
                await session.execute(sa.update(Webhook).where(Webhook.id == webhook_id).values(**quiet))
                return
            webhook.answer, webhook.answer_time, webhook.failing_since_time = text, now, since
            if paused:
                webhook.state = "PAUSED"
                _tell(call, webhook)
            call.announce(webhooks_pb2.WebhookUpdated, webhook)
            await runtime.finish(call, METHOD)
    runtime.hand_over(call.outgoing)


def _tell(call: Any, webhook: Any) -> None:
    """The maker hears that it pauses."""
    key = "notice.webhook_paused"
    notice = call.add(
        Notice(
            company_id=webhook.company_id, employee_id=webhook.maker_id, kind=kind_of(key), text_key=key,
            text_facts={"name": webhook.name, "title": "", "number": ""}, document_type="approval.webhook",
            document_id=webhook.id, document_number=webhook.name,
        )
    )  # fmt: skip
    call.announce(notices_pb2.NoticeCreated, notice, audience=[webhook.maker_id])


async def sweep(runtime: Runtime) -> None:
    """Throw away what was kept long enough; what still waits for a webhook goes with it."""
    old = runtime.clock.now() - KEPT
    with fenced_to(None):
        async with runtime.sessions() as session, session.begin():
            await session.execute(sa.delete(WebhookDelivery).where(WebhookDelivery.created_at < old))
            used = sa.select(WebhookDelivery.event_id).where(WebhookDelivery.event_id == OutsideEvent.id)
            await session.execute(sa.delete(OutsideEvent).where(OutsideEvent.created_at < old, ~used.exists()))
