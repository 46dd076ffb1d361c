"""A house that holds nothing: from the printed first password to the first order, by the guided start alone."""

from __future__ import annotations

import asyncio
import datetime
import io
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from axe import violations
from factory import credit_code
from playwright.async_api import Browser, expect
from screen import REQUISITION, spaced
from test_browser_approval import decide

from conftest import DESKTOP, PHONE, Window
from infra.local.demo.story import day_in
from infra.local.instance import Instance

COMPANY, DEPARTMENT, EMPLOYEE, FLOW = (
    "identity.company",
    "identity.department",
    "identity.employee",
    "approval.flow_definition",
)
PUBLICATION, TASK, SUPPLIER = "approval.flow_publication", "approval.task", "procurement.supplier"
FORM = "approval.form_definition"
NUMBERS = "identity.number_format"
OWN_PASSWORD, THEIR_PASSWORD = "Heyi-own-2027", "Heyi-theirs-2027"
TODAY = datetime.datetime.now(ZoneInfo("Asia/Shanghai")).date().isoformat()
NUMBER = f"CG{TODAY[:4]}{TODAY[5:7]}-0001"
# a house of its own is started first
pytestmark = pytest.mark.timeout(900)

# what the administrator has in spreadsheets: step of the guided start -> rows, by the template's columns
SHEETS: dict[str, list[dict[str, str]]] = {
    "departments": [
        {"部门代码": "A", "部门名称": "总经办"},
        {"部门代码": "B", "部门名称": "装配车间", "上级部门": "A"},
    ],
    "people": [{"工号": "001", "姓名": "陆一鸣", "登录名": "luyiming", "所属公司": "YL", "部门": "B"}],
    "heads": [{"部门": "B", "类型": "负责人", "员工": "001", "开始日期": TODAY}],
    "grants": [{"员工": "001", "角色": "purchasing_manager", "数据范围": "本公司"}],
    "units": [{"编码": "PCS", "名称": "个", "小数位数": "0"}],
    "categories": [{"编码": "10", "名称": "轴承", "采购策略": "自动下单", "税率": "0.13"}],
    "items": [{"物料编码": "B-6204", "名称": "深沟球轴承 6204", "类别": "10", "基本单位": "PCS", "物料类型": "零部件"}],
    "suppliers": [{"供应商名称": "苏州示例轴承有限公司", "统一社会信用代码": credit_code(7), "币种": "CNY"}],
    "prices": [{
        "供应商": "苏州示例轴承有限公司", "物料": "B-6204", "币种": "CNY", "单位": "PCS", "价格 · 起订数量": "0",
        "价格 · 单价（不含税）": "8.5", "价格 · 生效日期": TODAY,
    }],
}  # fmt: skip


@pytest.fixture(scope="module")
def house() -> Iterator[Instance]:
    """The suite as `make up COMPANY=empty` starts it; gone at the end."""
    made = Instance("first", company="empty")
    made.reset()
    try:
        made.up()
        yield made
    finally:
        made.reset()


async def first_sign_in(mine: Window, username: str, first: str, own: str) -> None:
    """With the password that was handed out, which is changed at once."""
    mine.expected.add(401)
    page = mine.page
    await page.goto(mine.base)
    await page.fill("#username", username)
    await page.fill("#password", first)
    await page.click("#kc-login")
    await page.fill("#password-new", own)
    await page.fill("#password-confirm", own)
    await page.locator("[type=submit]").first.click()
    await page.wait_for_url(lambda url: url.startswith(mine.base))
    await mine.screen.read_contract()


