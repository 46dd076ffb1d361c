"""What approvers change in a change of an order, and what of the order somebody sees who was asked about it only."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import ids, seeing
from chassis.canonical import content_hash
from chassis.testing import refused, stable
from heyi.approval.v1 import case_views_pb2, cases_pb2
from heyi.common.v1 import common_pb2
from procurement.purchase_order import rules
from procurement.purchase_order.change import TYPE
from procurement.tests.factories import Shop, approved, case_of, opened, sum_of

QUANTITY, LINES = "pending_change.lines.quantity", "pending_change.lines"


def change(path: str, line: Any = None, value: str = "", reason: str = "够用了") -> common_pb2.FieldChange:
    return common_pb2.FieldChange(path=path, line_id=line.id if line else "", value=value, reason=reason)


async def asked(shop: Shop, *edits: dict[str, Any], order: Any = None, **more: Any) -> Any:
    """An order whose change waits for agreement: twice of the first line, unless said otherwise."""
    order = order or await shop.released(
        {"item_id": shop.bearing, "quantity": "100"}, {"item_id": shop.bearing, "quantity": "10", "unit_price": "20"}
    )
    listed = [
        {"line_id": line.id, **edit}
        for line, edit in zip(order.lines, edits or ({"quantity": "200"}, {"quantity": "60"}), strict=False)
    ]
    wanted = {"reason": "加购", "lines": listed, **more}
    pending = await shop.buyer.ChangePurchaseOrder(id=order.id, change=wanted)
    assert pending.state == pending.CHANGE_PENDING
    return pending


async def ask(shop: Shop, order: Any, *changes: Any, times: int = 1, **more: Any) -> Any:
    """An approver agrees with changes; what the service answers, once however often it is asked."""
    fields = {
        "id": str(ids.uuid7()), "document_type": TYPE, "document_id": order.id, "submission": order.submission,
        "author_id": str(stable("head")), "content_hash": order.content_hash, "changes": changes, **more,
    }  # fmt: skip
    event = cases_pb2.CaseChangeRequested(case=about(order), amendment=common_pb2.Amendment(**fields))
    await shop.service.deliver(event, times=times, actor="head")
    await shop.service.deliver(event, event_id=ids.uuid7(), actor="head")
    answers = [message.answer for _, message in await shop.service.events("purchase_order.change_answered")]
    assert [one.amendment_id for one in answers].count(fields["id"]) == 1
    return answers[-1]


def about(order: Any, **fields: Any) -> Any:
    return case_of(order, document_type=TYPE, **fields)


async def agreed(shop: Shop, order: Any) -> Any:
    await shop.service.deliver(approved(order, document_type=TYPE), actor="head")
    return await shop.buyer.GetPurchaseOrder(id=order.id)


async def test_less_than_was_asked_for_and_one_line_as_it_was_is_what_takes_effect(shop: Shop) -> None:
    before = await asked(shop)
    first, second = before.lines

    answer = await ask(shop, before, change(QUANTITY, first, "150"), change(LINES, second), times=2)

    now = await shop.buyer.GetPurchaseOrder(id=before.id)
    cut, gone = now.pending_change.lines
    assert (cut.quantity, cut.asked_quantity, cut.cut_reason, cut.cut_by_id, cut.refused) == (
        "150", "200", "够用了", str(stable("head")), False,
    )  # fmt: skip
    assert (gone.refused, gone.quantity) == (True, "60")
    assert (now.amount, now.pending_change.amount_after) == (before.amount, "2344.75")
    assert now.content_hash == answer.approval.content_hash == content_hash(now) != before.content_hash
    assert (answer.approval.amount, answer.approval.requester_id) == ("2344.75", str(stable("buyer")))
    assert [(d.path, d.line_number, d.before, d.after) for d in answer.differences] == [
        (QUANTITY, 1, "200", "150"),
        (LINES, 2, "60", ""),
    ]

    done = await agreed(shop, now)
    assert (done.state, done.revision, done.amount) == (done.RELEASED, 1, "2344.75")
    assert [line.quantity for line in done.lines] == ["150", "10"]


async def test_what_the_requisitions_ask_for_stays_covered_and_no_line_is_given_back(shop: Shop) -> None:
    """A cut is a change by the rules of a change: below what its requisitions ask for, no order line goes."""
    requisition = await shop.approved(shop.line(shop.bearing, "100"))
    made = await shop.buyer.GetPurchaseOrder(id=requisition.lines[0].order_id)
    order = await shop.buyer.ReleasePurchaseOrder(id=made.id)
    before = await asked(shop, {"quantity": "300"}, order=order)

    no = await ask(shop, before, change(QUANTITY, before.lines[0], "99"))
    assert [one.reason for one in no.violations] == ["PURCHASE_ORDER_BELOW_REQUISITIONS"]

    await ask(shop, before, change(QUANTITY, before.lines[0], "120"))
    done = await agreed(shop, await shop.buyer.GetPurchaseOrder(id=before.id))
    assert [(line.quantity, line.sources[0].quantity) for line in done.lines] == [("120", "100")]
    now = await shop.requester.GetPurchaseRequisition(id=requisition.id)
    assert (now.state, now.lines[0].order_id) == (now.ORDERED, order.id)


async def test_a_line_that_is_not_to_be_cancelled_stays_ordered_and_another_returns_to_the_pool(shop: Shop) -> None:
    requisition = await shop.approved(*(shop.line(shop.bearing, "100") for _ in range(3)))
    order = await shop.buyer.ReleasePurchaseOrder(id=requisition.lines[0].order_id)
    before = await asked(shop, {"cancel": True}, {"cancel": True}, {"quantity": "900"}, order=order)

    await ask(shop, before, change(LINES, before.lines[0]))
    done = await agreed(shop, await shop.buyer.GetPurchaseOrder(id=before.id))

    assert [line.cancelled for line in done.lines] == [False, True, False]
    now = await shop.requester.GetPurchaseRequisition(id=requisition.id)
    assert [line.state for line in now.lines] == [now.lines[0].ORDERED, now.lines[0].IN_POOL, now.lines[0].ORDERED]
    assert now.state == now.APPROVED
    (task,) = (await shop.buyer.ListSourcingTasks(filter='state = "OPEN"')).sourcing_tasks
    assert (task.requisition_id, task.requisition_line_number) == (requisition.id, 2)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ([(QUANTITY, 0, "200")], "AMENDMENT_NOT_LESS"),
        ([(QUANTITY, 0, "0")], "AMENDMENT_NOT_LESS"),
        ([(QUANTITY, 0, "x")], "FIELD_DECIMAL"),
        ([(QUANTITY, 0, "150.5")], "PURCHASE_ORDER_QUANTITY_DECIMALS"),
        ([(LINES, 0, ""), (LINES, 1, "")], "AMENDMENT_NOTHING_LEFT"),
        ([(QUANTITY, 0, "100"), (LINES, 1, "")], "AMENDMENT_NOTHING_LEFT"),
        ([("pending_change.amount_after", None, "1")], "FIELD_READ_ONLY"),
        ([("pending_change.lines.line_id", 0, "1")], "FIELD_READ_ONLY"),
        ([("lines.quantity", 0, "1")], "FIELD_UNKNOWN"),
        ([("note", None, "1")], "FIELD_UNKNOWN"),
        ([("pending_change.reason", None, "")], "FIELD_REQUIRED"),
        ([("pending_change.need_date", None, "2026-02-30")], "FIELD_DATE"),
        ([("pending_change.lines.cancel", 0, "perhaps")], "FIELD_TYPE"),
    ],
)
async def test_what_a_buyer_could_not_ask_for_no_approver_can(shop: Shop, changes: Any, reason: str) -> None:
    before = await asked(shop)
    made = [change(path, None if n is None else before.lines[n], value) for path, n, value in changes]

    answer = await ask(shop, before, *made)

    assert reason in [one.reason for one in answer.violations]
    assert not answer.HasField("approval")
    now = await shop.buyer.GetPurchaseOrder(id=before.id)
    assert (now.content_hash, now.pending_change) == (before.content_hash, before.pending_change)


async def test_too_late_is_what_expired_and_what_is_about_something_else(shop: Shop) -> None:
    before = await asked(shop)
    for more in (
        {"content_hash": "0" * 64},
        {"submission": 7},
        {"expire_time": shop.service.clock.now() - datetime.timedelta(seconds=1)},
    ):
        answer = await ask(shop, before, change("pending_change.reason", value="x"), **more)
        assert [one.reason for one in answer.violations] == ["AMENDMENT_TOO_LATE"]


async def test_what_is_filled_in_is_part_of_the_change_and_what_is_sent_as_a_cut_is_none(shop: Shop) -> None:
    before = await asked(shop, {"quantity": "200", "refused": True, "cut_reason": "x"})
    assert not before.pending_change.lines[0].refused

    line = before.lines[0]
    await ask(
        shop,
        before,
        change("pending_change.payment_terms", value="预付 30%"),
        change("pending_change.lines.need_date", line, "2026-12-20"),
        change("pending_change.lines.unit_price", line, "12"),
    )

    done = await agreed(shop, await shop.buyer.GetPurchaseOrder(id=before.id))
    assert (done.payment_terms, done.lines[0].need_date, done.lines[0].unit_price) == ("预付 30%", "2026-12-20", "12")


async def test_a_change_that_is_refused_goes_with_its_cuts(shop: Shop) -> None:
    before = await asked(shop)
    await ask(shop, before, change(QUANTITY, before.lines[0], "150"))

    case = about(before, version=5, state="REJECTED")
    await shop.service.deliver(cases_pb2.CaseRejected(case=case), actor="head")

    now = await shop.buyer.GetPurchaseOrder(id=before.id)
    assert (now.state, now.HasField("pending_change"), now.lines[0].quantity) == (now.RELEASED, False, "100")


HIDDEN = ["lines.unit_price", "supplier_id", "need_date", "pending_change.reason"]


async def test_who_was_only_asked_sees_prints_finds_and_sums_nothing_that_is_hidden(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    papers: list[Any] = []
    monkeypatch.setattr("procurement.print.pdf.page_html", lambda page: papers.append(page) or "<p></p>")
    order = await asked(shop, {"quantity": "200", "unit_price": "13"})
    shop.service.clock.advance(days=60)
    shop.buyer = shop.service.as_("buyer")
    reader = case_views_pb2.CaseReader(employee_id=str(stable("colleague")), hidden=HIDDEN, number=1)
    first = opened(order, "colleague", document_type=TYPE, participant_ids=[str(stable("colleague"))], readers=[reader])
    await shop.service.deliver(first, times=2)
    colleague = shop.service.as_("colleague")

    seen = await colleague.GetPurchaseOrder(id=order.id)

    assert (seen.supplier_id, seen.supplier_name, seen.amount, seen.need_date, seen.overdue) == ("", "", "", "", False)
    line, edit = seen.lines[0], seen.pending_change.lines[0]
    assert (line.unit_price, line.unit_price_with_tax, line.amount, line.price_source) == ("", "", "", 0)
    assert (line.quantity, edit.quantity, edit.unit_price, edit.line_id) == ("100", "200", "", line.id)
    change = seen.pending_change
    assert (change.reason, change.amount_before, change.amount_after) == ("", "", "")
    assert seen.content_hash not in ("", order.content_hash)
    for query in (
        {"filter": "amount > 0"},
        {"filter": f'supplier_id = "{shop.hongda.id}"'},
        {"search": "宏达"},
        {"overdue": True},
    ):
        assert (await colleague.ListPurchaseOrders(**query)).purchase_orders == []
        assert len((await shop.buyer.ListPurchaseOrders(**query)).purchase_orders) == 1
    listed = await colleague.ListPurchaseOrders(summarize=True)
    assert [(one.id, one.amount, one.overdue) for one in listed.purchase_orders] == [(order.id, "", False)]
    assert listed.purchase_orders[0].pending_change.reason == ""
    assert (listed.total_size, dict(listed.totals)) == (1, {})
    with refused("FIELD_HIDDEN"):
        await colleague.ListPurchaseOrders(order_by="need_date")
    (revision,) = (await colleague.ListRevisionsPurchaseOrder(id=order.id)).revisions
    assert (revision.amount, revision.snapshot.supplier_name, revision.snapshot.lines[0].unit_price) == ("", "", "")
    assert revision.snapshot.lines[0].quantity == "100"
    await told_of_nothing(colleague, order)
    await colleague.PrintPurchaseOrder(id=order.id)
    await shop.buyer.PrintPurchaseOrder(id=order.id)
    (blind, whole) = papers
    assert (blind.supplier_code, blind.order.supplier_name, blind.order.amount) == ("", "", "")
    assert (blind.hidden != frozenset(), whole.hidden, whole.order.amount) == (True, frozenset(), order.amount)


async def told_of_nothing(colleague: Any, order: Any) -> None:
    """The order's history names fields that are shown, and says nothing hidden within them."""
    told = await colleague.ListHistory(document_type=TYPE, document_id=order.id)
    said = {change.field: change.after for entry in told.entries for change in entry.changes}
    assert "currency" in said
    assert not {"amount", "supplier_id", "supplier_name", "need_date", "net_amount"} & set(said)
    assert '"quantity": "200"' in said["pending_change"]
    assert not {"加购", "unit_price", "amount_after"} & {word for word in WORDS if word in said["pending_change"]}


