"""The requester chooses who is asked; work is taken over by one of several, done and filled in; a later step returns it
and has it straight back.
"""

from __future__ import annotations

from typing import Any

from papers import approve
from playwright.async_api import expect
from screen import REQUISITION, spaced
from test_browser_approval import answer, decide
from test_browser_votes import TASK, more, paper, publish

from conftest import PHONE

FIELDS = [
    {"key": "invoice_no", "label": {"zh-CN": "发票号", "en": "Invoice number"}, "required": True},
    {"key": "paid", "label": {"zh-CN": "实付金额", "en": "Paid"}, "type": "amount"},
]


async def test_browser_actions_chosen_claimed_done_and_returned(window: Any, door: Any, demo: Any) -> None:
    requisition = await paper(door)
    group = [demo("identity.employee", name) for name in ("majianguo", "suhuimin")]
    work = {
        "id": "work", "kind": "handle", "name": "登记发票", "claim": True, "fields": FIELDS,
        "approvers": [{"kind": "group", "name": "出纳", "employee_ids": group}],
    }  # fmt: skip
    chosen = {"id": "chosen", "kind": "approve", "name": "复核", "approvers": [{"kind": "initiator_choice"}]}
    await publish(door, requisition, work, chosen)

    mine = await window("requester")
    mine.expected = {400}  # the first submission says that a choice is missing: the dialog asks for it
    await mine.go(f"/procurement/purchase-requisitions/{requisition['id']}")
    submit = mine.screen.action(REQUISITION, "submit")
    await mine.screen.button(submit).click()
    await mine.screen.choose(mine.screen.dialog().get_by_label("复核"), "suhuimin", "苏慧敏")
    await mine.page.keyboard.press("Escape")
    await mine.picture("requester-chooses")
    await mine.screen.dialog().get_by_role("button", name=spaced(submit)).click()

    desk = await window("first approver")
    screen = desk.screen
    await screen.panel(screen.t("portal.todo")).get_by_role("link", name=requisition["title"]).click()
    await decide(screen, "claim").click()
    await expect(decide(screen, "handle")).to_be_enabled()
    await decide(screen, "handle").click()
    await screen.dialog().get_by_label("发票号").fill("A-7")
    await screen.dialog().get_by_label("实付金额").fill("1200.5")
    await desk.picture("task-to-handle")
    await screen.dialog().get_by_role("button", name=spaced(screen.action(TASK, "handle"))).click()

    phone = await window("second approver", locale="en", size=PHONE)
    await phone.screen.panel(phone.screen.t("portal.todo")).get_by_role("link", name=requisition["title"]).tap()
    timeline = phone.screen.panel(phone.screen.t("timeline.title"))
    await expect(timeline).to_contain_text("Invoice number")
    await expect(timeline).to_contain_text("1,200.50")
    await more(phone, "return")
    await phone.screen.dialog().get_by_role("radio", name="登记发票").check()
    straight = phone.screen.option(TASK, "return", "afterwards", "STRAIGHT_BACK")
    await phone.screen.dialog().get_by_role("radio", name=straight).check()
    await phone.picture("task-returned-straight-back")
    await answer(phone.screen, phone.screen.action(TASK, "return"), "发票号不全。")

    await desk.go("/")
    await screen.panel(screen.t("portal.todo")).get_by_role("link", name=requisition["title"]).click()
    await expect(screen.panel(screen.t("timeline.title"))).to_contain_text(screen.t("timeline.straightBack"))
    await decide(screen, "claim").click()
    await decide(screen, "handle").click()
    await screen.dialog().get_by_label("发票号").fill("A-7/2026")
    await screen.dialog().get_by_role("button", name=spaced(screen.action(TASK, "handle"))).click()
    await approve(door, requisition, by="second approver")
    await expect(mine.page.get_by_role("main")).to_contain_text(mine.screen.state(REQUISITION, "APPROVED"))
    await expect(mine.screen.panel(mine.screen.t("timeline.title"))).to_contain_text("A-7/2026")
