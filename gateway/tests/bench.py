"""What the gateway's tests stand on: real PostgreSQL, NATS and gRPC, a provider that really signs, a real HTTP server.

The services behind are one gRPC server that answers each method as a test says; the provider is a small realm of ours.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import grpc
import grpc.aio
import httpx2
import nats
import orjson
import sqlalchemy as sa
import uvicorn
from grpc_status import rpc_status
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from chassis import contract, errors, testing_postgres, upgrades
from chassis.authn import GATEWAY_CLIENT
from chassis.errors import Refused
from chassis.migrate import ensure_stream, owner_engine
from chassis.testing_tokens import AUDIENCE, TestIssuer
from gateway import migrate
from gateway.app import Gateway, create
from gateway.settings import AUTHORIZATION_METHOD, GatewaySettings
from heyi.identity.v1 import directory_pb2

COMPANY, OTHER_COMPANY = "01900000-0000-7000-8000-00000000c001", "01900000-0000-7000-8000-00000000c002"
DEPARTMENT, OTHER_DEPARTMENT = "01900000-0000-7000-8000-00000000d001", "01900000-0000-7000-8000-00000000d002"
PEOPLE = {
    name: f"01900000-0000-7000-8000-0000000000{number:02x}" for number, name in enumerate(("ann", "bob", "cat"), 1)
}
SECRET = "a secret of the gateway's client"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def eventually(check: Callable[[], Any], seconds: float = 20) -> Any:
    """Ask again until the answer is true."""
    deadline = time.monotonic() + seconds
    while True:
        answer = check()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return answer
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


@contextlib.contextmanager
def nats_server() -> Iterator[str]:
    """A server with JetStream, in a folder of its own."""
    folder, port = Path(tempfile.mkdtemp(prefix="heyi-nats-")), free_port()
    program = Path(sys.executable).parent / "nats-server"
    command = [str(program), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError("nats-server did not start")
        yield f"nats://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def serving(app: Any, port: int) -> AsyncIterator[None]:
    """A real HTTP server in this loop."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False, http="httptools")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined,method-assign]
    task = asyncio.create_task(server._serve())
    await eventually(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = True
        await task


class Services:
    """The gRPC side: one server for every service, every method answered as the test says."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[Any, dict[str, str]], Any]] = {}
        self.calls: list[tuple[str, Any, dict[str, str]]] = []
        self.people: dict[str, dict[str, Any]] = {}
        self.rights: list[dict[str, Any]] = []
        self.epoch = 1
        self.away = False
        self.reset()

    def reset(self) -> None:
        self.answers.clear()
        self.calls.clear()
        self.away = False
        self.people = {name: {"active": True} for name in PEOPLE}
        self.rights = [{"person": "ann", "permissions": ["*"], "scope": "ALL"}]
        self.epoch += 1

    def authorization(self, request: Any) -> directory_pb2.Authorization:
        answer = directory_pb2.Authorization(epoch=self.epoch)
        if request.known_epoch == self.epoch:
            answer.unchanged = True
            return answer
        for name, facts in self.people.items():
            answer.people.add(
                employee_id=PEOPLE[name], name=name.title(), username=name, company_id=COMPANY,
                department_id=DEPARTMENT, **facts,
            )  # fmt: skip
        for number, company in enumerate((COMPANY, OTHER_COMPANY), 1):
            answer.companies.add(company_id=company, code=f"C{number}", time_zone="Asia/Shanghai", base_currency="CNY")
        for department in (DEPARTMENT, OTHER_DEPARTMENT):
            answer.departments.add(department_id=department, company_id=COMPANY, active=True)
        for right in self.rights:
            answer.rights.add(
                employee_id=PEOPLE[right["person"]], permissions=right["permissions"], scope=right["scope"],
                company_id=right.get("company", ""), role_code="r",
            )  # fmt: skip
        return answer

    async def _serve(self, method: contract.Method, request: Any, context: Any) -> Any:
        metadata = {k: v for k, v in context.invocation_metadata() if isinstance(v, str)}
        if self.away:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        if method.full_name == AUTHORIZATION_METHOD:
            return self.authorization(request)
        self.calls.append((method.full_name, request, metadata))
        answer = self.answers.get(method.name)
        try:
            reply = answer(request, metadata) if answer else method.reply()
            if asyncio.iscoroutine(reply):
                reply = await reply
        except Refused as refusal:
            await context.abort_with_status(rpc_status.to_status(errors.to_status(refusal)))
        if metadata.get("idempotency-key", "").startswith("again"):
            context.set_trailing_metadata((("heyi-replayed", "1"),))
        return reply

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        by_service: dict[str, dict[str, Any]] = {}
        for method in contract.load().methods.values():
            service, name = method.full_name.split("/")

            def handler(request: Any, context: Any, method: contract.Method = method) -> Any:
                return self._serve(method, request, context)

            async def serve(request: Any, context: Any, handler: Any = handler) -> Any:
                return await handler(request, context)

            by_service.setdefault(service, {})[name] = grpc.unary_unary_rpc_method_handler(
                serve, method.request.FromString, method.reply.SerializeToString
            )
        server = grpc.aio.server()
        handlers = [grpc.method_handlers_generic_handler(name, methods) for name, methods in by_service.items()]
        server.add_generic_rpc_handlers(tuple(handlers))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            await server.stop(0)


class Realm:
    """An identity provider over HTTP: authorization code with PKCE, renewal with rotation, sign-out tokens."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}/realms/heyi"
        self.signer = TestIssuer()
        self.port = port
        self.person = "ann"
        self.life = 120
        self.codes: dict[str, dict[str, Any]] = {}
        self.refresh_tokens: dict[str, dict[str, Any]] = {}
        self.renewals = 0
        self.slow = 0.0
        # who waits for tokens now, and how many ever did together
        self.waiting, self.most_waiting = 0, 0
        self.broken: dict[str, Any] = {}

    def reset(self) -> None:
        self.person, self.life, self.renewals, self.slow, self.broken = "ann", 120, 0, 0.0, {}
        self.most_waiting = 0

    def mint(self, **claims: Any) -> str:
        now = int(time.time())
        values = {"iss": self.issuer, "iat": now, "exp": now + self.life, "jti": str(uuid.uuid4()), **claims}
        return self.signer.sign({name: value for name, value in values.items() if value is not None})

    def access(self, person: str, sid: str = "s1", **claims: Any) -> str:
        return self.mint(
            **{"typ": "Bearer", "aud": AUDIENCE, "azp": GATEWAY_CLIENT, "sub": f"sub-{person}", "sid": sid,
               "employee_id": PEOPLE[person], **claims}
        )  # fmt: skip

    def logout_token(self, **claims: Any) -> str:
        events = {"http://schemas.openid.net/event/backchannel-logout": {}}
        return self.mint(**{"typ": "Logout", "aud": GATEWAY_CLIENT, "events": events, **claims})

    def app(self) -> Starlette:
        base = "/realms/heyi/protocol/openid-connect"
        return Starlette(
            routes=[
                Route(f"{base}/auth", self._auth),
                Route(f"{base}/token", self._token, methods=["POST"]),
                Route(f"{base}/certs", self._certs),
            ]
        )

    async def _certs(self, _: Request) -> Response:
        return Response(await self.signer.keys())

    async def _auth(self, request: Request) -> Response:
        """The person types the right password."""
        asked = dict(request.query_params)
        code = secrets.token_urlsafe(8)
        self.codes[code] = {**asked, "person": self.person, "sid": secrets.token_hex(4)}
        return RedirectResponse(f"{asked['redirect_uri']}?code={code}&state={asked['state']}")

    async def _token(self, request: Request) -> Response:
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        await asyncio.sleep(self.slow)
        self.waiting -= 1
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if form["grant_type"] == "client_credentials":
            token = self.mint(typ="Bearer", aud=AUDIENCE, azp=form["client_id"], sub="service")
            return JSONResponse({"access_token": token, "expires_in": self.life})
        basic = base64.b64encode(f"{GATEWAY_CLIENT}:{SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return JSONResponse({"error": "unauthorized_client"}, 401)
        if form["grant_type"] == "authorization_code":
            journey = self.codes.pop(form["code"], None)
            challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
            if journey is None or journey["code_challenge"] != challenge.decode():
                return JSONResponse({"error": "invalid_grant"}, 400)
        else:
            journey = self.refresh_tokens.pop(form["refresh_token"], None)
            self.renewals += 1
            if journey is None:
                return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse(self._tokens(journey))

    def _tokens(self, journey: dict[str, Any]) -> dict[str, Any]:
        refresh = secrets.token_urlsafe(16)
        self.refresh_tokens[refresh] = journey
        identity = {
            "typ": "ID", "aud": GATEWAY_CLIENT, "azp": GATEWAY_CLIENT, "sub": f"sub-{journey['person']}",
            "nonce": journey["nonce"], "sid": journey["sid"], **self.broken,
        }  # fmt: skip
        return {
            "access_token": self.access(journey["person"], journey["sid"]),
            "refresh_token": refresh,
            "id_token": self.mint(**identity),
            "expires_in": self.life,
        }


class Bench:
    """Everything together, and the callers' side of it."""

    def __init__(self, gateway: Gateway, services: Services, realm: Realm, nats_url: str, server: str) -> None:
        self.gateway, self.services, self.realm, self.nats_url = gateway, services, realm, nats_url
        self.server = server
        self.url = gateway.settings.public_url
        self.http = httpx2.AsyncClient(base_url=self.url, follow_redirects=False, trust_env=False, timeout=20)

    async def sign_in(self, person: str = "ann", next_path: str = "/", cookie: str = "") -> str:
        """Go the whole way as a browser does; returns the Cookie header. Python's jar drops `__Host-` over http."""
        self.realm.person = person
        out = await self.http.get("/auth/login", params={"next": next_path})
        assert out.status_code == 302, out.text
        journey = out.headers["set-cookie"].split(";")[0]
        provider = await self.http.get(out.headers["location"])
        back = await self.http.get(
            provider.headers["location"], headers={"cookie": "; ".join(filter(None, [journey, cookie]))}
        )
        assert back.status_code == 303, back.text
        self.landed = back.headers["location"]
        return next(c.split(";")[0] for c in back.headers.get_list("set-cookie") if "Max-Age=0" not in c)

    def bearer(self, person: str = "ann", **claims: Any) -> dict[str, str]:
        return {"authorization": f"Bearer {self.realm.access(person, **claims)}"}

    async def learn(self) -> None:
        """The organisation changed: the gateway knows."""
        self.services.epoch += 1
        await self.gateway.snapshot.refresh()

    async def admit_connections(self, limit: int) -> None:
        """So many connections the gateway's database takes, -1: any number; those that are there end."""
        name = self.gateway.settings.database_url.rpartition("/")[2].partition("?")[0]
        admin = await asyncpg.connect(self.server)
        try:
            await admin.execute(f"ALTER DATABASE {name} CONNECTION LIMIT {limit}")
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        finally:
            await admin.close()

    async def publish(self, subject: str, **headers: str) -> int:
        connection = await nats.connect(self.nats_url)
        try:
            named = {f"heyi-{name.replace('_', '-')}": value for name, value in headers.items()}
            ack = await connection.jetstream().publish(subject, b"payload", headers={"ce-type": subject, **named})
            return ack.seq
        finally:
            await connection.close()


def reason_of(reply: httpx2.Response) -> str:
    return str(reply.json()["error"]["details"][0]["reason"])


def same_origin(bench: Bench, cookie: str) -> dict[str, str]:
    """The headers of our own page."""
    return {"cookie": cookie, "origin": bench.url, "x-csrf": "1", "content-type": "application/json"}


async def prepare_database(server: str, name: str) -> tuple[str, str]:
    """A database with the gateway's tables; the app's and the owner's address."""
    admin = create_async_engine(
        server.replace("postgresql://", "postgresql+asyncpg://", 1), isolation_level="AUTOCOMMIT"
    )
    async with admin.connect() as connection:
        # roles are the whole server's: of two workers that start at once, one makes them; let go with the connection
        await connection.execute(sa.text("SELECT pg_advisory_lock(:lock)"), {"lock": testing_postgres.LOCK})
        for role in ("gateway_owner", "gateway_app"):
            found = await connection.execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :r"), {"r": role})
            if found.first() is None:
                await connection.execute(sa.text(f"CREATE ROLE {role} LOGIN"))
        await connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        await connection.execute(sa.text(f"CREATE DATABASE {name} OWNER gateway_owner"))
    await admin.dispose()
    owner, app = (testing_postgres.at(server, name, role) for role in ("gateway_owner", "gateway_app"))
    owning = create_async_engine(owner.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with owning.begin() as connection:
        grant = "ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO gateway_app"
        await connection.execute(sa.text(grant))
    await owning.dispose()
    await migrate.migrate(owner)
    await migrate.migrate(owner)
    return app, owner


async def keep_released() -> None:
    """Keep the shape of the tables as the scripts make them now: later scripts are held against it."""
    with testing_postgres.server() as url:
        _, owner = await prepare_database(url, "released_gateway")
        engine = owner_engine(owner)
        async with engine.connect() as connection:
            upgrades.keep(migrate.FOLDER, await connection.run_sync(upgrades.shape_of))
        await engine.dispose()


@contextlib.asynccontextmanager
async def running(worker: str, web_root: Path) -> AsyncIterator[Bench]:
    """Start it all."""
    async with contextlib.AsyncExitStack() as stack:
        server = await asyncio.to_thread(stack.enter_context, testing_postgres.server())
        app_url, _ = await prepare_database(server, f"t_gateway_{worker}")
        nats_url = await asyncio.to_thread(stack.enter_context, nats_server())
        connection = await nats.connect(nats_url)
        await ensure_stream(connection.jetstream())
        await connection.close()
        services = Services()
        target = await stack.enter_async_context(services.listening())
        realm = Realm(free_port())
        await stack.enter_async_context(serving(realm.app(), realm.port))
        port = free_port()
        names = {method.service for method in contract.load().methods.values()} - {"platform"}
        settings = GatewaySettings.read(
            {
                "HEYI_INSTANCE": "t",
                "HEYI_ISSUER": realm.issuer,
                "HEYI_AUDIENCE": AUDIENCE,
                "HEYI_TARGETS": ",".join(f"{name}={target}" for name in sorted(names)),
                "HEYI_GATEWAY_LISTEN": f"127.0.0.1:{port}",
                "HEYI_GATEWAY_PUBLIC_URL": f"http://127.0.0.1:{port}",
                "HEYI_GATEWAY_WEB_ROOT": str(web_root),
                "HEYI_GATEWAY_DATABASE_URL": app_url,
                "HEYI_GATEWAY_NATS_URL": nats_url,
                "HEYI_GATEWAY_CLIENT_SECRET": SECRET,
                "HEYI_GATEWAY_SERVICE_CLIENT_SECRET": "another",
                "HEYI_GATEWAY_LIMITS": "rate=1000,burst=10000,anonymous_rate=1000,anonymous_burst=10000,"
                "window_events=20,session_cache=0.2,heartbeat=0.5,export_rows=450,export_burst=1000",
            }
        )
        gateway = Gateway(settings)
        await stack.enter_async_context(serving(create(gateway), port))
        bench = Bench(gateway, services, realm, nats_url, server)
        yield bench
        await bench.http.aclose()


def path_of(location: str) -> str:
    return urlsplit(location).path


def body_of(**values: Any) -> bytes:
    return orjson.dumps(values)
