"""A requisition from the first draft to the last line."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.util import await_only

from chassis import canonical
from chassis.clients import Clients
from chassis.organisation import Former, Headed
from chassis.testing import COMPANY, refused, stable
from heyi.approval.v1 import flow_definitions_pb2
from heyi.procurement.v1 import purchase_requisitions_pb2 as pb
from procurement.purchase_requisition.rpc import TYPE as REQUISITION
from procurement.tests.factories import YARD, Shop, a_flow, approved


async def test_an_item_line_says_what_the_item_says(shop: Shop) -> None:
    draft = await shop.draft({**shop.line(shop.bearing), "description": "something else"})

    (line,) = draft.lines
    assert (line.description, line.specification) == ("轴承 2001", "6204-2RS")
    assert (line.unit_id, line.category_id, line.tax_rate) == (shop.piece, shop.parts, "0.13")
    assert line.unit_price == "12.5"
    assert (draft.net_amount, draft.amount, draft.base_amount) == ("125.00", "141.25", "141.25")


@pytest.mark.parametrize(("unit", "price"), [("piece", "12.5"), ("box", "150")])
async def test_the_suggested_price_is_for_the_unit_asked(shop: Shop, unit: str, price: str) -> None:
    draft = await shop.draft(shop.line(shop.bearing, unit_id=getattr(shop, unit)))
    assert draft.lines[0].unit_price == price


async def test_a_planned_price_is_taken_where_nothing_else_is_known(shop: Shop) -> None:
    draft = await shop.draft(shop.line(shop.cable, "2.5"))
    assert draft.lines[0].unit_price == "9"


async def test_a_draft_may_be_incomplete_but_not_wrong(shop: Shop) -> None:
    draft = await shop.requester.CreatePurchaseRequisition(
        purchase_requisition={"title": "以后再填", "currency": "CNY"}
    )
    assert draft.state == draft.DRAFT
    assert draft.number == ""


@pytest.mark.parametrize(
    ("line", "reason", "field"),
    [
        ({"quantity": "0"}, "FIELD_NOT_POSITIVE", "lines[0].quantity"),
        ({"quantity": "1.5"}, "PURCHASE_REQUISITION_QUANTITY_DECIMALS", "lines[0].quantity"),
        ({"quantity": "NaN"}, "FIELD_DECIMAL", "lines[0].quantity"),
        ({"quantity": "1e400"}, "FIELD_DECIMAL", "lines[0].quantity"),
        ({"quantity": "-1"}, "FIELD_DECIMAL", "lines[0].quantity"),
        ({"item_id": str(stable("nothing"))}, "FIELD_NO_SUCH_DOCUMENT", "lines[0].item_id"),
        ({"item_id": "7"}, "FIELD_FORMAT", "lines[0].item_id"),
        ({"unit_id": str(stable("unit M"))}, "PURCHASE_REQUISITION_UNIT", "lines[0].unit_id"),
        ({"supplier_id": str(stable("nothing"))}, "FIELD_NO_SUCH_DOCUMENT", "lines[0].supplier_id"),
        ({"cost_department_id": str(stable("elsewhere"))}, "FIELD_NO_SUCH_DOCUMENT", "lines[0].cost_department_id"),
        ({"note": "x" * 301}, "FIELD_TOO_LONG", "lines[0].note"),
        ({"note": "x" * 1_000_000}, "FIELD_TOO_LONG", "lines[0].note"),
        ({"note": "a\u200bb"}, "FIELD_HIDDEN_CHARACTERS", "lines[0].note"),
        ({"need_date": "2026-13-01"}, "FIELD_DATE", "lines[0].need_date"),
        ({"state": "ORDERED"}, "FIELD_READ_ONLY", "lines[0].state"),
        ({"kind": "LINE_KIND_UNSPECIFIED"}, "FIELD_REQUIRED", "lines[0].kind"),
    ],
)
async def test_what_is_wrong_is_refused_at_its_field(shop: Shop, line: dict[str, Any], reason: str, field: str) -> None:
    with refused(reason, field=field):
        await shop.draft({**shop.line(shop.bearing), **line})
    assert not (await shop.requester.ListPurchaseRequisitions()).purchase_requisitions


async def test_ten_thousand_lines_are_refused(shop: Shop) -> None:
    with refused("FIELD_TOO_MANY", field="lines"):
        await shop.draft(*([shop.line(shop.bearing)] * 10_000))


async def test_what_the_server_owns_is_refused_in_an_update(shop: Shop) -> None:
    """P28: never ignored silently."""
    draft = await shop.draft()
    owned = {
        "state": {"state": "APPROVED"},
        "amount": {"amount": "1"},
        "ownerId": {"owner_id": str(stable("head"))},
        "number": {"number": "PR-1"},
        "companyId": {"company_id": str(stable("company"))},
        "contentHash": {"content_hash": "0"},
    }
    for mask, fields in owned.items():
        with refused("FIELD_READ_ONLY"):
            await shop.requester.UpdatePurchaseRequisition(
                purchase_requisition={"id": draft.id, **fields}, update_mask=mask
            )
    assert (await shop.requester.GetPurchaseRequisition(id=draft.id)).etag == draft.etag


async def test_a_stale_etag_changes_nothing(shop: Shop) -> None:
    draft = await shop.draft()
    changed = {"id": draft.id, "etag": draft.etag, "title": "新标题"}
    await shop.requester.UpdatePurchaseRequisition(purchase_requisition=changed, update_mask="title")

    with refused("STALE_ETAG"):
        await shop.requester.UpdatePurchaseRequisition(purchase_requisition=changed, update_mask="title")


@pytest.mark.parametrize(
    ("fields", "lines", "reason"),
    [
        ({}, [], "PURCHASE_REQUISITION_NO_LINES"),
        ({"need_date": ""}, None, "FIELD_REQUIRED"),
        ({"need_date": "2026-11-22"}, None, "PURCHASE_REQUISITION_NEED_DATE_PAST"),
        ({"delivery_place": ""}, None, "FIELD_REQUIRED"),
        ({"currency": "USD"}, [{"kind": "SERVICE", "description": "x", "quantity": "1", "unit_price": "5"}],
         "PURCHASE_REQUISITION_EXCHANGE_RATE"),
        ({}, [{"kind": "FREE_TEXT", "description": "刀具", "quantity": "1"}], "PURCHASE_REQUISITION_LINE_ESTIMATE"),
        ({}, [{"kind": "FREE_TEXT", "unit_price": "5", "quantity": "1"}], "FIELD_REQUIRED"),
        ({}, [{"kind": "ITEM", "unit_price": "5", "quantity": "1"}], "PURCHASE_REQUISITION_LINE_ITEM"),
    ],
)  # fmt: skip
async def test_what_is_missing_keeps_it_from_being_submitted(
    shop: Shop, fields: dict[str, Any], lines: Any, reason: str
) -> None:
    values = {"title": "备件", "currency": "CNY", "need_date": "2026-12-15", "delivery_place": YARD, **fields}
    chosen = [shop.line(shop.bearing)] if lines is None else lines
    draft = await shop.requester.CreatePurchaseRequisition(purchase_requisition={**values, "lines": chosen})

    with refused(reason):
        await shop.requester.SubmitPurchaseRequisition(id=draft.id)

    assert (await shop.requester.GetPurchaseRequisition(id=draft.id)).state == draft.DRAFT


async def test_an_item_that_is_not_in_use_any_more_cannot_be_asked_for(shop: Shop) -> None:
    draft = await shop.draft()
    await shop.item("2001", shop.piece, shop.parts, version=2, state="INACTIVE")

    with refused("PURCHASE_REQUISITION_ITEM_INACTIVE", field="lines[0].item_id"):
        await shop.requester.SubmitPurchaseRequisition(id=draft.id)


async def test_a_submitted_requisition_asks_for_agreement(shop: Shop, service: Any) -> None:
    requisition = await shop.submitted(shop.line(shop.bearing), shop.line(), urgency="URGENT")

    ((_, event),) = await service.events("purchase_requisition.submitted")
    approval = event.approval
    assert requisition.state == requisition.SUBMITTED
    assert requisition.number == approval.document_number == event.purchase_requisition.number == "PR-2026-000001"
    assert (approval.document_type, approval.document_id) == ("procurement.purchase_requisition", requisition.id)
    assert (approval.amount, approval.currency) == (requisition.amount, "CNY")
    assert approval.content_hash == requisition.content_hash == canonical.content_hash(requisition)
    assert approval.submission == 1
    assert approval.facts["urgency"] == "URGENT"
    assert list(approval.facts["categories"]) == ["PARTS"]
    assert (approval.facts["line_count"], approval.facts["max_line_amount"]) == (2, 11300)
    assert set(approval.facts) == {*pb.PurchaseRequisitionFacts.DESCRIPTOR.fields_by_name, "custom_fields"}
    with refused("ACTION_NOT_ALLOWED"):
        await shop.requester.UpdatePurchaseRequisition(purchase_requisition={"id": requisition.id, "title": "x"})


async def test_approval_is_asked_at_submission_only_where_a_flow_leaves_a_choice(
    shop: Shop, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No service of approval answers here: where it has to be asked, the submission says so and nothing is done."""
    monkeypatch.setattr(service.runtime, "clients", Clients({"approval": "127.0.0.1:1"}, None))
    published, retired = flow_definitions_pb2.FlowDefinitionPublished, flow_definitions_pb2.FlowDefinitionRetired
    await service.deliver(published(flow_definition=a_flow(REQUISITION, "department_head", "PUBLISHED", 1)))
    draft = await shop.draft()
    with refused("PURCHASE_REQUISITION_CHOICE_NODE", field="choices[0].node_id"):
        await shop.requester.SubmitPurchaseRequisition(id=draft.id, choices=[{"node_id": "a"}])

    await service.deliver(published(flow_definition=a_flow(REQUISITION, "initiator_choice", "PUBLISHED", 2)))
    with refused("SERVICE_UNAVAILABLE"):
        await shop.requester.SubmitPurchaseRequisition(id=draft.id)
    assert (await shop.requester.GetPurchaseRequisition(id=draft.id)).state == draft.DRAFT

    await service.deliver(retired(flow_definition=a_flow(REQUISITION, "initiator_choice", "RETIRED", 3)))
    await shop.requester.SubmitPurchaseRequisition(id=draft.id)


