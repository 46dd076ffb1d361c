"""Purchase requisitions: drafts of their owner, agreed to in the office, ordered by themselves or by a buyer."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from google.protobuf import empty_pb2

from chassis import amending, canonical, custom_fields, drafts, ids, seeing
from chassis.call import Call, Refused
from chassis.mapping import snapshot_of
from chassis.numbering import Repeated
from chassis.states import advance
from heyi.common.v1 import common_pb2
from heyi.procurement.v1 import purchase_requisitions_pb2 as pb
from heyi.procurement.v1 import sourcing_tasks_pb2
from procurement import choices, lookups
from procurement.catalog import Catalog
from procurement.market import Market
from procurement.purchase_order.model import PurchaseOrder, PurchaseOrderLine, PurchaseOrderLineSource
from procurement.purchase_order.place import save_alike
from procurement.purchase_requisition import rules
from procurement.purchase_requisition.model import PurchaseRequisition, PurchaseRequisitionLine
from procurement.refusals import refuse
from procurement.sourcing_task.model import SourcingTask

TYPE = "procurement.purchase_requisition"
COPIED_LINE = (
    "kind", "item_id", "description", "specification", "category_id", "unit_id", "unit_text", "quantity", "tax_rate",
    "supplier_id", "cost_department_id", "project_code", "note",
)  # fmt: skip


class PurchaseRequisitions:
    """heyi.procurement.v1.PurchaseRequisitions"""

    async def CreatePurchaseRequisition(
        self, request: pb.CreatePurchaseRequisitionRequest, call: Call
    ) -> PurchaseRequisition:
        requisition = await call.create(PurchaseRequisition, request.purchase_requisition)
        await _complete(requisition, call, None)
        return requisition

    async def GetPurchaseRequisition(
        self, request: pb.GetPurchaseRequisitionRequest, call: Call
    ) -> PurchaseRequisition:
        return await drafts.load(PurchaseRequisition, request.id, call)

    async def ListPurchaseRequisitions(
        self, request: pb.ListPurchaseRequisitionsRequest, call: Call
    ) -> pb.ListPurchaseRequisitionsResponse:
        return await call.page(PurchaseRequisition, request, where=[drafts.visible(PurchaseRequisition, call)])  # type: ignore[no-any-return]

    async def BatchGetPurchaseRequisitions(
        self, request: pb.BatchGetPurchaseRequisitionsRequest, call: Call
    ) -> pb.BatchGetPurchaseRequisitionsResponse:
        reply = await call.batch(PurchaseRequisition, request)
        me = str(call.actor.employee_id)
        seen = [r for r in reply.purchase_requisitions if r.submission > 0 or r.owner_id == me]
        return pb.BatchGetPurchaseRequisitionsResponse(purchase_requisitions=seen)

    async def UpdatePurchaseRequisition(
        self, request: pb.UpdatePurchaseRequisitionRequest, call: Call
    ) -> PurchaseRequisition:
        sent = request.purchase_requisition
        requisition = await _own(sent.id, sent.etag, call, "update")
        rate = rules.rate_of(requisition)
        call.update(requisition, sent, request.update_mask)
        await _complete(requisition, call, rate)
        return requisition

    async def DeletePurchaseRequisition(
        self, request: pb.DeletePurchaseRequisitionRequest, call: Call
    ) -> empty_pb2.Empty:
        requisition = await _own(request.id, request.etag, call, "delete")
        if requisition.submission:
            # what others have seen stays on record
            raise Refused(
                "ACTION_NOT_ALLOWED",
                document_type="PurchaseRequisition",
                number=requisition.number,
                state=requisition.state,
                action="delete",
            )
        return await call.delete(requisition)

    async def SubmitPurchaseRequisition(
        self, request: pb.SubmitPurchaseRequisitionRequest, call: Call
    ) -> PurchaseRequisition:
        requisition = await _own(request.id, request.etag, call, "submit")
        catalog = await _complete(requisition, call, rules.rate_of(requisition))
        lacking = custom_fields.missing(call, requisition)
        refuse([*rules.missing(requisition, catalog, today=call.today()), *lacking])
        requisition.submission += 1
        requisition.submit_time, requisition.decide_time = call.now(), None
        requisition.case_id, requisition.case_version = "", 0
        requisition.waiting_on_ids, requisition.waiting_since_time, requisition.outcome_note = [], None, ""
        requisition.content_hash = hash_of(requisition, call)
        approval = approval_request(requisition, catalog, call)
        approval.choices.extend(request.choices)
        await choices.check(approval, call)
        if not requisition.number:

            def tell_approval(number: str) -> None:
                approval.document_number = number

            call.next_number(Repeated(requisition, tell_approval))
        return call.announce(pb.PurchaseRequisitionSubmitted, requisition, approval=approval)

    async def CopyPurchaseRequisition(
        self, request: pb.CopyPurchaseRequisitionRequest, call: Call
    ) -> PurchaseRequisition:
        """The same wish as a draft of the caller's. A rate of exchange is not copied: it has to be typed anew."""
        old = await drafts.load(PurchaseRequisition, request.id, call, etag=request.etag)
        advance(old, "copy")
        assert call.actor.employee_id is not None
        copy = PurchaseRequisition(
            owner_id=call.actor.employee_id,
            department_id=call.own_department(),
            title=old.title,
            purpose=old.purpose,
            currency=old.currency,
            delivery_place=old.delivery_place,
            urgency=old.urgency,
            copied_from_id=old.id,
            submission=0,
            custom_fields=custom_fields.copied(call, old),
            lines=[_copy_line(line) for line in old.lines],
        )
        call.add(copy)
        await _complete(copy, call, None)
        return copy

    async def CancelPurchaseRequisition(
        self, request: pb.CancelPurchaseRequisitionRequest, call: Call
    ) -> PurchaseRequisition:
        requisition = await _own(request.id, request.etag, call, "cancel")
        requisition.outcome_note = request.reason
        return requisition

    async def ClosePurchaseRequisition(
        self, request: pb.ClosePurchaseRequisitionRequest, call: Call
    ) -> PurchaseRequisition:
        requisition = await drafts.load(PurchaseRequisition, request.id, call, etag=request.etag)
        advance(requisition, "close")
        requisition.outcome_note = request.reason
        for line in requisition.lines:
            line.state = "DROPPED" if line.state in rules.NOT_YET else line.state
            save_alike(line)
        waiting = sa.select(SourcingTask).where(
            SourcingTask.requisition_id == requisition.id, SourcingTask.state == "OPEN"
        )
        for task in await call.db.scalars(waiting.order_by(SourcingTask.id).with_for_update()):
            task.state, task.drop_reason = "DROPPED", request.reason
            call.announce(sourcing_tasks_pb2.SourcingTaskUpdated, task)
        return call.announce(pb.PurchaseRequisitionClosed, requisition)

    async def PreviewPurchaseRequisition(
        self, request: pb.PreviewPurchaseRequisitionRequest, call: Call
    ) -> common_pb2.ApprovalPreview:
        requisition = await drafts.load(PurchaseRequisition, request.id, call)
        market = await _market(requisition, call)
        approval = approval_request(requisition, market.catalog, call)
        approval.content_hash = hash_of(requisition, call)
        return await lookups.who_would_be_asked(approval, call)

    async def ListLinksPurchaseRequisition(
        self, request: pb.ListLinksPurchaseRequisitionRequest, call: Call
    ) -> pb.ListLinksPurchaseRequisitionResponse:
        requisition = await drafts.load(PurchaseRequisition, request.id, call)
        made = (
            sa.select(PurchaseOrderLine.parent_id)
            .join(PurchaseOrderLineSource, PurchaseOrderLineSource.parent_id == PurchaseOrderLine.id)
            .where(PurchaseOrderLineSource.requisition_id == requisition.id)
        )
        order_type = "procurement.purchase_order"
        rows = await linked(call, PurchaseOrder, made, f"{order_type}.get")
        blind = call.hides(requisition, "amount")
        return pb.ListLinksPurchaseRequisitionResponse(
            links=[link_to(order_type, row, "result", blind=blind or "amount" in hidden) for row, hidden in rows]
        )


