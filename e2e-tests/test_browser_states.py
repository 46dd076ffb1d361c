"""Pages on which not all is well: nothing there, no right, somebody else was faster, a small screen."""

from __future__ import annotations

import re
from typing import Any

from papers import submit, title_of, written
from playwright.async_api import expect
from screen import REQUISITION

from conftest import PHONE


async def test_browser_states_nothing_found_no_right_no_such_page(window: Any, demo: Any) -> None:
    """Each says what is the matter and offers a way out."""
    mine = await window("requester")
    page, screen = mine.page, mine.screen
    await mine.go("/procurement/purchase-requisitions?q=nosuchthinghere")
    await expect(page.get_by_role("main")).to_contain_text(screen.t("list.nothingFound"))
    await screen.button(screen.t("list.clearFilters")).click()
    await expect(page.get_by_role("row").nth(1)).to_be_visible()

    mine.expected |= {403, 404}
    await mine.go("/procurement/supplier-items")
    await expect(page.get_by_role("main").get_by_role("link", name=screen.t("error.home"))).to_be_visible()
    await mine.picture("no-right")
    await mine.go(f"/procurement/purchase-requisitions/{demo(REQUISITION, 'nowhere')}")
    await expect(page.get_by_role("main").get_by_role("link", name=screen.t("error.home"))).to_be_visible()
    await mine.go("/nowhere/at-all")
    await expect(page.get_by_role("main")).to_contain_text(screen.t("error.noSuchPage"))
    await page.get_by_role("main").get_by_role("link", name=screen.t("error.home")).click()
    await expect(screen.panel(screen.t("portal.mine"))).to_be_visible()


async def test_browser_states_a_new_device_speaks_the_language_of_the_person(window: Any) -> None:
    """Until somebody chooses another one there."""
    mine = await window("requester", locale="en", new_device=True)
    await expect(mine.page.locator("html[lang='zh-CN']")).to_be_attached()
    await mine.page.reload()
    await expect(mine.page.locator("html[lang='zh-CN']")).to_be_attached()


async def test_browser_states_two_windows_change_the_same_field(window: Any, door: Any) -> None:
    """The slower one loses nothing: the field is shown twice and chosen by hand."""
    draft = await written(door, title_of("劳保手套"), {"item": "2002-0004", "quantity": "10"})
    windows = [await window("requester", locale="en"), await window("requester", locale="en")]
    for each in windows:
        await each.go(f"/procurement/purchase-requisitions/{draft['id']}/edit")
        await expect(each.screen.field(REQUISITION, "title")).to_have_value(draft["title"])
    first, second = windows
    second.expected |= {400, 409, 412}
    saved = first.page.get_by_role("status").filter(has_text=first.screen.t("requisition.saved"))
    await first.screen.field(REQUISITION, "title").fill(f"{draft['title']} first")
    await expect(saved).to_be_visible()
    await expect(first.screen.heading(re.compile(" first$"))).to_be_visible()
    await second.screen.field(REQUISITION, "title").fill(f"{draft['title']} second")
    await expect(second.page.get_by_text(second.screen.t("conflict.title"))).to_be_visible()
    await second.picture("conflict")
    await second.screen.button(second.screen.t("conflict.keepMine")).click()
    await expect(
        second.page.get_by_role("status").filter(has_text=second.screen.t("requisition.saved"))
    ).to_be_visible()
    kept = await (await door("requester")).get(f"/v1/procurement/purchase-requisitions/{draft['id']}")
    assert kept["title"].endswith(" second")


async def test_browser_states_the_portal_and_the_inbox_fit_a_phone(window: Any) -> None:
    """Nothing is wider than the screen."""
    for locale, dark in (("zh-CN", False), ("en", True)):
        phone = await window("first approver", locale=locale, size=PHONE, dark=dark)
        for path, name in (("/", "portal"), ("/approval/tasks", "inbox")):
            await phone.go(path)
            await expect(phone.page.get_by_role("heading", level=1)).to_be_visible()
            width = await phone.page.evaluate("document.documentElement.scrollWidth")
            assert width <= PHONE[0], f"{name} is {width} px wide"
            await phone.picture(f"phone-{name}{'-dark' if dark else ''}")


async def test_browser_states_what_happened_while_the_network_was_away_is_there_when_it_is_back(
    window: Any, door: Any
) -> None:
    """Nobody has to reload: the stream is opened anew and the lists are asked again."""
    draft = await written(door, title_of("劳保手套"), {"item": "2002-0004", "quantity": "10"})
    mine = await window("first approver")
    todo = mine.screen.panel(mine.screen.t("portal.todo"))
    await expect(todo.get_by_role("link", name=mine.screen.t("portal.all"))).to_be_visible()
    await mine.context.set_offline(True)
    await submit(door, draft)
    await mine.context.set_offline(False)
    await expect(todo).to_contain_text(draft["title"])
    mine.faults = [fault for fault in mine.faults if "ERR_INTERNET_DISCONNECTED" not in fault]
