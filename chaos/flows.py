"""What people do: the suite's flows in a weighted mix. What marks a document is new in every run, whatever the seed."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from stdnum.cn import uscc

from chaos.client import Client, GaveUp

REQUISITIONS, TASKS = "/v1/procurement/purchase-requisitions", "/v1/approval/tasks"
# an event that a dead process held comes again after the consumer's 30 s
TURN_SECONDS = 45.0


@dataclass(frozen=True)
class Scene:
    """What the flows need of the demo company."""

    requester: str
    head: str
    finance: str
    buyer: str
    lines: list[dict[str, Any]]
    category_id: str
    unit_id: str

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
        any_item = next(i for i in found["items"] if i["kind"] == "PART")
        return cls(
            requester, who["first approver"], who["second approver"], who["purchasing manager"], lines,
            any_item["categoryId"], any_item["baseUnitId"],
        )  # fmt: skip


async def requisition(client: Client, scene: Scene, chance: random.Random) -> None:
    """From the wish to the last approval; what follows happens by itself. Every fifth is turned down."""
    large, turned_down = chance.random() < 0.5, chance.random() < 0.2
    title = f"chaos {secrets.token_hex(8)}"
    body = {
        "title": title, "currency": "CNY", "needDate": "2099-12-31", "deliveryPlace": "1 号库",
        "lines": [{**line, "quantity": "8" if large else "2"} for line in chance.sample(scene.lines, 3)],
    }  # fmt: skip
    made = await client.write(
        scene.requester, REQUISITIONS, body,
        database="procurement", method="CreatePurchaseRequisition", effect=("requisition", title),
    )  # fmt: skip
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
        "code": code, "name": f"混沌件 {code}", "categoryId": scene.category_id, "baseUnitId": scene.unit_id,
        "kind": "PART",
    }  # fmt: skip
    await client.write(
        "admin", "/v1/inventory/items", body, database="inventory", method="CreateItem", effect=("item", code)
    )


async def look_around(client: Client, scene: Scene, chance: random.Random) -> None:
    """Lists, as screens ask for them."""
    await client.get(scene.requester, REQUISITIONS, pageSize=50)
    await client.get(scene.head, TASKS, filter='state = "OPEN"', pageSize=50)


Flow = Callable[[Client, Scene, random.Random], Awaitable[None]]
MIX: dict[Flow, int] = {requisition: 8, supplier: 2, item: 2, look_around: 2}
