"""Items, units and categories as procurement's rules see them: plain values, already looked up.

The inventory service owns the records; `copies.py` keeps read copies of them and makes these values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from typing import Any
from uuid import UUID

from chassis import money

# digits after the point of quantities and prices
SCALE = 6
ONE, ZERO = Decimal(1), Decimal(0)
# items of which a request for approval tells the price
MOST_PRICES = 100


@dataclass(frozen=True)
class Unit:
    """A unit of measure; `factor` counts the base units of its dimension."""

    id: UUID
    dimension: str
    factor: Decimal
    decimals: int


@dataclass(frozen=True)
class Category:
    """A class of items: whether an agreed line is ordered by itself, and who buys it."""

    id: UUID
    code: str
    automatic: bool
    tax_rate: Decimal | None
    buyer_id: UUID | None


@dataclass(frozen=True)
class Item:
    """An item with the factors of its own further units."""

    id: UUID
    code: str
    name: str
    specification: str
    category_id: UUID | None
    base_unit_id: UUID
    active: bool
    tax_rate: Decimal | None = None
    standard_price: Decimal | None = None
    factors: Mapping[UUID, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalog:
    """What a call needs of the item master, by id."""

    items: Mapping[UUID, Item] = field(default_factory=dict)
    units: Mapping[UUID, Unit] = field(default_factory=dict)
    categories: Mapping[UUID, Category] = field(default_factory=dict)

    def category_of(self, item: Item) -> Category | None:
        return self.categories.get(item.category_id) if item.category_id else None

    def tax_rate_of(self, item: Item) -> Decimal | None:
        """The item's rate, else its category's."""
        if item.tax_rate is not None:
            return item.tax_rate
        category = self.category_of(item)
        return category.tax_rate if category else None

    def factor(self, item: Item, unit_id: UUID | None) -> Decimal | None:
        """How many of the item's base units one of a unit is; None where the item is not counted in it."""
        if unit_id is None:
            return None
        if unit_id == item.base_unit_id:
            return ONE
        if unit_id in item.factors:
            return item.factors[unit_id]
        unit, base = self.units.get(unit_id), self.units.get(item.base_unit_id)
        if unit is None or base is None or not unit.dimension or unit.dimension != base.dimension or not base.factor:
            return None
        return unit.factor / base.factor

    def ratio(self, item: Item | None, asked: UUID | None, sold: UUID | None) -> Decimal | None:
        """How many of the unit `sold` one of the unit `asked` is. A quantity is multiplied by it, a price divided."""
        if asked == sold:
            return ONE
        if item is None:
            return None
        one_asked, one_sold = self.factor(item, asked), self.factor(item, sold)
        return one_asked / one_sold if one_asked and one_sold else None

    def prices_of(self, lines: Iterable[Any], rate: Decimal | None) -> list[dict[str, Any]]:
        """What lines pay for one base unit of each item in the company's currency, without tax: the highest price of an
        item, and of too many items those of the largest lines.
        """
        found: dict[UUID, Decimal] = {}
        for line in sorted(lines, key=lambda line: -line.amount):
            item = self.items.get(line.item_id) if line.item_id else None
            factor = self.factor(item, line.unit_id) if item else None
            if item is None or not factor or not line.unit_price:
                continue
            if item.id in found or len(found) < MOST_PRICES:
                found[item.id] = max(price_in(line.unit_price, (rate or ONE) / factor), found.get(item.id, ZERO))
        return [{"item_id": str(item_id), "unit_price": float(price)} for item_id, price in found.items()]

    def decimals_of(self, unit_id: UUID | None) -> int:
        """Digits after the point that quantities in a unit may have; six where the unit is not known."""
        unit = self.units.get(unit_id) if unit_id else None
        return unit.decimals if unit else 6


def has_more_decimals(quantity: Decimal, decimals: int) -> bool:
    """Whether a quantity has more digits after the point than its unit allows."""
    return quantity != money.quantize(quantity, decimals)


def price_in(price: Decimal, ratio: Decimal) -> Decimal:
    """A price for the unit asked from the price for the unit sold, or back with the inverse ratio."""
    return money.quantize(price * ratio, SCALE)


def raised(
    quantity: Decimal, *, minimum: Decimal | None = None, multiple: Decimal | None = None, decimals: int = 6
) -> Decimal:
    """The least quantity that can be ordered: not below the minimum, a multiple, in whole steps of the unit."""
    result = max(quantity, minimum or quantity)
    if multiple:
        result = (result / multiple).to_integral_value(rounding=ROUND_CEILING) * multiple
    return money.quantize(result.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_CEILING), SCALE)
