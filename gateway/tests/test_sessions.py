"""Signing in, staying signed in, being signed out: with a real provider, a real database, real cookies."""

from __future__ import annotations

import asyncio
import datetime
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from chassis import upgrades
from chassis.errors import Refused
from chassis.testing import eventually
from gateway import csrf, migrate
from gateway.sessions import SESSION, hash_of
from gateway.tests.bench import Bench, reason_of, same_origin

ORDERS = "/v1/procurement/purchase-orders"


def id_of(cookie: str) -> bytes:
    return hash_of(cookie.partition("=")[2])


async def change(bench: Bench, cookie: str, **values: object) -> None:
    """Change a session behind the gateway's back, as time or another replica does."""
    async with bench.gateway.engine.begin() as connection:
        await connection.execute(sa.update(SESSION).where(SESSION.c.id_hash == id_of(cookie)).values(**values))
    bench.gateway.sessions._known.clear()


async def rows(bench: Bench, cookie: str) -> list[sa.Row]:
    async with bench.gateway.engine.connect() as connection:
        return list(await connection.execute(sa.select(SESSION).where(SESSION.c.id_hash == id_of(cookie))))


async def test_what_the_last_release_uses_is_there(bench: Bench) -> None:
    async with bench.gateway.engine.connect() as connection:
        now = await connection.run_sync(upgrades.shape_of)
    released = upgrades.kept(migrate.FOLDER)

    assert SESSION.name in released
    assert list(upgrades.breaks(released, now)) == []


async def test_sign_in_and_use(bench: Bench) -> None:
    out = await bench.http.get("/auth/login", params={"next": "/procurement/x?a=1", "locale": "en"})
    asked = {name: values[0] for name, values in parse_qs(urlsplit(out.headers["location"]).query).items()}
    assert (asked["code_challenge_method"], asked["response_type"], asked["ui_locales"]) == ("S256", "code", "en")
    assert asked["redirect_uri"] == f"{bench.url}/auth/callback"
    assert "kc_action" not in asked
    attributes = out.headers["set-cookie"].lower()
    assert all(part in attributes for part in ("__host-heyi-t-", "secure", "httponly", "samesite=lax", "path=/"))
    assert "domain" not in attributes

    cookie = await bench.sign_in("ann", "/procurement/x?a=1")
    assert bench.landed == "/procurement/x?a=1"
    assert cookie.startswith("__Host-heyi-t=")
    reply = await bench.http.get(ORDERS, headers={"cookie": cookie})
    assert reply.status_code == 200
    token = bench.services.calls[-1][2]["authorization"].removeprefix("Bearer ")
    assert (await bench.gateway.verifier.verify(token)).sid
    session = (await bench.http.get("/auth/session", headers={"cookie": cookie})).json()
    assert (session["signedIn"], session["name"], session["csrf"]) == (True, "Ann", "X-CSRF")
    assert (await bench.http.get("/auth/session")).json()["signedIn"] is False

    (row,) = await rows(bench, cookie)
    value = cookie.partition("=")[2].encode()
    assert all(value not in bytes(part) for part in (row.id_hash, row.tokens))
    assert token.encode() not in row.tokens


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil", "/\t/evil.example", "javascript:alert(1)",
     "", "evil", "/auth/logout", "/v1/x", "/" + "a" * 3000, "/%0d%0a\r\nx: y"],
)  # fmt: skip
def test_only_our_own_pages_follow_a_sign_in(wanted: str) -> None:
    assert csrf.local_path(wanted) == "/"


def test_our_own_pages_do() -> None:
    for path in ("/", "/a/b?c=d#e", "/%E9%87%87"):
        assert csrf.local_path(path) == path


@pytest.mark.parametrize("broken", [{"nonce": "other"}, {"aud": "other"}, {"iss": "http://x"}, {"typ": "Bearer"},
                                    {"exp": 1}, {"iat": 1}, {"sub": "sub-bob"}])  # fmt: skip
