"""An order from the draft to its end: release, confirmation, change, print, cancellation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chassis import ids, paper
from chassis.clients import Clients
from chassis.testing import COMPANY, eventually, refused, stable
from heyi.approval.v1 import cases_pb2, flow_definitions_pb2
from heyi.procurement.v1 import purchase_orders_pb2 as pb
from procurement.purchase_order.change import TYPE as ORDER
from procurement.tests.factories import YARD, Shop, a_flow, approved


def answer(kind: Any, order: Any, state: str, **fields: Any) -> Any:
    """What approval says about a change."""
    values = {"content_hash": order.content_hash, "submission": order.submission, **fields}
    return kind(
        case=cases_pb2.Case(
            id=str(stable("case")), etag='"4"', company_id=str(COMPANY), state=state, document_id=order.id,
            document_type="procurement.purchase_order", participant_ids=[str(stable("head"))], **values,
        )
    )  # fmt: skip


async def test_a_typed_order_takes_what_the_agreement_says(shop: Shop) -> None:
    order = await shop.order(
        {"item_id": shop.bearing, "quantity": "100"},
        {"description": "运费", "quantity": "1", "unit_price": "50", "tax_rate": "0.09"},
    )

    bearing, freight = order.lines
    assert (bearing.description, bearing.unit_id, bearing.unit_price, bearing.tax_rate) == (
        "轴承 2001",
        shop.piece,
        "12.5",
        "0.13",
    )
    assert bearing.price_source == bearing.AGREEMENT
    assert freight.price_source == freight.BUYER
    assert (order.net_amount, order.tax_amount, order.amount) == ("1300.00", "167.00", "1467.00")
    assert (order.number, order.state, order.payment_days) == ("PO-2026-000001", order.DRAFT, 30)
    assert order.invoice_kind == 1
    assert order.buyer_id == str(stable("buyer"))


async def test_release_and_confirmation_make_it_stand(shop: Shop) -> None:
    order = await shop.released()
    assert (order.state, order.order_date, order.buyer_name) == (order.RELEASED, "2026-11-23", "上海测试有限公司")
    assert order.buyer_credit_code == "91310000MA1FL0TQ1X"
    assert order.released_by_id == str(stable("buyer"))
    with refused("ACTION_NOT_ALLOWED"):
        await shop.buyer.UpdatePurchaseOrder(purchase_order={"id": order.id, "note": "x"}, update_mask="note")

    promise = {"line_id": order.lines[0].id, "promised_date": "2026-12-20"}
    confirmed = await shop.buyer.ConfirmPurchaseOrder(id=order.id, supplier_reference="HD-8812", promises=[promise])

    assert (confirmed.state, confirmed.supplier_reference) == (confirmed.CONFIRMED, "HD-8812")
    assert (confirmed.promised_date, confirmed.lines[0].promised_date) == ("2026-12-20", "2026-12-20")


@pytest.mark.parametrize(
    ("promise", "reason", "field"),
    [
        ({"line_id": str(stable("nothing"))}, "PURCHASE_ORDER_NO_SUCH_LINE", "promises[0].line_id"),
        ({"line_id": "7"}, "FIELD_FORMAT", "promises[0].line_id"),
        ({"promised_date": "2026-11-22"}, "PURCHASE_ORDER_PROMISE_PAST", "promises[0].promised_date"),
        ({"promised_date": "soon"}, "FIELD_DATE", "promises[0].promised_date"),
        ({"promised_date": ""}, "FIELD_REQUIRED", "promises[0].promised_date"),
    ],
)
async def test_a_promise_that_cannot_be_is_refused(
    shop: Shop, promise: dict[str, str], reason: str, field: str
) -> None:
    order = await shop.released()
    values = {"line_id": order.lines[0].id, "promised_date": "2026-12-20", **promise}
    with refused(reason, field=field):
        await shop.buyer.ConfirmPurchaseOrder(id=order.id, promises=[values])
    assert (await shop.buyer.GetPurchaseOrder(id=order.id)).state == order.RELEASED


async def test_nothing_is_released_to_who_may_not_be_ordered_from(shop: Shop) -> None:
    order = await shop.order()
    await shop.buyer.BlockSupplier(id=shop.hongda.id, reason="涉诉")
    with refused("SUPPLIER_NOT_QUALIFIED"):
        await shop.buyer.ReleasePurchaseOrder(id=order.id)
    with refused("SUPPLIER_NOT_QUALIFIED"):
        await shop.order()


@pytest.mark.parametrize(
    ("line", "fields", "reason"),
    [
        ({"description": "夹具", "quantity": "1"}, {}, "PURCHASE_ORDER_LINE_PRICE"),
        (None, {}, "PURCHASE_ORDER_NO_LINES"),
        ({"description": "x", "quantity": "1", "unit_price": "1"}, {"currency": "USD"}, "PURCHASE_ORDER_EXCHANGE_RATE"),
    ],
)
async def test_what_is_missing_keeps_it_from_being_released(shop: Shop, line: Any, fields: Any, reason: str) -> None:
    values = {"supplier_id": shop.hongda.id, "currency": "CNY", "delivery_place": YARD, **fields}
    order = await shop.buyer.CreatePurchaseOrder(purchase_order={**values, "lines": [line] if line else []})
    with refused(reason):
        await shop.buyer.ReleasePurchaseOrder(id=order.id)


async def test_a_rate_keeps_the_day_on_which_it_was_typed(shop: Shop, service: Any) -> None:
    supplier = await shop.supplier("Bearings Ltd")
    await shop.terms(supplier, shop.bolt, shop.piece, "10", currency="USD")
    requisition = await shop.submitted(shop.line(shop.bolt), currency="USD", exchange_rate="7.1")

    service.clock.set("2026-11-26T09:00:00+08:00")
    await service.deliver(approved(requisition), actor="head")
    buyer = service.as_("buyer")
    (order,) = (await buyer.ListPurchaseOrders()).purchase_orders
    assert (order.exchange_rate, order.exchange_rate_date) == ("7.1", "2026-11-23")

    for sent, date in (
        ({"note": "加急"}, "2026-11-23"),
        ({"exchange_rate": "7.1"}, "2026-11-23"),
        ({"exchange_rate": "7.2"}, "2026-11-26"),
    ):
        mask = ",".join(sent).replace("exchange_rate", "exchangeRate")
        order = await buyer.UpdatePurchaseOrder(purchase_order={"id": order.id, **sent}, update_mask=mask)
        assert order.exchange_rate_date == date


async def test_the_suppliers_minimum_and_multiple_are_kept(shop: Shop) -> None:
    await shop.buyer.UpdateSupplierItem(
        supplier_item={"id": shop.terms_of_hongda.id, "minimum_quantity": "50", "multiple_quantity": "20"},
        update_mask="minimumQuantity,multipleQuantity",
    )
    order = await shop.order({"item_id": shop.bearing, "quantity": "70"})
    with refused("PURCHASE_ORDER_MINIMUM", field="lines[0].quantity"):
        await shop.buyer.ReleasePurchaseOrder(id=order.id)


@pytest.mark.parametrize(
    ("line", "reason", "field"),
    [
        ({"quantity": "0"}, "FIELD_NOT_POSITIVE", "lines[0].quantity"),
        ({"quantity": "1.5"}, "PURCHASE_ORDER_QUANTITY_DECIMALS", "lines[0].quantity"),
        ({"unit_id": str(stable("unit M"))}, "PURCHASE_ORDER_UNIT", "lines[0].unit_id"),
        ({"item_id": str(stable("x"))}, "FIELD_NO_SUCH_DOCUMENT", "lines[0].item_id"),
        ({"unit_price": "Infinity"}, "FIELD_DECIMAL", "lines[0].unit_price"),
        ({"cost_department_id": str(stable("elsewhere"))}, "FIELD_NO_SUCH_DOCUMENT", "lines[0].cost_department_id"),
    ],
)
async def test_bad_lines_are_refused_at_their_field(shop: Shop, line: dict[str, Any], reason: str, field: str) -> None:
    with refused(reason, field=field):
        await shop.order({"item_id": shop.bearing, "quantity": "10", "description": "x", **line})
    assert not (await shop.buyer.ListPurchaseOrders()).purchase_orders


async def bound(shop: Shop) -> Any:
    """An order that a requisition stands behind."""
    requisition = await shop.approved(shop.line(shop.bearing, "40"), shop.line(shop.bearing, "60"))
    return await shop.buyer.GetPurchaseOrder(id=requisition.lines[0].order_id)


def writable(line: Any, **changes: Any) -> dict[str, Any]:
    names = (
        "id",
        "item_id",
        "description",
        "specification",
        "unit_id",
        "quantity",
        "unit_price",
        "tax_rate",
        "need_date",
    )
    return {**{name: getattr(line, name) for name in names}, **changes}


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda lines: lines[:1], "PURCHASE_ORDER_LINE_BOUND"),
        (lambda lines: [{**lines[0], "quantity": "39"}, lines[1]], "PURCHASE_ORDER_BELOW_REQUISITIONS"),
        (lambda lines: [{**lines[0], "unit_id": ""}, lines[1]], "FIELD_IMMUTABLE"),
    ],
)
async def test_lines_behind_which_somebody_waits_are_kept(shop: Shop, service: Any, edit: Any, reason: str) -> None:
    order = await bound(shop)
    if reason == "FIELD_IMMUTABLE":
        edit = lambda lines: [{**lines[0], "unit_id": shop.box}, lines[1]]  # noqa: E731
    lines = edit([writable(line) for line in order.lines])
    with refused(reason):
        await shop.buyer.UpdatePurchaseOrder(purchase_order={"id": order.id, "lines": lines}, update_mask="lines")


async def test_what_is_still_open_is_edited(shop: Shop) -> None:
    order = await bound(shop)
    lines = [
        writable(order.lines[0], quantity="45"),
        writable(order.lines[1], unit_price="12"),
        {"description": "运费", "quantity": "1", "unit_price": "30"},
    ]

    changed = await shop.buyer.UpdatePurchaseOrder(
        purchase_order={"id": order.id, "etag": order.etag, "lines": lines, "payment_terms": "月结 60 天"},
        update_mask="lines,paymentTerms",
    )

    assert [line.quantity for line in changed.lines] == ["45", "60", "1"]
    assert [line.sources[0].quantity for line in changed.lines[:2]] == ["40", "60"]
    assert changed.lines[1].price_source == changed.lines[1].BUYER
    assert changed.lines[0].price_source == changed.lines[0].AGREEMENT
    assert changed.payment_terms == "月结 60 天"


async def test_a_small_change_takes_effect_at_once_with_a_new_revision(shop: Shop, service: Any) -> None:
    order = await shop.released()
    await shop.buyer.ConfirmPurchaseOrder(id=order.id)
    edit = {"line_id": order.lines[0].id, "quantity": "104", "need_date": "2026-12-25"}

    changed = await shop.buyer.ChangePurchaseOrder(
        id=order.id, change={"reason": "加购", "lines": [edit], "payment_terms": "预付 30%"}
    )

    # the supplier has to confirm it again
    assert (changed.state, changed.revision) == (changed.RELEASED, 1)
    assert (changed.lines[0].quantity, changed.lines[0].need_date, changed.payment_terms) == (
        "104",
        "2026-12-25",
        "预付 30%",
    )
    revisions = (await shop.buyer.ListRevisionsPurchaseOrder(id=order.id)).revisions
    assert [(r.revision, r.reason, r.amount) for r in revisions] == [(0, "", "1412.50"), (1, "加购", "1469.00")]
    assert [r.snapshot.lines[0].quantity for r in revisions] == ["100", "104"]
    assert len(await service.events("purchase_order.changed")) == 1


@pytest.mark.parametrize("hold", ["SuspendSupplier", "BlockSupplier"])
async def test_no_more_is_taken_from_who_may_not_be_ordered_from(shop: Shop, hold: str) -> None:
    order = await shop.released(*[{"item_id": shop.bearing, "quantity": "100"}] * 2)
    first, second = (line.id for line in order.lines)
    await getattr(shop.buyer, hold)(id=shop.hongda.id, reason="涉诉")

    for edits in (
        [{"line_id": first, "quantity": "101"}],
        [{"line_id": first, "unit_price": "12.6"}],
        # more of one and less of the other
        [{"line_id": first, "quantity": "200"}, {"line_id": second, "quantity": "1"}],
        [{"line_id": first, "quantity": "1", "unit_price": "1000"}],
    ):
        with refused("SUPPLIER_NOT_QUALIFIED"):
            await shop.buyer.ChangePurchaseOrder(id=order.id, change={"reason": "加购", "lines": edits})
    for edit in (
        {"line_id": first, "quantity": "90", "unit_price": "12"},
        {"line_id": first, "quantity": "90", "need_date": "2026-12-25"},
        {"line_id": second, "quantity": "200", "cancel": True},
    ):
        order = await shop.buyer.ChangePurchaseOrder(id=order.id, change={"reason": "减少", "lines": [edit]})
    assert (order.state, order.revision, order.amount) == (order.RELEASED, 3, "1220.40")


async def asked(shop: Shop) -> Any:
    order = await shop.released()
    edit = {"line_id": order.lines[0].id, "quantity": "200"}
    return await shop.buyer.ChangePurchaseOrder(id=order.id, change={"reason": "翻倍", "lines": [edit]})


async def test_a_large_change_waits_for_agreement_and_then_takes_effect(shop: Shop, service: Any) -> None:
    pending = await asked(shop)
    assert (pending.state, pending.revision, pending.lines[0].quantity) == (pending.CHANGE_PENDING, 0, "100")
    assert (pending.pending_change.amount_before, pending.pending_change.amount_after) == ("1412.50", "2825.00")
    ((_, event),) = await service.events("purchase_order.change_submitted")
    assert (event.approval.document_type, event.approval.amount) == ("procurement.purchase_order", "2825.00")
    assert event.approval.content_hash == pending.content_hash
    assert event.approval.requester_id == str(stable("buyer"))
    with refused("ACTION_NOT_ALLOWED"):
        await shop.buyer.ClosePurchaseOrder(id=pending.id)

    await service.deliver(answer(cases_pb2.CaseApproved, pending, "APPROVED"), times=3)
    await service.deliver(answer(cases_pb2.CaseApproved, pending, "APPROVED"), event_id=ids.uuid7())

    changed = await shop.buyer.GetPurchaseOrder(id=pending.id)
    assert (changed.state, changed.revision, changed.lines[0].quantity) == (changed.RELEASED, 1, "200")
    assert not changed.HasField("pending_change")
    revisions = (await shop.buyer.ListRevisionsPurchaseOrder(id=pending.id)).revisions
    assert revisions[-1].changed_by_id == str(stable("buyer"))
    assert (await service.as_("head").GetPurchaseOrder(id=pending.id)).id == pending.id


async def test_approvers_are_told_the_amount_that_the_change_makes(shop: Shop, service: Any) -> None:
    """Half a cent goes up in both."""
    line = {"item_id": shop.bearing, "quantity": "1", "unit_price": "50", "tax_rate": "0"}
    order = await shop.released(line, currency="USD", exchange_rate="0.01")
    edit = {"line_id": order.lines[0].id, "unit_price": "100.5"}
    pending = await shop.buyer.ChangePurchaseOrder(id=order.id, change={"reason": "涨价", "lines": [edit]})
    ((_, event),) = await service.events("purchase_order.change_submitted")
    await service.deliver(answer(cases_pb2.CaseApproved, pending, "APPROVED"))
    changed = await shop.buyer.GetPurchaseOrder(id=order.id)
    assert (event.approval.amount, changed.amount, changed.base_amount) == ("1.01", "100.50", "1.01")


async def test_a_change_asks_whom_the_buyer_chooses_only_where_a_flow_leaves_a_choice(
    shop: Shop, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No service of approval answers here: where it has to be asked, the change says so and nothing is done."""
    monkeypatch.setattr(service.runtime, "clients", Clients({"approval": "127.0.0.1:1"}, None))
    order = await shop.released()

    async def change(quantity: str, **more: Any) -> Any:
        edit = {"line_id": order.lines[0].id, "quantity": quantity}
        return await shop.buyer.ChangePurchaseOrder(id=order.id, change={"reason": "加购", "lines": [edit]}, **more)

    for quantity in ("101", "200"):
        with refused("PURCHASE_ORDER_CHOICE_NODE", field="choices[0].node_id"):
            await change(quantity, choices=[{"node_id": "a"}])
    published = flow_definitions_pb2.FlowDefinitionPublished
    await service.deliver(published(flow_definition=a_flow(ORDER, "initiator_choice", "PUBLISHED", 1)))
    with refused("SERVICE_UNAVAILABLE"):
        await change("200")
    assert (await shop.buyer.GetPurchaseOrder(id=order.id)).state == order.RELEASED
    assert (await change("101")).state == order.RELEASED


