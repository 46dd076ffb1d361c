"""TLS between all parts, on an instance of its own: it works, nothing is answered in clear, and a certificate is worth
what it says and no more.
"""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
from collections.abc import AsyncIterator, Iterator

import asyncpg
import httpx2
import pytest
from api import Session, direct, service_token, sessions, streaming

from chassis import contract
from chassis.testing import eventually
from chassis.tls import Tls
from infra.local import certificates
from infra.local.demo import records
from infra.local.health import serving
from infra.local.instance import SERVICES, Instance

METHODS = contract.load().methods
DIRECTORY = METHODS["heyi.identity.v1.Directory/GetAuthorization"]
ME = METHODS["heyi.identity.v1.Directory/GetMe"]
PREVIEW = METHODS["heyi.approval.v1.Cases/SimulateCases"]
STRANGER = ("UNAUTHENTICATED", "NOT_SIGNED_IN")
HTTP2 = ["h2"]
# the first story starts a suite
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def suite() -> Iterator[Instance]:
    """The whole suite over TLS, without the demo company; gone at the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEYI_TLS", "on")
        made = Instance("tls")
        made.reset()
        try:
            made.up(demo=False)
            yield made
        finally:
            made.reset()


@pytest.fixture(scope="module")
async def admin(suite: Instance) -> AsyncIterator[Session]:
    """The administrator, signed in at Keycloak's page."""
    made = await Session.of(suite, "admin")
    yield made
    await made.close()


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A certificate that says `procurement`, by an authority of a stranger's own."""
    folder = tmp_path_factory.mktemp("foreign")
    certificates.prepare(folder, ["procurement"], datetime.datetime.now(datetime.UTC))
    return Tls(folder / "ca.pem", folder / "procurement.pem", folder / "procurement.key.pem")


def own(suite: Instance, part: str) -> Tls:
    """The certificate of a part."""
    assert suite.tls is not None
    return Tls(suite.tls.authority, suite.tls.certificate(part), suite.tls.key(part))


def port(suite: Instance, part: str) -> int:
    return int(suite.facts["ports"][part])


