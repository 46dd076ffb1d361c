"""Item categories: a tree whose members say how a class of items is bought and taxed."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import TYPE_CHECKING

from chassis.errors import Refused

if TYPE_CHECKING:
    from inventory.item_category.model import ItemCategory


def check(category: ItemCategory) -> None:
    """Refuse a tax rate above the whole price: 0.13 is meant, not 13."""
    check_tax_rate(category)


def place(category: ItemCategory, above: Collection[uuid.UUID]) -> None:
    """Refuse a place in the tree below the category itself. `above` holds the new parent and all that it hangs from."""
    if category.id in above:
        raise Refused("ITEM_CATEGORY_CYCLE", field="parent_id", name=category.name)
    if category.parent_id is not None and category.parent_id not in above:
        raise Refused("FIELD_NO_SUCH_DOCUMENT", field="parent_id", value=category.parent_id)


def check_tax_rate(row: object) -> None:
    """Refuse a rate above 1; a rate is a share of the price, 0.13 for 13 %."""
    rate = getattr(row, "tax_rate")  # noqa: B009
    if rate is not None and rate > 1:
        raise Refused("FIELD_FORMAT", field="tax_rate", value=format(rate, "f"), expected="0 … 1 (13 % = 0.13)")
