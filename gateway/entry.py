"""What surrounds every request: a trace, the caller's language, security headers, and refusals in AIP-193 JSON.

Pure ASGI, and outermost: whatever goes wrong inside leaves as an answer that a program and a person can read.
"""

from __future__ import annotations

import time
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import telemetry
from chassis.errors import Refused
from gateway import errors
from gateway.labels import LOCALES, choose_locale

log = telemetry.logger("gateway.entry")

_QUIET = ("/health/",)


class Entry:
    """The outermost layer."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._headers = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
        }
        if secure:
            self._headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began, status = time.perf_counter(), 0
        scope["state"] = {**(scope.get("state") or {}), "locale": locale_of(scope)}

        async def outward(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
                headers.setdefault("Cache-Control", "no-store")
                headers["X-Request-Id"] = telemetry.trace_id()
            await send(message)

        # A trace begins here: what a stranger says about traces is not believed.
        with telemetry.span(f"{scope['method']} {scope['path'][:100]}", kind="server"):
            try:
                await self._app(scope, receive, outward)
            except Refused as refusal:
                if status == 0:
                    await refused(scope, refusal)(scope, receive, outward)
            except ClientDisconnect:
                log.info("client_left", path=scope["path"][:200])
            except Exception:
                log.exception("request_failed", path=scope["path"][:200])
                if status == 0:
                    await fault(scope)(scope, receive, outward)
            if not scope["path"].startswith(_QUIET):
                spent = time.perf_counter() - began
                telemetry.measure("heyi.gateway.duration", spent, method=scope["method"], status=status)
                log.info("request", method=scope["method"], path=scope["path"][:200], status=status, seconds=spent)


def locale_of(scope: Scope) -> str:
    """The language to answer in: what the link says, else what the browser prefers."""
    query = scope.get("query_string", b"")
    if b"locale=" in query:
        wanted = dict(parse_qsl(query.decode("latin-1"))).get("locale", "")
        if wanted in LOCALES:
            return str(wanted)
    return choose_locale(Headers(scope=scope).get("accept-language", ""))


def refused(scope: Scope, refusal: Refused) -> Response:
    """A refusal as an answer to this request."""
    return errors.response(refusal, scope["state"]["locale"], telemetry.trace_id())


def fault(scope: Scope) -> Response:
    """Something broke; what it was is in the log under the trace's id."""
    return refused(scope, Refused("INTERNAL_FAULT", trace_id=telemetry.trace_id()))


async def on_refused(request: Request, refusal: Exception) -> Response:
    """Refusals raised inside a route."""
    assert isinstance(refusal, Refused)
    return refused(request.scope, refusal)


async def on_http_exception(request: Request, problem: Exception) -> Response:
    """What the framework refuses by itself: there is no such address, or not with this verb."""
    assert isinstance(problem, HTTPException)
    if problem.status_code in (404, 405):
        return refused(request.scope, Refused("NO_SUCH_ADDRESS", path=request.scope["path"][:200]))
    return refused(request.scope, Refused("MALFORMED_REQUEST", position=0))
