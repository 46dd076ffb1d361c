"""The organisation in time: the chart of a day to come at the desk, a reorganisation looked at, a person's history on
the phone.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from axe import violations
from playwright.async_api import expect

from conftest import PHONE
from infra.local.demo.story import day_in

REORGANISATION, PLACEMENT, DEPARTMENT = (f"identity.{name}" for name in ("reorganisation", "placement", "department"))
REORGANISATIONS = "/v1/identity/reorganisations"


@pytest.fixture
async def planned(door: Any, demo: Any) -> AsyncIterator[dict[str, Any]]:
    """A draft that makes a department and dissolves one with people; afterwards it is cancelled."""
    admin, tag, shanghai = await door("administrator"), uuid.uuid4().hex[:4].upper(), demo("identity.company", "SH")
    lines = [
        {"kind": "NEW_DEPARTMENT", "departmentCode": f"Q{tag}", "name": f"质量部{tag}"},
        {"kind": "DISSOLVE", "departmentId": demo(DEPARTMENT, "SH30")},
    ]
    draft = {"title": f"调整{tag}", "effectiveDate": day_in(120), "lines": lines}
    made = await admin.call("POST", REORGANISATIONS, draft, company=shanghai)
    yield {**made, "tag": tag}
    await admin.call("POST", f"{REORGANISATIONS}/{made['id']}:cancel", {"reason": "故事结束"}, company=shanghai)


async def test_browser_organisation_of_a_day(window: Any, demo: Any, planned: dict[str, Any]) -> None:
    """What stands against a draft is named; the scheduled one shows on its day, and old names stay on theirs."""
    shanghai = demo("identity.company", "SH")
    desk = await window("admin")
    screen, page = desk.screen, desk.page
    await desk.go(f"/identity/reorganisations/{planned['id']}?company={shanghai}")
    await expect(page.get_by_text(screen.t("organisation.against", count=1))).to_be_visible()
    await expect(page.get_by_role("main")).to_contain_text(f"质量部{planned['tag']}")
    assert await violations(page) == []
    await desk.picture("reorganisation")

    await desk.go(f"/identity/departments?company={shanghai}")
    tree = page.get_by_role("tree")
    await expect(tree).to_contain_text("工艺技术部")
    await desk.picture("organisation-tree")
    await desk.go(f"/identity/departments?company={shanghai}&day={day_in(100)}&view=boxes")
    box = page.get_by_role("button", name=re.compile("质量管理部"))
    await box.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("main")).to_contain_text("汤雅琴")
    assert await violations(page) == []
    await desk.picture("organisation-boxes")

    phone = await window("admin", locale="en", size=PHONE)
    theirs = phone.screen
    await phone.go(f"/identity/employees/{demo('identity.employee', 'qinlang')}?company={shanghai}")
    rows = theirs.panel(theirs.plural(PLACEMENT)).get_by_role("row")
    await expect(rows.filter(has_text=theirs.choice(PLACEMENT, "kind", "CONCURRENT"))).to_be_visible()
    assert await violations(phone.page) == []
    await phone.picture("employee-placements")
    await phone.go(f"/identity/departments/{demo(DEPARTMENT, 'SH12')}?company={shanghai}")
    await expect(phone.page.get_by_role("main")).to_contain_text("Acting head")
    assert await violations(phone.page) == []
    await phone.picture("department-heads")
