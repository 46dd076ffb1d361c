"""How several people decide: one after another, by a share, with a veto; and a flow that is put together in words."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from flows import published
from papers import submit, title_of, written
from playwright.async_api import expect
from screen import REQUISITION, spaced
from test_browser_approval import decide

from chassis.testing import eventually
from conftest import PHONE

TASK, CASE = "approval.task", "approval.case"


async def publish(door: Any, requisition: dict[str, Any], *nodes: dict[str, Any]) -> None:
    """A flow of these nodes, for exactly this amount."""
    company = requisition["companyId"]
    body = {
        "code": f"VOTE-{uuid.uuid4().hex[:8]}".upper(), "name": "会签", "priority": 1, "document_type": REQUISITION,
        "condition": f"amount == {float(requisition['amount'])}",
        "tree": {"id": "start", "kind": "sequence", "children": list(nodes)},
    }  # fmt: skip
    await published(door, body, company)


def node(people: list[str], **more: Any) -> dict[str, Any]:
    rules = [{"kind": "user", "employee_id": one} for one in people]
    return {"id": "both", "kind": "approve", "name": "会签", "approvers": rules, **more}


async def paper(door: Any) -> dict[str, Any]:
    """A requisition with an amount that no other has."""
    quantity = str(1000 + uuid.uuid4().int % 1_000_000)
    return await written(door, title_of("轴承补货"), {"item": "2002-0004", "quantity": quantity})


async def test_browser_votes_one_after_another(window: Any, door: Any, demo: Any) -> None:
    """The second is shown as coming next, and has nothing to do until the first agreed."""
    requisition = await paper(door)
    people = [demo("identity.employee", name) for name in ("majianguo", "suhuimin")]
    await publish(door, requisition, node(people, vote="sequential"))
    second = await window("second approver", size=PHONE)
    todo = second.screen.panel(second.screen.t("portal.todo")).get_by_role("link", name=requisition["title"])
    first = await window("first approver", locale="en")
    screen = first.screen
    await submit(door, requisition)
    await screen.panel(screen.t("portal.todo")).get_by_role("link", name=requisition["title"]).click()
    timeline = screen.panel(screen.t("timeline.title"))
    await expect(timeline.get_by_role("listitem").filter(has_text=screen.t("timeline.deciding"))).to_have_count(1)
    await expect(timeline).to_contain_text(screen.t("timeline.sequential"))
    await expect(timeline.get_by_role("listitem").filter(has_text=screen.t("timeline.later"))).to_have_count(1)
    await expect(todo).to_have_count(0)
    await first.picture("votes-sequential")
    await expect(decide(screen, "approve")).to_be_enabled()
    await first.page.keyboard.press("a")
    await first.page.keyboard.press("Enter")

    await todo.tap()
    await expect(decide(second.screen, "approve")).to_be_enabled()
    await second.picture("votes-sequential")


async def test_browser_votes_a_share_with_a_veto(window: Any, door: Any, demo: Any) -> None:
    """Enough have agreed, and still the one with the veto is waited for."""
    requisition = await paper(door)
    people = [demo("identity.employee", name) for name in ("majianguo", "suhuimin")]
    share = node(people, vote="ratio", percent=50)
    share["approvers"][1]["veto"] = True
    await publish(door, requisition, share)
    await submit(door, requisition)
    first, second = await window("first approver"), await window("second approver", locale="en", size=PHONE)
    for each in (first, second):
        await each.screen.panel(each.screen.t("portal.todo")).get_by_role("link", name=requisition["title"]).click()
        timeline = each.screen.panel(each.screen.t("timeline.title"))
        await expect(timeline).to_contain_text(each.screen.t("timeline.ratio", percent=50))
        await expect(timeline).to_contain_text(each.screen.t("timeline.veto"))
    await first.picture("votes-share")
    await expect(decide(first.screen, "approve")).to_be_enabled()
    await first.page.keyboard.press("a")
    await first.page.keyboard.press("Enter")
    said = second.screen.panel(second.screen.t("timeline.title"))
    await expect(said).to_contain_text(second.screen.choice("approval.opinion", "kind", "APPROVE"))
    await second.picture("votes-share")
    await decide(second.screen, "reject").click()
    await second.screen.dialog().get_by_label(second.screen.t("approval.opinion"), exact=True).fill("超出预算。")
    await second.screen.dialog().get_by_role("button", name=spaced(second.screen.action(TASK, "reject"))).click()
    mine = await window("requester")
    await mine.go(f"/procurement/purchase-requisitions/{requisition['id']}")
    await expect(mine.page.get_by_role("main")).to_contain_text(mine.screen.state(REQUISITION, "REJECTED"))


async def more(each: Any, action: str) -> None:
    """Open an action under "More"."""
    await each.screen.button(each.screen.t("action.more")).click()
    await each.page.get_by_role("menuitem", name=each.screen.action(TASK, action)).click()


async def case_of(door: Any, requisition: dict[str, Any]) -> str:
    """The case of a requisition, as soon as it is open: that follows the submission."""
    admin = await door("admin")

    async def opened() -> str:
        cases = (await admin.get("/v1/approval/cases", filter=f'document_id = "{requisition["id"]}"'))["cases"]
        assert cases, "no case yet"
        return str(cases[0]["id"])

    found: str = await eventually(opened)
    return found


async def test_browser_votes_take_back_and_mention(window: Any, door: Any, demo: Any) -> None:
    """Agreed too fast: until the next one acts it is taken back under "done". Who is mentioned may read."""
    requisition = await paper(door)
    one, two = (demo("identity.employee", name) for name in ("majianguo", "suhuimin"))
    await publish(door, requisition, node([one]), node([two], name="复核") | {"id": "second"})
    await submit(door, requisition)
    first, second = await window("first approver", size=PHONE), await window("second approver", locale="en")
    todo = second.screen.panel(second.screen.t("portal.todo")).get_by_role("link", name=requisition["title"])
    screen = first.screen
    await screen.panel(screen.t("portal.todo")).get_by_role("link", name=requisition["title"]).tap()
    address = first.page.url
    await decide(screen, "approve").tap()
    await screen.dialog().get_by_role("button", name=spaced(screen.action(TASK, "approve"))).tap()
    await expect(todo).to_be_visible()
    await first.page.goto(address)
    back = screen.button(screen.action(TASK, "takeBack"))
    await expect(back).to_be_visible()
    await first.picture("task-take-back")
    await back.tap()
    await screen.dialog().get_by_role("button", name=spaced(screen.action(TASK, "takeBack"))).tap()
    timeline = screen.panel(screen.t("timeline.title"))
    await expect(timeline).to_contain_text(screen.choice("approval.opinion", "kind", "TAKE_BACK"))
    await expect(todo).to_have_count(0)

    await first.go("/approval/tasks")
    await first.page.get_by_role("link", name=requisition["title"]).first.tap()
    await screen.button(screen.t("action.more")).tap()
    await first.page.get_by_role("menuitem", name=screen.action(CASE, "comment")).tap()
    await screen.dialog().get_by_label(screen.asked(CASE, "comment", "text"), exact=True).fill("请确认库存。")
    await screen.choose(screen.dialog().get_by_label(screen.asked(CASE, "comment", "mentionedIds")), "苏慧敏", "苏慧敏")
    await first.picture("task-comment")
    await screen.dialog().get_by_role("button", name=spaced(screen.action(CASE, "comment"))).tap()
    await second.go(f"/approval/cases/{await case_of(door, requisition)}")
    said = (
        second.screen.panel(second.screen.t("timeline.title")).get_by_role("listitem").filter(has_text="请确认库存。")
    )
    await expect(said).to_contain_text("苏慧敏")


@pytest.mark.parametrize(("locale", "size"), [("zh-CN", (1280, 800)), ("en", PHONE)], ids=["desk", "phone"])
async def test_browser_votes_an_administrator_steers(
    window: Any, door: Any, demo: Any, locale: str, size: tuple[int, int]
) -> None:
    """Suspended, nobody decides and everybody sees why; resumed and led to another step, that one is asked."""
    requisition = await paper(door)
    one, two = (demo("identity.employee", name) for name in ("majianguo", "suhuimin"))
    await publish(door, requisition, node([one], name="初审"), node([two], name="复核") | {"id": "second"})
    await submit(door, requisition)
    desk = await window("admin", locale=locale, size=size)
    screen, page = desk.screen, desk.page
    await desk.go(f"/approval/cases/{await case_of(door, requisition)}")
    main = page.get_by_role("main")
    await screen.button(screen.action(CASE, "suspend")).click()
    await screen.dialog().get_by_label(screen.asked(CASE, "suspend", "reason"), exact=True).fill("供应商核查中。")
    await screen.dialog().get_by_role("button", name=spaced(screen.action(CASE, "suspend"))).click()
    await expect(main.get_by_role("alert").filter(has_text="供应商核查中。")).to_be_visible()
    await expect(main).to_contain_text(screen.state(CASE, "SUSPENDED"))
    await desk.picture("case-suspended")
    await screen.button(screen.action(CASE, "resume")).click()
    await screen.dialog().get_by_role("button", name=spaced(screen.action(CASE, "resume"))).click()
    await screen.button(screen.action(CASE, "jump")).click()
    await screen.choose(screen.dialog().get_by_label(screen.asked(CASE, "jump", "nodeId")), "", "复核")
    await screen.dialog().get_by_label(screen.asked(CASE, "jump", "reason")).fill("初审人出差。")
    await desk.picture("case-jump")
    await screen.dialog().get_by_role("button", name=spaced(screen.action(CASE, "jump"))).click()
    waits = screen.panel(screen.t("timeline.title")).get_by_role("listitem")
    await expect(waits.filter(has_text=screen.t("timeline.deciding"))).to_contain_text("苏慧敏")
    await desk.picture("case-jumped")


async def test_browser_votes_the_approver_says_who_is_next(window: Any, door: Any, demo: Any) -> None:
    """Where the flow leaves it to the approver, agreeing asks for a name, and that person is asked."""
    requisition = await paper(door)
    last = {"id": "chosen", "kind": "approve", "name": "复核", "approvers": [{"kind": "previous_choice"}]}
    await publish(door, requisition, node([demo("identity.employee", "majianguo")]), last)
    await submit(door, requisition)
    first, second = await window("first approver", size=PHONE), await window("second approver", locale="en")
    todo = second.screen.panel(second.screen.t("portal.todo")).get_by_role("link", name=requisition["title"])
    screen = first.screen
    await screen.panel(screen.t("portal.todo")).get_by_role("link", name=requisition["title"]).tap()
    await decide(screen, "approve").tap()
    agree = screen.dialog().get_by_role("button", name=spaced(screen.action(TASK, "approve")))
    await expect(agree).to_be_disabled()
    await screen.choose(screen.dialog().get_by_label(screen.asked(TASK, "approve", "nextIds")), "苏慧敏", "苏慧敏")
    await first.picture("task-who-is-next")
    await agree.tap()
    await expect(todo).to_be_visible()