async def test_small_rises_add_up_until_somebody_agrees(shop: Shop, service: Any) -> None:
    order = await shop.released()

    async def change(quantity: str) -> Any:
        edit = {"line_id": order.lines[0].id, "quantity": quantity}
        return await shop.buyer.ChangePurchaseOrder(id=order.id, change={"reason": "加购", "lines": [edit]})

    assert (await change("103")).state == order.RELEASED
    assert (await change("104")).state == order.RELEASED
    pending = await change("106")
    assert pending.state == order.CHANGE_PENDING
    ((_, event),) = await service.events("purchase_order.change_submitted")
    assert event.approval.facts["rise_percent"] == 6
    assert set(event.approval.facts) == {*pb.PurchaseOrderFacts.DESCRIPTOR.fields_by_name, "custom_fields"}
    await service.deliver(answer(cases_pb2.CaseApproved, pending, "APPROVED"))
    # from what was agreed to the count begins anew, and again from what is less
    assert (await change("111")).state == order.RELEASED
    assert (await change("50")).state == order.RELEASED
    assert (await change("53")).state == order.CHANGE_PENDING


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (cases_pb2.CaseRejected, "REJECTED"),
        (cases_pb2.CaseReturned, "RETURNED"),
        (cases_pb2.CaseWithdrawn, "WITHDRAWN"),
    ],
)
async def test_a_change_that_is_not_agreed_to_is_dropped(shop: Shop, service: Any, kind: Any, state: str) -> None:
    pending = await asked(shop)
    await service.deliver(answer(kind, pending, state))

    order = await shop.buyer.GetPurchaseOrder(id=pending.id)
    assert (order.state, order.revision, order.lines[0].quantity) == (order.RELEASED, 0, "100")
    assert not order.HasField("pending_change")
    # a late agreement to it changes nothing
    await service.deliver(answer(cases_pb2.CaseApproved, pending, "APPROVED"))
    assert (await shop.buyer.GetPurchaseOrder(id=pending.id)).revision == 0


