"""Timers: what happens to a document by itself when its time has come, exactly once.

A row of the table `timer` is written with the change that starts it and goes with the transaction in which its handler
runs, so neither a crash nor a second process makes the effect come twice or not at all. Whoever changes the document
locks it first; the handler does too, and finds the timer gone where it was dropped meanwhile.

A timer is due by the service's clock, which a test moves. Leases and pauses between tries are measured by the
database's own: no step of a service's clock holds a timer up. A timer that fails is tried again, later and later, and
is seen by operators until it succeeds.
"""

from __future__ import annotations

import asyncio
import datetime
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chassis import faults, ids, telemetry
from chassis.call import Actor
from chassis.db import fenced_to, tables_of
from chassis.together import Piece

if TYPE_CHECKING:
    from chassis.call import Call
    from chassis.runtime import Runtime

log = telemetry.logger("chassis.timers")

POLL_SECONDS, LEASE_SECONDS, AT_ONCE = 1.0, 30, 20
DELAYS_SECONDS = (1, 5, 30, 120, 600)


@dataclass(frozen=True)
class Timer:
    """A timer as it is kept. `subject_id` is the document, which its handler gets; `part_id` what of it, by itself."""

    id: uuid.UUID
    company_id: uuid.UUID
    due_time: datetime.datetime | None
    left_seconds: int | None
    handler: str
    subject_id: uuid.UUID
    part_id: uuid.UUID
    facts: dict[str, Any]
    attempts: int


@dataclass(frozen=True)
class OnTime:
    """`OnTime("turn", Case, expire)`: what a timer of this name does with its document, which is locked."""

    name: str
    model: Any
    run: Callable[[Any, Timer, Call], Awaitable[None]]


# ---- inside a call


def start(
    call: Call,
    handler: str,
    due_time: datetime.datetime,
    *,
    company_id: uuid.UUID,
    subject_id: uuid.UUID,
    part_id: uuid.UUID | None = None,
    **facts: Any,
) -> None:
    """From the commit of this call on, `handler` waits for its time. The company is the document's."""
    call.timers.append(
        {
            "id": ids.uuid7(),
            "company": company_id,
            "due": due_time,
            "handler": handler,
            "subject": subject_id,
            "part": part_id or subject_id,
            "facts": orjson.dumps(facts).decode(),
        }
    )


async def drop(call: Call, subject_id: uuid.UUID, *which: Any) -> None:
    """Timers of a document that are not wanted any more: all of them, or those for which the conditions hold."""
    table = _table(call.runtime)
    await call.db.execute(sa.delete(table).where(table.c.subject_id == subject_id, *which))


async def pause(call: Call, subject_id: uuid.UUID, left: Callable[[Timer], datetime.timedelta]) -> list[Timer]:
    """The timers of a document stand still, each with the time that is `left` of it; those that do from now on."""
    table = _table(call.runtime)
    running = sa.select(*_columns(table)).where(table.c.subject_id == subject_id, table.c.due_time.is_not(None))
    found = [Timer(**row._mapping) for row in await call.db.execute(running)]
    await _set(call, [(timer.id, None, max(0, round(left(timer).total_seconds()))) for timer in found])
    return found


async def resume(
    call: Call, subject_id: uuid.UUID, due_time: Callable[[Timer], datetime.datetime]
) -> list[tuple[Timer, datetime.datetime]]:
    """The timers of a document that stood still go on; each with its new time."""
    table = _table(call.runtime)
    still = sa.select(*_columns(table)).where(table.c.subject_id == subject_id, table.c.due_time.is_(None))
    found = [Timer(**row._mapping) for row in await call.db.execute(still)]
    going = [(timer, due_time(timer)) for timer in found]
    await _set(call, [(timer.id, due, None) for timer, due in going])
    return going


async def _set(call: Call, times: Sequence[tuple[uuid.UUID, datetime.datetime | None, int | None]]) -> None:
    """When timers are due, or how much is left of them; all in one statement."""
    if times:
        columns = {name: [row[at] for row in times] for at, name in enumerate(("ids", "due", "left"))}
        await call.db.execute(_SET, columns)


def piece(started: Sequence[dict[str, Any]]) -> Piece:
    """What writes new timers with everything else that a call leaves behind."""
    return Piece(_START, {f"timer_{name}": [row[name] for row in started] for name in started[0]})


def table_of(call: Call) -> sa.Table:
    """The table, for conditions of `drop` and for what shows timers."""
    return _table(call.runtime)


# ---- when the time has come


async def run(runtime: Runtime) -> None:
    """Run what is due, until cancelled."""
    while True:
        ran = 0
        try:
            ran = await run_due(runtime)
        except (DBAPIError, PoolTimeout, OSError) as error:
            log.warning("timers wait", service=runtime.service.name, error=telemetry.plain(error))
        else:
            runtime.due["timers"] = time.monotonic() + 2 * LEASE_SECONDS
        if ran < AT_ONCE:
            await asyncio.sleep(POLL_SECONDS)


