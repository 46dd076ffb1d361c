"""Reads that leave a row in the trail: exports, prints, and whatever shows fields that the contract calls recorded.

One insert for one call, however many documents it shows, in a transaction of its own after the read: nobody is answered
before it is on record. Whoever looks at their own record leaves none.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from chassis import audit, contract, ids

LONGEST_FACT = 500
# where a page begins and how long it is says nothing about what was looked for
_PAGING = frozenset({"page_size", "page_token", "service", "ids"})


@dataclass(frozen=True)
class Shown:
    """What a call showed: the documents' type, which of them, and the recorded fields among what they say."""

    kind: str
    document_type: str
    document_ids: list[uuid.UUID]
    facts: dict[str, Any]

    def row(self, call: Any, trace_id: str) -> dict[str, Any]:
        """The entry of it."""
        return {
            "id": ids.uuid7(),
            "at": call.now(),
            "company_id": call.company_id,
            "actor_id": call.actor.person,
            "service": call.actor.service,
            "method": call.method.full_name,
            "outcome": "done",
            "facts": self.facts,
            "trace_id": trace_id,
            "kind": self.kind,
            "on_behalf_id": call.on_behalf_id,
            "ip_address": call.ip_address or None,
            "document_types": [self.document_type] if self.document_type else None,
            "document_ids": self.document_ids or None,
        }


def of(method: contract.Method, request: Any, reply: Any, call: Any, *, exporting: bool) -> Shown | None:
    """What must stand in the trail of a read; None where nothing must."""
    if call.actor.employee_id is None or method.policy.signed_in:
        return None  # between services, or the caller's own
    kind = audit.kind_of(method, exporting=exporting)
    if kind == audit.PRINTED or (kind == audit.EXPORTED and not exporting):
        named = _key(getattr(request, "id", ""))
        return Shown(kind, method.document or "", [named] if named else [], {"asked": _asked(request)})
    message, rows = _rows(reply.DESCRIPTOR)
    fields = _recorded(message) if message is not None else ()
    if not fields and not exporting:
        return None
    is_document = message is not None and _is_document(message)
    later = bool(getattr(request, "page_token", ""))
    if later and not is_document:
        return None  # what cannot be named one by one is told once, by what was asked for
    shown, keys = set(), []
    for row in [reply] if rows is None else getattr(reply, rows.name):
        seen = {name for name, path in fields if _says(row, path)}
        key = _key(getattr(row, "id", "")) if is_document else None
        if (not seen and not exporting) or (key is not None and key == call.actor.employee_id):
            continue
        shown |= seen
        keys += [key] if key is not None else []
    if not exporting and not shown:
        return None
    return Shown(
        kind,
        _type_of(message) if message is not None and is_document else audit.about(method),
        keys,
        {"fields": sorted(shown), "asked": _asked(request)},
    )


def asked_for(method: contract.Method, request: Any) -> Shown:
    """A read that the contract puts on record whatever it shows, as a file that leaves the suite."""
    named = _key(getattr(request, "id", ""))
    kind = audit.kind_of(method, exporting=False)
    return Shown(kind, method.document or "", [named] if named else [], {"asked": _asked(request)})


@functools.cache
def _rows(reply: Descriptor) -> tuple[Descriptor | None, FieldDescriptor | None]:
    """What a reply is made of: itself, or its rows and the field that holds them."""
    first = reply.fields[0] if reply.fields else None
    if first is None or first.message_type is None or not contract.repeated(first):
        return reply, None
    return first.message_type, first


@functools.cache
def _recorded(message: Descriptor) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Recorded fields of a message and of its parts, with the way to each."""
    return tuple((".".join(path), path) for path in _paths(message, (), 2))


def _paths(message: Descriptor, above: tuple[str, ...], deep: int) -> Iterator[tuple[str, ...]]:
    for field in message.fields:
        if contract.spec_of(field).recorded:
            yield (*above, field.name)
        elif field.message_type is not None and deep and field.message_type.file.package == message.file.package:
            yield from _paths(field.message_type, (*above, field.name), deep - 1)


def _says(row: Any, path: tuple[str, ...]) -> bool:
    """Whether a row says something at the end of a path."""
    name, *rest = path
    value = getattr(row, name)
    if not rest:
        return bool(value)
    field = row.DESCRIPTOR.fields_by_name[name]
    parts = value if contract.repeated(field) else [value] if row.HasField(name) else []
    return any(_says(part, tuple(rest)) for part in parts)


def _is_document(message: Descriptor) -> bool:
    known = contract.load().documents.get(_type_of(message))
    return known is not None and known.message.DESCRIPTOR is message


def _type_of(message: Descriptor) -> str:
    return f"{message.file.package.split('.')[1]}.{contract.snake(message.name)}"


def _asked(request: Any) -> str:
    """What a request looked for, in short."""
    said = json_format.MessageToDict(request, preserving_proto_field_name=True)
    return " ".join(f"{name}={value}" for name, value in said.items() if name not in _PAGING)[:LONGEST_FACT]


def _key(text: str) -> uuid.UUID | None:
    try:
        return ids.parse(text)
    except ValueError:
        return None