WORDS = ("加购", "unit_price", "amount_after")


async def test_links_between_an_order_and_its_requisitions_tell_no_hidden_amount(shop: Shop) -> None:
    people = [str(stable("colleague"))]
    submitted = await shop.submitted(shop.line(shop.bearing, "100"))
    await shop.service.deliver(approved(submitted, participant_ids=people), actor="head")
    requisition = await shop.requester.GetPurchaseRequisition(id=submitted.id)
    order = await shop.buyer.ReleasePurchaseOrder(id=requisition.lines[0].order_id)
    order = await asked(shop, {"quantity": "300"}, order=order)
    colleague = shop.service.as_("colleague")
    (link,) = (await colleague.ListLinksPurchaseRequisition(id=requisition.id)).links
    assert link.amount == order.amount

    reader = case_views_pb2.CaseReader(employee_id=str(stable("colleague")), hidden=["amount"], number=1)
    await shop.service.deliver(opened(order, "colleague", document_type=TYPE, participant_ids=people, readers=[reader]))

    (link,) = (await colleague.ListLinksPurchaseRequisition(id=requisition.id)).links
    (back,) = (await colleague.ListLinksPurchaseOrder(id=order.id)).links
    assert (link.document_id, link.amount, back.document_id, back.amount) == (order.id, "", requisition.id, "")


