"""A handful of requisitions through the real flow: made, submitted and decided by the people themselves.

Level-triggered, so that it can break off anywhere: each step looks at where the requisition stands and acts only if
its turn has come. Whoever has gone on working with a requisition is not interfered with.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from infra.local.demo import records
from infra.local.demo.cast import Cast
from infra.local.demo.door import CannotGoOnError, Door, RefusedHereError
from infra.local.demo.load import say, side_by_side
from infra.local.demo.records import CURRENCY, day_in, id_of, reference

DOCUMENT = "procurement.purchase_requisition"
PATH = "/v1/procurement/purchase-requisitions"
ORDERS = "/v1/procurement/purchase-orders"
DECISIONS = ("approve", "reject", "return")
WAIT_SECONDS = 20.0


async def tell(cast: Cast) -> None:
    """Every requisition of the story, side by side: none needs another."""
    began = time.monotonic()
    await side_by_side(_play(plot, cast) for plot in records.tables("story"))
    say("Requisitions", len(records.tables("story")), "as told", began)


async def _play(plot: Mapping[str, Any], cast: Cast) -> None:
    company = company_of(plot["requester"])
    key = id_of(DOCUMENT, plot["key"])
    requisition = await _find(await cast.door(), key, company)
    if requisition is None:
        # not there, or a draft that only its owner sees
        own = await cast.door(plot["requester"])
        requisition = await _find(own, key, company)
        if requisition is None:
            requisition = await own.call("POST", PATH, requisition_of(plot), company=company)
    for step in plot["path"]:
        [(action, how)] = step.items()
        if action == "submit":
            if requisition["state"] == "DRAFT" and not requisition["submission"]:
                own = await cast.door(plot["requester"])
                requisition = await own.call("POST", f"{PATH}/{key}:submit", {}, company=company)
        elif action in DECISIONS:
            await _decide(action, how, key, company, cast)
        else:
            await _order(action, how, key, company, cast)


async def _decide(action: str, how: Mapping[str, str], key: str, company: str, cast: Cast) -> None:
    """Wait until it is the person's turn, then decide; nothing to do when the turn has passed."""
    person, admin = id_of("identity.employee", how["by"]), await cast.door()

    async def turn() -> Any:
        requisition = await admin.get(f"{PATH}/{key}", company=company)
        if requisition["state"] != "SUBMITTED":
            return "over"
        if not requisition["caseId"]:
            return None
        case = await admin.get(f"/v1/approval/cases/{requisition['caseId']}", company=company)
        mine = [task for task in case["tasks"] if task["assigneeId"] == person]
        return next((task for task in mine if task["state"] == "OPEN"), "over" if mine else None)

    task = await _eventually(turn, f"{how['by']} is not asked about {key}")
    if task != "over":
        door = await cast.door(how["by"])
        body = {"content_hash": task["contentHash"], "text": how["text"]}
        await door.call("POST", f"/v1/approval/tasks/{task['id']}:{action}", body, company=company)
        await _eventually(lambda: _moved_on(key, company, task["id"], cast), f"{key} does not move on")


async def _moved_on(key: str, company: str, task_id: str, cast: Cast) -> Any:
    """Whether the requisition knows of the decision: another turn, or another state."""
    admin = await cast.door()
    requisition = await admin.get(f"{PATH}/{key}", company=company)
    if requisition["state"] != "SUBMITTED":
        return "over"
    case = await admin.get(f"/v1/approval/cases/{requisition['caseId']}", company=company)
    return next((t for t in case["tasks"] if t["state"] == "OPEN" and t["id"] != task_id), None)


async def _order(action: str, how: Mapping[str, str], key: str, company: str, cast: Cast) -> None:
    """Release or confirm the orders that the requisition led to."""
    wanted, admin = {"release": "DRAFT", "confirm": "RELEASED"}[action], await cast.door()

    async def ordered() -> Any:
        requisition = await admin.get(f"{PATH}/{key}", company=company)
        lines = requisition["lines"]
        settled = requisition["state"] in ("APPROVED", "ORDERED") and all(line["state"] != "OPEN" for line in lines)
        return {line["orderId"] for line in lines if line["orderId"]} if settled else None

    # one order is confirmed, so that every state is seen
    chosen = sorted(await _eventually(ordered, f"{key} leads to no order"))[: None if action == "release" else 1]
    for order_id in chosen:
        order = await admin.get(f"{ORDERS}/{order_id}", company=company)
        if order["state"] == wanted:
            door = await cast.door(how["by"])
            body = {} if action == "release" else _promises(order, how["reference"])
            await door.call("POST", f"{ORDERS}/{order_id}:{action}", body, company=company)


def _promises(order: Mapping[str, Any], supplier_reference: str) -> dict[str, Any]:
    """The supplier says yes to every line, for the day that it is wanted by."""
    wanted = order["needDate"] or day_in(10)
    promises = [{"line_id": line["id"], "promised_date": line["needDate"] or wanted} for line in order["lines"]]
    return {"supplier_reference": supplier_reference, "promises": promises}


def requisition_of(plot: Mapping[str, Any]) -> dict[str, Any]:
    """The requisition as its requester types it."""
    return {
        "id": id_of(DOCUMENT, plot["key"]),
        "title": plot["title"],
        "purpose": plot["purpose"],
        "currency": CURRENCY,
        "need_date": day_in(plot["need_in_days"]),
        "delivery_place": plot["delivery_place"],
        "urgency": plot.get("urgency", "NORMAL"),
        "lines": [line_of(line) for line in plot["lines"]],
    }


def line_of(line: Mapping[str, str]) -> dict[str, str]:
    """A line picked from the item master, or in words."""
    if "item" in line:
        item = next(row for row in records.rows("items") if row["code"] == line["item"])
        category = next(row for row in records.rows("categories") if row["code"] == item["category"])
        fields = {
            "kind": "ITEM",
            "item_id": id_of("inventory.item", item["code"]),
            "description": item["name"],
            "specification": item["specification"],
            "unit_id": id_of("inventory.unit", item["unit"]),
            "unit_price": item["standard_price"],
            "tax_rate": category["tax_rate"],
        }
    else:
        fields = {
            "kind": line["kind"],
            "description": line["description"],
            "specification": line["specification"],
            "category_id": reference("inventory.item_category", line["category"]),
            "unit_text": line["unit"],
            "unit_price": line["price"],
            "tax_rate": line["tax_rate"],
        }
    return fields | {"quantity": line["quantity"]} | ({"project_code": line["project"]} if "project" in line else {})


def company_of(username: str) -> str:
    """Id of the company that a person belongs to."""
    department = next(row["department"] for row in records.rows("employees") if row["username"] == username)
    return id_of("identity.company", next(r["company"] for r in records.rows("departments") if r["code"] == department))


async def _find(door: Door, key: str, company: str) -> Any:
    try:
        return await door.get(f"{PATH}/{key}", company=company)
    except RefusedHereError as refusal:
        if refusal.status == 404:
            return None
        raise


async def _eventually(look: Any, otherwise: str) -> Any:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (found := await look()) is None:
        if time.monotonic() > deadline:
            raise CannotGoOnError(f"{otherwise} (waited {WAIT_SECONDS:.0f} s)")
        await asyncio.sleep(0.1)
    return found
