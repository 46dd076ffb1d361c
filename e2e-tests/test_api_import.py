"""Files of people, suppliers and prices into the running suite: names of other services' documents are found there, and
what they use keeps what was imported.
"""

from __future__ import annotations

import io
import uuid
from typing import Any

import openpyxl
from api import Session
from factory import credit_code

from chassis.importable import columns_of
from chassis.testing import eventually

SUPPLIER, PRICE, EMPLOYEE = "procurement.supplier", "procurement.supplier_item", "identity.employee"
PATHS = {
    SUPPLIER: "/v1/procurement/suppliers", PRICE: "/v1/procurement/supplier-items", EMPLOYEE: "/v1/identity/employees",
}  # fmt: skip


async def bring(session: Session, document: str, rows: list[dict[str, str]], company: str = "") -> dict[str, Any]:
    """The template of a type, filled in and brought back; every column is known again."""
    template = await session.raw("GET", f"{PATHS[document]}:importTemplate")
    book = openpyxl.load_workbook(io.BytesIO(template.content))
    for row in rows:
        book.worksheets[0].append([row.get(column.path) for column in columns_of(document)])
    filled = io.BytesIO()
    book.save(filled)
    query = {"fileName": f"{document}.xlsx"}
    answer = await session.raw("POST", f"{PATHS[document]}:importFile", filled.getvalue(), query=query, company=company)
    assert answer.status_code == 201, answer.text
    batch: dict[str, Any] = answer.json()
    assert all(column["field"] for column in batch["columns"])
    return batch


async def act(session: Session, batch: dict[str, Any], verb: str, company: str = "", **body: str) -> dict[str, Any]:
    """Ask for something to be done to a batch, and wait until it is."""
    path = f"/v1/{batch['documentType'].split('.')[0]}/import-batches/{batch['id']}"
    await session.call("POST", f"{path}:{verb}", body, company=company)

    async def done() -> dict[str, Any]:
        now: dict[str, Any] = await session.get(path, company=company)
        assert not now["state"].endswith("ING"), now["state"]
        return now

    found: dict[str, Any] = await eventually(done, seconds=60)
    problems = (await session.get(f"{path}/problems", company=company))["problems"]
    found["said"] = [(one["rowNumber"], one["field"], one["reason"]) for one in problems]
    return found


async def test_api_import_of_suppliers_and_their_prices(door: Any) -> None:
    """Prices of one item take several rows; a supplier with prices is not taken back before they are."""
    admin, tag, number = await door("administrator"), uuid.uuid4().hex[:6], uuid.uuid4().int % 10**6
    supplier = {"name": f"虚构金属{tag}有限公司", "credit_code": credit_code(700_000_000 + number), "currency": "CNY"}
    wrong = supplier | {"name": f"虚构塑料{tag}有限公司", "credit_code": "91310000MA1FL0000X"}
    brought = await bring(admin, SUPPLIER, [supplier, wrong])
    checked = await act(admin, brought, "check")
    assert checked["said"] == [(3, "credit_code", "SUPPLIER_CREDIT_CODE")]
    suppliers = await act(admin, brought, "start")
    assert (suppliers["importedCount"], suppliers["problemCount"]) == (1, 1)

    price = {
        "supplier_id": supplier["name"], "item_id": "2002-0004", "currency": "CNY", "unit_id": "个",
        "prices.from_quantity": "1", "prices.unit_price": "12.34", "prices.valid_from_date": "2026/11/01",
    }  # fmt: skip
    more = {"prices.from_quantity": "1,000", "prices.unit_price": "11", "prices.valid_from_date": "2026年11月1日"}
    nobody = price | {"item_id": "no such item"}
    brought = await bring(admin, PRICE, [price, more, nobody])
    assert (await act(admin, brought, "check"))["said"] == [(4, "item_id", "IMPORT_REFERENCE_UNKNOWN")]
    prices = await act(admin, brought, "start")
    assert (prices["documentCount"], prices["importedCount"]) == (2, 1)

    kept = await act(admin, suppliers, "undo", reason="wrong list")
    assert (kept["undoneCount"], kept["said"]) == (
        0,
        [(2, "", "IMPORT_IN_USE"), (3, "credit_code", "SUPPLIER_CREDIT_CODE")],
    )
    assert (await act(admin, prices, "undo", reason="wrong list"))["undoneCount"] == 1
    assert (await act(admin, suppliers, "undo", reason="nothing uses them now"))["undoneCount"] == 1
    assert not (await admin.get(PATHS[SUPPLIER], search=tag))["suppliers"]


async def test_api_import_of_joiners(door: Any, demo: Any) -> None:
    """Who joins by a file has an account like anybody: Keycloak follows; taken back, they cannot sign in any more."""
    admin, tag, suzhou = await door("administrator"), uuid.uuid4().hex[:5], demo("identity.company", "SZ")
    place = {"home_company_id": "SZ", "department_id": "SZ10", "hire_date": "2026-11-02"}
    rows = [
        {
            "code": f"J{tag}{n}",
            "name": f"新同事{tag}{n}",
            "username": (name := f"joiner{tag}{n}"),
            "email": f"{name}@heyi.example",
        }
        | place
        for n in range(3)
    ]
    # of another company, whose departments the file is not about
    rows[2]["department_id"] = "SH30"
    brought = await bring(admin, EMPLOYEE, rows, suzhou)
    checked = await act(admin, brought, "check", suzhou)
    assert checked["said"] == [(4, "department_id", "IMPORT_REFERENCE_UNKNOWN")]
    joiners = await act(admin, brought, "start", suzhou)
    assert (joiners["importedCount"], joiners["problemCount"]) == (2, 1)

    async def in_step(state: str) -> None:
        people = (await admin.get(PATHS[EMPLOYEE], search=f"新同事{tag}", company=suzhou))["employees"]
        assert {(one["state"], one["accountState"]) for one in people} == {(state, "IN_STEP")}
        assert len(people) == 2

    await eventually(lambda: in_step("ACTIVE"), seconds=60)
    assert (await act(admin, joiners, "undo", suzhou, reason="wrong list"))["undoneCount"] == 2
    await eventually(lambda: in_step("DISABLED"), seconds=60)
