"""Who holds which role, looked through by the heads of departments (权限复核)."""

from __future__ import annotations

import datetime
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Searchable
from heyi.identity.v1 import access_reviews_pb2 as pb
from identity.access_review import rules
from identity.base import Base


class AccessReview(Searchable, Document, Base):
    __tablename__ = "access_review"
    __message__ = pb.AccessReview
    __transitions__ = rules.TRANSITIONS
    __search__ = ("title",)
    __refusals__ = {"uq_access_review_open": "ACCESS_REVIEW_EXISTS"}
    __table_args__ = (
        sa.Index(
            "uq_access_review_open",
            "company_id",
            "department_id",
            unique=True,
            postgresql_where=sa.text("state = 'OPEN'"),
            postgresql_nulls_not_distinct=True,
        ),
    )

    company_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("company.id"), index=True)
    state: Mapped[str] = mapped_column(default="OPEN", index=True)
    owner_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("employee.id"), index=True)
    # what is reviewed, not the owner's; with it who may see the review
    department_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("department.id"), index=True)
    title: Mapped[str] = mapped_column(index=True)
    due_date: Mapped[datetime.date] = mapped_column(index=True)
    line_count: Mapped[int] = mapped_column(default=0)
    open_count: Mapped[int] = mapped_column(default=0)
    finish_time: Mapped[datetime.datetime | None]
    close_reason: Mapped[str] = mapped_column(default="")
