"""Items: when two are the same thing, and which units one may be counted in."""

import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Refused
from inventory.base import MASTER_DATA
from inventory.item import rules
from inventory.item.model import Item, ItemUnit
from inventory.item_category.model import ItemCategory
from inventory.unit.model import Unit


def unit(name: str, dimension: str = "", factor: str = "1", state: str = "ACTIVE") -> Unit:
    return Unit(id=uuid.uuid4(), name=name, dimension=dimension, factor=Decimal(factor), decimals=3, state=state)


KILO, GRAM, BOX, OLD = unit("千克", "mass"), unit("克", "mass", "0.001"), unit("盒"), unit("担", state="INACTIVE")
UNITS = {u.id: u for u in (KILO, GRAM, BOX, OLD)}
CATEGORY = ItemCategory(id=uuid.uuid4(), name="钢材", state="ACTIVE")


def item(base: Unit = KILO, others: tuple[tuple[Unit, str], ...] = (), **values: object) -> Item:
    lines = [ItemUnit(unit_id=u.id, factor=Decimal(f)) for u, f in others]
    return Item(
        **{
            "name": "45#圆钢",
            "specification": "φ20",
            "category_id": CATEGORY.id,
            "base_unit_id": base.id,
            "units": lines,
            "state": "ACTIVE",
            **values,
        }
    )


@dataclass
class Twin:
    code: str = "1001-0001"
    name: str = "45#圆钢"
    barcode: str | None = None
    identity_key: str = field(default_factory=lambda: rules.identity_key("45#圆钢", "φ20"))
    state: str = "ACTIVE"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (("轴承 6204-2RS", ""), ("轴承６２０４ 2rs", "")),
        (("内六角螺栓", "M8×30"), ("内六角螺栓", "M8*30")),
        (("内六角螺栓", "M8X30"), ("内六角螺栓 M8x30", "")),
        (("直线轴承", "Φ20"), ("直线轴承", "⌀20")),
        (("劳保手套（L码）", "PU"), ("劳保手套(L码)", "pu")),
        (("立铣刀 φ10", "4刃"), ("立铣刀", "φ10，4刃")),
    ],
)
def test_the_same_thing_is_known_however_it_is_typed(left: tuple[str, str], right: tuple[str, str]) -> None:
    assert rules.identity_key(*left) == rules.identity_key(*right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (("丝锥", "M8×1.25"), ("丝锥", "M8×125")),
        (("铜套", "50-2"), ("铜套", "502")),
        (("轴承", "6204"), ("轴承", "6205")),
        (("O型圈", "1/2"), ("O型圈", "12")),
    ],
)
def test_different_things_stay_different(left: tuple[str, str], right: tuple[str, str]) -> None:
    assert rules.identity_key(*left) != rules.identity_key(*right)


def test_a_slightly_different_name_is_alike_and_a_stranger_is_not() -> None:
    probe = rules.pairs(rules.identity_key("轴承 6204-2RS", ""))
    assert rules.likeness(probe, rules.pairs(rules.identity_key("深沟球轴承 6204-2RS", ""))) >= rules.ALIKE
    assert rules.likeness(probe, rules.pairs(rules.identity_key("丁腈耐油手套", "长袖 M码"))) < rules.ALIKE


@given(st.text(max_size=40), st.text(max_size=40))
def test_likeness_is_symmetric_and_greatest_with_itself(left: str, right: str) -> None:
    a, b = rules.pairs(rules.identity_key(left, "")), rules.pairs(rules.identity_key(right, ""))
    assert rules.likeness(a, b) == rules.likeness(b, a)
    assert 0 <= rules.likeness(a, b) <= 1
    assert not a or rules.likeness(a, a) == 1


def test_a_description_derives_pinyin_and_pairs() -> None:
    steel = item()
    rules.describe(steel)
    assert steel.pinyin_initials == "45yg"
    assert steel.pairs == rules.pairs(steel.identity_key)


