"""Whoever keeps the suite running: one click followed through all of it, and the page that says how it fares."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
from api import reason_of
from axe import violations
from papers import approve, ordered, submit, title_of, written
from playwright.async_api import Request, expect
from screen import spaced

from chassis.testing import eventually
from infra.local.demo.door import CannotGoOnError, Door, RefusedHereError
from infra.local.instance import Instance

TASK = "approval.task"
BEARING = {"item": "2002-0004", "quantity": "1000"}
MARK = f"记号{uuid.uuid4().hex}"


@asynccontextmanager
async def database(instance: Instance, service: str) -> AsyncIterator[Any]:
    """A service's database, past the service."""
    connection = await asyncpg.connect(instance.env()[f"HEYI_{service.upper()}_OWNER_DATABASE_URL"])
    try:
        await connection.execute("SELECT set_config('heyi.company', '*', false)")
        yield connection
    finally:
        await connection.close()


async def spans_of(admin: Door, trace: str) -> list[dict[str, Any]]:
    """The spans that are kept by now: they follow a call within a second or two."""
    try:
        answer: dict[str, Any] = await admin.get(f"/v1/approval/operations/traces/{trace}")
    except RefusedHereError as refused:
        raise AssertionError(trace) from refused
    return list(answer["spans"])


def one(spans: list[dict[str, Any]], service: str, kind: str, name: str) -> dict[str, Any]:
    """The first span of this service and kind whose name matches."""
    found = [s for s in spans if s["service"] == service and s["kind"] == kind and re.search(name, s["name"])]
    assert found, f"{service} {kind} {name} is not in the trace yet"
    return found[0]


async def test_browser_a_click_is_one_trace_to_the_order_and_back_to_another_open_page(
    window: Any, door: Any, instance: Instance
) -> None:
    """Approve: gateway, service, statements, outbox, stream, reaction, order, and the requester's page by itself."""
    requisition = await written(door, f"{title_of('轴承补货')} {MARK}", BEARING)
    mine = await window("requester")
    await mine.go(f"/procurement/purchase-requisitions/{requisition['id']}")
    await expect(mine.screen.heading(re.compile(requisition["title"]))).to_be_visible()
    await submit(door, requisition)
    await approve(door, requisition)

    desk = await window("second approver")
    sent: list[Request] = []
    desk.page.on("request", lambda request: sent.append(request) if request.url.endswith(":approve") else None)
    await desk.screen.panel(desk.screen.t("portal.todo")).get_by_role("link", name=requisition["title"]).click()
    bar = desk.page.get_by_role("toolbar", name=desk.screen.t("approval.decide"))
    label = spaced(desk.screen.action(TASK, "approve"))
    await bar.get_by_role("button", name=label).click()
    await desk.screen.dialog().get_by_role("button", name=label).click()
    await expect(mine.page.get_by_role("main")).to_contain_text(re.compile(r"PO-\d{4}-\d{6}"))

    [request] = sent
    _, trace, click, _ = request.headers["traceparent"].split("-")
    admin = await door("administrator")

    async def whole() -> None:
        complete(await spans_of(admin, trace), trace, click)

    await eventually(whole)

    # the document leads to its traces; what is worked on again later is a linked trace
    seen = await ordered(door, requisition)
    traces = await admin.get(f"/v1/procurement/operations/documents/{seen['id']}/traces")
    assert trace in {entry["traceId"] for entry in traces["traces"]}
    await park_again(instance, trace)
    [parked] = [
        event
        for event in (await admin.get("/v1/procurement/parked-events", pageSize="100"))["parkedEvents"]
        if event["error"] == MARK
    ]
    await admin.call("POST", f"/v1/procurement/parked-events/{parked['id']}:replay", {})

    async def linked() -> None:
        again = [span for span in await spans_of(admin, trace) if span["traceId"] != trace]
        assert one(again, "procurement", "consumer", "^react ")

    await eventually(linked)


