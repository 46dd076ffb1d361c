"""An approval on a phone in two browsers, on a slow line that is cut in the middle of a tap: decided once, and said."""

from __future__ import annotations

from typing import Any

import pytest
from line import Cut, line
from papers import submit, title_of, written
from playwright.async_api import expect
from screen import spaced
from test_browser_approval import decide

from conftest import PHONE

TASK, CASE = "approval.task", "approval.case"


@pytest.mark.parametrize("engine", ["chromium", "firefox"])
async def test_browser_phone_line_is_cut_in_mid_tap(window: Any, door: Any, engine: str) -> None:
    """Sign in, agree to one, refuse another: each tap is cut, before it arrives or in its answer; pressed again it
    counts once.
    """
    papers = [await written(door, title_of("轴承补货"), {"item": "2002-0004", "quantity": "3"}) for _ in range(2)]
    for paper in papers:
        await submit(door, paper)
    async with line() as wire:
        phone = await window("first approver", size=PHONE, locale="en", engine=engine, proxy=wire.address)
        phone.torn = True
        screen = phone.screen
        wire.slow = True
        await decided(phone, wire, papers[0], "approve", "in the reply")
        await decided(phone, wire, papers[1], "reject", "before the request")
        await phone.picture(f"line-{engine}")
    await on_record(door, papers[0], "APPROVE")
    await on_record(door, papers[1], "REJECT")
    assert screen.locale == "en"


async def decided(phone: Any, wire: Any, paper: dict[str, Any], action: str, place: Cut) -> None:
    """Tap, lose the line, read that the outcome is not known, tap again; then it is."""
    screen, page = phone.screen, phone.page
    await phone.go("/")
    await screen.panel(screen.t("portal.todo")).get_by_role("link", name=paper["title"]).click()
    await expect(decide(screen, action)).to_be_enabled()
    await decide(screen, action).click()
    if action == "reject":
        await screen.dialog().get_by_label(screen.t("approval.opinion"), exact=True).press_sequentially("Not needed.")
    wire.cut_next(f":{action}", place)
    press = screen.dialog().get_by_role("button", name=spaced(screen.action(TASK, action)))
    await press.click()
    await expect(screen.dialog().get_by_text(screen.t("approval.torn"))).to_be_visible()
    await phone.picture(f"line-cut-{action}-{phone.engine}")
    await press.click()
    await expect(page.get_by_text(screen.t("action.done", action=screen.action(TASK, action)))).to_be_visible()
    await expect(screen.dialog()).to_have_count(0)
    assert wire.done[-1] == place


async def on_record(door: Any, paper: dict[str, Any], kind: str) -> None:
    """One decision of this person stands in the case."""
    admin = await door("admin")
    (case,) = (await admin.get("/v1/approval/cases", filter=f'document_id = "{paper["id"]}"'))["cases"]
    found = await admin.get(f"/v1/approval/cases/{case['id']}")
    kinds = [opinion["kind"] for opinion in found["opinions"]]
    assert kinds.count(kind) == 1, kinds
