"""A slow line that can be cut: an HTTP proxy which a browser's window is put behind.

Each request has a connection of its own, so that cutting one leaves the others. The bytes are real, and so is the cut:
the browser sees a connection that ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Literal
from urllib.parse import urlsplit

Cut = Literal["before the request", "before the reply", "in the reply"]
HEAD_END = b"\r\n\r\n"
# a phone at the edge of a cell
SLOW_SECONDS, SLOW_BYTES_PER_SECOND = 0.3, 40_000


class Line:
    """What happens to requests: all of them slow while `slow`, the next one whose path ends in a text cut."""

    def __init__(self) -> None:
        self.slow = False
        self.cuts: list[tuple[str, Cut]] = []
        self.done: list[str] = []
        self.address = ""
        self.tasks: list[asyncio.Task[Any]] = []
        self.ends: list[asyncio.StreamWriter] = []

    def cut_next(self, path_end: str, place: Cut) -> None:
        self.cuts.append((path_end, place))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of the browser."""
        self.tasks += filter(None, [asyncio.current_task()])
        self.ends.append(writer)
        # the browser goes away as it likes: that is what a window does when it is closed
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            head = await reader.readuntil(HEAD_END)
            verb, url, rest = head.decode("latin-1").split(" ", 2)
            if verb == "CONNECT":  # what the story itself asks for, beside the window
                await self._tunnel(url, reader, writer)
                return
            there = urlsplit(url)
            lines = [
                line for line in rest.split("\r\n")[1:-2] if not line.lower().startswith(("connection:", "proxy-"))
            ]
            size = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), 0)
            body = await reader.readexactly(size)
            place = self._place(there.path)
            if self.slow:
                await asyncio.sleep(SLOW_SECONDS)
            if place == "before the request":
                return
            back, forth = await asyncio.open_connection(there.hostname, there.port)
            self.ends.append(forth)
            with contextlib.closing(forth):
                path = there.path + (f"?{there.query}" if there.query else "")
                forth.write("\r\n".join([f"{verb} {path} HTTP/1.1", *lines, "Connection: close"]).encode("latin-1"))
                forth.write(HEAD_END + body)
                await forth.drain()
                await (self._pump(back, writer) if place is None else self._tear(back, writer, place))

    async def _tunnel(self, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = address.rsplit(":", 1)
        back, forth = await asyncio.open_connection(host, int(port))
        self.ends.append(forth)
        with contextlib.closing(forth):
            writer.write(b"HTTP/1.1 200 Connection established" + HEAD_END)
            await asyncio.gather(self._pump(back, writer), self._pump(reader, forth))

    def _place(self, path: str) -> Cut | None:
        for path_end, place in self.cuts:
            if path.endswith(path_end):
                self.cuts.remove((path_end, place))
                self.done.append(place)
                return place
        return None

    async def _pump(self, back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await back.read(4096 if self.slow else 65536):
            if self.slow:
                await asyncio.sleep(len(data) / SLOW_BYTES_PER_SECOND)
            writer.write(data)
            await writer.drain()

    async def _tear(self, back: asyncio.StreamReader, writer: asyncio.StreamWriter, place: Cut) -> None:
        answer = await back.read()
        if place == "in the reply":
            writer.write(answer[: answer.index(HEAD_END) + len(HEAD_END) + 20])
            await writer.drain()


@contextlib.asynccontextmanager
async def line() -> AsyncIterator[Line]:
    """A line, open."""
    made = Line()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        for end in made.ends:
            end.close()
        await asyncio.gather(*made.tasks)
