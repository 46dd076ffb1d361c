"""A draft tried against finished cases: which would go another way than by what is published.

Both versions are walked in today's organisation, as if everybody agreed, so that what differs comes from the flow alone
and not from people who came and went since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from approval.case.migration import difference
from approval.case.model import Case
from approval.case.preview import from_the_start, messages
from approval.engine import conditions
from approval.engine.approvers import World, variables_of
from approval.engine.tree import Flow
from approval.engine.walk import Step
from approval.flow_definition.model import FlowDefinition
from approval.lookups import flow_at, limits_for, world_with
from chassis.call import Call
from heyi.approval.v1 import flow_definitions_pb2 as pb

LAST, SHOWN = 1_000, 100
FINISHED = ("APPROVED", "REJECTED")
Way = tuple[list[Step], str, Mapping[str, str]]


async def compare(call: Call, definition: FlowDefinition, draft: Flow, published: Any) -> Any:
    """The draft against the published version, over the last finished cases of the flow."""
    finished = sa.and_(Case.flow_definition_id == definition.id, Case.state.in_(FINISHED))
    found = await call.db.execute(sa.select(Case).where(finished).order_by(Case.id.desc()).limit(LAST))
    cases, old = list(found.scalars()), await flow_at(call, published.id)
    limits = await limits_for(call, definition.company_id, draft if draft.needs_authority else old)
    worlds = [world_with(call, case, limits, foreseeing=True) for case in cases]
    # two thousand walks are a second of computing: other calls are served meanwhile
    pairs = await asyncio.to_thread(
        lambda: [(way(old, published.condition, world), way(draft, definition.condition, world)) for world in worlds]
    )
    different = [
        (case, before, after)
        for case, (before, after) in zip(cases, pairs, strict=True)
        if shape(before) != shape(after)
    ]
    return pb.CompareFlowDefinitionResponse(
        compared=len(cases),
        different=len(different),
        differences=[
            difference(
                case,
                before=messages(before[0]),
                after=messages(after[0]),
                problem_before=before[1],
                facts_before=before[2],
                problem=after[1],
                facts=after[2],
            )
            for case, before, after in different[:SHOWN]
        ],
    )


def way(flow: Flow, condition: str, world: World) -> Way:
    """The steps of a document through a flow, and what is in its way: a refusal with its facts, or ""."""
    try:
        if condition and not conditions.holds(condition, variables_of(world)):
            return [], "CASE_NO_FLOW", {"document_type": world.document_type}
    except conditions.ConditionFailed as failed:
        return [], "CASE_CONDITION_FAILED", {"node": "", "problem": str(failed)}
    steps, at_fault, _ = from_the_start(flow, world)
    return (steps, at_fault.stuck_reason, at_fault.stuck_facts) if at_fault else (steps, "", {})


def shape(found: Way) -> tuple[Sequence[Any], str]:
    """What makes two ways the same: who is asked or told when, by which vote; not how nodes are called."""
    steps, problem, _ = found
    return [(s.round, s.kind, s.vote, s.percent, frozenset(s.employee_ids)) for s in _asking(steps)], problem


def _asking(steps: Iterable[Step]) -> Iterable[Step]:
    return sorted(steps, key=lambda step: (step.round, step.kind, sorted(step.employee_ids)))
