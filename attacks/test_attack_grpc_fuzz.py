"""Every RPC asked past the gateway with requests that no client of ours would send: refused, and never a fault.

The administrator's token opens what a policy closes, so that the requests reach the handlers.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
import pytest
from api import Direct, Session, direct
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor

from chassis import contract
from chassis.contract import Method
from infra.local.instance import SERVICES

F = FieldDescriptor
FAULTS = {"UNKNOWN", "INTERNAL", "DATA_LOSS", "DEADLINE_EXCEEDED", "UNAVAILABLE", "CANCELLED"}
LARGEST = 4 * 1024 * 1024
TEXTS = [
    "\x00", "￿", "\u202e", "'; DROP TABLE supplier; --", "%s%n{0}${x}", "9" * 400, "-1", "1e400", "NaN",
    "../../etc/passwd", "<script>", "😀" * 300, "a" * 70_000,
]  # fmt: skip


def bytes_of(field: int, wire: int, payload: bytes) -> bytes:
    """One field on the wire."""
    return varint(field << 3 | wire) + (varint(len(payload)) if wire == 2 else b"") + payload


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def nested(field: int, levels: int) -> bytes:
    inner = b""
    for _ in range(levels):
        inner = bytes_of(field, 2, inner)
    return inner


def filled(descriptor: Any, texts: Callable[[], str], numbers: Callable[[], int], depth: int = 0) -> Any:
    """A request with something in every field."""
    message = message_factory.GetMessageClass(descriptor)()
    for one in descriptor.fields:
        many = contract.repeated(one)
        if one.message_type is not None:
            if depth > 3 or one.message_type.GetOptions().map_entry:
                continue
            inner = filled(one.message_type, texts, numbers, depth + 1)
            if many:
                getattr(message, one.name).append(inner)
            else:
                getattr(message, one.name).CopyFrom(inner)
            continue
        value: Any = {
            F.CPPTYPE_STRING: texts if one.type == F.TYPE_STRING else lambda: texts().encode(),
            F.CPPTYPE_BOOL: lambda: True,
            F.CPPTYPE_DOUBLE: lambda: float("nan"),
            F.CPPTYPE_FLOAT: lambda: float("inf"),
        }.get(one.cpp_type, numbers)()
        if one.cpp_type in (F.CPPTYPE_UINT32, F.CPPTYPE_UINT64):
            value = abs(value)
        if many:
            getattr(message, one.name).append(value)
        else:
            setattr(message, one.name, value)
    return message


def largest(method: Method) -> bytes:
    """As much as a request can hold: every text grown until the message is almost at the limit."""
    request = filled(method.request.DESCRIPTOR, lambda: "长", lambda: 2**31 - 1).SerializeToString()
    return request + bytes_of(4095, 2, b"x" * (LARGEST - len(request) - 4096))


def default(method: Method) -> Iterator[bytes]:
    yield b""


def oversize(method: Method) -> Iterator[bytes]:
    yield largest(method)
    yield b"\x0a" + varint(LARGEST) + b"x" * LARGEST
    yield filled(method.request.DESCRIPTOR, lambda: "x" * 60_000, lambda: 2**31 - 1).SerializeToString()[: LARGEST - 64]


def unknown_field(method: Method) -> Iterator[bytes]:
    yield bytes_of(4095, 2, b"?") + bytes_of(4094, 0, varint(7))
    yield bytes_of(536_870_911, 5, b"1234")


def deep_nest(method: Method) -> Iterator[bytes]:
    for one in method.request.DESCRIPTOR.fields:
        if one.message_type is not None:
            yield nested(one.number, 250)
    yield nested(1, 5000)
    # groups are another way down
    yield b"\x0b" * 5000


def wrong_types(method: Method) -> Iterator[bytes]:
    """Fields with another wire type than theirs, truncated fields, and numbers that are none."""
    for one in method.request.DESCRIPTOR.fields:
        yield bytes_of(one.number, 0, b"\xff" * 12)
        yield bytes_of(one.number, 2, b"\xff\xfe\x00")
        yield varint(one.number << 3 | 2) + varint(2**31 - 1)
        yield bytes_of(one.number, 1, b"12345678")
    yield bytes_of(0, 2, b"no field is zero")


def hostile_values(method: Method) -> Iterator[bytes]:
    chosen = random.Random(f"values {method.full_name}")
    for hostile in TEXTS:
        yield filled(
            method.request.DESCRIPTOR,
            lambda hostile=hostile: hostile,  # type: ignore[misc]
            lambda: chosen.choice([-1, -(2**31), 2**31 - 1, 0]),
        ).SerializeToString()
    # ids that are well formed lead further in
    for hostile in TEXTS[:6]:
        request = filled(method.request.DESCRIPTOR, lambda: str(uuid.UUID(int=chosen.getrandbits(128))), lambda: 1)
        for one in request.DESCRIPTOR.fields:
            if one.type == F.TYPE_STRING and not contract.repeated(one) and not one.name.endswith("id"):
                setattr(request, one.name, hostile)
        yield request.SerializeToString()


def random_bytes(method: Method) -> Iterator[bytes]:
    """Noise, and a real request with bytes changed."""
    chosen = random.Random(f"noise {method.full_name}")
    real = filled(method.request.DESCRIPTOR, lambda: "abc", lambda: 5).SerializeToString()
    for _ in range(4):
        yield chosen.randbytes(chosen.randrange(1, 400))
    for _ in range(12):
        changed = bytearray(real or b"\x0a\x01a")
        for _ in range(chosen.randrange(1, 5)):
            changed[chosen.randrange(len(changed))] = chosen.randrange(256)
        yield bytes(changed)


Kind = Callable[[Method], Iterator[bytes]]
KINDS: list[Kind] = [default, oversize, unknown_field, deep_nest, wrong_types, hostile_values, random_bytes]


def every_rpc() -> list[tuple[Method, str]]:
    methods = contract.load().methods.values()
    return [(m, target) for m in methods for target in ((m.service,) if m.service in SERVICES else SERVICES)]


@dataclass
class Fuzzer:
    """Sends raw requests with a token that is still good."""

    services: Direct
    session: Session
    token: str = ""
    until: float = 0.0

    async def bearer(self) -> str:
        if time.monotonic() > self.until:
            self.token, self.until = await self.session.token(), time.monotonic() + 60
        return self.token

    async def send(self, method: Method, target: str, request: bytes) -> str:
        """Status of one call."""
        unary: Any = self.services.channels[target].unary_unary(f"/{method.full_name}")
        metadata = [("idempotency-key", str(uuid.uuid4())), ("authorization", f"Bearer {await self.bearer()}")]
        try:
            await unary(request, timeout=20, metadata=metadata)
        except grpc.aio.AioRpcError as problem:
            return f"{problem.code().name}: {problem.details()}"
        return "OK"


@pytest.fixture(scope="module")
async def fuzzer(instance: Any, admin: Session) -> AsyncIterator[Fuzzer]:
    async with direct(instance) as services:
        yield Fuzzer(services, admin)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_attack_grpc_fuzz(
    fuzzer: Fuzzer, kind: Callable[[Method], Iterator[bytes]], record_property: Any
) -> None:
    """No request makes a service fail: each is answered, or refused with a reason."""
    await fuzzer.bearer()
    # made one by one: some of them are large
    requests = ((method, target, request) for method, target in every_rpc() for request in kind(method))
    faults: dict[str, list[str]] = {}
    attempts = 0

    async def attack() -> None:
        nonlocal attempts
        for method, target, request in requests:
            attempts += 1
            status = await fuzzer.send(method, target, request)
            # a refusal that is too large to travel is one that nobody understands
            if status.split(":")[0] in FAULTS or "metadata" in status:
                faults.setdefault(status[:200], []).append(f"{target} {method.full_name} {request[:80]!r}")

    await asyncio.gather(*(attack() for _ in range(16)))
    record_property("attempts", attempts)
    assert not faults, "\n".join(f"{len(where)} of {attempts}: {what}: {where[:3]}" for what, where in faults.items())


async def test_attack_grpc_fuzz_nobody_is_answered(fuzzer: Fuzzer) -> None:
    """What cannot be read tells a stranger no more than what can: there is no token, so there is no answer."""
    for method, target in every_rpc():
        unary: Any = fuzzer.services.channels[target].unary_unary(f"/{method.full_name}")
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await unary(b"\xff\xff\xff", timeout=10)
        assert refusal.value.code() is grpc.StatusCode.UNAUTHENTICATED, method.full_name
