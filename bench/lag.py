"""From the commit of one service to the row that another one keeps of it: 200 units a second, created over gRPC.

Inventory announces UnitCreated, procurement keeps a copy; identity, inventory and procurement run in a process each.
Both ends of the lag are PostgreSQL's own commit timestamps of the unit's row and of its copy, so nobody waits or polls
for them and both clocks are one. The limit is a bare NATS server with the same default sync: an event of the same size
at the same rate, from publish to the handler of a consumer that acknowledges each; for the backlog, fetches of 500.

Then the consumer is killed twice, once under load and once while it works off what it missed. In the end each event of
the run has had its effect exactly once: one copy, one row in the inbox, one entry in the audit trail.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import grpc.aio
import nats
import nats.js.api

from bench import direct, limits
from bench.record import Result, distribution, interleaved
from bench.suite import LIMITS, Person, suite
from heyi.inventory.v1 import units_pb2 as pb
from infra.local import machine
from infra.local.instance import Instance

RATE, EACH_ROUND, BACKLOG, EVENTS = 200, 1_000, 4_000, 10_000
# where no process has more to do than it can: what the way itself takes
QUIET_RATE, QUIET = 20, 200
AT_ONCE, FETCH, PATIENCE_SECONDS = 64, 500, 180
METHOD, SUBJECT = "heyi.inventory.v1.Units/CreateUnit", "evt.inventory.unit.created"
NAME, LIMIT = "commit to row, outbox and NATS", "bare NATS, publish to handled"
COMMITTED = "SELECT id, pg_xact_commit_timestamp(xmin) AS at FROM {} WHERE id = ANY($1::uuid[])"
EVENTS_OF_RUN = "SELECT event_id FROM outbox WHERE subject = $1 AND created_at >= $2"
EFFECTS = """
SELECT (SELECT count(*) FROM unit_copy WHERE code LIKE 'BENCH-%') AS copies,
  (SELECT count(*) FROM audit_entry WHERE method = $1 AND at >= $2) AS entries,
  (SELECT count(*) FROM inbox WHERE consumer = 'procurement' AND event_id = ANY($3::uuid[])) AS seen