def complete(spans: list[dict[str, Any]], trace: str, click: str) -> None:
    """All parts of one approval, each below the one that caused it, and nothing but clicks above."""
    assert {span["traceId"] for span in spans} == {trace}
    asked = one(spans, "gateway", "server", r"^POST /v1/approval/tasks/\{id\}:approve$")
    assert asked["parentId"] == click, "the trace begins with the click"
    decided = one(spans, "approval", "server", "Tasks/ApproveTask$")
    assert decided["parentId"] == asked["spanId"]
    assert decided["attributes"]["heyi.document.type"] == TASK
    for table in ("idempotency", "opinion", "audit_entry", "outbox"):
        assert one(spans, "approval", "sql", rf"INSERT INTO {table}\b")["parentId"] == decided["spanId"]
    published = one(spans, "approval", "producer", r"^publish evt\.approval\.case\.approved$")
    assert published["parentId"] == decided["spanId"]
    reacted = one(spans, "procurement", "consumer", r"^react evt\.approval\.case\.approved$")
    assert reacted["parentId"] == published["spanId"]
    for table in ("inbox", "purchase_order", "outbox"):
        assert one(spans, "procurement", "sql", rf"INSERT INTO {table}\b")["parentId"] == reacted["spanId"]
    order = one(spans, "procurement", "producer", r"^publish evt\.procurement\.purchase_order\.")
    assert order["parentId"] == reacted["spanId"]
    told = one(spans, "gateway", "", r"^live evt\.procurement\.")
    assert told["parentId"] in {span["spanId"] for span in spans if span["kind"] == "producer"}
    page = one(spans, "gateway", "server", r"^GET /v1/procurement/purchase-requisitions/\{id\}$")
    assert page["parentId"] in {span["spanId"] for span in spans if span["name"].startswith("live ")}
    known = {span["spanId"] for span in spans}
    assert {span["parentId"] for span in spans} - known == {click}, "only the click stands above"


async def park_again(instance: Instance, trace: str) -> None:
    """Let an event that was worked on in a trace stand among the parked ones, as if it had failed."""
    async with database(instance, "approval") as approval:
        event = await approval.fetchrow(
            "SELECT event_id, subject, payload, headers FROM outbox "
            "WHERE subject = 'evt.approval.case.approved' AND headers->>'traceparent' LIKE $1",
            f"00-{trace}-%",
        )
    async with database(instance, "procurement") as procurement:
        await procurement.execute(
            "INSERT INTO parked_event "
            "(id, consumer, event_id, subject, aggregate_id, payload, headers, error, attempts) "
            "VALUES ($1, 'procurement', $2, $3, '', $4, $5, $6, 1)",
            uuid.uuid4(),
            event["event_id"],
            event["subject"],
            event["payload"],
            event["headers"],
            MARK,
        )


