"""The inbox: events that reach a service, worked on once.

The row that says "seen" and the effect commit together, and the message is acknowledged after that; so a message
that comes twice, or again after a crash, does nothing. What fails for a passing reason is tried again, later and
later. What cannot succeed is parked with its error where a person sees it, and holds up nothing else.

Events that wait together share a transaction: each is claimed, reacts and is on record as if it were alone, only the
round trips are shared. When anything fails in it nothing of it is kept, and each of its events is worked on alone.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import time
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import nats.errors
import sqlalchemy as sa
from nats.aio.msg import Msg
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chassis import contract, faults, ids, telemetry, vitals
from chassis.call import NO_COMPANY, Actor
from chassis.db import fenced_to, sqlstate
from chassis.errors import UNAVAILABLE, Refused
from chassis.outbox import STREAM, Outgoing
from chassis.together import save_alike

if TYPE_CHECKING:
    from nats.aio.client import Client
    from sqlalchemy.ext.asyncio import AsyncSession

    from chassis.call import Call
    from chassis.runtime import Runtime
    from chassis.together import Piece

log = telemetry.logger("chassis.inbox")

DELAYS_SECONDS = (1, 5, 30, 120, 600)
IN_FLIGHT, PULL_SECONDS, AT_ONCE = 64, 20, 8
# how many events share a transaction, and after how long no more of them are begun: it holds the locks of all of them
TOGETHER, TOGETHER_SECONDS = 50, 0.1
# while a request for messages stands, the server says so this often; one that is silent for longer is lost
HEARTBEAT_SECONDS, SILENCE_SECONDS = 0.5, 1.25
REPLAY_POLL_SECONDS, REPLAYED_AT_ONCE = 1.0, 20
# somebody else was in the way (a serialization failure, a deadlock), or a table changed since a statement was prepared
PASSING = ("40001", "40P01", "0A000")


class Passing(Exception):
    """The event could not be worked on now; later it may."""


class NoReactionError(Exception):
    """A later release let the stream bring an event to which this one, which runs beside it or was rolled back to, does
    not react. It is parked, and the first release that does react works on it without being asked.
    """


def seconds_before_retry(delivered: int) -> int:
    """How long an event rests after its n-th failed delivery."""
    return DELAYS_SECONDS[min(delivered, len(DELAYS_SECONDS)) - 1]


@dataclass
class Event:
    """One event as it came, and what it needs to be worked on."""

    subject: str
    payload: bytes
    headers: Mapping[str, str]
    message: Msg | None = None
    # not together with others: it came before, or failed among them
    alone: bool = False
    seconds: float = field(default=0.0, init=False)

    @functools.cached_property
    def id(self) -> uuid.UUID:
        """By which the inbox knows it."""
        return ids.parse(self.headers["ce-id"])

    @property
    def document(self) -> str:
        """Events of one document are worked on one after the other."""
        return self.headers.get("heyi-document-id", "")

    @property
    def company(self) -> str:
        """Those that share a transaction are of one company: it has one fence."""
        return self.headers.get("heyi-company", "")


async def work_on(runtime: Runtime, subject: str, payload: bytes, headers: Mapping[str, str]) -> bool:
    """Work on one event in one transaction; False where it was done before. Raises Passing, or what the rule raised."""
    event = Event(subject, payload, headers)

    async def attempt() -> bool:
        with _fence(event):
            async with runtime.sessions() as session, session.begin():
                claimed = await session.execute(_CLAIM, {"consumer": runtime.service.name, "events": [event.id]})
                if claimed.scalar_one_or_none() is None:
                    return False
                faults.point("event_after_inbox")
                call = await _react(runtime, session, event)
                await runtime.finish(call, subject)
                faults.point("event_before_commit")
        faults.point("event_after_commit")
        runtime.hand_over(call.outgoing)
        return True

    began = time.perf_counter()
    try:
        with vitals.reaction(subject, headers):
            worked = bool(await runtime._retrying(attempt))
    except (OSError, TimeoutError) as error:
        raise Passing(type(error).__name__) from error
    except DBAPIError as error:
        if sqlstate(error) not in PASSING:
            raise
        raise Passing(telemetry.plain(error)) from error
    except Refused as refusal:
        if refusal.code == UNAVAILABLE or refusal.reason in ("IN_PROGRESS", "STALE_ETAG"):
            raise Passing(str(refusal)) from refusal
        raise
    vitals.reacted(subject, headers, time.perf_counter() - began)
    return worked


async def work_on_all(runtime: Runtime, events: Sequence[Event]) -> int:
    """Work on events of one company in one transaction, in their order; returns how many of them, from the first.

    The others were not begun: the time was up, or a number was taken, whose series is locked until the commit.
    Raises whatever went wrong with any of them; then nothing was done.
    """
    reacted: list[Event] = []
    outgoing: list[Outgoing] = []
    done, until = 0, time.monotonic() + TOGETHER_SECONDS
    with _fence(events[0]):
        async with runtime.sessions() as session, session.begin():
            names = {"consumer": runtime.service.name, "events": [event.id for event in events]}
            claimed = set((await session.execute(_CLAIM, names)).scalars())
            faults.point("event_after_inbox")
            records: list[list[Piece]] = []
            copies: list[tuple[Any, dict[str, Any]]] = []
            for before, event in zip([None, *events], events, strict=False):
                if before is not None and before.subject != event.subject:
                    await _write(session, copies)
                done += 1
                if event.id not in claimed:
                    continue
                claimed.discard(event.id)
                began = time.perf_counter()
                with vitals.reaction(event.subject, event.headers):
                    call = await _react(runtime, session, event, copies)
                    numbered = bool(call.numbers)
                    await runtime.finish(call, event.subject, later=records)
                # the next one reads what is stored, as it would alone
                session.expunge_all()
                reacted.append(event)
                outgoing += call.outgoing
                event.seconds = time.perf_counter() - began
                if numbered or time.monotonic() > until:
                    break
            await _write(session, copies)
            await save_alike(session, records)
            if claimed:
                await session.execute(_LEAVE, {"consumer": runtime.service.name, "events": list(claimed)})
            faults.point("event_before_commit")
    faults.point("event_after_commit")
    runtime.hand_over(outgoing)
    for event in reacted:
        vitals.reacted(event.subject, event.headers, event.seconds)
    return done


def _fence(event: Event) -> Any:
    return fenced_to(ids.parse(event.company) if event.company else None)


async def _react(
    runtime: Runtime, session: AsyncSession, event: Event, copies: list[tuple[Any, dict[str, Any]]] | None = None
) -> Call:
    """Let the service's reactions have an event."""
    company = ids.parse(event.company) if event.company else NO_COMPANY
    caused_by = event.headers.get("heyi-actor", "")
    actor = Actor(None, service=runtime.service.name, caused_by=ids.parse(caused_by) if caused_by else None)
    call = runtime.call_for_event(session, actor, company, event.headers.get("traceparent", ""))
    call.copies = copies
    if not (reactions := runtime.service.reactions.get(event.subject)):
        raise NoReactionError(event.subject)
    message = contract.load().events[event.subject].FromString(event.payload)
    for reaction in reactions:
        await reaction.react(message, call)
    return call


