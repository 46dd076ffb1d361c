"""What the user guide says of the way to something, and what it takes in the browser."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.async_api import Page

GUIDE = Path(__file__).parents[1] / "docs" / "user-guide"
CLICKS = {"zh-CN": r"点击 (\d+) 次", "en": r"(\d+) clicks"}
COUNT = "() => { window.clicks = 0; addEventListener('pointerdown', () => { window.clicks += 1 }, true) }"


def clicks_said(locale: str, heading: str) -> int:
    """How many clicks a section of the guide says that it takes."""
    text = (GUIDE / f"{locale}.md").read_text("utf-8")
    _, found, after = text.partition(f"### {heading}\n")
    assert found, f"no section {heading}"
    (said,) = re.findall(CLICKS[locale], after.partition("\n### ")[0])
    return int(said)


async def count_clicks(page: Page) -> None:
    """Count from here on, for as long as the page is not loaded anew."""
    await page.evaluate(COUNT)


async def clicks(page: Page) -> int:
    """How many there were."""
    found = await page.evaluate("() => window.clicks")
    return int(found)
