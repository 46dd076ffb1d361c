"""The administrator has the books compared, follows a finding to its document, and sees that all agrees afterwards."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from api import reason_of
from axe import violations
from papers import approve, ordered, submit, title_of, written
from playwright.async_api import expect
from screen import ORDERS, spaced
from test_browser_operations import BEARING, database

from conftest import PHONE

RUN, RUNS = "identity.consistency_run", "/v1/identity/consistency-runs"
RULE = "PURCHASE_ORDER_TOTALS_ARE_THE_SUMS_OF_ITS_LINES"


@asynccontextmanager
async def damaged(instance: Any, order: dict[str, Any]) -> AsyncIterator[None]:
    """An order whose total is one too high, long enough ago that it is not on its way any more."""
    key = uuid.UUID(order["id"])
    async with database(instance, "procurement") as procurement:
        before = await procurement.fetchrow("SELECT net_amount, updated_at FROM purchase_order WHERE id = $1", key)
        change = "UPDATE purchase_order SET net_amount = $2, updated_at = $3 WHERE id = $1"
        old = await procurement.fetchval("SELECT now() - interval '1 hour'")
        await procurement.execute(change, key, before["net_amount"] + 1, old)
        try:
            yield
        finally:
            await procurement.execute(change, key, *before)


async def check_now(mine: Any) -> None:
    await mine.screen.button(mine.screen.action(RUN, "request")).click()
    await mine.page.wait_for_url(lambda url: "/identity/consistency-runs/" in url)


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
async def test_browser_administrator_finds_what_disagrees_opens_it_and_sees_it_agree(
    window: Any, door: Any, instance: Any, locale: str
) -> None:
    """From System health; the page goes on by itself; the link leads to the order; a phone shows the same."""
    requisition = await written(door, title_of("轴承补货"), BEARING)
    await submit(door, requisition)
    await approve(door, requisition)
    await approve(door, requisition, "second approver")
    requisition = await ordered(door, requisition)
    order = await (await door("administrator")).get(f"{ORDERS}/{requisition['lines'][0]['orderId']}")

    mine = await window("administrator", locale=locale)
    page, screen = mine.page, mine.screen
    rule = screen.choice("ConsistencyResult", "invariant", RULE)
    verdict = page.get_by_role("status")
    async with damaged(instance, order):
        await mine.go("/platform/operations")
        await expect(screen.panel(screen.plural(RUN))).to_be_visible()
        await check_now(mine)
        finding = screen.panel(rule).get_by_role("listitem").filter(has_text=order["number"])
        await expect(finding).to_be_visible()
        await expect(verdict.first).to_contain_text(screen.t("books.findings", count=1))
        await expect(finding).to_contain_text(screen.label("ConsistencyFinding", "causeKey"))
        await expect(finding).to_contain_text(screen.meta["texts"]["consistency.next.written"])
        assert "{" not in await finding.inner_text()
        assert await violations(page) == []
        await mine.picture("books-findings")
        found = page.url
        await finding.get_by_role("link", name=order["number"]).click()
        await expect(screen.heading(order["number"])).to_be_visible()

        phone = await window("administrator", locale=locale, size=PHONE, dark=True)
        await phone.page.goto(found)
        await expect(phone.screen.panel(rule)).to_be_visible()
        assert await phone.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        assert await violations(phone.page) == []
        await phone.picture("books-findings")

    await mine.go("/identity/consistency-runs")
    await check_now(mine)
    await expect(verdict.first).to_contain_text(screen.t("books.agreed"))
    rules = screen.panel(screen.t("books.rules")).first
    await expect(rules.get_by_role("row").filter(has_text=rule)).to_contain_text(screen.t("books.holds"))
    assert await violations(page) == []
    await mine.picture("books-agree")
    await mine.go("/platform/operations")
    await expect(screen.panel(screen.plural(RUN))).to_contain_text(screen.state(RUN, "AGREED"))
    await mine.picture("books-operations")
    await mine.go("/identity/consistency-runs")
    await expect(page.get_by_role("row").nth(2)).to_be_visible()
    await mine.picture("books-list")


async def test_browser_the_books_check_is_for_administrators(window: Any, door: Any) -> None:
    """Others have no such page, and asking past the pages is refused."""
    mine = await window("requester")
    page, screen = mine.page, mine.screen
    menu = page.get_by_role("navigation", name=screen.t("frame.menu"))
    await expect(menu.get_by_role("link").first).to_be_visible()
    await expect(menu.get_by_role("link", name=spaced(screen.plural(RUN)))).to_have_count(0)
    mine.expected |= {403}
    await mine.go("/identity/consistency-runs")
    await expect(page.get_by_role("main")).to_contain_text(screen.t("error.notAllowed", title=screen.plural(RUN)))
    session = await door("requester")
    for answer in (await session.raw("GET", RUNS), await session.raw("POST", f"{RUNS}:request", "{}")):
        assert (answer.status_code, reason_of(answer)) == (403, "PERMISSION_MISSING"), answer.text
