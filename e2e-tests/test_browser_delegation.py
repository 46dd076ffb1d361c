"""Delegated turns: an approver hands on the own ones at the desk, the delegate decides one on the phone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from axe import violations
from papers import submit, title_of, written
from playwright.async_api import expect
from screen import REQUISITION
from test_browser_approval import decide

from conftest import PHONE
from infra.local.demo.story import day_in

DELEGATION, DELEGATIONS = "identity.delegation", "/v1/identity/delegations"


@pytest.fixture
async def revoked(door: Any) -> AsyncIterator[None]:
    """The approver delegates nothing afterwards."""
    yield
    first = await door("first approver")
    for one in (await first.get(DELEGATIONS, filter='state = "ACTIVE"'))["delegations"]:
        if "revoke" in one["allowedActions"]:
            await first.call("POST", f"{DELEGATIONS}/{one['id']}:revoke", {"reason": "故事结束"})


@pytest.mark.usefixtures("revoked")
async def test_browser_delegate_decides_on_behalf(window: Any, door: Any) -> None:
    """Made in a form, seen under its own view by both, decided by one of them with both names."""
    paper = await written(door, title_of("轴承补货"), {"item": "2002-0004", "quantity": "20"})
    await submit(door, paper)
    desk = await window("first approver")
    screen, page = desk.screen, desk.page
    await desk.go("/identity/delegations/new")
    await screen.choose(screen.field(DELEGATION, "delegateId"), "崔浩然", "崔浩然")
    for name, days in (("fromDate", 0), ("untilDate", 7)):
        await screen.field(DELEGATION, name).fill(day_in(days))
        await page.keyboard.press("Enter")
    kind = screen.title(REQUISITION)
    await screen.choose(screen.field(DELEGATION, "documentTypes"), kind, kind)
    await page.keyboard.press("Escape")
    await screen.field(DELEGATION, "reason").fill("出差一周")
    assert await violations(page) == []
    await desk.picture("delegation-form")
    await screen.button(screen.t("action.save")).click()
    await page.wait_for_url(re.compile(r"/identity/delegations/[0-9a-f-]{36}"))
    await expect(page.get_by_role("main")).to_contain_text(screen.state(DELEGATION, "ACTIVE"))
    await desk.picture("delegation")

    phone = await window("cuihaoran", locale="en", size=PHONE)
    theirs = phone.screen
    await phone.go("/approval/tasks?tab=for")
    await phone.page.get_by_role("main").get_by_role("link", name=paper["title"]).click()
    await expect(phone.page.get_by_role("main")).to_contain_text("On behalf of 马建国")
    await expect(decide(theirs, "approve")).to_be_enabled()
    assert await violations(phone.page) == []
    await phone.picture("delegated-turn")
    await desk.go("/approval/tasks?tab=by")
    await expect(page.get_by_role("main").get_by_role("link", name=paper["title"])).to_have_count(1)
    await desk.picture("delegated-by-me")

    await decide(theirs, "approve").click()
    await theirs.dialog().get_by_role("button", name=theirs.action("approval.task", "approve")).last.click()
    await expect(theirs.dialog()).to_have_count(0)
    await desk.go(f"/procurement/purchase-requisitions/{paper['id']}")
    timeline = screen.panel(screen.t("timeline.title"))
    await expect(timeline).to_contain_text(re.compile(r"崔浩然\s*代\s*马建国"))
    await desk.picture("decided-on-behalf")
