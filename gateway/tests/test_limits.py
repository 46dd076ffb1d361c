"""Limits and settings: how much, and what happens beyond."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from chassis.errors import Refused
from chassis.settings import SettingsMissing
from gateway.limits import BodyLimit, Buckets, Concurrency
from gateway.settings import GatewaySettings, Limits
from gateway.tests.bench import SECRET, Bench
from gateway.upstream import Gate


def test_a_bucket_fills_again() -> None:
    now = 0.0
    buckets = Buckets(2, 3, lambda: now)
    for _ in range(3):
        buckets.take("ann")
    with pytest.raises(Refused, match="TOO_MANY_REQUESTS") as caught:
        buckets.take("ann")
    assert caught.value.facts == {"retry_after_seconds": "1"}
    buckets.take("bob")
    now = 0.5
    buckets.take("ann")
    with pytest.raises(Refused):
        buckets.take("ann")
    now = 1000
    for _ in range(3):
        buckets.take("ann")
    with pytest.raises(Refused):
        buckets.take("ann")


def _scope(path: str = "/", *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "path": path, "headers": headers, "method": "POST"}


async def test_a_header_that_claims_too_much_is_believed() -> None:
    async def never(*_: Any) -> None:
        raise AssertionError("reached")

    for claimed in (b"11", b"-1", b"1e3", b"99999999999999999999"):
        with pytest.raises(Refused, match="REQUEST_TOO_LARGE"):
            await BodyLimit(never, 10, 5)(_scope("/", (b"content-length", claimed)), never, never)


async def test_streams_do_not_take_the_places_of_requests() -> None:
    release = asyncio.Event()

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        await release.wait()

    async def sent(_: Any) -> None:
        return None

    limited = Concurrency(waits, 2, ("/v1/events",))
    held = [asyncio.create_task(limited(_scope("/v1/events"), sent, sent)) for _ in range(5)]
    held += [asyncio.create_task(limited(_scope("/v1/x"), sent, sent)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Refused, match="TOO_MANY_REQUESTS"):
        await limited(_scope("/v1/x"), sent, sent)
    release.set()
    await asyncio.gather(*held)
    await limited(_scope("/v1/x"), sent, sent)


async def test_an_upstream_has_so_many_places() -> None:
    gate, release = Gate(1, 1), asyncio.Event()

    async def call() -> None:
        async with gate.enter(5):
            await release.wait()

    held = [asyncio.create_task(call()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Refused, match="TOO_MANY_REQUESTS"):
        await call()
    release.set()
    await asyncio.gather(*held)
    await call()


async def test_who_waits_for_a_place_of_an_upstream_has_less_time_left_for_the_call() -> None:
    gate, release = Gate(1, 1), asyncio.Event()

    async def first() -> None:
        async with gate.enter(5) as left:
            assert left == 5
            await release.wait()

    async def second() -> float:
        async with gate.enter(5) as left:
            return left

    holds = asyncio.create_task(first())
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        async with gate.enter(0.01):
            pass
    waits = asyncio.create_task(second())
    await asyncio.sleep(0)
    release.set()
    await holds
    assert 0 < await waits < 5


async def test_a_caller_who_asks_too_often_is_told_when(bench: Bench) -> None:
    buckets, now = Buckets(1, 2), time.monotonic()
    callers = bench.gateway.callers
    real, callers._general = callers._general, buckets
    try:
        replies = [await bench.http.get("/v1/identity/me", headers=bench.bearer()) for _ in range(4)]
        assert 429 in {reply.status_code for reply in replies}
        assert replies[-1].headers["retry-after"] == "1"
        other = await bench.http.get("/v1/identity/me", headers=bench.bearer("bob"))
        assert other.status_code == 200
    finally:
        callers._general = real
    assert time.monotonic() - now < 5


async def test_a_slow_service_is_not_waited_for_without_end(bench: Bench) -> None:
    async def slow(*_: Any) -> Any:
        await asyncio.sleep(5)

    bench.services.answers["GetMe"] = slow
    upstreams = bench.gateway.upstreams
    real, upstreams._deadline = upstreams._deadline, 0.2
    try:
        reply = await bench.http.get("/v1/identity/me", headers=bench.bearer())
    finally:
        upstreams._deadline = real
    assert reply.status_code == 503


def test_everything_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(SettingsMissing) as caught:
        GatewaySettings.read({"HEYI_GATEWAY_LIMITS": "rate=fast,colour=red"})
    said = str(caught.value)
    for name in ("HEYI_INSTANCE", "HEYI_GATEWAY_LISTEN", "HEYI_GATEWAY_CLIENT_SECRET", "rate=fast", "colour=red"):
        assert name in said


def test_secrets_do_not_show(bench: Bench) -> None:
    assert SECRET not in repr(bench.gateway.settings)
    assert "postgresql://" not in repr(bench.gateway.settings)


def test_limits_are_settings() -> None:
    assert Limits().body_bytes == 1024 * 1024


async def test_where_answers_take_too_long_only_some_are_let_in() -> None:
    now, release = 0.0, asyncio.Event()

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        await release.wait()

    async def never(*_: Any) -> None:
        raise AssertionError("reached")

    gate = Concurrency(waits, 256, ("/health/",), lambda: now)

    async def enter(count: int) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(gate(_scope("/v1/x"), never, never)) for _ in range(count)]
        await asyncio.sleep(0)
        return tasks

    crowd = await enter(256)
    with pytest.raises(Refused, match="TOO_MANY_REQUESTS"):
        await gate(_scope("/v1/x"), never, never)
    now = 8.0  # that is how long all of them took
    release.set()
    await asyncio.gather(*crowd)
    release.clear()
    crowd = await enter(40)
    # signing in and the pages' files go on meanwhile
    more = [asyncio.create_task(gate(_scope(path), never, never)) for path in ("/auth/callback", "/assets/app.js")]
    await asyncio.sleep(0)
    assert not any(task.done() for task in more)
    outcomes = [task.exception() for task in crowd if task.done()]
    assert [str(refusal) for refusal in outcomes] == [str(Refused("TOO_MANY_REQUESTS", retry_after_seconds=1))] * 8
    # quick answers open the gate again
    release.set()
    await asyncio.gather(*crowd, *more, return_exceptions=True)
    for _ in range(4):
        await asyncio.gather(*await enter(32))
    release.clear()
    crowd = await enter(256)
    assert not any(task.done() for task in crowd)
    release.set()
    await asyncio.gather(*crowd)
