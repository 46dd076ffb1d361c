"""Running cases that go on by a newer version of their flow: what each becomes, and the move itself.

A case is moved where it stands: the nodes that it is in must be at the same place in the newer tree. Open turns,
answers and people stay; everything that comes after is walked by the newer version. A turn whose time to answer differs
there has the new one from now on; what waits for a time goes on waiting. Where the node is gone an
administrator leads the case elsewhere first (`steering.jump`).
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from approval.case import conduct, preview, timing
from approval.case.left import ids_in
from approval.case.model import Case, NodeVisit
from approval.case.rules import LIVE
from approval.engine.tree import Flow, Parallel, way_to
from approval.flow_definition.model import FlowDefinition, FlowVersion
from approval.lookups import flow_at, limits_for, world_with
from approval.task.model import Task
from chassis import ids
from chassis.call import Call, Refused
from chassis.states import advance
from heyi.approval.v1 import flow_definitions_pb2 as pb

MOST_CASES = 200


def obstacle(old: Flow, new: Flow, node_ids: Iterable[str]) -> tuple[str, dict[str, str]]:
    """Why a case that stands at these nodes cannot go on by another flow: a refusal and its facts; "" where it can."""
    for node_id in node_ids:
        before, after = way_to(old.root, node_id), way_to(new.root, node_id)
        node = before[-1]
        if [(n.id, type(n)) for n in before] != [(n.id, type(n)) for n in after]:
            return "CASE_NODE_GONE", {"node": node.name or node.id}
        if isinstance(node, Parallel):
            branches = [{branch.id for branch in n.branches} for n in (node, after[-1]) if isinstance(n, Parallel)]
            if branches[0] != branches[1]:
                return "CASE_BRANCHES_DIFFER", {"node": node.name or node.id}
    return "", {}


async def previews(call: Call, definition: FlowDefinition) -> pb.PreviewMigrationFlowDefinitionResponse:
    """What each case that runs by an older version becomes. The number of statements does not grow with the cases."""
    reply = pb.PreviewMigrationFlowDefinitionResponse()
    newest = await _newest(call, definition.id)
    if newest is None:
        return reply
    older = sa.and_(Case.flow_definition_id == definition.id, Case.state.in_(LIVE), Case.flow_version_id != newest.id)
    own = Case.requester_id == call.actor.employee_id
    may = sa.and_(*call.scope_of(Case, "approval.case.migrate"), sa.not_(sa.func.coalesce(own, sa.false())))
    found = await call.db.execute(sa.select(Case, may).where(older).order_by(Case.id).limit(MOST_CASES + 1))
    listed = found.all()
    reply.more = len(listed) > MOST_CASES
    cases = [case for case, _ in listed[:MOST_CASES]]
    movable = {case.id: may_move for case, may_move in listed}
    standing: dict[uuid.UUID, list[Any]] = defaultdict(list)
    which = NodeVisit.case_id.in_([case.id for case in cases])
    for row in (await call.db.execute(conduct.STANDING.add_columns(Task.vote).where(which))).all():
        standing[row.NodeVisit.case_id].append(row)
    flows = {key: await flow_at(call, key) for key in {case.flow_version_id for case in cases} if key}
    new = await flow_at(call, newest.id)
    asking = next((flow for flow in (new, *flows.values()) if flow.needs_authority), None)
    limits = await limits_for(call, definition.company_id, asking)
    for case in cases:
        rows = standing[case.id]
        stored = list(dict.fromkeys(row.NodeVisit for row in rows))
        turns = [row for row in rows if row.id is not None]
        world, old = world_with(call, case, limits), flows[case.flow_version_id]
        problem, facts = obstacle(old, new, _node_ids(stored))
        reply.cases.append(
            difference(
                case,
                before=preview.ahead(conduct.walk_over(old, world, stored, case.agreed_ids)[0], turns),
                after=[]
                if problem
                else preview.ahead(conduct.walk_over(new, world, stored, case.agreed_ids)[0], turns),
                problem=problem,
                facts=facts,
                movable=not problem and movable[case.id],
            )
        )
    return reply


def difference(case: Case, **fields: Any) -> pb.FlowDifference:
    """A case by two versions of its flow."""
    return pb.FlowDifference(
        case_id=str(case.id),
        etag=ids.etag_of(case.version),
        document_number=case.document_number,
        title=case.title,
        requester_id=str(case.requester_id),
        amount=format(case.amount, "f"),
        currency=case.currency,
        flow_version=case.flow_version,
        **fields,
    )


async def migrate(call: Call, case: Case, reason: str) -> None:
    """Go on by the newest published version."""
    newest = await _newest(call, case.flow_definition_id) if case.flow_definition_id else None
    if newest is None or case.flow_version_id is None or newest.id == case.flow_version_id:
        raise Refused("CASE_NEWEST_VERSION", version=case.flow_version)
    stored, turns = await conduct.where_it_stands(call, case)
    old, new = await flow_at(call, case.flow_version_id), await flow_at(call, newest.id)
    problem, facts = obstacle(old, new, _node_ids(stored))
    if problem:
        raise Refused(problem, **facts)
    advance(case, "migrate")
    words = f"{case.flow_version} → {newest.number}: {reason}"
    case.flow_version_id, case.flow_version, case.undo = newest.id, newest.number, None
    await timing.follow(call, case, old, new, [turn for turn in turns if turn.state == "OPEN"])
    conduct.say(call, case, "MIGRATE", author_id=call.actor.employee_id, text=words)
    conduct.announce(call, case)


def _node_ids(stored: Iterable[NodeVisit]) -> list[str]:
    """The nodes where a case stands, and those to which it comes straight back."""
    return [key for row in stored for key in (row.node_id, *ids_in(row.left_nodes))]


async def _newest(call: Call, definition_id: uuid.UUID) -> FlowVersion | None:
    """The version that new cases follow."""
    published = sa.and_(
        FlowVersion.flow_definition_id == FlowDefinition.id, FlowVersion.number == FlowDefinition.published_version
    )
    statement = sa.select(FlowVersion).join(FlowDefinition, published).where(FlowDefinition.id == definition_id)
    return (await call.db.execute(statement)).scalar_one_or_none()
