"""Every page that a menu leads to: axe finds nothing serious, light and dark, in both languages; and its picture.

Colours say the same in every language: the administrator's pages are judged light in Chinese and dark in English.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from axe import violations
from playwright.async_api import expect

from conftest import PHONE

pytestmark = pytest.mark.beside
LOCALES = ("zh-CN", "en")
APPEARANCES = [("zh-CN", "light"), ("en", "dark")]


class Walk:
    """One window that goes from page to page without loading anew."""

    def __init__(self, window: Any, company: str, name: str) -> None:
        self.window, self.page, self.screen = window, window.page, window.screen
        self.company, self.name = company, name
        self.colours = "light"
        self.grave: list[str] = []

    async def look(self, path: str, picture: str = "") -> None:
        """Go there and look at it."""
        target = path if "company=" in path else f"{path}?company={self.company}"
        before = await self.page.locator("main").inner_html()
        moves = urlsplit(self.page.url).path != urlsplit(target).path
        await self.page.evaluate(
            "path => { history.pushState({}, '', path); dispatchEvent(new PopStateEvent('popstate')); }", target
        )
        if moves:  # the page before stays until this one has come
            await self.page.wait_for_function(
                "before => document.querySelector('main').innerHTML !== before", arg=before
            )
        await settled(self.page)
        await self.judge(path)
        if picture:
            await self.window.picture(f"{picture}-{self.colours}")

    async def turn(self, colours: str) -> None:
        """Light or dark, by the button at the top."""
        if colours != self.colours:
            await self.screen.button(self.screen.t(f"frame.{colours}")).click()
            await expect(self.page.locator(f"html.{colours}")).to_be_attached()
            self.colours = colours

    async def judge(self, path: str) -> None:
        self.grave.extend(f"{path} {self.colours}: {one}" for one in await violations(self.page))

    async def pages_of(self, document: dict[str, Any], *, everything: bool) -> list[str]:
        """The pages of a document beside its list: the first record, the form empty, and filled where it has lines."""
        if "list" not in document["methods"]:
            return []
        answer = await self.page.request.get(f"{self.window.base}{document['path']}?company={self.company}&pageSize=1")
        rows = (await answer.json()).get(document["listField"], [])
        # a record's page is opened in the record's company, as the list's links do
        place = (rows[0].get("companyId") if rows else "") or self.company
        found = [f"{document['route']}/{rows[0]['id']}?company={place}"] if rows else []
        if not everything:
            return found
        if (
            rows
            and "update" in rows[0].get("allowedActions", [])
            and any(one["repeated"] for one in document["fields"])
        ):
            found.append(f"{document['route']}/{rows[0]['id']}/edit")
        return [*found, *([f"{document['route']}/new"] if "create" in document["methods"] else [])]


async def settled(page: Any) -> None:
    """The page shows what it was asked for, not that it is still looking."""
    await expect(page.locator(".ant-skeleton, [aria-busy=true], .starting, .ant-spin-spinning")).to_have_count(0)
    await expect(page.get_by_role("heading").or_(page.locator(".ant-result")).first).to_be_visible()


async def walk(window: Any, role: str, locale: str, colours: str = "light") -> Walk:
    """Somebody at the start page."""
    mine = await window(role, locale=locale)
    await expect(mine.screen.panel(mine.screen.t("portal.todo"))).to_be_visible()
    await settled(mine.page)
    walked = Walk(mine, parse_qs(urlsplit(mine.page.url).query)["company"][0], role.replace(" ", "-"))
    await walked.turn(colours)
    return walked


async def menu_of(walked: Walk) -> list[str]:
    menu = walked.page.get_by_role("navigation", name=walked.screen.t("frame.menu"))
    links = [str(await link.get_attribute("href")) for link in await menu.get_by_role("link").all()]
    return list(dict.fromkeys(urlsplit(link).path for link in links))


@pytest.mark.parametrize(("locale", "colours"), APPEARANCES)
async def test_browser_every_page_of_the_administrator_is_usable_by_everybody(
    window: Any, locale: str, colours: str
) -> None:
    """The administrator's menu has every document; two windows share the way."""
    windows = [await walk(window, "administrator", locale, colours) for _ in range(2)]
    places = await menu_of(windows[0])
    documents = {one["route"]: one for one in windows[0].screen.meta["documents"].values()}
    assert len(places) > len([one for one in documents.values() if not one["hidden"]])

    async def part(mine: Walk) -> None:
        while places:
            place = places.pop()
            await mine.look(place, name_of(place))
            for path in await mine.pages_of(documents[place], everything=True) if place in documents else []:
                await mine.look(path, f"{name_of(place)}-{kind_of(path)}")

    await asyncio.gather(*(part(one) for one in windows))
    grave = [fault for one in windows for fault in one.grave]
    assert not grave, "\n".join(grave)


