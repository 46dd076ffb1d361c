"""Rows and messages: a plan for each pair of model and message, compiled once.

Fields and attributes are paired by name. A field without an attribute is an error when the plan is compiled, unless
the contract calls it computed or the model lists it as unmapped; so a drift between contract and tables is found at
start, not in production. Reading a message checks its shape: what is required, read-only, too long, not a number.
"""

from __future__ import annotations

import datetime
import decimal
import functools
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import orjson
import sqlalchemy as sa
from google.api import field_behavior_pb2
from google.protobuf import json_format, message_factory, struct_pb2
from google.protobuf.descriptor import FieldDescriptor
from sqlalchemy.dialects import postgresql as pg

from chassis import contract, custom_fields, ids, text
from chassis.errors import Refused
from heyi.options.v1 import options_pb2

REQUIRED = field_behavior_pb2.REQUIRED
OUTPUT_ONLY = field_behavior_pb2.OUTPUT_ONLY
INPUT_ONLY = field_behavior_pb2.INPUT_ONLY
IMMUTABLE = field_behavior_pb2.IMMUTABLE
# a client may name a document and its lines, and must say which version it read
CALLER_MAY_SEND = {"id", "etag"}
RENAMED = {"create_time": "created_at", "update_time": "updated_at"}
# filled by the runtime, from the state table and the caller's rights
BY_RUNTIME = {"etag", "allowed_actions"}
DEFAULT_LENGTH, DEFAULT_ITEMS = 200, 1000
DECIMAL = re.compile(r"-?\d{1,30}(\.\d{1,12})?", re.ASCII)
SHAPES = {
    options_pb2.FieldSpec.EMAIL: re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+"),
    options_pb2.FieldSpec.PHONE: re.compile(r"\+?[0-9][0-9 \-()]{4,24}"),
    options_pb2.FieldSpec.CURRENCY: re.compile(r"[A-Z]{3}"),
    options_pb2.FieldSpec.CODE: re.compile(r"[0-9A-Za-z\u4e00-\u9fff][0-9A-Za-z\u4e00-\u9fff_./×\-]*"),
}
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
Violations = list[tuple[str, str, dict[str, object]]]


@dataclass(frozen=True)
class FieldPlan:
    """How one field of a message becomes an attribute of a row, and back."""

    name: str
    attribute: str
    descriptor: FieldDescriptor
    spec: options_pb2.FieldSpec
    behaviours: frozenset[int]
    read: Callable[[Any, str, Violations], Any]  # wire value, path -> attribute value
    # attribute value -> what the message's constructor takes; None: the value as it is
    write: Callable[[Any], Any] | None
    part: Plan | None = None

    @property
    def writable(self) -> bool:
        return OUTPUT_ONLY not in self.behaviours and not self.spec.computed


@dataclass(frozen=True, eq=False)
class Plan:
    model: Any
    message: type[contract.Message]
    fields: dict[str, FieldPlan]

    def shown(self, wanted: frozenset[str] | None = None) -> list[FieldPlan]:
        """The fields of a row without its parts: all, or those wanted."""
        return [p for p in self.fields.values() if p.part is None and (wanted is None or p.name in wanted)]

    @functools.lru_cache(maxsize=500)  # noqa: B019  (plans live as long as the process)
    def writer(self, wanted: frozenset[str] | None = None, *, in_order: bool = False) -> Callable[..., Any]:
        """A function from a row to its message without parts, with all fields or those wanted: the heart of a list.

        It takes what makes the message too: a reply's `rows.add` makes it in its place. A row that begins with the
        shown attributes in their order (`in_order`) is read as a tuple, not by their names.
        """
        plain = self.shown(wanted)
        read: Callable[[Any], Iterable[Any]] = (
            iter if in_order else attrgetter(*(p.attribute for p in plain), "id", "id")
        )
        names = [p.name for p in plain]
        converted = [(p.name, p.write) for p in plain if p.write is not None]
        versioned = hasattr(self.model, "version") and (wanted is None or "etag" in wanted)

        def write(row: Any, make: Callable[..., Any] = self.message) -> Any:
            values = dict(zip(names, read(row), strict=False))
            for name, convert in converted:
                if (value := values[name]) is not None:
                    values[name] = convert(value)
            # a value that is None leaves its field unset
            message: Any = make(**values)
            if versioned and row.version is not None:
                message.etag = ids.etag_of(row.version)
            return message

        return write

    def to_message(self, row: Any, *, with_parts: bool = True) -> Any:
        """The row as a message. Parts are left out where a list asks for headers only."""
        message = self.writer()(row)
        if with_parts:
            for plan in self.fields.values():
                if plan.part is not None:
                    getattr(message, plan.name).extend(plan.part.to_message(p) for p in getattr(row, plan.attribute))
        return message


