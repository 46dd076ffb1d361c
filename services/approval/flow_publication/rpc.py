"""Serves heyi.approval.v1.FlowPublications, whatever company is chosen: those that wait for the caller or that the
caller asked for; for who may publish flows, all of the companies where they may.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from approval.case.rpc import key_of
from approval.flow_definition.model import FlowDefinition
from approval.flow_publication import publishing
from approval.flow_publication.model import FlowPublication, publishes
from approval.flow_publication.rules import check_decider, check_requester, decider_of
from chassis.call import Call, Refused, same_version
from chassis.states import advance


def visible(call: Call) -> Any:
    """Publications that the caller may see."""
    me = call.actor.employee_id
    within = [company for company in call.organisation.companies if publishes(call, company)]
    mine = sa.or_(FlowPublication.requested_by_id == me, FlowPublication.business_owner_id == me)
    return sa.or_(mine, FlowPublication.company_id.in_(within))


class FlowPublications:
    every_company = True

    async def GetFlowPublication(self, request: Any, call: Call) -> Any:
        publication, definition = await _found(request, call)
        reply = call.reply(publication)
        before = await publishing.version_of(call, definition)
        if before is not None:
            publishing.show(before, reply.before)
        return reply

    async def ListFlowPublications(self, request: Any, call: Call) -> Any:
        return await call.page(FlowPublication, request, where=[visible(call)], scope=False)

    async def ApproveFlowPublication(self, request: Any, call: Call) -> Any:
        publication, definition = await _answered(request, call, "approve")
        await publishing.approve(call, publication, definition)
        return publication

    async def RefuseFlowPublication(self, request: Any, call: Call) -> Any:
        publication, definition = await _answered(request, call, "refuse")
        publishing.refuse(call, publication, definition, request.reason)
        return publication

    async def WithdrawFlowPublication(self, request: Any, call: Call) -> Any:
        publication, definition = await _found(request, call)
        same_version(publication, request.etag)
        check_requester(publication, call.actor.employee_id)
        advance(publication, "withdraw")
        publishing.withdraw(call, publication, definition, request.reason)
        return publication


async def _answered(request: Any, call: Call, action: str) -> tuple[FlowPublication, FlowDefinition]:
    """A publication that the caller answers."""
    publication, definition = await _found(request, call)
    same_version(publication, request.etag)
    decider = decider_of(publication, publication.business_owner_id, call.organisation)
    may = publishes(call, publication.company_id)
    check_decider(publication, call.actor.employee_id, decider, call.organisation, publishes=may)
    advance(publication, action)
    return publication, definition


async def _found(request: Any, call: Call) -> tuple[FlowPublication, FlowDefinition]:
    """A publication that the caller may see with its flow; both locked in a call that writes, the flow first."""
    which = sa.and_(FlowPublication.id == key_of(request.id), visible(call))
    writes = call.method is not None and not call.method.read_only
    flow = sa.select(FlowDefinition).join(FlowPublication, FlowPublication.flow_definition_id == FlowDefinition.id)
    statement = flow.where(which)
    definition = (await call.db.execute(statement.with_for_update(of=FlowDefinition) if writes else statement)).scalar()
    if definition is None:
        raise Refused("DOCUMENT_NOT_FOUND", document_type="FlowPublication", id=request.id[:50])
    publication = await call.load(FlowPublication, request.id, scope=False)
    return publication, definition
