"""A flow is drawn: cards added, put together, moved, checked, tried, published with a note, compared, and lived."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe import violations
from drawing import FLOW, Drawing
from flows import FLOWS, KEEPER, published
from papers import submit, title_of, written
from playwright.async_api import Browser, expect
from screen import REQUISITION, spaced
from test_browser_approval import decide
from test_browser_time import around_the_clock  # noqa: F401  (a fixture)
from test_browser_votes import case_of, more

from chassis.testing import eventually
from conftest import PHONE, SCREENSHOTS
from infra.local.demo.story import day_in
from infra.local.instance import Instance

PUBLICATION = "approval.flow_publication"
TASK, CASE, TASKS = "approval.task", "approval.case", "/v1/approval/tasks"
DELEGATION, DELEGATIONS = "identity.delegation", "/v1/identity/delegations"
# a hundredth of an hour, and a little more: what a story puts the clock forward by
STEP_SECONDS = 40
BPMN_JS = Path(__file__).parent.parent / "web" / "node_modules" / "bpmn-js" / "dist"
READ = """async (xml) => {
  const viewer = new BpmnJS({ container: "#canvas" });
  const { warnings } = await viewer.importXML(xml);
  viewer.get("canvas").zoom("fit-viewport");
  const drawn = viewer.get("elementRegistry").filter((one) => one.type !== "bpmn:Process" && one.type !== "label");
  return { warnings: warnings.map(String), drawn: drawn.length };
}"""


@pytest.fixture
def clock(instance: Instance) -> Iterator[Callable[[int], object]]:
    """Put the clock of every process so many seconds forward; afterwards it goes as it does."""
    file = instance.folder / "faults" / "clock"
    file.parent.mkdir(exist_ok=True)
    yield lambda seconds: file.write_text(str(seconds))
    file.unlink(missing_ok=True)


@pytest.fixture
async def revoked(door: Any) -> AsyncIterator[None]:
    """The approver delegates nothing afterwards."""
    yield
    first = await door("first approver")
    for one in (await first.get(DELEGATIONS, filter='state = "ACTIVE"'))["delegations"]:
        if "revoke" in one["allowedActions"]:
            await first.call("POST", f"{DELEGATIONS}/{one['id']}:revoke", {"reason": "故事结束"})


async def drafted(door: Any, condition: str = "amount < 0") -> dict[str, Any]:
    """A flow with one step that is published; where nothing else is said, it is for no amount that there is."""
    head = {"id": "head", "kind": "approve", "name": "部门会签", "approvers": [{"kind": "department_head"}]}
    body = {
        "code": f"DRAWN-{uuid.uuid4().hex[:8]}".upper(), "name": "画出来的流程", "document_type": REQUISITION,
        "condition": condition, "priority": 1, "tree": {"id": "start", "kind": "sequence", "children": [head]},
    }  # fmt: skip
    return await published(door, body, note="第一版")


@pytest.mark.usefixtures("revoked", "around_the_clock")
async def test_browser_flow_designer_from_drawing_to_the_last_opinion(
    browser: Browser, window: Any, door: Any, clock: Callable[[int], object]
) -> None:
    """A flow with every kind of step is drawn, tried, published and read by others; five people bring a request through
    it: reminded in time, on behalf, with a signer before, back into one of two branches, passed on, filled in.
    """
    quantity = str(1000 + uuid.uuid4().int % 1_000_000)
    paper = await written(door, title_of("轴承补货"), {"item": "2002-0004", "quantity": quantity}, needed_in=0)
    flow = await drafted(door, f"amount == {float(paper['amount'])}")
    desk = await window("admin")
    await draws(window, desk, flow)
    await read_by_others(browser, desk, door, flow)
    await lived(window, door, paper, clock)


async def draws(window: Any, desk: Any, flow: dict[str, Any]) -> None:
    """At the desk: a branch with a condition, a step dragged into it and copied; every kind added; tried, published,
    compared.
    """
    screen, page, drawing = desk.screen, desk.page, Drawing(desk)
    t = screen.t
    await desk.go(f"/approval/flow-definitions/{flow['id']}/edit")
    await expect(drawing.card("部门会签")).to_contain_text(f"{t('flow.departmentHead')}，{t('timeline.all')}")

    drawer = await drawing.add(drawing.plus("部门会签"), "flow.condition")
    await drawer.get_by_label(t("flow.name"), exact=True).fill("金额")
    branch = drawing.chart.locator("[data-node].branch").first
    await branch.click()
    await drawer.get_by_label(t("flow.name"), exact=True).fill("大额")
    await drawer.get_by_role("spinbutton", name=t("flow.value")).fill("5000")
    await expect(branch).to_contain_text("金额 ≥ 5,000")
    await desk.picture("flow-condition")
    await drawing.close(drawer)
    await expect(branch).to_be_focused()

    drawer = await drawing.add(drawing.plus("金额"), "flow.copy")
    await drawer.get_by_label(t("flow.name"), exact=True).fill("告知")
    await drawing.close(drawer)
    await drawing.card("告知").drag_to(drawing.chart.get_by_role("button", name=t("flow.addFirst"), exact=True).nth(1))
    assert await drawing.names() == ["部门会签", "金额", "大额", "告知", t("flow.otherwise")]
    await page.keyboard.press("Control+d")
    assert (await drawing.names()).count("告知") == 2
    await page.keyboard.press("Control+z")
    assert (await drawing.names()).count("告知") == 1

    await drawing.card("部门会签").click()
    await drawer.get_by_role("button", name=spaced(t("flow.timeoutAdd"))).click()
    await drawer.get_by_role("spinbutton", name=t("flow.timeoutHours")).fill("0.01")
    await expect(drawing.card("部门会签")).to_contain_text("0.01 工作小时后提醒一次")
    await drawer.get_by_role("button", name=spaced(t("flow.automaticAdd"))).click()
    await drawer.get_by_label(t("flow.automaticName"), exact=True).fill("小额")
    await expect(drawing.card("部门会签")).to_contain_text(t("flow.automaticCount", count=1))
    await desk.picture("flow-automatic")
    await drawing.add(drawing.plus("部门会签"), "flow.handle")
    await drawer.get_by_label(t("flow.name"), exact=True).fill("开票")
    await drawer.get_by_role("button", name=spaced(t("flow.fieldAdd"))).click()
    await drawer.get_by_label(t("flow.fieldLabel"), exact=True).fill("发票号")
    await expect(drawing.card("开票")).to_contain_text(t("flow.fillsIn", fields="发票号"))
    await desk.picture("flow-fields")
    assert await violations(page) == []
    await drawing.close(drawer)

    await drawing.close(await drawing.add(drawing.plus("部门会签"), "flow.parallel"))
    first = drawing.chart.get_by_role("button", name=t("flow.addFirst"), exact=True)
    await drawing.asks(await drawing.add(first.nth(2), "flow.approve"), "计划", "邹丽娟")
    await drawing.asks(await drawing.add(first.nth(1), "flow.approve"), "质检", "汤雅琴")
    await drawing.asks(await drawing.add(drawing.plus("质检"), "flow.approve"), "复核", "苏慧敏")
    await drawing.add(drawing.plus("金额"), "flow.trigger")
    await drawer.get_by_label(t("flow.topic")).fill("invoice.received")
    await drawing.close(drawer)
    await drawing.add(drawing.plus("金额"), "flow.delay")
    await drawer.get_by_label(t("flow.delayDays")).fill("")
    await drawer.get_by_label(t("flow.delayUntil")).fill("need_date")
    await drawing.close(drawer)
    await desk.picture("flow-every-kind")

    await screen.button(t("flow.save")).click()
    await expect(page.get_by_text(t("flow.savedSound"))).to_be_visible()
    await screen.button(t("flow.simulation")).click()
    panel = page.get_by_role("dialog", name=t("flow.simulation"))
    await panel.get_by_role("button", name=spaced(t("flow.simulate"))).click()
    await expect(panel.get_by_role("region", name=t("flow.way"))).to_contain_text("大额")
    await expect(branch).to_contain_text(t("flow.onWay"))
    await expect(drawing.card(t("flow.otherwise"))).not_to_contain_text(t("flow.onWay"))
    await desk.picture("flow-simulated")
    await drawing.close(panel)

    publish = screen.action(FLOW, "publish")
    await screen.button(publish).click()
    differences = screen.dialog().get_by_role("list", name=t("flow.differences"))
    await expect(differences).to_contain_text("告知")
    await expect(differences).to_contain_text("0.01 工作小时后提醒一次")
    await screen.dialog().get_by_label(t("flow.publishNote")).fill("五千元以上告知负责人。")
    await desk.picture("flow-publish")
    await screen.dialog().get_by_role("button", name=spaced(publish)).click()
    await agreed_to(window, flow)
    await page.reload()
    versions = screen.panel(t("flow.versions"))
    await expect(versions).to_contain_text("五千元以上告知负责人。")
    await screen.choose(versions.get_by_label(t("flow.compareFrom")), "", t("flow.version", version=1))
    await expect(versions.get_by_role("list", name=t("flow.differences"))).to_contain_text("大额")
    await desk.picture("flow-versions")


async def read_by_others(browser: Browser, desk: Any, door: Any, flow: dict[str, Any]) -> None:
    """What was drawn, and the demo's flow, as bpmn-js reads and draws them: without a warning."""
    demo = (await (await door("admin")).get(FLOWS, filter='code = "PR"'))["flowDefinitions"][0]
    context = await browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    for name, flow_id, version in (("demo", demo["id"], demo["publishedVersion"]), ("every", flow["id"], 2)):
        address = f"{desk.base}{FLOWS}/{flow_id}:download?format=BPMN&version={version}&company={demo['companyId']}"
        answer = await desk.context.request.get(address)
        assert answer.status == 200
        page = await context.new_page()
        await page.set_content('<div id="canvas" style="height: 860px"></div>')
        for style in ("diagram-js.css", "bpmn-js.css"):
            await page.add_style_tag(path=BPMN_JS / "assets" / style)
        await page.add_script_tag(path=BPMN_JS / "bpmn-viewer.production.min.js")
        xml = await answer.text()
        read = await page.evaluate(READ, xml)
        assert read["warnings"] == []
        assert read["drawn"] == xml.count("<bpmndi:BPMNShape ") + xml.count("<bpmndi:BPMNEdge ")
        await page.screenshot(path=SCREENSHOTS / f"flow-bpmn-{name}.png")
    await context.close()


