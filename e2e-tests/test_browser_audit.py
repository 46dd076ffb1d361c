"""An auditor finds who did what in all services, opens what was before and after, and takes exactly that along."""

from __future__ import annotations

import csv
import uuid
from pathlib import Path
from typing import Any

import pytest
from api import reason_of
from axe import violations
from playwright.async_api import expect

from chassis.testing import eventually
from conftest import PHONE
from infra.local.demo.door import RefusedHereError
from infra.local.demo.records import id_of

UNITS, TRAIL = "/v1/inventory/units", "/v1/all/audit-entries"
AUDITOR = "fangjing"


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
async def test_browser_auditor_finds_opens_and_exports_what_was_changed_and_changes_nothing(
    window: Any, door: Any, locale: str, tmp_path: Path
) -> None:
    """A unit's name changes; the auditor finds it by its code, sees both names, exports it; that is on record too."""
    admin, auditor = await door("administrator"), await door(AUDITOR)
    code = f"AU{uuid.uuid4().hex[:6].upper()}"
    made = await admin.call("POST", UNITS, {"code": code, "name": "箱"})
    body = {"name": "大箱", "etag": made["etag"]}
    await admin.call("PATCH", f"{UNITS}/{made['id']}", body)

    mine = await window("auditor", locale=locale)
    page, screen, t = mine.page, mine.screen, mine.screen.t
    await mine.go("/platform/audit")
    await page.get_by_role("searchbox", name=t("audit.document")).fill(code)
    await page.get_by_role("searchbox", name=t("audit.document")).press("Enter")
    rows = page.get_by_role("region", name=t("audit.title")).get_by_role("row").filter(has_text=code)
    await expect(rows).to_have_count(2)
    await expect(screen.panel(t("audit.retention"))).to_contain_text("10958")
    assert await violations(page) == []
    await mine.picture("audit-list")
    await rows.first.get_by_role("button").click()
    drawer = page.get_by_role("dialog")
    changed = drawer.get_by_role("row").filter(has_text="大箱")
    await expect(changed).to_contain_text("箱")
    assert await violations(page) == []
    await mine.picture("audit-entry")
    await page.keyboard.press("Escape")

    async with page.expect_download() as coming:
        await screen.button(t("audit.export")).click()
        await page.get_by_role("menuitem", name=t("audit.csv")).click()
    file = tmp_path / "trail.csv"
    await (await coming.value).save_as(file)
    head, *lines = csv.reader(file.read_text("utf-8-sig").splitlines())
    assert len(lines) == 2
    assert all(any(code in cell for cell in line) for line in lines)
    assert len(head) == len(lines[0])

    # looking and exporting stand there themselves; Keycloak's sign-in follows within seconds
    async def recorded() -> None:
        me = id_of("identity.employee", AUDITOR)
        found = await auditor.get(TRAIL, actorId=me, kinds=["READ", "EXPORTED", "SIGNED_IN"], pageSize=200)
        assert {"READ", "EXPORTED", "SIGNED_IN"} <= {entry["kind"] for entry in found["entries"]}
        assert found["unansweredServices"] == []

    await eventually(recorded, seconds=30)
    with pytest.raises(RefusedHereError):
        await auditor.call("PATCH", f"{UNITS}/{made['id']}", body)

    phone = await window("auditor", locale=locale, size=PHONE, dark=True)
    await phone.go(f"/platform/audit?document={code}")
    await expect(phone.page.get_by_role("region", name=t("audit.title")).get_by_role("row").nth(2)).to_be_visible()
    assert await phone.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert await violations(phone.page) == []
    await phone.picture("audit-list")


async def test_browser_the_trail_is_for_auditors(window: Any, door: Any) -> None:
    """Others have no such page, and asking past the pages is refused; the try is on record."""
    mine = await window("requester")
    menu = mine.page.get_by_role("navigation", name=mine.screen.t("frame.menu"))
    await expect(menu.get_by_role("link").first).to_be_visible()
    await expect(menu.get_by_role("link", name=mine.screen.t("audit.title"), exact=True)).to_have_count(0)
    requester, auditor = await door("requester"), await door(AUDITOR)
    for path in (TRAIL, f"{TRAIL}:export", f"/v1/identity/audit-entries/{uuid.uuid4()}"):
        answer = await requester.raw("GET", path)
        assert (answer.status_code, reason_of(answer)) == (403, "PERMISSION_MISSING"), answer.text
    tried = await auditor.get(TRAIL, outcome="REFUSED", documentType="platform.audit_entry", pageSize=5)
    assert {entry["reason"] for entry in tried["entries"]} == {"PERMISSION_MISSING"}