async def test_identity_tokens_are_checked(bench: Bench, broken: dict[str, object]) -> None:
    bench.realm.broken = broken
    out = await bench.http.get("/auth/login")
    provider = await bench.http.get(out.headers["location"])
    journey = {"cookie": out.headers["set-cookie"].split(";")[0]}
    back = await bench.http.get(provider.headers["location"], headers=journey)
    assert back.status_code == 401
    assert "text/html" in back.headers["content-type"]
    assert "/auth/login" in back.text
    assert not any(c.startswith("__Host-heyi-t=") for c in back.headers.get_list("set-cookie"))


async def test_whose_account_is_closed_comes_back_to_the_page_that_says_so(bench: Bench) -> None:
    bench.services.people["bob"]["active"] = False
    await bench.learn()
    bench.realm.person = "bob"
    out = await bench.http.get("/auth/login")
    provider = await bench.http.get(out.headers["location"])
    journey = {"cookie": out.headers["set-cookie"].split(";")[0]}
    back = await bench.http.get(provider.headers["location"], headers=journey)
    assert (back.status_code, back.headers["location"]) == (303, "/account-closed")
    assert not any(c.startswith("__Host-heyi-t=") for c in back.headers.get_list("set-cookie"))


@pytest.mark.parametrize(
    ("asked", "kind"),
    [("password", "UPDATE_PASSWORD"), ("second-factor", "CONFIGURE_TOTP"), ("delete_account", None), ("", None)],
)
async def test_what_people_change_about_their_sign_in_is_done_on_the_way(bench: Bench, asked: str, kind: str) -> None:
    out = await bench.http.get("/auth/login", params={"action": asked})
    query = parse_qs(urlsplit(out.headers["location"]).query)
    assert query.get("kc_action", [None]) == [kind]


async def test_a_journey_belongs_to_its_browser(bench: Bench) -> None:
    mine, theirs = await bench.http.get("/auth/login"), await bench.http.get("/auth/login")
    provider = await bench.http.get(mine.headers["location"])
    for cookie in ("", theirs.headers["set-cookie"].split(";")[0]):
        back = await bench.http.get(provider.headers["location"], headers={"cookie": cookie})
        assert back.status_code == 401
    journey = {"cookie": mine.headers["set-cookie"].split(";")[0]}
    location = provider.headers["location"]
    [state] = parse_qs(urlsplit(location).query)["state"]
    ours_by_its_beginning = location.replace(state, state[:8] + state[:7:-1])
    for changed in (ours_by_its_beginning, location.replace("state=", "state=x"), location.split("?")[0],
                    location + "&iss=http://other"):  # fmt: skip
        assert (await bench.http.get(changed, headers=journey)).status_code == 401
    assert (await bench.http.get(location, headers=journey)).status_code == 303
    assert (await bench.http.get(location, headers=journey)).status_code == 401  # a code is good once


async def test_signing_in_again_makes_a_new_session(bench: Bench) -> None:
    first = await bench.sign_in()
    second = await bench.sign_in(cookie=first)
    assert first != second
    assert not await rows(bench, first)
    assert (await bench.http.get(ORDERS, headers={"cookie": first})).status_code == 401


async def test_one_renewal_for_all_who_wait(bench: Bench) -> None:
    cookie = await bench.sign_in()
    bench.realm.renewals, bench.realm.slow = 0, 0.2
    await change(bench, cookie, access_expires_at=datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1))
    replies = await asyncio.gather(*(bench.http.get(ORDERS, headers={"cookie": cookie}) for _ in range(20)))
    assert {reply.status_code for reply in replies} == {200}
    assert bench.realm.renewals == 1
    tokens = {call[2]["authorization"] for call in bench.services.calls}
    assert len(tokens) == 1


async def test_one_renewal_across_replicas(bench: Bench) -> None:
    """Another replica is another object on the same table: only the row's lock stands between them."""
    from gateway.sessions import Sealer, Sessions

    cookie = await bench.sign_in()
    bench.realm.renewals, bench.realm.slow = 0, 0.3
    await change(bench, cookie, access_expires_at=datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1))
    gateway = bench.gateway
    sealer = Sealer(gateway.settings.client_secret)
    replicas = [Sessions(gateway.engine, sealer, gateway.settings.limits, gateway.provider.refresh) for _ in range(3)]
    found = await asyncio.gather(*(replica.find(cookie.partition("=")[2]) for replica in replicas * 3))
    assert len({session.tokens.access for session in found if session}) == 1
    assert bench.realm.renewals == 1


