"""Tokens that are forged, stolen, used twice or outlive their right; and passwords that are guessed."""

from __future__ import annotations

import base64
import datetime
import hmac
import json
import uuid
from typing import Any

import httpx2
import pytest
from api import Session, direct, reason_of, sessions
from attackers import described, own

from chassis import contract
from chassis.testing import eventually
from infra.local.demo.door import CannotGoOnError, Door
from infra.local.demo.records import id_of
from infra.local.instance import DEMO_PASSWORD, Instance

ME = contract.load().methods["heyi.identity.v1.Directory/GetMe"]
EMPLOYEES, GRANTS, LIMITS = "/v1/identity/employees", "/v1/identity/grants", "/v1/approval/authority-limits"


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def decoded(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return found


async def realm_key(instance: Instance) -> dict[str, Any]:
    """The realm's public key, as everybody can read it."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        keys = (await http.get(f"{instance.env()['HEYI_ISSUER']}/protocol/openid-connect/certs")).json()["keys"]
    found: dict[str, Any] = next(key for key in keys if key["use"] == "sig")
    return found


def forged(kind: str, tokens: dict[str, Any], public: dict[str, Any]) -> str:
    """A token for the attack of this name."""
    from joserfc import jwt
    from joserfc.jwk import RSAKey

    access = str(tokens["access_token"])
    head, claims, signature = (*(decoded(part) for part in access.split(".")[:2]), access.split(".")[2])
    key = RSAKey.generate_key(2048)
    mine = key.as_dict(private=False) | {"kid": "mine", "use": "sig"}

    def signed(header: dict[str, Any], **other: Any) -> str:
        return jwt.encode(head | header, claims | other, key, algorithms=["PS256", "RS256"])

    administrator = {"employee_id": "00000000-0000-7000-8000-000000000001"}
    match kind:
        case "alg none":
            return f"{encoded(head | {'alg': 'none'})}.{encoded(claims | administrator)}."
        case "alg None with the signature":
            return f"{encoded(head | {'alg': 'None'})}.{encoded(claims | administrator)}.{signature}"
        case "alg HS256 with the public key":
            text = f"{encoded({'alg': 'HS256', 'kid': head['kid']})}.{encoded(claims | administrator)}"
            mac = hmac.digest(RSAKey.import_key(public).as_pem(private=False), text.encode(), "sha256")
            return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
        case "alg RS256":
            return signed({"alg": "RS256"}, **administrator)
        case "kid of ours, key of mine":
            return signed({}, **administrator)
        case "kid of nobody":
            return signed({"kid": "mine"}, **administrator)
        case "kid is a path":
            return signed({"kid": "../../../../dev/null"}, **administrator)
        case "kid is a statement":
            return signed({"kid": "x' UNION SELECT 'key'--"}, **administrator)
        case "key in the header":
            return signed({"kid": "mine", "jwk": mine}, **administrator)
        case "key at an address":
            return signed({"kid": "mine", "jku": "http://127.0.0.1:1/keys"}, **administrator)
        case "certificate at an address":
            return signed({"kid": "mine", "x5u": "http://127.0.0.1:1/cert"}, **administrator)
        case "claims changed":
            return f"{encoded(head)}.{encoded(claims | administrator)}.{signature}"
        case "aud of another":
            return signed({}, aud="account")
        case "iss of another":
            return signed({}, iss="https://evil.example/realms/heyi")
        case "azp of another":
            return signed({}, azp="admin-cli")
        case "life without end":
            return f"{encoded(head)}.{encoded(claims | {'exp': 4_000_000_000})}.{signature}"
        case "identity token":
            return str(tokens["id_token"])
        case "refresh token":
            return str(tokens["refresh_token"])
        case "two tokens":
            return f"{access},{access}"
        case "megabytes":
            return "a." + "b" * 20_000 + ".c"
        case "cut short":
            return access[:-3]
    raise ValueError(kind)


KINDS = [
    "alg none", "alg None with the signature", "alg HS256 with the public key", "alg RS256", "kid of ours, key of mine",
    "kid of nobody", "kid is a path", "kid is a statement", "key in the header", "key at an address",
    "certificate at an address", "claims changed", "aud of another", "iss of another", "azp of another",
    "life without end", "identity token", "refresh token", "two tokens", "megabytes", "cut short",
]  # fmt: skip


@pytest.fixture(scope="module")
async def material(instance: Instance) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tokens of a requester, and the realm's public key."""
    async with sessions(instance, "shenjiayi") as (session,):
        return await session.tokens(), await realm_key(instance)


@pytest.mark.parametrize("kind", KINDS)
async def test_attack_token(instance: Instance, stranger: Any, material: Any, kind: str) -> None:
    """Through the gateway and past it: nobody. (Claims at fault under the realm's own signature: chassis' tests.)"""
    token = forged(kind, *material)
    for method, path in (("GET", "/v1/identity/me"), ("GET", "/v1/events"), ("POST", EMPLOYEES)):
        headers = {"authorization": f"Bearer {token}", "idempotency-key": str(uuid.uuid4())}
        answer = await stranger().request(method, path, headers=headers)
        assert (answer.status_code, reason_of(answer)) == (401, "NOT_SIGNED_IN"), described(answer)
    if kind != "megabytes":  # gRPC refuses headers of that size before anybody looks
        async with direct(instance) as services:
            assert await services.ask(ME, token) == ("UNAUTHENTICATED", "NOT_SIGNED_IN")


async def test_attack_token_schemes(stranger: Any, material: Any) -> None:
    """A good token under another scheme, or beside a second header, is none; the good one is."""
    access = material[0]["access_token"]
    for header in (f"Basic {access}", f"Token {access}", access, f"Bearer{access}", f"Bearer {access} {access}"):
        answer = await stranger().get("/v1/identity/me", headers={"authorization": header})
        assert answer.status_code == 401, (header[:20], described(answer))
    answer = await stranger().get(f"/v1/identity/me?access_token={access}")
    assert answer.status_code in (400, 401), described(answer)
    assert (await stranger().get("/v1/identity/me", headers={"authorization": f"Bearer {access}"})).status_code == 200


async def test_attack_replayed_code_and_refresh_token(instance: Instance) -> None:
    """What was used once is worth nothing, and a copy that is used ends the sign-in it came from."""
    async with sessions(instance, "heyutong") as (session,):
        tokens = await session.tokens()
    url = f"{instance.env()['HEYI_ISSUER']}/protocol/openid-connect/token"
    client = {"client_id": "heyi-gateway", "client_secret": instance.env()["HEYI_GATEWAY_CLIENT_SECRET"]}
    form = client | {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    async with httpx2.AsyncClient(trust_env=False) as http:
        for wrong in ({"client_secret": "guessed"}, {"client_id": "heyi-identity"}, {"client_secret": ""}):
            assert (await http.post(url, data=form | wrong)).status_code == 401, wrong
        first = await http.post(url, data=form)
        assert first.status_code == 200, described(first)
        again = await http.post(url, data=form)
        assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
        ended = await http.post(url, data=form | {"refresh_token": first.json()["refresh_token"]})
        assert ended.status_code == 400, described(ended)


@pytest.mark.parametrize("grant", ["password", "urn:ietf:params:oauth:grant-type:device_code", "implicit", "exchange"])
async def test_attack_grant_types_that_are_off(instance: Instance, grant: str) -> None:
    """Neither a password nor a device nor another token gets a token; a code only for our address, with its proof."""
    issuer = f"{instance.env()['HEYI_ISSUER']}/protocol/openid-connect"
    client = {"client_id": "heyi-gateway", "client_secret": instance.env()["HEYI_GATEWAY_CLIENT_SECRET"]}
    kind = "urn:ietf:params:oauth:grant-type:token-exchange" if grant == "exchange" else grant
    form = client | {"grant_type": kind, "username": "shenjiayi", "password": DEMO_PASSWORD, "device_code": "x"}
    async with httpx2.AsyncClient(trust_env=False) as http:
        answer = await http.post(f"{issuer}/token", data=form | {"subject_token": "x"})
        assert answer.status_code in (400, 401, 403), described(answer)
        back = f"{instance.url}/auth/callback"
        for query in (
            {"response_type": "token", "redirect_uri": back},
            {"response_type": "code", "redirect_uri": "https://evil.example/"},
            {"response_type": "code", "redirect_uri": f"{back}/../../evil"},
            {"response_type": "code", "redirect_uri": f"{back}@evil.example"},
            {"response_type": "code", "redirect_uri": back},
            {
                "response_type": "code",
                "redirect_uri": back,
                "code_challenge": "x" * 43,
                "code_challenge_method": "plain",
            },
        ):
            answer = await http.get(f"{issuer}/auth", params=query | {"client_id": "heyi-gateway", "scope": "openid"})
            led = answer.headers.get("location", "")
            assert answer.status_code >= 400 or "error=" in led, (query, described(answer))
            assert not led.startswith("https://evil.example")
            assert "code=" not in led.replace("code_challenge", "")


async def test_attack_stolen_cookie_dies_with_the_session(instance: Instance, stranger: Any) -> None:
    """A copied cookie works from another client only until its owner signs out everywhere (docs/security.md)."""
    async with sessions(instance, "heyutong") as (owner,), sessions(instance, "heyutong") as (elsewhere,):
        thief, refresh = stranger(), (await owner.tokens())["refresh_token"]
        loot = own(owner) | {"user-agent": "somebody else's"}
        assert (await thief.get("/v1/identity/me", headers=loot)).status_code == 200
        answer = await elsewhere.raw("POST", "/auth/logout", query={"everywhere": "true"})
        assert answer.status_code == 200, described(answer)

        async def refused() -> None:
            answer = await thief.get("/v1/identity/me", headers=loot)
            assert answer.status_code == 401, described(answer)

        await eventually(refused, seconds=10)
        answer = await owner.raw("GET", "/v1/identity/me")
        assert answer.status_code == 401, described(answer)
        # what Keycloak remembered of that browser is over too
        client = {"client_id": "heyi-gateway", "client_secret": instance.env()["HEYI_GATEWAY_CLIENT_SECRET"]}
        url = f"{instance.env()['HEYI_ISSUER']}/protocol/openid-connect/token"
        form = client | {"grant_type": "refresh_token", "refresh_token": refresh}
        async with httpx2.AsyncClient(trust_env=False) as http:
            assert (await http.post(url, data=form)).status_code == 400


async def test_attack_expired_grant(instance: Instance, admin: Session) -> None:
    """A right that ended yesterday, or begins tomorrow, opens nothing; the same right that holds today does."""
    role = (await admin.get("/v1/identity/roles", filter='code = "finance_manager"'))["roles"][0]
    today = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=8))).date()
    day = datetime.timedelta(days=1)
    made = []

    async def given(username: str, scope: str, **dates: str) -> None:
        employee = await admin.get(f"{EMPLOYEES}/{id_of('identity.employee', username)}")
        body = {"employee_id": employee["id"], "role_id": role["id"], "scope": scope, "id": str(uuid.uuid4())}
        made.append(await admin.call("POST", GRANTS, body | {"grant_company_id": employee["homeCompanyId"]} | dates))

    try:
        async with sessions(instance, "shenjiayi", "heyutong") as (person, other):

            async def opened() -> None:
                answer = await other.raw("GET", LIMITS)
                assert answer.status_code == 200, described(answer)

            await given("shenjiayi", "COMPANY", valid_from_date=str(today - 9 * day), valid_until_date=str(today - day))
            await given("shenjiayi", "DEPARTMENT", valid_from_date=str(today + day))
            # a later right that works shows that the earlier ones are known
            await given("heyutong", "COMPANY", valid_from_date=str(today), valid_until_date=str(today))
            await eventually(opened, seconds=20)
            answer = await person.raw("GET", LIMITS)
            assert (answer.status_code, reason_of(answer)) == (403, "PERMISSION_MISSING"), described(answer)
    finally:
        for grant in made:
            await admin.call("POST", f"{GRANTS}/{grant['id']}:revoke", {"etag": grant["etag"], "reason": "到期"})


