"""What a foreign page, a link in a mail or a hostile client does with a cookie: forgery, fixation, redirects."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from api import Session, reason_of, sessions
from attackers import described, own

from chassis import contract
from gateway import routes
from infra.local.instance import DEMO_PASSWORD

WRITES = [each for each in routes.bindings(contract.load()) if each.verb != "GET"]
REQUISITIONS = "/v1/procurement/purchase-requisitions"
DRAFT = '{"title": "伪造"}'


def address(binding: routes.Binding) -> str:
    """An address of a method with ids of nothing in it."""
    said = ["procurement" if part.field == "service" else str(uuid.UUID(int=9)) for part in binding.segments]
    parts = [word if part.field else part.text for part, word in zip(binding.segments, said, strict=True)]
    return "/" + "/".join(parts) + (f":{binding.action}" if binding.action else "")


FORGED: dict[str, dict[str, str]] = {
    "a foreign page": {"sec-fetch-site": "cross-site", "origin": "https://evil.example", "x-csrf": "1"},
    "a neighbour": {"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:1", "x-csrf": "1"},
    "nobody's page": {"sec-fetch-site": "none", "x-csrf": "1"},
    "an origin that is hidden": {"origin": "null", "x-csrf": "1"},
    "an origin that begins as ours": {"origin": "{ours}.evil.example", "x-csrf": "1"},
    "no origin at all": {"x-csrf": "1"},
    "a plain form": {"sec-fetch-site": "same-origin"},
    "a header with another value": {"sec-fetch-site": "same-origin", "x-csrf": "true"},
}


@pytest.mark.parametrize("page", FORGED)
async def test_attack_csrf_on_every_write(requester: Session, stranger: Any, page: str) -> None:
    """Every address that writes refuses a request that comes with the cookie but not from our page."""
    headers = {name: value.format(ours=requester.address) for name, value in FORGED[page].items()}
    headers |= {"cookie": requester.cookie, "content-type": "application/json"}
    client = stranger()
    assert len(WRITES) > 70
    for binding in WRITES:
        mine = headers | {"idempotency-key": str(uuid.uuid4())}
        answer = await client.request(binding.verb, address(binding), headers=mine, content="{}")
        assert answer.status_code == 403, (binding.template, described(answer))
        assert reason_of(answer) == "CROSS_SITE_REQUEST", (binding.template, described(answer))
    answer = await client.post("/auth/logout", headers=headers)
    assert (answer.status_code, reason_of(answer)) == (403, "CROSS_SITE_REQUEST")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_attack_csrf_with_a_forms_content_type(requester: Session, stranger: Any, kind: str) -> None:
    """What a form can send without asking is not read as JSON."""
    headers = own(requester) | {"idempotency-key": str(uuid.uuid4()), "content-type": kind}
    answer = await stranger().post(REQUISITIONS, headers=headers, content=DRAFT)
    assert (answer.status_code, reason_of(answer)) == (400, "MALFORMED_REQUEST"), described(answer)


@pytest.mark.parametrize("name", ["x-http-method-override", "x-http-method", "x-method-override"])
async def test_attack_header_changes_the_verb(requester: Session, stranger: Any, name: str) -> None:
    """A read stays a read, whatever a header says."""
    answer = await stranger().get(f"{REQUISITIONS}?page_size=1", headers=own(requester) | {name: "DELETE"})
    assert answer.status_code == 200, described(answer)
    assert "purchaseRequisitions" in answer.json()


@pytest.mark.parametrize("verb", ["TRACE", "CONNECT", "OPTIONS", "PUT", "HEAD", "PROPFIND"])
async def test_attack_verbs_that_are_not_served(requester: Session, stranger: Any, verb: str) -> None:
    """Nothing is echoed, tunnelled or allowed across origins; a HEAD writes nothing."""
    headers = own(requester) | {"origin": "https://evil.example", "access-control-request-method": "POST"}
    target = "/v1/identity/employees" if verb != "HEAD" else "/v1/approval/notices:markAllRead"
    answer = await stranger().request(verb, target, headers=headers)
    assert answer.status_code in (400, 404, 405), described(answer)
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert requester.cookie.split("=")[1] not in answer.text


async def test_attack_headers_that_claim_to_be_somebody(requester: Session, stranger: Any) -> None:
    """What proxies and services say of a caller is not believed when a client says it."""
    claims = {
        "x-user-id": "00000000-0000-7000-8000-000000000001", "x-employee-id": "00000000-0000-7000-8000-000000000001",
        "x-forwarded-user": "admin", "x-remote-user": "admin", "grpc-metadata-authorization": "Bearer x",
        "heyi-company": str(uuid.UUID(int=1)), "heyi-caused-by": "00000000-0000-7000-8000-000000000001",
        "x-original-url": "/v1/identity/employees", "x-rewrite-url": "/v1/identity/employees",
    }  # fmt: skip
    me = await requester.get("/v1/identity/me")
    answer = await stranger().get("/v1/identity/me", headers=own(requester) | claims)
    assert answer.json() == me
    answer = await stranger().get("/v1/identity/me", headers=claims)
    assert answer.status_code == 401, described(answer)
    traced = "0af7651916cd43dd8448eb211c80319c"
    answer = await stranger().get("/health/live", headers={"traceparent": f"00-{traced}-b7ad6b7169203331-01"})
    assert answer.headers["x-request-id"] != traced


async def test_attack_rate_limit_by_forged_addresses(stranger: Any) -> None:
    """A stranger who says in a header that he is many is still one."""
    client, seen = stranger(), set()
    for number in range(160):
        forged = f"10.0.{number // 250}.{number % 250}"
        headers = {"x-forwarded-for": forged, "forwarded": f"for={forged}", "x-real-ip": forged}
        seen.add((await client.get("/v1/identity/me", headers=headers)).status_code)
    assert seen == {401, 429}


COOKIES = {
    "empty": "{name}=",
    "another's length": "{name}=" + "A" * 43,
    "very long": "{name}=" + "A" * 7000,
    "not a text": "{name}=\u00e9\u00ff",
    "a path": "{name}=../../{value}",
    "twice, the wrong one last": "{name}={value}; {name}=" + "B" * 43,
    "in quotes with escapes": '{name}="\\101' + "A" * 40 + '"',
    "other capitals": "{lower}={value}",
    "without its prefix": "{bare}={value}",
    "many others": "; ".join(f"c{number}=x" for number in range(500)),
}


@pytest.mark.parametrize("kind", COOKIES)
async def test_attack_cookies_that_are_none_of_ours(requester: Session, stranger: Any, kind: str) -> None:
    """Only the exact cookie is a session; anything else is nobody, and nothing breaks."""
    name, value = requester.cookie.split("=", 1)
    forged = COOKIES[kind].format(name=name, value=value, lower=name.lower(), bare=name.removeprefix("__Host-"))
    answer = await stranger().get("/v1/identity/me", headers={"cookie": forged.encode("latin-1")})
    assert answer.status_code == 401, described(answer)


async def test_attack_session_fixation(instance: Any, stranger: Any) -> None:
    """A session id that an attacker put into the browser beforehand is not the one after signing in."""
    planted = "F" * 43
    async with sessions(instance, "heyutong") as (victim,):
        name, first = victim.cookie.split("=", 1)
        assert first != planted
        kept = victim._cookies[urlsplit(victim.address).netloc]
        kept[name] = planted
        await victim.sign_in("heyutong", DEMO_PASSWORD)
        second = victim.cookie.split("=", 1)[1]
        assert second not in (planted, first)
        kept[name] = first
        await victim.sign_in("heyutong", DEMO_PASSWORD)
        client = stranger()
        for cookie, status in ((planted, 401), (first, 401), (victim.cookie.split("=", 1)[1], 200)):
            answer = await client.get("/v1/identity/me", headers={"cookie": f"{name}={cookie}"})
            assert answer.status_code == status, described(answer)


async def test_attack_login_csrf(stranger: Any) -> None:
    """A link that would sign a victim in as the attacker does nothing in a browser that did not begin the journey."""
    attacker, victim = stranger(), stranger()
    begun = await attacker.get("/auth/login?next=/")
    state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
    mine = begun.headers["set-cookie"].split(";")[0]
    for cookie in ("", mine.replace("=", "=A", 1), mine[:-8]):
        answer = await victim.get(f"/auth/callback?state={state}&code=abc", headers={"cookie": cookie})
        assert answer.status_code == 401, described(answer)
        assert not [line for line in answer.headers.get_list("set-cookie") if '=""' not in line]
    answer = await victim.get("/auth/callback?error=<script>alert(1)</script>&error_description=<img+src=x>&state=x")
    assert answer.status_code == 401
    assert "<script>alert" not in answer.text
    assert "<img" not in answer.text


ELSEWHERE = [
    "https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "///evil.example",
    "/%09/evil.example", "http:evil.example", "javascript:alert(1)", "/\t/evil.example", "data:text/html,x",
    "/\r\nLocation: https://evil.example", "/@evil.example", "//127.0.0.1@evil.example/", "https:/evil.example",
    "/auth/logout", "/v1/identity/me",
]  # fmt: skip


@pytest.mark.parametrize("wanted", ELSEWHERE)
async def test_attack_open_redirect(outsider: Session, wanted: str) -> None:
    """Whoever signs in through a prepared link ends on a page of ours."""
    answer = await outsider._send("GET", f"{outsider.address}/auth/login", params={"next": wanted})
    back = urlsplit(parse_qs(urlsplit(answer.headers["location"]).query)["redirect_uri"][0])
    assert f"{back.scheme}://{back.netloc}" == outsider.address
    while answer.status_code == 302:
        answer = await outsider._send("GET", answer.headers["location"])
    assert answer.status_code == 303, described(answer)
    landed = answer.headers["location"]
    # a path that a browser reads as one of ours, whatever stands further back in it
    assert landed == "/" or (landed == wanted and landed[0] == "/" and landed[1] not in "/\\\t\r\n"), landed
    assert not landed.startswith(("/auth", "/v1"))


async def test_attack_host_header(instance: Any, stranger: Any) -> None:
    """Another host's name in the request changes no address that we send anybody to."""
    headers = {"host": "evil.example", "x-forwarded-host": "evil.example", "x-forwarded-proto": "https"}
    client = stranger()
    login = await client.get("/auth/login?next=/", headers=headers)
    assert "evil.example" not in login.headers["location"]
    assert login.headers["location"].startswith(instance.env()["HEYI_ISSUER"])
    for path in ("/", "/openapi.json", "/no/such.file", "/v1/identity/me"):
        answer = await client.get(path, headers=headers)
        assert "evil.example" not in answer.text + str(answer.headers), path


async def test_attack_clickjacking_and_sniffing(requester: Session, stranger: Any) -> None:
    """No answer may be framed, sniffed or cached by somebody else's rules; what comes from us is ours to read alone."""
    paths = ["/", "/v1/identity/me", "/v1/meta", "/auth/session", "/openapi.json", "/no/such.file", "/v1/nothing"]
    answers = await asyncio.gather(*(stranger().get(path, headers=own(requester)) for path in paths))
    for path, answer in zip(paths, answers, strict=True):
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], path
        assert "unsafe" not in answer.headers["content-security-policy"], path
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert answer.headers["cross-origin-resource-policy"] == "same-origin", path
        assert answer.headers["referrer-policy"] == "no-referrer", path
        assert "server" not in answer.headers, path
