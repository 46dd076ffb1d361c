"""Who is calling: a person with a session cookie, or a program with a bearer token. Cut-offs count at once for both."""

from __future__ import annotations

import datetime
import uuid
from dataclasses import dataclass

from starlette.requests import Request

from chassis import ids
from chassis.authn import KEY_PREFIX, Verifier
from chassis.clock import Clock
from chassis.errors import Refused
from chassis.policy import Snapshot
from gateway import csrf
from gateway.limits import Buckets
from gateway.sessions import SESSION, Session, Sessions
from gateway.settings import GatewaySettings

USE_NOTED = datetime.timedelta(minutes=10)
LONG_AGO = datetime.datetime.min.replace(tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Caller:
    """Whoever a request comes from."""

    token: str
    employee_id: uuid.UUID | None
    # Since when they are signed in: a later cut-off refuses them.
    since: datetime.datetime
    # Until when the token counts; a session renews it.
    until: datetime.datetime | None
    principal: str
    session: Session | None = None


class Callers:
    """Finds the caller of a request, and what they may use."""

    def __init__(
        self, settings: GatewaySettings, sessions: Sessions, verifier: Verifier, snapshot: Snapshot, clock: Clock
    ) -> None:
        limits = settings.limits
        self._settings, self._sessions, self._verifier, self._snapshot = settings, sessions, verifier, snapshot
        self._clock = clock
        self._general = Buckets(limits.rate, limits.burst)
        self._exports = Buckets(limits.export_rate, limits.export_burst)
        self._keys = Buckets(limits.key_rate, limits.key_burst)
        # API keys: when each was used, to ten minutes, and whether that was told
        self.used: dict[uuid.UUID, tuple[datetime.datetime, bool]] = {}
        self._strangers = Buckets(limits.anonymous_rate, limits.anonymous_burst)
        self.cookie = f"__Host-heyi-{settings.shared.instance}"

    async def known(self, request: Request) -> Caller:
        """The caller of this request. Refuses strangers, those who were cut off, and pages that are not ours."""
        header = request.headers.get("authorization", "")
        shown = request.headers.get("x-api-key", "")
        if shown or header.partition(" ")[2].strip().startswith(KEY_PREFIX):
            return self._key(request, shown or header.partition(" ")[2].strip(), header if shown else "")
        if header:
            return await self._bearer(request, header)
        session = await self.session(request)
        if session is None:
            self.stranger(request)
            if (before := self._sessions.ended(request.cookies.get(self.cookie, ""))) is not None:
                self._snapshot.rights.admit(*before)
                # Keycloak may end the sessions of somebody who was cut off before the gateway has heard of it
                await self._snapshot.attempt()
                self._snapshot.rights.admit(*before)
            raise Refused("NOT_SIGNED_IN", why="session")
        csrf.check(request.method, request.headers, self._settings.public_url)
        try:
            self._snapshot.rights.admit(session.employee_id, session.created_at)
        except Refused as refusal:
            if refusal.reason == "NOT_SIGNED_IN":
                await self._sessions.end(SESSION.c.id_hash == session.id_hash)
            raise
        principal = str(session.employee_id)
        self._general.take(principal)
        return Caller(session.tokens.access, session.employee_id, session.created_at, None, principal, session)

    async def _bearer(self, request: Request, header: str) -> Caller:
        scheme, _, credentials = header.partition(" ")
        try:
            if scheme.lower() != "bearer":
                raise Refused("NOT_SIGNED_IN", why="scheme")
            token = await self._verifier.verify(credentials.strip())
        except Refused:
            self.stranger(request)
            raise
        if token.employee_id is not None:
            self._snapshot.rights.admit(token.employee_id, token.issued_at)
        principal = str(token.employee_id or token.client)
        self._general.take(principal)
        return Caller(credentials.strip(), token.employee_id, token.issued_at, token.expires_at, principal)

    def _key(self, request: Request, key: str, beside: str) -> Caller:
        """A program with an API key. One key in one place: two could name two callers."""
        try:
            if beside or not key.startswith(KEY_PREFIX):
                raise Refused("NOT_SIGNED_IN", why="key")
            holder = self._snapshot.rights.admit_key(key)
        except Refused:
            self.stranger(request)
            raise
        now = self._clock.now()
        self._keys.take(str(holder.employee_id))
        if now - self.used.get(holder.employee_id, (LONG_AGO, False))[0] >= USE_NOTED:
            self.used[holder.employee_id] = (now, False)
        return Caller(key, holder.employee_id, now, None, str(holder.employee_id))

    async def session(self, request: Request) -> Session | None:
        """The session of the cookie that came along; None where there is none or it has ended."""
        cookie = request.cookies.get(self.cookie)
        return await self._sessions.find(cookie) if cookie else None

    def stranger(self, request: Request) -> None:
        """Count a request of nobody in particular against the address it comes from."""
        self._strangers.take(request.client.host if request.client else "")

    def exports(self, caller: Caller) -> None:
        """Count an export against its caller."""
        self._exports.take(caller.principal)

    def still_admitted(self, caller: Caller) -> bool:
        """Whether a caller who was admitted still would be. While nobody knows, nothing is taken away."""
        if caller.until is not None and self._clock.now() > caller.until:
            return False
        if caller.employee_id is None:
            return False
        try:
            self._snapshot.rights.admit(caller.employee_id, caller.since)
        except Refused as refusal:
            return refusal.reason != "NOT_SIGNED_IN"
        return True

    def company(self, request: Request) -> str:
        """The company that a request is about: header or link; "" where it names none."""
        wanted = request.headers.get("x-company") or request.query_params.get("company", "")
        if not wanted:
            return ""
        try:
            return str(ids.parse(wanted))
        except ValueError:
            raise Refused("COMPANY_NOT_ALLOWED", company_id=wanted[:50]) from None

    def own_company(self, caller: Caller, request: Request) -> uuid.UUID:
        """The company that a person acts for, checked here: for streams and downloads. Refuses what is not theirs."""
        assert caller.employee_id is not None
        rights, wanted = self._snapshot.rights, self.company(request)
        if wanted and rights.acts_for(caller.employee_id, uuid.UUID(wanted)):
            return uuid.UUID(wanted)
        own = rights.companies_of(caller.employee_id)
        if wanted or not own:
            raise Refused("COMPANY_NOT_ALLOWED", company_id=wanted)
        return own[0]
