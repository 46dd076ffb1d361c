"""The audit trail: who did what, what of each document changed, before and after, and who was shown what is recorded.

Collected from the session just before it is saved, so that no handler can forget it. Sensitive values are masked.
"""

from __future__ import annotations

import datetime
import decimal
import functools
import uuid
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import NO_VALUE

from chassis import contract, custom_fields, ids, mapping
from chassis.crypto import Encrypted
from chassis.db import Document, Part
from chassis.together import Piece

if TYPE_CHECKING:
    from chassis.call import Call

MOST_CHANGES = 400
CHANGED, READ, EXPORTED, PRINTED, RIGHTS_CHANGED = "CHANGED", "READ", "EXPORTED", "PRINTED", "RIGHTS_CHANGED"
LEFT_OUT = {"id", "etag", "updated_at", "created_at", "content_hash"}


def collect(call: Call) -> list[tuple[Any, list[dict[str, Any]]]]:
    """Documents that the call makes, changes or removes, with their field differences."""
    session = call.db
    deleted = session.deleted
    found: dict[int, tuple[Any, list[dict[str, Any]]]] = {}
    for row in [*session.new, *session.dirty, *deleted]:
        if isinstance(row, Document):
            found.setdefault(id(row), (row, []))
    for row in call.tracked.values():
        parts = _parts(row)
        if id(row) in found or any(_modified(call, part, deleted) for part in parts):
            _, changes = found.setdefault(id(row), (row, []))
            changes.extend(_differences(row, ""))
            if sa.inspect(row).pending:
                changes.extend(_counts(row))
            else:
                changes.extend(c for part in parts for c in _line_differences(part, deleted))
            del changes[MOST_CHANGES:]
            if row not in deleted:
                call.touched.add(id(row))
    return list(found.values())


def kind_of(method: contract.Method | None, *, exporting: bool = False) -> str:
    """What a call is in the trail's words. A reaction, or what happens by itself, changes."""
    if method is None:
        return CHANGED
    if method.read_only:
        if method.reply.DESCRIPTOR.full_name == "google.api.HttpBody":
            return PRINTED if method.name.startswith("Print") else EXPORTED
        return EXPORTED if exporting else READ
    if method.name.startswith("Reveal"):
        return READ
    about = contract.load().documents.get(method.document or "")
    return RIGHTS_CHANGED if about is not None and about.rights else CHANGED


def about(method: contract.Method) -> str:
    """`<service>.<document>` that a method is about, also where it is no document type of the contract; else ""."""
    return method.document or method.policy.permission.rpartition(".")[0]


_ENTRY = """entry AS (
  INSERT INTO audit_entry (id, at, company_id, actor_id, service, method, outcome, trace_id, kind, on_behalf_id,
    ip_address, document_types)
  VALUES (CAST(:entry AS uuid), CAST(:at AS timestamptz), :entry_company, :entry_actor, :entry_service,
    :entry_method, 'done', :trace, :entry_kind, :entry_behalf, :entry_address, :entry_types)
)"""
_CHANGES = """change AS (
  INSERT INTO audit_change (id, entry_id, document_type, document_id, version, changes)
  SELECT id, CAST(:entry AS uuid), document_type, document_id, version, CAST(changes AS jsonb)
  FROM unnest(CAST(:change_ids AS uuid[]), CAST(:change_types AS text[]), CAST(:change_documents AS uuid[]),
    CAST(:change_versions AS int[]), CAST(:changes AS text[])) AS c(id, document_type, document_id, version, changes)
)"""


def pieces(call: Call, method: str, changed: list[tuple[Any, list[dict[str, Any]]]], trace_id: str) -> list[Piece]:
    """One entry for the call and one row for each document that it changed."""
    entry = ids.uuid7()
    documents = list(filter(None, (_document_of(type(row).__message__) for row, _ in changed)))
    rights = any(document.rights for document in documents)
    values = {
        "entry": entry,
        "at": call.now(),
        "entry_company": call.company_id,
        "entry_actor": call.actor.person,
        "entry_service": call.actor.service,
        "entry_method": method,
        "trace": trace_id,
        "entry_kind": kind_of(call.method) if not rights else RIGHTS_CHANGED,
        "entry_behalf": call.on_behalf_id,
        "entry_address": call.ip_address or None,
        "entry_types": sorted({document.name for document in documents}) or None,
    }
    if not changed:
        return [Piece(_ENTRY, values)]
    changes = {
        "entry": entry,
        "change_ids": [ids.uuid7() for _ in changed],
        "change_types": [contract.snake(type(row).__message__.DESCRIPTOR.name) for row, _ in changed],
        "change_documents": [row.id for row, _ in changed],
        "change_versions": [row.version or 0 for row, _ in changed],
        "changes": [orjson.dumps(changes).decode() for _, changes in changed],
    }
    return [Piece(_ENTRY, values), Piece(_CHANGES, changes)]


