"""JSON <-> messages by plans that are compiled once for each message. `json_format` is the oracle of its tests.

Out: camelCase, every field without presence, enums by name, 64-bit integers as text. In: strict. Both spellings of a
name, but each field once; names of enums only; nothing unknown; every fault with its path, all of them at once.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import functools
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import orjson
from google.protobuf import json_format, message_factory, struct_pb2, timestamp_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from chassis import contract
from chassis.errors import Refused

Encode = Callable[[Any], Any]
# Plans by message; None while one is being made.
Known = dict[str, Encode | None]
F = FieldDescriptor

MAX_DEPTH = 32
MAX_TEXT = 64 * 1024
MAX_ITEMS = 1000
MAX_VIOLATIONS = 50
_STRUCT, _VALUE, _LIST, _TIMESTAMP = (
    f"google.protobuf.{name}" for name in ("Struct", "Value", "ListValue", "Timestamp")
)
_INT_RANGES = {
    **dict.fromkeys((F.TYPE_INT32, F.TYPE_SINT32, F.TYPE_SFIXED32), (-(2**31), 2**31 - 1)),
    **dict.fromkeys((F.TYPE_INT64, F.TYPE_SINT64, F.TYPE_SFIXED64), (-(2**63), 2**63 - 1)),
    **dict.fromkeys((F.TYPE_UINT32, F.TYPE_FIXED32), (0, 2**32 - 1)),
    **dict.fromkeys((F.TYPE_UINT64, F.TYPE_FIXED64), (0, 2**64 - 1)),
}
_LONG = {F.TYPE_INT64, F.TYPE_SINT64, F.TYPE_SFIXED64, F.TYPE_UINT64, F.TYPE_FIXED64}
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
# `00:00` to `59:59`
_IN_HOUR = [f"{second // 60:02d}:{second % 60:02d}" for second in range(3600)]
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,19})", re.ASCII)
_KEYS = re.compile(rb'"\s+:')
_FAULT = object()
_ENCODERS: Known = {}
_DECODERS: dict[str, Decoder] = {}


def is_map(one: FieldDescriptor) -> bool:
    """Whether a field is a map."""
    return one.message_type is not None and bool(one.message_type.GetOptions().map_entry)


def entry_of(one: FieldDescriptor) -> Any:
    """The two fields of a map's entry, by name."""
    assert one.message_type is not None
    return one.message_type.fields_by_name


# ---- out


def encoder(descriptor: Any) -> Encode:
    """A function from a message to what orjson writes; one for each message class."""
    return _encoder(descriptor, _ENCODERS)


def _encoder(descriptor: Descriptor, known: Known) -> Encode:
    if special := _SPECIAL_OUT.get(descriptor.full_name):
        return special
    if descriptor.full_name.startswith("google.protobuf.") and descriptor.full_name != "google.protobuf.Empty":
        return lambda message: json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
    name = descriptor.full_name
    if finished := known.get(name):
        return finished
    if name in known:
        # A message within itself: the plan is not finished yet, so it is looked up when it is used.
        return lambda message: known[name](message)  # type: ignore[misc]
    known[name] = None
    known[name] = encode = _compile_out(descriptor, known)
    return encode


def rows_encoder(reply: Any, rows: FieldDescriptor, names: frozenset[str]) -> Encode:
    """The encoder of a list's reply whose rows show these fields only. Not kept: whoever asks keeps it."""
    assert rows.message_type is not None
    row = _compile_out(rows.message_type, _ENCODERS, names)
    return _compile_out(reply, _ENCODERS, replaced={rows.name: lambda values: [row(value) for value in values]})


