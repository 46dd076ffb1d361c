"""What the gateway says of itself, and how it stops: in its own process, as in production."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
from alembic.script import ScriptDirectory

from chassis.health import newest_script
from chassis.migrate import ENVIRONMENT
from gateway import migrate
from gateway.tests.bench import SECRET, Bench, eventually, free_port

ORDERS = "/v1/procurement/purchase-orders"


async def test_ready_is_the_own_database_alive_is_the_process(bench: Bench) -> None:
    async def ready() -> dict[str, Any]:
        return dict((await bench.http.get("/health/ready")).json())

    async def waits_for(expected: list[str]) -> bool:
        return (await ready())["waits_for"] == expected

    await eventually(lambda: waits_for([]))
    assert await ready() == {"status": "ready", "waits_for": []}
    await bench.admit_connections(0)
    try:
        await eventually(lambda: waits_for(["database"]))
        assert (await bench.http.get("/health/ready")).status_code == 503
        live = await bench.http.get("/health/live")
        assert (live.status_code, live.json()) == (200, {"status": "live"})
    finally:
        await bench.admit_connections(-1)
    await eventually(lambda: waits_for([]))


def test_the_newest_script_is_the_one_that_migrate_ends_at() -> None:
    scripts = ScriptDirectory(str(ENVIRONMENT), version_locations=[str(migrate.VERSIONS)])
    assert newest_script("gateway") == scripts.get_current_head()


async def test_streams_end_at_once_with_a_moment_to_come_back_at(bench: Bench) -> None:
    async with process(bench) as (running, http, _):
        async with http.stream("GET", "/v1/events", headers=bench.bearer()) as reply:
            lines = reply.aiter_lines()
            await anext(lines)
            began = time.monotonic()
            running.send_signal(signal.SIGTERM)
            told = [line async for line in lines if line]
        name, _, milliseconds = told[-1].partition(": ")
        assert name == "retry"
        assert 1000 <= int(milliseconds) <= 4000
        assert await asyncio.wait_for(running.wait(), 15) == 0
        assert time.monotonic() - began < 8


async def test_a_call_under_way_is_answered_and_not_ready_said_before(bench: Bench, tmp_path: Path) -> None:
    """The process' last numbers are written too: the signal once ended it before."""
    numbers = tmp_path / "telemetry.sqlite"
    asked, answered = asyncio.Event(), asyncio.Event()

    async def slow(*_: Any) -> Any:
        asked.set()
        await answered.wait()
        return bench.gateway.router.find("GET", ORDERS)[0].method.reply()  # type: ignore[index]

    bench.services.answers["ListPurchaseOrders"] = slow
    async with process(bench, HEYI_TELEMETRY_FILE=str(numbers)) as (running, http, probe):
        call = asyncio.create_task(http.get(ORDERS, headers=bench.bearer()))
        await asyncio.wait_for(asked.wait(), 10)
        running.send_signal(signal.SIGTERM)
        await eventually(lambda: says(probe, "/ready", 503))
        assert await says(probe, "/live", 200)
        assert not call.done()
        answered.set()
        assert (await call).status_code == 200
        assert await asyncio.wait_for(running.wait(), 15) == 0
    with contextlib.closing(sqlite3.connect(numbers)) as found:
        assert found.execute("SELECT 1 FROM point WHERE name = 'heyi.gateway.duration'").fetchone()


async def test_requests_are_served_until_nobody_is_sent_here_any_more(bench: Bench) -> None:
    async with process(bench, HEYI_DRAIN_SECONDS="600") as (running, http, probe):
        running.send_signal(signal.SIGTERM)
        await eventually(lambda: says(probe, "/ready", 503))
        assert (await http.get("/health/ready")).json() == {"status": "waiting", "waits_for": ["stop"]}
        assert (await http.get(ORDERS, headers=bench.bearer())).status_code == 200
        async with http.stream("GET", "/v1/events", headers=bench.bearer()) as reply:
            assert reply.status_code == 200


async def says(port: int, path: str, status: int) -> bool:
    """Whether a kubelet hears this."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        try:
            return bool((await http.get(f"http://127.0.0.1:{port}{path}")).status_code == status)
        except httpx2.ConnectError:
            return False


@contextlib.asynccontextmanager
async def process(
    bench: Bench, **more: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx2.AsyncClient, int]]:
    """A gateway of its own that is ready, its callers' side, and its port for probes."""
    settings, port, probe = bench.gateway.settings, free_port(), free_port()
    environment = {
        **os.environ,
        "HEYI_INSTANCE": "p",
        "HEYI_ISSUER": settings.shared.issuer,
        "HEYI_AUDIENCE": settings.shared.audience,
        "HEYI_TARGETS": ",".join(f"{name}={target}" for name, target in settings.shared.targets.items()),
        "HEYI_GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "HEYI_GATEWAY_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "HEYI_GATEWAY_DATABASE_URL": settings.database_url,
        "HEYI_GATEWAY_NATS_URL": settings.nats_url,
        "HEYI_GATEWAY_CLIENT_SECRET": SECRET,
        "HEYI_GATEWAY_SERVICE_CLIENT_SECRET": "another",
        "HEYI_PROBE_PORT": str(probe),
        **more,
    }
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as http:

            async def ready() -> bool:
                return await says(probe, "/ready", 200) and await says(port, "/health/ready", 200)

            await eventually(ready, 90)
            yield running, http, probe
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
