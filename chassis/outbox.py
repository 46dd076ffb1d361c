"""The outbox: what a transaction announces, and the relay that brings it to the stream.

Rows are written last in the transaction and published by mark, never by a cursor over ids: ids are taken before
commit, so a cursor would pass over those that commit late. A row is marked only when the stream says that it stored
it. Rows stay, so that a lost stream can be filled again.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import time
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import nats.errors
import nats.js.errors
import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis import contract, custom_fields, faults, ids, mapping, telemetry
from chassis.db import tables_of

if TYPE_CHECKING:
    from nats.js import JetStreamContext
    from sqlalchemy.ext.asyncio import AsyncEngine

    from chassis.call import Announcement, Call
    from chassis.service import Service

log = telemetry.logger("chassis.outbox")

STREAM = "EVT"
BATCH, IDLE_SECONDS, ACK_SECONDS = 200, 0.5, 5.0
# what every stream takes, until it is known what this one does; what publishing adds to an event's own headers
EVENT_BYTES, WIRE_BYTES = 1024 * 1024, 512
# a mark is a transaction: those of one moment share it, out of the way of what the events set going
MARK_SECONDS = 0.25

INSERT = """told AS (
  INSERT INTO outbox (event_id, aggregate_type, aggregate_id, version, subject, payload, headers, created_at)
  SELECT event_id, aggregate_type, aggregate_id, version, subject, payload, CAST(headers AS jsonb),
    CAST(:at AS timestamptz)
  FROM unnest(CAST(:event_ids AS uuid[]), CAST(:event_types AS text[]), CAST(:event_documents AS uuid[]),
    CAST(:event_versions AS int[]), CAST(:subjects AS text[]), CAST(:payloads AS bytea[]), CAST(:headers AS text[]))
    AS e(event_id, aggregate_type, aggregate_id, version, subject, payload, headers)
)"""


class Outgoing(NamedTuple):
    """One row of the outbox, as a transaction writes it."""

    event_id: uuid.UUID
    aggregate_type: str
    aggregate_id: uuid.UUID
    version: int
    subject: str
    payload: bytes
    headers: dict[str, str]


def size_of(row: Outgoing) -> int:
    """Bytes of an event on the wire, at most."""
    return len(row.payload) + sum(len(name) + len(value) + 4 for name, value in row.headers.items()) + WIRE_BYTES


def values(rows: Sequence[Outgoing]) -> dict[str, Any]:
    """Parameters of INSERT beside `at`, the call's instant."""
    return {
        "event_ids": [row.event_id for row in rows],
        "event_types": [row.aggregate_type for row in rows],
        "event_documents": [row.aggregate_id for row in rows],
        "event_versions": [row.version for row in rows],
        "subjects": [row.subject for row in rows],
        "payloads": [row.payload for row in rows],
        "headers": [orjson.dumps(row.headers).decode() for row in rows],
    }


def outgoing(call: Call, announcement: Announcement) -> Outgoing:
    """What a call announces, with the document's snapshot as it was flushed. What leaves the suite tells nothing that
    is not for everybody to see: nobody there has roles.
    """
    row, subject = announcement.row, contract.subject_of(announcement.kind)
    event_id = ids.uuid7()
    snapshot = mapping.plan_for(type(row)).to_message(row, with_parts=announcement.parts)
    if custom_fields.takes_fields(type(row)) and subject in contract.outside():
        custom_fields.without(snapshot, custom_fields.guarded(call, type(row)))
    name = contract.snake(snapshot.DESCRIPTOR.name)
    event = announcement.kind(**{name: snapshot}, **announcement.extra)
    document = contract.load().document_of(type(snapshot)).name
    audience = {*announcement.audience, *call.extra_audience}
    headers = {
        "ce-specversion": "1.0",
        "ce-id": str(event_id),
        "ce-type": subject,
        "ce-source": call.runtime.service.name,
        "ce-time": call.now().isoformat(),
        "traceparent": telemetry.traceparent() or call.traceparent,
        "heyi-actor": str(call.actor.person or ""),
        "heyi-company": str(getattr(row, "company_id", None) or ""),
        "heyi-document": document,
        "heyi-document-id": str(row.id),
        "heyi-version": str(row.version or 0),
        "heyi-owner": str(getattr(row, "owner_id", None) or ""),
        "heyi-department": str(getattr(row, "department_id", None) or ""),
        "heyi-audience": ",".join(sorted(map(str, audience))),
    }
    return Outgoing(event_id, document, row.id, row.version or 0, subject, event.SerializeToString(), headers)


