"""An access review: a head answers several lines at once at the desk; an administrator looks at it on the phone."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from axe import violations
from playwright.async_api import expect
from screen import spaced

from conftest import PHONE
from infra.local.demo.story import day_in

REVIEW, LINE, ROLE = "identity.access_review", "identity.access_review_line", "identity.role"
REVIEWS, ROLES, GRANTS = "/v1/identity/access-reviews", "/v1/identity/roles", "/v1/identity/grants"
PEOPLE = ("shenjiayi", "qianyongfu")


@pytest.fixture
async def review(door: Any, demo: Any) -> AsyncIterator[dict[str, Any]]:
    """A role of this story given to two people of the workshop, and a review of it; afterwards nobody has the role."""
    admin, tag = await door("administrator"), uuid.uuid4().hex[:6]
    shanghai = demo("identity.company", "SH")
    permissions = {"permissions": ["inventory.unit.update"]}
    role = await admin.call("POST", ROLES, {"code": f"R{tag}", "name": f"{tag}角色", **permissions})
    for person in PEOPLE:
        grant = {"employeeId": demo("identity.employee", person), "roleId": role["id"], "scope": "COMPANY"}
        await admin.call("POST", GRANTS, {**grant, "grantCompanyId": shanghai})
    department = (await admin.get(f"/v1/identity/employees/{demo('identity.employee', PEOPLE[0])}"))["departmentId"]
    fields = {"title": f"车间复核{tag}", "dueDate": day_in(14), "departmentId": department}
    yield await admin.call("POST", REVIEWS, fields, company=shanghai)
    for given in (await admin.get(GRANTS, filter=f'role_id = "{role["id"]}" AND state = "ACTIVE"')).get("grants", []):
        await admin.call("POST", f"{GRANTS}/{given['id']}:revoke", {"reason": "故事结束"})
    for one in (await admin.get(REVIEWS, filter='state = "OPEN"', company=shanghai)).get("accessReviews", []):
        await admin.call("POST", f"{REVIEWS}/{one['id']}:close", {"reason": "故事结束"}, company=shanghai)


async def test_browser_head_reviews_the_department(window: Any, door: Any, demo: Any, review: dict[str, Any]) -> None:
    """Found on the home page, one role revoked with a reason, the other kept; the administrator sees who did what."""
    shanghai, admin = demo("identity.company", "SH"), await door("administrator")
    waiting = await admin.get(REVIEWS, company=shanghai, waitingForMe="true")
    assert review["id"] not in [one["id"] for one in waiting["accessReviews"]], "others' lines do not wait for me"
    desk = await window("first approver")
    screen, page = desk.screen, desk.page
    await desk.go("/")
    await screen.panel(screen.plural(REVIEW)).get_by_role("link", name=review["title"]).click()
    table = screen.panel(screen.plural(LINE))
    await expect(table.get_by_role("row", name=re.compile("沈佳怡|钱永福"))).to_have_count(2)
    assert await violations(page) == []
    await desk.picture("access-review")
    await table.get_by_role("row", name=re.compile("沈佳怡")).get_by_role("checkbox").check()
    await screen.button(screen.action(LINE, "revoke")).click()
    await screen.dialog().get_by_role("textbox").fill("已调离岗位")
    await screen.dialog().get_by_role("button", name=spaced(screen.action(LINE, "revoke"))).click()
    await expect(screen.dialog()).to_contain_text(screen.t("selection.done"))
    await desk.picture("access-review-answered")
    await screen.dialog().get_by_role("button", name=spaced(screen.t("action.close"))).last.click()
    row = table.get_by_role("row", name=re.compile("沈佳怡"))
    await expect(row).to_contain_text(screen.state(LINE, "REVOKED"))
    await table.get_by_role("row", name=re.compile("钱永福")).get_by_role("checkbox").check()
    await screen.button(screen.action(LINE, "keep")).click()
    await screen.dialog().get_by_role("button", name=spaced(screen.t("action.close"))).last.click()
    await expect(table.get_by_role("row", name=re.compile("钱永福"))).to_contain_text(screen.state(LINE, "KEPT"))

    phone = await window("admin", locale="en", size=PHONE)
    theirs = phone.screen
    await phone.go(f"/identity/access-reviews/{review['id']}?company={shanghai}")
    await expect(theirs.panel(theirs.plural(LINE)).get_by_role("row", name=re.compile("沈佳怡"))).to_be_visible()
    assert await violations(phone.page) == []
    await phone.picture("access-review")
    await phone.go("/identity/roles")
    await phone.page.get_by_role("button", name=theirs.t("template.from")).click()
    await expect(theirs.dialog()).to_contain_text("Warehouse keeper")
    assert await violations(phone.page) == []
    await phone.picture("role-templates")
    # taken over by an earlier round, it leads to the role
    take = theirs.dialog().get_by_role("button", name=theirs.t("template.takeOverNamed", name="Accountant"))
    there = theirs.dialog().get_by_role("listitem").filter(has_text="Accountant").get_by_role("link")
    await take.or_(there).click()
    await phone.page.wait_for_url(re.compile(r"/identity/roles/[0-9a-f-]{36}"))
    await expect(phone.page.get_by_role("heading", name=re.compile("accountant"))).to_be_visible()