async def test_a_provider_that_says_no_ends_the_session(bench: Bench) -> None:
    cookie = await bench.sign_in()
    bench.realm.refresh_tokens.clear()
    await change(bench, cookie, access_expires_at=datetime.datetime.now(datetime.UTC))
    reply = await bench.http.get(ORDERS, headers={"cookie": cookie})
    assert (reply.status_code, reason_of(reply)) == (401, "NOT_SIGNED_IN")
    assert not await rows(bench, cookie)


async def test_idle_and_old_sessions_end(bench: Bench) -> None:
    now = datetime.datetime.now(datetime.UTC)
    for values in (
        {"seen_at": now - datetime.timedelta(minutes=31)},
        {"ends_at": now - datetime.timedelta(seconds=1)},
    ):
        cookie = await bench.sign_in()
        await change(bench, cookie, **values)
        assert (await bench.http.get(ORDERS, headers={"cookie": cookie})).status_code == 401
        assert not await rows(bench, cookie)
    cookie = await bench.sign_in()
    await change(bench, cookie, seen_at=now - datetime.timedelta(minutes=29))
    assert (await bench.http.get(ORDERS, headers={"cookie": cookie})).status_code == 200
    assert (await rows(bench, cookie))[0].seen_at > now - datetime.timedelta(seconds=5)
    await change(bench, cookie, ends_at=now)
    assert await bench.gateway.sessions.sweep() >= 1


async def test_signing_out(bench: Bench) -> None:
    cookie = await bench.sign_in()
    assert reason_of(await bench.http.post("/auth/logout", headers={"cookie": cookie})) == "CROSS_SITE_REQUEST"
    reply = await bench.http.post("/auth/logout", headers=same_origin(bench, cookie))
    assert reply.status_code == 200
    address = urlsplit(reply.json()["redirect"])
    query = parse_qs(address.query)
    assert address.path.endswith("/logout")
    assert query["post_logout_redirect_uri"] == [f"{bench.url}/"]
    assert query["id_token_hint"]
    assert (await bench.http.get(ORDERS, headers={"cookie": cookie})).status_code == 401


async def test_the_provider_signs_out(bench: Bench) -> None:
    first, second, other = await bench.sign_in(), await bench.sign_in(), await bench.sign_in("bob")
    sid = (await rows(bench, first))[0].sid
    form = {"content-type": "application/x-www-form-urlencoded"}

    async def tell(token: str) -> int:
        body = f"logout_token={token}".encode()
        return (await bench.http.post("/auth/backchannel-logout", content=body, headers=form)).status_code

    for bad in (
        "", "x.y.z",
        bench.realm.logout_token(sid=sid, aud="other"),
        bench.realm.logout_token(sid=sid, iss="http://other"),
        bench.realm.logout_token(sid=sid, typ="ID"),
        bench.realm.logout_token(sid=sid, nonce="n"),
        bench.realm.logout_token(sid=sid, events={}),
        bench.realm.logout_token(sid=sid, iat=int(time.time()) - 3600),
        bench.realm.logout_token(),
    ):  # fmt: skip
        assert await tell(bad) == 401
    assert await rows(bench, first)
    assert await tell(bench.realm.logout_token(sid=sid)) == 200
    assert (await bench.http.get(ORDERS, headers={"cookie": first})).status_code == 401
    assert (await bench.http.get(ORDERS, headers={"cookie": second})).status_code == 200
    assert await tell(bench.realm.logout_token(sub="sub-ann")) == 200
    assert (await bench.http.get(ORDERS, headers={"cookie": second})).status_code == 401
    assert (await bench.http.get(ORDERS, headers={"cookie": other})).status_code == 200


