"""Whom the requester chooses, where a flow leaves it to whoever sends a document."""

from __future__ import annotations

from chassis import choosing
from chassis.call import Call
from heyi.common.v1 import common_pb2
from procurement import copies, lookups
from procurement.refusals import refuse


async def check(approval: common_pb2.ApprovalRequest, call: Call) -> None:
    """Refuse a request that leaves open who is asked. Approval is asked only where a flow wants a choice, so that else
    it may be away.
    """
    asked = {}
    if await copies.requester_chooses(call, approval.document_type):
        preview = await lookups.who_would_be_asked(approval, call)
        asked = {step.node_id: step.node_name for step in preview.steps if step.needs_choice}
    refuse(choosing.faults(approval, asked, call.organisation.people))
