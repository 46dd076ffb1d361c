"""Units of measure: the group's, so that every company counts alike."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Searchable, decimal_of
from heyi.inventory.v1 import units_pb2 as pb
from inventory.base import MASTER_DATA, Base


class Unit(Searchable, Document, Base):
    __tablename__ = "unit"
    __message__ = pb.Unit
    __transitions__ = MASTER_DATA
    __search__ = ("code", "name")

    state: Mapped[str] = mapped_column(default="ACTIVE", index=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    dimension: Mapped[str] = mapped_column(default="")
    factor: Mapped[Decimal] = decimal_of(18, 9)
    decimals: Mapped[int] = mapped_column(default=0)


Index(None, Unit.name)
Index(None, Unit.dimension)
Unit.__table__.append_constraint(CheckConstraint(Unit.factor > 0, name="factor_positive"))
Unit.__table__.append_constraint(CheckConstraint(Unit.decimals.between(0, 6), name="decimals_0_to_6"))
