"""A requester writes what is needed, sees who will be asked before anybody is, and where it is afterwards."""

from __future__ import annotations

import re
from typing import Any

from papers import title_of, written
from playwright.async_api import expect
from screen import LINE, REQUISITION, Screen, spaced

from infra.local.demo.story import day_in

HEAD, FINANCE = "马建国", "苏慧敏"
PASTED = [("4001-0001", "2"), ("4001-0002", "2"), ("4002-0002", "2"), ("5001-0002", "2"), ("2002-0008", "200")]


async def test_browser_requester_writes_ten_lines_and_sees_who_will_be_asked(window: Any) -> None:
    """Type-ahead, paste, free text, service; the way changes with the amount; the draft is on the other device."""
    mine = await window("requester")
    page, screen = mine.page, mine.screen
    title = title_of("机加工车间轴承与刀具补充")
    await expect(screen.heading(re.compile("沈佳怡"))).to_be_visible()
    for part in ("portal.todo", "portal.mine", "notices.title"):
        await expect(screen.panel(screen.t(part))).to_be_visible()
    await mine.picture("portal-requester")

    await (
        page.get_by_role("main")
        .get_by_role("button", name=screen.t("list.new", title=screen.title(REQUISITION)))
        .click()
    )
    await screen.field(REQUISITION, "title").fill(title)
    await screen.field(REQUISITION, "deliveryPlace").fill("上海浦东示例路 100 号 刀具库")
    need = screen.field(REQUISITION, "needDate")
    await need.fill(day_in(90))
    await need.press("Enter")
    grid = page.get_by_role("grid", name=screen.label(REQUISITION, "lines"))
    add = screen.button(screen.t("lines.add"))
    typed = [("2002-0004", "6204-2RS", "10"), ("角接触球轴承", "7208AC", "1"), ("sgqzc", "6205-2RS", "10")]
    for line, (text, item, quantity) in enumerate(typed, start=1):
        await add.click()
        await screen.choose(screen.cell(line, "itemId"), text, item)
        await expect(grid.get_by_role("row").nth(line)).to_contain_text(item)
        await (await screen.enter(grid, line, "quantity")).fill(quantity)
        await page.keyboard.press("Tab")

    path = screen.panel(screen.t("path.title"))
    await expect(path).to_contain_text(HEAD)
    await expect(path).not_to_contain_text(FINANCE)
    await mine.picture("requisition-small")

    await add.click()
    await expect(screen.cell(4, "itemId")).to_be_focused()
    await screen.paste("".join(f"{code}\t\t\t{quantity}\n" for code, quantity in PASTED))
    await expect(grid.get_by_role("row")).to_have_count(9)
    await expect(grid.get_by_role("row").nth(8)).to_contain_text("6308-ZZ")
    written = [("主轴拉刀爪", "FREE_TEXT", "套", "460"), ("主轴动平衡测试", "SERVICE", "次", "1500")]
    for line, (description, kind, unit, price) in enumerate(written, start=9):
        await add.click()
        await (await screen.enter(grid, line, "description")).fill(description)
        await (await screen.enter(grid, line, "kind")).select_option(kind)
        for field, text in (("quantity", "1"), ("unitText", unit), ("unitPrice", price)):
            await (await screen.enter(grid, line, field)).fill(text)
        await page.keyboard.press("Tab")
    await expect(path).to_contain_text(FINANCE)
    await expect(page.get_by_role("status")).to_contain_text(screen.t("requisition.saved"))
    await mine.picture("requisition-ten-lines")

    other = await window("requester")
    await other.screen.panel(screen.t("portal.mine")).get_by_role("link", name=title).click()
    found = other.page.get_by_role("grid", name=screen.label(REQUISITION, "lines"))
    await expect(found).to_have_attribute("aria-rowcount", "11")
    await expect(found).to_contain_text("主轴动平衡测试")

    await screen.button(screen.action(REQUISITION, "submit")).click()
    await expect(page.get_by_role("alert").filter(has_text=screen.t("portal.waitingOn"))).to_contain_text(HEAD)
    timeline = screen.panel(screen.t("timeline.title"))
    await expect(timeline).to_contain_text(screen.t("timeline.deciding"))
    await expect(timeline).to_contain_text(FINANCE)
    await mine.picture("requisition-submitted")
    await withdraw(screen)

    await screen.button(screen.action(REQUISITION, "copy")).click()
    await page.wait_for_url(re.compile("/edit"))
    await expect(page.get_by_role("grid", name=screen.label(REQUISITION, "lines"))).to_have_attribute(
        "aria-rowcount", "11"
    )
    await expect(page.get_by_role("main")).not_to_contain_text(screen.label(LINE, "orderNumber"))


async def test_browser_requester_in_english_copies_an_old_requisition(window: Any, door: Any) -> None:
    """The list, the search, the copy and its submission, in the other language."""
    old = await written(door, title_of("Bearings for line 2"), {"item": "2002-0004", "quantity": "10"})
    mine = await window("requester", locale="en")
    page, screen = mine.page, mine.screen
    await page.get_by_role("navigation").get_by_role("link", name=screen.plural(REQUISITION), exact=True).click()
    await page.get_by_label(screen.t("list.search")).fill(old["title"])
    await page.wait_for_url(re.compile("[?&]q="))
    row = page.get_by_role("row").filter(has_text=old["title"])
    await expect(page.get_by_role("row")).to_have_count(3)  # head, found, total
    await row.get_by_role("link").first.click()
    await expect(screen.heading(re.compile(re.escape(old["title"])))).to_be_visible()
    await screen.button(screen.action(REQUISITION, "copy")).click()
    await expect(page.get_by_role("grid", name=screen.label(REQUISITION, "lines"))).to_contain_text("6204-2RS")
    await expect(screen.panel(screen.t("path.title"))).to_contain_text(HEAD)
    # a copy is for another day
    need = screen.field(REQUISITION, "needDate")
    await need.fill(day_in(90))
    await need.press("Enter")
    await screen.button(screen.action(REQUISITION, "submit")).click()
    waiting = page.get_by_role("alert").filter(has_text=screen.t("portal.waitingOn"))
    await expect(waiting).to_contain_text(HEAD)
    await mine.picture("requisition-submitted")
    await withdraw(screen)


async def withdraw(screen: Screen) -> None:
    """Take the request back, so that nobody is left with it: it is a draft again."""
    timeline = screen.panel(screen.t("timeline.title"))
    label = spaced(screen.action("approval.case", "withdraw"))
    await timeline.get_by_role("button", name=label).click()
    await screen.dialog().get_by_role("button", name=label).click()
    await expect(screen.button(screen.action(REQUISITION, "submit"))).to_be_visible()
