"""What must not come in: refused with reason and field, in the caller's language, and nothing has changed."""

from __future__ import annotations

import asyncio
import io
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from api import LANGUAGES, Session, fields_of, is_chinese, reason_of, sentences, sessions
from papers import title_of, written
from python_calamine import CalamineWorkbook

from infra.local.demo.records import id_of
from infra.local.demo.story import company_of, day_in, line_of

PATH, FLOWS = "/v1/procurement/purchase-requisitions", "/v1/approval/flow-definitions"
BEARING = {"item": "2002-0004", "quantity": "10"}
MARK = "错误输入"
GOOD = {
    "title": MARK, "currency": "CNY", "need_date": day_in(20), "delivery_place": "上海",
    "lines": [line_of(BEARING)],
}  # fmt: skip


def body(**changes: Any) -> str:
    return json.dumps(GOOD | changes, ensure_ascii=False)


def line(count: int = 1, **changes: Any) -> str:
    """A requisition with lines that differ from a good one."""
    return body(lines=[line_of(BEARING) | changes] * count)


def literal(name: str, value: str) -> str:
    """A line with a value that is no JSON text: `NaN`, `1e400`."""
    return line(**{name: "@"}).replace('"@"', value)


@dataclass
class Bad:
    """One thing that is wrong, and what is said of it. `{mine}` and `{etag}` in the path or body are the draft's."""

    what: str
    status: int
    reason: str
    fields: dict[str, str] = field(default_factory=dict)
    content: str | None = None
    verb: str = "POST"
    path: str = PATH
    query: dict[str, str] = field(default_factory=dict)
    key: str | None = None

    def __str__(self) -> str:
        return self.what


def bad(what: str, at: str, reason: str, content: str) -> Bad:
    """Fields that are wrong in themselves; all of them are told at once."""
    return Bad(what, 400, "INVALID_REQUEST", {at: reason}, content)


def judged(what: str, at: str, reason: str, content: str) -> Bad:
    """A field that only the service can judge."""
    return Bad(what, 400, reason, {at: reason}, content)


def asked(what: str, reason: str, at: str = "", **query: str) -> Bad:
    return Bad(what, 400, "INVALID_REQUEST" if at else reason, {at: reason} if at else {}, None, "GET", query=query)


PRICE, QUANTITY = "lines[0].unitPrice", "lines[0].quantity"
TABLE = [
    bad("number for a text", "title", "FIELD_TYPE", body(title=7)),
    bad("text for a list", "lines", "FIELD_TYPE", body(lines="none")),
    bad("list for a line", "lines[0]", "FIELD_TYPE", body(lines=[[]])),
    bad("text for a quantity", QUANTITY, "FIELD_DECIMAL", line(quantity="many")),
    bad("unknown field", "colour", "FIELD_UNKNOWN", body(colour="red")),
    bad("unknown field of a line", "lines[0].colour", "FIELD_UNKNOWN", line(colour="red")),
    bad("read-only field", "state", "FIELD_READ_ONLY", body(state="APPROVED")),
    bad("unknown enum value", "urgency", "FIELD_FORMAT", body(urgency="YESTERDAY")),
    bad("no such day", "needDate", "FIELD_DATE", body(need_date="2026-02-30")),
    bad("no title", "title", "FIELD_REQUIRED", body(title="")),
    bad("a text of almost 1 MB", "title", "FIELD_TOO_LONG", body(title="x" * 1_000_000)),
    Bad("a text of 1 MB", 413, "REQUEST_TOO_LARGE", {}, body(title="x" * 1024 * 1024)),
    bad("10,000 lines", "lines", "FIELD_TOO_MANY", body(lines=[{}] * 10_000)),
    bad("NaN as text", PRICE, "FIELD_DECIMAL", line(unit_price="NaN")),
    bad("NaN", PRICE, "FIELD_TYPE", literal("unit_price", "NaN")),
    bad("1e400 as text", PRICE, "FIELD_DECIMAL", line(unit_price="1e400")),
    bad("1e400", PRICE, "FIELD_TYPE", literal("unit_price", "1e400")),
    bad("Infinity as text", QUANTITY, "FIELD_DECIMAL", line(quantity="Infinity")),
    judged("nothing wanted", QUANTITY, "FIELD_NOT_POSITIVE", line(quantity="0")),
    bad("too many decimals", QUANTITY, "FIELD_DECIMAL", line(quantity="0.00000001")),
    bad("zero-width", "title", "FIELD_HIDDEN_CHARACTERS", body(title="轴\u200b承")),
    bad("text that turns around", "title", "FIELD_HIDDEN_CHARACTERS", body(title="轴\u202e承")),
    bad("a null character", "title", "FIELD_HIDDEN_CHARACTERS", body(title="轴\u0000承")),
    Bad("no JSON", 400, "MALFORMED_REQUEST", {}, "{"),
    bad("a name twice", "title", "FIELD_FORMAT", '{"title": "a", ' + body(title="b")[1:]),
    judged("id of nothing", "lines[0].itemId", "FIELD_NO_SUCH_DOCUMENT", line(item_id=str(uuid.UUID(int=7)))),
    bad("id that is none", "lines[0].itemId", "FIELD_FORMAT", line(item_id="abc")),
    Bad("stale etag", 409, "STALE_ETAG", {}, '{"title": "别的", "etag": "0"}', "PATCH", f"{PATH}/{{mine}}"),
    Bad("somebody else's id", 404, "DOCUMENT_NOT_FOUND", {}, '{"title": "别的"}', "PATCH", f"{PATH}/{{foreign}}"),
    Bad("submit somebody else's", 404, "DOCUMENT_NOT_FOUND", {}, "{}", "POST", f"{PATH}/{{foreign}}:submit"),
    Bad("missing key", 400, "IDEMPOTENCY_KEY_MISSING", {}, body(), key=""),
    Bad("key with another body", 400, "IDEMPOTENCY_KEY_REUSED", {}, body(title="别的"), key="{used}"),
    asked("unknown filter field", "FILTER_FIELD", filter='colour = "red"'),
    asked("a filter that is none", "FILTER_SYNTAX", filter="state = ("),
    asked("unknown order", "ORDER_FIELD", order_by="colour"),
    asked("unknown query parameter", "FIELD_UNKNOWN", "colour", colour="red"),
    asked("damaged page token", "PAGE_TOKEN", page_token="damaged"),
    asked("no number", "FIELD_TYPE", "pageSize", page_size="many"),
]


