"""What a handler may touch: rows it may see, the clock, numbers, announcements, questions to other services.

A handler loads, decides and announces. It never commits, catches, checks permissions or talks to the message bus:
the runtime does all of that around it, once.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from google.protobuf import empty_pb2
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import contract, custom_fields, ids, mapping, naming, policy, query, seeing, statements
from chassis.db import tables_of
from chassis.errors import Refused
from chassis.organisation import Organisation, Place

if TYPE_CHECKING:
    from chassis.outbox import Outgoing
    from chassis.runtime import Runtime

__all__ = ["Actor", "Call", "Refused", "same_version"]

NO_COMPANY = uuid.UUID(int=0)
# the column of a list that says what a row hides from the caller
HIDDEN = "hidden_from_caller"
# the common orders of a list
NEVER_HIDDEN = frozenset({"id", "number", "state", "created_at", "updated_at"})
EVERYTHING = policy.Reach(NO_COMPANY, all=True)
Row = TypeVar("Row")


@dataclass(frozen=True)
class Actor:
    """Who calls: an employee, or a service that acts for one (`caused_by`) or by itself."""

    employee_id: uuid.UUID | None
    service: str | None = None
    caused_by: uuid.UUID | None = None

    @property
    def person(self) -> uuid.UUID | None:
        """The employee who calls, or whose act a service carries on."""
        return self.employee_id or self.caused_by

    @property
    def key(self) -> str:
        """Name of the actor in idempotency rows."""
        return str(self.employee_id or self.service)


@dataclass
class Announcement:
    """An event that will stand in the outbox when the transaction commits."""

    kind: type[contract.Message]
    row: Any
    extra: dict[str, Any]
    audience: set[uuid.UUID]
    parts: bool = True


@dataclass
class Call:
    """One call of one method, or one event being worked on, inside its transaction."""

    runtime: Runtime
    db: AsyncSession
    method: contract.Method | None
    actor: Actor
    company_id: uuid.UUID
    reach: policy.Reach | None
    locale: str = "zh-CN"
    traceparent: str = ""
    fields: str = ""
    # the caller's own, for questions that are answered by the caller's rights
    token: str = field(default="", repr=False)
    announcements: list[Announcement] = field(default_factory=list)
    outgoing: list[Outgoing] = field(default_factory=list)
    numbers: list[tuple[Any, str | None, str]] = field(default_factory=list)
    tracked: dict[int, Any] = field(default_factory=dict)
    extra_audience: set[uuid.UUID] = field(default_factory=set)
    # (document, employee) who may read from now on: what is hidden from them, and how new that is
    readers: dict[tuple[uuid.UUID, uuid.UUID], seeing.Told] = field(default_factory=dict)
    # what is hidden from the caller in the documents that were loaded
    hidden: dict[uuid.UUID, frozenset[str]] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)
    # copies that are written together with those of other events; None where each is written at once
    copies: list[tuple[Any, dict[str, Any]]] | None = None
    # timers that run from the commit on (`timers.start`)
    timers: list[dict[str, Any]] = field(default_factory=list)
    # documents that values of custom fields name: path, type, id; looked up when the call is saved
    named: list[tuple[str, str, str]] = field(default_factory=list)
    # from where the caller asks; for whom they act by a delegation
    ip_address: str = ""
    on_behalf_id: uuid.UUID | None = None

    # ---- who, when, where

    @property
    def organisation(self) -> Organisation:
        """The group as it stands: people, departments, posts, companies, rights."""
        return self.runtime.rights().organisation

    @property
    def company(self) -> Place:
        """The company that the call is about."""
        return self.organisation.companies[self.company_id]

    @property
    def service(self) -> str:
        return self.runtime.service.name

    def now(self) -> datetime.datetime:
        """This instant, UTC."""
        return self.runtime.clock.now()

    def today(self) -> datetime.date:
        """The business day of the call's company."""
        return self.organisation.today(self.company_id)

    def can(self, permission: str) -> bool:
        """Whether the caller holds a permission in this company, whatever its reach."""
        return self._reach(permission) is not None

    def _reach(self, permission: str) -> policy.Reach | None:
        if self.actor.employee_id is None:
            return EVERYTHING
        return self.runtime.rights().reach(self.actor.employee_id, permission, self.company_id, self.today())

    # ---- reading

    async def load(
        self,
        model: type[Row],
        key: str | uuid.UUID,
        *,
        etag: str | None = None,
        lock: bool | None = None,
        scope: bool = True,
        parts: bool = True,
    ) -> Row:
        """One document with its lines, if the caller may reach it. A method that writes locks the row.

        Raises DOCUMENT_NOT_FOUND, also for what belongs to others; STALE_ETAG where `etag` is not the row's.
        """
        identifier = key if isinstance(key, uuid.UUID) else _identifier(key)
        locked = lock if lock is not None else not (self.method and self.method.read_only)
        kind: Any = model
        statement = statements.loading(kind, parts, locked)
        blind = self.blind_to(model) if scope else None
        if scope:
            statement = statement.where(*self.scope_of(model))
        if blind is not None:
            statement = statement.add_columns(blind)
        found = None
        if identifier is not None:
            found = (await self.db.execute(statement, {"key": identifier})).one_or_none()
        if found is None:
            raise Refused("DOCUMENT_NOT_FOUND", document_type=_type_of(model), id=str(key)[:50])
        row = found[0]
        if blind is not None:
            self.hidden[row.id] = frozenset(found[1] or ())
        same_version(row, etag)
        self.tracked[id(row)] = row
        return row  # type: ignore[no-any-return]

    async def page(
        self,
        model: Any,
        request: Any,
        *,
        where: Sequence[Any] = (),
        ways: Sequence[Any] = (),
        scope: bool = True,
        default_order: str = "",
        also: Sequence[Any] = (),
        own: Sequence[Any] | None = None,
    ) -> Any:
        """One page of a list, as the request's filter, order and search say. One statement; one more to summarize.

        Rows for which every condition of `where` holds and, without a scope, one of `ways`, each of which has an index.
        A search finds rows that hold its words, or for which one condition of `also` holds. What a row hides from the
        caller is not told: neither does a filter or a search find it by that, nor is it counted into a sum; sorting
        by it is refused. `own` are conditions of rows that hide nothing, where they do not follow from the scope.
        """
        assert self.method is not None
        plan = mapping.plan_for(model)
        reply: Any = self.method.reply()
        within, ways = self._scope(model) if scope else ([], list(ways))
        conditions = [*where, *within]
        blind = self.blind_to(model, own)
        if (condition := query.where(plan, request.filter, self._custom_term(model))) is not None:
            conditions.append(condition)
            if blind is not None:
                conditions.append(sa.not_(statements.hides(blind, query.names_in(request.filter))))
        if request.search and (condition := query.search_condition(model, request.search)) is not None:
            if blind is not None:
                condition = sa.and_(condition, sa.not_(statements.hides(blind, model.__search__)))
            conditions.append(sa.or_(condition, *also))
        default = default_order or contract.load().document_of(model.__message__).default_order
        wanted = frozenset(self.fields.split(",")) if self.fields else None
        custom = custom_fields.orders(self, model, request.order_by)
        order, rows_of = statements.rows_of(model, wanted, request.order_by, default, custom)
        if blind is not None:
            await self._refuse_hidden_order(model, blind, order)
            rows_of = rows_of.add_columns(blind.label(HIDDEN))
        if request.summarize:
            await self._summarize(model, plan, [*conditions, *statements.any_of(ways)], reply, blind)
        hashed = query.query_hash(request.filter, request.order_by, request.search, str(self.company_id))
        size = query.page_size(request.page_size)
        behind = []
        if request.page_token:
            behind = [query.after(order, query.values_of(order, request.page_token, hashed))]
        if len(ways) > 1:
            # each way has its index, their OR has none: the page is the first of the first rows of every way
            keys = rows_of.with_only_columns(model.id).where(*conditions, *behind).limit(size + 1)
            firsts = [sa.select(keys.where(way).subquery()) for way in ways]
            rows_of = rows_of.where(model.id.in_(sa.union_all(*firsts)))
        else:
            rows_of = rows_of.where(*conditions, *behind, *statements.any_of(ways))
        rows = await self._rows(rows_of.limit(size + 1))
        into = getattr(reply, _list_field(reply, plan.message))
        write = plan.writer(wanted, in_order=True)
        present = (
            self._presenter(model, wanted)
            if wanted is None
            or _computed(model, wanted)
            or hasattr(model, "__present__")
            or blind is not None
            or custom_fields.unseen(self, custom_fields.fields_of(self, model))
            else None
        )
        for row in rows[:size]:
            message = write(row, into.add)
            if present is not None:
                present(row, message)
        if len(rows) > size:
            reply.next_page_token = query.token_of(order, rows[size - 1], hashed)
        return reply

    def _custom_term(self, model: Any) -> query.Term:
        return lambda name, operator, raw: custom_fields.condition(self, model, name, operator, raw)

    async def _rows(self, statement: Any) -> Sequence[Any]:
        """Columns by their names: asked past the session, which has nothing to keep of them."""
        return await self.db.run_sync(lambda session: session.connection().execute(statement).all())

    async def _summarize(
        self, model: Any, plan: mapping.Plan, conditions: list[Any], reply: Any, blind: Any = None
    ) -> None:
        totals = [f for f in plan.fields.values() if f.spec.total]
        if totals:
            sums: list[Any] = [sa.func.sum(getattr(model, f.attribute)) for f in totals]
            if blind is not None:
                # a sum that leaves rows out would be a wrong one
                hidden = (sa.func.coalesce(sa.func.bool_or(statements.hides(blind, [f.name])), False) for f in totals)
                sums = [sa.case((one, None), else_=whole) for one, whole in zip(hidden, sums, strict=True)]
            row = (await self.db.execute(sa.select(sa.func.count(), *sums).where(*conditions))).one()
            reply.total_size = row[0]
            reply.totals.update({f.name: format(v, "f") for f, v in zip(totals, row[1:], strict=True) if v is not None})
            return
        some = sa.select(sa.literal(1)).select_from(model).where(*conditions).limit(query.COUNT_LIMIT + 1).subquery()
        count = (await self.db.execute(sa.select(sa.func.count()).select_from(some))).scalar_one()
        reply.total_size = min(count, query.COUNT_LIMIT)
        reply.total_size_capped = count > query.COUNT_LIMIT

    async def _refuse_hidden_order(self, model: Any, blind: Any, order: Sequence[query.Order]) -> None:
        """An order tells of what it sorts by."""
        asked = [key.attribute for key in order if key.attribute not in NEVER_HIDDEN]
        if not asked:
            return
        told = tables_of(model.metadata).participant
        mine = sa.select(told.c.document_id).where(
            told.c.employee_id == self.actor.employee_id, statements.overlaps(told.c.hidden, asked)
        )
        found = sa.select(model.id).where(model.id.in_(mine), statements.hides(blind, asked)).limit(1)
        if (await self.db.execute(found)).first() is not None:
            raise Refused("FIELD_HIDDEN", name=asked[0])

    async def batch(self, model: Any, request: Any, *, scope: bool = True, own: Sequence[Any] | None = None) -> Any:
        """Headers of several documents by id; ids out of the caller's reach are left out."""
        assert self.method is not None
        plan = mapping.plan_for(model)
        reply = self.method.reply()
        keys = [key for key in map(_identifier, request.ids) if key is not None]
        within = self.scope_of(model) if scope else ()
        statement = sa.select(*statements.columns(model, plan)).where(model.id.in_(keys), *within)
        if (blind := self.blind_to(model, own)) is not None:
            statement = statement.add_columns(blind.label(HIDDEN))
        into = getattr(reply, _list_field(reply, plan.message))
        write, present = plan.writer(in_order=True), self._presenter(model)
        recorded = [name for name, known in plan.fields.items() if known.spec.recorded]
        for row in await self._rows(statement):
            message = write(row, into.add)
            present(row, message)
            for name in recorded:
                message.ClearField(name)
        return reply

    def scope_of(self, model: Any, permission: str = "", *, taking_part: bool = True) -> list[Any]:
        """SQL conditions for the rows that the caller may reach: the company's, then by the grants' scopes, or, in a
        call that reads, since they take part.
        """
        within, ways = self._scope(model, permission, taking_part)
        return [*within, *statements.any_of(ways)]

    def _scope(self, model: Any, permission: str = "", taking_part: bool = True) -> tuple[list[Any], list[Any]]:
        """Conditions of every row within reach, and the ways to a row, of which one must hold; none where all do."""
        reach = self._reach(permission) if permission else self.reach
        if reach is None:
            return [sa.false()], []
        conditions: list[Any] = []
        if hasattr(model, "company_id"):
            conditions.append(model.company_id == self.company_id)
        whole = reach.all or self.company_id in reach.companies
        if whole or not hasattr(model, "owner_id"):
            return conditions, []
        ways: list[Any] = [model.department_id.in_(reach.departments)] if reach.departments else []
        if reach.own:
            ways.append(model.owner_id == self.actor.employee_id)
        if taking_part and (self.method is None or self.method.read_only):
            ways.append(self.takes_part(model))
        return conditions, ways or [sa.false()]

    def blind_to(self, model: Any, own: Sequence[Any] | None = None, permission: str = "") -> Any:
        """SQL: the paths that a row hides from the caller; None where no row can hide anything. A row that the caller
        may see in an own right hides nothing: by the scope, or where one of `own` holds.
        """
        if not model.__hides__ or self.actor.employee_id is None or not (self.method and self.method.read_only):
            return None
        if own is None:
            reach = self._reach(permission) if permission else self.reach
            if reach is None or reach.all or self.company_id in reach.companies:
                return None
            own = [model.department_id.in_(reach.departments), model.owner_id == self.actor.employee_id]
        told = tables_of(model.metadata).participant
        mine = sa.and_(told.c.document_id == model.id, told.c.employee_id == self.actor.employee_id)
        hidden = sa.select(told.c.hidden).where(mine).correlate(model).scalar_subquery()
        return sa.case((sa.or_(*own), sa.cast([], pg.ARRAY(sa.Text()))), else_=hidden)

    def hides(self, row: Any, *paths: str) -> bool:
        """Whether a document that was loaded hides one of these from the caller."""
        return not self.hidden.get(row.id, frozenset()).isdisjoint(paths)

    def takes_part(self, model: Any) -> Any:
        """Rows that the caller was asked about."""
        participant = tables_of(model.metadata).participant
        return model.id.in_(sa.select(participant.c.document_id).where(participant.c.employee_id == self.actor.person))

    async def every_company(self) -> None:
        """Look beyond the call's company from here on. Who always does says so: `every_company` of its rpc class."""
        await self.db.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))

    # ---- writing

    async def create(self, model: type[Row], message: Any) -> Row:
        """A new document out of a request's message; the caller owns it. Raises Refused with the fields at fault."""
        plan = mapping.plan_for(model)
        values = self.values_of(model, message)
        parts = {k: values.pop(k) for k in [f.attribute for f in plan.fields.values() if f.part] if k in values}
        row = model(**values)
        for known in plan.fields.values():
            if known.part is not None:
                mapping.fill_parts(known, row, parts.get(known.attribute, []))
        if hasattr(model, "owner_id") and self.actor.employee_id is not None:
            row.owner_id = self.actor.employee_id  # type: ignore[attr-defined]
            row.department_id = self.own_department()  # type: ignore[attr-defined]
        return self.add(row)

    def values_of(self, model: Any, message: Any) -> dict[str, Any]:
        """Attribute values of a message that makes a document. Raises Refused with every field at fault."""
        values = mapping.read_new(mapping.plan_for(model), message)
        if custom_fields.takes_fields(model):
            sent = values.get(custom_fields.COLUMN)
            complete = not model.__ends_draft__
            values[custom_fields.COLUMN] = custom_fields.taken(self, model, sent, complete=complete)
        return values

    def own_department(self) -> uuid.UUID:
        """The caller's department, whose their documents are. Refuses whoever has none, as the administrator does."""
        assert self.actor.employee_id is not None
        department = self.organisation.people[self.actor.employee_id].department_id
        if department is None:
            raise Refused("DEPARTMENT_MISSING")
        return department

    def add(self, row: Row) -> Row:
        """A new document made by a rule: saved, numbered, audited with the call."""
        new: Any = row
        new.id = new.id or ids.uuid7()
        if hasattr(new, "company_id") and new.company_id is None:
            new.company_id = self.company_id
        if new.__transitions__ and new.state is None:
            new.state = type(new).__table__.c.state.default.arg
        self.db.add(row)
        self.tracked[id(row)] = row
        return row

    def update(self, row: Any, message: Any, mask: Any = None) -> None:
        """Put the fields that a request names into a row; lines are replaced as a whole, matched by their ids."""
        plan = mapping.plan_for(type(row))
        values = mapping.read_update(plan, row, message, mask.paths if mask is not None else ())
        if custom_fields.COLUMN in values and custom_fields.takes_fields(type(row)):
            sent = values[custom_fields.COLUMN]
            values[custom_fields.COLUMN] = custom_fields.taken(
                self, type(row), sent, row.custom_fields, complete=not row.__ends_draft__
            )
        by_attribute = {f.attribute: f for f in plan.fields.values()}
        for attribute, value in values.items():
            if by_attribute[attribute].part is not None:
                mapping.fill_parts(by_attribute[attribute], row, value)
            else:
                setattr(row, attribute, value)
        self.touch(row)

    def touch(self, row: Any) -> None:
        """The document gets a new version with this call, even if only its lines changed."""
        self.tracked[id(row)] = row
        self.touched.add(id(row))

    def forget(self) -> None:
        """Give up every change that was made so far, none of which is saved: what is loaded next is as it was."""
        self.db.expunge_all()
        self.tracked.clear()
        self.touched.clear()
        self.announcements.clear()
        self.readers.clear()
        self.numbers.clear()
        self.named.clear()

    async def delete(self, row: Any) -> empty_pb2.Empty:
        """Remove a draft."""
        self.tracked[id(row)] = row
        await self.db.delete(row)
        return empty_pb2.Empty()

    def next_number(self, row: Any, pattern: str | None = None, attribute: str = "number") -> None:
        """The row gets the next number of its type when the call is saved: last, so that the lock is short.

        `pattern` is for a type whose documents say themselves how they are numbered.
        """
        self.numbers.append((row, pattern, attribute))

    def announce(
        self,
        kind: type[contract.Message],
        row: Row,
        audience: Iterable[uuid.UUID] = (),
        *,
        parts: bool = True,
        **extra: Any,
    ) -> Row:
        """Tell the other services, once this call is committed. The event holds the document's snapshot.

        Without `parts` it is the head alone, of a document whose lines were not read.
        """
        self.touch(row)
        self.announcements.append(Announcement(kind, row, extra, set(audience), parts))
        return row

    def audience(self, employee_ids: Iterable[uuid.UUID]) -> None:
        """These employees too get the live notice of what this call announces."""
        self.extra_audience.update(employee_ids)

    def grant_read(
        self,
        row: Any,
        employee_ids: Iterable[uuid.UUID],
        sight: Mapping[str, seeing.Told] = MappingProxyType({}),
    ) -> None:
        """Who was asked about a document may read it once this call is committed; `sight` says what they may not see of
        it and how new that is: what was told earlier, and comes later, changes nothing.
        """
        for employee_id in employee_ids:
            told = sight.get(str(employee_id), ((), 0))
            if told[1] >= self.readers.get((row.id, employee_id), told)[1]:
                self.readers[row.id, employee_id] = told

    async def copy(self, model: Any, key: uuid.UUID, version: int, values: Mapping[str, Any]) -> None:
        """Keep a read copy of another service's document: an older version never replaces a newer.

        It is there at the end of the reaction at the latest, together with those of other events of its subject.
        """
        statement, row = statements.newest(model, tuple(values)), {"id": key, "version": version, **values}
        if self.copies is None:
            await self.db.execute(statement, row)
        else:
            self.copies.append((statement, row))

    async def ask(self, target: str, method: str, request: contract.Message, *, as_caller: bool = False) -> Any:
        """Ask another service before a decision: `ask("approval", "heyi.approval.v1.Cases/SimulateCases", request)`.

        `as_caller`: with the caller's token, so that the answer is what the caller may see; reads only. Raises what the
        other refused, or SERVICE_UNAVAILABLE.
        """
        return await self.runtime.clients.ask(target, method, request, self, as_caller=as_caller)

    # ---- replies

    def reply(self, row: Any, *, parts: bool = True) -> Any:
        """The row as its message, with the actions that the caller may take now. Only when it is being saved."""
        plan = mapping.plan_for(type(row))
        return self._presenter(type(row))(row, plan.to_message(row, with_parts=parts), whole=parts)

    def _presenter(self, model: Any, wanted: frozenset[str] | None = None) -> Any:
        prefix = contract.load().document_of(model.__message__).name
        reaches: dict[str, policy.Reach | None] = {}
        hook = getattr(model, "__present__", None)
        shown = frozenset(model.__message__.DESCRIPTOR.fields_by_name) if wanted is None else wanted
        # of the fields that were added, those that the caller's roles do not show
        added = custom_fields.fields_of(self, model) if custom_fields.COLUMN in shown else custom_fields.NO_FIELDS
        unseen = custom_fields.unseen(self, added)
        names = naming.Naming(self.organisation, model, shown)

        def reaches_row(action: str, row: Any) -> bool:
            if action not in reaches:
                reaches[action] = self._reach(f"{prefix}.{action}")
            reach = reaches[action]
            if reach is None or not hasattr(model, "owner_id"):
                return reach is not None
            return reach.covers(self.company_id, row.department_id, row.owner_id)

        known: dict[Any, list[str]] = {}

        def actions_of(row: Any) -> list[str]:
            """Rows of one owner in one state allow the same."""
            key = (row.state, row.owner_id, row.department_id) if hasattr(model, "owner_id") else row.state
            if key not in known:
                known[key] = [a for s, a in model.__transitions__ if s == row.state and reaches_row(a, row)]
            return known[key]

        def present(row: Any, message: Any, *, whole: bool = False) -> Any:
            if unseen:
                custom_fields.without(message, unseen)
            if model.__transitions__ and self.actor.employee_id is not None:
                message.allowed_actions.extend(actions_of(row))
            hidden = getattr(row, HIDDEN, None) or self.hidden.get(row.id)
            names.write(row, message, hidden or (), whole=whole)
            if hook is not None:
                hook(row, message, self)
            if hidden:
                seeing.conceal(message, hidden, whole=whole)
                custom_fields.without(message, custom_fields.told_by(added, hidden))
            return message

        return present


def _computed(model: Any, wanted: frozenset[str]) -> bool:
    """Whether something is wanted that the runtime fills in."""
    return "allowed_actions" in wanted or bool(naming.needed(model, wanted))


def same_version(row: Any, etag: str | None) -> None:
    """Refuse a request that was made of another version of the document; one without an etag takes any."""
    if etag and etag != ids.etag_of(row.version):
        raise Refused("STALE_ETAG", current_etag=ids.etag_of(row.version))


def _identifier(key: str) -> uuid.UUID | None:
    try:
        return ids.parse(key)
    except ValueError:
        return None


def _type_of(model: Any) -> str:
    return str(model.__message__.DESCRIPTOR.name)


def _list_field(reply: Any, message: Any) -> str:
    return next(f.name for f in reply.DESCRIPTOR.fields if f.message_type is message.DESCRIPTOR)  # type: ignore[no-any-return]
