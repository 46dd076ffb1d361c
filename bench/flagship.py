"""Requisition of ten lines -> two approvals -> order, one user after the other, through the gateway.

The clock starts before the requisition is created and stops when its requester reads that every line stands in an
order. Every cycle is checked: ten lines, each in exactly one order line. The peer's requisition of ten lines has one
approver and no HTTP before it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench import limits, peers
from bench.record import ROUNDS, Result, interleaved
from bench.suite import LIMITS, Person, heard, suite
from chassis.stream import connect
from infra.local.instance import Instance

CYCLES, PARTS, PEER_CYCLES, WARM = 35, 100, 8, 5  # in each round
REQUISITIONS, TASKS = "/v1/procurement/purchase-requisitions", "/v1/approval/tasks"
HOPS, COMMITS, DELIVERIES = 4, 4, 2


def run() -> list[Result]:
    """The flow, as many bare hops, commits and deliveries, and the peer, in turn."""
    with suite() as instance, peers.tryton(instance) as tryton:
        people = {p["what"].split(":")[0]: p["username"] for p in instance.logins()}
        requester = Person(instance.url, people["requester"])
        approvers = [Person(instance.url, people["first approver"]), Person(instance.url, people["second approver"])]
        lines, env = lines_of(requester), instance.env()

        def ours(cycles: int = CYCLES) -> list[float]:
            return [cycle(requester, approvers, lines, number) for number in range(cycles)]

        # a subject of the stream that no consumer listens to
        subject = "evt.procurement.bench.measured"
        bars: dict[str, Callable[[], Sequence[float]]] = {
            "ours": ours,
            "hop": lambda: limits.hop(PARTS),
            "commit": lambda: asyncio.run(limits.commit(env["HEYI_PROCUREMENT_OWNER_DATABASE_URL"], PARTS)),
            "delivery": lambda: asyncio.run(_delivery(instance, subject, PARTS)),
            tryton.version: lambda: tryton.ask(cycles=PEER_CYCLES)["samples"],
        }
        ours(WARM)
        tryton.ask(cycles=2)
        mine, hop, commit, delivery, peer = interleaved(bars).values()
    limit = {
        "name": f"{HOPS} hops + {COMMITS} commits + {DELIVERIES} deliveries",
        "p50": round(HOPS * hop["p50"] + COMMITS * commit["p50"] + DELIVERIES * delivery["p50"], 3),
        "parts": {"hop": hop, "commit": commit, "delivery": delivery},
    }
    return [
        Result(
            metric=6, scenario="flagship", unit="ms", better="lower", ours=mine, limit=limit, peer=peer,
            target={"value": 44.0, "ratio_to_limit": 6.0, "ratio_to_peer": round(1 / 15, 4)},
            settings={"limits": LIMITS, "cycles": CYCLES * ROUNDS},
            checked="every cycle: ten lines, each in exactly one order line, requisition ORDERED; the peer's likewise",
        ).judged()
    ]  # fmt: skip


def lines_of(requester: Person) -> list[dict[str, Any]]:
    """Ten items that are ordered by themselves."""
    items = requester.get("/v1/inventory/items", filter='state = "ACTIVE"', pageSize=200)["items"]
    categories = requester.get("/v1/inventory/item-categories", pageSize=200)["itemCategories"]
    automatic = {c["id"]: c["taxRate"] for c in categories if c["sourcingPolicy"] == "AUTOMATIC"}
    chosen = [i for i in items if i["categoryId"] in automatic and i["kind"] in ("PART", "CONSUMABLE", "MATERIAL")]
    return [
        {
            "kind": "ITEM", "itemId": i["id"], "description": i["name"], "unitId": i["baseUnitId"], "quantity": "2",
            "unitPrice": "400", "taxRate": i["taxRate"] or automatic[i["categoryId"]],
        }
        for i in chosen
    ]  # fmt: skip


def cycle(requester: Person, approvers: list[Person], lines: list[dict[str, Any]], number: int) -> float:
    """Milliseconds of one requisition's way."""
    first = number * 7 % (len(lines) - 10)
    body = {
        "title": f"Measured {number}", "currency": "CNY", "needDate": "2099-12-31", "deliveryPlace": "1 号库",
        "lines": lines[first : first + 10],
    }  # fmt: skip
    began = time.perf_counter()
    made = requester.call("POST", REQUISITIONS, body)
    requester.call("POST", f"{REQUISITIONS}/{made['id']}:submit", {"etag": made["etag"]})
    for approver in approvers:
        task = turn_of(approver, made["id"])
        approver.call("POST", f"{TASKS}/{task['id']}:approve", {"contentHash": task["contentHash"]})
    deadline = time.perf_counter() + 20
    while True:
        now = requester.get(f"{REQUISITIONS}/{made['id']}")
        if now["state"] == "ORDERED" or (
            now["state"] == "APPROVED" and all(x["state"] != "OPEN" for x in now["lines"])
        ):
            break
        if time.perf_counter() > deadline:
            raise RuntimeError(f"requisition {made['number']} stays {now['state']}")
    took = (time.perf_counter() - began) * 1e3
    order_lines = [line["orderLineId"] for line in now["lines"] if line["state"] == "ORDERED"]
    if len(now["lines"]) != 10 or len(set(order_lines)) != len(order_lines) or not order_lines:
        raise RuntimeError(f"requisition {now['number']} is not ordered line by line: {now['lines']}")
    return took


async def _delivery(instance: Instance, subject: str, count: int) -> list[float]:
    """One event from publish, as procurement, to the handler of a consumer of the stream."""
    connection = await connect(instance.env()["HEYI_PROCUREMENT_NATS_URL"], "procurement")
    stream = connection.jetstream()
    arrived: asyncio.Queue[float] = asyncio.Queue()
    samples = []
    async with heard(instance, subject, lambda message: arrived.put_nowait(time.perf_counter())):
        for number in range(count):
            began = time.perf_counter()
            await stream.publish(subject, b"x" * 600, headers={"Nats-Msg-Id": f"bench-{began}-{number}"})
            samples.append((await asyncio.wait_for(arrived.get(), 5) - began) * 1e3)
    await connection.close()
    return samples


def turn_of(approver: Person, document: str) -> Any:
    """The approver's open task for a document, as soon as it is there."""
    deadline = time.perf_counter() + 20
    while time.perf_counter() < deadline:
        tasks = approver.get(TASKS, filter=f'state = "OPEN" AND document_id = "{document}"')["tasks"]
        if tasks:
            return tasks[0]
    raise RuntimeError(f"nobody was asked about {document}")