def _compile_out(
    descriptor: Descriptor,
    known: Known,
    wanted: frozenset[str] | None = None,
    replaced: Mapping[str, Encode] = MappingProxyType({}),
) -> Encode:
    plain: list[FieldDescriptor] = []
    converted: list[tuple[str, str, Encode]] = []
    present: list[tuple[str, str, Encode | None]] = []
    for one in descriptor.fields:
        if wanted is not None and one.name not in wanted:
            continue
        convert = _value_out(one, known)
        if whole := replaced.get(one.name):
            converted.append((one.json_name, one.name, whole))
        elif contract.repeated(one):
            converted.append((one.json_name, one.name, _many_out(one, convert, known)))
        elif one.has_presence:
            present.append((one.json_name, one.name, convert))
        elif convert is None:
            plain.append(one)
        else:
            converted.append((one.json_name, one.name, convert))
    names = [one.json_name for one in plain]
    get = attrgetter(*(one.name for one in plain)) if plain else None
    single = len(plain) == 1

    def encode(message: Any) -> dict[str, Any]:
        if get is None:
            out: dict[str, Any] = {}
        else:
            out = {names[0]: get(message)} if single else dict(zip(names, get(message), strict=True))
        for key, name, convert_one in converted:
            out[key] = convert_one(getattr(message, name))
        for key, name, convert_present in present:
            if message.HasField(name):
                value = getattr(message, name)
                out[key] = value if convert_present is None else convert_present(value)
        return out

    return encode


def _value_out(one: FieldDescriptor, known: Known) -> Encode | None:
    """How one value is written; None where it is written as it is."""
    if one.enum_type is not None:
        names = {value.number: value.name for value in one.enum_type.values}
        return lambda number: names.get(number, number)
    if one.message_type is not None:
        return None if is_map(one) else _encoder(one.message_type, known)
    if one.type == F.TYPE_BYTES:
        return lambda value: base64.b64encode(value).decode()
    if one.type in (F.TYPE_DOUBLE, F.TYPE_FLOAT):
        return _float_out
    return str if one.type in _LONG else None


def _many_out(one: FieldDescriptor, convert: Encode | None, known: Known) -> Encode:
    if is_map(one):
        value = _value_out(entry_of(one)["value"], known)
        if value is None:
            return lambda entries: {_key_out(key): entry for key, entry in entries.items()}
        return lambda entries: {_key_out(key): value(entry) for key, entry in entries.items()}
    if convert is None:
        return list
    return lambda values: [convert(value) for value in values]


def _key_out(key: Any) -> str:
    return ("true" if key else "false") if isinstance(key, bool) else str(key)


def _float_out(value: float) -> Any:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


@functools.lru_cache(maxsize=4096)
def _hour_out(hours: int) -> str:
    """`2026-01-31T08:`, of an hour since 1970."""
    return (_EPOCH + datetime.timedelta(hours=hours)).isoformat()[:14]


def _timestamp_out(stamp: Any) -> str:
    hours, seconds = divmod(stamp.seconds, 3600)
    text = _hour_out(hours) + _IN_HOUR[seconds]
    if nanos := stamp.nanos:
        if nanos % 1000:
            return f"{text}.{nanos:09d}Z"
        return f"{text}.{nanos // 1000:06d}Z" if nanos % 1_000_000 else f"{text}.{nanos // 1_000_000:03d}Z"
    return f"{text}Z"


def _value_of(value: Any) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() and abs(number) < 2**53 else number
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return _struct_out(value.struct_value)
        case "list_value":
            return [_value_of(item) for item in value.list_value.values]
    return None


def _struct_out(struct: Any) -> dict[str, Any]:
    return {key: _value_of(value) for key, value in struct.fields.items()}


# values of fields that administrators added: an object at the door, one text everywhere else
CUSTOM_FIELDS = "heyi.common.v1.CustomFields"
_SPECIAL_OUT: dict[str, Encode] = {
    CUSTOM_FIELDS: lambda value: orjson.Fragment(value.json or "{}"),
    _STRUCT: _struct_out,
    _VALUE: _value_of,
    _LIST: lambda value: [_value_of(item) for item in value.values],
    _TIMESTAMP: _timestamp_out,
}


# ---- in


@dataclass
class Reading:
    """What is noticed while one body is read."""

    violations: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)
    names: int = 0

    def fault(self, path: str, reason: str, **facts: object) -> Any:
        """Note a fault and go on; a body full of faults is not read to its end."""
        self.violations.append((path, reason, facts))
        if len(self.violations) >= MAX_VIOLATIONS:
            raise Refused.fields(self.violations)
        return _FAULT


