"""Turns of one person that another decides for a while (委托代理)."""

from __future__ import annotations

import datetime
import decimal
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Searchable, decimal_of
from heyi.identity.v1 import delegations_pb2 as pb
from identity.base import Base
from identity.delegation import rules


class Delegation(Searchable, Document, Base):
    __tablename__ = "delegation"
    __message__ = pb.Delegation
    __transitions__ = rules.TRANSITIONS
    __search__ = ("reason",)
    __table_args__ = (
        sa.CheckConstraint("delegate_id <> delegator_id", name="to_another"),
        sa.CheckConstraint("until_date >= from_date", name="dates_in_order"),
    )

    company_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("company.id"), index=True)
    state: Mapped[str] = mapped_column(default="PLANNED", index=True)
    # the delegator: whose document it is, and with it who may keep it
    owner_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("employee.id"), index=True)
    department_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("department.id"), index=True)
    delegator_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("employee.id"), index=True)
    delegate_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("employee.id"), index=True)
    from_date: Mapped[datetime.date] = mapped_column(index=True)
    until_date: Mapped[datetime.date] = mapped_column(index=True)
    document_types: Mapped[list[str]] = mapped_column(default=list)
    limit_amount: Mapped[decimal.Decimal | None] = decimal_of(18, 2)
    currency: Mapped[str] = mapped_column(default="")
    reason: Mapped[str]
    end_reason: Mapped[str] = mapped_column(default="")


LIVE = Delegation.state.in_(rules.LIVE)
