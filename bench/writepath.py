"""What auth, policy, idempotency, audit and outbox cost: a create at a service's own port beside its bare rows.

Ours is heyi.inventory.v1.Units/CreateUnit, asked over gRPC with a person's token and an idempotency key. One call
writes six times: the key's row and later the reply into it, the unit, the audit entry, its change, and the event in
the outbox; all is durable when the reply comes. The relay publishes the events meanwhile, in the same process.

The limit is asyncpg without a server before it: BEGIN, the same five rows (the key's row with its reply at once) with
the values that a call of ours wrote, into copies of these tables with their constraints and indexes, COMMIT.
"""

from __future__ import annotations

import asyncio
import datetime
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

import asyncpg
import grpc.aio

from bench import direct
from bench.record import ROUNDS, Result, interleaved
from bench.suite import LIMITS, Person, suite
from chassis import ids
from heyi.inventory.v1 import units_pb2 as pb
from infra.local.instance import Instance

METHOD = "heyi.inventory.v1.Units/CreateUnit"
ONE_BY_ONE, AT_ONCE, CLIENTS, WARM = 300, 1_500, 16, 100
# in the order in which they are written; where the rows of one call are found
TABLES = {
    "idempotency": "SELECT * FROM idempotency WHERE key = $2 AND $1::uuid IS NOT NULL",
    "unit": "SELECT * FROM unit WHERE id = $1 AND $2::text <> ''",
    "audit_entry": "SELECT e.* FROM audit_entry e JOIN audit_change c ON c.entry_id = e.id "
    "WHERE c.document_id = $1 AND $2::text <> ''",
    "audit_change": "SELECT * FROM audit_change WHERE document_id = $1 AND $2::text <> ''",
    "outbox": "SELECT * FROM outbox WHERE aggregate_id = $1 AND $2::text <> ''",
}
_MADE = """
SELECT count(*) AS units,
  (SELECT count(*) FROM outbox WHERE subject = 'evt.inventory.unit.created' AND created_at >= $2) AS events,
  (SELECT count(*) FROM audit_entry WHERE method = $1 AND at >= $2) AS entries,
  (SELECT count(*) FROM audit_change c JOIN audit_entry e ON e.id = c.entry_id WHERE e.method = $1 AND e.at >= $2)
    AS changes,
  (SELECT count(*) FROM idempotency WHERE method = $1 AND created_at >= $2 AND response IS NOT NULL) AS keys
FROM unit WHERE code LIKE 'BENCH-%'
"""
NAME, LIMIT = "Units/CreateUnit over gRPC", "asyncpg, the same rows in one transaction"


def run() -> list[Result]:
    """One client after the other, then sixteen at once; ours and the bare rows in turn."""
    with suite() as instance:
        keeper = Person(instance.url, direct.KEEPER)
        dsn = instance.env()["HEYI_INVENTORY_OWNER_DATABASE_URL"]
        asyncio.run(direct.remove(dsn, "unit"))
        # nobody who reacts to the events runs, nor anything else in the service's process
        with direct.apart(instance, "identity", "inventory"):
            try:
                rows = asyncio.run(_prepare(instance, keeper, dsn))
                return _measure(instance, keeper, dsn, rows)
            finally:
                asyncio.run(direct.remove(dsn, "unit"))
                asyncio.run(_drop(dsn))


def _measure(instance: Instance, keeper: Person, dsn: str, rows: Mapping[str, Mapping[str, Any]]) -> list[Result]:
    speeds: dict[tuple[str, int], list[float]] = {}

    def bar(name: str, count: int, at_once: int) -> list[float]:
        work = _ours(instance, keeper, count, at_once) if name == NAME else _bare(dsn, rows, count, at_once)
        samples, rate = asyncio.run(work)
        speeds.setdefault((name, at_once), []).append(rate)
        return samples

    began = rows["audit_entry"]["at"] + datetime.timedelta(microseconds=1)  # after the call that was copied
    asyncio.run(direct.remove(dsn, "unit"))
    asyncio.run(_ours(instance, keeper, WARM, CLIENTS))
    asyncio.run(_bare(dsn, rows, WARM, CLIENTS))
    alone = interleaved({name: partial(bar, name, ONE_BY_ONE, 1) for name in (NAME, LIMIT)})
    interleaved({name: partial(bar, name, AT_ONCE, CLIENTS) for name in (NAME, LIMIT)})
    asyncio.run(_check(dsn, began, ours=WARM + ROUNDS * (ONE_BY_ONE + AT_ONCE)))
    settings = {"limits": LIMITS, "rows": {name: len(row) for name, row in rows.items()}, "rounds": ROUNDS}
    checked = "every call made each of its rows, every event has its row in the outbox; so did the bare transactions"
    return [
        Result(
            metric=15, scenario="writepath", unit="ms", better="lower", ours=alone[NAME], limit=alone[LIMIT],
            target={"ratio_to_limit": 2.0}, settings=settings, checked=checked,
        ).judged(),
        Result(
            metric=15, scenario=f"writepath, {CLIENTS} clients", unit="calls/s", better="higher",
            ours=direct.rates(speeds[NAME, CLIENTS], NAME), limit=direct.rates(speeds[LIMIT, CLIENTS], LIMIT),
            target={"ratio_to_limit": 0.5}, settings=settings, checked=checked,
        ).judged(),
    ]  # fmt: skip


