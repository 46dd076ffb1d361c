"""A form is designed with the guide alone, filled in on a phone, agreed to with a field to fill in, and printed."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from axe import violations
from drawing import Drawing
from flows import publication_approved
from guide import clicks, clicks_said, count_clicks
from playwright.async_api import Locator, expect
from screen import spaced
from test_browser_approval import decide
from test_browser_prints import texts
from test_browser_votes import TASK

from conftest import DESKTOP, PHONE
from infra.local.demo.records import id_of

FORM, REQUEST = "approval.form_definition", "approval.office_request"
KIND = "TypedField"


@pytest.mark.parametrize(("locale", "size"), [("zh-CN", DESKTOP), ("en", PHONE)])
async def test_browser_office_forms(window: Any, door: Any, demo: Any, locale: str, size: Any) -> None:
    """An expense claim with a table, its sum, a reason where it is much, and an account that finance fills in."""
    office = await window("admin", locale=locale, size=size)
    screen, page = office.screen, office.page
    mark = uuid.uuid4().hex[:4]
    code, chinese, english = f"claim_{mark}", f"费用报销{mark}", f"Expense claim {mark}"
    await office.go("/approval/form-definitions/new")
    await count_clicks(page)
    for name, text in (("code", code), ("name", chinese), ("nameEn", english), ("numberPrefix", "BX")):
        await screen.field(FORM, name).fill(text)
    properties = page.locator(".designer > .card").nth(2)

    async def add(kind: str, key: str, chinese: str, english: str) -> Locator:
        """A field from the palette, with its key and names."""
        await page.locator(".palette").get_by_role("button", name=spaced(screen.choice(KIND, "kind", kind))).click()
        for label, text in (("forms.key", key), ("forms.labelZh", chinese), ("forms.labelEn", english)):
            await properties.get_by_label(screen.t(label), exact=True).first.fill(text)
        return properties

    await add("TABLE", "items", "费用明细", "Items")
    await properties.get_by_role("button", name=spaced(screen.t("forms.addColumn"))).click()
    cost = properties.locator("fieldset").nth(1)
    for label, text in (("forms.key", "cost"), ("forms.labelZh", "金额"), ("forms.labelEn", "Cost")):
        await cost.get_by_label(screen.t(label), exact=True).fill(text)
    await cost.get_by_label(screen.t("forms.kind"), exact=True).click()
    await screen.offered(screen.choice(KIND, "kind", "AMOUNT")).click()
    await add("COMPUTED", "total", "合计", "Total")
    await properties.get_by_label(screen.t("forms.formula"), exact=True).fill("sum(items.map(i, i.cost))")
    await add("LONG_TEXT", "why", "超标原因", "Reason")
    await properties.get_by_label(screen.t("forms.requiredWhen"), exact=True).fill("total > 1000")
    await add("TEXT", "account", "会计科目", "Account")
    await properties.get_by_role("checkbox", name=screen.t("forms.approvers")).check()
    await office.picture("form-designer")
    assert await violations(page) == []
    await screen.button(screen.t("action.save")).click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(chinese)
    await expect(page).to_have_url(re.compile(r"/edit(\?|$)"))
    # the designer goes on where it was: the field that is open, and the steps back
    await expect(properties.get_by_label(screen.t("forms.key"), exact=True).first).to_have_value("account")
    await expect(page.get_by_role("button", name=spaced(screen.t("forms.undo")))).to_be_enabled()
    await page.get_by_role("link", name=screen.t("action.close")).click()
    await page.get_by_role("button", name=spaced(screen.action(FORM, "publish"))).click()
    await screen.dialog().get_by_role("button", name=spaced(screen.action(FORM, "publish"))).click()
    await expect(page.get_by_role("main")).to_contain_text(screen.state(FORM, "PUBLISHED"))
    taken = [await clicks(page)]

    # its flow: who agrees, and what only they fill in
    await office.go("/approval/flow-definitions/new")
    await count_clicks(page)
    drawing = Drawing(office)
    await drawing.begin(code.upper(), f"{chinese}审批", screen.title(REQUEST), "姚")
    named = chinese if locale == "zh-CN" else english
    await drawing.only_where(screen.label(screen.meta["documents"][REQUEST]["facts"], "form"), named)
    await drawing.card(screen.t("flow.departmentHead")).click()
    drawer = page.get_by_role("dialog", name=screen.t("flow.node"))
    await drawing.right(drawer, f"{named} · {'会计科目' if locale == 'zh-CN' else 'Account'}", "flow.rightRequired")
    await office.picture("form-flow-rights")
    assert await violations(page) == []
    await drawing.close(drawer)
    await drawing.publish("报销由部门负责人审批，并填写科目。")
    taken.append(await clicks(page))
    heading = "设计表单" if locale == "zh-CN" else "Designing a form"
    assert taken == clicks_said(locale, heading)
    await publication_approved(door, code.upper())

    phone = await window("requester", locale="en", size=PHONE)
    words = phone.screen
    await phone.page.get_by_role("link", name=english).tap()
    await phone.page.get_by_role("button", name=words.t("form.addRow", label="Items")).tap()
    row = phone.page.get_by_role("group", name=words.t("form.row", label="Items", number=1))
    await row.get_by_label("Name", exact=True).fill("hotel")
    await row.get_by_label("Cost", exact=True).fill("1357.9")
    await expect(phone.page.get_by_role("status").or_(phone.page.locator("output")).last).to_contain_text("1,357.90")
    await phone.picture("form-filled-in")
    assert await violations(phone.page) == []
    send = phone.page.get_by_role("button", name=spaced(words.action(REQUEST, "submit")))
    phone.expected.add(400)  # what is missing is said at its field
    await send.tap()
    await expect(phone.page.get_by_role("alert").first).to_be_visible()
    await phone.page.get_by_label("Reason", exact=True).fill("trade fair")
    await send.tap()
    await expect(phone.page.get_by_role("main")).to_contain_text(words.state(REQUEST, "SUBMITTED"))
    number = (await phone.page.get_by_role("heading", level=1).inner_text()).split()[0]

    desk = await window("first approver", dark=True)
    await desk.screen.panel(desk.screen.t("portal.todo")).get_by_role("link", name=chinese).first.click()
    await expect(desk.page.get_by_role("main")).to_contain_text("trade fair")
    await decide(desk.screen, "approve").click()
    await desk.screen.dialog().get_by_label("会计科目").fill("6601.02")
    await expect(desk.screen.dialog().locator("input[type=file]").first).to_be_hidden()
    await desk.picture("form-approved")
    agree = desk.screen.dialog().get_by_role("button", name=spaced(desk.screen.action(TASK, "approve")))
    changed = desk.screen.dialog().get_by_role("button", name=spaced(desk.screen.t("approval.agreeWithChanges")))
    await agree.or_(changed).click()
    await expect(desk.screen.dialog()).to_be_hidden()

    mine = await window("requester")
    listed = await (await door("requester")).get("/v1/approval/office-requests", filter=f'number = "{number}"')
    (request,) = listed["officeRequests"]
    await mine.go(f"/approval/office-requests/{request['id']}")
    await expect(mine.page.get_by_role("main")).to_contain_text("6601.02")
    await expect(mine.page.get_by_role("main")).to_contain_text(mine.screen.state(REQUEST, "APPROVED"))
    await mine.picture("office-request")
    assert await violations(mine.page) == []

    # one paper: what was filled in, what the approver wrote, and who said what
    printer = mine.page.get_by_role("button", name=mine.screen.t("detail.print"))
    await expect(printer).to_have_count(1)
    await printer.click()
    await mine.page.get_by_role("menuitem", name=mine.screen.t("print.document")).click()
    link = mine.screen.dialog().get_by_role("link", name=spaced(mine.screen.t("print.open")))
    await expect(link).to_have_attribute("href", re.compile(request["id"]))
    assert await violations(mine.page) == []
    await mine.picture("office-request-paper")
    answer = await mine.context.request.get(mine.base + str(await link.get_attribute("href")))
    assert answer.status == 200, await answer.text()
    paper = "\n".join(texts(await answer.body()))
    for word in (chinese, number, "1,357.90", "trade fair", "hotel", "6601.02", "审批意见"):
        assert word in paper, (word, paper)


async def test_browser_form_from_a_template(window: Any, door: Any) -> None:
    """A company without any form takes one over that the product brings, publishes it, and people may fill it in."""
    company = {"company": id_of("identity.company", "WX")}
    admin = await door("admin")
    office = await window("admin", locale="en", size=PHONE)
    screen, page = office.screen, office.page
    await office.go(f"/approval/form-definitions?company={company['company']}")
    await screen.button(screen.t("template.from")).click()
    line = screen.dialog().get_by_role("listitem").filter(has_text="Whatever has no form of its own.")
    await expect(line).to_contain_text("General request")
    await expect(line).to_contain_text(screen.t("forms.fieldCount", count=4))
    assert await violations(page) == []
    await office.picture("form-templates")
    # taken over by an earlier round, it leads to the form
    take = line.get_by_role("button", name=screen.t("template.takeOverNamed", name="General request"))
    await take.or_(line.get_by_role("link", name=screen.t("template.thereAlready"))).click()
    await page.wait_for_url(re.compile(r"/form-definitions/[0-9a-f-]{36}"))
    await expect(page.get_by_role("heading", level=1)).to_contain_text("general")
    key = re.search(r"[0-9a-f-]{36}", page.url.partition("form-definitions/")[2])
    assert key
    form = await admin.get(f"/v1/approval/form-definitions/{key[0]}", **company)
    if form["state"] == "DRAFT":
        await screen.button(screen.action(FORM, "publish")).click()
        await screen.dialog().get_by_role("button", name=spaced(screen.action(FORM, "publish"))).click()
        await expect(screen.dialog()).to_be_hidden()
    await expect(page.get_by_role("main")).to_contain_text(screen.state(FORM, "PUBLISHED"))
    assert (form["nameEn"], form["groupName"], form["amountKey"]) == ("General request", "Office", "cost")
    assert [one["key"] for one in form["fields"]] == ["subject", "content", "cost", "department"]
    offered = await admin.get("/v1/approval/office-requests:listForms", **company)
    assert key[0] in [one["formId"] for one in offered["forms"]]


async def test_browser_new_form_is_tried_with_an_example(window: Any) -> None:
    """A form that was never saved keeps what was typed as an example, and says what it computes."""
    office = await window("admin", locale="en")
    screen, page = office.screen, office.page
    code = f"tried_{uuid.uuid4().hex[:4]}"
    await office.go("/approval/form-definitions/new")
    for name, text in (("code", code), ("name", "试填"), ("nameEn", "Tried"), ("numberPrefix", "SH")):
        await screen.field(FORM, name).fill(text)
    properties = page.locator(".designer > .card").nth(2)
    for kind, key in (("NUMBER", "days"), ("COMPUTED", "twice")):
        await page.locator(".palette").get_by_role("button", name=spaced(screen.choice(KIND, "kind", kind))).click()
        for label in ("forms.key", "forms.labelEn"):
            await properties.get_by_label(screen.t(label), exact=True).first.fill(key)
    await properties.get_by_label(screen.t("forms.formula"), exact=True).fill("days * 2")
    preview = page.get_by_role("region", name=screen.t("forms.preview"))
    await preview.get_by_label("days", exact=True).fill("3")
    await preview.get_by_role("button", name=spaced(screen.t("forms.try"))).click()
    await expect(page).to_have_url(re.compile(r"/form-definitions/[0-9a-f-]{36}/edit"))
    await expect(preview.locator("output")).to_contain_text("6")
    await expect(preview.get_by_label("days", exact=True)).to_have_value("3")


@pytest.mark.beside
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_browser_form_designer_in_english(window: Any, size: Any) -> None:
    """The designer with a table being set up, on a desk and on a phone: whole, and readable to every technology."""
    office = await window("admin", locale="en", size=size)
    screen, page = office.screen, office.page
    await office.go("/approval/form-definitions/new")
    await screen.field(FORM, "name").fill("Travel claim")
    await page.locator(".palette").get_by_role("button", name=spaced(screen.choice(KIND, "kind", "TABLE"))).click()
    properties = page.locator(".designer > .card").nth(2)
    await properties.get_by_role("button", name=spaced(screen.t("forms.addColumn"))).click()
    await expect(properties.locator("fieldset").nth(1)).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await violations(page) == []
    await office.picture("form-designer-table")
