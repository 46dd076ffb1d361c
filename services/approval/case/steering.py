"""What administrators do with a case: stop it for a while, let it go on, or lead it to another node. Each with a
reason, in front of everybody, and never with an own request.
"""

from __future__ import annotations

import datetime

from approval.case import conduct, supervision, timing
from approval.case.model import Case, NodeVisit
from approval.engine.tree import Approve, Flow
from approval.engine.walk import Walk
from approval.lookups import flow_at, world_of
from approval.task.model import Task
from chassis.call import Call, Refused
from chassis.states import advance
from heyi.approval.v1 import case_views_pb2


async def suspend(call: Call, case: Case, reason: str) -> None:
    """Nobody decides until it is resumed; turns stay as they are."""
    advance(case, "suspend")
    person = conduct.name_of(call, call.actor.person)
    case.park_reason, case.park_facts, case.undo = "CASE_SUSPENDED", {"person": person, "text": reason}, None
    await timing.pause(call, case)
    conduct.say(call, case, "SUSPEND", author_id=call.actor.employee_id, text=reason)
    conduct.announce(call, case)
    people = [case.requester_id, *case.waiting_on_ids]
    await conduct.tell(call, case, people, "notice.suspended", person=person, text=reason)


async def resume(call: Call, case: Case, reason: str) -> None:
    """Those whose turn it is decide again."""
    advance(case, "resume")
    case.park_reason, case.park_facts = "", {}
    await timing.resume(call, case)
    _, turns = await conduct.where_it_stands(call, case)
    # one that was given a time while nobody could decide has it from now on
    await timing.keep(call, case, [turn for turn in turns if turn.state == "OPEN"])
    conduct.say(call, case, "RESUME", author_id=call.actor.employee_id, text=reason)
    conduct.announce(call, case)
    person = conduct.name_of(call, call.actor.person)
    await conduct.tell(call, case, [case.requester_id, *case.waiting_on_ids], "notice.resumed", person=person)


async def jump(call: Call, case: Case, node_id: str, reason: str) -> None:
    """End every open turn and go on at another node. Agreements of before do not count any more: who is found there is
    asked, and whoever comes after.
    """
    flow = await flow_at(call, case.flow_version_id) if case.flow_version_id else None
    node = flow.nodes.get(node_id) if flow else None
    if flow is None or not isinstance(node, Approve):
        raise Refused.fields([("node_id", "CASE_NODE_UNKNOWN", {"node": node_id})])
    advance(case, "jump")
    person, asked = conduct.name_of(call, call.actor.person), case.waiting_on_ids
    await conduct.cancel(call, Task.case_id == case.id, because="task.jumped", facts={"name": person})
    await conduct.leave_nodes(call, NodeVisit.case_id == case.id, ("OPEN", "STUCK", "DONE"))
    case.agreed_ids, case.undo, case.round, case.note = [], None, case.round + 1, reason
    conduct.say(call, case, "JUMP", author_id=call.actor.employee_id, text=reason, node_name=node.name)
    await conduct.tell(call, case, asked, "notice.jumped", person=person, text=reason)
    walk = Walk(flow, await world_of(call, case, flow))
    walk.jump(node_id)
    await conduct.settle(call, case, walk, still_open=[])


async def supervise(call: Call, case: Case, due_date: datetime.date, note: str) -> None:
    """The caller watches over a case until it is done, by a day."""
    advance(case, "supervise")
    assert call.actor.employee_id is not None
    await supervision.begin(call, case, due_date, note)
    words = {"reason": "opinion.supervised", "reason_facts": {"day": due_date.isoformat()}}
    conduct.say(call, case, "SUPERVISE", author_id=call.actor.employee_id, text=note, **words)
    conduct.let_read(call, case, [call.actor.employee_id])
    conduct.announce(call, case)


async def end_supervision(call: Call, case: Case, reason: str) -> None:
    """Nobody watches over a case any more."""
    advance(case, "end_supervision")
    if case.supervision != supervision.WATCHED:
        raise Refused("CASE_NOT_SUPERVISED")
    await supervision.finish(call, case)
    conduct.say(call, case, "END_SUPERVISION", author_id=call.actor.employee_id, text=reason)
    conduct.announce(call, case)
    person = conduct.name_of(call, call.actor.person)
    await conduct.tell(call, case, case.waiting_on_ids, "notice.supervision_ended", person=person, text=reason)


def nodes_of(flow: Flow) -> list[case_views_pb2.CaseNode]:
    """Where a case of this flow can be led."""
    asking = [node for node in flow.nodes.values() if isinstance(node, Approve)]
    return [case_views_pb2.CaseNode(node_id=node.id, node_name=node.name) for node in asking]
