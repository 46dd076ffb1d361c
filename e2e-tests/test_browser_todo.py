"""The to-do page and the statistics: several agreed to at once, an own request urged, a number opened."""

from __future__ import annotations

import re
import uuid
from typing import Any

from axe import violations
from papers import submit, title_of, written
from playwright.async_api import expect
from screen import spaced

from conftest import PHONE

TASK, CASE = "approval.task", "approval.case"


async def keeps_views(desk: Any) -> None:
    """The largest of what was decided, kept under a name, opened first, renamed, and deleted again."""
    screen, page, t = desk.screen, desk.page, desk.screen.t
    name, other = f"大额 {uuid.uuid4().hex[:4]}", f"金额最大 {uuid.uuid4().hex[:4]}"

    async def choose(entry: str, *, of: str) -> None:
        await page.get_by_role("button", name=t("views.of", name=of), exact=True).click()
        await page.get_by_role("menuitem", name=entry).click()

    await desk.go("/approval/tasks?tab=done")
    await screen.choose(page.get_by_label(t("list.order")), "", t("list.falling", label=screen.label(TASK, "amount")))
    await expect(page.get_by_role("main").locator(".task-card").first).to_be_visible()
    await choose(t("views.saveAs"), of=t("views.standard"))
    await screen.dialog().get_by_label(t("views.name")).fill(name)
    await desk.picture("todo-view")
    await screen.dialog().get_by_label(t("views.name")).press("Enter")
    await choose(t("views.makeDefault"), of=name)
    await desk.go("/approval/tasks")
    await expect(page).to_have_url(re.compile(r"tab=done.*view="))
    await choose(t("views.rename"), of=name)
    await screen.dialog().get_by_label(t("views.name")).fill(other)
    await screen.dialog().get_by_role("button", name=spaced(t("action.save"))).click()
    await page.get_by_role("button", name=t("views.of", name=other), exact=True).click()
    assert await violations(page) == []
    await desk.picture("todo-views")
    await page.get_by_role("menuitem", name=t("views.delete")).click()
    await screen.dialog().get_by_role("button", name=spaced(t("views.delete"))).click()
    await expect(page.get_by_role("button", name=t("views.of", name=t("views.standard")), exact=True)).to_be_visible()
    await desk.go("/approval/tasks")
    await expect(page.get_by_role("button", name=t("views.of", name=t("views.standard")), exact=True)).to_be_visible()
    await expect(page).not_to_have_url(re.compile("tab=done"))


async def test_browser_todo_agrees_to_two_at_once_and_the_requester_urges(window: Any, door: Any) -> None:
    """At the desk two are found by their words and agreed to together; on the phone the requester urges whom they wait
    for; the administrator sees who that is, and the turns behind the number.
    """
    about = title_of("轴承补货")
    titles = [f"{about}甲", f"{about}乙"]
    for title in titles:
        await submit(door, await written(door, title, {"item": "2002-0004", "quantity": "1000"}))
    desk = await window("first approver")
    screen, page = desk.screen, desk.page
    await desk.go("/approval/tasks")
    await page.get_by_role("textbox", name=screen.t("list.search")).fill(about)
    for title in titles:
        await page.get_by_role("checkbox", name=screen.t("list.selectRow", name=title)).check()
    await expect(page.locator(".choosable")).to_have_count(2)
    assert await violations(page) == []
    await desk.picture("todo-chosen")
    bar, agree = screen.panel(screen.t("selection.title")), spaced(screen.action(TASK, "approve"))
    await bar.get_by_role("button", name=agree).click()
    await screen.dialog().get_by_label(screen.asked(TASK, "approve", "text"), exact=True).fill("一并同意。")
    await screen.dialog().get_by_role("button", name=agree).click()
    results = page.get_by_role("dialog", name=screen.t("selection.results"))
    await expect(results.get_by_role("row").filter(has_text=screen.t("selection.done"))).to_have_count(2)
    await results.get_by_role("button", name=spaced(screen.t("action.close"))).last.click()
    await expect(page.locator(".choosable")).to_have_count(0)

    await keeps_views(desk)

    phone = await window("requester", locale="en", size=PHONE)
    mine = phone.screen
    await phone.go("/approval/tasks?tab=requested")
    request = phone.page.get_by_role("main").get_by_role("listitem").filter(has_text=titles[0])
    await expect(request).to_contain_text(mine.t("portal.waitingOn"))
    await expect(request.locator(".references")).not_to_have_text("…")
    whom = await request.locator(".references").inner_text()
    assert await violations(phone.page) == []
    await phone.picture("todo-requested")
    await request.get_by_role("button", name=mine.action(CASE, "urge")).tap()
    await mine.dialog().get_by_role("button", name=mine.action(CASE, "urge")).tap()
    await expect(request.get_by_role("button", name=mine.action(CASE, "urge"))).to_be_visible()
    await expect(phone.page.locator(".ant-message, .ant-notification").first).to_contain_text(mine.action(CASE, "urge"))

    admin = await window("administrator")
    await admin.go("/approval/statistics")
    people = admin.screen.panel(admin.screen.t("statistics.people")).first
    row = people.get_by_role("row").filter(has=admin.page.get_by_role("link", name=whom, exact=True))
    await expect(row).to_contain_text("沈佳怡")
    await admin.picture("approval-statistics")
    await row.get_by_role("link").nth(1).click()
    await admin.page.get_by_role("textbox", name=admin.screen.t("list.search")).fill(titles[0])
    await expect(admin.page.get_by_role("row").filter(has_text=titles[0])).to_have_count(1)
    await expect(admin.page.get_by_role("row").filter(has_text=titles[1])).to_have_count(0)
    assert await violations(admin.page) == []
    await admin.picture("approval-turns")
