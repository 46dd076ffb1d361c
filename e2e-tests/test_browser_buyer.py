"""The buyer: an order from draft to confirmed, on paper and in Excel; lines of many requisitions become one."""

from __future__ import annotations

import asyncio
import re
import uuid
from typing import Any

import python_calamine
from flows import published
from papers import approve, ordered, submit, title_of, written
from playwright.async_api import expect
from screen import ORDER, ORDERS, spaced

from chassis.testing import eventually

POOL = "procurement.sourcing_task"
ENOUGH_FOR_A_PDF = 5_000


async def test_browser_buyer_edits_releases_confirms_prints_and_exports_an_order(window: Any, door: Any) -> None:
    """From the list to the supplier's promise; the paper is a PDF, the list an Excel file."""
    requisition = await written(door, title_of("轴承补货"), {"item": "2002-0004", "quantity": "40"})
    await submit(door, requisition)
    await approve(door, requisition)
    number = (await ordered(door, requisition))["lines"][0]["orderNumber"]
    buyer = await window("buyer")
    page, screen = buyer.page, buyer.screen
    await page.get_by_role("navigation").get_by_role("link", name=screen.plural(ORDER), exact=True).click()
    await page.get_by_label(screen.t("list.search")).fill(number)
    await page.wait_for_url(re.compile("[?&]q="))
    await expect(page.get_by_role("row")).to_have_count(3)  # head, found, total

    async with page.expect_download() as coming:
        await screen.button(screen.t("list.export")).click()
    rows = python_calamine.load_workbook(await (await coming.value).path()).get_sheet_by_index(0).to_python()
    assert any(screen.label(ORDER, "number") in row for row in rows)
    assert any(number in row for row in rows)
    await buyer.picture("orders")

    await page.get_by_role("link", name=number, exact=True).click()
    main = page.get_by_role("main")
    await expect(main).to_contain_text(requisition["lines"][0]["description"])
    await screen.button(screen.action(ORDER, "update")).click()
    await screen.field(ORDER, "note").fill("到货前一天电话通知仓库。")
    await screen.button(screen.t("action.save")).click()
    await expect(main).to_contain_text("到货前一天电话通知仓库。")

    for name, state in (("release", "RELEASED"), ("confirm", "CONFIRMED")):
        label = screen.action(ORDER, name)
        await screen.button(label).click()
        if name == "confirm":
            await screen.dialog().get_by_label(screen.label(ORDER, "supplierReference"), exact=True).fill("HY-8812")
            await buyer.picture("order-confirm")
        await screen.dialog().get_by_role("button", name=spaced(label)).click()
        step = page.get_by_role("list", name=screen.t("detail.life")).locator("[aria-current=step]")
        await expect(step).to_contain_text(screen.state(ORDER, state))
    await expect(main).to_contain_text("HY-8812")
    await buyer.picture("order-confirmed")

    paper = await page.get_by_role("link", name=spaced(screen.action(ORDER, "print"))).get_attribute("href")
    printed = await buyer.context.request.get(buyer.base + str(paper))
    assert printed.headers["content-type"].startswith("application/pdf")
    body = await printed.body()
    assert body.startswith(b"%PDF")
    assert len(body) > ENOUGH_FOR_A_PDF


async def test_browser_buyer_chooses_who_agrees_to_a_change(window: Any, door: Any) -> None:
    """A thousand times as much is asked about, and the flow leaves it to the buyer who is asked."""
    requisition = await written(door, title_of("轴承补货"), {"item": "2002-0004", "quantity": "40"})
    chosen = {"id": "chosen", "kind": "approve", "name": "复核", "approvers": [{"kind": "initiator_choice"}]}
    body = {
        "code": f"CHOICE-{uuid.uuid4().hex[:8]}".upper(), "name": "变更复核", "priority": 1, "document_type": ORDER,
        "condition": "facts.rise_percent > 90000", "tree": chosen,
    }  # fmt: skip
    await published(door, body, requisition["companyId"])
    await submit(door, requisition)
    await approve(door, requisition)
    order = (await ordered(door, requisition))["lines"][0]["orderId"]
    await (await door("buyer")).call("POST", f"{ORDERS}/{order}:release", {})
    buyer = await window("buyer", locale="en")
    page, screen = buyer.page, buyer.screen
    buyer.expected = {400}  # the change first says that a choice is missing: the dialog asks for it
    await buyer.go(f"/procurement/purchase-orders/{order}")

    label = screen.action(ORDER, "change")
    await screen.button(label).click()
    change = screen.dialog()
    await change.get_by_label(screen.label("PurchaseOrderChange", "reason"), exact=True).fill("大修备件")
    await (await screen.enter(change.get_by_role("grid"), 1, "quantity", "LineChange")).fill("40000")
    await change.get_by_role("button", name=spaced(label)).click()
    asked = page.get_by_role("dialog").filter(has_text=screen.t("choices.help"))
    await screen.choose(asked.get_by_label("复核"), "suhuimin", "苏慧敏")
    await page.keyboard.press("Escape")
    await buyer.picture("order-change-chosen")
    await asked.get_by_role("button", name=spaced(label)).click()

    await expect(page.get_by_role("main")).to_contain_text(screen.state(ORDER, "CHANGE_PENDING"))
    await expect(page.get_by_role("dialog")).to_have_count(0)
    approver = await door("second approver")

    async def asked() -> None:
        found = await approver.get("/v1/approval/tasks", filter=f'document_id = "{order}"')
        assert [task["nodeName"] for task in found["tasks"]] == ["复核"]

    await eventually(asked)


