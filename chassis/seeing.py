"""What somebody sees of a document who only takes part in its approval, and what a decision about it is bound to.

A path names a field of a document (`need_date`), of its lines (`lines.quantity`; `lines` alone is all of them) or of
what is asked for within it (`pending_change.reason`, `pending_change.lines.quantity`). What is hidden hides with it
what is computed from it or tells of it (`tells` of the contract). Where nothing is hidden, a decision is bound to the
document's content hash; else to a hash of the fields that were shown, so that nobody can guess at a hidden value until
the hash agrees.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.struct_pb2 import Struct

from chassis import canonical, contract, custom_fields
from heyi.common.v1 import common_pb2


def leaves(descriptor: Any, root: str = "") -> dict[str, FieldDescriptor]:
    """The fields of a document, of its lines and of what is asked for within it, by their paths."""
    found: dict[str, FieldDescriptor] = {}
    for field in contract.fields(descriptor):
        found[f"{root}{field.name}"] = field
        if (part := _part(field)) is not None:
            found.update(leaves(part, f"{root}{field.name}."))
    return found


def _part(field: FieldDescriptor) -> Descriptor | None:
    """The message of lines, or of a part in which single fields are agreed to."""
    inner = field.message_type
    if inner is None or not inner.full_name.startswith("heyi.") or inner.GetOptions().map_entry:
        return None
    return inner if contract.repeated(field) or any(contract.spec_of(one).hashed for one in inner.fields) else None


def is_custom(document_type: str, path: str) -> bool:
    """Whether a path names a field that was added to documents of a type that hides fields. Which there are is known to
    the service of the documents; one that nobody added hides nothing.
    """
    document = contract.load().documents.get(document_type)
    there = (
        document is not None and document.amount and custom_fields.COLUMN in document.message.DESCRIPTOR.fields_by_name
    )
    return bool(there and custom_fields.PATH.fullmatch(path))


def is_writable_custom(document_type: str, path: str) -> bool:
    """Whether an approver may be let to fill it in: where the document itself is what is agreed to. A change of one
    that stands carries no added fields.
    """
    document = contract.load().documents.get(document_type)
    return document is not None and "." not in document.amount and is_custom(document_type, path)


@functools.cache
def open_field(document_type: str) -> str:
    """The field of a type of documents whose members people define, each a path of its own (`values.days`); "" where it
    has none.
    """
    document = contract.load().documents.get(document_type)
    fields = leaves(document.message.DESCRIPTOR) if document is not None and document.amount else {}
    return next((path for path, field in fields.items() if _is_open(field)), "")


def _is_open(field: FieldDescriptor) -> bool:
    return field.message_type is Struct.DESCRIPTOR and bool(contract.spec_of(field).hashed)


@functools.cache
def hideable(document_type: str) -> frozenset[str]:
    """Paths that a flow can hide: what an approver agrees to, and what follows from it."""
    document = contract.load().documents.get(document_type)
    if document is None or not document.amount:
        return frozenset()
    specs = {path: contract.spec_of(field) for path, field in leaves(document.message.DESCRIPTOR).items()}
    return frozenset(path for path, spec in specs.items() if spec.hashed or spec.tells)


@functools.cache
def writable(document_type: str) -> frozenset[str]:
    """Paths that a flow can let an approver fill in: what is agreed to, and typed by people, in what is asked for."""
    document = contract.load().documents.get(document_type)
    if document is None or not document.amount:
        return frozenset()
    asked, _, _ = document.amount.rpartition(".")
    owned = {contract.OUTPUT_ONLY, contract.IMMUTABLE}
    return frozenset(
        path
        for path, field in leaves(document.message.DESCRIPTOR).items()
        if contract.spec_of(field).hashed
        and path.startswith(asked)
        and not owned & contract.behaviours_of(field)
        and field.message_type is None
        and not contract.repeated(field)
    )


def spread(
    document_type: str, hidden: Collection[str], said: Mapping[str, common_pb2.FieldBasis] = MappingProxyType({})
) -> frozenset[str]:
    """The paths that are hidden where these are; `facts.x` of a request for approval, `title` and its amount too.
    `said` knows what fields tell that people defined.
    """
    document = contract.load().documents[document_type]
    told = {path: set(contract.spec_of(field).tells) for path, field in leaves(document.message.DESCRIPTOR).items()}
    told |= {
        f"facts.{field.name}": set(contract.spec_of(field).tells)
        for field in (document.facts.fields if document.facts is not None else ())
    }
    for path, one in said.items():
        told[path] = told.get(path, set()) | set(one.tells)
    if opened := open_field(document_type):
        # a member is a fact of the same name
        members = [path for path in (*told, *hidden) if path.startswith(f"{opened}.")]
        told |= {f"facts{path.removeprefix(opened)}": {path} for path in members}
    found = set(hidden)
    if any(path.startswith(custom_fields.PREFIX) for path in found):
        # which of them a fact is computed from is known to the documents' service alone
        found.add(f"facts.{custom_fields.COLUMN}")
    while True:
        more = {path for path, tells in told.items() if tells & found or within(path, found)} - found
        if not more:
            return frozenset(found)
        found |= more


def within(path: str, paths: Collection[str]) -> bool:
    """Whether a path leads into one of these."""
    names = path.split(".")
    return any(".".join(names[:depth]) in paths for depth in range(1, len(names)))


def conceal(message: Any, hidden: Collection[str], *, whole: bool = True) -> None:
    """Take hidden fields out of a document's message. `whole`: its lines are in it."""
    if "content_hash" in message.DESCRIPTOR.fields_by_name:
        said = basis(message) if whole else {}
        message.content_hash = shown_hash(said, hidden, "") if said else ""
    for path in hidden:
        _clear(message, path)


