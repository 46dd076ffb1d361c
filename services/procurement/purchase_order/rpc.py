"""Purchase orders: made from agreed requisitions or by a buyer, sent, confirmed, changed, printed and ended."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal

import sqlalchemy as sa
from google.protobuf import json_format, timestamp_pb2

from chassis import canonical, choosing, contract, ids, mapping, paper
from chassis.call import Call, Refused
from chassis.states import advance
from heyi.common.v1 import common_pb2
from heyi.procurement.v1 import purchase_orders_pb2 as pb
from procurement import choices
from procurement.copies import unit_names
from procurement.market import Market
from procurement.print import pdf
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
from procurement.purchase_requisition.rpc import link_to
from procurement.purchase_requisition.rules import Rate, rate_of, take_rate
from procurement.refusals import refuse
from procurement.supplier.model import Supplier

TYPE = "procurement.purchase_order"


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
        late = [PurchaseOrder.state.in_(rules.WITH_SUPPLIER), PurchaseOrder.due_date < call.today()]
        return await call.page(  # type: ignore[no-any-return]
            PurchaseOrder, request, where=late if request.overdue else []
        )

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
        refuse(rules.ready(order, await _limits(order, call)))
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
            _check_shape(sent, f"promises[{index}]")
            day = day_of(sent.promised_date)
            assert day is not None
            promises[_line_id(sent.line_id, f"promises[{index}].line_id")] = day
        rules.promise(order, promises)
        order.supplier_reference = request.supplier_reference or order.supplier_reference
        order.confirm_time = call.now()
        return call.announce(pb.PurchaseOrderConfirmed, order)

    async def ChangePurchaseOrder(self, request: pb.ChangePurchaseOrderRequest, call: Call) -> PurchaseOrder:
        order = await call.load(PurchaseOrder, request.id, etag=request.etag)
        before = order.state
        advance(order, "change")
        change = _change_of(request.change)
        market = await Market.of(call, (line.item_id for line in order.lines))
        refuse(rules.change_faults(order, change, market.catalog, limits_of(order, market)))
        if rules.raises(order, change):
            await orderable(call, order.supplier_id)
        after = rules.amount_after(order, change)
        if not rules.needs_agreement(before=order.agreed_amount, after=after, rate=order.exchange_rate or Decimal(1)):
            unasked = common_pb2.ApprovalRequest(document_type=TYPE, choices=request.choices)
            refuse(choosing.faults(unasked, {}, call.organisation.people))
            await take_effect(order, change, call, changed_by=call.actor.person, asked=False)
            return call.announce(pb.PurchaseOrderChanged, order)
        asked = pb.PurchaseOrderChange()
        asked.CopyFrom(request.change)
        asked.amount_before, asked.amount_after = format(order.amount, "f"), format(after, "f")
        asked.ask_time.FromDatetime(call.now())
        asked.asked_by_id = str(call.actor.person)
        order.state, order.state_before_change = rules.PENDING, before
        order.pending_change = json_format.MessageToDict(asked, preserving_proto_field_name=True)
        order.submission += 1
        order.content_hash = hash_of(order, call)
        approval = approval_request(order, after, call)
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
        page = pdf.Page(
            order=call.reply(order),
            company=call.company,
            supplier_code=supplier.code or "",
            supplier_credit_code=supplier.credit_code,
            supplier_address=supplier.address,
            buyer=buyer.name if buyer else "",
            units=await unit_names(call),
            item_codes={
                item.id: item.code
                for item in (await Market.of(call, (line.item_id for line in order.lines))).catalog.items.values()
            },
            printed_on=call.today(),
        )
        return paper.Sheet(f"{order.number or 'draft'}.pdf", pdf.page_html(page))

    async def ListLinksPurchaseOrder(
        self, request: pb.ListLinksPurchaseOrderRequest, call: Call
    ) -> pb.ListLinksPurchaseOrderResponse:
        order = await call.load(PurchaseOrder, request.id)
        behind = {source.requisition_id for line in order.lines for source in line.sources}
        rows = await call.db.scalars(
            sa.select(PurchaseRequisition)
            .where(PurchaseRequisition.id.in_(behind))
            .order_by(PurchaseRequisition.created_at)
        )
        links = [link_to("procurement.purchase_requisition", row, "source") for row in rows]
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
        return pb.ListRevisionsPurchaseOrderResponse(revisions=[_revision(row) for row in rows])


def hash_of(order: PurchaseOrder, call: Call) -> str:
    """Hash of the order as it stands together with the change that is asked for."""
    return canonical.content_hash(call.reply(order))


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


def pending_change(order: PurchaseOrder) -> tuple[rules.Change, uuid.UUID]:
    """The change that waits for agreement, and who asked for it."""
    assert order.pending_change is not None
    sent = json_format.ParseDict(order.pending_change, pb.PurchaseOrderChange())
    return _change_of(sent), ids.parse(sent.asked_by_id)


def approval_request(order: PurchaseOrder, after: Decimal, call: Call) -> common_pb2.ApprovalRequest:
    """What approval needs to know of a change; the amount is what the order would come to, in base currency."""
    rate = order.exchange_rate or Decimal(1)
    approval = common_pb2.ApprovalRequest(
        document_type=TYPE,
        document_id=str(order.id),
        company_id=str(order.company_id),
        document_number=order.number or "",
        title=f"{order.number} {order.supplier_name}",
        requester_id=str(call.actor.person),
        department_id=str(order.department_id),
        amount=format((after * rate).quantize(Decimal("0.01")), "f"),
        currency=order.base_currency,
        content_hash=order.content_hash,
        submission=order.submission,
    )
    rise = after - order.agreed_amount
    approval.facts.update(
        {
            "change": True,
            "amount_before": float(order.agreed_amount * rate),
            "rise_amount": float(rise * rate),
            "rise_percent": float(rise * 100 / order.agreed_amount) if order.agreed_amount else 100.0,
            "supplier_ids": [str(order.supplier_id)],
            "line_count": len(order.lines),
            "document_currency": order.currency,
        }
    )
    return approval


def limits_of(order: PurchaseOrder, market: Market) -> dict[uuid.UUID, rules.Limits]:
    """The supplier's minimum and multiple for each line that is counted in the unit of the terms."""
    found = {}
    for line in order.lines:
        terms = market.terms_with(order.supplier_id, line.item_id)
        if terms is not None and terms.unit_id == line.unit_id:
            found[line.id] = rules.Limits(terms.minimum, terms.multiple)
    return found


