"""What an operator wants to know of a service: its calls and reactions as numbers, and how far behind it is.

Names are those of `infra/otel/schema`. Nothing here holds what somebody wrote: ids, names, codes and counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import nats.errors
import nats.js.errors
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chassis import contract, telemetry, timers
from chassis.db import fenced_to
from chassis.errors import Refused
from chassis.outbox import STREAM

if TYPE_CHECKING:
    from nats.aio.client import Client

    from chassis.runtime import Runtime

log = telemetry.logger("chassis.vitals")

EVERY_SECONDS = 15.0
DENIED = (7, 16)  # PERMISSION_DENIED, UNAUTHENTICATED


@contextlib.contextmanager
def timed(method: contract.Method, request: Any) -> Iterator[None]:
    """Count and time one call; what it is about goes on its span."""
    began = time.perf_counter()
    if method.document is not None and (key := getattr(request, "id", "")):
        telemetry.note(document_type=method.document, document_id=key)
    outcome = "OK"
    try:
        yield
    finally:
        outcome = telemetry.outcome() or outcome
        telemetry.measure("heyi.rpc.duration", time.perf_counter() - began, method=method.full_name, outcome=outcome)


def refused(method: contract.Method, refusal: Refused) -> None:
    """One call ended with a refusal."""
    telemetry.failed(refusal.reason)
    if refusal.code in DENIED:
        telemetry.count("heyi.authz.denied", method=method.full_name, reason=refusal.reason)


def about(changed: list[tuple[Any, Any]]) -> None:
    """Name the document that was changed on a span that has none: the first, where a call changes several."""
    for row, _ in changed[:1]:
        message = getattr(row, "__message__", None)
        if message is not None and not telemetry.noted("document_id"):
            telemetry.note(document_type=contract.load().document_of(message).name, document_id=row.id)


@contextlib.contextmanager
def reaction(subject: str, headers: Mapping[str, str]) -> Iterator[None]:
    """One reaction as a span below what announced its event."""
    with telemetry.span(
        f"react {subject}",
        traceparent=headers.get(telemetry.TRACEPARENT, ""),
        kind="consumer",
        link=headers.get(telemetry.LINK, ""),
    ):
        telemetry.note(
            document_type=headers.get("heyi-document", ""),
            document_id=headers.get("heyi-document-id", ""),
            company_id=headers.get("heyi-company", ""),
        )
        yield


def reacted(subject: str, headers: Mapping[str, str], seconds: float) -> None:
    """Count and time one reaction that is committed, and how long its event was on the way."""
    telemetry.measure("heyi.reaction.duration", seconds, subject=subject)
    if (sent := headers.get("ce-time")) and not headers.get(telemetry.LINK):
        lag = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(sent)
        telemetry.measure("heyi.inbox.lag", max(0.0, lag.total_seconds()), subject=subject)


@dataclass(frozen=True)
class Backlog:
    """How far behind a service is."""

    outbox_oldest_seconds: float
    outbox_waiting: int
    parked_open: int
    pool_in_use: int
    pool_size: int
    timers_overdue: tuple[str, ...]
    timer_late_seconds: float = 0.0
    timers_failing: int = 0


async def backlog(runtime: Runtime, session: Any) -> Backlog:
    """One question to the database, and what the process knows of itself."""
    outbox, parked = runtime.tables.outbox, runtime.tables.parked_event
    age = sa.func.extract("epoch", sa.func.clock_timestamp() - sa.func.min(outbox.c.created_at))
    waiting = sa.select(sa.func.coalesce(age, 0), sa.func.count()).where(outbox.c.published_at.is_(None)).subquery()
    opened = sa.select(sa.func.count()).where(parked.c.resolved_at.is_(None)).scalar_subquery()
    oldest, count, parked_open = (await session.execute(sa.select(waiting, opened))).one()
    pool: Any = runtime.engine.pool
    now = time.monotonic()
    overdue = tuple(name for name, by in runtime.due.items() if now > by)
    late, failing = await timers.behind(runtime, session)
    return Backlog(float(oldest), count, parked_open, pool.checkedout(), pool.size(), overdue, late, failing)


async def watch(runtime: Runtime, connection: Client | None) -> None:
    """Say every 15 seconds how far behind the service is, until cancelled."""
    name = runtime.service.name
    while True:
        try:
            with fenced_to(None):
                async with runtime.read_sessions() as session:
                    found = await backlog(runtime, session)
            telemetry.gauge("heyi.outbox.oldest", found.outbox_oldest_seconds, "s")
            telemetry.gauge("heyi.outbox.waiting", found.outbox_waiting)
            telemetry.gauge("heyi.events.parked.open", found.parked_open)
            telemetry.gauge("heyi.pool.in_use", found.pool_in_use)
            telemetry.gauge("heyi.pool.size", found.pool_size)
            telemetry.gauge("heyi.timers.overdue", len(found.timers_overdue))
            telemetry.gauge("heyi.timers.late", found.timer_late_seconds, "s")
            telemetry.gauge("heyi.timers.failing", found.timers_failing)
            if connection is not None and runtime.service.reactions:
                told = await connection.jetstream().consumer_info(STREAM, name)
                telemetry.gauge("heyi.inbox.pending", (told.num_pending or 0) + (told.num_ack_pending or 0))
        except (DBAPIError, PoolTimeout, nats.errors.Error, nats.js.errors.Error, OSError) as error:
            log.warning("vitals unknown", service=name, error=telemetry.plain(error))
        await asyncio.sleep(EVERY_SECONDS)