async def test_a_foreign_amount_is_agreed_to_in_the_companys_currency(shop: Shop, service: Any) -> None:
    line = {"kind": "SERVICE", "description": "设计", "quantity": "1", "unit_price": "1000", "tax_rate": "0"}
    requisition = await shop.submitted(line, currency="USD", exchange_rate="7.1234")

    ((_, event),) = await service.events("purchase_requisition.submitted")
    assert (requisition.base_amount, requisition.exchange_rate_date) == ("7123.40", "2026-11-23")
    assert (event.approval.amount, event.approval.currency) == ("7123.40", "CNY")
    assert event.approval.facts["document_currency"] == "USD"


async def test_a_rate_counts_only_for_the_currency_that_it_was_typed_for(shop: Shop, service: Any) -> None:
    line = {"kind": "SERVICE", "description": "设计", "quantity": "1", "unit_price": "1000", "tax_rate": "0"}
    # the page sends what changed; another client sends back the number that stood there
    for fields in ({"currency": "USD"}, {"currency": "USD", "exchange_rate": "1"}):
        draft = await shop.draft(line)
        assert (draft.exchange_rate, draft.base_amount) == ("1", "1000.00")
        foreign = await shop.requester.UpdatePurchaseRequisition(purchase_requisition={"id": draft.id, **fields})
        assert (foreign.exchange_rate, foreign.exchange_rate_date, foreign.base_amount) == ("", "", "")
        with refused("PURCHASE_REQUISITION_EXCHANGE_RATE", field="exchange_rate"):
            await shop.requester.SubmitPurchaseRequisition(id=draft.id)

    sent = {"id": draft.id, "currency": "USD", "exchange_rate": "7.1"}
    rated = await shop.requester.UpdatePurchaseRequisition(
        purchase_requisition=sent, update_mask="currency,exchangeRate"
    )
    assert (rated.exchange_rate_date, rated.base_amount) == ("2026-11-23", "7100.00")
    service.clock.set("2026-11-26T09:00:00+08:00")
    submitted = await service.as_("requester").SubmitPurchaseRequisition(id=draft.id)
    assert (submitted.exchange_rate, submitted.exchange_rate_date) == ("7.1", "2026-11-23")


