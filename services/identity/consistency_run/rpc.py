"""Runs of the reconciler: asked for by administrators, written by the reconciler's own account and by nobody else."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from chassis.call import Call
from chassis.errors import Refused
from chassis.mapping import plan_for, read_new
from heyi.identity.v1 import consistency_runs_pb2 as pb
from identity.consistency_run import rules
from identity.consistency_run.model import ConsistencyFinding, ConsistencyResult, ConsistencyRun

MOST_RESULTS, MOST_FINDINGS = 200, 500


class ConsistencyRuns:
    async def GetConsistencyRun(self, request: pb.GetConsistencyRunRequest, call: Call) -> Any:
        return await call.load(ConsistencyRun, request.id)

    async def ListConsistencyRuns(self, request: pb.ListConsistencyRunsRequest, call: Call) -> Any:
        return await call.page(ConsistencyRun, request)

    async def RequestConsistencyRun(self, request: pb.RequestConsistencyRunRequest, call: Call) -> Any:
        if await open_run(call) is not None:
            raise Refused("CONSISTENCY_RUN_OPEN")
        run = _new(call, "PERSON")
        run.state, run.lease_until = "REQUESTED", call.now() + rules.WAITS
        return call.announce(pb.ConsistencyRunRequested, run)

    async def StartConsistencyRun(self, request: pb.StartConsistencyRunRequest, call: Call) -> Any:
        if not 0 < request.invariant_count <= MOST_RESULTS:
            facts = {"value": request.invariant_count, "expected": f"1 - {MOST_RESULTS}"}
            raise Refused.fields([("invariantCount", "FIELD_FORMAT", facts)])
        run = await open_run(call)
        if run is not None and run.state == "RUNNING":
            raise Refused("CONSISTENCY_RUN_OPEN")
        run = run or _new(call, "SCHEDULE")
        rules.start(run, call.now(), request.invariant_count)
        return call.announce(pb.ConsistencyRunUpdated, run)

    async def ReportConsistencyRun(self, request: pb.ReportConsistencyRunRequest, call: Call) -> Any:
        run = await call.load(ConsistencyRun, request.id)
        rules.report(run, call.now(), request.checked_count)
        return call.announce(pb.ConsistencyRunUpdated, run)

    async def RecordConsistencyRun(self, request: pb.RecordConsistencyRunRequest, call: Call) -> Any:
        run = await call.load(ConsistencyRun, request.id)
        rules.check_running(run, call.now())
        if request.failure_detail:
            rules.fail(run, call.now(), "BROKEN", request.failure_detail)
            return call.announce(pb.ConsistencyRunUpdated, run)
        _check_size(request)
        run.results = _lines(ConsistencyResult, request.results)
        findings = _lines(ConsistencyFinding, request.findings)
        rules.finish(run, call.now())
        rules.remember(findings, await _found_before(call), run)
        run.findings = findings
        return call.announce(pb.ConsistencyRunUpdated, run)


async def open_run(call: Call) -> ConsistencyRun | None:
    """The run that waits or is under way. One whose time is over is ended first."""
    key = (await call.db.execute(sa.select(ConsistencyRun.id).where(ConsistencyRun.state.in_(rules.OPEN)))).scalar()
    if key is None:
        return None
    run = await call.load(ConsistencyRun, key)
    if rules.give_up(run, call.now()):
        call.announce(pb.ConsistencyRunUpdated, run)
        # before another one is written: the table holds one that is open
        await call.db.flush()
    return run if run.state in rules.OPEN else None


def _new(call: Call, origin: str) -> ConsistencyRun:
    run = call.add(ConsistencyRun(origin=origin, requester_id=call.actor.person, results=[], findings=[]))
    call.next_number(run)
    return run


def _check_size(request: pb.RecordConsistencyRunRequest) -> None:
    sizes = {"results": (request.results, MOST_RESULTS), "findings": (request.findings, MOST_FINDINGS)}
    over = [
        (name, "FIELD_TOO_MANY", {"count": len(lines), "limit": most})
        for name, (lines, most) in sizes.items()
        if len(lines) > most
    ]
    if over:
        raise Refused.fields(over)


def _lines(model: Any, sent: Any) -> list[Any]:
    plan = plan_for(model)
    return [model(line_number=number, **read_new(plan, line)) for number, line in enumerate(sent, 1)]


async def _found_before(call: Call) -> dict[tuple[str, ...], ConsistencyFinding]:
    """What the last run with a result found."""
    statement = (
        sa.select(ConsistencyRun)
        .where(ConsistencyRun.state.in_(rules.COMPLETE))
        .order_by(ConsistencyRun.finish_time.desc())
        .limit(1)
        .options(selectinload(ConsistencyRun.findings))
    )
    last = (await call.db.execute(statement)).scalar_one_or_none()
    return {rules.identity_of(finding): finding for finding in (last.findings if last else [])}
