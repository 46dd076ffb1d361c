"""The addresses of signing in and out. Cookies are `__Host-`: no other host and no subdomain can set them."""

from __future__ import annotations

import html
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from chassis import labels, telemetry
from chassis.db import is_away
from chassis.errors import UNAVAILABLE, Refused
from chassis.policy import Snapshot
from gateway import csrf
from gateway.callers import Callers
from gateway.login import ATTEMPT_SECONDS, Provider
from gateway.sessions import SESSION, Sessions
from gateway.settings import GatewaySettings

log = telemetry.logger("gateway.signin")

_PAGE = """<!doctype html><html lang="{locale}"><meta charset="utf-8"><title>Heyi</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><body><main><h1>合一 Heyi</h1>
<p role="alert">{sentence}</p><p><a href="/auth/login">{again}</a></p></main></body></html>"""
_AGAIN = {"zh-CN": "重新登录", "en": "Sign in again"}
_NO_STORE = {"Cache-Control": "no-store"}


class SignIn:
    """Login, callback, session, logout, and the provider's own sign-out call."""

    def __init__(
        self, settings: GatewaySettings, callers: Callers, sessions: Sessions, provider: Provider, snapshot: Snapshot
    ) -> None:
        self._settings, self._callers, self._sessions = settings, callers, sessions
        self._provider, self._snapshot = provider, snapshot

    async def login(self, request: Request) -> Response:
        """Send the browser to the identity provider."""
        self._callers.stranger(request)
        asked = request.query_params
        address, suffix, remembered = self._provider.begin(
            asked.get("next", "/"), request.state.locale, asked.get("action", "")
        )
        answer = RedirectResponse(address, 302, _NO_STORE)
        self._set(answer, f"{self._callers.cookie}-{suffix}", remembered, ATTEMPT_SECONDS)
        return answer

    async def callback(self, request: Request) -> Response:
        """The browser comes back: start a session and go where it wanted to."""
        self._callers.stranger(request)
        state, code = request.query_params.get("state", "")[:200], request.query_params.get("code", "")
        journey = f"{self._callers.cookie}-{state[:8]}"
        attempt = self._provider.attempt(request.cookies.get(journey, ""), state)
        try:
            if attempt is None or not code or request.query_params.get("iss", self._issuer) != self._issuer:
                log.info("sign_in_refused", error=request.query_params.get("error", "")[:60], known=attempt is not None)
                raise Refused("NOT_SIGNED_IN", why="state")
            person = await self._provider.finish(attempt, code)
            self._snapshot.rights.admit(person.employee_id, self._snapshot.organisation.clock.now())
            before = request.cookies.get(self._callers.cookie, "")
            cookie = await self._sessions.begin(person.employee_id, person.subject, person.sid, person.tokens, before)
        except Refused as refusal:
            return self._failed(request, refusal, journey)
        except Exception as problem:
            if not is_away(problem):
                raise
            log.warning("database_away", path="/auth/callback", problem=telemetry.plain(problem))
            return self._failed(request, Refused("SERVICE_UNAVAILABLE", service="gateway"), journey)
        log.info("signed_in", employee_id=str(person.employee_id))
        answer = RedirectResponse(person.next, 303, _NO_STORE)
        self._set(answer, self._callers.cookie, cookie, None)
        self._forget(answer, journey)
        return answer

    async def session(self, request: Request) -> Response:
        """Who is signed in here; asked without being refused."""
        found = await self._callers.session(request)
        person = None
        if found is not None and self._snapshot.known:
            person = self._snapshot.organisation.people.get(found.employee_id)
        else:
            self._callers.stranger(request)
        body = {
            "signedIn": person is not None and person.active,
            "csrf": "X-CSRF",
            "name": person.name if person else "",
            "employeeId": str(person.employee_id) if person else "",
        }
        return Response(orjson.dumps(body), headers=_NO_STORE, media_type="application/json")

    async def logout(self, request: Request) -> Response:
        """End the session here, or everywhere; the answer says where to go to end it at the provider too.

        Everywhere is for whoever fears that a session was copied: the provider ends the other sign-ins as well.
        """
        self._callers.stranger(request)
        csrf.check(request.method, request.headers, self._settings.public_url)
        found = await self._callers.session(request)
        if found is not None and request.query_params.get("everywhere") == "true":
            ended = await self._sessions.end(SESSION.c.employee_id == found.employee_id)
            await self._provider.end_others([each.tokens for each in ended if each.id_hash != found.id_hash])
        elif found is not None:
            await self._sessions.end(SESSION.c.id_hash == found.id_hash)
        address = self._provider.end_session(found.tokens if found else None)
        answer = Response(orjson.dumps({"redirect": address}), headers=_NO_STORE, media_type="application/json")
        self._forget(answer, self._callers.cookie)
        return answer

    async def backchannel_logout(self, request: Request) -> Response:
        """The provider says that a sign-in is over. Believed when the provider signed it."""
        form = parse_qs((await request.body()).decode("latin-1"))
        ended = await self._sessions.end_of(**await self._provider.signed_out(form.get("logout_token", [""])[0]))
        log.info("signed_out_by_provider", sessions=ended)
        return Response(status_code=200, headers=_NO_STORE)

    @property
    def _issuer(self) -> str:
        return self._settings.shared.issuer

    def _failed(self, request: Request, refusal: Refused, journey: str) -> Response:
        """A page that says so and leads back: whoever sees it came from a link, not from a program."""
        if refusal.facts.get("why") in ("disabled", "employee"):
            # the account itself is closed: the SPA has a page that says so, whom to ask, and signs out
            closed = RedirectResponse("/account-closed", 303, _NO_STORE)
            self._forget(closed, journey)
            return closed
        locale = request.state.locale
        sentence = labels.load(locale).sentence(refusal.reason, refusal.facts)
        content = _PAGE.format(locale=locale, sentence=html.escape(sentence), again=_AGAIN[locale])
        answer = Response(content, 401, _NO_STORE, media_type="text/html")
        if refusal.code == UNAVAILABLE:
            answer.status_code, answer.headers["Retry-After"] = 503, "1"
        self._forget(answer, journey)
        return answer

    def _set(self, answer: Response, name: str, value: str, seconds: int | None) -> None:
        answer.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")

    def _forget(self, answer: Response, name: str) -> None:
        answer.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")
