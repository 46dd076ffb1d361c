"""Any list as an Excel or CSV file: the rows that the caller may see: they are asked for with the caller's token.

Rows are written as they come and held nowhere; a CSV file leaves while it is made, for lists too long for a sheet.
Numbers stay numbers; text is text, and text that a spreadsheet could take for a formula gets an apostrophe in front, so
that it stays text in whatever is made of the file.
"""

from __future__ import annotations

import asyncio
import csv
import datetime
import io
import re
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor

from chassis import contract, custom_fields, field_shapes, telemetry, typed_fields
from chassis.clock import zone
from chassis.contract import Contract, Message
from chassis.errors import Refused
from chassis.labels import Labels
from gateway.gather import Gather
from gateway.meta import kind_of, method_name, service_of, short_name
from gateway.routes import Binding, list_field

log = telemetry.logger("gateway.export")

ACTION = "export"
PAGE, BATCH = 200, 200
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV_TYPE = "text/csv; charset=utf-8"
MAX_CELL = 32_767
_FORMULA = re.compile(r"[=+\-@＝＋－＠\t\r\n]")
# A sign before nothing but digits: a number, a telephone.
_NUMBER = re.compile(r"[+\-][\d\s().\-]*")
_SHEET = re.compile(r"[\[\]:*?/\\']")
ADDED_PATH = "/v1/{service}/custom-field-forms"
ADDED, ADDED_PREFIX = "custom_fields", "customFields."
# a list that says so holds values of fields that people defined: their definitions in the reply, the values in each row
TYPED, TYPED_VALUES = "value_fields", "values"
_HOSTED = re.compile(r"/v1/([^/]+)(/.+)")
_FALLBACK_NOTE = "Only the first {count} rows are in this file."

Ask = Callable[[Binding, Message], Awaitable[Any]]


