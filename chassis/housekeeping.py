"""What a service throws away by itself: keys and events that nobody can ask for any more.

Idempotency keys are kept 7 days, the rows of imported files 30 days. Events are kept 30 days, so that a lost stream can
be filled again from the outbox and a consumer still knows what it has seen. An event that was never published is never
thrown away.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from chassis import faults, import_work

if TYPE_CHECKING:
    from chassis.runtime import Runtime

KEYS_KEPT = datetime.timedelta(days=7)
EVENTS_KEPT = datetime.timedelta(days=30)
EVERY_SECONDS = 3600.0
BATCH = 5_000


async def run(runtime: Runtime) -> None:
    """Tidy up once an hour, until cancelled."""
    while True:
        await tidy(runtime)
        runtime.due["housekeeping"] = time.monotonic() + 2 * EVERY_SECONDS
        await asyncio.sleep(EVERY_SECONDS)


async def tidy(runtime: Runtime) -> int:
    """Remove what is old, in small transactions; returns how many rows and files went."""
    now, tables = runtime.clock.now(), runtime.tables
    old = (
        (tables.idempotency, tables.idempotency.c.created_at < now - KEYS_KEPT),
        (tables.inbox, tables.inbox.c.processed_at < now - EVENTS_KEPT),
        (
            tables.outbox,
            sa.and_(tables.outbox.c.created_at < now - EVENTS_KEPT, tables.outbox.c.published_at.is_not(None)),
        ),
    )
    gone = await import_work.expire(runtime)
    for table, condition in old:
        key = sa.tuple_(*table.primary_key.columns)
        some = sa.select(*table.primary_key.columns).where(condition).limit(BATCH)
        while True:
            async with runtime.sessions() as session, session.begin():
                done: Any = await session.execute(sa.delete(table).where(key.in_(some)))
                removed = int(done.rowcount)
                faults.point("housekeeping")
            gone += removed
            if removed < BATCH:
                break
    return gone
