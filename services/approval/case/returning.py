"""A turn that is returned to a node before it, instead of to the requester.

The case leaves the node and everything beside it up to the sequence in which the target stands before it: other
branches of a parallel keep standing where both are inside one branch, and are left where the target is outside. What
was agreed at the target and behind it counts no more, so it passes nobody over. At the target everybody is asked.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import sqlalchemy as sa

from approval.case import automatic, conduct
from approval.case.left import turns_at
from approval.case.model import Case, NodeVisit
from approval.engine import ballot, order
from approval.engine.approvers import named_before
from approval.engine.tree import Approve
from approval.lookups import flow_at
from approval.task.model import Task
from chassis.call import Call, Refused
from chassis.states import advance


async def targets(call: Call, case: Case, task: Task) -> list[Approve]:
    """The nodes to which a turn can be returned: those before it at which somebody was asked in this case."""
    if case.flow_version_id is None:
        return []
    asked = sa.select(Task.node_id).where(Task.case_id == case.id, Task.state.not_in(["COPIED", "SKIPPED"])).distinct()
    visited = set((await call.db.execute(asked)).scalars())
    return order.before(await flow_at(call, case.flow_version_id), task.node_id, visited)


async def lead_back(call: Call, case: Case, task: Task, node_id: str, text: str, *, straight_back: bool) -> None:
    """Ask at a node before this one again; then it goes on from there step by step, or comes straight back."""
    target = next((node for node in await targets(call, case, task) if node.id == node_id), None)
    if target is None:
        raise Refused.fields([("node_id", "TASK_RETURN_TARGET", {"node": node_id})])
    assert case.flow_version_id is not None
    flow = await flow_at(call, case.flow_version_id)
    stored, turns = await conduct.where_it_stands(call, case)
    named = await _named_at(call, case, target)
    walk, rows = await conduct.walk_of(call, case, stored, named)
    here = next(visit for visit in walk.visits if visit.id == task.visit_id)
    standing = [row.id for row in stored]
    counted = sa.select(Task).where(Task.visit_id.in_(standing), Task.state.in_(ballot.COUNTED)).order_by(Task.id)
    asked = (await call.db.execute(counted)).scalars().all() if straight_back else []
    undone = order.undone_by(flow, node_id)
    walk.agreed = await _agreed(call, case, undone)
    left = walk.lead_back(here, node_id, {v: turns_at(v, asked) for v in walk.visits} if straight_back else None)
    gone = [visit.id for visit in left if visit.id]

    await automatic.answered(call, case, task.visit_id, "SEND_BACK")
    advance(task, "return")
    author_id = call.actor.employee_id
    task.done_time, task.opinion_text = call.now(), text
    task.decided_by_id = author_id if author_id != task.assignee_id else None
    me = conduct.name_of(call, author_id)
    facts = {"name": me, "node": target.name}
    conduct.say(
        call, case, "RETURN", author_id=author_id, text=text, task=task,
        target_name=target.name, straight_back=straight_back,
    )  # fmt: skip
    await conduct.cancel(call, Task.visit_id.in_(gone), Task.id != task.id, because="task.returned_to", facts=facts)
    behind = sa.and_(NodeVisit.case_id == case.id, NodeVisit.node_id.in_(undone))
    await conduct.leave_nodes(call, behind, ["DONE"])
    case.round, case.note, case.undo = case.round + 1, text, None
    told = {"person": me, "node": target.name, "text": text[:200]}
    spared = [
        turn.assignee_id for turn in turns if turn.state == "OPEN" and turn.visit_id in gone and turn.id != task.id
    ]
    await conduct.tell(call, case, [case.requester_id, *spared], "notice.returned_to", **told)
    still = [turn for turn in turns if turn.state == "OPEN" and turn.visit_id not in gone]
    await conduct.settle(call, case, walk, rows=rows, still_open=still, todo=("notice.returned_here", told))


async def _named_at(call: Call, case: Case, target: Approve) -> Sequence[uuid.UUID]:
    """Whom the approver before the target named the last time."""
    if not named_before(target):
        return []
    named = sa.and_(Task.case_id == case.id, Task.node_id == target.id, Task.reason == "approver.previous_choice")
    rows = (await call.db.execute(sa.select(Task.visit, Task.assignee_id).where(named).order_by(Task.id))).all()
    last = max((row.visit for row in rows), default=0)
    return [row.assignee_id for row in rows if row.visit == last]


async def _agreed(call: Call, case: Case, undone: Sequence[str]) -> set[uuid.UUID]:
    """Who agreed at a node that still counts."""
    counts = sa.and_(NodeVisit.state != "CANCELLED", NodeVisit.node_id.not_in(undone))
    standing = sa.and_(NodeVisit.id == Task.visit_id, counts)
    agreed = (
        sa.select(Task.assignee_id)
        .join(NodeVisit, standing)
        .where(Task.case_id == case.id, Task.state == "APPROVED", ~Task.by_system)
    )
    return set((await call.db.execute(agreed)).scalars())
