"""A flow is drawn: cards added, put together, moved, checked, tried, published with a note, and compared."""

from __future__ import annotations

import uuid
from typing import Any

from axe import violations
from flows import KEEPER, published
from playwright.async_api import Locator, expect
from screen import REQUISITION, spaced

from conftest import PHONE

FLOW, PUBLICATION = "approval.flow_definition", "approval.flow_publication"


async def drafted(door: Any) -> dict[str, Any]:
    """A flow with one step that is published, and never chosen: it is for no amount that there is."""
    head = {"id": "head", "kind": "approve", "name": "部门会签", "approvers": [{"kind": "department_head"}]}
    body = {
        "code": f"DRAWN-{uuid.uuid4().hex[:8]}".upper(), "name": "画出来的流程", "document_type": REQUISITION,
        "condition": "amount < 0", "tree": {"id": "start", "kind": "sequence", "children": [head]},
    }  # fmt: skip
    return await published(door, body, note="第一版")


class Drawing:
    """The flow chart of a page."""

    def __init__(self, each: Any) -> None:
        self.screen, self.page = each.screen, each.page
        self.chart: Locator = self.screen.panel(self.screen.t("flow.tree"))

    def card(self, name: str) -> Locator:
        return self.chart.locator("[data-node]", has=self.page.get_by_text(name, exact=True))

    def plus(self, name: str) -> Locator:
        return self.chart.get_by_role("button", name=self.screen.t("flow.addAfter", name=name), exact=True).first

    async def add(self, plus: Locator, kind: str) -> Locator:
        """Add a node of a kind; its drawer."""
        await plus.click()
        await self.page.get_by_role("menuitem", name=self.screen.t(kind)).click()
        drawer = self.page.get_by_role("dialog", name=self.screen.t("flow.node"))
        await expect(drawer).to_be_visible()
        return drawer

    async def close(self, drawer: Locator) -> None:
        await drawer.get_by_role("button", name=self.screen.t("action.close")).click()
        await expect(drawer).to_be_hidden()

    def tool(self, key: str) -> Locator:
        toolbar = self.page.get_by_role("toolbar", name=self.screen.t("flow.tools"))
        return toolbar.get_by_role("button", name=self.screen.t(key), exact=True)

    async def names(self) -> list[str]:
        return await self.chart.locator("[data-node] > strong").all_inner_texts()


async def test_browser_flow_designer_draws_tries_and_publishes(window: Any, door: Any) -> None:
    """At the desk: a branch with a condition, a step dragged into it and copied; tried, published, compared."""
    flow = await drafted(door)
    desk = await window("admin")
    screen, page, drawing = desk.screen, desk.page, Drawing(desk)
    t = screen.t
    await desk.go(f"/approval/flow-definitions/{flow['id']}/edit")
    await expect(drawing.card("部门会签")).to_contain_text(f"{t('flow.departmentHead')}，{t('timeline.all')}")

    drawer = await drawing.add(drawing.plus("部门会签"), "flow.condition")
    await drawer.get_by_label(t("flow.name"), exact=True).fill("金额")
    branch = drawing.chart.locator("[data-node].branch").first
    await branch.click()
    await drawer.get_by_label(t("flow.name"), exact=True).fill("大额")
    await drawer.get_by_role("spinbutton", name=t("flow.value")).fill("5000")
    await expect(branch).to_contain_text("金额 ≥ 5,000")
    await desk.picture("flow-condition")
    await drawing.close(drawer)
    await expect(branch).to_be_focused()

    drawer = await drawing.add(drawing.plus("金额"), "flow.copy")
    await drawer.get_by_label(t("flow.name"), exact=True).fill("告知")
    await drawing.close(drawer)
    await drawing.card("告知").drag_to(drawing.chart.get_by_role("button", name=t("flow.addFirst"), exact=True).nth(1))
    assert await drawing.names() == ["部门会签", "金额", "大额", "告知", t("flow.otherwise")]
    await page.keyboard.press("Control+d")
    assert (await drawing.names()).count("告知") == 2
    await page.keyboard.press("Control+z")
    assert (await drawing.names()).count("告知") == 1

    await drawing.card("部门会签").click()
    await drawer.get_by_role("button", name=spaced(t("flow.timeoutAdd"))).click()
    await drawer.get_by_role("spinbutton", name=t("flow.timeoutHours")).fill("4")
    await expect(drawing.card("部门会签")).to_contain_text("4 工作小时后提醒一次")
    await drawer.get_by_role("button", name=spaced(t("flow.automaticAdd"))).click()
    await drawer.get_by_label(t("flow.automaticName"), exact=True).fill("小额")
    await expect(drawing.card("部门会签")).to_contain_text(t("flow.automaticCount", count=1))
    await desk.picture("flow-automatic")
    await drawing.add(drawing.plus("部门会签"), "flow.handle")
    await drawer.get_by_label(t("flow.name"), exact=True).fill("开票")
    await drawer.get_by_role("button", name=spaced(t("flow.fieldAdd"))).click()
    await drawer.get_by_label(t("flow.fieldLabel"), exact=True).fill("发票号")
    await expect(drawing.card("开票")).to_contain_text(t("flow.fillsIn", fields="发票号"))
    await desk.picture("flow-fields")
    assert await violations(page) == []
    await drawing.close(drawer)

    await screen.button(t("flow.save")).click()
    await expect(page.get_by_text(t("flow.savedSound"))).to_be_visible()
    await screen.button(t("flow.simulation")).click()
    panel = page.get_by_role("dialog", name=t("flow.simulation"))
    await panel.get_by_role("button", name=spaced(t("flow.simulate"))).click()
    await expect(panel.get_by_role("region", name=t("flow.way"))).to_contain_text("大额")
    await expect(branch).to_contain_text(t("flow.onWay"))
    await expect(drawing.card(t("flow.otherwise"))).not_to_contain_text(t("flow.onWay"))
    await desk.picture("flow-simulated")
    await drawing.close(panel)

    publish = screen.action(FLOW, "publish")
    await screen.button(publish).click()
    differences = screen.dialog().get_by_role("list", name=t("flow.differences"))
    await expect(differences).to_contain_text("告知")
    await expect(differences).to_contain_text("4 工作小时后提醒一次")
    await screen.dialog().get_by_label(t("flow.publishNote")).fill("五千元以上告知负责人。")
    await desk.picture("flow-publish")
    await screen.dialog().get_by_role("button", name=spaced(publish)).click()
    await agreed_to(window, flow)
    await page.reload()
    versions = screen.panel(t("flow.versions"))
    await expect(versions).to_contain_text("五千元以上告知负责人。")
    await screen.choose(versions.get_by_label(t("flow.compareFrom")), "", t("flow.version", version=1))
    await expect(versions.get_by_role("list", name=t("flow.differences"))).to_contain_text("大额")
    await desk.picture("flow-versions")


