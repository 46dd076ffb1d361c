"""Anti-entropy: a consumer compares what the others have published with what it has seen, and fetches what it lacks.

The stream is a wire that may forget what it had acknowledged. So each consumer walks through the outboxes of those it
listens to, every few minutes and at once when the stream was made anew or went back, and works on what never came:
through the inbox, as if the stream had brought it. The walk follows `published_at`, which the outbox' own database
sets, and stays behind it by more than the longest transaction: nothing appears behind the watermark, whatever the
clocks of the services say. There is one watermark per source and not one per document: gaps between a document's
versions are normal, so only the inbox knows what is missing, and all that is behind the watermark is in it.
"""

from __future__ import annotations

import asyncio
import datetime
import time
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import nats.errors
import nats.js.errors
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chassis import faults, ids, inbox, stream, telemetry
from chassis.db import tables_of
from chassis.errors import Refused
from chassis.outbox import EVENT_BYTES, STREAM
from heyi.platform.v1 import records_pb2

if TYPE_CHECKING:
    from nats.aio.client import Client

    from chassis.call import Call
    from chassis.runtime import Runtime

log = telemetry.logger("chassis.sweep")

LIST_EVENTS = "heyi.platform.v1.Records/ListEvents"
PAGE, WHOLE, WHOLE_BYTES = 2_000, 20, 16 * 1024 * 1024
# longer than a mark's transaction, which is one statement of at most three seconds
SETTLING = datetime.timedelta(seconds=15)
LOOK_SECONDS = 3.0
# what was stored just before a loss may be marked just after it was noticed
AGAIN_SECONDS = 20.0
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
NO_ID = uuid.UUID(int=0)


# ---- the owner's side


async def list_events(request: Any, call: Call) -> Any:
    """Answer ListEvents: ids in the order of publication, or whole events by their ids. Two statements at most."""
    table = tables_of(call.runtime.service.base.metadata).outbox
    reply = records_pb2.ListEventsResponse()
    if request.event_ids:
        wanted = [ids.parse(text) for text in request.event_ids[:WHOLE]]
        size = 0
        for row in (await call.db.execute(sa.select(table).where(table.c.event_id.in_(wanted)))).all():
            # what does not fit in is asked for again
            if (size := size + len(row.payload)) > WHOLE_BYTES and reply.events:
                break
            headers = {name: value for name, value in row.headers.items() if value}
            reply.events.add(event_id=str(row.event_id), subject=row.subject, payload=row.payload, headers=headers)
        return reply
    now = (await call.db.execute(sa.select(sa.func.clock_timestamp()))).scalar_one()
    at, event_id = _place(request.page_token)
    # the page is cut before its subjects are looked at, so that its cost does not depend on how rare they are
    page = (
        sa.select(table.c.event_id, table.c.subject, table.c.published_at)
        .where(sa.tuple_(table.c.published_at, table.c.event_id) > sa.tuple_(sa.literal(at), sa.literal(event_id)))
        .order_by(table.c.published_at, table.c.event_id)
        .limit(PAGE)
    )
    rows = (await call.db.execute(page)).all()
    wanted_subjects = set(request.subjects)
    reply.events.extend(
        records_pb2.PublishedEvent(event_id=str(row.event_id)) for row in rows if row.subject in wanted_subjects
    )
    if len(rows) == PAGE:
        reply.next_page_token = _token(rows[-1].published_at, rows[-1].event_id)
    reached = reply.next_page_token or _token(now, NO_ID)
    reply.settled_token = max(request.page_token, min(reached, _token(now - SETTLING, NO_ID)))
    return reply


def _token(at: datetime.datetime, event_id: Any) -> str:
    """A place in the order of publication; texts sort as the places do."""
    return f"{(at - EPOCH) // datetime.timedelta(microseconds=1):020d}/{event_id}"


def _place(token: str) -> tuple[datetime.datetime, Any]:
    if not token:
        return EPOCH, NO_ID
    try:
        at, _, event_id = token.partition("/")
        return EPOCH + datetime.timedelta(microseconds=int(at)), ids.parse(event_id)
    except (ValueError, OverflowError):
        raise Refused("PAGE_TOKEN") from None


# ---- the consumer's side


