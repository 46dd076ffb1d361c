"""The suite without a window: raw answers of the gateway, its live stream, and services asked past it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc
import grpc.aio
import httpx2
from grpc_status import rpc_status

from chassis import contract, errors
from chassis.tls import Tls, channel
from infra.local.demo.door import Door
from infra.local.instance import DEMO_PASSWORD, Instance

LANGUAGES = ("zh-CN", "en")


class Session(Door):
    """A door that shows answers as they are, and knows the token behind the session."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(instance.url, instance.env().get("HEYI_TLS_CA", ""))
        self.instance = instance
        self.username = ""

    @classmethod
    async def of(cls, instance: Instance, username: str) -> Session:
        made = cls(instance)
        made.username = username
        await made.sign_in(username, DEMO_PASSWORD)
        return made

    async def raw(
        self, verb: str, path: str, content: str | bytes | None = None, *, key: str | None = None, company: str = "",
        locale: str = "en", query: Mapping[str, str] | None = None,
    ) -> httpx2.Response:  # fmt: skip
        """One call, whatever comes of it. `key=""` sends none."""
        headers = {"accept-language": locale, "x-csrf": "1", "origin": self.address}
        headers |= {"x-company": company} if company else {}
        if verb != "GET":
            key = str(uuid.uuid4()) if key is None else key
            headers |= {"content-type": "application/json"} | ({"idempotency-key": key} if key else {})
        sent = content.encode() if isinstance(content, str) else content
        while True:
            answer = await self._send(
                verb, self.address + path, content=sent, headers=headers, params=dict(query or {})
            )
            if answer.status_code != 429:
                return answer
            # one person's stories are many in a row: they wait as they are told
            await asyncio.sleep(int(answer.headers["retry-after"]))

    async def tokens(self) -> dict[str, Any]:
        """Tokens of this person: the code flow once more, by hand, on the sign-in that Keycloak remembers.

        It forgets one that it has not heard of for half an hour, which the stories can take: then the person signs in.
        """
        issuer, back = self.instance.env()["HEYI_ISSUER"], f"{self.address}/auth/callback"
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        client = {"client_id": "heyi-gateway", "redirect_uri": back}
        asked = {"response_type": "code", "scope": "openid", "state": "s", "nonce": secrets.token_urlsafe(8)}
        proof = {"code_challenge": challenge, "code_challenge_method": "S256"}
        address, query = f"{issuer}/protocol/openid-connect/auth", client | asked | proof
        answer = await self._send("GET", address, params=query)
        if not answer.is_redirect:
            await self.sign_in(self.username, DEMO_PASSWORD)
            answer = await self._send("GET", address, params=query)
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        secret = self.instance.env()["HEYI_GATEWAY_CLIENT_SECRET"]
        form = client | {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        answer = await self._send(
            "POST", f"{issuer}/protocol/openid-connect/token", data=form | {"client_secret": secret}
        )
        found: dict[str, Any] = answer.json()
        return found

    async def token(self) -> str:
        """An access token of this person."""
        return str((await self.tokens())["access_token"])


@contextlib.asynccontextmanager
async def sessions(instance: Instance, *usernames: str) -> AsyncIterator[list[Session]]:
    """Sessions of these people of their own, signed in side by side."""
    opened = await asyncio.gather(*(Session.of(instance, username) for username in usernames))
    try:
        yield opened
    finally:
        for each in opened:
            await each.close()


@dataclass
class Stream:
    """A person's live stream: what came, and when."""

    events: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    ended: float = 0.0

    def first(self, kind: str, document_id: str) -> float:
        """When an event about a document came; not there yet fails."""
        for at, _, data in self.events:
            if data.get("type") == kind and data.get("id") == document_id:
                return at
        raise AssertionError(f"{kind} of {document_id} did not come")

    async def read(self, session: Session) -> None:
        """Read until the gateway ends it."""
        # a client of its own: the session's other calls must not wait behind an answer that never ends
        timeout = httpx2.Timeout(10, read=60)
        try:
            async with httpx2.AsyncClient(timeout=timeout, trust_env=False, verify=session.verify) as http:
                headers = {"cookie": session.cookie, "accept": "text/event-stream"}
                async with http.stream("GET", f"{session.address}/v1/events", headers=headers) as answer:
                    assert answer.status_code == 200, answer.status_code
                    name = ""
                    async for line in answer.aiter_lines():
                        self.opened.set()
                        if line.startswith("event: "):
                            name = line[7:]
                        elif line.startswith("data: "):
                            self.events.append((time.monotonic(), name, json.loads(line[6:])))
        finally:
            self.ended = time.monotonic()
            self.opened.set()


@contextlib.asynccontextmanager
async def streaming(session: Session) -> AsyncIterator[Stream]:
    """The person's stream, open."""
    stream = Stream()
    task = asyncio.create_task(stream.read(session))
    await stream.opened.wait()
    try:
        yield stream
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, httpx2.HTTPError):
            await task


