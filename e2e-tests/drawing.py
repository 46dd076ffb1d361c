"""The flow designer as people use it: cards, their drawers, conditions, field rights, publishing."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Locator, expect
from screen import spaced

FLOW = "approval.flow_definition"


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

    async def asks(self, drawer: Locator, name: str, person: str) -> None:
        """A step at which this person is asked."""
        await drawer.get_by_label(self.screen.t("flow.name"), exact=True).fill(name)
        rule = self.screen.t("flow.ruleUser", employee_id="…")
        await self.screen.choose(drawer.get_by_label(self.screen.t("flow.rule")), "", rule)
        await self.screen.choose(drawer.get_by_label(self.screen.t("flow.employee")), person, person)
        await self.close(drawer)

    async def names(self) -> list[str]:
        return await self.chart.locator("[data-node] > strong").all_inner_texts()

    async def begin(self, code: str, name: str, document_type: str, owner: str) -> None:
        """A new flow: for which documents, and whose business it is."""
        await self.screen.choose(self.screen.field(FLOW, "documentType"), "", document_type)
        for field, text in (("code", code), ("name", name)):
            await self.screen.field(FLOW, field).first.fill(text)
        await self.screen.choose(self.screen.field(FLOW, "businessOwnerId"), owner, owner)

    async def only_where(self, field: str, value: str) -> None:
        """The flow is for documents of which this field says this, both as people read them."""
        group = self.page.get_by_role("group", name=self.screen.label(FLOW, "condition"))
        await group.get_by_role("button", name=spaced(self.screen.t("flow.addComparison"))).click()
        await self.screen.choose(group.get_by_label(self.screen.t("flow.conditionField")), field, field)
        await group.get_by_label(self.screen.t("flow.value")).fill(value)

    async def right(self, drawer: Locator, field: str, right: str) -> None:
        """What may be done with a field at a step."""
        await self.screen.choose(drawer.get_by_label(self.screen.t("flow.rightAdd")), field, field)
        chosen = drawer.get_by_role("group", name=field).get_by_role("combobox")
        await self.screen.choose(chosen, "", self.screen.t(right))

    async def publish(self, note: str) -> None:
        """Save what is sound, and ask for its publication."""
        await self.screen.button(self.screen.t("flow.save")).click()
        await expect(self.page.get_by_text(self.screen.t("flow.savedSound"))).to_be_visible()
        await self.screen.button(self.screen.action(FLOW, "publish")).click()
        await self.screen.dialog().get_by_label(self.screen.t("flow.publishNote")).fill(note)
        publish = self.screen.dialog().get_by_role("button", name=spaced(self.screen.action(FLOW, "publish")))
        await publish.click()
        await expect(self.screen.dialog()).to_be_hidden()
