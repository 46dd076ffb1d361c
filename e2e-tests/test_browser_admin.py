"""The administrator: a department, a post, a new colleague who can work at once, and one who no longer may."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import uuid
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe import violations
from playwright.async_api import expect
from screen import Screen, spaced
from test_browser_first_run import first_sign_in

from chassis.testing import eventually
from conftest import PHONE
from infra.local.demo.door import CannotGoOnError, Door
from infra.local.instance import DEMO_PASSWORD, Instance

DEPARTMENT, POST, EMPLOYEE, GRANT = (f"identity.{name}" for name in ("department", "post", "employee", "grant"))
EMERGENCY, SEALED = "identity.emergency", "00000000-0000-7000-8000-000000000002"
FIRST_PASSWORD, OWN_PASSWORD = "Heyi-first-2026", "Heyi-own-2027"


async def fill_in(screen: Screen, document: str, route: str, values: dict[str, str], picked: dict[str, str]) -> None:
    """Write a new record through its form; `picked` are references and choices."""
    await screen.page.goto(f"{screen.base}/identity/{route}/new")
    for name, text in values.items():
        await screen.field(document, name).first.fill(text)
    for name, text in picked.items():
        await screen.choose(screen.field(document, name).first, text, text)
    await screen.button(screen.t("action.save")).click()
    await screen.page.wait_for_url(re.compile(rf"/identity/{route}/[0-9a-f-]{{36}}"))


async def in_step(door: Any, employee: str, state: str) -> None:
    """The account in Keycloak has followed the employee: that is done after each change, beside the page."""
    admin = await door("administrator")

    async def followed() -> None:
        found = await admin.get(f"/v1/identity/employees/{employee}")
        assert (found["state"], found["accountState"]) == (state, "IN_STEP")

    await eventually(followed)


async def test_browser_admin_brings_in_a_colleague_and_lets_one_go(window: Any, door: Any) -> None:
    """Department, post, employee, grant; the first sign-in changes the password; disabled, the open page is over."""
    admin = await window("admin")
    screen, tag = admin.screen, uuid.uuid4().hex[:6]
    department, post, name, username = f"精度检测组{tag}", f"检测工程师{tag}", f"何静{tag}", f"hejing{tag}"
    code = tag.upper()
    await fill_in(
        screen, DEPARTMENT, "departments", {"code": f"D{code}", "name": department}, {"parentId": "机加工车间"}
    )
    await fill_in(screen, POST, "posts", {"code": f"P{code}", "name": post}, {})
    person = {"code": f"E{code}", "name": name, "username": username, "initialPassword": FIRST_PASSWORD}
    await fill_in(screen, EMPLOYEE, "employees", person, {"departmentId": department, "postId": post})
    employee = admin.page.url
    key = urlsplit(employee).path.rsplit("/", 1)[1]
    await expect(admin.page.get_by_role("main")).to_contain_text(name)
    await admin.picture("employee")
    reach = screen.choice(GRANT, "scope", "COMPANY")
    await fill_in(screen, GRANT, "grants", {}, {"employeeId": name, "roleId": "审计", "scope": reach})

    await in_step(door, key, "ACTIVE")
    theirs = await window(None)
    theirs.expected.add(401)
    page = theirs.page
    await theirs.go("/")
    await page.fill("#username", username)
    await page.fill("#password", FIRST_PASSWORD)
    await page.click("#kc-login")
    await page.fill("#password-new", OWN_PASSWORD)
    await page.fill("#password-confirm", OWN_PASSWORD)
    await theirs.picture("password-change")
    await page.locator("[type=submit]").first.click()
    await page.wait_for_url(lambda url: url.startswith(theirs.base))
    await theirs.screen.read_contract()
    await expect(theirs.screen.heading(re.compile(name))).to_be_visible()
    menu = page.get_by_role("navigation").get_by_role("link", name=theirs.screen.plural("procurement.supplier_item"))
    await expect(menu).to_be_visible()

    await admin.page.goto(employee)
    label = screen.action(EMPLOYEE, "disable")
    await screen.button(label).click()
    await screen.dialog().get_by_role("textbox").fill("已离职。")
    await screen.dialog().get_by_role("button", name=spaced(label)).click()
    await expect(admin.page.get_by_role("main")).to_contain_text(screen.state(EMPLOYEE, "DISABLED"))
    # the open page says by itself what is the matter, and whom to ask
    await expect(theirs.screen.heading(theirs.screen.t("closed.title"))).to_be_visible()
    await expect(page.get_by_role("main")).to_contain_text(theirs.screen.t("closed.ask"))
    assert await violations(page) == []
    await theirs.picture("account-closed")
    await theirs.screen.button(theirs.screen.t("frame.signOut")).click()
    await page.wait_for_url(lambda url: not url.startswith(theirs.base))
    await in_step(door, key, "DISABLED")
    await theirs.go("/")
    await page.fill("#username", username)
    await page.fill("#password", OWN_PASSWORD)
    await page.click("#kc-login")
    await expect(page.locator("#kc-login")).to_be_visible()
    await expect(page.get_by_text(re.compile("停用|禁用"))).to_be_visible()


async def test_browser_admin_helps_with_sign_in(window: Any, door: Any, instance: Instance) -> None:
    """Locked after wrong passwords, seen on the person's page, unlocked; then the sealed account, for an emergency."""
    username, administrator = "qinlang", await door("administrator")
    mine = Door(instance.url)
    for _ in range(4):
        with pytest.raises(CannotGoOnError):
            await mine.sign_in(username, "not-the-password")
    (person,) = (await administrator.get("/v1/identity/employees", filter=f'username = "{username}"'))["employees"]
    admin = await window("admin")
    screen, page = admin.screen, admin.page
    await admin.go(f"/identity/employees/{person['id']}")
    account = screen.panel(screen.t("account.title"))
    await expect(account).to_contain_text(screen.t("account.locked"))
    assert await violations(page) == []
    await admin.picture("account-locked")
    label = screen.action(EMPLOYEE, "unlock")
    await screen.button(label).click()
    await screen.dialog().get_by_role("button", name=spaced(label)).click()
    await in_step(door, person["id"], "ACTIVE")
    await expect(account).not_to_contain_text(screen.t("account.locked"))
    await mine.sign_in(username, DEMO_PASSWORD)
    await mine.close()

    reason = "All administrators are on a plane, rehearsal"
    env = {**os.environ, **instance.env()}
    opened = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "identity.emergency", reason, env=env, stdout=asyncio.subprocess.PIPE
    )
    said = (await opened.communicate())[0].decode()
    password = re.search(r"with (\S+)", said)
    assert (opened.returncode, password is not None) == (0, True), said
    line = page.locator(".ant-alert").get_by_role("link", name=re.compile(reason))
    await expect(line).to_be_visible()
    await in_step(door, SEALED, "ACTIVE")
    phone = await window(None, locale="en", size=PHONE)
    phone.expected.add(401)
    await first_sign_in(phone, "emergency", password[1], OWN_PASSWORD)
    await expect(phone.page.get_by_role("link", name=re.compile(reason))).to_be_visible()
    assert await violations(phone.page) == []
    await phone.picture("emergency")
    await line.click()
    await expect(page.get_by_role("main")).to_contain_text(screen.state(EMERGENCY, "OPEN"))
    label = screen.action(EMERGENCY, "close")
    await screen.button(label).click()
    await screen.dialog().get_by_role("textbox").fill("演练结束")
    await screen.dialog().get_by_role("button", name=spaced(label)).last.click()
    await expect(line).to_be_hidden()
    assert await violations(page) == []
    await admin.picture("emergency-closed")
    await expect(phone.screen.heading(phone.screen.t("closed.title"))).to_be_visible()
    await in_step(door, SEALED, "DISABLED")
