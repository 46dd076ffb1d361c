"""What people do: the suite's flows in a weighted mix. What marks a document is new in every run, whatever the seed."""

from __future__ import annotations

import asyncio
import hashlib
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from stdnum.cn import uscc

from chaos.client import Client, GaveUp

REQUISITIONS, TASKS = "/v1/procurement/purchase-requisitions", "/v1/approval/tasks"
REQUESTS = "/v1/approval/office-requests"
ATTACHMENTS = "/v1/documents/attachments"
BATCHES = "/v1/inventory/import-batches"
# an event that a dead process held comes again after the consumer's 30 s
TURN_SECONDS = 45.0
# an import that a dead process held is taken up by another after a minute
IMPORT_SECONDS = 100.0


@dataclass(frozen=True)
class Scene:
    """What the flows need of the demo company."""

    requester: str
    head: str
    finance: str
    buyer: str
    lines: list[dict[str, Any]]
    category: dict[str, Any]
    unit: dict[str, Any]
    form_id: str

    @classmethod
    async def of(cls, client: Client, logins: list[dict[str, str]]) -> Scene:
        """Look around once."""
        who = {login["what"].split(":")[0]: login["username"] for login in logins}
        requester = who["requester"]
        found = await client.get(requester, "/v1/inventory/items", filter='state = "ACTIVE"', pageSize=200)
        grouped = await client.get(requester, "/v1/inventory/item-categories", pageSize=200)
        automatic = {c["id"]: c["taxRate"] for c in grouped["itemCategories"] if c["sourcingPolicy"] == "AUTOMATIC"}
        lines = [
            {
                "kind": "ITEM", "itemId": i["id"], "description": i["name"], "unitId": i["baseUnitId"],
                "unitPrice": "400", "taxRate": i["taxRate"] or automatic[i["categoryId"]],
            }
            for i in found["items"]
            if i["categoryId"] in automatic and i["kind"] in ("PART", "CONSUMABLE", "MATERIAL")
        ]  # fmt: skip
        offered = await client.get(requester, f"{REQUESTS}:listForms")
        general = next(form["formId"] for form in offered["forms"] if form["code"] == "general")
        any_item = next(i for i in found["items"] if i["kind"] == "PART")
        units = await client.get(requester, "/v1/inventory/units", pageSize=200)
        category = next(c for c in grouped["itemCategories"] if c["id"] == any_item["categoryId"])
        unit = next(u for u in units["units"] if u["id"] == any_item["baseUnitId"])
        return cls(
            requester, who["first approver"], who["second approver"], who["purchasing manager"], lines,
            category, unit, general,
        )  # fmt: skip


async def requisition(client: Client, scene: Scene, chance: random.Random) -> None:
    """From the wish to the last approval; what follows happens by itself. Every fifth is turned down."""
    large, turned_down = chance.random() < 0.5, chance.random() < 0.2
    made = await draft(client, scene, chance, "8" if large else "2")
    await client.write(
        scene.requester, f"{REQUISITIONS}/{made['id']}:submit", {"etag": made["etag"]},
        database="procurement", method="SubmitPurchaseRequisition", effect=("submission", made["id"]),
    )  # fmt: skip
    if turned_down:
        await decide(client, scene.head, made["id"], "reject")
        return
    await decide(client, scene.head, made["id"], "approve")
    if large:
        await decide(client, scene.finance, made["id"], "approve")


async def draft(client: Client, scene: Scene, chance: random.Random, quantity: str) -> Any:
    """A requisition of three lines, not yet submitted."""
    title = f"chaos {secrets.token_hex(8)}"
    body = {
        "title": title, "currency": "CNY", "needDate": "2099-12-31", "deliveryPlace": "1 号库",
        "lines": [{**line, "quantity": quantity} for line in chance.sample(scene.lines, 3)],
    }  # fmt: skip
    return await client.write(
        scene.requester, REQUISITIONS, body,
        database="procurement", method="CreatePurchaseRequisition", effect=("requisition", title),
    )  # fmt: skip


async def office_request(client: Client, scene: Scene, chance: random.Random) -> None:
    """A form that its department's head agrees to."""
    subject = f"chaos {secrets.token_hex(8)}"
    body = {"formId": scene.form_id, "values": {"subject": subject, "content": "盘点用品"}}
    made = await client.write(
        scene.requester, REQUESTS, body,
        database="approval", method="CreateOfficeRequest", effect=("office_request", subject),
    )  # fmt: skip
    await client.write(
        scene.requester, f"{REQUESTS}/{made['id']}:submit", {"etag": made["etag"]},
        database="approval", method="SubmitOfficeRequest", effect=("office_submission", made["id"]),
    )  # fmt: skip
    await decide(client, scene.head, made["id"], "approve")


