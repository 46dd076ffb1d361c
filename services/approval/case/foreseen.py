"""What a change of the organisation means for running cases: a question that identity asks before it happens.

Rules look when a document arrives at a node. So whose turn is open keeps it, whatever the rule would find afterwards;
steps that are still to come ask by the new organisation. Both are said, of each step whose answer differs. Nothing is
written. The number of statements does not grow with the cases.
"""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from approval.case import conduct, preview
from approval.case.model import Case, NodeVisit
from approval.engine import conditions
from approval.engine.approvers import World, approvers_of
from approval.engine.tree import Approve, Flow
from approval.engine.walk import Step, Visit
from approval.lookups import flow_at, limits_for, world_with
from approval.task.model import Task
from chassis import ids
from chassis.call import Call, Refused
from chassis.organisation import Organisation, Unit
from heyi.approval.v1 import case_views_pb2 as pb
from heyi.common.v1 import common_pb2

MOST_CASES = 1_000
GOING_ON = ("RUNNING", "SUSPENDED")
Effect = common_pb2.ApprovalEffect
# how a step is asked whose own rules find nobody
NOBODY = ("approver.administrator", "approver.instead", "approver.nobody")


@dataclass(frozen=True)
class Standing:
    """A case where it stands, and the world around it as it is and as it would be."""

    case: Case
    flow: Flow
    stored: Sequence[NodeVisit]
    turns: Sequence[Any]
    now: World
    then: World


async def foresee(call: Call, request: pb.ForeseeCasesRequest) -> pb.ForeseeCasesResponse:
    """The steps of a company's running cases whose people differ by the other organisation."""
    try:
        company_id, then = ids.parse(request.company_id), changed(call.organisation, request)
    except ValueError as wrong:
        raise Refused.fields([("company_id", "FIELD_NO_SUCH_DOCUMENT", {"value": str(wrong)[:50]})]) from None
    running = sa.and_(Case.company_id == company_id, Case.state.in_(GOING_ON), Case.flow_version_id.is_not(None))
    found = await call.db.scalars(sa.select(Case).where(running).order_by(Case.id.desc()).limit(MOST_CASES + 1))
    cases = list(found)
    reply = pb.ForeseeCasesResponse(looked_at=min(len(cases), MOST_CASES), more=len(cases) > MOST_CASES)
    cases = cases[:MOST_CASES]
    standing: dict[uuid.UUID, list[Any]] = defaultdict(list)
    which = NodeVisit.case_id.in_([case.id for case in cases])
    for row in (await call.db.execute(conduct.STANDING.add_columns(Task.vote).where(which))).all():
        standing[row.NodeVisit.case_id].append(row)
    flows = {key: await flow_at(call, key) for key in {case.flow_version_id for case in cases} if key}
    asking = next((flow for flow in flows.values() if flow.needs_authority), None)
    limits = await limits_for(call, company_id, asking)
    looked_at = []
    for case in cases:
        rows, now = standing[case.id], world_with(call, case, limits, foreseeing=True)
        assert case.flow_version_id is not None
        looked_at.append(
            Standing(
                case,
                flows[case.flow_version_id],
                list(dict.fromkeys(row.NodeVisit for row in rows)),
                [row for row in rows if row.id is not None],
                now,
                dataclasses.replace(now, organisation=then),
            )
        )
    # two thousand walks are a second of computing: other calls are served meanwhile
    reply.effects.extend(await asyncio.to_thread(lambda: [one for each in looked_at for one in effects(each)]))
    return reply


