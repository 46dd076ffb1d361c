"""How approvals fare: turns by flow and node over a period, and whose decision others wait for. Two statements, however
many turns there are. Nothing is kept for it: each answer is counted from the turns, so that every number is the length
of a list that can be opened.
"""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import sqlalchemy as sa

from approval.case.model import Case
from approval.task.model import Task
from chassis import ids
from chassis.call import Call, Refused
from chassis.mapping import instant_of
from heyi.approval.v1 import case_views_pb2 as views

ANALYZE = "approval.case.analyze"
PERIOD, LONGEST = datetime.timedelta(days=30), datetime.timedelta(days=400)
MOST_PEOPLE, MOST_NAMED = 200, 20
ASKED = ("OPEN", "APPROVED", "REJECTED", "RETURNED", "HANDLED", "TRANSFERRED", "CANCELLED", "TAKEN_BACK")
DECIDED = ("APPROVED", "REJECTED", "RETURNED", "HANDLED")


def overdue(call: Call) -> Any:
    """Turns that were answered, or still wait, after their time."""
    return Task.due_time < sa.func.coalesce(Task.done_time, call.now())


def turns_within_reach(call: Call) -> list[Any]:
    """Turns of the cases of the chosen company that the caller looks after. Raises PERMISSION_MISSING."""
    if not call.can(ANALYZE):
        raise Refused("PERMISSION_MISSING", permission=ANALYZE)
    cases = sa.select(Case.id).where(*call.scope_of(Case, ANALYZE))
    return [Task.company_id == call.company_id, Task.case_id.in_(cases)]


def of_flow(flow_definition_id: str) -> Any:
    """Turns of a flow. Raises FIELD_FORMAT for what is no id."""
    return Task.case_id.in_(sa.select(Case.id).where(Case.flow_definition_id == flow_of(flow_definition_id)))


async def analyze(call: Call, request: Any) -> views.AnalyzeCasesResponse:
    begin, end = period(request, call.now())
    reply = views.AnalyzeCasesResponse()
    reply.from_time.FromDatetime(begin)
    reply.until_time.FromDatetime(end)
    within = [Task.company_id == call.company_id, *call.scope_of(Case, ANALYZE)]
    if request.flow_definition_id:
        within.append(Case.flow_definition_id == flow_of(request.flow_definition_id))
    opened = sa.and_(Task.open_time >= begin, Task.open_time < end)
    joined = sa.join(Task, Case, Task.case_id == Case.id)
    turns = await call.db.execute(_by_node(call).select_from(joined).where(*within, opened, Task.state.in_(ASKED)))
    rows = turns.all()
    names = {row.flow_definition_id: row.flow_name for row in rows if row.node_id is None}
    for row in sorted(rows, key=lambda row: _rank(row, names)):
        reply.turns.append(_turns(row))
    people = await call.db.execute(_by_person(call, opened).select_from(joined).where(*within))
    for row in people:
        reply.people_count = row.people_count
        reply.people.append(_person(row))
    return reply


def period(
    request: Any, now: datetime.datetime, usual: datetime.timedelta = PERIOD
) -> tuple[datetime.datetime, datetime.datetime]:
    """The period that a request names; without a beginning the `usual` one. Raises FIELD_FORMAT for one too long."""
    end = instant_of(request.until_time, "until_time") if request.HasField("until_time") else now
    begin = instant_of(request.from_time, "from_time") if request.HasField("from_time") else end - usual
    if not datetime.timedelta() < end - begin <= LONGEST:
        expected = f"0 < until_time - from_time <= {LONGEST.days} d"
        raise Refused.fields([("from_time", "FIELD_FORMAT", {"value": begin.isoformat(), "expected": expected})])
    return begin, end


def flow_of(text: str) -> uuid.UUID:
    """The id of a flow. Raises FIELD_FORMAT for what is none."""
    try:
        return ids.parse(text)
    except ValueError:
        raise Refused("FIELD_FORMAT", field="flow_definition_id", value=text[:50], expected="UUID") from None


