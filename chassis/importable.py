"""What a file can make: derived from the contract, the fields of a document that a cell can hold, and the methods that
make it and take it back.

`columns_of` is the one place that lists a document's writable fields: the template, the guess of columns, the check and
the page all follow from it.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import FieldDescriptor

from chassis import contract
from chassis.custom_fields import COLUMN, PREFIX
from chassis.errors import Refused
from heyi.common.v1 import typed_fields_pb2
from heyi.options.v1 import options_pb2

REQUIRED, INPUT_ONLY = field_behavior_pb2.REQUIRED, field_behavior_pb2.INPUT_ONLY
TIMESTAMP = "google.protobuf.Timestamp"
REMOVES = options_pb2.Policy.REMOVES
Kind = typed_fields_pb2.TypedField
# how a cell says a field that administrators added; the kinds that are not here it cannot
ADDED_KINDS: dict[int, str] = {
    **dict.fromkeys((Kind.TEXT, Kind.LONG_TEXT), "text"),
    **dict.fromkeys((Kind.NUMBER, Kind.AMOUNT), "decimal"),
    **dict.fromkeys((Kind.CHOICE, Kind.CHOICES), "choice"),
    **dict.fromkeys((Kind.PERSON, Kind.DEPARTMENT, Kind.REFERENCE), "reference"),
    Kind.DATE: "date", Kind.DATE_RANGE: "range", Kind.DATE_TIME: "time", Kind.YES_NO: "bool",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A field of a document, or with `part` of its lines, that a cell can hold. `path`: `code`, `lines.quantity`,
    `custom_fields.grade`. `added`: the field that administrators added, and what it names.
    """

    path: str
    field: FieldDescriptor
    required: bool
    part: FieldDescriptor | None = None
    added: typed_fields_pb2.TypedField | None = dataclasses.field(default=None, compare=False)
    names: str = ""

    @property
    def references(self) -> str:
        """The type of the documents that it names."""
        return self.names or str(self.spec.references)

    @property
    def several(self) -> bool:
        """Whether a cell can hold several values."""
        return contract.repeated(self.field) if self.added is None else self.added.kind == Kind.CHOICES

    @property
    def spec(self) -> Any:
        return contract.spec_of(self.field)

    @property
    def kind(self) -> str:
        """`reference`, `enum`, `bool`, `int`, `decimal`, `date`, `time` or `text`; of an added one also `choice` and
        `range`.
        """
        if self.added is not None:
            return ADDED_KINDS[self.added.kind]
        field, spec = self.field, self.spec
        if field.message_type is not None:
            return "time"
        if field.enum_type is not None:
            return "enum"
        if field.type == FieldDescriptor.TYPE_BOOL:
            return "bool"
        if field.type != FieldDescriptor.TYPE_STRING:
            return "int"
        if spec.references:
            return "reference"
        if spec.HasField("decimal"):
            return "decimal"
        return "date" if spec.format == options_pb2.FieldSpec.DATE else "text"


@functools.cache
def columns_of(document: str) -> tuple[Column, ...]:
    """The writable fields of `<service>.<document>` that a cell can hold: its own, then those of its lines.

    Secrets have no column: a spreadsheet is no place for them. Raises IMPORT_NOT_POSSIBLE where the document cannot be
    made, or needs what no cell can hold.
    """
    maker_of(document)
    message: Any = contract.load().documents[document].message.DESCRIPTOR
    own, lines = list[Column](), list[Column]()
    for field in contract.fields(message):
        if contract.spec_of(field).once:
            # what is shown once would be shown to nobody
            raise Refused("IMPORT_NOT_POSSIBLE", document_type=document)
        behaviours = contract.behaviours_of(field)
        needed = REQUIRED in behaviours
        if not _writable(field):
            if needed and INPUT_ONLY in behaviours:
                raise Refused("IMPORT_NOT_POSSIBLE", document_type=document)
            continue
        if _fits(field):
            own.append(Column(field.name, field, needed))
        elif parts := _parts(field):
            lines += parts
        elif needed:
            raise Refused("IMPORT_NOT_POSSIBLE", document_type=document)
    return (*own, *lines)


def with_added(document: str, offered: Iterable[Any]) -> tuple[Column, ...]:
    """The same with the fields that administrators added, as far as the caller fills them in; before those of lines."""
    columns = columns_of(document)
    owner: Any = contract.load().documents[document].message.DESCRIPTOR
    added = tuple(
        Column(
            f"{PREFIX}{one.field.key}", owner.fields_by_name[COLUMN],
            one.field.required and not (one.field.visible_when or one.draft_may_lack),
            added=one.field, names=one.references,
        )
        for one in offered
        if one.writable and one.field.kind in ADDED_KINDS
    )  # fmt: skip
    own = sum(column.part is None for column in columns)
    return (*columns[:own], *added, *columns[own:])


@functools.cache
def maker_of(document: str) -> contract.Method:
    """The method that makes a document, whose request is the document alone. Raises IMPORT_NOT_POSSIBLE."""
    loaded = contract.load()
    if known := loaded.documents.get(document):
        descriptor: Any = known.message.DESCRIPTOR
        for method in (m for m in loaded.methods.values() if m.document == document):
            request: Any = method.request.DESCRIPTOR
            alone = [field.message_type for field in request.fields] == [descriptor]
            if method.name == f"Create{descriptor.name}" and alone and method.policy.permission:
                return method
    raise Refused("IMPORT_NOT_POSSIBLE", document_type=document)


@functools.cache
def way_back_of(document: str) -> contract.Method | None:
    """The method that takes back what was made; None where nothing does."""
    known = (m for m in contract.load().methods.values() if m.document == document)
    return next((method for method in known if method.policy.take_back), None)


@functools.cache
def importable() -> tuple[str, ...]:
    """Every document type that a file can make."""
    return tuple(name for name in sorted(contract.load().documents) if _possible(name))


def _possible(document: str) -> bool:
    try:
        return bool(columns_of(document))
    except Refused:
        return False


def _writable(field: FieldDescriptor) -> bool:
    behaviours, spec = contract.behaviours_of(field), contract.spec_of(field)
    out = contract.OUTPUT_ONLY in behaviours or INPUT_ONLY in behaviours or spec.computed or spec.sensitive
    return not out and field.name not in ("id", "etag")


def _fits(field: FieldDescriptor) -> bool:
    """Whether a cell can hold it; several texts or references with commas between them."""
    if field.message_type is not None:
        return field.message_type.full_name == TIMESTAMP and not contract.repeated(field)
    return not contract.repeated(field) or field.type == FieldDescriptor.TYPE_STRING


def _parts(field: FieldDescriptor) -> list[Column]:
    """Columns of lines, one row each; none for lines that need what no cell can hold."""
    inner = field.message_type
    if inner is None or not contract.repeated(field) or inner.GetOptions().map_entry:
        return []
    needed = [one for one in inner.fields if REQUIRED in contract.behaviours_of(one)]
    if not inner.full_name.startswith("heyi.") or not all(_writable(one) and _fits(one) for one in needed):
        return []
    return [
        Column(f"{field.name}.{one.name}", one, one in needed, field)
        for one in contract.fields(inner)
        if _writable(one) and _fits(one)
    ]
