"""A create of thirty fields at 32 connections: the gateway and a service's port beside FastAPI and a gRPC echo.

Ours is the real gateway process with a browser's session before a service that does all of a call but the work: it is
asked over the contract, checks token, company, permission and shape with the product's own code, and answers the
supplier that it was sent instead of writing it. The limit sends and answers the same fields: FastAPI on uvicorn reads
the JSON, asks a grpc.aio echo with the same message, and writes the reply as JSON. Three processes each time, with
the client: raw sockets in one loop. The third line is the whole durable create, by the suite as it runs.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import asyncpg
import uvloop
from fastapi import FastAPI, Request, Response
from stdnum.cn import uscc

from bench import direct, limits
from bench.record import Result, interleaved
from bench.suite import LIMITS, Person, suite

CONNECTIONS, SECONDS, WARM_SECONDS = 32, 5.0, 1.0
PATH = "/v1/procurement/suppliers"
# manages the purchasers in the demo company
MANAGER = "gumingyuan"
ACCOUNTS = ("bank_name", "account_name", "account_number", "preferred")
# fourteen fields and four accounts of four
SUPPLIER: dict[str, Any] = {
    "name": "BENCH-{number} 精密轴承有限公司", "short_name": "精密轴承", "credit_code": "{credit_code}",
    "contact_name": "王建国", "phone": "13800138000", "email": "sales@bearing.example", "address": "苏州工业园区 1 号",
    "currency": "CNY", "payment_days": 30, "invoice_kind": "VAT_SPECIAL", "tax_rate": "0.1300", "lead_time_days": 7,
    "buyer_id": "", "note": "年度框架协议，按月结算，送货上门。",
    "bank_accounts": [
        {"bank_name": "中国工商银行苏州分行", "account_name": "精密轴承有限公司", "account_number": f"62220211{n:08d}",
         "preferred": n == 1} for n in range(1, 5)
    ],
}  # fmt: skip
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
NAME, LIMIT, WHOLE = "gateway, no work behind", "FastAPI, grpc.aio echo", "gateway, whole create"


def run() -> list[Result]:
    """Ours without the work and the limit in turn; then the whole create."""
    with suite() as instance:
        manager = Person(instance.url, MANAGER)
        me = manager.get("/v1/identity/me")
        dsn = instance.env()["HEYI_PROCUREMENT_OWNER_DATABASE_URL"]
        asyncio.run(direct.remove(dsn, "supplier", "name"))
        port = int(manager.site.rsplit(":", 1)[1])
        ours = _requests(PATH, manager.headers() | {"x-company": me["companyId"]}, me["employee"]["id"], camel=True)
        bare = _requests("/suppliers", {"content-type": "application/json"}, me["employee"]["id"], camel=False)
        speeds: dict[str, list[float]] = {}

        waits: list[float] = []

        def bar(name: str, at: int, requests: Callable[[int], bytes]) -> list[float]:
            samples, rate = load(at, requests, waits if name == WHOLE else None)
            speeds.setdefault(name, []).append(rate)
            return samples

        manager.connection.close()
        instance.stop("gateway")
        service, echo, door = limits.free_port(), limits.free_port(), limits.free_port()
        targets = re.sub(r"procurement=[^,]*", f"procurement=127.0.0.1:{service}", instance.env()["HEYI_TARGETS"])
        started = []
        try:
            started.append(
                direct.start(instance, "bench.hop", "service", env={"HEYI_PROCUREMENT_LISTEN": f"127.0.0.1:{service}"})
            )
            started.append(direct.start(instance, "gateway", env={"HEYI_TARGETS": targets}))
            started.append(direct.start(instance, "bench.limits", "echo", str(echo)))
            started.append(direct.start(instance, "bench.hop", "door", str(door), str(echo)))
            for process, at in zip(started, (service, port, echo, door), strict=True):
                limits.listening(process, at)
            found = interleaved({NAME: lambda: bar(NAME, port, ours), LIMIT: lambda: bar(LIMIT, door, bare)})
        finally:
            for process in started:
                direct.stop(process)
        instance.start("gateway")
        whole = interleaved({WHOLE: lambda: bar(WHOLE, port, ours)}, rounds=1)
        asyncio.run(_check(dsn, len(whole[WHOLE]["samples"])))
        asyncio.run(direct.remove(dsn, "supplier", "name"))
    settings = {
        "limits": LIMITS, "connections": CONNECTIONS, "fields": len(SUPPLIER) - 1 + 4 * len(ACCOUNTS),
        "told_to_come_again": len(waits), "request_bytes": len(ours(0)), "limit_request_bytes": len(bare(0)),
    }  # fmt: skip
    checked = "every answer that counts was a 201 that names the supplier; the whole create left a row for each"
    common: dict[str, Any] = {"metric": 12, "settings": settings, "checked": checked}
    return [
        Result(
            scenario="gateway", unit="req/s", better="higher", ours=direct.rates(speeds[NAME], NAME),
            limit=direct.rates(speeds[LIMIT], LIMIT), target={"ratio_to_limit": 0.6}, **common,
        ).judged(),
        Result(
            scenario="gateway, time of a request", unit="ms", better="lower", ours=found[NAME], limit=found[LIMIT],
            target={"p99_ratio_to_limit": 1.5}, **common,
        ).judged(),
        Result(
            scenario="gateway, the whole create", unit="req/s", better="higher",
            ours=direct.rates(speeds[WHOLE], WHOLE), limit=direct.rates(speeds[LIMIT], LIMIT), target={}, **common,
        ).judged(),
    ]  # fmt: skip


def _requests(path: str, headers: dict[str, str], buyer: str, *, camel: bool) -> Callable[[int], bytes]:
    """A function from a number to the bytes of a request, each with a name, a credit code and a key of its own."""

    def spelt(value: Any) -> Any:
        if isinstance(value, list):
            return [spelt(item) for item in value]
        if isinstance(value, dict):
            return {json_name(name) if camel else name: spelt(item) for name, item in value.items()}
        return value

    body = json.dumps(spelt(SUPPLIER | {"buyer_id": buyer}), ensure_ascii=False)
    filled = body.replace("{number}", "0" * 8).replace("{credit_code}", "0" * 18)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if name != "idempotency-key")
    start = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{head}content-length: {len(filled.encode())}\r\n"

    def request(number: int) -> bytes:
        code = f"91320594{number:09d}"
        text = body.replace("{number}", f"{number:08d}").replace("{credit_code}", code + uscc.calc_check_digit(code))
        return f"{start}idempotency-key: {uuid.uuid4()}\r\n\r\n{text}".encode()

    return request


def json_name(name: str) -> str:
    """`bank_name` -> `bankName`, as the contract's JSON says it."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