Read = Callable[[Any, str, Reading, int], Any]


@dataclass
class Slot:
    """How one field is read."""

    name: str
    json_name: str
    read: Read
    oneof: str | None
    text: bool


class Decoder:
    """Reads JSON objects into the arguments of one message class."""

    def __init__(self, descriptor: Any, known: dict[str, Decoder] | None = None) -> None:
        self.descriptor = descriptor
        self.message = message_factory.GetMessageClass(descriptor)
        known = {} if known is None else known
        known[descriptor.full_name] = self
        self.slots: dict[str, Slot] = {}
        for one in descriptor.fields:
            oneof = one.containing_oneof
            # An `optional` field stands alone in a oneof of its own.
            group = oneof.name if oneof is not None and len(oneof.fields) > 1 else None
            text = one.type == F.TYPE_STRING and not contract.repeated(one)
            slot = Slot(one.name, one.json_name, _reader(one, known), group, text)
            self.slots[one.name] = self.slots[one.json_name] = slot
        self._has_oneof = any(slot.oneof for slot in self.slots.values())

    def arguments(self, value: Any, path: str, reading: Reading, depth: int = 0) -> Any:
        """Checked arguments of the message; `_FAULT` where the value is no object."""
        if type(value) is not dict:
            return reading.fault(path, "FIELD_TYPE", expected="object")
        if depth >= MAX_DEPTH:
            return reading.fault(path, "FIELD_FORMAT", value="", expected=f"depth <= {MAX_DEPTH}")
        reading.names += len(value)
        slots, found = self.slots, {}
        for key, item in value.items():
            slot = slots.get(key)
            if slot and slot.text and type(item) is str and len(item) <= MAX_TEXT and slot.name not in found:
                # Most values are texts in order: no path is made for them.
                found[slot.name] = item
                continue
            if slot is None:
                where = f"{path}.{key}" if path else key
                reading.fault(where[:200], "FIELD_UNKNOWN", name=key[:100])
                continue
            if item is None:
                continue
            where = f"{path}.{slot.json_name}" if path else slot.json_name
            if slot.name in found:
                reading.fault(where, "FIELD_FORMAT", value=key, expected="one value")
                continue
            found[slot.name] = slot.read(item, where, reading, depth + 1)
        if self._has_oneof:
            self._one_of_each(found, path, reading)
        return found

    def _one_of_each(self, found: dict[str, Any], path: str, reading: Reading) -> None:
        seen: dict[str, str] = {}
        for name in found:
            if group := self.slots[name].oneof:
                if group in seen:
                    where = f"{path}.{self.slots[name].json_name}" if path else self.slots[name].json_name
                    reading.fault(where, "FIELD_FORMAT", value=name, expected=f"{seen[group]} | {name}")
                seen[group] = name


def decoder(descriptor: Any) -> Decoder:
    """What reads a message; one for each message class."""
    return _DECODERS.get(descriptor.full_name) or Decoder(descriptor, _DECODERS)


def parse_json(raw: bytes) -> Any:
    """The value that a body holds. Refuses with the position where it stops being JSON."""
    try:
        return orjson.loads(raw) if raw.strip() else {}
    except orjson.JSONDecodeError as problem:
        try:
            # NaN, Infinity and 1e400 are no JSON; where nothing else is wrong, the field that holds one is named.
            value = json.loads(raw, parse_constant=float)
            # The other parser takes halves of characters for text.
            json.dumps(value, ensure_ascii=False).encode()
            return value
        except (ValueError, RecursionError):
            raise Refused("MALFORMED_REQUEST", position=problem.pos) from None


def names_once(raw: bytes, names: int) -> None:
    """Refuse a body that gives a name twice in one object: readers differ in which of the two they believe.

    `names` is how many different names were read. Each name is followed by `":`, a text never holds it unescaped, so
    an equal count proves that none was dropped. Otherwise a slower parser looks.
    """
    if raw.count(b'":') + (len(_KEYS.findall(raw)) if b'" ' in raw or b'"\n' in raw or b'"\t' in raw else 0) == names:
        return

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            name = next(name for i, (name, _) in enumerate(pairs) if name in dict(pairs[:i]))
            raise Refused.fields([(name[:100], "FIELD_FORMAT", {"value": name[:100], "expected": "one value"})])
        return found

    json.loads(raw, object_pairs_hook=once)


