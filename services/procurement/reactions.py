"""What procurement does when something happens elsewhere: the item master changes, an approval goes on or ends.

Events come more than once, in any order, and late. A copy takes the newest version only; an answer counts only for the
submission that asked, while it is being decided; the rest changes nothing but who may read.
"""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from chassis import ids, seeing
from chassis.call import Call
from chassis.service import on
from heyi.approval.v1 import cases_pb2, flow_definitions_pb2
from heyi.inventory.v1 import item_categories_pb2, items_pb2, units_pb2
from heyi.procurement.v1 import purchase_orders_pb2, purchase_requisitions_pb2
from procurement import copies
from procurement.purchase_order import change as changes
from procurement.purchase_order import rpc as orders
from procurement.purchase_order import rules as order_rules
from procurement.purchase_order.model import PurchaseOrder
from procurement.purchase_requisition import rpc as requisitions
from procurement.purchase_requisition import rules as requisition_rules
from procurement.purchase_requisition.model import PurchaseRequisition
from procurement.purchase_requisition.settle import settle

ANNOUNCED = {
    "APPROVED": purchase_requisitions_pb2.PurchaseRequisitionApproved,
    "REJECTED": purchase_requisitions_pb2.PurchaseRequisitionRejected,
    "RETURNED": purchase_requisitions_pb2.PurchaseRequisitionReturned,
    "WITHDRAWN": purchase_requisitions_pb2.PurchaseRequisitionWithdrawn,
}


async def change_asked(event: cases_pb2.CaseChangeRequested, call: Call) -> None:
    """An approver agrees with changes."""
    if event.amendment.document_type == requisitions.TYPE:
        await requisitions.amend(event.amendment, call)
    elif event.amendment.document_type == changes.TYPE:
        await changes.amend(event.amendment, call)


async def follow_case(event: Any, call: Call) -> None:
    """An approval case went on or ended."""
    case: cases_pb2.Case = event.case
    match case.document_type:
        case requisitions.TYPE:
            await _follow_requisition(case, call)
        case changes.TYPE:
            await _follow_change(case, call)


async def _follow_requisition(case: cases_pb2.Case, call: Call) -> None:
    outcome = cases_pb2.Case.State.Name(case.state)
    version = ids.version_of(case.etag)
    goes_on = outcome not in requisition_rules.OUTCOMES
    # whose turn it is stands in the head
    requisition = await call.load(PurchaseRequisition, case.document_id, parts=not goes_on)
    call.grant_read(requisition, _people(case.participant_ids), seeing.sight_of(case))
    if case.submission != requisition.submission or requisition.state != "SUBMITTED":
        return
    if goes_on:
        if version > requisition.case_version:
            _wait(requisition, case, version)
            call.announce(purchase_requisitions_pb2.PurchaseRequisitionProgressed, requisition, parts=False)
        return
    if outcome == "APPROVED" and requisitions.hash_of(requisition, call) != case.content_hash:
        raise ValueError(f"{requisition.number}: what was approved is not what stands here")
    _wait(requisition, case, version)
    requisition.state = requisition_rules.OUTCOMES[outcome]
    requisition.waiting_on_ids, requisition.waiting_since_time = [], None
    requisition.decide_time, requisition.outcome_note = call.now(), case.note
    if requisition.state == "DRAFT":
        requisition_rules.restore(requisition)
    call.announce(ANNOUNCED[outcome], requisition)
    await settle(requisition, call)


def _wait(requisition: PurchaseRequisition, case: cases_pb2.Case, version: int) -> None:
    """Whose turn it is, and since when."""
    requisition.case_id, requisition.case_version = case.id, version
    requisition.waiting_on_ids = _people(case.waiting_on_ids)
    since = case.waiting_since_time.ToDatetime(tzinfo=datetime.UTC) if case.HasField("waiting_since_time") else None
    requisition.waiting_since_time = since


async def _follow_change(case: cases_pb2.Case, call: Call) -> None:
    outcome = cases_pb2.Case.State.Name(case.state)
    goes_on = outcome not in requisition_rules.OUTCOMES
    order = await call.load(PurchaseOrder, case.document_id, parts=not goes_on)
    call.grant_read(order, _people(case.participant_ids), seeing.sight_of(case))
    if goes_on or case.submission != order.submission or order.state != order_rules.PENDING:
        return
    if outcome == "APPROVED":
        if changes.hash_of(order, call) != case.content_hash:
            raise ValueError(f"{order.number}: what was approved is not what stands here")
        change, asked_by = changes.pending_change(order)
        order.state, order.pending_change, order.state_before_change = "RELEASED", None, ""
        await orders.take_effect(order, change, call, changed_by=asked_by, asked=True)
        call.announce(purchase_orders_pb2.PurchaseOrderChanged, order)
    else:
        order.state, order.pending_change, order.state_before_change = order.state_before_change, None, ""
        call.announce(purchase_orders_pb2.PurchaseOrderChangeDropped, order)


def _people(texts: Any) -> list[uuid.UUID]:
    return [ids.parse(text) for text in texts]


REACTIONS = [
    on(items_pb2.ItemCreated, copies.keep_item),
    on(items_pb2.ItemUpdated, copies.keep_item),
    on(item_categories_pb2.ItemCategoryCreated, copies.keep_category),
    on(item_categories_pb2.ItemCategoryUpdated, copies.keep_category),
    on(units_pb2.UnitCreated, copies.keep_unit),
    on(units_pb2.UnitUpdated, copies.keep_unit),
    on(flow_definitions_pb2.FlowDefinitionPublished, copies.keep_flow),
    on(flow_definitions_pb2.FlowDefinitionRetired, copies.keep_flow),
    on(cases_pb2.CaseOpened, follow_case),
    on(cases_pb2.CaseAdvanced, follow_case),
    on(cases_pb2.CaseParked, follow_case),
    on(cases_pb2.CaseCommented, follow_case),
    on(cases_pb2.CaseSuspended, follow_case),
    on(cases_pb2.CaseChangeRequested, change_asked),
    on(cases_pb2.CaseApproved, follow_case),
    on(cases_pb2.CaseRejected, follow_case),
    on(cases_pb2.CaseReturned, follow_case),
    on(cases_pb2.CaseWithdrawn, follow_case),
]
