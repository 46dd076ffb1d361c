"""What whoever handles a node fills in: the fields that a flow says, and the values that come in.

Texts of a flow are one text for every language, or one for each of LANGUAGES.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from chassis import text as plain

LANGUAGES = ("zh-CN", "en")
TYPES = ("text", "number", "amount", "date", "choice")
KEY = re.compile(r"[a-z][a-z0-9_]{0,59}")
MOST_FIELDS, MOST_CHOICES, LONGEST = 30, 50, 500
# digits in all, digits behind the point; so few that a double, which conditions compute with, holds them exactly
NUMBERS = {"number": (15, 6), "amount": (15, 2)}
DIGITS = re.compile(r"-?\d{1,15}(\.\d{1,6})?")
Violation = tuple[str, str, dict[str, object]]


@dataclass(frozen=True)
class Field:
    key: str
    label: Mapping[str, str]  # by language
    type: str
    required: bool
    choices: Mapping[str, Mapping[str, str]]  # value -> label by language


def read_fields(raw: Any, wrong: Callable[[str, str, str], None]) -> tuple[Field, ...]:
    """The fields of a node as JSON says them. `wrong` is told where (`[0].key`), which property and what is allowed."""
    if not isinstance(raw, list) or len(raw) > MOST_FIELDS:
        wrong("", "fields", f"[ … ], 1-{MOST_FIELDS}")
        return ()
    found: list[Field] = []
    for number, member in enumerate(raw):
        member = member if isinstance(member, dict) else {}
        key, kind, required = member.get("key"), member.get("type", "text"), member.get("required", False)
        label, choices = _label(member.get("label")), member.get("choices", [])
        options = {value: text for value, text in map(_choice, choices if isinstance(choices, list) else []) if text}
        faults = {
            "key": not isinstance(key, str) or not KEY.fullmatch(key) or any(key == field.key for field in found),
            "type": kind not in TYPES,
            "label": label is None,
            "required": not isinstance(required, bool),
            "choices": len(options) != len(choices)
            or bool(options) != (kind == "choice")
            or len(options) > MOST_CHOICES
            if isinstance(choices, list)
            else True,
        }
        strange = member.keys() - {"key", "label", "type", "required", "choices"}
        allowed = {
            "key": f"{KEY.pattern}, unique",
            "type": ", ".join(TYPES),
            "label": f"text, or {{{', '.join(LANGUAGES)}}}",
            "required": "true, false",
            "choices": f"1-{MOST_CHOICES} different, with type choice",
        }
        for name in [name for name, at_fault in faults.items() if at_fault] + sorted(str(k)[:60] for k in strange):
            wrong(f"[{number}].{name}", name, allowed.get(name, ", ".join(allowed)))
        found.append(Field(str(key)[:60], label or {}, str(kind)[:60], required is True, options))
    return tuple(found)


def _label(raw: Any) -> dict[str, str] | None:
    """A text by language; None where it is none."""
    label = raw if isinstance(raw, dict) else dict.fromkeys(LANGUAGES, raw)
    sound = label.keys() == set(LANGUAGES) and all(
        isinstance(t, str) and 0 < len(t.strip()) <= 100 for t in label.values()
    )
    return {language: label[language].strip() for language in LANGUAGES} if sound else None


def _choice(raw: Any) -> tuple[str, dict[str, str] | None]:
    value, label = (raw.get("value"), raw.get("label", raw.get("value"))) if isinstance(raw, dict) else (raw, raw)
    return (value, _label(label)) if isinstance(value, str) and 0 < len(value) <= 100 else ("", None)


def take(fields: Sequence[Field], values: Mapping[str, Any]) -> tuple[dict[str, str], list[Violation]]:
    """What was filled in, as exact text by key, and each value at fault: `values.invoice_no`."""
    known = {field.key for field in fields}
    violations: list[Violation] = [
        (f"values.{key[:60]}", "FIELD_UNKNOWN", {"name": key[:60]}) for key in sorted(values.keys() - known)
    ]
    taken: dict[str, str] = {}
    for field in fields:
        raw = values.get(field.key)
        text = raw.strip() if isinstance(raw, str) else _digits(raw)
        fault = ("FIELD_TYPE", {"expected": "text"}) if text is None else _fault(field, text)
        if fault is not None:
            violations.append((f"values.{field.key}", *fault))
        elif text:
            taken[field.key] = text
    return taken, violations


def _digits(raw: Any) -> str | None:
    """A number of JSON as text, nothing as none; anything else is no value."""
    if raw is None:
        return ""
    return format(Decimal(str(raw)), "f").removesuffix(".0") if type(raw) in (int, float) else None


def _fault(field: Field, text: str) -> tuple[str, dict[str, object]] | None:
    """The refusal of a text that a field cannot take."""
    if not text:
        return ("FIELD_REQUIRED", {}) if field.required else None
    match field.type:
        case "number" | "amount" as kind:
            precision, scale = NUMBERS[kind]
            fits = DIGITS.fullmatch(text) and _fits(Decimal(text), precision, scale)
            facts: dict[str, object] = {"value": text[:50], "precision": precision, "scale": scale}
            return None if fits else ("FIELD_DECIMAL", facts)
        case "date":
            return None if _is_day(text) else ("FIELD_DATE", {"value": text[:50]})
        case "choice":
            allowed = ", ".join(field.choices)
            return None if text in field.choices else ("FIELD_FORMAT", {"value": text[:50], "expected": allowed[:200]})
        case _:
            if (hidden := plain.check_plain(text, multiline=False)) is not None:
                return "FIELD_HIDDEN_CHARACTERS", {"codepoint": hidden[0], "position": hidden[1]}
            return None if len(text) <= LONGEST else ("FIELD_TOO_LONG", {"length": len(text), "limit": LONGEST})


def _fits(number: Decimal, precision: int, scale: int) -> bool:
    exact = number.normalize().as_tuple()
    assert isinstance(exact.exponent, int)
    return -exact.exponent <= scale and len(exact.digits) + exact.exponent <= precision - scale


def _is_day(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def as_facts(fields: Sequence[Field], taken: Mapping[str, str]) -> dict[str, Any]:
    """What was filled in as conditions see it: numbers are doubles, which hold these digits in their order."""
    kinds = {field.key: field.type for field in fields}
    return {key: float(text) if kinds[key] in NUMBERS else text for key, text in taken.items()}


def as_shown(fields: Sequence[Field], taken: Mapping[str, str]) -> list[dict[str, Any]]:
    """What was filled in for people to read, in the order of the form, with what the form said at that time."""
    return [
        {"key": f.key, "label": dict(f.label), "type": f.type, "value": taken[f.key], **_said(f, taken[f.key])}
        for f in fields
        if f.key in taken
    ]


def _said(field: Field, value: str) -> dict[str, Any]:
    return {"text": dict(field.choices[value])} if field.type == "choice" else {}
