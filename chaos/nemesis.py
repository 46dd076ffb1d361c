"""The faults: each is a coroutine that breaks something for a while and puts it right again."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import nats

from chaos.proxy import Proxy
from infra.local.instance import SERVICES, Instance

POINTS = (
    "before_tx", "after_first_write", "before_commit", "after_commit", "before_reply", "event_after_inbox",
    "event_before_commit", "event_after_commit", "before_acknowledge", "before_publish", "after_publish",
)  # fmt: skip
# the store's folder is a small file system of its own where we may mount one: it can be filled
STORE_MIB = 192


class Nemesis:
    """Everything that can go wrong with one instance."""

    def __init__(self, instance: Instance, proxy: Proxy, faults: Path, timeline: Path, chance: random.Random) -> None:
        self.instance, self.proxy, self.faults, self.chance = instance, proxy, faults, chance
        self.timeline, self.began = timeline.open("a"), time.monotonic()
        self.done: Counter[str] = Counter()
        self.killed: Counter[str] = Counter()
        self.store = instance.folder / "nats" / "streams"

    def note(self, what: str, **facts: Any) -> None:
        """One line of the timeline."""
        self.timeline.write(json.dumps({"at": round(time.monotonic() - self.began, 3), "what": what, **facts}) + "\n")
        self.timeline.flush()

    @property
    def kills(self) -> int:
        """Processes that ended without being asked."""
        return self.killed.total()

    async def act(self, name: str) -> None:
        """Do one fault and put it right. It counts by its kind, a kill or a stop by what it hit."""
        self.note(name, phase="begins")
        kind, _, rest = name.partition(" ")
        action: Callable[..., Awaitable[None]] = getattr(self, f"_{kind}")
        await action(*rest.split())
        self.done[f"{kind} {rest.split()[0]}" if kind in ("kill", "stop") else kind] += 1
        self.note(name, phase="ends")

    async def repair(self) -> None:
        """Start whatever does not run."""
        for part in self.instance.parts:
            if self.instance.pid(part) is None:
                await self.start(part)

    # ---- the faults

    async def _kill(self, what: str, down_seconds: str = "0.2") -> None:
        """`kill -9` of one part, or of all services at once."""
        parts = list(self.instance.hosts) if what == "services" else [what]
        for part in parts:
            await asyncio.to_thread(self.instance.kill, part)
            self.killed[part] += 1
        await asyncio.sleep(float(down_seconds))
        await asyncio.gather(*map(self.start, parts))

    async def start(self, part: str) -> None:
        """Start one part beside others: services that died together wait for each other before they are healthy."""
        await asyncio.to_thread(self.instance._starter(part))

    async def _stop(self, part: str, seconds: str) -> None:
        """SIGSTOP: a process that sleeps longer than others wait for it."""
        pid = self.instance.pid(part)
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(float(seconds))
        if self.instance.pid(part) == pid:  # another fault may have killed it meanwhile
            os.kill(pid, signal.SIGCONT)

    async def _cut(self, place: str, seconds: str) -> None:
        self.proxy.cut = place
        await asyncio.sleep(float(seconds))
        self.proxy.cut = ""

    async def _crash(self, point: str) -> None:
        """Whichever service comes by first dies at a place in the code."""
        (self.faults / point).write_text("crash")
        deadline = time.monotonic() + 15
        # another process ends, and nobody tells
        while (dead := self._dead_service()) is None and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        (self.faults / point).unlink(missing_ok=True)
        if dead is not None:
            self.killed[dead] += 1
            await self.start(dead)

    def _dead_service(self) -> str | None:
        return next((host for host in self.instance.hosts if self.instance.pid(host) is None), None)

    async def _error(self, point: str) -> None:
        (self.faults / point).write_text("error")
        await asyncio.sleep(1)
        (self.faults / point).unlink(missing_ok=True)

    async def _clock(self, step_seconds: str, seconds: str) -> None:
        (self.faults / "clock").write_text(step_seconds)
        await asyncio.sleep(float(seconds))
        (self.faults / "clock").unlink()

    async def _again(self, percent: str) -> None:
        """Part of what was published comes again, in any order, past the stream's own memory of what it has."""
        env, sent = self.instance.env(), 0
        for service in SERVICES:
            books = await asyncpg.connect(env[f"HEYI_{service.upper()}_RO_DATABASE_URL"], timeout=10)
            rows = await books.fetch(
                "SELECT subject, payload, headers FROM outbox WHERE published_at IS NOT NULL "
                "ORDER BY created_at DESC LIMIT 500"
            )
            await books.close()
            chosen = [row for row in rows if self.chance.random() * 100 < float(percent)]
            self.chance.shuffle(chosen)
            connection = await nats.connect(env[f"HEYI_{service.upper()}_NATS_URL"], connect_timeout=5)
            for row in chosen:
                headers = {name: value for name, value in json.loads(row["headers"]).items() if value}
                await connection.publish(row["subject"], row["payload"], headers=headers)
            await connection.flush()
            await connection.close()
            sent += len(chosen)
        self.note("again", sent=sent)

    async def _wipe(self) -> None:
        """The whole store of the stream is lost."""
        await asyncio.to_thread(self.instance.kill, "nats")
        self.killed["nats"] += 1
        for each in self.store.iterdir():
            await asyncio.to_thread(shutil.rmtree if each.is_dir() else os.unlink, each)
        await self.start("nats")

    async def _pool(self, service: str, seconds: str) -> None:
        """The database takes no more connections of a service, and ends those that it has."""
        await self._sql(f"ALTER ROLE {service}_app CONNECTION LIMIT 1")
        ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{service}_app'"  # noqa: S608
        await self._sql(ended)
        await asyncio.sleep(float(seconds))
        await self._sql(f"ALTER ROLE {service}_app CONNECTION LIMIT -1")

    async def _full(self, seconds: str) -> None:
        """No room is left on the stream's disk. The server refuses even when there is room again, until it restarts."""
        ballast = self.store / "ballast"
        await asyncio.to_thread(_fill, ballast)
        await asyncio.sleep(float(seconds))
        ballast.unlink()
        await asyncio.to_thread(self.instance.stop, "nats")
        await self.start("nats")

    async def _sql(self, statement: str) -> None:
        done = await asyncio.to_thread(self.instance.postgres._run_psql, "-qc", statement)
        if done.returncode:
            raise RuntimeError(done.stderr)

    # ---- the store's own disk

    def mount(self) -> bool:
        """Give the stream's store a small disk of its own; before NATS starts. False where we may not."""
        self.store.mkdir(parents=True, exist_ok=True)
        if os.path.ismount(self.store):
            return True
        command = ["mount", "-t", "tmpfs", "-o", f"size={STORE_MIB}m", "none", str(self.store)]
        return os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0

    def unmount(self) -> None:
        """Take the disk away again."""
        if os.path.ismount(self.store):
            subprocess.run(["umount", str(self.store)], check=True, capture_output=True)