async def lived(window: Any, door: Any, paper: dict[str, Any], clock: Callable[[int], object]) -> None:
    """Five people, from the first step to the last."""
    await delegated(await window("first approver"))
    await submit(door, paper)
    await reminded(door, paper, clock)

    deputy = await opened(await window("cuihaoran", locale="en", size=PHONE), paper, "?tab=for")
    theirs = deputy.screen
    await expect(deputy.page.get_by_role("main")).to_contain_text("On behalf of 马建国")
    await expect(theirs.panel(theirs.t("timeline.title"))).to_contain_text(theirs.t("timeline.system"))
    assert await violations(deputy.page) == []
    await deputy.picture("delegated-turn")
    await pressed(deputy, "approve")
    await expect(theirs.dialog()).to_have_count(0)

    quality = await opened(await window("tangyaqin"), paper)
    screen = quality.screen
    await more(quality, "addSigner")
    position = screen.option(TASK, "addSigner", "position", "BEFORE")
    await screen.choose(screen.dialog().get_by_label(screen.asked(TASK, "addSigner", "position")), "", position)
    signers = screen.dialog().get_by_label(screen.asked(TASK, "addSigner", "employeeIds"))
    for name in ("邹丽娟", "马建国"):
        await screen.choose(signers, name, name)
    await quality.picture("task-add-signer")
    await screen.dialog().get_by_role("button", name=spaced(screen.action(TASK, "addSigner"))).click()
    await quality.go(f"/approval/cases/{await case_of(door, paper)}")
    said = screen.panel(screen.t("timeline.title")).get_by_role("listitem")
    await expect(said.filter(has_text=re.compile(r"崔浩然\s*代\s*马建国")).first).to_be_visible()
    remove = quality.page.get_by_role("button", name=screen.action(TASK, "removeSigner"))
    signer = said.filter(has_text="马建国").filter(has=remove)
    await quality.picture("case-signers")
    await signer.last.get_by_role("button", name=screen.action(TASK, "removeSigner")).last.click()
    await screen.dialog().get_by_role("button", name=spaced(screen.action(TASK, "removeSigner"))).click()
    await expect(screen.dialog()).to_have_count(0)

    planner = await opened(await window("zoulijuan"), paper, step="质检")
    await pressed(planner, "approve")
    await pressed(await opened(quality, paper), "approve")

    checker = await opened(await window("second approver", size=PHONE), paper)
    back = checker.screen
    await more(checker, "return")
    await back.dialog().get_by_role("radio", name="质检").check()
    await back.dialog().get_by_role("radio", name=back.option(TASK, "return", "afterwards", "STRAIGHT_BACK")).check()
    await back.dialog().get_by_label(back.t("approval.opinion"), exact=True).fill("请补充检验结论。")
    await checker.picture("task-return")
    await back.dialog().get_by_role("button", name=spaced(back.action(TASK, "return"))).click()
    await expect(back.dialog()).to_have_count(0)
    await quality.go(f"/approval/cases/{await case_of(door, paper)}")
    waits = said.filter(has_text=screen.t("timeline.deciding"))
    await expect(waits.filter(has_text="汤雅琴")).to_have_count(1)
    await expect(waits.filter(has_text="邹丽娟")).to_have_count(1)  # the other branch stands as it stood
    await pressed(await opened(quality, paper), "approve")
    await pressed(await opened(checker, paper), "approve")

    screen = planner.screen
    await opened(planner, paper, step="计划")
    await more(planner, "transfer")
    await screen.choose(screen.dialog().get_by_label(screen.asked(TASK, "transfer", "employeeId")), "崔浩然", "崔浩然")
    await screen.dialog().get_by_label(screen.asked(TASK, "transfer", "text")).fill("出差，请代为审批。")
    await planner.picture("task-transfer")
    await screen.dialog().get_by_role("button", name=spaced(screen.action(TASK, "transfer"))).click()
    await expect(screen.dialog()).to_have_count(0)
    await pressed(await opened(deputy, paper), "approve")

    head = await opened(await window("first approver"), paper)
    await (
        head.page.get_by_role("toolbar", name=head.screen.t("approval.decide"))
        .get_by_role("button", name=spaced(head.screen.action(TASK, "handle")))
        .click()
    )
    await head.screen.dialog().get_by_label("发票号").fill("FP-0815")
    await head.picture("task-handle")
    await head.screen.dialog().get_by_role("button", name=spaced(head.screen.action(TASK, "handle"))).click()
    await expect(head.screen.dialog()).to_have_count(0)

    mine = await window("requester")
    await mine.go(f"/procurement/purchase-requisitions/{paper['id']}")
    timeline = mine.screen.panel(mine.screen.t("timeline.title"))
    for word in ("FP-0815", "请补充检验结论。", "出差，请代为审批。", mine.screen.t("timeline.system")):
        await expect(timeline).to_contain_text(word)
    await expect(mine.page.get_by_role("main")).to_contain_text(mine.screen.state(REQUISITION, "ORDERED"))
    await mine.picture("flow-lived")