def plan_for(model: Any) -> Plan:
    """The plan of a model, compiled at its first use."""
    return _compile(model)


def snapshot_of(row: Any) -> Any:
    """A document with its lines as its message, whoever asks: what is agreed to, announced and kept."""
    return plan_for(type(row)).to_message(row)


@functools.cache
def _compile(model: Any) -> Plan:
    """The plan of a model. Raises ContractError where the message says something that the model does not hold."""
    message = model.__message__
    columns, relations = sa.inspect(model).columns, sa.inspect(model).relationships
    plans: dict[str, FieldPlan] = {}
    missing = []
    for field in contract.fields(message.DESCRIPTOR):
        spec = contract.spec_of(field)
        attribute = RENAMED.get(field.name, field.name)
        behaviours = contract.behaviours_of(field)
        unmapped = field.name in model.__unmapped__ or INPUT_ONLY in behaviours
        if field.name in BY_RUNTIME or spec.computed or unmapped:
            continue
        base: dict[str, Any] = {"name": field.name, "attribute": attribute, "descriptor": field, "spec": spec}
        if attribute in relations:
            part = plan_for(relations[attribute].mapper.class_)
            plans[field.name] = FieldPlan(**base, behaviours=behaviours, read=_no_read, write=None, part=part)
        elif attribute in columns:
            read, write = _codec(field, spec, columns[attribute])
            plans[field.name] = FieldPlan(**base, behaviours=behaviours, read=read, write=write)
        else:
            missing.append(field.name)
    if missing:
        raise contract.ContractError(f"{model.__name__} holds nothing for {message.DESCRIPTOR.name}: {missing}")
    return Plan(model, message, plans)


def read_new(plan: Plan, message: Any) -> dict[str, Any]:
    """Attribute values of a message that makes a document. Raises Refused with every field at fault."""
    violations: Violations = []
    values = _read(plan, message, None, "", violations)
    if violations:
        raise Refused.fields(violations)
    return values


def read_update(plan: Plan, row: Any, message: Any, mask: Iterable[str]) -> dict[str, Any]:
    """Attribute values of the fields that an update names; without a mask, of those that are set."""
    violations: Violations = []
    names = list(dict.fromkeys(path.split(".")[0] for path in mask)) or [f.name for f, _ in message.ListFields()]
    chosen = set()
    for name in names:
        field = message.DESCRIPTOR.fields_by_name.get(name)
        if field is None:
            violations.append((name, "FIELD_UNKNOWN", {"name": name}))
        elif name in plan.fields and plan.fields[name].writable:
            chosen.add(name)
        elif name not in CALLER_MAY_SEND:
            violations.append((name, "FIELD_READ_ONLY", {}))
    values = _read(plan, message, chosen, "", violations)
    for name in [name for name in chosen if IMMUTABLE in plan.fields[name].behaviours]:
        attribute = plan.fields[name].attribute
        if values.pop(attribute, None) != getattr(row, attribute):
            violations.append((name, "FIELD_IMMUTABLE", {}))
    if violations:
        raise Refused.fields(violations)
    return values


def check_shape(message: Any) -> None:
    """Check a request that is no document: required fields, lengths, numbers, dates, choices. Raises Refused."""
    violations: Violations = []
    for field in message.DESCRIPTOR.fields:
        if field.type == FieldDescriptor.TYPE_MESSAGE and contract.behaviours_of(field) >= {REQUIRED}:
            if not contract.repeated(field) and not message.HasField(field.name):
                violations.append((field.name, "FIELD_REQUIRED", {}))
        elif field.type == FieldDescriptor.TYPE_STRING:
            spec = contract.spec_of(field)
            values = getattr(message, field.name)
            if contract.repeated(field):
                limit = spec.max_items or DEFAULT_ITEMS
                if len(values) > limit:
                    violations.append((field.name, "FIELD_TOO_MANY", {"count": len(values), "limit": limit}))
                values = list(values)[:limit]
            else:
                values = [values]
            if contract.behaviours_of(field) >= {REQUIRED} and not any(values):
                violations.append((field.name, "FIELD_REQUIRED", {}))
            for value in values:
                _check_text(field, spec, value, field.name, violations)
        elif field.enum_type is not None:
            sent = getattr(message, field.name)
            chosen = field.enum_type.values_by_number
            if any(number not in chosen for number in (sent if contract.repeated(field) else [sent])):
                offered = ", ".join(list(field.enum_type.values_by_name)[1:])
                violations.append((field.name, "FIELD_TYPE", {"expected": offered}))
    if violations:
        raise Refused.fields(violations)


