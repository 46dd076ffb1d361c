"""The timers of a case: one for each open turn whose node says what happens when nobody answers, one for each node that
waits. They follow how the case stands: kept after every act, stopped while it is suspended.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from approval.case.model import Case, NodeVisit
from approval.case.rules import LIVE
from approval.engine.tree import Approve, Delay, Flow, Timeout
from approval.engine.walk import Visit, day_of
from approval.lookups import flow_at
from approval.task.model import Task
from chassis import timers, workdays
from chassis.call import Call
from heyi.approval.v1 import case_views_pb2

TURN, DELAY = "turn", "delay"


async def keep(call: Call, case: Case, turns: Iterable[Any]) -> None:
    """After an act: `turns` are those that are open now. What is over needs no timer; what just opened gets its own,
    in a case that is suspended when it goes on.
    """
    flow = await _timed(call, case)
    if flow is None:
        return
    if case.state not in LIVE:
        await timers.drop(call, case.id)
        return
    turns, table = list(turns), timers.table_of(call)
    entered = sa.exists().where(NodeVisit.id == table.c.part_id, NodeVisit.state == "OPEN")
    over = sa.and_(table.c.handler == TURN, table.c.part_id.not_in([turn.id for turn in turns]))
    await timers.drop(call, case.id, sa.or_(over, sa.and_(table.c.handler == DELAY, ~entered)))
    if case.state == "SUSPENDED":
        return
    given: dict[uuid.UUID, datetime.datetime | None] = {}
    for turn in turns:
        late = _timeout(flow, turn.node_id)
        # one that has its time already is asked as before
        if turn.due_time is None and late is not None:
            due = in_working_hours(call, case, late.hours)
            timers.start(call, TURN, due, company_id=case.company_id, subject_id=case.id, part_id=turn.id)
            if isinstance(turn, Task):
                turn.due_time = due
            else:
                given[turn.id] = due
    await _set_due(call, given)


async def follow(call: Call, case: Case, old: Flow, new: Flow, turns: Iterable[Any]) -> None:
    """The case goes on by a newer flow; `turns` are open. Where their time differs there, it begins anew."""
    turns = [SimpleNamespace(id=turn.id, node_id=turn.node_id, due_time=turn.due_time) for turn in turns]
    changed = [turn for turn in turns if _timeout(old, turn.node_id) != _timeout(new, turn.node_id)]
    if changed:
        table, task_ids = timers.table_of(call), [turn.id for turn in changed]
        await timers.drop(call, case.id, table.c.handler == TURN, table.c.part_id.in_(task_ids))
        await _set_due(call, dict.fromkeys(task_ids))
        for turn in changed:
            turn.due_time = None
    await keep(call, case, turns)


def wait(call: Call, case: Case, visit: Visit) -> None:
    """The case came to a node that waits; its visit is stored."""
    node, organisation = visit.node, call.organisation
    assert isinstance(node, Delay)
    facts = {}
    if node.until:
        day = day_of((case.facts or {}).get(node.until))
        assert day is not None, "the walk stops where there is no such day"
        due = workdays.begin_of_day(organisation, case.company_id, day)
        # a day in the calendar comes when it comes, however long the case is suspended
        facts["at"] = due.isoformat()
    elif node.days:
        due = workdays.add_working_days(organisation, case.company_id, call.now(), node.days)
    else:
        due = in_working_hours(call, case, node.hours)
    timers.start(call, DELAY, due, company_id=case.company_id, subject_id=case.id, part_id=visit.id, **facts)


async def pause(call: Call, case: Case) -> None:
    """The case is suspended: what is left of each time is kept."""
    if await _timed(call, case) is None:
        return

    def left(timer: timers.Timer) -> datetime.timedelta:
        assert timer.due_time is not None
        return workdays.working_time_between(call.organisation, case.company_id, call.now(), timer.due_time)

    stopped = await timers.pause(call, case.id, left)
    await _set_due(call, dict.fromkeys(timer.part_id for timer in stopped if timer.handler == TURN))


async def resume(call: Call, case: Case) -> None:
    """The case goes on, with the time that was left."""
    if await _timed(call, case) is None:
        return

    def due(timer: timers.Timer) -> datetime.datetime:
        if "at" in timer.facts:
            return datetime.datetime.fromisoformat(timer.facts["at"])
        left = datetime.timedelta(seconds=timer.left_seconds or 0)
        return workdays.add_working_time(call.organisation, case.company_id, call.now(), left)

    going = await timers.resume(call, case.id, due)
    await _set_due(call, {timer.part_id: again for timer, again in going if timer.handler == TURN})


async def delays_of(call: Call, case: Case) -> list[case_views_pb2.CaseDelay]:
    """The nodes at which a case waits for a time."""
    flow = await _timed(call, case)
    if flow is None:
        return []
    table = timers.table_of(call)
    waiting = (
        sa.select(NodeVisit.node_id, table.c.due_time)
        .join(table, table.c.part_id == NodeVisit.id)
        .where(table.c.subject_id == case.id, table.c.handler == DELAY)
        .order_by(table.c.due_time)
    )
    found = []
    for row in (await call.db.execute(waiting)).all():
        delay = case_views_pb2.CaseDelay(node_id=row.node_id, node_name=flow.nodes[row.node_id].name)
        if row.due_time is not None:
            delay.due_time.FromDatetime(row.due_time)
        found.append(delay)
    return found


def in_working_hours(call: Call, case: Case, hours: float) -> datetime.datetime:
    """The instant at which so many working hours of the case's company have passed."""
    span = datetime.timedelta(hours=hours)
    return workdays.add_working_time(call.organisation, case.company_id, call.now(), span)


def _timeout(flow: Flow, node_id: str) -> Timeout | None:
    node = flow.nodes[node_id]
    return node.timeout if isinstance(node, Approve) else None


async def _timed(call: Call, case: Case) -> Flow | None:
    """The flow of a case, where anything in it happens by itself."""
    flow = await flow_at(call, case.flow_version_id) if case.flow_version_id else None
    return flow if flow is not None and flow.timed else None


async def _set_due(call: Call, times: Mapping[uuid.UUID, datetime.datetime | None]) -> None:
    """When turns are due, all in one statement. Their versions stay: whoever is just deciding keeps the screen."""
    if times:
        await call.db.execute(_SET_DUE, {"ids": list(times), "due": list(times.values())})


_SET_DUE = sa.text(
    "UPDATE task SET due_time = fresh.due_time "
    "FROM unnest(CAST(:ids AS uuid[]), CAST(:due AS timestamptz[])) AS fresh(id, due_time) WHERE task.id = fresh.id"
)
