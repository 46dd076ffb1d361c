"""Suppliers' terms for items."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Part, decimal_of, lines_of, part_of
from heyi.procurement.v1 import supplier_items_pb2 as pb
from procurement.base import Base
from procurement.supplier_item import rules


class SupplierItem(Document, Base):
    """One supplier's terms for one item; at most one set of terms is active for a company, and one for all."""

    __tablename__ = "supplier_item"
    __message__ = pb.SupplierItem
    __transitions__ = rules.TRANSITIONS
    __refusals__ = {"uq_supplier_item_active": "SUPPLIER_ITEM_TWICE"}
    __table_args__ = (
        sa.Index(
            "uq_supplier_item_active",
            "supplier_id",
            "item_id",
            "supplier_company_id",
            unique=True,
            postgresql_where=sa.text("state = 'ACTIVE'"),
            postgresql_nulls_not_distinct=True,
        ),
    )

    state: Mapped[str] = mapped_column(default="ACTIVE")
    supplier_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("supplier.id"), index=True)
    item_id: Mapped[uuid.UUID] = mapped_column(index=True)
    supplier_company_id: Mapped[uuid.UUID | None]
    supplier_item_code: Mapped[str] = mapped_column(default="")
    currency: Mapped[str]
    unit_id: Mapped[uuid.UUID]
    tax_rate: Mapped[Decimal | None] = decimal_of(5, 4)
    preferred: Mapped[bool] = mapped_column(default=False)
    lead_time_days: Mapped[int] = mapped_column(default=0)
    minimum_quantity: Mapped[Decimal | None] = decimal_of(18, 6)
    multiple_quantity: Mapped[Decimal | None] = decimal_of(18, 6)
    prices: Mapped[list[SupplierItemPrice]] = lines_of("SupplierItemPrice")


class SupplierItemPrice(Part, Base):
    """A price from a quantity on, within days."""

    __tablename__ = "supplier_item_price"
    __message__ = pb.SupplierItemPrice

    parent_id: Mapped[uuid.UUID] = part_of("supplier_item")
    from_quantity: Mapped[Decimal] = decimal_of(18, 6)
    unit_price: Mapped[Decimal] = decimal_of(18, 6)
    valid_from_date: Mapped[datetime.date]
    valid_until_date: Mapped[datetime.date | None]
