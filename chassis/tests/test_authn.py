"""Tokens: one that counts, and every way not to."""

import asyncio
import base64
import hashlib
import hmac
import json
import uuid

import httpx2
import pytest
from joserfc.jwk import RSAKey

from chassis.authn import GATEWAY_CLIENT, MAX_KEYS_BYTES, MAX_TOKEN_BYTES, fetch_keys, keys_url, service_clients
from chassis.clock import FrozenClock
from chassis.errors import Refused
from chassis.testing_tokens import AUDIENCE, ISSUER, TestIssuer

ME = uuid.UUID(int=7)


class Monotonic:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock("2026-11-23T09:00:00+08:00")


@pytest.fixture
def time() -> Monotonic:
    return Monotonic()


@pytest.fixture
def realm(clock) -> TestIssuer:
    return TestIssuer(clock)


@pytest.fixture
def verifier(realm, time):
    return realm.verifier(monotonic=time)


async def why(verifier, token: str) -> str:
    with pytest.raises(Refused) as refused:
        await verifier.verify(token)
    assert refused.value.reason == "NOT_SIGNED_IN"
    return refused.value.facts["why"]


async def test_an_employee_s_token(verifier, realm, clock):
    token = await verifier.verify(realm.person(ME))
    assert (token.employee_id, token.service, token.client, token.sid) == (ME, None, GATEWAY_CLIENT, "s1")
    assert token.issued_at == clock.now()
    assert (token.expires_at - token.issued_at).total_seconds() == 120


@pytest.mark.parametrize("name", ["procurement", "identity", "gateway"])
async def test_a_service_s_token(verifier, realm, name):
    token = await verifier.verify(realm.service(name))
    assert (token.employee_id, token.service, token.sid) == (None, name, None)


async def test_the_audience_may_stand_among_others(verifier, realm):
    assert (await verifier.verify(realm.person(ME, aud=["account", AUDIENCE]))).employee_id == ME


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "http://127.0.0.1:1/realms/master"}, "issuer"),
        ({"iss": ISSUER + "/"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "account"}, "audience"),
        ({"aud": ["account"]}, "audience"),
        ({"aud": None}, "audience"),
        ({"aud": AUDIENCE + "x"}, "audience"),
        ({"typ": "ID"}, "type"),
        ({"typ": "Refresh"}, "type"),
        ({"typ": "Logout"}, "type"),
        ({"typ": None}, "type"),
        ({"exp": None}, "times"),
        ({"iat": None}, "times"),
        ({"iat": "now"}, "times"),
        ({"iat": True}, "times"),
        ({"nbf": 1.5}, "times"),
        ({"sub": None}, "subject"),
        ({"azp": "account-console"}, "client"),
        ({"azp": None}, "client"),
        ({"azp": ["heyi-gateway"]}, "claims"),
        ({"sid": None}, "session"),
        ({"sid": ""}, "session"),
        ({"employee_id": None}, "employee"),
        ({"employee_id": "7"}, "employee"),
        ({"employee_id": 7}, "claims"),
    ],
)
async def test_a_claim_at_fault(verifier, realm, claims, reason):
    assert await why(verifier, realm.person(ME, **claims)) == reason


@pytest.mark.parametrize(
    ("issued", "life", "reason"),
    [
        (-1000, 120, "expired"),
        (-150, 120, "expired"),
        (31, 120, "not_yet"),
        (0, 301, "life"),
        (0, 0, "life"),
        (10, -10, "life"),
    ],
)
async def test_times_at_fault(verifier, realm, clock, issued, life, reason):
    at = int(clock.now().timestamp()) + issued
    assert await why(verifier, realm.person(ME, iat=at, exp=at + life)) == reason


@pytest.mark.parametrize(("issued", "life"), [(-149, 120), (30, 120), (0, 300)])
async def test_clocks_may_differ_by_thirty_seconds(verifier, realm, clock, issued, life):
    at = int(clock.now().timestamp()) + issued
    assert (await verifier.verify(realm.person(ME, iat=at, exp=at + life))).employee_id == ME


async def test_not_before_is_kept(verifier, realm, clock):
    assert await why(verifier, realm.person(ME, nbf=int(clock.now().timestamp()) + 31)) == "not_yet"


async def test_a_service_stands_for_no_employee(verifier, realm):
    assert await why(verifier, realm.service("procurement", employee_id=str(ME))) == "employee"


async def test_a_token_without_signature(verifier, realm):
    head, body, _ = realm.person(ME).split(".")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "k1"}).encode()).decode().rstrip("=")
    assert await why(verifier, f"{none}.{body}.") == "algorithm"
    assert await why(verifier, f"{head}.{body}.") == "signature"


async def test_the_public_key_is_no_shared_secret(verifier, realm):
    published = json.loads(await realm.keys())["keys"][0]
    pem = RSAKey.import_key(published).as_pem(private=False)
    head, body, _ = _head(realm.person(ME), {"alg": "HS256", "kid": "k1"}).split(".")
    forged = hmac.new(pem, f"{head}.{body}".encode(), hashlib.sha256).digest()
    signature = base64.urlsafe_b64encode(forged).decode().rstrip("=")
    assert await why(verifier, f"{head}.{body}.{signature}") == "algorithm"


async def test_only_the_realm_s_algorithm_counts(verifier, realm):
    assert await why(verifier, realm.mint(header={"alg": "RS256"})) == "algorithm"


