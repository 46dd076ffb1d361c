"""Who is calling: verify an access token of the realm.

A token counts only when it is an access token of our issuer for our audience, signed with the realm's algorithm by a
key that the issuer publishes, given to one of our clients, and short-lived. Every refusal says which check failed,
never what the token held.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import datetime
import hashlib
import ssl
import time
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import httpx2
import orjson
import structlog
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, RSAKey

from chassis import ids
from chassis.clock import Clock
from chassis.errors import Refused

# What the realm signs with (infra/keycloak). Never what the token asks for.
ALGORITHMS = ("PS256",)
GATEWAY_CLIENT = "heyi-gateway"
# Programs with an account that serve nothing: what is open to every service is not open to them.
TOOLS = ("reconciler",)

# How an API key begins: no token of the realm does.
KEY_PREFIX = "hyk_"

MAX_TOKEN_BYTES = 8 * 1024
LEEWAY_SECONDS = 30
MAX_LIFE_SECONDS = 300
KEYS_FRESH_SECONDS = 600
KEYS_SERVED_SECONDS = 3600
UNKNOWN_KEY_SECONDS = 30
MAX_KEYS_BYTES = 256 * 1024
_REMEMBERED = 10_000

# Headers that would let a token bring or name its own key, or ask for an extension we do not know.
_REFUSED_HEADERS = frozenset({"jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "zip", "enc"})

log = structlog.get_logger("heyi.authn")

Key = RSAKey | ECKey
Fetch = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Token:
    """A verified token: of an employee, or of a service."""

    subject: str
    client: str
    employee_id: uuid.UUID | None
    service: str | None
    issued_at: datetime.datetime
    expires_at: datetime.datetime
    sid: str | None


def service_clients(names: Iterable[str]) -> dict[str, str]:
    """Clients of services, tools and the gateway's own account, with the name each acts under."""
    return {f"heyi-{name}": name for name in (*names, *TOOLS)} | {f"{GATEWAY_CLIENT}-service": "gateway"}


def keys_url(issuer: str) -> str:
    """Where the issuer publishes its keys. Taken from the configuration alone: no token can point elsewhere."""
    return f"{issuer.rstrip('/')}/protocol/openid-connect/certs"


async def fetch_keys(issuer: str, verify: ssl.SSLContext | bool = True) -> bytes:
    """Ask the issuer for its keys: no redirects, 5 s, bounded size."""
    async with httpx2.AsyncClient(timeout=5, follow_redirects=False, trust_env=False, verify=verify) as client:
        async with client.stream("GET", keys_url(issuer)) as reply:
            reply.raise_for_status()
            body = b""
            async for part in reply.aiter_bytes():
                body += part
                if len(body) > MAX_KEYS_BYTES:
                    raise ValueError("the issuer's key set is too large")
            return body


