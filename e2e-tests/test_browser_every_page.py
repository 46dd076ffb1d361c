"""Every page that a role's menu leads to: no serious finding of axe, light and dark, in both languages; and its picture."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from axe import violations
from playwright.async_api import expect

LOCALES = ("zh-CN", "en")
# the administrator sees every document; the others see the same pages with other actions on them
ROLES = ("administrator", "requester", "second approver", "buyer")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("role", ROLES)
async def test_browser_every_page_of_the_menu_can_be_used_by_everybody(window: Any, role: str, locale: str) -> None:
    mine = await window(role, locale=locale)
    page, screen = mine.page, mine.screen
    menu = page.get_by_role("navigation", name=screen.t("frame.menu"))
    await expect(menu.get_by_role("link").first).to_be_visible()
    company = parse_qs(urlsplit(page.url).query)["company"][0]
    places = list(dict.fromkeys([urlsplit(str(await link.get_attribute("href"))).path for link in await menu.get_by_role("link").all()]))
    documents = {one["route"]: one for one in screen.meta["documents"].values()}
    grave: list[str] = []

    async def look(path: str, name: str) -> None:
        began = time.monotonic()
        await mine.go(f"{path}?company={company}")
        await settled(mine)
        loaded = time.monotonic()
        grave.extend(f"{path} light: {one}" for one in await violations(page))
        await screen.button(screen.t("frame.dark")).click()
        grave.extend(f"{path} dark: {one}" for one in await violations(page, rules=["color-contrast", "link-in-text-block"]))
        await screen.button(screen.t("frame.light")).click()
        await mine.picture(f"{role.replace(' ', '-')}-{name}")
        print(f"{path:60} load {loaded - began:.2f} rest {time.monotonic() - loaded:.2f}")

    for place in places:
        name = place.strip("/").replace("/", "-") or "portal"
        await look(place, name)
        document = documents.get(place)
        if document is None:
            continue
        creatable = await page.get_by_role("main").get_by_role("button", name=screen.t("list.new", title=document["title"])).count()
        answer = await page.request.get(f"{mine.base}{document['path']}?company={company}&pageSize=1")
        rows = (await answer.json()).get(document["listField"], [])
        if rows:
            await look(f"{place}/{rows[0]['id']}", f"{name}-one")
            if "update" in rows[0].get("allowedActions", []) and role == "administrator":
                await look(f"{place}/{rows[0]['id']}/edit", f"{name}-edit")
        if creatable:
            await look(f"{place}/new", f"{name}-new")
    assert not grave, "\n".join(grave)


async def settled(mine: Any) -> None:
    """The page shows what it was asked for, not that it is still looking."""
    page = mine.page
    await expect(page.get_by_role("main")).to_be_visible()
    await expect(page.locator(".ant-skeleton, [aria-busy=true], .starting")).to_have_count(0)
    await expect(page.get_by_role("heading").or_(page.locator(".ant-result")).first).to_be_visible()
