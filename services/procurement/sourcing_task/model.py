"""The buyer's pool."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Searchable, decimal_of
from heyi.procurement.v1 import sourcing_tasks_pb2 as pb
from procurement.base import Base
from procurement.sourcing_task import rules


class SourcingTask(Searchable, Document, Base):
    """One agreed requisition line that waits for a buyer; there is at most one for a line."""

    __tablename__ = "sourcing_task"
    __message__ = pb.SourcingTask
    __transitions__ = rules.TRANSITIONS
    __search__ = ("requisition_number", "description", "specification")

    company_id: Mapped[uuid.UUID] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(default="OPEN")
    owner_id: Mapped[uuid.UUID] = mapped_column(index=True)
    department_id: Mapped[uuid.UUID] = mapped_column(index=True)
    requisition_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("purchase_requisition.id"), index=True)
    requisition_number: Mapped[str]
    requisition_line_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("purchase_requisition_line.id"), unique=True)
    requisition_line_number: Mapped[int]
    requester_id: Mapped[uuid.UUID]
    reason: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    specification: Mapped[str] = mapped_column(default="")
    item_id: Mapped[uuid.UUID | None]
    category_id: Mapped[uuid.UUID | None]
    unit_id: Mapped[uuid.UUID | None]
    unit_text: Mapped[str] = mapped_column(default="")
    quantity: Mapped[Decimal] = decimal_of(18, 6)
    unit_price: Mapped[Decimal | None] = decimal_of(18, 6)
    tax_rate: Mapped[Decimal | None] = decimal_of(5, 4)
    currency: Mapped[str]
    delivery_place: Mapped[str]
    need_date: Mapped[datetime.date | None]
    supplier_id: Mapped[uuid.UUID | None]
    buyer_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    order_id: Mapped[uuid.UUID | None]
    order_number: Mapped[str] = mapped_column(default="")
    drop_reason: Mapped[str] = mapped_column(default="")
    suggested_supplier_id: Mapped[uuid.UUID | None]
    suggested_unit_price: Mapped[Decimal | None] = decimal_of(18, 6)

    __table_args__ = (sa.Index("ix_sourcing_task_pool", "company_id", "state", "need_date", "created_at"),)
