"""What this machine can do at best with the same tools: bare programs without any of our code between.

`hop`: FastAPI answers by asking a grpc.aio echo for a requisition of ten lines. `commit`: one durable statement of
eleven rows. `rows`: FastAPI reads 100 rows with one statement.
`workflow`: cases of six completions, each one durable statement over tables of tokens and history.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import asyncpg

QUERY = (
    "SELECT id, number, title, state, owner_id, department_id, amount, currency, need_date, created_at "
    "FROM purchase_requisition ORDER BY created_at DESC, id DESC LIMIT 100"
)

WORKFLOW_TABLES = """
DROP TABLE IF EXISTS workflow_history, workflow_token, workflow_case;
CREATE TABLE workflow_case (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, data jsonb NOT NULL,
  state text NOT NULL);
CREATE TABLE workflow_token (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  case_id bigint NOT NULL REFERENCES workflow_case, node text NOT NULL, assignee int NOT NULL, state text NOT NULL);
CREATE INDEX ON workflow_token (case_id);
CREATE INDEX ON workflow_token (assignee) WHERE state = 'OPEN';
CREATE TABLE workflow_history (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, case_id bigint NOT NULL
  REFERENCES workflow_case, node text NOT NULL, who int NOT NULL, at timestamptz NOT NULL DEFAULT now(), data jsonb);
"""
WORKFLOW_START = """
WITH made AS (INSERT INTO workflow_case (data, state) VALUES ($1, 'RUNNING') RETURNING id)
INSERT INTO workflow_token (case_id, node, assignee, state) SELECT id, 'first', 1, 'OPEN' FROM made
RETURNING case_id, id
"""
WORKFLOW_STEP = """
WITH done AS (UPDATE workflow_token SET state = 'DONE' WHERE id = $1 AND state = 'OPEN' RETURNING case_id, node),
  said AS (INSERT INTO workflow_history (case_id, node, who, data) SELECT case_id, node, 1, $2 FROM done),
  next AS (INSERT INTO workflow_token (case_id, node, assignee, state)
    SELECT case_id, node, 1, 'OPEN' FROM (SELECT case_id FROM done) d, unnest($3::text[]) node RETURNING id),
  ended AS (UPDATE workflow_case SET state = 'DONE' WHERE id = $4 AND $5::bool)
SELECT array(SELECT id FROM next) FROM done
"""
WORKFLOW_DATA = {
    "amount": 500,
    "reason": "notebook for the new colleague",
    "lines": [{"item": f"i{n}", "quantity": n, "price": 10.5} for n in range(10)],
}

READY_SECONDS = 60


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def timed_requests(
    port: int, path: str, count: int, headers: dict[str, str] | None = None, *, size: int = 0
) -> list[float]:
    """Milliseconds of each of `count` requests over one kept connection; the answer must be a 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    samples = []
    for number in range(count + 20):
        began = time.perf_counter()
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 or (size and len(json.loads(body)) != size):
            raise RuntimeError(f"{path} answered {answer.status}: {body[:300]!r}")
        if number >= 20:
            samples.append((time.perf_counter() - began) * 1e3)
    return samples