@pytest.fixture(scope="module")
async def mine(instance: Any) -> AsyncIterator[Session]:
    async with sessions(instance, "shenjiayi") as (session,):
        yield session


@pytest.fixture(scope="module")
async def values(mine: Session, door: Any) -> AsyncIterator[dict[str, str]]:
    """A draft of the caller, one of somebody in another company, and a key that was used."""
    draft = await written(lambda _: asyncio.sleep(0, mine), title_of(MARK), BEARING)
    foreign = await written(door, title_of(MARK), BEARING, by="requester in Suzhou")
    key = str(uuid.uuid4())
    first = await mine.raw("POST", PATH, body(), key=key)
    assert first.status_code == 201, first.text
    again = await mine.raw("POST", PATH, body(), key=key)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert again.headers["idempotency-replayed"] == "true"
    yield {"mine": draft["id"], "foreign": foreign["id"], "used": key}
    for made in (draft["id"], first.json()["id"]):
        await mine.call("DELETE", f"{PATH}/{made}")
    await (await door("requester in Suzhou")).call("DELETE", f"{PATH}/{foreign['id']}")


async def everything(session: Session, values: dict[str, str]) -> Any:
    """How many there are, and the draft as it stands."""
    counted = await session.get(PATH, summarize="true", page_size=1)
    return counted["totalSize"], await session.get(f"{PATH}/{values['mine']}")


def check(answer: Any, case: Bad, locale: str) -> None:
    assert answer.status_code == case.status, answer.text[:500]
    assert (reason_of(answer), fields_of(answer)) == (case.reason, case.fields)
    said = sentences(answer)
    assert all(text and is_chinese(text) == (locale == "zh-CN") for text in said), said


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("case", TABLE, ids=str)
async def test_api_bad_input(mine: Session, values: dict[str, str], case: Bad, locale: str) -> None:
    before = await everything(mine, values)
    path = case.path.format(**values)
    key = case.key.format(**values) if case.key else case.key
    answer = await mine.raw(case.verb, path, case.content, key=key, locale=locale, query=case.query)
    check(answer, case, locale)
    assert await everything(mine, values) == before


async def test_api_bad_input_right_to_left_text_is_text(mine: Session) -> None:
    """What is written from right to left is kept as it is; only marks that hide something are refused."""
    answer = await mine.raw("POST", PATH, body(title="מחסן طلب 轴承"))
    assert answer.status_code == 201, answer.text
    assert answer.json()["title"] == "מחסן طلب 轴承"
    await mine.call("DELETE", f"{PATH}/{answer.json()['id']}")


def fork(when: str) -> dict[str, Any]:
    """A way that is taken when the expression says so, beside the usual one."""
    ways = [
        {"id": "odd", "name": "特殊", "when": when, "children": []},
        {"id": "usual", "name": "一般", "children": []},
    ]
    return {"id": "top", "kind": "sequence", "children": [APPROVE | HEAD, FORK | {"branches": ways}]}


