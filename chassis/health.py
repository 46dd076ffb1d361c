"""Whether a process lives and whether it can serve, for whoever sends calls to it or starts it again.

It lives while its loop turns: an answer proves that, and nothing outside of the process counts. It is ready when its
own database answers and has this release's migrations, and the rights were loaded once; identity, Keycloak or the
stream going away later takes it away from nobody, since every other replica has lost them too.

The database is asked in the background: a probe costs no statement. It is asked over a connection of its own, so that
a pool which is full for a moment does not send a busy replica's callers to the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import asyncpg

from chassis import telemetry
from chassis.policy import Snapshot

log = telemetry.logger("chassis.health")

EVERY_SECONDS, LIMIT_SECONDS = 2.0, 3.0
VERSION = "SELECT max(version_num) FROM alembic_version"
PROBE_SECONDS, PROBE_BYTES = 2.0, 4096


def newest_script(package: str) -> str:
    """The number of the newest migration that this release brings for a service or the gateway."""
    folder = importlib.resources.files(package) / "migrations" / "versions"
    return max(script.name[:4] for script in folder.iterdir() if script.name[:4].isdigit())


class Health:
    """What one service, or the gateway, says of itself."""

    def __init__(self, package: str, database_url: str, snapshot: Snapshot) -> None:
        self._package, self._url, self._needed = package, database_url, newest_script(package)
        self._connection: Any = None
        self._lacking = ["first answer"]
        self._authorized = self._leaving = False
        self._changed = asyncio.Event()
        snapshot.listeners.append(self._loaded)

    @property
    def waits_for(self) -> list[str]:
        """Why calls should go elsewhere; empty where they are welcome."""
        return [*self._lacking, "stop"] if self._leaving else self._lacking

    def leave(self) -> None:
        """The process is about to stop: not ready any more, whatever the database says."""
        self._leaving = True

    def _loaded(self, _: Any) -> None:
        if not self._authorized:
            self._authorized = True
            self._changed.set()

    async def watch(self, tell: Callable[[], Awaitable[None]] | None = None) -> None:
        """Ask the database every two seconds, until cancelled; `tell` is told after each time."""
        try:
            while True:
                self._changed.clear()
                words = (await self._ask(), "" if self._authorized else "authorization")
                if (found := [word for word in words if word]) != self._lacking:
                    log.info("health", service=self._package, lacking=found)
                    self._lacking = found
                if tell is not None:
                    await tell()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(EVERY_SECONDS):
                        await self._changed.wait()
        finally:
            self._hang_up()

    async def _ask(self) -> str:
        """What is the matter with the database; empty where nothing is."""
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                if self._connection is None or self._connection.is_closed():
                    self._connection = await asyncpg.connect(self._url)
                version = await self._connection.fetchval(VERSION)
        except asyncpg.UndefinedTableError:
            version = None
        except Exception:
            # whatever it was: nobody should be sent here
            if "database" not in self._lacking:
                log.warning("database_silent", service=self._package, exc_info=True)
            self._hang_up()
            return "database"
        # a newer one is as good: while a release is rolled out the old code runs on the new tables
        return "" if (version or "") >= self._needed else "migrations"

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


@contextlib.asynccontextmanager
async def probes(port: int, healths: Sequence[Health]) -> AsyncIterator[None]:
    """Answer `GET /live` and `GET /ready` for all of a process, in clear: a kubelet has no certificate to show.

    At every interface, for it asks the pod's address. 0: nobody asks.
    """
    if not port:
        yield
        return

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broken = (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
        with contextlib.suppress(*broken):
            async with asyncio.timeout(PROBE_SECONDS):
                asked = (await reader.readuntil(b"\r\n\r\n")).split(b" HTTP/1", 1)[0]
                ready = not any(health.waits_for for health in healths)
                status, word = ("200 OK", "ready") if ready else ("503 Service Unavailable", "waiting")
                if asked == b"GET /live":
                    status, word = "200 OK", "live"
                if asked in (b"GET /live", b"GET /ready"):
                    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(word)}\r\n"
                    writer.write(f"{head}Connection: close\r\n\r\n{word}".encode())
                    await writer.drain()
        writer.close()

    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    door = socket.create_server(("", port), family=family, dualstack_ipv6=both)
    async with await asyncio.start_server(answer, sock=door, limit=PROBE_BYTES):
        yield
