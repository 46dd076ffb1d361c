"""A form as a file: what its draft or one of its versions says, with JSON Schema and UI schema for other programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from google.api import httpbody_pb2
from google.protobuf import json_format

from approval.form_definition import rules
from approval.form_definition.model import FormDefinition
from chassis import field_shapes
from chassis.errors import Refused
from chassis.typed_fields import LANGUAGES
from heyi.approval.v1 import form_definitions_pb2 as pb

FORMAT = "heyi.form.1"
# beside what a version keeps: whom it is for stays in the company
HEAD = ("group_name", "icon", "number_prefix")


def file_of(definition: FormDefinition, content: Mapping[str, Any], number: int) -> httpbody_pb2.HttpBody:
    """The file; `number` of the version, 0 for the draft."""
    fields = rules.version_of(content).fields
    said = {
        "format": FORMAT,
        "form": {**{name: getattr(definition, name) for name in HEAD if getattr(definition, name)}, **content},
        "version": number,
        "json_schema": {language: field_shapes.json_schema(fields, language) for language in LANGUAGES},
        "ui_schema": {language: field_shapes.ui_schema(fields, language) for language in LANGUAGES},
    }
    name = f"{definition.code}-{number or 'draft'}.form.json"
    text = json.dumps(said, ensure_ascii=False, indent=1)
    return httpbody_pb2.HttpBody(content_type=f'application/json; name="{name}"', data=text.encode())


def read(text: str, code: str, name: str) -> pb.FormDefinition:
    """The draft that a file makes, under another code or name where the caller gives one. Raises FORM_FILE_UNKNOWN."""
    try:
        held = json.loads(text)
        if not isinstance(held, dict) or held.get("format") != FORMAT or not isinstance(held.get("form"), dict):
            raise _refusal(str(held.get("format") or "format") if isinstance(held, dict) else "format")
        wanted = {key: value for key, value in held["form"].items() if key in (*rules.KEPT, *HEAD)}
        form = json_format.ParseDict(wanted, pb.FormDefinition())
    except (ValueError, RecursionError, json_format.ParseError) as wrong:
        raise _refusal(str(wrong)) from wrong
    form.code, form.name = code or form.code, name or form.name
    return form


def _refusal(problem: str) -> Refused:
    return Refused.fields([("content", "FORM_FILE_UNKNOWN", {"problem": problem[:200]})])
