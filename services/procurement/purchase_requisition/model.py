"""Purchase requisitions and their lines."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Part, Searchable, decimal_of, lines_of, part_of, utc
from heyi.procurement.v1 import purchase_requisitions_pb2 as pb
from procurement.base import Base
from procurement.purchase_requisition import rules


class PurchaseRequisition(Searchable, Document, Base):
    """What somebody wants bought."""

    __tablename__ = "purchase_requisition"
    __day__ = "submit_time"
    __message__ = pb.PurchaseRequisition
    __transitions__ = rules.TRANSITIONS
    __search__ = ("number", "title", "purpose")
    __hides__ = True
    __ends_draft__ = "submit"

    company_id: Mapped[uuid.UUID] = mapped_column(index=True)
    number: Mapped[str | None]
    state: Mapped[str] = mapped_column(default="DRAFT", index=True)
    owner_id: Mapped[uuid.UUID] = mapped_column(index=True)
    department_id: Mapped[uuid.UUID] = mapped_column(index=True)
    title: Mapped[str]
    purpose: Mapped[str] = mapped_column(default="")
    currency: Mapped[str]
    need_date: Mapped[datetime.date | None]
    delivery_place: Mapped[str] = mapped_column(default="")
    urgency: Mapped[str | None] = mapped_column(default="NORMAL")
    amount: Mapped[Decimal] = decimal_of(18, 2, default=0)
    net_amount: Mapped[Decimal] = decimal_of(18, 2, default=0)
    base_amount: Mapped[Decimal | None] = decimal_of(18, 2)
    base_currency: Mapped[str] = mapped_column(default="")
    exchange_rate: Mapped[Decimal | None] = decimal_of(18, 9)
    exchange_rate_date: Mapped[datetime.date | None]
    content_hash: Mapped[str] = mapped_column(default="")
    submission: Mapped[int] = mapped_column(default=0)
    submit_time: Mapped[datetime.datetime | None] = mapped_column(utc(), index=True)
    decide_time: Mapped[datetime.datetime | None] = mapped_column(utc())
    copied_from_id: Mapped[uuid.UUID | None]
    waiting_on_ids: Mapped[list[uuid.UUID]] = mapped_column(default=list)
    waiting_since_time: Mapped[datetime.datetime | None] = mapped_column(utc())
    case_id: Mapped[str] = mapped_column(default="")
    # version of the case that was seen last: events come in any order
    case_version: Mapped[int] = mapped_column(default=0)
    # the last changes of an approver that were asked for: they come more than once
    amendment_id: Mapped[str] = mapped_column(default="", server_default="")
    outcome_note: Mapped[str] = mapped_column(default="")
    ordered_percent: Mapped[Decimal] = decimal_of(5, 2, default=0)
    lines: Mapped[list[PurchaseRequisitionLine]] = lines_of("PurchaseRequisitionLine")

    __table_args__ = (
        sa.Index("uq_purchase_requisition_number", "company_id", "number", unique=True),
        sa.Index("ix_purchase_requisition_newest", "company_id", "created_at"),
    )


class PurchaseRequisitionLine(Part, Base):
    """One wanted thing, and where it stands."""

    __tablename__ = "purchase_requisition_line"
    __message__ = pb.PurchaseRequisitionLine

    parent_id: Mapped[uuid.UUID] = part_of("purchase_requisition")
    kind: Mapped[str]
    item_id: Mapped[uuid.UUID | None]
    description: Mapped[str] = mapped_column(default="")
    specification: Mapped[str] = mapped_column(default="")
    category_id: Mapped[uuid.UUID | None]
    unit_id: Mapped[uuid.UUID | None]
    unit_text: Mapped[str] = mapped_column(default="")
    quantity: Mapped[Decimal] = decimal_of(18, 6)
    unit_price: Mapped[Decimal | None] = decimal_of(18, 6)
    unit_price_with_tax: Mapped[Decimal | None] = decimal_of(18, 6)
    tax_rate: Mapped[Decimal | None] = decimal_of(5, 4)
    net_amount: Mapped[Decimal] = decimal_of(18, 2, default=0)
    tax_amount: Mapped[Decimal] = decimal_of(18, 2, default=0)
    amount: Mapped[Decimal] = decimal_of(18, 2, default=0)
    need_date: Mapped[datetime.date | None]
    supplier_id: Mapped[uuid.UUID | None]
    cost_department_id: Mapped[uuid.UUID | None]
    project_code: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default="OPEN")
    order_id: Mapped[uuid.UUID | None]
    order_number: Mapped[str] = mapped_column(default="")
    order_line_id: Mapped[uuid.UUID | None]
    last_unit_price: Mapped[Decimal | None] = decimal_of(18, 6)
    last_price_date: Mapped[datetime.date | None]
    last_supplier_id: Mapped[uuid.UUID | None]
    asked_quantity: Mapped[Decimal | None] = decimal_of(18, 6)
    cut_reason: Mapped[str] = mapped_column(default="", server_default="")
    cut_by_id: Mapped[uuid.UUID | None]
    refused: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
