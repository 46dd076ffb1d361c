"""The authority table: up to which amount a post may agree, for one type of document or for all."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from approval.authority_limit.rules import TRANSITIONS
from approval.base import Base
from chassis.db import Document, decimal_of
from heyi.approval.v1 import authority_limits_pb2 as pb


class AuthorityLimit(Document, Base):
    __tablename__ = "authority_limit"
    __message__ = pb.AuthorityLimit
    __transitions__ = TRANSITIONS
    __refusals__ = {"uq_authority_limit_place": "AUTHORITY_LIMIT_TWICE"}
    __table_args__ = (
        UniqueConstraint(
            "company_id",
            "post_id",
            "document_type",
            "currency",
            "valid_from_date",
            name="uq_authority_limit_place",
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("limit_amount >= 0", name="limit_not_negative"),
    )

    company_id: Mapped[uuid.UUID]
    state: Mapped[str] = mapped_column(default="ACTIVE")
    post_id: Mapped[uuid.UUID] = mapped_column(index=True)
    document_type: Mapped[str] = mapped_column(default="")
    limit_amount: Mapped[Decimal] = decimal_of(18, 2)
    currency: Mapped[str]
    valid_from_date: Mapped[datetime.date | None]