def _count(*which: Any) -> Any:
    return sa.func.count().filter(*which)


def _hours(share: float, *which: Any) -> Any:
    """Hours that a share of decisions took at most; what `which` does not name is left out, as NULL is."""
    took = sa.cast(sa.extract("epoch", Task.done_time - Task.open_time), sa.Float) / 3600
    decided = sa.and_(Task.state.in_(DECIDED), *which)
    return sa.func.percentile_cont(share).within_group(sa.case((decided, took)))


def _by_node(call: Call) -> sa.Select[Any]:
    """A row for each flow, without a node, and for each of its nodes. A node is called as one of its turns says."""
    flow, node = Case.flow_definition_id, Task.node_id
    return sa.select(
        flow,
        node,
        sa.func.max(Case.flow_name).label("flow_name"),
        sa.func.max(Task.node_name).label("node_name"),
        sa.func.count().label("turn_count"),
        _count(Task.state.in_(DECIDED)).label("decided_count"),
        _hours(0.5).label("median_hours"),
        _hours(0.9).label("p90_hours"),
        _count(Task.state == "RETURNED").label("returned_count"),
        _count(Task.state == "REJECTED").label("rejected_count"),
        _count(overdue(call)).label("overdue_count"),
    ).group_by(sa.func.grouping_sets(sa.tuple_(flow), sa.tuple_(flow, node)))


def _by_person(call: Call, opened: Any) -> sa.Select[Any]:
    """A row for everybody whose decision is open, with what they decided of the turns that opened within the period."""
    waits = Task.state == "OPEN"
    open_count = _count(waits)
    oldest = sa.func.min(Task.open_time).filter(waits)
    who_waits = sa.distinct(Task.requester_id)
    return (
        sa.select(
            Task.assignee_id,
            open_count.label("open_count"),
            _count(waits, overdue(call)).label("overdue_count"),
            oldest.label("oldest_time"),
            sa.func.array_agg(who_waits).filter(waits).label("requester_ids"),
            _count(opened, Task.state.in_(DECIDED)).label("decided_count"),
            _hours(0.5, opened).label("median_hours"),
            sa.func.count().over().label("people_count"),
        )
        .where(sa.or_(waits, sa.and_(opened, Task.state.in_(DECIDED))))
        .group_by(Task.assignee_id)
        .having(open_count > 0)
        .order_by(oldest, Task.assignee_id)
        .limit(MOST_PEOPLE)
    )


def _rank(row: Any, names: dict[uuid.UUID, str]) -> tuple[Any, ...]:
    """Flows by name; in each the whole first, then the nodes."""
    flow = row.flow_definition_id
    return names[flow], str(flow), row.node_id is not None, -row.turn_count, row.node_name


def _turns(row: Any) -> views.TurnStatistics:
    return views.TurnStatistics(
        flow_definition_id=str(row.flow_definition_id or ""),
        flow_name=row.flow_name,
        node_id=row.node_id or "",
        node_name=row.node_name if row.node_id else "",
        turn_count=row.turn_count,
        decided_count=row.decided_count,
        median_hours=_text(row.median_hours),
        p90_hours=_text(row.p90_hours),
        returned_count=row.returned_count,
        rejected_count=row.rejected_count,
        overdue_count=row.overdue_count,
    )


def _person(row: Any) -> views.PersonStatistics:
    person = views.PersonStatistics(
        employee_id=str(row.assignee_id),
        open_count=row.open_count,
        overdue_count=row.overdue_count,
        requester_ids=map(str, row.requester_ids[:MOST_NAMED]),
        requester_count=len(row.requester_ids),
        decided_count=row.decided_count,
        median_hours=_text(row.median_hours),
    )
    person.oldest_time.FromDatetime(row.oldest_time)
    return person


def _text(hours: float | None) -> str:
    return "" if hours is None else f"{hours:.2f}"
