"""Cells become documents: pure functions from the texts of a sheet's rows to the message that a document is made of.

A document is one row; where it has lines, the rows below it that leave its own cells empty, or repeat them, are further
lines of it. What cannot be read is said with its row and column, and everything else of the row is looked at too.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from chassis import ids, mapping
from chassis.custom_fields import COLUMN, PREFIX
from chassis.errors import Refused
from chassis.importable import Column

_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
_DIGITS_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
_TIME = re.compile(r"[T ](\d{1,2}):(\d{2})(?::(\d{2}))?$")
_GROUPED = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?")
_ADDED = re.compile(rf"{re.escape(PREFIX)}[a-z0-9_]+")
# between the two days of a range
_UNTIL = re.compile(r"\s*(?:~|～|–|—|至|到|\.\.)\s*|\s+-\s+")
_BETWEEN = re.compile(r"[,，、;；\n]")
_INTEGER = re.compile(r"-?\d{1,10}(\.0+)?")
_INDEXED = re.compile(r"([a-z_]+)\[(\d+)\](?:\.([a-z_]+))?")
_TRUE, _FALSE = ("true", "1", "yes", "y", "√", "是"), ("false", "0", "no", "n", "×", "否")
INT_MOST = 2**31 - 1


@dataclass(frozen=True)
class Problem:
    """What is wrong: row of the sheet, column (0: the whole row), field, what stands there, and the rule."""

    row: int
    position: int
    field: str
    value: str
    reason: str
    facts: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def kept(self) -> dict[str, Any]:
        """As it is kept with its row."""
        return {**vars(self), "facts": dict(self.facts)}


@dataclass(frozen=True)
class Row:
    """A row of the sheet: its number, its cells by position from 1, and what the reader could not take."""

    number: int
    cells: Sequence[str]
    faults: Mapping[int, Problem] = dataclasses.field(default_factory=dict)

    def text(self, position: int) -> str:
        """What stands in a column, without blanks around it."""
        return self.cells[position - 1].strip() if position <= len(self.cells) else ""


@dataclass(frozen=True)
class Named:
    """What a name means: one document, or how many."""

    document_id: str
    count: int


@dataclass(frozen=True)
class Reading:
    """How the columns of a sheet are taken: position -> field, words of values, and the zone of instants."""

    columns: Mapping[int, Column]
    # what stands for values: field -> word -> value, and of these the words of the reader's language
    words: Mapping[str, Mapping[str, str]]
    offered: Mapping[str, Sequence[str]]
    zone: ZoneInfo
    named: Callable[[str, str], Named | None]
    # a name that a row of the same file makes -> that row
    above: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def own(self) -> list[int]:
        """Columns of the document itself."""
        return [position for position, column in self.columns.items() if column.part is None]


@dataclass
class Draft:
    """One document as the sheet says it: its rows, its message, and what is wrong with it."""

    rows: Sequence[Row]
    message: Any
    problems: list[Problem] = dataclasses.field(default_factory=list)
    # which row made which line: part -> row of each
    lines: dict[str, list[Row]] = dataclasses.field(default_factory=dict)
    # the request that makes it, and what no other document may share with it
    request: Any = None
    keys: Sequence[Any] = ()
    # fields that name what a row above makes: field -> that row
    waits: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def number(self) -> int:
        return self.rows[0].number

    def blame(self, refusal: Refused, reading: Reading) -> None:
        """Put what a rule says beside the cell that it is about; of a cell that could not be read nothing more."""
        at = {(problem.row, problem.field) for problem in self.problems}
        violations = refusal.violations or [("", refusal.reason, refusal.facts)]
        for path, reason, facts in violations:
            row, name = self._place(path)
            if (row.number, name) in at:
                continue
            position = next((p for p, column in reading.columns.items() if column.path == name), 0)
            value = row.text(position) if position else ""
            self.problems.append(Problem(row.number, position, name, value, reason, facts))

    def _place(self, path: str) -> tuple[Row, str]:
        if (added := _ADDED.match(path)) is not None:
            return self.rows[0], added[0]
        found = _INDEXED.match(path)
        if found is None:
            return self.rows[0], path.split(".")[0]
        part, index, name = found[1], int(found[2]), found[3]
        rows = self.lines.get(part, [])
        row = rows[index] if index < len(rows) else self.rows[0]
        return row, f"{part}.{name}" if name else part


def grouped(rows: Iterable[Row], reading: Reading) -> list[list[Row]]:
    """Rows by the document that they belong to, in their order; rows without any value are left out."""
    own, groups = reading.own(), list[list[Row]]()
    inner = [position for position in reading.columns if position not in own]
    for row in rows:
        if not any(row.text(position) for position in reading.columns):
            continue
        if groups and any(map(row.text, inner)) and _goes_on(groups[-1][0], row, own):
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def _goes_on(head: Row, row: Row, own: Sequence[int]) -> bool:
    """Whether a row is a further line: the document's own cells are empty, or as above."""
    said = [position for position in own if row.text(position)]
    return all(row.text(position) == head.text(position) for position in said)


