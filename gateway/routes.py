"""HTTP rules of the contract, compiled: which method an address means, and what its parts say.

A deliberately small grammar: literals, `{field}`, `{a.b}`, an optional `:verb` at the end. Anything else, an address
that two methods claim, or a part that names no field of the request stops the process at its start.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from chassis import contract
from chassis.contract import ContractError, Message, Method
from chassis.errors import Refused
from gateway import codec

PLATFORM = "platform"
_LITERAL = re.compile(r"[a-z0-9][a-z0-9_\-]*")
_VARIABLE = re.compile(r"\{([a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)*)\}")
_VERB = re.compile(r"[a-z][A-Za-z]*")
_VERBS = ("get", "post", "patch", "delete")
# What a link may say beside the request's own fields: downloads and streams cannot carry headers.
LINK_PARAMETERS = frozenset({"company", "locale"})
MASK = "update_mask"
FILE = "google.api.HttpBody"
# the system parameter of lists: which fields of a row are wanted (AIP-157)
FIELDS = "fields"
_PICKED_REMEMBERED = 200
F = FieldDescriptor


@dataclass(frozen=True)
class Segment:
    """A part of an address: a word, or the field it fills."""

    text: str
    field: str = ""


@dataclass(frozen=True)
class QueryField:
    """A field that can stand in the query."""

    path: tuple[str, ...]
    json_path: str
    read: codec.Read
    repeated: bool
    descriptor: FieldDescriptor


class Binding:
    """One method at its address."""

    def __init__(self, method: Method, verb: str, template: str, body: str) -> None:
        self.method = method
        self.verb = verb.upper()
        self.template = template
        self.body = body
        self.segments, self.action = _parse(template, method.full_name)
        request: Any = method.request.DESCRIPTOR
        self.decoder = codec.decoder(request)
        self.encode = codec.encoder(method.reply.DESCRIPTOR)
        self.explained = _explained(method.reply.DESCRIPTOR)
        self.is_file = method.reply.DESCRIPTOR.full_name == FILE
        taken = request.fields_by_name.get(body)
        # its body is bytes, passed on in pieces
        self.takes_file = taken is not None and taken.message_type is not None and taken.message_type.full_name == FILE
        self.path_fields = [segment.field for segment in self.segments if segment.field]
        self._check(request)
        self.query = {} if body == "*" else dict(_query_fields(request, {*self.path_fields, body}))
        self.has_mask = MASK in request.fields_by_name and self.verb == "PATCH"
        # of a list of documents; None where the method is none
        paged = method.document and {"page_size", "page_token"} <= {*request.fields_by_name}
        self.rows: FieldDescriptor | None = list_field(method.reply.DESCRIPTOR) if paged else None
        self._picked: OrderedDict[frozenset[str], codec.Encode] = OrderedDict()

    @property
    def target(self) -> str:
        """Which upstream serves it; empty where the address says so."""
        return "" if self.method.service == PLATFORM else self.method.service

    def pick(self, query: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], frozenset[str] | None]:
        """The query without its `fields`, and the fields of a row that they name; None where all are wanted."""
        if self.rows is None:
            return query, None
        assert self.rows.message_type is not None
        names = [name for key, text in query if key == FIELDS for name in text.split(",") if name]
        query = [pair for pair in query if pair[0] != FIELDS]
        if not names:
            return query, None
        known = {n: one.name for one in self.rows.message_type.fields for n in (one.name, one.json_name)}
        if unknown := [name for name in names if name not in known]:
            raise Refused.fields([(FIELDS, "FIELD_UNKNOWN", {"name": name[:100]}) for name in unknown[:20]])
        return query, frozenset(known[name] for name in names) | {"id"}

    def encoder_of(self, picked: frozenset[str] | None) -> codec.Encode:
        """What writes the reply, with all or the picked fields of its rows."""
        if picked is None or self.rows is None:
            return self.encode
        found = self._picked.pop(picked, None) or codec.rows_encoder(self.method.reply.DESCRIPTOR, self.rows, picked)
        self._picked[picked] = found
        if len(self._picked) > _PICKED_REMEMBERED:
            self._picked.popitem(last=False)
        return found

    def _check(self, request: Descriptor) -> None:
        for path in self.path_fields:
            field = _find(request, path)
            if field is None or field.type != F.TYPE_STRING or contract.repeated(field):
                raise ContractError(f"{self.method.full_name}: {{{path}}} names no text field of {request.name}")
        if self.body not in ("", "*"):
            body = request.fields_by_name.get(self.body)
            if body is None or body.type != F.TYPE_MESSAGE or contract.repeated(body):
                raise ContractError(f"{self.method.full_name}: the body {self.body!r} is no message of {request.name}")
        # what does not fit an address is asked in a body
        asks = self.verb == "GET" or (self.method.read_only and self.verb == "POST" and self.body == "*")
        if self.method.read_only != asks:
            raise ContractError(
                f"{self.method.full_name}: reads are GET, or POST with a whole body; nothing else is GET"
            )

    def request(self, parts: Sequence[str], query: Iterable[tuple[str, str]], raw: bytes) -> Message:
        """The request that an address, a query and a body make. Refuses with every fault."""
        reading = codec.Reading()
        arguments: dict[str, Any] = {}
        if self.body:
            arguments = self._body(raw, reading)
        elif raw.strip():
            raise Refused("MALFORMED_REQUEST", position=0)
        self._query(query, arguments, reading)
        if reading.violations:
            raise Refused.fields(reading.violations)
        for path, value in zip(self.path_fields, parts, strict=True):
            _put(arguments, path.split("."), value)
        return self.method.request(**arguments)

    def _body(self, raw: bytes, reading: codec.Reading) -> dict[str, Any]:
        value = codec.parse_json(raw)
        if self.body == "*":
            arguments = self.decoder.arguments(value, "", reading)
            found: dict[str, Any] = arguments if isinstance(arguments, dict) else {}
        else:
            slot = self.decoder.slots[self.body]
            # Paths in refusals start inside the document: that is what the caller sent.
            found = {self.body: slot.read(value, "", reading, 1)}
            if self.has_mask and isinstance(value, dict):
                found[MASK] = {"paths": self._mask(value, slot.name)}
        if not reading.violations:
            codec.names_once(raw, reading.names)
        return found

    def _mask(self, value: dict[str, Any], name: str) -> list[str]:
        """What a PATCH names: every key of the body, so that null clears. Lists and parts are replaced as a whole."""
        descriptor: Any = self.method.request.DESCRIPTOR.fields_by_name[name].message_type
        names = {n: f.name for f in descriptor.fields for n in (f.name, f.json_name)}
        return list(dict.fromkeys(names[key] for key in value if key in names))

    def _query(self, query: Iterable[tuple[str, str]], arguments: dict[str, Any], reading: codec.Reading) -> None:
        seen: set[tuple[str, ...]] = set()
        for key, text in query:
            field = self.query.get(key)
            if field is None:
                if key not in LINK_PARAMETERS or self.verb != "GET":
                    reading.fault(key[:100], "FIELD_UNKNOWN", name=key[:100])
                continue
            if field.path in seen and not field.repeated:
                reading.fault(field.json_path, "FIELD_TOO_MANY", count=2, limit=1)
                continue
            value = field.read(_query_value(field.descriptor, text), field.json_path, reading, 0)
            if field.repeated:
                held = _get(arguments, field.path) or []
                held.append(value)
                limit = contract.spec_of(field.descriptor).max_items or codec.MAX_ITEMS
                if len(held) > limit:
                    raise Refused.fields([(field.json_path, "FIELD_TOO_MANY", {"count": len(held), "limit": limit})])
                value = held
            seen.add(field.path)
            _put(arguments, field.path, value)


@dataclass
class _Node:
    words: dict[str, _Node]
    any: _Node | None
    ends: dict[tuple[str, str], Binding]


class Router:
    """Finds the method of an address, in as many steps as the address has parts."""

    def __init__(self, bindings: Iterable[Binding]) -> None:
        self.bindings = list(bindings)
        self._root = _Node({}, None, {})
        self._variables: dict[str, str] = {}
        for binding in self.bindings:
            self._add(binding)

    def _add(self, binding: Binding) -> None:
        node = self._root
        for segment in binding.segments:
            if segment.field:
                node.any = node.any or _Node({}, None, {})
                node = node.any
            else:
                node = node.words.setdefault(segment.text, _Node({}, None, {}))
        key = (binding.verb, binding.action)
        if key in node.ends:
            raise ContractError(f"{binding.method.full_name} and {node.ends[key].method.full_name} share an address")
        node.ends[key] = binding

    def find(self, verb: str, path: str) -> tuple[Binding, list[str]] | None:
        """The method at an address and what its variable parts say; None where nothing is there."""
        head, colon, action = path.rpartition(":")
        if not colon:
            head, action = path, ""
        elif not _VERB.fullmatch(action):
            return None
        parts = head.removeprefix("/").split("/")
        return self._walk(self._root, parts, 0, [], ("GET" if verb == "HEAD" else verb, action))

    def _walk(
        self, node: _Node, parts: list[str], at: int, said: list[str], key: tuple[str, str]
    ) -> tuple[Binding, list[str]] | None:
        if at == len(parts):
            binding = node.ends.get(key)
            return (binding, said) if binding else None
        part = parts[at]
        if (word := node.words.get(part)) and (found := self._walk(word, parts, at + 1, said, key)):
            return found
        if node.any and part and ":" not in part and len(part) <= 200:
            return self._walk(node.any, parts, at + 1, [*said, part], key)
        return None


def bindings(loaded: contract.Contract) -> list[Binding]:
    """Every method that has an address."""
    return [_binding(method, rule) for method, rule in _rules(loaded)]


def earlier(loaded: contract.Contract) -> list[Binding]:
    """Where methods were before: programs, and pages that stay open while the suite is upgraded, still ask there."""
    return [_binding(method, one) for method, rule in _rules(loaded) for one in rule.additional_bindings]


def _rules(loaded: contract.Contract) -> Iterator[tuple[Method, Any]]:
    for method in loaded.methods.values():
        descriptor = descriptor_pool.Default().FindMethodByName(method.full_name.replace("/", "."))
        rule = contract.http_rule(descriptor)
        if rule.WhichOneof("pattern") is not None:
            yield method, rule


def _binding(method: Method, rule: Any) -> Binding:
    verb = rule.WhichOneof("pattern")
    if verb not in _VERBS or rule.response_body:
        raise ContractError(f"{method.full_name}: only plain {', '.join(_VERBS)} rules are served")
    return Binding(method, verb, getattr(rule, verb), rule.body)


def list_field(reply: Any) -> Any:
    """The field of a reply that holds its rows; None where there is none."""
    rows = [one for one in reply.fields if contract.repeated(one) and one.message_type is not None]
    return next((one for one in rows if not codec.is_map(one)), None)


def _explained(reply: Any) -> list[str]:
    """Fields of a reply that list refusals by name: each item's `message` is for the gateway to say."""
    return [
        field.name
        for field in reply.fields
        if contract.repeated(field)
        and field.message_type is not None
        and {"reason", "facts", "message"} <= {part.name for part in field.message_type.fields}
    ]


