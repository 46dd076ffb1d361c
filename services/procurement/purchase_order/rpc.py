"""Purchase orders: made from agreed requisitions or by a buyer, sent, confirmed, changed, printed and ended."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Collection, Mapping
from decimal import Decimal

import sqlalchemy as sa
from google.protobuf import json_format, timestamp_pb2

from chassis import choosing, custom_fields, paper, seeing, statements
from chassis.call import Call
from chassis.states import advance
from heyi.common.v1 import common_pb2
from heyi.procurement.v1 import purchase_orders_pb2 as pb
from procurement import choices
from procurement.copies import unit_names
from procurement.market import Market
from procurement.print import pdf
from procurement.purchase_order import change as changes
from procurement.purchase_order import rules
from procurement.purchase_order.model import PurchaseOrder, PurchaseOrderRevision
from procurement.purchase_order.place import (
    day_of,
    forget_prices,
    give_back,
    orderable,
    remember_prices,
    take_buyer,
    take_terms,
)
from procurement.purchase_requisition.model import PurchaseRequisition
from procurement.purchase_requisition.rpc import TYPE as REQUISITION
from procurement.purchase_requisition.rpc import link_to, linked
from procurement.purchase_requisition.rules import Rate, rate_of, take_rate
from procurement.refusals import refuse
from procurement.supplier.model import Supplier


class PurchaseOrders:
    """heyi.procurement.v1.PurchaseOrders"""

    async def CreatePurchaseOrder(self, request: pb.CreatePurchaseOrderRequest, call: Call) -> PurchaseOrder:
        order = await call.create(PurchaseOrder, request.purchase_order)
        supplier = await orderable(call, order.supplier_id)
        order.buyer_id = order.buyer_id or call.actor.employee_id
        take_terms(order, supplier)
        take_buyer(order, call)
        await _complete(order, call, supplier, None, {}, {})
        call.next_number(order)
        return call.announce(pb.PurchaseOrderCreated, order)

    async def GetPurchaseOrder(self, request: pb.GetPurchaseOrderRequest, call: Call) -> PurchaseOrder:
        return await call.load(PurchaseOrder, request.id)

    async def ListPurchaseOrders(
        self, request: pb.ListPurchaseOrdersRequest, call: Call
    ) -> pb.ListPurchaseOrdersResponse:
        late = []
        if request.overdue:
            late = [PurchaseOrder.state.in_(rules.WITH_SUPPLIER), PurchaseOrder.due_date < call.today()]
            if (hidden := call.blind_to(PurchaseOrder)) is not None:
                late.append(sa.not_(statements.hides(hidden, ["overdue"])))
        return await call.page(PurchaseOrder, request, where=late)  # type: ignore[no-any-return]

    async def BatchGetPurchaseOrders(
        self, request: pb.BatchGetPurchaseOrdersRequest, call: Call
    ) -> pb.BatchGetPurchaseOrdersResponse:
        return await call.batch(PurchaseOrder, request)  # type: ignore[no-any-return]

    async def UpdatePurchaseOrder(self, request: pb.UpdatePurchaseOrderRequest, call: Call) -> PurchaseOrder:
        order = await call.load(PurchaseOrder, request.purchase_order.id, etag=request.purchase_order.etag)
        advance(order, "update")
        bound = rules.bindings(order)
        rate = rate_of(order)
        prices = {line.id: line.unit_price for line in order.lines}
        call.update(order, request.purchase_order, request.update_mask)
        supplier = await _supplier(order, call)
        await _complete(order, call, supplier, rate, bound, prices)
        return call.announce(pb.PurchaseOrderUpdated, order)

    async def ReleasePurchaseOrder(self, request: pb.ReleasePurchaseOrderRequest, call: Call) -> PurchaseOrder:
        order = await call.load(PurchaseOrder, request.id, etag=request.etag)
        advance(order, "release")
        supplier = await orderable(call, order.supplier_id)
        refuse([*rules.ready(order, await _limits(order, call)), *custom_fields.missing(call, order)])
        order.order_date, order.release_time, order.released_by_id = call.today(), call.now(), call.actor.person
        order.supplier_name, order.agreed_amount = supplier.name, order.amount
        take_buyer(order, call)
        await remember_prices(call, order)
        _keep_revision(order, call, changed_by=call.actor.person, reason="")
        return call.announce(pb.PurchaseOrderReleased, order)

    async def ConfirmPurchaseOrder(self, request: pb.ConfirmPurchaseOrderRequest, call: Call) -> PurchaseOrder:
        order = await call.load(PurchaseOrder, request.id, etag=request.etag)
        advance(order, "confirm")
        promises: dict[uuid.UUID, datetime.date] = {}
        for index, sent in enumerate(request.promises):
            changes.check_shape(sent, f"promises[{index}]")
            day = day_of(sent.promised_date)
            assert day is not None
            promises[changes.line_id(sent.line_id, f"promises[{index}].line_id")] = day
        rules.promise(order, promises)
        order.supplier_reference = request.supplier_reference or order.supplier_reference
        order.confirm_time = call.now()
        return call.announce(pb.PurchaseOrderConfirmed, order)

    async def ChangePurchaseOrder(self, request: pb.ChangePurchaseOrderRequest, call: Call) -> PurchaseOrder:
        order = await call.load(PurchaseOrder, request.id, etag=request.etag)
        before = order.state
        advance(order, "change")
        asked = changes.sent(request, order, call)
        change = changes.change_of(asked)
        catalog = await changes.check(order, change, call)
        after = rules.amount_after(order, change)
        if not rules.needs_agreement(before=order.agreed_amount, after=after, rate=order.exchange_rate or Decimal(1)):
            unasked = common_pb2.ApprovalRequest(document_type=changes.TYPE, choices=request.choices)
            refuse(choosing.faults(unasked, {}, call.organisation.people))
            await take_effect(order, change, call, changed_by=call.actor.person, asked=False)
            return call.announce(pb.PurchaseOrderChanged, order)
        order.state, order.state_before_change = rules.PENDING, before
        order.submission += 1
        approval = changes.ask_with(order, asked, catalog, call)
        approval.choices.extend(request.choices)
        await choices.check(approval, call)
        return call.announce(pb.PurchaseOrderChangeSubmitted, order, approval=approval)

    async def ClosePurchaseOrder(self, request: pb.ClosePurchaseOrderRequest, call: Call) -> PurchaseOrder:
        order = await call.load(PurchaseOrder, request.id, etag=request.etag)
        advance(order, "close")
        order.close_reason = request.reason
        return call.announce(pb.PurchaseOrderClosed, order)

    async def ShortClosePurchaseOrder(self, request: pb.ShortClosePurchaseOrderRequest, call: Call) -> PurchaseOrder:
        order = await call.load(PurchaseOrder, request.id, etag=request.etag)
        advance(order, "short_close")
        order.close_reason = request.reason
        return call.announce(pb.PurchaseOrderShortClosed, order)

    async def CancelPurchaseOrder(self, request: pb.CancelPurchaseOrderRequest, call: Call) -> PurchaseOrder:
        order = await call.load(PurchaseOrder, request.id, etag=request.etag)
        advance(order, "cancel")
        order.close_reason = request.reason
        await give_back(call, order, order.lines, drop=request.drop_lines, reason=request.reason)
        await forget_prices(call, order)
        return call.announce(pb.PurchaseOrderCancelled, order)

    async def PrintPurchaseOrder(self, request: pb.PrintPurchaseOrderRequest, call: Call) -> paper.Sheet:
        order = await call.load(PurchaseOrder, request.id)
        supplier = await _supplier(order, call)
        buyer = call.organisation.people.get(order.buyer_id) if order.buyer_id else None
        known = not call.hides(order, "supplier_id")
        page = pdf.Page(
            order=call.reply(order),
            company=call.company,
            hidden=call.hidden.get(order.id, frozenset()),
            supplier_code=(known and supplier.code) or "",
            supplier_credit_code=supplier.credit_code if known else "",
            supplier_address=supplier.address if known else "",
            buyer=buyer.name if buyer else "",
            units=await unit_names(call),
            item_codes={
                item.id: item.code
                for item in (await Market.of(call, (line.item_id for line in order.lines))).catalog.items.values()
            },
            printed_on=call.today(),
            added=custom_fields.printed(call, order, "zh-CN"),
        )
        return paper.Sheet(f"{order.number or 'draft'}.pdf", pdf.page_html(page))

    async def ListLinksPurchaseOrder(
        self, request: pb.ListLinksPurchaseOrderRequest, call: Call
    ) -> pb.ListLinksPurchaseOrderResponse:
        order = await call.load(PurchaseOrder, request.id)
        behind = {source.requisition_id for line in order.lines for source in line.sources}
        rows = await linked(call, PurchaseRequisition, behind, f"{REQUISITION}.get")
        blind = call.hides(order, "amount")
        links = [link_to(REQUISITION, row, "source", blind=blind or "amount" in hidden) for row, hidden in rows]
        return pb.ListLinksPurchaseOrderResponse(links=links)

    async def ListRevisionsPurchaseOrder(
        self, request: pb.ListRevisionsPurchaseOrderRequest, call: Call
    ) -> pb.ListRevisionsPurchaseOrderResponse:
        order = await call.load(PurchaseOrder, request.id, parts=False)
        rows = await call.db.scalars(
            sa.select(PurchaseOrderRevision)
            .where(PurchaseOrderRevision.order_id == order.id)
            .order_by(PurchaseOrderRevision.revision)
        )
        hidden, added = call.hidden.get(order.id, frozenset()), custom_fields.concealed(call, order)
        return pb.ListRevisionsPurchaseOrderResponse(revisions=[_revision(row, hidden, added) for row in rows])


async def take_effect(
    order: PurchaseOrder, change: rules.Change, call: Call, *, changed_by: uuid.UUID | None, asked: bool
) -> None:
    """Put a change into the order: a new revision, cancelled lines back to the pool, new last prices.

    `asked`: it was agreed to.
    """
    cancelled = rules.apply(order, change)
    rules.price(order)
    order.agreed_amount = rules.agreed_after(order.agreed_amount, order.amount, asked=asked)
    await give_back(call, order, cancelled, drop=False, reason=change.reason)
    await remember_prices(call, order)
    _keep_revision(order, call, changed_by=changed_by, reason=change.reason)


async def _limits(order: PurchaseOrder, call: Call) -> dict[uuid.UUID, rules.Limits]:
    return changes.limits_of(order, await Market.of(call, (line.item_id for line in order.lines)))


async def _supplier(order: PurchaseOrder, call: Call) -> Supplier:
    return (await call.db.scalars(sa.select(Supplier).where(Supplier.id == order.supplier_id))).one()


async def _complete(
    order: PurchaseOrder,
    call: Call,
    supplier: Supplier,
    rate: Rate | None,
    bound: Mapping[uuid.UUID, rules.Bound],
    prices: Mapping[uuid.UUID, Decimal | None],
) -> None:
    """Fill in what follows from items and agreements, check the draft, compute the amounts."""
    market = await Market.of(call, (line.item_id for line in order.lines), suppliers=[order.supplier_id])
    for line in order.lines:
        item = market.catalog.items.get(line.item_id) if line.item_id else None
        terms = market.terms_with(order.supplier_id, line.item_id)
        if item is not None:
            line.description = line.description or item.name
            line.specification = line.specification or item.specification
            line.unit_id = line.unit_id or (terms.unit_id if terms else item.base_unit_id)
        offer = market.offer(
            line.item_id,
            quantity=line.quantity,
            unit_id=line.unit_id,
            currency=order.currency,
            wished=order.supplier_id,
        )
        if line.unit_price is None and offer is not None and offer.unit_price is not None:
            line.unit_price = market.price(offer, line.item_id, line.unit_id, order.currency)
            line.price_source = offer.source
        elif line.unit_price is not None and prices.get(line.id) != line.unit_price:
            line.price_source = "BUYER"
        if line.tax_rate is None:
            rates = (terms.tax_rate if terms else None, market.catalog.tax_rate_of(item) if item else None)
            line.tax_rate = next((rate for rate in (*rates, supplier.tax_rate) if rate is not None), Decimal(0))
    departments = {d.department_id for d in call.organisation.departments.values() if d.company_id == call.company_id}
    refuse(rules.faults(order, market.catalog, bound, departments))
    take_rate(order, rate, base_currency=call.company.base_currency, today=call.today())
    rules.price(order)


def _keep_revision(order: PurchaseOrder, call: Call, *, changed_by: uuid.UUID | None, reason: str) -> None:
    snapshot = call.reply(order)
    if order.custom_fields:
        # all of them, whoever changes the order
        snapshot.custom_fields.json = custom_fields.text_of(order.custom_fields)
    for name in ("etag", "allowed_actions", "update_time"):
        snapshot.ClearField(name)
    revision = PurchaseOrderRevision(
        order_id=order.id,
        revision=order.revision,
        created_at=call.now(),
        changed_by_id=changed_by,
        reason=reason,
        amount=order.amount,
        snapshot=json_format.MessageToDict(snapshot, preserving_proto_field_name=True),
    )
    call.db.add(revision)


def _revision(row: PurchaseOrderRevision, hidden: Collection[str], added: frozenset[str]) -> pb.PurchaseOrderRevision:
    """A revision as whoever sees it from whom these paths, and the added fields with these keys, are hidden."""
    at = timestamp_pb2.Timestamp()
    at.FromDatetime(row.created_at)
    snapshot = json_format.ParseDict(row.snapshot, pb.PurchaseOrder(), ignore_unknown_fields=True)
    if hidden:
        seeing.conceal(snapshot, hidden)
    custom_fields.without(snapshot, added)
    return pb.PurchaseOrderRevision(
        revision=row.revision,
        create_time=at,
        changed_by_id=str(row.changed_by_id or ""),
        reason="" if "pending_change.reason" in hidden else row.reason,
        amount="" if "amount" in hidden else format(row.amount, "f"),
        snapshot=snapshot,
    )
