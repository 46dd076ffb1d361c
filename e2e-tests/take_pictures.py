"""The pictures of the user guide, taken from the demo company in both languages: `make pictures`, when asked.

Each has the name that the guide gives it; taken again, it takes the place of the one before. Nothing is judged here:
whether the guide and its pictures go together is `infra/tests/test_user_guide.py`'s matter.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from papers import submit, title_of, written
from PIL import Image
from playwright.async_api import expect
from screen import spaced
from test_browser_access_review import review as review  # a fixture
from test_browser_flow_designer import delegation_form
from test_browser_votes import case_of

from conftest import PHONE

PICTURES = Path(__file__).parent.parent / "docs" / "user-guide" / "pictures"
DESK, QUALITY = (1180, 760), 80
FLOW, FLOWS, CASE = "approval.flow_definition", "/v1/approval/flow-definitions", "approval.case"
STILL = """async () => {
  await document.fonts.ready;
  const busy = () => document.querySelector(".ant-skeleton, .ant-spin-spinning, .ant-notification-notice")
    || document.getAnimations().some((one) => one.playState === "running" && one.effect?.getComputedTiming().endTime !== Infinity);
  for (let still = 0; still < 5; still = busy() ? 0 : still + 1) await new Promise(requestAnimationFrame);
}"""  # noqa: E501


async def take(each: Any, name: str) -> None:
    """What the window shows, once it is at rest."""
    await each.page.evaluate(STILL)
    picture = Image.open(io.BytesIO(await each.page.screenshot()))
    folder = PICTURES / each.locale
    folder.mkdir(parents=True, exist_ok=True)
    picture.save(folder / f"{name}.webp", quality=QUALITY, method=6)


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
async def test_browser_pictures_of_approvals(window: Any, door: Any, locale: str) -> None:
    """Home, to-do list, a task on the phone, a case and its way, statistics."""
    papers = [await written(door, title_of("轴承补货"), {"item": "2002-0004", "quantity": "900"}) for _ in range(3)]
    for paper in papers:
        await submit(door, paper)
    mine = await window("requester", locale=locale, size=DESK)
    await expect(mine.screen.panel(mine.screen.t("portal.mine"))).to_contain_text(papers[2]["title"])
    await take(mine, "home")
    desk = await window("first approver", locale=locale, size=DESK)
    screen = desk.screen
    await desk.go("/approval/tasks")
    await expect(desk.page.locator(".inbox-content").get_by_role("heading", level=1)).to_be_visible()
    await take(desk, "todo")
    await screen.button(screen.t("views.of", name=screen.t("views.standard"))).click()
    await take(desk, "views")
    phone = await window("first approver", locale=locale, size=PHONE)
    await phone.go("/approval/tasks")
    await phone.page.get_by_role("main").get_by_role("link", name=papers[0]["title"]).click()
    await expect(phone.screen.heading(papers[0]["title"])).to_be_visible()
    await take(phone, "task")
    admin = await window("admin", locale=locale, size=DESK)
    await admin.go(f"/approval/cases/{await case_of(door, papers[0])}")
    await admin.page.get_by_role("button", name=admin.screen.action(CASE, "draw")).click()
    await expect(admin.page.get_by_role("group", name=admin.screen.action(CASE, "draw")).locator("svg")).to_be_visible()
    await take(admin, "case")
    await admin.go("/approval/statistics")
    await expect(admin.screen.panel(admin.screen.t("statistics.people")).first).to_be_visible()
    await take(admin, "statistics")


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
async def test_browser_pictures_of_an_import(window: Any, tmp_path: Path, locale: str) -> None:
    """What the check of a file found; the file is given up then."""
    sheet, name = tmp_path / "items.csv", {"en": "items.csv", "zh-CN": "物料.csv"}[locale]
    rows = ["code,name,category_id,base_unit_id,kind", *(f"PIC-{n},样图件 {n},2002,PCS,PART" for n in range(12))]
    sheet = sheet.with_name(name)
    sheet.write_text("\n".join([*rows, "PIC-90,样图件 90,2099,PCS,PART", "PIC 91,样图件 91,2002,PCS,Part of"]), "utf-8")
    desk = await window("admin", locale=locale, size=DESK)
    await desk.go("/inventory/items/import")
    await desk.page.locator("input[type=file]").set_input_files(sheet)
    await desk.screen.button(desk.screen.t("import.check")).click()
    await expect(desk.page.get_by_role("row").filter(has_text="2099")).to_be_visible()
    await take(desk, "import")
    await desk.screen.button(desk.screen.t("import.giveUp")).click()


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
async def test_browser_pictures_of_flows(window: Any, door: Any, locale: str) -> None:
    """A flow as it is drawn, one of its cards open, and its simulation."""
    admin = await door("admin")
    flow = (await admin.get(FLOWS, filter='code = "PR"'))["flowDefinitions"][0]
    desk = await window("admin", locale=locale, size=DESK)
    screen, page = desk.screen, desk.page
    await desk.go(f"/approval/flow-definitions/{flow['id']}/edit?company={flow['companyId']}")
    chart = screen.panel(screen.t("flow.tree"))
    await chart.locator("[data-node]").first.click()
    await expect(page.get_by_role("dialog", name=screen.t("flow.node"))).to_be_visible()
    await take(desk, "designer")
    await page.get_by_role("dialog").get_by_role("button", name=screen.t("action.close")).click()
    await screen.button(screen.t("flow.simulation")).click()
    panel = page.get_by_role("dialog", name=screen.t("flow.simulation"))
    await panel.get_by_role("button", name=spaced(screen.t("flow.simulate"))).click()
    await expect(panel.get_by_role("region", name=screen.t("flow.way"))).to_be_visible()
    await take(desk, "simulation")


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
async def test_browser_pictures_of_the_organisation(
    window: Any, demo: Any, review: dict[str, Any], locale: str
) -> None:
    """Departments, days, delegations, departures and access reviews."""
    desk = await window("first approver", locale=locale, size=DESK)
    await delegation_form(desk)
    await take(desk, "delegation")
    await desk.go(f"/identity/access-reviews/{review['id']}?company={demo('identity.company', 'SH')}")
    plural = desk.screen.plural("identity.access_review_line")
    await expect(desk.screen.panel(plural).get_by_role("row", name=re.compile("沈佳怡"))).to_be_visible()
    await take(desk, "access-review")
    admin = await window("admin", locale=locale, size=DESK)
    screen = admin.screen
    for name, path in (
        ("calendar", "/identity/calendar-days"),
        ("departments", "/identity/departments"),
        ("getting-started", "/getting-started"),
    ):
        await admin.go(path)
        await expect(admin.page.get_by_role("heading", level=1)).to_be_visible()
        await take(admin, name)
    await admin.go("/identity/departures/new")
    for field, text in (("employeeId", "钱永福"), ("successorId", "龚立新")):
        await screen.choose(screen.field("identity.departure", field), text, text)
        await expect(admin.page.locator(".ant-select-dropdown:not(.ant-select-dropdown-hidden)")).to_have_count(0)
    await take(admin, "departure")
    auditor = await window("auditor", locale=locale, size=DESK)
    await auditor.go("/platform/audit")
    await expect(auditor.page.get_by_role("table").first).to_be_visible()
    await take(auditor, "audit")


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
async def test_browser_pictures_of_paper(window: Any, door: Any, locale: str) -> None:
    """A print template with what it prints."""
    names = {"zh-CN": "采购订单（对外）", "en": "Order for suppliers"}
    body = {
        "documentType": "procurement.purchase_order", "name": names[locale], "paper": "A4", "preferred": True,
        "fieldNames": ["number", "supplier_name", "delivery_place"], "signatures": ["采购", "供应商"],
        "lineColumns": ["lines.description", "lines.quantity", "lines.unit_price"], "footer": "收货时请核对数量。",
    }  # fmt: skip
    made = await (await door("admin")).call("POST", "/v1/identity/print-templates", body)
    desk = await window("admin", locale=locale, size=DESK)
    await desk.go(f"/identity/print-templates/{made['id']}/edit")
    await expect(desk.page.get_by_label(desk.screen.label("identity.print_template", "name")).first).to_be_visible()
    await take(desk, "print-template")
