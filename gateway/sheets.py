"""Rows of a file that somebody brings: an Excel workbook or a text of columns, read one row after another.

The file is not trusted. A workbook is looked at before it is unpacked: how many parts, how large, packed how tightly;
its XML may declare no entities. Formulas are not calculated. What a cell holds that cannot be taken is said with its
place, and the other rows are read all the same.
"""

from __future__ import annotations

import csv
import datetime
import decimal
import io
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chassis.errors import Refused

MEGABYTE = 1024 * 1024
MOST_BYTES, MOST_ROWS, MOST_COLUMNS = 20 * MEGABYTE, 50_000, 200
MOST_ENTRIES, MOST_UNPACKED, MOST_RATIO = 2_000, 200 * MEGABYTE, 200
MOST_TEXTS = 64 * MEGABYTE
LONGEST_CELL = 5_000
# columns that may be formatted, though empty
MOST_WIDTH = 1_000
# what a sheet may leave empty between two rows before it is taken for its end
MOST_GAP = 10_000
_PARTS = {"[Content_Types].xml", "xl/workbook.xml"}
_NEUTRALISED = re.compile(r"'\s*[=+\-@＝＋－＠\t\r\n]")
_EXACT = 10**15
_DELIMITERS = ",\t;"


@dataclass(frozen=True)
class Fault:
    """A cell that cannot be taken: its column from 1, what stands there, the refusal's name and facts."""

    position: int
    value: str
    reason: str
    facts: dict[str, str]


@dataclass
class Line:
    """A row of the sheet, as texts."""

    number: int
    cells: list[str]
    faults: list[Fault] = field(default_factory=list)


def lines(path: Path) -> Iterator[Line]:
    """Every row that holds something, its head first. Raises Refused where the file is not one to be read."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise Refused("IMPORT_FILE_TOO_LARGE", limit_megabytes=MOST_BYTES // MEGABYTE)
    with path.open("rb") as file:
        start = file.read(8)
    found = _workbook(path) if start.startswith(b"PK\x03\x04") else _text(path, start)
    count = 0
    for line in found:
        if not any(cell.strip() for cell in line.cells):
            continue
        if len(line.cells) > MOST_COLUMNS:
            raise Refused("IMPORT_TOO_MANY_COLUMNS", limit=MOST_COLUMNS)
        if count > MOST_ROWS:
            raise Refused("IMPORT_TOO_MANY_ROWS", limit=MOST_ROWS)
        count += 1
        yield line
    if count < 2:
        raise Refused("IMPORT_FILE_EMPTY")


def _unsafe(why: str) -> Refused:
    return Refused("IMPORT_FILE_UNSAFE", why=why)


# ---- Excel


def _check_zip(path: Path) -> None:
    """Refuse a package that unpacks to more than any sheet holds, before anything of it is unpacked."""
    try:
        with zipfile.ZipFile(path) as package:
            entries = package.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as problem:
        raise _unsafe("zip") from problem
    if len(entries) > MOST_ENTRIES:
        raise _unsafe(f"{len(entries)} entries")
    if not {entry.filename for entry in entries} >= _PARTS:
        raise Refused("IMPORT_FILE_KIND")
    if any(entry.flag_bits & 1 for entry in entries):
        raise _unsafe("password")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MOST_UNPACKED:
        raise _unsafe(f"{unpacked // MEGABYTE} MB unpacked")
    for entry in entries:
        if entry.file_size > MEGABYTE and entry.file_size > MOST_RATIO * max(1, entry.compress_size):
            raise _unsafe(f"{entry.file_size // max(1, entry.compress_size)} : 1")
        if entry.filename.endswith("sharedStrings.xml") and entry.file_size > MOST_TEXTS:
            raise _unsafe(f"{entry.file_size // MEGABYTE} MB of texts")


def _workbook(path: Path) -> Iterator[Line]:
    _check_zip(path)
    # its own reader refuses entities only with defusedxml, which lxml would displace
    os.environ["OPENPYXL_LXML"] = "False"
    import openpyxl  # only a process that imports carries it

    with path.open("rb") as file:
        book = None
        try:
            # the caller reads on: what the parser meets in the middle is met here too
            book = openpyxl.load_workbook(file, read_only=True, data_only=False, keep_links=False)
            sheet: Any = next((one for one in book.worksheets if one.sheet_state == "visible"), None)
            if sheet is not None:
                sheet.reset_dimensions()
                yield from _rows(sheet)
        except Refused:
            raise
        except Exception as problem:
            # entities, XML that is none, a package cut short: whatever the parser stumbled over, it is not a sheet
            raise _unsafe(type(problem).__name__) from problem
        finally:
            if book is not None:
                book.close()


def _rows(sheet: Any) -> Iterator[Line]:
    gap = 0
    for number, row in enumerate(sheet.iter_rows(), 1):
        # one cell far to the right makes a row of thousands
        if len(row) > MOST_WIDTH:
            raise Refused("IMPORT_TOO_MANY_COLUMNS", limit=MOST_COLUMNS)
        line = Line(number, [])
        for position, cell in enumerate(row, 1):
            line.cells.append(_cell(position, cell, line.faults))
        while line.cells and not line.cells[-1]:
            line.cells.pop()
        gap = 0 if line.cells else gap + 1
        if gap > MOST_GAP:
            return
        yield line


def _cell(position: int, cell: Any, faults: list[Fault]) -> str:
    """What a cell holds, as text; what cannot be taken is noted."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        said = str(getattr(value, "text", value) or "=")[:200]
        faults.append(Fault(position, said, "IMPORT_CELL_FORMULA", {"value": said}))
        return said
    if cell.data_type == "e":
        faults.append(Fault(position, str(value), "IMPORT_CELL_ERROR", {"value": str(value)}))
        return str(value)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number(position, value, faults)
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(timespec="seconds")
    return _plain(position, str(value), faults)


