"""A rule decides until it is switched off; what goes to people then is supervised, and reached by a link."""

from __future__ import annotations

import re
import uuid
from typing import Any

from axe import violations
from flows import published
from papers import submit, title_of, written
from playwright.async_api import expect
from screen import REQUISITION, spaced

from chassis.testing import eventually
from conftest import PHONE

FLOW, TASK = "approval.flow_definition", "approval.task"
CASES, TASKS = "/v1/approval/cases", "/v1/approval/tasks"


async def test_browser_rule_decides_until_it_is_switched_off(window: Any, door: Any, people: dict[str, str]) -> None:
    requisition = await written(door, title_of("自动"), {"item": "2002-0004", "quantity": "1237"})
    rule = {"name": "小额补货", "when": "amount <= 1000000", "then": "approve", "text": "在预算内"}
    head = {
        "id": "head", "kind": "approve", "name": "负责人", "approvers": [{"kind": "department_head"}],
        "automatic": [rule], "automatic_sample_percent": 0,
    }  # fmt: skip
    code = f"AUTO-{uuid.uuid4().hex[:8]}".upper()
    body = {
        "code": code, "name": "自动审批", "priority": 1, "document_type": REQUISITION,
        "condition": f"amount == {float(requisition['amount'])}", "tree": head,
    }  # fmt: skip
    flow = await published(door, body, requisition["companyId"])
    await submit(door, requisition)
    requester = await door("requester")

    async def case_of(paper: dict[str, Any], state: str) -> dict[str, Any]:
        asked = f'document_id = "{paper["id"]}"'
        found = (await requester.get(CASES, filter=asked))["cases"]
        assert [one["state"] for one in found] == [state]
        return dict(found[0])

    done = await eventually(lambda: case_of(requisition, "APPROVED"))
    desk = await window("admin")
    screen, page = desk.screen, desk.page
    t = screen.t
    await desk.go(f"/approval/flow-definitions/{flow['id']}?company={requisition['companyId']}")
    figures = screen.panel(t("rules.title")).first
    await expect(figures).to_contain_text("小额补货")
    await desk.picture("rules")
    assert await violations(page) == []
    await figures.get_by_role("link").first.click()
    await expect(page.get_by_role("row", name=done["documentNumber"])).to_be_visible()
    await desk.picture("automatic-log")
    await desk.go(f"/approval/flow-definitions/{flow['id']}?company={requisition['companyId']}")
    stop = screen.action(FLOW, "stopAutomatic")
    await screen.button(t("action.more")).click()
    await page.get_by_role("menuitem", name=stop).click()
    await screen.dialog().get_by_role("textbox").fill("规则过宽")
    await screen.dialog().get_by_role("button", name=spaced(stop)).click()
    await expect(figures).to_contain_text(t("rules.off"))

    again = await written(door, title_of("人工"), {"item": "2002-0004", "quantity": "1237"})
    await submit(door, again)
    case = await eventually(lambda: case_of(again, "RUNNING"))
    admin = await door("admin")
    watch = {"dueDate": "2099-12-31", "note": "产线停工待料"}
    await admin.call("POST", f"{CASES}/{case['id']}:supervise", watch, company=again["companyId"])
    first = await door("first approver")
    (task,) = (await first.get(TASKS, filter=f'case_id = "{case["id"]}" AND state = "OPEN"'))["tasks"]
    link = await requester.call("POST", f"{TASKS}/{task['id']}:link", {})

    # the link asks somebody who is not signed in to do so, and leads to the decision all the same
    phone = await window(None, locale="en", size=PHONE)
    screen, page = phone.screen, phone.page
    await phone.sign_in(people["first approver"], at=link["path"])
    await expect(screen.heading(again["title"])).to_be_visible()
    await phone.go("/approval/tasks")
    await expect(page.locator(".task-list > li").first).to_contain_text(again["title"])
    await phone.go(link["path"])
    await expect(screen.heading(again["title"])).to_be_visible()
    await expect(screen.panel(screen.t("advice.title"))).to_be_visible()
    await phone.picture("task-supervised")
    assert await violations(page) == []
    await screen.button(screen.action(TASK, "link")).click()
    await expect(screen.dialog().get_by_role("textbox")).to_have_value(re.compile("/approval/link#"))
    await screen.dialog().get_by_role("button", name=spaced(screen.t("action.close"))).last.click()