async def test_a_request_says_what_each_item_costs_by_its_base_unit_in_the_companys_currency(shop: Shop) -> None:
    """The dearest line of an item, after the change, in pieces though it is ordered by the box."""
    order = await shop.released(
        {"item_id": shop.bearing, "quantity": "100", "unit_price": "12"},
        {"item_id": shop.bearing, "quantity": "10", "unit_id": shop.box, "unit_price": "240"},
        currency="USD",
        exchange_rate="7",
    )
    await asked(shop, {"unit_price": "90"}, order=order)
    ((_, event),) = await shop.service.events("purchase_order.change_submitted")
    assert [dict(one) for one in event.approval.facts["item_prices"]] == [
        {"item_id": shop.bearing, "unit_price": 630.0}
    ]


def test_what_can_be_hidden_and_filled_in_of_an_order_stands_in_its_change() -> None:
    assert seeing.writable(TYPE) == {
        "pending_change.reason", "pending_change.payment_terms", "pending_change.need_date", QUANTITY,
        "pending_change.lines.unit_price", "pending_change.lines.need_date", "pending_change.lines.cancel",
    }  # fmt: skip
    hidden = seeing.spread(TYPE, ["lines"])
    assert {LINES, QUANTITY, "lines.sources", "amount", "pending_change.amount_after", "facts.item_prices"} <= hidden
    assert "supplier_id" not in hidden


