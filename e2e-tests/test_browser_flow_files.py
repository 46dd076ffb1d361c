"""Flows leave as files and come in again; the way of a case as a picture."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from flows import FLOWS
from papers import approve, submit, title_of, written
from playwright.async_api import expect
from screen import REQUISITION, spaced
from test_browser_votes import case_of

from conftest import PHONE

FLOW, CASE = "approval.flow_definition", "approval.case"
HEAD = {"kind": "department_head"}
CASHIERS = {"kind": "group", "name": "出纳", "role": "buyer"}
PAID = [
    {"key": "paid_on", "label": {"zh-CN": "付款日期", "en": "Paid on"}, "type": "date", "required": True},
    {"key": "way", "label": "付款方式", "type": "choice", "choices": ["转账", {"value": "CASH", "label": "现金"}]},
]
EVERY: dict[str, Any] = {
    "id": "start", "kind": "sequence", "children": [
        {"id": "a", "kind": "approve", "name": "部门负责人审批", "vote": "ratio", "percent": 60, "approvers": [HEAD]},
        {"id": "c", "kind": "condition", "name": "按金额", "branches": [
            {"id": "c1", "name": "超过 50,000 元", "when": "amount > 50000", "children": [
                {"id": "p", "kind": "parallel", "name": "会签", "branches": [
                    {"id": "p1", "name": "财务", "children": [
                        {"id": "f", "kind": "approve", "name": "财务经理审批", "approvers": [HEAD],
                         "timeout": {"hours": 8, "then": "remind", "repeat": True}},
                    ]},
                    {"id": "p2", "name": "知会", "children": [
                        {"id": "k", "kind": "copy", "name": "抄送采购员", "approvers": [HEAD]},
                    ]},
                ]},
            ]},
            {"id": "c2", "name": "其他情况", "children": []},
        ]},
        {"id": "w", "kind": "delay", "name": "等待付款日", "days": 2},
        {"id": "h", "kind": "handle", "name": "出纳付款", "claim": True, "approvers": [CASHIERS], "fields": PAID},
        {"id": "t", "kind": "trigger", "name": "通知总账", "topic": "payment.done"},
    ],
}  # fmt: skip


async def drafted(door: Any, tree: dict[str, Any], **more: Any) -> dict[str, Any]:
    code = f"FILE-{uuid.uuid4().hex[:8]}".upper()
    body = {"code": code, "name": "可以带走的流程", "document_type": REQUISITION, "tree": tree, **more}
    made: dict[str, Any] = await (await door("admin")).call("POST", FLOWS, body)
    return made


@pytest.mark.parametrize(("locale", "size"), [("zh-CN", (1280, 800)), ("en", PHONE)], ids=["desk", "phone"])
async def test_browser_flow_files_out_and_in(
    window: Any, door: Any, tmp_path: Path, locale: str, size: tuple[int, int]
) -> None:
    """Downloaded from its page, imported under another code, opened as a draft; and how far a case of it is."""
    flow = await drafted(door, EVERY)
    requisition = await written(door, title_of("轴承补货"), {"item": "2002-0004", "quantity": "3"})
    await submit(door, requisition)
    await approve(door, requisition)
    desk = await window("admin", locale=locale, size=size)
    screen, page = desk.screen, desk.page
    await desk.go(f"/approval/flow-definitions/{flow['id']}")
    await screen.button(screen.action(FLOW, "download")).click()
    await desk.picture("flow-download")
    async with page.expect_download() as waiting:
        await page.get_by_role("menuitem", name=screen.option(FLOW, "download", "format", "JSON")).click()
    download = await waiting.value
    assert download.suggested_filename == f"{flow['code']}-draft.json"
    file = tmp_path / download.suggested_filename
    await download.save_as(file)

    await desk.go("/approval/flow-definitions")
    await screen.button(screen.action(FLOW, "import")).click()
    desk.expected.add(409)  # the flow itself is here already, under its code
    await screen.dialog().get_by_label(screen.t("flow.file")).set_input_files(file)
    await expect(screen.dialog().get_by_role("alert")).to_be_visible()
    await screen.dialog().get_by_label(screen.asked(FLOW, "import", "code")).fill(f"{flow['code']}-B")
    await desk.picture("flow-import")
    await screen.dialog().get_by_role("button", name=spaced(screen.action(FLOW, "import"))).click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(f"{flow['code']}-B")

    await desk.go(f"/approval/cases/{await case_of(door, requisition)}")
    await page.get_by_role("button", name=screen.action(CASE, "draw")).click()
    way = page.get_by_role("group", name=screen.action(CASE, "draw"))
    await expect(way.locator("svg")).to_be_visible()
    done = screen.choice("DrawnShape", "standing", "DONE")
    await expect(page.get_by_role("listitem").filter(has_text=f"部门负责人审批: {done}")).to_contain_text("马建国")
    await desk.picture("case-way")
