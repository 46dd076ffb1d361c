"""The way of a call: caller, policy, idempotency, transaction, handler, audit, outbox, commit, reply.

One place opens transactions and commits them. The order inside is fixed: the idempotency row first, so that of two
calls with one key the second waits or is told; numbers, rows, audit, outbox and the stored reply last; then the
commit, and only then the reply. Serialization failures and deadlocks run the whole handler again, so a handler has
no effect outside its transaction.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import random
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm.attributes import flag_modified
from sqlalchemy.orm.exc import StaleDataError

from chassis import (
    audit,
    audit_reads,
    authn,
    contract,
    custom_fields,
    faults,
    ids,
    import_lookup,
    mapping,
    numbering,
    outbox,
    paper,
    policy,
    telemetry,
    text,
    timers,
    vitals,
)  # fmt: skip
from chassis.call import EVERYTHING, NO_COMPANY, Actor, Call
from chassis.clock import Clock
from chassis.db import Document, fenced_to, is_away, sqlstate, tables_of
from chassis.errors import UNAVAILABLE, Refused
from chassis.organisation import Person
from chassis.tls import name_of
from chassis.together import Piece, numbered, run, save_together, settle

if TYPE_CHECKING:
    from chassis.clients import Clients
    from chassis.service import Service

log = telemetry.logger("chassis.runtime")

RETRIED = {"40001", "40P01"}
LOCK_TIMEOUT, UNIQUE, FOREIGN_KEY = "55P03", "23505", "23503"
TRIES = 5
KEY = re.compile(r"[A-Za-z0-9_\-.:]{8,100}")
SEARCH_WORDS = re.compile(r"\s+")


@dataclass(frozen=True)
class Envelope:
    """What travels beside a request."""

    token: str = ""
    company: str = ""
    key: str = ""
    locale: str = "zh-CN"
    traceparent: str = ""
    caused_by: str = ""
    # of a list: the fields of a row that are wanted, by commas; all where it is empty
    fields: str = ""
    # from where a person asks, and whether for a file: said by the gateway
    ip_address: str = ""
    exporting: bool = False
    # names in the caller's certificate; None where the service is asked in clear
    certificate: frozenset[str] | None = None


@dataclass(frozen=True)
class Reply:
    message: contract.Message
    replayed: bool = False


@functools.cache
def _passing_on() -> frozenset[str]:
    """The services that read elsewhere with the token of who asks them."""
    return frozenset(method.service for method in contract.load().methods.values() if method.policy.as_caller)


@dataclass
class Runtime:
    """One service at work: its engine, its view of the organisation, its clients."""

    service: Service
    engine: AsyncEngine
    rights: Callable[[], policy.Rights]
    verify: Callable[[str], Awaitable[authn.Token]]
    clients: Clients
    clock: Clock = field(default_factory=Clock)
    # takes what a commit announced
    hand_over: Callable[[Sequence[outbox.Outgoing]], None] = lambda rows: None
    settings: Any = None
    # how large an event the stream takes, as it was last heard of it
    event_bytes: int = outbox.EVENT_BYTES
    # when each timer must have run by, by its name, on the monotonic clock
    due: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sessions = async_sessionmaker(self.engine, expire_on_commit=False, autoflush=False)
        # a document is read by several statements: all of them see it as it was when the first one did
        read_only = self.engine.execution_options(postgresql_readonly=True, isolation_level="REPEATABLE READ")
        self.read_sessions = async_sessionmaker(read_only, expire_on_commit=False, autoflush=False)
        self.tables = tables_of(self.service.base.metadata)
        self.custom = custom_fields.Known(self.service.base.metadata.info["custom_field"])
        self.under_way: set[asyncio.Task[Any]] = set()

    # ---- a call from outside

    async def invoke(self, method: contract.Method, request: Any, envelope: Envelope) -> Reply:
        """Serve one call; a request that could not be read is None. Raises Refused.

        The work goes on when the caller hangs up: a transaction is finished or rolled back, never abandoned.
        """
        task = asyncio.create_task(self._invoke(method, request, envelope))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(functools.partial(_ended_unheard, method))
            raise

    async def _invoke(self, method: contract.Method, request: Any, envelope: Envelope) -> Reply:
        actor = await self._actor(method, envelope)
        company = self._company(actor, envelope)
        try:
            telemetry.note(company_id=company)
            reach = self._authorize(method, actor, company)
            if request is None:
                raise Refused("MALFORMED_REQUEST", position=0)
            mapping.check_shape(request)
            if method.read_only:
                return Reply(await self._read(method, request, actor, company, reach, envelope))
            if method.policy.idempotency_key and not KEY.fullmatch(envelope.key):
                raise Refused("IDEMPOTENCY_KEY_MISSING")
            return await self._write(method, request, actor, company, reach, envelope)
        except Refused as refusal:
            # that a service or its database is away decides nothing, and could often not be written down either
            if refusal.code != UNAVAILABLE and (method.policy.audit or refusal.code == 7):
                put_down = functools.partial(self._audit_refusal, method, actor, company, refusal, envelope)
                await self._retrying(put_down)
            raise

    async def _actor(self, method: contract.Method, envelope: Envelope) -> Actor:
        if method.policy.public and not envelope.token:
            return Actor(None, service="public")
        if envelope.token.startswith(authn.KEY_PREFIX):
            return Actor(self._key(method, envelope).employee_id)
        token = await self.verify(envelope.token)
        # people's tokens come by way of the gateway, and, where something is only read, of a service whose contract
        # says that it passes them on; a service's own is worth nothing in the hands of another
        self._check_bearer(method, envelope, token.service)
        if token.service is not None:
            caused_by = ids.parse(envelope.caused_by) if envelope.caused_by else None
            return Actor(None, service=token.service, caused_by=caused_by)
        if token.employee_id is None:
            raise Refused("NOT_SIGNED_IN", why="no employee")
        self.rights().admit(token.employee_id, token.issued_at)
        return Actor(token.employee_id)

    def _key(self, method: contract.Method, envelope: Envelope) -> Person:
        """The API key of a program: it comes by the ways of people's tokens, and does what a permission names."""
        self._check_bearer(method, envelope, None)
        key = self.rights().admit_key(envelope.token)
        if not method.policy.permission:
            raise Refused("PERMISSION_MISSING", permission=method.full_name)
        return key

    def _check_bearer(self, method: contract.Method, envelope: Envelope, service: str | None) -> None:
        """Refuse a token in the hands of who may not bring it."""
        if envelope.certificate is None:
            return
        passed_on = method.read_only and service is None
        others = map(name_of, _passing_on()) if passed_on else ()
        if envelope.certificate.isdisjoint({name_of(service or "gateway"), *others}):
            raise Refused("NOT_SIGNED_IN", why="certificate")

    def _company(self, actor: Actor, envelope: Envelope) -> uuid.UUID:
        """The company that the call is about: the one that was asked for, else the employee's own."""
        if envelope.company:
            try:
                company = ids.parse(envelope.company)
            except ValueError:
                raise Refused("COMPANY_NOT_ALLOWED", company_id=envelope.company[:50]) from None
            if actor.employee_id and not self.rights().acts_for(actor.employee_id, company):
                raise Refused("COMPANY_NOT_ALLOWED", company_id=company)
            return company
        if actor.employee_id:
            return next(iter(self.rights().companies_of(actor.employee_id)), NO_COMPANY)
        return NO_COMPANY

    def _authorize(self, method: contract.Method, actor: Actor, company: uuid.UUID) -> policy.Reach | None:
        rule = method.policy
        if rule.public:
            return EVERYTHING
        if actor.service is not None:
            anybody = "*" in rule.services and actor.service not in authn.TOOLS
            if anybody or actor.service in rule.services:
                return EVERYTHING
            raise Refused("PERMISSION_MISSING", permission=rule.permission or method.full_name)
        assert actor.employee_id is not None
        if rule.signed_in:
            return policy.Reach(actor.employee_id)
        if not rule.permission:
            raise Refused("SERVICES_ONLY", method=method.full_name)
        reach = self.rights().reach(actor.employee_id, rule.permission, company)
        if reach is None:
            raise Refused("PERMISSION_MISSING", permission=rule.permission)
        return reach

    async def _read(
        self,
        method: contract.Method,
        request: Any,
        actor: Actor,
        company: uuid.UUID,
        reach: policy.Reach | None,
        envelope: Envelope,
    ) -> Any:
        async def attempt() -> tuple[Call, Any]:
            with fenced_to(self._fence(method, company), planned_anew=hasattr(request, "page_token")):
                async with self.read_sessions() as session, session.begin():
                    call = self._call(session, method, actor, company, reach, envelope)
                    answer = await self.service.handlers[method.full_name](request, call)
                    return call, self._as_message(call, answer)

        call, answer = await self._retrying(attempt)
        shown = audit_reads.of(method, request, answer, call, exporting=envelope.exporting)
        if shown is None and method.policy.audit:
            # a file leaves the suite: on record before its first byte goes
            shown = audit_reads.asked_for(method, request)
        if shown is not None:
            row = shown.row(call, telemetry.trace_id())
            await self._retrying(functools.partial(self._put_down, row))
        return await answer.printed() if isinstance(answer, paper.Sheet) else answer

    async def read_within(self, call: Call, method: contract.Method, request: Any) -> tuple[Any, Call]:
        """Another read of this service within a call that reads: as the same caller, by that method's own policy. Its
        reply, and the call that says what it hid.
        """
        assert method.read_only
        reach = self._authorize(method, call.actor, call.company_id)
        envelope = Envelope(token=call.token, locale=call.locale)
        inner = self._call(call.db, method, call.actor, call.company_id, reach, envelope)
        return self._as_message(inner, await self.service.handlers[method.full_name](request, inner)), inner

    async def _write(
        self,
        method: contract.Method,
        request: Any,
        actor: Actor,
        company: uuid.UUID,
        reach: policy.Reach | None,
        envelope: Envelope,
    ) -> Reply:
        hashed = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
        scope = {
            "company": company,
            "actor": actor.key,
            "method": method.full_name,
            "key": envelope.key,
            "hash": hashed,
        }

        async def attempt() -> Reply:
            faults.point("before_tx")
            with fenced_to(self._fence(method, company)):
                async with self.sessions() as session, session.begin():
                    keyed = method.policy.idempotency_key
                    if keyed:
                        stored = await self._claim_key(session, method, scope)
                        if stored is not None:
                            return Reply(stored, replayed=True)
                    faults.point("after_first_write")
                    call = self._call(session, method, actor, company, reach, envelope)
                    result = await self.service.handlers[method.full_name](request, call)
                    message = await self.finish(call, method.full_name, result, scope if keyed else None)
                    faults.point("before_commit")
            faults.point("after_commit")
            self.hand_over(call.outgoing)
            if any(row.subject.startswith(custom_fields.SUBJECTS) for row in call.outgoing):
                await custom_fields.reload(self)
            return Reply(message)

        return await self._retrying(attempt)  # type: ignore[no-any-return]

    async def _claim_key(self, session: AsyncSession, method: contract.Method, scope: dict[str, Any]) -> Any:
        """Insert the idempotency row; the stored reply where the key was used before for the same request."""
        if await run(session, _CLAIM_KEY, tuple(scope[name] for name in _CLAIM_NAMES)) is not None:
            return None
        found = (await session.execute(_FIND_KEY, scope)).one()
        if found.request_hash != scope["hash"]:
            raise Refused("IDEMPOTENCY_KEY_REUSED")
        return method.reply.FromString(found.response)

    # ---- shared by calls and reactions

    def _fence(self, method: contract.Method, company: uuid.UUID) -> uuid.UUID | None:
        """The company whose rows a call sees; None where its rows are the caller's own everywhere."""
        served_by = getattr(self.service.handlers[method.full_name], "__self__", None)
        return None if getattr(served_by, "every_company", False) else company

    def _call(
        self,
        session: AsyncSession,
        method: contract.Method | None,
        actor: Actor,
        company: uuid.UUID,
        reach: policy.Reach | None,
        envelope: Envelope,
    ) -> Call:
        call = Call(
            self,
            session,
            method,
            actor,
            company,
            reach,
            envelope.locale,
            envelope.traceparent,
            envelope.fields,
            envelope.token,
        )
        call.ip_address = envelope.ip_address
        return call

    def call_for_event(self, session: AsyncSession, actor: Actor, company: uuid.UUID, traceparent: str) -> Call:
        """What a reaction works with: everything of the event's company, as this service."""
        return Call(self, session, None, actor, company, EVERYTHING, traceparent=traceparent)

    async def finish(
        self,
        call: Call,
        method_name: str,
        result: Any = None,
        key: Mapping[str, Any] | None = None,
        later: list[list[Piece]] | None = None,
    ) -> Any:
        """Number, save, audit and announce what a handler did; the reply, kept under its key. The caller commits.

        One statement writes all of it: the handler's rows, audit entry and changes, outbox rows, readers, stored reply.
        Where several events share a transaction, what no handler reads is put into `later`, to be saved after them.
        """
        if call.named:
            await import_lookup.look_up(call)
        await numbering.allocate(call)
        changed = audit.collect(call)
        self._prepare(call, changed)
        rows = settle(call.db)
        message = self._as_message(call, result)
        vitals.about(changed)
        call.outgoing = [outbox.outgoing(call, announcement) for announcement in call.announcements]
        # what the stream would never take must not be promised to it
        if (size := max(map(outbox.size_of, call.outgoing), default=0)) > self.event_bytes:
            raise Refused("DOCUMENT_TOO_LARGE", bytes=size, limit_bytes=self.event_bytes)
        # a piece of a file leaves no entry of its own; everything else that writes does, reactions too
        on_record = call.method is None or call.method.policy.audit
        pieces = audit.pieces(call, method_name, changed, telemetry.trace_id()) if on_record else []
        if call.outgoing:
            pieces.append(Piece(outbox.INSERT, {**outbox.values(call.outgoing), "at": call.now()}))
        if call.readers:
            documents, employees = zip(*call.readers, strict=True)
            hidden, told = zip(*call.readers.values(), strict=True)
            paths = [",".join(one) for one in hidden]
            readers = {"readable": documents, "readers": employees, "hidden": paths, "told": told}
            pieces.append(Piece(_LET_READ, readers))
        if call.timers:
            pieces.append(timers.piece(call.timers))
        if key is not None:
            pieces.append(Piece(_KEEP_REPLY, {**key, "response": mapping.without_once(message).SerializeToString()}))
        if later is not None and not rows:
            later.append(pieces)
        else:
            await save_together(call.db, rows + pieces)
        return message

    def _prepare(self, call: Call, changed: list[Any]) -> None:
        """Put instants, versions and search words on the rows that are about to be saved."""
        now = call.now()
        touched = {key: row for key, row in call.tracked.items() if key in call.touched}
        deleted = call.db.deleted
        for row in ({id(row): row for row, _ in changed} | touched).values():
            if row in deleted:
                continue
            state = sa.inspect(row)
            if state.pending:
                row.created_at = row.created_at or now
            row.updated_at = now
            if state.persistent:
                # the version moves even where nothing else did
                flag_modified(row, "updated_at")
            if row.__search__ and (state.pending or _words_changed(row)):
                row.search = search_vector(row)

    def _as_message(self, call: Call, result: Any) -> Any:
        return call.reply(result) if isinstance(result, Document) else result

    async def _retrying(self, attempt: Callable[[], Awaitable[Any]]) -> Any:
        for tries in range(1, TRIES + 1):
            try:
                return await attempt()
            except PoolTimeout as error:
                raise Refused("SERVICE_UNAVAILABLE", service=self.service.name) from error
            except StaleDataError:
                raise Refused("STALE_ETAG", current_etag="") from None
            except (ConnectionError, TimeoutError) as error:
                raise Refused("SERVICE_UNAVAILABLE", service=self.service.name) from error
            except DBAPIError as error:
                state = sqlstate(error)
                plan_outdated = "cached statement" in str(error.orig)
                if tries < TRIES and (state in RETRIED or (plan_outdated and tries == 1)):
                    telemetry.count("heyi.tx.retries", sqlstate=state)
                    await asyncio.sleep(random.uniform(0.01, 0.05) * tries)  # noqa: S311
                    continue
                refusal = self._refusal_of(error, state)
                if refusal is error:
                    raise
                raise refusal from error
        raise AssertionError("the last try raises")

    def _refusal_of(self, error: DBAPIError, state: str) -> Exception:
        if state == LOCK_TIMEOUT:
            # who waits for a claim waits for the same request or event; any other lock is somebody else's work
            return Refused("IN_PROGRESS" if _CLAIMS.match(error.statement or "") else "BUSY")
        if is_away(error):
            # what became of it is not known: the caller asks again, under the same key
            return Refused("SERVICE_UNAVAILABLE", service=self.service.name)
        if isinstance(error, IntegrityError) and state in (UNIQUE, FOREIGN_KEY):
            return self._constraint_refusal(error, state)
        return error

    def _constraint_refusal(self, error: IntegrityError, state: str) -> Exception:
        """What a constraint of the database says, in the contract's words."""
        cause = getattr(error.orig, "__cause__", None)
        name = str(getattr(cause, "constraint_name", "") or "")
        # row-level security keeps the values out of the detail
        detail = re.search(r"\)=\((?P<values>[^)]*)\)", str(getattr(cause, "detail", "") or ""))
        values = detail["values"] if detail else ""
        models: list[Any] = [mapper.class_ for mapper in self.service.base.registry.mappers]
        for model in models:
            if name in getattr(model, "__refusals__", {}):
                return Refused(model.__refusals__[name], value=values)
        for table in {model.__table__: None for model in models}:
            for rule in (*table.constraints, *table.indexes):
                if rule.name == name:
                    reason = "ALREADY_EXISTS" if state == UNIQUE else "FIELD_NO_SUCH_DOCUMENT"
                    return Refused(reason, field=list(rule.columns)[-1].name, value=values.split(",")[-1].strip())
        return error

    async def _audit_refusal(
        self, method: contract.Method, actor: Actor, company: uuid.UUID, refusal: Refused, envelope: Envelope
    ) -> None:
        """A refused call is on record too, in a transaction of its own: its own was rolled back."""
        await self._put_down(
            {
                "id": ids.uuid7(),
                "at": self.clock.now(),
                "company_id": company,
                "actor_id": actor.person,
                "service": actor.service,
                "method": method.full_name,
                "outcome": "refused",
                "reason": refusal.reason,
                "facts": refusal.facts,
                "trace_id": telemetry.trace_id(),
                "kind": audit.kind_of(method, exporting=envelope.exporting),
                "ip_address": envelope.ip_address or None,
                "document_types": [audit.about(method)] if audit.about(method) else None,
            }
        )

    async def _put_down(self, entry: Mapping[str, Any]) -> None:
        """An entry of the trail by itself."""
        async with self.sessions() as session, session.begin():
            await session.execute(sa.insert(self.tables.audit_entry).values(entry))

    async def settle(self) -> None:
        """Wait for the calls that are under way."""
        while self.under_way:
            await asyncio.wait(set(self.under_way))


