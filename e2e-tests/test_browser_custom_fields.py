"""A field that an administrator adds to requisitions: in their form, in a flow, list, filter, export, and on paper."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from axe import violations
from drawing import FLOW, Drawing
from flows import publication_approved
from guide import clicks, clicks_said, count_clicks
from papers import submit, title_of, written
from playwright.async_api import expect
from python_calamine import CalamineWorkbook
from screen import REQUISITION, REQUISITIONS
from test_browser_prints import texts

from chassis.testing import eventually
from conftest import DESKTOP, PHONE

PAGE = "/platform/custom-fields"
OF = f"{PAGE}?type={REQUISITION}"


@pytest.mark.parametrize(("locale", "size"), [("zh-CN", DESKTOP), ("en", PHONE)])
async def test_browser_custom_fields(window: Any, door: Any, locale: str, size: Any, tmp_path: Any) -> None:
    """Defined, filled in, asked by a flow, filtered, exported, printed; retired, it keeps what was written."""
    key = f"risk_{uuid.uuid4().hex[:6]}"
    chinese, english = f"风险等级{key[-4:]}", f"Risk {key[-4:]}"
    label = chinese if locale == "zh-CN" else english
    office = await window("admin", locale=locale, size=size)
    page, screen = office.page, office.screen
    t = screen.t

    # the steps of the guide
    await office.go(OF)
    await count_clicks(page)
    await page.get_by_role("button", name=t("custom.add")).click()
    form = page.get_by_role("dialog", name=t("custom.add"))
    await form.get_by_label(t("custom.label.zh-CN"), exact=True).fill(chinese)
    await form.get_by_label(t("custom.label.en"), exact=True).fill(english)
    await form.locator('[id="field.key"]').fill(key)
    await form.locator('[id="field.kind"]').click()
    await page.locator(".ant-select-item-option").nth(7).click()
    for at, (option, zh, en) in enumerate((("low", "低", "Low"), ("high", "高", "High"))):
        await form.get_by_role("button", name=t("custom.addOption")).click()
        row = form.locator(".entry-row").nth(at)
        await row.get_by_label(t("custom.label.zh-CN")).fill(zh)
        await row.get_by_label(t("custom.label.en")).fill(en)
        await expect(row.get_by_label(t("custom.key"))).to_have_value(option)
    await form.locator("label").filter(has_text=screen.label("platform.custom_field", "printed")).click()
    await expect(form.get_by_role("region", name=t("custom.preview"))).to_contain_text(label)
    assert await violations(page) == []
    await office.picture("custom-field")
    await form.get_by_role("button", name=t("action.save")).click()
    await expect(page.get_by_role("main")).to_contain_text(key)
    taken = [await clicks(page)]
    assert await violations(page) == []
    await office.picture("custom-fields")

    # in the requester's form
    high = "高" if locale == "zh-CN" else "High"
    draft = await written(
        door, title_of("风险采购"), {"item": "2002-0004", "quantity": str(2000 + uuid.uuid4().int % 10**6)}
    )
    mine = await window("requester", locale=locale, size=size)
    await mine.go(f"/procurement/purchase-requisitions/{draft['id']}/edit")
    await mine.page.get_by_label(label, exact=True).click()
    await mine.page.locator(".ant-select-item-option").filter(has_text=high).click()
    requester = await door("requester")

    async def kept() -> Any:
        found = await requester.get(f"{REQUISITIONS}/{draft['id']}")
        assert found.get("customFields", {}).get(key) == "high"
        return found

    await eventually(kept)
    await mine.picture("custom-field-form")

    # asked by a flow that is for high risk alone
    code, step = f"RISK-{key[-6:]}".upper(), f"风险审核{key[-4:]}"
    await office.go("/approval/flow-definitions/new")
    drawing = Drawing(office)
    await drawing.begin(code, chinese, screen.title(REQUISITION), "姚")
    await screen.field(FLOW, "priority").first.fill("1")
    await count_clicks(page)
    await drawing.only_where(label, high)
    taken.append(await clicks(page))
    await drawing.card(t("flow.departmentHead")).click()
    drawer = page.get_by_role("dialog", name=t("flow.node"))
    await drawer.get_by_label(t("flow.name"), exact=True).fill(step)
    await drawing.close(drawer)
    await drawing.publish(f"{chinese}为高时。")
    await publication_approved(door, code)
    await submit(door, draft)

    async def waits() -> Any:
        found = await (await door("first approver")).get("/v1/approval/tasks", filter=f'document_id = "{draft["id"]}"')
        assert found["tasks"], "nobody is asked yet"
        return found["tasks"][0]

    assert (await eventually(waits))["nodeName"] == step, "the flow of high risk was not chosen"

    # listed, filtered, exported by whoever sees it
    await mine.go("/procurement/purchase-requisitions")
    await count_clicks(mine.page)
    await mine.page.get_by_role("button", name=t("list.addFilter")).click()
    await mine.page.get_by_role("menuitem", name=label).click()
    await mine.screen.offered(high).click()
    table = mine.page.get_by_role("main")
    await expect(table).to_contain_text(draft["title"])
    await expect(table).to_contain_text(high)
    await expect(table.locator("tr.ant-table-row")).to_have_count(1)
    await expect(mine.page).to_have_url(re.compile(f"f.customFields.{key}=high"))
    taken.append(await clicks(mine.page))
    await mine.page.keyboard.press("Escape")
    await count_clicks(mine.page)
    async with mine.page.expect_download() as coming:
        await mine.page.get_by_role("button", name=t("list.export")).click()
    taken.append(await clicks(mine.page))
    path = tmp_path / "list.xlsx"
    await (await coming.value).save_as(path)
    cells = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    at = cells[0].index(label)
    assert [row[at] for row in cells[1:]] == [high]

    # on paper: the document's own, and the page as it is
    await mine.go(f"/procurement/purchase-requisitions/{draft['id']}")
    await expect(mine.page.get_by_role("main")).to_contain_text(label)
    await count_clicks(mine.page)
    await mine.page.get_by_role("button", name=t("detail.print")).click()
    await mine.page.get_by_role("menuitem", name=t("print.document")).click()
    async with mine.context.expect_page() as paper:
        await mine.page.get_by_role("link", name=t("print.open")).click()
    taken.append(await clicks(mine.page))
    address = (await paper.value).url
    await (await paper.value).close()
    pdf = await (await mine.context.request.get(address)).body()
    assert any(label in text for text in texts(pdf))
    heading = "自定义字段" if locale == "zh-CN" else "Custom fields"
    assert taken == clicks_said(locale, heading)
    await mine.page.keyboard.press("Escape")
    await mine.page.emulate_media(media="print")
    await expect(mine.page.get_by_role("term").filter(has_text=label)).to_be_visible()
    await expect(mine.page.locator("header.top")).to_be_hidden()
    await mine.picture("custom-field-paper")

    # retired, what was written stays
    await office.go(OF)
    row = page.get_by_role("row").filter(has_text=key)
    await row.get_by_role("button", name=screen.action("platform.custom_field", "retire")).click()
    await page.locator(".ant-popconfirm-buttons .ant-btn-primary").click()
    await expect(row).to_contain_text(screen.state("platform.custom_field", "RETIRED"))
    assert (await kept())["customFields"][key] == "high"