async def _limits(order: PurchaseOrder, call: Call) -> dict[uuid.UUID, rules.Limits]:
    return limits_of(order, await Market.of(call, (line.item_id for line in order.lines)))


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


def _revision(row: PurchaseOrderRevision) -> pb.PurchaseOrderRevision:
    at = timestamp_pb2.Timestamp()
    at.FromDatetime(row.created_at)
    return pb.PurchaseOrderRevision(
        revision=row.revision,
        create_time=at,
        changed_by_id=str(row.changed_by_id or ""),
        reason=row.reason,
        amount=format(row.amount, "f"),
        snapshot=json_format.ParseDict(row.snapshot, pb.PurchaseOrder(), ignore_unknown_fields=True),
    )


def _change_of(sent: pb.PurchaseOrderChange) -> rules.Change:
    """The change as the rules see it; every text of it is checked here."""
    _check_shape(sent, "change")
    edits = []
    for index, line in enumerate(sent.lines):
        path = f"change.lines[{index}]"
        _check_shape(line, path)
        edits.append(
            rules.LineEdit(
                line_id=_line_id(line.line_id, f"{path}.line_id"),
                quantity=Decimal(line.quantity) if line.quantity else None,
                unit_price=Decimal(line.unit_price) if line.unit_price else None,
                need_date=day_of(line.need_date),
                cancel=line.cancel,
            )
        )
    return rules.Change(sent.reason, tuple(edits), sent.payment_terms, day_of(sent.need_date))


def _line_id(text: str, path: str) -> uuid.UUID:
    try:
        return ids.parse(text)
    except ValueError:
        raise Refused("FIELD_FORMAT", path, value=text[:50], expected="UUID") from None


def _check_shape(message: contract.Message, path: str) -> None:
    """Shape of a message inside a request, with the path that the caller knows it by."""
    try:
        mapping.check_shape(message)
    except Refused as refusal:
        listed: Sequence[tuple[str, str, dict[str, str]]] = refusal.violations
        raise Refused.fields((f"{path}.{field}", reason, dict(facts)) for field, reason, facts in listed) from None