async def test_agreement_to_another_change_is_not_agreement(shop: Shop, service: Any) -> None:
    pending = await asked(shop)
    with pytest.raises(ValueError, match="what was approved"):
        await service.deliver(answer(cases_pb2.CaseApproved, pending, "APPROVED", content_hash="0" * 64))
    assert (await shop.buyer.GetPurchaseOrder(id=pending.id)).state == pending.CHANGE_PENDING


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        ({}, "PURCHASE_ORDER_CHANGE_EMPTY", "change"),
        ({"lines": [{"quantity": "100"}]}, "PURCHASE_ORDER_CHANGE_EMPTY", "change"),
        ({"reason": ""}, "FIELD_REQUIRED", "change.reason"),
        ({"lines": [{"quantity": "0"}]}, "FIELD_NOT_POSITIVE", "change.lines[0].quantity"),
        ({"lines": [{"quantity": "1e400"}]}, "FIELD_DECIMAL", "change.lines[0].quantity"),
        ({"lines": [{"quantity": "100.5"}]}, "PURCHASE_ORDER_QUANTITY_DECIMALS", "change.lines[0].quantity"),
        (
            {"lines": [{"line_id": str(stable("x")), "quantity": "1"}]},
            "PURCHASE_ORDER_NO_SUCH_LINE",
            "change.lines[0].line_id",
        ),
        ({"lines": [{"cancel": True}]}, "PURCHASE_ORDER_NO_LINES", "change.lines"),
    ],
)
async def test_a_change_that_makes_no_sense_is_refused(
    shop: Shop, change: dict[str, Any], reason: str, field: str
) -> None:
    order = await shop.released()
    lines = [{"line_id": order.lines[0].id, **line} for line in change.get("lines", [])]
    with refused(reason, field=field):
        await shop.buyer.ChangePurchaseOrder(id=order.id, change={"reason": "变更", **change, "lines": lines})
    assert (await shop.buyer.GetPurchaseOrder(id=order.id)).etag == order.etag


