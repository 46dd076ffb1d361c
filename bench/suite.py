"""The suite that is measured: an instance of its own, durable as a real one, and people signed in through its door."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import http.client
import json
import os
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import nats.errors
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from chassis.outbox import STREAM
from chassis.stream import connect
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


async def tokens(instance: Instance, usernames: Iterable[str]) -> dict[str, str]:
    """Access tokens of people by username, good for two minutes: for calls past the gateway, which else holds them."""
    return dict(zip(usernames, await asyncio.gather(*(_token(instance, name) for name in usernames)), strict=True))


async def _token(instance: Instance, username: str) -> str:
    """The code flow by hand, on the sign-in that Keycloak has just remembered."""
    env, door = instance.env(), Door(instance.url)
    verifier, oidc = secrets.token_urlsafe(48), f"{env['HEYI_ISSUER']}/protocol/openid-connect"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    client = {"client_id": "heyi-gateway", "redirect_uri": f"{instance.url}/auth/callback"}
    asked = {"response_type": "code", "scope": "openid", "state": "s", "code_challenge_method": "S256"}
    try:
        await door.sign_in(username, DEMO_PASSWORD)
        answer = await door._send("GET", f"{oidc}/auth", params={**client, **asked, "code_challenge": challenge})
    finally:
        await door.close()
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
    secret = {"client_secret": env["HEYI_GATEWAY_CLIENT_SECRET"]}
    async with httpx2.AsyncClient(timeout=30, trust_env=False) as keycloak:
        answer = await keycloak.post(f"{oidc}/token", data={**client, **form, **secret})
    return str(answer.raise_for_status().json()["access_token"])


@contextlib.asynccontextmanager
async def heard(instance: Instance, subject: str, note: Callable[[Any], None]) -> AsyncIterator[None]:
    """Tell of each new event of a subject as it comes, by the one account that may read the stream: the gateway's."""
    connection = await connect(instance.env()["HEYI_GATEWAY_NATS_URL"], "gateway")
    consumer = ConsumerConfig(
        deliver_policy=DeliverPolicy.NEW, ack_policy=AckPolicy.NONE, inactive_threshold=60, mem_storage=True,
        num_replicas=1,
    )  # fmt: skip
    subscription = await connection.jetstream().pull_subscribe(subject, stream=STREAM, config=consumer)

    async def pull() -> None:
        while True:
            with contextlib.suppress(nats.errors.TimeoutError):
                for message in await subscription.fetch(1, timeout=5):
                    note(message)

    pulling = asyncio.create_task(pull())
    try:
        yield
    finally:
        pulling.cancel()
        await asyncio.gather(pulling, return_exceptions=True)
        await connection.close()


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

    def call(self, verb: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """One call; raises with the answer where it is no success."""
        if time.monotonic() - self._used > REST_SECONDS:
            self.connection.close()
        self._used = time.monotonic()
        text = json.dumps(body) if body is not None else None
        self.connection.request(verb, path, body=text, headers=self.headers() | dict(headers or {}))
        answer = self.connection.getresponse()
        data = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{verb} {path}: {answer.status} {data[:600]!r}")
        return json.loads(data)

    def get(self, path: str, headers: Mapping[str, str] | None = None, **query: Any) -> Any:
        """One read."""
        return self.call("GET", f"{path}?{urlencode(query)}" if query else path, headers=headers)
