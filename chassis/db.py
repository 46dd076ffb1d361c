"""Tables: the base of a service's models, what every document has, and the tables that the chassis itself keeps.

Each service has one Base, and with it one MetaData; the chassis' own tables are made for that MetaData, so that any
set of services can live in one process. Relationships never load by themselves (`lazy="raise"`): what a handler
needs is loaded by `Call.load`, in a number of statements that does not depend on the number of lines.
"""

from __future__ import annotations

import contextlib
import contextvars
import datetime
import decimal
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

import asyncpg
import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, relationship

from chassis import ids, telemetry
from chassis.import_tables import import_tables
from heyi.common.v1 import typed_fields_pb2
from heyi.platform.v1 import custom_fields_pb2

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
# design: a browser waits 15 s, the gateway 10 s, a service 5 s, a statement 3 s
SESSION = {
    "statement_timeout": "3000",
    "lock_timeout": "2000",
    "idle_in_transaction_session_timeout": "10000",
    "jit": "off",
}
# no connection, no room for one, the server stops or starts, is a copy that takes no writes (yet), or took longer over
# a statement or a lock than we wait
AWAY = ("08", "53", "57P", "25006", "57014", "55P03")


def utc() -> sa.DateTime:
    """Column type of an instant."""
    return sa.DateTime(timezone=True)


def decimal_of(precision: int, scale: int, **column: Any) -> Mapped[Any]:
    """A column of exact numbers."""
    return mapped_column(sa.Numeric(precision, scale), **column)


def service_base(service: str, *, timers: bool = False) -> type[DeclarativeBase]:
    """The Base of a service's models, with the chassis' tables in its metadata; `timers`: that of timers too."""

    class Base(DeclarativeBase):
        metadata = sa.MetaData(naming_convention=NAMING)
        type_annotation_map: ClassVar = {
            uuid.UUID: sa.Uuid(),
            str: sa.Text(),
            datetime.datetime: utc(),
            decimal.Decimal: sa.Numeric(18, 2),
            dict[str, Any]: pg.JSONB(none_as_null=True),
            list[str]: pg.ARRAY(sa.Text()),
            list[uuid.UUID]: pg.ARRAY(sa.Uuid()),
        }

    Base.metadata.info["service"] = service
    Base.metadata.info["tables"] = Tables(Base.metadata, timers=timers)
    Base.metadata.info["custom_field"] = _custom_field(Base)
    return Base


def tables_of(metadata: sa.MetaData) -> Tables:
    """The chassis' own tables in a service's metadata."""
    tables = metadata.info["tables"]
    assert isinstance(tables, Tables)
    return tables


class Document:
    """What every business document has. `version` guards against lost updates and travels as the etag."""

    __message__: ClassVar[Any]
    __transitions__: ClassVar[dict[tuple[str, str], str]] = {}
    __search__: ClassVar[tuple[str, ...]] = ()
    __unmapped__: ClassVar[tuple[str, ...]] = ()
    # attribute with the day or instant whose organisation the document shows; today's while that is empty
    __day__: ClassVar[str] = "created_at"
    # the action that ends a draft: until then nobody is asked for required fields (`custom_fields.missing`)
    __ends_draft__: ClassVar[str] = ""
    # somebody who only takes part in its approval may see less of it (`chassis.seeing`)
    __hides__: ClassVar[bool] = False
    # columns that hold open records -> what answers all fields that such records ever had (`chassis.import_lookup`)
    __held__: ClassVar[Mapping[str, Callable[[Any], Awaitable[Iterable[typed_fields_pb2.TypedField]]]]] = {}
    # name of a constraint -> refusal, where ALREADY_EXISTS and FIELD_NO_SUCH_DOCUMENT do not say enough
    __refusals__: ClassVar[dict[str, str]] = {}

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=ids.uuid7)
    version: Mapped[int] = mapped_column(sa.Integer, nullable=False)
    created_at: Mapped[datetime.datetime] = mapped_column(server_default=sa.func.clock_timestamp(), index=True)
    updated_at: Mapped[datetime.datetime] = mapped_column(server_default=sa.func.clock_timestamp())
    custom_fields: Mapped[dict[str, Any] | None] = mapped_column(pg.JSONB(none_as_null=True))

    @declared_attr.directive
    @classmethod
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.__table__.c.version, "eager_defaults": False}  # type: ignore[attr-defined]