"""


class Both:
    """The two services and their databases."""

    def __init__(self, instance: Instance, keeper: Person, consumer: subprocess.Popen[bytes]) -> None:
        env = instance.env()
        self.instance, self.keeper, self.consumer = instance, keeper, consumer
        self.inventory = env["HEYI_INVENTORY_OWNER_DATABASE_URL"]
        self.procurement = env["HEYI_PROCUREMENT_OWNER_DATABASE_URL"]
        self.created = 0

    def restart(self) -> None:
        """Start the consumer again after a kill."""
        self.consumer = direct.services(self.instance, "procurement")

    def kill(self) -> None:
        """End the consumer as a crash would."""
        self.consumer.kill()
        self.consumer.wait(10)

    async def create(self, count: int, *, rate: float = RATE) -> list[uuid.UUID]:
        """Create units at an even pace, whether or not the ones before are answered; their ids."""
        made: list[uuid.UUID] = []
        places = asyncio.Semaphore(AT_ONCE)
        async with grpc.aio.insecure_channel(direct.address(self.instance, "inventory")) as channel:
            ask = direct.asking(channel, METHOD, await direct.token(self.instance, self.keeper))

            async def one() -> None:
                code = f"BENCH-{uuid.uuid4().hex[:14]}"
                unit = pb.Unit(code=code, name="测得单位", dimension="length", factor="2.5", decimals=2)
                try:
                    made.append(uuid.UUID((await ask(pb.CreateUnitRequest(unit=unit), direct.key())).id))
                finally:
                    places.release()

            async with asyncio.TaskGroup() as tasks:
                began = time.perf_counter()
                for number in range(count):
                    await asyncio.sleep(began + number / rate - time.perf_counter())
                    await places.acquire()
                    tasks.create_task(one())
        self.created += len(made)
        self.achieved = count / (time.perf_counter() - began)
        return made

    async def copied(self, wanted: Sequence[uuid.UUID], *, all_of_them: bool = True) -> dict[uuid.UUID, Any]:
        """When each copy was committed, once all of them are there; or those that are there now."""
        connection = await asyncpg.connect(self.procurement)
        deadline = time.monotonic() + PATIENCE_SECONDS
        try:
            while True:
                found = {row["id"]: row["at"] for row in await connection.fetch(COMMITTED.format("unit_copy"), wanted)}
                if not all_of_them or len(found) == len(wanted):
                    return found
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{len(wanted) - len(found)} of {len(wanted)} events had no effect")
                await asyncio.sleep(0.2)
        finally:
            await connection.close()

    async def lag(self, wanted: Sequence[uuid.UUID]) -> list[float]:
        """Milliseconds from the commit of a unit to the commit of its copy."""
        copied = await self.copied(wanted)
        connection = await asyncpg.connect(self.inventory)
        committed = await connection.fetch(COMMITTED.format("unit"), wanted)
        await connection.close()
        return [(copied[row["id"]] - row["at"]).total_seconds() * 1e3 for row in committed]

    async def clean(self) -> None:
        """Take the units and their copies away."""
        await direct.remove(self.inventory, "unit")
        await direct.remove(self.procurement, "unit_copy")

    async def check(self, since: datetime.datetime) -> None:
        """Raise where an event had no effect, or had it twice."""
        inventory, procurement = await asyncpg.connect(self.inventory), await asyncpg.connect(self.procurement)
        events = [row["event_id"] for row in await inventory.fetch(EVENTS_OF_RUN, SUBJECT, since)]
        found = dict(await procurement.fetchrow(EFFECTS, SUBJECT, since, events)) | {"announced": len(events)}
        await inventory.close()
        await procurement.close()
        if set(found.values()) != {self.created} or self.created < EVENTS:
            raise RuntimeError(f"{self.created} events had these effects: {found}")


def run() -> list[Result]:
    """Lag in rounds beside the bare server; then two kills, the backlog and the count of every effect."""
    with suite() as instance, bare_nats() as url:
        keeper = Person(instance.url, direct.KEEPER)
        with direct.apart(instance, "identity", "inventory"):
            both = Both(instance, keeper, direct.services(instance, "procurement"))
            asyncio.run(both.clean())
            try:
                since = datetime.datetime.now(datetime.UTC)
                payload = asyncio.run(_size(both))
                paces: list[float] = []
                lags = interleaved(
                    {NAME: lambda: _lag(both, paces), LIMIT: lambda: asyncio.run(_delivered(url, payload))}
                )
                quiet = _lag(both, paces, QUIET, QUIET_RATE)
                drained, missed = _drain(both)
                fetched = [asyncio.run(_fetched(url, payload)) for _ in range(3)]
                asyncio.run(both.check(since))
            finally:
                direct.stop(both.consumer)
                asyncio.run(both.clean())
    settings: dict[str, Any] = {"limits": LIMITS, "rate": RATE, "paces": paces, "payload_bytes": payload}
    checked = (
        f"creates a second: {paces}; {both.created} events with two kills: "
        "each has one copy, one row in the inbox, one audit entry"
    )
    common: dict[str, Any] = {"metric": 11, "checked": checked}
    judged = Result(
        scenario="lag", unit="ms", better="lower", ours=lags[NAME], limit=lags[LIMIT],
        target={"ratio_to_limit": 8.0, "p99_ratio_to_limit": 15.0}, settings=settings, **common,
    ).judged()  # fmt: skip
    # a lag at fewer events than the target names says nothing about it
    judged.met = bool(judged.met) and min(paces[:-1]) >= 0.95 * RATE
    return [
        judged,
        Result(
            scenario=f"lag, {QUIET_RATE} a second", unit="ms", better="lower", ours=distribution(quiet),
            limit=lags[LIMIT], target={}, settings=settings, **common,
        ).judged(),
        Result(
            scenario="lag, backlog", unit="events/s", better="higher", ours=direct.rates([drained], "after a kill"),
            limit=direct.rates(fetched, f"bare NATS, fetch {FETCH}"), target={"ratio_to_limit": 0.3},
            settings=settings | {"backlog": missed}, **common,
        ).judged(),
    ]  # fmt: skip


def _lag(both: Both, paces: list[float], count: int = EACH_ROUND, rate: int = RATE) -> list[float]:
    async def play() -> list[float]:
        made = await both.create(count, rate=rate)
        paces.append(round(both.achieved, 1))
        return await both.lag(made)

    return asyncio.run(play())


async def _size(both: Both) -> int:
    """Bytes of an event: its payload and its headers."""
    [unit] = await both.create(1)
    await both.copied([unit])
    connection = await asyncpg.connect(both.inventory)
    size = "SELECT length(payload) + length(headers::text) FROM outbox WHERE aggregate_id = $1"
    found = await connection.fetchval(size, unit)
    await connection.close()
    return int(found)


def _drain(both: Both) -> tuple[float, int]:
    """Kill the consumer under load, and again in the middle of its backlog; events a second before the second kill."""
    rest = EVENTS - both.created

    async def under_load() -> list[uuid.UUID]:
        flowing = asyncio.create_task(both.create(rest))
        await asyncio.sleep((rest - BACKLOG) / RATE)
        await asyncio.to_thread(both.kill)
        return await flowing

    made = asyncio.run(under_load())
    before = asyncio.run(both.copied(made, all_of_them=False))
    both.restart()
    missed = len(made) - len(before)

    async def half() -> dict[uuid.UUID, Any]:
        while True:
            found = await both.copied(made, all_of_them=False)
            if len(found) - len(before) > missed / 2:
                return found
            await asyncio.sleep(0.2)

    asyncio.run(half())
    both.kill()
    worked = asyncio.run(both.copied(made, all_of_them=False))
    at = sorted(worked[unit] for unit in worked.keys() - before.keys())
    both.restart()
    asyncio.run(both.copied(made))
    return (len(at) - 1) / (at[-1] - at[0]).total_seconds(), missed


# ---- the limit


@contextlib.contextmanager
def bare_nats() -> Iterator[str]:
    """A server of its own: file storage, default sync, nobody else."""
    port = limits.free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "server.conf"
        file.write_text(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{folder}" }}\n')
        command = [str(machine.PYTHON.parent / "nats-server"), "-c", str(file)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            limits.listening(process, port)
            yield f"nats://127.0.0.1:{port}"
        finally:
            direct.stop(process)


async def _delivered(url: str, size: int) -> list[float]:
    """Milliseconds from publish to the handler, at the same rate."""
    connection = await nats.connect(url)
    stream = connection.jetstream()
    await stream.add_stream(name="LAG", subjects=["lag"], storage=nats.js.api.StorageType.FILE)
    samples: list[float] = []
    published: dict[str, float] = {}
    all_of_them = asyncio.Event()

    async def handle(message: Any) -> None:
        samples.append((time.perf_counter() - published[message.headers["Nats-Msg-Id"]]) * 1e3)
        await message.ack()
        if len(samples) == EACH_ROUND:
            all_of_them.set()

    async def publish(number: int) -> None:
        published[str(number)] = time.perf_counter()
        await stream.publish("lag", b"x" * size, headers={"Nats-Msg-Id": str(number)})

    await stream.subscribe("lag", cb=handle, manual_ack=True)
    async with asyncio.TaskGroup() as tasks:
        began = time.perf_counter()
        for number in range(EACH_ROUND):
            await asyncio.sleep(began + number / RATE - time.perf_counter())
            tasks.create_task(publish(number))
    await asyncio.wait_for(all_of_them.wait(), 5)
    await stream.delete_stream("LAG")
    await connection.close()
    return samples


async def _fetched(url: str, size: int) -> float:
    """Events a second that a pull consumer takes off a backlog, each acknowledged."""
    connection = await nats.connect(url)
    stream = connection.jetstream()
    await stream.add_stream(name="BACKLOG", subjects=["backlog"], storage=nats.js.api.StorageType.FILE)
    for _ in range(0, EVENTS, FETCH):
        await asyncio.gather(*(stream.publish("backlog", b"x" * size) for _ in range(FETCH)))
    taker = await stream.pull_subscribe(
        "backlog", "taker", config=nats.js.api.ConsumerConfig(max_ack_pending=10 * FETCH)
    )
    taken, began = 0, time.perf_counter()
    while taken < EVENTS:
        messages = await taker.fetch(FETCH, timeout=5)
        for message in messages:
            await message.ack()
        taken += len(messages)
    await connection.flush()
    rate = taken / (time.perf_counter() - began)
    await stream.delete_stream("BACKLOG")
    await connection.close()
    return rate
