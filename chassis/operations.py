"""What every service tells its operators: how far behind it is, what waits for a person, which calls are slow.

Traces and numbers come from the local file that processes of one machine share; where telemetry goes to a collector
instead, the report says so and tells the rest.
"""

from __future__ import annotations

import asyncio
import datetime
import importlib.metadata
import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from chassis import contract, ids, telemetry_export, vitals
from chassis.call import Call
from chassis.db import tables_of
from chassis.errors import Refused
from heyi.platform.v1 import operations_pb2 as pb

PERMISSION = "platform.operations_report.get"
STUCK_DAYS, STUCK_SHOWN, STUCK_COUNTED = 3, 20, 10_000
SLOW_WITHIN_SECONDS, SLOW_SHOWN = 3600, 20
SPANS_SHOWN, TRACES_SHOWN = 2000, 100
LONGEST_MICROS = 2**31 - 1

TRACE = re.compile(r"[0-9a-f]{32}")
_BEGAN = datetime.datetime.fromtimestamp(time.time(), datetime.UTC)


@dataclass(frozen=True)
class Stuck:
    """Documents that wait for somebody: which, and since when. `type` and `id` where they stand for another one."""

    kind: str
    model: Any
    since: Any
    where: Any
    number: Any


class Operations:
    """Serves heyi.platform.v1.Operations."""

    def __init__(self, stuck: Sequence[Stuck] = ()) -> None:
        self.stuck = stuck

    async def GetOperationsReport(self, request: Any, call: Call) -> Any:
        runtime = call.runtime
        days = request.stuck_days or STUCK_DAYS
        if not 0 < days <= 365:
            raise Refused.fields([("stuckDays", "FIELD_FORMAT", {"value": days, "expected": "1 - 365"})])
        found = await vitals.backlog(runtime, call.db)
        report = pb.OperationsReport(
            service=runtime.service.name,
            outbox_oldest_seconds=round(found.outbox_oldest_seconds),
            outbox_waiting_count=found.outbox_waiting,
            parked_count=found.parked_open,
            pool_in_use_count=found.pool_in_use,
            pool_size=found.pool_size,
            overdue_timers=found.timers_overdue,
            late_timer_seconds=round(found.timer_late_seconds),
            failing_timer_count=found.timers_failing,
            organisation_epoch=call.organisation.epoch,
        )
        for stuck in self.stuck:
            report.stuck_groups.append(await _waiting(stuck, call, days))
        if file := _file(call):
            report.telemetry_kept = True
            report.slow_methods.extend(await asyncio.to_thread(_slow, file, runtime.service.name))
            for name, version, pid, began, seen in await asyncio.to_thread(telemetry_export.processes, file):
                report.processes.add(name=name, version=version, pid=pid, start_time=began, seen_time=seen)
        else:
            version = importlib.metadata.version("heyi")
            report.processes.add(
                name=runtime.service.name, version=version, pid=os.getpid(), start_time=_BEGAN, seen_time=call.now()
            )
        if runtime.service.complete_report is not None:
            await runtime.service.complete_report(report, call)
        return report

    async def ListTraces(self, request: Any, call: Call) -> Any:
        try:
            key = ids.parse(request.document_id)
        except ValueError:
            raise Refused("DOCUMENT_NOT_FOUND", document_type="", id=request.document_id[:50]) from None
        tables = tables_of(call.runtime.service.base.metadata)
        change, entry = tables.audit_change, tables.audit_entry
        statement = (
            sa.select(entry.c.trace_id, entry.c.at, entry.c.method)
            .join(change, change.c.entry_id == entry.c.id)
            .where(change.c.document_id == key, entry.c.trace_id != "")
            .order_by(entry.c.at.desc())
            .limit(TRACES_SHOWN)
        )
        reply = pb.ListTracesResponse()
        for row in (await call.db.execute(statement)).all():
            reply.traces.add(trace_id=row.trace_id, create_time=row.at, method=row.method.split("/")[-1])
        return reply

    async def GetTrace(self, request: Any, call: Call) -> Any:
        if not TRACE.fullmatch(request.trace_id):
            raise Refused("DOCUMENT_NOT_FOUND", document_type="Trace", id=request.trace_id[:50])
        file = _file(call)
        rows = await asyncio.to_thread(telemetry_export.spans_of, file, request.trace_id, SPANS_SHOWN) if file else []
        if not rows:
            raise Refused("DOCUMENT_NOT_FOUND", document_type="Trace", id=request.trace_id)
        trace = pb.Trace(trace_id=request.trace_id)
        first: dict[str, int] = {}
        for span, parent, _link, service, _process, kind, name, began, took, error, attributes, trace_id in rows:
            made = trace.spans.add(
                span_id=span,
                parent_id=parent,
                service=service,
                kind=kind,
                name=name,
                begin_micros=min(LONGEST_MICROS, max(0, began - first.setdefault(trace_id, began)) // 1000),
                duration_micros=min(LONGEST_MICROS, took // 1000),
                error=error,
                attributes=json.loads(attributes),
                trace_id=trace_id,
            )
            made.begin_time.FromNanoseconds(began)
        return trace


async def _waiting(stuck: Stuck, call: Call, days: int) -> Any:
    """One group of stuck documents, as far as the caller's grant reaches."""
    conditions = [
        *call.scope_of(stuck.model, PERMISSION),
        stuck.where,
        stuck.since < call.now() - datetime.timedelta(days=days),
    ]
    some = sa.select(stuck.model.id).where(*conditions).limit(STUCK_COUNTED).subquery()
    total = (await call.db.execute(sa.select(sa.func.count()).select_from(some))).scalar_one()
    oldest = (
        sa.select(stuck.model.id, stuck.number.label("number"), stuck.since.label("since"))
        .where(*conditions)
        .order_by(stuck.since)
        .limit(STUCK_SHOWN)
    )
    document = contract.load().document_of(stuck.model.__message__).name
    group = pb.StuckGroup(kind=stuck.kind, total_count=total)
    for row in (await call.db.execute(oldest)).all():
        group.documents.add(
            document_type=document, document_id=str(row.id), number=row.number or "", since_time=row.since
        )
    return group


def _slow(file: str, service: str) -> list[Any]:
    rows = [
        pb.SlowMethod(
            method=method.split(".v1.")[-1],
            call_count=sum(buckets),
            error_count=failed,
            p50_millis=round(telemetry_export.quantile(buckets, 0.5) * 1000),
            p95_millis=round(telemetry_export.quantile(buckets, 0.95) * 1000),
        )
        for method, (buckets, failed) in telemetry_export.calls_of(file, service, SLOW_WITHIN_SECONDS).items()
    ]
    return sorted(rows, key=lambda row: -row.p95_millis)[:SLOW_SHOWN]


def _file(call: Call) -> str:
    shared = getattr(call.runtime.settings, "shared", None)
    return shared.telemetry_file if shared is not None else ""
