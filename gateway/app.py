"""The gateway put together: the contract's addresses, signing in, live notices, exports and pages, behind one entry."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import orjson
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis import authn, contract, labels, telemetry
from chassis.clients import ServiceTokens
from chassis.clock import Clock
from chassis.contract import Message
from chassis.db import engine_for
from chassis.errors import Refused
from chassis.health import Health
from chassis.organisation import GROUP_TIME_ZONE
from chassis.policy import Snapshot
from chassis.tls import verification
from gateway import codec, entry, export, files, imports, meta, routes
from gateway.callers import Caller, Callers
from gateway.comments import Comments
from gateway.gather import EVERY, Gather
from gateway.limits import BodyLimit, Concurrency
from gateway.live import Hub, Reader
from gateway.login import Provider
from gateway.openapi import OpenApi
from gateway.sessions import Sealer, Sessions
from gateway.settings import AUTHORIZATION_METHOD, SERVICE_CLIENT_ID, GatewaySettings
from gateway.signin import SignIn
from gateway.static import Pages
from gateway.upstream import Reply, Upstreams

log = telemetry.logger("gateway.app")

KEY = re.compile(r"[A-Za-z0-9_\-.:]{8,100}", re.ASCII)
META_PATH, STREAM_PATH = "/v1/meta", "/v1/events"
# the gateway's own addresses among those of the contract
OWN_PATHS = frozenset({META_PATH, STREAM_PATH})
MAX_QUERY = 16 * 1024
_WATCH_SECONDS = 5
_SWEEP_SECONDS = 300
_USES_SECONDS = 5


class Gateway:
    """Everything that serves requests, made once per process."""

    def __init__(self, settings: GatewaySettings, clock: Clock | None = None) -> None:
        self.settings, self.clock = settings, clock or Clock()
        shared, limits = settings.shared, settings.limits
        loaded = contract.load()
        self.bindings = routes.bindings(loaded)
        self.router = routes.Router([*self.bindings, *routes.earlier(loaded)])
        self.transfers = files.Transfers(limits.transfers, limits.transfers_per_person)
        self.exports = export.Exports(
            loaded, self.bindings, limits.export_rows, limits.export_at_once, limits.export_csv_rows
        )
        self.imports = imports.Imports(loaded, self.bindings)
        self._pages_of_meta = {
            locale: meta.Meta(loaded, self.bindings, labels.load(locale), Comments()).page()
            for locale in labels.LOCALES
        }
        self._openapi = orjson.dumps(OpenApi(self.bindings, Comments(), loaded.refusals).build())
        self.upstreams = Upstreams(shared.targets, limits, loaded.methods.values(), settings.tls)
        self.gather = Gather(shared.targets)
        self._question = loaded.methods[AUTHORIZATION_METHOD]
        # the one method that is for the gateway alone: that a program's key was used
        (self._use,) = (m for m in loaded.methods.values() if tuple(m.policy.services) == ("gateway",))
        verify = verification(settings.tls)
        self._tokens = ServiceTokens(shared.issuer, SERVICE_CLIENT_ID, settings.service_client_secret, verify)
        self.snapshot = Snapshot(self._authorization, clock=self.clock)
        self.health = Health("gateway", settings.database_url, self.snapshot)
        self.verifier = authn.Verifier(
            shared.issuer, shared.audience, authn.service_clients(shared.targets), verify=verify, clock=self.clock
        )
        self.engine = engine_for(settings.database_url)
        self.http = httpx2.AsyncClient(trust_env=False, follow_redirects=False, verify=verify)
        self.provider = Provider(
            shared.issuer, settings.client_secret, settings.public_url, self.verifier, self.http, self.clock
        )
        sealer = Sealer(settings.client_secret)
        self.sessions = Sessions(self.engine, sealer, limits, self.provider.refresh, self.clock)
        self.callers = Callers(settings, self.sessions, self.verifier, self.snapshot, self.clock)
        self.hub = Hub(settings.nats_url, self.snapshot, limits, f"evt.{self._question.service}.", settings.tls)
        self.sessions.listeners.append(self.hub.sessions_ended)
        self.sign_in = SignIn(settings, self.callers, self.sessions, self.provider, self.snapshot)
        self.pages = Pages(settings.web_root)

    async def _authorization(self, known_epoch: int) -> Any:
        token = await self._tokens.token_now()
        request = self._question.request(known_epoch=known_epoch)
        metadata = [("authorization", f"Bearer {token}")]
        return (await self.upstreams.call(self._question.service, self._question, request, metadata, 4)).message

    # ---- life

    @contextlib.asynccontextmanager
    async def life(self, _: FastAPI) -> AsyncIterator[None]:
        """Start what runs beside requests; stop it again, streams first."""
        await self.snapshot.start()
        self.hub.start()
        beside = [
            asyncio.create_task(self.health.watch()),
            asyncio.create_task(self._forever(self._watch_streams, _WATCH_SECONDS)),
            asyncio.create_task(self._forever(self._sweep, _SWEEP_SECONDS)),
            asyncio.create_task(self._forever(self._tell_uses, _USES_SECONDS)),
        ]
        log.info("ready", listen=self.settings.listen, methods=len(self.bindings))
        try:
            yield
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self.hub.close()
            await self.snapshot.stop()
            await self.upstreams.close()
            await self.http.aclose()
            await self.engine.dispose()

    async def _forever(self, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except Exception:
                # The database may be away: the next round is as good as this one.
                log.warning("beside_failed", work=work.__name__, exc_info=True)

    async def _watch_streams(self) -> None:
        self.hub.check_readers()
        if held := self.hub.sessions:
            self.hub.sessions_ended(held - await self.sessions.standing(held))

    async def _tell_uses(self) -> None:
        """Which API keys were used, each at most once in ten minutes."""
        for key_id, (at, told) in list(self.callers.used.items()):
            if told:
                continue
            token = await self._tokens.token_now()
            metadata = [("authorization", f"Bearer {token}"), ("idempotency-key", f"{key_id}.{int(at.timestamp())}")]
            await self.upstreams.call(self._use.service, self._use, self._use.request(id=str(key_id)), metadata, 4)
            self.callers.used[key_id] = (at, True)

    async def _sweep(self) -> None:
        await self.sessions.sweep()

    # ---- the contract's addresses

    async def serve(self, request: Request, binding: routes.Binding, parts: list[str]) -> Response:
        """One call of the contract: who, what, ask, answer."""
        method = binding.method
        public = method.policy.public and not _has_credentials(request, self.callers.cookie)
        if public:
            self.callers.stranger(request)
        caller = None if public else await self.callers.known(request)
        key = request.headers.get("idempotency-key", "")
        if (key or method.policy.idempotency_key) and not KEY.fullmatch(key):
            raise Refused("IDEMPOTENCY_KEY_MISSING")
        if binding.takes_file or method.streams:
            return await self._transfer(request, binding, parts, caller)
        if files.is_raw(request):
            # not even read: it may be long
            raise Refused("MALFORMED_REQUEST", position=0)
        raw = await request.body()
        if raw and not _is_json(request):
            raise Refused("MALFORMED_REQUEST", position=0)
        query, picked = binding.pick(_query(request))
        message = binding.request(parts, query, raw)
        reply = await self.ask(request, binding, message, caller, key, picked)
        headers = {"Idempotency-Replayed": "true"} if reply.replayed else {}
        if binding.is_file:
            plain_name = f"{binding.action}-{parts[-1][:8]}" if parts else binding.action
            kind, more = files.described(reply.message.content_type, plain_name)
            return Response(reply.message.data, headers=headers | more, media_type=kind)
        for item in (item for name in binding.explained for item in getattr(reply.message, name)):
            item.message = labels.load(request.state.locale).sentence(item.reason, item.facts)
        body = orjson.dumps(binding.encoder_of(picked)(reply.message))
        return Response(body, method.policy.success_status or 200, headers, "application/json")

    async def _transfer(
        self, request: Request, binding: routes.Binding, parts: list[str], caller: Caller | None
    ) -> Response:
        """A file on its way in or out, in pieces."""
        who = caller.principal if caller else ""
        message: Any = binding.request(parts, _query(request), b"")
        if binding.method.streams:
            leave = self.transfers.enter(who)
            metadata = self._metadata(request, caller)
            pieces = self.upstreams.pieces(binding.method, message, metadata, self.settings.limits.transfer_seconds)
            return await files.give(request, pieces, leave)
        if not files.is_raw(request):
            raise Refused("MALFORMED_REQUEST", position=0)
        with self.transfers.holding(who):
            reply = await files.take(
                request, message, binding.body, lambda piece: self.ask(request, binding, piece, caller)
            )
        return Response(orjson.dumps(binding.encode(reply.message)), 200, {}, "application/json")

    async def ask(
        self,
        request: Request,
        binding: routes.Binding,
        message: Message,
        caller: Caller | None,
        key: str = "",
        picked: frozenset[str] | None = None,
        *,
        exporting: bool = False,
    ) -> Any:
        """Ask the service that a method belongs to, on the caller's behalf; all of them where the address says so."""
        metadata = self._metadata(request, caller, key)
        if picked is not None:
            metadata.append(("heyi-fields", ",".join(sorted(picked))))
        if exporting:
            metadata.append(("heyi-purpose", "export"))
        service = binding.target or getattr(message, "service", "")
        if service == EVERY and self.gather.fits(binding.method):

            async def one(name: str, asked: Message) -> Any:
                return (await self.upstreams.call(name, binding.method, asked, metadata)).message

            return Reply(await self.gather.page(binding.method, message, one), replayed=False)
        return await self.upstreams.call(service, binding.method, message, metadata)

    def _metadata(self, request: Request, caller: Caller | None, key: str = "") -> list[tuple[str, str]]:
        """What travels beside every call: whose it is, about which company, in which language, under which key."""
        metadata = [("heyi-locale", request.state.locale), ("traceparent", telemetry.traceparent())]
        if caller is not None:
            metadata.append(("authorization", f"Bearer {caller.token}"))
        if company := self.callers.company(request):
            metadata.append(("heyi-company", company))
        if key:
            metadata.append(("idempotency-key", key))
        if request.client:
            metadata.append(("heyi-address", request.client.host))
        return metadata

    async def file(self, request: Request) -> Response | None:
        """What goes in and out of an import: a template, a file, the rows to correct; None for any other address."""
        path, verb = request.scope["path"], request.method
        words = labels.load(request.state.locale)
        if verb == "GET" and (document := self.imports.find(path, imports.TEMPLATE)):
            caller = await self.callers.known(request)
            content, name = await self.imports.template(document, words, self._asker(request, caller))
        elif verb == "GET" and (wanted := imports.ROWS_ADDRESS.fullmatch(path)):
            caller = await self.callers.known(request)
            content, name = await self.imports.to_correct(wanted[1], wanted[2], words, self._asker(request, caller))
        elif verb == "POST" and (document := self.imports.find(path, imports.FILE)):
            caller, key = await self.callers.known(request), request.headers.get("idempotency-key", "")
            if not KEY.fullmatch(key):
                raise Refused("IDEMPOTENCY_KEY_MISSING")
            self.callers.exports(caller)
            name = next((text for key, text in _query(request) if key == "fileName"), "")
            batch = await self.imports.take(document, request, name, key, self._asker(request, caller))
            body = orjson.dumps(codec.encoder(type(batch).DESCRIPTOR)(batch))
            return Response(body, 201, media_type="application/json")
        else:
            return None
        headers = {"Content-Disposition": export.disposition("attachment", name)}
        return Response(content, headers=headers, media_type=export.MEDIA_TYPE)

    def _asker(self, request: Request, caller: Caller) -> imports.Ask:
        async def ask(service: str, method: contract.Method, message: Message, key: str) -> Any:
            metadata = self._metadata(request, caller, key)
            return (await self.upstreams.call(service, method, message, metadata)).message

        return ask

    async def export(self, request: Request, binding: routes.Binding, parts: list[str]) -> Response:
        """A list as a file."""
        caller = await self.callers.known(request)
        self.callers.exports(caller)
        company = self.callers.own_company(caller, request) if caller.employee_id else None
        place = self.snapshot.organisation.companies.get(company) if company else None

        async def ask(what: routes.Binding, message: Message) -> Any:
            return (await self.ask(request, what, message, caller, exporting=what is binding)).message

        words = labels.load(request.state.locale)
        zone = place.time_zone if place else GROUP_TIME_ZONE
        query = _query(request)
        if ("format", "csv") in query:
            lines, name = await self.exports.stream(binding, parts, query, words, zone, ask)
            headers = {"Content-Disposition": export.disposition("attachment", name)}
            return StreamingResponse(lines, headers=headers, media_type=export.CSV_TYPE)
        content, name = await self.exports.write(binding, parts, query, words, zone, ask)
        headers = {"Content-Disposition": export.disposition("attachment", name)}
        return Response(content, headers=headers, media_type=export.MEDIA_TYPE)

    # ---- the gateway's own addresses

    async def events(self, request: Request) -> Response:
        """What changes, as it changes, to one person."""
        caller = await self.callers.known(request)
        if caller.employee_id is None:
            raise Refused("NOT_SIGNED_IN", why="employee")
        limits = self.settings.limits
        company = self.callers.own_company(caller, request)
        if self.hub.streams() >= limits.streams or self.hub.streams(caller.employee_id) >= limits.streams_per_person:
            raise Refused("TOO_MANY_REQUESTS", retry_after_seconds=5)
        reader = Reader(
            employee_id=caller.employee_id,
            company=company,
            session=caller.session.id_hash if caller.session else None,
            admitted=lambda: self.callers.still_admitted(caller),
        )
        position = request.headers.get("last-event-id") or request.query_params.get("lastEventId", "")
        after = int(position) if position.isascii() and position.isdigit() and len(position) < 19 else None
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self.hub.stream(reader, after), headers=headers, media_type="text/event-stream")

    async def meta(self, request: Request) -> Response:
        """The contract for the SPA."""
        page = self._pages_of_meta[request.state.locale]
        headers = {"ETag": page.etag, "Cache-Control": "no-cache", "Vary": "Accept-Language, Accept-Encoding"}
        if request.headers.get("if-none-match") == page.etag:
            return Response(status_code=304, headers=headers)
        packed = "gzip" in request.headers.get("accept-encoding", "")
        if packed:
            headers["Content-Encoding"] = "gzip"
        return Response(page.packed if packed else page.body, headers=headers, media_type="application/json")

    async def openapi(self, _: Request) -> Response:
        """The contract as OpenAPI."""
        return Response(self._openapi, headers={"Cache-Control": "no-cache"}, media_type="application/json")

    async def live(self, _: Request) -> Response:
        """The process turns its loop."""
        return Response(b'{"status":"live"}', media_type="application/json")

    async def ready(self, _: Request) -> Response:
        """Requests can be served: sessions can be read, and who may do what was learnt once."""
        problems = self.health.waits_for
        body = orjson.dumps({"status": "waiting" if problems else "ready", "waits_for": problems})
        return Response(body, 503 if problems else 200, media_type="application/json")

    async def page(self, request: Request) -> Response:
        """A page of the SPA, or a file of it."""
        found = await self.pages.get(request.scope["path"], request.headers)
        if found is None:
            raise Refused("NO_SUCH_ADDRESS", path=request.scope["path"][:200])
        return found