@pytest.mark.parametrize(
    ("faulty", "field", "reason"),
    [
        (item(others=((BOX, "0"),)), "units[0].factor", "ITEM_UNIT_FACTOR"),
        (item(others=((BOX, "12"), (BOX, "12"))), "units[1].unit_id", "ITEM_UNIT_TWICE"),
        (item(others=((KILO, "1"),)), "units[0].unit_id", "ITEM_UNIT_TWICE"),
        (item(others=((GRAM, "0.01"),)), "units[0].factor", "ITEM_UNIT_CONTRADICTS"),
        (item(others=((OLD, "50"),)), "units[0].unit_id", "FIELD_NO_SUCH_DOCUMENT"),
        (item(base=OLD), "base_unit_id", "FIELD_NO_SUCH_DOCUMENT"),
        (item(base=unit("不存在")), "base_unit_id", "FIELD_NO_SUCH_DOCUMENT"),
        (item(tax_rate=Decimal(13)), "tax_rate", "FIELD_FORMAT"),
    ],
)
def test_a_faulty_item_is_refused_at_the_field(faulty: Item, field: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        rules.check(faulty, CATEGORY, UNITS, chosen=("category_id", "base_unit_id", "units"))
    assert refused.value.violations[0][:2] == (field, reason)


@pytest.mark.parametrize("category", [None, ItemCategory(id=CATEGORY.id, state="INACTIVE")])
def test_a_category_that_is_not_there_or_out_of_use_cannot_be_chosen(category: ItemCategory | None) -> None:
    with pytest.raises(Refused, match="FIELD_NO_SUCH_DOCUMENT"):
        rules.check(item(), category, UNITS, chosen=("category_id",))


def test_an_old_item_keeps_what_has_gone_out_of_use_since() -> None:
    rules.check(item(base=OLD), ItemCategory(id=CATEGORY.id, state="INACTIVE"), UNITS, chosen=())


def test_a_quantity_comes_into_base_units_by_the_items_own_factor_first() -> None:
    steel = item(others=((BOX, "12.5"),))
    assert rules.in_base_units(Decimal(4), BOX.id, steel, UNITS) == 50
    assert rules.in_base_units(Decimal(4), KILO.id, steel, UNITS) == 4
    assert rules.in_base_units(Decimal(4), GRAM.id, steel, UNITS) == Fraction("0.004")


@given(
    st.decimals(min_value=0, max_value="999999999", places=6),
    st.decimals(min_value="0.000000001", max_value="999999999", places=9),
)
def test_an_items_own_factor_leads_back_to_the_same_quantity(quantity: Decimal, factor: Decimal) -> None:
    there = rules.in_base_units(quantity, BOX.id, item(others=((BOX, str(factor)),)), UNITS)
    assert there / Fraction(factor) == Fraction(quantity)


def test_a_unit_without_way_to_the_base_unit_is_refused() -> None:
    with pytest.raises(Refused, match="UNIT_DIMENSION"):
        rules.in_base_units(Decimal(1), BOX.id, item(), UNITS)


@pytest.mark.parametrize(
    ("mine", "other", "reason"),
    [
        ({}, Twin(), "ITEM_DUPLICATE"),
        ({}, Twin(state="INACTIVE"), None),
        ({"state": "INACTIVE"}, Twin(), None),
        ({"specification": "φ30"}, Twin(), None),
        ({"specification": "φ30", "barcode": "690"}, Twin(barcode="690", state="INACTIVE"), "ITEM_BARCODE_TAKEN"),
        ({"specification": "φ30"}, Twin(barcode="690"), None),
    ],
)
def test_the_same_thing_is_refused_only_among_active_items(
    mine: dict[str, object], other: Twin, reason: str | None
) -> None:
    new = item(**mine)
    rules.describe(new)
    if reason is None:
        rules.refuse_twins(new, [other])
    else:
        with pytest.raises(Refused, match=reason):
            rules.refuse_twins(new, [other])


@pytest.mark.parametrize("state", ["ACTIVE", "INACTIVE"])
@pytest.mark.parametrize("action", ["update", "deactivate", "activate"])
def test_master_data_goes_out_of_use_and_comes_back_and_nothing_else(state: str, action: str) -> None:
    expected = {
        ("ACTIVE", "update"): "ACTIVE",
        ("ACTIVE", "deactivate"): "INACTIVE",
        ("INACTIVE", "activate"): "ACTIVE",
    }
    assert MASTER_DATA.get((state, action)) == expected.get((state, action))
