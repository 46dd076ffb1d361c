"""Lists as Excel files, read back with another program."""

from __future__ import annotations

import datetime
import io
import uuid
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from chassis import contract
from chassis.errors import Refused
from gateway.export import neutral
from gateway.routes import list_field
from gateway.tests.bench import OTHER_COMPANY, Bench, reason_of
from heyi.procurement.v1 import purchase_orders_pb2 as pb
from heyi.procurement.v1 import suppliers_pb2

EXPORT = "/v1/procurement/purchase-orders:export"
SUPPLIERS = [str(uuid.uuid4()) for _ in range(3)]


def orders(bench: Bench, count: int, **more: Any) -> None:
    """A list of so many orders, in pages as a service gives them."""

    def page(request: Any, metadata: dict[str, str]) -> Any:
        start = int(request.page_token or 0)
        stop = min(count, start + request.page_size)
        rows = [
            pb.PurchaseOrder(
                id=str(n), number=f"PO-{n:06d}", state="RELEASED", supplier_id=SUPPLIERS[n % 3], currency="CNY",
                order_date="2026-11-23", amount=f"{n}.50", base_amount="-12345678901234567.89", overdue=n == 1,
                create_time=datetime.datetime(2026, 11, 23, 1, 30, tzinfo=datetime.UTC), revision=n, **more,
            )
            for n in range(start, stop)
        ]  # fmt: skip
        token = str(stop) if stop < count else ""
        return pb.ListPurchaseOrdersResponse(purchase_orders=rows, next_page_token=token)

    def suppliers(request: Any, _: dict[str, str]) -> Any:
        found = [suppliers_pb2.Supplier(id=one, name=f"供应商{SUPPLIERS.index(one)}") for one in request.ids]
        return suppliers_pb2.BatchGetSuppliersResponse(suppliers=found)

    bench.services.answers |= {"ListPurchaseOrders": page, "BatchGetSuppliers": suppliers}


async def read(bench: Bench, headers: dict[str, str] | None = None, **query: str) -> list[list[Any]]:
    reply = await bench.http.get(EXPORT, params=query, headers=headers or bench.bearer())
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].endswith("spreadsheetml.sheet")
    assert reply.headers["content-disposition"].startswith("attachment; ")
    return CalamineWorkbook.from_filelike(io.BytesIO(reply.content)).get_sheet_by_index(0).to_python()


async def test_rows_and_values(bench: Bench) -> None:
    orders(bench, 3)
    columns = "number,state,supplierId,order_date,amount,baseAmount,overdue,createTime,revision"
    head, *rows = await read(bench, columns=columns, locale="zh-CN", filter='state = "RELEASED"', order_by="number")
    assert head[2] == "供应商"
    assert rows[1] == [
        "PO-000001", rows[1][1], "供应商1", datetime.date(2026, 11, 23), 1.5, "-12345678901234567.89", True,
        datetime.datetime.fromisoformat("2026-11-23T09:30:00"), 1,
    ]  # fmt: skip
    (asked,) = [call for call in bench.services.calls if call[0].endswith("/ListPurchaseOrders")]
    assert (asked[1].filter, asked[1].order_by, asked[1].page_size) == ('state = "RELEASED"', "number", 200)
    english = await read(bench, columns="state", locale="en")
    assert english[1][0] == "Released"


async def test_names_are_asked_for_once(bench: Bench) -> None:
    orders(bench, 450)
    rows = await read(bench, columns="number,supplierId")
    assert len(rows) == 451
    names = [call[0].rsplit("/", 1)[1] for call in bench.services.calls]
    assert names.count("ListPurchaseOrders") == 3
    assert names.count("BatchGetSuppliers") == 1
    assert {call[2]["authorization"] for call in bench.services.calls} == {bench.services.calls[0][2]["authorization"]}


async def test_there_is_an_end(bench: Bench) -> None:
    orders(bench, 1000)
    rows = await read(bench, columns="number")
    assert rows[450][0] == "PO-000449"
    assert "450" in str(rows[-1][0])
    assert len(rows) == 453


