"""Typed fields for those who show them: as people read them, as JSON Schema, and how to ask for them."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from chassis.typed_fields import (
    CHOSEN,
    LENGTHS,
    MOST_FILES,
    MOST_ROWS,
    NAMING,
    NUMBERS,
    PRECISION,
    Kind,
    kind_of,
    label_of,
    scale_of,
)  # fmt: skip
from heyi.common.v1 import typed_fields_pb2 as pb


def json_schema(fields: Sequence[pb.TypedField], locale: str) -> dict[str, Any]:
    """What the values of a form are (draft 2020-12), titles in a language. Rules between fields are not in it."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_object(fields, locale)}


def ui_schema(fields: Sequence[pb.TypedField], locale: str) -> dict[str, Any]:
    """How the values are asked for: the order of the fields, and of each its words, control and rules."""
    return {"order": [field.key for field in fields], "fields": {field.key: _shown(field, locale) for field in fields}}


def shown(
    field: pb.TypedField, value: Any, locale: str, place: datetime.tzinfo, names: Mapping[str, str] | None = None
) -> str:
    """A value as a person reads it, on paper or in a cell: a moment by the clocks of `place`; `names` of what ids name,
    by id.
    """
    kind = kind_of(field)
    if value is None:
        return ""
    match kind:
        case pb.TypedField.CHOICE | pb.TypedField.CHOICES:
            labels = {str(option.key): label_of(option, locale) for option in field.options}
            chosen = value if isinstance(value, list) else [value]
            return ("、" if locale.startswith("zh") else ", ").join(labels.get(str(key), str(key)) for key in chosen)
        case pb.TypedField.YES_NO:
            return _YES_NO[locale.startswith("zh")][not value]
        case pb.TypedField.DATE_TIME:
            return f"{datetime.datetime.fromisoformat(value).astimezone(place):%Y-%m-%d %H:%M}"
        case pb.TypedField.DATE_RANGE:
            return f"{value['start']} – {value['end']}"
        case pb.TypedField.NUMBER:
            return f"{value} {field.unit}".strip()
        case pb.TypedField.PERSON | pb.TypedField.DEPARTMENT | pb.TypedField.REFERENCE:
            return (names or {}).get(value, value)
        case pb.TypedField.ATTACHMENT:
            known = [(names or {}).get(str(key), "") for key in value]
            said = ("、" if locale.startswith("zh") else ", ").join(filter(None, known))
            return said or _FILES[locale.startswith("zh")].format(len(value))
        case pb.TypedField.TABLE:
            cells = ("; ".join(_cells(field, row, locale, place, names)) for row in value)
            return "\n".join(cells)
    return str(value)


_FILES = {True: "{} 个文件", False: "{} files"}
_YES_NO = {True: ("是", "否"), False: ("Yes", "No")}


def _cells(
    field: pb.TypedField, row: Mapping[str, Any], locale: str, place: datetime.tzinfo, names: Mapping[str, str] | None
) -> Iterator[str]:
    for column in field.columns:
        if column.key in row:
            yield f"{label_of(column, locale)}: {shown(column, row[column.key], locale, place, names)}"


def _object(fields: Iterable[pb.TypedField], locale: str) -> dict[str, Any]:
    listed = list(fields)
    return {
        "type": "object",
        "properties": {field.key: _schema(field, locale) for field in listed},
        # what is there only sometimes is not required always
        "required": [field.key for field in listed if field.required and not field.visible_when],
        "additionalProperties": False,
    }


def _schema(field: pb.TypedField, locale: str) -> dict[str, Any]:
    kind = kind_of(field)
    out: dict[str, Any] = {"title": label_of(field, locale)}
    if field.kind == pb.TypedField.COMPUTED:
        out["readOnly"] = True
    if said := field.help.get(locale):
        out["description"] = said
    if kind in LENGTHS:
        return out | {"type": "string", "maxLength": field.max_length or LENGTHS[kind]}
    if kind in NUMBERS:
        scale = scale_of(field)
        behind = rf"(\.\d{{1,{scale}}})?" if scale else ""
        return out | {"type": "string", "pattern": rf"^-?\d{{1,{PRECISION - scale}}}{behind}$"}
    if kind in CHOSEN:
        options = [
            {"const": option.key, "title": label_of(option, locale)} for option in field.options if not option.retired
        ]
        one: dict[str, Any] = {"type": "string", "oneOf": options}
        return out | (one if kind == pb.TypedField.CHOICE else {"type": "array", "items": one, "uniqueItems": True})
    if kind == pb.TypedField.TABLE:
        limit = field.max_rows or MOST_ROWS
        return out | {"type": "array", "items": _object(field.columns, locale), "maxItems": limit}
    if kind == pb.TypedField.ATTACHMENT:
        items = {"type": "string", "format": "uuid"}
        return out | {"type": "array", "items": items, "uniqueItems": True, "maxItems": field.max_rows or MOST_FILES}
    return out | _SCHEMAS[kind]


_DAY = {"type": "string", "format": "date"}
_SCHEMAS: dict[int, dict[str, Any]] = {
    pb.TypedField.DATE: _DAY,
    pb.TypedField.DATE_RANGE: {
        "type": "object",
        "properties": {"start": _DAY, "end": _DAY},
        "required": ["start", "end"],
        "additionalProperties": False,
    },
    pb.TypedField.DATE_TIME: {"type": "string", "format": "date-time"},
    pb.TypedField.YES_NO: {"type": "boolean"},
    **{kind: {"type": "string", "format": "uuid"} for kind in NAMING},
}


def _shown(field: pb.TypedField, locale: str) -> dict[str, Any]:
    kind = kind_of(field)
    out: dict[str, Any] = {
        "control": Kind.Name(kind).lower(),
        "label": label_of(field, locale),
        "computed": field.kind == pb.TypedField.COMPUTED,
        "required": field.required,
    }
    if kind in NUMBERS:
        out["scale"] = scale_of(field)
    told = {
        "help": field.help.get(locale, ""),
        "unit": field.unit,
        "documentType": field.document_type,
        "visibleWhen": field.visible_when,
        "requiredWhen": field.required_when,
    }
    out |= {name: said for name, said in told.items() if said}
    if field.columns:
        out["order"] = [column.key for column in field.columns]
        out["fields"] = {column.key: _shown(column, locale) for column in field.columns}
    return out