async def agreed_to(window: Any, flow: dict[str, Any]) -> None:
    """The one who may publish beside the one who asked: from the to-do list to the answer, with what changes."""
    phone = await window(KEEPER, locale="en", size=PHONE, dark=True)
    screen, page = phone.screen, phone.page
    await phone.go("/approval/tasks")
    await screen.panel(screen.plural(PUBLICATION)).get_by_role("link", name=flow["code"]).click()
    await expect(page.get_by_role("list", name=screen.t("flow.differences"))).to_contain_text("大额")
    await phone.picture("flow-publication")
    assert await violations(page) == []
    await screen.button(screen.action(PUBLICATION, "approve")).click()
    await expect(page.get_by_text(screen.state(PUBLICATION, "APPROVED")).first).to_be_visible()


async def test_browser_flow_designer_by_keys_on_a_phone(window: Any, door: Any) -> None:
    """On a phone, in the dark: a rule chosen as a sentence, a step moved by keys, what is missing said at its card."""
    flow = await drafted(door)
    phone = await window("admin", locale="en", size=PHONE, dark=True)
    screen, page, drawing = phone.screen, phone.page, Drawing(phone)
    t = screen.t
    await phone.go(f"/approval/flow-definitions/{flow['id']}/edit")
    drawer = await drawing.add(drawing.plus("部门会签"), "flow.approve")
    await drawer.get_by_label(t("flow.name"), exact=True).fill("Buyer")
    await screen.choose(drawer.get_by_label(t("flow.rule")), "", t("flow.ruleRole", role="…"))
    await screen.choose(drawer.get_by_label(t("flow.howDecided")), "", t("timeline.any"))
    await phone.picture("flow-rule")
    assert await violations(page) == []
    await drawing.close(drawer)
    await expect(drawing.card("Buyer")).to_be_focused()
    await page.keyboard.press("Alt+ArrowUp")
    assert await drawing.names() == ["Buyer", "部门会签"]
    await page.keyboard.press("ArrowDown")
    await expect(drawing.card("部门会签")).to_be_focused()

    await screen.button(t("flow.save")).click()
    await expect(drawing.card("Buyer").locator(".field-error")).to_be_visible()
    await phone.picture("flow-problem")
    await drawing.card("Buyer").press("Enter")
    await screen.choose(drawer.get_by_label(t("flow.role")), "", "采购")
    await drawing.close(drawer)
    await expect(drawing.card("Buyer")).to_contain_text("采购")
    await drawing.tool("flow.undo").click()
    await expect(drawing.card("Buyer")).not_to_contain_text("采购")
    await drawing.tool("flow.redo").click()
    await screen.button(t("flow.save")).click()
    await expect(page.get_by_text(t("flow.savedSound"))).to_be_visible()
    assert await violations(page) == []
    await phone.picture("flow-drawn")
