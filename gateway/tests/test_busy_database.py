"""A database of the gateway's own that does not answer in time: told to come back, never a fault."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator
from typing import Any

import sqlalchemy as sa

from chassis.testing import eventually
from gateway.sessions import SESSION
from gateway.tests.bench import Bench, reason_of, same_origin
from gateway.tests.test_sessions import ORDERS, change, id_of, rows


@contextlib.asynccontextmanager
async def no_connection_free(bench: Bench) -> AsyncIterator[None]:
    """Every connection of the gateway's pool is taken by somebody else."""
    async with contextlib.AsyncExitStack() as held:
        pool: Any = bench.gateway.engine.pool
        for _ in range(pool.size() + pool._max_overflow):
            await held.enter_async_context(bench.gateway.engine.connect())
        yield


@contextlib.asynccontextmanager
async def row_held(bench: Bench, cookie: str) -> AsyncIterator[None]:
    """Another replica is renewing this session."""
    async with bench.gateway.engine.begin() as connection:
        await connection.execute(sa.select(SESSION).where(SESSION.c.id_hash == id_of(cookie)).with_for_update())
        yield


@contextlib.contextmanager
def checkouts(bench: Bench) -> Any:
    """How many connections were in use at each moment when one more was taken."""
    seen: list[int] = []

    def note(*_: Any) -> None:
        seen.append(bench.gateway.engine.pool.checkedout())  # type: ignore[attr-defined]

    sa.event.listen(bench.gateway.engine.sync_engine, "checkout", note)
    try:
        yield seen
    finally:
        sa.event.remove(bench.gateway.engine.sync_engine, "checkout", note)


async def test_a_pool_without_a_free_connection_is_told_as_such(bench: Bench) -> None:
    cookie = await bench.sign_in()
    out = await bench.http.get("/auth/login")
    provider = await bench.http.get(out.headers["location"])
    journey = {"cookie": out.headers["set-cookie"].split(";")[0]}
    bench.gateway.sessions._known.clear()
    async with no_connection_free(bench):
        reply, session, back = await asyncio.gather(
            bench.http.get(ORDERS, headers={"cookie": cookie}),
            bench.http.get("/auth/session", headers={"cookie": cookie}),
            bench.http.get(provider.headers["location"], headers=journey),
        )
    for refused in (reply, session):
        assert (refused.status_code, reason_of(refused)) == (503, "SERVICE_UNAVAILABLE")
    # whoever comes back from signing in is a person: a page that leads back
    assert (back.status_code, "/auth/login" in back.text) == (503, True)
    assert {one.headers["retry-after"] for one in (reply, session, back)} == {"1"}
    assert (await bench.http.get(ORDERS, headers={"cookie": cookie})).status_code == 200


async def test_a_token_that_still_counts_serves_while_no_connection_is_free(bench: Bench) -> None:
    bench.realm.life = 20
    cookie = await bench.sign_in()
    sessions = bench.gateway.sessions
    await sessions._load(id_of(cookie))
    async with no_connection_free(bench):
        assert (await bench.http.get(ORDERS, headers={"cookie": cookie})).status_code == 200
        await asyncio.gather(*sessions._beside.values())  # it gave up, and said so
    before = bench.realm.renewals
    assert (await bench.http.get(ORDERS, headers={"cookie": cookie})).status_code == 200
    await asyncio.gather(*sessions._beside.values())
    assert bench.realm.renewals == before + 1


async def test_nobody_waits_for_the_provider_while_the_token_counts(bench: Bench) -> None:
    cookie = await bench.sign_in()
    bench.realm.slow = 1.0
    await change(bench, cookie, access_expires_at=datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=20))
    async with asyncio.timeout(0.9):
        assert (await bench.http.get(ORDERS, headers={"cookie": cookie})).status_code == 200
    (renewal,) = bench.gateway.sessions._beside.values()
    await renewal
    (row,) = await rows(bench, cookie)
    assert (row.access_expires_at - datetime.datetime.now(datetime.UTC)).total_seconds() > 60


async def test_a_session_that_another_replica_renews_is_used_without_waiting(bench: Bench) -> None:
    cookie = await bench.sign_in()
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=90)
    await change(bench, cookie, seen_at=before)
    async with row_held(bench, cookie):
        async with asyncio.timeout(1):
            assert (await bench.http.get(ORDERS, headers={"cookie": cookie})).status_code == 200
    assert [row.seen_at for row in await rows(bench, cookie)] == [before]
    bench.gateway.sessions._known.clear()
    assert (await bench.http.get(ORDERS, headers={"cookie": cookie})).status_code == 200
    assert [row.seen_at > before for row in await rows(bench, cookie)] == [True]


async def test_signing_out_while_another_replica_renews_is_asked_again(bench: Bench) -> None:
    cookie = await bench.sign_in()
    async with row_held(bench, cookie):
        reply = await bench.http.post("/auth/logout", headers=same_origin(bench, cookie))
    assert (reply.status_code, reason_of(reply), reply.headers["retry-after"]) == (503, "SERVICE_UNAVAILABLE", "1")
    assert (await bench.http.post("/auth/logout", headers=same_origin(bench, cookie))).status_code == 200
    assert not await rows(bench, cookie)


async def test_a_page_that_asks_for_many_things_reads_its_session_once(bench: Bench) -> None:
    cookie = await bench.sign_in()
    bench.gateway.sessions._known.clear()
    with checkouts(bench) as seen:
        replies = await asyncio.gather(*(bench.http.get(ORDERS, headers={"cookie": cookie}) for _ in range(12)))
    assert {reply.status_code for reply in replies} == {200}
    assert len(seen) == 1


async def test_renewals_leave_connections_to_everybody_else(bench: Bench) -> None:
    cookies = [await bench.sign_in() for _ in range(14)]
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=20)
    for cookie in cookies:
        await change(bench, cookie, access_expires_at=soon)
    found = [await bench.gateway.sessions._load(id_of(cookie)) for cookie in cookies]
    bench.realm.renewals, bench.realm.most_waiting, bench.realm.slow = 0, 0, 0.1

    async def renewed() -> None:
        assert not bench.gateway.sessions._beside

    replies = await asyncio.gather(*(bench.http.get(ORDERS, headers={"cookie": cookie}) for cookie in cookies))
    await eventually(renewed)
    assert all(found)
    assert {reply.status_code for reply in replies} == {200}
    assert bench.realm.renewals == 14
    # each of them holds a connection while the provider thinks; the pool has twelve
    assert bench.realm.most_waiting == 4