def _fill(file: Path) -> None:
    # without a buffer: what did not fit would be written once more at the end, and refused again
    with file.open("wb", buffering=0) as output:
        try:
            while True:
                output.write(b"\0" * 65536)
        except OSError as full:
            if full.errno != errno.ENOSPC:
                raise


def schedule(chance: random.Random, *, form: str, can_fill: bool) -> list[str]:
    """Faults in order, those with an `&` beside the others. Each kind at least once; the rest by chance."""
    longest, *others = chance.sample(SERVICES, len(SERVICES))
    always = [
        *(f"kill {service}" for service in SERVICES), f"stop {others[0]} 4",
        "kill gateway", "kill nats", "kill postgres", "cut before_request 3", "cut before_reply 3",
        "again 20", "wipe", f"crash {chance.choice(POINTS)}", "stop gateway 4", "stop postgres 4",
        f"pool {chance.choice(('approval', 'procurement'))} 4",
    ]  # fmt: skip
    if can_fill:
        always.append("full 5")
    if form != "short":
        always += [
            f"stop {longest} 35 &", *(f"stop {service} 4" for service in others[1:]), "stop nats 12", "kill keycloak",
            "clock 90 5", "clock -90 5", "kill services 3", "kill postgres 3", "again 20",
            *(f"crash {chance.choice(POINTS)}" for _ in range(6)),
            *(f"error {chance.choice(POINTS)}" for _ in range(4)),
        ]  # fmt: skip
    chance.shuffle(always)
    return always


def more(chance: random.Random) -> str:
    """One more fault, for a long run."""
    kinds = [
        f"kill {chance.choice(('services', *SERVICES))}", "kill gateway", "kill nats", "kill postgres", "kill keycloak",
        f"stop {chance.choice(SERVICES)} 5", f"stop {chance.choice(SERVICES)} 35 &",
        "cut before_request 2", "cut before_reply 2", "again 20", f"crash {chance.choice(POINTS)}",
        f"error {chance.choice(POINTS)}", "clock 90 5", "clock -90 5", f"pool {chance.choice(SERVICES)} 3",
    ]  # fmt: skip
    return chance.choice(kinds)