def neutral(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    plain = text[:MAX_CELL]
    start = plain.lstrip(" \u00a0\u3000")
    if start and _FORMULA.match(start) and not _NUMBER.fullmatch(start):
        return f"'{plain[: MAX_CELL - 1]}"
    return plain


@dataclass(frozen=True)
class Column:
    """One column: where its value is and what sort it is of. `added`: the field that people defined, `within` the table
    that it is a column of. `parts`: a table's own columns, whose rows stand on a sheet of their own.
    """

    field: FieldDescriptor
    label: str
    kind: str
    references: str
    scale: int
    added: Any = None
    within: str = ""
    parts: tuple[Column, ...] = ()

    def ids(self, row: Any) -> list[str]:
        """The ids that a row has of what the column refers to."""
        if self.added is None:
            return _texts(getattr(row, self.field.name))
        values = _values_of(row, self.field)
        rows = values.get(self.within, ()) if self.within else (values,)
        return [one[self.added.key] for one in rows if isinstance(one.get(self.added.key), str)]


class Exports:
    """Knows which methods are lists, and writes their rows."""

    def __init__(
        self, loaded: Contract, bindings: Iterable[Binding], rows: int, at_once: int, csv_rows: int = 1_000_000
    ) -> None:
        self._contract, self._rows, self._csv_rows = loaded, rows, csv_rows
        self._slots = asyncio.Semaphore(at_once)
        self._waiting = 0
        self._by_path: dict[str, Binding] = {}
        # lists that every service hosts, by what follows its name in the address
        self._of_each: dict[str, Binding] = {}
        self._names: dict[str, Binding] = {}
        for binding in bindings:
            name, document = method_name(binding), binding.method.document
            request: Any = binding.method.request.DESCRIPTOR
            if name == ACTION:
                raise contract.ContractError(f"{binding.method.full_name}: {ACTION} is the gateway's own verb")
            paged = {"page_size", "page_token"} <= {*request.fields_by_name}
            hosted = _HOSTED.fullmatch(binding.template)
            if paged and hosted and Gather.fits(binding.method):
                self._of_each[hosted[2]] = binding
            elif name.startswith("list") and document and paged and "{" not in binding.template:
                self._by_path[binding.template] = binding
            if name == "batchGet" and document:
                self._names[document] = binding
            if binding.template == ADDED_PATH:
                self._added = binding

    def find(self, path: str) -> tuple[Binding, list[str]] | None:
        """The list that an address asks to export, and what its variable parts say."""
        head, _, action = path.rpartition(":")
        if action != ACTION:
            return None
        if binding := self._by_path.get(head):
            return binding, []
        hosted = _HOSTED.fullmatch(head)
        found = self._of_each.get(hosted[2]) if hosted else None
        return (found, [hosted[1]]) if hosted and found else None

    async def _asked(
        self, binding: Binding, parts: Sequence[str], query: Sequence[tuple[str, str]], words: Labels, ask: Ask
    ) -> tuple[Any, list[Column]]:
        """The list's request, and the columns of the file."""
        chosen = next((text for key, text in query if key == "columns"), "")
        rest = [pair for pair in query if pair[0] not in ("columns", "format")]
        columns = self._columns(binding, chosen, words, await self._added_to(binding, chosen, ask))
        request: Any = binding.request(parts, rest, b"")
        if (told := binding.method.reply.DESCRIPTOR.fields_by_name.get(TYPED)) is not None:
            # what the rows hold depends on what is asked for: the list says it
            request.page_size = 1
            held: Any = list_field(binding.method.reply.DESCRIPTOR).message_type.fields_by_name[TYPED_VALUES]
            columns += [
                _typed_column(held, one, words.locale) for one in getattr(await ask(binding, request), told.name)
            ]
        request.page_size = PAGE
        return request, columns

    async def stream(
        self,
        binding: Binding,
        parts: Sequence[str],
        query: Sequence[tuple[str, str]],
        words: Labels,
        time_zone: str,
        ask: Ask,
    ) -> tuple[AsyncIterator[bytes], str]:
        """A CSV file as it is made, and its name. Refused before its first byte; what fails later cuts it off."""
        request, columns = await self._asked(binding, parts, query, words, ask)
        rows: Any = list_field(binding.method.reply.DESCRIPTOR)
        title = words.documents(service_of(rows.message_type), short_name(rows.message_type))
        first = await ask(binding, request)
        day = datetime.datetime.now(zone(time_zone)).date().isoformat()
        lines = self._lines(binding, request, first, columns, words, time_zone, ask)
        return lines, f"{_SHEET.sub('', title)}-{day}.csv"

    async def _lines(
        self, binding: Binding, request: Any, reply: Any, columns: list[Column], words: Labels, time_zone: str, ask: Ask
    ) -> AsyncIterator[bytes]:
        rows: Any = list_field(binding.method.reply.DESCRIPTOR)
        names: dict[tuple[str, str], str] = {}
        place, written = zone(time_zone), 0
        yield "\ufeff".encode() + _csv([[neutral(column.label) for column in columns]])
        while True:
            page = list(getattr(reply, rows.name))[: self._csv_rows - written]
            await self._resolve(columns, page, names, ask)
            said = [[neutral(_plain(column, row, names, words, place)) for column in columns] for row in page]
            written += len(page)
            yield _csv(said)
            if not reply.next_page_token or not page:
                break
            if written >= self._csv_rows:
                yield _csv([[_cut_off(words, written)]])
                break
            request.page_token = reply.next_page_token
            reply = await ask(binding, request)
        log.info("exported", method=binding.method.full_name, rows=written, format="csv")

    async def write(
        self,
        binding: Binding,
        parts: Sequence[str],
        query: Sequence[tuple[str, str]],
        words: Labels,
        time_zone: str,
        ask: Ask,
    ) -> tuple[bytes, str]:
        """An Excel file, and the name to save it under."""
        request, columns = await self._asked(binding, parts, query, words, ask)
        if self._waiting >= 20:
            raise Refused("TOO_MANY_REQUESTS", retry_after_seconds=30)
        self._waiting += 1
        try:
            async with self._slots:
                return await self._write(binding, request, columns, words, time_zone, ask)
        finally:
            self._waiting -= 1

    async def _write(
        self, binding: Binding, request: Any, columns: list[Column], words: Labels, time_zone: str, ask: Ask
    ) -> tuple[bytes, str]:
        rows: Any = list_field(binding.method.reply.DESCRIPTOR)
        title = words.documents(service_of(rows.message_type), short_name(rows.message_type))
        with tempfile.NamedTemporaryFile(prefix="heyi-export-", suffix=".xlsx", delete=False) as made:
            path = Path(made.name)
        sheet = _Sheet(path, title, columns, words, time_zone)
        names: dict[tuple[str, str], str] = {}
        written = 0
        try:
            while True:
                reply = await ask(binding, request)
                page = list(getattr(reply, rows.name))[: self._rows - written]
                await self._resolve(columns, page, names, ask)
                await asyncio.to_thread(sheet.add, page, names)
                written += len(page)
                if not reply.next_page_token or not page:
                    break
                if written >= self._rows:
                    sheet.note(_cut_off(words, written))
                    break
                request.page_token = reply.next_page_token
            content = await asyncio.to_thread(sheet.close)
        except BaseException:
            await asyncio.to_thread(sheet.drop)
            raise
        log.info("exported", method=binding.method.full_name, rows=written)
        day = datetime.datetime.now(zone(time_zone)).date().isoformat()
        return content, f"{_SHEET.sub('', title)}-{day}.xlsx"

    async def _added_to(self, binding: Binding, chosen: str, ask: Ask) -> dict[str, Any]:
        """The fields that administrators added to the documents of a list, by their names; the caller's own to see."""
        rows: Any = list_field(binding.method.reply.DESCRIPTOR).message_type
        if ADDED not in rows.fields_by_name or (chosen and ADDED_PREFIX not in chosen):
            return {}
        told = await ask(self._added, self._added.method.request(service=binding.method.service))
        return {
            f"{ADDED_PREFIX}{one.field.key}": one
            for form in told.forms
            if form.document_type == binding.method.document
            for one in form.fields
        }

    def _columns(self, binding: Binding, chosen: str, words: Labels, added: Mapping[str, Any]) -> list[Column]:
        rows: Any = list_field(binding.method.reply.DESCRIPTOR).message_type
        fields = {name: field for field in rows.fields for name in (field.name, field.json_name) if _exportable(field)}
        if chosen:
            names = [name.strip() for name in chosen.split(",") if name.strip()]
            unknown = [name for name in names if name not in fields and name not in added]
            if unknown:
                raise Refused.fields([("columns", "FIELD_UNKNOWN", {"name": unknown[0][:100]})])
            picked = list(dict.fromkeys(name if name in added else fields[name].name for name in names))
        else:
            picked = [field.name for field in rows.fields if _exportable(field) and contract.spec_of(field).column]
            picked += [name for name, one in added.items() if one.list_column and not one.retired]
        picked = picked or [field.name for field in rows.fields if _exportable(field)][:20]
        service, message = service_of(rows), short_name(rows)
        out = []
        for name in picked:
            if (one := added.get(name)) is not None:
                out.append(_typed_column(rows.fields_by_name[ADDED], one.field, words.locale))
                continue
            field, spec = fields[name], contract.spec_of(fields[name])
            label = words.field(service, message, name)
            out.append(Column(field, label, kind_of(field, spec), spec.references, spec.decimal.scale))
        return out

    async def _resolve(
        self, columns: list[Column], page: list[Any], names: dict[tuple[str, str], str], ask: Ask
    ) -> None:
        """Names of the documents that a page of rows refers to, in one question for each kind and two hundred ids."""
        for column in _with_parts(columns):
            binding = self._names.get(column.references)
            if binding is None:
                continue
            wanted = {value for row in page for value in column.ids(row)}
            missing = sorted(one for one in wanted if one and (column.references, one) not in names and _is_id(one))
            for start in range(0, len(missing), BATCH):
                ids = missing[start : start + BATCH]
                try:
                    reply = await ask(binding, binding.method.request(ids=ids))
                except Refused as refusal:
                    # Who may not read the other document sees its id, as on the screen.
                    log.info("names_not_resolved", document=column.references, reason=refusal.reason)
                    names |= {(column.references, one): one for one in ids}
                    continue
                title = self._contract.documents[column.references].title
                for found in getattr(reply, list_field(binding.method.reply.DESCRIPTOR).name):
                    said = [str(getattr(found, name)) for name in title]
                    names[column.references, found.id] = " ".join(filter(None, said)) or found.id


class _Sheet:
    """The file, row by row."""

    def __init__(self, path: Path, title: str, columns: list[Column], words: Labels, time_zone: str) -> None:
        self._path, self._columns, self._words, self._zone = path, columns, words, zone(time_zone)
        import xlsxwriter  # only a process that exports carries it

        self._book = xlsxwriter.Workbook(
            str(path),
            {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "in_memory": False},
        )
        self._sheet = self._book.add_worksheet(_SHEET.sub("", title)[:31] or "1")
        self._formats = {
            "date": self._book.add_format({"num_format": "yyyy-mm-dd"}),
            "time": self._book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
        }
        for column in _with_parts(columns):
            if column.kind == "decimal":
                places = "0" * min(column.scale, 2) + "#" * max(0, column.scale - 2)
                pattern = f"#,##0.{places}" if places else "#,##0"
                self._formats[f"decimal{column.scale}"] = self._book.add_format({"num_format": pattern})
        self._head(self._sheet, title, columns)
        self._next = 1
        # rows of tables, each with the name of what they belong to before it
        self._tables: dict[str, tuple[Any, int]] = {}
        for number, column in enumerate((one for one in columns if one.parts), 2):
            sheet = self._book.add_worksheet(f"{number} {_SHEET.sub('', column.label)}"[:31])
            self._head(sheet, title, column.parts, start=1)
            self._tables[column.label] = sheet, 1

    def _head(self, sheet: Any, title: str, columns: Sequence[Column], start: int = 0) -> None:
        head = self._book.add_format({"bold": True, "bottom": 1})
        sheet.freeze_panes(1, 0)
        if start:
            sheet.set_column(0, 0, 24)
            sheet.write_string(0, 0, neutral(title), head)
        for at, column in enumerate(columns, start):
            width = {"decimal": 16, "date": 12, "time": 18, "bool": 8, "int": 10}.get(column.kind, 24)
            sheet.set_column(at, at, width)
            sheet.write_string(0, at, neutral(column.label), head)

    def add(self, page: list[Any], names: Mapping[tuple[str, str], str]) -> None:
        """Write a page of rows."""
        held = {column.field.name: column.field for column in self._columns if column.added is not None}
        for row in page:
            values = {name: _values_of(row, field) for name, field in held.items()}
            for at, column in enumerate(self._columns):
                if column.added is not None:
                    if (value := values[column.field.name].get(column.added.key)) is not None:
                        self._added(at, column, value, names)
                        self._rows_of(row, column, value, names)
                    continue
                if column.field.has_presence and not row.HasField(column.field.name):
                    continue
                self._cell(at, column, getattr(row, column.field.name), names)
            self._next += 1

    def _rows_of(
        self, row: Any, column: Column, rows: list[dict[str, Any]], names: Mapping[tuple[str, str], str]
    ) -> None:
        """Write the rows of a table on its own sheet."""
        if not column.parts:
            return
        main, title = (self._sheet, self._next), contract.load().document_of(type(row)).title
        self._sheet, self._next = self._tables[column.label]
        for one in rows:
            self._text(0, " ".join(filter(None, (str(getattr(row, name)) for name in title))))
            for at, part in enumerate(column.parts, 1):
                if (value := one.get(part.added.key)) is not None:
                    self._added(at, part, value, names)
            self._next += 1
        self._tables[column.label] = self._sheet, self._next
        self._sheet, self._next = main

    def note(self, text: str) -> None:
        """A last line about the file itself."""
        self._sheet.write_string(self._next + 1, 0, neutral(text))

    def close(self) -> bytes:
        """Finish the file, and take it from the disk."""
        self._book.close()
        content = self._path.read_bytes()
        self._path.unlink()
        return content

    def drop(self) -> None:
        """Give the file up."""
        self._book.fileclosed = True
        self._path.unlink(missing_ok=True)

    def _cell(self, at: int, column: Column, value: Any, names: Mapping[tuple[str, str], str]) -> None:
        write, kind = self._sheet, column.kind
        if contract.repeated(column.field):
            shown = [names.get((column.references, one), str(one)) for one in value]
            self._text(at, ", ".join(shown))
        elif kind == "bool":
            write.write_boolean(self._next, at, value)
        elif kind == "int":
            write.write_number(self._next, at, value)
        elif kind == "enum":
            enum: Any = column.field.enum_type
            name = enum.values_by_number[value].name if value in enum.values_by_number else str(value)
            self._text(at, self._words.value(service_of(enum), short_name(enum), name) if value else "")
        elif kind == "time":
            local = value.ToDatetime(datetime.UTC).astimezone(self._zone).replace(tzinfo=None)
            write.write_datetime(self._next, at, local, self._formats["time"])
        elif kind == "date":
            self._date(at, value)
        elif kind == "decimal":
            self._number(at, column, value)
        else:
            said = names.get((column.references, value), value) if column.references else value
            self._text(at, _type_in_words(column, said, self._words))

    def _added(self, at: int, column: Column, value: Any, names: Mapping[tuple[str, str], str]) -> None:
        """A value of a field that administrators added."""
        if column.kind == "bool":
            self._sheet.write_boolean(self._next, at, value)
        elif column.kind == "date":
            self._date(at, value)
        elif column.kind == "decimal":
            self._number(at, column, value)
        elif column.kind == "time":
            local = datetime.datetime.fromisoformat(value).astimezone(self._zone).replace(tzinfo=None)
            self._sheet.write_datetime(self._next, at, local, self._formats["time"])
        else:
            self._text(at, _added_text(column, value, names, self._words, self._zone))

    def _date(self, at: int, value: str) -> None:
        try:
            self._sheet.write_datetime(
                self._next,
                at,
                datetime.datetime.combine(datetime.date.fromisoformat(value), datetime.time()),
                self._formats["date"],
            )
        except ValueError:
            self._text(at, value)

    def _number(self, at: int, column: Column, value: str) -> None:
        # A spreadsheet keeps fifteen digits; a longer number is kept whole, as text.
        if re.fullmatch(r"-?\d+(\.\d+)?", value, re.ASCII) and len(value.replace(".", "").strip("-0")) <= 15:
            self._sheet.write_number(self._next, at, float(value), self._formats[f"decimal{column.scale}"])
        else:
            self._text(at, value)

    def _text(self, at: int, value: str) -> None:
        if value:
            self._sheet.write_string(self._next, at, neutral(value))


def disposition(kind: str, name: str) -> str:
    """`Content-Disposition` for any name, whatever its script."""
    plain = re.sub(r'[^\x20-\x7e]|["\\]', "_", name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _with_parts(columns: Iterable[Column]) -> list[Column]:
    """Columns, and those of the tables among them."""
    return [one for column in columns for one in (column, *column.parts)]


def _values_of(row: Any, field: FieldDescriptor) -> dict[str, Any]:
    """Values of fields that people defined, as a row carries them."""
    held = getattr(row, field.name)
    if field.name == ADDED:
        return dict(orjson.loads(held.json or "{}"))
    return json_format.MessageToDict(held)


def _typed_column(field: FieldDescriptor, added: Any, locale: str, within: str = "") -> Column:
    """The column of a field that people defined; a number's unit stands in its head."""
    cell = _CELLS.get(typed_fields.kind_of(added), "string")
    label = typed_fields.label_of(added, locale)
    label = f"{label} ({added.unit})" if added.unit else label
    scale = typed_fields.scale_of(added) if cell == "decimal" else 0
    references = custom_fields.NAMED.get(typed_fields.kind_of(added), added.document_type)
    parts = tuple(_typed_column(field, one, locale, added.key) for one in added.columns)
    return Column(field, label, cell, references, scale, added, within, parts)


_KIND = typed_fields.Kind
_CELLS = {
    _KIND.NUMBER: "decimal",
    _KIND.AMOUNT: "decimal",
    _KIND.DATE: "date",
    _KIND.DATE_TIME: "time",
    _KIND.YES_NO: "bool",
}


def _exportable(field: FieldDescriptor) -> bool:
    """Values that fit into a cell, and may leave the house."""
    spec = contract.spec_of(field)
    kind = kind_of(field, spec)
    if spec.sensitive or kind in ("message", "map", "struct") or field.name == "etag":
        return False
    return not contract.repeated(field) or kind in ("string", "reference")


def _cut_off(words: Labels, written: int) -> str:
    note = words.find("messages", "common", "export.truncated") or _FALLBACK_NOTE
    return str(note).replace("{count}", str(written))


def _csv(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _plain(
    column: Column, row: Any, names: Mapping[tuple[str, str], str], words: Labels, place: datetime.tzinfo
) -> str:
    """A cell as text."""
    if column.added is not None:
        value = _values_of(row, column.field).get(column.added.key)
        return "" if value is None else _added_text(column, value, names, words, place)
    field, kind = column.field, column.kind
    if field.has_presence and not row.HasField(field.name):
        return ""
    value = getattr(row, field.name)
    if contract.repeated(field):
        return ", ".join(names.get((column.references, one), str(one)) for one in value)
    if kind == "enum":
        enum: Any = field.enum_type
        known = enum.values_by_number.get(value)
        return words.value(service_of(enum), short_name(enum), known.name) if known and value else ""
    if kind == "time":
        local = value.ToDatetime(datetime.UTC).astimezone(place).replace(tzinfo=None)
        return str(local.isoformat(sep=" ", timespec="seconds"))
    if kind == "bool":
        return str(value).lower()
    return _type_in_words(column, names.get((column.references, value), str(value)), words)


def _added_text(
    column: Column, value: Any, names: Mapping[tuple[str, str], str], words: Labels, place: datetime.tzinfo
) -> str:
    """A value of a field that administrators added, in words."""
    named = {value: names.get((column.references, value), value)} if isinstance(value, str) else {}
    for part in (one for one in column.parts if one.references):
        said = (one.get(part.added.key) for one in value)
        named |= {one: names[part.references, one] for one in said if (part.references, one) in names}
    return field_shapes.shown(column.added, value, words.locale, place, named)


def _type_in_words(column: Column, value: str, words: Labels) -> str:
    """`procurement.purchase_order` as people call it."""
    known = contract.load().documents.get(value) if column.field.name == "document_type" else None
    return words.document(value.partition(".")[0], known.message.DESCRIPTOR.name) if known else value


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _is_id(text: str) -> bool:
    try:
        return bool(uuid.UUID(text))
    except ValueError:
        return False
