"""In the background: a run that fell silent is ended, old runs go, and the numbers of the last result are told."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from chassis import telemetry
from chassis.call import NO_COMPANY, Actor
from chassis.db import fenced_to
from chassis.passes import over_and_over
from identity.consistency_run import rules
from identity.consistency_run.model import ConsistencyResult, ConsistencyRun
from identity.consistency_run.rpc import open_run
from identity.employee.model import Employee

if TYPE_CHECKING:
    from chassis.runtime import Runtime

log = telemetry.logger("identity.consistency_run")

EVERY_SECONDS = 15.0
METHOD = "identity.consistency_run.watch"


async def watch_runs(runtime: Runtime) -> None:
    """Work until cancelled."""

    async def once() -> None:
        await end_what_is_silent(runtime)
        await forget_what_is_old(runtime)
        await tell(runtime)

    await over_and_over(once, seconds=EVERY_SECONDS, log=log, waiting="runs are not watched for now")


async def end_what_is_silent(runtime: Runtime) -> None:
    """A run whose lease is over has failed."""
    now = runtime.clock.now()
    silent = sa.select(ConsistencyRun.id).where(ConsistencyRun.state.in_(rules.OPEN), ConsistencyRun.lease_until <= now)
    with fenced_to(NO_COMPANY):
        async with runtime.sessions() as session, session.begin():
            if (await session.execute(silent)).first() is None:
                return
            call = runtime.call_for_event(session, Actor(None, service=runtime.service.name), NO_COMPANY, "")
            await open_run(call)
            await runtime.finish(call, METHOD)
    runtime.hand_over(call.outgoing)


async def forget_what_is_old(runtime: Runtime) -> None:
    """Runs are kept 90 days, and the last one with a result for as long as there is no newer one."""
    last = (
        sa.select(ConsistencyRun.id)
        .where(ConsistencyRun.state.in_(rules.COMPLETE))
        .order_by(ConsistencyRun.finish_time.desc())
        .limit(1)
        .scalar_subquery()
    )
    old = sa.delete(ConsistencyRun).where(
        ConsistencyRun.finish_time < runtime.clock.now() - rules.KEPT, ConsistencyRun.id.is_distinct_from(last)
    )
    with fenced_to(NO_COMPANY):
        async with runtime.sessions() as session, session.begin():
            await session.execute(old)


async def tell(runtime: Runtime) -> None:
    """How many findings each rule had, and for how long there has been no result.

    Where there was none yet the time counts from the installation: the first administrator is made then.
    """
    async with runtime.read_sessions() as session:
        last = sa.select(ConsistencyRun.id, ConsistencyRun.finish_time).where(ConsistencyRun.state.in_(rules.COMPLETE))
        found: Any = (await session.execute(last.order_by(ConsistencyRun.finish_time.desc()).limit(1))).one_or_none()
        if found is None:
            since = (await session.execute(sa.select(sa.func.min(Employee.created_at)))).scalar_one()
            results: list[Any] = []
        else:
            since = found.finish_time
            statement = sa.select(ConsistencyResult).where(ConsistencyResult.parent_id == found.id)
            results = list((await session.scalars(statement)).all())
    age = runtime.clock.now() - (since or runtime.clock.now())
    telemetry.gauge("heyi.reconciler.success.age", max(age, datetime.timedelta()).total_seconds(), "s")
    for result in results:
        telemetry.gauge("heyi.reconciler.findings", result.finding_count, "", invariant=result.invariant)
