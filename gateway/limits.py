"""How much one caller, one request and one replica may use. Pure ASGI: nothing here holds a body or a task back."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.errors import Refused
from gateway.patience import HEADER_BYTES

_REMEMBERED = 20_000
# answers of the last so many requests that take longer than this on average; so many are let in all the same
_RECENT, _SLOW_SECONDS, _ALWAYS = 32, 2.0, 32
_SHED = "/v1/"


class Buckets:
    """A token bucket for each name. The least recently seen are forgotten: by then they are full again."""

    def __init__(self, rate: float, burst: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._monotonic = rate, burst, monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> None:
        """Take one token; refuses with the time to wait."""
        now = self._monotonic()
        left, seen = self._buckets.pop(name, (self._burst, now))
        left = min(self._burst, left + (now - seen) * self._rate)
        if left < 1:
            self._buckets[name] = (left, now)
            raise Refused("TOO_MANY_REQUESTS", retry_after_seconds=max(1, round((1 - left) / self._rate)))
        self._buckets[name] = (left - 1, now)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)


class BodyLimit:
    """Counts the bytes of a body as they come: what a header claims is only believed when it is too much.

    The whole of it comes within some seconds: who sends a byte now and then would hold a place for ever.
    """

    def __init__(self, app: ASGIApp, limit: int, seconds: float, files: tuple[str, int, float] = ("\n", 0, 0)) -> None:
        """`files`: how an address ends that takes a file, and the limits of its body."""
        self._app, self._limit, self._seconds, self._files = app, limit, seconds, files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        ending, bytes_of_file, seconds_of_file = self._files
        takes_file = scope["path"].endswith(ending)
        limit, seconds = (bytes_of_file, seconds_of_file) if takes_file else (self._limit, self._seconds)
        size, comes = len(scope.get("query_string", b"")), False
        for name, value in scope["headers"]:
            size += len(name) + len(value)
            if name == b"content-length":
                if not value.isdigit() or int(value) > limit:
                    raise Refused("REQUEST_TOO_LARGE", limit_bytes=limit)
                comes = True
            elif name == b"transfer-encoding":
                comes = True
        if size > HEADER_BYTES:
            raise Refused("REQUEST_TOO_LARGE", limit_bytes=HEADER_BYTES)
        if not comes:
            # neither length nor encoding: HTTP/1.1 knows no body then, and nothing is waited for
            return await self._app(scope, receive, send)
        read, complete, deadline = 0, False, asyncio.get_running_loop().time() + seconds

        async def counted() -> Message:
            nonlocal read, complete
            try:
                # what comes after the body is the end of the connection: that may take as long as the answer
                async with asyncio.timeout_at(None if complete else deadline):
                    message = await receive()
            except TimeoutError:
                raise Refused("REQUEST_TOO_SLOW", seconds=round(seconds)) from None
            complete = not message.get("more_body", False)
            read += len(message.get("body", b""))
            if read > limit:
                raise Refused("REQUEST_TOO_LARGE", limit_bytes=limit)
            return message

        await self._app(scope, counted, send)


class Concurrency:
    """At most so many requests at once in this replica; fewer, where answers have come to take too long.

    What waits behind hundreds of others is not answered before its deadline, and holds a place until then: whoever
    asks a service is told at once to come back, until those under way are answered in time again. Signing in and the
    pages' files go on: whoever has typed a password is not sent away for what others ask. Streams are counted where
    they are held, not here.
    """

    def __init__(
        self, app: ASGIApp, limit: int, exempt: tuple[str, ...], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._app, self._limit, self._exempt, self._monotonic = app, limit, exempt, monotonic
        self._under_way = 0
        self._usual_seconds = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self._exempt):
            return await self._app(scope, receive, send)
        asks = scope["path"].startswith(_SHED)
        slow = asks and self._usual_seconds > _SLOW_SECONDS and self._under_way >= _ALWAYS
        if self._under_way >= self._limit or slow:
            raise Refused("TOO_MANY_REQUESTS", retry_after_seconds=1)
        self._under_way += 1
        began = self._monotonic()
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1
            if asks:
                self._usual_seconds += (self._monotonic() - began - self._usual_seconds) / _RECENT
