"""Serves heyi.platform.v1.Audit: the trail of a service, for whoever looks after it.

A page costs the same number of statements whatever it holds: the entries, the documents that they changed, and the
names of all these documents, in one statement each.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from chassis import contract, gathering, ids, query
from chassis.audit_retention import DEFAULT_DAYS, retention_of
from chassis.call import EVERYTHING, Call
from chassis.db import Tables, tables_of
from chassis.errors import Refused
from chassis.mapping import instant_of
from heyi.platform.v1 import audit_pb2 as pb

DOCUMENTS_SHOWN = 200
NAMED_ALIKE = 20
Key = tuple[str, uuid.UUID]


class Audit:
    """The trail."""

    async def ListAuditEntries(self, request: Any, call: Call) -> Any:
        await call.every_company()
        tables = tables_of(call.runtime.service.base.metadata)
        entry, size = tables.audit_entry, query.page_size(request.page_size)
        conditions = [*_within(entry, call), *await _asked(tables, request, call)]
        if request.page_token:
            at, key = gathering.place_of(request.page_token)
            conditions.append(sa.tuple_(entry.c.at, entry.c.id) < sa.tuple_(sa.literal(at), sa.literal(key)))
        page = sa.select(entry).where(*conditions).order_by(entry.c.at.desc(), entry.c.id.desc()).limit(size + 1)
        rows = (await call.db.execute(page)).all()
        reply = pb.ListAuditEntriesResponse()
        if len(rows) > size:
            reply.next_page_token = gathering.token_of(rows[size - 1].at, rows[size - 1].id)
        documents = await _documents(tables, rows[:size], call)
        titles = await _titles((one for several in documents.values() for one in several[:1]), call)
        for row in rows[:size]:
            _write(reply.entries.add(), row, documents[row.id], titles, call)
        days = retention_of(call.runtime.settings)
        for kind in DEFAULT_DAYS:
            reply.retentions.add(kind=kind, days=days[kind])
        return reply

    async def GetAuditEntry(self, request: Any, call: Call) -> Any:
        await call.every_company()
        tables = tables_of(call.runtime.service.base.metadata)
        entry, change = tables.audit_entry, tables.audit_change
        found = sa.select(entry).where(entry.c.id == _key(request.id), *_within(entry, call))
        row = (await call.db.execute(found)).one_or_none()
        if row is None:
            raise Refused("DOCUMENT_NOT_FOUND", document_type="AuditEntry", id=request.id[:50])
        changes = sa.select(change).where(change.c.entry_id == row.id).order_by(change.c.id).limit(DOCUMENTS_SHOWN)
        changed = (await call.db.execute(changes)).all()
        documents = await _documents(tables, [row], call)
        titles = await _titles(documents[row.id][:DOCUMENTS_SHOWN], call)
        reply = pb.AuditEntryDetail()
        _write(reply.entry, row, documents[row.id], titles, call)
        for one in changed:
            key = (f"{call.service}.{one.document_type}", one.document_id)
            made = reply.documents.add(document_type=key[0], document_id=str(key[1]), version=one.version)
            made.title = titles.get(key, "")
            for field in one.changes:
                before, after = (json.dumps(field[side], ensure_ascii=False) for side in ("before", "after"))
                made.changes.add(field=field["field"], before=before, after=after)
        for key in [] if changed else documents[row.id][:DOCUMENTS_SHOWN]:
            reply.documents.add(document_type=key[0], document_id=str(key[1]), title=titles.get(key, ""))
        for name, value in (row.facts or {}).items():
            reply.facts[name] = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        return reply


def _within(entry: sa.Table, call: Call) -> list[Any]:
    """Entries of the companies that the caller's grant reaches. What belongs to no company is for whoever sees all."""
    reach = call.reach
    if reach is None:
        return [sa.false()]
    if reach is EVERYTHING or reach.all:
        return []
    if call.company_id in reach.companies:
        return [entry.c.company_id == call.company_id]
    # a trail has no owner and no department: a narrower grant shows what the caller did
    return [entry.c.company_id == call.company_id, entry.c.actor_id == call.actor.employee_id]