async def test_references_that_the_caller_may_not_read_stay_ids(bench: Bench) -> None:
    orders(bench, 1)

    def refuse(*_: object) -> None:
        raise Refused("PERMISSION_MISSING", permission="x")

    bench.services.answers["BatchGetSuppliers"] = refuse
    rows = await read(bench, columns="supplierId")
    assert rows[1][0] == SUPPLIERS[0]


FORMULAS = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3+cmd",
    "@SUM(A1)",
    "＝1+1",
    "＋1+x",
    "－1+x",
    "＠x",
    "\t=1",
    "\r=1",
    " =1",
    "　=1",
]


async def test_formulas_become_text(bench: Bench) -> None:
    for text in [*FORMULAS, "普通", "+86 21 5555-1234", "-5"]:
        orders(bench, 1, delivery_place=text)
        ((_,), (value,)) = await read(bench, columns="deliveryPlace")
        if text in FORMULAS:
            assert value == f"'{text}", text
        else:
            assert str(value) == text


def test_long_text_fits_a_cell() -> None:
    assert len(neutral("x" * 40_000)) == 32_767
    assert len(neutral("=" + "x" * 40_000)) == 32_767


async def test_links_are_text_too(bench: Bench) -> None:
    orders(bench, 1, delivery_place="http://evil.example")
    assert (await read(bench, columns="deliveryPlace"))[1] == ["http://evil.example"]


async def test_without_columns_the_lists_own(bench: Bench) -> None:
    orders(bench, 1)
    head = (await read(bench))[0]
    assert 5 < len(head) < 20


async def test_what_is_refused(bench: Bench) -> None:
    orders(bench, 1)
    for query, field in [({"columns": "nothing"}, "columns"), ({"columns": "lines"}, "columns"), ({"x": "y"}, "x")]:
        reply = await bench.http.get(EXPORT, params=query, headers=bench.bearer())
        assert reply.json()["error"]["details"][1]["fieldViolations"][0]["field"] == field
    assert reason_of(await bench.http.get(EXPORT)) == "NOT_SIGNED_IN"
    bench.services.rights = []
    await bench.learn()
    reply = await bench.http.get(EXPORT, params={"company": OTHER_COMPANY}, headers=bench.bearer("bob"))
    assert reason_of(reply) == "COMPANY_NOT_ALLOWED"
    assert (await bench.http.post(EXPORT, headers=bench.bearer())).status_code == 404

    def refuse(*_: object) -> None:
        raise Refused("FILTER_SYNTAX", position=3, expected="a value")

    bench.services.answers["ListPurchaseOrders"] = refuse
    assert reason_of(await bench.http.get(EXPORT, headers=bench.bearer())) == "FILTER_SYNTAX"


@pytest.mark.parametrize("sensitive", ["bankAccounts", "bank_accounts"])
async def test_what_is_sensitive_stays_inside(bench: Bench, sensitive: str) -> None:
    path = "/v1/procurement/suppliers:export"
    reply = await bench.http.get(path, params={"columns": sensitive}, headers=bench.bearer())
    assert reason_of(reply) == "INVALID_REQUEST"


async def test_no_sensitive_text_of_any_list_can_be_exported(bench: Bench) -> None:
    tried = 0
    for path, binding in bench.gateway.exports._by_path.items():
        rows: Any = list_field(binding.method.reply.DESCRIPTOR).message_type
        for field in [one for one in rows.fields if contract.spec_of(one).sensitive]:
            reply = await bench.http.get(f"{path}:export", params={"columns": field.name}, headers=bench.bearer())
            assert reason_of(reply) == "INVALID_REQUEST", (path, field.name)
            tried += 1
    assert tried


async def test_every_list_can_be_exported(bench: Bench) -> None:
    for template in bench.gateway.exports._by_path:
        reply = await bench.http.get(f"{template}:export", headers=bench.bearer())
        assert reply.status_code == 200, (template, reply.text)
    assert len(bench.gateway.exports._by_path) > 15
