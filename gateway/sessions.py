"""Sessions of people at their browsers. The browser holds a random id and nothing else; tokens stay here, encrypted.

The id itself is not stored, only its hash: who reads the table can neither be a person nor use a token. Tokens are
renewed by one request at a time for each session, whichever replica it reaches: the row is locked meanwhile.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import hashlib
import os
import secrets
import time
import uuid
import weakref
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis import telemetry
from chassis.clock import Clock
from chassis.db import is_away
from chassis.errors import Refused
from gateway.settings import Limits

log = telemetry.logger("gateway.sessions")

METADATA = sa.MetaData()
SESSION = sa.Table(
    "session",
    METADATA,
    sa.Column("id_hash", sa.LargeBinary, primary_key=True),
    sa.Column("employee_id", sa.Uuid, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, index=True),
    sa.Column("sid", sa.Text, nullable=False, index=True),
    sa.Column("tokens", sa.LargeBinary, nullable=False),
    sa.Column("access_expires_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False, index=True),
)
_SEEN_EVERY = 60
_REMEMBERED = 20_000
_ENDED_KEPT = 5_000
# renewals that hold a connection while the provider thinks: fewer than the pool has, the rest is for everybody else
_RENEWING = 4
# what is left of a token when a call may outlive it
_SHORT = 5


@dataclass(frozen=True)
class Tokens:
    """What the identity provider gave."""

    access: str
    refresh: str
    identity: str
    expires_at: datetime.datetime


@dataclass(frozen=True)
class Session:
    """One person at one browser."""

    id_hash: bytes
    employee_id: uuid.UUID
    subject: str
    sid: str
    tokens: Tokens
    created_at: datetime.datetime
    seen_at: datetime.datetime
    ends_at: datetime.datetime


Refresh = Callable[[Tokens], Awaitable[Tokens | None]]
Listener = Callable[[set[bytes]], None]


class Sealer:
    """Encrypts what is kept about a session, bound to its place: a value moved to another row does not open."""

    def __init__(self, secret: str) -> None:
        derived = HKDF(hashes.SHA256(), 32, None, b"heyi gateway sessions").derive(secret.encode())
        self._cipher = AESGCM(derived)

    def seal(self, value: Any, place: bytes) -> bytes:
        """Encrypt a JSON value."""
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, orjson.dumps(value), place)

    def open(self, sealed: bytes, place: bytes) -> Any:
        """The value; None where it was not sealed here."""
        try:
            return orjson.loads(self._cipher.decrypt(sealed[:12], sealed[12:], place))
        except (InvalidTag, ValueError):
            return None


class Sessions:
    """The sessions of all replicas, in the gateway's own database, with a look-aside of a few seconds."""

    def __init__(
        self, engine: AsyncEngine, sealer: Sealer, limits: Limits, refresh: Refresh, clock: Clock | None = None
    ) -> None:
        self._engine, self._sealer, self._limits, self._refresh = engine, sealer, limits, refresh
        self._clock = clock or Clock()
        self._known: OrderedDict[bytes, tuple[float, Session]] = OrderedDict()
        self._locks: weakref.WeakValueDictionary[bytes, asyncio.Lock] = weakref.WeakValueDictionary()
        self._renewing = asyncio.Semaphore(_RENEWING)
        self._beside: dict[bytes, asyncio.Task[None]] = {}
        # whose a session was that was ended here, and since when: its page is told why, not only that it ended
        self._ended: OrderedDict[bytes, tuple[uuid.UUID, datetime.datetime]] = OrderedDict()
        # Told which sessions ended, so that their streams end too.
        self.listeners: list[Listener] = []

    async def begin(self, employee_id: uuid.UUID, subject: str, sid: str, tokens: Tokens, replaced: str = "") -> str:
        """Start a session; returns what goes into the cookie. An older one in the same browser ends."""
        cookie, now = secrets.token_urlsafe(32), self._clock.now()
        id_hash = hash_of(cookie)
        row = {
            "id_hash": id_hash,
            "employee_id": employee_id,
            "subject": subject,
            "sid": sid,
            **self._sealed(tokens, id_hash),
            "created_at": now,
            "seen_at": now,
            "ends_at": now + datetime.timedelta(seconds=self._limits.session_max),
        }
        if replaced:
            await self.end(SESSION.c.id_hash == hash_of(replaced))
        async with self._engine.begin() as connection:
            await connection.execute(sa.insert(SESSION).values(row))
        return cookie

    async def find(self, cookie: str) -> Session | None:
        """The session of a cookie, with a token that lives long enough for a call; None where it has ended."""
        if not 20 <= len(cookie) <= 100 or not cookie.isascii():
            return None
        id_hash = hash_of(cookie)
        session = self._remembered(id_hash)
        if session is None:
            # a page asks for several things at once: one of them reads
            async with self._lock(id_hash):
                session = self._remembered(id_hash) or await self._load(id_hash)
        if session is None or not await self._alive(session):
            return None
        left = self._left(session)
        if left <= _SHORT:
            return await self._renew(session)
        if left < self._limits.refresh_before:
            # nobody waits for the provider while the token still counts
            self._renew_beside(session)
        return session

    async def standing(self, hashes: set[bytes]) -> set[bytes]:
        """Those of some sessions that still stand, asked of the database in one question."""
        now = self._clock.now()
        idle = now - datetime.timedelta(seconds=self._limits.session_idle)
        ours = sa.select(SESSION.c.id_hash).where(
            SESSION.c.id_hash.in_(hashes), SESSION.c.ends_at > now, SESSION.c.seen_at > idle
        )
        async with self._engine.connect() as connection:
            return set((await connection.execute(ours)).scalars())

    async def end(self, criterion: sa.ColumnElement[bool]) -> list[Session]:
        """End sessions; returns those that were."""
        async with self._engine.begin() as connection:
            rows = (await connection.execute(sa.delete(SESSION).where(criterion).returning(*SESSION.c))).all()
        ended = {row.id_hash for row in rows}
        for row in rows:
            self._known.pop(row.id_hash, None)
            self._ended[row.id_hash] = (row.employee_id, row.created_at)
        while len(self._ended) > _ENDED_KEPT:
            self._ended.popitem(last=False)
        if ended:
            for listener in self.listeners:
                listener(ended)
        return [session for row in rows if (session := self._read(row)) is not None]

    def ended(self, cookie: str) -> tuple[uuid.UUID, datetime.datetime] | None:
        """Whose session of this cookie this replica ended, and since when it was; None where it does not know."""
        return self._ended.get(hash_of(cookie)) if cookie.isascii() else None

    async def end_of(self, *, sid: str = "", subject: str = "") -> int:
        """Back-channel sign-out: one sign-in, or everything of a person."""
        found = await self.end(SESSION.c.sid == sid if sid else SESSION.c.subject == subject)
        return len(found)

    async def sweep(self) -> int:
        """Remove what has ended by itself."""
        now = self._clock.now()
        idle = now - datetime.timedelta(seconds=self._limits.session_idle)
        return len(await self.end(sa.or_(SESSION.c.ends_at <= now, SESSION.c.seen_at <= idle)))

    def _remembered(self, id_hash: bytes) -> Session | None:
        found = self._known.get(id_hash)
        if found is None or time.monotonic() - found[0] > self._limits.session_cache:
            return None
        return found[1]

    def _remember(self, session: Session) -> None:
        self._known[session.id_hash] = (time.monotonic(), session)
        self._known.move_to_end(session.id_hash)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    async def _load(self, id_hash: bytes) -> Session | None:
        async with self._engine.connect() as connection:
            row = (await connection.execute(sa.select(SESSION).where(SESSION.c.id_hash == id_hash))).one_or_none()
        session = self._read(row) if row is not None else None
        if session is None:
            self._known.pop(id_hash, None)
        else:
            self._remember(session)
        return session

    async def _alive(self, session: Session) -> bool:
        """Whether it has neither ended nor been idle for too long; notes that it is in use."""
        now = self._clock.now()
        idle = (now - session.seen_at).total_seconds()
        if now >= session.ends_at or idle > self._limits.session_idle:
            await self.end(SESSION.c.id_hash == session.id_hash)
            return False
        if idle > _SEEN_EVERY:
            # whoever holds the row renews it, which says that it is in use: there is nothing to wait for
            mine = sa.select(SESSION.c.id_hash).where(SESSION.c.id_hash == session.id_hash)
            free = SESSION.c.id_hash.in_(mine.with_for_update(skip_locked=True))
            self._remember(dataclasses.replace(session, seen_at=now))
            async with self._engine.begin() as connection:
                await connection.execute(sa.update(SESSION).where(free).values(seen_at=now))
        return True

    async def _renew(self, session: Session) -> Session | None:
        """Exchange the tokens, once for all that wait. Refuses while the provider is away and no token is left."""
        async with self._lock(session.id_hash):
            remembered = self._remembered(session.id_hash)
            if remembered is not None and self._left(remembered) >= self._limits.refresh_before:
                return remembered
            async with self._renewing:
                return await self._renew_locked(session)

    def _renew_beside(self, session: Session) -> None:
        """Begin to exchange the tokens, unless somebody already does."""
        if session.id_hash not in self._beside:
            self._beside[session.id_hash] = asyncio.create_task(self._renewed(session))

    async def _renewed(self, session: Session) -> None:
        try:
            await self._renew(session)
        except Exception as problem:
            # the provider, a free connection, or another replica that holds the row: not in time, the next request asks
            if not (isinstance(problem, Refused) or is_away(problem)):
                raise
            log.warning("session_renewed_later", problem=telemetry.plain(problem))
        finally:
            del self._beside[session.id_hash]

    def _lock(self, id_hash: bytes) -> asyncio.Lock:
        return self._locks.setdefault(id_hash, asyncio.Lock())

    async def _renew_locked(self, session: Session) -> Session | None:
        mine = SESSION.c.id_hash == session.id_hash
        async with self._engine.begin() as connection:
            await connection.execute(sa.text("SET LOCAL lock_timeout = '7s'"))
            row = (await connection.execute(sa.select(SESSION).where(mine).with_for_update())).one_or_none()
            current = self._read(row) if row is not None else None
            if current is None:
                return None
            if self._left(current) < self._limits.refresh_before:
                tokens = await self._refresh(current.tokens)
                if tokens is None:
                    log.info("session_not_renewed", sid=current.sid)
                    await connection.execute(sa.delete(SESSION).where(mine))
                    self._known.pop(session.id_hash, None)
                    return None
                changes = {**self._sealed(tokens, session.id_hash), "seen_at": self._clock.now()}
                await connection.execute(sa.update(SESSION).where(mine).values(changes))
                current = dataclasses.replace(current, tokens=tokens, seen_at=changes["seen_at"])
        self._remember(current)
        return current

    def _left(self, session: Session) -> float:
        return (session.tokens.expires_at - self._clock.now()).total_seconds()

    def _sealed(self, tokens: Tokens, id_hash: bytes) -> dict[str, Any]:
        value = [tokens.access, tokens.refresh, tokens.identity]
        return {"tokens": self._sealer.seal(value, id_hash), "access_expires_at": tokens.expires_at}

    def _read(self, row: Any) -> Session | None:
        """The session of a row; None where its tokens were sealed under another secret."""
        opened = self._sealer.open(row.tokens, row.id_hash)
        if opened is None:
            return None
        return Session(
            id_hash=row.id_hash,
            employee_id=row.employee_id,
            subject=row.subject,
            sid=row.sid,
            tokens=Tokens(opened[0], opened[1], opened[2], row.access_expires_at),
            created_at=row.created_at,
            seen_at=row.seen_at,
            ends_at=row.ends_at,
        )


def hash_of(cookie: str) -> bytes:
    """What is stored of a session's id: enough to find it, too little to be it."""
    return hashlib.sha256(cookie.encode()).digest()