FORK = {"id": "fork", "kind": "condition", "name": "按金额"}
APPROVE = {"id": "head", "kind": "approve", "name": "负责人", "vote": "any"}
HEAD = {"approvers": [{"kind": "department_head"}]}
UNSAFE = "__import__('os').system('id') == 0"
FLOW_TABLE = [
    ("missing approver", APPROVE, "head", "FLOW_APPROVERS_MISSING"),
    ("unknown post", APPROVE | {"approvers": [{"kind": "post", "post": "NOBODY"}]}, "head", "FLOW_APPROVER_UNKNOWN"),
]


def flow_of(tree: dict[str, Any], **more: str) -> str:
    root = {"id": "start", "kind": "sequence", "children": [tree]}
    code = f"BAD-{uuid.uuid4().hex[:8]}".upper()
    flow = {"code": code, "name": MARK, "document_type": "procurement.purchase_requisition", "tree": root}
    return json.dumps(flow | more)


@pytest.fixture(scope="module")
async def admin(instance: Any) -> AsyncIterator[Session]:
    async with sessions(instance, "admin") as (session,):
        yield session


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize(("node", "at", "reason"), [row[1:] for row in FLOW_TABLE], ids=[row[0] for row in FLOW_TABLE])
async def test_api_bad_input_flow_definition(
    admin: Session, locale: str, node: dict[str, Any], at: str, reason: str
) -> None:
    """Validating points to the node, publishing is refused, and no version comes into being."""
    company = company_of("shenjiayi")
    answer = await admin.raw("POST", FLOWS, flow_of(tree=node), company=company, locale=locale)
    assert answer.status_code == 201, answer.text
    path = f"{FLOWS}/{answer.json()['id']}"
    problems = (await admin.get(f"{path}:validate", company=company))["problems"]
    assert [(p["nodeId"], p["reason"]) for p in problems] == [(at, reason)]
    refused = await admin.raw("POST", f"{path}:publish", "{}", company=company, locale=locale)
    assert (refused.status_code, reason_of(refused)) == (400, "FLOW_INVALID"), refused.text
    assert list(fields_of(refused).values()) == [reason], refused.text
    said = sentences(refused)
    assert all(text and is_chinese(text) == (locale == "zh-CN") for text in said), said
    found = await admin.get(path, company=company)
    assert (found["state"], found["publishedVersion"]) == ("DRAFT", 0)
    assert (await admin.get(f"{path}:listVersions", company=company))["versions"] == []


WAY = "tree.children[0].children[1].branches[0].when"
EXPRESSIONS = [
    ("unsafe", {"tree": fork(UNSAFE)}, WAY, "odd"),
    ("with an unknown name", {"tree": fork("salary > 5")}, WAY, "odd"),
    ("neither true nor false", {"tree": fork("amount")}, WAY, "odd"),
    ("unsafe, of the whole flow", {"tree": APPROVE | HEAD, "condition": UNSAFE}, "condition", "condition"),
]


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize(("flow", "at", "node"), [row[1:] for row in EXPRESSIONS], ids=[row[0] for row in EXPRESSIONS])
async def test_api_bad_input_flow_expression(
    admin: Session, locale: str, flow: dict[str, Any], at: str, node: str
) -> None:
    """An expression that cannot be trusted is not even kept as a draft; the answer names its node and its place."""
    company = company_of("shenjiayi")
    before = (await admin.get(FLOWS, company=company, summarize="true", page_size=1))["totalSize"]
    answer = await admin.raw("POST", FLOWS, flow_of(**flow), company=company, locale=locale)
    check(answer, bad("", at, "FLOW_EXPRESSION", ""), locale)
    assert node in sentences(answer)[1]
    assert (await admin.get(FLOWS, company=company, summarize="true", page_size=1))["totalSize"] == before


FORMULAS = ['=HYPERLINK("http://a.example")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1,2)", " =1+1", "＝1+1"]


async def test_api_bad_input_formulas_in_an_export_are_text(mine: Session) -> None:
    """A title that looks like a formula stands in the file as a text that no spreadsheet computes."""
    mark = uuid.uuid4().hex[:8]
    made = []
    for formula in FORMULAS:
        answer = await mine.raw("POST", PATH, body(title=f"{formula} {mark}"))
        assert answer.status_code == 201, answer.text
        made.append(answer.json())
    answer = await mine.raw("GET", f"{PATH}:export", query={"filter": f'title : "{mark}"', "columns": "title"})
    assert answer.status_code == 200, answer.text
    rows = CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_index(0).to_python()
    cells = sorted(str(cell) for row in rows[1:] for cell in row if mark in str(cell))
    assert cells == sorted(f"'{each['title']}" for each in made)
    for each in made:
        await mine.call("DELETE", f"{PATH}/{each['id']}")


def test_api_bad_input_table_names_each_case_once() -> None:
    assert len({case.what for case in TABLE}) == len(TABLE)
    assert id_of("inventory.item", "2002-0004") == GOOD["lines"][0]["item_id"]
