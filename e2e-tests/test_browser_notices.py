"""How people are told: an administrator adds a group's robot and tests it, sees what was sent, and says what holds."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe import violations
from playwright.async_api import expect

from approval.tests.receivers import Chat
from conftest import PHONE

ROBOT, DELIVERY, PREFERENCE = (f"approval.notice_{name}" for name in ("robot", "delivery", "preference"))
ROBOTS = "/v1/approval/notice-robots"


@pytest.fixture
def chat(instance: Any) -> Iterator[Chat]:
    room = Chat(urlsplit(instance.receiver).port or 0)
    # by the key and not by the count: a notice of an earlier story may come between
    room.answer = lambda number: (
        (200, '{"errcode": 93000, "errmsg": "invalid webhook url"}')
        if "secret-0001" in room.heard[number - 1]["path"]
        else (200, '{"errcode": 0, "errmsg": "ok"}')
    )
    yield room
    room.close()


@pytest.mark.parametrize(("locale", "dark"), [("zh-CN", False), ("en", True)])
async def test_browser_administrator_sets_up_how_people_are_told(
    window: Any, door: Any, instance: Any, chat: Chat, locale: str, dark: bool
) -> None:
    """A robot with a wrong key is tested, its address changed, tested again; both stand in the list of deliveries."""
    name = f"群{uuid.uuid4().hex[:6]}"
    mine = await window("admin", locale=locale, dark=dark)
    page, screen = mine.page, mine.screen

    await mine.go("/approval/notice-robots/new")
    await screen.field(ROBOT, "name").first.fill(name)
    product = screen.choice(ROBOT, "product", "WECOM")
    await screen.choose(screen.field(ROBOT, "product"), product, product)
    await screen.field(ROBOT, "address").first.fill("https://10.0.0.1/send")
    copies = screen.choice(ROBOT, "kinds", "PROGRESS")
    await screen.choose(screen.field(ROBOT, "kinds").first, copies, copies)
    await page.keyboard.press("Escape")
    mine.expected.add(400)
    await screen.button(screen.t("action.save")).click()
    await expect(page.get_by_text(re.compile(r"https://")).first).to_be_visible()
    assert await violations(page) == []
    await mine.picture("notice-robot-form")
    await screen.field(ROBOT, "address").first.fill(f"{instance.receiver}/send?key=secret-0001")
    await screen.button(screen.t("action.save")).click()
    await page.wait_for_url(re.compile(r"/approval/notice-robots/[0-9a-f-]{36}"))
    robot = page.url
    identifier = re.search(r"notice-robots/([0-9a-f-]{36})", robot)
    assert identifier is not None

    try:
        await page.locator("[data-action=test]").click()
        await expect(page.get_by_text("invalid webhook url").first).to_be_visible()
        await page.locator("[data-action=set_address]").click()
        asked = screen.asked(ROBOT, "setAddress", "address")
        await screen.dialog().get_by_label(asked).fill(f"{instance.receiver}/send?key=secret-0002")
        await screen.dialog().get_by_role("button", name=screen.action(ROBOT, "setAddress")).click()
        await expect(page.get_by_text("…0002").first).to_be_visible()
        await page.locator("[data-action=test]").click()
        await expect(page.get_by_text('"errmsg": "ok"').first).to_be_visible()
        assert "secret-000" not in await page.content()
        await page.mouse.move(0, 0)
        assert await violations(page) == []
        await mine.picture("notice-robot")
        assert any(name in line for line in chat.lines())

        await mine.go(f"/approval/notice-deliveries?q={name}")
        for state in ("FAILED", "SENT"):
            shown = screen.choice(DELIVERY, "state", state)
            await expect(page.locator("tbody").get_by_role("row").filter(has_text=shown)).to_have_count(1)
        assert await violations(page) == []
        await mine.picture("notice-deliveries")
    finally:
        await (await door("administrator")).call("POST", f"{ROBOTS}/{identifier[1]}:deactivate", {})


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
async def test_browser_requester_says_how_to_be_told(window: Any, locale: str) -> None:
    """On a phone: another pace, quiet hours that cannot be, then some that can; and back to the company's."""
    mine = await window("heyutong" if locale == "en" else "requester", locale=locale, size=PHONE)
    page, screen = mine.page, mine.screen

    await mine.go("/approval/notice-preferences")
    await expect(page.get_by_role("heading", name=screen.t("preferences.title"))).to_be_visible()
    await expect(page.get_by_text(screen.t("preferences.from.PRODUCT"))).to_be_visible()
    await expect(page.get_by_text(screen.t("preferences.noMail"))).to_be_visible()
    for field, value in (("pace", "DAILY"), ("quiet", "HOURS")):
        words = screen.choice(PREFERENCE, field, value)
        await screen.choose(screen.field(PREFERENCE, field), words, words)
    await screen.field(PREFERENCE, "dailyAt").first.fill("17:30")
    await screen.field(PREFERENCE, "quietFrom").first.fill("08:00")
    await screen.field(PREFERENCE, "quietUntil").first.fill("08:00")
    mine.expected.add(400)
    save = screen.button(screen.t("action.save"))
    await save.click()
    await expect(page.get_by_role("alert").filter(has_text="08:00")).to_be_visible()
    await screen.field(PREFERENCE, "quietFrom").first.fill("21:00")
    await save.click()
    await expect(page.get_by_text(screen.t("preferences.from.PERSON"))).to_be_visible()
    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await mine.picture("notice-preferences")
    await screen.button(screen.action(PREFERENCE, "resetMine")).click()
    await expect(page.get_by_text(screen.t("preferences.from.PRODUCT"))).to_be_visible()
