"""What nobody needs any more leaves the store: uploads that were given up, refused files, removed ones after 30 days,
and bytes that no row names. What a sweep does not reach, the next one does.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

import sqlalchemy as sa

from chassis import telemetry
from chassis.call import NO_COMPANY, Actor, Call, Refused
from chassis.db import fenced_to
from chassis.passes import over_and_over
from chassis.runtime import Runtime
from documents.attachment import usage
from documents.attachment.model import Attachment
from documents.attachment.rules import ABANDONED, KEPT_REFUSED, KEPT_REMOVED
from documents.settings import settings_of

log = telemetry.logger("documents.sweeping")

METHOD = "PurgeAttachment"
EVERY_SECONDS = 600.0
BATCH = 200


async def sweep_store(runtime: Runtime) -> None:
    """Work until cancelled."""
    await over_and_over(lambda: sweep(runtime), seconds=EVERY_SECONDS, log=log, waiting="the store is not swept")


async def sweep(runtime: Runtime) -> dict[str, int]:
    """One pass over everything; how much of each sort was cleared away."""
    done = {
        "abandoned": await _clear(runtime, "UPLOADING", ABANDONED, _drop),
        "refused": await _clear(runtime, "REFUSED", KEPT_REFUSED, _drop),
        "removed": await _clear(runtime, "REMOVED", KEPT_REMOVED, _purge),
        "strays": await _strays(runtime),
    }
    for what, number in done.items():
        telemetry.count("heyi.documents.swept", number, what=what)
    if any(done.values()):
        log.info("the store was swept", **done)
    return done


async def _clear(
    runtime: Runtime,
    state: str,
    after: datetime.timedelta,
    clear: Callable[[Call, Attachment], Coroutine[Any, Any, None]],
) -> int:
    """Rows that have stood in a state for so long, each in a transaction of its own."""
    before = runtime.clock.now() - after
    old = sa.select(Attachment.id).where(Attachment.state == state, Attachment.touched_at < before)
    number = 0
    while True:
        with fenced_to(None):
            async with runtime.read_sessions() as session:
                rows = (await session.scalars(old.order_by(Attachment.touched_at).limit(BATCH))).all()
        for key in rows:
            number += await _one(runtime, key, state, before, clear)
        if len(rows) < BATCH:
            return number


async def _one(
    runtime: Runtime,
    key: uuid.UUID,
    state: str,
    before: datetime.datetime,
    clear: Callable[[Call, Attachment], Coroutine[Any, Any, None]],
) -> bool:
    """Whether it was cleared away: since it was listed it may have been brought back, gone on with, or deleted.

    The row first, and its bytes once that is committed. After a crash in between, the bytes are ones that no row keeps,
    and go as strays. The other way round, a crash would leave a row without bytes that could still be brought back.
    """
    with fenced_to(None):
        async with runtime.sessions() as session, session.begin():
            actor = Actor(None, service=runtime.service.name)
            call = runtime.call_for_event(session, actor, NO_COMPANY, "")
            try:
                row = await call.load(Attachment, key, scope=False)
            except Refused as refusal:
                if refusal.reason != "DOCUMENT_NOT_FOUND":
                    raise
                return False
            if row.state != state or row.touched_at >= before:
                return False
            blob, call.company_id = row.blob, row.company_id or row.charged_company_id
            await clear(call, row)
            await runtime.finish(call, METHOD)
    await settings_of(runtime).store.forget(blob)
    return True


async def _drop(call: Call, row: Attachment) -> None:
    """It never was a file of its document."""
    if row.state == "UPLOADING":
        await usage.release(call, row)
    await call.delete(row)


async def _purge(call: Call, row: Attachment) -> None:
    """The row stays: the document's history names it."""
    await usage.release(call, row)
    row.state, row.touched_at = "PURGED", call.now()


async def _strays(runtime: Runtime) -> int:
    """Bytes that no row names, once they are so old that no row is still to come."""
    store, number = settings_of(runtime).store, 0
    kept = Attachment.state.in_(["UPLOADING", "CHECKING", "READY", "REMOVED"])
    for found in store.strays(ABANDONED.total_seconds()):
        for start in range(0, len(found), BATCH):
            names = found[start : start + BATCH]
            with fenced_to(None):
                async with runtime.read_sessions() as session:
                    wanted = sa.select(Attachment.blob).where(Attachment.blob.in_(names), kept)
                    known = set(await session.scalars(wanted))
            for stray in set(names) - known:
                await store.forget(stray)
                number += 1
    return number
