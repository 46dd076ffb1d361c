"""The screen in people's words: labels come from the contract and from the pages' own messages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, cast

from playwright.async_api import Locator, Page, expect

LOCALES = Path(__file__).parent.parent / "web" / "src" / "locales"
REQUISITION, REQUISITIONS = "procurement.purchase_requisition", "/v1/procurement/purchase-requisitions"
ORDER, ORDERS = "procurement.purchase_order", "/v1/procurement/purchase-orders"
LINE = "PurchaseRequisitionLine"

# what the page waits for at most; a story never sleeps
expect.set_options(timeout=30_000)


class Screen:
    """Words and gestures on a page in one language."""

    def __init__(self, page: Page, base: str, locale: str) -> None:
        self.page, self.base, self.locale = page, base, locale
        self._words = cast("dict[str, str]", json.loads((LOCALES / f"{locale}.json").read_text(encoding="utf-8")))
        self.meta: dict[str, Any] = {}

    async def read_contract(self) -> None:
        answer = await self.page.context.request.get(f"{self.base}/v1/meta?locale={self.locale}")
        self.meta = await answer.json()

    def t(self, key: str, **values: object) -> str:
        """A sentence of the pages."""
        return re.sub(r"\{\{(\w+)\}\}", lambda found: str(values[found[1]]), self._words[key])

    def title(self, document: str) -> str:
        return str(self.meta["documents"][document]["title"])

    def plural(self, document: str) -> str:
        return str(self.meta["documents"][document]["plural"])

    def action(self, document: str, name: str) -> str:
        return str(self.meta["documents"][document]["methods"][name]["label"])

    def label(self, of: str, field: str) -> str:
        """What a field of a document or of a nested message is called."""
        fields = (self.meta["documents"].get(of) or self.meta["messages"][of])["fields"]
        return next(str(one["label"]) for one in fields if one["name"] == field)

    def _asked(self, document: str, method: str, name: str) -> dict[str, Any]:
        fields = self.meta["documents"][document]["methods"][method]["requestFields"]
        found: dict[str, Any] = next(one for one in fields if one["name"] == name)
        return found

    def asked(self, document: str, method: str, name: str) -> str:
        """What a field is called that an action asks for."""
        return str(self._asked(document, method, name)["label"])

    def option(self, document: str, method: str, name: str, value: str) -> str:
        """What a value is called among which an action asks to choose."""
        enum = self._asked(document, method, name)["enum"]
        return next(str(one["label"]) for one in self.meta["enums"][enum] if one["name"] == value)

    def state(self, document: str, name: str) -> str:
        """What a state of a document is called."""
        field = next(one for one in self.meta["documents"][document]["fields"] if one["name"] == "state")
        return next(str(one["label"]) for one in self.meta["enums"][field["enum"]] if one["name"] == name)

    def choice(self, enum_of: str, field: str, name: str) -> str:
        """What a value of an enumeration is called."""
        fields = (self.meta["documents"].get(enum_of) or self.meta["messages"][enum_of])["fields"]
        enum = next(one["enum"] for one in fields if one["name"] == field)
        return next(str(one["label"]) for one in self.meta["enums"][enum] if one["name"] == name)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=spaced(name)).first

    def panel(self, name: str) -> Locator:
        """A part of the page that has a name."""
        return self.page.get_by_role("region", name=name, exact=True)

    def heading(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("heading", level=1, name=name)

    def field(self, of: str, name: str) -> Locator:
        return self.page.get_by_label(self.label(of, name), exact=True)

    async def choose(self, picker: Locator, text: str, option: str) -> None:
        """Type into a picker and take what it offers."""
        if await picker.is_editable():
            await picker.fill(text)
        else:
            await picker.click()
        # an option that is replaced while it is pressed is not chosen
        await expect(self.page.locator(".ant-select-open .anticon-loading")).to_have_count(0)
        await self.offered(option).click()

    def offered(self, text: str) -> Locator:
        """An entry of the open list."""
        return self.page.locator(
            ".ant-select-dropdown:not(.ant-select-dropdown-hidden) .ant-select-item-option", has_text=text
        ).first

    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog").last

    def cell(self, line: int, field: str, of: str = LINE) -> Locator:
        """The editor of a cell of the lines grid: the active cell has one."""
        return self.page.get_by_label(self.t("lines.cell", line=line, label=self.label(of, field)), exact=True)

    async def enter(self, grid: Locator, line: int, field: str, of: str = LINE) -> Locator:
        """Make a cell of the lines grid the active one."""
        headers = [text.strip(" *") for text in await grid.get_by_role("columnheader").all_inner_texts()]
        label = self.label(of, field)
        # two columns may be called the same: then in the contract's order
        alike = [one["name"] for one in self.meta["messages"][of]["fields"] if one["label"] == label]
        column = [index for index, text in enumerate(headers) if text == label][alike.index(field)] - 1
        await grid.get_by_role("row").nth(line).get_by_role("gridcell").nth(column).click()
        editor = self.cell(line, field, of)
        await expect(editor).to_be_focused()
        return editor

    async def paste(self, text: str) -> None:
        """What a spreadsheet put on the clipboard, pasted where the focus is."""
        await self.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await self.page.evaluate("text => navigator.clipboard.writeText(text)", text)
        await self.page.keyboard.press("Control+V")


def spaced(name: str) -> re.Pattern[str]:
    """A button's name: an icon may come before it, and the library puts a space between two Chinese characters."""
    return re.compile(r"^([a-z-]+ )?" + r"\s?".join(re.escape(letter) for letter in name) + r"$")
