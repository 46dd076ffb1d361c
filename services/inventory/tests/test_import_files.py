"""Items out of real files: what the gateway reads goes through the service and comes back as it was.

`make imports` plays the large file, 20,000 items of which 300 are bad; the suite a small one.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import multiprocessing
import os
import time
import uuid
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import openpyxl
import psutil
import pytest
import sqlalchemy as sa
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis import contract, import_work, labels
from gateway import imports
from heyi.platform.v1 import imports_pb2 as pb
from inventory.item.model import Item
from inventory.tests.conftest import Master
from inventory.tests.test_imports import items, work

ITEM = "inventory.item"
ROWS = int(os.environ.get("HEYI_IMPORT_ROWS", "600"))
MEGABYTE = 1024 * 1024


def asker(who: Any) -> Any:
    """The gateway's question, straight to the service on the bench."""
    keys = itertools.count()

    async def ask(_service: str, method: contract.Method, message: Any, key: str) -> Any:
        return await getattr(who, method.name)(message, key=f"{key or 'read'}-{next(keys):06d}")

    return ask


class Body:
    """A request's body, in pieces."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    async def stream(self) -> Any:
        for start in range(0, len(self.content), 65_536):
            yield self.content[start : start + 65_536]


async def take(who: Any, content: bytes, name: str = "items.xlsx", document: str = ITEM) -> Any:
    """Bring a file in, through the gateway's reader."""
    gateway = imports.Imports(contract.load(), [])
    return await gateway.take(document, Body(content), name, f"file-{uuid.uuid4()}", asker(who))  # type: ignore[arg-type]


def filled(template: bytes, rows: list[list[Any]]) -> bytes:
    """The template with rows typed into it."""
    book = openpyxl.load_workbook(io.BytesIO(template))
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


async def settled(who: Any, service: Any, batch: Any, *, start: bool = True) -> Any:
    await who.CheckImportBatch(id=batch.id)
    await work(service)
    if start:
        await who.StartImportBatch(id=batch.id)
        await work(service)
    return await who.GetImportBatch(id=batch.id)


@pytest.mark.parametrize("locale", labels.LOCALES)
async def test_the_template_of_either_language_is_filled_in_and_imported(
    master: Master, service: Any, locale: str
) -> None:
    words, gateway = labels.load(locale), imports.Imports(contract.load(), [])
    template, name = await gateway.template(ITEM, words, asker(master.clerk))
    assert name in ("物料导入模板.xlsx", "Items import template.xlsx")
    kind = words.value("inventory", "Item.Kind", "PART")
    row = ["00017", "轴承", "6204", "轴承", "个", kind, 0.13, None, None, "两行\n说明", "1,234.50", "盒", 20]

    batch = await take(master.clerk, filled(template, [row]))
    assert all(column.field for column in batch.columns)
    batch = await settled(master.clerk, service, batch)

    assert (batch.imported_count, batch.problem_count) == (1, 0)
    made = await master.clerk.GetItem(id=(await master.clerk.ListItems()).items[0].id)
    assert (made.code, made.tax_rate, made.standard_price) == ("00017", "0.13", "1234.5")
    assert (made.description, made.units[0].factor) == ("两行\n说明", "20")


words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=30).filter(
    lambda text: text.strip() == text and not text.startswith("'")
)
prices = st.decimals(min_value=0, max_value=10**9, places=6)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(words, words, prices), min_size=1, max_size=12))
async def test_what_is_typed_into_the_template_is_what_stands_there(
    master: Master, service: Any, rows: list[Any]
) -> None:
    """Any text, formulas among it, and any price: template, fill, import, and read again."""
    gateway, tag = imports.Imports(contract.load(), []), uuid.uuid4().hex[:8]
    template, _ = await gateway.template(ITEM, labels.load("en"), asker(master.clerk))
    sent = [
        [f"{tag}-{n}", f"{tag}{n} x", brand, "2002", "PCS", "Part", None, other, None, None, format(price, "f")]
        for n, (brand, other, price) in enumerate(rows)
    ]
    # as a person types it: text that begins like a formula stands as text in the file
    book, out = xlsxwriter.Workbook(kept := io.BytesIO(), {"strings_to_formulas": False}), []
    sheet = book.add_worksheet()
    heads = [cell.value for cell in openpyxl.load_workbook(io.BytesIO(template)).worksheets[0][1]]
    for at, row in enumerate([heads, *sent]):
        for place, cell in enumerate(row):
            if cell is not None:
                sheet.write_string(at, place, cell)
    book.close()

    batch = await settled(master.clerk, service, await take(master.clerk, kept.getvalue()))

    shape = {p.row_number for p in (await master.clerk.ListImportProblems(id=batch.id)).problems}
    for n, row in enumerate(sent):
        found = (await master.clerk.ListItems(filter=f'code = "{row[0]}"')).items
        if n + 2 in shape:
            assert not found
        else:
            out.append(found[0])
            typed, kept_price = (row[2], row[7]), float(row[10])
            assert (found[0].specification, found[0].brand) == tuple(normal(text) for text in typed)
            assert float(found[0].standard_price or 0) == pytest.approx(kept_price, abs=1e-9)
    assert len(out) + batch.problem_count == len(sent)


def normal(text: str) -> str:
    from chassis import text as texts

    return texts.normalise(text)


