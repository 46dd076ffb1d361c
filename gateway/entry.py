"""What surrounds every request: a trace, the caller's language, security headers, and refusals in AIP-193 JSON.

Pure ASGI, and outermost: whatever goes wrong inside leaves as an answer that a program and a person can read.
"""

from __future__ import annotations

import re
import time
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import telemetry
from chassis.db import is_away
from chassis.errors import Refused
from chassis.labels import LOCALES, choose_locale
from gateway import errors

log = telemetry.logger("gateway.entry")

_QUIET = ("/health/",)
# Addresses where work begins; the pages' own files are none.
_BEGINS = ("/v1/", "/auth/")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Entry:
    """The outermost layer."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        headers = {
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
            "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
            "cache-control": "no-store",
        }
        if secure:
            headers["strict-transport-security"] = "max-age=31536000; includeSubDomains"
        # as they go on the wire; an answer's own of the same name stands
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began, status, headers = time.perf_counter(), 0, Headers(scope=scope)
        scope["state"] = {**(scope.get("state") or {}), "locale": locale_of(scope, headers)}

        async def outward(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = message.get("headers", ())
                given = {name for name, _ in own}
                message["headers"] = [
                    *own,
                    *(pair for pair in self._headers if pair[0] not in given),
                    (b"x-request-id", telemetry.trace_id().encode()),
                ]
            await send(message)

        above, link = trace_of(headers)
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
                if is_away(problem):
                    log.warning("database_away", path=scope["path"][:200], problem=telemetry.plain(problem))
                else:
                    log.exception("request_failed", path=scope["path"][:200])
                if status == 0:
                    await fault(scope, problem)(scope, receive, outward)
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


def locale_of(scope: Scope, headers: Headers) -> str:
    """The language to answer in: what the link says, else what the browser prefers."""
    query = scope.get("query_string", b"")
    if b"locale=" in query:
        wanted = dict(parse_qsl(query.decode("latin-1"))).get("locale", "")
        if wanted in LOCALES:
            return str(wanted)
    return choose_locale(headers.get("accept-language", "")[:200])


def refused(scope: Scope, refusal: Refused) -> Response:
    """A refusal as an answer to this request."""
    return errors.response(refusal, scope["state"]["locale"], telemetry.trace_id())


def fault(scope: Scope, problem: Exception) -> Response:
    """Something broke, or the database is away; what it was is in the log under the trace's id."""
    if is_away(problem):
        return refused(scope, Refused("SERVICE_UNAVAILABLE", service="gateway"))
    return refused(scope, Refused("INTERNAL_FAULT", trace_id=telemetry.trace_id()))


async def on_refused(request: Request, refusal: Exception) -> Response:
    """Refusals raised inside a route."""
    assert isinstance(refusal, Refused)
    return refused(request.scope, refusal)


async def on_fault(request: Request, problem: Exception) -> Response:
    """What broke inside a route: the framework answers with it and raises it again, to be logged by the entry."""
    return fault(request.scope, problem)


async def on_http_exception(request: Request, problem: Exception) -> Response:
    """What the framework refuses by itself: there is no such address, or not with this verb."""
    assert isinstance(problem, HTTPException)
    if problem.status_code in (404, 405):
        return refused(request.scope, Refused("NO_SUCH_ADDRESS", path=request.scope["path"][:200]))
    return refused(request.scope, Refused("MALFORMED_REQUEST", position=0))