class Setup:
    """The administrator at the guided start."""

    def __init__(self, mine: Window, folder: Path) -> None:
        self.mine, self.page, self.screen, self.folder = mine, mine.page, mine.screen, folder

    async def steps(self) -> None:
        """Back to the list of steps, by the menu."""
        menu = self.page.get_by_role("navigation", name=self.screen.t("frame.menu"))
        await menu.get_by_role("link", name=self.screen.t("start.title")).click()
        await expect(self.screen.heading(re.compile(self.screen.t("start.title")))).to_be_visible()
        await expect(self.page.locator("[aria-busy=true]")).to_have_count(0)

    def step(self, key: str) -> Any:
        return self.page.get_by_role("listitem").filter(has_text=self.screen.t(f"start.{key}Help"))

    async def done(self, key: str) -> None:
        await self.steps()
        await expect(self.step(key)).to_contain_text(self.screen.t("start.done"))

    async def next(self, key: str) -> None:
        """Go where the next step is done: it is the one that the page says."""
        line = self.step(key)
        await expect(line).to_have_attribute("aria-current", "step")
        await line.get_by_role("button").click()

    async def company(self) -> None:
        page, screen = self.page, self.screen
        await screen.button(screen.t("list.new", title=screen.title(COMPANY))).click()
        for name, text in {"code": "YL", "name": "云岭示例机械有限公司", "creditCode": credit_code(8)}.items():
            await screen.field(COMPANY, name).first.fill(text)
        await screen.button(screen.t("action.save")).click()
        await expect(page.locator(".company-name")).to_have_text("云岭示例机械有限公司")

    async def bring(self, key: str, rows: list[dict[str, str]]) -> None:
        """The step's template, filled in, checked and brought in."""
        page, screen = self.page, self.screen
        await self.next(key)
        async with page.expect_download() as coming:
            await screen.button(screen.t("import.template")).click()
        path = await (await coming.value).path()
        book = openpyxl.load_workbook(io.BytesIO(await asyncio.to_thread(path.read_bytes)))
        sheet = book.worksheets[0]
        columns = [str(cell.value).removesuffix(" *") for cell in sheet[1]]
        for row in rows:
            assert row.keys() <= set(columns), (key, columns)
            sheet.append([row.get(column) for column in columns])
        book.save(self.folder / f"{key}.xlsx")
        await page.locator("input[type=file]").set_input_files(self.folder / f"{key}.xlsx")
        await page.wait_for_url(re.compile(r"/import/[0-9a-f-]{36}"))
        await screen.button(screen.t("import.check")).click()
        await screen.button(screen.t("import.start", count=len(rows))).click()
        await expect(page.get_by_text(screen.t("import.done", count=len(rows)))).to_be_visible()
        await self.done(key)

    async def into_a_department(self) -> None:
        """The administrator has one too: whose request it is says who is asked."""
        page, screen = self.page, self.screen
        menu = page.get_by_role("navigation", name=screen.t("frame.menu"))
        await menu.get_by_role("link", name=screen.plural(EMPLOYEE), exact=True).click()
        await page.get_by_role("row").filter(has_text="ADMIN").get_by_role("link").first.click()
        await screen.button(screen.action(EMPLOYEE, "update")).click()
        await screen.choose(screen.field(EMPLOYEE, "homeCompanyId"), "云岭", "云岭示例")
        await screen.choose(screen.field(EMPLOYEE, "departmentId"), "装配", "装配车间")
        await screen.button(screen.t("action.save")).click()
        await page.wait_for_url(re.compile(r"/employees/[0-9a-f-]{36}(\?|$)"))
        await expect(page.get_by_role("main")).to_contain_text("装配车间")

    async def first_password(self, code: str, password: str) -> None:
        page, screen = self.page, self.screen
        menu = page.get_by_role("navigation", name=screen.t("frame.menu"))
        await menu.get_by_role("link", name=screen.plural(EMPLOYEE), exact=True).click()
        await page.get_by_role("row").filter(has_text=code).get_by_role("link").first.click()
        await screen.button(screen.action(EMPLOYEE, "resetPassword")).click()
        await screen.dialog().get_by_label(screen.asked(EMPLOYEE, "resetPassword", "newPassword")).fill(password)
        await screen.dialog().get_by_role("button", name=spaced(screen.action(EMPLOYEE, "resetPassword"))).click()
        await expect(screen.dialog()).to_be_hidden()

    async def qualify(self) -> None:
        page, screen = self.page, self.screen
        await self.next("qualified")
        row = page.get_by_role("row").filter(has_text="苏州示例轴承有限公司")
        await row.get_by_role("link").first.click()
        await screen.button(screen.action(SUPPLIER, "qualify")).click()
        await screen.dialog().get_by_role("button", name=spaced(screen.action(SUPPLIER, "qualify"))).click()
        await expect(screen.dialog()).to_be_hidden()
        await expect(page.get_by_role("main")).to_contain_text(screen.state(SUPPLIER, "QUALIFIED"))
        await self.done("qualified")

    async def numbers(self) -> None:
        page, screen = self.page, self.screen
        await self.next("numbers")
        await screen.choose(screen.field(NUMBERS, "documentType"), "", screen.title(REQUISITION))
        await expect(screen.field(NUMBERS, "pattern").first).to_have_value("PR-{yyyy}-{000000}")
        await screen.field(NUMBERS, "pattern").first.fill("CG{yyyy}{mm}-{0000}")
        await expect(page.get_by_text(NUMBER)).to_be_visible()
        await screen.button(screen.t("action.save")).click()
        await page.wait_for_url(re.compile(r"/number-formats/[0-9a-f-]{36}"))
        await self.done("numbers")

    async def flow(self) -> None:
        page, screen = self.page, self.screen
        await self.next("flow")
        for name, text in {"code": "PR", "name": "采购申请审批"}.items():
            await screen.field(FLOW, name).first.fill(text)
        await screen.choose(screen.field(FLOW, "businessOwnerId"), "陆", "陆一鸣")
        await screen.button(screen.t("flow.save")).click()
        await expect(page.get_by_text(screen.t("flow.savedSound"))).to_be_visible()
        await screen.button(screen.action(FLOW, "publish")).click()
        await screen.dialog().get_by_role("textbox").fill("第一版")
        await screen.dialog().get_by_role("button", name=spaced(screen.action(FLOW, "publish"))).click()
        await expect(screen.dialog()).to_be_hidden()

    async def requisition(self) -> None:
        page, screen = self.page, self.screen
        await self.steps()
        await self.next("requisition")
        await screen.field(REQUISITION, "title").fill("第一批轴承")
        await screen.field(REQUISITION, "deliveryPlace").fill("1 号库")
        need = screen.field(REQUISITION, "needDate")
        await need.fill(day_in(30))
        await need.press("Enter")
        await screen.button(screen.t("lines.add")).click()
        await screen.choose(screen.cell(1, "itemId"), "6204", "B-6204")
        grid = page.get_by_role("grid", name=screen.label(REQUISITION, "lines"))
        await (await screen.enter(grid, 1, "quantity")).fill("20")
        await page.keyboard.press("Tab")
        await screen.button(screen.action(REQUISITION, "submit")).click()
        await expect(page.get_by_role("main")).to_contain_text(screen.state(REQUISITION, "SUBMITTED"))
        await expect(page.get_by_role("main")).to_contain_text(NUMBER)

    async def form(self) -> None:
        """One of the forms that the product brings, whenever it is wanted: no other step waits for it."""
        page, screen = self.page, self.screen
        await self.steps()
        await expect(self.step("forms")).not_to_contain_text(screen.t("start.done"))
        await self.step("forms").get_by_role("button").click()
        await screen.button(screen.t("template.from")).click()
        await screen.dialog().get_by_role("button", name=screen.t("template.takeOverNamed", name="请假申请")).click()
        await page.wait_for_url(re.compile(r"/form-definitions/[0-9a-f-]{36}"))
        await screen.button(screen.action(FORM, "publish")).click()
        await screen.dialog().get_by_role("button", name=spaced(screen.action(FORM, "publish"))).click()
        await expect(screen.dialog()).to_be_hidden()
        await expect(page.get_by_role("main")).to_contain_text(screen.state(FORM, "PUBLISHED"))
        await self.done("forms")