def listening(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until a process listens; raises when it ended or took too long."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"nobody listens at {port}")
        time.sleep(0.05)


@contextlib.contextmanager
def program(*arguments: str) -> Iterator[None]:
    """One of the programs below, in a process of its own, for as long as the block runs."""
    process = subprocess.Popen([sys.executable, "-m", "bench.limits", *arguments])
    try:
        listening(process, int(arguments[1]))
        yield
    finally:
        process.terminate()
        process.wait(10)


def hop(count: int) -> list[float]:
    """HTTP through FastAPI to gRPC and back, one client."""
    echo, door = free_port(), free_port()
    with program("echo", str(echo)), program("door", str(door), str(echo)):
        return timed_requests(door, "/hop", count)


def rows(dsn: str, count: int) -> list[float]:
    """100 rows of the same table through FastAPI, one client."""
    port = free_port()
    with program("reader", str(port), dsn):
        return timed_requests(port, "/rows", count, size=100)


async def commit(dsn: str, count: int) -> list[float]:
    """One durable statement that writes eleven rows."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE UNLOGGED TABLE IF NOT EXISTS bench_limit (a uuid, b text, c numeric(18,2))")
    await connection.execute("DROP TABLE bench_limit")
    await connection.execute("CREATE TABLE bench_limit (a uuid DEFAULT gen_random_uuid(), b text, c numeric(18,2))")
    statement = "INSERT INTO bench_limit (b, c) SELECT 'line ' || g, g * 1.25 FROM generate_series(1, 11) g"
    samples = []
    for _ in range(count):
        began = time.perf_counter()
        await connection.execute(statement)
        samples.append((time.perf_counter() - began) * 1e3)
    await connection.execute("DROP TABLE bench_limit")
    await connection.close()
    return samples


async def workflow(dsn: str, clients: int, cases: int) -> tuple[float, list[float]]:
    """Cases per second of so many clients, and the milliseconds of each completion."""
    data, numbers, samples = json.dumps(WORKFLOW_DATA), iter(range(cases)), list[float]()
    pool = await asyncpg.create_pool(dsn, min_size=clients, max_size=clients)
    await pool.execute(WORKFLOW_TABLES)

    async def client() -> None:
        async with pool.acquire() as connection:
            start, step = await connection.prepare(WORKFLOW_START), await connection.prepare(WORKFLOW_STEP)

            async def complete(token: int, case: int, *following: str, last: bool = False) -> list[int]:
                began = time.perf_counter()
                opened = await step.fetchval(token, data, following, case, last)
                samples.append((time.perf_counter() - began) * 1e3)
                return list(opened)

            for _ in numbers:
                case, token = await start.fetchrow(data)
                (token,) = await complete(token, case, "second")
                (token,) = await complete(token, case, "third")
                votes = await complete(token, case, "vote", "vote", "vote")
                for vote in votes:
                    await complete(vote, case, last=vote == votes[-1])

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    took = time.perf_counter() - began
    done = await pool.fetchval("SELECT count(*) FROM workflow_case WHERE state = 'DONE'")
    said = await pool.fetchval("SELECT count(*) FROM workflow_history")
    await pool.close()
    if (done, said) != (cases, 6 * cases):
        raise RuntimeError(f"{done} of {cases} cases ended, with {said} completions")
    return cases / took, samples


def _echo(port: str) -> None:
    import grpc.aio

    async def serve() -> None:
        async def same(request: bytes, _context: object) -> bytes:
            return request

        server = grpc.aio.server()
        handler = grpc.unary_unary_rpc_method_handler(same)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Echo", {"Same": handler}),))
        server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        await server.wait_for_termination()

    asyncio.run(serve())


def _door(port: str, echo: str) -> None:
    import grpc.aio
    import orjson
    import uvicorn
    from fastapi import FastAPI, Response

    from heyi.procurement.v1 import purchase_requisitions_pb2 as pb

    app = FastAPI()
    lines = [
        {"id": str(n), "description": "深沟球轴承 6204-2RS", "quantity": "10", "unit_price": "8.5"} for n in range(10)
    ]
    sent = pb.PurchaseRequisition(id="1", number="PR-2026-000001", title="轴承补货", lines=lines)
    ask: list[object] = []

    @app.get("/hop")
    async def hop_() -> Response:
        if not ask:
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{echo}")
            ask.append(
                channel.unary_unary("/bench.Echo/Same", sent.__class__.SerializeToString, sent.__class__.FromString)
            )
        reply = await ask[0](sent)  # type: ignore[operator]
        body = {
            "id": reply.id,
            "number": reply.number,
            "lines": [{"id": x.id, "description": x.description} for x in reply.lines],
        }
        return Response(orjson.dumps(body), media_type="application/json")

    uvicorn.run(app, port=int(port), loop="uvloop", http="httptools", access_log=False, log_level="warning")


def _reader(port: str, dsn: str) -> None:
    import orjson
    import uvicorn
    from fastapi import FastAPI, Response

    app = FastAPI()
    pool: list[asyncpg.Pool] = []

    @app.get("/rows")
    async def read() -> Response:
        if not pool:
            pool.append(await asyncpg.create_pool(dsn, min_size=4, max_size=4))
        found = await pool[0].fetch(QUERY)
        return Response(orjson.dumps([dict(row) for row in found], default=str), media_type="application/json")

    uvicorn.run(app, port=int(port), loop="uvloop", http="httptools", access_log=False, log_level="warning")


if __name__ == "__main__":
    {"echo": _echo, "door": _door, "reader": _reader}[sys.argv[1]](*sys.argv[2:])
