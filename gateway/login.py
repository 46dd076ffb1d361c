"""Signing in and out with the identity provider: authorization code with PKCE, renewal, sign-out told by the provider.

Nothing that the browser brings back is believed before it is checked: the state against a sealed cookie, the identity
token's signature, issuer, audience, times and nonce, and where the journey ends.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx2
import orjson
from joserfc import jws
from joserfc.errors import JoseError

from chassis import telemetry
from chassis.authn import ALGORITHMS, LEEWAY_SECONDS, MAX_TOKEN_BYTES, KeySet, Verifier
from chassis.clock import Clock
from chassis.errors import Refused
from gateway.csrf import local_path
from gateway.sessions import Sealer, Tokens
from gateway.settings import CLIENT_ID

log = telemetry.logger("gateway.login")

ATTEMPT_SECONDS = 600
# what people change about their own sign-in, at the provider's pages (application-initiated actions of Keycloak)
ACTIONS = {"password": "UPDATE_PASSWORD", "second-factor": "CONFIGURE_TOTP"}
PROVIDER_SECONDS = 5
# Longer: a renewal whose answer is not waited for has used up the refresh token, and the person is signed out. Shorter
# than the database lets a transaction wait for us.
RENEWAL_SECONDS = 9
_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_REGISTRY = jws.JWSRegistry(algorithms=list(ALGORITHMS))


@dataclass(frozen=True)
class Attempt:
    """One journey to the provider and back."""

    state: str
    nonce: str
    verifier: str
    next: str
    locale: str
    until: float


@dataclass(frozen=True)
class SignedIn:
    """Who came back, with the provider's tokens."""

    employee_id: Any
    subject: str
    sid: str
    tokens: Tokens
    next: str


