"""Who will be asked, in order, and why: for a document that is not sent yet, and for what follows the open turns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from approval.case import conduct
from approval.case.model import Case
from approval.engine.approvers import Asked, World, chosen_by_requester
from approval.engine.tree import Flow
from approval.engine.walk import Step, Turn, Visit, Walk, foresee
from approval.lookups import NoFlow, choose_flow, world_of
from chassis.call import Call
from heyi.common.v1 import common_pb2


async def simulate(call: Call, case: Case) -> common_pb2.ApprovalPreview:
    """The way that a document would take through the flow that is meant for it."""
    try:
        definition, version, flow = await choose_flow(call, case)
    except NoFlow as none:
        return common_pb2.ApprovalPreview(problem=none.reason, problem_facts=none.facts)
    return await try_flow(call, case, flow, name=definition.name, version=version.number)


async def try_flow(call: Call, case: Case, flow: Flow, *, name: str, version: int) -> common_pb2.ApprovalPreview:
    """The way that a document would take through one flow."""
    steps, at_fault, visits = from_the_start(flow, await world_of(call, case, flow, foreseeing=True))
    preview = common_pb2.ApprovalPreview(flow_name=name, flow_version=version, steps=messages(steps))
    preview.node_ids.extend(visit.node.id for visit in visits)
    if at_fault:
        preview.problem = at_fault.stuck_reason
        preview.problem_facts.update(at_fault.stuck_facts)
    return preview


def from_the_start(flow: Flow, world: World) -> tuple[list[Step], Visit | None, list[Visit]]:
    """The steps of the whole way, as if everybody agreed, the node at which it would be stuck or refused, and every
    node that it comes to.
    """
    walk = Walk(flow, world)
    walk.start()
    steps, at_fault = foresee(walk)
    return steps, at_fault, walk.visits


async def upcoming(call: Call, case: Case, tasks: Sequence[Any]) -> list[common_pb2.ApprovalStep]:
    """What comes after the open turns, as things stand."""
    if case.state != "RUNNING":
        return []
    return ahead(await conduct.resume(call, case), tasks)


def ahead(walk: Walk, tasks: Sequence[Any]) -> list[common_pb2.ApprovalStep]:
    """What comes after the turns of a walk that goes on over its live visits."""
    return messages(following(walk, tasks)[0])


def following(walk: Walk, tasks: Sequence[Any]) -> tuple[list[Step], Visit | None]:
    """The same as steps, and the node at which the case would be stuck or refused."""
    walk.world = replace(walk.world, foreseeing=True)
    for visit in walk.visits:
        here = [task for task in tasks if task.visit_id == visit.id]
        visit.agreed |= {
            task.assignee_id for task in here if task.state in ("APPROVED", "SKIPPED") and not task.by_system
        }
        live = [task for task in here if task.state in conduct.LIVE]
        walk.turns += [Turn(visit, Asked(task.assignee_id, "", {}), "OPEN", task.vote) for task in live]
    return foresee(walk)


def messages(steps: Iterable[Step]) -> list[common_pb2.ApprovalStep]:
    return [
        common_pb2.ApprovalStep(
            node_id=step.node.id,
            node_name=step.node.name,
            kind=step.kind,
            vote=step.vote,
            vote_percent=step.percent,
            employee_ids=[str(employee_id) for employee_id in step.employee_ids],
            reason=step.reason,
            reason_facts=step.facts,
            path=str(step.round),
            needs_choice=chosen_by_requester(step.node),
        )
        for step in steps
    ]
