"""Orders that a file brought are taken back as long as they are drafts."""

from __future__ import annotations

from typing import Any

from chassis import import_work
from heyi.platform.v1 import imports_pb2 as pb
from procurement.tests.factories import YARD, Shop

FIELDS = (
    "supplier_id", "currency", "delivery_place", "need_date",
    "lines.description", "lines.quantity", "lines.unit_price", "lines.tax_rate",
)  # fmt: skip


async def work(service: Any) -> None:
    worker = import_work.Worker(service.runtime)
    while await worker.work():
        pass


async def test_drafts_of_orders_are_taken_back_and_what_went_out_stays(shop: Shop, service: Any) -> None:
    columns = [{"position": at, "header": field, "field": field} for at, field in enumerate(FIELDS, 1)]
    rows = [
        {"row_number": number, "cells": [shop.hongda.id, "CNY", YARD, need, "定制工装", "1", "50", "0.13"]}
        for number, need in enumerate(("2026-12-15", "2026-12-16"), 2)
    ]
    batch = await shop.buyer.CreateImportBatch(
        document_type="procurement.purchase_order", file_name="orders.xlsx", file_hash="f00d", columns=columns
    )
    await shop.buyer.AddRowsImportBatch(id=batch.id, rows=rows, complete=True)
    await shop.buyer.CheckImportBatch(id=batch.id)
    await work(service)
    await shop.buyer.StartImportBatch(id=batch.id)
    await work(service)
    sent, _ = orders = (await shop.buyer.ListPurchaseOrders(order_by="create_time")).purchase_orders
    assert len(orders) == 2
    await shop.buyer.ReleasePurchaseOrder(id=sent.id, etag=sent.etag)

    await shop.buyer.UndoImportBatch(id=batch.id, reason="清单有误")
    await work(service)

    back = await shop.buyer.GetImportBatch(id=batch.id)
    assert (back.state, back.undone_count, back.kept_count) == (pb.ImportBatch.UNDONE, 1, 1)
    (kept,) = (await shop.buyer.ListImportProblems(id=batch.id)).problems
    assert kept.reason == "IMPORT_CHANGED_SINCE"
    after = {one.id: one for one in (await shop.buyer.ListPurchaseOrders()).purchase_orders}
    assert after[sent.id].state == sent.RELEASED
    assert [(one.state, one.close_reason) for one in after.values() if one.id != sent.id] == [
        (sent.CANCELLED, "清单有误")
    ]
