"""Those who decide: live, on a phone in three taps, at a desk with the keyboard; and everything but yes."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from flows import published
from papers import submit, title_of, written
from playwright.async_api import Locator, expect
from screen import REQUISITION, Screen, spaced

from conftest import PHONE

TASK, CASE = "approval.task", "approval.case"
ORDER_NUMBER = re.compile(r"PO-\d{4}-\d{6}")


def decide(screen: Screen, action: str) -> Locator:
    bar = screen.page.get_by_role("toolbar", name=screen.t("approval.decide"))
    return bar.get_by_role("button", name=spaced(screen.action(TASK, action)))


async def answer(screen: Screen, label: str, text: str) -> None:
    """Fill and send the sheet that asks for the opinion."""
    await screen.dialog().get_by_label(screen.t("approval.opinion"), exact=True).fill(text)
    await screen.dialog().get_by_role("button", name=spaced(label)).click()


async def test_browser_approval_on_a_phone_in_three_taps_then_at_the_desk_by_keyboard(window: Any, door: Any) -> None:
    """The task comes by itself, two people agree, and the order stands on the requester's open page."""
    requisition = await written(door, title_of("轴承补货"), {"item": "2002-0004", "quantity": "1000"})
    phone = await window("first approver", size=PHONE)
    desk = await window("second approver")
    mine = await window("requester")
    await mine.go(f"/procurement/purchase-requisitions/{requisition['id']}")
    await expect(mine.screen.heading(re.compile(requisition["title"]))).to_be_visible()
    todo = phone.screen.panel(phone.screen.t("portal.todo"))
    await expect(todo.get_by_role("link", name=phone.screen.t("portal.all"))).to_be_visible()
    await submit(door, requisition)

    await expect(todo).to_contain_text(requisition["title"])
    await phone.picture("portal-approver")
    await todo.get_by_role("link", name=requisition["title"]).tap()
    await expect(decide(phone.screen, "approve")).to_be_enabled()
    await phone.picture("task")
    await decide(phone.screen, "approve").tap()
    await phone.screen.dialog().get_by_role("button", name=spaced(phone.screen.action(TASK, "approve"))).tap()
    await expect(phone.page.get_by_role("main")).not_to_contain_text(requisition["title"])

    screen = desk.screen
    task = screen.panel(screen.t("portal.todo")).get_by_role("link", name=requisition["title"])
    await task.click()
    await expect(screen.heading(requisition["title"])).to_be_visible()
    lines = desk.page.get_by_role("table").filter(has_text="6204-2RS")
    await expect(lines).to_contain_text(screen.label("PurchaseRequisitionLine", "lastUnitPrice"))
    await expect(lines.get_by_role("row").filter(has_text="6204-2RS")).not_to_contain_text(
        screen.t("approval.noLastPrice")
    )
    timeline = screen.panel(screen.t("timeline.title"))
    await expect(timeline).to_contain_text("马建国")
    await expect(timeline).to_contain_text(screen.choice("approval.opinion", "kind", "APPROVE"))
    await desk.picture("task")
    await expect(decide(screen, "approve")).to_be_enabled()
    await desk.page.keyboard.press("a")
    await expect(screen.dialog().get_by_role("button", name=spaced(screen.action(TASK, "approve")))).to_be_focused()
    await desk.page.keyboard.press("Enter")

    await expect(mine.page.get_by_role("link", name=ORDER_NUMBER).first).to_be_visible()
    await expect(mine.page.get_by_role("main")).to_contain_text(mine.screen.state(REQUISITION, "ORDERED"))
    await expect(mine.screen.panel(mine.screen.t("related.title"))).to_contain_text(ORDER_NUMBER)
    await mine.picture("requisition-ordered")


