"""Processes as they run in production, and what they say of themselves: to an orchestrator, and when they stop.

Real PostgreSQL and NATS; the realm and identity are small ones of ours, which can be away.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import uuid
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import asyncpg
import grpc
import grpc.aio
import orjson
import pytest
from alembic.script import ScriptDirectory
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from wire import StreamServer

from chassis import contract, migrate, testing_postgres
from chassis.health import Health, newest_script, probes
from chassis.policy import Snapshot
from chassis.service import find
from chassis.testing import COMPANY, TEST_KEYS, build, eventually, stable
from chassis.testing_tokens import AUDIENCE, TestIssuer
from heyi.identity.v1 import directory_pb2

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
UNIT = {"code": "DRUM", "name": "Drum"}
AUTHORIZATION = "heyi.identity.v1.Directory/GetAuthorization"


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


class Realm:
    """Gives every service its token, and its keys once they are let out: who asks for them waits."""

    def __init__(self) -> None:
        self.signer, self.asked, self.let_out = TestIssuer(), threading.Event(), threading.Event()
        self.let_out.set()
        realm, keys = self, asyncio.run(self.signer.keys())

        class Door(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                realm.asked.set()
                realm.let_out.wait(20)
                self._answer(keys)

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                name = form["client_id"][0].removeprefix("heyi-")
                token = realm.signer.service(name, iss=realm.issuer)
                self._answer(orjson.dumps({"access_token": token, "expires_in": 120}))

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}/realms/heyi"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class World:
    """What a process finds around it."""

    def __init__(self, stream: StreamServer, folder: Path) -> None:
        self.server = os.environ[testing_postgres.VARIABLE]
        self.realm, self.stream, self.folder = Realm(), stream, folder
        self.identity_port = free_port()
        self.databases: dict[str, str] = {}

    async def prepare(self, *names: str) -> None:
        worker = f"health_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
        for name in names:
            self.databases[name] = await testing_postgres.prepare_service(self.server, find(name), worker)

    def url(self, name: str, role: str = "app") -> str:
        return testing_postgres.at(self.server, self.databases[name], f"{name}_{role}")

    @contextlib.asynccontextmanager
    async def identity(self) -> AsyncIterator[None]:
        """One who says that one person may do everything."""

        async def answer(request: Any, _: Any) -> directory_pb2.Authorization:
            if request.known_epoch:
                return directory_pb2.Authorization(epoch=1, unchanged=True)
            found, person, place = directory_pb2.Authorization(epoch=1), str(stable("admin")), str(COMPANY)
            found.people.add(employee_id=person, company_id=place, department_id=str(stable("works")), active=True)
            found.companies.add(company_id=place, code="C1", time_zone="Asia/Shanghai", base_currency="CNY")
            found.rights.add(employee_id=person, permissions=["*"], scope="ALL", role_code="r")
            return found

        method = contract.load().methods[AUTHORIZATION]
        handler = grpc.unary_unary_rpc_method_handler(answer, method.request.FromString, method.reply.SerializeToString)
        service, name = AUTHORIZATION.split("/")
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {name: handler}),))
        server.add_insecure_port(f"127.0.0.1:{self.identity_port}")
        await server.start()
        try:
            yield
        finally:
            await server.stop(0)

    async def admit_connections(self, name: str, limit: int) -> None:
        """So many connections a service's database takes, -1: any number; those that are there end."""
        admin = await asyncpg.connect(self.server)
        try:
            await admin.execute(f"ALTER DATABASE {self.databases[name]} CONNECTION LIMIT {limit}")
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
            await admin.execute(ended, self.databases[name])
        finally:
            await admin.close()

    @contextlib.asynccontextmanager
    async def running(self, *names: str, **more: str) -> AsyncIterator[Running]:
        """A process that hosts these services."""
        ports = {name: free_port() for name in names}
        probe = free_port()
        variables = {
            "HEYI_INSTANCE": "h",
            "HEYI_ISSUER": self.realm.issuer,
            "HEYI_AUDIENCE": AUDIENCE,
            "HEYI_TARGETS": f"identity=127.0.0.1:{self.identity_port},procurement=127.0.0.1:1,inventory=127.0.0.1:1",
            "HEYI_PROBE_PORT": str(probe),
            "HEYI_IDENTITY_KEYCLOAK_URL": "http://127.0.0.1:1",
        }
        for name, port in ports.items():
            own = {"DATABASE_URL": self.url(name), "LISTEN": f"127.0.0.1:{port}", "NATS_URL": self.stream.url}
            own |= {"CLIENT_SECRET": "hush", "KEYS": TEST_KEYS}
            variables |= {f"HEYI_{name.upper()}_{key}": value for key, value in own.items()}
        log = self.folder / f"{uuid.uuid4().hex}.log"
        with log.open("w") as words:
            command = [sys.executable, "-m", "chassis", *names]
            process = await asyncio.create_subprocess_exec(
                *command, env={**os.environ, **variables, **more}, stdout=words, stderr=subprocess.STDOUT
            )
        found = Running(self, process, ports, probe, log)
        try:
            yield found
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