async def _asked(tables: Tables, request: Any, call: Call) -> list[Any]:
    """What the request wants of an entry."""
    entry = tables.audit_entry.c
    conditions: list[Any] = []
    if request.HasField("start_time"):
        conditions.append(entry.at >= instant_of(request.start_time, "start_time"))
    if request.HasField("end_time"):
        conditions.append(entry.at < instant_of(request.end_time, "end_time"))
    for name in ("actor_id", "on_behalf_id", "company_id"):
        if value := getattr(request, name):
            key = _key(value)
            if key is None:
                raise Refused.fields([(name, "FIELD_FORMAT", {"value": value[:50], "expected": "id"})])
            conditions.append(entry[name] == key)
    plain = {"service": request.acting_service, "ip_address": request.ip_address, "trace_id": request.trace_id}
    conditions += [entry[name] == value for name, value in plain.items() if value]
    if request.kinds:
        conditions.append(entry.kind.in_([pb.AuditEntry.Kind.Name(kind) for kind in request.kinds]))
    if request.outcome:
        conditions.append(entry.outcome == pb.AuditEntry.Outcome.Name(request.outcome).lower())
    if request.document_type:
        conditions.append(entry.document_types.contains([request.document_type]))
    if request.document:
        keys = await _named(request.document.strip(), request.document_type, call)
        change = tables.audit_change
        # two ways, each with its index
        changed = sa.select(change.c.entry_id).where(change.c.document_id.in_(keys))
        shown = (
            sa.select(entry.id).where(entry.document_ids.overlap(keys))
            if keys
            else sa.select(entry.id).where(sa.false())
        )
        conditions.append(entry.id.in_(sa.union_all(changed, shown)))
    return conditions


async def _named(words: str, document_type: str, call: Call) -> list[uuid.UUID]:
    """Ids of the documents that carry a number or code, or the id itself."""
    if key := _key(words):
        return [key]
    known = [
        sa.select(model.id.label("id")).where(sa.func.upper(name) == words.upper()).limit(NAMED_ALIKE)
        for document, model in _models(call).items()
        if document_type in ("", document)
        for name in [getattr(model, "number", None) or getattr(model, "code", None)]
        if name is not None
    ]
    if not known:
        return []
    together = sa.union_all(*(sa.select(one.subquery().c.id) for one in known))
    return list(await call.db.scalars(together))


async def _documents(tables: Tables, rows: Sequence[Any], call: Call) -> dict[uuid.UUID, list[Key]]:
    """The documents of these entries: those that were changed, else those that were shown."""
    change = tables.audit_change.c
    found: dict[uuid.UUID, list[Key]] = {row.id: [] for row in rows}
    changed = sa.select(change.entry_id, change.document_type, change.document_id).where(change.entry_id.in_(found))
    for one in (await call.db.execute(changed.order_by(change.id))).all():
        found[one.entry_id].append((f"{call.service}.{one.document_type}", one.document_id))
    for row in rows:
        kind = next(iter(row.document_types or ()), "")
        found[row.id] = found[row.id] or [(kind, key) for key in row.document_ids or ()]
    return found


async def _titles(keys: Iterable[Key], call: Call) -> Mapping[Key, str]:
    """Names of documents, as far as they still exist: one statement for all of them."""
    by_type: dict[str, set[uuid.UUID]] = {}
    for document_type, key in keys:
        by_type.setdefault(document_type, set()).add(key)
    models = _models(call)
    asked = []
    for document_type, wanted in by_type.items():
        model = models.get(document_type)
        columns = [] if model is None else _title_columns(document_type, model)
        if model is not None and columns:
            row = aliased(model)
            said = sa.func.concat_ws(" ", *(getattr(row, name) for name in columns))
            asked.append(sa.select(sa.literal(document_type).label("kind"), row.id, said).where(row.id.in_(wanted)))
    if not asked:
        return {}
    return {(kind, key): said for kind, key, said in (await call.db.execute(sa.union_all(*asked))).all()}


def _title_columns(document_type: str, model: Any) -> list[str]:
    """Attributes that name a document in words; ids of others name it to nobody here."""
    title = contract.load().documents[document_type].title
    return [name for name in title if hasattr(model, name) and not name.endswith("_id")]


def _models(call: Call) -> dict[str, Any]:
    service = call.runtime.service
    named = (name for name in contract.load().documents if name.startswith(f"{service.name}."))
    return {name: model for name in named if (model := service.model_of(name)) is not None}


def _write(made: Any, row: Any, documents: Sequence[Key], titles: Mapping[Key, str], call: Call) -> None:
    first = next(iter(documents), None)
    made.id, made.service, made.method = str(row.id), call.service, row.method
    made.create_time.FromDatetime(row.at)
    made.kind = pb.AuditEntry.Kind.Value(row.kind)
    made.outcome = pb.AuditEntry.Outcome.Value(row.outcome.upper())
    for name in ("actor_id", "on_behalf_id", "company_id"):
        setattr(made, name, str(getattr(row, name) or ""))
    made.acting_service, made.ip_address = row.service or "", row.ip_address or ""
    made.reason, made.trace_id = row.reason or "", row.trace_id or ""
    made.document_type = first[0] if first else next(iter(row.document_types or ()), "")
    if first:
        made.document_id, made.document_title = str(first[1]), titles.get(first, "")
    made.document_count = len(documents)


def _key(text: str) -> uuid.UUID | None:
    try:
        return ids.parse(text)
    except ValueError:
        return None
