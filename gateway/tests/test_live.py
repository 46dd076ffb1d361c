"""Live notices over real NATS and real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import nats
import orjson
import pytest

from chassis.outbox import STREAM
from gateway.live import Event, Hub, Reader
from gateway.tests.bench import (
    COMPANY,
    DEPARTMENT,
    OTHER_COMPANY,
    PEOPLE,
    Bench,
    eventually,
    reason_of,
    same_origin,
)

ORDER = "evt.procurement.purchase_order.created"


class Stream:
    """An open event stream, as a browser reads it."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self.last_id = ""

    async def next(self, seconds: float = 5) -> tuple[str, Any]:
        """The next event; position and heartbeats are noted on the way."""
        kind = data = ""
        async with asyncio.timeout(seconds):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if name == "id":
                    self.last_id = value
                elif name == "event":
                    kind = value
                elif name == "data":
                    data = value
                elif not line and kind:
                    return kind, orjson.loads(data)
        return "end", None

    async def heartbeat(self) -> None:
        async with asyncio.timeout(5):
            beats = 0
            async for line in self._lines:
                beats += line.startswith(":")
                if line.startswith("id: "):
                    self.last_id = line.removeprefix("id: ")
                if beats and not line:
                    return


@contextlib.asynccontextmanager
async def opened(bench: Bench, headers: dict[str, str], **query: str) -> AsyncIterator[Stream]:
    async with bench.http.stream("GET", "/v1/events", headers=headers, params=query) as reply:
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("text/event-stream")
        lines = reply.aiter_lines()
        assert (await anext(lines)).startswith("retry: ")
        yield Stream(lines)


def order(**more: str) -> dict[str, str]:
    return {
        "document": "procurement.purchase_order", "document_id": str(uuid.uuid4()), "version": "3",
        "company": COMPANY, "department": DEPARTMENT, **more,
    }  # fmt: skip


async def test_a_change_is_told_within_a_moment(bench: Bench) -> None:
    cookie = await bench.sign_in()
    async with opened(bench, {"cookie": cookie}) as stream:
        facts = order()
        began = time.monotonic()
        sequence = await bench.publish(ORDER, **facts)
        kind, data = await stream.next()
        assert time.monotonic() - began < 1
        assert kind == "change"
        assert data == {
            "type": ORDER, "document": "procurement.purchase_order", "id": facts["document_id"], "version": 3
        }  # fmt: skip
        assert stream.last_id == str(sequence)


async def test_only_those_who_may_know_are_told(bench: Bench) -> None:
    bench.services.rights = [{"person": "bob", "permissions": ["procurement.*"], "scope": "OWN"}]
    await bench.learn()
    async with opened(bench, bench.bearer("bob")) as bob, opened(bench, bench.bearer("cat")) as cat:
        await bench.publish(ORDER, **order())
        mine = order(owner=PEOPLE["bob"])
        await bench.publish(ORDER, **mine)
        addressed = order(audience=f"{PEOPLE['cat']},{PEOPLE['ann']}", company=OTHER_COMPANY)
        await bench.publish(ORDER, **addressed)
        assert (await bob.next())[1]["id"] == mine["document_id"]
        assert (await cat.next())[1]["id"] == addressed["document_id"]


@pytest.mark.parametrize(
    ("scope", "facts", "told"),
    [
        ("ALL", {}, True),
        ("COMPANY", {}, True),
        ("COMPANY", {"company": OTHER_COMPANY}, False),
        ("DEPARTMENT", {}, True),
        ("DEPARTMENT", {"department": str(uuid.uuid4())}, False),
        ("OWN", {}, False),
        ("OWN", {"company": "", "department": ""}, True),
    ],
)
async def test_scopes(bench: Bench, scope: str, facts: dict[str, str], told: bool) -> None:
    permission = "procurement.purchase_order.get"
    bench.services.rights = [{"person": "bob", "permissions": [permission], "scope": scope}]
    await bench.learn()
    async with opened(bench, bench.bearer("bob")) as stream:
        event, last = order(**facts), order(audience=PEOPLE["bob"])
        await bench.publish(ORDER, **event)
        await bench.publish(ORDER, **last)
        expected = event if told else last
        assert (await stream.next())[1]["id"] == expected["document_id"]


async def test_going_on_where_it_was(bench: Bench) -> None:
    headers = bench.bearer()
    async with opened(bench, headers) as stream:
        await bench.publish(ORDER, **order())
        await stream.next()
        seen = stream.last_id
    missed = [order() for _ in range(3)]
    for facts in missed:
        await bench.publish(ORDER, **facts)
    async with opened(bench, {**headers, "last-event-id": seen}) as stream:
        told = [(await stream.next())[1]["id"] for _ in missed]
        assert told == [facts["document_id"] for facts in missed]


async def test_too_far_behind_means_load_afresh(bench: Bench) -> None:
    first = await bench.publish(ORDER, **order())
    for _ in range(30):
        last = await bench.publish(ORDER, **order())
    await eventually(lambda: bench.gateway.hub._last >= last)
    for position in (str(first), str(last + 1000)):
        async with opened(bench, {**bench.bearer(), "last-event-id": position}) as stream:
            assert (await stream.next())[0] == "reset"
    async with opened(bench, {**bench.bearer(), "last-event-id": "no number"}) as stream:
        await stream.heartbeat()


