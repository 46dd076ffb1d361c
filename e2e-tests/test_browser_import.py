"""Items out of Excel: the template filled in, what is wrong put right, imported, and taken back on the phone."""

from __future__ import annotations

import asyncio
import io
import re
import uuid
from pathlib import Path
from typing import Any

import openpyxl
from axe import violations
from playwright.async_api import Page, expect

from conftest import PHONE

ITEM = "inventory.item"


async def bring(page: Page, path: Path) -> None:
    """Give the page a file, as the file chooser does; it goes on to the file's own page."""
    await page.locator("input[type=file]").set_input_files(path)
    await page.wait_for_url(re.compile(r"/import/[0-9a-f-]{36}"))


async def test_browser_import_of_items(window: Any, door: Any, tmp_path: Path) -> None:
    """Three good rows and a bad one: they come in, the bad one after its correction; then the three are taken back."""
    tag = uuid.uuid4().hex[:5].upper()
    desk = await window("admin", locale="en")
    page, screen = desk.page, desk.screen
    await desk.go("/inventory/items")
    await screen.button(screen.t("import.import")).click()
    await expect(page.get_by_role("heading", name=screen.t("import.title", title=screen.plural(ITEM)))).to_be_visible()
    assert await violations(page) == []
    await desk.picture("import-begin")

    async with page.expect_download() as coming:
        await screen.button(screen.t("import.template")).click()
    book = openpyxl.load_workbook(io.BytesIO(await read(coming)))
    for n, kind in enumerate(["Part", "零部件", "Part", "Partly"]):
        book.worksheets[0].append([f"{tag}-{n}", f"导入件 {tag}{n}", "", "轴承", "个", kind])
    book.save(tmp_path / f"items {tag}.xlsx")
    await bring(page, tmp_path / f"items {tag}.xlsx")
    first = page.url
    await expect(page.get_by_label(screen.t("import.fieldOf", column="Item code *"))).to_be_visible()
    assert await violations(page) == []
    await desk.picture("import-columns")

    await screen.button(screen.t("import.check")).click()
    await expect(page.get_by_text(screen.t("import.good", good=3, count=4))).to_be_visible()
    await expect(page.get_by_role("row").filter(has_text="Partly")).to_contain_text("is not known here")
    assert await violations(page) == []
    await desk.picture("import-check")
    async with page.expect_download() as coming:
        await screen.button(screen.t("import.correct")).click()
    bad = openpyxl.load_workbook(io.BytesIO(await read(coming)))
    assert [row[0] for row in bad.active.iter_rows(min_row=2, values_only=True)] == [f"{tag}-3"]
    bad.active["F2"] = "Material"
    bad.save(tmp_path / "corrected.xlsx")

    await screen.button(screen.t("import.start", count=3)).click()
    await expect(page.get_by_text(screen.t("import.done", count=3))).to_be_visible()
    await screen.button(screen.t("import.bringCorrected")).click()
    await bring(page, tmp_path / "corrected.xlsx")
    await screen.button(screen.t("import.check")).click()
    await screen.button(screen.t("import.start", count=1)).click()
    await expect(page.get_by_text(screen.t("import.done", count=1))).to_be_visible()
    assert len(await found(door, tag)) == 4

    phone = await window("admin", locale="zh-CN", size=PHONE, dark=True)
    theirs = phone.screen
    await phone.go(first.removeprefix(desk.base))
    await expect(phone.page.get_by_text(theirs.t("import.done", count=3))).to_be_visible()
    assert await violations(phone.page) == []
    await phone.picture("import-done")
    await theirs.button(theirs.t("import.undo")).click()
    dialog = phone.page.get_by_role("dialog")
    await dialog.get_by_label(theirs.t("import.undoReason")).fill("清单有误")
    await phone.picture("import-undo")
    await dialog.get_by_role("button", name=re.compile("撤")).click()
    await expect(phone.page.get_by_text(theirs.t("import.undone", count=3))).to_be_visible(timeout=30_000)
    await expect(phone.page.get_by_role("main")).to_contain_text("清单有误")
    assert await violations(phone.page) == []
    assert await found(door, tag) == [f"{tag}-3"]
    await phone.go("/inventory/items/import")
    await expect(phone.page.get_by_role("link", name=f"items {tag}.xlsx")).to_be_visible()
    assert await violations(phone.page) == []
    await phone.picture("import-batches")


async def read(coming: Any) -> bytes:
    path = await (await coming.value).path()
    return await asyncio.to_thread(path.read_bytes)


async def found(door: Any, tag: str) -> list[str]:
    """Codes of the story's items."""
    admin = await door("administrator")
    answer = await admin.get("/v1/inventory/items", search=tag)
    return sorted(item["code"] for item in answer["items"])