async def test_attack_login_by_guessing(instance: Instance, admin: Session, capsys: Any) -> None:
    """Five wrong passwords close the account to the right one too; and nobody learns which names exist."""
    tag = uuid.uuid4().hex[:8]
    username, password = f"guessed-{tag}", f"Right-{tag}-2026"
    colleague = await admin.get(f"{EMPLOYEES}/{id_of('identity.employee', 'shenjiayi')}")
    same = {name: colleague[name] for name in ("homeCompanyId", "departmentId", "postId")}
    body = same | {"code": f"G{tag[:6].upper()}", "name": "被猜测者", "username": username}
    body |= {"initialPassword": password, "keepPassword": True}
    made = await admin.call("POST", EMPLOYEES, body, company=colleague["homeCompanyId"])

    async def in_step() -> None:
        assert (await admin.get(f"{EMPLOYEES}/{made['id']}"))["accountState"] == "IN_STEP"

    await eventually(in_step, seconds=60)

    async def attempt(name: str, word: str) -> str:
        door = Door(instance.url)
        try:
            await door.sign_in(name, word)
        except CannotGoOnError as refusal:
            return str(refusal).replace(name, "somebody")
        finally:
            await door.close()
        return "signed in"

    assert await attempt(username, password) == "signed in"
    unknown = await attempt(f"nobody-{tag}", "Wrong-guess-0")
    said = [await attempt(username, f"Wrong-guess-{number}") for number in range(5)]
    assert set(said) == {unknown}
    assert await attempt(username, password) == unknown
    with capsys.disabled():
        print("\n  Keycloak's lock: after 5 wrong passwords the right one is refused too", end="")
    disable = {"etag": made["etag"], "reason": "演练结束"}
    await admin.call("POST", f"{EMPLOYEES}/{made['id']}:disable", disable, company=colleague["homeCompanyId"])