def _clear(message: Any, path: str) -> None:
    name, _, inner = path.partition(".")
    field = message.DESCRIPTOR.fields_by_name.get(name)
    if field is None:
        return
    value = getattr(message, name)
    if not inner:
        message.ClearField(name)
    elif name == custom_fields.COLUMN:
        custom_fields.without(message, {inner})
    elif isinstance(value, Struct):
        if inner in value:
            del value[inner]
    elif contract.repeated(field):
        for line in value:
            _clear(line, inner)
    elif message.HasField(name):
        _clear(value, inner)


def without(value: Any, path: str, hidden: Collection[str]) -> Any:
    """What JSON says at a path, without what is hidden in it."""
    match value:
        case dict():
            kept = {name: inner for name, inner in value.items() if f"{path}.{name}" not in hidden}
            return {name: without(inner, f"{path}.{name}", hidden) for name, inner in kept.items()}
        case list():
            return [without(member, path, hidden) for member in value]
        case _:
            return value


def basis(message: Any, root: str = "") -> dict[str, common_pb2.FieldBasis]:
    """What each field says that an approver agrees to, as hashes by its path. Fields that say nothing are left out."""
    found: dict[str, common_pb2.FieldBasis] = {}
    for field, value in message.ListFields():
        if field.name == custom_fields.COLUMN:
            for key, added in canonical.custom(value).items():
                found[f"{custom_fields.PREFIX}{key}"] = _basis([added])
            continue
        if not contract.spec_of(field).hashed:
            continue
        path, part = f"{root}{field.name}", _part(field)
        if _is_open(field):
            members = json_format.MessageToDict(value)
            found |= {f"{path}.{key}": _basis([member]) for key, member in members.items()}
            continue
        if part is None:
            found[path] = _basis([canonical.plain(field, v) for v in (value if contract.repeated(field) else [value])])
            continue
        if not contract.repeated(field):
            found.update(basis(value, f"{path}."))
            continue
        found[path] = _basis([len(value)])
        lines = [canonical.content(line) for line in value]
        for inner in contract.fields(part):
            said = [line.get(inner.name) for line in lines]
            if any(one is not None for one in said):
                found[f"{path}.{inner.name}"] = _basis(said)
    return found


def _basis(values: list[Any]) -> common_pb2.FieldBasis:
    return common_pb2.FieldBasis(hash=_hash(values), complete=None not in values)


def shown_hash(said: Mapping[str, common_pb2.FieldBasis], hidden: Collection[str], whole: str) -> str:
    """What a decision is bound to by somebody from whom these paths are hidden; `whole` where none are."""
    if not hidden:
        return whole
    return _hash({path: one.hash for path, one in said.items() if one.hash and path not in hidden})


def changed(
    before: Mapping[str, common_pb2.FieldBasis], after: Mapping[str, common_pb2.FieldBasis], hidden: Collection[str]
) -> set[str]:
    """The paths that say something else, of those that somebody sees and that are not for approvers to fill in."""
    nothing = common_pb2.FieldBasis()
    later = {path for said in (before, after) for path, one in said.items() if one.for_approvers}
    paths = {*before, *after} - set(hidden) - later
    return {path for path in paths if before.get(path, nothing).hash != after.get(path, nothing).hash}


def _hash(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


Told = tuple[tuple[str, ...], int]


def sight_of(case: Any, said: Mapping[str, common_pb2.FieldBasis] = MappingProxyType({})) -> dict[str, Told]:
    """What an approval says that its readers may not see, by employee: the paths, and a number that grows with time.
    `said` is what `spread` wants to know.
    """
    first = case.submission << 20
    told: dict[str, Told] = {str(who): ((), first) for who in case.participant_ids}
    for reader in case.readers:
        hidden = spread(case.document_type, reader.hidden, said) if reader.hidden else frozenset()
        told[reader.employee_id] = (tuple(sorted(hidden)), first + reader.number)
    return told