async def decide(client: Client, who: str, document: str, verb: str) -> None:
    """Wait to be asked about a document, and answer."""
    deadline = time.monotonic() + TURN_SECONDS
    while True:
        listed = await client.get(who, TASKS, filter=f'state = "OPEN" AND document_id = "{document}"')
        if listed["tasks"]:
            break
        if time.monotonic() > deadline:
            raise GaveUp(f"{who} was not asked about {document}")
        await asyncio.sleep(0.3)
    task = listed["tasks"][0]
    body = {"contentHash": task["contentHash"]} | ({"text": "不同意"} if verb == "reject" else {})
    await client.write(
        who, f"{TASKS}/{task['id']}:{verb}", body,
        database="approval", method=f"{verb.title()}Task", effect=("decision", task["id"]),
    )  # fmt: skip


async def supplier(client: Client, scene: Scene, chance: random.Random) -> None:
    """A new supplier."""
    mark = secrets.token_hex(5).upper()
    digits = f"91310114{secrets.randbelow(10**9):09d}"
    body = {
        "name": f"上海混沌{mark}有限公司", "shortName": mark, "currency": "CNY",
        "creditCode": digits + uscc.calc_check_digit(digits),
    }  # fmt: skip
    await client.write(
        scene.buyer, "/v1/procurement/suppliers", body,
        database="procurement", method="CreateSupplier", effect=("supplier", mark),
    )  # fmt: skip


async def item(client: Client, scene: Scene, chance: random.Random) -> None:
    """A new item, of which procurement keeps a copy."""
    code = f"CH-{secrets.token_hex(6).upper()}"
    body = {
        "code": code, "name": f"混沌件 {code}", "categoryId": scene.category["id"], "baseUnitId": scene.unit["id"],
        "kind": "PART",
    }  # fmt: skip
    await client.write(
        "admin", "/v1/inventory/items", body, database="inventory", method="CreateItem", effect=("item", code)
    )


async def import_items(client: Client, scene: Scene, chance: random.Random) -> None:
    """Three items out of a file: brought in, checked, and made."""
    mark = f"CI-{secrets.token_hex(6).upper()}"
    rows = [f"{mark}-{n},混沌件 {mark}-{n},{scene.category['code']},{scene.unit['code']},PART" for n in range(3)]
    sheet = "\n".join(["code,name,category_id,base_unit_id,kind", *rows]).encode()
    batch = await client.write(
        "admin", "/v1/inventory/items:importFile", sheet, fileName=f"{mark}.csv",
        database="inventory", method="CreateImportBatch", effect=("import_file", f"{mark}.csv"),
    )  # fmt: skip
    for verb, then, effect in (
        ("check", "CHECKED", ("import_check", batch["id"])), ("start", "IMPORTED", ("imported", mark))
    ):  # fmt: skip
        await client.write(
            "admin", f"{BATCHES}/{batch['id']}:{verb}", {},
            database="inventory", method=f"{verb.title()}ImportBatch", effect=effect,
        )  # fmt: skip
        deadline = time.monotonic() + IMPORT_SECONDS
        while (now := await client.get("admin", f"{BATCHES}/{batch['id']}"))["state"] != then:
            if time.monotonic() > deadline:
                raise GaveUp(f"the import {mark} is still {now['state']}")
            await asyncio.sleep(0.3)


async def attach(client: Client, scene: Scene, chance: random.Random) -> None:
    """A requisition that waits for its file, which comes in three pieces."""
    document = await draft(client, scene, chance, "2")
    name = f"chaos {secrets.token_hex(8)}.pdf"
    data = b"%PDF-1.7\n" + secrets.token_bytes(30_000)
    body = {
        "documentType": "procurement.purchase_requisition", "documentId": document["id"], "name": name,
        "sizeBytes": len(data),
    }  # fmt: skip
    made = await client.write(
        scene.requester, ATTACHMENTS, body, database="documents", method="CreateAttachment", effect=("upload", name)
    )
    for offset in range(0, len(data), 12_000):
        piece = data[offset : offset + 12_000]
        await client.send(scene.requester, f"{ATTACHMENTS}/{made['id']}/content", piece, offset=offset)
    await client.write(
        scene.requester, f"{ATTACHMENTS}/{made['id']}:finish", {"sha256": hashlib.sha256(data).hexdigest()},
        database="documents", method="FinishAttachment", effect=("file", made["id"]),
    )  # fmt: skip


async def look_around(client: Client, scene: Scene, chance: random.Random) -> None:
    """Lists, as screens ask for them."""
    await client.get(scene.requester, REQUISITIONS, pageSize=50)
    await client.get(scene.head, TASKS, filter='state = "OPEN"', pageSize=50)


Flow = Callable[[Client, Scene, random.Random], Awaitable[None]]
MIX: dict[Flow, int] = {
    requisition: 8,
    supplier: 2,
    item: 2,
    office_request: 2,
    attach: 2,
    import_items: 1,
    look_around: 2,
}
