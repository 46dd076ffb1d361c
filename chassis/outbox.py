"""The outbox: what a transaction announces, and the relay that brings it to the stream.

Rows are written last in the transaction and published by mark, never by a cursor over ids: ids are taken before
commit, so a cursor would pass over those that commit late. A row is marked only when the stream says that it stored
it. Rows stay, so that a lost stream can be filled again.
"""

from __future__ import annotations

import asyncio
import datetime
from typing import TYPE_CHECKING, Any

import nats.errors
import nats.js.errors
import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis import contract, ids, mapping, telemetry
from chassis.db import tables_of

if TYPE_CHECKING:
    from nats.js import JetStreamContext
    from sqlalchemy.ext.asyncio import AsyncEngine

    from chassis.call import Announcement, Call
    from chassis.service import Service

log = telemetry.logger("chassis.outbox")

STREAM = "EVT"
BATCH, IDLE_SECONDS, ACK_SECONDS = 200, 0.5, 5.0


INSERT = """told AS (
  INSERT INTO outbox (event_id, aggregate_type, aggregate_id, version, subject, payload, headers, created_at)
  SELECT event_id, aggregate_type, aggregate_id, version, subject, payload, CAST(headers AS jsonb),
    CAST(:at AS timestamptz)
  FROM unnest(CAST(:event_ids AS uuid[]), CAST(:event_types AS text[]), CAST(:event_documents AS uuid[]),
    CAST(:event_versions AS int[]), CAST(:subjects AS text[]), CAST(:payloads AS bytea[]), CAST(:headers AS text[]))
    AS e(event_id, aggregate_type, aggregate_id, version, subject, payload, headers)
)"""


def values(call: Call) -> dict[str, Any]:
    """Parameters of INSERT beside `at`, the call's instant: what it announces."""
    rows = [_row(call, announcement) for announcement in call.announcements]
    return {
        "event_ids": [row["event_id"] for row in rows],
        "event_types": [row["aggregate_type"] for row in rows],
        "event_documents": [row["aggregate_id"] for row in rows],
        "event_versions": [row["version"] for row in rows],
        "subjects": [row["subject"] for row in rows],
        "payloads": [row["payload"] for row in rows],
        "headers": [orjson.dumps(row["headers"]).decode() for row in rows],
    }


def _row(call: Call, announcement: Announcement) -> dict[str, Any]:
    row, subject = announcement.row, contract.subject_of(announcement.kind)
    event_id, now = ids.uuid7(), call.now()
    snapshot = mapping.plan_for(type(row)).to_message(row)
    name = contract.snake(snapshot.DESCRIPTOR.name)
    event = announcement.kind(**{name: snapshot}, **announcement.extra)
    document = contract.load().document_of(type(snapshot)).name
    audience = {*announcement.audience, *call.extra_audience}
    headers = {
        "ce-specversion": "1.0",
        "ce-id": str(event_id),
        "ce-type": subject,
        "ce-source": call.runtime.service.name,
        "ce-time": now.isoformat(),
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
    return {
        "event_id": event_id,
        "aggregate_type": document,
        "aggregate_id": row.id,
        "version": row.version or 0,
        "subject": subject,
        "payload": event.SerializeToString(),
        "headers": headers,
    }


class Relay:
    """Publishes what the outbox holds. Two of them do no harm: the stream drops what it has, consumers the rest."""

    def __init__(self, service: Service, engine: AsyncEngine, stream: JetStreamContext) -> None:
        self.table = tables_of(service.base.metadata).outbox
        self.name, self.engine, self.stream = service.name, engine, stream
        self.todo = asyncio.Event()

    def wake(self) -> None:
        """Something was committed."""
        self.todo.set()

    async def run(self) -> None:
        """Publish until cancelled. What fails is tried again: the row stays unmarked."""
        while True:
            self.todo.clear()
            try:
                published = await self.publish_some()
            except (sa.exc.DBAPIError, sa.exc.TimeoutError, nats.errors.Error, OSError) as error:
                log.warning("relay waits", service=self.name, error=type(error).__name__)
                published = 0
            if published < BATCH:
                try:
                    await asyncio.wait_for(self.todo.wait(), IDLE_SECONDS)
                except TimeoutError:
                    continue

    async def publish_some(self) -> int:
        """Publish up to one batch, oldest first; returns how many the stream took."""
        table = self.table
        select = (
            sa.select(table.c.event_id, table.c.subject, table.c.payload, table.c.headers)
            .where(table.c.published_at.is_(None))
            .order_by(table.c.created_at, table.c.event_id)
            .limit(BATCH)
        )
        async with self.engine.connect() as connection:
            rows = (await connection.execute(select)).all()
        if not rows:
            return 0
        stored = [key for key in await asyncio.gather(*(self._publish(row) for row in rows)) if key is not None]
        if stored:
            mark = sa.update(table).where(table.c.event_id == sa.any_(sa.cast(stored, pg.ARRAY(sa.Uuid()))))
            async with self.engine.begin() as connection:
                await connection.execute(mark.values(published_at=sa.func.clock_timestamp()))
        return len(stored)

    async def _publish(self, row: Any) -> Any:
        headers = {name: value for name, value in row.headers.items() if value}
        headers["Nats-Msg-Id"] = str(row.event_id)
        headers["Nats-Expected-Stream"] = STREAM
        try:
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