async def test_a_cancelled_line_returns_to_the_pool_and_counts_nothing(shop: Shop) -> None:
    order = await bound(shop)
    await shop.buyer.ReleasePurchaseOrder(id=order.id)

    changed = await shop.buyer.ChangePurchaseOrder(
        id=order.id, change={"reason": "减项", "lines": [{"line_id": order.lines[0].id, "cancel": True}]}
    )

    assert [line.cancelled for line in changed.lines] == [True, False]
    assert changed.amount == "847.50"
    (task,) = (await shop.buyer.ListSourcingTasks()).sourcing_tasks
    assert (task.reason, task.state) == (task.ORDER_CANCELLED, task.OPEN)
    requisition = await shop.requester.GetPurchaseRequisition(id=task.requisition_id)
    assert requisition.state == requisition.APPROVED
    assert requisition.ordered_percent == "50.00"


@pytest.mark.parametrize("drop", [False, True])
async def test_a_cancelled_order_gives_its_lines_back_unless_told_otherwise(
    shop: Shop, service: Any, drop: bool
) -> None:
    order = await bound(shop)
    requisition_id = order.lines[0].sources[0].requisition_id

    cancelled = await shop.buyer.CancelPurchaseOrder(id=order.id, reason="改供应商", drop_lines=drop)

    requisition = await shop.requester.GetPurchaseRequisition(id=requisition_id)
    tasks = (await shop.buyer.ListSourcingTasks()).sourcing_tasks
    assert (cancelled.state, cancelled.close_reason) == (cancelled.CANCELLED, "改供应商")
    if drop:
        assert requisition.state == requisition.CLOSED
        assert not tasks
    else:
        assert requisition.state == requisition.APPROVED
        assert {task.reason for task in tasks} == {tasks[0].ORDER_CANCELLED}
        again = await shop.buyer.OrderSourcingTasks(ids=[task.id for task in await priced(shop, tasks)])
        assert len(again.purchase_orders) == 1
        assert (await shop.requester.GetPurchaseRequisition(id=requisition_id)).state == requisition.ORDERED


