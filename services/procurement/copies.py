"""Read copies of the item master, kept by events of the inventory service; an older version never replaces a newer."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis import ids
from chassis.call import Call
from chassis.db import decimal_of
from heyi.inventory.v1 import item_categories_pb2, items_pb2, units_pb2
from procurement.base import Base
from procurement.catalog import Catalog, Category, Item, Unit


class ItemCopy(Base):
    """An item, as far as buying needs it."""

    __tablename__ = "item_copy"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    code: Mapped[str]
    name: Mapped[str]
    specification: Mapped[str]
    category_id: Mapped[uuid.UUID | None]
    base_unit_id: Mapped[uuid.UUID]
    active: Mapped[bool]
    tax_rate: Mapped[Decimal | None] = decimal_of(5, 4)
    standard_price: Mapped[Decimal | None] = decimal_of(18, 6)
    # unit id -> how many base units one of it is, in digits
    factors: Mapped[dict[str, Any]]


class CategoryCopy(Base):
    """A category: who buys it, and whether it orders itself."""

    __tablename__ = "category_copy"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    code: Mapped[str]
    name: Mapped[str]
    automatic: Mapped[bool]
    tax_rate: Mapped[Decimal | None] = decimal_of(5, 4)
    buyer_id: Mapped[uuid.UUID | None]
    active: Mapped[bool]


class UnitCopy(Base):
    """A unit of measure."""

    __tablename__ = "unit_copy"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    code: Mapped[str]
    name: Mapped[str]
    dimension: Mapped[str]
    factor: Mapped[Decimal | None] = decimal_of(18, 9)
    decimals: Mapped[int]
    active: Mapped[bool]


async def keep_item(event: items_pb2.ItemCreated | items_pb2.ItemUpdated, call: Call) -> None:
    """Keep the newest version of an item."""
    item = event.item
    values = {
        "code": item.code,
        "name": item.name,
        "specification": item.specification,
        "category_id": _id(item.category_id),
        "base_unit_id": ids.parse(item.base_unit_id),
        "active": item.state == items_pb2.Item.ACTIVE,
        "tax_rate": _decimal(item.tax_rate),
        "standard_price": _decimal(item.standard_price),
        "factors": {unit.unit_id: unit.factor for unit in item.units},
    }
    await call.copy(ItemCopy, ids.parse(item.id), ids.version_of(item.etag), values)


async def keep_category(
    event: item_categories_pb2.ItemCategoryCreated | item_categories_pb2.ItemCategoryUpdated, call: Call
) -> None:
    """Keep the newest version of a category."""
    category = event.item_category
    values = {
        "code": category.code,
        "name": category.name,
        "automatic": category.sourcing_policy == item_categories_pb2.ItemCategory.AUTOMATIC,
        "tax_rate": _decimal(category.tax_rate),
        "buyer_id": _id(category.buyer_id),
        "active": category.state == item_categories_pb2.ItemCategory.ACTIVE,
    }
    await call.copy(CategoryCopy, ids.parse(category.id), ids.version_of(category.etag), values)


async def keep_unit(event: units_pb2.UnitCreated | units_pb2.UnitUpdated, call: Call) -> None:
    """Keep the newest version of a unit."""
    unit = event.unit
    values = {
        "code": unit.code,
        "name": unit.name,
        "dimension": unit.dimension,
        "factor": _decimal(unit.factor),
        "decimals": unit.decimals,
        "active": unit.state == units_pb2.Unit.ACTIVE,
    }
    await call.copy(UnitCopy, ids.parse(unit.id), ids.version_of(unit.etag), values)


async def catalog(
    call: Call, item_ids: Iterable[uuid.UUID | None], category_ids: Iterable[uuid.UUID | None] = ()
) -> Catalog:
    """What the rules need to know of some items: three statements, whatever their number."""
    wanted = sorted({i for i in item_ids if i is not None})
    items = {row.id: _item(row) for row in await call.db.scalars(sa.select(ItemCopy).where(ItemCopy.id.in_(wanted)))}
    classes = {*category_ids, *(item.category_id for item in items.values())} - {None}
    categories = await call.db.scalars(sa.select(CategoryCopy).where(CategoryCopy.id.in_(classes)))
    units = await call.db.scalars(sa.select(UnitCopy))
    return Catalog(
        items,
        {row.id: Unit(row.id, row.dimension, row.factor or Decimal(1), row.decimals) for row in units},
        {row.id: Category(row.id, row.code, row.automatic, row.tax_rate, row.buyer_id) for row in categories},
    )


async def unit_names(call: Call) -> dict[uuid.UUID, str]:
    """Names of all units, for print."""
    return {row.id: row.name for row in await call.db.execute(sa.select(UnitCopy.id, UnitCopy.name))}


def _item(row: ItemCopy) -> Item:
    return Item(
        id=row.id,
        code=row.code,
        name=row.name,
        specification=row.specification,
        category_id=row.category_id,
        base_unit_id=row.base_unit_id,
        active=row.active,
        tax_rate=row.tax_rate,
        standard_price=row.standard_price,
        factors={uuid.UUID(unit): Decimal(factor) for unit, factor in row.factors.items()},
    )


def _id(text: str) -> uuid.UUID | None:
    return ids.parse(text) if text else None


def _decimal(text: str) -> Decimal | None:
    return Decimal(text) if text else None
