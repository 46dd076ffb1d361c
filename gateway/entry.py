"""What surrounds every request: a trace, the caller's language, security headers, and refusals in AIP-193 JSON.

Pure ASGI, and outermost: whatever goes wrong inside leaves as an answer that a program and a person can read.
"""

from __future__ import annotations

import re
import time
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import telemetry
from chassis.db import is_away
from chassis.errors import Refused
from gateway import errors
from gateway.labels import LOCALES, choose_locale

log = telemetry.logger("gateway.entry")

_QUIET = ("/health/",)
# Addresses where work begins; the pages' own files are none.
_BEGINS = ("/v1/", "/auth/")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


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

        above, link = trace_of(Headers(scope=scope))
        name = f"{scope['method']} {_ID.sub('{id}', scope['path'][:100])}"
        quiet = scope["path"].startswith(_QUIET)
        begins = scope["path"].startswith(_BEGINS)
        with telemetry.span(name, traceparent=above, link=link, kind="server", begins=begins):
            try:
                await self._app(scope, receive, outward)
            except Refused as refusal:
                if status == 0:
                    await refused(scope, refusal)(scope, receive, outward)
            except ClientDisconnect:
                log.info("client_left", path=scope["path"][:200])
            except Exception as problem:
                away = is_away(problem)
                if away:
                    log.warning("database_away", path=scope["path"][:200], problem=telemetry.plain(problem))
                else:
                    log.exception("request_failed", path=scope["path"][:200])
                if status == 0:
                    unavailable = Refused("SERVICE_UNAVAILABLE", service="gateway")
                    answer = refused(scope, unavailable) if away else fault(scope)
                    await answer(scope, receive, outward)
            if status >= 500:
                telemetry.failed(str(status))
            if not quiet:
                spent = time.perf_counter() - began
                telemetry.measure("heyi.gateway.duration", spent, method=scope["method"], status=status)
                log.info("request", method=scope["method"], path=scope["path"][:200], status=status, seconds=spent)


def trace_of(headers: Headers) -> tuple[str, str]:
    """What a request says about traces, as the span above ours or as a link to somebody else's.

    Our own page's click is the beginning of the trace: the browser vouches that the request is the page's
    (Sec-Fetch-Site cannot be set by a script), and the session's cookie comes with it. Anybody else could pour spans
    into a trace that is not theirs, so their trace is noted beside ours. Whether it is recorded is our decision.
    """
    given = telemetry.from_outside(headers)
    ours = headers.get("sec-fetch-site") == "same-origin" and "__Host-heyi-" in headers.get("cookie", "")
    return (given, "") if ours else ("", given)


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
