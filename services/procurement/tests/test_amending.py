"""What an approver changes in a requisition, and what of it somebody sees who was asked about it only."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from chassis import ids
from chassis.canonical import content_hash
from chassis.testing import refused, stable
from heyi.approval.v1 import case_views_pb2, cases_pb2
from heyi.common.v1 import common_pb2
from procurement.tests.factories import Shop, approved, case_of, opened


def change(path: str, line: Any = None, value: str = "", reason: str = "够用了") -> common_pb2.FieldChange:
    return common_pb2.FieldChange(path=path, line_id=line.id if line else "", value=value, reason=reason)


async def ask(shop: Shop, requisition: Any, *changes: Any, times: int = 1, **more: Any) -> Any:
    """An approver agrees with changes; what the service answers."""
    fields = {
        "id": str(ids.uuid7()), "document_type": "procurement.purchase_requisition", "document_id": requisition.id,
        "submission": requisition.submission, "author_id": str(stable("head")),
        "content_hash": requisition.content_hash, "changes": changes, **more,
    }  # fmt: skip
    event = cases_pb2.CaseChangeRequested(case=case_of(requisition), amendment=common_pb2.Amendment(**fields))
    await shop.service.deliver(event, times=times, actor="head")
    await shop.service.deliver(event, event_id=ids.uuid7(), actor="head")
    answers = [message.answer for _, message in await shop.service.events("change_answered")]
    assert [one.amendment_id for one in answers].count(fields["id"]) == 1
    return answers[-1]


async def test_less_of_a_line_and_none_of_another_is_what_is_agreed_to_and_ordered(shop: Shop) -> None:
    before = await shop.submitted(shop.line(shop.bearing, "10"), shop.line(shop.bearing, "4"))
    one, two = before.lines

    answer = await ask(shop, before, change("lines.quantity", one, "6"), change("lines", two), times=2)

    now = await shop.requester.GetPurchaseRequisition(id=before.id)
    assert (now.net_amount, now.amount) == ("75.00", "84.75")
    cut, gone = now.lines
    assert (cut.quantity, cut.asked_quantity, cut.cut_reason, cut.cut_by_id) == (
        "6",
        "10",
        "够用了",
        str(stable("head")),
    )
    assert (gone.refused, gone.state, gone.amount, gone.quantity) == (True, gone.DROPPED, "0.00", "4")
    assert now.content_hash == answer.approval.content_hash == content_hash(now) != before.content_hash
    assert (answer.approval.amount, dict(answer.approval.facts)["line_count"]) == ("84.75", 1)
    assert [(d.path, d.line_number, d.before, d.after) for d in answer.differences] == [
        ("lines.quantity", 1, "10", "6"),
        ("lines", 2, "4", ""),
    ]

    await shop.service.deliver(approved(now), actor="head")

    done = await shop.requester.GetPurchaseRequisition(id=before.id)
    assert done.state == done.ORDERED
    order = await shop.buyer.GetPurchaseOrder(id=done.lines[0].order_id)
    assert [(line.quantity, line.sources[0].quantity) for line in order.lines] == [("6", "6")]
    assert (await shop.requester.CopyPurchaseRequisition(id=before.id)).lines[0].quantity == "10"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ([("lines.quantity", 0, "11")], "AMENDMENT_NOT_LESS"),
        ([("lines.quantity", 0, "0")], "AMENDMENT_NOT_LESS"),
        ([("lines.quantity", 0, "x")], "FIELD_DECIMAL"),
        ([("lines.quantity", 0, "1.5")], "PURCHASE_REQUISITION_QUANTITY_DECIMALS"),
        ([("lines", 0, ""), ("lines", 1, "")], "AMENDMENT_NOTHING_LEFT"),
        ([("lines.amount", 0, "1")], "FIELD_READ_ONLY"),
        ([("nothing", None, "1")], "FIELD_UNKNOWN"),
        ([("need_date", None, "2020-01-01")], "PURCHASE_REQUISITION_NEED_DATE_PAST"),
        ([("delivery_place", None, "x" * 300)], "FIELD_TOO_LONG"),
    ],
)
async def test_what_its_owner_could_not_type_no_approver_can(shop: Shop, changes: Any, reason: str) -> None:
    before = await shop.submitted(shop.line(shop.bearing, "10"), shop.line(shop.bearing, "4"))
    lines = before.lines

    answer = await ask(shop, before, *(change(p, None if n is None else lines[n], value) for p, n, value in changes))

    assert reason in [one.reason for one in answer.violations]
    assert not answer.HasField("approval")
    now = await shop.requester.GetPurchaseRequisition(id=before.id)
    assert (now.content_hash, now.amount, list(now.lines)) == (before.content_hash, before.amount, list(before.lines))


async def test_what_is_not_what_was_shown_stays_as_it_is(shop: Shop) -> None:
    before = await shop.submitted()

    answer = await ask(shop, before, change("purpose", value="x"), content_hash="0" * 64)

    assert [one.reason for one in answer.violations] == ["AMENDMENT_TOO_LATE"]


async def test_what_an_approver_fills_in_is_in_the_document_and_on_record(shop: Shop) -> None:
    before = await shop.submitted()

    await ask(shop, before, change("purpose", value="大修"), change("lines.note", before.lines[0], "急"))

    now = await shop.requester.GetPurchaseRequisition(id=before.id)
    assert (now.purpose, now.lines[0].note) == ("大修", "急")
    async with shop.service.runtime.engine.connect() as connection:
        await connection.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        last = sa.text("SELECT actor_id FROM audit_entry ORDER BY id DESC LIMIT 1")
        assert (await connection.execute(last)).scalar_one() == stable("head")


LABEL = {"zh-CN": "x", "en": "x"}
OPTIONS = [{"key": key, "label": LABEL} for key in ("capital", "running")]


async def define(shop: Shop, key: str, kind: str, **more: Any) -> None:
    field = {"key": key, "kind": kind, "label": LABEL, **more}
    body = {"document_type": "procurement.purchase_requisition", "field": field}
    await shop.service.as_("admin").CreateCustomField(custom_field=body)


async def test_an_approver_fills_in_an_added_field_by_its_rules(shop: Shop) -> None:
    await define(shop, "budget", "CHOICE", options=OPTIONS)
    await define(shop, "sum", "AMOUNT")
    await define(shop, "twice", "COMPUTED", formula="sum * 2", result_kind="AMOUNT")
    await define(shop, "why", "TEXT", required_when="budget == 'capital'")
    await define(shop, "fit", "YES_NO")
    await define(shop, "keeper", "PERSON")
    before = await shop.submitted()
    # asked for since: it is not the approver's to fill in
    await define(shop, "later", "TEXT", required=True)

    for wrong, reason, place in (
        ([("budget", "cash")], "FIELD_FORMAT", "changes[0].value"),
        ([("sum", "1.234")], "FIELD_DECIMAL", "changes[0].value"),
        ([("twice", "2.00")], "FIELD_READ_ONLY", "changes[0].value"),
        ([("sum", "1"), ("colour", "red")], "FIELD_UNKNOWN", "changes[1].path"),
        ([("budget", "capital")], "FIELD_REQUIRED", "custom_fields.why"),
        ([("keeper", str(stable("nobody")))], "FIELD_NO_SUCH_DOCUMENT", "changes[0].value"),
    ):
        answer = await ask(shop, before, *(change(f"custom_fields.{key}", value=value) for key, value in wrong))
        assert [(one.reason, one.field) for one in answer.violations] == [(reason, place)], wrong
        now = await shop.requester.GetPurchaseRequisition(id=before.id)
        assert (now.content_hash, now.custom_fields.json) == (before.content_hash, before.custom_fields.json)

    given = {"budget": "capital", "sum": "12.5", "why": "大修", "fit": "true"}
    answer = await ask(shop, before, *(change(f"custom_fields.{key}", value=value) for key, value in given.items()))

    now = await shop.requester.GetPurchaseRequisition(id=before.id)
    kept = {"budget": "capital", "sum": "12.50", "twice": "25.00", "why": "大修", "fit": True}
    assert json.loads(now.custom_fields.json) == kept
    # it is what is agreed to from now on
    assert now.content_hash == answer.approval.content_hash == content_hash(now) != before.content_hash
    assert {f"custom_fields.{key}" for key in kept} <= set(answer.approval.basis)
    assert dict(answer.approval.facts)["custom_fields"]["budget"] == "capital"
    assert [(one.path, one.before, one.after) for one in answer.differences] == [
        ("custom_fields.budget", "", "capital"), ("custom_fields.sum", "", "12.50"),
        ("custom_fields.twice", "0.00", "25.00"), ("custom_fields.why", "", "大修"), ("custom_fields.fit", "", "true"),
    ]  # fmt: skip
    history = await shop.service.as_("admin").ListHistory(
        document_type="procurement.purchase_requisition", document_id=before.id
    )
    told = [(entry.actor_id, one.field) for entry in history.entries for one in entry.changes]
    assert (str(stable("head")), "custom_fields.budget") in told


async def test_back_with_its_owner_it_asks_for_what_the_owner_asked_for(shop: Shop) -> None:
    before = await shop.submitted(shop.line(shop.bearing, "10"), shop.line(shop.bearing, "4"))
    await ask(shop, before, change("lines.quantity", before.lines[0], "6"), change("lines", before.lines[1]))

    await shop.service.deliver(cases_pb2.CaseReturned(case=case_of(before, version=5, state="RETURNED")), actor="head")

    now = await shop.requester.GetPurchaseRequisition(id=before.id)
    assert [(line.quantity, line.refused, line.state) for line in now.lines] == [("10", False, 1), ("4", False, 1)]
    assert now.amount == before.amount


HIDDEN = [
    case_views_pb2.CaseReader(
        employee_id=str(stable("colleague")), hidden=["lines.unit_price", "purpose", "title"], number=1
    )
]


async def test_who_was_only_asked_sees_finds_and_sums_nothing_that_is_hidden(shop: Shop) -> None:
    requisition = await shop.submitted(purpose="机密大修")
    people = [str(stable("colleague"))]
    first = opened(requisition, "colleague", participant_ids=people, readers=HIDDEN)
    await shop.service.deliver(first, times=2)
    colleague = shop.service.as_("colleague")

    seen = await colleague.GetPurchaseRequisition(id=requisition.id)

    assert (seen.amount, seen.net_amount, seen.purpose, seen.title, seen.lines[0].unit_price) == ("",) * 5
    assert (seen.lines[0].quantity, seen.lines[0].amount, seen.lines[0].last_unit_price) == ("10", "", "")
    assert seen.content_hash not in ("", requisition.content_hash)
    listed = await colleague.ListPurchaseRequisitions(summarize=True)
    assert [(one.id, one.amount, one.title) for one in listed.purchase_requisitions] == [(requisition.id, "", "")]
    assert (listed.total_size, dict(listed.totals)) == (1, {})
    for query in ({"filter": "amount > 0"}, {"filter": 'title : "备件"'}, {"search": "机密"}):
        assert (await colleague.ListPurchaseRequisitions(**query)).purchase_requisitions == []
    with refused("FIELD_HIDDEN"):
        await colleague.ListPurchaseRequisitions(order_by="amount")
    (batch,) = (await colleague.BatchGetPurchaseRequisitions(ids=[requisition.id])).purchase_requisitions
    assert batch.amount == ""
    told = await colleague.ListHistory(document_type="procurement.purchase_requisition", document_id=requisition.id)
    said = {change.field for entry in told.entries for change in entry.changes}
    assert "currency" in said
    assert not said & {"amount", "purpose", "title", "net_amount"}
    # who may read it in an own right, and its owner, see all of it
    for key in ("buyer", "requester"):
        assert (await shop.service.as_(key).GetPurchaseRequisition(id=requisition.id)).amount == requisition.amount

    # the newest word counts, in whatever order it comes
    shown = case_views_pb2.CaseReader(employee_id=HIDDEN[0].employee_id, number=2)
    later = cases_pb2.CaseAdvanced(case=case_of(requisition, version=2, participant_ids=people, readers=[shown]))
    await shop.service.deliver(later)
    await shop.service.deliver(first, event_id=ids.uuid7())
    assert (await colleague.GetPurchaseRequisition(id=requisition.id)).amount == requisition.amount
