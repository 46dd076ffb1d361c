"""A form is drafted, published in versions that never change, and retired. What can never work (a formula that does not
compile, a property that names no field) is refused when it is saved; a form without fields is saved and not published.

What people typed into an older version stays comparable: a key keeps the kind that it was first published with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from google.protobuf import json_format

from chassis import field_definitions
from chassis.errors import Refused
from chassis.typed_fields import LANGUAGES, LONGEST_LABEL, NUMBERS, Kind, Violation, kind_of, label_of
from heyi.approval.v1 import form_definitions_pb2 as pb
from heyi.common.v1 import typed_fields_pb2

STATES = ("DRAFT", "PUBLISHED", "RETIRED")
TRANSITIONS = {
    **{(state, "update"): state for state in STATES},
    **{(state, "publish"): "PUBLISHED" for state in STATES},
    **{(state, "copy"): state for state in STATES},
    ("DRAFT", "delete"): "DRAFT",
    ("PUBLISHED", "retire"): "RETIRED",
}
# names of other facts of a request
RESERVED = frozenset({"form", "form_version", "handled"})
PREFIX = re.compile(r"[A-Z]{1,6}", re.ASCII)
# what a version keeps of its form
KEPT = ("code", "name", "name_en", "description", "fields", "sections", "amount_key", "summary_keys", "approver_keys")
TABLE, COMPUTED = typed_fields_pb2.TypedField.TABLE, typed_fields_pb2.TypedField.COMPUTED
ATTACHMENT = typed_fields_pb2.TypedField.ATTACHMENT


def content_of(definition: Any) -> dict[str, Any]:
    """What a draft says, as a version keeps it and two are compared by; nothing stands for what is empty."""
    return {name: value for name in KEPT if (value := getattr(definition, name))}


def version_of(content: Mapping[str, Any], **more: Any) -> pb.FormVersion:
    """A version as its message."""
    return json_format.ParseDict(dict(content), pb.FormVersion(**more), ignore_unknown_fields=True)


def check_draft(definition: Any, kinds: Mapping[str, str]) -> None:
    """Refuse to save what can never work; `kinds` of the keys that were published."""
    if found := list(problems(version_of(content_of(definition)), definition.number_prefix, kinds)):
        raise Refused.fields(found)


def problems(form: pb.FormVersion, prefix: str, kinds: Mapping[str, str]) -> Iterator[Violation]:
    """Everything that is wrong with a form: path, refusal, facts."""
    yield from field_definitions.problems(form.fields)
    if not PREFIX.fullmatch(prefix):
        yield "number_prefix", "FIELD_FORMAT", {"value": prefix[:20], "expected": "LV"}
    by_key = {field.key: field for field in form.fields}
    for index, field in enumerate(form.fields):
        at = f"fields[{index}]"
        if field.key in RESERVED:
            yield f"{at}.key", "FORM_KEY_RESERVED", {"key": field.key}
        if kinds.get(field.key, meaning(field)) != meaning(field):
            yield f"{at}.kind", "FORM_KIND_CHANGED", {"key": field.key}
        if field.key in form.approver_keys and (field.required or field.required_when):
            yield f"{at}.required", "FORM_APPROVER_REQUIRED", {"key": field.key}
    yield from _sections(form.sections, by_key)
    if form.amount_key and (form.amount_key not in by_key or kind_of(by_key[form.amount_key]) not in NUMBERS):
        yield "amount_key", "FORM_KEY_UNKNOWN", {"key": form.amount_key, "expected": "NUMBER, AMOUNT"}
    for name, refused in (("summary_keys", (TABLE, ATTACHMENT)), ("approver_keys", (TABLE, COMPUTED, ATTACHMENT))):
        keys = {key: field for key, field in by_key.items() if field.kind not in refused}
        yield from _listed(getattr(form, name), keys, name, set())


def _sections(sections: Sequence[pb.FormSection], by_key: Mapping[str, Any]) -> Iterator[Violation]:
    seen: set[str] = set()
    for index, section in enumerate(sections):
        for language in LANGUAGES:
            said = section.label.get(language, "")
            if not said.strip():
                yield f"sections[{index}].label.{language}", "FIELD_REQUIRED", {}
            elif len(said) > LONGEST_LABEL:
                facts: dict[str, object] = {"length": len(said), "limit": LONGEST_LABEL}
                yield f"sections[{index}].label.{language}", "FIELD_TOO_LONG", facts
        yield from _listed(section.field_keys, by_key, f"sections[{index}].field_keys", seen)


def _listed(keys: Iterable[str], known: Mapping[str, Any], at: str, seen: set[str]) -> Iterator[Violation]:
    for place, key in enumerate(keys):
        if key not in known:
            yield f"{at}[{place}]", "FORM_KEY_UNKNOWN", {"key": key[:40], "expected": ", ".join(known)[:300]}
        elif key in seen:
            yield f"{at}[{place}]", "FORM_KEY_TWICE", {"key": key}
        seen.add(key)


def check_publishable(definition: Any, in_flows: Iterable[tuple[str, str]]) -> None:
    """Refuse a form that nobody could fill in, or that lost a field that a flow uses; `in_flows`: name of the flow and
    key, of the fields that published flows give rights to or ask for.
    """
    keys = {field["key"] for field in definition.fields}
    if not keys - set(definition.approver_keys):
        raise Refused("FORM_NO_FIELDS")
    lost: list[Violation] = [
        ("fields", "FORM_FIELD_IN_FLOW", {"flow": flow, "key": key}) for flow, key in in_flows if key not in keys
    ]
    if lost:
        raise Refused.fields(lost)


def meaning(field: typed_fields_pb2.TypedField) -> str:
    """What values of a field are, in a word that is kept."""
    return f"{Kind.Name(kind_of(field))} {field.document_type}".strip()


def differences(before: Mapping[str, Any], after: Mapping[str, Any], locale: str) -> list[pb.FormDifference]:
    """What two forms say differently: fields by their keys, then what else a form says."""
    found: list[pb.FormDifference] = []
    old, new = ({field["key"]: field for field in side.get("fields", ())} for side in (before, after))
    for key in [*old, *(key for key in new if key not in old)]:
        if old.get(key) != new.get(key):
            field = json_format.ParseDict(new.get(key) or old[key], typed_fields_pb2.TypedField())
            sides = {"before": _text(old.get(key)), "after": _text(new.get(key))}
            found.append(pb.FormDifference(path=key, title=label_of(field, locale), **sides))
    if list(old) != list(new) and set(old) == set(new):
        found.append(pb.FormDifference(path="fields", before=", ".join(old), after=", ".join(new)))
    for name in KEPT:
        if name != "fields" and before.get(name) != after.get(name):
            found.append(pb.FormDifference(path=name, before=_text(before.get(name)), after=_text(after.get(name))))
    return found


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def may_use(definition: Any, departments: Iterable[Any], roles: Iterable[str]) -> bool:
    """Whether somebody of these departments (the own one and those above it) with these roles may fill a form in."""
    if not definition.department_ids and not definition.role_codes:
        return True
    return not set(definition.department_ids).isdisjoint(departments) or not set(definition.role_codes).isdisjoint(
        roles
    )