async def priced(shop: Shop, tasks: Any) -> Any:
    return [
        await shop.buyer.UpdateSourcingTask(
            sourcing_task={"id": task.id, "supplier_id": shop.hongda.id}, update_mask="supplierId"
        )
        for task in tasks
    ]


async def test_lines_of_a_closed_requisition_do_not_return(shop: Shop) -> None:
    requisition = await shop.approved(shop.line(shop.bearing), shop.line())
    await shop.requester.ClosePurchaseRequisition(id=requisition.id, reason="终止")

    await shop.buyer.CancelPurchaseOrder(id=requisition.lines[0].order_id, reason="终止")

    closed = await shop.requester.GetPurchaseRequisition(id=requisition.id)
    assert closed.state == closed.CLOSED
    assert {line.state for line in closed.lines} == {closed.lines[0].DROPPED}


async def test_an_order_ends_closed_or_short(shop: Shop) -> None:
    first, second = await shop.released(), await shop.released()
    closed = await shop.buyer.ClosePurchaseOrder(id=first.id)
    short = await shop.buyer.ShortClosePurchaseOrder(id=second.id, reason="余量不再需要")
    assert closed.state == closed.CLOSED
    assert (short.state, short.close_reason) == (short.SHORT_CLOSED, "余量不再需要")
    with refused("FIELD_REQUIRED", field="reason"):
        await shop.buyer.ShortClosePurchaseOrder(id=first.id)


