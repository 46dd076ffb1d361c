"""What is asked of other people's servers: the one client for addresses that somebody typed.

An address is https, has no name and password, and leads to the public internet: every IP address that its host has is
looked at, and the connection goes to one of those, so that a name cannot lead elsewhere between the look and the call
(DNS rebinding). Nothing is followed, and what is answered is read up to a limit. `HEYI_EGRESS_ALLOW` names origins that
may be asked all the same, as `http://127.0.0.1:8025`, separated by commas: for tests, and for a gateway of one's own.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx2

ALLOW = "HEYI_EGRESS_ALLOW"
LONGEST_ANSWER = 16_384
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0
_HEADERS = {"content-type": "application/json", "accept": "application/json", "accept-encoding": "identity"}
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class AddressRefused(ValueError):
    """The address may not be asked; says why: `https`, `credentials`, `host`, `port` or `private`."""


class Unreachable(Exception):
    """Nobody was there, or the name is unknown: nothing arrived."""


class NoAnswer(Exception):
    """The request may have arrived, and no whole answer came back."""


@dataclass(frozen=True)
class Answer:
    """What the other side said; the text is cut at a limit."""

    status: int
    text: str


def allowed_origins(variables: Mapping[str, str] | None = None) -> frozenset[str]:
    """Origins that may be asked wherever they lead."""
    text = (os.environ if variables is None else variables).get(ALLOW, "")
    return frozenset(part.strip().rstrip("/").lower() for part in text.split(",") if part.strip())


def check(address: str, allowed: frozenset[str] | None = None) -> SplitResult:
    """The parts of an address that may be asked, as far as it can be told without asking for its host's addresses.

    Raises AddressRefused.
    """
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise AddressRefused("host") from None
    if not address.isprintable() or " " in address or "\\" in address or not host:
        raise AddressRefused("host")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("credentials")
    if _origin(parts) in (allowed_origins() if allowed is None else allowed):
        return parts
    if parts.scheme != "https":
        raise AddressRefused("https")
    if parts.port not in (None, 443):
        raise AddressRefused("port")
    if _literal(host) is not None:
        if not is_public(host):
            raise AddressRefused("private")
    elif "." not in host.strip(".") or host.strip(".").lower().endswith((".local", ".internal", ".localhost", ".arpa")):
        raise AddressRefused("private")
    return parts


def is_public(text: str) -> bool:
    """Whether an IP address belongs to the public internet, also written within an IPv6 address."""
    found = ipaddress.ip_address(text)
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is not None:
            return is_public(str(inner))
        # NAT64 carries an IPv4 address in its last four bytes
        if found in ipaddress.ip_network("64:ff9b::/96"):
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
    return found.is_global and not found.is_multicast and not found.is_reserved


async def resolved(host: str, port: int) -> Sequence[str]:
    """The IP addresses of a host. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


async def post(
    address: str,
    body: Any,
    *,
    headers: Mapping[str, str] | None = None,
    resolve: Resolve = resolved,
    allowed: frozenset[str] | None = None,
    seconds: float = ANSWER_SECONDS,
    verify: Any = True,
) -> Answer:
    """Post JSON to an address that may be asked; bytes go as they are. Raises AddressRefused, Unreachable, NoAnswer."""
    origins = allowed_origins() if allowed is None else allowed
    parts = check(address, origins)
    host, extensions = parts.hostname or "", {}
    port = parts.port or (443 if parts.scheme == "https" else 80)
    target = parts.netloc
    if _origin(parts) not in origins:
        target = await _public_address(host, port, resolve)
        extensions = {"sni_hostname": host}
    timeout = httpx2.Timeout(seconds, connect=CONNECT_SECONDS)
    try:
        async with (
            asyncio.timeout(seconds + CONNECT_SECONDS),
            httpx2.AsyncClient(timeout=timeout, follow_redirects=False, trust_env=False, verify=verify) as client,
            client.stream(
                "POST",
                parts._replace(netloc=target, fragment="").geturl(),
                content=body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode(),
                headers={**(headers or {}), **_HEADERS, "host": parts.netloc},
                extensions=extensions,
            ) as reply,
        ):
            text = b""
            async for chunk in reply.aiter_bytes():
                text += chunk
                if len(text) >= LONGEST_ANSWER:
                    break
            return Answer(reply.status_code, text[:LONGEST_ANSWER].decode("utf-8", "replace"))
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as problem:
        raise Unreachable(type(problem).__name__) from None
    except (httpx2.HTTPError, TimeoutError) as problem:
        raise NoAnswer(type(problem).__name__) from None


async def _public_address(host: str, port: int, resolve: Resolve) -> str:
    """One of a host's addresses, all of which must be public: `93.184.216.34`, `[2606:2800::1]`."""
    try:
        found = [host] if _literal(host) is not None else await resolve(host, port)
    except OSError as problem:
        raise Unreachable(type(problem).__name__) from None
    if not found:
        raise Unreachable("no address")
    if not all(is_public(one) for one in found):
        raise AddressRefused("private")
    return (f"[{found[0]}]" if ":" in found[0] else found[0]) + ("" if port == 443 else f":{port}")


def _literal(host: str) -> Any:
    """The IP address that a host is, also in the forms that only the C library reads (`127.1`, `0x7f000001`)."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        socket.inet_aton(host)
    except OSError:
        return None
    raise AddressRefused("private")


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc}".lower()