async def linked(call: Call, model: Any, wanted: Any, permission: str) -> list[tuple[Any, Collection[str]]]:
    """Documents by their ids, the oldest first, and what each hides from the caller."""
    hidden = call.blind_to(model, permission=permission)
    statement = sa.select(model, sa.null() if hidden is None else hidden).where(model.id.in_(wanted))
    return [(row, paths or ()) for row, paths in await call.db.execute(statement.order_by(model.created_at))]


def link_to(document_type: str, row: Any, direction: str, *, blind: bool) -> common_pb2.DocumentLink:
    """A related document, as its link shows it; without its amount to who is `blind` to it."""
    return common_pb2.DocumentLink(
        document_type=document_type,
        document_id=str(row.id),
        number=row.number or "",
        state=row.state,
        amount="" if blind else format(row.amount, "f"),
        currency=row.currency,
        direction=direction,
    )


def hash_of(requisition: PurchaseRequisition, call: Call) -> str:
    """Hash of what an approver agrees to, from the rows as they are."""
    return canonical.content_hash(snapshot_of(requisition))


def approval_request(requisition: PurchaseRequisition, catalog: Catalog, call: Call) -> common_pb2.ApprovalRequest:
    """What approval needs to know. The amount is in the company's currency, so that limits compare like with like."""
    approval = common_pb2.ApprovalRequest(
        document_type=TYPE,
        document_id=str(requisition.id),
        company_id=str(requisition.company_id),
        document_number=requisition.number or "",
        title=requisition.title,
        requester_id=str(requisition.owner_id),
        department_id=str(requisition.department_id),
        amount=format(requisition.base_amount or requisition.amount, "f"),
        currency=requisition.base_currency,
        content_hash=requisition.content_hash,
        submission=requisition.submission,
        basis=seeing.basis(snapshot_of(requisition)),
    )
    approval.facts.update(rules.facts(requisition, catalog))
    counted = [line for line in requisition.lines if not line.refused]
    approval.facts.update({"item_prices": catalog.prices_of(counted, requisition.exchange_rate)})
    approval.facts.update(custom_fields.facts(call, requisition))
    return approval