@pytest.mark.parametrize(
    "header", [{"jku": "http://evil/"}, {"jwk": {}}, {"x5u": "http://evil/"}, {"crit": ["exp"]}, {"typ": "logout+jwt"}]
)
async def test_a_header_that_brings_its_own_rules(verifier, realm, header):
    assert await why(verifier, _head(realm.person(ME), {"kid": "k1", **header})) == "header"


async def test_another_key_under_our_key_s_id(verifier, clock):
    forger = TestIssuer(clock, kid="k9")
    assert await why(verifier, forger.sign({"iss": ISSUER}, {"kid": "k1"})) == "signature"


async def test_a_changed_claim(verifier, realm):
    head, _, signature = realm.person(ME).split(".")
    other = realm.person(uuid.UUID(int=8)).split(".")[1]
    assert await why(verifier, f"{head}.{other}.{signature}") == "signature"


@pytest.mark.parametrize(
    "token", ["", "x", "a.b.c", "....", "é" * 10, "e30.e30.e30", "W10.e30.x", "x" * (MAX_TOKEN_BYTES + 1)]
)
async def test_what_is_no_token(verifier, token):
    assert await why(verifier, token) in {"size", "form", "algorithm"}


@pytest.mark.parametrize("header", [{"kid": None}, {"kid": ""}, {"kid": 1}, {"kid": "k2"}])
async def test_a_key_that_the_realm_does_not_publish(verifier, realm, header):
    assert await why(verifier, _head(realm.person(ME), header)) == "key"


def _head(token: str, changes: dict) -> str:
    header = {"alg": "PS256", "typ": "JWT", **changes}
    part = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    return ".".join([part, *token.split(".")[1:]])


async def test_unknown_keys_ask_the_realm_once_in_thirty_seconds(verifier, realm, clock, time):
    await verifier.verify(realm.person(ME))
    assert realm.asked == 1
    for number in range(20):
        await why(verifier, _head(realm.person(ME), {"kid": f"x{number}"}))
    assert realm.asked == 1
    time.now += 31
    realm.kid = "k2"  # the realm rotated its key
    assert (await verifier.verify(realm.person(ME))).employee_id == ME
    assert realm.asked == 2


async def test_keys_outlive_the_realm_for_an_hour(realm, clock, time):
    async def keys() -> bytes:
        if away:
            raise ConnectionError("the realm is away")
        return await realm.keys()

    away, verifier = False, realm.verifier(fetch=keys, monotonic=time)
    await verifier.verify(realm.person(ME))
    away = True
    time.now += 3600
    await verifier.verify(realm.person(ME))
    time.now += 1
    with pytest.raises(Refused) as refused:
        await verifier.verify(realm.person(ME))
    assert refused.value.reason == "SERVICE_UNAVAILABLE"


async def test_a_realm_that_comes_up_late_is_asked_again_at_once(realm, time):
    async def keys() -> bytes:
        if away:
            raise ConnectionError("the realm is away")
        return await realm.keys()

    away, verifier = True, realm.verifier(fetch=keys, monotonic=time)
    with pytest.raises(Refused, match="SERVICE_UNAVAILABLE"):
        await verifier.verify(realm.person(ME))
    away = False
    assert (await verifier.verify(realm.person(ME))).employee_id == ME


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"keys":[]}', b'{"keys":[{"kty":"oct","k":"aGk","kid":"k1"}]}'])
async def test_a_realm_that_publishes_nonsense_publishes_no_key(realm, body):
    async def keys() -> bytes:
        return body

    with pytest.raises(Refused, match="SERVICE_UNAVAILABLE"):
        await realm.verifier(fetch=keys).verify(realm.person(ME))


async def test_a_remembered_token_expires_like_any_other(verifier, realm, clock):
    token = realm.person(ME)
    first = await verifier.verify(token)
    assert await verifier.verify(token) is first
    clock.advance(seconds=150)
    assert await why(verifier, token) == "expired"


async def test_stale_keys_are_renewed_while_nobody_waits(verifier, realm, time):
    await verifier.verify(realm.person(ME))
    time.now += 601
    await verifier.verify(realm.person(ME, jti="2"))
    await verifier.keys._refreshing
    assert realm.asked == 2


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", None),
        (b"HTTP/1.1 302 Found\r\nLocation: http://evil/\r\nContent-Length: 0\r\n\r\n", "302"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_KEYS_BYTES + 1) + b"x" * (MAX_KEYS_BYTES + 1),
            "large",
        ),
    ],
)
async def test_keys_are_fetched_from_there_and_nowhere_else(reply, problem):
    asked = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n")).decode().strip())
        writer.write(reply)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/realms/heyi"
        if problem is None:
            assert await fetch_keys(issuer) == b"ok"
        else:
            with pytest.raises((httpx2.HTTPError, ValueError), match=problem):
                await fetch_keys(issuer)
    assert asked == ["GET /realms/heyi/protocol/openid-connect/certs HTTP/1.1"]


def test_keys_come_from_the_configured_issuer():
    assert keys_url(ISSUER) == f"{ISSUER}/protocol/openid-connect/certs"
    assert service_clients(["a"]) == {
        "heyi-a": "a",
        "heyi-reconciler": "reconciler",
        "heyi-gateway-service": "gateway",
    }