def lines_of(quantities: Iterable[tuple[int, int]]) -> list[Any]:
    """Lines that order some, of which requisitions ask for a part."""
    return [
        SimpleNamespace(
            id=uuid4(), line_number=number, item_id=None, unit_id=None, unit_price=Decimal(3), tax_rate=Decimal(0),
            quantity=Decimal(wanted + more), need_date=None, cancelled=False, price_source="BUYER",
            sources=[SimpleNamespace(active=True, quantity=Decimal(wanted))],
        )
        for number, (wanted, more) in enumerate(quantities, 1)
    ]  # fmt: skip


AMOUNTS = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), min_size=1, max_size=5)


@given(AMOUNTS, st.data())
def test_no_cut_that_the_rules_let_pass_orders_less_than_the_requisitions_ask_for(amounts: Any, data: Any) -> None:
    lines = lines_of(amounts)
    order: Any = SimpleNamespace(lines=lines, payment_terms="", need_date=None, revision=0)
    edits: dict[UUID, rules.LineEdit] = {}
    for line in lines:
        quantity = data.draw(st.integers(0, 120))
        if data.draw(st.booleans()):
            edits[line.id] = rules.LineEdit(line.id, quantity=Decimal(quantity), cancel=data.draw(st.booleans()))
    for line_id in list(edits):
        if data.draw(st.booleans()):
            # an approver refuses it: the line stays as it is
            del edits[line_id]
    change = rules.Change("x", tuple(edits.values()))
    catalog: Any = SimpleNamespace(decimals_of=lambda unit: 6)
    if rules.change_faults(order, change, catalog, {}):
        return

    after, before = rules.amount_after(order, change), {line.id: line.quantity for line in lines}
    cancelled = rules.apply(order, change)

    assert all(line.quantity >= rules.wanted(line) for line in rules.standing(order))
    assert {line.id for line in cancelled} == {line_id for line_id, edit in edits.items() if edit.cancel}
    assert all(line.quantity == before[line.id] for line in lines if line.id not in edits)
    assert after == sum_of(line.quantity * line.unit_price for line in rules.standing(order))