class KeySet:
    """The issuer's public keys: asked for again after ten minutes, kept for an hour while the issuer is away."""

    def __init__(self, fetch: Fetch, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: dict[str, Key] = {}
        self._loaded_at = float("-inf")
        self._asked_at = float("-inf")
        self._lock = asyncio.Lock()
        self._refreshing: asyncio.Task[None] | None = None

    async def key(self, kid: str) -> Key | None:
        """The key of this id; None where the issuer has none. Refuses while no key set is known."""
        if kid not in self._keys or self._age() > KEYS_SERVED_SECONDS:
            await self.refresh()
        elif self._age() > KEYS_FRESH_SECONDS and (self._refreshing is None or self._refreshing.done()):
            # Nobody waits for what is only being renewed.
            self._refreshing = asyncio.create_task(self.refresh(), name="heyi-keys")
        if self._age() > KEYS_SERVED_SECONDS:
            raise Refused("SERVICE_UNAVAILABLE", service="keycloak")
        return self._keys.get(kid)

    async def refresh(self) -> None:
        """Ask the issuer, at most once in 30 s whoever wants it: unknown key ids cost an attacker's time, not ours."""
        async with self._lock:
            if self._monotonic() - self._asked_at < UNKNOWN_KEY_SECONDS:
                return
            self._asked_at = self._monotonic()
            try:
                self._keys = _read_keys(await self._fetch())
                self._loaded_at = self._monotonic()
            except (
                httpx2.HTTPError,
                OSError,
                ValueError,
                LookupError,
                TypeError,
                AttributeError,
                JoseError,
            ) as problem:
                log.warning("keys_not_refreshed", problem=repr(problem), known=len(self._keys))
                # An issuer that was never reached is asked again at once: the suite starts in any order.
                if not self._keys:
                    self._asked_at = float("-inf")

    def _age(self) -> float:
        return self._monotonic() - self._loaded_at


def _read_keys(body: bytes) -> dict[str, Key]:
    keys: dict[str, Key] = {}
    for entry in orjson.loads(body)["keys"]:
        if entry.get("use", "sig") == "sig" and entry.get("kty") in ("RSA", "EC") and entry.get("kid"):
            key = JWKRegistry.import_key(entry)
            if isinstance(key, RSAKey | ECKey):
                keys[entry["kid"]] = key
    if not keys:
        raise ValueError("the issuer publishes no key that signs")
    return keys


class Verifier:
    """Verifies tokens of one realm. Answers are remembered until the token expires: a signature check is the dear part.

    `people` are clients through which employees sign in; `services` maps clients of services to their names.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        services: Mapping[str, str],
        *,
        people: Iterable[str] = (GATEWAY_CLIENT,),
        fetch: Fetch | None = None,
        verify: ssl.SSLContext | bool = True,
        clock: Clock | None = None,
        algorithms: Iterable[str] = ALGORITHMS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer, self._audience = issuer, audience
        self._services, self._people = dict(services), frozenset(people)
        self._clock = clock or Clock()
        self._algorithms = tuple(algorithms)
        self._registry = jws.JWSRegistry(algorithms=self._algorithms)
        self.keys = KeySet(fetch or (lambda: fetch_keys(issuer, verify)), monotonic)
        self._verified: OrderedDict[bytes, Token] = OrderedDict()

    async def verify(self, token: str) -> Token:
        """The token's bearer; refuses with NOT_SIGNED_IN."""
        if not token or len(token) > MAX_TOKEN_BYTES or not token.isascii():
            _refuse("size")
        fingerprint = hashlib.sha256(token.encode()).digest()
        now = self._clock.now()
        known = self._verified.get(fingerprint)
        if known is None:
            known = self._bearer(await self._claims(token), now)
            self._verified[fingerprint] = known
            if len(self._verified) > _REMEMBERED:
                self._verified.popitem(last=False)
        if now >= known.expires_at + datetime.timedelta(seconds=LEEWAY_SECONDS):
            self._verified.pop(fingerprint, None)
            _refuse("expired")
        return known

    async def _claims(self, token: str) -> dict[str, Any]:
        """The claims, once the signature stands."""
        header = _json(token.partition(".")[0])
        if header.get("alg") not in self._algorithms:
            _refuse("algorithm")
        if _REFUSED_HEADERS & header.keys() or header.get("typ", "JWT") not in ("JWT", "at+jwt"):
            _refuse("header")
        kid = header.get("kid")
        key = await self.keys.key(kid) if isinstance(kid, str) and kid else None
        if key is None:
            _refuse("key")
        try:
            signed = jws.deserialize_compact(token, key, algorithms=list(self._algorithms), registry=self._registry)
            claims = orjson.loads(signed.payload)
        except (JoseError, ValueError):
            _refuse("signature")
        return claims if isinstance(claims, dict) else _refuse("claims")

    def _bearer(self, claims: dict[str, Any], now: datetime.datetime) -> Token:
        if claims.get("iss") != self._issuer:
            _refuse("issuer")
        audience = claims.get("aud")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            _refuse("audience")
        if claims.get("typ") != "Bearer":
            _refuse("type")
        issued, expires = self._times(claims, now.timestamp())
        client, subject, sid = _text(claims, "azp"), _text(claims, "sub"), _text(claims, "sid")
        employee = _text(claims, "employee_id")
        if not subject:
            _refuse("subject")
        service = self._services.get(client)
        if client not in self._people and service is None:
            _refuse("client")
        if client == GATEWAY_CLIENT and not sid:
            _refuse("session")
        if bool(employee) == bool(service):
            # A person's token names the employee, a service's account stands for none.
            _refuse("employee")
        return Token(
            subject=subject,
            client=client,
            employee_id=_employee(employee) if employee else None,
            service=service,
            issued_at=datetime.datetime.fromtimestamp(issued, datetime.UTC),
            expires_at=datetime.datetime.fromtimestamp(expires, datetime.UTC),
            sid=sid or None,
        )

    @staticmethod
    def _times(claims: dict[str, Any], now: float) -> tuple[int, int]:
        issued, expires, not_before = claims.get("iat"), claims.get("exp"), claims.get("nbf", 0)
        if type(issued) is not int or type(expires) is not int or type(not_before) is not int:
            _refuse("times")
        if now >= expires + LEEWAY_SECONDS:
            _refuse("expired")
        if now < max(issued, not_before) - LEEWAY_SECONDS:
            _refuse("not_yet")
        if not 0 < expires - issued <= MAX_LIFE_SECONDS:
            _refuse("life")
        return issued, expires


def _refuse(why: str) -> NoReturn:
    raise Refused("NOT_SIGNED_IN", why=why)


def _json(part: str) -> dict[str, Any]:
    try:
        value = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error):
        _refuse("form")
    return value if isinstance(value, dict) else _refuse("form")


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name, "")
    return value if isinstance(value, str) else _refuse("claims")


def _employee(text: str) -> uuid.UUID:
    try:
        return ids.parse(text)
    except ValueError:
        _refuse("employee")