class Running:
    """A process, and its callers' side of it."""

    def __init__(
        self, world: World, process: asyncio.subprocess.Process, ports: dict[str, int], probe: int, log: Path
    ) -> None:
        self.world, self.process, self.ports, self.probe, self.log = world, process, ports, probe, log

    async def says(self, path: str) -> tuple[int, str]:
        """What a kubelet hears."""
        return await asked(self.probe, f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n")

    async def becomes(self, path: str, expected: int) -> None:
        async def check() -> None:
            assert self.process.returncode is None, self.log.read_text()
            with contextlib.suppress(ConnectionRefusedError):
                assert (await self.says(path))[0] == expected, self.log.read_text()
                return
            raise AssertionError("nobody listens")

        await eventually(check, seconds=60)

    async def writes(self, words: str) -> None:
        async def check() -> None:
            assert words in self.log.read_text()

        await eventually(check)

    async def status(self, service: str, name: str) -> int:
        """What the standard health service says."""
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.ports[service]}") as channel:
            request = health_pb2.HealthCheckRequest(service=name)
            return int((await health_pb2_grpc.HealthStub(channel).Check(request, timeout=10)).status)

    async def call(self, name: str, **fields: Any) -> Message:
        """One call of inventory, as the person who may do everything."""
        method = contract.load().methods[f"heyi.inventory.v1.{name}"]
        token = self.world.realm.signer.person(stable("admin"), iss=self.world.realm.issuer)
        metadata = [("authorization", f"Bearer {token}"), ("idempotency-key", str(uuid.uuid4()))]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.ports['inventory']}") as channel:
            address = f"/{method.full_name}"
            ask = channel.unary_unary(address, method.request.SerializeToString, method.reply.FromString)
            return await ask(build(method.request, fields), metadata=metadata, timeout=30)

    async def ended(self) -> int:
        # as long as an orchestrator is told to wait: what is under way has 25 s
        return await asyncio.wait_for(self.process.wait(), 35)


