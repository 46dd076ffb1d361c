"""The inbox: events that reach a service, worked on once.

The row that says "seen" and the effect commit together, and the message is acknowledged after that; so a message
that comes twice, or again after a crash, does nothing. What fails for a passing reason is tried again, later and
later. What cannot succeed is parked with its error where a person sees it, and holds up nothing else.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import nats.errors
import sqlalchemy as sa
from nats.aio.msg import Msg
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chassis import contract, faults, ids, telemetry, vitals
from chassis.call import NO_COMPANY, Actor
from chassis.db import fenced_to
from chassis.errors import UNAVAILABLE, Refused
from chassis.outbox import STREAM

if TYPE_CHECKING:
    from nats.aio.client import Client

    from chassis.runtime import Runtime

log = telemetry.logger("chassis.inbox")

DELAYS_SECONDS = (1, 5, 30, 120, 600)
IN_FLIGHT, PULL_SECONDS, AT_ONCE = 64, 20, 8
# while a request for messages stands, the server says so this often; one that is silent for longer is lost
HEARTBEAT_SECONDS, SILENCE_SECONDS = 0.5, 1.25
REPLAY_POLL_SECONDS = 1.0


class Passing(Exception):
    """The event could not be worked on now; later it may."""


def seconds_before_retry(delivered: int) -> int:
    """How long an event rests after its n-th failed delivery."""
    return DELAYS_SECONDS[min(delivered, len(DELAYS_SECONDS)) - 1]


async def work_on(runtime: Runtime, subject: str, payload: bytes, headers: Mapping[str, str]) -> bool:
    """Work on one event in one transaction; False where it was done before. Raises Passing, or what the rule raised."""
    kind = contract.load().events[subject]
    event_id = ids.parse(headers["ce-id"])
    company = ids.parse(headers["heyi-company"]) if headers.get("heyi-company") else NO_COMPANY
    actor_text = headers.get("heyi-actor", "")
    actor = Actor(None, service=runtime.service.name, caused_by=ids.parse(actor_text) if actor_text else None)
    event = kind.FromString(payload)

    async def attempt() -> bool:
        with fenced_to(company if company != NO_COMPANY else None):
            async with runtime.sessions() as session, session.begin():
                claimed = await session.execute(_CLAIM, {"consumer": runtime.service.name, "event": event_id})
                if claimed.scalar_one_or_none() is None:
                    return False
                faults.point("event_after_inbox")
                call = runtime.call_for_event(session, actor, company, headers.get("traceparent", ""))
                for reaction in runtime.service.reactions[subject]:
                    await reaction.react(event, call)
                await runtime.finish(call, subject)
                faults.point("event_before_commit")
        faults.point("event_after_commit")
        runtime.hand_over(call.outgoing)
        return True

    try:
        with vitals.reaction(subject, headers):
            return bool(await runtime._retrying(attempt))
    except (OSError, TimeoutError) as error:
        raise Passing(type(error).__name__) from error
    except DBAPIError as error:
        if isinstance(error, IntegrityError):
            raise
        raise Passing(telemetry.plain(error)) from error
    except Refused as refusal:
        if refusal.code == UNAVAILABLE or refusal.reason == "IN_PROGRESS":
            raise Passing(str(refusal)) from refusal
        raise


async def park(
    runtime: Runtime, subject: str, payload: bytes, headers: Mapping[str, str], error: Exception, attempts: int
) -> None:
    """Put an event that cannot succeed where a person sees it."""
    table = runtime.tables.parked_event
    insert = pg.insert(table).values(
        id=ids.uuid7(),
        consumer=runtime.service.name,
        event_id=ids.parse(headers["ce-id"]),
        subject=subject,
        aggregate_id=headers.get("heyi-document-id", ""),
        payload=payload,
        headers=dict(headers),
        error=f"{type(error).__name__}: {error}"[:2000],
        attempts=attempts,
    )
    update = {"error": insert.excluded.error, "attempts": table.c.attempts + 1, "replay_requested_at": None}
    async with runtime.sessions() as session, session.begin():
        await session.execute(insert.on_conflict_do_update(index_elements=["consumer", "event_id"], set_=update))
    telemetry.count("heyi.events.parked", subject=subject)
    log.error("event parked", service=runtime.service.name, subject=subject, error=telemetry.plain(error))


class Consumer:
    """One durable pull consumer of a service: a few requests for messages stand at the server at any time."""

    def __init__(self, runtime: Runtime, connection: Client) -> None:
        self.runtime, self.connection = runtime, connection
        self.name = runtime.service.name
        self.places = asyncio.Semaphore(AT_ONCE)
        self.work: set[asyncio.Task[None]] = set()
        self.last_of: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Take messages until cancelled."""
        inbox = self.connection.new_inbox()
        subscription = await self.connection.subscribe(inbox)
        heartbeat = int(HEARTBEAT_SECONDS * 1_000_000_000)
        request = {"batch": IN_FLIGHT, "expires": PULL_SECONDS * 1_000_000_000, "idle_heartbeat": heartbeat}
        outstanding = 0
        try:
            while True:
                if outstanding <= IN_FLIGHT // 2:
                    await self.connection.publish(
                        f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{self.name}", json.dumps(request).encode(), reply=inbox
                    )
                    outstanding += IN_FLIGHT
                try:
                    message = await subscription.next_msg(timeout=SILENCE_SECONDS)
                except nats.errors.TimeoutError:
                    outstanding = 0
                    continue
                if message.headers and (status := message.headers.get("Status")):
                    if status == "100":
                        continue
                    outstanding = 0
                    if status not in ("408", "404"):
                        log.warning("consumer told", service=self.name, status=dict(message.headers))
                        await asyncio.sleep(1)
                    continue
                outstanding -= 1
                self._start(message)
        finally:
            await subscription.unsubscribe()
            if self.work:
                await asyncio.wait(self.work)

    def _start(self, message: Msg) -> None:
        """Work on a message beside others; those of one document one after the other."""
        document = (message.headers or {}).get("heyi-document-id", "")
        before = self.last_of.get(document)
        task = asyncio.create_task(self._handle(message, before))
        self.last_of[document] = task
        self.work.add(task)

        def done(finished: asyncio.Task[None]) -> None:
            self.work.discard(finished)
            if self.last_of.get(document) is finished:
                del self.last_of[document]

        task.add_done_callback(done)

    async def _handle(self, message: Msg, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        headers = dict(message.headers or {})
        delivered = message.metadata.num_delivered or 1
        async with self.places:
            try:
                await work_on(self.runtime, message.subject, message.data, headers)
            except Passing as reason:
                delay = seconds_before_retry(delivered)
                log.warning("event waits", service=self.name, subject=message.subject, reason=str(reason), delay=delay)
                await message.nak(delay=delay)
                return
            except Exception as error:  # noqa: BLE001  (whatever a rule raises is kept with its event, for a person)
                await self._park(message, headers, error, delivered)
                return
        faults.point("before_acknowledge")
        await message.ack()

    async def _park(self, message: Msg, headers: dict[str, str], error: Exception, delivered: int) -> None:
        try:
            await park(self.runtime, message.subject, message.data, headers, error, delivered)
        except (DBAPIError, PoolTimeout, OSError) as problem:
            log.warning("event not parked", service=self.name, subject=message.subject, error=telemetry.plain(problem))
            await message.nak(delay=seconds_before_retry(delivered))
            return
        await message.term()


async def replay_parked(runtime: Runtime) -> None:
    """Work again on parked events that somebody asked for, until cancelled."""
    while True:
        try:
            await replay_requested(runtime)
        except (DBAPIError, PoolTimeout, OSError) as error:
            log.warning("parked events wait", service=runtime.service.name, error=telemetry.plain(error))
        await asyncio.sleep(REPLAY_POLL_SECONDS)


async def replay_requested(runtime: Runtime) -> int:
    """Work once on the parked events that somebody asked for; returns how many succeeded."""
    faults.point("replay")
    table = runtime.tables.parked_event
    wanted = sa.select(table).where(table.c.replay_requested_at.is_not(None), table.c.resolved_at.is_(None)).limit(20)
    async with runtime.sessions() as session:
        rows = (await session.execute(wanted)).all()
    done = 0
    for row in rows:
        try:
            await work_on(runtime, row.subject, row.payload, telemetry.relinked(row.headers))
        except Passing:
            continue
        except Exception as error:  # noqa: BLE001  (kept with its event, for a person)
            await park(runtime, row.subject, row.payload, row.headers, error, row.attempts)
            continue
        done += 1
        async with runtime.sessions() as session, session.begin():
            await session.execute(
                sa.update(table).where(table.c.id == row.id).values(resolved_at=sa.func.clock_timestamp())
            )
    return done


def event_headers(event_id: uuid.UUID, **values: Any) -> dict[str, str]:
    """Headers of an event for those who deliver one by hand."""
    return {"ce-id": str(event_id)} | {name: str(value) for name, value in values.items() if value}


_CLAIM = sa.text("INSERT INTO inbox (consumer, event_id) VALUES (:consumer, :event) ON CONFLICT DO NOTHING RETURNING 1")