async def run_due(runtime: Runtime) -> int:
    """Claim what is due and run it, one after another, each in a transaction of its own; how many were claimed."""
    claimed = await claim(runtime)
    for timer in claimed:
        try:
            await expire(runtime, timer)
        except Exception as error:  # noqa: BLE001  (whatever a rule raises is kept with its timer, for a person)
            await _put_off(runtime, timer, error)
    return len(claimed)


async def claim(runtime: Runtime) -> list[Timer]:
    """Take timers that are due, the oldest first; for the length of the lease nobody else does."""
    table = _table(runtime)
    free = sa.or_(table.c.leased_until.is_(None), table.c.leased_until < sa.func.clock_timestamp())
    due = (
        sa.select(table.c.id)
        .where(table.c.due_time <= runtime.clock.now(), free)
        .order_by(table.c.due_time)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    taken = (
        sa.update(table)
        .where(table.c.id.in_(due))
        .values(leased_until=_in_seconds(LEASE_SECONDS), attempts=table.c.attempts + 1)
        .returning(*_columns(table))
    )
    with fenced_to(None):
        async with runtime.sessions() as session, session.begin():
            found = [Timer(**row._mapping) for row in await session.execute(taken)]
    return sorted(found, key=lambda timer: (timer.due_time, timer.id))


async def expire(runtime: Runtime, timer: Timer) -> bool:
    """Run one timer, as the service itself; False where it was dropped, put off or run by another meanwhile."""
    handler, table = runtime.service.timers[timer.handler], _table(runtime)
    # dropped, or moved to another time while it stood still: then it is not this one any more
    same = sa.and_(table.c.id == timer.id, table.c.due_time == timer.due_time)

    async def attempt() -> bool:
        with fenced_to(timer.company_id):
            async with runtime.sessions() as session, session.begin():
                actor = Actor(None, service=runtime.service.name)
                call = runtime.call_for_event(session, actor, timer.company_id, "")
                document = await call.load(handler.model, timer.subject_id, lock=True, scope=False)
                gone = await session.execute(sa.delete(table).where(same).returning(table.c.id))
                if gone.first() is None:
                    return False
                faults.point("timer_after_lock")
                await handler.run(document, timer, call)
                await runtime.finish(call, f"timer/{timer.handler}")
                faults.point("timer_before_commit")
        faults.point("timer_after_commit")
        runtime.hand_over(call.outgoing)
        return True

    with telemetry.span(f"timer {timer.handler}", kind="consumer"):
        telemetry.note(document_id=timer.subject_id, company_id=timer.company_id)
        return bool(await runtime._retrying(attempt))


async def _put_off(runtime: Runtime, timer: Timer, error: Exception) -> None:
    """A timer that failed rests, longer each time, with its error."""
    table = _table(runtime)
    delay = DELAYS_SECONDS[min(timer.attempts, len(DELAYS_SECONDS)) - 1]
    log.warning("timer waits", service=runtime.service.name, timer=timer.handler, error=telemetry.plain(error))
    resting = sa.update(table).where(table.c.id == timer.id)
    words = f"{type(error).__name__}: {error}"[:2000]
    with fenced_to(timer.company_id):
        async with runtime.sessions() as session, session.begin():
            await session.execute(resting.values(error=words, leased_until=_in_seconds(delay)))


async def behind(runtime: Runtime, session: Any) -> tuple[float, int]:
    """For how many seconds the oldest timer is due that has not run, and how many failed."""
    table = runtime.tables.timer
    if table is None:
        return 0.0, 0
    oldest = sa.select(sa.func.min(table.c.due_time)).scalar_subquery()
    failing = sa.select(sa.func.count()).where(table.c.error != "").scalar_subquery()
    since, count = (await session.execute(sa.select(oldest, failing))).one()
    late = (runtime.clock.now() - since).total_seconds() if since else 0.0
    return max(0.0, late), count


def _table(runtime: Runtime) -> sa.Table:
    table = tables_of(runtime.service.base.metadata).timer
    assert table is not None, f"{runtime.service.name} keeps no timers"
    return table


def _columns(table: sa.Table) -> list[Any]:
    return [table.c[name] for name in Timer.__dataclass_fields__]


def _in_seconds(seconds: int) -> Any:
    return sa.func.clock_timestamp() + datetime.timedelta(seconds=seconds)


_START = """timer_start AS (
  INSERT INTO timer (id, company_id, due_time, handler, subject_id, part_id, facts)
  SELECT id, company_id, due_time, handler, subject_id, part_id, CAST(facts AS jsonb)
  FROM unnest(CAST(:timer_id AS uuid[]), CAST(:timer_company AS uuid[]), CAST(:timer_due AS timestamptz[]),
    CAST(:timer_handler AS text[]), CAST(:timer_subject AS uuid[]), CAST(:timer_part AS uuid[]),
    CAST(:timer_facts AS text[])) AS t(id, company_id, due_time, handler, subject_id, part_id, facts)
)"""
_SET = sa.text(
    "UPDATE timer SET due_time = fresh.due_time, left_seconds = fresh.left_seconds "
    "FROM unnest(CAST(:ids AS uuid[]), CAST(:due AS timestamptz[]), CAST(:left AS integer[])) "
    "AS fresh(id, due_time, left_seconds) WHERE timer.id = fresh.id"
)