def _reader(one: FieldDescriptor, known: dict[str, Decoder]) -> Read:
    if is_map(one):
        return _map_reader(one, known)
    read = value_reader(one, known)
    if not contract.repeated(one):
        return read
    limit = contract.spec_of(one).max_items or MAX_ITEMS

    def read_many(value: Any, path: str, reading: Reading, depth: int) -> Any:
        if type(value) is not list:
            return reading.fault(path, "FIELD_TYPE", expected="list")
        if len(value) > limit:
            return reading.fault(path, "FIELD_TOO_MANY", count=len(value), limit=limit)
        return [read(item, f"{path}[{index}]", reading, depth) for index, item in enumerate(value)]

    return read_many


def _map_reader(one: FieldDescriptor, known: dict[str, Decoder]) -> Read:
    entry = entry_of(one)
    if entry["key"].type != F.TYPE_STRING:
        raise contract.ContractError(f"{one.full_name}: the names of a map are texts")
    read = value_reader(entry["value"], known)

    def read_map(value: Any, path: str, reading: Reading, depth: int) -> Any:
        if type(value) is not dict:
            return reading.fault(path, "FIELD_TYPE", expected="object")
        if len(value) > MAX_ITEMS:
            return reading.fault(path, "FIELD_TOO_MANY", count=len(value), limit=MAX_ITEMS)
        reading.names += len(value)
        return {key: read(item, f"{path}.{key[:100]}", reading, depth) for key, item in value.items()}

    return read_map


def value_reader(one: FieldDescriptor, known: dict[str, Decoder]) -> Read:
    """How a single value of a field is read."""
    if one.type == F.TYPE_STRING:
        return _text_in
    if one.type == F.TYPE_BOOL:
        return lambda v, path, r, _: v if v is True or v is False else r.fault(path, "FIELD_TYPE", expected="boolean")
    if one.type in _INT_RANGES:
        return _int_in(*_INT_RANGES[one.type])
    if one.type in (F.TYPE_DOUBLE, F.TYPE_FLOAT):
        return _float_in
    if one.enum_type is not None:
        return _enum_in(one.enum_type)
    if one.message_type is not None:
        return _message_in(one.message_type, known)
    return _bytes_in


def _message_in(descriptor: Descriptor, known: dict[str, Decoder]) -> Read:
    if special := _SPECIAL_IN.get(descriptor.full_name):
        return special
    if descriptor.full_name.startswith("google.protobuf.") and descriptor.full_name != "google.protobuf.Empty":
        return _oracle_in(message_factory.GetMessageClass(descriptor))
    decoder = known.get(descriptor.full_name) or Decoder(descriptor, known)
    return decoder.arguments


def _oracle_in(kind: type[Any]) -> Read:
    """The rare well-known types, read by the library itself."""

    def read(value: Any, path: str, reading: Reading, _: int) -> Any:
        try:
            return json_format.ParseDict(value, kind())
        except (json_format.ParseError, TypeError, ValueError):
            return reading.fault(path, "FIELD_TYPE", expected=kind.DESCRIPTOR.name)

    return read


def _text_in(value: Any, path: str, reading: Reading, _: int) -> Any:
    if type(value) is not str:
        return reading.fault(path, "FIELD_TYPE", expected="string")
    if len(value) > MAX_TEXT:
        return reading.fault(path, "FIELD_TOO_LONG", length=len(value), limit=MAX_TEXT)
    return value


def _int_in(lowest: int, highest: int) -> Read:
    def read(value: Any, path: str, reading: Reading, _: int) -> Any:
        whole = type(value) is float and value.is_integer() and abs(value) < 2**53
        if type(value) is int or whole or (type(value) is str and _WHOLE.fullmatch(value)):
            number = int(value)
        else:
            return reading.fault(path, "FIELD_TYPE", expected="integer")
        if not lowest <= number <= highest:
            return reading.fault(path, "FIELD_FORMAT", value=number, expected=f"{lowest} … {highest}")
        return number

    return read