class Direct:
    """The services themselves, past the gateway."""

    def __init__(self, instance: Instance, tls: Tls | None) -> None:
        targets = dict(pair.split("=") for pair in instance.env()["HEYI_TARGETS"].split(","))
        self.channels = {name: channel(name, address, [], tls) for name, address in targets.items()}

    async def ask(
        self, method: contract.Method, token: str | None, *, target: str = "", request: Any = None, company: str = "",
        keyed: bool = True,
    ) -> tuple[str, str]:  # fmt: skip
        """gRPC status and reason of one call; ("OK", "") when it was answered."""
        unary = self.channels[target or method.service].unary_unary(
            f"/{method.full_name}", request_serializer=method.request.SerializeToString,
            response_deserializer=method.reply.FromString,
        )  # fmt: skip
        metadata = [("idempotency-key", str(uuid.uuid4()))] if keyed else []
        metadata += [("heyi-company", company)] if company else []
        metadata += [("authorization", f"Bearer {token}")] if token is not None else []
        try:
            await unary(request if request is not None else method.request(), timeout=10, metadata=metadata)
        except grpc.aio.AioRpcError as problem:
            status = rpc_status.from_call(problem)
            refusal = errors.from_status(status) if status is not None else None
            return problem.code().name, refusal.reason if refusal else ""
        return "OK", ""

    async def close(self) -> None:
        for each in self.channels.values():
            await each.close()


@contextlib.asynccontextmanager
async def direct(instance: Instance, tls: Tls | None = None) -> AsyncIterator[Direct]:
    """Channels to every service, over the certificate of somebody where TLS is on."""
    made = Direct(instance, tls)
    try:
        yield made
    finally:
        await made.close()


async def service_token(instance: Instance, owner: str, http: httpx2.AsyncClient) -> str:
    """An access token of a service's own account, or of the gateway's."""
    env, account = instance.env(), "gateway-service" if owner == "gateway" else owner
    secret = env[f"HEYI_{account.upper().replace('-', '_')}_CLIENT_SECRET"]
    form = {"grant_type": "client_credentials", "client_id": f"heyi-{account}", "client_secret": secret}
    answer = await http.post(f"{env['HEYI_ISSUER']}/protocol/openid-connect/token", data=form)
    return str(answer.json()["access_token"])


def reason_of(answer: httpx2.Response) -> str:
    """The refusal's name."""
    return next(str(d["reason"]) for d in answer.json()["error"]["details"] if "reason" in d)


def fields_of(answer: httpx2.Response) -> dict[str, str]:
    """Fields at fault with their reasons."""
    details = answer.json()["error"]["details"]
    return {v["field"]: v["reason"] for d in details for v in d.get("fieldViolations", [])}


def sentences(answer: httpx2.Response) -> list[str]:
    """Everything that the answer says to a person."""
    error = answer.json()["error"]
    told = [v["description"] for d in error["details"] for v in d.get("fieldViolations", [])]
    return [error["message"], *told]


def is_chinese(text: str) -> bool:
    return any("一" <= character <= "鿿" for character in text)
