"""Paper as the company wants it: a template of the administrator, and an order on it in the other language."""

from __future__ import annotations

import re
import struct
import uuid
import zlib
from typing import Any

from axe import violations
from playwright.async_api import expect
from screen import ORDER, ORDERS, spaced

from conftest import PHONE

TEMPLATE = "identity.print_template"
ENOUGH_FOR_A_PDF = 5_000


def png(width: int = 96, height: int = 32) -> bytes:
    """A blue picture."""
    rows = b"".join(b"\0" + b"\x1f\x4e\xa8" * width for _ in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


async def test_browser_print_template_of_an_order(window: Any, door: Any, tmp_path: Any) -> None:
    """Made with a logo, columns and places to sign; used at once on the phone, and the standard layout beside it."""
    tag = uuid.uuid4().hex[:4]
    admin = await window("admin")
    page, screen = admin.page, admin.screen
    await admin.go("/identity/print-templates/new")
    await screen.field(TEMPLATE, "name").fill(f"订单{tag}")
    await screen.choose(screen.field(TEMPLATE, "documentType"), screen.title(ORDER), screen.title(ORDER))
    for name in ("number", "supplierName", "amount"):
        await screen.choose(screen.field(TEMPLATE, "fieldNames"), screen.label(ORDER, name), screen.label(ORDER, name))
    await page.keyboard.press("Escape")
    await screen.field(TEMPLATE, "footer").fill("收货时请核对数量")
    (tmp_path / "logo.png").write_bytes(png())
    await page.locator("input[type=file]").set_input_files(tmp_path / "logo.png")
    await expect(page.locator("img.logo-preview")).to_be_visible()
    await screen.choose(screen.field(TEMPLATE, "paper"), "A4", "A4")
    assert await violations(page) == []
    await admin.picture("print-template-form")
    await screen.button(screen.t("action.save")).click()
    await page.wait_for_url(re.compile(r"/print-templates/[0-9a-f-]{36}(\?|$)"))
    await expect(page.get_by_role("main")).to_contain_text(f"订单{tag}")
    await screen.button(screen.t("print.showExample")).click()
    await expect(page.locator("iframe.print-preview")).to_be_visible()
    await admin.picture("print-template")

    (order,) = (await (await door("buyer")).get(ORDERS, pageSize=1))["purchaseOrders"]
    phone = await window("buyer", locale="en", size=PHONE)
    words = phone.screen
    await phone.go(f"/procurement/purchase-orders/{order['id']}")
    await phone.page.get_by_role("button", name=words.t("detail.print"), exact=True).click()
    await phone.page.get_by_role("menuitem", name=words.t("print.document")).click()
    drawer = words.dialog()
    await words.choose(drawer.get_by_label(words.t("print.template")), "", f"订单{tag}")
    address = drawer.get_by_role("link", name=spaced(words.t("print.open")))
    await expect(address).to_have_attribute("href", re.compile("templateId"))
    assert await violations(phone.page) == []
    await phone.picture("print-drawer")
    pictured = []
    for choice in (f"订单{tag}", words.t("print.standard")):
        await words.choose(drawer.get_by_label(words.t("print.template")), "", choice)
        printed = await phone.context.request.get(phone.base + str(await address.get_attribute("href")))
        body = await printed.body()
        assert body.startswith(b"%PDF")
        assert len(body) > ENOUGH_FOR_A_PDF
        pictured.append(b"/Subtype /Image" in body)
    assert pictured == [True, False]