def fill_parts(plan: FieldPlan, row: Any, parts: list[dict[str, Any]]) -> None:
    """Put the lines that a caller sent in place of those that stand: matched by id, numbered from 1."""
    assert plan.part is not None
    present = {part.id: part for part in (getattr(row, plan.attribute) if _loaded(row, plan.attribute) else [])}
    lines = []
    for number, values in enumerate(parts, 1):
        nested = {name: values.pop(name) for name in [n for n in values if isinstance(values[n], _Parts)]}
        line = present.get(values.get("id")) or plan.part.model(id=values.get("id") or ids.uuid7())
        for name, value in values.items():
            setattr(line, name, value)
        line.line_number = number
        for attribute, inner in nested.items():
            inner_plan = next(p for p in plan.part.fields.values() if p.attribute == attribute)
            fill_parts(inner_plan, line, list(inner))
        lines.append(line)
    setattr(row, plan.attribute, lines)


def _loaded(row: Any, attribute: str) -> bool:
    state = sa.inspect(row)
    return state.persistent and attribute not in state.unloaded


class _Parts(list[dict[str, Any]]):
    """Values of the lines of a document, before they become rows."""


def _read(plan: Plan, message: Any, chosen: set[str] | None, path: str, violations: Violations) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, field in ((f.name, f) for f in message.DESCRIPTOR.fields):
        known = plan.fields.get(name)
        where = f"{path}{name}"
        if known is None or not known.writable:
            if INPUT_ONLY in contract.behaviours_of(field):
                _check_text(field, contract.spec_of(field), str(getattr(message, name)), where, violations)
            elif chosen is None and name not in CALLER_MAY_SEND and _is_set(message, field):
                violations.append((where, "FIELD_READ_ONLY", {}))
            elif name == "id" and message.id and chosen is None:
                values["id"] = _uuid(message.id, where, violations)
            continue
        if chosen is not None and name not in chosen:
            continue
        if REQUIRED in known.behaviours and not _is_set(message, field):
            violations.append((where, "FIELD_REQUIRED", {}))
            continue
        if known.part is not None:
            sent = getattr(message, name)
            limit = known.spec.max_items or DEFAULT_ITEMS
            if len(sent) > limit:
                violations.append((where, "FIELD_TOO_MANY", {"count": len(sent), "limit": limit}))
                continue
            values[known.attribute] = _Parts(
                _read(known.part, part, None, f"{where}[{index}].", violations) for index, part in enumerate(sent)
            )
        else:
            values[known.attribute] = known.read(message, where, violations)
    return values


def _is_set(message: Any, field: FieldDescriptor) -> bool:
    if contract.repeated(field):
        return len(getattr(message, field.name)) > 0
    if field.has_presence:
        return bool(message.HasField(field.name))
    return bool(getattr(message, field.name) != field.default_value)


def _no_read(message: Any, path: str, violations: Violations) -> Any:
    raise AssertionError("parts are read by their own plan")


def _codec(field: FieldDescriptor, spec: options_pb2.FieldSpec, column: Any) -> tuple[Any, Any]:
    """How a field is read into a column, and written from it."""
    name = field.name
    kind = column.type
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return _message_codec(field, spec, kind)
    if contract.repeated(field):
        return _array_codec(field, spec, kind)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return _enum_codec(field)
    if field.type != FieldDescriptor.TYPE_STRING:
        return (lambda m, p, v: getattr(m, name)), None
    if isinstance(kind, sa.Uuid):
        return (
            lambda m, p, v: _uuid(getattr(m, name), p, v) if getattr(m, name) else None,
            str,
        )
    if spec.HasField("decimal"):
        return (
            lambda m, p, v: _decimal(spec.decimal, getattr(m, name), p, v),
            functools.partial(decimal_text, scale=spec.decimal.scale),
        )
    if isinstance(kind, sa.Date):
        return (
            lambda m, p, v: _date(getattr(m, name), p, v),
            datetime.date.isoformat,
        )
    nullable = column.nullable

    def read(message: Any, path: str, violations: Violations) -> str | None:
        value = _check_text(field, spec, getattr(message, name), path, violations)
        return value if value or not nullable else None

    if spec.sensitive:
        return read, masked
    return read, None


def decimal_text(value: decimal.Decimal, scale: int) -> str:
    """A number as it travels: money with its two digits, anything finer without zeros at its end."""
    plain = str(value)
    if "E" in plain:
        plain = format(value, "f")
    return plain if scale <= 2 or "." not in plain else plain.rstrip("0").rstrip(".")