def names_in(rows: Iterable[Row], reading: Reading) -> dict[str, set[str]]:
    """Names of other documents that stand in rows, by their type."""
    found: dict[str, set[str]] = {}
    wanted = [(position, column) for position, column in reading.columns.items() if column.kind == "reference"]
    for row in rows:
        for position, column in wanted:
            found.setdefault(column.references, set()).update(
                one for one in _several(column, row.text(position)) if not is_id(one)
            )
    return found


def draft(rows: Sequence[Row], reading: Reading, message: Any) -> Draft:
    """The document of these rows, put into `message`."""
    made = Draft(rows, message)
    added: dict[str, Any] = {}
    for position in reading.own():
        _put(made, rows[0], position, reading, message, added)
    if added:
        getattr(message, COLUMN).json = orjson.dumps(added).decode()
    parts: dict[str, list[int]] = {}
    for position, column in reading.columns.items():
        if column.part is not None:
            parts.setdefault(column.part.name, []).append(position)
    for part, positions in parts.items():
        for row in rows:
            if any(map(row.text, positions)) or any(p in row.faults for p in positions):
                line = getattr(message, part).add()
                made.lines.setdefault(part, []).append(row)
                for position in positions:
                    _put(made, row, position, reading, line)
    return made


def check_shape(made: Draft, plan: mapping.Plan, reading: Reading) -> None:
    """What the shape of the message already says is wrong; the document's rules come after it."""
    try:
        mapping.read_new(plan, made.message)
    except Refused as refusal:
        made.blame(refusal, reading)


def _put(
    made: Draft, row: Row, position: int, reading: Reading, message: Any, added: dict[str, Any] | None = None
) -> None:
    column = reading.columns[position]
    if fault := row.faults.get(position):
        made.problems.append(Problem(row.number, position, column.path, fault.value, fault.reason, fault.facts))
        return
    text = row.text(position)
    if not text:
        return
    try:
        values = [_value(column, one, reading) for one in _several(column, text)]
    except Refused as refusal:
        above = reading.above.get(text, row.number)
        if refusal.reason == "IMPORT_REFERENCE_UNKNOWN" and above < row.number and not column.required:
            made.waits[column.field.name] = above
            return
        made.problems.append(Problem(row.number, position, column.path, text[:200], refusal.reason, refusal.facts))
        return
    name = column.field.name
    if column.added is not None and added is not None:
        added[column.added.key] = values if column.several else values[0]
    elif column.kind == "time":
        getattr(message, name).FromDatetime(values[0])
    elif column.several:
        getattr(message, name).extend(values)
    else:
        setattr(message, name, values[0])


def _several(column: Column, text: str) -> list[str]:
    if not column.several:
        return [text] if text else []
    return [one.strip() for one in _BETWEEN.split(text) if one.strip()]