@functools.cache
def _document_of(message: type[contract.Message]) -> contract.Document | None:
    return next((known for known in contract.load().documents.values() if known.message is message), None)


def _parts(row: Any) -> list[Any]:
    state = sa.inspect(row)
    parts = []
    for name in _relations(state.mapper):
        if name in state.dict:
            parts += state.dict[name]
            if name in state.committed_state:
                parts += state.attrs[name].history.deleted
    return parts


@functools.cache
def _relations(mapper: Any) -> list[str]:
    """A model's lists of lines."""
    return [relation.key for relation in mapper.relationships if issubclass(relation.mapper.class_, Part)]


def _modified(call: Call, part: Any, deleted: Any) -> bool:
    """Whether a line is new, changed or removed."""
    state = sa.inspect(part)
    if state.transient or state.pending or part in deleted or _orphan(state):
        return True
    return bool(state.modified) and call.db.is_modified(part)


def _orphan(state: Any) -> bool:
    return bool(state.persistent and state.session is not None and state._orphaned_outside_of_session)


def _differences(row: Any, prefix: str) -> list[dict[str, Any]]:
    state, model = sa.inspect(row), row.__class__
    persistent, now = state.persistent, state.dict
    changes = []
    # most rows that were read have few changes: SQLAlchemy's history of each attribute is not asked for
    for name, hidden in _told(model).items():
        if name not in state.committed_state:
            continue
        before, after = state.committed_state[name], now.get(name)
        before = None if before is NO_VALUE else before
        if before == after or (not persistent and after in (None, "", [])):
            continue
        if name == custom_fields.COLUMN:
            changes += _values(before or {}, after or {})
            continue
        changes.append({"field": prefix + name, "before": _plain(before, hidden), "after": _plain(after, hidden)})
    return changes


def _values(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """Fields that were added, each for itself."""
    return [
        {"field": f"{custom_fields.PREFIX}{key}", "before": before.get(key), "after": after.get(key)}
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    ]


@functools.cache
def _told(model: Any) -> dict[str, bool]:
    """The fields that the trail tells of, and whether their values are masked."""
    told = {plan.attribute for plan in mapping.plan_for(model).fields.values()} - LEFT_OUT
    return {one.key: _sensitive(model, one) for one in sa.inspect(model).column_attrs if one.key in told}


def _line_differences(part: Any, deleted: Any) -> list[dict[str, Any]]:
    state = sa.inspect(part)
    prefix = f"{state.mapper.local_table.name}[{part.line_number}]."
    if state.transient or state.pending:
        return _differences(part, prefix)
    if part in deleted or state.dict.get("id") is None:
        return [{"field": prefix.rstrip("."), "before": "removed", "after": None}]
    return _differences(part, prefix)


def _counts(row: Any) -> list[dict[str, Any]]:
    """A new document's lines are told by their number: their content is the document's first version."""
    state = sa.inspect(row)
    return [
        {"field": name, "before": None, "after": len(state.dict[name])}
        for name in _relations(state.mapper)
        if name in state.dict
    ]


def _sensitive(model: Any, attribute: Any) -> bool:
    if isinstance(attribute.columns[0].type, Encrypted):
        return True
    descriptor = model.__message__.DESCRIPTOR.fields_by_name.get(attribute.key)
    return descriptor is not None and bool(contract.spec_of(descriptor).sensitive)


def _plain(value: Any, hidden: bool) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if hidden:
        return mapping.masked(str(value))
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.date | datetime.datetime):
        return value.isoformat()
    if isinstance(value, uuid.UUID | str):
        return str(value)
    if isinstance(value, list):
        return [_plain(member, hidden) for member in value[:50]]
    return value if isinstance(value, dict) else str(value)
