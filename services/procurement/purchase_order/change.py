"""A change of an order that waits for agreement: what is asked for, how it is asked, and what approvers make of it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from decimal import Decimal

from google.protobuf import json_format

from chassis import amending, canonical, contract, custom_fields, ids, mapping, money, seeing
from chassis.call import Call, Refused
from chassis.mapping import snapshot_of
from heyi.common.v1 import common_pb2
from heyi.procurement.v1 import purchase_order_changes_pb2 as changes_pb
from heyi.procurement.v1 import purchase_orders_pb2 as pb
from procurement.catalog import Catalog
from procurement.market import Market
from procurement.purchase_order import rules
from procurement.purchase_order.model import PurchaseOrder
from procurement.purchase_order.place import day_of, orderable
from procurement.refusals import refuse

TYPE = "procurement.purchase_order"


def hash_of(order: PurchaseOrder, call: Call) -> str:
    """Hash of the order as it stands together with the change that is asked for."""
    return canonical.content_hash(snapshot_of(order))


def ask_with(
    order: PurchaseOrder, asked: changes_pb.PurchaseOrderChange, catalog: Catalog, call: Call
) -> common_pb2.ApprovalRequest:
    """Keep what is asked for in the order, and say what approval needs to know of it; the amount is what the order
    would come to, in base currency.
    """
    change, rate = change_of(asked), order.exchange_rate or Decimal(1)
    after = rules.amount_after(order, change)
    asked.amount_after = format(after, "f")
    order.pending_change = json_format.MessageToDict(asked, preserving_proto_field_name=True)
    order.content_hash = hash_of(order, call)
    approval = common_pb2.ApprovalRequest(
        document_type=TYPE,
        document_id=str(order.id),
        company_id=str(order.company_id),
        document_number=order.number or "",
        title=f"{order.number} {order.supplier_name}",
        requester_id=asked.asked_by_id,
        department_id=str(order.department_id),
        amount=format(money.quantize(after * rate), "f"),
        currency=order.base_currency,
        content_hash=order.content_hash,
        submission=order.submission,
        basis=seeing.basis(snapshot_of(order)),
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
            "item_prices": catalog.prices_of(rules.lines_after(order, change), order.exchange_rate),
            **custom_fields.facts(call, order),
        }
    )
    return approval


async def amend(amendment: common_pb2.Amendment, call: Call) -> None:
    """Cut what is asked for, or fill it in, as an approver said: by the rules of a change, so that the order never
    covers less than its requisitions ask for. Asked for is the rest from now on; or the answer says why not.
    """

    async def change(order: PurchaseOrder) -> common_pb2.AmendmentAnswer:
        return await _amended(order, amendment, call)

    await amending.react(PurchaseOrder, amendment, pb.PurchaseOrderChangeAnswered, change, call)


async def _amended(order: PurchaseOrder, amendment: common_pb2.Amendment, call: Call) -> common_pb2.AmendmentAnswer:
    if order.state != rules.PENDING:
        raise Refused("AMENDMENT_TOO_LATE")
    asked = _asked(order)
    lines = {str(line.id): line for line in order.lines}

    def cut(edit: changes_pb.LineChange, quantity: Decimal | None, reason: str) -> None:
        line = lines[edit.line_id]
        edit.asked_quantity = edit.asked_quantity or edit.quantity or mapping.decimal_text(line.quantity, 6)
        edit.cut_reason, edit.cut_by_id = reason, amendment.author_id
        if quantity is None:
            edit.refused = True
        else:
            edit.quantity = mapping.decimal_text(quantity, 6)

    def about(line_id: str) -> amending.About | None:
        line = lines.get(line_id)
        return amending.About(line.line_number, line.description, line.quantity) if line is not None else None

    of_type = contract.load().documents[TYPE]
    differences = amending.amend_within(asked, of_type, amendment.changes, cut, about)
    change = change_of(asked)
    if not rules.differs(order, change):
        raise Refused("AMENDMENT_NOTHING_LEFT")
    catalog = await check(order, change, call)
    approval = ask_with(order, asked, catalog, call)
    return common_pb2.AmendmentAnswer(amendment_id=amendment.id, approval=approval, differences=differences)


async def check(order: PurchaseOrder, change: rules.Change, call: Call) -> Catalog:
    """Refuse a change that cannot be; the items that the order is about."""
    market = await Market.of(call, (line.item_id for line in order.lines))
    refuse(rules.change_faults(order, change, market.catalog, limits_of(order, market)))
    if rules.raises(order, change):
        await orderable(call, order.supplier_id)
    return market.catalog


def sent(request: pb.ChangePurchaseOrderRequest, order: PurchaseOrder, call: Call) -> changes_pb.PurchaseOrderChange:
    """What a buyer asks for, with what only the service says."""
    asked = changes_pb.PurchaseOrderChange()
    asked.CopyFrom(request.change)
    for line in asked.lines:
        line.ClearField("asked_quantity")
        line.ClearField("cut_reason")
        line.ClearField("cut_by_id")
        line.ClearField("refused")
    asked.amount_before, asked.asked_by_id = format(order.amount, "f"), str(call.actor.person)
    asked.ask_time.FromDatetime(call.now())
    return asked


def pending_change(order: PurchaseOrder) -> tuple[rules.Change, uuid.UUID]:
    """The change that waits for agreement, without what approvers refused, and who asked for it."""
    asked = _asked(order)
    return change_of(asked), ids.parse(asked.asked_by_id)


def _asked(order: PurchaseOrder) -> changes_pb.PurchaseOrderChange:
    assert order.pending_change is not None
    return json_format.ParseDict(order.pending_change, changes_pb.PurchaseOrderChange())


def limits_of(order: PurchaseOrder, market: Market) -> dict[uuid.UUID, rules.Limits]:
    """The supplier's minimum and multiple for each line that is counted in the unit of the terms."""
    found = {}
    for line in order.lines:
        terms = market.terms_with(order.supplier_id, line.item_id)
        if terms is not None and terms.unit_id == line.unit_id:
            found[line.id] = rules.Limits(terms.minimum, terms.multiple)
    return found


def change_of(sent: changes_pb.PurchaseOrderChange) -> rules.Change:
    """The change as the rules see it, without what approvers refused; every text of it is checked here."""
    check_shape(sent, "change")
    edits = []
    for index, line in enumerate(sent.lines):
        path = f"change.lines[{index}]"
        check_shape(line, path)
        if line.refused:
            continue
        edits.append(
            rules.LineEdit(
                line_id=line_id(line.line_id, f"{path}.line_id"),
                quantity=Decimal(line.quantity) if line.quantity else None,
                unit_price=Decimal(line.unit_price) if line.unit_price else None,
                need_date=day_of(line.need_date),
                cancel=line.cancel,
            )
        )
    return rules.Change(sent.reason, tuple(edits), sent.payment_terms, day_of(sent.need_date))


def line_id(text: str, path: str) -> uuid.UUID:
    """Id of a line as a caller wrote it."""
    try:
        return ids.parse(text)
    except ValueError:
        raise Refused("FIELD_FORMAT", path, value=text[:50], expected="UUID") from None


def check_shape(message: contract.Message, path: str) -> None:
    """Shape of a message inside a request, with the path that the caller knows it by."""
    try:
        mapping.check_shape(message)
    except Refused as refusal:
        listed: Sequence[tuple[str, str, dict[str, str]]] = refusal.violations
        raise Refused.fields((f"{path}.{field}", reason, dict(facts)) for field, reason, facts in listed) from None
