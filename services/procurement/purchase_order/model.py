"""Purchase orders, their lines, the requisition lines behind them, their revisions, and what was paid last."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis import ids
from chassis.call import Call
from chassis.db import Document, Part, Searchable, decimal_of, lines_of, part_of, utc
from heyi.procurement.v1 import purchase_orders_pb2 as pb
from procurement.base import Base
from procurement.purchase_order import rules


class PurchaseOrder(Searchable, Document, Base):
    """What we ordered: one supplier, one currency, one delivery place."""

    __tablename__ = "purchase_order"
    __day__ = "order_date"
    __message__ = pb.PurchaseOrder
    __transitions__ = rules.TRANSITIONS
    __search__ = ("number", "supplier_name", "supplier_reference")
    __hides__ = True
    __ends_draft__ = "release"

    company_id: Mapped[uuid.UUID] = mapped_column(index=True)
    number: Mapped[str | None]
    state: Mapped[str] = mapped_column(default="DRAFT", index=True)
    owner_id: Mapped[uuid.UUID] = mapped_column(index=True)
    department_id: Mapped[uuid.UUID] = mapped_column(index=True)
    supplier_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("supplier.id"), index=True)
    supplier_name: Mapped[str] = mapped_column(default="")
    currency: Mapped[str]
    delivery_place: Mapped[str]
    order_date: Mapped[datetime.date | None]
    need_date: Mapped[datetime.date | None]
    promised_date: Mapped[datetime.date | None]
    # the first day on which something open is due; what is overdue is found by it
    due_date: Mapped[datetime.date | None]
    buyer_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    payment_terms: Mapped[str] = mapped_column(default="")
    payment_days: Mapped[int] = mapped_column(default=0)
    invoice_kind: Mapped[str | None]
    buyer_name: Mapped[str] = mapped_column(default="")
    buyer_credit_code: Mapped[str] = mapped_column(default="")
    contact_name: Mapped[str] = mapped_column(default="")
    contact_phone: Mapped[str] = mapped_column(default="")
    amount: Mapped[Decimal] = decimal_of(18, 2, default=0)
    net_amount: Mapped[Decimal] = decimal_of(18, 2, default=0)
    tax_amount: Mapped[Decimal] = decimal_of(18, 2, default=0)
    base_amount: Mapped[Decimal | None] = decimal_of(18, 2)
    base_currency: Mapped[str] = mapped_column(default="")
    exchange_rate: Mapped[Decimal | None] = decimal_of(18, 9)
    exchange_rate_date: Mapped[datetime.date | None]
    # from which a rise is counted: released or agreed to, or the lowest amount since; see rules.agreed_after
    agreed_amount: Mapped[Decimal] = decimal_of(18, 2, default=0, server_default="0")
    note: Mapped[str] = mapped_column(default="")
    revision: Mapped[int] = mapped_column(default=0)
    release_time: Mapped[datetime.datetime | None] = mapped_column(utc())
    released_by_id: Mapped[uuid.UUID | None]
    confirm_time: Mapped[datetime.datetime | None] = mapped_column(utc())
    supplier_reference: Mapped[str] = mapped_column(default="")
    close_reason: Mapped[str] = mapped_column(default="")
    content_hash: Mapped[str] = mapped_column(default="")
    submission: Mapped[int] = mapped_column(default=0)
    pending_change: Mapped[dict[str, Any] | None] = mapped_column()
    # the last changes of an approver that were asked for: they come more than once
    amendment_id: Mapped[str] = mapped_column(default="", server_default="")
    # where the order returns to when its change is dropped
    state_before_change: Mapped[str] = mapped_column(default="")
    lines: Mapped[list[PurchaseOrderLine]] = lines_of("PurchaseOrderLine")

    __table_args__ = (
        sa.Index("uq_purchase_order_number", "company_id", "number", unique=True),
        sa.Index("ix_purchase_order_newest", "company_id", "created_at"),
        sa.Index("ix_purchase_order_due", "company_id", "due_date"),
    )

    @staticmethod
    def __present__(row: Any, message: pb.PurchaseOrder, call: Call) -> None:
        message.overdue = rules.overdue(row.state, row.due_date, call.today())


class PurchaseOrderLine(Part, Base):
    """One ordered thing."""

    __tablename__ = "purchase_order_line"
    __message__ = pb.PurchaseOrderLine

    parent_id: Mapped[uuid.UUID] = part_of("purchase_order")
    item_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    description: Mapped[str] = mapped_column(default="")
    specification: Mapped[str] = mapped_column(default="")
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
    promised_date: Mapped[datetime.date | None]
    cost_department_id: Mapped[uuid.UUID | None]
    project_code: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    price_source: Mapped[str | None]
    cancelled: Mapped[bool] = mapped_column(default=False)
    sources: Mapped[list[PurchaseOrderLineSource]] = lines_of("PurchaseOrderLineSource")

    def __init__(self, **values: Any) -> None:
        # a line that a buyer types has no requisition behind it
        super().__init__(**{"sources": [], "cancelled": False, **values})


class PurchaseOrderLineSource(Part, Base):
    """The requisition line behind an order line. The index is the guarantee that nothing is ordered twice."""

    __tablename__ = "purchase_order_line_source"
    __message__ = pb.PurchaseOrderLineSource
    __table_args__ = (
        sa.Index(
            "uq_purchase_order_line_source_active",
            "requisition_line_id",
            unique=True,
            postgresql_where=sa.text("active"),
        ),
    )

    parent_id: Mapped[uuid.UUID] = part_of("purchase_order_line")
    # false once the order or the line was cancelled
    active: Mapped[bool] = mapped_column(default=True)
    requisition_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("purchase_requisition.id"), index=True)
    requisition_number: Mapped[str]
    requisition_line_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("purchase_requisition_line.id"))
    requisition_line_number: Mapped[int]
    requester_id: Mapped[uuid.UUID]
    quantity: Mapped[Decimal] = decimal_of(18, 6)


class PurchaseOrderRevision(Base):
    """The order as it stood after its release (revision 0) and after each change. Never changes."""

    __tablename__ = "purchase_order_revision"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=ids.uuid7)
    order_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("purchase_order.id"))
    revision: Mapped[int]
    created_at: Mapped[datetime.datetime]
    changed_by_id: Mapped[uuid.UUID | None]
    reason: Mapped[str]
    amount: Mapped[Decimal] = decimal_of(18, 2)
    snapshot: Mapped[dict[str, Any]]

    __table_args__ = (sa.UniqueConstraint("order_id", "revision"),)


class ItemLastPrice(Base):
    """What a company paid last for an item, by currency; written when an order is released."""

    __tablename__ = "item_last_price"

    company_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    item_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[uuid.UUID] = mapped_column(index=True)
    supplier_id: Mapped[uuid.UUID]
    unit_id: Mapped[uuid.UUID | None]
    unit_price: Mapped[Decimal] = decimal_of(18, 6)
    order_date: Mapped[datetime.date]