async def test_browser_approval_comments_returns_and_rejects_with_a_reason(window: Any, door: Any) -> None:
    """What was said is seen by the requester at once; a returned one is submitted again."""
    requisition = await written(door, title_of("丝锥补货"), {"item": "4002-0007", "quantity": "5"})
    await submit(door, requisition)
    head = await window("first approver", locale="en")
    mine = await window("requester")
    screen = head.screen
    await mine.go(f"/procurement/purchase-requisitions/{requisition['id']}")
    timeline = mine.screen.panel(mine.screen.t("timeline.title"))
    await expect(timeline).to_contain_text(mine.screen.t("timeline.deciding"))

    todo = screen.panel(screen.t("portal.todo")).get_by_role("link", name=requisition["title"])
    await todo.click()
    more = screen.button(screen.t("action.more"))
    await more.click()
    await head.page.get_by_role("menuitem", name=screen.action(CASE, "comment")).click()
    await screen.dialog().get_by_label(screen.asked(CASE, "comment", "text"), exact=True).fill("请补充使用部门。")
    await screen.dialog().get_by_role("button", name=spaced(screen.action(CASE, "comment"))).click()
    await expect(timeline).to_contain_text("请补充使用部门。")
    await more.click()
    await head.page.get_by_role("menuitem", name=screen.action(TASK, "return")).click()
    await answer(screen, screen.action(TASK, "return"), "数量请按季度用量调整。")

    await expect(mine.page.get_by_role("alert").filter(has_text="数量请按季度用量调整。")).to_be_visible()
    await mine.picture("requisition-returned")
    await mine.screen.button(mine.screen.action(REQUISITION, "submit")).click()
    await expect(mine.page.get_by_role("alert").filter(has_text=mine.screen.t("portal.waitingOn"))).to_be_visible()

    await head.go("/")
    await todo.click()
    await expect(decide(screen, "reject")).to_be_enabled()
    await head.page.keyboard.press("r")
    await answer(screen, screen.action(TASK, "reject"), "库存尚足，暂不采购。")
    await expect(mine.page.get_by_role("alert").filter(has_text="库存尚足，暂不采购。")).to_be_visible()
    await expect(mine.page.get_by_role("main")).to_contain_text(mine.screen.state(REQUISITION, "REJECTED"))
    await mine.picture("requisition-rejected")


@pytest.mark.parametrize("vote", ["all", "any"])
async def test_browser_approval_of_two_at_once_all_or_any(window: Any, door: Any, demo: Any, vote: str) -> None:
    """Both see that they are two and what one answer means; `all` waits for the second, `any` spares him the answer."""
    quantity = str(1000 + uuid.uuid4().int % 1_000_000)  # a flow for exactly this requisition
    requisition = await written(door, title_of("轴承补货"), {"item": "2002-0004", "quantity": quantity})
    await publish(door, requisition, vote, [demo("identity.employee", name) for name in ("majianguo", "suhuimin")])
    await submit(door, requisition)
    first, second = await window("first approver"), await window("second approver", locale="en")
    for each in (first, second):
        todo = each.screen.panel(each.screen.t("portal.todo"))
        await todo.get_by_role("link", name=requisition["title"]).click()
        timeline = each.screen.panel(each.screen.t("timeline.title"))
        deciding = timeline.get_by_role("listitem").filter(has_text=each.screen.t("timeline.deciding"))
        await expect(deciding).to_have_count(2)
        await expect(deciding.first).to_contain_text(each.screen.t(f"timeline.{vote}"))
    await first.picture(f"task-{vote}")
    await expect(decide(first.screen, "approve")).to_be_enabled()
    await first.page.keyboard.press("a")
    await first.page.keyboard.press("Enter")
    opinions = second.screen.panel(second.screen.t("timeline.title"))
    await expect(opinions).to_contain_text(second.screen.choice("approval.opinion", "kind", "APPROVE"))
    if vote == "all":
        await expect(decide(second.screen, "approve")).to_be_enabled()
        await second.page.keyboard.press("a")
        await second.page.keyboard.press("Enter")
    await expect(decide(second.screen, "approve")).to_have_count(0)
    mine = await window("requester")
    await mine.go(f"/procurement/purchase-requisitions/{requisition['id']}")
    await expect(mine.page.get_by_role("link", name=ORDER_NUMBER).first).to_be_visible()


async def publish(door: Any, requisition: dict[str, Any], vote: str, people: list[str]) -> None:
    """A flow that asks these people at once, for this amount only."""
    company = requisition["companyId"]
    node = {"id": "both", "kind": "approve", "name": "会签", "vote": vote}
    tree = {
        "id": "start",
        "kind": "sequence",
        "children": [node | {"approvers": [{"kind": "user", "employee_id": one} for one in people]}],
    }
    body = {
        "code": f"VOTE-{uuid.uuid4().hex[:8]}".upper(), "name": f"会签 {vote}", "priority": 1, "tree": tree,
        "document_type": REQUISITION, "condition": f"amount == {float(requisition['amount'])}",
    }  # fmt: skip
    await published(door, body, company)
