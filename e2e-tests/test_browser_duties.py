"""Separated duties and "why": an administrator keeps a pair, a grant is refused, a person is told why not."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from axe import violations
from playwright.async_api import expect
from screen import Screen

from conftest import PHONE

PAIR, GRANT, EMPLOYEE, ROLE = (f"identity.{name}" for name in ("duty_conflict", "grant", "employee", "role"))
PAIRS, ROLES, GRANTS = "/v1/identity/duty-conflicts", "/v1/identity/roles", "/v1/identity/grants"
KEEPS, ORDERS = "inventory.unit.update", "procurement.supplier_item.update"


def permission(screen: Screen, name: str) -> str:
    return next(str(one["label"]) for one in screen.meta["permissions"] if one["name"] == name)


@pytest.fixture
async def roles(door: Any, demo: Any) -> AsyncIterator[list[dict[str, Any]]]:
    """Two roles of this story alone, the first given to the demo's requester; afterwards nobody has them."""
    admin, tag = await door("administrator"), uuid.uuid4().hex[:6]
    made = [
        await admin.call("POST", ROLES, {"code": f"R{tag}{n}", "name": f"{tag}角色{n}", "permissions": [name]})
        for n, name in enumerate((KEEPS, ORDERS))
    ]
    grant = {"employeeId": demo(EMPLOYEE, "shenjiayi"), "roleId": made[0]["id"], "scope": "COMPANY"}
    await admin.call("POST", GRANTS, {**grant, "grantCompanyId": demo("identity.company", "SH")})
    yield made
    for role in made:
        wanted = f'role_id = "{role["id"]}" AND state = "ACTIVE"'
        for given in (await admin.get(GRANTS, filter=wanted)).get("grants", []):
            await admin.call("POST", f"{GRANTS}/{given['id']}:revoke", {"reason": "故事结束"})


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
async def test_browser_administrator_keeps_duties_apart(
    window: Any, door: Any, roles: list[dict[str, Any]], locale: str
) -> None:
    """A new pair; the grant that would break it is refused with both duties and the reason; retired, it is given."""
    tag, (first, second) = uuid.uuid4().hex[:6], roles
    mine = await window("admin", locale=locale)
    page, screen = mine.page, mine.screen

    await mine.go("/identity/duty-conflicts")
    broken = screen.panel(screen.t("duty.violations"))
    await expect(broken.get_by_role("row", name=re.compile("审批流程与授权额度"))).to_have_count(1)
    assert await violations(page) == []
    await mine.picture("duties")
    await mine.go("/identity/duty-conflicts/new")
    why = f"单位由 {tag} 改，价格也由他改。"
    words = {"code": f"S-{tag}", "name": f"计量与价格{tag}", "reason": why, "firstDuty": f"维护单位{tag}"}
    for name, text in {**words, "secondDuty": f"维护价格{tag}"}.items():
        await screen.field(PAIR, name).first.fill(text)
    refuse = screen.choice(PAIR, "severity", "REFUSE")
    await screen.choose(screen.field(PAIR, "severity"), refuse, refuse)
    await screen.choose(screen.field(PAIR, "keeperId"), "方静", "方静")
    keeps = permission(screen, KEEPS)
    await screen.choose(screen.field(PAIR, "firstPermissions").first, keeps, keeps)
    await page.keyboard.press("Escape")
    # by a role of this story's own: whoever is left of an earlier one breaks no pair of this one
    await screen.choose(screen.field(PAIR, "secondRoleIds").first, second["name"], second["name"])
    await page.keyboard.press("Escape")
    assert await violations(page) == []
    await mine.picture("duty-form")
    await screen.button(screen.t("action.save")).click()
    await page.wait_for_url(re.compile(r"/identity/duty-conflicts/[0-9a-f-]{36}"))
    pair = page.url
    await expect(screen.panel(screen.t("duty.violations"))).to_contain_text(screen.t("duty.none"))
    await expect(screen.panel(words["firstDuty"])).to_contain_text(keeps)
    await mine.picture("duty")

    mine.expected.add(400)
    await mine.go("/identity/grants/new")
    await screen.choose(screen.field(GRANT, "employeeId"), "沈佳怡", "沈佳怡")
    await screen.choose(screen.field(GRANT, "roleId"), second["name"], second["name"])
    company = screen.choice(GRANT, "scope", "COMPANY")
    await screen.choose(screen.field(GRANT, "scope"), company, company)
    await screen.button(screen.t("action.save")).click()
    for told in ("沈佳怡", words["firstDuty"], f"维护价格{tag}", first["name"], why):
        await expect(page.get_by_role("main")).to_contain_text(told)
    await mine.picture("duty-refused")

    # what only reports is given, and stands on the page of the pair and of the person
    admin = await door("administrator")
    stands = await admin.get(f"{PAIRS}/{pair.split('?')[0].rsplit('/', 1)[1]}")
    await admin.call("PATCH", f"{PAIRS}/{stands['id']}", {"severity": "REPORT"})
    await screen.button(screen.t("action.save")).click()
    await page.wait_for_url(re.compile(r"/identity/grants/[0-9a-f-]{36}"))
    await page.goto(pair)
    found = screen.panel(screen.t("duty.violations"))
    await expect(
        found.get_by_role("row", name=re.compile(f"沈佳怡.*{first['name']}.*{second['name']}"))
    ).to_be_visible()
    assert await violations(page) == []
    await mine.picture("duty-broken")
    await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    await found.get_by_role("row").last.scroll_into_view_if_needed()
    await mine.picture("duty-broken")
    await mine.go("/identity/duty-conflicts")
    await broken.get_by_role("row", name=re.compile("审批流程与授权额度")).scroll_into_view_if_needed()
    await mine.picture("duties")
    await admin.call("POST", f"{PAIRS}/{stands['id']}:deactivate", {"reason": "故事结束"})


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
async def test_browser_whoever_may_not_is_told_why_and_who_can_help(window: Any, demo: Any, locale: str) -> None:
    """A page without the right, a record beyond the reach, and the administrator's view of the same person."""
    mine = await window("requester", locale=locale)
    page, screen = mine.page, mine.screen
    mine.expected |= {403, 404}
    verdict = screen.meta["enums"]["AccessExplanation.Verdict"]
    words = {one["name"]: one["label"] for one in verdict}

    await mine.go("/procurement/supplier-items")
    await screen.button(screen.t("why.ask")).click()
    drawer = screen.dialog()
    await expect(drawer).to_contain_text(words["NOT_HELD"])
    await expect(drawer).to_contain_text("田晓琳")
    assert await violations(page) == []
    await mine.picture("why-not-held")
    await mine.go(f"/procurement/purchase-requisitions/{demo('procurement.purchase_requisition', 'nowhere')}")
    await screen.button(screen.t("why.ask")).click()
    await expect(drawer).to_contain_text(screen.t("why.allowedMine"))
    await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    await expect(drawer).to_be_visible()
    await mine.picture("why-hidden")

    admin = await window("admin", locale=locale)
    page, screen = admin.page, admin.screen
    await admin.go(f"/identity/employees/{demo(EMPLOYEE, 'shenjiayi')}?company={demo('identity.company', 'SH')}")
    access = screen.panel(screen.t("access.title"))
    await expect(access).to_contain_text("员工")
    await access.get_by_text(re.compile(re.escape(screen.title("procurement.purchase_requisition")))).first.click()
    assert await violations(page) == []
    await admin.picture("access")
    wanted = permission(screen, "procurement.purchase_order.release")
    await screen.choose(access.get_by_role("combobox", name=screen.t("access.ask")), wanted, wanted)
    await expect(screen.dialog()).to_contain_text(words["NOT_HELD"])
    await admin.picture("access-why")
    await page.keyboard.press("Escape")
    await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    await access.get_by_role("heading").first.scroll_into_view_if_needed()
    await admin.picture("access")
