"""What every service answers about its own records: the history of a document, and events that were parked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from chassis import contract, custom_fields, ids, query, seeing, sweep
from chassis.call import Call
from chassis.db import tables_of
from chassis.errors import Refused
from chassis.mapping import instant_of
from heyi.platform.v1 import records_pb2

LIST_HELD = "heyi.platform.v1.Records/ListHeld"
LIST_GONE = "heyi.platform.v1.Records/ListGone"
HELD_SHOWN = 500


@dataclass(frozen=True)
class Held:
    """What a person holds, or held: `turns`, `handed_turns`, `documents`. `since`: when it was taken over."""

    kind: str
    model: Any
    who: Any
    where: Any
    name: Any
    since: Any = None


class Records:
    """Serves heyi.platform.v1.Records."""

    def __init__(self, held: Sequence[Held] = ()) -> None:
        self.held = held

    async def ListHeld(self, request: Any, call: Call) -> Any:
        employee_id, since = ids.parse(request.employee_id), instant_of(request.since_time, "since_time")
        reply = records_pb2.ListHeldResponse()
        await call.every_company()
        for held in self.held:
            after = [held.since >= since] if held.since is not None else []
            found = sa.select(held.name, sa.func.count().over()).where(held.who == employee_id, held.where, *after)
            rows = (await call.db.execute(found.order_by(held.model.created_at).limit(HELD_SHOWN))).all()
            if rows:
                document = contract.load().document_of(held.model.__message__).name
                names = [row[0] or "" for row in rows]
                reply.groups.add(kind=held.kind, document_type=document, count=rows[0][1], names=names)
        return reply

    async def ListGone(self, request: Any, call: Call) -> Any:
        model = call.runtime.service.model_of(request.document_type)
        if model is None:
            raise Refused("DOCUMENT_NOT_FOUND", document_type=request.document_type[:100], id="")
        asked = dict.fromkeys(map(ids.parse, request.ids))
        await call.every_company()
        there = set(await call.db.scalars(sa.select(model.id).where(model.id.in_(asked))))
        return records_pb2.ListGoneResponse(ids=[str(key) for key in asked if key not in there])

    async def ListHistory(self, request: Any, call: Call) -> Any:
        service = call.runtime.service
        model = service.model_of(request.document_type)
        if model is None:
            raise Refused("DOCUMENT_NOT_FOUND", document_type=request.document_type, id=request.document_id)
        document = await self._readable(model, request.document_id, call)
        unseen = custom_fields.unseen(call, custom_fields.fields_of(call, model))
        hidden = frozenset(document.hidden or ()) | {f"{custom_fields.PREFIX}{key}" for key in unseen}
        lines = {r.mapper.local_table.name: r.key for r in sa.inspect(model).relationships} if hidden else {}
        tables = tables_of(service.base.metadata)
        change, entry = tables.audit_change, tables.audit_entry
        size = query.page_size(request.page_size)
        statement = (
            sa.select(change, entry.c.at, entry.c.actor_id, entry.c.service, entry.c.method)
            .join(entry, entry.c.id == change.c.entry_id)
            .where(change.c.document_id == document.id)
            .order_by(change.c.id.desc())
            .limit(size + 1)
        )
        if request.page_token:
            try:
                statement = statement.where(change.c.id < ids.parse(request.page_token))
            except ValueError:
                raise Refused("PAGE_TOKEN") from None
        rows = (await call.db.execute(statement)).all()
        reply = records_pb2.ListHistoryResponse(next_page_token=str(rows[size - 1].id) if len(rows) > size else "")
        for row in rows[:size]:
            made = reply.entries.add(
                id=str(row.id),
                actor_id=str(row.actor_id or ""),
                service=row.service or "",
                method=row.method.split("/")[-1],
                version=row.version,
            )
            made.create_time.FromDatetime(row.at)
            for one in row.changes:
                if hidden and not hidden.isdisjoint(_paths_of(one["field"], lines)):
                    continue
                before, after = (
                    json.dumps(seeing.without(one[side], one["field"], hidden), ensure_ascii=False)
                    for side in ("before", "after")
                )
                made.changes.add(field=one["field"], before=before, after=after)
        return reply

    async def _readable(self, model: Any, document_id: str, call: Call) -> Any:
        """The document, if the caller could get it: by a permission, as owner or participant, or by its handler."""
        name = contract.load().document_of(model.__message__).name
        blind, get = None, _left_to_its_handler(name)
        if get is not None and not hasattr(model, "owner_id"):
            conditions: list[Any] = []
            await call.runtime.service.handlers[get.full_name](get.request(id=document_id), call)
        elif call.can(f"{name}.get"):
            conditions = call.scope_of(model, f"{name}.get")
            blind = call.blind_to(model, permission=f"{name}.get")
        elif hasattr(model, "owner_id"):
            conditions = [sa.or_(model.owner_id == call.actor.person, call.takes_part(model))]
            blind = call.blind_to(model, [model.owner_id == call.actor.person])
        else:
            raise Refused("PERMISSION_MISSING", permission=f"{name}.get")
        try:
            key = ids.parse(document_id)
        except ValueError:
            key = None
        columns = [model.id, (blind if blind is not None else sa.null()).label("hidden")]
        row = (await call.db.execute(sa.select(*columns).where(model.id == key, *conditions))).one_or_none()
        if row is None:
            raise Refused("DOCUMENT_NOT_FOUND", document_type=model.__message__.DESCRIPTOR.name, id=document_id)
        return row

    async def ListParkedEvents(self, request: Any, call: Call) -> Any:
        table = tables_of(call.runtime.service.base.metadata).parked_event
        size = query.page_size(request.page_size)
        statement = sa.select(table).where(table.c.resolved_at.is_(None)).order_by(table.c.id).limit(size + 1)
        if request.page_token:
            try:
                statement = statement.where(table.c.id > ids.parse(request.page_token))
            except ValueError:
                raise Refused("PAGE_TOKEN") from None
        rows = (await call.db.execute(statement)).all()
        reply = records_pb2.ListParkedEventsResponse(next_page_token=str(rows[size - 1].id) if len(rows) > size else "")
        reply.parked_events.extend(_parked(row) for row in rows[:size])
        return reply

    async def ReplayParkedEvent(self, request: Any, call: Call) -> Any:
        table = tables_of(call.runtime.service.base.metadata).parked_event
        try:
            key = ids.parse(request.id)
        except ValueError:
            key = None
        asked = (
            sa.update(table)
            .where(table.c.id == key, table.c.resolved_at.is_(None))
            .values(replay_requested_at=call.now(), resolved_by=str(call.actor.person))
            .returning(table)
        )
        row = (await call.db.execute(asked)).one_or_none()
        if row is None:
            raise Refused("DOCUMENT_NOT_FOUND", document_type="ParkedEvent", id=request.id)
        return _parked(row)

    async def ListEvents(self, request: Any, call: Call) -> Any:
        return await sweep.list_events(request, call)


def _left_to_its_handler(document: str) -> contract.Method | None:
    """How a document is got of which the contract says only that somebody must be signed in."""
    wanted = f"Get{contract.load().documents[document].message.DESCRIPTOR.name}"
    methods = contract.load().methods.values()
    found = (one for one in methods if one.document == document and one.name == wanted)
    return next((one for one in found if one.policy.signed_in), None)


def _paths_of(field: str, lines: dict[str, str]) -> set[str]:
    """The paths that a change of the trail is about: `purchase_order_line[3].unit_price` -> lines, lines.unit_price."""
    table, bracket, inner = field.partition("[")
    if not bracket:
        return {field}
    part = lines.get(table, table)
    return {part, f"{part}.{inner.partition('].')[2]}"}


def _parked(row: Any) -> Any:
    message = records_pb2.ParkedEvent(
        id=str(row.id),
        consumer=row.consumer,
        subject=row.subject,
        aggregate_id=row.aggregate_id,
        error=row.error,
        attempts=row.attempts,
    )
    message.first_time.FromDatetime(row.first_at)
    if row.resolved_at:
        message.resolved_time.FromDatetime(row.resolved_at)
    return message