def _float_in(value: Any, path: str, reading: Reading, _: int) -> Any:
    if type(value) in (int, float) and abs(value) < 1e308:
        return float(value)
    return reading.fault(path, "FIELD_TYPE", expected="number")


def _enum_in(enum: EnumDescriptor) -> Read:
    numbers = {value.name: value.number for value in enum.values}
    expected = " | ".join(list(numbers)[:30])

    def read(value: Any, path: str, reading: Reading, _: int) -> Any:
        if type(value) is not str:
            return reading.fault(path, "FIELD_TYPE", expected=expected)
        number = numbers.get(value)
        return reading.fault(path, "FIELD_FORMAT", value=value[:100], expected=expected) if number is None else number

    return read


def _bytes_in(value: Any, path: str, reading: Reading, _: int) -> Any:
    if type(value) is not str:
        return reading.fault(path, "FIELD_TYPE", expected="base64")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return reading.fault(path, "FIELD_FORMAT", value=value[:50], expected="base64")


def _timestamp_in(value: Any, path: str, reading: Reading, _: int) -> Any:
    if type(value) is not str:
        return reading.fault(path, "FIELD_TYPE", expected="time")
    stamp = timestamp_pb2.Timestamp()
    try:
        stamp.FromJsonString(value)
    except ValueError:
        return reading.fault(path, "FIELD_FORMAT", value=value[:60], expected="2026-01-31T08:00:00Z")
    return stamp


def _struct_in(value: Any, path: str, reading: Reading, depth: int) -> Any:
    if type(value) is not dict:
        return reading.fault(path, "FIELD_TYPE", expected="object")
    return value if _json_in(value, path, reading, depth) else _FAULT


def _value_in(value: Any, path: str, reading: Reading, depth: int) -> Any:
    if not _json_in(value, path, reading, depth):
        return _FAULT
    holder = struct_pb2.ListValue()
    holder.extend([value])
    return holder.values[0]


def _list_in(value: Any, path: str, reading: Reading, depth: int) -> Any:
    if type(value) is not list:
        return reading.fault(path, "FIELD_TYPE", expected="list")
    return value if _json_in(value, path, reading, depth) else _FAULT


def _json_in(value: Any, path: str, reading: Reading, depth: int) -> bool:
    """Whether free JSON is within bounds: depth, length of texts and lists, finite numbers."""
    if depth > MAX_DEPTH:
        return reading.fault(path, "FIELD_FORMAT", value="", expected=f"depth <= {MAX_DEPTH}") is not _FAULT
    if type(value) is dict:
        reading.names += len(value)
        if len(value) > MAX_ITEMS:
            return reading.fault(path, "FIELD_TOO_MANY", count=len(value), limit=MAX_ITEMS) is not _FAULT
        return all(_json_in(item, f"{path}.{key[:100]}", reading, depth + 1) for key, item in value.items())
    if type(value) is list:
        if len(value) > MAX_ITEMS:
            return reading.fault(path, "FIELD_TOO_MANY", count=len(value), limit=MAX_ITEMS) is not _FAULT
        return all(_json_in(item, f"{path}[{i}]", reading, depth + 1) for i, item in enumerate(value))
    if type(value) is str:
        return _text_in(value, path, reading, depth) is not _FAULT
    if type(value) in (int, float):
        return _float_in(value, path, reading, depth) is not _FAULT
    return True


def _custom_in(value: Any, path: str, reading: Reading, depth: int) -> Any:
    read = _struct_in(value, path, reading, depth)
    return read if read is _FAULT else {"json": orjson.dumps(read).decode()}


_SPECIAL_IN: dict[str, Read] = {
    CUSTOM_FIELDS: _custom_in,
    _STRUCT: _struct_in,
    _VALUE: _value_in,
    _LIST: _list_in,
    _TIMESTAMP: _timestamp_in,
}