def has_lines(document: dict[str, Any]) -> bool:
    return any(one["repeated"] and one["type"] == "message" for one in document["fields"])


def name_of(place: str) -> str:
    return place.strip("/").replace("/", "-") or "portal"


def kind_of(path: str) -> str:
    last = path.split("?")[0].rsplit("/", 1)[1]
    return last if last in ("new", "edit") else "one"


@pytest.mark.parametrize(
    ("role", "locale", "colours"),
    [("requester", "en", "dark"), ("second approver", "zh-CN", "dark"), ("buyer", "en", "light")],
)
async def test_browser_every_page_of_the_menu_is_usable_by_everybody(
    window: Any, role: str, locale: str, colours: str
) -> None:
    """The same pages as the administrator's, with what this role may do on them."""
    mine = await walk(window, role, locale, colours)
    documents = {one["route"]: one for one in mine.screen.meta["documents"].values()}
    for place in await menu_of(mine):
        await mine.look(place, f"{mine.name}-{name_of(place)}")
        for path in await mine.pages_of(documents[place], everything=False) if place in documents else []:
            await mine.look(path)
    assert not mine.grave, "\n".join(mine.grave)


@pytest.mark.parametrize("locale", LOCALES)
async def test_browser_a_phone_shows_the_portal_the_list_and_the_decision(window: Any, locale: str) -> None:
    """360 points wide: nothing is cut off, and axe finds nothing serious."""
    mine = await window("second approver", locale=locale, size=PHONE)
    page, screen = mine.page, mine.screen
    await expect(screen.panel(screen.t("portal.todo"))).to_be_visible()
    company = parse_qs(urlsplit(page.url).query)["company"][0]
    answer = await page.request.get(f"{mine.base}/v1/approval/tasks?company={company}&pageSize=1")
    [task] = (await answer.json())["tasks"]
    for path, name in (("/", "portal"), ("/approval/tasks", "todo"), (f"/approval/tasks/{task['id']}", "approval")):
        await mine.go(f"{path}?company={company}")
        await settled(page)
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], (
            f"{path} is wider than the phone"
        )
        await mine.picture(name)


@pytest.mark.parametrize("locale", LOCALES)
async def test_browser_what_opens_over_a_page_is_usable_by_everybody(window: Any, locale: str) -> None:
    """The palette, help, the notices, the person's menu: by keyboard, without a serious finding."""
    mine = await walk(window, "requester", locale)
    page, screen = mine.page, mine.screen
    for name in (screen.t("frame.help"), re.compile(screen.t("notices.title")), re.compile("沈佳怡")):
        await page.get_by_role("banner").get_by_role("button", name=name).press("Enter")
        await expect(page.locator(".ant-drawer-open, .ant-popover, .ant-dropdown").last).to_be_visible()
        await mine.judge(str(name))
        await page.keyboard.press("Escape")
    await page.keyboard.press("Control+K")
    await page.get_by_role("combobox", name=re.compile(".")).last.fill("PO-")
    await expect(page.get_by_role("option").first).to_be_visible()
    await mine.judge("palette")
    await mine.window.picture("palette")
    assert not mine.grave, "\n".join(mine.grave)


async def test_browser_axe_finds_what_is_wrong(window: Any) -> None:
    """The other stories would say nothing if the tool looked at nothing."""
    mine = await window("requester")
    await mine.page.evaluate("document.body.append(document.createElement('input'))")

    assert any("critical label" in one for one in await violations(mine.page))
