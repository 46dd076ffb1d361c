"""What the user guide says of the way to something, and what it takes in the browser."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.async_api import Page

GUIDE = Path(__file__).parents[1] / "docs" / "user-guide"
CLICKS = {"zh-CN": r"点击 (\d+) 次", "en": r"(\d+) clicks?"}
# On the document: a press that Playwright holds back at the window, since its target was just replaced, is none.
COUNT = """() => {
  if (window.pressed) return window.pressed.splice(0);
  window.pressed = [];
  document.addEventListener("pointerdown", ({ target }) => window.pressed.push(target.textContent.slice(0, 40)), true);
}"""


def clicks_said(locale: str, heading: str) -> list[int]:
    """How many clicks a section of the guide says that each thing takes, in the order in which it says them."""
    text = (GUIDE / f"{locale}.md").read_text("utf-8")
    _, found, after = text.partition(f"### {heading}\n")
    assert found, f"no section {heading}"
    return [int(said) for said in re.findall(CLICKS[locale], after.partition("\n### ")[0])]


async def count_clicks(page: Page) -> None:
    """Count from here on, for as long as the page is not loaded anew."""
    await page.evaluate(COUNT)


async def clicks(page: Page) -> int:
    """How many there were; a story that fails says on what."""
    found = await page.evaluate("() => window.pressed")
    print(f"{len(found)} clicks: {found}")
    return len(found)
