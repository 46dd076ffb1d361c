"""An approver agrees to less and refuses a line; who agreed before is asked again; that is what is ordered."""

from __future__ import annotations

from typing import Any

from papers import approve, submit, title_of, written
from playwright.async_api import expect
from screen import spaced
from test_browser_approval import decide
from test_browser_flow_designer import Drawing
from test_browser_votes import TASK, node, publish

from conftest import PHONE


async def test_browser_agreeing_to_less(window: Any, door: Any, demo: Any) -> None:
    """Told in the designer, done at the desk, asked again on a phone, read by the requester."""
    lines = [{"item": "2002-0004", "quantity": "1237"}, {"item": "4002-0007", "quantity": "11"}]
    requisition = await written(door, title_of("轴承补货"), *lines)
    first = {**node([demo("identity.employee", "majianguo")], changed="always"), "id": "first", "name": "部门审批"}
    second = node(
        [demo("identity.employee", "suhuimin")],
        cuts=True,
        rights={"purpose": "required", "lines.supplier_id": "hidden"},
    )
    await publish(door, requisition, first, second)
    await submit(door, requisition)
    await approve(door, requisition)
    admin = await door("admin")
    task = await (await door("second approver")).get(
        "/v1/approval/tasks", filter=f'document_id = "{requisition["id"]}"'
    )
    case = await admin.get(f"/v1/approval/cases/{task['tasks'][0]['caseId']}")
    office = await window("admin")
    await office.go(f"/approval/flow-definitions/{case['flowDefinitionId']}/edit")
    await Drawing(office).card("会签").click()
    drawer = office.page.get_by_role("dialog", name=office.screen.t("flow.node"))
    rights = drawer.get_by_role("group", name=office.screen.t("flow.rights"))
    await expect(rights).to_contain_text(office.screen.t("flow.rightRequired"))
    await rights.scroll_into_view_if_needed()
    await office.picture("field-rights")

    desk = await window("second approver")
    screen = desk.screen
    await screen.panel(screen.t("portal.todo")).get_by_role("link", name=requisition["title"]).click()
    await expect(decide(screen, "approve")).to_be_enabled()
    await decide(screen, "approve").click()
    dialog, why = screen.dialog(), screen.t("approval.cutReason")
    one, two = dialog.locator(".cut-line").nth(0), dialog.locator(".cut-line").nth(1)
    await one.get_by_role("textbox").first.fill("237")
    await one.get_by_placeholder(why).fill("库存还有")
    await two.get_by_role("checkbox").check()
    await two.get_by_placeholder(why).fill("已改型")
    await desk.picture("agreeing-to-less")
    await dialog.get_by_role("button", name=spaced(screen.t("approval.agreeWithChanges"))).click()
    await expect(dialog).to_be_hidden()

    phone = await window("first approver", locale="en", size=PHONE)
    todo = phone.screen.panel(phone.screen.t("portal.todo")).get_by_role("link", name=requisition["title"])
    await todo.tap()
    await expect(phone.page.get_by_text(phone.screen.t("approval.changedSince"))).to_be_visible()
    await expect(phone.page.get_by_role("main")).to_contain_text("库存还有")
    await phone.picture("asked-again")
    await decide(phone.screen, "approve").tap()
    await phone.screen.dialog().get_by_role("button", name=spaced(phone.screen.action(TASK, "approve"))).tap()

    mine = await window("requester")
    await mine.go(f"/procurement/purchase-requisitions/{requisition['id']}")
    page = mine.page.get_by_role("main")
    await expect(page).to_contain_text("PO-")
    await expect(page).to_contain_text("已改型")
    await expect(page).to_contain_text(mine.screen.t("timeline.earlier"))
    await mine.picture("requisition-cut")