async def opened(browser: Browser, house: Instance, locale: str = "zh-CN", size: tuple[int, int] = DESKTOP) -> Window:
    """A window on the house."""
    context = await browser.new_context(locale=locale, viewport={"width": size[0], "height": size[1]})
    context.set_default_timeout(30_000)
    await context.add_init_script(
        f"if (origin !== 'null') {{ localStorage['heyi.locale'] ??= '{locale}';"
        "document.addEventListener('pointerdown',"
        " () => { localStorage.clicks = 1 + Number(localStorage.clicks ?? 0) }, true) }"
    )
    return Window(await context.new_page(), context, house.url, locale)


async def test_browser_first_run_from_nothing_to_the_first_order(
    browser: Browser, house: Instance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = await opened(browser, house)
    setup, page, screen = Setup(mine, tmp_path), mine.page, mine.screen
    began = time.monotonic()
    await first_sign_in(mine, "admin", house.first_password, OWN_PASSWORD)
    await expect(page.get_by_text(screen.t("portal.noCompany"))).to_be_visible()
    assert await violations(page) == []
    await mine.picture("first-company")
    await setup.company()

    await setup.steps()
    await mine.picture("first-steps")
    for key in ("departments", "people", "heads", "grants"):
        await setup.bring(key, SHEETS[key])
    await setup.numbers()
    for key in ("units", "categories", "items", "suppliers"):
        await setup.bring(key, SHEETS[key])
    await setup.qualify()
    await setup.bring("prices", SHEETS["prices"])
    await setup.into_a_department()
    await setup.first_password("001", "Heyi-first-2026")
    await setup.steps()
    await setup.flow()

    head = await opened(browser, house, "en", PHONE)
    await first_sign_in(head, "luyiming", "Heyi-first-2026", THEIR_PASSWORD)
    words = head.screen
    await head.page.get_by_role("link", name="PR").first.click()
    await words.button(words.action(PUBLICATION, "approve")).click()
    await expect(head.page.get_by_text(words.state(PUBLICATION, "APPROVED")).first).to_be_visible()
    await setup.requisition()
    await head.go("/")
    await words.panel(words.t("portal.todo")).get_by_role("link", name="第一批轴承").click()
    await decide(words, "approve").click()
    await words.dialog().get_by_role("button", name=spaced(words.action(TASK, "approve"))).click()
    await expect(words.dialog()).to_be_hidden()

    await setup.done("order")
    await expect(page.get_by_text(screen.t("start.finished"))).to_be_visible()
    pressed = sum([int(await each.page.evaluate("Number(localStorage.clicks ?? 0)")) for each in (mine, head)])
    with capsys.disabled():
        print(f"\nfirst order: {pressed} clicks, {time.monotonic() - began:.0f} s")
    assert await violations(page) == []
    await mine.picture("first-order")
    await setup.form()
    await expect(page.get_by_text(screen.t("start.finished"))).to_be_visible()
    await head.context.close()
    small = await opened(browser, house, "en", PHONE)
    await small.sign_in("admin", OWN_PASSWORD, at="/getting-started")
    await expect(small.page.get_by_text(small.screen.t("start.finished"))).to_be_visible()
    assert await violations(small.page) == []
    await small.picture("first-order")
    assert [*mine.faults, *head.faults, *small.faults] == []
    await mine.context.close()
    await small.context.close()
