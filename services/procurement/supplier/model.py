"""Suppliers and where they want to be paid."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis import ids
from chassis.crypto import Encrypted
from chassis.db import Document, Part, Searchable, decimal_of, lines_of, part_of
from heyi.procurement.v1 import suppliers_pb2 as pb
from procurement.base import Base
from procurement.supplier import rules


class Supplier(Searchable, Document, Base):
    """A company that we buy from, or may; of the group, not of one company."""

    __tablename__ = "supplier"
    __message__ = pb.Supplier
    __transitions__ = rules.TRANSITIONS
    __search__ = ("code", "name", "short_name", "credit_code", "contact_name", "phone")
    __refusals__ = {"uq_supplier_credit_code": "SUPPLIER_DUPLICATE", "uq_supplier_name_key": "SUPPLIER_DUPLICATE"}

    code: Mapped[str | None] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(default="CANDIDATE", index=True)
    name: Mapped[str]
    # what the name is compared by: exactly, and without the legal form
    name_key: Mapped[str] = mapped_column(unique=True)
    name_core: Mapped[str] = mapped_column(index=True)
    short_name: Mapped[str] = mapped_column(default="")
    credit_code: Mapped[str] = mapped_column(unique=True)
    contact_name: Mapped[str] = mapped_column(default="")
    phone: Mapped[str] = mapped_column(default="")
    phone_key: Mapped[str] = mapped_column(default="", index=True)
    email: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")
    currency: Mapped[str]
    payment_days: Mapped[int] = mapped_column(default=0)
    invoice_kind: Mapped[str | None]
    tax_rate: Mapped[Decimal | None] = decimal_of(5, 4)
    lead_time_days: Mapped[int] = mapped_column(default=0)
    buyer_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    note: Mapped[str] = mapped_column(default="")
    hold_reason: Mapped[str] = mapped_column(default="")
    bank_accounts: Mapped[list[SupplierBankAccount]] = lines_of("SupplierBankAccount")


class SupplierBankAccount(Part, Base):
    """A bank account; its number is ciphertext in the table."""

    __tablename__ = "supplier_bank_account"
    __message__ = pb.SupplierBankAccount

    parent_id: Mapped[uuid.UUID] = part_of("supplier")
    bank_name: Mapped[str]
    account_name: Mapped[str]
    account_number: Mapped[str] = mapped_column(Encrypted("supplier_bank_account", "account_number"))
    preferred: Mapped[bool] = mapped_column(sa.Boolean, default=False)


class SupplierBankAccountLook(Base):
    """Who looked at a supplier's account numbers in clear, when and what for. Never changes."""

    __tablename__ = "supplier_bank_account_look"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=ids.uuid7)
    supplier_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("supplier.id"), index=True)
    employee_id: Mapped[uuid.UUID | None]
    at: Mapped[datetime.datetime]
    purpose: Mapped[str]