def _value(column: Column, text: str, reading: Reading) -> Any:
    match column.kind:
        case "reference":
            return _reference(column, text, reading)
        case "enum" | "bool" | "choice":
            return _word(column, text, reading)
        case "int":
            return _integer(text)
        case "decimal":
            return decimal_of(text)
        case "date":
            return date_of(text)
        case "range":
            return _days(text)
        case "time":
            instant = _instant(text, reading.zone)
            return instant if column.added is None else instant.isoformat()
        case _:
            return text


def _reference(column: Column, text: str, reading: Reading) -> str:
    if is_id(text):
        return text
    found = reading.named(column.references, text)
    if found is None or found.count == 0:
        raise Refused("IMPORT_REFERENCE_UNKNOWN", value=text[:200])
    if not found.document_id:
        raise Refused("IMPORT_REFERENCE_AMBIGUOUS", value=text[:200], count=found.count)
    return found.document_id


def _word(column: Column, text: str, reading: Reading) -> Any:
    """A value by its word in either language, or by its name in the contract."""
    words = reading.words.get(column.path, {})
    said = folded(text)
    known = next((value for word, value in words.items() if folded(word) == said), text)
    enum: Any = column.field.enum_type
    if column.kind == "choice":
        if column.added is not None and known in {option.key for option in column.added.options}:
            return known
    elif enum is None:
        if folded(known) in _TRUE + _FALSE:
            return folded(known) in _TRUE
    elif (value := enum.values_by_name.get(known.strip().upper())) is not None and value.number:
        return value.number
    raise Refused(
        "IMPORT_VALUE_UNKNOWN", value=text[:200], choices="、".join(reading.offered.get(column.path, words))[:500]
    )


def _integer(text: str) -> int:
    plain = unicodedata.normalize("NFKC", text).replace(",", "")
    if not _INTEGER.fullmatch(plain) or abs(value := int(plain.split(".")[0])) > INT_MOST:
        raise Refused("FIELD_TYPE", expected="0, 1, 2 …", value=text[:50])
    return value


def decimal_of(text: str) -> str:
    """A number as people write it, as it travels: `1,234.50`, `￥12`, `13%`; what is none stays as it is."""
    plain = unicodedata.normalize("NFKC", text).replace(" ", "").lstrip("¥$€")
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    if plain.endswith("%") and mapping.DECIMAL.fullmatch(plain[:-1]):
        plain = format(decimal.Decimal(plain[:-1]).scaleb(-2).normalize(), "f")
    return plain


def date_of(text: str) -> str:
    """A day as people and spreadsheets write it, as year-month-day; what is none stays as it is."""
    plain = _TIME.sub("", unicodedata.normalize("NFKC", text).strip())
    found = _DATE.fullmatch(plain) or _DIGITS_DATE.fullmatch(plain)
    return f"{int(found[1]):04d}-{int(found[2]):02d}-{int(found[3]):02d}" if found else text


def _days(text: str) -> dict[str, str]:
    """Two days with `–`, `~` or 至 between them."""
    ends = [date_of(one) for one in _UNTIL.split(text.strip())]
    if len(ends) != 2:
        raise Refused("FIELD_FORMAT", value=text[:50], expected="2026-01-31 – 2026-02-28")
    return {"start": ends[0], "end": ends[1]}


def _instant(text: str, zone: ZoneInfo) -> datetime.datetime:
    plain = unicodedata.normalize("NFKC", text).strip()
    clock = _TIME.search(plain)
    try:
        day = datetime.date.fromisoformat(date_of(plain))
        hour, minute, second = (int(part or 0) for part in clock.groups()) if clock else (0, 0, 0)
        at = datetime.time(hour, minute, second)
        if not 1900 <= day.year <= 2999:
            raise ValueError(day)
    except ValueError:
        raise Refused("FIELD_DATE", value=text[:50]) from None
    return datetime.datetime.combine(day, at, zone).astimezone(datetime.UTC)


def folded(text: str) -> str:
    """A word as it is compared: width, case and blanks do not matter."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def is_id(text: str) -> bool:
    """Whether a text is an id and no name."""
    try:
        ids.parse(text)
    except ValueError:
        return False
    return True