async def test_a_quiet_stream_moves_on(bench: Bench) -> None:
    bench.services.rights = []
    await bench.learn()
    async with opened(bench, bench.bearer("bob")) as stream:
        last = await bench.publish(ORDER, **order())
        await eventually(lambda: bench.gateway.hub._last >= last)
        await stream.heartbeat()
        await stream.heartbeat()
        assert stream.last_id == str(last)


async def test_a_new_replica_knows_the_recent_past(bench: Bench) -> None:
    facts = order()
    last = await bench.publish(ORDER, **facts)
    hub = Hub(bench.nats_url, bench.gateway.snapshot, bench.gateway.settings.limits, "evt.none.")
    hub.start()
    try:
        await eventually(lambda: hub._last >= last)
        assert 1 <= len(hub._window) <= bench.gateway.settings.limits.window_events
        assert hub._window[-1].document_id == facts["document_id"]
    finally:
        await hub.close()


async def test_the_disabled_hear_it_and_nothing_more(bench: Bench) -> None:
    cookie = await bench.sign_in("bob")
    async with opened(bench, {"cookie": cookie}) as stream, opened(bench, bench.bearer("bob")) as other:
        bench.services.people["bob"]["active"] = False
        bench.services.epoch += 1
        began = time.monotonic()
        await bench.publish("evt.identity.employee.disabled", document="identity.employee", document_id=PEOPLE["bob"])
        assert await stream.next() == ("signed_out", {})
        assert await stream.next() == ("end", None)
        assert await other.next() == ("signed_out", {})
        assert time.monotonic() - began < 2


async def test_signing_out_ends_the_stream(bench: Bench) -> None:
    cookie = await bench.sign_in()
    async with opened(bench, {"cookie": cookie}) as stream:
        await bench.http.post("/auth/logout", headers=same_origin(bench, cookie))
        assert await stream.next() == ("signed_out", {})


async def test_a_session_that_ended_elsewhere_ends_the_stream(bench: Bench) -> None:
    import sqlalchemy as sa

    from gateway.sessions import SESSION

    cookie = await bench.sign_in()
    async with opened(bench, {"cookie": cookie}) as stream:
        async with bench.gateway.engine.begin() as connection:
            await connection.execute(sa.delete(SESSION))
        await bench.gateway._watch_streams()
        assert await stream.next() == ("signed_out", {})


async def test_a_token_that_ran_out_ends_the_stream(bench: Bench) -> None:
    now = int(time.time())
    async with opened(bench, bench.bearer("ann", iat=now - 100, exp=now + 1)) as stream:
        assert await stream.next() == ("signed_out", {})


async def test_companies_are_checked(bench: Bench) -> None:
    bench.services.rights = []
    await bench.learn()
    reply = await bench.http.get("/v1/events", params={"company": OTHER_COMPANY}, headers=bench.bearer("bob"))
    assert (reply.status_code, reason_of(reply)) == (403, "COMPANY_NOT_ALLOWED")


async def test_few_streams_per_person(bench: Bench) -> None:
    limit = bench.gateway.settings.limits.streams_per_person
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(limit):
            await stack.enter_async_context(opened(bench, bench.bearer()))
        reply = await bench.http.get("/v1/events", headers=bench.bearer())
        assert (reply.status_code, reason_of(reply)) == (429, "TOO_MANY_REQUESTS")
    await eventually(lambda: bench.gateway.hub.streams() == 0)


async def test_streams_survive_a_lost_consumer(bench: Bench) -> None:
    connection = await nats.connect(bench.nats_url)
    try:
        stream = connection.jetstream()
        async with opened(bench, bench.bearer()) as reading:
            for consumer in await stream.consumers_info(STREAM):
                await stream.delete_consumer(STREAM, consumer.name)
            facts = order()
            await bench.publish(ORDER, **facts)
            assert (await reading.next(20))[1]["id"] == facts["document_id"]
    finally:
        await connection.close()


async def test_a_reader_that_does_not_keep_up_is_cut_off() -> None:
    reader = Reader(uuid.uuid4(), uuid.uuid4(), None, lambda: True)
    for _ in range(501):
        reader.put(b"frame")
    assert reader.queue.get_nowait() is None


def test_events_without_sense_are_not_events() -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Event.of(1, ORDER, {"heyi-company": "nonsense"})


async def test_a_stop_does_not_wait_for_streams(bench: Bench) -> None:
    hub = Hub(bench.nats_url, bench.gateway.snapshot, bench.gateway.settings.limits, "evt.none.")
    reader = Reader(uuid.uuid4(), uuid.uuid4(), None, lambda: True)
    frames = hub.stream(reader, None)
    assert (await anext(frames)).startswith(b"retry: ")
    hub.end_streams()
    (last,) = [frame async for frame in frames]
    assert last.startswith(b"retry: ")