async def _write(session: AsyncSession, copies: list[tuple[Any, dict[str, Any]]]) -> None:
    """Write the copies that wait, those of one kind in one round trip."""
    for statement, rows in itertools.groupby(copies, key=lambda copy: copy[0]):
        await session.execute(statement, [row for _, row in rows])
    copies.clear()


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
        self.waiting: deque[Event] = deque()
        self.work: set[asyncio.Task[None]] = set()
        # whose events are being worked on
        self.documents: set[str] = set()
        self.leaving = False

    async def run(self) -> None:
        """Take messages until cancelled while `leaving` is set, then finish those that were taken.

        Cancelled alone is not enough: Python 3.11 forgets a cancellation of `wait_for` (which nats-py waits with) that
        comes in the same moment as what was waited for (python/cpython#86296).
        """
        inbox = self.connection.new_inbox()
        subscription = await self.connection.subscribe(inbox)
        heartbeat = int(HEARTBEAT_SECONDS * 1_000_000_000)
        request = {"batch": IN_FLIGHT, "expires": PULL_SECONDS * 1_000_000_000, "idle_heartbeat": heartbeat}
        outstanding = 0
        try:
            while not self.leaving:
                if outstanding <= IN_FLIGHT // 2:
                    await self.connection.publish(
                        f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{self.name}", json.dumps(request).encode(), reply=inbox
                    )
                    outstanding += IN_FLIGHT
                # what came together is begun together
                if self.waiting and not subscription.pending_msgs:
                    self._start()
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
                again = (message.metadata.num_delivered or 1) > 1
                self.waiting.append(Event(message.subject, message.data, dict(message.headers or {}), message, again))
        finally:
            await subscription.unsubscribe()
            self._start()
            while self.work:
                await asyncio.wait(self.work)

    def _start(self) -> None:
        """Work on what waits, as far as there are places."""
        while len(self.work) < AT_ONCE and (events := self._next()):
            documents = {event.document for event in events}
            self.documents |= documents
            task = asyncio.create_task(self._handle(events))
            self.work.add(task)

            def done(finished: asyncio.Task[None], documents: set[str] = documents) -> None:
                self.work.discard(finished)
                self.documents -= documents
                if not finished.cancelled() and (error := finished.exception()):
                    # the stream went away before it was told: it brings them again
                    log.warning("events not acknowledged", service=self.name, error=telemetry.plain(error))
                self._start()

            task.add_done_callback(done)

    def _next(self) -> list[Event]:
        """Take the oldest that need not wait for another of their document, as many as may share a transaction."""
        taken: list[Event] = []
        left: deque[Event] = deque()
        passed = set(self.documents)
        while self.waiting and len(taken) < TOGETHER:
            event = self.waiting.popleft()
            fits = not taken or (not event.alone and event.company == taken[0].company)
            if fits and event.document not in passed:
                taken.append(event)
                if event.alone:
                    break
            else:
                left.append(event)
                passed.add(event.document)
        self.waiting.extendleft(reversed(left))
        return taken

    async def _handle(self, events: list[Event]) -> None:
        """Work on some events; each is acknowledged after the commit."""
        if len(events) == 1:
            await self._handle_alone(events[0])
            return
        try:
            done = await work_on_all(self.runtime, events)
        except Exception as error:  # noqa: BLE001  (which of them failed, and what is to be done, each says alone)
            log.info("events are worked on alone", service=self.name, count=len(events), error=telemetry.plain(error))
            for event in events:
                event.alone = True
            done = 0
        self.waiting.extendleft(reversed(events[done:]))
        for event in events[:done]:
            await self._acknowledge(event)

    async def _handle_alone(self, event: Event) -> None:
        message = event.message
        assert message is not None
        delivered = message.metadata.num_delivered or 1
        try:
            await work_on(self.runtime, event.subject, event.payload, event.headers)
        except Passing as reason:
            delay = seconds_before_retry(delivered)
            log.warning("event waits", service=self.name, subject=event.subject, reason=str(reason), delay=delay)
            await message.nak(delay=delay)
            return
        except Exception as error:  # noqa: BLE001  (whatever a rule raises is kept with its event, for a person)
            await self._park(message, dict(event.headers), error, delivered)
            return
        await self._acknowledge(event)

    async def _acknowledge(self, event: Event) -> None:
        assert event.message is not None
        faults.point("before_acknowledge")
        await event.message.ack()

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
        more = False
        try:
            more = await replay_requested(runtime) == REPLAYED_AT_ONCE
        except (DBAPIError, PoolTimeout, OSError) as error:
            log.warning("parked events wait", service=runtime.service.name, error=telemetry.plain(error))
        if not more:
            await asyncio.sleep(REPLAY_POLL_SECONDS)


async def replay_requested(runtime: Runtime) -> int:
    """Work once on parked events that somebody asked for, and on those that another release knew nothing of; returns
    how many succeeded.
    """
    faults.point("replay")
    table = runtime.tables.parked_event
    ours = table.c.subject.in_(list(runtime.service.reactions))
    asked = table.c.replay_requested_at.is_not(None)
    unknown = table.c.error.startswith(NoReactionError.__name__)
    wanted = sa.select(table).where(asked | (unknown & ours), table.c.resolved_at.is_(None)).limit(REPLAYED_AT_ONCE)
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


# in the order of their ids: of two that claim the same, one waits for the other
_CLAIM = sa.text(
    "INSERT INTO inbox (consumer, event_id) SELECT :consumer, id FROM unnest(CAST(:events AS uuid[])) AS e(id) "
    "ORDER BY id ON CONFLICT DO NOTHING RETURNING event_id"
)
_LEAVE = sa.text("DELETE FROM inbox WHERE consumer = :consumer AND event_id = ANY(CAST(:events AS uuid[]))")