def _words_changed(row: Any) -> bool:
    before = sa.inspect(row).committed_state
    return any(name in before and before[name] != getattr(row, name) for name in row.__search__)


def search_vector(row: Any) -> str:
    """The words under which a document is found, as a tsvector: `'固定':1 '定资':2`."""
    return _vector(*(getattr(row, name) for name in row.__search__))


@functools.lru_cache(maxsize=1000)
def _vector(*texts: str | None) -> str:
    """Kept for a while: a document's title stands in its case, its turns and its notices."""
    words = SEARCH_WORDS.split(text.search_document(*texts).strip())
    quoted = (word.replace("\\", "\\\\").replace("'", "''")[:200] for word in words if word)
    return " ".join(f"'{word}':{position}" for position, word in enumerate(quoted, 1))


_CLAIM_KEY, _CLAIM_NAMES = numbered(
    "INSERT INTO idempotency (company_id, actor_id, method, key, request_hash) "
    "VALUES (:company, :actor, :method, :key, :hash) ON CONFLICT DO NOTHING RETURNING 1"
)
_CLAIMS = re.compile(r"INSERT INTO (idempotency|inbox)\b")
_FIND_KEY = sa.text(
    "SELECT request_hash, response FROM idempotency "
    "WHERE company_id = :company AND actor_id = :actor AND method = :method AND key = :key"
)
_LET_READ = """reader AS (
  INSERT INTO participant (document_id, employee_id, hidden, told)
  SELECT document_id, employee_id, string_to_array(hidden, ','), told
  FROM unnest(CAST(:readable AS uuid[]), CAST(:readers AS uuid[]), CAST(:hidden AS text[]), CAST(:told AS bigint[]))
    AS r(document_id, employee_id, hidden, told)
  WHERE NOT EXISTS (
    SELECT FROM participant p
    WHERE p.document_id = r.document_id AND p.employee_id = r.employee_id AND p.told >= r.told
  )
  ON CONFLICT (document_id, employee_id) DO UPDATE SET hidden = excluded.hidden, told = excluded.told
    WHERE participant.told < excluded.told
)"""
_KEEP_REPLY = """reply AS (
  UPDATE idempotency SET response = :response
  WHERE company_id = :company AND actor_id = :actor AND method = :method AND key = :key
)"""


def _ended_unheard(method: contract.Method, call: asyncio.Task[Reply]) -> None:
    """A call ended whose caller had hung up: a refusal stands in the trail already, a fault is said here."""
    error = None if call.cancelled() else call.exception()
    if error is not None and not isinstance(error, Refused):
        log.error("call failed, its caller had hung up", method=method.full_name, exc_info=error)