def greeting(suite: Instance, part: str, context: ssl.SSLContext, protocols: list[str] | None = None) -> bytes:
    """The first bytes of a server that speaks first, once the handshake is done."""
    context.set_alpn_protocols(protocols or [])
    with socket.create_connection(("127.0.0.1", port(suite, part)), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            return connection.recv(9)


def refused(suite: Instance, part: str, context: ssl.SSLContext, protocols: list[str]) -> bool:
    """Whether the server hangs up before it says a word. In TLS 1.3 a client learns that only when it reads."""
    try:
        return greeting(suite, part, context, protocols) == b""
    except ssl.SSLCertVerificationError:
        raise  # it is we who refuse
    except (ssl.SSLError, ConnectionResetError):
        return True


def in_clear(suite: Instance, part: str, words: bytes) -> bytes:
    """Everything that a server says to words in clear, until it hangs up."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port(suite, part)), timeout=10) as connection:
        connection.sendall(words)
        try:
            while more := connection.recv(4096):
                heard += more
        except ConnectionResetError:
            return heard
    return heard


async def test_tls_sign_in_read_and_event(admin: Session) -> None:
    """Browser, gateway, Keycloak, service and PostgreSQL; then a change that comes back by NATS to an open stream."""
    assert (await admin.get("/v1/inventory/units")).get("units", []) == []
    company = records.companies()[0]
    fields = {name: value for name, value in company.fields.items() if value != ""}
    await admin.call("POST", "/v1/identity/companies", {"id": company.id, **fields})

    async def may_listen() -> None:
        headers = {"cookie": admin.cookie}
        async with admin._http.stream("GET", f"{admin.address}/v1/events", headers=headers) as answer:
            assert answer.status_code == 200

    await eventually(may_listen)  # once the gateway has heard of the company
    async with streaming(admin) as stream:
        made = await admin.call("POST", "/v1/inventory/units", {"code": "TLS", "name": "over TLS", "decimals": 0})

        async def heard() -> None:
            stream.first("evt.inventory.unit.created", made["id"])

        await eventually(heard)
    assert [unit["id"] for unit in (await admin.get("/v1/inventory/units"))["units"]] == [made["id"]]


async def test_tls_keycloak_tells_the_gateway_of_a_sign_out(suite: Instance) -> None:
    """Keycloak, too, asks over TLS: what ends there ends here."""
    async with sessions(suite, "admin") as [session]:
        hint = {"client_id": "heyi-gateway", "id_token_hint": (await session.tokens())["id_token"]}
        assert (await session.raw("GET", "/v1/inventory/units")).status_code == 200
        ended = await session._send("GET", f"{suite.env()['HEYI_ISSUER']}/protocol/openid-connect/logout", params=hint)
        assert ended.status_code == 200

        async def signed_out() -> None:
            assert (await session.raw("GET", "/v1/inventory/units")).status_code == 401

        await eventually(signed_out)


async def test_tls_hsts_and_cookies_at_the_door(suite: Instance, admin: Session) -> None:
    """The browser is told never to come in clear, and its cookies are Secure."""
    for path in ("/", "/v1/meta", "/v1/inventory/units", "/health/live"):
        answer = await admin.raw("GET", path)
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    answer = await admin.raw("GET", "/auth/login?next=/")
    assert answer.headers["location"].startswith("https://")
    assert all("secure" in line.lower() for line in answer.headers.get_list("set-cookie"))
    assert answer.headers.get_list("set-cookie") != []


@pytest.mark.parametrize("part", SERVICES)
def test_tls_services_refuse_clear_text(suite: Instance, part: str) -> None:
    address = f"127.0.0.1:{port(suite, part)}"
    assert serving(part, address, own(suite, "runner"), until=0)
    assert not serving(part, address, None, until=0)


@pytest.mark.parametrize("part", ["gateway", "keycloak"])
def test_tls_http_is_refused_in_clear(suite: Instance, part: str) -> None:
    """Not even a redirect: whoever asks in clear has already said too much."""
    path = "/realms/heyi" if part == "keycloak" else "/health/live"
    with httpx2.Client(trust_env=False, verify=own(suite, "runner").context()) as http:
        assert http.get(f"https://127.0.0.1:{port(suite, part)}{path}").status_code == 200
        with pytest.raises(httpx2.TransportError):
            http.get(f"http://127.0.0.1:{port(suite, part)}{path}")


async def test_tls_database_refuses_clear_text(suite: Instance) -> None:
    for name in ("DATABASE_URL", "OWNER_DATABASE_URL", "RO_DATABASE_URL"):
        url = suite.env()[f"HEYI_PROCUREMENT_{name}"]
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        await connection.close()
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="no encryption"):
            await asyncpg.connect(url.partition("?")[0] + "?sslmode=disable")


def test_tls_stream_refuses_clear_text(suite: Instance) -> None:
    """The event server does not even greet, and the password that comes in clear is not answered."""
    assert greeting(suite, "nats", own(suite, "inventory").context()).startswith(b"INFO ")
    user = suite.env()["HEYI_INVENTORY_NATS_URL"].removeprefix("nats://").partition("@")[0].split(":")
    words = b'CONNECT {"user":"%s","pass":"%s"}\r\nPING\r\n' % tuple(word.encode() for word in user)
    heard = in_clear(suite, "nats", words)
    assert b"INFO" not in heard
    assert b"PONG" not in heard


@pytest.mark.parametrize("part", [*SERVICES, "nats"])
def test_tls_without_a_certificate_of_ours_nobody_is_heard(suite: Instance, foreign: Tls, part: str) -> None:
    """None at all, or one that says our name by another authority: the handshake fails; ours is greeted."""
    protocols = [] if part == "nats" else HTTP2
    assert greeting(suite, part, own(suite, "procurement").context(), protocols) != b""
    nothing = ssl.create_default_context(cafile=own(suite, part).authority)
    assert refused(suite, part, nothing, protocols)
    strange = ssl.create_default_context(cafile=own(suite, part).authority)
    strange.load_cert_chain(foreign.certificate, foreign.key)
    assert refused(suite, part, strange, protocols)


@pytest.mark.parametrize("part", [*SERVICES, "nats", "keycloak", "gateway"])
def test_tls_a_server_of_a_foreign_authority_is_not_talked_to(suite: Instance, foreign: Tls, part: str) -> None:
    """Whoever trusts one authority is not content with another's server."""
    with pytest.raises(ssl.SSLCertVerificationError):
        greeting(suite, part, foreign.context())


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("part", [*SERVICES, "nats", "keycloak", "gateway"])
def test_tls_old_versions_are_refused(suite: Instance, part: str) -> None:
    """The server says no: by an alert that names the version (NATS, Keycloak), or by hanging up."""
    old = own(suite, "procurement").context()
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match=r"alert protocol version|UNEXPECTED_EOF"):
        greeting(suite, part, old, HTTP2 if part in SERVICES else None)