async def test_browser_operator_sees_what_is_held_up_and_follows_it(
    window: Any, door: Any, instance: Instance, people: dict[str, str]
) -> None:
    """A wrong password, a case that nobody decides for ten days, the slowest calls; then the document's waterfall."""
    requisition = await written(door, title_of("轴承补货"), BEARING)
    await submit(door, requisition)

    async def opened() -> Any:
        async with database(instance, "approval") as approval:
            aged = await approval.execute(
                "UPDATE approval_case SET waiting_since_time = now() - interval '10 days' "
                "WHERE document_id = $1 AND state = 'RUNNING'",
                uuid.UUID(requisition["id"]),
            )
        assert aged == "UPDATE 1"

    await eventually(opened)
    stranger = Door(instance.url)
    with pytest.raises(CannotGoOnError):
        await stranger.sign_in(people["buyer"], "wrong-password")
    await stranger.close()

    number = (await (await door("requester")).get(f"/v1/procurement/purchase-requisitions/{requisition['id']}"))[
        "number"
    ]
    for locale, dark in (("zh-CN", False), ("en", True)):
        mine = await window("administrator", locale=locale, dark=dark)
        page, screen = mine.page, mine.screen
        menu = page.get_by_role("navigation", name=screen.t("frame.menu"))
        await menu.get_by_role("link", name=screen.t("operations.title")).click()
        services = page.get_by_label(screen.t("operations.services"), exact=True).first
        for service in screen.meta["services"]:
            await expect(services).to_contain_text(service["title"])
        stuck = page.get_by_label(screen.t("operations.stuck"), exact=True).first
        row = stuck.get_by_role("row").filter(has_text=number).filter(has_text=screen.t("operations.undecided"))
        await expect(row).to_be_visible()
        slow = page.get_by_label(screen.t("operations.slow"), exact=True).first
        last = slow.locator("tr.ant-table-row td:last-child")
        await expect(last.nth(5)).to_be_visible()
        millis = [int(re.sub(r"\D", "", text)) for text in await last.all_inner_texts()]
        assert millis == sorted(millis, reverse=True), "the slowest stands first"
        logins = page.get_by_label(screen.t("operations.failedLogins"), exact=True).first
        await expect(logins.get_by_role("row").filter(has_text=people["buyer"])).to_contain_text(
            "invalid_user_credentials"
        )
        processes = page.get_by_label(screen.t("operations.processes"), exact=True).first
        for process in ("gateway", "heyi"):
            await expect(processes.get_by_role("row").filter(has_text=process).first).to_be_visible()
        assert await violations(page) == []
        await mine.picture(f"operations-{'dark' if dark else 'light'}")

        await row.get_by_role("link", name=screen.t("operations.trace"), exact=True).click()
        fall = page.locator("table.waterfall").first
        await expect(fall).to_contain_text("react evt.procurement.purchase_requisition.submitted")
        await expect(fall).not_to_contain_text("INSERT INTO outbox")
        await page.get_by_role("switch", name=screen.t("trace.sql")).click()
        await expect(fall).to_contain_text("INSERT INTO outbox")
        assert await violations(page) == []
        await mine.picture(f"trace-{'dark' if dark else 'light'}")


@pytest.mark.parametrize("path", ["report", f"traces/{'a' * 32}", f"documents/{uuid.uuid4()}/traces"])
async def test_api_operations_are_for_those_who_hold_the_permission(door: Any, path: str) -> None:
    answer = await (await door("requester")).raw("GET", f"/v1/procurement/operations/{path}")
    assert (answer.status_code, reason_of(answer)) == (403, "PERMISSION_MISSING"), answer.text


async def test_api_a_stranger_s_trace_is_noted_beside_ours(instance: Instance, door: Any) -> None:
    """Somebody who is not our page cannot pour spans into a trace, but finds it by the link."""
    theirs = uuid.uuid4().hex
    async with httpx2.AsyncClient(trust_env=False) as http:
        answer = await http.get(
            f"{instance.url}/v1/procurement/suppliers", headers={"traceparent": f"00-{theirs}-{'b' * 16}-01"}
        )
    ours = answer.headers["x-request-id"]
    assert ours != theirs
    admin = await door("administrator")

    async def noted() -> None:
        assert {span["traceId"] for span in await spans_of(admin, theirs)} == {ours}

    await eventually(noted)


async def test_api_logs_and_spans_hold_nothing_that_somebody_wrote(door: Any, instance: Instance) -> None:
    """A title, a refused value and a value of the wrong kind: none of them is in a log line or in the telemetry."""
    session = await door("requester")
    await written(door, MARK, BEARING)
    for body in ({"title": MARK, "currency": MARK}, {"title": {"text": MARK}}, {MARK: 1}):
        with pytest.raises(Exception, match=r"FIELD|INVALID"):
            await session.call("POST", "/v1/procurement/purchase-requisitions", body)
    with pytest.raises(Exception, match="FILTER"):
        await session.get("/v1/procurement/purchase-requisitions", filter=f"{MARK} ~ 1")
    await session.get("/v1/procurement/purchase-requisitions", search=MARK)
    logs = Path(instance.folder / "logs")
    trace_ids = set()
    for name in ("services", "gateway"):
        text = (logs / f"{name}.log").read_text(errors="replace")
        assert MARK not in text, name
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        trace_ids |= {line["trace_id"] for line in lines if "trace_id" in line}
    assert trace_ids
    file = instance.folder / "telemetry"
    assert (file / "telemetry.sqlite").stat().st_size
    for part in file.iterdir():
        assert MARK.encode() not in part.read_bytes(), part.name
