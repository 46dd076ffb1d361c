"""Files in a field of a designed form: required, bound to the request, seen by whoever sees the field."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from api import fields_of
from attaching import attach, download
from flows import published
from papers import approve

from chassis.testing import eventually

FORMS, REQUESTS, TASKS = "/v1/approval/form-definitions", "/v1/approval/office-requests", "/v1/approval/tasks"
REQUEST, FIELD, PART = "approval.office_request", "receipts", "values.receipts"
PDF = b"%PDF-1.7\n" + bytes(200)


def words(text: str) -> dict[str, str]:
    return {"zh-CN": text, "en": text}


@pytest.fixture(scope="module")
async def form(door: Any, demo: Any) -> AsyncIterator[str]:
    """A form with at most two receipts, which its second approver does not see; nobody may use it afterwards."""
    admin, code = await door("admin"), f"files_{uuid.uuid4().hex[:6]}"
    fields = [
        {"key": "what", "kind": "TEXT", "label": words("事项"), "required": True},
        {"key": FIELD, "kind": "ATTACHMENT", "label": words("票据"), "required": True, "maxRows": 2},
    ]
    body = {"code": code, "name": "票据", "groupName": "财务", "numberPrefix": "PJ", "fields": fields}
    made = await admin.call("POST", FORMS, body)
    await admin.call("POST", f"{FORMS}/{made['id']}:publish", {"note": "第一版"})
    people = {who: {"kind": "user", "employee_id": demo("identity.employee", who)} for who in ("majianguo", "suhuimin")}
    approvers: list[dict[str, Any]] = [
        {"id": who, "kind": "approve", "name": who, "approvers": [rule]} for who, rule in people.items()
    ]
    approvers[1]["rights"] = {PART: "hidden"}
    tree = {"id": "start", "kind": "sequence", "children": approvers}
    flow = {"code": code.upper(), "name": "票据审批", "document_type": REQUEST, "tree": tree, "priority": 1}
    await published(door, {**flow, "condition": f"facts.form == '{code}' && size(facts.{FIELD}) > 0"})
    yield made["id"]
    await admin.call("POST", f"{FORMS}/{made['id']}:retire", {})


async def refused(session: Any, verb: str, path: str, body: dict[str, Any]) -> dict[str, str]:
    """Fields at fault, with the reason of each."""
    answer = await session.raw(verb, path, json.dumps(body))
    assert answer.status_code == 400, answer.text
    return fields_of(answer)


async def test_api_files_of_a_form(door: Any, form: str) -> None:
    mine = await door("requester")
    draft = await mine.call("POST", REQUESTS, {"formId": form, "values": {"what": "打车"}})
    address = f"{REQUESTS}/{draft['id']}"
    assert await refused(mine, "POST", f"{address}:submit", {}) == {PART: "FIELD_REQUIRED"}

    other = await mine.call("POST", REQUESTS, {"formId": form, "values": {"what": "别的"}})
    strange = await attach(mine, REQUEST, other["id"], "other.pdf", PDF, partId=PART)
    apart = await attach(mine, REQUEST, draft["id"], "apart.pdf", PDF)
    for wrong in (str(uuid.uuid4()), strange["id"], apart["id"]):
        found = await refused(mine, "PATCH", address, {"values": {"what": "打车", FIELD: [wrong]}})
        assert found == {f"{PART}[0]": "FIELD_NO_SUCH_DOCUMENT"}
    file = await attach(mine, REQUEST, draft["id"], "taxi.pdf", PDF, partId=PART)
    many = {"what": "打车", FIELD: [str(uuid.uuid4()) for _ in range(3)]}
    assert await refused(mine, "PATCH", address, {"values": many}) == {PART: "FIELD_TOO_MANY"}
    await mine.call("PATCH", address, {"values": {"what": "打车", FIELD: [file["id"]]}})
    await mine.call("POST", f"{address}:submit", {})

    first, second = await door("first approver"), await door("second approver")
    await approve(door, draft)
    assert (await download(first, file["id"])).content == PDF

    async def asked() -> None:
        assert (await second.get(TASKS, filter=f'document_id = "{draft["id"]}"'))["tasks"]

    await eventually(asked)
    seen = await second.get(address)
    assert FIELD in seen["hiddenKeys"]
    assert FIELD not in seen["values"]
    listed = await second.get("/v1/documents/attachments", documentType=REQUEST, documentId=draft["id"])
    assert [one["name"] for one in listed["attachments"]] == ["apart.pdf"]
    assert (await download(second, file["id"])).status_code == 404
    assert (await download(second, apart["id"])).status_code == 200

    async def printed() -> None:
        paper = await mine._send("GET", f"{mine.address}{address}:print")
        assert paper.content.startswith(b"%PDF"), paper.text[:300]

    await eventually(printed)
