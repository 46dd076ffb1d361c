"""The same reads and writes at once, ten times and a hundred times the rows: no median more than doubles.

Three instances stand side by side and are measured in turn, so that what the machine does meanwhile meets all of them.
Each is filled once (`rows`) and kept. `python -m bench.growth` only fills.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import async_sessionmaker

from bench import flagship, rows
from bench.record import Result, interleaved
from bench.suite import LIMITS, Person, heard, suite
from chassis import housekeeping
from chassis.clock import Clock
from chassis.db import engine_for, tables_of
from infra.local import machine
from infra.local.instance import Instance
from procurement.base import Base

SCALES = (1, 10, 100)
CYCLES, READS, RESTED = 8, 30, 3
# events beyond their 30 days: what a pass of housekeeping takes away at every scale
EXPIRED = 10_000
RECONCILER_SECONDS = 300
DOUBLED = 2.0
FIELDS = "id,number,title,state,ownerId,departmentId,amount,currency,needDate,createTime"
LIST, ORDERS = "/v1/procurement/purchase-requisitions", "/v1/procurement/purchase-orders"
JUDGED = (
    "flagship", "requisition list", "own requisitions", "newcomer's requisitions", "filtered list", "searched list",
    "list summary", "inbox", "requisition page", "orders list", "write to stream", "retention pass",
    "list beside retention",
)  # fmt: skip


def run() -> list[Result]:
    """Fill, measure in turn, compare each scale with the smallest."""
    with contextlib.ExitStack() as stack:
        sites = [Site(stack.enter_context(suite(name=f"growth{scale}")), scale) for scale in SCALES]
        for site in sites:
            site.prepare()
            print(f"  {site.scale:>3} x {site.counts}", flush=True)
        bars = {f"{name} {site.scale}x": bar for name in JUDGED for site in sites if (bar := site.bars.get(name))}
        found = interleaved(bars)
        checks = {site.scale: site.reconciled() for site in sites}
    results = []
    for name in JUDGED:
        first = found[f"{name} 1x"]
        for site in sites[1:]:
            results.append(
                Result(
                    metric=16, scenario=f"growth, {name} {site.scale}x", unit="ms", better="lower",
                    ours=found[f"{name} {site.scale}x"], limit=first, target={"ratio_to_limit": DOUBLED},
                    settings={"limits": LIMITS, "rows": site.counts, "rows_of_the_limit": sites[0].counts},
                    checked="pages are full, records are whole, every line of the flagship is ordered",
                ).judged()
            )  # fmt: skip
    results += [
        Result(
            metric=16, scenario=f"growth, reconciler {site.scale}x", unit="s", better="lower", limit=None, target={},
            ours={"p50": checks[site.scale][0], "samples": [checks[site.scale][0]]},
            settings={"rows": site.counts}, checked=checks[site.scale][1],
        ).judged()
        for site in sites
    ]  # fmt: skip
    return results


class Site:
    """One instance with so many times the rows, and what is measured of it."""

    def __init__(self, instance: Instance, scale: int) -> None:
        self.instance, self.scale = instance, scale
        self.counts: dict[str, int] = {}
        self.cycle = 0
        who = {login["what"].split(":")[0]: login["username"] for login in instance.logins()}
        self.requester, self.buyer = (Person(instance.url, who[role]) for role in ("requester", "buyer"))
        self.newcomer = Person(instance.url, rows.NEWCOMER_NAME)
        self.approvers = [Person(instance.url, who[role]) for role in ("first approver", "second approver")]
        self.lines = flagship.lines_of(self.requester)
        self.company = self.requester.get("/v1/identity/me")["companyId"]
        self.page = self.title = ""
        self.bars: dict[str, Callable[[], list[float]]] = {}

    def prepare(self) -> None:
        """Fill, and see that what will be read is what it should be."""
        mine = self.requester
        self.flagship(1)
        ordered = mine.get(LIST, filter='state = "ORDERED"', pageSize=1)["purchaseRequisitions"][0]["id"]
        body = {
            "title": "Pattern", "currency": "CNY", "needDate": "2099-12-31", "deliveryPlace": "1 号库",
            "lines": [self.lines[0] | {"quantity": "1"}],
        }  # fmt: skip
        made = mine.call("POST", LIST, body)
        mine.call("POST", f"{LIST}/{made['id']}:submit", {"etag": made["etag"]})
        flagship.turn_of(self.approvers[0], made["id"])
        self.counts = asyncio.run(rows.fill(self.instance, self.scale, made["id"], ordered))
        oldest = self.approvers[0].get("/v1/approval/tasks", filter='state = "OPEN"', orderBy="open_time", pageSize=1)
        self.page, self.title = (oldest["tasks"][0][name] for name in ("documentId", "title"))
        task = {"filter": 'state = "OPEN"', "orderBy": "open_time", "pageSize": 100, "summarize": "true"}
        listed = {"pageSize": 100, "fields": FIELDS}
        state = 'state = "SUBMITTED"'
        self.bars = {
            "flagship": partial(self.flagship, CYCLES),
            "requisition list": self._reads(self.buyer, LIST, 100, **listed),
            "own requisitions": self._reads(mine, LIST, 20, pageSize=20, fields=FIELDS),
            "newcomer's requisitions": self._reads(self.newcomer, LIST, 0, pageSize=20, fields=FIELDS),
            "filtered list": self._reads(self.buyer, LIST, 100, **listed, filter=f'{state} AND amount >= "500"'),
            "searched list": self._reads(self.buyer, LIST, 20, pageSize=20, fields=FIELDS, search=self.title),
            "list summary": self._reads(self.buyer, LIST, 1, pageSize=1, summarize="true", filter=state),
            "inbox": self._reads(self.approvers[0], "/v1/approval/tasks", 100, **task),
            "requisition page": self._whole_page,
            "orders list": self._reads(self.buyer, ORDERS, 100, pageSize=100),
            "write to stream": self._lag,
            "retention pass": lambda: [asyncio.run(self._retention())[0]],
            "list beside retention": lambda: asyncio.run(self._retention())[1],
        }

    def flagship(self, cycles: int) -> list[float]:
        """Requisitions of ten lines, from create to ordered."""
        self.cycle += cycles
        return [flagship.cycle(self.requester, self.approvers, self.lines, self.cycle - n) for n in range(cycles)]

    def _reads(self, person: Person, path: str, size: int, **query: Any) -> Callable[[], list[float]]:
        """Times of one list; it must hold a full page."""

        def play() -> list[float]:
            return [self._timed(person, path, size, query) for _ in range(READS + RESTED)][RESTED:]

        return play

    def _timed(self, person: Person, path: str, size: int, query: dict[str, Any]) -> float:
        began = time.perf_counter()
        answer = person.get(path, **query)
        took = (time.perf_counter() - began) * 1e3
        if size and size not in map(len, (value for value in answer.values() if isinstance(value, list))):
            raise RuntimeError(f"{self.scale}x {path} {query}: not {size} rows")
        return took

    def _whole_page(self) -> list[float]:
        """What the requisition's page asks for, one after the other."""
        found = []
        history = f"/v1/procurement/records/purchase_requisition/{self.page}/history"
        document = f'document_id = "{self.page}"'
        for _ in range(READS + RESTED):
            began = time.perf_counter()
            row = self.buyer.get(f"{LIST}/{self.page}")
            self.buyer.get(f"{LIST}/{self.page}:listLinks")
            self.buyer.get(history, pageSize=50)
            self.approvers[0].get("/v1/approval/cases", filter=document, orderBy="create_time desc", pageSize=1)
            self.approvers[0].get(f"/v1/approval/cases/{row['caseId']}")
            found.append((time.perf_counter() - began) * 1e3)
            if len(row["lines"]) != rows.LINES:
                raise RuntimeError(f"{row['number']} has {len(row['lines'])} lines")
        return found[RESTED:]

    def _lag(self) -> list[float]:
        """Milliseconds from a submit's request to its event at a reader of the stream."""
        return asyncio.run(self._lags())

    async def _lags(self) -> list[float]:
        arrived: dict[str, float] = {}
        arrival = asyncio.Event()

        def note(message: Any) -> None:
            arrived[message.headers["heyi-document-id"]] = time.perf_counter()
            arrival.set()

        found = []
        async with heard(self.instance, "evt.procurement.purchase_requisition.submitted", note):
            for _ in range(CYCLES):
                body = {
                    "title": "Lag", "currency": "CNY", "needDate": "2099-12-31", "deliveryPlace": "1 号库",
                    "lines": [self.lines[0] | {"quantity": "1"}],
                }  # fmt: skip
                made = await asyncio.to_thread(self.requester.call, "POST", LIST, body)
                path = f"{LIST}/{made['id']}:submit"
                began = time.perf_counter()
                await asyncio.to_thread(self.requester.call, "POST", path, {"etag": made["etag"]})
                async with asyncio.timeout(20):
                    while made["id"] not in arrived:
                        arrival.clear()
                        await arrival.wait()
                found.append((arrived[made["id"]] - began) * 1e3)
        return found

    async def _retention(self) -> tuple[float, list[float]]:
        """Milliseconds of a pass over expired events, and of the lists read meanwhile."""
        env = self.instance.env()
        await _expire(env["HEYI_PROCUREMENT_OWNER_DATABASE_URL"])
        engine = engine_for(env["HEYI_PROCUREMENT_DATABASE_URL"])
        runtime: Any = SimpleNamespace(
            clock=Clock(), tables=tables_of(Base.metadata), sessions=async_sessionmaker(engine)
        )
        over = threading.Event()
        beside: list[float] = []

        def read() -> None:
            while not over.is_set() or not beside:
                beside.append(self._timed(self.buyer, LIST, 100, {"pageSize": 100, "fields": FIELDS}))

        reading = asyncio.create_task(asyncio.to_thread(read))
        began = time.perf_counter()
        gone = await housekeeping.tidy(runtime)
        took = (time.perf_counter() - began) * 1e3
        over.set()
        await reading
        await engine.dispose()
        if gone < EXPIRED:
            raise RuntimeError(f"housekeeping took {gone} rows away, not {EXPIRED}")
        return took, beside

    def reconciled(self) -> tuple[float, str]:
        """Seconds of a whole reconciliation, and its verdict. It is not judged: it runs at night."""
        env = {**os.environ, **self.instance.env()}
        began = time.perf_counter()
        done = subprocess.run(
            [str(machine.PYTHON), "-m", "reconciler"], cwd=machine.ROOT, env=env, capture_output=True, text=True,
            timeout=RECONCILER_SECONDS,
        )  # fmt: skip
        took = round(time.perf_counter() - began, 2)
        findings = [line for line in done.stdout.splitlines() if " rows " in line and not line.endswith(" 0 findings")]
        return took, "no finding" if done.returncode == 0 else "; ".join(findings)[:500] or done.stderr[-500:]


async def _expire(dsn: str) -> None:
    """Events that became too old: copies of a published one, made 31 days ago."""
    database = await asyncpg.connect(dsn)
    made = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=31)
    await database.execute(
        "INSERT INTO outbox (event_id, aggregate_type, aggregate_id, version, subject, payload, headers, created_at, "
        "published_at) SELECT gen_random_uuid(), aggregate_type, gen_random_uuid(), version, subject, payload, "
        "headers, $1::timestamptz, $1::timestamptz "
        "FROM (SELECT * FROM outbox WHERE published_at IS NOT NULL LIMIT 1) one, generate_series(1, $2::int)",
        made,
        EXPIRED,
        timeout=60,
    )
    await database.close()


def main() -> None:
    """Fill the instances, one after the other."""
    for scale in SCALES:
        with suite(name=f"growth{scale}") as instance:
            began = time.monotonic()
            site = Site(instance, scale)
            site.prepare()
            print(f"{scale:>3} x {site.counts} after {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
