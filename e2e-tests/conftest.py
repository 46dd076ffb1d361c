"""The suite as its people use it: one running instance with the demo company, people signed in, a real browser."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from api import Session
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright
from playwright.async_api import Error as PlaywrightError
from screen import Screen

from infra.local.instance import DEMO_PASSWORD, Instance

SCREENSHOTS = Path(__file__).parent / "screenshots"
CHROMIUM = os.environ.get("HEYI_CHROMIUM") or "/usr/bin/chromium"
FIREFOX = os.environ.get("HEYI_FIREFOX") or "/usr/bin/firefox-esr"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE, DESKTOP = (360, 740), (1280, 800)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those with parts of their own run beside those that play on the instance; so do those that only look at it."""
    for item in items:
        if "instance" not in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.beside)


@pytest.fixture(scope="session")
def instance() -> Instance:
    """The running instance that the stories play on."""
    found = Instance(os.environ.get("INSTANCE", "test"))
    if not found.healthy("gateway"):
        found.up()
    return found


@pytest.fixture(scope="session")
def people(instance: Instance) -> dict[str, str]:
    """Usernames of the demo people by what they do: `people["requester"]`."""
    return {login["what"].split(":")[0]: login["username"] for login in instance.logins()}


@pytest.fixture(scope="session")
async def door(instance: Instance, people: dict[str, str]) -> AsyncIterator[Callable[[str], Awaitable[Session]]]:
    """`await door("requester")`: a REST session of somebody, by role or username, signed in at Keycloak's page once."""
    known: dict[str, Session] = {}

    async def open_door(who: str) -> Session:
        username = people.get(who, who)
        if username not in known:
            known[username] = await Session.of(instance, username)
        return known[username]

    yield open_door
    for each in known.values():
        await each.close()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        await launched.close()


@pytest.fixture(scope="session")
async def firefox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Callable[[], Awaitable[Browser]]]:
    """`await firefox()`: Debian's Firefox, started when a story first asks for it."""
    async with contextlib.AsyncExitStack() as stack:
        started: list[Browser] = []

        async def start() -> Browser:
            if not started:
                playwright = await stack.enter_async_context(async_playwright())
                program = tmp_path_factory.mktemp("firefox") / "firefox"
                program.write_text(
                    f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parent / "firefox.py"}" "$@"\n'
                )
                program.chmod(0o700)
                launched = await playwright.firefox.launch(
                    channel="moz-firefox", executable_path=program, env={**os.environ, "HEYI_FIREFOX": FIREFOX},
                    firefox_user_prefs={"network.proxy.allow_hijacking_localhost": True},
                )  # fmt: skip
                started.append(await stack.enter_async_context(launched))
            return started[0]

        yield start


class Window:
    """A browser window of one person. What goes wrong behind the page fails the story."""

    def __init__(self, page: Page, context: BrowserContext, base: str, locale: str, engine: str = "chromium") -> None:
        self.page, self.context, self.base, self.locale, self.engine = page, context, base, locale, engine
        self.screen = Screen(page, base, locale)
        self.faults: list[str] = []
        # answers that a story provokes on purpose, by status
        self.expected: set[int] = set()
        # the line is cut on purpose
        self.torn = False
        page.on("console", self._console)
        page.on("pageerror", self._page_error)

    def _page_error(self, error: object) -> None:
        if self.torn and "dynamically imported module" in str(error):
            return  # the story went on before all of a page had come over the slow line
        # Playwright puts a style into Firefox's page for each picture, which the page's policy refuses; a style of our
        # own that were refused so would be seen in Chromium
        if not (self.engine == "firefox" and "(style-src-elem)" in str(error)):
            self.faults.append(f"page error: {error}")

    def _console(self, message: ConsoleMessage) -> None:
        if self.torn and "net::ERR_" in message.text:
            return
        if message.type == "error" and not any(f"status of {status}" in message.text for status in self.expected):
            self.faults.append(f"console: {message.text[:300]} at {message.location.get('url', '')}")

    async def sign_in(self, username: str, password: str = DEMO_PASSWORD, *, at: str = "/") -> None:
        """From the front door, or another page, through Keycloak's page and back."""
        self.expected.add(401)  # the first question of a page that nobody is signed in to
        await self.page.goto(self.base + at)
        await self.page.fill("#username", username)
        await self.page.fill("#password", password)
        await self.page.click("#kc-login")
        await self.page.wait_for_url(lambda url: url.startswith(self.base))
        self.expected.discard(401)
        await self.screen.read_contract()

    async def come_back(self, cookies: Sequence[Any]) -> bool:
        """In by the session of an earlier window; False where it has ended meanwhile."""
        await self.context.add_cookies(cookies)
        if not (await self.context.request.get(f"{self.base}/v1/identity/me")).ok:
            await self.context.clear_cookies()
            return False
        await self.page.goto(self.base + "/")
        await self.screen.read_contract()
        return True

    async def go(self, path: str) -> None:
        await self.page.goto(self.base + path)

    async def picture(self, name: str) -> None:
        """A screenshot, to be looked at."""
        SCREENSHOTS.mkdir(exist_ok=True)
        width = (self.page.viewport_size or {"width": 0})["width"]
        path = SCREENSHOTS / f"{name}-{self.locale}-{width}.png"
        try:
            await self.page.screenshot(path=path, full_page=True)
        except PlaywrightError as error:
            # Chromium says the one of a page that it is just drawing anew, and nothing of one that goes elsewhere
            if "Unable to capture screenshot" not in error.message and "fonts loaded" not in error.message:
                raise
            await self.page.screenshot(path=path, full_page=True)