async def test_whoever_is_cut_off_is_told_why_though_the_provider_was_faster(bench: Bench) -> None:
    cookie = await bench.sign_in("bob")
    bench.services.people["bob"]["active"] = False
    bench.services.epoch += 1  # the gateway has not heard of it yet
    form = {"content-type": "application/x-www-form-urlencoded"}
    body = f"logout_token={bench.realm.logout_token(sub='sub-bob')}".encode()
    assert (await bench.http.post("/auth/backchannel-logout", content=body, headers=form)).status_code == 200

    reply = await bench.http.get(ORDERS, headers={"cookie": cookie})

    assert (reply.status_code, reason_of(reply)) == (401, "NOT_SIGNED_IN")
    assert reply.json()["error"]["details"][0]["metadata"]["why"] == "disabled"


async def test_sessions_sealed_elsewhere_do_not_open(bench: Bench) -> None:
    first, second = await bench.sign_in(), await bench.sign_in("bob")
    (row,) = await rows(bench, second)
    await change(bench, first, tokens=row.tokens)
    assert (await bench.http.get(ORDERS, headers={"cookie": first})).status_code == 401


async def test_a_provider_that_is_away(bench: Bench) -> None:
    cookie = await bench.sign_in()
    now = datetime.datetime.now(datetime.UTC)
    real, bench.gateway.provider._issuer = bench.gateway.provider._issuer, "http://127.0.0.1:9/realms/heyi"
    try:
        await change(bench, cookie, access_expires_at=now + datetime.timedelta(seconds=20))
        assert (await bench.http.get(ORDERS, headers={"cookie": cookie})).status_code == 200
        await change(bench, cookie, access_expires_at=now)
        reply = await bench.http.get(ORDERS, headers={"cookie": cookie})
        assert (reply.status_code, reason_of(reply)) == (503, "SERVICE_UNAVAILABLE")
    finally:
        bench.gateway.provider._issuer = real
    assert (await bench.http.get(ORDERS, headers={"cookie": cookie})).status_code == 200


async def test_nobody_is_let_in_while_rights_are_unknown(bench: Bench) -> None:
    cookie = await bench.sign_in()
    snapshot = bench.gateway.snapshot
    await snapshot.stop()  # its own question, every five seconds, would confirm what this test lets grow old
    try:
        snapshot._confirmed_at -= 1000
        for headers in ({"cookie": cookie}, bench.bearer()):
            reply = await bench.http.get(ORDERS, headers=headers)
            assert (reply.status_code, reason_of(reply)) == (503, "AUTHORIZATION_UNKNOWN")
        # every other replica has lost identity too
        assert (await bench.http.get("/health/ready")).status_code == 200
    finally:
        await snapshot.start()
    assert (await bench.http.get(ORDERS, headers={"cookie": cookie})).status_code == 200


async def test_a_database_that_is_away_is_told_as_such_and_no_fault(bench: Bench) -> None:
    cookie = await bench.sign_in()
    await bench.admit_connections(0)
    try:
        # before the framework and inside it
        for path in (ORDERS, "/auth/session"):
            reply = await bench.http.get(path, headers={"cookie": f"{cookie}x"})
            assert (reply.status_code, reason_of(reply)) == (503, "SERVICE_UNAVAILABLE")
            assert reply.headers["retry-after"]
            assert reply.headers["x-request-id"]
    finally:
        await bench.admit_connections(-1)

    async def there_again() -> None:
        assert (await bench.http.get(ORDERS, headers={"cookie": cookie})).status_code == 200

    await eventually(there_again)


async def test_a_cut_off_ends_what_began_before(bench: Bench) -> None:
    cookie = await bench.sign_in()
    cut = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=1)
    bench.services.people["ann"]["not_before_time"] = cut
    await bench.learn()
    assert (await bench.http.get(ORDERS, headers={"cookie": cookie})).status_code == 401
    assert not await rows(bench, cookie)
    with pytest.raises(Refused):
        bench.gateway.snapshot.rights.admit(
            next(iter(bench.gateway.snapshot.organisation.people)), cut - datetime.timedelta(minutes=1)
        )
