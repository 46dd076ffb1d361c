"""Time in approvals: the working calendar comes as a file; a turn that nobody answered says so in words."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from axe import violations
from papers import submit
from playwright.async_api import expect
from test_browser_votes import node, paper, publish

from chassis.testing import eventually
from conftest import PHONE

DAYS, DAY = "/v1/identity/calendar-days", "identity.calendar_day"


@pytest.fixture(scope="session")
async def around_the_clock(door: Any, demo: Any) -> AsyncIterator[None]:
    """From the first story that asks Shanghai works, whatever the hour and the day of the week; at the end as before.

    Once for all of them: the same call of the same person acts once.
    """
    admin, company = await door("administrator"), demo("identity.company", "SH")
    today = (await admin.get("/v1/identity/me", company=company))["todayDate"]
    await admin.call("PATCH", f"/v1/identity/companies/{company}", {"workingHours": "00:00-23:59"})
    await admin.call("POST", f"{DAYS}:import", {"text": f"date,kind,name,company\n{today},WORKDAY,故事,SH"})
    epoch = await organisation_epoch(admin, "identity")

    async def known() -> None:
        assert await organisation_epoch(admin, "approval") >= epoch

    await eventually(known)
    yield
    await admin.call("PATCH", f"/v1/identity/companies/{company}", {"workingHours": ""})
    wanted = f'calendar_company_id = "{company}" AND state = "ACTIVE"'
    for day in (await admin.get(DAYS, filter=wanted)).get("calendarDays", []):
        await admin.call("POST", f"{DAYS}/{day['id']}:deactivate", {})


async def organisation_epoch(admin: Any, service: str) -> int:
    return int((await admin.get(f"/v1/{service}/operations/report"))["organisationEpoch"])


async def test_browser_administrator_takes_in_the_calendar_as_a_file(window: Any) -> None:
    """A line that cannot be read is named and nothing is taken in; put right, the file is, and again without effect."""
    mine = await window("admin")
    page, screen = mine.page, mine.screen
    number = uuid.uuid4().int
    day = f"20{50 + number % 40}-{1 + number % 12:02d}-{1 + number % 28:02d}"
    name = f"厂庆{number % 10**6}"
    good = f"date,kind,name\n{day},休,{name}\n"

    async def choose(text: str) -> None:
        file = {"name": "calendar.csv", "mimeType": "text/csv", "buffer": f"\ufeff{text}".encode()}
        await page.locator("input[type=file]").set_input_files(file)

    await mine.go("/identity/calendar-days")
    await screen.button(screen.action(DAY, "import")).click()
    dialog = screen.dialog()
    mine.expected.add(400)
    await choose(f"{good}2026-02-30,HOLIDAY,没有这一天\n")
    await expect(dialog).to_contain_text("第 3 行")
    await expect(dialog).to_contain_text("2026-02-30")
    assert await violations(page) == []
    await mine.picture("calendar-refused")
    await choose(good)
    await expect(page.get_by_text(screen.t("calendar.imported", created=1, updated=0, unchanged=0))).to_be_visible()
    await expect(page.get_by_role("row", name=re.compile(name))).to_contain_text(day)
    await mine.picture("calendar")


async def test_browser_a_late_turn_says_so_on_the_phone(
    window: Any, door: Any, demo: Any, around_the_clock: None
) -> None:
    """The one who is asked is reminded by the flow, and sees in words that the time is past."""
    head = await window("first approver", locale="en", size=PHONE)
    page, screen = head.page, head.screen
    requisition = await paper(door)
    await publish(
        door, requisition, node([demo("identity.employee", "majianguo")], timeout={"hours": 0.0003, "then": "remind"})
    )
    await submit(door, requisition)
    await head.go("/approval/tasks")
    card = page.get_by_role("link", name=re.compile(re.escape(requisition["title"])))
    await expect(card).to_contain_text(screen.t("approval.urged"))
    await card.tap()
    await expect(page.locator(".due.late").first).to_contain_text("overdue for")
    timeline = screen.panel(screen.t("timeline.title"))
    await expect(timeline).to_contain_text(screen.t("timeline.system"))
    assert await violations(page) == []
    await head.picture("late")
