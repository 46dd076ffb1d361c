"""Several services on one real stream, each with a database of its own, in one process.

For what happens between services: lost, doubled and reordered events, consumers that die. People and rights are those
of the chassis' test organisation; sign-in is the browser stories' matter.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from chassis import inbox, migrate, outbox, stream, testing_postgres
from chassis.service import find
from chassis.testing import Bench, bench_for


class StreamServer:
    """A nats-server of our own with an empty store, that can be killed and comes back with what it stored."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it answers."""
        binary = Path(sysconfig.get_path("scripts")) / "nats-server"
        command = [str(binary), "-js", "-sd", str(self.folder), "-a", "127.0.0.1", "-p", str(self.port)]
        with (self.folder / "log").open("a") as words:
            self.process = subprocess.Popen(command, stdout=words, stderr=words)
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"nats-server did not start:\n{(self.folder / 'log').read_text()}")
            time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def stream_server() -> Iterator[StreamServer]:
    """One that runs."""
    server = StreamServer(Path(tempfile.mkdtemp(prefix="heyi-nats-")))
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(server.folder, ignore_errors=True)


class Wire:
    """Services that talk to each other over the stream."""

    def __init__(self, server: StreamServer, benches: dict[str, Bench]) -> None:
        self.server, self.url, self.benches = server, server.url, benches
        self.tasks: dict[str, list[asyncio.Task[Any]]] = {}
        self.connections: list[Any] = []

    def __getattr__(self, name: str) -> Bench:
        return self.benches[name]

    async def connect(self) -> Any:
        connection = await stream.connect(self.url, "wire")
        self.connections.append(connection)
        return connection

    async def open(self) -> None:
        """The stream, relays and consumers of every service."""
        await stream.ensure_stream((await self.connect()).jetstream())
        for name, bench in self.benches.items():
            await migrate.migrate_stream(bench.service, self.url)
            relay = outbox.Relay(bench.service, bench.runtime.engine, (await self.connect()).jetstream())
            bench.runtime.hand_over = relay.hand
            self.tasks[name] = [asyncio.create_task(relay.run())]
            if bench.service.reactions:
                await self.start_consumer(name)

    async def start_consumer(self, name: str) -> asyncio.Task[Any]:
        """One more consumer of a service, as another replica of it would have."""
        bench = self.benches[name]
        connection = await self.connect()
        task = asyncio.create_task(inbox.Consumer(bench.runtime, connection).run())
        self.tasks[name].append(task)
        return task

    async def stop_consumers(self, name: str) -> None:
        """The service hears nothing any more; its relay goes on."""
        relay, *consumers = self.tasks[name]
        for task in consumers:
            task.cancel()
        await asyncio.gather(*consumers, return_exceptions=True)
        self.tasks[name] = [relay]

    async def pull(self, name: str, count: int) -> list[Any]:
        """Take messages for a service as a consumer does, without acknowledging: as one that dies in between."""
        connection = await self.connect()
        reply = connection.new_inbox()
        subscription = await connection.subscribe(reply)
        request = json.dumps({"batch": count, "expires": 5_000_000_000}).encode()
        await connection.publish(f"$JS.API.CONSUMER.MSG.NEXT.{outbox.STREAM}.{name}", request, reply=reply)
        messages = [await subscription.next_msg(timeout=6) for _ in range(count)]
        await connection.close()
        self.connections.remove(connection)
        return [message for message in messages if not (message.headers or {}).get("Status")]

    async def acknowledge_within(self, name: str, seconds: float) -> None:
        """Bring a message that was not acknowledged again after this time."""
        stream = (await self.connect()).jetstream()
        found = await stream.consumer_info(outbox.STREAM, name)
        found.config.ack_wait = seconds
        await stream.add_consumer(outbox.STREAM, found.config)

    async def publish_again(self, name: str, subject: str, times: int) -> None:
        """The same event once more, past the stream's own memory of what it has: with the header left out."""
        bench = self.benches[name]
        table = bench.runtime.tables.outbox
        async with bench.runtime.engine.connect() as connection:
            rows = (await connection.execute(table.select().where(table.c.subject == subject))).all()
        stream = (await self.connect()).jetstream()
        for _ in range(times):
            for row in reversed(rows):
                await stream.publish(row.subject, row.payload, headers={k: v for k, v in row.headers.items() if v})

    async def close(self) -> None:
        tasks = [task for tasks in self.tasks.values() for task in tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in self.connections:
            await connection.close()


@contextlib.asynccontextmanager
async def wire(*names: str) -> AsyncIterator[Wire]:
    """These services on an empty stream and empty databases."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    benches = {}
    for name in names:
        benches[name] = await bench_for(os.environ[testing_postgres.VARIABLE], find(name), f"wire_{worker}")
        await benches[name].clear()
    with stream_server() as server:
        made = Wire(server, benches)
        try:
            await made.open()
            yield made
        finally:
            await made.close()
            for bench in benches.values():
                await bench.close()