def _timestamp(value: datetime.datetime) -> dict[str, int]:
    """As a message's constructor takes it: a message of its own would be copied there by way of its bytes."""
    since = value - _EPOCH
    return {"seconds": since.days * 86_400 + since.seconds, "nanos": since.microseconds * 1000}


def masked(value: str) -> str:
    """A sensitive text as others may see it: its last four characters."""
    return f"****{value[-4:]}" if len(value) > 4 else "****"


def _enum_codec(field: FieldDescriptor) -> tuple[Any, Any]:
    assert field.enum_type is not None
    name, by_number, by_name = field.name, field.enum_type.values_by_number, field.enum_type.values_by_name

    def read(message: Any, path: str, violations: Violations) -> str | None:
        number = getattr(message, name)
        if number not in by_number:
            violations.append((path, "FIELD_TYPE", {"expected": ", ".join(list(by_name)[1:])}))
            return None
        return str(by_number[number].name) if number else None

    numbers = {name: value.number for name, value in by_name.items()}
    return read, numbers.__getitem__


def _enums_codec(field: FieldDescriptor) -> tuple[Any, Any]:
    """Members of an enum, each once, in the order in which they were sent."""
    assert field.enum_type is not None
    name, by_number, by_name = field.name, field.enum_type.values_by_number, field.enum_type.values_by_name

    def read(message: Any, path: str, violations: Violations) -> list[str]:
        sent = list(dict.fromkeys(getattr(message, name)))
        if any(number not in by_number or not number for number in sent):
            violations.append((path, "FIELD_TYPE", {"expected": ", ".join(list(by_name)[1:])}))
            return []
        return [str(by_number[number].name) for number in sent]

    return read, lambda value: [by_name[one].number for one in value]


def _array_codec(field: FieldDescriptor, spec: options_pb2.FieldSpec, kind: Any) -> tuple[Any, Any]:
    name = field.name
    of_ids = isinstance(kind, pg.ARRAY) and isinstance(kind.item_type, sa.Uuid)
    if field.enum_type is not None:
        return _enums_codec(field)

    def read(message: Any, path: str, violations: Violations) -> list[Any]:
        sent = list(getattr(message, name))
        limit = spec.max_items or DEFAULT_ITEMS
        if len(sent) > limit:
            violations.append((path, "FIELD_TOO_MANY", {"count": len(sent), "limit": limit}))
            return []
        if of_ids:
            return [_uuid(value, f"{path}[{i}]", violations) for i, value in enumerate(sent)]
        return [_check_text(field, spec, value, f"{path}[{i}]", violations) for i, value in enumerate(sent)]

    return read, lambda value: [str(v) for v in value]


def instant_of(stamp: Any, path: str) -> datetime.datetime:
    """The instant (UTC) that a request names. Raises FIELD_FORMAT for one that no calendar has, or before 1900."""
    try:
        found: datetime.datetime = stamp.ToDatetime(tzinfo=datetime.UTC)
    except (ValueError, OverflowError):
        found = datetime.datetime.min.replace(tzinfo=datetime.UTC)
    if found.year < 1900:
        known: dict[str, object] = {"value": f"{stamp.seconds}.{stamp.nanos}", "expected": "1900-01-01 – 9999-12-31"}
        raise Refused.fields([(path, "FIELD_FORMAT", known)])
    return found


def _message_codec(field: FieldDescriptor, spec: options_pb2.FieldSpec, kind: Any) -> tuple[Any, Any]:
    """Timestamps become instants; structs and small messages become JSON."""
    name = field.name
    assert field.message_type is not None
    if field.message_type.full_name == "google.protobuf.Timestamp":

        def read_time(message: Any, path: str, violations: Violations) -> datetime.datetime | None:
            if not message.HasField(name):
                return None
            return getattr(message, name).ToDatetime(tzinfo=datetime.UTC)  # type: ignore[no-any-return]

        return read_time, _timestamp
    is_map = bool(field.message_type.GetOptions().map_entry)
    made: Any = message_factory.GetMessageClass(field.message_type)
    if field.message_type.full_name == "heyi.common.v1.CustomFields":
        return functools.partial(_custom_values, name), lambda value: {"json": custom_fields.text_of(value)}
    if is_map:
        return (lambda m, p, v: dict(getattr(m, name))), None
    if contract.repeated(field):
        return (
            lambda m, p, v: [json_format.MessageToDict(x, preserving_proto_field_name=True) for x in getattr(m, name)],
            lambda value: [json_format.ParseDict(x, made()) for x in value],
        )

    def read_json(message: Any, path: str, violations: Violations) -> Any:
        if not message.HasField(name):
            return None
        part = getattr(message, name)
        _check_struct(part, path, violations)
        return json_format.MessageToDict(part, preserving_proto_field_name=True)

    return read_json, lambda value: json_format.ParseDict(value, made())