async def test_what_is_overdue_is_found(shop: Shop, service: Any) -> None:
    late, draft = await shop.released(), await shop.order()
    service.clock.set("2026-12-16T09:00:00+08:00")
    shop.buyer = service.as_("buyer")  # signs in anew

    found = await shop.buyer.ListPurchaseOrders(overdue=True)
    everything = await shop.buyer.ListPurchaseOrders()

    assert [order.id for order in found.purchase_orders] == [late.id]
    assert {order.id: order.overdue for order in everything.purchase_orders} == {late.id: True, draft.id: False}
    assert (await shop.buyer.GetPurchaseOrder(id=late.id)).overdue
    await shop.buyer.ConfirmPurchaseOrder(
        id=late.id, promises=[{"line_id": late.lines[0].id, "promised_date": "2026-12-20"}]
    )
    assert not (await shop.buyer.ListPurchaseOrders(overdue=True)).purchase_orders


async def test_a_cancelled_orders_price_is_not_the_last_price(shop: Shop) -> None:
    order = await shop.released({"item_id": shop.bolt, "quantity": "10", "unit_price": "77"})
    await shop.buyer.CancelPurchaseOrder(id=order.id, reason="价格错误")
    draft = await shop.draft(shop.line(shop.bolt))
    assert (draft.lines[0].last_unit_price, draft.lines[0].unit_price) == ("", "")