async def test_the_hash_covers_what_an_approver_agrees_to(shop: Shop) -> None:
    one = pb.PurchaseRequisition(title="备件", lines=[pb.PurchaseRequisitionLine(quantity="1.50", line_number=1)])
    same = pb.PurchaseRequisition(
        title="备件", number="PR-1", lines=[pb.PurchaseRequisitionLine(quantity="1.5", line_number=2, state="ORDERED")]
    )
    other = pb.PurchaseRequisition(title="备件", lines=[pb.PurchaseRequisitionLine(quantity="1.51")])
    assert canonical.content_hash(one) == canonical.content_hash(same) != canonical.content_hash(other)


async def test_a_copy_is_the_callers_draft_at_todays_price(shop: Shop) -> None:
    old = await shop.submitted(shop.line(shop.bearing, unit_price="99"), shop.line())
    copy = await shop.requester.CopyPurchaseRequisition(id=old.id)

    assert (copy.state, copy.number, copy.copied_from_id) == (copy.DRAFT, "", old.id)
    assert [line.unit_price for line in copy.lines] == ["12.5", "1000"]
    assert {line.id for line in copy.lines}.isdisjoint(line.id for line in old.lines)


@pytest.mark.parametrize(("currency", "rate", "copied"), [("CNY", "", "1"), ("USD", "7.1234", "")])
async def test_a_copy_asks_for_the_rate_anew(shop: Shop, currency: str, rate: str, copied: str) -> None:
    old = await shop.submitted(shop.line(), currency=currency, exchange_rate=rate)
    copy = await shop.requester.CopyPurchaseRequisition(id=old.id)
    assert (copy.currency, copy.exchange_rate, copy.exchange_rate_date) == (currency, copied, "")