def _custom_field(base: Any) -> Any:
    """The model of the fields that administrators add to a service's documents (`custom_fields`)."""

    class CustomField(Document, base):  # type: ignore[misc]
        __tablename__ = "custom_field"
        __message__ = custom_fields_pb2.CustomField
        __transitions__: ClassVar = {
            ("ACTIVE", "update"): "ACTIVE",
            ("ACTIVE", "move"): "ACTIVE",
            ("ACTIVE", "retire"): "RETIRED",
            ("ACTIVE", "delete"): "ACTIVE",
            ("RETIRED", "move"): "RETIRED",
            ("RETIRED", "restore"): "ACTIVE",
            ("RETIRED", "delete"): "RETIRED",
        }
        __table_args__ = (sa.UniqueConstraint("document_type", "key"),)

        document_type: Mapped[str]
        key: Mapped[str]
        field: Mapped[dict[str, Any]] = mapped_column(pg.JSONB(none_as_null=True))
        position: Mapped[int]
        only_company_id: Mapped[uuid.UUID | None]
        read_roles: Mapped[list[str]]
        write_roles: Mapped[list[str]]
        list_column: Mapped[bool]
        printed: Mapped[bool]
        state: Mapped[str] = mapped_column(default="ACTIVE")

    return CustomField


class Searchable:
    """A document that is found by words, codes and pinyin: `__search__` names the attributes that feed the column."""

    search: Mapped[str | None] = mapped_column(pg.TSVECTOR, deferred=True)

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        table: sa.Table = cls.__table__  # type: ignore[attr-defined]
        sa.Index(f"ix_{table.name}_search", table.c.search, postgresql_using="gin")


class Part:
    """A line of a document, or a line's own line. Saved, versioned and audited with its document."""

    __message__: ClassVar[Any]
    __unmapped__: ClassVar[tuple[str, ...]] = ()

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=ids.uuid7)
    line_number: Mapped[int] = mapped_column(sa.Integer, nullable=False)


def part_of(table: str) -> Mapped[uuid.UUID]:
    """The reference of a part to the row that it belongs to."""
    return mapped_column(sa.ForeignKey(f"{table}.id", ondelete="CASCADE"), index=True, nullable=False)


def lines_of(kind: str) -> Any:
    """The parts of a document, in the order of their numbers. Loaded by Call.load, never by themselves."""
    return relationship(kind, order_by=f"{kind}.line_number", cascade="all, delete-orphan", lazy="raise")


