"""Who may read what: own, same department, other department, other company, asked to decide. Written by hand."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from api import Session, fields_of, reason_of, sessions
from papers import approve, ordered, submit, title_of, written
from python_calamine import CalamineWorkbook

from chassis.testing import eventually
from infra.local.demo.records import id_of

REQUISITIONS, ORDERS = "/v1/procurement/purchase-requisitions", "/v1/procurement/purchase-orders"
CASES, TASKS = "/v1/approval/cases", "/v1/approval/tasks"
LISTS = {"requisition": REQUISITIONS, "order": ORDERS, "case": CASES, "task": TASKS}
HISTORIES = {
    "requisition": "procurement/records/procurement.purchase_requisition",
    "order": "procurement/records/procurement.purchase_order",
    "case": "approval/records/approval.case",
}
# A requisition of shenjiayi (Shanghai, workshop) that majianguo and suhuimin agreed to and the buyers were told of;
# the order it led to; its case; majianguo's task in it.
#   who               requisition order case   task
TABLE = {
    "shenjiayi":     (True,       True, True,  False),  # her own; the task is not hers
    "majianguo":     (True,       False, True, True),   # head of her department, and asked first
    "suhuimin":      (True,       True, True,  False),  # finance of the company, asked second
    "dingxiaoyan":   (True,       True, True,  False),  # buyer of the group, told of it
    "qianyongfu":    (False,      False, False, False), # same department, no right of his own
    "hanzhiqiang":   (True,       False, False, False), # head of the department above
    "tangweimin":    (False,      False, False, False), # head of another department
    "liangmengyao":  (False,      False, False, False), # somebody in another department
    "shiguoping":    (False,      True, False, False),  # store of the company: orders, not requisitions
    "luzhenhua":     (True,       True, False, False),  # general manager, not asked this time
    "fangjing":      (True,       True, False, False),  # auditor of the group
    "heyutong":      (False,      False, False, False), # requester in another company
    "nisuzhen":      (False,      False, False, False), # finance of another company
    "fuxiaoyi":      (False,      False, False, False), # buyer of another company
    "jinchengye":    (False,      False, False, False), # general manager of another company
    "tianxiaolin":   (False,      False, False, False), # keeps people and roles, nothing else
}  # fmt: skip


@dataclass(frozen=True)
class Paper:
    """A document, and how a list is narrowed to it."""

    id: str
    filter: str


@pytest.fixture(scope="module")
async def papers(instance: Any, door: Any) -> dict[str, Paper]:
    """One requisition through the whole flow."""
    requisition = await written(door, title_of("轴承补货"), {"item": "2002-0004", "quantity": "1000"})
    await submit(door, requisition)
    await approve(door, requisition)
    await approve(door, requisition, by="second approver")
    seen = await ordered(door, requisition)
    about = f'document_id = "{seen["id"]}"'
    [task] = (await (await door("first approver")).get(TASKS, filter=about))["tasks"]
    return {
        "requisition": Paper(seen["id"], f'number = "{seen["number"]}"'),
        "order": Paper(seen["lines"][0]["orderId"], f'number = "{seen["lines"][0]["orderNumber"]}"'),
        "case": Paper(seen["caseId"], about),
        "task": Paper(task["id"], f'{about} AND assignee_id = "{task["assigneeId"]}"'),
    }


@pytest.fixture(scope="module")
async def everybody(instance: Any) -> AsyncIterator[dict[str, Session]]:
    async with sessions(instance, *TABLE) as opened:
        yield dict(zip(TABLE, opened, strict=True))


async def exported(session: Session, paper: Paper, path: str) -> int:
    """Rows of the file. Files are rationed: who asked for many lately waits."""

    async def asked() -> Any:
        answer = await session.raw("GET", f"{path}:export", query={"filter": paper.filter})
        assert answer.status_code != 429, "not yet"
        return answer

    answer = await eventually(asked, seconds=60)
    if answer.status_code != 200:
        assert (answer.status_code, reason_of(answer)) == (403, "PERMISSION_MISSING"), answer.text
        return 0
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_index(0)
    return len(sheet.to_python()) - 1


async def listed(session: Session, paper: Paper, path: str, query: dict[str, str]) -> bool:
    answer = await session.raw("GET", path, query=query)
    if answer.status_code != 200:
        assert (answer.status_code, reason_of(answer)) == (403, "PERMISSION_MISSING"), answer.text
        return False
    [rows] = (value for value in answer.json().values() if isinstance(value, list))
    return paper.id in {row["id"] for row in rows}


async def ways(session: Session, paper: Paper, kind: str) -> dict[str, bool]:
    """Whether each way to a document is open: all of them, or none. What happened to a task is told by its case."""
    path = LISTS[kind]
    single = [f"{path}/{paper.id}"] + ([f"/v1/{HISTORIES[kind]}/{paper.id}/history"] if kind in HISTORIES else [])
    answers = [await session.raw("GET", each) for each in single]
    assert all(answer.status_code in (200, 403, 404) for answer in answers), [answer.text for answer in answers]
    return {
        **{way: answer.status_code == 200 for way, answer in zip(("get", "history"), answers, strict=False)},
        "list": await listed(session, paper, path, {"filter": paper.filter}),
        "batch": await listed(session, paper, f"{path}:batchGet", {"ids": paper.id}),
    }


@pytest.mark.parametrize("who", TABLE)
async def test_api_who_may_read(everybody: Any, papers: dict[str, Paper], who: str) -> None:
    session = everybody[who]
    kinds = dict(zip(LISTS, TABLE[who], strict=True))
    found = {kind: await ways(session, papers[kind], kind) for kind in kinds}
    assert found == {kind: dict.fromkeys(found[kind], may) for kind, may in kinds.items()}
    files = await asyncio.gather(*(exported(session, papers[kind], LISTS[kind]) for kind in kinds))
    assert {kind: rows > 0 for kind, rows in zip(kinds, files, strict=True)} == kinds


@pytest.mark.parametrize("who", ["heyutong", "nisuzhen", "fuxiaoyi", "jinchengye"])
async def test_api_who_cannot_act_for_another_company(everybody: Any, papers: dict[str, Paper], who: str) -> None:
    """Naming the company in a header or a link helps nobody who does not belong there."""
    session, company = everybody[who], id_of("identity.company", "SH")
    for path in (f"{REQUISITIONS}/{papers['requisition'].id}", REQUISITIONS, f"{ORDERS}:export", "/v1/events"):
        for answer in (
            await session.raw("GET", path, company=company),
            await session.raw("GET", path, query={"company": company}),
        ):
            assert (answer.status_code, reason_of(answer)) == (403, "COMPANY_NOT_ALLOWED"), answer.text
    answer = await session.raw("GET", REQUISITIONS, company="everywhere")
    assert (answer.status_code, reason_of(answer)) == (403, "COMPANY_NOT_ALLOWED"), answer.text


@pytest.mark.parametrize("who", ["majianguo", "suhuimin", "hanzhiqiang", "fangjing", "luzhenhua"])
async def test_api_who_reads_does_not_write(everybody: Any, door: Any, who: str) -> None:
    """Those who read it, because they were asked or by a right to read, change nothing of it."""
    draft = await written(door, title_of("轴承补货"), {"item": "2002-0004", "quantity": "10"})
    path, session, mine = f"{REQUISITIONS}/{draft['id']}", everybody[who], await door("requester")
    before = await mine.get(path)
    answers = [
        await session.raw("PATCH", path, '{"title": "别的"}'),
        await session.raw("POST", f"{path}:submit", "{}"),
        await session.raw("POST", f"{path}:cancel", '{"reason": "不要了"}'),
        await session.raw("DELETE", path),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4, [answer.text[:200] for answer in answers]
    assert [(reason_of(answer), fields_of(answer)) for answer in answers] == [("DOCUMENT_NOT_FOUND", {})] * 4
    assert await mine.get(path) == before
    await mine.call("DELETE", path)


async def test_api_who_may_decide_somebody_elses_task(everybody: Any, door: Any) -> None:
    """Only the one who is asked decides: not the requester, not a colleague, not the next approver."""
    requisition = await written(door, title_of("轴承补货"), {"item": "2002-0004", "quantity": "1000"})
    await submit(door, requisition)
    first = await door("first approver")

    async def open_task() -> Any:
        found = (await first.get(TASKS, filter=f'document_id = "{requisition["id"]}" AND state = "OPEN"'))["tasks"]
        assert found, "not asked yet"
        return found[0]

    task = await eventually(open_task)
    body = f'{{"content_hash": "{task["contentHash"]}"}}'
    expected = {
        "shenjiayi": (400, "TASK_OWN_REQUEST"),
        "qianyongfu": (404, "DOCUMENT_NOT_FOUND"),
        "suhuimin": (404, "DOCUMENT_NOT_FOUND"),
        "heyutong": (404, "DOCUMENT_NOT_FOUND"),
        "fangjing": (404, "DOCUMENT_NOT_FOUND"),
    }
    for who, refusal in expected.items():
        answer = await everybody[who].raw("POST", f"{TASKS}/{task['id']}:approve", body)
        assert (answer.status_code, reason_of(answer)) == refusal, (who, answer.text)
    case = await (await door("requester")).get(f"{CASES}/{task['caseId']}")
    assert [turn["state"] for turn in case["tasks"]] == ["OPEN"]
    await (await door("requester")).call("POST", f"{CASES}/{task['caseId']}:withdraw", {"reason": "核对完毕"})
