"""What the contract and the database answer about flows, before a case begins."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from approval.authority_limit.model import AuthorityLimit
from approval.engine import automatic, conditions
from approval.engine.approvers import World, variables_of
from approval.engine.tree import Flow, read
from approval.flow_definition.model import FlowDefinition, FlowVersion
from chassis.call import Call


class NoFlow(Exception):
    """No flow can be chosen for a document; the reason is a refusal of the contract."""

    def __init__(self, reason: str, **facts: str) -> None:
        super().__init__(reason)
        self.reason, self.facts = reason, facts


async def world_of(
    call: Call, case: Any, flow: Flow | None = None, *, named: Sequence[uuid.UUID] = (), foreseeing: bool = False
) -> World:
    """All that the walk of a case depends on, as things stand now; `named` by the approver who just agreed."""
    limits = await limits_for(call, case.company_id, flow)
    stopped = flow is not None and flow.automated and await _stopped(call, case.flow_definition_id)
    return world_with(call, case, limits, named=named, foreseeing=foreseeing, stopped=stopped)


def world_with(
    call: Call,
    case: Any,
    limits: Sequence[AuthorityLimit],
    *,
    named: Sequence[uuid.UUID] = (),
    foreseeing: bool = False,
    stopped: bool = False,
) -> World:
    """The same with the authority table at hand, for several cases of one company; `stopped`: no rule decides."""
    today = call.organisation.today(case.company_id)
    limit = automatic.limit_for(limits, document_type=case.document_type, currency=case.currency, on=today)
    return World(
        organisation=call.organisation,
        company_id=case.company_id,
        requester_id=case.requester_id,
        document_type=case.document_type,
        amount=case.amount,
        currency=case.currency,
        today=today,
        facts=case.facts or {},
        limits=limits,
        named=named,
        foreseeing=foreseeing,
        chosen={node: [uuid.UUID(who) for who in people] for node, people in (case.chosen or {}).items()},
        # what has no flow yet is imagined, and no sample of anything
        automatic=automatic.Setting(case.id if case.flow_version_id else None, on=not stopped, limit=limit),
    )


async def _stopped(call: Call, flow_definition_id: uuid.UUID | None) -> bool:
    """Whether a flow's rules are switched off, as of now."""
    off = sa.select(FlowDefinition.automatic_off).where(FlowDefinition.id == flow_definition_id)
    return bool(await call.db.scalar(off))


async def choose_flow(call: Call, case: Any) -> tuple[FlowDefinition, FlowVersion, Flow]:
    """The first published flow whose condition holds for a case. Raises NoFlow."""
    world = await world_of(call, case)
    for definition, version in await _flows_for(call, case.company_id, case.document_type):
        try:
            if version.condition and not conditions.holds(version.condition, variables_of(world)):
                continue
        except conditions.ConditionFailed as failed:
            raise NoFlow("CASE_CONDITION_FAILED", node=definition.code, problem=str(failed)) from failed
        return definition, version, _read(version.id, version.tree)
    raise NoFlow("CASE_NO_FLOW", document_type=case.document_type)


# flows by their versions: what was published never changes, and every step of every case walks through it
_flows: OrderedDict[uuid.UUID, Flow] = OrderedDict()
KEPT_FLOWS = 500


async def flow_at(call: Call, version_id: uuid.UUID) -> Flow:
    """The flow of a published version."""
    if (known := _flows.get(version_id)) is not None:
        return known
    tree = await call.db.execute(sa.select(FlowVersion.tree).where(FlowVersion.id == version_id))
    return _read(version_id, tree.scalar_one())


def _read(version_id: uuid.UUID, tree: Any) -> Flow:
    """The flow of a published tree, kept for the next case."""
    if version_id not in _flows:
        flow, problems = read(tree)
        assert flow is not None, f"a published tree has problems: {problems}"
        _flows[version_id] = flow
        if len(_flows) > KEPT_FLOWS:
            _flows.popitem(last=False)
    return _flows[version_id]


async def _flows_for(call: Call, company_id: uuid.UUID, document_type: str) -> Sequence[Any]:
    """Published flows for documents of a type in a company with their versions, in the order of their priority."""
    published = sa.and_(
        FlowVersion.flow_definition_id == FlowDefinition.id, FlowVersion.number == FlowDefinition.published_version
    )
    statement = (
        sa.select(FlowDefinition, FlowVersion)
        .join(FlowVersion, published)
        .where(
            FlowDefinition.company_id == company_id,
            FlowDefinition.document_type == document_type,
            FlowDefinition.state == "PUBLISHED",
        )
        .order_by(FlowVersion.priority, FlowDefinition.code)
    )
    return (await call.db.execute(statement)).all()


async def limits_for(call: Call, company_id: uuid.UUID, flow: Flow | None) -> Sequence[AuthorityLimit]:
    """The authority table of a company, where the flow asks it."""
    if flow is None or not flow.needs_authority:
        return ()
    held = sa.and_(AuthorityLimit.company_id == company_id, AuthorityLimit.state == "ACTIVE")
    return (await call.db.execute(sa.select(AuthorityLimit).where(held))).scalars().all()
