"""Files as attackers send them: names that lead elsewhere, bombs, scripts, other people's ids, more than fits."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import zipfile
from typing import Any

import pytest
from api import Session, reason_of
from attaching import PATH, attach, begin, download, finish, piece
from attackers import own

from documents.tests.hostile import ACTIVE, large_dictionary, long_list, svg
from infra.local.demo.records import id_of
from infra.local.demo.story import line_of

REQUISITION, REQUISITIONS = "procurement.purchase_requisition", "/v1/procurement/purchase-requisitions"
SVG = svg().encode()
PDF = b"%PDF-1.7\n%%EOF\n"


@pytest.fixture(scope="module")
async def paper(requester: Session) -> Any:
    """A draft of the requester's."""
    body = {"title": "Upload target", "currency": "CNY", "lines": [line_of({"item": "4002-0007", "quantity": "1"})]}
    return await requester.call("POST", REQUISITIONS, body)


async def created(session: Session, paper: Any, **fields: Any) -> Any:
    """What the gateway answers to an upload that is begun so."""
    body = {"documentType": REQUISITION, "documentId": paper["id"], "name": "a.pdf", "sizeBytes": 10, **fields}
    return await session.raw("POST", PATH, json.dumps(body))


@pytest.mark.parametrize(
    "name",
    [
        "../../../../etc/cron.d/x.txt", "..\\..\\boot.txt", "/var/x.txt", "a/b.txt", "x\x00.pdf.txt", "%2e%2e%2fx.txt/",
        "invoice\u202etxt.pdf", "a\r\nSet-Cookie: x=1.txt", "nul.txt", "C:x.txt", 'a".pdf', "x.php", "x.exe",
        "x.pdf.js",
    ],
)  # fmt: skip
async def test_attack_upload_with_a_name_that_leads_elsewhere(requester: Session, paper: Any, name: str) -> None:
    answer = await created(requester, paper, name=name)
    assert answer.status_code == 400
    assert reason_of(answer) in ("ATTACHMENT_NAME", "ATTACHMENT_EXTENSION", "INVALID_REQUEST")


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(300 * 1024 * 1024))
    return out.getvalue()


def climbing() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../../../home/x/.ssh/authorized_keys", b"x")
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("bomb.xlsx", bomb, "ATTACHMENT_BOMB"),
        ("list.zip", long_list, "ATTACHMENT_BOMB"),
        ("dictionary.zip", large_dictionary, "ATTACHMENT_BOMB"),
        ("climbs.zip", climbing, "ATTACHMENT_ENTRY"),
        ("page.png", lambda: b"<html><script>alert(1)</script></html>", "ATTACHMENT_CONTENT"),
        ("program.pdf", lambda: b"MZ" + bytes(500), "ATTACHMENT_CONTENT"),
    ],
)
async def test_attack_upload_of_what_nobody_should_open(
    requester: Session, paper: Any, name: str, data: Any, reason: str
) -> None:
    """It is refused after its check, and can never be fetched."""
    file = await attach(requester, REQUISITION, paper["id"], name, data())
    assert (file["state"], file["refusal"]) == ("REFUSED", reason)
    assert reason_of(await download(requester, file["id"])) == "ATTACHMENT_NOT_READY"


@pytest.mark.parametrize("name", ["picture.svg", "picture.xml"])
@pytest.mark.parametrize(("inside", "found"), ACTIVE)
async def test_attack_upload_of_a_picture_that_runs_something(
    requester: Session, paper: Any, name: str, inside: str, found: str
) -> None:
    """It is refused with what was found in it, in whatever encoding it comes and whatever its name says."""
    # of the same name and size it would be taken for the same upload
    mark = hashlib.sha256(inside.encode()).hexdigest()[:8]
    file = await attach(requester, REQUISITION, paper["id"], f"{mark} {name}", svg(inside).encode("utf-16"))
    assert (file["state"], file["refusal"]) == ("REFUSED", "ATTACHMENT_ACTIVE")
    assert file["refusalFacts"]["found"] == found
    assert reason_of(await download(requester, file["id"])) == "ATTACHMENT_NOT_READY"