async def delegation_form(desk: Any) -> None:
    """The approver hands on the own turns: the form, filled in."""
    screen, page = desk.screen, desk.page
    await desk.go("/identity/delegations/new")
    await screen.choose(screen.field(DELEGATION, "delegateId"), "崔浩然", "崔浩然")
    for name, days in (("fromDate", 0), ("untilDate", 7)):
        await screen.field(DELEGATION, name).fill(day_in(days))
        await page.keyboard.press("Enter")
    kind = screen.title(REQUISITION)
    await screen.choose(screen.field(DELEGATION, "documentTypes"), kind, kind)
    await page.keyboard.press("Escape")
    await screen.field(DELEGATION, "reason").fill("出差一周")


async def delegated(desk: Any) -> None:
    """It holds from now on."""
    screen, page = desk.screen, desk.page
    await delegation_form(desk)
    assert await violations(page) == []
    await desk.picture("delegation-form")
    await screen.button(screen.t("action.save")).click()
    await page.wait_for_url(re.compile(r"/identity/delegations/[0-9a-f-]{36}"))
    await expect(page.get_by_role("main")).to_contain_text(screen.state(DELEGATION, "ACTIVE"))
    await desk.picture("delegation")


async def reminded(door: Any, paper: dict[str, Any], clock: Callable[[int], object]) -> None:
    """The limit passes as soon as the clock says so, and the flow reminds the one who is asked."""
    head = await door("first approver")

    async def asked(field: str) -> None:
        tasks = (await head.get(TASKS, filter=f'state = "OPEN" AND document_id = "{paper["id"]}"'))["tasks"]
        assert [task for task in tasks if task.get(field)], tasks

    await eventually(lambda: asked("dueTime"), seconds=20)
    clock(STEP_SECONDS)
    await eventually(lambda: asked("urgeTime"), seconds=20)
    clock(0)