class Provider:
    """The identity provider, as the gateway's client."""

    def __init__(
        self, issuer: str, secret: str, public_url: str, verifier: Verifier, http: httpx2.AsyncClient, clock: Clock
    ) -> None:
        self._issuer, self._secret, self._public_url = issuer, secret, public_url
        self._verifier, self._http, self._clock = verifier, http, clock
        self._sealer = Sealer(secret)
        self._keys: KeySet = verifier.keys

    def _address(self, what: str) -> str:
        return f"{self._issuer}/protocol/openid-connect/{what}"

    def begin(self, wanted: str, locale: str, action: str = "") -> tuple[str, str, str]:
        """Address to send the browser to, name suffix and value of the cookie that remembers the journey. `action` is
        one of ACTIONS: the provider has the person do it on the way.
        """
        attempt = Attempt(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            next=local_path(wanted),
            locale=locale,
            until=self._clock.now().timestamp() + ATTEMPT_SECONDS,
        )
        challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).rstrip(b"=")
        query = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": f"{self._public_url}/auth/callback",
            "scope": "openid",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
            "ui_locales": locale,
        }
        if kind := ACTIONS.get(action):
            query["kc_action"] = kind
        sealed = base64.urlsafe_b64encode(self._sealer.seal(list(vars(attempt).values()), b"attempt"))
        return f"{self._address('auth')}?{urlencode(query)}", attempt.state[:8], sealed.decode()

    def attempt(self, cookie: str, state: str) -> Attempt | None:
        """The journey that a cookie remembers; None where it is not this one, or too old."""
        try:
            opened = self._sealer.open(base64.urlsafe_b64decode(cookie), b"attempt")
        except ValueError:
            return None
        if opened is None:
            return None
        attempt = Attempt(*opened)
        same = secrets.compare_digest(attempt.state.encode(), state.encode())
        return attempt if same and self._clock.now().timestamp() < attempt.until else None

    async def finish(self, attempt: Attempt, code: str) -> SignedIn:
        """Exchange the code. Refuses with NOT_SIGNED_IN where anything does not fit."""
        answer = await self._token(
            grant_type="authorization_code",
            code=code[:2000],
            redirect_uri=f"{self._public_url}/auth/callback",
            code_verifier=attempt.verifier,
        )
        if answer is None:
            raise Refused("NOT_SIGNED_IN", why="code")
        claims = await self.claims(answer.identity, "ID")
        if not secrets.compare_digest(str(claims.get("nonce", "")), attempt.nonce):
            raise Refused("NOT_SIGNED_IN", why="nonce")
        token = await self._verifier.verify(answer.access)
        if token.employee_id is None:
            # the password was right, and the account is no employee's: said in plain words, not asked again
            raise Refused("NOT_SIGNED_IN", why="employee")
        if not token.sid or token.subject != claims.get("sub"):
            raise Refused("NOT_SIGNED_IN", why="subject")
        return SignedIn(token.employee_id, token.subject, token.sid, answer, attempt.next)

    async def refresh(self, tokens: Tokens) -> Tokens | None:
        """New tokens; None where the provider says that the sign-in is over."""
        answer = await self._token(grant_type="refresh_token", refresh_token=tokens.refresh)
        if answer is None:
            return None
        try:
            await self._verifier.verify(answer.access)
        except Refused as refusal:
            log.warning("renewed_token_refused", why=refusal.facts.get("why"))
            return None
        return answer if answer.identity else Tokens(answer.access, answer.refresh, tokens.identity, answer.expires_at)

    async def _token(self, **form: str) -> Tokens | None:
        """Ask the token endpoint; None where it says no. Refuses where it cannot be asked."""
        try:
            reply = await self._http.post(
                self._address("token"), data=form, auth=(CLIENT_ID, self._secret),
                timeout=RENEWAL_SECONDS if "refresh_token" in form else PROVIDER_SECONDS,
            )  # fmt: skip
        except httpx2.HTTPError as problem:
            log.warning("provider_unreachable", problem=repr(problem))
            raise Refused("SERVICE_UNAVAILABLE", service="keycloak") from None
        if reply.status_code in (400, 401):
            log.info("provider_refused", grant=form["grant_type"], error=_error_of(reply))
            return None
        if reply.status_code != 200:
            log.warning("provider_failed", status=reply.status_code)
            raise Refused("SERVICE_UNAVAILABLE", service="keycloak")
        body = orjson.loads(reply.content)
        expires = self._clock.now() + datetime.timedelta(seconds=int(body["expires_in"]))
        return Tokens(body["access_token"], body.get("refresh_token", ""), body.get("id_token", ""), expires)

    async def claims(self, token: str, kind: str) -> dict[str, Any]:
        """Claims of a token that the provider made for this client: an identity token, or a sign-out."""
        if not token or len(token) > MAX_TOKEN_BYTES or not token.isascii():
            raise Refused("NOT_SIGNED_IN", why="size")
        try:
            header = orjson.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
            key = await self._keys.key(str(header["kid"])) if header.get("alg") in ALGORITHMS else None
            if key is None:
                raise Refused("NOT_SIGNED_IN", why="key")
            signed = jws.deserialize_compact(token, key, algorithms=list(ALGORITHMS), registry=_REGISTRY)
            claims = orjson.loads(signed.payload)
        except (JoseError, ValueError, KeyError, AttributeError, TypeError):
            raise Refused("NOT_SIGNED_IN", why="signature") from None
        audience = claims.get("aud")
        now, issued = self._clock.now().timestamp(), claims.get("iat")
        if claims.get("iss") != self._issuer or claims.get("typ") != kind:
            raise Refused("NOT_SIGNED_IN", why="issuer")
        if audience != CLIENT_ID and audience != [CLIENT_ID]:
            raise Refused("NOT_SIGNED_IN", why="audience")
        if not isinstance(issued, int) or abs(now - issued) > ATTEMPT_SECONDS:
            raise Refused("NOT_SIGNED_IN", why="times")
        expires = claims.get("exp", issued + ATTEMPT_SECONDS)
        if not isinstance(expires, int) or now > expires + LEEWAY_SECONDS:
            raise Refused("NOT_SIGNED_IN", why="expired")
        return dict(claims)

    async def signed_out(self, token: str) -> dict[str, str]:
        """What a back-channel sign-out names: `sid`, else `subject`."""
        claims = await self.claims(token, "Logout")
        if _LOGOUT_EVENT not in (claims.get("events") or {}) or "nonce" in claims:
            raise Refused("NOT_SIGNED_IN", why="event")
        sid, subject = claims.get("sid"), claims.get("sub")
        if isinstance(sid, str) and sid:
            return {"sid": sid}
        if isinstance(subject, str) and subject:
            return {"subject": subject}
        raise Refused("NOT_SIGNED_IN", why="subject")

    def end_session(self, tokens: Tokens | None) -> str:
        """Where the browser goes to end the sign-in at the provider too."""
        query = {"client_id": CLIENT_ID, "post_logout_redirect_uri": f"{self._public_url}/"}
        if tokens is not None and tokens.identity:
            query["id_token_hint"] = tokens.identity
        return f"{self._address('logout')}?{urlencode(query)}"

    async def end_others(self, sign_ins: list[Tokens]) -> None:
        """End sign-ins at the provider whose browsers are not here to be sent there."""
        for tokens in sign_ins:
            form = {"client_id": CLIENT_ID, "client_secret": self._secret, "refresh_token": tokens.refresh}
            try:
                reply = await self._http.post(self._address("logout"), data=form, timeout=PROVIDER_SECONDS)
            except httpx2.HTTPError as problem:
                log.warning("provider_unreachable", problem=repr(problem))
                raise Refused("SERVICE_UNAVAILABLE", service="keycloak") from None
            # 400: it had ended by itself
            log.info("sign_in_ended", status=reply.status_code)


def _error_of(reply: httpx2.Response) -> str:
    try:
        return str(orjson.loads(reply.content).get("error", ""))[:60]
    except (ValueError, AttributeError):
        return ""
