"""Fields that people define while the system runs: what each may hold, how it is checked, kept, computed and compared.

Definitions are `heyi.common.v1.TypedField`; a form is a list of them. Its values are one JSON object, keyed by the
fields: numbers and amounts are decimal text, days `2026-01-31`, choices the keys of their options, people, departments
and other documents their ids, tables lists of such objects. What is empty is left out. Nothing here reads a database:
who stores values asks `references` and looks whether they exist.

In formulas and rules an empty number counts as 0, an empty text as "", an empty list as []; so a rule has an answer.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from chassis import formulas, ids, money, text
from heyi.common.v1 import typed_fields_pb2 as pb

Kind = pb.TypedField.Kind
Violation = tuple[str, str, dict[str, object]]
Values = dict[str, Any]

LANGUAGES = ("zh-CN", "en")
KEY = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
# digits that a double keeps whatever they are
EXACT_DIGITS = 15
# words that mean something else in a formula
RESERVED = re.compile(
    r"as|bool|break|bytes|const|continue|double|dyn|else|false|for|function|if|import|in|int|let|list|loop|map|namespace"
    r"|null|null_type|package|return|string|true|type|uint|var|void|while"
)
DOCUMENT_TYPE = re.compile(r"[a-z_]+\.[a-z_]+", re.ASCII)
DIGITS = re.compile(r"-?\d{1,30}(\.\d{1,12})?", re.ASCII)
MOST_FIELDS, MOST_COLUMNS, MOST_OPTIONS, MOST_ROWS, MOST_FILES = 60, 20, 100, 200, 20
LONGEST_LABEL, LONGEST_HELP, LONGEST_RULE = 60, 300, 1000
LENGTHS: dict[Kind.ValueType, int] = {pb.TypedField.TEXT: 500, pb.TypedField.LONG_TEXT: 5000}
# digits in all; an amount has two behind the point, a number as many as its scale says
PRECISION, AMOUNT_SCALE, MOST_SCALE = 18, 2, 6
CHOSEN = (pb.TypedField.CHOICE, pb.TypedField.CHOICES)
NUMBERS = (pb.TypedField.NUMBER, pb.TypedField.AMOUNT)
NAMING = (pb.TypedField.PERSON, pb.TypedField.DEPARTMENT, pb.TypedField.REFERENCE)
RESULTS = (pb.TypedField.TEXT, *NUMBERS, pb.TypedField.DATE, pb.TypedField.YES_NO)
# which properties belong to which kinds only
BELONGS: dict[str, tuple[Kind.ValueType, ...]] = {
    "scale": (pb.TypedField.NUMBER, pb.TypedField.COMPUTED),
    "unit": (pb.TypedField.NUMBER, pb.TypedField.COMPUTED),
    "minimum": NUMBERS,
    "maximum": NUMBERS,
    "max_length": tuple(LENGTHS),
    "options": CHOSEN,
    "document_type": (pb.TypedField.REFERENCE,),
    "columns": (pb.TypedField.TABLE,),
    "max_rows": (pb.TypedField.TABLE, pb.TypedField.ATTACHMENT),
    "formula": (pb.TypedField.COMPUTED,),
    "result_kind": (pb.TypedField.COMPUTED,),
}
# what a list may ask of a field of each kind: the operators of filters
OPERATORS: dict[int, tuple[str, ...]] = {
    pb.TypedField.TEXT: ("=", "!=", ":"),
    pb.TypedField.LONG_TEXT: (":",),
    **dict.fromkeys((*NUMBERS, pb.TypedField.DATE, pb.TypedField.DATE_TIME), ("=", "!=", "<", "<=", ">", ">=")),
    **dict.fromkeys((pb.TypedField.CHOICE, pb.TypedField.YES_NO, *NAMING), ("=", "!=")),
    pb.TypedField.CHOICES: ("=",),
}
VARIABLES: dict[int, str] = {
    **dict.fromkeys(NUMBERS, formulas.NUMBER),
    pb.TypedField.YES_NO: formulas.YES_NO,
    pb.TypedField.CHOICES: formulas.TEXTS,
    pb.TypedField.ATTACHMENT: formulas.TEXTS,
    pb.TypedField.DATE_RANGE: formulas.RECORD,
    pb.TypedField.TABLE: formulas.ROWS,
}
_EMPTY: dict[str, Any] = {
    formulas.NUMBER: Decimal(0),
    formulas.TEXT: "",
    formulas.YES_NO: False,
    formulas.TEXTS: [],
    formulas.RECORD: {"start": "", "end": ""},
    formulas.ROWS: [],
}


def kind_of(field: pb.TypedField) -> pb.TypedField.Kind.ValueType:
    """What sort of value a field holds: of a computed one, that of its result."""
    return field.result_kind if field.kind == pb.TypedField.COMPUTED else field.kind


def label_of(field: pb.TypedField | pb.FieldOption, locale: str) -> str:
    """What a field or an option is called in a language; in another one where it has no name in it, else its key."""
    return field.label.get(locale) or next((name for name in field.label.values() if name), field.key)


def scale_of(field: pb.TypedField) -> int:
    """Decimals of a number or an amount."""
    return AMOUNT_SCALE if kind_of(field) == pb.TypedField.AMOUNT else field.scale


def operators_of(field: pb.TypedField) -> tuple[str, ...]:
    """What a filter may ask of a field; nothing of tables and of ranges of days."""
    return OPERATORS.get(kind_of(field), ())


def sortable(field: pb.TypedField) -> bool:
    """Whether a list has an order by a field; by a choice, that of the keys."""
    by_text = (pb.TypedField.TEXT, pb.TypedField.YES_NO, pb.TypedField.CHOICE)
    return "<" in operators_of(field) or kind_of(field) in by_text


def variables_of(fields: Iterable[pb.TypedField]) -> dict[str, str]:
    """The kinds of the variables that formulas over these fields see."""
    return {field.key: VARIABLES.get(kind_of(field), formulas.TEXT) for field in fields}


def _uses(formula: str, keys: Iterable[str]) -> set[str]:
    """The fields that a formula speaks of: neither quoted, nor called, nor a part of something."""
    bare = re.sub(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", " ", formula)
    return set(re.findall(r"(?<![\w.])[a-z][a-z0-9_]*\b(?!\s*\()", bare)) & set(keys)


def computing_order(fields: Sequence[pb.TypedField]) -> tuple[list[pb.TypedField], list[str]]:
    """What is computed, what it needs first; and the keys of those that need each other. A field needs what its formula
    and the rule of its being there speak of, and so does the rule of any other.
    """
    keys = [field.key for field in fields]
    waiting = {field.key: _uses(f"{field.formula} {field.visible_when}", keys) for field in fields}
    by_key, ordered = {field.key: field for field in fields}, []
    while ready := [key for key, needs in waiting.items() if not needs & waiting.keys()]:
        ordered += [by_key[key] for key in ready]
        for key in ready:
            del waiting[key]
    return ordered, list(waiting)


# ---- values


class Wrong(Exception):
    """A value that its field cannot take."""

    def __init__(self, path: str, reason: str, **facts: object) -> None:
        super().__init__(reason)
        self.violation: Violation = (path, reason, facts)


@dataclass(frozen=True)
class Taken:
    """Values as they are kept, and what is wrong with what was sent. `hidden`: the fields that are not there now."""

    values: Values
    violations: list[Violation]
    hidden: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()


class Form:
    """The fields of one form, ready to take values."""

    def __init__(self, fields: Sequence[pb.TypedField]) -> None:
        self.fields = {field.key: field for field in fields}
        self._variables = variables_of(fields)
        self._ordered = computing_order(fields)[0]
        self._ruled = any(field.visible_when or field.required_when or field.formula for field in fields)

    def take(self, sent: Mapping[str, Any], *, before: Mapping[str, Any] | None = None) -> Taken:
        """What was sent, checked, computed and as it is kept. What stood there `before` is taken again as it is: an
        option that was retired meanwhile does not make a value wrong.
        """
        before = before or {}
        violations: list[Violation] = [
            (key[:60], "FIELD_UNKNOWN", {"name": key[:60]}) for key in sent if key not in self.fields
        ]
        given: Values = {}
        for key, field in self.fields.items():
            if field.kind == pb.TypedField.COMPUTED or key not in sent:
                continue
            if key in before and sent[key] == before[key]:
                given[key] = before[key]
                continue
            try:
                value = _read(field, sent[key], key)
            except Wrong as wrong:
                violations.append(wrong.violation)
                continue
            except ExceptionGroup as several:
                violations += [one.violation for one in several.exceptions if isinstance(one, Wrong)]
                continue
            if value not in (None, "", [], {}):
                given[key] = value
        taken = self._settle(given, {path.split("[")[0].split(".")[0] for path, _, _ in violations})
        for key, field in self.fields.items():
            if field.kind == pb.TypedField.COMPUTED and key in sent and sent[key] not in (None, taken.values.get(key)):
                violations.append((key, "FIELD_READ_ONLY", {}))
        violations += taken.violations
        return Taken(taken.values, violations, taken.hidden, taken.required)

    def settle(self, values: Mapping[str, Any]) -> Taken:
        """Kept values with what is computed from them, what is hidden left out, what is missing at fault."""
        return self._settle({key: value for key, value in values.items() if key in self.fields}, set())

    def _settle(self, given: Values, faulty: set[str]) -> Taken:
        if not self._ruled:
            missing = [k for k, f in self.fields.items() if f.required and k not in given and k not in faulty]
            required = frozenset(key for key, field in self.fields.items() if field.required)
            return Taken(given, [(key, "FIELD_REQUIRED", {}) for key in missing], required=required)
        seen = {key: self._seen(key, given.get(key)) for key in self.fields}
        values, hidden, violations = dict(given), set(), list[Violation]()
        for field in self._ordered:
            key = field.key
            if field.visible_when and not self._holds(field.visible_when, seen, key, violations):
                hidden.add(key)
                values.pop(key, None)
                seen[key] = self._seen(key, None)
            elif field.formula:
                values.pop(key, None)
                if (value := self._computed(field, seen)) is not None:
                    values[key] = value
                seen[key] = self._seen(key, value)
        needed = {
            key
            for key, field in self.fields.items()
            if key not in hidden
            and (field.required or (field.required_when and self._holds(field.required_when, seen, key, violations)))
        }
        missing = [key for key in self.fields if key in needed and key not in values and key not in faulty]
        violations += [(key, "FIELD_REQUIRED", {}) for key in missing]
        in_order = {key: values[key] for key in self.fields if key in values}
        return Taken(in_order, violations, frozenset(hidden), frozenset(needed))

    def _seen(self, key: str, value: Any) -> Any:
        """A value as formulas see it."""
        return _seen(self.fields[key], value)

    def _holds(self, rule: str, seen: Values, key: str, violations: list[Violation]) -> bool:
        """A rule that has no answer is not quietly taken for a no."""
        try:
            return formulas.answer(rule, self._variables, seen) is True
        except formulas.FormulaFailed as failed:
            violations.append((key, "FORMULA_FAILED", {"problem": str(failed)}))
            return True

    def _computed(self, field: pb.TypedField, seen: Values) -> Any:
        """What a formula gives, as it is kept; nothing where it has no answer for these values."""
        try:
            found = formulas.answer(field.formula, self._variables, seen)
        except formulas.FormulaFailed:
            return None
        if kind_of(field) in NUMBERS:
            if not isinstance(found, Decimal):
                return None
            rounded = money.exact(found, scale=scale_of(field))
            fits = rounded.adjusted() < PRECISION - scale_of(field)
            return _kept(field, rounded) if fits else None
        if kind_of(field) == pb.TypedField.YES_NO:
            return found if isinstance(found, bool) else None
        if not isinstance(found, str) or not found:
            return None
        if kind_of(field) == pb.TypedField.DATE:
            try:
                return _day(found, field.key)
            except Wrong:
                return None
        return found[: LENGTHS[pb.TypedField.TEXT]]

    def told_by(self, keys: Iterable[str]) -> frozenset[str]:
        """These fields, and all that are computed from them or are there because of them."""
        found = set(keys)
        for field in self._ordered:
            if _uses(f"{field.formula} {field.visible_when}", found):
                found.add(field.key)
        return frozenset(found)

    def files(self, values: Mapping[str, Any]) -> dict[str, list[str]]:
        """The files that kept values name, by the key of their field."""
        of_files = (key for key, field in self.fields.items() if field.kind == pb.TypedField.ATTACHMENT)
        return {key: list(values[key]) for key in of_files if values.get(key)}

    def references(self, values: Mapping[str, Any]) -> list[tuple[str, str, str]]:
        """What kept values name: path, what is named (`person`, `department`, `<service>.<document>`), id."""
        return list(_references(self.fields.values(), values, ""))


def _read(field: pb.TypedField, value: Any, path: str) -> Any:
    """A value as it is kept; None where it is empty. Raises Wrong."""
    if value is None or value == "":
        return None
    if field.kind in NUMBERS:
        return read_decimal(field, value, path, bounded=True)
    reader = _READERS.get(field.kind)
    if reader is None:
        raise AssertionError(f"a {Kind.Name(field.kind)} is not read")
    return reader(field, value, path)


def _text(value: Any, path: str, expected: str = "text") -> str:
    if not isinstance(value, str):
        raise Wrong(path, "FIELD_TYPE", expected=expected)
    return value


def read_decimal(field: pb.TypedField, value: Any, path: str, *, bounded: bool = False) -> str:
    if type(value) is int:
        value = str(value)
    scale = scale_of(field)
    # a number of JSON with a point went through a double on its way
    value = _text(value, path, '"12.5"').strip()
    number = Decimal(value) if DIGITS.fullmatch(value) else None
    facts: dict[str, object] = {"value": value[:50], "precision": PRECISION, "scale": scale}
    if number is None or money.exact(number, scale=scale) != number or number.adjusted() >= PRECISION - scale:
        raise Wrong(path, "FIELD_DECIMAL", **facts)
    low, high = field.minimum, field.maximum
    if bounded and ((low and number < Decimal(low)) or (high and number > Decimal(high))):
        raise Wrong(path, "FIELD_OUT_OF_RANGE", value=value[:50], minimum=low or "-∞", maximum=high or "∞")
    return _kept(field, number)


def _kept(field: pb.TypedField, number: Decimal) -> str:
    """An amount with its two decimals, a number without zeros at its end."""
    if kind_of(field) == pb.TypedField.AMOUNT:
        return format(money.quantize(number + 0, AMOUNT_SCALE), "f")
    return format(money.exact(number), "f")


def _plain_text(field: pb.TypedField, value: Any, path: str) -> str:
    plain = text.normalise(_text(value, path))
    limit = field.max_length or LENGTHS[field.kind]
    if len(plain) > limit:
        raise Wrong(path, "FIELD_TOO_LONG", length=len(plain), limit=limit)
    if (hidden := text.check_plain(plain, multiline=field.kind == pb.TypedField.LONG_TEXT)) is not None:
        raise Wrong(path, "FIELD_HIDDEN_CHARACTERS", codepoint=hidden[0], position=hidden[1])
    return plain


def _day(value: Any, path: str) -> str:
    try:
        day = datetime.date.fromisoformat(_text(value, path, "2026-01-31"))
    except ValueError:
        day = None
    if day is None or day.isoformat() != value or not 1900 <= day.year <= 2999:
        raise Wrong(path, "FIELD_DATE", value=str(value)[:50])
    return day.isoformat()


def _days(_: pb.TypedField, value: Any, path: str) -> dict[str, str] | None:
    if not isinstance(value, Mapping) or value.keys() - {"start", "end"}:
        raise Wrong(path, "FIELD_TYPE", expected='{"start": "2026-01-31", "end": "2026-02-28"}')
    ends = {name: value.get(name) or "" for name in ("start", "end")}
    if not any(ends.values()):
        return None
    for name, day in ends.items():
        if not day:
            raise Wrong(f"{path}.{name}", "FIELD_REQUIRED")
        _day(day, f"{path}.{name}")
    if ends["start"] > ends["end"]:
        raise Wrong(f"{path}.end", "FIELD_FORMAT", value=ends["end"], expected=f">= {ends['start']}")
    return ends


def _instant(_: pb.TypedField, value: Any, path: str) -> str:
    try:
        instant = datetime.datetime.fromisoformat(_text(value, path, "2026-01-31T08:00:00Z"))
        if instant.tzinfo is None or not 1900 <= instant.year <= 2999:
            raise ValueError
    except ValueError:
        raise Wrong(path, "FIELD_FORMAT", value=str(value)[:60], expected="2026-01-31T08:00:00Z") from None
    return instant.astimezone(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _chosen(field: pb.TypedField, value: Any, path: str) -> str:
    offered = [option.key for option in field.options if not option.retired]
    if _text(value, path, "option") not in offered:
        raise Wrong(path, "FIELD_FORMAT", value=value[:50], expected=", ".join(offered)[:500])
    return value  # type: ignore[no-any-return]


def _several(field: pb.TypedField, value: Any, path: str) -> list[str]:
    if not isinstance(value, list):
        raise Wrong(path, "FIELD_TYPE", expected="list")
    if len(value) > MOST_OPTIONS:
        raise Wrong(path, "FIELD_TOO_MANY", count=len(value), limit=MOST_OPTIONS)
    chosen = {_chosen(field, member, f"{path}[{index}]") for index, member in enumerate(value)}
    return [option.key for option in field.options if option.key in chosen]


def _files(field: pb.TypedField, value: Any, path: str) -> list[str]:
    if not isinstance(value, list):
        raise Wrong(path, "FIELD_TYPE", expected="list")
    limit = field.max_rows or MOST_FILES
    if len(value) > limit:
        raise Wrong(path, "FIELD_TOO_MANY", count=len(value), limit=limit)
    named = [_named(field, member, f"{path}[{index}]") for index, member in enumerate(value)]
    return list(dict.fromkeys(named))


def _yes_no(_: pb.TypedField, value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise Wrong(path, "FIELD_TYPE", expected="true, false")
    return value


def _named(_: pb.TypedField, value: Any, path: str) -> str:
    try:
        return str(ids.parse(_text(value, path, "UUID")))
    except ValueError:
        raise Wrong(path, "FIELD_FORMAT", value=value[:50], expected="UUID") from None


def _rows(field: pb.TypedField, value: Any, path: str) -> list[Values]:
    if not isinstance(value, list):
        raise Wrong(path, "FIELD_TYPE", expected="list")
    limit = field.max_rows or MOST_ROWS
    if len(value) > limit:
        raise Wrong(path, "FIELD_TOO_MANY", count=len(value), limit=limit)
    rows: list[Values] = []
    wrong: list[Wrong] = []
    columns = {column.key: column for column in field.columns}
    for index, row in enumerate(value):
        at = f"{path}[{index}]"
        if not isinstance(row, Mapping):
            wrong.append(Wrong(at, "FIELD_TYPE", expected="object"))
            continue
        wrong += [Wrong(f"{at}.{k[:60]}", "FIELD_UNKNOWN", name=k[:60]) for k in row if k not in columns]
        kept: Values = {}
        for key, column in columns.items():
            try:
                if (cell := _read(column, row.get(key), f"{at}.{key}")) not in (None, "", [], {}):
                    kept[key] = cell
                elif column.required:
                    wrong.append(Wrong(f"{at}.{key}", "FIELD_REQUIRED"))
            except Wrong as one:
                wrong.append(one)
        rows.append(kept)
    if wrong:
        raise ExceptionGroup("cells at fault", wrong[:50])
    return rows


_READERS: dict[int, Callable[[pb.TypedField, Any, str], Any]] = {
    **dict.fromkeys(LENGTHS, _plain_text),
    pb.TypedField.DATE: lambda _, value, path: _day(value, path),
    pb.TypedField.DATE_RANGE: _days,
    pb.TypedField.DATE_TIME: _instant,
    pb.TypedField.CHOICE: _chosen,
    pb.TypedField.CHOICES: _several,
    pb.TypedField.ATTACHMENT: _files,
    pb.TypedField.YES_NO: _yes_no,
    **dict.fromkeys(NAMING, _named),
    pb.TypedField.TABLE: _rows,
}


def _seen(field: pb.TypedField, value: Any) -> Any:
    kind = VARIABLES.get(kind_of(field), formulas.TEXT)
    if value is None:
        return _EMPTY[kind]
    if kind == formulas.NUMBER:
        return Decimal(value)
    if kind == formulas.ROWS:
        return [{column.key: _seen(column, row.get(column.key)) for column in field.columns} for row in value]
    return value


def _references(fields: Iterable[pb.TypedField], values: Mapping[str, Any], at: str) -> Iterator[tuple[str, str, str]]:
    for field in fields:
        value = values.get(field.key)
        if value is None:
            continue
        if field.kind in NAMING:
            yield f"{at}{field.key}", field.document_type or Kind.Name(field.kind).lower(), value
        elif field.kind == pb.TypedField.TABLE:
            for index, row in enumerate(value):
                yield from _references(field.columns, row, f"{at}{field.key}[{index}].")


# ---- as one text


def from_text(field: pb.TypedField, said: str) -> Any:
    """A value out of the text that it travels as; None for an empty one. What is wrong with it is found when it is
    taken.
    """
    if not said:
        return None
    if field.kind == pb.TypedField.YES_NO:
        return {"true": True, "false": False}.get(said, said)
    if field.kind in (pb.TypedField.DATE_RANGE, pb.TypedField.CHOICES, pb.TypedField.ATTACHMENT):
        try:
            return json.loads(said)
        except (ValueError, RecursionError):
            return said
    return said


def as_text(value: Any) -> str:
    """The text that a value travels as."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# ---- comparing, hashing


