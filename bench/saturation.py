"""More clients than the suite can serve: what it serves stays near its peak, the rest is told quickly to come back.

A client asks without pause: it creates a requisition, lists, submits it, reads it, looks into an inbox, searches an
item. Who is told to come back waits as long as the answer says and asks again with the same key. Everything that was
acknowledged is read afterwards. What was submitted goes on by events, so a level begins when the one before it is done
with, and the levels are held in turn, twice: none of them pays for another, or for what else the machine does.
"""

from __future__ import annotations

import asyncio
import statistics
import time
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import uvloop

from bench import flagship
from bench.record import Result, distribution
from bench.suite import LIMITS, Person, suite
from bench.wire import Answer, Wire, with_query

PROBES, PROBE_SECONDS, HOLD_SECONDS, REST_SECONDS = (2, 4, 8, 16, 32), 8.0, 20.0, 5.0
TIMES, ROUNDS = (1, 2, 4), 2
# far beyond the gateway's gates
FLOOD, FLOOD_SECONDS = 500, 15.0
KEPT, REFUSAL_MS, RECOVERY_SECONDS = 0.8, 100.0, 30.0
CALM_CYCLES, CALM = 10, 2.0
BUSY = (429, 503)
REQUISITIONS, TASKS = flagship.REQUISITIONS, flagship.TASKS


