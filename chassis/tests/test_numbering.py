"""Formats of document numbers: what is one, what they make of a day, and which one holds."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import numbering
from chassis.testing import COMPANY, OTHER_COMPANY

DAY = datetime.date(2026, 3, 7)
ORDER = "procurement.purchase_order"


@pytest.mark.parametrize(
    ("pattern", "number", "period"),
    [
        ("PO-{yyyy}-{000000}", "PO-2026-000012", "2026"),
        ("{yy}{mm}{dd}.{000}", "260307.012", "20260307"),
        ("采购{yyyy}{mm}_{0000}", "采购202603_0012", "202603"),
        ("SUP-{000000}-A01", "SUP-000012-A01", ""),
    ],
)
def test_what_a_format_makes_of_a_day(pattern: str, number: str, period: str) -> None:
    assert not numbering.problem(pattern)
    assert numbering.render(pattern, DAY, 12) == number
    assert numbering.period(pattern, DAY) == period


@pytest.mark.parametrize(
    "pattern",
    [
        "", "PO-", "PO-{00}", "PO-{0000000000}", "{000}{000}", "PO-{mm}-{000}", "PO-{yyyy}{dd}-{000}", "PO/{0000}",
        "PO-{yyyy}{yyyy}-{000}", "PO-2026-{000}", "PO {000}", "PO-{week}-{000}", "PO-{yyyy-{000}", "PO-\n{000}",
    ],
)  # fmt: skip
def test_what_is_no_format(pattern: str) -> None:
    assert numbering.problem(pattern)


@given(st.dates(), st.dates(), st.integers(1, 999), st.integers(1, 999))
def test_two_documents_of_one_format_have_two_numbers(
    one: datetime.date, other: datetime.date, first: int, second: int
) -> None:
    """Unless both day and serial count within one period."""
    for pattern in ("PO-{yyyy}-{000}", "{yyyy}{mm}-{000}", "{yyyy}{mm}{dd}{000}", "P{000}"):
        alike = numbering.render(pattern, one, first) == numbering.render(pattern, other, second)
        assert alike == (first == second and numbering.period(pattern, one) == numbering.period(pattern, other))


@pytest.mark.parametrize(
    ("pattern", "other", "alike"),
    [
        ("PO-{yyyy}-{000000}", "PO-{yyyy}-{0000}", True),
        ("PO-{yy}-{000000}", "PO-{yyyy}-{000000}", True),
        ("PR-{yyyy}-{000000}", "PO-{yyyy}-{000000}", False),
    ],
)
def test_formats_whose_numbers_could_be_equal(pattern: str, other: str, alike: bool) -> None:
    assert (numbering.skeleton(pattern) == numbering.skeleton(other)) is alike


@pytest.mark.parametrize(
    ("formats", "wanted"),
    [
        ({}, "PO-{yyyy}-{000000}"),
        ({(None, ORDER): "G-{000}"}, "G-{000}"),
        ({(None, ORDER): "G-{000}", (COMPANY, ORDER): "C-{000}"}, "C-{000}"),
        ({(None, ORDER): "G-{000}", (COMPANY, ORDER): ""}, "G-{000}"),
        ({(OTHER_COMPANY, ORDER): "C-{000}", (COMPANY, "procurement.supplier"): "S-{000}"}, "PO-{yyyy}-{000000}"),
    ],
)
def test_the_companys_format_goes_first_then_the_groups(formats: numbering.Formats, wanted: str) -> None:
    assert numbering.format_of(formats, COMPANY, ORDER) == wanted
