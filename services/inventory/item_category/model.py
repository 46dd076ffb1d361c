"""Item categories: the group's tree of classes."""

from __future__ import annotations

import uuid
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Searchable, decimal_of
from heyi.inventory.v1 import item_categories_pb2 as pb
from inventory.base import MASTER_DATA, Base


class ItemCategory(Searchable, Document, Base):
    __tablename__ = "item_category"
    __message__ = pb.ItemCategory
    __transitions__ = MASTER_DATA
    __search__ = ("code", "name")

    state: Mapped[str] = mapped_column(default="ACTIVE", index=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(index=True)
    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("item_category.id"), index=True)
    sourcing_policy: Mapped[str] = mapped_column(index=True)
    tax_rate: Mapped[Decimal | None] = decimal_of(5, 4)
    # an employee of identity: kept as it was said, shown by name through identity
    buyer_id: Mapped[uuid.UUID | None]


ItemCategory.__table__.append_constraint(
    CheckConstraint(ItemCategory.parent_id != ItemCategory.id, name="not_below_itself")
)
ItemCategory.__table__.append_constraint(CheckConstraint(ItemCategory.tax_rate.between(0, 1), name="tax_rate_0_to_1"))
