"""A company keeps its ERP: it is told of what is agreed here, asks for what it missed, and its key ends at once."""

from __future__ import annotations

import datetime
import re
import threading
import uuid
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from axe import violations
from papers import approve, ordered, submit, title_of, written
from playwright.async_api import expect
from screen import ORDERS

from approval.tests.receivers import Chat
from approval.tests.test_webhook_rules import documented
from chassis.testing import eventually
from conftest import PHONE

WEBHOOKS, DELIVERIES, PULL = (
    "/v1/approval/webhooks",
    "/v1/approval/webhook-deliveries",
    "/v1/approval/outside-events:pull",
)
KEYS = "/v1/identity/api-keys"
MAY = ["approval.outside_event.pull", "procurement.purchase_requisition.get", "procurement.purchase_order.get"]
BEARING = {"item": "2002-0004", "quantity": "10"}
OK = (200, '{"errcode": 0}')


async def a_key(admin: Any, *permissions: str) -> Any:
    """A key of the administrator's company for a month."""
    company = (await admin.get("/v1/identity/me"))["companyId"]
    until = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=30)).date()
    fields = {"name": f"旧ERP {uuid.uuid4().hex[:6]}", "keyCompanyId": company, "permissions": list(permissions)}
    return await admin.call("POST", KEYS, {**fields, "validUntilDate": until.isoformat()})


async def test_outside_is_told_asks_and_is_shut_out(instance: Any, door: Any) -> None:
    """A case is approved: 500 the first time, taken the second, signed by both secrets; pulled; the key revoked."""
    admin, receiver = await door("administrator"), documented()
    erp = Chat(urlsplit(instance.receiver).port or 0)
    erp.answer = lambda number: (500, "busy") if number == 1 else OK
    hook = await admin.call(
        "POST",
        WEBHOOKS,
        {
            "name": f"旧ERP {uuid.uuid4().hex[:6]}",
            "address": f"{instance.receiver}/erp",
            "events": ["APPROVAL_CASE_APPROVED", "PROCUREMENT_PURCHASE_ORDER_RELEASED"],
        },
    )
    try:
        fresh = await admin.call("POST", f"{WEBHOOKS}/{hook['id']}:rotate", {"etag": hook["etag"]})
        requisition = await written(door, title_of("外部系统"), BEARING)
        await submit(door, requisition)
        await approve(door, requisition)

        async def told() -> Any:
            about = [one for one in erp.heard if requisition["id"] in one["raw"].decode()]
            assert len(about) >= 2, erp.heard
            return about

        first, second = (await eventually(told, seconds=60))[:2]
        assert first["raw"] == second["raw"]
        assert first["headers"]["heyi-event"] == "approval.case.approved"
        for secret in (hook["secret"], fresh["secret"]):
            assert receiver["verified"](second["headers"]["heyi-signature"], second["raw"], secret)
        assert not receiver["verified"](second["headers"]["heyi-signature"], second["raw"], "hys_forged")

        async def logged() -> None:
            rows = (await admin.get(DELIVERIES, filter=f'webhook_id = "{hook["id"]}"'))["webhookDeliveries"]
            assert [row["attemptCount"] for row in rows if row["eventId"] == second["body"]["id"]] == [2]
            assert {row["state"] for row in rows if row["eventId"] == second["body"]["id"]} == {"SENT"}

        await eventually(logged, seconds=30)
        await told_of_the_order(door, erp, receiver, (await ordered(door, requisition))["lines"][0]["orderId"], fresh)
        await asks_and_is_shut_out(instance, admin, receiver, second["body"]["id"])
    finally:
        erp.close()
        found = await admin.get(f"{WEBHOOKS}/{hook['id']}")
        await admin.call("POST", f"{WEBHOOKS}/{hook['id']}:deactivate", {"etag": found["etag"]})


async def told_of_the_order(door: Any, erp: Chat, receiver: Any, order_id: str, hook: Any) -> None:
    """What was agreed to was ordered; the order is released, and the program outside is told that too."""
    buyer = await door("buyer")
    order = await buyer.get(f"{ORDERS}/{order_id}")
    if order["state"] == "DRAFT":
        await buyer.call("POST", f"{ORDERS}/{order_id}:release", {"etag": order["etag"]})

    async def told() -> Any:
        about = [one for one in erp.heard if order_id in one["raw"].decode()]
        assert about, "nobody was told of the order"
        return about[0]

    heard = await eventually(told, seconds=60)
    assert heard["headers"]["heyi-event"] == "procurement.purchase_order.released"
    assert receiver["verified"](heard["headers"]["heyi-signature"], heard["raw"], hook["secret"])
    assert order["number"] in heard["raw"].decode()


