"""Fields that administrators added to requisitions and orders: who sees them where, and when they are asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chassis.testing import refused
from procurement.tests.factories import Shop
from procurement.tests.test_amending import ask, change

ORDER, REQUISITION = "procurement.purchase_order", "procurement.purchase_requisition"
TWICE = {"formula": "cost * 2", "result_kind": "AMOUNT"}


async def define(
    shop: Shop, document_type: str, key: str, kind: str = "TEXT", *, rights: Any = None, **more: Any
) -> None:
    field = {"key": key, "kind": kind, "label": {"zh-CN": f"{key}项", "en": key.title()}, **more}
    body = {"document_type": document_type, "field": field, **(rights or {})}
    await shop.service.as_("admin").CreateCustomField(custom_field=body)


async def define_costs(shop: Shop, document_type: str) -> Any:
    """A grade that everybody sees, a cost that keepers see, and twice the cost; a keeper."""
    await define(shop, document_type, "grade")
    await define(shop, document_type, "cost", "AMOUNT", rights={"read_roles": ["keeper"]})
    await define(shop, document_type, "twice", "COMPUTED", **TWICE)
    shop.service.grant("boss", ["*"], "ALL", role="keeper")
    return shop.service.as_("boss")


def added(**values: Any) -> dict[str, str]:
    return {"json": json.dumps(values)}


def values_of(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(message.custom_fields.json or "{}")
    return found


async def test_earlier_revisions_show_no_field_that_the_order_does_not_show(shop: Shop, service: Any) -> None:
    keeper = await define_costs(shop, ORDER)
    order = await shop.order()
    await keeper.UpdatePurchaseOrder(purchase_order={"id": order.id, "custom_fields": added(grade="a", cost="3.10")})

    await shop.buyer.ReleasePurchaseOrder(id=order.id)

    for who, seen in ((keeper, {"grade": "a", "cost": "3.10", "twice": "6.20"}), (shop.buyer, {"grade": "a"})):
        (revision,) = (await who.ListRevisionsPurchaseOrder(id=order.id)).revisions
        assert values_of(revision.snapshot) == values_of(await who.GetPurchaseOrder(id=order.id)) == seen


async def test_what_leaves_the_suite_tells_no_field_that_is_not_for_everybody(shop: Shop, service: Any) -> None:
    keeper = await define_costs(shop, ORDER)
    order = await shop.order()
    await keeper.UpdatePurchaseOrder(purchase_order={"id": order.id, "custom_fields": added(grade="a", cost="3.10")})

    await shop.buyer.ReleasePurchaseOrder(id=order.id)

    ((_, inside),) = await service.events("purchase_order.updated")
    ((_, outside),) = await service.events("purchase_order.released")
    assert values_of(inside.purchase_order) == {"grade": "a", "cost": "3.10", "twice": "6.20"}
    assert values_of(outside.purchase_order) == {"grade": "a"}


async def test_a_draft_may_lack_what_is_asked_for_when_it_is_submitted(shop: Shop) -> None:
    await define(shop, REQUISITION, "budget", required=True)
    await define(shop, REQUISITION, "why", required_when="budget == 'capital'")
    # what somebody cannot fill in they are not asked for
    await define(shop, REQUISITION, "checked", required=True, rights={"write_roles": ["nobody"]})
    draft = await shop.draft()
    me = shop.requester

    async def fill(**values: Any) -> None:
        await me.UpdatePurchaseRequisition(purchase_requisition={"id": draft.id, "custom_fields": added(**values)})

    with refused("CUSTOM_FIELD_MISSING", field="custom_fields.budget") as refusal:
        await me.SubmitPurchaseRequisition(id=draft.id)
    assert refusal.value.facts == {"label": "budget项"}
    await fill(budget="capital")
    with refused("CUSTOM_FIELD_MISSING", field="custom_fields.why"):
        await me.SubmitPurchaseRequisition(id=draft.id)
    await fill(why="大修")
    sent = await me.SubmitPurchaseRequisition(id=draft.id)
    assert (sent.state, values_of(sent)) == (sent.SUBMITTED, {"budget": "capital", "why": "大修"})


async def test_an_order_may_lack_what_is_asked_for_when_it_is_released(shop: Shop) -> None:
    await define(shop, ORDER, "incoterm", required=True)
    order = await shop.order()
    await shop.buyer.UpdatePurchaseOrder(purchase_order={"id": order.id, "note": "x"})

    with refused("CUSTOM_FIELD_MISSING", field="custom_fields.incoterm"):
        await shop.buyer.ReleasePurchaseOrder(id=order.id)
    fields = {"id": order.id, "custom_fields": added(incoterm="DAP")}
    await shop.buyer.UpdatePurchaseOrder(purchase_order=fields)
    assert (await shop.buyer.ReleasePurchaseOrder(id=order.id)).state == order.RELEASED


@pytest.mark.parametrize("by", ["requester", "boss"])
async def test_a_copy_takes_over_what_its_maker_sees_and_fills_in(shop: Shop, by: str) -> None:
    keeper = await define_costs(shop, REQUISITION)
    await define(shop, REQUISITION, "stamp", rights={"write_roles": ["keeper"]})
    shop.service.grant("requester", ["*"], "ALL", role="clerk")
    old = await shop.draft(by=keeper, custom_fields=added(grade="a", cost="3.10", stamp="x"))
    old = await keeper.SubmitPurchaseRequisition(id=old.id)

    copy = await shop.service.as_(by).CopyPurchaseRequisition(id=old.id)

    kept = {"requester": {"grade": "a"}, "boss": {"grade": "a", "cost": "3.10", "twice": "6.20", "stamp": "x"}}[by]
    assert values_of(copy) == kept
    assert values_of(await shop.service.as_(by).GetPurchaseRequisition(id=copy.id)) == kept


async def test_what_an_approver_fills_in_is_told_to_who_takes_part_where_everybody_sees_it(shop: Shop) -> None:
    keeper = await define_costs(shop, REQUISITION)
    before = await shop.submitted()

    answer = await ask(shop, before, change("custom_fields.grade", value="a"), change("custom_fields.cost", value="3"))

    assert [one.path for one in answer.differences] == ["custom_fields.grade"]
    now = await keeper.GetPurchaseRequisition(id=before.id)
    assert values_of(now) == {"grade": "a", "cost": "3.00", "twice": "6.00"}