def _custom_values(name: str, message: Any, path: str, violations: Violations) -> dict[str, Any] | None:
    """Values of custom fields as they were sent; `custom_fields.taken` checks them."""
    if not message.HasField(name):
        return None
    try:
        values = orjson.loads(getattr(message, name).json or "{}")
    except orjson.JSONDecodeError:
        values = None
    if not isinstance(values, dict):
        violations.append((path, "FIELD_TYPE", {"expected": "object"}))
        return None
    return values


def _check_struct(message: Any, path: str, violations: Violations) -> None:
    size = message.ByteSize()
    if size > 100_000:
        violations.append((path, "FIELD_TOO_LONG", {"length": size, "limit": 100_000}))
    elif isinstance(message, struct_pb2.Struct):
        for leaf in _texts(message):
            if (found := text.check_plain(leaf, multiline=True)) is not None:
                violations.append((path, "FIELD_HIDDEN_CHARACTERS", {"codepoint": found[0], "position": found[1]}))
                return


def _texts(struct: Any) -> Iterable[str]:
    todo: list[Any] = [json_format.MessageToDict(struct)]
    while todo:
        match todo.pop():
            case dict() as pairs:
                todo.extend([*pairs.keys(), *pairs.values()])
            case list() as members:
                todo.extend(members)
            case str() as leaf:
                yield leaf


def _uuid(value: str, path: str, violations: Violations) -> uuid.UUID | None:
    try:
        return ids.parse(value)
    except ValueError:
        violations.append((path, "FIELD_FORMAT", {"value": value[:50], "expected": "UUID"}))
        return None


def _decimal(rule: options_pb2.Decimal, value: str, path: str, violations: Violations) -> decimal.Decimal | None:
    if not value:
        return None
    facts: dict[str, object] = {"value": value[:50], "precision": rule.precision, "scale": rule.scale}
    if not DECIMAL.fullmatch(value):
        violations.append((path, "FIELD_DECIMAL", facts))
        return None
    number = decimal.Decimal(value)
    exact = number.normalize().as_tuple()
    assert isinstance(exact.exponent, int)
    whole = len(exact.digits) + exact.exponent
    if -exact.exponent > rule.scale or whole > rule.precision - rule.scale or (number < 0 and not rule.signed):
        violations.append((path, "FIELD_DECIMAL", facts))
        return None
    return number.quantize(decimal.Decimal(1).scaleb(-rule.scale))


def _date(value: str, path: str, violations: Violations) -> datetime.date | None:
    if not value:
        return None
    try:
        day = datetime.date.fromisoformat(value)
    except ValueError:
        day = None
    if day is None or len(value) != 10 or not 1900 <= day.year <= 2999:
        violations.append((path, "FIELD_DATE", {"value": value[:50]}))
        return None
    return day


def _check_text(
    field: FieldDescriptor, spec: options_pb2.FieldSpec, value: str, path: str, violations: Violations
) -> str:
    """The text as it is stored, after its shape was checked."""
    limit = spec.max_length or DEFAULT_LENGTH
    if len(value) > limit:
        violations.append((path, "FIELD_TOO_LONG", {"length": len(value), "limit": limit}))
        return ""
    multiline = spec.format in (options_pb2.FieldSpec.MULTILINE, options_pb2.FieldSpec.CEL)
    if (found := text.check_plain(value, multiline=multiline)) is not None:
        violations.append((path, "FIELD_HIDDEN_CHARACTERS", {"codepoint": found[0], "position": found[1]}))
        return ""
    if spec.format == options_pb2.FieldSpec.PASSWORD:
        return value
    value = text.normalise(value)
    if value and spec.HasField("decimal"):
        _decimal(spec.decimal, value, path, violations)
    elif value and spec.format == options_pb2.FieldSpec.DATE:
        _date(value, path, violations)
    elif value and (shape := SHAPES.get(spec.format)) is not None and not shape.fullmatch(value):
        expected = options_pb2.FieldSpec.Format.Name(spec.format)
        violations.append((path, "FIELD_FORMAT", {"value": value[:50], "expected": expected}))
    return value


def without_once(message: Any) -> Any:
    """A reply as it is kept: without the secrets that are answered once."""
    once = [field.name for field in message.DESCRIPTOR.fields if contract.spec_of(field).once]
    if not once:
        return message
    kept = type(message)()
    kept.CopyFrom(message)
    for name in once:
        kept.ClearField(name)
    return kept
