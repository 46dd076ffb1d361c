"""Past the gateway: services in processes of their own, as a cluster runs them, and calls with a person's token."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

import asyncpg
import grpc.aio

from bench import limits
from bench.suite import Person
from chassis import contract
from gateway.sessions import Sealer, hash_of
from infra.local import machine
from infra.local.health import serving
from infra.local.instance import Instance

# keeps the item master in the demo company
KEEPER = "shaojianhua"


def address(instance: Instance, service: str) -> str:
    """Where a service listens."""
    return instance.env()[f"HEYI_{service.upper()}_LISTEN"]


def start(
    instance: Instance, module: str, *words: str, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """A process with the instance's configuration, differing in `env`; its output goes to a log of the instance."""
    log = instance.processes.log(f"bench-{'-'.join([module, *words])}"[:80])
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", module, *words], cwd=machine.ROOT, stdout=output, stderr=output,
            env={**os.environ, **instance.env(), **(env or {})},
        )  # fmt: skip


def services(instance: Instance, *names: str) -> subprocess.Popen[bytes]:
    """These services in one process, ready to serve."""
    process = start(instance, "chassis", *names)
    deadline = time.monotonic() + limits.READY_SECONDS
    ready = False
    try:
        ready = all(serving(name, address(instance, name), None, until=deadline) for name in names)
    finally:
        if not ready:
            stop(process)
    if not ready:
        raise RuntimeError(f"{', '.join(names)} did not become ready")
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process as an operator would; one that has ended stays so."""
    process.terminate()
    process.wait(30)


@contextlib.contextmanager
def apart(instance: Instance, *names: str) -> Iterator[None]:
    """The instance's own services process makes place for one process for each of these."""
    instance.stop("services")
    started: list[subprocess.Popen[bytes]] = []
    try:
        for name in names:
            started.append(services(instance, name))
        yield
    finally:
        for process in started:
            stop(process)


async def token(instance: Instance, person: Person) -> str:
    """The access token that the gateway sends on for a person, with at least 30 seconds left."""
    await asyncio.to_thread(person.get, "/v1/identity/me")  # renews a session whose token ends soon
    env = instance.env()
    cookie = person.cookie.partition("=")[2]
    connection = await asyncpg.connect(env["HEYI_GATEWAY_OWNER_DATABASE_URL"])
    try:
        sealed = await connection.fetchval("SELECT tokens FROM session WHERE id_hash = $1", hash_of(cookie))
    finally:
        await connection.close()
    return str(Sealer(env["HEYI_GATEWAY_CLIENT_SECRET"]).open(sealed, hash_of(cookie))[0])


def asking(channel: grpc.aio.Channel, method: str, bearer: str) -> Callable[[Any, str], Awaitable[Any]]:
    """A function that calls a method with a request and an idempotency key."""
    asked = contract.load().methods[method]
    unary = channel.unary_unary(
        f"/{method}", request_serializer=asked.request.SerializeToString, response_deserializer=asked.reply.FromString
    )

    def ask(request: Any, key: str) -> Awaitable[Any]:
        metadata = (("authorization", f"Bearer {bearer}"), ("idempotency-key", key), ("heyi-locale", "zh-CN"))
        return unary(request, timeout=30, metadata=metadata)

    return ask


async def clients(count: int, at_once: int, one: Callable[[int], Awaitable[None]]) -> tuple[list[float], float]:
    """Do `one` that often, so many at once: milliseconds of each, and how many a second there were."""
    numbers, samples = iter(range(count)), []

    async def client() -> None:
        for number in numbers:
            began = time.perf_counter()
            await one(number)
            samples.append((time.perf_counter() - began) * 1e3)

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(at_once)))
    return samples, count / (time.perf_counter() - began)


async def remove(dsn: str, table: str, column: str = "code") -> None:
    """Take away what a scenario made: other scenarios read the same tables."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(f"DELETE FROM {table} WHERE {column} LIKE 'BENCH-%'", timeout=120)  # noqa: S608
    await connection.close()


def rates(found: Sequence[float], name: str) -> dict[str, Any]:
    """How many a second, one sample for each round."""
    ordered = sorted(found)
    return {"name": name, "p50": round(ordered[len(ordered) // 2], 1), "samples": [round(rate, 1) for rate in found]}


def key() -> str:
    """An idempotency key."""
    return str(uuid.uuid4())
