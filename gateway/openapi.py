"""OpenAPI 3.1 of everything that has an address, made from descriptors and comments."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from chassis import contract
from gateway.codec import CUSTOM_FIELDS, MAX_ITEMS, entry_of, is_map
from gateway.comments import Comments
from gateway.errors import HTTP_STATUS
from gateway.limits import MEDIA_TYPE
from gateway.meta import OUTPUT_ONLY, REQUIRED, short_name
from gateway.routes import Binding

F = FieldDescriptor
_VARIABLE = re.compile(r"\{([a-z0-9_.]+)\}")
_STRING = {"type": "string"}
_BYTES = {"type": "string", "format": "binary"}
_WELL_KNOWN: dict[str, dict[str, Any]] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    "google.protobuf.Value": {},
    CUSTOM_FIELDS: {"type": "object", "additionalProperties": True},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    "google.protobuf.Empty": {"type": "object"},
    "google.protobuf.FieldMask": _STRING,
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "status", "message", "details"],
            "properties": {
                "code": {"type": "integer", "description": "HTTP status"},
                "status": {"type": "string", "description": "google.rpc.Code by name"},
                "message": {"type": "string", "description": "A sentence in the caller's language"},
                "details": {
                    "type": "array",
                    "description": (
                        "google.rpc.ErrorInfo (reason, facts), BadRequest, LocalizedMessage, RequestInfo; "
                        "heyi.common.v1.Violations: the facts of each field at fault"
                    ),
                    "items": {"type": "object", "required": ["@type"], "properties": {"@type": _STRING}},
                },
            },
        }
    },
}


class OpenApi:
    """Builds the document."""

    def __init__(self, bindings: Iterable[Binding], comments: Comments, refusals: dict[str, int]) -> None:
        self._bindings, self._comments, self._refusals = list(bindings), comments, refusals
        self._schemas: dict[str, dict[str, Any]] = {"Error": _ERROR}
        self._names: dict[str, str] = {}

    def build(self) -> dict[str, Any]:
        """The whole document."""
        paths: dict[str, dict[str, Any]] = {}
        for binding in self._bindings:
            path = _VARIABLE.sub(lambda found: "{" + _json_path(found[1]) + "}", binding.template)
            paths.setdefault(path, {})[binding.verb.lower()] = self._operation(binding)
        return {
            "openapi": "3.1.0",
            "info": {"title": "Heyi", "version": "1"},
            "servers": [{"url": "/"}],
            "security": _PEOPLE,
            "paths": dict(sorted(paths.items())),
            "components": {
                "schemas": dict(sorted(self._schemas.items())),
                "securitySchemes": {
                    "session": {"type": "apiKey", "in": "cookie", "name": "__Host-heyi"},
                    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                    # a key of the suite's own, for programs; as a bearer it is taken too
                    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                },
                "responses": {
                    "Refused": {
                        "description": "Refused: reason, facts and a sentence in the caller's language.",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
                    }
                },
                "parameters": _HEADERS,
            },
            "x-refusals": {name: HTTP_STATUS[code] for name, code in sorted(self._refusals.items())},
        }

    def _operation(self, binding: Binding) -> dict[str, Any]:
        method = binding.method
        service, _, name = method.full_name.partition("/")
        status = str(method.policy.success_status or 200)
        out: dict[str, Any] = {
            "operationId": name if service.rsplit(".", 1)[0] != "heyi.platform.v1" else f"{method.service}.{name}",
            "tags": [service.removeprefix("heyi.")],
            "parameters": self._parameters(binding),
            "responses": {status: self._reply(binding), "default": {"$ref": "#/components/responses/Refused"}},
        }
        if comment := self._comments.of_method(method.full_name):
            out["description"] = comment
        if method.policy.permission:
            out["x-permission"] = method.policy.permission
            # a key holds permissions and nothing else
            out["security"] = [*_PEOPLE, {"key": []}]
        if method.policy.public:
            out["security"] = []
        if binding.body:
            descriptor: Any = method.request.DESCRIPTOR
            if binding.takes_file:
                out["requestBody"] = {"required": True, "content": {MEDIA_TYPE: {"schema": _BYTES}}}
                return out
            if binding.body == "*":
                schema = self._object(descriptor, {*binding.path_fields})
            else:
                schema = self._field_schema(descriptor.fields_by_name[binding.body])
            out["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
        return out

    def _reply(self, binding: Binding) -> dict[str, Any]:
        if binding.is_file:
            return {"description": "The file.", "content": {"*/*": {"schema": _BYTES}}}
        schema = self._message(binding.method.reply.DESCRIPTOR)
        if (rows := binding.rows) is not None:
            reply = self._schemas[self._name(binding.method.reply.DESCRIPTOR)]
            reply["properties"][rows.json_name]["items"] = self._row(rows.message_type)
        return {"description": "Done.", "content": {"application/json": {"schema": schema}}}

    def _row(self, descriptor: Any) -> dict[str, Any]:
        """A row of a list: of a document the parameter `fields` may leave out everything but the id."""
        name, always = f"{self._name(descriptor)}Row", [one for one in ("id",) if one in descriptor.fields_by_name]
        self._schemas[name] = {**self._object(descriptor, set()), "required": always}
        return {"$ref": f"#/components/schemas/{name}"}

    def _parameters(self, binding: Binding) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [
            {"name": _json_path(path), "in": "path", "required": True, "schema": _STRING}
            for path in binding.path_fields
        ]
        for query in {id(query): query for query in binding.query.values()}.values():
            required = REQUIRED in contract.behaviours_of(query.descriptor)
            entry = {"name": query.json_path, "in": "query", "schema": self._field_schema(query.descriptor)}
            found.append({**entry, "required": True} if required else entry)
        if binding.rows is not None:
            found.append({"$ref": "#/components/parameters/Fields"})
        found.append({"$ref": "#/components/parameters/Company"})
        if binding.method.policy.idempotency_key:
            found.append({"$ref": "#/components/parameters/IdempotencyKey"})
        return found

    def _message(self, descriptor: Any) -> dict[str, Any]:
        if (known := _WELL_KNOWN.get(descriptor.full_name)) is not None:
            return dict(known)
        name = self._name(descriptor)
        if name not in self._schemas:
            self._schemas[name] = {}
            self._schemas[name] = self._object(descriptor, set())
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, descriptor: Any, without: set[str]) -> dict[str, Any]:
        fields = [field for field in descriptor.fields if field.name not in without]
        out: dict[str, Any] = {
            "type": "object",
            "properties": {field.json_name: self._field_schema(field) for field in fields},
            "additionalProperties": False,
        }
        if required := [field.json_name for field in fields if REQUIRED in contract.behaviours_of(field)]:
            out["required"] = required
        if comment := self._comments.of(descriptor):
            out["description"] = comment
        return out

    def _field_schema(self, field: FieldDescriptor) -> dict[str, Any]:
        spec = contract.spec_of(field)
        if is_map(field):
            schema: dict[str, Any] = {"type": "object", "additionalProperties": self._value(entry_of(field)["value"])}
        elif contract.repeated(field):
            schema = {"type": "array", "items": self._value(field), "maxItems": spec.max_items or MAX_ITEMS}
        else:
            schema = self._value(field)
        if OUTPUT_ONLY in contract.behaviours_of(field):
            schema["readOnly"] = True
        if spec.references:
            schema["x-references"] = spec.references
        if comment := self._comments.of(field):
            schema["description"] = comment
        return schema

    def _value(self, field: FieldDescriptor) -> dict[str, Any]:
        if field.message_type is not None:
            return self._message(field.message_type)
        if field.enum_type is not None:
            return self._enum(field.enum_type)
        spec = contract.spec_of(field)
        if field.type == F.TYPE_BOOL:
            return {"type": "boolean"}
        if field.type in (F.TYPE_DOUBLE, F.TYPE_FLOAT):
            return {"type": "number"}
        if field.type == F.TYPE_BYTES:
            return {"type": "string", "format": "byte"}
        if field.type == F.TYPE_INT32:
            return {"type": "integer", "format": "int32"}
        if field.type == F.TYPE_UINT32:
            return {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}
        if field.type != F.TYPE_STRING:
            return {"type": "string", "format": "int64"}
        if spec.HasField("decimal"):
            sign = "-?" if spec.decimal.signed else ""
            return {"type": "string", "format": "decimal", "pattern": f"^({sign}[0-9]+([.][0-9]+)?)?$"}
        if spec.format == type(spec).DATE:
            return {"type": "string", "anyOf": [{"format": "date"}, {"const": ""}]}
        return {"type": "string", "maxLength": spec.max_length} if spec.max_length else {"type": "string"}

    def _enum(self, descriptor: EnumDescriptor) -> dict[str, Any]:
        name = self._name(descriptor)
        if name not in self._schemas:
            self._schemas[name] = {"type": "string", "enum": [value.name for value in descriptor.values]}
            if comment := self._comments.of(descriptor):
                self._schemas[name]["description"] = comment
        return {"$ref": f"#/components/schemas/{name}"}

    def _name(self, descriptor: Any) -> str:
        name = short_name(descriptor)
        owner = self._names.setdefault(name, descriptor.full_name)
        return name if owner == descriptor.full_name else str(descriptor.full_name.removeprefix("heyi."))


_PEOPLE: list[dict[str, list[str]]] = [{"session": []}, {"bearer": []}]
_HEADERS = {
    "Company": {
        "name": "X-Company",
        "in": "header",
        "description": "The company that the call is about; the caller's own where it is left out.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "Fields": {
        "name": "fields",
        "in": "query",
        "description": "The fields of a row that are wanted, by commas; all of them where it is not said.",
        "schema": _STRING,
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": "The same key and body again give the same answer, and happen once.",
        "schema": {"type": "string", "minLength": 8, "maxLength": 100},
    },
}


def _json_path(path: str) -> str:
    """`purchase_order.id` -> `id`: what stands in an address is the last part."""
    last = path.rsplit(".", 1)[-1]
    first, *rest = last.split("_")
    return first + "".join(part.title() for part in rest)