async def asks_and_is_shut_out(instance: Any, admin: Any, receiver: Any, event_id: str) -> None:
    key = await a_key(admin, *MAY)
    inbox = receiver["Inbox"]()

    async def known() -> None:
        async with httpx2.AsyncClient(base_url=instance.url, trust_env=False) as http:
            answer = await http.get(PULL, headers={"x-api-key": key["secret"]})
            assert answer.status_code == 200, answer.text

    await eventually(known, seconds=30)
    failed: list[BaseException] = []

    def pull() -> None:
        try:
            inbox.pull(instance.url, key["secret"])
        except OSError as problem:
            failed.append(problem)

    # the documented receiver asks as programs do, and would hold up the stories' own work
    thread = threading.Thread(target=pull)
    thread.start()

    async def done() -> None:
        assert not thread.is_alive()

    await eventually(done, seconds=60)
    assert failed == []
    assert event_id in inbox.seen

    async def used() -> None:
        assert (await admin.get(f"{KEYS}/{key['id']}")).get("lastUseTime")

    await eventually(used, seconds=40)
    shown = await admin.get(f"{KEYS}/{key['id']}")
    assert key["secret"] not in str(shown)
    await admin.call("POST", f"{KEYS}/{key['id']}:revoke", {"etag": shown["etag"], "reason": "换了系统"})

    async def refused() -> None:
        async with httpx2.AsyncClient(base_url=instance.url, trust_env=False) as http:
            answer = await http.get(PULL, headers={"authorization": f"Bearer {key['secret']}"})
            assert answer.status_code == 401, answer.text

    await eventually(refused, seconds=10)


@pytest.mark.beside
@pytest.mark.parametrize(("locale", "dark", "size"), [("zh-CN", False, None), ("en", True, None), ("en", False, PHONE)])
async def test_browser_outside_pages(window: Any, door: Any, locale: str, dark: bool, size: Any) -> None:
    """A webhook and a key are made; the secret is shown once, and both pages are for everybody's eyes."""
    mine = await window("admin", locale=locale, dark=dark, **({"size": size} if size else {}))
    page, screen = mine.page, mine.screen
    hook, key = "approval.webhook", "identity.api_key"

    await mine.go("/approval/webhooks/new")
    await screen.field(hook, "name").first.fill(f"旧ERP {uuid.uuid4().hex[:6]}")
    await screen.field(hook, "address").first.fill("https://erp.example/heyi")
    chosen = screen.choice(hook, "events", "APPROVAL_CASE_APPROVED")
    await screen.choose(screen.field(hook, "events").first, chosen, chosen)
    await page.keyboard.press("Escape")
    await mine.picture("webhook-form")
    await screen.button(screen.t("action.save")).click()
    await expect(page.locator("[data-once=secret]")).to_contain_text("hys_")
    await page.wait_for_url(re.compile(r"/approval/webhooks/[0-9a-f-]{36}"))
    made = re.search(r"webhooks/([0-9a-f-]{36})", page.url)
    assert made is not None
    await mine.picture("webhook-secret")
    await page.reload()
    await expect(page.locator("[data-action=rotate]").or_(page.locator(".action-bar")).first).to_be_visible()
    await expect(page.locator("[data-once=secret]")).to_have_count(0)
    await expect(page.get_by_role("region", name=screen.plural("approval.webhook_delivery")).first).to_be_visible()
    assert await violations(page) == []
    await mine.picture("webhook")
    await (await door("administrator")).call("POST", f"{WEBHOOKS}/{made[1]}:deactivate", {})

    await mine.go("/identity/api-keys/new")
    await screen.field(key, "name").first.fill(f"旧ERP {uuid.uuid4().hex[:6]}")
    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await mine.picture("api-key-form")
    for place in ("/approval/webhooks", "/approval/webhook-deliveries", "/identity/api-keys"):
        await mine.go(place)
        await expect(page.get_by_role("heading").first).to_be_visible()
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await mine.picture(place.rpartition("/")[2])
