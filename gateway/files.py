"""Files on their way through the door, in pieces: nothing holds more than one of them, and every byte is counted.

A method whose body is a google.api.HttpBody takes the raw bytes of a request piece by piece, each a call of its own
from `offset` on: what came before the line was cut stands. A method that streams HttpBody is a download; its first
piece says what it is.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from chassis import telemetry
from chassis.errors import Refused
from gateway import export
from gateway.limits import MEDIA_TYPE, transfers

PIECE_BYTES = 1024 * 1024
_PARAMETER = re.compile(r';\s*(?P<name>[a-z]+)(?:="?(?P<value>[^";]*)"?)?')
# a PDF is shown by the browser's own viewer, in a frame of our pages; everything else is for saving and runs nothing
_PDF_POLICY = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'self'"
_POLICY = "default-src 'none'; sandbox"

Send = Callable[[Any], Awaitable[Any]]


class Transfers:
    """At most so many files on their way at once, and so many of one person."""

    def __init__(self, limit: int, per_person: int) -> None:
        self._limit, self._per_person = limit, per_person
        self._held: Counter[str] = Counter()

    def enter(self, who: str) -> Callable[[], None]:
        """Take a place; what gives it back, once. Refuses where there is none."""
        if self._held.total() >= self._limit or self._held[who] >= self._per_person:
            raise Refused("TOO_MANY_REQUESTS", retry_after_seconds=5)
        self._held[who] += 1
        done = iter((True,))

        def leave() -> None:
            if next(done, False):
                self._held[who] -= 1
                if not self._held[who]:
                    del self._held[who]

        return leave

    @contextlib.contextmanager
    def holding(self, who: str) -> Iterator[None]:
        """Hold a place meanwhile."""
        leave = self.enter(who)
        try:
            yield
        finally:
            leave()


def is_raw(request: Request) -> bool:
    """Whether the body is bytes, not JSON."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == MEDIA_TYPE


async def take(request: Request, message: Any, field: str, send: Send) -> Any:
    """Pass a body on in pieces; the last answer. What had come when the line was cut is passed on too."""
    transfers(request.scope)
    waiting, reply = bytearray(), None

    async def pass_on(count: int) -> Any:
        getattr(message, field).data = bytes(waiting[:count])
        del waiting[:count]
        answer = await send(message)
        message.offset += count
        telemetry.count("heyi.gateway.file.bytes", count, way="in")
        return answer

    try:
        async for part in request.stream():
            waiting += part
            while len(waiting) >= PIECE_BYTES:
                reply = await pass_on(PIECE_BYTES)
    except ClientDisconnect:
        if waiting:
            await pass_on(len(waiting))
        raise
    return await pass_on(len(waiting)) if waiting or reply is None else reply


async def give(request: Request, pieces: AsyncIterator[Any], leave: Callable[[], None]) -> Response:
    """The answer with a file: refused before its first byte, or whole, or broken off."""
    transfers(request.scope)
    try:
        first = await anext(pieces)
    except BaseException:
        leave()
        raise

    async def body() -> AsyncIterator[bytes]:
        try:
            telemetry.count("heyi.gateway.file.bytes", len(first.data), way="out")
            yield first.data
            async for piece in pieces:
                telemetry.count("heyi.gateway.file.bytes", len(piece.data), way="out")
                yield piece.data
        finally:
            leave()
            await pieces.aclose()  # type: ignore[attr-defined]

    kind, headers = described(first.content_type, "file")
    return StreamingResponse(body(), headers=headers, media_type=kind)


def described(content_type: str, plain_name: str) -> tuple[str, dict[str, str]]:
    """A file's media type, and the headers that follow from what its content type says beside it: name, size, and
    whether it may be shown; nothing but a PDF ever is.
    """
    kind = content_type.partition(";")[0].strip() or "application/octet-stream"
    said = {found["name"]: found["value"] for found in _PARAMETER.finditer(content_type)}
    name = unquote(said.get("name") or "") or f"{plain_name}.{kind.rsplit('/', 1)[-1]}"
    # what a service prints is made to be looked at; a file that people brought says so itself
    shown = kind == "application/pdf" and ("inline" in said or "size" not in said)
    headers = {
        "Content-Disposition": export.disposition("inline" if shown else "attachment", name),
        "Content-Security-Policy": _PDF_POLICY if shown else _POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
    if size := said.get("size"):
        headers["Content-Length"] = size
    return kind, headers
