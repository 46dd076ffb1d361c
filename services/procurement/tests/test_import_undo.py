"""Orders that a file brought are taken back as long as they are drafts."""

from __future__ import annotations

from typing import Any

from procurement.tests.factories import YARD, Shop

FIELDS = (
    "supplier_id", "currency", "delivery_place", "need_date",
    "lines.description", "lines.quantity", "lines.unit_price", "lines.tax_rate",
)  # fmt: skip


async def test_drafts_of_orders_are_taken_back_and_what_went_out_stays(shop: Shop, service: Any) -> None:
    rows = [(shop.hongda.id, "CNY", YARD, need, "定制工装", "1", "50", "0.13") for need in ("2026-12-15", "2026-12-16")]
    batch = await service.bring_in(shop.buyer, "procurement.purchase_order", FIELDS, *rows)
    sent, _ = orders = (await shop.buyer.ListPurchaseOrders(order_by="create_time")).purchase_orders
    assert len(orders) == 2
    await shop.buyer.ReleasePurchaseOrder(id=sent.id, etag=sent.etag)

    assert await service.take_back(shop.buyer, batch) == (1, 1, ["IMPORT_CHANGED_SINCE"])
    after = {one.id: one for one in (await shop.buyer.ListPurchaseOrders()).purchase_orders}
    assert after[sent.id].state == sent.RELEASED
    assert [(one.state, one.close_reason) for one in after.values() if one.id != sent.id] == [
        (sent.CANCELLED, "清单有误")
    ]

    # the same file again: what was kept is in, and is not made a second time
    again = await service.bring_in(shop.buyer, "procurement.purchase_order", FIELDS, *rows, skipped=1)
    assert (again.imported_count, again.skipped_count) == (1, 1)
    days = [one.need_date for one in (await shop.buyer.ListPurchaseOrders()).purchase_orders]
    assert sorted(days) == ["2026-12-15", "2026-12-16", "2026-12-16"]
