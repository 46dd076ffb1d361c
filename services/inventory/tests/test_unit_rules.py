"""Units: what may be kept about one, and conversions there and back."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Refused
from inventory.unit import rules


@dataclass
class Measure:
    name: str = "千克"
    dimension: str = "mass"
    factor: Decimal | None = Decimal(1)
    decimals: int = 3


GRAM, TONNE, METRE = (
    Measure("克", "mass", Decimal("0.001")),
    Measure("吨", "mass", Decimal(1000)),
    Measure("米", "length"),
)
factors = st.decimals(min_value="0.000000001", max_value="999999999", places=9, allow_nan=False)
quantities = st.decimals(min_value="-999999999999", max_value="999999999999", places=6, allow_nan=False)


@pytest.mark.parametrize(
    ("unit", "reason"),
    [
        (Measure(decimals=-1), "UNIT_DECIMALS"),
        (Measure(decimals=7), "UNIT_DECIMALS"),
        (Measure(factor=Decimal(0)), "FIELD_NOT_POSITIVE"),
        (Measure(dimension="", factor=Decimal(12)), "FIELD_REQUIRED"),
    ],
)
def test_a_unit_that_no_quantity_could_have_is_refused(unit: Measure, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        rules.check(unit)


@pytest.mark.parametrize("decimals", range(7))
def test_nought_to_six_decimals_are_allowed(decimals: int) -> None:
    rules.check(Measure(decimals=decimals))


def test_an_empty_factor_means_one() -> None:
    unit = Measure(factor=None)
    rules.check(unit)
    assert unit.factor == 1


@pytest.mark.parametrize(
    ("quantity", "unit", "into", "expected"),
    [
        ("1", TONNE, Measure(), "1000"),
        ("2500", GRAM, Measure(), "2.5"),
        ("0.75", TONNE, GRAM, "750000"),
        ("0", GRAM, TONNE, "0"),
    ],
)
def test_a_quantity_passes_into_another_unit(quantity: str, unit: Measure, into: Measure, expected: str) -> None:
    assert rules.convert(Decimal(quantity), unit, into) == Fraction(expected)


@pytest.mark.parametrize(
    ("unit", "into"), [(GRAM, METRE), (METRE, GRAM), (Measure(dimension=""), Measure(dimension=""))]
)
def test_units_of_different_dimensions_do_not_convert(unit: Measure, into: Measure) -> None:
    with pytest.raises(Refused, match="UNIT_DIMENSION"):
        rules.convert(Decimal(1), unit, into)


@given(quantities, factors, factors)
def test_there_and_back_is_the_same_quantity(quantity: Decimal, one: Decimal, other: Decimal) -> None:
    unit, into = Measure(factor=one), Measure(factor=other)
    assert rules.convert(rules.convert(quantity, unit, into), into, unit) == Fraction(quantity)


@given(quantities, quantities, factors, factors)
def test_converting_a_sum_is_the_sum_of_what_was_converted(
    a: Decimal, b: Decimal, one: Decimal, other: Decimal
) -> None:
    unit, into = Measure(factor=one), Measure(factor=other)
    assert rules.convert(Fraction(a) + Fraction(b), unit, into) == rules.convert(a, unit, into) + rules.convert(
        b, unit, into
    )


@given(quantities, st.integers(min_value=0, max_value=6))
def test_rounding_moves_by_half_a_last_digit_at_most(quantity: Decimal, decimals: int) -> None:
    shown = rules.rounded(Fraction(quantity), decimals)
    assert -shown.as_tuple().exponent == decimals
    assert abs(Fraction(shown) - Fraction(quantity)) <= Fraction(1, 2 * 10**decimals)


@pytest.mark.parametrize(("quantity", "expected"), [("0.5", "1"), ("-0.5", "-1"), ("1.4999", "1"), ("2.5", "3")])
def test_a_half_is_rounded_away_from_zero(quantity: str, expected: str) -> None:
    assert rules.rounded(Fraction(quantity), 0) == Decimal(expected)


def test_a_unit_that_items_are_counted_in_keeps_its_factor() -> None:
    with pytest.raises(Refused, match="STILL_USED"):
        rules.remeasure(Measure(factor=Decimal(2)), before=("mass", Decimal(1)), items=3)
    rules.remeasure(Measure(factor=Decimal(2)), before=("mass", Decimal(1)), items=0)
    rules.remeasure(Measure(), before=("mass", Decimal("1.000000000")), items=3)
