"""The organisation in time: a reorganisation looked at with the approvals that it meets, the chart of a day to come and
its file at the desk, a person's history and a post that gets another name on the phone.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import python_calamine
from axe import violations
from papers import submit, title_of, written
from playwright.async_api import expect
from screen import spaced

from chassis.testing import eventually
from conftest import PHONE
from infra.local.demo.story import day_in

REORGANISATION, PLACEMENT, DEPARTMENT = (f"identity.{name}" for name in ("reorganisation", "placement", "department"))
EMPLOYEE = "identity.employee"
POST, SEAT, EFFECT = "identity.post", "OrganisationSeat", "ApprovalEffect"
REORGANISATIONS, CASES, POSTS = "/v1/identity/reorganisations", "/v1/approval/cases", "/v1/identity/posts"


@pytest.fixture
async def asked(door: Any) -> AsyncIterator[dict[str, Any]]:
    """The approval of a large requisition, which waits for the head of the workshop; afterwards it is withdrawn."""
    requisition = await written(door, title_of("组织调整前的采购"), {"item": "2002-0004", "quantity": "9876"})
    await submit(door, requisition)
    requester = await door("requester")

    async def opened() -> Any:
        found = (await requester.get(CASES, filter=f'document_id = "{requisition["id"]}"'))["cases"]
        assert [one for one in found if one["waitingOnIds"]], "not asked yet"
        return found[0]

    case = await eventually(opened)
    yield case
    await requester.call("POST", f"{CASES}/{case['id']}:withdraw", {"reason": "故事结束"})


@pytest.fixture
async def planned(door: Any, demo: Any, asked: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """A draft that makes a department, dissolves one with people, names another head of the workshop and leaves the
    company without a general manager; afterwards it is cancelled.
    """
    admin, tag, shanghai = await door("administrator"), uuid.uuid4().hex[:4].upper(), demo("identity.company", "SH")
    lines = [
        {"kind": "NEW_DEPARTMENT", "departmentCode": f"Q{tag}", "name": f"质量部{tag}"},
        {"kind": "DISSOLVE", "departmentId": demo(DEPARTMENT, "SH30")},
        {"kind": "SET_HEAD", "departmentId": demo(DEPARTMENT, "SH11"), "employeeId": demo(EMPLOYEE, "gonglixin")},
        {"kind": "SET_POST", "employeeId": demo(EMPLOYEE, "luzhenhua"), "postId": demo(POST, "DGM")},
    ]
    draft = {"title": f"调整{tag}", "effectiveDate": day_in(120), "lines": lines}
    made = await admin.call("POST", REORGANISATIONS, draft, company=shanghai)
    yield {**made, "tag": tag, "number": asked["documentNumber"]}
    await admin.call("POST", f"{REORGANISATIONS}/{made['id']}:cancel", {"reason": "故事结束"}, company=shanghai)


@pytest.fixture
async def post(door: Any) -> AsyncIterator[dict[str, Any]]:
    """A post of the story's own; afterwards it is out of use."""
    admin, tag = await door("administrator"), uuid.uuid4().hex[:5].upper()
    made = await admin.call("POST", POSTS, {"code": f"T{tag}", "name": f"工艺员{tag}", "level": 6})
    yield made
    await admin.call("POST", f"{POSTS}/{made['id']}:deactivate", {"reason": "故事结束"})


async def test_browser_organisation_of_a_day(
    window: Any, demo: Any, planned: dict[str, Any], post: dict[str, Any]
) -> None:
    """What stands against a draft is named, and the approvals that it meets; the scheduled one shows on its day,
    and old names stay on theirs.
    """
    shanghai = demo("identity.company", "SH")
    desk = await window("admin")
    screen, page = desk.screen, desk.page
    await desk.go(f"/identity/reorganisations/{planned['id']}?company={shanghai}")
    await expect(page.get_by_text(screen.t("organisation.against", count=1))).to_be_visible()
    await expect(page.get_by_role("main")).to_contain_text(f"质量部{planned['tag']}")
    await expect(page.get_by_role("main")).to_contain_text(screen.t("organisation.approvalsRule"))
    met = screen.panel(screen.t("organisation.approvals"))
    ours = met.get_by_role("row").filter(has_text=planned["number"])
    # whose turn is open keeps it, though the workshop gets another head; then nobody is general manager any more
    await expect(ours.filter(has_text=screen.choice(EFFECT, "effect", "STAYS"))).to_contain_text("马建国")
    await expect(ours.filter(has_text=screen.choice(EFFECT, "effect", "STAYS"))).to_contain_text("龚立新")
    await expect(ours.filter(has_text=screen.choice(EFFECT, "effect", "WITHOUT_APPROVER"))).to_contain_text("陆振华")
    assert await violations(page) == []
    await desk.picture("reorganisation")
    await met.scroll_into_view_if_needed()
    await desk.picture("reorganisation-approvals")

    await desk.go(f"/identity/departments?company={shanghai}")
    tree = page.get_by_role("tree")
    await expect(tree).to_contain_text("工艺技术部")
    await desk.picture("organisation-tree")
    async with page.expect_download() as coming:
        await screen.button(screen.t("list.export")).click()
    rows = python_calamine.load_workbook(await (await coming.value).path()).get_sheet_by_index(0).to_python()
    assert screen.label(SEAT, "postName") in rows[0]
    assert any({"SH11", "机加工车间", "马建国", "车间主任"} <= set(row) for row in rows)
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

    await phone.go(f"/identity/posts/{post['id']}?company={shanghai}")
    await theirs.button(theirs.action(POST, "rename")).click()
    await theirs.dialog().get_by_label(theirs.asked(POST, "rename", "name")).fill("Process engineer")
    begins = theirs.dialog().get_by_label(theirs.asked(POST, "rename", "fromDate"))
    await begins.fill(day_in(30))
    await begins.press("Enter")
    await theirs.dialog().get_by_role("button", name=spaced(theirs.action(POST, "rename"))).click()
    main = phone.page.get_by_role("main")
    await expect(main).to_contain_text("Process engineer")
    await expect(main).to_contain_text(day_in(30))
    await expect(phone.page.get_by_role("heading", level=1)).to_contain_text(post["name"])
    assert await violations(phone.page) == []
    await phone.picture("post-renamed")
    await theirs.button(theirs.action(POST, "cancelRename")).click()
    await theirs.dialog().get_by_role("button", name=spaced(theirs.action(POST, "cancelRename"))).click()
    await expect(main).not_to_contain_text("Process engineer")
