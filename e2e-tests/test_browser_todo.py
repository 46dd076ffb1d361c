"""The to-do page and the statistics: several agreed to at once, an own request urged, a number opened."""

from __future__ import annotations

from typing import Any

from axe import violations
from papers import submit, title_of, written
from playwright.async_api import expect
from screen import spaced

from conftest import PHONE

TASK, CASE = "approval.task", "approval.case"


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

    phone = await window("requester", locale="en", size=PHONE)
    mine = phone.screen
    await phone.go("/approval/tasks?tab=requested")
    request = phone.page.get_by_role("main").get_by_role("listitem").filter(has_text=titles[0])
    await expect(request).to_contain_text(mine.t("portal.waitingOn"))
    assert await violations(phone.page) == []
    await phone.picture("todo-requested")
    await request.get_by_role("button", name=mine.action(CASE, "urge")).tap()
    await mine.dialog().get_by_role("button", name=mine.action(CASE, "urge")).tap()
    await expect(request.get_by_role("button", name=mine.action(CASE, "urge"))).to_be_visible()
    await expect(phone.page.locator(".ant-message, .ant-notification").first).to_contain_text(mine.action(CASE, "urge"))

    admin = await window("administrator")
    await admin.go("/approval/statistics")
    people = admin.screen.panel(admin.screen.t("statistics.people")).first
    row = people.get_by_role("row").filter(has_text="沈佳怡").first
    await expect(row).to_be_visible()
    await admin.picture("approval-statistics")
    await row.get_by_role("link").nth(1).click()
    await admin.page.get_by_role("textbox", name=admin.screen.t("list.search")).fill(titles[0])
    await expect(admin.page.get_by_role("row").filter(has_text=titles[0])).to_have_count(1)
    await expect(admin.page.get_by_role("row").filter(has_text=titles[1])).to_have_count(0)
    assert await violations(admin.page) == []
    await admin.picture("approval-turns")
