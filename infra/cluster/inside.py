"""`python -m infra.cluster.inside flagship|load|pace`: what runs in a pod beside the suite, for `make cluster-test`
and `helm test`.

The suite's address is one of the machine that tests (`http://localhost:PORT`): here too, a small relay leads from it to
the gateway's Service, so that each connection goes to whichever pod the Service takes.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from infra.local.demo import __main__ as demo
from infra.local.demo.door import Door
from infra.local.demo.records import PASSWORD, day_in
from infra.local.demo.story import line_of

REQUISITIONS, TASKS = "/v1/procurement/purchase-requisitions", "/v1/approval/tasks"
REQUESTER, FIRST, SECOND = "shenjiayi", "majianguo", "suhuimin"
LINE = {"item": "2002-0004", "quantity": "1000"}
EVERY_SECONDS = 3.0
BEGUN = "load: a flow"
# a flow that stands still for longer is lost: Keycloak and PostgreSQL come back sooner
PATIENCE_SECONDS = 240.0
AT_ONCE, PACE_SECONDS = 8, 20
# its being there ends the load
STOP = Path("/tmp/stop")  # noqa: S108  # the one folder that a pod may write to


async def relay(port: int, host: str, to: int) -> asyncio.Server:
    """Connections to a port of this machine, led on."""

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            sink.close()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(host, to)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, back), pump(there, writer))

    return await asyncio.start_server(lead, "127.0.0.1", port)


class Watched(Door):
    """A session whose every request is counted. Nothing is kept open between two, as from a proxy that asks anew."""

    counted: Counter[str] = Counter()
    troubles: Counter[str] = Counter()

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._http = httpx2.AsyncClient(
            timeout=15, follow_redirects=False, trust_env=False, verify=self.verify,
            limits=httpx2.Limits(max_keepalive_connections=0),
        )  # fmt: skip

    async def _send(self, verb: str, address: str, **more: Any) -> httpx2.Response:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            self.counted["requests"] += 1
            try:
                answer = await super()._send(verb, address, **more)
                if answer.status_code < 500:
                    return answer
                what = f"{answer.status_code} {answer.text[:120]}"
            except httpx2.TransportError as error:
                what = f"{type(error).__name__} {error}"
            self.counted["failed"] += 1
            self.troubles[f"{verb} {urlsplit(address).path.rpartition('/')[2][-12:]}: {what}"] += 1
            if time.monotonic() > deadline:
                raise TimeoutError(what)
            # once more with the same key: it acts once
            await asyncio.sleep(0.5)


async def flow(doors: dict[str, Door], acknowledged: dict[str, str]) -> None:
    """From the wish to the order; what was acknowledged is noted at once."""
    mine = doors[REQUESTER]
    body = {
        "title": f"cluster {uuid.uuid4().hex}", "purpose": "按排产计划补足安全库存。", "currency": "CNY",
        "need_date": day_in(30), "delivery_place": "1 号库", "urgency": "NORMAL", "lines": [line_of(LINE)],
    }  # fmt: skip
    made = await mine.call("POST", REQUISITIONS, body)
    acknowledged[made["id"]] = "written"
    await mine.call("POST", f"{REQUISITIONS}/{made['id']}:submit", {})
    acknowledged[made["id"]] = "submitted"
    for person in (FIRST, SECOND):
        task = await _until(doors[person], TASKS, made["id"])
        await doors[person].call("POST", f"{TASKS}/{task['id']}:approve", {"content_hash": task["contentHash"]})
        acknowledged[made["id"]] = f"approved by {person}"


async def _until(door: Door, path: str, document: str) -> Any:
    """The person's open task about a document."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        listed = await door.get(path, filter=f'state = "OPEN" AND document_id = "{document}"')
        if listed["tasks"]:
            return listed["tasks"][0]
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody was asked about {document}")
        await asyncio.sleep(0.5)