async def run(runtime: Runtime, connection: Client, every_seconds: float) -> None:
    """Sweep at the start, every few minutes, and soon after the stream lost something; until cancelled."""
    known, due, lost = None, 0.0, False
    while True:
        try:
            now = await _state_of_stream(connection, runtime)
            if known is not None and (now[0] != known[0] or now[1] < known[1]):
                log.warning("the stream lost events", service=runtime.service.name)
                due, lost = 0.0, True
            known = now
            if time.monotonic() >= due:
                complete = await sweep(runtime)
                due = time.monotonic() + (AGAIN_SECONDS if lost or not complete else every_seconds)
                lost = False
        except (nats.errors.Error, TimeoutError, OSError, DBAPIError, PoolTimeout, Refused) as error:
            log.warning("sweep waits", service=runtime.service.name, error=f"{type(error).__name__}: {error}"[:200])
        await asyncio.sleep(LOOK_SECONDS)


async def _state_of_stream(connection: Client, runtime: Runtime) -> tuple[Any, int]:
    """When the stream was made and how far it is; made anew, with our consumer, where either is gone."""
    js = connection.jetstream()
    try:
        info = await js.stream_info(STREAM)
        if runtime.service.reactions:
            await js.consumer_info(STREAM, runtime.service.name)
    except nats.js.errors.NotFoundError:
        log.warning("stream or consumer is gone: made anew", service=runtime.service.name)
        await stream.ensure_stream(js)
        await stream.ensure_consumer(js, runtime.service)
        info = await js.stream_info(STREAM)
    limits = (info.config.max_msg_size or 0, connection.max_payload)
    runtime.event_bytes = min((limit for limit in limits if limit > 0), default=EVENT_BYTES)
    return info.created, info.state.last_seq


async def sweep(runtime: Runtime) -> bool:
    """Compare with every source once; True where nothing is left to be done."""
    subjects: dict[str, list[str]] = {}
    for subject in sorted(runtime.service.reactions):
        subjects.setdefault(subject.split(".")[1], []).append(subject)
    return all([await _sweep_source(runtime, source, wanted) for source, wanted in subjects.items()])


async def _sweep_source(runtime: Runtime, source: str, subjects: Sequence[str]) -> bool:
    mark = runtime.tables.watermark
    ours = sa.select(mark.c.token).where(mark.c.consumer == runtime.service.name, mark.c.source == source)
    async with runtime.sessions() as session:
        token = (await session.execute(ours)).scalar_one_or_none() or ""
    complete, settled, repaired = True, token, 0
    while True:
        request = records_pb2.ListEventsRequest(subjects=subjects, page_token=token)
        page = await runtime.clients.ask(source, LIST_EVENTS, request)
        for missing in await _missing(runtime, [ids.parse(event.event_id) for event in page.events]):
            worked = await _fetch(runtime, source, missing)
            repaired += worked
            complete = complete and worked == len(missing)
        if complete:
            settled = page.settled_token
        if not page.next_page_token:
            break
        token = page.next_page_token
    faults.point("sweep_before_mark")
    keep = pg.insert(mark).values(consumer=runtime.service.name, source=source, token=settled)
    update = {"token": keep.excluded.token, "swept_at": sa.func.clock_timestamp()}
    async with runtime.sessions() as session, session.begin():
        await session.execute(keep.on_conflict_do_update(index_elements=["consumer", "source"], set_=update))
    if repaired:
        telemetry.count("heyi.events.repaired", repaired, source=source)
        log.warning("events fetched that never came", service=runtime.service.name, source=source, count=repaired)
    return complete


async def _missing(runtime: Runtime, published: Sequence[Any]) -> list[list[Any]]:
    """Those that are neither in the inbox nor parked, in small groups."""
    if not published:
        return []
    seen: set[Any] = set()
    async with runtime.sessions() as session:
        for table in (runtime.tables.inbox, runtime.tables.parked_event):
            ours = sa.select(table.c.event_id).where(
                table.c.consumer == runtime.service.name,
                table.c.event_id == sa.any_(sa.cast(list(published), pg.ARRAY(sa.Uuid()))),
            )
            seen.update((await session.execute(ours)).scalars())
    missing = [event_id for event_id in published if event_id not in seen]
    return [missing[first : first + WHOLE] for first in range(0, len(missing), WHOLE)]


async def _fetch(runtime: Runtime, source: str, missing: Sequence[Any]) -> int:
    """Work on what never came; returns how many are done or parked."""
    request = records_pb2.ListEventsRequest(event_ids=[str(event_id) for event_id in missing])
    done = 0
    for event in (await runtime.clients.ask(source, LIST_EVENTS, request)).events:
        headers = dict(event.headers)
        try:
            await inbox.work_on(runtime, event.subject, event.payload, headers)
        except inbox.Passing as reason:
            log.warning("event waits", service=runtime.service.name, subject=event.subject, reason=str(reason))
            continue
        except Exception as error:  # noqa: BLE001  (whatever a rule raises is kept with its event, for a person)
            await inbox.park(runtime, event.subject, event.payload, headers, error, 1)
        done += 1
    return done
