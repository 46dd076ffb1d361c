"""A legal entity of the group."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Searchable
from heyi.identity.v1 import companies_pb2 as pb
from identity.base import MASTER_DATA, Base


class Company(Searchable, Document, Base):
    __tablename__ = "company"
    __message__ = pb.Company
    __transitions__ = MASTER_DATA
    __search__ = ("code", "name", "short_name", "credit_code")

    state: Mapped[str] = mapped_column(default="ACTIVE", index=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(index=True)
    short_name: Mapped[str] = mapped_column(default="")
    credit_code: Mapped[str] = mapped_column(unique=True)
    base_currency: Mapped[str]
    time_zone: Mapped[str]
    address: Mapped[str] = mapped_column(default="")
    phone: Mapped[str] = mapped_column(default="")
    bank_name: Mapped[str] = mapped_column(default="")
    bank_account: Mapped[str] = mapped_column(default="")
    working_hours: Mapped[str] = mapped_column(default="", server_default="")
