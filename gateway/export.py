"""Any list as an Excel file: the rows that the caller may see, because they are asked for with the caller's token.

Rows are written as they come and held nowhere. Numbers stay numbers; text is text, and text that a spreadsheet could
take for a formula gets an apostrophe in front, so that it stays text in whatever is made of the file.
"""

from __future__ import annotations

import asyncio
import datetime
import re
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from google.protobuf.descriptor import FieldDescriptor

from chassis import contract, telemetry
from chassis.clock import zone
from chassis.contract import Contract, Message
from chassis.errors import Refused
from gateway.labels import Labels
from gateway.meta import kind_of, method_name, service_of, short_name
from gateway.routes import Binding, list_field

log = telemetry.logger("gateway.export")

ACTION = "export"
PAGE, BATCH = 200, 200
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAX_CELL = 32_767
_FORMULA = re.compile(r"[=+\-@＝＋－＠\t\r\n]")
# A sign before nothing but digits: a number, a telephone.
_NUMBER = re.compile(r"[+\-][\d\s().\-]*")
_SHEET = re.compile(r"[\[\]:*?/\\']")
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
    """One column: where its value is and what sort it is of."""

    field: FieldDescriptor
    label: str
    kind: str
    references: str
    scale: int


class Exports:
    """Knows which methods are lists, and writes their rows."""

    def __init__(self, loaded: Contract, bindings: Iterable[Binding], rows: int, at_once: int) -> None:
        self._contract, self._rows = loaded, rows
        self._slots = asyncio.Semaphore(at_once)
        self._waiting = 0
        self._by_path: dict[str, Binding] = {}
        self._names: dict[str, Binding] = {}
        for binding in bindings:
            name, document = method_name(binding), binding.method.document
            request: Any = binding.method.request.DESCRIPTOR
            if name == ACTION:
                raise contract.ContractError(f"{binding.method.full_name}: {ACTION} is the gateway's own verb")
            paged = {"page_size", "page_token"} <= {*request.fields_by_name}
            if name.startswith("list") and document and paged and "{" not in binding.template:
                self._by_path[binding.template] = binding
            if name == "batchGet" and document:
                self._names[document] = binding

    def find(self, path: str) -> Binding | None:
        """The list that an address asks to export."""
        head, _, action = path.rpartition(":")
        return self._by_path.get(head) if action == ACTION else None

    async def write(
        self, binding: Binding, query: Sequence[tuple[str, str]], words: Labels, time_zone: str, ask: Ask
    ) -> tuple[bytes, str]:
        """The file, and the name to save it under."""
        chosen = next((text for key, text in query if key == "columns"), "")
        rest = [pair for pair in query if pair[0] != "columns"]
        columns = self._columns(binding, chosen, words)
        request: Any = binding.request([], rest, b"")
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
        request.page_size = PAGE
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
                    note = words.find("messages", "common", "export.truncated") or _FALLBACK_NOTE
                    sheet.note(str(note).replace("{count}", str(written)))
                    break
                request.page_token = reply.next_page_token
            content = await asyncio.to_thread(sheet.close)
        except BaseException:
            await asyncio.to_thread(sheet.drop)
            raise
        log.info("exported", method=binding.method.full_name, rows=written)
        day = datetime.datetime.now(zone(time_zone)).date().isoformat()
        return content, f"{_SHEET.sub('', title)}-{day}.xlsx"

    def _columns(self, binding: Binding, chosen: str, words: Labels) -> list[Column]:
        rows: Any = list_field(binding.method.reply.DESCRIPTOR).message_type
        fields = {name: field for field in rows.fields for name in (field.name, field.json_name) if _exportable(field)}
        if chosen:
            names = [name.strip() for name in chosen.split(",") if name.strip()]
            unknown = [name for name in names if name not in fields]
            if unknown:
                raise Refused.fields([("columns", "FIELD_UNKNOWN", {"name": unknown[0][:100]})])
            picked = list(dict.fromkeys(fields[name].name for name in names))
        else:
            picked = [field.name for field in rows.fields if _exportable(field) and contract.spec_of(field).column]
        picked = picked or [field.name for field in rows.fields if _exportable(field)][:20]
        service, message = service_of(rows), short_name(rows)
        out = []
        for name in picked:
            field, spec = fields[name], contract.spec_of(fields[name])
            label = words.field(service, message, name)
            out.append(Column(field, label, kind_of(field, spec), spec.references, spec.decimal.scale))
        return out

    async def _resolve(
        self, columns: list[Column], page: list[Any], names: dict[tuple[str, str], str], ask: Ask
    ) -> None:
        """Names of the documents that a page of rows refers to, in one question for each kind and two hundred ids."""
        for column in columns:
            binding = self._names.get(column.references)
            if binding is None:
                continue
            wanted = {value for row in page for value in _texts(getattr(row, column.field.name))}
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
        for column in columns:
            if column.kind == "decimal":
                places = "0" * min(column.scale, 2) + "#" * max(0, column.scale - 2)
                pattern = f"#,##0.{places}" if places else "#,##0"
                self._formats[f"decimal{column.scale}"] = self._book.add_format({"num_format": pattern})
        head = self._book.add_format({"bold": True, "bottom": 1})
        self._sheet.freeze_panes(1, 0)
        for at, column in enumerate(columns):
            self._sheet.set_column(
                at, at, {"decimal": 16, "date": 12, "time": 18, "bool": 8, "int": 10}.get(column.kind, 24)
            )
            self._sheet.write_string(0, at, neutral(column.label), head)
        self._next = 1

    def add(self, page: list[Any], names: Mapping[tuple[str, str], str]) -> None:
        """Write a page of rows."""
        for row in page:
            for at, column in enumerate(self._columns):
                if column.field.has_presence and not row.HasField(column.field.name):
                    continue
                self._cell(at, column, getattr(row, column.field.name), names)
            self._next += 1

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
            self._text(at, names.get((column.references, value), value) if column.references else value)

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


def _exportable(field: FieldDescriptor) -> bool:
    """Values that fit into a cell, and may leave the house."""
    spec = contract.spec_of(field)
    kind = kind_of(field, spec)
    if spec.sensitive or kind in ("message", "map", "struct") or field.name == "etag":
        return False
    return not contract.repeated(field) or kind in ("string", "reference")


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _is_id(text: str) -> bool:
    try:
        return bool(uuid.UUID(text))
    except ValueError:
        return False
