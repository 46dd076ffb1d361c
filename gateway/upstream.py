"""Calls to the services: one channel for each, a bounded number of calls under way, a deadline for every one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
import orjson
from google.protobuf.message import DecodeError
from google.rpc import status_pb2

from chassis import contract, errors, telemetry
from chassis.clients import FOLLOWING
from chassis.contract import Message, Method
from chassis.errors import Refused
from chassis.tls import Tls, channel
from gateway.settings import Limits

log = telemetry.logger("gateway.upstream")

DETAILS = "grpc-status-details-bin"
REPLAYED = "heyi-replayed"
MAX_REPLY_BYTES = 16 * 1024 * 1024
_Code = grpc.StatusCode


@dataclass(frozen=True)
class Reply:
    """What a service answered."""

    message: Any
    replayed: bool


class Gate:
    """At most so many calls at once to one service, and so many that wait; the rest is told to come back."""

    def __init__(self, in_flight: int, waiting: int) -> None:
        self._slots = asyncio.Semaphore(in_flight)
        self._room = in_flight + waiting
        self._held = 0

    @asynccontextmanager
    async def enter(self, deadline: float) -> AsyncIterator[float]:
        """Hold a place for the time of a call; the seconds that it has left. Refuses when there is no room to wait."""
        if self._held >= self._room:
            raise Refused("TOO_MANY_REQUESTS", retry_after_seconds=1)
        self._held += 1
        left = deadline
        try:
            # a timer only for those who wait: the call has one of its own
            if self._slots.locked():
                began = asyncio.get_running_loop().time()
                async with asyncio.timeout(deadline):
                    await self._slots.acquire()
                left -= asyncio.get_running_loop().time() - began
            else:
                await self._slots.acquire()
            try:
                yield left
            finally:
                self._slots.release()
        finally:
            self._held -= 1


@dataclass
class _Upstream:
    channel: grpc.aio.Channel
    gate: Gate


class Upstreams:
    """Every service by name; methods are called by theirs, without generated stubs."""

    def __init__(
        self, targets: Mapping[str, str], limits: Limits, methods: Iterable[Method], tls: Tls | None = None
    ) -> None:
        options = _options(methods)
        self._deadline = limits.deadline
        self._upstreams = {
            name: _Upstream(
                channel(name, target, options, tls), Gate(limits.upstream_in_flight, limits.upstream_waiting)
            )
            for name, target in targets.items()
        }
        self._callables: dict[tuple[str, str], grpc.aio.UnaryUnaryMultiCallable[Any, Any]] = {}

    def __contains__(self, service: str) -> bool:
        return service in self._upstreams

    async def call(
        self, service: str, method: Method, request: Message, metadata: Iterable[tuple[str, str]], deadline: float = 0
    ) -> Reply:
        """Ask a service. Refuses with what it refused, or with what went wrong on the way."""
        upstream = self._upstreams.get(service)
        if upstream is None:
            raise Refused("NO_SUCH_ADDRESS", path=service)
        unary = self._callables.get((service, method.full_name))
        if unary is None:
            unary = self._callables[service, method.full_name] = upstream.channel.unary_unary(
                f"/{method.full_name}",
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.reply.FromString,
            )
        try:
            async with upstream.gate.enter(deadline or self._deadline) as left:
                call = unary(request, timeout=left, metadata=tuple(metadata))
                message = await call
                return Reply(message, await _replayed(call))
        except TimeoutError:
            raise Refused("SERVICE_UNAVAILABLE", service=service) from None
        except grpc.aio.AioRpcError as problem:
            raise refusal_of(problem, service, method.full_name) from None

    async def pieces(
        self, method: Method, request: Message, metadata: Iterable[tuple[str, str]], deadline: float
    ) -> AsyncIterator[Any]:
        """Ask a service that answers in pieces. Refuses as `call` does, before the first piece or between two."""
        upstream = self._upstreams[method.service]
        ask = upstream.channel.unary_stream(
            f"/{method.full_name}",
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.reply.FromString,
        )
        call = ask(request, timeout=deadline, metadata=tuple(metadata))
        try:
            async for piece in call:
                yield piece
        except grpc.aio.AioRpcError as problem:
            raise refusal_of(problem, method.service, method.full_name) from None
        finally:
            call.cancel()

    async def close(self) -> None:
        """Let calls under way end, then close the channels."""
        await asyncio.gather(*(upstream.channel.close(grace=5) for upstream in self._upstreams.values()))


async def _replayed(call: Any) -> bool:
    metadata = await call.trailing_metadata()
    return metadata is not None and REPLAYED in metadata


def refusal_of(problem: grpc.aio.AioRpcError, service: str, method: str) -> Refused:
    """What a failed call means to the caller."""
    for key, value in problem.trailing_metadata() or ():
        if key == DETAILS and (refusal := _refusal(value)):
            return refusal
    code = problem.code()
    if code in (_Code.UNAVAILABLE, _Code.DEADLINE_EXCEEDED, _Code.CANCELLED):
        log.warning("service_unavailable", service=service, method=method, code=code.name, details=problem.details())
        return Refused("SERVICE_UNAVAILABLE", service=service)
    if code is _Code.RESOURCE_EXHAUSTED:
        return Refused("TOO_MANY_REQUESTS", retry_after_seconds=1)
    if code is _Code.UNAUTHENTICATED:
        return Refused("NOT_SIGNED_IN", why="token")
    log.error("service_failed", service=service, method=method, code=code.name, details=problem.details())
    return Refused("INTERNAL_FAULT", trace_id=telemetry.trace_id())


def _refusal(packed: str | bytes) -> Refused | None:
    """The refusal in a status; None where it is none, or one that this gateway's contract does not know."""
    try:
        status = status_pb2.Status.FromString(packed.encode() if isinstance(packed, str) else packed)
    except DecodeError:
        return None
    refusal = errors.from_status(status)
    return refusal if refusal is not None and refusal.reason in contract.load().refusals else None


def _options(methods: Iterable[Method]) -> list[tuple[str, Any]]:
    """Channel settings. Only what may be repeated is repeated: reads, and writes that carry a key."""
    names = []
    for method in methods:
        if method.read_only or method.policy.idempotency_key:
            service, _, name = method.full_name.partition("/")
            names.append({"service": service, "method": name})
    policy = {
        "maxAttempts": 3,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    config = {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [{"name": names, "retryPolicy": policy}] if names else [],
        "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
    }
    return [
        ("grpc.service_config", orjson.dumps(config).decode()),
        ("grpc.enable_retries", 1),
        *FOLLOWING,
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.max_receive_message_length", MAX_REPLY_BYTES),
        ("grpc.max_metadata_size", 16_384),
    ]
