"""A person at the gateway who writes down each intent before sending it, and asks again with the same key."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
import uuid
from pathlib import Path
from typing import Any

import httpx2

from infra.local.demo.door import CannotGoOnError, Door
from infra.local.instance import DEMO_PASSWORD

PATIENCE_SECONDS = 25.0
# what a retry cannot mend; everything else may be otherwise in a moment
FINAL = {400, 403, 404, 412, 422}
SESSION_OVER = 401


class GaveUp(Exception):
    """Whether it happened is not known; the reconciler allows both."""


class RefusedError(Exception):
    """The suite said no."""


class IntentLog:
    """One file; a line is on the disk before the request is on the wire."""

    def __init__(self, file: Path) -> None:
        self.file = file.open("a")
        self.acknowledged = self.unknown = self.refused = self.retried = 0

    async def write(self, **said: Any) -> None:
        """Append and wait for the disk."""
        self.file.write(json.dumps(said) + "\n")
        self.file.flush()
        await asyncio.to_thread(os.fsync, self.file.fileno())


class People:
    """Sessions by username, signed in past the proxy and again when one is over."""

    def __init__(self, address: str, proxied: str) -> None:
        self.address, self.proxied = address, proxied
        self.cookies: dict[str, str] = {}
        self.locks: dict[str, asyncio.Lock] = {}

    async def cookie(self, username: str, over: str = "") -> str:
        """The session's cookie; a new one where the known one is over."""
        async with self.locks.setdefault(username, asyncio.Lock()):
            if self.cookies.get(username, over) == over:
                door = Door(self.address)
                try:
                    await door.sign_in(username, DEMO_PASSWORD)
                    self.cookies[username] = door.cookie
                finally:
                    await door.close()
            return self.cookies[username]


class Client:
    """One of the 32: a connection of its own, acting for whoever a step is for."""

    def __init__(self, people: People, log: IntentLog, chance: random.Random) -> None:
        self.people, self.log, self.chance = people, log, chance
        # some people close the window instead of trying again
        self.impatience = 0.1
        self.http = httpx2.AsyncClient(timeout=10, trust_env=False, follow_redirects=False)

    async def get(self, who: str, path: str, **query: Any) -> Any:
        """Read, patiently."""
        return await self._ask(who, "GET", path, None, "", dict(query))

    async def send(self, who: str, path: str, content: bytes, **query: Any) -> Any:
        """Bytes, patiently: what may come twice without a key."""
        return await self._ask(who, "POST", path, content, "", dict(query))

    async def write(
        self, who: str, path: str, body: Any, *, database: str, method: str, effect: tuple[str, str], **query: Any
    ) -> Any:
        """Mean it, send it, and write down how it ended. Raises GaveUp or RefusedError."""
        key = str(uuid.uuid4())
        await self.log.write(key=key, database=database, method=method, effect=effect)
        try:
            answer = await self._ask(who, "POST", path, body, key, query)
        except GaveUp:
            self.log.unknown += 1
            raise
        except RefusedError:
            self.log.refused += 1
            await self.log.write(key=key, outcome="refused")
            raise
        self.log.acknowledged += 1
        await self.log.write(key=key, outcome="ok")
        return answer

    async def _ask(self, who: str, verb: str, path: str, body: Any, key: str, query: dict[str, Any]) -> Any:
        deadline, tries, over = time.monotonic() + PATIENCE_SECONDS, 0, ""
        site = self.people.address.removeprefix("http://")
        impatient = bool(key) and self.chance.random() < self.impatience
        while True:
            tries += 1
            try:
                headers = {
                    "host": site, "origin": self.people.address, "cookie": await self.people.cookie(who, over),
                    "x-csrf": "1", "accept": "application/json", "accept-language": "en",
                }  # fmt: skip
                raw = isinstance(body, bytes)
                headers |= {"content-type": "application/octet-stream" if raw else "application/json"}
                headers |= {"idempotency-key": key} if key else {}
                content = body if raw or body is None else json.dumps(body).encode()
                answer = await self.http.request(
                    verb, self.people.proxied + path, content=content, headers=headers, params=query
                )
            except (httpx2.HTTPError, CannotGoOnError, OSError):
                answer = None
            if answer is not None and answer.is_success:
                return answer.json()
            if answer is not None and answer.status_code in FINAL and not _passing(answer):
                if tries == 1 or not key:
                    raise RefusedError(f"{verb} {path}: {answer.status_code} {answer.text[:400]}")
                # an earlier try of the same key may have been another matter
                raise GaveUp(f"{answer.status_code} {answer.text[:400]}")
            if answer is not None and answer.status_code == SESSION_OVER:
                over = headers["cookie"]
            if impatient or time.monotonic() > deadline:
                raise GaveUp(path)
            self.log.retried += 1
            await asyncio.sleep(self.chance.uniform(0.1, 0.8))


def _passing(answer: httpx2.Response) -> bool:
    """Refusals that end by themselves: rights and copies reach the other services within seconds."""
    words = ("AUTHORIZATION_UNKNOWN", "COMPANY_NOT_ALLOWED", "FIELD_NO_SUCH_DOCUMENT", "IN_PROGRESS", "NOT_SIGNED_IN")
    return any(f'"{word}"' in answer.text for word in words)
