"""Read copies of the item master and of approval flows, kept by events; an older version never replaces a newer."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from google.protobuf import json_format
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.orm import Mapped, mapped_column

from chassis import ids
from chassis.bundled import Rows
from chassis.call import Call
from chassis.db import decimal_of
from heyi.approval.v1 import flow_definitions_pb2
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


class FlowCopy(Base):
    """A published approval flow, as far as submitting needs it: whether the requester chooses who is asked."""

    __tablename__ = "flow_copy"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    company_id: Mapped[uuid.UUID]
    document_type: Mapped[str]
    choosing: Mapped[bool]


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


async def keep_flow(
    event: flow_definitions_pb2.FlowDefinitionPublished | flow_definitions_pb2.FlowDefinitionRetired, call: Call
) -> None:
    """Keep whether a flow, as it was published, leaves something for the requester to choose."""
    flow = event.flow_definition
    published = flow.state == flow_definitions_pb2.FlowDefinition.PUBLISHED
    values = {
        "company_id": ids.parse(flow.company_id),
        "document_type": flow.document_type,
        "choosing": published and _holds(json_format.MessageToDict(flow.tree), "kind", "initiator_choice"),
    }
    await call.copy(FlowCopy, ids.parse(flow.id), ids.version_of(flow.etag), values)


def _holds(tree: Any, key: str, value: str) -> bool:
    """Whether an object anywhere in JSON has a key with a value."""
    if isinstance(tree, dict):
        return tree.get(key) == value or any(_holds(member, key, value) for member in tree.values())
    return isinstance(tree, list) and any(_holds(member, key, value) for member in tree)


async def requester_chooses(call: Call, document_type: str) -> bool:
    """Whether a flow for documents of a type in the call's company may leave it to the requester who is asked."""
    choosing = sa.and_(
        FlowCopy.company_id == call.company_id, FlowCopy.document_type == document_type, FlowCopy.choosing
    )
    return (await call.db.execute(sa.select(FlowCopy.id).where(choosing).limit(1))).first() is not None


def among(column: Any, name: str) -> Any:
    """Whether a column's id is one of those that a statement is given under a name."""
    return column == sa.any_(sa.bindparam(name, type_=pg.ARRAY(sa.Uuid())))


ITEMS = Rows(
    ItemCopy.id,
    ItemCopy.code,
    ItemCopy.name,
    ItemCopy.specification,
    ItemCopy.category_id,
    ItemCopy.base_unit_id,
    ItemCopy.active,
    ItemCopy.tax_rate,
    ItemCopy.standard_price,
    ItemCopy.factors,
    where=[among(ItemCopy.id, "items")],
)
UNITS = Rows(UnitCopy.id, UnitCopy.dimension, UnitCopy.factor, UnitCopy.decimals)
_OF_ITEMS = sa.select(ItemCopy.category_id).where(among(ItemCopy.id, "items"))
CATEGORIES = Rows(
    CategoryCopy.id,
    CategoryCopy.code,
    CategoryCopy.automatic,
    CategoryCopy.tax_rate,
    CategoryCopy.buyer_id,
    where=[sa.or_(among(CategoryCopy.id, "categories"), CategoryCopy.id.in_(_OF_ITEMS))],
)
# the columns of a statement that asks for the item master; `catalog_of` reads them
CATALOG = (ITEMS.value, UNITS.value, CATEGORIES.value)


def known(wanted: Iterable[uuid.UUID | None]) -> list[uuid.UUID]:
    """Ids, each once."""
    return sorted({one for one in wanted if one is not None})


def wanted(
    items: Iterable[uuid.UUID | None], categories: Iterable[uuid.UUID | None] = ()
) -> dict[str, Sequence[uuid.UUID]]:
    """What a statement with CATALOG is given."""
    return {"items": known(items), "categories": known(categories)}


def catalog_of(items: Any, units: Any, categories: Any) -> Catalog:
    """The item master out of an answer."""
    return Catalog(
        {row[0]: Item(*row[:-1], _factors(row[-1])) for row in ITEMS.read(items)},
        {
            key: Unit(key, dimension, factor or Decimal(1), places)
            for key, dimension, factor, places in UNITS.read(units)
        },
        {row[0]: Category(*row) for row in CATEGORIES.read(categories)},
    )


async def catalog(call: Call, items: Iterable[uuid.UUID | None]) -> Catalog:
    """What the rules need to know of some items: one statement, whatever their number."""
    return catalog_of(*(await call.db.execute(_CATALOG, wanted(items))).one())


_CATALOG = sa.select(*CATALOG)


async def unit_names(call: Call) -> dict[uuid.UUID, str]:
    """Names of all units, for print."""
    return {row.id: row.name for row in await call.db.execute(sa.select(UnitCopy.id, UnitCopy.name))}


def _factors(stored: Mapping[str, str]) -> dict[uuid.UUID, Decimal]:
    return {uuid.UUID(unit): Decimal(factor) for unit, factor in stored.items()}


def _id(text: str) -> uuid.UUID | None:
    return ids.parse(text) if text else None


def _decimal(text: str) -> Decimal | None:
    return Decimal(text) if text else None
