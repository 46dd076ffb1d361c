"""What this machine can do at best with the same tools: bare programs without any of our code between.

`hop`: FastAPI answers by asking a grpc.aio echo for a requisition of ten lines. `commit`: one durable statement of
eleven rows. `delivery`: one event from publish to handler. `rows`: FastAPI reads 100 rows with one statement.
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
from urllib.parse import urlsplit

import asyncpg
import nats

QUERY = (
    "SELECT id, number, title, state, owner_id, department_id, amount, currency, need_date, created_at "
    "FROM purchase_requisition ORDER BY created_at DESC, id DESC LIMIT 100"
)


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


@contextlib.contextmanager
def program(*arguments: str) -> Iterator[None]:
    """One of the programs below, in a process of its own, for as long as the block runs."""
    process = subprocess.Popen([sys.executable, "-m", "bench.limits", *arguments])
    port = int(arguments[1])
    try:
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{arguments[0]} did not start")
            time.sleep(0.05)
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


async def delivery(url: str, subject: str, count: int) -> list[float]:
    """One event from publish to the handler of a subscription to the stream."""
    # the account may listen to its own inbox only
    connection = await nats.connect(url, inbox_prefix=f"_INBOX_{urlsplit(url).username}")
    stream = connection.jetstream()
    arrived: asyncio.Queue[float] = asyncio.Queue()

    async def note(message: object) -> None:
        arrived.put_nowait(time.perf_counter())

    await stream.subscribe(subject, ordered_consumer=True, cb=note, deliver_policy=nats.js.api.DeliverPolicy.NEW)
    samples = []
    for number in range(count):
        began = time.perf_counter()
        await stream.publish(subject, b"x" * 600, headers={"Nats-Msg-Id": f"bench-{began}-{number}"})
        samples.append((await asyncio.wait_for(arrived.get(), 5) - began) * 1e3)
    await connection.close()
    return samples


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