async def test_a_cancelled_order_leaves_the_price_that_was_paid_before(shop: Shop) -> None:
    """Of the orders that stand, for the item and in the currency of the one that is cancelled."""

    async def sent(price: str, *more: dict[str, Any], **fields: Any) -> Any:
        shop.service.clock.advance(seconds=1)
        return await shop.released({"item_id": shop.bolt, "quantity": "10", "unit_price": price}, *more, **fields)

    async def last() -> tuple[str, str]:
        lines = (await shop.draft(shop.line(shop.bolt), shop.line(shop.cable))).lines
        return lines[0].last_unit_price, lines[1].last_unit_price

    kept = await sent("70", {"item_id": shop.cable, "quantity": "1", "unit_price": "5"})
    await sent("9", currency="USD", exchange_rate="7")
    older, newer, newest = [await sent(price) for price in ("71", "72", "73")]
    await shop.order({"item_id": shop.bolt, "quantity": "1", "unit_price": "99"})
    assert await last() == ("73", "5")
    await shop.buyer.CancelPurchaseOrder(id=older.id, reason="价格错误")
    assert await last() == ("73", "5")
    await asyncio.gather(*(shop.buyer.CancelPurchaseOrder(id=one.id, reason="取消") for one in (newest, newer)))
    assert await last() == ("70", "5")
    await shop.buyer.ConfirmPurchaseOrder(id=kept.id)
    await shop.buyer.CancelPurchaseOrder(id=kept.id, reason="取消")
    assert await last() == ("", "")


async def test_the_order_is_printed_in_chinese_while_no_transaction_waits(
    shop: Shop, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paper, "SECONDS", 60)  # what is printed is asked here, not how soon
    order = await shop.released(
        {"item_id": shop.bearing, "quantity": "100"}, {"description": "<b>&运费", "quantity": "1", "unit_price": "50"}
    )

    async def transaction_is_over() -> None:
        assert statements
        assert service.runtime.engine.pool.checkedout() == 0

    with service.statements() as statements:
        async with paper.AT_ONCE, paper.AT_ONCE:  # others print
            printing = asyncio.create_task(shop.buyer.PrintPurchaseOrder(id=order.id))
            await eventually(transaction_is_over)
            assert not printing.done()
    printed = await printing

    assert printed.content_type == f'application/pdf; name="{order.number}.pdf"'
    assert printed.data.startswith(b"%PDF-")
    assert len(printed.data) > 10_000


async def test_statements_do_not_grow_with_lines_or_rows(shop: Shop, service: Any) -> None:
    counts: dict[str, list[int]] = {}

    async def count(name: str, doing: Any) -> Any:
        with service.statements() as statements:
            result = await doing
        counts.setdefault(name, []).append(len(statements))
        return result

    for lines in (1, 10, 1000):
        order = await count("create", shop.order(*[{"item_id": shop.bearing, "quantity": "2"}] * lines))
        await count("get", shop.buyer.GetPurchaseOrder(id=order.id))
        await count("release", shop.buyer.ReleasePurchaseOrder(id=order.id))
        promises = [{"line_id": line.id, "promised_date": "2026-12-20"} for line in order.lines]
        await count("confirm", shop.buyer.ConfirmPurchaseOrder(id=order.id, promises=promises))
        edits = [{"line_id": line.id, "need_date": "2026-12-30"} for line in order.lines]
        await count("change", shop.buyer.ChangePurchaseOrder(id=order.id, change={"reason": "延期", "lines": edits}))
        await count("list", shop.buyer.ListPurchaseOrders(summarize=True))
        requisition = await shop.approved(*[shop.line(shop.bearing)] * lines)
        made = requisition.lines[0].order_id
        await count("cancel", shop.buyer.CancelPurchaseOrder(id=made, reason="取消"))
    for name, (one, ten, thousand) in counts.items():
        assert one == ten, (name, counts)
        # the loader takes the lines of lines 500 parents at a time
        assert thousand - ten in (0, 1), (name, counts)