def _number(position: int, value: float, faults: list[Fault]) -> str:
    """A number without an exponent, with the fifteen digits that a spreadsheet keeps."""
    if abs(value) >= _EXACT:
        said = format(decimal.Decimal(value), "f")[:40]
        faults.append(Fault(position, said, "IMPORT_CELL_DIGITS", {"value": said}))
        return said
    return format(decimal.Decimal(f"{value:.15g}"), "f")


def _plain(position: int, text: str, faults: list[Fault]) -> str:
    """Text without the apostrophe that an export puts before what looks like a formula."""
    if _NEUTRALISED.match(text):
        text = text[1:]
    if len(text) > LONGEST_CELL:
        facts = {"length": str(len(text)), "limit": str(LONGEST_CELL)}
        faults.append(Fault(position, text[:100], "FIELD_TOO_LONG", facts))
        return text[:LONGEST_CELL]
    return text


# ---- text


def _text(path: Path, start: bytes) -> Iterator[Line]:
    raw = path.read_bytes()
    if b"\x00" in raw or start.startswith(b"\xd0\xcf\x11\xe0"):
        raise Refused("IMPORT_FILE_KIND")
    try:
        decoded = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            # what Excel writes in China: GBK, and its superset
            decoded = raw.decode("gb18030")
        except UnicodeDecodeError:
            raise Refused("IMPORT_FILE_KIND") from None
    first = decoded.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(decoded, newline=""), delimiter=delimiter)
    try:
        number = 1
        for cells in reader:
            line = Line(number, [])
            for position, cell in enumerate(cells, 1):
                if cell.startswith("="):
                    line.faults.append(Fault(position, cell[:200], "IMPORT_CELL_FORMULA", {"value": cell[:200]}))
                line.cells.append(_plain(position, cell, line.faults))
            yield line
            number += 1
    except csv.Error as problem:
        raise Refused("IMPORT_FILE_KIND") from problem