class ContractDoor:
    """Every address of the contract, found in a tree: before the framework, whose layers cost more than the rest.

    Everything below the contract's prefix is decided here, what does not exist too; other addresses are the
    framework's.
    """

    def __init__(self, gateway: Gateway, others: ASGIApp) -> None:
        self._gateway, self._others = gateway, others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find the method and serve it."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1/") or scope["path"] in OWN_PATHS:
            return await self._others(scope, receive, send)
        request, gateway = Request(scope, receive), self._gateway
        path = scope["path"]
        if found := gateway.router.find(scope["method"], path):
            answer = await gateway.serve(request, *found)
        elif scope["method"] == "GET" and (listing := gateway.exports.find(path)):
            answer = await gateway.export(request, *listing)
        elif (found_file := await gateway.file(request)) is not None:
            answer = found_file
        else:
            raise Refused("NO_SUCH_ADDRESS", path=path[:200])
        await answer(scope, receive, send)


def create(gateway: Gateway) -> ASGIApp:
    """The application. FastAPI infers nothing here: every handler takes the request as it is."""
    app = FastAPI(lifespan=gateway.life, openapi_url=None, docs_url=None, redoc_url=None)
    sign_in = gateway.sign_in
    app.router.routes.extend(
        [
            Route(META_PATH, gateway.meta, methods=["GET"]),
            Route(STREAM_PATH, gateway.events, methods=["GET"]),
            Route("/auth/login", sign_in.login, methods=["GET"]),
            Route("/auth/callback", sign_in.callback, methods=["GET"]),
            Route("/auth/session", sign_in.session, methods=["GET"]),
            Route("/auth/logout", sign_in.logout, methods=["POST"]),
            Route("/auth/backchannel-logout", sign_in.backchannel_logout, methods=["POST"]),
            Route("/openapi.json", gateway.openapi, methods=["GET"]),
            Route("/health/live", gateway.live, methods=["GET"]),
            Route("/health/ready", gateway.ready, methods=["GET"]),
            Route("/{path:path}", gateway.page, methods=["GET"]),
        ]
    )
    app.add_exception_handler(Refused, entry.on_refused)
    app.add_exception_handler(HTTPException, entry.on_http_exception)
    app.add_exception_handler(Exception, entry.on_fault)
    limits = gateway.settings.limits
    own = (f":{imports.FILE}", limits.file_bytes, limits.file_seconds)
    pieces = (limits.upload_bytes, limits.upload_seconds)
    limited = BodyLimit(ContractDoor(gateway, app), limits.body_bytes, limits.body_seconds, own, pieces)
    at_once = Concurrency(limited, limits.concurrency, (STREAM_PATH, "/health/"))
    return entry.Entry(at_once, secure=gateway.settings.public_url.startswith("https://"))


def _query(request: Request) -> list[tuple[str, str]]:
    raw = request.scope["query_string"]
    if len(raw) > MAX_QUERY:
        raise Refused("REQUEST_TOO_LARGE", limit_bytes=MAX_QUERY)
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=500, errors="strict")
    except ValueError:
        raise Refused("MALFORMED_REQUEST", position=0) from None
    return pairs


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json"


def _has_credentials(request: Request, cookie: str) -> bool:
    return "authorization" in request.headers or "x-api-key" in request.headers or cookie in request.cookies
