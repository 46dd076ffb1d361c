"""Wait, at little cost: for the hour of the night, or for somebody who asked.

This process holds one read-only connection and looks every few seconds; the work is done by another one, whose memory
goes back when it ends. Whether the night's run was missed is read from the books: a machine that was off makes up for
it when it is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import os
import re
import signal
import sys
from typing import Any

import asyncpg

POLL_SECONDS, LONGEST_PAUSE_SECONDS, STOP_SECONDS, PROBE_SECONDS = 5.0, 60.0, 10.0, 2.0
# China knows no summer time; the zone's file would cost memory
SHANGHAI = datetime.timezone(datetime.timedelta(hours=8))
DEFAULT_AT = "02:30"
# who asked, and when the books were last looked at; before the first time it counts from the installation
QUESTION = """
SELECT EXISTS (SELECT FROM consistency_run WHERE state = 'REQUESTED') AS asked,
  coalesce((SELECT max(start_time) FROM consistency_run),
    (SELECT created_at FROM employee WHERE id = '00000000-0000-7000-8000-000000000001')) AS last
"""
COMMAND = (sys.executable, "-m", "reconciler", "run", "--record")


def say(event: str, **facts: Any) -> None:
    """One line of the log."""
    now = datetime.datetime.now(datetime.UTC).isoformat()
    print(json.dumps({"event": event, **facts, "service": "reconciler", "timestamp": now}), flush=True)


def hour_of(text: str) -> datetime.time:
    """The time of day at which the night's run begins. Raises ValueError for anything but HH:MM."""
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError(f"HEYI_RECONCILER_AT is a time of day such as {DEFAULT_AT}, not {text!r}")
    return datetime.time.fromisoformat(text)


def last_due(now: datetime.datetime, at: datetime.time) -> datetime.datetime:
    """The latest instant at which a night's run was due."""
    today = datetime.datetime.combine(now.astimezone(SHANGHAI).date(), at, SHANGHAI)
    return today if today <= now else today - datetime.timedelta(days=1)


async def serve() -> int:
    """Work until SIGTERM or SIGINT."""
    try:
        at = hour_of(os.environ.get("HEYI_RECONCILER_AT") or DEFAULT_AT)
        port = int(os.environ.get("HEYI_PROBE_PORT") or 0)
    except ValueError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    say("ready", at=f"{at:%H:%M}")
    door = await asyncio.start_server(_live, port=port) if port else None
    books, pause = Watched(os.environ["HEYI_IDENTITY_RO_DATABASE_URL"]), POLL_SECONDS
    while not stopping.is_set():
        try:
            well = not await books.due(at) or await work(stopping)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            say("waits for the database", error=type(error).__name__)
            well = False
        pause = POLL_SECONDS if well else min(2 * pause, LONGEST_PAUSE_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause)
    await books.close()
    if door is not None:
        door.close()
    return 0


async def _live(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say by HTTP that this process lives: its loop turns, and nothing outside of it counts."""
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        async with asyncio.timeout(PROBE_SECONDS):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlive")
            await writer.drain()
    writer.close()


class Watched:
    """Identity's database, as its read-only role sees it, through one connection that is made anew when it broke."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection: Any = None

    async def due(self, at: datetime.time) -> bool:
        """Whether somebody asked, or a night's run is owed."""
        if self.connection is None or self.connection.is_closed():
            self.connection = await asyncpg.connect(self.url, timeout=10, command_timeout=10)
        row = await self.connection.fetchrow(QUESTION)
        now = datetime.datetime.now(datetime.UTC)
        return bool(row["asked"] or (row["last"] is not None and row["last"] < last_due(now, at)))

    async def close(self) -> None:
        """Let go."""
        if self.connection is not None:
            await self.connection.close(timeout=5)


async def work(stopping: asyncio.Event) -> bool:
    """Have one run done; whether it could be recorded. It is told to end when this process is."""
    process = await asyncio.create_subprocess_exec(*COMMAND)
    ended, stopped = asyncio.ensure_future(process.wait()), asyncio.ensure_future(stopping.wait())
    await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not ended.done():
        process.terminate()
        try:
            await asyncio.wait_for(asyncio.shield(ended), STOP_SECONDS)
        except TimeoutError:
            process.kill()
    return await ended in (0, 1)