async def test_a_correction_file_holds_only_bad_rows_and_is_imported_after_its_correction(
    master: Master, service: Any
) -> None:
    gateway, words = imports.Imports(contract.load(), []), labels.load("en")
    content = (
        "Code,Name,Category,Base unit,Kind,Brand\n"
        "A-1,轴承 1,2002,PCS,Part,\n"
        'A-2,轴承 2,9999,PCS,Part,"@SUM(1)"\n'
        "A-3,=1+1,2002,PCS,Part,\n"
    )
    batch = await settled(master.clerk, service, await take(master.clerk, content.encode("gb18030"), "items.csv"))
    assert (batch.imported_count, batch.problem_count) == (1, 2)

    corrected, name = await gateway.to_correct("inventory", batch.id, words, asker(master.clerk))
    assert name == "items - to correct.xlsx"
    sheet = openpyxl.load_workbook(io.BytesIO(corrected)).active
    rows = [list(row) for row in sheet.iter_rows(values_only=True)]
    assert rows[0][-1] == "What to correct"
    assert [row[0] for row in rows[1:]] == ["A-2", "A-3"]
    # what a spreadsheet could take for a formula is text, and a formula does not come back
    assert (rows[1][5], rows[2][1] or "") == ("'@SUM(1)", "")
    assert rows[1][-1].startswith("Category: There is no “9999”")
    assert rows[2][-1].startswith("Name: This cell holds a formula (=1+1)")

    sheet["C2"], sheet["B3"] = "2002", "轴承 3"
    out = io.BytesIO()
    sheet.parent.save(out)
    batch = await settled(master.clerk, service, await take(master.clerk, out.getvalue()))
    assert (batch.imported_count, batch.problem_count) == (2, 0)
    assert {item.code: item.brand for item in (await master.clerk.ListItems()).items}["A-2"] == "@SUM(1)"


def large(rows: int) -> tuple[bytes, int]:
    """A workbook of so many items; every 67th is bad, in one of six ways, as far as 1.5 % of them."""
    bad = rows * 3 // 200
    book = xlsxwriter.Workbook(kept := io.BytesIO(), {"in_memory": True})
    sheet = book.add_worksheet()
    wrong = [
        lambda row: row.__setitem__(0, ""), lambda row: row.__setitem__(2, "no such"),
        lambda row: row.__setitem__(4, "Partly"), lambda row: row.__setitem__(5, "12.1234567"),
        lambda row: row.__setitem__(1, "x" * 121), lambda row: row.__setitem__(0, "C 1"),
    ]  # fmt: skip
    sheet.write_row(0, 0, ["Code", "Name", "Category", "Base unit", "Kind", "Standard price"])
    for n in range(rows):
        row: list[Any] = [f"C-{n:06d}", f"连接件 {n}", "2002", "PCS", "Part", f"{n % 997}.25"]
        if n % 66 == 5 and n // 66 < bad:
            wrong[n // 66 % len(wrong)](row)
        for place, cell in enumerate(row):
            sheet.write_string(n + 1, place, cell)
    book.close()
    return kept.getvalue(), bad


def record(text: str) -> None:
    """What `make imports` prints at its end."""
    Path(os.environ.get("HEYI_IMPORT_RECORD", os.devnull)).write_text(text)


async def test_a_large_file_goes_in_but_for_its_bad_rows_and_is_taken_back_in_one_act(
    master: Master, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere:
        # what making the file takes is not counted
        content, bad = await asyncio.get_running_loop().run_in_executor(elsewhere, large, ROWS)
    process, began = psutil.Process(), time.monotonic()
    before, most = process.memory_info().rss, 0
    times: dict[str, float] = {}

    async def act(name: str, ask: Any = None) -> list[int]:
        """Go on turn by turn, as the service does; how far it was seen to be in between."""
        nonlocal began, most
        if ask is not None:
            await ask
        worker, seen = import_work.Worker(service.runtime), []
        while await worker.work():
            seen.append((await who().GetImportBatch(id=batch.id)).done_count)
            most = max(most, process.memory_info().rss)
        times[name], began = time.monotonic() - began, time.monotonic()
        return seen

    def who() -> Any:
        return service.as_("buyer")

    monkeypatch.setattr(import_work, "TURN_SECONDS", 0.2)
    batch = await take(master.clerk, content)
    most = process.memory_info().rss
    times["read"], began = time.monotonic() - began, time.monotonic()
    seen = await act("check", who().CheckImportBatch(id=batch.id))
    assert seen == sorted(seen)
    errors, token = [], ""
    while True:
        page = await who().ListImportProblems(id=batch.id, page_size=200, page_token=token)
        errors += [(one.row_number, one.header) for one in page.problems]
        if not (token := page.next_page_token):
            break
    assert len(errors) == len(set(errors)) == bad
    assert {number for number, _ in errors} == {n + 2 for n in range(ROWS) if n % 66 == 5 and n // 66 < bad}

    seen = await act("import", who().StartImportBatch(id=batch.id))
    assert len({*seen}) > 2, "it was seen on its way"
    done = await who().GetImportBatch(id=batch.id)
    assert (done.imported_count, done.problem_count) == (ROWS - bad, bad)
    assert len(await items(service)) == ROWS - bad

    await act("undo", who().UndoImportBatch(id=batch.id, reason="wrong list"))
    done = await who().GetImportBatch(id=batch.id)
    assert (done.state, done.undone_count, done.kept_count) == (pb.ImportBatch.UNDONE, ROWS - bad, 0)
    async with service.runtime.engine.connect() as connection:
        left = (await connection.execute(sa.select(sa.func.count()).select_from(Item))).scalar_one()
    assert left == 0
    assert most - before < 300 * MEGABYTE
    spent = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in times.items())
    said = f"import: {len(errors)} errors of {bad}, {ROWS - bad} in, {left} left after undo"
    record(f"{ROWS} rows: {spent}; {max(0, most - before) // MEGABYTE} MB more than before\n{said}\n")