class Tables:
    """The chassis' own tables, once per service."""

    def __init__(self, metadata: sa.MetaData, *, timers: bool = False) -> None:
        def instant(name: str, *, index: bool = False) -> sa.Column[Any]:
            default = sa.func.clock_timestamp()
            return sa.Column(name, utc(), nullable=False, server_default=default, index=index)

        self.idempotency = sa.Table(
            "idempotency",
            metadata,
            sa.Column("company_id", sa.Uuid(), primary_key=True),
            sa.Column("actor_id", sa.Text(), primary_key=True),
            sa.Column("method", sa.Text(), primary_key=True),
            sa.Column("key", sa.Text(), primary_key=True),
            sa.Column("request_hash", sa.LargeBinary(), nullable=False),
            sa.Column("response", sa.LargeBinary()),
            instant("created_at", index=True),
        )
        self.outbox = sa.Table(
            "outbox",
            metadata,
            sa.Column("event_id", sa.Uuid(), primary_key=True),
            sa.Column("aggregate_type", sa.Text(), nullable=False),
            sa.Column("aggregate_id", sa.Uuid(), nullable=False),
            sa.Column("version", sa.Integer(), nullable=False),
            sa.Column("subject", sa.Text(), nullable=False),
            sa.Column("payload", sa.LargeBinary(), nullable=False),
            sa.Column("headers", pg.JSONB(), nullable=False),
            instant("created_at"),
            sa.Column("published_at", utc()),
            sa.UniqueConstraint("aggregate_id", "version", "subject"),
        )
        # the relay's question: what is not published yet, oldest first
        sa.Index(
            "ix_outbox_todo",
            self.outbox.c.created_at,
            self.outbox.c.event_id,
            postgresql_where=self.outbox.c.published_at.is_(None),
        )
        sa.Index("ix_outbox_created_at", self.outbox.c.created_at)
        # the sweep's order: the database's own clock, which no service's clock can disturb
        sa.Index("ix_outbox_published_at", self.outbox.c.published_at, self.outbox.c.event_id)
        self.inbox = sa.Table(
            "inbox",
            metadata,
            sa.Column("consumer", sa.Text(), primary_key=True),
            sa.Column("event_id", sa.Uuid(), primary_key=True),
            instant("processed_at", index=True),
        )
        # up to where a consumer has compared what a source published with what it has seen
        self.watermark = sa.Table(
            "watermark",
            metadata,
            sa.Column("consumer", sa.Text(), primary_key=True),
            sa.Column("source", sa.Text(), primary_key=True),
            sa.Column("token", sa.Text(), nullable=False),
            instant("swept_at"),
        )
        self.parked_event = sa.Table(
            "parked_event",
            metadata,
            sa.Column("id", sa.Uuid(), primary_key=True),
            sa.Column("consumer", sa.Text(), nullable=False),
            sa.Column("event_id", sa.Uuid(), nullable=False),
            sa.Column("subject", sa.Text(), nullable=False),
            sa.Column("aggregate_id", sa.Text(), nullable=False),
            sa.Column("payload", sa.LargeBinary(), nullable=False),
            sa.Column("headers", pg.JSONB(), nullable=False),
            sa.Column("error", sa.Text(), nullable=False),
            sa.Column("attempts", sa.Integer(), nullable=False),
            instant("first_at"),
            sa.Column("replay_requested_at", utc(), index=True),
            sa.Column("resolved_at", utc()),
            sa.Column("resolved_by", sa.Text()),
            sa.UniqueConstraint("consumer", "event_id"),
        )
        self.audit_entry = sa.Table(
            "audit_entry",
            metadata,
            sa.Column("id", sa.Uuid(), primary_key=True),
            instant("at"),
            sa.Column("company_id", sa.Uuid()),
            sa.Column("actor_id", sa.Uuid()),
            sa.Column("service", sa.Text()),
            sa.Column("method", sa.Text(), nullable=False),
            sa.Column("outcome", sa.Text(), nullable=False),
            sa.Column("reason", sa.Text()),
            sa.Column("facts", pg.JSONB()),
            sa.Column("trace_id", sa.Text()),
            sa.Column("kind", sa.Text(), nullable=False, server_default="CHANGED"),
            sa.Column("on_behalf_id", sa.Uuid()),
            sa.Column("ip_address", sa.Text()),
            # `<service>.<document>` of all that it is about; the documents of a change are in its own rows
            sa.Column("document_types", pg.ARRAY(sa.Text())),
            sa.Column("document_ids", pg.ARRAY(sa.Uuid())),
            # by the database's own clock, which no service's clock can disturb: what seals go by
            instant("recorded_at", index=True),
        )
        entry = self.audit_entry.c
        sa.Index("ix_audit_entry_at", entry.at, entry.id)
        # one index for each way of looking: newest first among those of a person, a kind, a company ..
        for name in ("actor_id", "kind", "company_id", "on_behalf_id", "ip_address", "service"):
            some = None if name in ("kind", "company_id") else entry[name].is_not(None)
            sa.Index(f"ix_audit_entry_{name}", entry[name], entry.at, entry.id, postgresql_where=some)
        sa.Index("ix_audit_entry_refused", entry.at, entry.id, postgresql_where=entry.outcome != "done")
        sa.Index("ix_audit_entry_trace_id", entry.trace_id)
        for name in ("document_types", "document_ids"):
            where = entry[name].is_not(None)
            sa.Index(f"ix_audit_entry_{name}", entry[name], postgresql_using="gin", postgresql_where=where)
        self.audit_change = sa.Table(
            "audit_change",
            metadata,
            sa.Column("id", sa.Uuid(), primary_key=True),
            sa.Column("entry_id", sa.ForeignKey("audit_entry.id"), nullable=False, index=True),
            sa.Column("document_type", sa.Text(), nullable=False),
            sa.Column("document_id", sa.Uuid(), nullable=False),
            sa.Column("version", sa.Integer(), nullable=False),
            sa.Column("changes", pg.JSONB(), nullable=False),
            sa.Index("ix_audit_change_document", "document_id", "id"),
        )
        # entries as they were once they were committed for good, in a chain (`audit_seals`)
        self.audit_seal = sa.Table(
            "audit_seal",
            metadata,
            sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
            sa.Column("day", sa.Date(), nullable=False, index=True),
            sa.Column("until", utc(), nullable=False, index=True),
            sa.Column("entry_ids", pg.ARRAY(sa.Uuid()), nullable=False),
            sa.Column("kinds", pg.ARRAY(sa.Text()), nullable=False),
            sa.Column("entry_hashes", pg.ARRAY(sa.LargeBinary()), nullable=False),
            sa.Column("previous", sa.LargeBinary(), nullable=False),
            sa.Column("hash", sa.LargeBinary(), nullable=False),
        )
        # up to where entries of a kind were thrown away, their time being over
        self.audit_expiry = sa.Table(
            "audit_expiry",
            metadata,
            sa.Column("kind", sa.Text(), primary_key=True),
            sa.Column("before", utc(), nullable=False),
            sa.Column("count", sa.BigInteger(), nullable=False),
        )
        self.number_series = sa.Table(
            "number_series",
            metadata,
            sa.Column("company_id", sa.Uuid(), primary_key=True),
            sa.Column("series", sa.Text(), primary_key=True),
            sa.Column("period", sa.Text(), primary_key=True),
            sa.Column("last", sa.Integer(), nullable=False),
        )
        # employees who may read a document although no grant of theirs reaches it: those who were asked about it
        self.participant = sa.Table(
            "participant",
            metadata,
            sa.Column("document_id", sa.Uuid(), primary_key=True),
            sa.Column("employee_id", sa.Uuid(), primary_key=True),
            # paths of what they may not see, and a number that says how new that is
            sa.Column("hidden", pg.ARRAY(sa.Text()), nullable=False, server_default="{}"),
            sa.Column("told", sa.BigInteger(), nullable=False, server_default="0"),
            sa.Index("ix_participant_employee_id", "employee_id"),
        )
        self.import_batch, self.import_row = import_tables(metadata, instant)
        self.timer = self._timer(metadata, instant) if timers else None

    @staticmethod
    def _timer(metadata: sa.MetaData, instant: Any) -> sa.Table:
        """What happens later by itself (`timers`). Due by the service's clock; leased by the database's own."""
        due, error = sa.Column("due_time", utc()), sa.Column("error", sa.Text(), nullable=False, server_default="")
        return sa.Table(
            "timer",
            metadata,
            sa.Column("id", sa.Uuid(), primary_key=True),
            sa.Column("company_id", sa.Uuid(), nullable=False),
            # NULL while it stands still; then `left_seconds` says how much was left
            due,
            sa.Column("left_seconds", sa.Integer()),
            sa.Column("handler", sa.Text(), nullable=False),
            sa.Column("subject_id", sa.Uuid(), nullable=False, index=True),
            sa.Column("part_id", sa.Uuid(), nullable=False),
            sa.Column("facts", pg.JSONB(), nullable=False),
            instant("created_at"),
            sa.Column("leased_until", utc()),
            sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
            error,
            sa.Index("ix_timer_due_time", due),
            sa.Index("ix_timer_failing", due, postgresql_where=error != ""),
        )