async def asked(port: int, words: str) -> tuple[int, str]:
    """One request to a probe's port; (0, "") where it is hung up on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(words.encode())
        head, _, word = (await reader.read()).decode().partition("\r\n\r\n")
        return (int(head.split()[1]), word) if head else (0, "")
    finally:
        writer.close()


@pytest.fixture(scope="module")
async def world(tmp_path_factory: Any) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("health")
    made = await asyncio.to_thread(World, StreamServer(folder), folder)
    await made.prepare("inventory", "procurement", "identity")
    yield made
    made.realm.server.shutdown()


@pytest.fixture
async def stream(world: World) -> AsyncIterator[StreamServer]:
    """The stream is there, with what `migrate` makes in it."""
    world.stream.start()
    for name in ("inventory", "procurement"):
        await migrate.migrate_stream(find(name), world.stream.url)
    yield world.stream
    world.stream.kill()


async def test_ready_is_the_own_database_alive_is_the_process(world: World, stream: StreamServer) -> None:
    async with world.identity(), world.running("inventory", "procurement") as process:
        await process.becomes("/ready", 200)
        assert await process.says("/live") == (200, "live")
        for service in process.ports:
            assert [await process.status(service, name) for name in ("", "ready", "live")] == [SERVING] * 3
        await world.admit_connections("procurement", 0)
        try:
            await process.becomes("/ready", 503)
            assert await process.says("/ready") == (503, "waiting")
            assert await process.says("/live") == (200, "live")
            told = [await process.status("procurement", name) for name in ("", "ready", "live")]
            assert told == [NOT_SERVING, NOT_SERVING, SERVING]
            # the neighbour in the same process has a database of its own
            assert await process.status("inventory", "") == SERVING
        finally:
            await world.admit_connections("procurement", -1)
        await process.becomes("/ready", 200)
        assert await process.status("procurement", "ready") == SERVING


async def test_a_call_under_way_is_answered_and_not_ready_said_before(world: World, stream: StreamServer) -> None:
    async with world.identity(), world.running("inventory", "procurement") as process:
        await process.becomes("/ready", 200)
        world.realm.asked.clear()
        world.realm.let_out.clear()
        try:
            call = asyncio.create_task(process.call("Units/CreateUnit", unit=UNIT))
            assert await asyncio.to_thread(world.realm.asked.wait, 20)
            process.process.send_signal(signal.SIGTERM)
            await process.becomes("/ready", 503)
            assert await process.says("/live") == (200, "live")
            assert not call.done()
        finally:
            world.realm.let_out.set()
        assert (await call).code == UNIT["code"]  # type: ignore[attr-defined]
        assert await process.ended() == 0, process.log.read_text()


async def test_calls_are_served_until_nobody_is_sent_here_any_more(world: World, stream: StreamServer) -> None:
    async with world.identity(), world.running("inventory", HEYI_DRAIN_SECONDS="600") as process:
        await process.becomes("/ready", 200)
        process.process.send_signal(signal.SIGTERM)
        await process.becomes("/ready", 503)
        assert [await process.status("inventory", name) for name in ("ready", "live")] == [NOT_SERVING, SERVING]
        assert list((await process.call("Units/ListUnits")).units)  # type: ignore[attr-defined]


async def test_neither_start_nor_stop_waits_for_the_stream(world: World) -> None:
    """It was never ready and could not be stopped: it waited for the stream before it listened to signals.

    What it cannot publish meanwhile is measured all the same, so that it alarms.
    """
    numbers = world.folder / "telemetry.sqlite"
    async with world.running("inventory", "procurement", HEYI_TELEMETRY_FILE=str(numbers)) as process:
        await process.becomes("/live", 200)
        assert await process.says("/ready") == (503, "waiting")
        async with world.identity():
            await process.becomes("/ready", 200)
            assert list((await process.call("Units/ListUnits")).units)  # type: ignore[attr-defined]
        process.process.send_signal(signal.SIGTERM)
        assert await process.ended() == 0, process.log.read_text()
    with contextlib.closing(sqlite3.connect(numbers)) as found:
        services = found.execute("SELECT DISTINCT service FROM point WHERE name = 'heyi.outbox.oldest'").fetchall()
    assert sorted(services) == [("inventory",), ("procurement",)]


async def test_a_stream_that_went_away_holds_up_no_stop(world: World, stream: StreamServer) -> None:
    async with world.identity(), world.running("procurement") as process:
        await process.becomes("/ready", 200)
        await process.writes('"event":"ready"')
        stream.kill()
        process.process.send_signal(signal.SIGTERM)
        assert await process.ended() == 0, process.log.read_text()


async def test_identity_is_ready_before_anybody_is_sent_to_it(world: World) -> None:
    """An orchestrator's name for it leads nowhere until then: it asks itself who may do what."""
    async with world.running("identity", HEYI_IDENTITY_LISTEN=f"0.0.0.0:{free_port()}") as process:
        await process.becomes("/ready", 200)