def _parse(template: str, name: str) -> tuple[list[Segment], str]:
    head, colon, action = template.rpartition(":")
    if not colon:
        head, action = template, ""
    elif not _VERB.fullmatch(action):
        raise ContractError(f"{name}: {template} ends in no verb")
    segments = []
    for part in head.removeprefix("/").split("/"):
        if match := _VARIABLE.fullmatch(part):
            segments.append(Segment(part, match[1]))
        elif _LITERAL.fullmatch(part):
            segments.append(Segment(part))
        else:
            raise ContractError(f"{name}: {part!r} in {template} is beyond the grammar")
    if not head.startswith("/"):
        raise ContractError(f"{name}: {template} does not begin with a slash")
    return segments, action


def _find(descriptor: Descriptor, path: str) -> FieldDescriptor | None:
    *parents, last = path.split(".")
    for name in parents:
        field = descriptor.fields_by_name.get(name)
        if field is None or field.message_type is None or contract.repeated(field):
            return None
        descriptor = field.message_type
    return descriptor.fields_by_name.get(last)


def _query_fields(
    descriptor: Descriptor, bound: set[str], path: tuple[str, ...] = (), json_path: tuple[str, ...] = ()
) -> Iterator[tuple[str, QueryField]]:
    """Scalars, lists of scalars and, with dots, scalars of parts; under both spellings of their names."""
    for one in descriptor.fields:
        names, json_names = (*path, one.name), (*json_path, one.json_name)
        if ".".join(names) in bound or len(names) > 3:
            continue
        special = one.message_type is not None and one.message_type.full_name == "google.protobuf.Timestamp"
        if one.message_type is not None and not special:
            if not contract.repeated(one) and not one.message_type.full_name.startswith("google."):
                yield from _query_fields(one.message_type, bound, names, json_names)
            continue
        read = codec.value_reader(one, {})
        field = QueryField(names, ".".join(json_names), read, contract.repeated(one), one)
        yield ".".join(names), field
        yield ".".join(json_names), field


def _query_value(field: FieldDescriptor, text: str) -> Any:
    return {"true": True, "false": False}.get(text, text) if field.type == F.TYPE_BOOL else text


def _put(arguments: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for name in path[:-1]:
        arguments = arguments.setdefault(name, {})
    arguments[path[-1]] = value


def _get(arguments: dict[str, Any], path: Sequence[str]) -> Any:
    for name in path[:-1]:
        arguments = arguments.get(name, {})
    return arguments.get(path[-1])