async def test_tls_a_database_of_a_foreign_authority_is_not_talked_to(suite: Instance, foreign: Tls) -> None:
    url = suite.env()["HEYI_PROCUREMENT_DATABASE_URL"].partition("?")[0]
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncpg.connect(f"{url}?sslmode=verify-full&sslrootcert={foreign.authority}")


def test_tls_a_service_in_the_place_of_another_is_not_asked(suite: Instance) -> None:
    """A valid certificate is not enough for a server: it must be the service that is meant."""
    inventory = f"127.0.0.1:{port(suite, 'inventory')}"
    assert serving("inventory", inventory, own(suite, "procurement"), until=0)
    assert not serving("identity", inventory, own(suite, "procurement"), until=0)


async def test_tls_a_stolen_token_is_worth_nothing_over_another_certificate(suite: Instance, admin: Session) -> None:
    """A service's token counts over its own certificate alone, a person's over the gateway's."""
    async with httpx2.AsyncClient(trust_env=False, verify=admin.verify) as http:
        tokens = {owner: await service_token(suite, owner, http) for owner in (*SERVICES, "gateway")}
    person = await admin.token()
    for holder in (*SERVICES, "gateway", "runner"):
        async with direct(suite, own(suite, holder)) as services:
            for owner, token in tokens.items():
                wanted = ("OK", "") if owner == holder else STRANGER
                assert await services.ask(DIRECTORY, token) == wanted, (owner, holder)
            # files are read by the rights of their documents, and a form asks for its files, with the reader's token
            passes_on = holder in ("gateway", "documents", "approval")
            assert await services.ask(ME, person) == (("OK", "") if passes_on else STRANGER), holder
            assert await services.ask(ME, None) == STRANGER


async def test_tls_a_service_asks_only_what_is_for_it(suite: Instance, admin: Session) -> None:
    """With its own certificate and its own token: the preview is procurement's, and no document is any service's."""
    lists = [method for method in METHODS.values() if method.name.startswith("List") and method.policy.permission]
    async with httpx2.AsyncClient(trust_env=False, verify=admin.verify) as http:
        for owner in (*SERVICES, "gateway"):
            token = await service_token(suite, owner, http)
            async with direct(suite, own(suite, owner)) as services:
                status, reason = await services.ask(PREVIEW, token)
                denied = (status, reason) == ("PERMISSION_DENIED", "PERMISSION_MISSING")
                assert denied == (owner != "procurement"), (owner, status, reason)
                asked = [(m, m.service if m.service in SERVICES else owner) for m in lists]
                found = await asyncio.gather(
                    *(services.ask(m, token, target=target) for m, target in asked if target in SERVICES)
                )
                assert set(found) == {("PERMISSION_DENIED", "PERMISSION_MISSING")}, owner
