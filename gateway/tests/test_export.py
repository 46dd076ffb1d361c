"""Lists as Excel files, read back with another program."""

from __future__ import annotations

import datetime
import io
import uuid
from typing import Any

import pytest
from google.protobuf import json_format
from python_calamine import CalamineWorkbook

from chassis import contract
from chassis.errors import Refused
from gateway.export import neutral
from gateway.routes import list_field
from gateway.tests.bench import OTHER_COMPANY, Bench, reason_of
from heyi.approval.v1 import office_requests_pb2
from heyi.identity.v1 import employees_pb2
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


async def test_a_list_says_what_its_rows_hold_and_tables_have_sheets_of_their_own(bench: Bench) -> None:
    """Each field of the form is a column with its label and unit; rows of a table stand on a sheet of their own."""
    person = str(uuid.uuid4())
    columns = [
        {"key": "what", "kind": "TEXT", "label": {"zh-CN": "事项", "en": "What"}},
        {"key": "cost", "kind": "AMOUNT", "label": {"zh-CN": "金额", "en": "Cost"}},
        {"key": "who", "kind": "PERSON", "label": {"zh-CN": "同行", "en": "With"}},
    ]
    fields = [
        {"key": "weight", "kind": "NUMBER", "scale": 1, "unit": "kg", "label": {"zh-CN": "重量", "en": "Weight"}},
        {"key": "items", "kind": "TABLE", "label": {"zh-CN": "明细", "en": "Items"}, "columns": columns},
    ]
    asked: list[Any] = []

    def requests(request: Any, _: dict[str, str]) -> Any:
        asked.append(request)
        rows = [{"what": "=1+1", "cost": "12.50", "who": person}, {"what": "车费", "cost": "3.00"}]
        held = [office_requests_pb2.OfficeRequest(id=str(n), number=f"OR-{n}") for n in range(2)]
        held[0].values.update({"weight": "2.5", "items": rows})
        reply = office_requests_pb2.ListOfficeRequestsResponse(office_requests=held)
        return json_format.ParseDict({"valueFields": fields if request.form_id else []}, reply)

    def employees(request: Any, _: dict[str, str]) -> Any:
        found = [employees_pb2.Employee(id=one, name="李四") for one in request.ids]
        return employees_pb2.BatchGetEmployeesResponse(employees=found)

    bench.services.answers |= {"ListOfficeRequests": requests, "BatchGetEmployees": employees}
    query = {"formId": str(uuid.uuid4()), "columns": "number", "locale": "zh-CN"}
    reply = await bench.http.get("/v1/approval/office-requests:export", params=query, headers=bench.bearer())
    assert reply.status_code == 200, reply.text
    book = CalamineWorkbook.from_filelike(io.BytesIO(reply.content))
    main, items = (book.get_sheet_by_index(at).to_python() for at in range(2))
    assert main[0][1:] == ["重量 (kg)", "明细"]
    assert (main[1][:2], main[2][0]) == (["OR-0", 2.5], "OR-1")
    assert items[0][1:] == ["事项", "金额", "同行"]
    assert [row[1:3] for row in items[1:]] == [["'=1+1", 12.5], ["车费", 3]]
    assert [row[0].split(" ")[0] for row in items[1:]] == ["OR-0", "OR-0"]
    assert "李四" in str(items[1][3])
    assert "李四" in main[1][2]

    text = await bench.http.get(
        "/v1/approval/office-requests:export", params=query | {"format": "csv"}, headers=bench.bearer()
    )
    assert "2.5 kg" in text.text
    # without a form the list is as any other
    del query["formId"]
    reply = await bench.http.get("/v1/approval/office-requests:export", params=query, headers=bench.bearer())
    (head, *_) = CalamineWorkbook.from_filelike(io.BytesIO(reply.content)).get_sheet_by_index(0).to_python()
    assert len(head) == 1
