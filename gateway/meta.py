"""What the SPA knows of the contract: documents, fields, methods, labels. Made once for each language.

A document's methods are named by their addresses: `list get create update delete`, or the verb after the colon.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from chassis import contract
from chassis.contract import Contract, Document
from chassis.importable import importable
from chassis.labels import Labels
from gateway.codec import is_map
from gateway.comments import Comments
from gateway.routes import PLATFORM, Binding, list_field
from heyi.options.v1 import options_pb2

F = FieldDescriptor
REQUIRED, OUTPUT_ONLY, INPUT_ONLY, IMMUTABLE = 2, 3, 4, 5
_FORMATS = options_pb2.FieldSpec.Format
_DOTTED = re.compile(r"\{[a-z_.]+\.")
_PLAIN = {"id", "etag"}
_BY_VERB = {"POST": "create", "PATCH": "update", "DELETE": "delete"}


@dataclass(frozen=True)
class Page:
    """The answer to one language, ready to send."""

    body: bytes
    packed: bytes
    etag: str


def method_name(binding: Binding) -> str:
    """How the SPA calls a method: by the verb of its address, else by what HTTP does there."""
    if binding.action:
        return binding.action
    if binding.verb == "GET":
        return "get" if binding.segments[-1].field else "list"
    return _BY_VERB[binding.verb]


def short_name(descriptor: Any) -> str:
    """`heyi.procurement.v1.PurchaseOrder.State` -> `PurchaseOrder.State`."""
    return str(descriptor.full_name.removeprefix(f"{descriptor.file.package}."))


def service_of(descriptor: Any) -> str:
    """`heyi.procurement.v1` -> `procurement`."""
    return str(descriptor.file.package.split(".")[1])


def kind_of(field: FieldDescriptor, spec: Any) -> str:
    """What sort of value a field holds, for whoever shows it."""
    if is_map(field):
        return "map"
    if field.message_type is not None:
        return {"google.protobuf.Timestamp": "time", "google.protobuf.Struct": "struct"}.get(
            field.message_type.full_name, "message"
        )
    if field.enum_type is not None:
        return "enum"
    if field.type == F.TYPE_BOOL:
        return "bool"
    if field.type != F.TYPE_STRING:
        return "int"
    if spec.references:
        return "reference"
    if spec.HasField("decimal"):
        return "decimal"
    return {_FORMATS.DATE: "date", _FORMATS.MULTILINE: "text"}.get(spec.format, "string")


class Meta:
    """Builds the document for one language."""

    def __init__(self, loaded: Contract, bindings: Iterable[Binding], words: Labels, comments: Comments) -> None:
        self._contract, self._words, self._comments = loaded, words, comments
        self._by_document: dict[str, list[Binding]] = {}
        for binding in bindings:
            if binding.method.document:
                self._by_document.setdefault(binding.method.document, []).append(binding)
        self._names = _Names()
        self._messages: dict[str, dict[str, Any]] = {}
        self._enums: dict[str, list[dict[str, Any]]] = {}

    def build(self) -> dict[str, Any]:
        """The whole document."""
        documents = {name: self._document(document) for name, document in self._contract.documents.items()}
        services = sorted({document["service"] for document in documents.values()} - {PLATFORM})
        return {
            "locale": self._words.locale,
            "services": [{"name": name, "title": self._words.service(name)} for name in services],
            "documents": documents,
            "messages": self._messages,
            "enums": self._enums,
            "texts": self._words.all("messages"),
            "refusals": {name: self._refusal(name) for name in self._contract.refusals},
            "permissions": [self._permission(name) for name in self._contract.permissions()],
        }

    def page(self) -> Page:
        """The document as it is sent."""
        body = orjson.dumps(self.build())
        return Page(body, gzip.compress(body, 6, mtime=0), f'"{hashlib.sha256(body).hexdigest()[:20]}"')

    def _document(self, document: Document) -> dict[str, Any]:
        descriptor: Any = document.message.DESCRIPTOR
        service, name = document.name.split(".")
        spec = descriptor.GetOptions().Extensions[options_pb2.document]
        bindings = self._by_document.get(document.name, [])
        methods = {method_name(binding): self._method(binding, descriptor, service) for binding in bindings}
        listing = next((b for b in bindings if method_name(b) in ("list", "batchGet")), None)
        path = next((b.template.partition(":")[0] for b in bindings if not b.path_fields), f"/v1/{service}/{name}")
        camel = {field.name: field.json_name for field in descriptor.fields}
        resource = contract.snake(descriptor.name)
        return {
            "service": service,
            "name": name,
            "message": descriptor.name,
            "title": self._words.document(service, descriptor.name),
            "plural": self._words.documents(service, descriptor.name),
            "path": path,
            "route": path.removeprefix("/v1"),
            "resourceField": _camel(resource),
            "listField": list_field(listing.method.reply.DESCRIPTOR).json_name if listing else None,
            "titleFields": [camel[one] for one in document.title],
            "defaultOrder": document.default_order,
            "hidden": spec.hidden,
            "numbering": spec.numbering or None,
            "importable": document.name in importable(),
            "help": self._words.find("help", service, descriptor.name),
            "description": self._comments.of(descriptor),
            "fields": self._fields(descriptor),
            "facts": self._message(descriptor.file.message_types_by_name[spec.facts]) if spec.facts else None,
            "asks": spec.amount_path.rpartition(".")[0] or None,
            "cut": spec.cut or None,
            "hides": bool(spec.amount_path),
            "methods": methods,
        }

    def _method(self, binding: Binding, document: Any, service: str) -> dict[str, Any]:
        name, method = method_name(binding), binding.method
        verb = contract.snake(name)
        out: dict[str, Any] = {
            "verb": binding.verb,
            "path": _DOTTED.sub("{", binding.template),
            "permission": method.policy.permission or None,
            "label": self._words.action(service, document.name, verb),
            "confirm": self._words.find("action_confirm", service, f"{document.name}.{verb}"),
            "collection": not binding.path_fields,
            "idempotencyKey": method.policy.idempotency_key,
            "read": method.read_only,
            "file": binding.is_file,
            "description": self._comments.of_method(method.full_name),
        }
        # Of create and update the fields are the document's own.
        own = binding.body in ("", "*")
        bound = {*binding.path_fields, *_PLAIN, "update_mask"}
        request: Any = method.request.DESCRIPTOR
        fields = [field for field in request.fields if field.name not in bound] if own else []
        out["requestFields"] = [self._field(field) for field in fields]
        reply: Any = method.reply.DESCRIPTOR
        if reply.full_name not in (document.full_name, "google.protobuf.Empty") and not binding.is_file:
            out["reply"] = self._message(reply)
        return out

    def _fields(self, descriptor: Any) -> list[dict[str, Any]]:
        return [self._field(field) for field in descriptor.fields]

    def _field(self, field: FieldDescriptor) -> dict[str, Any]:
        spec, behaviours = contract.spec_of(field), contract.behaviours_of(field)
        owner: Any = field.containing_type
        message, service = short_name(owner), service_of(owner)
        kind = kind_of(field, spec)
        out: dict[str, Any] = {
            "name": field.json_name,
            "protoName": field.name,
            "label": self._words.field(service, message, field.name),
            "type": kind,
            "repeated": contract.repeated(field),
            "required": REQUIRED in behaviours,
            "readOnly": OUTPUT_ONLY in behaviours,
            "immutable": IMMUTABLE in behaviours,
            "inputOnly": INPUT_ONLY in behaviours,
            "computed": spec.computed,
            "filter": spec.filter,
            "sort": spec.sort,
            "column": spec.column,
            "total": spec.total,
            "sensitive": spec.sensitive,
            "recorded": spec.recorded,
            "once": spec.once,
            "agreed": spec.hashed,
            "tells": bool(spec.tells),
        }
        if spec.format:
            out["format"] = _FORMATS.Name(spec.format)
        if kind in ("string", "text"):
            out["maxLength"] = spec.max_length or 200
        if contract.repeated(field):
            out["maxItems"] = spec.max_items or 1000
        if spec.HasField("decimal"):
            decimal = spec.decimal
            out["decimal"] = {"precision": decimal.precision, "scale": decimal.scale, "signed": decimal.signed}
        if spec.references:
            out["references"] = spec.references
        if field.enum_type is not None:
            out["enum"] = self._enum(field.enum_type)
        if kind == "message" and field.message_type is not None:
            out["message"] = self._message(field.message_type)
        if comment := self._comments.of(field):
            out["description"] = comment
        return out

    def _message(self, descriptor: Any) -> str:
        document = f"{service_of(descriptor)}.{contract.snake(descriptor.name)}"
        known = self._contract.documents.get(document)
        if known is not None and known.message.DESCRIPTOR is descriptor:
            return document
        name = self._names.of(descriptor)
        if name not in self._messages:
            title = self._words.document(service_of(descriptor), short_name(descriptor))
            self._messages[name] = message = dict[str, Any](title=title)
            message["fields"] = self._fields(descriptor)
        return name

    def _enum(self, descriptor: EnumDescriptor) -> str:
        name, service, short = self._names.of(descriptor), service_of(descriptor), short_name(descriptor)
        if name not in self._enums:
            self._enums[name] = [
                {
                    "name": value.name,
                    "label": self._words.value(service, short, value.name),
                    "description": self._comments.of(value),
                }
                for value in descriptor.values
                if value.number
            ]
        return name

    def _refusal(self, name: str) -> dict[str, str]:
        entry = self._words.refusals.get(name, {})
        return {"message": self._words.sentence(name, {}), **entry}

    def _permission(self, permission: str) -> dict[str, str]:
        service, name, verb = permission.split(".")
        document = self._contract.documents.get(f"{service}.{name}")
        message = document.message.DESCRIPTOR.name if document else "".join(p.title() for p in name.split("_"))
        group = self._words.find("permissions_group", service, f"{service}.{name}")
        group = group or self._words.document(service, message)
        label = f"{group} · {self._words.action(service, message, verb)}"
        return {"name": permission, "label": label, "service": service, "document": name}


class _Names:
    """Short names of messages and enums; with their service where two share one."""

    def __init__(self) -> None:
        self._taken: dict[str, str] = {}

    def of(self, descriptor: Any) -> str:
        name = short_name(descriptor)
        owner = self._taken.setdefault(name, descriptor.full_name)
        return name if owner == descriptor.full_name else f"{service_of(descriptor)}.{name}"


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
