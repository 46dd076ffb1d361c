"""What whoever may import tries with a file: packages that explode, XML that does, formulas, other people's batches."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest
from api import Session, reason_of

from chassis.testing import eventually
from gateway.tests.test_sheets import REFUSED, simple, workbook

ITEMS, BATCHES = "/v1/inventory/items", "/v1/inventory/own-import-batches"


async def bring(session: Session, content: bytes) -> Any:
    return await session.raw("POST", f"{ITEMS}:importFile", content, query={"fileName": "attack.xlsx"})


@pytest.mark.parametrize(("make", "reason"), REFUSED.values(), ids=REFUSED)
async def test_attack_import_of_a_hostile_file(admin: Session, make: Any, reason: str) -> None:
    """Refused before any service hears of it, whatever the file claims to be; the door stands afterwards."""
    before = (await admin.get(BATCHES, pageSize=1))["importBatches"]
    answer = await bring(admin, make())
    # what is too large is not even read to its end
    wanted = {"IMPORT_FILE_TOO_LARGE": "REQUEST_TOO_LARGE"}.get(reason, reason)
    after = (await admin.get(BATCHES, pageSize=1))["importBatches"]
    if wanted == "IMPORT_TOO_MANY_ROWS":
        # that shows on the way: what had come is never taken for the whole file
        assert after[0]["state"] == "UPLOADING"
        path = f"/v1/inventory/import-batches/{after[0]['id']}:check"
        assert reason_of(await admin.raw("POST", path, "{}")) == "IMPORT_STATE"
    else:
        assert before == after
    assert reason_of(answer) == wanted


async def test_attack_import_without_the_right_and_of_another_person(admin: Session, requester: Session) -> None:
    """Who may not make items brings no file of them, and sees nothing of anybody's."""
    assert reason_of(await bring(requester, simple())) == "PERMISSION_MISSING"
    batch = (await bring(admin, simple())).json()
    path = f"/v1/inventory/import-batches/{batch['id']}"
    tried = [("GET", path), ("GET", f"{path}/problems"), ("GET", f"{path}:rowsToCorrect")]
    tried += [("POST", f"{path}:{verb}") for verb in ("check", "start", "cancel", "undo")]
    for verb, address in tried:
        body = None if verb == "GET" else '{"reason": "x"}' if address.endswith("undo") else "{}"
        assert reason_of(await requester.raw(verb, address, body)) == "DOCUMENT_NOT_FOUND", address
    await admin.call("POST", f"{path}:cancel", {})


async def test_attack_import_from_another_site(admin: Session) -> None:
    """A page of another site can send a file, but not the header that our own page sends."""
    headers = {"origin": "https://evil.example", "idempotency-key": "attack-import-0001"}
    answer = await admin._send("POST", f"{admin.address}{ITEMS}:importFile", content=simple(), headers=headers)
    assert reason_of(answer) == "CROSS_SITE_REQUEST"


async def test_attack_import_of_formulas(admin: Session) -> None:
    """Text that looks like a formula stays text in what goes back and in every export; a formula is refused."""

    def fill(_: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["code", "name", "category_id", "base_unit_id", "kind", "brand"])
        for n, brand in enumerate(['=HYPERLINK("http://evil.example")', "@SUM(A1)", "+1-cmd|x"]):
            for place, cell in enumerate(
                [f"ATTACK-F{n}", f"公式攻击 {n}", "2002" if n else "none", "PCS", "PART", brand]
            ):
                sheet.write_string(n + 1, place, cell)
        sheet.write_formula(4, 1, '=HYPERLINK("http://evil.example")')

    batch = (await bring(admin, workbook(fill))).json()
    path = f"/v1/inventory/import-batches/{batch['id']}"

    async def done(verb: str, state: str, **body: str) -> None:
        await admin.call("POST", f"{path}:{verb}", body)

        async def there() -> None:
            assert (await admin.get(path))["state"] == state

        await eventually(there, seconds=60)

    await done("check", "CHECKED")
    reasons = [one["reason"] for one in (await admin.get(f"{path}/problems"))["problems"]]
    assert "IMPORT_CELL_FORMULA" in reasons
    back = openpyxl.load_workbook(io.BytesIO((await admin.raw("GET", f"{path}:rowsToCorrect")).content)).active
    cells = [cell for row in back.iter_rows() for cell in row if cell.value]
    assert not [cell.value for cell in cells if cell.data_type == "f" or str(cell.value)[0] in "=+@"]

    await done("start", "IMPORTED")
    query = {"filter": 'code = "ATTACK-F1" OR code = "ATTACK-F2"', "columns": "code,brand"}
    out = openpyxl.load_workbook(io.BytesIO((await admin.raw("GET", f"{ITEMS}:export", query=query)).content)).active
    brands = {row[0]: row[1] for row in out.iter_rows(min_row=2, values_only=True)}
    assert brands == {"ATTACK-F1": "'@SUM(A1)", "ATTACK-F2": "'+1-cmd|x"}
    await done("undo", "UNDONE", reason="attack")
