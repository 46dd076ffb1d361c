"""Units of measure: how finely one may be counted, and how a quantity passes from one unit to another.

Conversions are exact: the result is a fraction, so that there and back is the same quantity, and whoever writes it
down rounds it once, to the decimals of its unit. Units convert within one dimension only; a unit without a dimension
(盒, 套) means something else for every item and converts through the item's own factors.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Protocol, cast

from chassis import money
from chassis.errors import Refused

MOST_DECIMALS = 6


class Measure(Protocol):
    """A unit, as far as quantities care."""

    name: str
    dimension: str
    factor: Decimal
    decimals: int


def check(unit: Measure) -> None:
    """Refuse decimals and factors that no quantity could have; an empty factor means 1."""
    if not 0 <= unit.decimals <= MOST_DECIMALS:
        raise Refused("UNIT_DECIMALS", field="decimals", value=unit.decimals)
    if cast("Decimal | None", unit.factor) is None:
        unit.factor = Decimal(1)
    if unit.factor <= 0:
        raise Refused("FIELD_NOT_POSITIVE", field="factor", value=format(unit.factor, "f"))
    if not unit.dimension and unit.factor != 1:
        raise Refused("FIELD_REQUIRED", field="dimension")


def remeasure(unit: Measure, *, before: tuple[str, Decimal], items: int) -> None:
    """Refuse another dimension or factor for a unit that items are counted in: their quantities would change."""
    if items and (unit.dimension, unit.factor) != before:
        raise Refused("STILL_USED", field="factor", by=items)


def ratio(unit: Measure, into: Measure) -> Fraction:
    """How many of `into` one `unit` is. Refuses units that measure different things."""
    if not unit.dimension or unit.dimension != into.dimension:
        raise Refused("UNIT_DIMENSION", unit=unit.name, into=into.name)
    return Fraction(unit.factor) / Fraction(into.factor)


def convert(quantity: Decimal | Fraction, unit: Measure, into: Measure) -> Fraction:
    """The same quantity in another unit of its dimension, exactly."""
    return Fraction(quantity) * ratio(unit, into)


def rounded(quantity: Fraction, decimals: int) -> Decimal:
    """The quantity as a unit with so many decimals can say it, HALF_UP."""
    tenfold = quantity * 10**decimals
    whole, rest = divmod(abs(tenfold.numerator), tenfold.denominator)
    whole += 2 * rest >= tenfold.denominator
    return money.quantize(Decimal(whole if quantity >= 0 else -whole).scaleb(-decimals), decimals)