EVERY_COMPANY = "*"
PINGED_AFTER_SECONDS = 5.0
_settings: contextvars.ContextVar[str] = contextvars.ContextVar("heyi_settings", default="")


@contextlib.contextmanager
def fenced_to(company: uuid.UUID | None, *, planned_anew: bool = False) -> Iterator[None]:
    """Transactions that begin inside see and write rows of this company only; None: of every company.

    `planned_anew`: each statement is planned for its values. A list needs that: the plan that suits somebody with
    thousands of rows walks through all of them for somebody with none, and after five executions PostgreSQL makes one
    for everybody.
    """
    settings = f" SET LOCAL heyi.company = '{company if company is not None else EVERY_COMPANY}'"
    token = _settings.set(settings + "; SET LOCAL plan_cache_mode = force_custom_plan" * planned_anew)
    try:
        yield
    finally:
        _settings.reset(token)


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """Says with BEGIN itself which company the row-level fence lets through: one round trip instead of two."""

    __slots__ = ()

    async def execute(self, query: str, *args: Any, **named: Any) -> Any:
        if query.startswith("BEGIN"):
            query += _settings.get()
        return await super().execute(query, *args, **named)


def _ping_what_rested(engine: AsyncEngine) -> None:
    """Ask a connection whether it lives only after it rested: a ping is three round trips.

    One that dies within these seconds fails its transaction at BEGIN, which the caller is told as unavailable.
    """
    dialect = engine.sync_engine.dialect

    @sa.event.listens_for(engine.sync_engine, "checkin")
    def note(_connection: Any, record: Any) -> None:
        record.info["rests_since"] = time.monotonic()

    @sa.event.listens_for(engine.sync_engine, "checkout")
    def ping(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("rests_since", time.monotonic()) < PINGED_AFTER_SECONDS:
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as gone:
            raise sa.exc.DisconnectionError from gone


def is_away(problem: BaseException) -> bool:
    """Whether the database could not be asked, or answered too late: asked again later it may."""
    if not isinstance(problem, sa.exc.DBAPIError):
        # a server that refuses the connection, or a pool without a free one
        return isinstance(problem, sa.exc.TimeoutError | ConnectionError | TimeoutError)
    return problem.connection_invalidated or sqlstate(problem).startswith(AWAY)


def one_at_a_time(what: str) -> sa.Select[Any]:
    """Waits until nobody else is at `what`, which is ours until the transaction ends."""
    return sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(what, 0)))


def sqlstate(problem: sa.exc.DBAPIError) -> str:
    """PostgreSQL's code of what went wrong; empty where it said none."""
    return str(getattr(problem.orig, "sqlstate", "") or "")


def address_of(url: str) -> sa.URL:
    """A database's address for SQLAlchemy. What follows the question mark (`sslmode`, `sslrootcert`) is asyncpg's."""
    return sa.make_url(url).set(drivername="postgresql+asyncpg", query={})


def engine_for(url: str, *, pool_size: int = 8) -> AsyncEngine:
    """An engine with the suite's limits. The pool gives up before any deadline does."""
    engine = create_async_engine(
        address_of(url),
        pool_size=pool_size,
        max_overflow=4,
        pool_timeout=2,
        pool_recycle=900,
        pool_use_lifo=True,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        connect_args={"dsn": url, "server_settings": SESSION, "timeout": 5, "connection_class": _Connection},
        hide_parameters=True,
    )
    _ping_what_rested(engine)
    telemetry.watch(engine)
    return engine
