"""An administrator says how orders look on paper; a buyer prints one in the other language."""

from __future__ import annotations

import re
import uuid
import zlib
from typing import Any

from axe import violations
from papers import approve, submit, title_of, written
from playwright.async_api import expect
from screen import ORDER, ORDERS, REQUISITION, spaced

from conftest import PHONE

TEMPLATE = "identity.print_template"
HEX = re.compile(rb"<([0-9a-f]+)>")


def texts(pdf: bytes) -> list[str]:
    """The words of a PDF, read by each of its fonts: a word stands in one of them."""
    # what was packed may end with the very byte that may also end its line: the sum at its end is not asked for
    packed = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    streams = [zlib.decompressobj().decompress(one) for one in packed]
    runs = [b"".join(HEX.findall(run)) for one in streams for run in re.findall(rb"\[(<[^\]]*)\] TJ", one)]
    read = []
    for font in (one for one in streams if b"beginbfchar" in one):
        known = {
            code: bytes.fromhex(said.decode()).decode("utf-16-be")
            for code, said in re.findall(rb"<([0-9a-f]{4})> <([0-9a-f]+)>", font)
        }
        codes = [[run[at : at + 4] for at in range(0, len(run), 4)] for run in runs]
        read.append("\n".join("".join(known.get(code, "?") for code in run) for run in codes))
    return read


async def test_browser_a_template_is_made_and_an_order_printed_in_the_other_language(window: Any, door: Any) -> None:
    """Chosen by their names, looked at in the preview; the buyer's paper says what the template says, in English."""
    name = f"对外订单{uuid.uuid4().hex[:4]}"
    office = await window("admin")
    page, screen = office.page, office.screen
    await office.go("/identity/print-templates/new")
    await screen.choose(screen.field(TEMPLATE, "documentType"), screen.title(ORDER), screen.title(ORDER))
    await screen.field(TEMPLATE, "name").fill(name)
    await screen.field(TEMPLATE, "titleEn").fill("Order for our supplier")
    await screen.field(TEMPLATE, "footer").fill("Please confirm within two days")
    for field in ("number", "supplierName", "amount"):
        label = screen.label(ORDER, field)
        await screen.choose(screen.field(TEMPLATE, "fieldNames"), label, label)
    await page.keyboard.press("Escape")
    await screen.choose(screen.field(TEMPLATE, "paper"), "A4", "A4")
    assert await violations(page) == []
    await office.picture("print-template-form")
    await screen.button(screen.t("action.save")).click()
    main = page.get_by_role("main")
    await expect(screen.heading(name)).to_be_visible()
    async with page.expect_response(lambda answer: "/prints/" in answer.url) as preview:
        await screen.button(screen.t("print.showExample")).click()
    assert (await preview.value).headers["content-type"].startswith("application/pdf")
    await expect(main).to_contain_text(
        " · ".join(screen.label(ORDER, one) for one in ("number", "supplierName", "amount"))
    )
    await expect(page.get_by_title(screen.t("print.preview"))).to_be_visible()
    assert await violations(page) == []
    await office.picture("print-template")

    order = (await (await door("buyer")).get(ORDERS, filter='state = "RELEASED" OR state = "CONFIRMED"'))[
        "purchaseOrders"
    ][0]
    buyer = await window("buyer", size=PHONE)
    page, screen = buyer.page, buyer.screen
    await buyer.go(f"/procurement/purchase-orders/{order['id']}")
    await screen.button(screen.t("detail.print")).click()
    await page.get_by_role("menuitem", name=screen.t("print.document")).click()
    drawer = screen.dialog()
    await drawer.get_by_text("English", exact=True).click()
    await screen.choose(drawer.get_by_label(screen.t("print.template")), name, name)
    link = drawer.get_by_role("link", name=spaced(screen.t("print.open")))
    await expect(link).to_have_attribute("href", re.compile(r"templateId=.*locale=en"))
    assert await violations(page) == []
    await buyer.picture("print-document")

    printed = await buyer.context.request.get(buyer.base + str(await link.get_attribute("href")))
    assert printed.headers["content-type"].startswith("application/pdf")
    read = texts(await printed.body())
    for word in ("Order for our supplier", "Please confirm within two days", order["number"], order["supplierName"]):
        assert any(word in one for one in read), (word, read)
    assert not any("大写" in one for one in read)


async def test_browser_a_requisition_is_printed_with_what_its_approvers_said(window: Any, door: Any) -> None:
    """Where its template says so; for whoever may see the case, and on no other paper."""
    values = {"documentType": REQUISITION, "name": f"含意见{uuid.uuid4().hex[:4]}", "paper": "A4", "showOpinions": True}
    template = await (await door("admin")).call("POST", "/v1/identity/print-templates", values)
    paper = await written(door, title_of("打印意见"), {"item": "2002-0004", "quantity": "10"})
    await submit(door, paper)
    await approve(door, paper)
    mine = await window("requester")

    async def printed(how: str) -> str:
        address = f"/v1/procurement/prints/{REQUISITION}/{paper['id']}?{how}"
        answer = await mine.context.request.get(mine.base + address)
        assert answer.status == 200, await answer.text()
        return "\n".join(texts(await answer.body()))

    whole = await printed(f"templateId={template['id']}")
    assert "审批意见" in whole
    assert "马建国" in whole
    assert "审批意见" not in await printed("standard=true")