async def test_browser_buyer_merges_lines_of_two_requisitions_into_one_order(window: Any, door: Any) -> None:
    """Lines in words are coded and given a supplier where they stand; minimum and multiple are kept."""
    in_words = {"kind": "FREE_TEXT", "specification": "", "unit": "个", "category": "2002", "tax_rate": "0.13"}
    titles = [title_of("主轴轴承"), title_of("转台轴承")]
    for title, quantity in zip(titles, ("7", "8"), strict=True):
        line = {**in_words, "description": title, "quantity": quantity, "price": "9"}
        requisition = await written(door, title, line)
        await submit(door, requisition)
        await approve(door, requisition)
    buyer = await window("buyer")
    page, screen = buyer.page, buyer.screen
    await page.get_by_role("navigation").get_by_role("link", name=screen.plural(POOL), exact=True).click()
    await page.get_by_role("main").get_by_label(screen.t("list.search")).wait_for()
    for title in titles:
        row = page.get_by_role("row").filter(has_text=title)
        await expect(row).to_be_visible()

        def cell(field: str, title: str = title) -> str:
            return screen.t("pool.cell", label=screen.label(POOL, field), name=title)

        await screen.choose(row.get_by_label(cell("itemId"), exact=True), "2002-0005", "6205-2RS")
        await expect(row).to_contain_text("6205-2RS")
        await screen.choose(row.get_by_label(cell("supplierId"), exact=True), "恒屿", "恒屿")
        for field, text in (("unitPrice", "8.80"), ("taxRate", "13")):
            amount = row.get_by_label(cell(field), exact=True)
            await expect(amount).not_to_have_value("")  # the agreement with the supplier proposes one
            await amount.fill(text)
            await amount.press("Enter")
            await expect(amount).to_have_value(re.compile(rf"^{float(text):g}"))
        await row.get_by_role("checkbox").check()
    await buyer.picture("pool")
    await page.get_by_role("main").locator("[data-action=order]").click()
    label = screen.action(POOL, "order")
    await screen.dialog().get_by_role("button", name=spaced(label)).click()
    made = page.get_by_role("dialog", name=screen.t("pool.ordered", count=1))
    await made.get_by_role("link").click()

    line = page.get_by_role("table").get_by_role("row").filter(has_text="6205-2RS")
    await expect(line).to_have_count(1)
    await expect(line.get_by_role("link", name=re.compile(r"PR-\d{4}-\d{6}"))).to_have_count(2)
    order = await (await door("buyer")).get(f"{ORDERS}/{page.url.split('?')[0].rsplit('/', 1)[-1]}")
    assert [one["quantity"] for one in order["lines"]] == ["20"]
    assert [one["unitPrice"] for one in order["lines"]] == ["8.8"]
    assert sorted(one["quantity"] for one in order["lines"][0]["sources"]) == ["7", "8"]
    await buyer.picture("order-merged")


async def test_browser_buyer_types_faster_in_the_pool_than_the_server_answers(window: Any, door: Any) -> None:
    """The second change of a row is entered while the first is on its way: both are kept."""
    title = title_of("主轴润滑脂")
    words = {"kind": "FREE_TEXT", "specification": "", "unit": "个", "category": "2002", "tax_rate": "0.06"}
    requisition = await written(door, title, {**words, "description": title, "quantity": "3", "price": "9"})
    await submit(door, requisition)
    await approve(door, requisition)
    buyer = await window("buyer")
    page, screen = buyer.page, buyer.screen
    await page.get_by_role("navigation").get_by_role("link", name=screen.plural(POOL), exact=True).click()
    row = page.get_by_role("row").filter(has_text=title)
    await expect(row).to_be_visible()

    def cell(field: str) -> Any:
        return row.get_by_label(screen.t("pool.cell", label=screen.label(POOL, field), name=title), exact=True)

    first, typed = asyncio.Event(), asyncio.Event()

    async def slow(route: Any) -> None:
        if route.request.method == "PATCH":
            first.set()
            await typed.wait()
        await route.continue_()

    await page.route("**/v1/procurement/sourcing-tasks/*", slow)
    await cell("unitPrice").fill("8.65")
    await cell("unitPrice").press("Enter")
    await first.wait()
    await cell("taxRate").fill("13")
    await cell("taxRate").press("Enter")
    typed.set()

    async def kept() -> None:
        tasks = await (await door("buyer")).get("/v1/procurement/sourcing-tasks", search=title)
        assert [(one["unitPrice"], one["taxRate"]) for one in tasks["sourcingTasks"]] == [("8.65", "0.13")]

    await eventually(kept)
    await expect(cell("unitPrice")).to_have_value("8.65")
    await expect(cell("taxRate")).to_have_value("13")