async def amend(amendment: common_pb2.Amendment, call: Call) -> None:
    """Change what waits for agreement as an approver said, by the rules of an edit, and ask with it from now on; or say
    why it stays as it is.
    """

    async def change(requisition: PurchaseRequisition) -> common_pb2.AmendmentAnswer:
        return await _amended(requisition, amendment, call)

    await amending.react(PurchaseRequisition, amendment, pb.PurchaseRequisitionChangeAnswered, change, call)


async def _amended(
    requisition: PurchaseRequisition, amendment: common_pb2.Amendment, call: Call
) -> common_pb2.AmendmentAnswer:
    if requisition.state != "SUBMITTED":
        raise Refused("AMENDMENT_TOO_LATE")
    author_id = ids.parse(amendment.author_id)

    def cut(line: PurchaseRequisitionLine, quantity: Decimal | None, reason: str) -> None:
        rules.cut(line, quantity, reason, author_id)

    rate = rules.rate_of(requisition)
    differences = amending.amend(requisition, amendment.changes, cut, call)
    if all(line.refused for line in requisition.lines):
        raise Refused("AMENDMENT_NOTHING_LEFT")
    catalog = await _complete(requisition, call, rate)
    written = {change.path for change in amendment.changes}
    refuse(rules.missing_after(requisition, catalog, written, today=call.today()))
    requisition.content_hash = hash_of(requisition, call)
    approval = approval_request(requisition, catalog, call)
    return common_pb2.AmendmentAnswer(amendment_id=amendment.id, approval=approval, differences=differences)


async def _own(key: str, etag: str, call: Call, action: str) -> PurchaseRequisition:
    """A requisition that its owner moves. Others may read it by then, but never act for the owner."""
    requisition = await drafts.load(PurchaseRequisition, key, call, etag=etag)
    if requisition.owner_id != call.actor.employee_id:
        raise Refused("PURCHASE_REQUISITION_NOT_OWNER", action=action)
    advance(requisition, action)
    return requisition


async def _market(requisition: PurchaseRequisition, call: Call) -> Market:
    return await Market.of(
        call,
        (line.item_id for line in requisition.lines),
        categories=(line.category_id for line in requisition.lines),
        suppliers=(line.supplier_id for line in requisition.lines),
    )


async def _complete(requisition: PurchaseRequisition, call: Call, rate: rules.Rate | None) -> Catalog:
    """Fill in what follows from the item master and the prices known, check the draft, compute the amounts.

    `rate` is what the draft held before the edit.
    """
    market = await _market(requisition, call)
    rules.fill(requisition, market.catalog)
    requisition.delivery_place = requisition.delivery_place or call.company.address
    departments = {d.department_id for d in call.organisation.departments.values() if d.company_id == call.company_id}
    found = rules.faults(requisition, market.catalog, departments=departments, suppliers=market.supplier_states)
    refuse(found)
    for line in requisition.lines:
        if line.unit_price is None:
            offer = market.offer(
                line.item_id,
                quantity=line.quantity,
                unit_id=line.unit_id,
                currency=requisition.currency,
                wished=line.supplier_id,
            )
            line.unit_price = market.price(offer, line.item_id, line.unit_id, requisition.currency)
        paid = market.paid_last(line.item_id, line.unit_id, requisition.currency)
        line.last_unit_price = paid[0] if paid else None
        line.last_price_date = paid[1].on if paid else None
        line.last_supplier_id = paid[1].supplier_id if paid else None
    rules.take_rate(requisition, rate, base_currency=call.company.base_currency, today=call.today())
    rules.price(requisition)
    return market.catalog


def _copy_line(old: PurchaseRequisitionLine) -> PurchaseRequisitionLine:
    """The same wish at today's price; what has no price of its own keeps its estimate."""
    line = PurchaseRequisitionLine(**{name: getattr(old, name) for name in COPIED_LINE})
    line.line_number, line.state, line.order_number = old.line_number, "OPEN", ""
    line.quantity = old.asked_quantity or old.quantity
    line.unit_price = None if old.kind == "ITEM" else old.unit_price
    return line
