"""Item categories: a tree stays a tree, and a rate stays a share."""

import uuid
from decimal import Decimal

import pytest

from chassis.errors import Refused
from inventory.item_category import rules
from inventory.item_category.model import ItemCategory

ROOT, BRANCH, LEAF = (uuid.uuid4() for _ in range(3))


def category(parent: uuid.UUID | None = None, **values: object) -> ItemCategory:
    return ItemCategory(id=BRANCH, name="标准件", parent_id=parent, **values)


@pytest.mark.parametrize(("parent", "above"), [(BRANCH, {BRANCH, ROOT}), (LEAF, {LEAF, BRANCH, ROOT})])
def test_a_category_cannot_stand_below_itself(parent: uuid.UUID, above: set[uuid.UUID]) -> None:
    with pytest.raises(Refused, match="ITEM_CATEGORY_CYCLE"):
        rules.place(category(parent), above)


def test_a_category_stands_below_one_that_exists() -> None:
    rules.place(category(ROOT), {ROOT})
    rules.place(category(), set())
    with pytest.raises(Refused, match="FIELD_NO_SUCH_DOCUMENT"):
        rules.place(category(ROOT), set())


@pytest.mark.parametrize(
    ("rate", "right"), [(None, True), ("0", True), ("0.13", True), ("1", True), ("1.0001", False), ("6", False)]
)
def test_a_tax_rate_is_a_share_of_the_price(rate: str | None, right: bool) -> None:
    row = category(tax_rate=None if rate is None else Decimal(rate))
    if right:
        rules.check(row)
    else:
        with pytest.raises(Refused, match="FIELD_FORMAT"):
            rules.check(row)
