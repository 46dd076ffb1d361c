"""The suite that is measured: an instance of its own, durable as a real one, and people signed in through its door."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import time
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

from infra.local.demo.door import Door
from infra.local.instance import DEMO_PASSWORD, Instance

# The limits per person would measure themselves; the record says which were in force.
LIMITS = "rate=100000,burst=100000,anonymous_rate=1000,anonymous_burst=1000"

# the gateway closes a connection that rests for 30 s
REST_SECONDS = 20.0


@contextlib.contextmanager
def suite(*, demo: bool = True, name: str = "bench") -> Iterator[Instance]:
    """An instance of its own, running; it is stopped afterwards and its data stays for the next run."""
    os.environ["HEYI_GATEWAY_LIMITS"] = LIMITS
    instance = Instance(name)
    instance.down()
    instance.up(demo=demo)
    try:
        yield instance
    finally:
        instance.down()


class Person:
    """Somebody signed in, over one kept connection."""

    def __init__(self, address: str, username: str) -> None:
        async def cookies() -> str:
            door = Door(address)
            try:
                await door.sign_in(username, DEMO_PASSWORD)
                return door.cookie
            finally:
                await door.close()

        self.site, self.address, self.cookie = urlsplit(address).netloc, address, asyncio.run(cookies())
        self.connection = http.client.HTTPConnection(self.site, timeout=30)
        self._used = time.monotonic()

    def headers(self) -> dict[str, str]:
        """What a browser sends with each call of ours."""
        return {
            "cookie": self.cookie, "origin": self.address, "x-csrf": "1", "accept": "application/json",
            "content-type": "application/json", "idempotency-key": str(uuid.uuid4()), "accept-language": "en",
        }  # fmt: skip

    def call(self, verb: str, path: str, body: Any = None) -> Any:
        """One call; raises with the answer where it is no success."""
        if time.monotonic() - self._used > REST_SECONDS:
            self.connection.close()
        self._used = time.monotonic()
        text = json.dumps(body) if body is not None else None
        self.connection.request(verb, path, body=text, headers=self.headers())
        answer = self.connection.getresponse()
        data = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{verb} {path}: {answer.status} {data[:600]!r}")
        return json.loads(data)

    def get(self, path: str, **query: Any) -> Any:
        """One read."""
        return self.call("GET", f"{path}?{urlencode(query)}" if query else path)