# ---- the client


class _Connection(asyncio.Protocol):
    """One kept connection: a request as soon as the answer to the last one is whole."""

    def __init__(
        self, requests: Callable[[], bytes], until: float, samples: list[float], waits: list[float] | None
    ) -> None:
        self.requests, self.until, self.samples, self.waits = requests, until, samples, waits
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.received = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._ask()

    def _ask(self) -> None:
        request = self.requests()
        self.began = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not end or (length and len(body) < int(length[1])):
            return
        now = time.perf_counter()
        if self.waits is not None and b"IN_PROGRESS" in body:
            # thirty-two creates want the next number of one series: whoever waits for two seconds is told to come again
            self.waits.append(now)
            self.received = b""
            self._ask()
            return
        if not head.startswith(b"HTTP/1.1 201") or "精密轴承".encode() not in body:
            self.transport.close()
            if not self.done.done():
                self.done.set_exception(RuntimeError(f"{head[:100]!r} {body[:600]!r}"))
            return
        self.samples.append((now - self.began) * 1e3)
        self.received = b""
        if now < self.until:
            self._ask()
        else:
            self.transport.close()
            self.done.set_result(None)

    def connection_lost(self, problem: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(problem or ConnectionError("the connection was closed"))


_NUMBERS = iter(range(1, 10**8))


def load(port: int, make: Callable[[int], bytes], waits: list[float] | None = None) -> tuple[list[float], float]:
    """Milliseconds of each request of all connections, and how many a second; what is asked first is not counted.

    `waits` takes those that were told to come again; without it they are a fault like everything that is no 201.
    """

    async def play(seconds: float) -> tuple[list[float], float]:
        loop, samples = asyncio.get_running_loop(), list[float]()
        began = time.perf_counter()
        made = [
            await loop.create_connection(
                lambda: _Connection(lambda: make(next(_NUMBERS)), began + seconds, samples, waits), "127.0.0.1", port
            )
            for _ in range(CONNECTIONS)
        ]
        await asyncio.gather(*(connection.done for _, connection in made))
        return samples, len(samples) / (time.perf_counter() - began)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(play(WARM_SECONDS))
        return runner.run(play(SECONDS))


async def _check(dsn: str, least: int) -> None:
    """Raise where an answered create left no row."""
    connection = await asyncpg.connect(dsn)
    found = await connection.fetchval("SELECT count(*) FROM supplier WHERE name LIKE 'BENCH-%' AND code <> ''")
    await connection.close()
    if found < least:
        raise RuntimeError(f"{least} suppliers were answered, {found} are there")


# ---- the programs


def _service() -> None:
    """Procurement's port without its work: every check of a call, and the document that came as the answer."""
    import grpc.aio

    from chassis import authn, policy, telemetry
    from chassis.clients import Clients, ServiceTokens
    from chassis.db import engine_for
    from chassis.runtime import Reply, Runtime
    from chassis.server import GET_AUTHORIZATION, SERVER_OPTIONS, generic_handlers
    from chassis.service import find
    from chassis.settings import ServiceSettings
    from heyi.identity.v1 import directory_pb2

    class Idle(Runtime):
        """Answers what it would have written."""

        async def _write(self, method: Any, request: Any, *rest: Any) -> Reply:
            return Reply(request.supplier)

    async def serve() -> None:
        settings = ServiceSettings.read("procurement")
        shared = settings.shared
        telemetry.set_up("bench", shared.instance, file=shared.telemetry_file, ratio=shared.trace_ratio)
        clients = Clients(shared.targets, ServiceTokens(shared.issuer, f"heyi-{settings.name}", settings.client_secret))

        async def fetch(known_epoch: int) -> Any:
            request = directory_pb2.GetAuthorizationRequest(known_epoch=known_epoch)
            return await clients.ask("identity", GET_AUTHORIZATION, request)

        snapshot = policy.Snapshot(fetch)
        await snapshot.start()
        verifier = authn.Verifier(shared.issuer, shared.audience, authn.service_clients(shared.targets))
        runtime = Idle(
            service=find("procurement"), engine=engine_for(settings.database_url), rights=lambda: snapshot.rights,
            verify=verifier.verify, clients=clients,
        )  # fmt: skip
        server = grpc.aio.server(options=SERVER_OPTIONS, maximum_concurrent_rpcs=256)
        server.add_generic_rpc_handlers(tuple(generic_handlers(runtime)))
        server.add_insecure_port(settings.listen)
        await server.start()
        await server.wait_for_termination()

    uvloop.run(serve())


def _door(port: str, echo: str) -> None:
    """FastAPI before the echo: the fields of a supplier in and out."""
    import grpc.aio
    import orjson
    import uvicorn

    from heyi.procurement.v1 import suppliers_pb2 as pb

    app = FastAPI()
    ask: list[Any] = []
    fields = [name for name in SUPPLIER if name != "bank_accounts"]

    @app.post("/suppliers")
    async def create(request: Request) -> Response:
        if not ask:
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{echo}")
            ask.append(channel.unary_unary("/bench.Echo/Same", pb.Supplier.SerializeToString, pb.Supplier.FromString))
        reply = await ask[0](pb.Supplier(**orjson.loads(await request.body())))
        body = {name: getattr(reply, name) for name in fields}
        body["bank_accounts"] = [{name: getattr(one, name) for name in ACCOUNTS} for one in reply.bank_accounts]
        return Response(orjson.dumps(body), 201, media_type="application/json")

    uvicorn.run(app, port=int(port), loop="uvloop", http="httptools", access_log=False, log_level="warning")


if __name__ == "__main__":
    {"service": _service, "door": _door}[sys.argv[1]](*sys.argv[2:])