@dataclass
class Level:
    """What happened with so many clients, in all rounds together."""

    clients: int
    seconds: float = 0.0
    served_ms: list[float] = field(default_factory=list)
    refused_ms: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Served requests per second."""
        return round(len(self.served_ms) / self.seconds, 1)

    def about(self) -> dict[str, Any]:
        """For the record."""
        kept = distribution(self.served_ms)
        return {
            "clients": self.clients, "rate": self.rate, "served_p50_ms": kept["p50"], "served_p99_ms": kept["p99"],
            "refused": len(self.refused_ms), "refused_max_ms": round(max(self.refused_ms, default=0), 1),
        }  # fmt: skip


def run() -> list[Result]:
    """Find the peak, hold 1, 2 and 4 times its clients, flood, and wait for the calm after it."""
    with suite() as instance:
        people = {p["what"].split(":")[0]: p["username"] for p in instance.logins()}
        requester = Person(instance.url, people["requester"])
        approvers = [Person(instance.url, people["first approver"]), Person(instance.url, people["second approver"])]
        lines = flagship.lines_of(requester)
        crowd = Crowd(instance.url, requester, approvers[0], lines)
        calm = statistics.median(flagship.cycle(requester, approvers, lines, n) for n in range(CALM_CYCLES))

        def press(level: Level, seconds: float) -> float:
            """One round of a level; how long after it everything was as quick as before."""
            uvloop.run(crowd.press(level, seconds))
            return _seconds_to_calm(requester, approvers, lines, calm)

        probes = [Level(clients) for clients in PROBES]
        for level in probes:
            press(level, PROBE_SECONDS)
        best = max(probes, key=lambda level: level.rate).clients
        held, flood = [Level(best * times) for times in TIMES], Level(FLOOD)
        calmed = [[press(level, HOLD_SECONDS) for level in held] for _ in range(ROUNDS)]
        after_held = max(row[-1] for row in calmed)
        after_flood = press(flood, FLOOD_SECONDS)
        acknowledged = uvloop.run(crowd.read_back())
    for level in (*probes, *held, flood):
        print("  ", level.about(), flush=True)
        if level.problems:
            raise RuntimeError(f"{len(level.problems)} answers that are none: {'; '.join(level.problems[:3])}")
    # of what was held as long and in turn: a probe is too short to be compared
    peak = max(held, key=lambda level: level.rate)
    settings = {
        "limits": LIMITS, "levels": [level.about() for level in (*probes, *held, flood)],
        "acknowledged": acknowledged, "calm_cycle_ms": round(calm, 1),
    }  # fmt: skip
    checked = f"{acknowledged} acknowledged documents read back; no answer but success, 429 and 503 with Retry-After"
    results = [
        Result(
            metric=17, scenario=f"saturation, {times}x clients", unit="req/s", better="higher",
            ours={"p50": level.rate, "samples": [level.rate]},
            limit={"name": f"peak, {peak.clients} clients", "p50": peak.rate, "samples": [peak.rate]},
            target={"ratio_to_limit": KEPT}, settings=settings, checked=checked,
        ).judged()
        for times, level in zip(TIMES, held, strict=True)
    ]  # fmt: skip
    refused = [ms for level in (*held, flood) for ms in level.refused_ms]
    if not refused:
        raise RuntimeError(f"{FLOOD} clients were all served: the gates do not hold")
    results.append(
        Result(
            metric=17, scenario="saturation, refusal", unit="ms", better="lower", limit=None,
            ours=distribution(refused), target={"p99": REFUSAL_MS}, settings=settings, checked=checked,
        ).judged()
    )  # fmt: skip
    results += [
        Result(
            metric=17, scenario=f"saturation, calm after {what}", unit="s", better="lower", limit=None,
            ours={"p50": seconds, "samples": [seconds]}, target={"value": RECOVERY_SECONDS}, settings=settings,
            checked=f"a flagship cycle took at most {CALM:g} times what it took before",
        ).judged()
        for what, seconds in ((f"{TIMES[-1]}x", after_held), (f"{FLOOD} clients", after_flood))
    ]  # fmt: skip
    return results


def _seconds_to_calm(requester: Person, approvers: list[Person], lines: list[dict[str, Any]], calm: float) -> float:
    """How long after the load a flagship cycle, reactions included, is as quick as before."""
    began, number = time.perf_counter(), 0
    while True:
        number += 1
        at = time.perf_counter()
        try:
            took = flagship.cycle(requester, approvers, lines, number)
        except RuntimeError:
            took = float("inf")  # still busy
        if took <= CALM * calm:
            return round(at - began, 2)
        if at - began > 10 * RECOVERY_SECONDS:
            raise RuntimeError("the suite does not come to rest")


class Crowd:
    """Clients of two people's sessions, and what was acknowledged to them."""

    def __init__(self, address: str, requester: Person, approver: Person, lines: list[dict[str, Any]]) -> None:
        self.address, self.lines = address, lines
        self.requester, self.approver = requester.cookie, approver.cookie
        self.created: set[str] = set()
        self.submitted: set[str] = set()

    async def press(self, level: Level, seconds: float) -> None:
        """So many clients at once, each with requests of its own; then a pause."""
        wire = Wire(self.address)
        over = time.perf_counter() + seconds
        began = time.perf_counter()
        await asyncio.gather(*(self._client(wire, level, over, number) for number in range(level.clients)))
        level.seconds += time.perf_counter() - began
        wire.close()
        await asyncio.sleep(REST_SECONDS)

    async def _client(self, wire: Wire, level: Level, over: float, number: int) -> None:
        inbox = with_query(TASKS, filter='state = "OPEN"', orderBy="open_time", pageSize=50)
        search = with_query("/v1/inventory/items", search=self.lines[number % len(self.lines)]["description"][:2])
        listed = with_query(REQUISITIONS, pageSize=50, fields="id,number,title,state,amount,createTime")
        start = number % (len(self.lines) - 3)
        body = {
            "title": "Pressed", "currency": "CNY", "needDate": "2099-12-31", "deliveryPlace": "1 号库",
            "lines": self.lines[start : start + 3],
        }  # fmt: skip

        async def ask(verb: str, path: str, cookie: str, body: Any = None) -> Any:
            return await self._served(wire, level, over, verb, path, cookie, body)

        while time.perf_counter() < over:
            made = await ask("POST", REQUISITIONS, self.requester, body)
            await ask("GET", listed, self.requester)
            if made:
                self.created.add(made["id"])
                path = f"{REQUISITIONS}/{made['id']}"
                if await ask("POST", f"{path}:submit", self.requester, {"etag": made["etag"]}):
                    self.submitted.add(made["id"])
                await ask("GET", path, self.requester)
            await ask("GET", inbox, self.approver)
            await ask("GET", search, self.requester)

    async def _served(self, wire: Wire, level: Level, over: float, verb: str, path: str, cookie: str, body: Any) -> Any:
        """The answer, asked for again where the suite is busy; None where the time is up."""
        key = str(uuid.uuid4())
        while time.perf_counter() < over:
            answer = await wire.ask(verb, path, cookie, body=body, key=key)
            if answer.status < 300:
                level.served_ms.append(answer.ms)
                return answer.json()
            level.refused_ms.append(answer.ms)
            wait = answer.headers.get(b"retry-after", b"")
            if answer.status not in BUSY or not wait.isdigit():
                level.problems.append(f"{verb} {path}: {answer.text}")
                return None
            await asyncio.sleep(min(float(wait), max(0.0, over - time.perf_counter())))
        return None

    async def read_back(self) -> int:
        """Every acknowledged document stands as it was acknowledged; returns how many."""
        wire, keys = Wire(self.address), sorted(self.created)
        reads: list[Coroutine[Any, Any, Answer]] = [
            wire.ask("GET", with_query(f"{REQUISITIONS}:batchGet", ids=keys[at : at + 200]), self.requester)
            for at in range(0, len(keys), 200)
        ]
        found: dict[str, Any] = {}
        for read in reads:
            found |= {row["id"]: row for row in (await read).json()["purchaseRequisitions"]}
        wire.close()
        lost = [key for key in keys if key not in found or (key in self.submitted and found[key]["state"] == "DRAFT")]
        if lost:
            raise RuntimeError(f"{len(lost)} of {len(keys)} acknowledged documents are lost: {lost[:5]}")
        return len(keys)
