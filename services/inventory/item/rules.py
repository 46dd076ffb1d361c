"""Items: what makes one item another, which units it is counted in, and when two are the same thing.

The same thing is bought twice at two prices when it stands twice in the master, so an active item with the same name
and specification is refused, however it is typed: 轴承 6204-2RS and 轴承６２０４ 2rs are one. Likeness (for the list of
possible duplicates) is the share of common character pairs.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

from chassis import text
from chassis.errors import Refused
from inventory.item_category.rules import check_tax_rate
from inventory.unit import rules as unit_rules

if TYPE_CHECKING:
    from inventory.item.model import Item
    from inventory.item_category.model import ItemCategory
    from inventory.unit.model import Unit

# M8*30, M8X30 and M8×30 are typed for the same bolt; φ, Ø and ⌀ for the same diameter
_SAME = str.maketrans({"×": "x", "*": "x", "✕": "x", "╳": "x", "ø": "φ", "⌀": "φ", "∅": "φ"})
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s\-_,;:~]+(?=\d)")
_SEPARATORS = re.compile(r"[\s\-_,;:~'\"()\[\]{}、。·“”‘’《》【】]+")
# Dice's coefficient of character pairs from which a person should look
ALIKE = 0.5


class Twin(Protocol):
    """What is known of an item that may be the same thing."""

    code: str
    name: str
    barcode: str | None
    identity_key: str
    state: str


def describe(item: Item) -> None:
    """Derive what the item is found and compared by from what it is called."""
    item.identity_key = identity_key(item.name, item.specification)
    item.pairs = pairs(item.identity_key)
    item.pinyin_initials = text.pinyin_initials(item.name)


def check(item: Item, category: ItemCategory | None, units: Mapping[uuid.UUID, Unit], *, chosen: Iterable[str]) -> None:
    """Refuse a category or unit that is not there, or newly `chosen` though out of use, and factors that contradict.

    `chosen` names the fields that this call sets: an old item keeps what has gone out of use since.
    """
    check_tax_rate(item)
    fresh = set(chosen)
    _usable(category, "category_id", item.category_id, fresh="category_id" in fresh)
    base = units.get(item.base_unit_id)
    _usable(base, "base_unit_id", item.base_unit_id, fresh="base_unit_id" in fresh)
    assert base is not None
    seen = {item.base_unit_id}
    for index, line in enumerate(item.units):
        where = f"units[{index}]"
        unit = units.get(line.unit_id)
        _usable(unit, f"{where}.unit_id", line.unit_id, fresh="units" in fresh)
        assert unit is not None
        if line.unit_id in seen:
            raise Refused("ITEM_UNIT_TWICE", field=f"{where}.unit_id", unit=unit.name)
        seen.add(line.unit_id)
        if line.factor <= 0:
            raise Refused("ITEM_UNIT_FACTOR", field=f"{where}.factor", value=format(line.factor, "f"))
        if unit.dimension and unit.dimension == base.dimension:
            general = unit_rules.ratio(unit, base)
            if Fraction(line.factor) != general:
                wanted = format(unit_rules.rounded(general, 9).normalize(), "f")
                raise Refused("ITEM_UNIT_CONTRADICTS", field=f"{where}.factor", unit=unit.name, factor=wanted)


def in_base_units(quantity: Decimal, unit_id: uuid.UUID, item: Item, units: Mapping[uuid.UUID, Unit]) -> Fraction:
    """The quantity in the item's base unit: by the item's own factor, else by the units' dimension."""
    if unit_id == item.base_unit_id:
        return Fraction(quantity)
    for line in item.units:
        if line.unit_id == unit_id:
            return Fraction(quantity) * Fraction(line.factor)
    return unit_rules.convert(quantity, units[unit_id], units[item.base_unit_id])


def refuse_twins(item: Item, others: Sequence[Twin]) -> None:
    """Refuse an item that stands already, and a barcode that another item has."""
    for other in others:
        if item.barcode and other.barcode == item.barcode:
            raise Refused("ITEM_BARCODE_TAKEN", field="barcode", value=item.barcode, code=other.code)
        if item.state == other.state == "ACTIVE" and other.identity_key == item.identity_key:
            raise Refused("ITEM_DUPLICATE", field="name", code=other.code, name=other.name)


def identity_key(name: str, specification: str) -> str:
    """The name and specification without what typists do differently: case, width, separators, × and *.

    A separator between two digits stays as one blank, since 50-2 is not 502; the point stays, since 1.25 is not 125.
    """
    folded = unicodedata.normalize("NFKC", f"{name} {specification}").casefold().translate(_SAME)
    return " ".join(_SEPARATORS.sub("", piece) for piece in _BETWEEN_DIGITS.split(folded))


def pairs(key: str) -> list[str]:
    """The different character pairs of a key, in order; a key of one character stands for itself."""
    run = key.replace(" ", "")
    return sorted({run[index : index + 2] for index in range(len(run) - 1)}) or [run][: len(run)]


def likeness(left: Sequence[str], right: Sequence[str]) -> float:
    """Dice's coefficient of two sets of pairs: 0 nothing in common, 1 the same."""
    return 2 * len(set(left) & set(right)) / (len(left) + len(right)) if left or right else 0.0


def _usable(row: ItemCategory | Unit | None, field: str, key: uuid.UUID, *, fresh: bool) -> None:
    if row is None or (fresh and row.state != "ACTIVE"):
        raise Refused("FIELD_NO_SUCH_DOCUMENT", field=field, value=key)
