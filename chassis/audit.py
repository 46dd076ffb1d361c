"""The audit trail: who did what, and what of each document changed, before and after.

Collected from the session just before it is flushed, so that no handler can forget it. Sensitive values are masked.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa

from chassis import contract, ids, mapping
from chassis.crypto import Encrypted
from chassis.db import Document, Part
from chassis.together import Piece

if TYPE_CHECKING:
    from chassis.call import Call

MOST_CHANGES = 400
LEFT_OUT = {"id", "etag", "updated_at", "created_at", "content_hash"}


def collect(call: Call) -> list[tuple[Any, list[dict[str, Any]]]]:
    """Documents that the call makes, changes or removes, with their field differences."""
    session = call.db
    found: dict[int, tuple[Any, list[dict[str, Any]]]] = {}
    for row in [*session.new, *session.dirty, *session.deleted]:
        if isinstance(row, Document):
            found.setdefault(id(row), (row, []))
    for row in call.tracked.values():
        if id(row) in found or any(_modified(call, part) for part in _parts(row)):
            _, changes = found.setdefault(id(row), (row, []))
            changes.extend(_differences(row, ""))
            if row in session.new:
                changes.extend(_counts(row))
            else:
                changes.extend(c for part in _parts(row) for c in _line_differences(call, part))
            del changes[MOST_CHANGES:]
            if row not in session.deleted:
                call.touched.add(id(row))
    return list(found.values())


_ENTRY = """entry AS (
  INSERT INTO audit_entry (id, at, company_id, actor_id, service, method, outcome, trace_id)
  VALUES (CAST(:entry AS uuid), CAST(:at AS timestamptz), :entry_company, :entry_actor, :entry_service,
    :entry_method, 'done', :trace)
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
    values = {
        "entry": entry,
        "at": call.now(),
        "entry_company": call.company_id,
        "entry_actor": call.actor.person,
        "entry_service": call.actor.service,
        "entry_method": method,
        "trace": trace_id,
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


def _parts(row: Any) -> list[Any]:
    state = sa.inspect(row)
    return [
        part
        for relation in state.mapper.relationships
        if issubclass(relation.mapper.class_, Part) and relation.key in state.dict
        for part in [*getattr(row, relation.key), *state.attrs[relation.key].history.deleted]
    ]


def _modified(call: Call, part: Any) -> bool:
    """Whether a line is new, changed or removed."""
    state = sa.inspect(part)
    return state.transient or state.pending or part in call.db.deleted or call.db.is_modified(part) or _orphan(state)


def _orphan(state: Any) -> bool:
    return bool(state.persistent and state.session is not None and state._orphaned_outside_of_session)


def _differences(row: Any, prefix: str) -> list[dict[str, Any]]:
    state = sa.inspect(row)
    told = {plan.attribute for plan in mapping.plan_for(type(row)).fields.values()} - LEFT_OUT
    changes = []
    for attribute in state.mapper.column_attrs:
        if attribute.key not in told:
            continue
        history = state.attrs[attribute.key].history
        if not history.has_changes():
            continue
        before = history.deleted[0] if history.deleted else None
        after = history.added[0] if history.added else None
        if before == after or (not state.persistent and after in (None, "", [])):
            continue
        hidden = _sensitive(type(row), attribute)
        changes.append(
            {"field": prefix + attribute.key, "before": _plain(before, hidden), "after": _plain(after, hidden)}
        )
    return changes


def _line_differences(call: Call, part: Any) -> list[dict[str, Any]]:
    state = sa.inspect(part)
    prefix = f"{state.mapper.local_table.name}[{part.line_number}]."
    if state.transient or state.pending:
        return _differences(part, prefix)
    if part in call.db.deleted or state.attrs["id"].value is None:
        return [{"field": prefix.rstrip("."), "before": "removed", "after": None}]
    return _differences(part, prefix)


def _counts(row: Any) -> list[dict[str, Any]]:
    """A new document's lines are told by their number: their content is the document's first version."""
    state = sa.inspect(row)
    return [
        {"field": relation.key, "before": None, "after": len(getattr(row, relation.key))}
        for relation in state.mapper.relationships
        if relation.key in state.dict and issubclass(relation.mapper.class_, Part)
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