def _request() -> pb.CreateUnitRequest:
    code = f"BENCH-{uuid.uuid4().hex[:14]}"
    return pb.CreateUnitRequest(unit=pb.Unit(code=code, name="测得单位", dimension="length", factor="2.5", decimals=2))


async def _ours(instance: Instance, keeper: Person, count: int, at_once: int) -> tuple[list[float], float]:
    bearer = await direct.token(instance, keeper)
    async with grpc.aio.insecure_channel(direct.address(instance, "inventory")) as channel:
        ask = direct.asking(channel, METHOD, bearer)

        async def one(_: int) -> None:
            await ask(_request(), direct.key())

        return await direct.clients(count, at_once, one)


async def _prepare(instance: Instance, keeper: Person, dsn: str) -> dict[str, dict[str, Any]]:
    """Copies of the tables, and what one call of ours wrote into each."""
    await _drop(dsn)
    bearer, key = await direct.token(instance, keeper), direct.key()
    async with grpc.aio.insecure_channel(direct.address(instance, "inventory")) as channel:
        made = await direct.asking(channel, METHOD, bearer)(_request(), key)
    connection = await asyncpg.connect(dsn)
    rows = {}
    for table, found in TABLES.items():
        [row] = await connection.fetch(found, uuid.UUID(made.id), key)
        rows[table] = dict(row)
        await connection.execute(f"CREATE TABLE bench_{table} (LIKE {table} INCLUDING ALL)")
    # LIKE leaves references out
    await connection.execute("ALTER TABLE bench_audit_change ADD FOREIGN KEY (entry_id) REFERENCES bench_audit_entry")
    await connection.close()
    rows["outbox"]["published_at"] = None
    return rows


async def _bare(dsn: str, rows: Mapping[str, Mapping[str, Any]], count: int, at_once: int) -> tuple[list[float], float]:
    pool = await asyncpg.create_pool(dsn, min_size=at_once, max_size=at_once)
    statements = {
        table: f"INSERT INTO bench_{table} ({', '.join(row)}) "  # noqa: S608
        f"VALUES ({', '.join(f'${n}' for n in range(1, len(row) + 1))})"
        for table, row in rows.items()
    }

    async def one(_: int) -> None:
        unit, entry = ids.uuid7(), ids.uuid7()
        fresh: dict[str, dict[str, Any]] = {
            "idempotency": {"key": direct.key()},
            "unit": {"id": unit, "code": f"BENCH-{unit.hex[-14:]}"},
            "audit_entry": {"id": entry},
            "audit_change": {"id": ids.uuid7(), "entry_id": entry, "document_id": unit},
            "outbox": {"event_id": ids.uuid7(), "aggregate_id": unit},
        }
        async with pool.acquire() as connection, connection.transaction():
            for table, row in rows.items():
                await connection.execute(statements[table], *{**row, **fresh[table]}.values())

    try:
        return await direct.clients(count, at_once, one)
    finally:
        await pool.close()


async def _check(dsn: str, began: datetime.datetime, *, ours: int) -> None:
    """Raise where a call or a bare transaction left less than all of its rows."""
    connection = await asyncpg.connect(dsn)
    made = dict(await connection.fetchrow(_MADE, METHOD, began))
    bare = {table: await connection.fetchval(f"SELECT count(*) FROM bench_{table}") for table in TABLES}  # noqa: S608
    await connection.close()
    if set(made.values()) != {ours} or set(bare.values()) != {ours}:
        raise RuntimeError(f"{ours} calls left {made}, as many bare transactions {bare}")


async def _drop(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    for table in reversed(TABLES):
        await connection.execute(f"DROP TABLE IF EXISTS bench_{table}")
    await connection.close()