async def test_a_draft_goes_and_what_was_submitted_stays_on_record(shop: Shop, service: Any) -> None:
    draft = await shop.draft()
    await shop.requester.DeletePurchaseRequisition(id=draft.id)
    with refused("DOCUMENT_NOT_FOUND"):
        await shop.requester.GetPurchaseRequisition(id=draft.id)

    submitted = await shop.submitted()
    with refused("ACTION_NOT_ALLOWED"):
        await shop.requester.DeletePurchaseRequisition(id=submitted.id)


async def test_a_draft_is_given_up_with_a_reason(shop: Shop) -> None:
    draft = await shop.draft()
    cancelled = await shop.requester.CancelPurchaseRequisition(id=draft.id, reason="改用库存")
    assert (cancelled.state, cancelled.outcome_note) == (cancelled.CANCELLED, "改用库存")


async def test_closing_drops_what_waits_and_keeps_what_is_ordered(shop: Shop) -> None:
    requisition = await shop.approved(shop.line(shop.bearing), shop.line())

    closed = await shop.requester.ClosePurchaseRequisition(id=requisition.id, reason="项目终止")

    assert closed.state == closed.CLOSED
    assert [line.state for line in closed.lines] == [closed.lines[0].ORDERED, closed.lines[0].DROPPED]
    (task,) = (await shop.buyer.ListSourcingTasks()).sourcing_tasks
    assert (task.state, task.drop_reason) == (task.DROPPED, "项目终止")


