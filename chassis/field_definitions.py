"""Whether definitions of typed fields can stand: names, words, bounds, options, formulas; and what may change later."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from chassis import formulas, text
from chassis.typed_fields import (
    BELONGS,
    CHOSEN,
    DOCUMENT_TYPE,
    KEY,
    LANGUAGES,
    LENGTHS,
    LONGEST_HELP,
    LONGEST_LABEL,
    LONGEST_RULE,
    MOST_COLUMNS,
    MOST_FIELDS,
    MOST_FILES,
    MOST_OPTIONS,
    MOST_ROWS,
    MOST_SCALE,
    NUMBERS,
    RESERVED,
    RESULTS,
    VARIABLES,
    Kind,
    Violation,
    Wrong,
    computing_order,
    kind_of,
    read_decimal,
    variables_of,
)  # fmt: skip
from heyi.common.v1 import typed_fields_pb2 as pb


def problems(fields: Sequence[pb.TypedField]) -> list[Violation]:
    """What is wrong with the definitions of a form: path (`fields[2].label`), refusal, facts."""
    found: list[Violation] = []
    if len(fields) > MOST_FIELDS:
        found.append(("fields", "FIELD_TOO_MANY", {"count": len(fields), "limit": MOST_FIELDS}))
    seen: set[str] = set()
    for index, field in enumerate(fields[:MOST_FIELDS]):
        found += _shape(field, f"fields[{index}].", seen, within_table=False)
    return found or _rules(fields)


def _shape(field: pb.TypedField, at: str, seen: set[str], *, within_table: bool) -> Iterator[Violation]:
    """Everything but the formulas and rules, which see the other fields."""
    if not KEY.fullmatch(field.key):
        yield f"{at}key", "FIELD_FORMAT", {"value": field.key[:50], "expected": KEY.pattern}
    elif RESERVED.fullmatch(field.key):
        yield f"{at}key", "FIELD_FORMAT", {"value": field.key, "expected": "no word of formulas"}
    elif field.key in seen:
        yield f"{at}key", "ALREADY_EXISTS", {"field": "key", "value": field.key}
    seen.add(field.key)
    yield from _words(field.label, f"{at}label", LONGEST_LABEL, required=True)
    yield from _words(field.help, f"{at}help", LONGEST_HELP, required=False)
    if field.kind not in Kind.values() or not field.kind:
        yield f"{at}kind", "FIELD_REQUIRED", {}
        return
    if within_table and field.kind in (pb.TypedField.TABLE, pb.TypedField.COMPUTED, pb.TypedField.ATTACHMENT):
        expected = "no table, no formula and no files within a table"
        yield f"{at}kind", "FIELD_FORMAT", {"value": Kind.Name(field.kind), "expected": expected}
    for name, kinds in BELONGS.items():
        if field.kind not in kinds and getattr(field, name):
            allowed = ", ".join(map(Kind.Name, kinds))
            yield f"{at}{name}", "FIELD_FORMAT", {"value": name, "expected": allowed}
    if within_table and (field.visible_when or field.required_when):
        name = "visible_when" if field.visible_when else "required_when"
        yield f"{at}{name}", "FIELD_FORMAT", {"value": name, "expected": "none within a table"}
    yield from _bounds(field, at)
    if field.kind in CHOSEN:
        yield from _options(field, at)
    if field.kind == pb.TypedField.REFERENCE and not DOCUMENT_TYPE.fullmatch(field.document_type):
        expected = "service.document"
        yield f"{at}document_type", "FIELD_FORMAT", {"value": field.document_type[:50], "expected": expected}
    if field.kind == pb.TypedField.TABLE:
        if not field.columns:
            yield f"{at}columns", "FIELD_REQUIRED", {}
        if len(field.columns) > MOST_COLUMNS:
            yield f"{at}columns", "FIELD_TOO_MANY", {"count": len(field.columns), "limit": MOST_COLUMNS}
        inner: set[str] = set()
        for index, column in enumerate(field.columns[:MOST_COLUMNS]):
            yield from _shape(column, f"{at}columns[{index}].", inner, within_table=True)
    if field.kind == pb.TypedField.COMPUTED:
        if field.result_kind not in RESULTS:
            expected = ", ".join(Kind.Name(kind) for kind in RESULTS)
            value = Kind.Name(field.result_kind) if field.result_kind in Kind.values() else field.result_kind
            yield f"{at}result_kind", "FIELD_FORMAT", {"value": value, "expected": expected}
        if not field.formula:
            yield f"{at}formula", "FIELD_REQUIRED", {}
        if field.required or field.required_when:
            yield f"{at}required", "FIELD_FORMAT", {"value": "required", "expected": "not with COMPUTED"}


def _words(words: Mapping[str, str], at: str, longest: int, *, required: bool) -> Iterator[Violation]:
    for language in sorted(set(words) - set(LANGUAGES)):
        yield f"{at}.{language[:20]}", "FIELD_UNKNOWN", {"name": language[:20]}
    for language in LANGUAGES:
        said = words.get(language, "")
        if required and not said.strip():
            yield f"{at}.{language}", "FIELD_REQUIRED", {}
        elif len(said) > longest:
            yield f"{at}.{language}", "FIELD_TOO_LONG", {"length": len(said), "limit": longest}
        elif (hidden := text.check_plain(said)) is not None:
            yield f"{at}.{language}", "FIELD_HIDDEN_CHARACTERS", {"codepoint": hidden[0], "position": hidden[1]}


def _bounds(field: pb.TypedField, at: str) -> Iterator[Violation]:
    limits = {
        "scale": MOST_SCALE,
        "max_length": LENGTHS.get(field.kind, 0),
        "max_rows": MOST_FILES if field.kind == pb.TypedField.ATTACHMENT else MOST_ROWS,
    }
    for name, limit in limits.items():
        value = getattr(field, name)
        if value and not 0 <= value <= limit and field.kind in BELONGS[name]:
            yield f"{at}{name}", "FIELD_FORMAT", {"value": value, "expected": f"0-{limit}"}
    if len(field.unit) > 20:
        yield f"{at}unit", "FIELD_TOO_LONG", {"length": len(field.unit), "limit": 20}
    ends = []
    for name in ("minimum", "maximum"):
        if field.kind in NUMBERS and (said := getattr(field, name)):
            try:
                ends.append(read_decimal(field, said, f"{at}{name}"))
            except Wrong as wrong:
                yield wrong.violation
    if len(ends) == 2 and Decimal(ends[0]) > Decimal(ends[1]):
        yield f"{at}maximum", "FIELD_FORMAT", {"value": field.maximum, "expected": f">= {field.minimum}"}


def _options(field: pb.TypedField, at: str) -> Iterator[Violation]:
    if not any(not option.retired for option in field.options):
        yield f"{at}options", "FIELD_REQUIRED", {}
    if len(field.options) > MOST_OPTIONS:
        yield f"{at}options", "FIELD_TOO_MANY", {"count": len(field.options), "limit": MOST_OPTIONS}
    seen: set[str] = set()
    for index, option in enumerate(field.options[:MOST_OPTIONS]):
        where = f"{at}options[{index}]."
        if not KEY.fullmatch(option.key):
            yield f"{where}key", "FIELD_FORMAT", {"value": option.key[:50], "expected": KEY.pattern}
        elif option.key in seen:
            yield f"{where}key", "ALREADY_EXISTS", {"field": "key", "value": option.key}
        seen.add(option.key)
        yield from _words(option.label, f"{where}label", LONGEST_LABEL, required=True)


def _rules(fields: Sequence[pb.TypedField]) -> list[Violation]:
    """Formulas that cannot be computed, and circles of formulas."""
    found: list[Violation] = []
    variables = variables_of(fields)
    for index, field in enumerate(fields):
        wanted = {
            "required_when": formulas.YES_NO,
            "visible_when": formulas.YES_NO,
            "formula": VARIABLES.get(kind_of(field), formulas.TEXT),
        }
        for name, answer in wanted.items():
            if not (formula := getattr(field, name)):
                continue
            if len(formula) > LONGEST_RULE:
                facts: dict[str, object] = {"length": len(formula), "limit": LONGEST_RULE}
                found.append((f"fields[{index}].{name}", "FIELD_TOO_LONG", facts))
            elif loops_within(formula) > MOST_LOOPS:
                found.append((f"fields[{index}].{name}", "FORMULA_INVALID", {"problem": "a loop within a loop"}))
            elif problem := formulas.problem_of(formula, variables, answer):
                found.append((f"fields[{index}].{name}", "FORMULA_INVALID", {"problem": problem}))
    if not found and (circle := computing_order(fields)[1]):
        index = next(index for index, field in enumerate(fields) if field.key == circle[0])
        found.append((f"fields[{index}].formula", "FORMULA_CIRCLE", {"keys": ", ".join(circle)}))
    return found


# each runs over all rows of a table: one within another takes rows times rows steps
MOST_LOOPS = 1
_LOOP = re.compile(r"\.(?:all|exists|exists_one|map|filter)\s*\($")


def loops_within(formula: str) -> int:
    """How deep the loops of a formula stand in each other."""
    bare = re.sub(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", "''", formula)
    open_: list[bool] = []
    deepest = 0
    for at, sign in enumerate(bare):
        if sign == "(":
            open_.append(_LOOP.search(bare[: at + 1]) is not None)
            deepest = max(deepest, sum(open_))
        elif sign == ")" and open_:
            open_.pop()
    return deepest


def change_problems(before: pb.TypedField, after: pb.TypedField) -> list[Violation]:
    """What a field with values may not change: its kind and what its values mean."""
    found: list[Violation] = []
    for name in ("key", "kind", "document_type", "result_kind"):
        if getattr(before, name) != getattr(after, name):
            found.append((name, "FIELD_IMMUTABLE", {}))
    kept = {option.key for option in after.options}
    for key in [option.key for option in before.options if option.key not in kept]:
        found.append(("options", "FIELD_OPTION_USED", {"option": key}))
    if after.scale < before.scale:
        found.append(("scale", "FIELD_FORMAT", {"value": after.scale, "expected": f">= {before.scale}"}))
    columns = {column.key: column for column in after.columns}
    for index, column in enumerate(before.columns):
        if column.key not in columns:
            found.append(("columns", "FIELD_OPTION_USED", {"option": column.key}))
        else:
            inner = change_problems(column, columns[column.key])
            found += [(f"columns[{index}].{path}", reason, facts) for path, reason, facts in inner]
    return found