async def ordered(door: Door, document: str) -> bool:
    """Whether what two people agreed to became an order, within patience."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = await door.get(f"{REQUISITIONS}/{document}")
        if found["lines"] and all(line["orderId"] for line in found["lines"]):
            return True
        await asyncio.sleep(0.5)
    return False


async def load(address: str) -> dict[str, Any]:
    """A flow every three seconds until told to stop, then the count: whatever was acknowledged must have come to be."""
    doors: dict[str, Door] = {}
    for person in (REQUESTER, FIRST, SECOND):
        doors[person] = Watched(address)
        await doors[person].sign_in(person, PASSWORD)
    Watched.counted.clear()
    Watched.troubles.clear()
    print("load: begun", flush=True)
    acknowledged: dict[str, str] = {}
    flows: list[asyncio.Task[None]] = []
    while not await asyncio.to_thread(STOP.exists):
        flows.append(asyncio.create_task(flow(doors, acknowledged)))
        print(BEGUN, flush=True)
        await asyncio.sleep(EVERY_SECONDS)
    ends = await asyncio.gather(*flows, return_exceptions=True)
    broken = [f"{type(end).__name__} {end}" for end in ends if end is not None]
    stand = await asyncio.gather(*(ordered(doors[REQUESTER], each) for each in acknowledged))
    lost = [f"{each}: {acknowledged[each]}" for each, there in zip(acknowledged, stand, strict=True) if not there]
    for door in doors.values():
        await door.close()
    counted = {"flows": len(flows), "acknowledged": len(acknowledged), "lost": lost, "broken": broken}
    troubles = [f"{count} x {what}" for what, count in Watched.troubles.most_common(8)]
    return counted | {
        "requests": Watched.counted["requests"],
        "failed": Watched.counted["failed"],
        "troubles": troubles,
    }


async def flagship(address: str) -> str:
    """Once from the wish to the order, by three people of the demo company; the order's requisition."""
    doors: dict[str, Door] = {}
    acknowledged: dict[str, str] = {}
    try:
        for person in (REQUESTER, FIRST, SECOND):
            doors[person] = Door(address)
            await doors[person].sign_in(person, PASSWORD)
        await flow(doors, acknowledged)
        (document,) = acknowledged
        if not await ordered(doors[REQUESTER], document):
            raise TimeoutError(f"{document} was agreed to and not ordered")
        return document
    finally:
        for door in doors.values():
            await door.close()


async def pace(address: str) -> dict[str, Any]:
    """How many lists of requisitions are answered in a second, where some are always asked for at once."""
    door = Watched(address)
    await door.sign_in(REQUESTER, PASSWORD)
    Watched.counted.clear()
    samples: list[int] = []

    async def ask() -> None:
        while True:
            await door.get(REQUISITIONS, page_size=50)

    askers = [asyncio.create_task(ask()) for _ in range(AT_ONCE)]
    for _ in range(PACE_SECONDS):
        before = Watched.counted["requests"]
        await asyncio.sleep(1)
        samples.append(Watched.counted["requests"] - before)
    for asker in askers:
        asker.cancel()
    await asyncio.gather(*askers, return_exceptions=True)
    await door.close()
    return {"samples": samples, "failed": Watched.counted["failed"]}


def main() -> int:
    """Lead the suite's address to its Service, and do what was asked for."""
    address, gateway = os.environ["HEYI_GATEWAY_PUBLIC_URL"], urlsplit(os.environ["HEYI"])
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    here = relay(urlsplit(address).port or 80, gateway.hostname or "", gateway.port or 80)
    asyncio.run_coroutine_threadsafe(here, loop).result(10)
    match sys.argv[1]:
        case "flagship":
            if code := demo.main():
                return code
            print(f"requisition {asyncio.run(flagship(address))} stands in an order")
        case "load":
            print("load:", json.dumps(asyncio.run(load(address)), ensure_ascii=False), flush=True)
        case "pace":
            print(json.dumps(asyncio.run(pace(address))))
        case other:
            print(f"{other}: {__doc__}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