async def opened(each: Any, paper: dict[str, Any], which: str = "", *, step: str = "") -> Any:
    """A turn is opened in the to-do list; where there are several of one request, that of a step by its address."""
    if step:
        query = {"filter": f'state = "OPEN" AND document_id = "{paper["id"]}"'}
        answer = await each.context.request.get(each.base + TASKS, params=query)
        task = next(one for one in (await answer.json())["tasks"] if one["nodeName"] == step)
        await each.go(f"{TASKS.removeprefix('/v1')}/{task['id']}")
    else:
        await each.go(f"/approval/tasks{which}")
        await each.page.get_by_role("main").get_by_role("link", name=paper["title"]).first.click()
    await expect(each.screen.heading(paper["title"])).to_be_visible()
    return each


async def pressed(each: Any, action: str) -> None:
    """Decide, and be through with it."""
    await expect(decide(each.screen, action)).to_be_enabled()
    await decide(each.screen, action).click()
    await each.screen.dialog().get_by_role("button", name=spaced(each.screen.action(TASK, action))).last.click()
    await expect(each.screen.dialog()).to_have_count(0)


async def agreed_to(window: Any, flow: dict[str, Any]) -> None:
    """The one who may publish beside the one who asked: from the to-do list to the answer, with what changes."""
    phone = await window(KEEPER, locale="en", size=PHONE, dark=True)
    screen, page = phone.screen, phone.page
    await phone.go("/approval/tasks")
    await screen.panel(screen.plural(PUBLICATION)).get_by_role("link", name=flow["code"]).click()
    await expect(page.get_by_role("list", name=screen.t("flow.differences"))).to_contain_text("大额")
    await phone.picture("flow-publication")
    assert await violations(page) == []
    await screen.button(screen.action(PUBLICATION, "approve")).click()
    await expect(page.get_by_text(screen.state(PUBLICATION, "APPROVED")).first).to_be_visible()


