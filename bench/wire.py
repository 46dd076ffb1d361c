"""HTTP over kept raw connections: a load generator that leaves the cores to what it measures."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

ANSWER_SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    """What came back, and how many milliseconds after the request went out."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    ms: float

    def json(self) -> Any:
        """The body; unpacked where it came packed."""
        packed = self.headers.get(b"content-encoding") == b"gzip"
        return json.loads(gzip.decompress(self.body) if packed else self.body)

    @property
    def text(self) -> str:
        """The status and the beginning of the body."""
        return f"{self.status} {self.body[:400].decode(errors='replace')}"


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Wire:
    """Kept connections to one server; as many as requests are under way at once."""

    def __init__(self, address: str) -> None:
        place = urlsplit(address)
        self.address, self.host, self.port = address, str(place.hostname), int(place.port or 80)
        self._kept: list[Connection] = []

    async def ask(
        self, verb: str, path: str, cookie: str = "", *, body: Any = None, company: str = "", key: str = ""
    ) -> Answer:
        """One request as the pages send it; a write has a key, a new one where none is given."""
        text = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        request = self._head(verb, path, cookie, company)
        if verb != "GET":
            request += f"x-csrf: 1\r\nidempotency-key: {key or uuid.uuid4()}\r\ncontent-length: {len(text)}\r\n"
            request += "content-type: application/json\r\n" if body is not None else ""
        sent = request.encode() + b"\r\n" + text
        while True:
            kept = bool(self._kept)
            connection = self._kept.pop() if kept else await asyncio.open_connection(self.host, self.port)
            began = time.perf_counter()
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    connection[1].write(sent)
                    status, headers, content = await _answer(connection[0])
            except (ConnectionError, asyncio.IncompleteReadError):
                # the server closes a connection that rests; a browser opens another
                connection[1].close()
                if kept:
                    continue
                raise
            except BaseException:
                connection[1].close()
                raise
            took = (time.perf_counter() - began) * 1e3
            if headers.get(b"connection") == b"close":
                connection[1].close()
            else:
                self._kept.append(connection)
            return Answer(status, headers, content, took)

    async def events(self, path: str, cookie: str) -> AsyncIterator[tuple[str, str]]:
        """An event stream: name and data of each event, until it ends or the reader leaves."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            head = self._head("GET", path, cookie, "").replace("application/json", "text/event-stream")
            writer.write(head.encode() + b"\r\n")
            status = int((await reader.readuntil(b"\r\n\r\n"))[9:12])
            if status != 200:
                raise RuntimeError(f"{path}: {status}")
            name = data = ""
            while line := (await reader.readline()).rstrip():
                size = int(line, 16)
                block = (await reader.readexactly(size + 2))[:-2].decode()
                for said in block.split("\n"):
                    if said.startswith("event: "):
                        name = said[7:]
                    elif said.startswith("data: "):
                        data = said[6:]
                    elif not said and name:
                        yield name, data
                        name = data = ""
        finally:
            writer.close()

    def close(self) -> None:
        """Close what is kept."""
        for _, writer in self._kept:
            writer.close()
        self._kept.clear()

    def _head(self, verb: str, path: str, cookie: str, company: str) -> str:
        lines = f"{verb} {path} HTTP/1.1\r\nhost: {self.host}:{self.port}\r\naccept: application/json\r\n"
        lines += f"origin: {self.address}\r\naccept-language: zh-CN\r\naccept-encoding: gzip\r\n"
        lines += f"cookie: {cookie}\r\n" if cookie else ""
        return lines + (f"x-company: {company}\r\n" if company else "")


def with_query(path: str, **query: Any) -> str:
    """A path with what is asked; lists repeat their name, what is empty is left out."""
    text = urlencode({name: value for name, value in query.items() if value not in (None, "")}, doseq=True)
    return f"{path}?{text}" if text else path


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[bytes, bytes], bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head[:-4].split(b"\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}
    if b"chunked" in headers.get(b"transfer-encoding", b""):
        parts = []
        while size := int(await reader.readline(), 16):
            parts.append((await reader.readexactly(size + 2))[:-2])
        await reader.readline()
        return int(first[9:12]), headers, b"".join(parts)
    return int(first[9:12]), headers, await reader.readexactly(int(headers.get(b"content-length", b"0")))