@pytest.fixture(scope="session")
def remembered() -> dict[str, list[Any]]:
    """Cookies of the people who have signed in at a window: whoever opens another is in, as in one browser."""
    return {}


@pytest.fixture
async def window(
    browser: Browser, firefox: Callable[[], Awaitable[Browser]], instance: Instance, people: dict[str, str],
    remembered: dict[str, list[Any]], request: pytest.FixtureRequest,
) -> AsyncIterator[Any]:  # fmt: skip
    """`await window("requester", locale="en", size=PHONE, dark=True)`: a window in which somebody is signed in;
    `engine="firefox"` for the other browser, `proxy` for the address of a line that it is behind.
    """
    opened: list[Window] = []
    failed = request.session.testsfailed

    async def open_window(
        who: str | None, *, locale: str = "zh-CN", size: tuple[int, int] = DESKTOP, dark: bool = False,
        bypass_csp: bool = False, password: str = DEMO_PASSWORD, new_device: bool = False,
        engine: str = "chromium", proxy: str = "",
    ) -> Window:  # fmt: skip
        chromium = engine == "chromium"
        context = await (browser if chromium else await firefox()).new_context(
            locale=locale, viewport={"width": size[0], "height": size[1]}, bypass_csp=bypass_csp,
            color_scheme="dark" if dark else "light", has_touch=chromium and size == PHONE,
            # a list that still moves takes a press for another place; Firefox's stories see it move
            reduced_motion="reduce" if chromium else "no-preference",
            proxy={"server": proxy} if proxy else None,
        )  # fmt: skip
        context.set_default_timeout(30_000)
        if not new_device:  # a language was chosen on it before: else the person's own is taken
            await context.add_init_script(
                f"if (origin !== 'null' && window.localStorage) localStorage['heyi.locale'] ??= '{locale}'"
            )
        made = Window(await context.new_page(), context, instance.url, locale, engine)
        opened.append(made)
        username = people.get(who, who) if who is not None else None
        if username is not None and not (
            chromium and username in remembered and await made.come_back(remembered[username])
        ):
            await made.sign_in(username, password)
            if chromium:
                remembered[username] = await context.cookies()
        return made

    yield open_window
    faults = [fault for each in opened for fault in each.faults]
    for number, each in enumerate(opened):
        if request.session.testsfailed > failed:
            await each.picture(f"failed-{request.node.name}-{number}")
        await each.context.close()
    assert not faults, "\n".join(faults)


@pytest.fixture(scope="session")
def demo(instance: Instance) -> Any:
    """Stable ids of the demo documents: `demo("inventory.item", "2002-0004")`."""
    from infra.local.demo.records import id_of

    return id_of


def key() -> str:
    """An idempotency key."""
    return str(uuid.uuid4())


def words(locale: str) -> dict[str, Any]:
    """The page's own sentences in a language."""
    found: dict[str, Any] = json.loads(
        (Path(__file__).parent.parent / "web" / "src" / "locales" / f"{locale}.json").read_text()
    )
    return found
