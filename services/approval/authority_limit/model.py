"""The authority table: up to which amount a post, or a rule that decides by itself, may agree, for one type of
document or for all.
"""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal

from sqlalchemy import CheckConstraint, UniqueConstraint, false
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
        CheckConstraint("automatic = (post_id IS NULL)", name="post_or_automatic"),
    )

    company_id: Mapped[uuid.UUID]
    state: Mapped[str] = mapped_column(default="ACTIVE")
    post_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    # for rules of flows that decide by themselves, instead of a post
    automatic: Mapped[bool] = mapped_column(default=False, server_default=false())
    document_type: Mapped[str] = mapped_column(default="")
    limit_amount: Mapped[Decimal] = decimal_of(18, 2)
    currency: Mapped[str]
    valid_from_date: Mapped[datetime.date | None]