@pytest.mark.parametrize(("name", "data"), [("picture.svg", SVG), ("page.html", b"<script>alert(1)</script>")])
async def test_attack_script_in_a_file_runs_nowhere(requester: Session, paper: Any, name: str, data: bytes) -> None:
    """A page, and a harmless picture of a kind that could hold a script: they come as plain bytes for saving, whatever
    is asked, and are never shown small.
    """
    file = await attach(requester, REQUISITION, paper["id"], name, data)
    assert (file["state"], file["view"]) == ("READY", "NONE")
    for query in ({}, {"inline": "true"}):
        answer = await download(requester, file["id"], **query)
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
    answer = await requester.raw("GET", f"{PATH}/{file['id']}:preview")
    assert reason_of(answer) == "ATTACHMENT_NO_PREVIEW"


async def test_attack_guessing_ids_of_files(requester: Session, outsider: Session, paper: Any) -> None:
    """Every way to somebody else's file answers as if there were none, whether it is there or not."""
    file = await attach(requester, REQUISITION, paper["id"], "secret.pdf", PDF)
    unknown = id_of("documents.attachment", "nothing")
    ways = [
        ("GET", ""),
        ("GET", ":download"),
        ("GET", ":preview"),
        ("POST", ":remove"),
        ("POST", ":restore"),
        ("DELETE", ""),
    ]
    for verb, verb_path in ways:
        body = "{}" if verb == "POST" else None
        real, none = [
            await outsider.raw(
                verb, f"{PATH}/{key}{verb_path}", body, query={"inline": "true"} if "down" in verb_path else {}
            )
            for key in (file["id"], unknown)
        ]
        assert (real.status_code, reason_of(real)) == (none.status_code, reason_of(none)) == (404, "DOCUMENT_NOT_FOUND")
    assert (await piece(outsider, file["id"], 0, b"x")).status_code == 404
    assert file["id"] not in str(await outsider.get(PATH))
    assert (await outsider.get(f"{PATH}:batchGet", ids=file["id"]))["attachments"] == []
    answer = await created(outsider, paper)
    assert answer.status_code == 404


async def test_attack_more_than_fits(requester: Session, paper: Any) -> None:
    """Too large by what is said, by what comes, and in one request; nothing of it is kept waiting in memory."""
    assert reason_of(await created(requester, paper, sizeBytes=2**32 - 1)) == "ATTACHMENT_TOO_LARGE"
    assert (await created(requester, paper, sizeBytes=2**32)).status_code == 400
    assert (await created(requester, paper, sizeBytes=-1)).status_code == 400
    made = await begin(requester, REQUISITION, paper["id"], "small.pdf", 10)
    assert reason_of(await piece(requester, made["id"], 0, PDF * 10)) == "ATTACHMENT_BEYOND"
    assert reason_of(await piece(requester, made["id"], 5, b"x")) == "ATTACHMENT_OFFSET"
    assert (await piece(requester, made["id"], 0, bytes(9 * 1024 * 1024))).status_code == 413
    await requester.call("DELETE", f"{PATH}/{made['id']}")


async def test_attack_bytes_where_json_belongs(requester: Session) -> None:
    """A body of bytes is read by the one method that takes it, not by another."""
    headers = own(requester) | {"content-type": "application/octet-stream", "idempotency-key": "x" * 20}
    answer = await requester._send("POST", requester.address + REQUISITIONS, content=bytes(2**20), headers=headers)
    assert (answer.status_code, reason_of(answer)) == (400, "MALFORMED_REQUEST")


async def test_attack_two_who_send_one_upload(requester: Session, paper: Any) -> None:
    """Pieces at the same moment, different ones for the same place: one of them stands, and the hash decides."""
    data = PDF + bytes(300_000)
    made = await begin(requester, REQUISITION, paper["id"], "race.pdf", len(data))
    await asyncio.gather(*(piece(requester, made["id"], 0, data if n % 2 else bytes(len(data))) for n in range(6)))
    file = await finish(requester, made["id"], hashlib.sha256(data).hexdigest())
    assert file["state"] == "READY" or file["refusal"] == "ATTACHMENT_HASH"
    if file["state"] == "READY":
        assert (await download(requester, file["id"])).content == data