class Relay:
    """Publishes what the outbox holds. Two of them do no harm: the stream drops what it has, consumers the rest.

    What this process has just committed is handed over and goes out without a question to the database; a poll finds
    what was committed elsewhere, or before a crash.
    """

    def __init__(self, service: Service, engine: AsyncEngine, stream: JetStreamContext) -> None:
        self.table = tables_of(service.base.metadata).outbox
        self.name, self.engine, self.stream = service.name, engine, stream
        self.handed: deque[Outgoing] = deque(maxlen=10 * BATCH)  # what falls out is found by the poll
        self.unmarked: set[uuid.UUID] = set()
        self.todo = asyncio.Event()

    def hand(self, rows: Iterable[Outgoing]) -> None:
        """These rows were committed."""
        self.handed.extend(rows)
        self.todo.set()

    async def run(self) -> None:
        """Publish until cancelled. What fails is tried again: the row stays unmarked."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._publish_handed())
            both.create_task(self._look())

    async def _publish_handed(self) -> None:
        """What was committed here goes out at once: neither marks nor the poll hold it up."""
        while True:
            await self.todo.wait()
            self.todo.clear()
            while self.handed:
                with self._waiting():
                    await self._publish_all([self.handed.popleft() for _ in range(min(BATCH, len(self.handed)))])

    async def _look(self) -> None:
        """Mark what the stream took, and look for what was committed elsewhere or before a crash."""
        polled, full = float("-inf"), False
        while True:
            with self._waiting():
                await self._mark()
                if full or time.monotonic() - polled >= IDLE_SECONDS:
                    polled, full = time.monotonic(), False
                    full = await self.publish_some() == BATCH
            if not full:
                await asyncio.sleep(MARK_SECONDS)

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.DBAPIError, sa.exc.TimeoutError, nats.errors.Error, OSError) as error:
            log.warning("relay waits", service=self.name, error=type(error).__name__)

    async def publish_some(self) -> int:
        """Publish up to one batch that the database holds, oldest first; returns how many the stream took."""
        await self._mark()
        table = self.table
        select = (
            sa.select(*(table.c[name] for name in Outgoing._fields))
            .where(table.c.published_at.is_(None))
            .order_by(table.c.created_at, table.c.event_id)
            .limit(BATCH)
        )
        async with self.engine.connect() as connection:
            found = map(Outgoing._make, (await connection.execute(select)).all())
            rows = [row for row in found if row.event_id not in self.unmarked]
        stored = await self._publish_all(rows)
        await self._mark()
        return stored

    async def _publish_all(self, rows: Sequence[Outgoing]) -> int:
        if not rows:
            return 0
        faults.point("before_publish")
        stored = [key for key in await asyncio.gather(*map(self._publish, rows)) if key is not None]
        faults.point("after_publish")
        self.unmarked.update(stored)
        return len(stored)

    async def _mark(self) -> None:
        if not self.unmarked:
            return
        marked = list(self.unmarked)
        mark = sa.update(self.table).where(self.table.c.event_id == sa.any_(sa.cast(marked, pg.ARRAY(sa.Uuid()))))
        async with self.engine.begin() as connection:
            await connection.execute(mark.values(published_at=sa.func.clock_timestamp()))
        self.unmarked.difference_update(marked)

    async def _publish(self, row: Outgoing) -> uuid.UUID | None:
        headers = {name: value for name, value in row.headers.items() if value}
        headers["Nats-Msg-Id"] = str(row.event_id)
        headers["Nats-Expected-Stream"] = STREAM
        try:
            with telemetry.span(
                f"publish {row.subject}", traceparent=headers.get("traceparent", ""), kind="producer", begins=False
            ):
                telemetry.inject(headers)
                stored = await self.stream.publish(row.subject, row.payload, timeout=ACK_SECONDS, headers=headers)
        except (nats.js.errors.APIError, nats.errors.Error, TimeoutError) as error:
            log.warning("event not taken", service=self.name, subject=row.subject, error=str(error)[:200])
            return None
        return row.event_id if stored.stream == STREAM and stored.seq > 0 else None


async def republish(service: Service, engine: AsyncEngine, since: datetime.datetime) -> int:
    """Mark everything since an instant as not published: the relay brings it again, consumers drop what they know."""
    table = tables_of(service.base.metadata).outbox
    async with engine.begin() as connection:
        result = await connection.execute(sa.update(table).where(table.c.created_at >= since).values(published_at=None))
    return int(result.rowcount)