async def test_links_go_both_ways(shop: Shop) -> None:
    requisition = await shop.approved(shop.line(shop.bearing))

    (down,) = (await shop.requester.ListLinksPurchaseRequisition(id=requisition.id)).links
    (up,) = (await shop.buyer.ListLinksPurchaseOrder(id=down.document_id)).links

    assert (down.document_type, down.direction, down.number) == (
        "procurement.purchase_order",
        "result",
        "PO-2026-000001",
    )
    assert (up.document_type, up.document_id, up.direction) == (
        "procurement.purchase_requisition", requisition.id, "source",
    )  # fmt: skip


async def test_the_approver_sees_the_last_price(shop: Shop) -> None:
    await shop.released({"item_id": shop.bearing, "quantity": "10", "unit_price": "11.8"})
    requisition = await shop.submitted(shop.line(shop.bearing, unit_id=shop.box))

    (line,) = requisition.lines
    assert (line.last_unit_price, line.last_price_date, line.last_supplier_id) == (
        "141.6",
        "2026-11-23",
        shop.hongda.id,
    )


async def test_the_same_key_twice_makes_one_draft(shop: Shop, service: Any) -> None:
    values = {"title": "备件", "currency": "CNY"}
    first = await shop.requester.CreatePurchaseRequisition(purchase_requisition=values, key="the-same-key")
    second = await shop.requester.CreatePurchaseRequisition(purchase_requisition=values, key="the-same-key")
    assert first.id == second.id
    with refused("IDEMPOTENCY_KEY_REUSED"):
        await shop.requester.CreatePurchaseRequisition(
            purchase_requisition={**values, "title": "别的"}, key="the-same-key"
        )


async def test_words_codes_and_pinyin_find_it(shop: Shop) -> None:
    await shop.draft(title="产线备件采购")
    await shop.draft(title="办公椅")
    for words in ("备件", "cxbj", "产线"):
        found = await shop.requester.ListPurchaseRequisitions(search=words)
        assert [r.title for r in found.purchase_requisitions] == ["产线备件采购"], words


async def test_statements_do_not_grow_with_lines(shop: Shop, service: Any) -> None:
    counts: dict[str, list[int]] = {"create": [], "get": [], "list": [], "submit": [], "update": [], "approve": []}
    for lines in (1, 10, 1000):
        many = [shop.line(shop.bearing) if n % 3 != 1 else shop.line(shop.cable, "1.5") for n in range(lines)]
        with service.statements() as statements:
            draft = await shop.draft(*many)
        counts["create"].append(len(statements))
        with service.statements() as statements:
            await shop.requester.GetPurchaseRequisition(id=draft.id)
        counts["get"].append(len(statements))
        with service.statements() as statements:
            await shop.requester.ListPurchaseRequisitions(summarize=True)
        counts["list"].append(len(statements))
        with service.statements() as statements:
            await shop.requester.UpdatePurchaseRequisition(
                purchase_requisition={"id": draft.id, "lines": many}, update_mask="lines"
            )
        counts["update"].append(len(statements))
        with service.statements() as statements:
            submitted = await shop.requester.SubmitPurchaseRequisition(id=draft.id)
        counts["submit"].append(len(statements))
        with service.statements() as statements:
            await service.deliver(approved(submitted))
        counts["approve"].append(len(statements))
    for name, (one, ten, thousand) in counts.items():
        assert ten == thousand, counts
        # one line is of one kind, so it makes either an order or a task
        assert one == ten or name == "approve", counts


