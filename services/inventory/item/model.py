"""Items: one row each for the whole group, with the units that it is counted in beside its base unit."""

from __future__ import annotations

import uuid
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Part, Searchable, decimal_of, lines_of, part_of
from heyi.inventory.v1 import items_pb2 as pb
from inventory.base import MASTER_DATA, Base


class Item(Searchable, Document, Base):
    __tablename__ = "item"
    __message__ = pb.Item
    __transitions__ = MASTER_DATA
    __search__ = ("code", "name", "specification", "brand", "barcode")
    __refusals__ = {"uq_item_barcode": "ITEM_BARCODE_TAKEN", "ix_item_identity_key_active": "ITEM_DUPLICATE"}

    state: Mapped[str] = mapped_column(default="ACTIVE", index=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(index=True)
    specification: Mapped[str] = mapped_column(default="")
    category_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("item_category.id"), index=True)
    base_unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"), index=True)
    kind: Mapped[str] = mapped_column(index=True)
    units: Mapped[list[ItemUnit]] = lines_of("ItemUnit")
    tax_rate: Mapped[Decimal | None] = decimal_of(5, 4)
    brand: Mapped[str] = mapped_column(default="")
    barcode: Mapped[str | None] = mapped_column(unique=True)
    description: Mapped[str] = mapped_column(default="")
    pinyin_initials: Mapped[str]
    standard_price: Mapped[Decimal | None] = decimal_of(18, 6)
    # what the item is compared by: see rules.describe
    identity_key: Mapped[str]
    pairs: Mapped[list[str]]


class ItemUnit(Part, Base):
    __tablename__ = "item_unit"
    __message__ = pb.ItemUnit
    # deferred: two lines may swap their units in one update
    __table_args__ = (
        UniqueConstraint("parent_id", "unit_id", deferrable=True, initially="DEFERRED"),
        CheckConstraint("factor > 0", name="factor_positive"),
    )

    parent_id: Mapped[uuid.UUID] = part_of("item")
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"), index=True)
    factor: Mapped[Decimal] = decimal_of(18, 9)


# One active item for one thing: the rule holds for two clerks at once only because the database knows it too.
Index("ix_item_identity_key_active", Item.identity_key, unique=True, postgresql_where=Item.state == "ACTIVE")
Index("ix_item_pairs", Item.pairs, postgresql_using="gin")
Item.__table__.append_constraint(CheckConstraint(Item.tax_rate.between(0, 1), name="tax_rate_0_to_1"))