def compared(field: pb.TypedField, raw: str) -> Any:
    """The value that a filter compares a field with, as values of it are kept; None for a text that is none."""
    kind = kind_of(field)
    if kind == pb.TypedField.YES_NO:
        return {"true": True, "false": False}.get(raw)
    if kind in CHOSEN:
        known = raw in {option.key for option in field.options}
        return None if not known else [raw] if kind == pb.TypedField.CHOICES else raw
    try:
        if kind in NUMBERS:
            return read_decimal(field, raw, "")
        return _READERS[kind](pb.TypedField(kind=kind, key=field.key), raw, "")
    except Wrong:
        return None


def fact(field: pb.TypedField, value: Any) -> Any:
    """A value as CEL with doubles sees it, empty ones too; None for a number of more digits than a double keeps."""
    seen = _seen(field, value)
    if isinstance(seen, Decimal):
        return float(seen) if len(seen.as_tuple().digits) <= EXACT_DIGITS else None
    if isinstance(seen, list) and field.kind == pb.TypedField.TABLE:
        return [{column.key: fact(column, row.get(column.key)) for column in field.columns} for row in value or ()]
    return seen


def canonical(values: Mapping[str, Any]) -> str:
    """Kept values as one text, the same for the same values: keys in order, no zeros at the end of numbers."""
    return json.dumps(_canonical(values), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def content_hash(values: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical form, in hexadecimal digits."""
    return hashlib.sha256(canonical(values).encode()).hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _canonical(member) for key, member in value.items() if member not in (None, "", [], {})}
    if isinstance(value, list):
        return [_canonical(member) for member in value]
    if isinstance(value, str) and DIGITS.fullmatch(value) and "." in value:
        return value.rstrip("0").rstrip(".")
    return value