async def test_head_and_lines_are_read_as_of_one_moment(shop: Shop, service: Any) -> None:
    submitted = await shop.submitted()
    between: list[str] = []

    def agreed_meanwhile(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "FROM purchase_requisition_line" in statement and not between:
            between.append(statement)
            await_only(service.deliver(approved(submitted)))

    engine = service.runtime.engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", agreed_meanwhile)
    try:
        seen = await shop.requester.GetPurchaseRequisition(id=submitted.id)
    finally:
        sa.event.remove(engine, "before_cursor_execute", agreed_meanwhile)
    now = await shop.requester.GetPurchaseRequisition(id=submitted.id)

    assert (seen.state, seen.lines[0].order_id) == (pb.PurchaseRequisition.SUBMITTED, "")
    assert now.state == pb.PurchaseRequisition.ORDERED
    assert now.lines[0].order_id


async def test_a_requisition_that_was_submitted_shows_the_department_of_its_day(shop: Shop) -> None:
    submitted = await shop.submitted()
    draft = await shop.draft()
    today, organisation = shop.service.organisation.today(COMPANY), shop.service.base_organisation
    unit = organisation.departments[stable("workshop")]
    renamed = dataclasses.replace(unit, name="总装车间", former=(Former(today, unit.name, unit.parent_id),))
    shop.service.base_organisation = dataclasses.replace(
        organisation, departments={**organisation.departments, unit.department_id: renamed}
    )
    shop.service.default_rights()

    names = {
        row.id: row.department_name for row in (await shop.requester.ListPurchaseRequisitions()).purchase_requisitions
    }
    assert names == {submitted.id: "Workshop", draft.id: "总装车间"}
    assert (await shop.requester.GetPurchaseRequisition(id=submitted.id)).department_name == "Workshop"


async def test_lines_and_head_show_the_organisation_of_the_document_s_day(shop: Shop, service: Any) -> None:
    line = shop.line(cost_department_id=str(stable("finance")))
    submitted = await shop.submitted(line)
    draft = await shop.draft(line)
    today, organisation = shop.service.organisation.today(COMPANY), shop.service.base_organisation
    works, money = organisation.departments[stable("workshop")], organisation.departments[stable("finance")]
    before, after = datetime.date(2026, 1, 1), today + datetime.timedelta(days=1)
    heads = (Headed(before, today, stable("head")), Headed(after, None, stable("boss")))
    then = {
        works.department_id: dataclasses.replace(works, head_id=stable("boss"), heads=heads),
        money.department_id: dataclasses.replace(money, name="财务共享中心", former=(Former(today, money.name),)),
    }
    shop.service.base_organisation = dataclasses.replace(organisation, departments={**organisation.departments, **then})
    shop.service.default_rights()

    with service.statements() as one:
        old = await shop.requester.GetPurchaseRequisition(id=submitted.id)
    new = await shop.requester.GetPurchaseRequisition(id=draft.id)

    assert (old.lines[0].cost_department_name, old.department_head_name) == ("Finance", "Head")
    assert (new.lines[0].cost_department_name, new.department_head_name) == ("财务共享中心", "Boss")
    many = await shop.submitted(*[line] * 30)
    with service.statements() as more:
        await shop.requester.GetPurchaseRequisition(id=many.id)
    assert len(more) == len(one)
    listed = (await shop.requester.ListPurchaseRequisitions()).purchase_requisitions
    assert {row.id: row.department_head_name for row in listed}[submitted.id] == "Head"


async def test_numbers_follow_the_companys_format_and_none_comes_twice(shop: Shop, service: Any) -> None:
    year, month = service.clock.now().strftime("%Y"), service.clock.now().strftime("%m")

    async def numbers(count: int) -> list[str]:
        return [(await shop.submitted()).number for _ in range(count)]

    assert await numbers(2) == [f"PR-{year}-000001", f"PR-{year}-000002"]
    service.number(REQUISITION, "SQ{yyyy}{mm}-{000}")
    assert await numbers(1) == [f"SQ{year}{month}-001"]
    # it counts by the year, and its numbers look like those that count by the month
    service.number(REQUISITION, f"SQ{{yyyy}}{month}-{{000}}", COMPANY)
    assert await numbers(2) == [f"SQ{year}{month}-003", f"SQ{year}{month}-004"]
    service.number(REQUISITION, "SQ{yyyy}{mm}-{000}", COMPANY)
    assert await numbers(2) == [f"SQ{year}{month}-002", f"SQ{year}{month}-005"]
