"""Files that somebody brings: what is read out of good ones, and what bad and hostile ones are refused with."""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from chassis.errors import Refused
from gateway import sheets
from gateway.sheets import lines

ENTITIES = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>&b;</t></si></sst>"""


def workbook(fill: Callable[[Any, Any], None]) -> bytes:
    book = xlsxwriter.Workbook(kept := io.BytesIO(), {"in_memory": True, "strings_to_formulas": False})
    fill(book, book.add_worksheet())
    book.close()
    return kept.getvalue()


def simple(rows: int = 1) -> bytes:
    def fill(_: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["Code", "Name"])
        for n in range(rows):
            sheet.write_row(n + 1, 0, [f"A-{n}", "x"])

    return workbook(fill)


def repacked(content: bytes, **parts: bytes) -> bytes:
    """A workbook with some of its parts put in place of its own."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            if entry.filename not in parts:
                new.writestr(entry.filename, old.read(entry))
        for name, body in parts.items():
            new.writestr(name, body)
    return out.getvalue()


def read(folder: Path, content: bytes) -> list[sheets.Line]:
    path = folder / "file"
    path.write_bytes(content)
    return list(lines(path))


def test_values_of_a_workbook_are_read_as_people_see_them(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["Code", "Amount", "Day", "Time", "Yes", "Text", "Small"])
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_string(2, 0, "00017")
        sheet.write_number(2, 1, 0.1 + 0.2)
        sheet.write_datetime(2, 2, datetime.date(2026, 1, 31), day)
        sheet.write_datetime(2, 3, datetime.datetime.fromisoformat("2026-01-31T08:30"), day)
        sheet.write_boolean(2, 4, True)
        sheet.write_string(2, 5, "'=SUM(A1)")
        sheet.write_number(2, 6, 0.00001)

    head, row = read(tmp_path, workbook(fill))
    assert (head.number, row.number) == (1, 3)
    assert row.cells == ["00017", "0.3", "2026-01-31", "2026-01-31T08:30:00", "TRUE", "=SUM(A1)", "0.00001"]
    assert row.faults == []


def test_what_a_cell_cannot_give_is_said_with_its_place(tmp_path: Path) -> None:
    def fill(_: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["A", "B", "C", "D"])
        sheet.write_formula(1, 0, "=1+1", None, 2)
        sheet.write_number(1, 1, 110101199003071234)
        sheet.write_formula(1, 2, "=1/0", None, "#DIV/0!")
        sheet.write_string(1, 3, "y" * 5_001)

    _, row = read(tmp_path, workbook(fill))
    assert [(fault.position, fault.reason) for fault in row.faults] == [
        (1, "IMPORT_CELL_FORMULA"), (2, "IMPORT_CELL_DIGITS"), (3, "IMPORT_CELL_FORMULA"), (4, "FIELD_TOO_LONG"),
    ]  # fmt: skip
    assert row.faults[0].value == "=1+1"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_text_of_any_usual_kind_is_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    text = f'编码{delimiter}名称\r\nA-1{delimiter}"轴承{delimiter}大"\r\n\r\nA-2{delimiter}=1+1\r\n'
    head, first, second = read(tmp_path, text.encode(encoding))
    assert head.cells == ["编码", "名称"]
    assert (first.number, first.cells) == (2, ["A-1", f"轴承{delimiter}大"])
    assert [(second.number, fault.reason) for fault in second.faults] == [(4, "IMPORT_CELL_FORMULA")]


def bomb() -> bytes:
    return repacked(simple(), **{"xl/media/zeros.bin": b"\x00" * (8 * sheets.MEGABYTE)})


def crowd() -> bytes:
    return repacked(simple(), **{f"xl/x{n}": b"" for n in range(2_001)})


def far_away() -> bytes:
    def fill(_: Any, sheet: Any) -> None:
        sheet.write_string(0, 0, "Code")
        sheet.write_string(0, 16_383, "far")
        sheet.write_string(1, 0, "x")

    return workbook(fill)


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "a package that unpacks a thousandfold": (bomb, "IMPORT_FILE_UNSAFE"),
    "a package of thousands of parts": (crowd, "IMPORT_FILE_UNSAFE"),
    "entities in the texts": (lambda: repacked(simple(), **{"xl/sharedStrings.xml": ENTITIES}), "IMPORT_FILE_UNSAFE"),
    "entities in the sheet": (
        lambda: repacked(simple(), **{"xl/worksheets/sheet1.xml": ENTITIES}),
        "IMPORT_FILE_UNSAFE",
    ),
    "entities in the book": (lambda: repacked(simple(), **{"xl/workbook.xml": ENTITIES}), "IMPORT_FILE_UNSAFE"),
    "a package cut short": (lambda: simple()[:-40], "IMPORT_FILE_UNSAFE"),
    "a package of something else": (lambda: _other(), "IMPORT_FILE_KIND"),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n\x00\x00", "IMPORT_FILE_KIND"),
    "an old workbook": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old", "IMPORT_FILE_KIND"),
    "nothing": (lambda: b"", "IMPORT_FILE_EMPTY"),
    "a head alone": (lambda: b"Code,Name\n", "IMPORT_FILE_EMPTY"),
    "too many columns": (lambda: (",".join("x" for _ in range(201)) + "\n1\n").encode(), "IMPORT_TOO_MANY_COLUMNS"),
    "a column far away": (far_away, "IMPORT_TOO_MANY_COLUMNS"),
    "too many rows": (lambda: b"Code\n" + b"x\n" * 50_001, "IMPORT_TOO_MANY_ROWS"),
    "too many bytes": (lambda: b"x" * (20 * sheets.MEGABYTE + 1), "IMPORT_FILE_TOO_LARGE"),
}


def _other() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("word/document.xml", "<x/>")
    return out.getvalue()


@pytest.mark.parametrize(("make", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_is_none_is_refused_whole(tmp_path: Path, make: Callable[[], bytes], reason: str) -> None:
    content = make()
    with pytest.raises(Refused) as caught:
        read(tmp_path, content)
    assert caught.value.reason == reason


def test_the_parser_is_the_one_that_refuses_entities(tmp_path: Path) -> None:
    read(tmp_path, simple())
    import openpyxl

    assert openpyxl.DEFUSEDXML
    assert not openpyxl.LXML