async def test_browser_flow_designer_by_keys_on_a_phone(window: Any, door: Any) -> None:
    """On a phone, in the dark: a rule chosen as a sentence, a step moved by keys, what is missing said at its card."""
    flow = await drafted(door)
    phone = await window("admin", locale="en", size=PHONE, dark=True)
    screen, page, drawing = phone.screen, phone.page, Drawing(phone)
    t = screen.t
    await phone.go(f"/approval/flow-definitions/{flow['id']}/edit")
    drawer = await drawing.add(drawing.plus("部门会签"), "flow.approve")
    await drawer.get_by_label(t("flow.name"), exact=True).fill("Buyer")
    await screen.choose(drawer.get_by_label(t("flow.rule")), "", t("flow.ruleRole", role="…"))
    await screen.choose(drawer.get_by_label(t("flow.howDecided")), "", t("timeline.any"))
    await phone.picture("flow-rule")
    assert await violations(page) == []
    await drawing.close(drawer)
    await expect(drawing.card("Buyer")).to_be_focused()
    await page.keyboard.press("Alt+ArrowUp")
    assert await drawing.names() == ["Buyer", "部门会签"]
    await page.keyboard.press("ArrowDown")
    await expect(drawing.card("部门会签")).to_be_focused()

    await screen.button(t("flow.save")).click()
    await expect(drawing.card("Buyer").locator(".field-error")).to_be_visible()
    await phone.picture("flow-problem")
    await drawing.card("Buyer").press("Enter")
    await screen.choose(drawer.get_by_label(t("flow.role")), "", "采购")
    await drawing.close(drawer)
    await expect(drawing.card("Buyer")).to_contain_text("采购")
    await drawing.tool("flow.undo").click()
    await expect(drawing.card("Buyer")).not_to_contain_text("采购")
    await drawing.tool("flow.redo").click()
    await screen.button(t("flow.save")).click()
    await expect(page.get_by_text(t("flow.savedSound"))).to_be_visible()
    assert await violations(page) == []
    await phone.picture("flow-drawn")