def changed(organisation: Organisation, request: pb.ForeseeCasesRequest) -> Organisation:
    """The organisation with what the request says of departments and people."""
    company_id = ids.parse(request.company_id)
    departments, people = dict(organisation.departments), dict(organisation.people)
    for unit in request.units:
        key, values = ids.parse(unit.department_id), {"parent_id": _id(unit.parent_id), "head_id": _id(unit.head_id)}
        known = departments.get(key) or Unit(key, company_id, None, None, unit.name, active=True)
        departments[key] = dataclasses.replace(known, name=unit.name, active=not unit.dissolved, **values)
    for person in request.people:
        if (was := people.get(ids.parse(person.employee_id))) is not None:
            people[was.employee_id] = dataclasses.replace(
                was,
                department_id=_id(person.department_id),
                post_id=_id(person.post_id),
                reports_to_id=_id(person.reports_to_id),
            )
    return dataclasses.replace(organisation, departments=departments, people=people)


def effects(standing: Standing) -> Iterator[Effect]:
    """The steps of one case that differ: the open ones, then those to come."""
    yield from _open(standing)
    ways = [_way(standing, world) for world in (standing.now, standing.then)]
    (now, _), (then, fault) = ways
    for node_id in [*now, *(key for key in then if key not in now)]:
        before, after = now.get(node_id, ()), then.get(node_id, ())
        if _people(before) == _people(after) and _by_nobody(before) == _by_nobody(after):
            continue
        if fault is not None and fault.node.id == node_id and fault.stuck_reason == "CASE_NO_APPROVER":
            effect = Effect.WITHOUT_APPROVER
        elif node_id not in then:
            effect = Effect.DROPPED
        elif _by_nobody(after) and not _by_nobody(before):
            effect = Effect.WITHOUT_APPROVER
        else:
            effect = Effect.REDIRECTED
        node = (*before, *after)[0].node
        yield _said(standing, node, _people(before), _people(after), effect)


def _open(standing: Standing) -> Iterator[Effect]:
    """Steps where somebody's turn is open, though the rules would find others there in the other organisation."""
    for visit in standing.stored:
        node = standing.flow.nodes.get(visit.node_id)
        live = [turn for turn in standing.turns if turn.visit_id == visit.id and turn.state in conduct.LIVE]
        if not live or not isinstance(node, Approve):
            continue
        now, then = _found(node, standing.now), _found(node, standing.then)
        if now != then:
            yield _said(standing, node, [turn.assignee_id for turn in live], then, Effect.STAYS)


def _found(node: Approve, world: World) -> list[uuid.UUID]:
    try:
        return list(dict.fromkeys(asked.employee_id for asked in approvers_of(node, world).people))
    except conditions.ConditionFailed:
        # the same question without an answer in both organisations is no difference
        return []


def _way(standing: Standing, world: World) -> tuple[dict[str, list[Step]], Visit | None]:
    """The steps to come in a world, by their nodes, and the node at which the case would be stuck."""
    walk, _ = conduct.walk_over(standing.flow, world, standing.stored, standing.case.agreed_ids)
    steps, fault = preview.following(walk, standing.turns)
    found: dict[str, list[Step]] = {}
    for step in steps:
        if step.kind in ("approve", "handle"):
            found.setdefault(step.node.id, []).append(step)
    return found, fault


def _people(steps: Iterable[Step]) -> list[uuid.UUID]:
    return sorted({employee_id for step in steps for employee_id in step.employee_ids})


def _by_nobody(steps: Sequence[Step]) -> bool:
    return any(step.reason in NOBODY for step in steps)


def _said(
    standing: Standing, node: Any, asked: Iterable[uuid.UUID], then: Iterable[uuid.UUID], effect: Effect.Effect
) -> Effect:
    case = standing.case
    return Effect(
        case_id=str(case.id),
        document_type=case.document_type,
        document_number=case.document_number,
        requester_id=str(case.requester_id),
        waiting_on_ids=map(str, case.waiting_on_ids),
        node_name=node.name or node.id,
        asked_ids=map(str, dict.fromkeys(asked)),
        asked_then_ids=map(str, then),
        effect=effect,
    )


def _id(text: str) -> uuid.UUID | None:
    return ids.parse(text) if text else None
