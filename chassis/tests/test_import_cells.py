"""Cells become documents: tables of what people write, and laws that hold for any of it."""

from __future__ import annotations

import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from google.api import field_behavior_pb2
from hypothesis import given
from hypothesis import strategies as st

from chassis import contract
from chassis.errors import Refused
from chassis.import_cells import Named, Reading, Row, date_of, decimal_of, draft, grouped, names_in
from chassis.importable import Column, columns_of, importable, maker_of, way_back_of
from heyi.inventory.v1 import items_pb2
from heyi.procurement.v1 import supplier_items_pb2

ITEM, PRICE = "inventory.item", "procurement.supplier_item"
NAMES = {
    ("inventory.item_category", "2002"): Named("01900000-0000-7000-8000-000000000001", 1),
    ("inventory.unit", "个"): Named("", 2),
}


def reading(document: str, *paths: str, words: Any = None) -> Reading:
    known = {column.path: column for column in columns_of(document)}
    columns = {position: known[path] for position, path in enumerate(paths, 1)}
    return Reading(columns, words or {}, {}, ZoneInfo("Asia/Shanghai"), lambda kind, name: NAMES.get((kind, name)))


def rows(*cells: list[str]) -> list[Row]:
    return [Row(number, one) for number, one in enumerate(cells, 2)]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("1,234.50", "1234.50"), ("１２３．５", "123.5"), ("￥12", "12"), ("$ 3", "3"),
        ("13%", "0.13"), ("0.5 %", "0.005"),
        ("-1,000", "-1000"), ("1,23", "1,23"), ("12元", "12元"), ("1e5", "1e5"), ("", ""),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(said: str, meant: str) -> None:
    assert decimal_of(said) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2026-01-31", "2026-01-31"), ("2026/1/31", "2026-01-31"), ("2026.1.31", "2026-01-31"),
        ("2026年1月31日", "2026-01-31"),
        ("20260131", "2026-01-31"), ("2026-01-31T00:00:00", "2026-01-31"), ("31.01.2026", "31.01.2026"),
        ("45000", "45000"),
    ],
)  # fmt: skip
def test_days_as_people_write_them(said: str, meant: str) -> None:
    assert date_of(said) == meant


@given(
    st.dates(datetime.date(1900, 1, 1), datetime.date(2999, 12, 31)),
    st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d"]),
)
def test_a_day_is_read_in_any_usual_form(day: datetime.date, form: str) -> None:
    assert date_of(day.strftime(form)) == day.isoformat()


@given(st.decimals(-(10**12), 10**12, places=4))
def test_a_number_with_thousands_between_is_the_same_number(number: Any) -> None:
    assert decimal_of(f"{number:,f}") == format(number, "f")


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("kind", "没有", "IMPORT_VALUE_UNKNOWN"), ("kind", "KIND_UNSPECIFIED", "IMPORT_VALUE_UNKNOWN"),
        ("category_id", "9999", "IMPORT_REFERENCE_UNKNOWN"), ("base_unit_id", "个", "IMPORT_REFERENCE_AMBIGUOUS"),
    ],
)  # fmt: skip
def test_a_word_that_means_nothing_is_said_with_its_place(path: str, text: str, reason: str) -> None:
    made = draft(rows(["A", text]), reading(ITEM, "code", path), items_pb2.Item())
    assert [(p.row, p.position, p.field, p.value, p.reason) for p in made.problems] == [(2, 2, path, text, reason)]


@pytest.mark.parametrize("said", ["part", "PART", "零部件", " 零 部 件 ", "Ｐart"])
def test_a_value_is_known_by_its_word_or_its_name(said: str) -> None:
    words = {"kind": {"零部件": "PART", "Part": "PART"}}
    made = draft(rows([said]), reading(ITEM, "kind", words=words), items_pb2.Item())
    assert (made.problems, made.message.kind) == ([], items_pb2.Item.PART)