async def test_rights_that_were_loaded_once_are_enough(world: World) -> None:
    away = True

    async def fetch(_: int) -> directory_pb2.Authorization:
        if away:
            raise ConnectionError
        return directory_pb2.Authorization(epoch=1)

    snapshot = Snapshot(fetch, served_seconds=0)
    async with watched(world, snapshot) as health:
        await waits_for(health, ["authorization"])
        away = False
        await snapshot.attempt()
        await waits_for(health, [])
        away = True
        await snapshot.attempt()
        assert not snapshot.known
        assert health.waits_for == []
        health.leave()
        assert health.waits_for == ["stop"]


async def test_older_tables_are_not_enough_newer_ones_are(world: World) -> None:
    """A release's migrations run before its processes: those of the release before must stay in service."""

    async def fetch(_: int) -> directory_pb2.Authorization:
        return directory_pb2.Authorization(epoch=1)

    snapshot = Snapshot(fetch)
    owner = await asyncpg.connect(world.url("inventory", "owner"))
    try:
        async with watched(world, snapshot) as health:
            await snapshot.attempt()
            for version, lacking in (("9999", []), ("0001", ["migrations"]), (newest_script("inventory"), [])):
                await owner.execute("UPDATE alembic_version SET version_num = $1", version)
                await waits_for(health, lacking)
            await owner.execute("ALTER TABLE alembic_version RENAME TO elsewhere")
            await waits_for(health, ["migrations"])
            await owner.execute("ALTER TABLE elsewhere RENAME TO alembic_version")
            await waits_for(health, [])
    finally:
        await owner.close()


async def test_a_database_that_says_nothing_is_away() -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as silent:
        url = f"postgresql://one@127.0.0.1:{silent.sockets[0].getsockname()[1]}/one"
        health = Health("inventory", url, Snapshot(lambda _: asyncio.sleep(0)))
        task = asyncio.create_task(health.watch())
        await waits_for(health, ["database", "authorization"])
        task.cancel()


@pytest.mark.parametrize("name", ["identity", "approval", "procurement", "inventory", "documents"])
def test_the_newest_script_is_the_one_that_migrate_ends_at(name: str) -> None:
    scripts = ScriptDirectory(str(migrate.ENVIRONMENT), version_locations=[str(migrate._versions(find(name)))])
    assert newest_script(name) == scripts.get_current_head()


async def test_a_probe_answers_two_questions_and_nothing_else() -> None:
    port = free_port()
    async with probes(port, []):
        assert await asked(port, "GET /live HTTP/1.0\r\n\r\n") == (200, "live")
        assert await asked(port, "GET /ready HTTP/1.1\r\nHost: here\r\n\r\n") == (200, "ready")
        for words in (
            "GET / HTTP/1.1\r\n\r\n",
            "GET /live?x=1 HTTP/1.1\r\n\r\n",
            "GET /live/ HTTP/1.1\r\n\r\n",
            "POST /live HTTP/1.1\r\n\r\n",
            "GET /ready\r\n\r\n",
            f"GET /live HTTP/1.1\r\nx: {'y' * 9000}\r\n\r\n",
            "\r\n\r\n",
        ):
            assert await asked(port, words) == (0, ""), words[:40]
        # who says nothing is hung up on
        assert await asyncio.wait_for(asked(port, "GET /live"), 10) == (0, "")
    async with probes(0, []):
        with pytest.raises(ConnectionRefusedError):
            await asked(port, "GET /live HTTP/1.1\r\n\r\n")


@contextlib.asynccontextmanager
async def watched(world: World, snapshot: Snapshot) -> AsyncIterator[Health]:
    """What inventory would say of itself."""
    health = Health("inventory", world.url("inventory"), snapshot)
    task = asyncio.create_task(health.watch())
    try:
        yield health
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def waits_for(health: Health, expected: list[str]) -> None:
    async def check() -> None:
        assert health.waits_for == expected

    await eventually(check)