def test_rows_below_are_lines_until_the_document_s_own_cells_differ() -> None:
    taken = reading(PRICE, "supplier_id", "currency", "prices.from_quantity", "prices.unit_price")
    sheet = rows(
        ["甲", "CNY", "1", "9"],
        ["", "", "10", "8"],
        ["甲", "CNY", "100", "7"],
        [],
        ["甲", "USD", "1", "2"],
        ["甲", "USD"],
    )
    groups = grouped(sheet, taken)
    assert [[row.number for row in group] for group in groups] == [[2, 3, 4], [6], [7]]
    assert names_in(sheet, taken) == {"procurement.supplier": {"甲"}}
    made = draft(groups[0], taken, supplier_items_pb2.SupplierItem())
    assert [(line.from_quantity, line.unit_price) for line in made.message.prices] == [
        ("1", "9"),
        ("10", "8"),
        ("100", "7"),
    ]
    # what a rule says of a line is found in the line's own row
    made.blame(Refused("FIELD_DECIMAL", "prices[2].unit_price", value="7"), taken)
    assert [(p.row, p.position, p.reason) for p in made.problems][-1] == (4, 4, "FIELD_DECIMAL")
    made.blame(Refused("SUPPLIER_ITEM_TWICE", supplier="甲"), taken)
    assert [(p.row, p.position) for p in made.problems][-1] == (2, 0)


def test_of_a_cell_that_could_not_be_read_nothing_more_is_said() -> None:
    taken = reading(ITEM, "code", "kind")
    made = draft(rows(["A", "?"]), taken, items_pb2.Item())
    made.blame(Refused.fields([("kind", "FIELD_REQUIRED", {}), ("name", "FIELD_REQUIRED", {})]), taken)
    assert [(p.field, p.reason) for p in made.problems] == [
        ("kind", "IMPORT_VALUE_UNKNOWN"),
        ("name", "FIELD_REQUIRED"),
    ]


@given(st.lists(st.lists(st.sampled_from(["", "a", "b"]), max_size=4), max_size=20))
def test_every_row_that_says_something_belongs_to_one_document(cells: list[list[str]]) -> None:
    taken = reading(PRICE, "supplier_id", "currency", "prices.from_quantity", "prices.unit_price")
    sheet = rows(*cells)
    found = [row.number for group in grouped(sheet, taken) for row in group]
    assert found == [row.number for row in sheet if any(row.cells)]


def test_what_a_file_can_make_needs_nothing_that_no_cell_holds() -> None:
    for document in importable():
        message: Any = contract.load().documents[document].message.DESCRIPTOR
        columns = columns_of(document)
        assert len({column.path for column in columns}) == len(columns)
        assert not any(column.spec.sensitive or column.spec.computed for column in columns)
        assert maker_of(document).policy.permission == f"{document}.create"
        assert all(column.field.containing_type in (message, _inner(column)) for column in columns)
    with pytest.raises(Refused, match="IMPORT_NOT_POSSIBLE"):
        columns_of("approval.task")


def _inner(column: Column) -> Any:
    return column.part.message_type if column.part is not None else None


# what an import of these makes is not taken back as a whole, and why
NO_WAY_BACK = {
    "approval.flow_definition": "a draft stays until it is published; only what was published is retired",
    "identity.access_review": "its lines are asked of their reviewers at once: it is closed, with what was answered",
}


def test_whatever_a_file_makes_is_taken_back_by_a_right_of_its_own() -> None:
    """An undo says id, etag and a reason: the method that a type names needs nothing else."""
    for document in importable():
        method = way_back_of(document)
        assert (method is None) == (document in NO_WAY_BACK), f"{document}: say `take_back`, or why there is none"
        if method is not None:
            asked: Any = method.request.DESCRIPTOR
            needed = {f.name for f in asked.fields if field_behavior_pb2.REQUIRED in contract.behaviours_of(f)}
            assert method.policy.permission.startswith(f"{document}.")
            assert needed <= {"id", "etag", "reason"} & {field.name for field in asked.fields}


def test_secrets_have_no_column() -> None:
    assert not [c.path for c in columns_of("identity.employee") if "password" in c.path]
    assert not [c.path for c in columns_of("procurement.supplier") if c.path.startswith("bank_accounts")]
