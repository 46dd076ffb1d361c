"""One role of one person in an access review, as it was given when the review was opened."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.call import Call
from chassis.db import Document, Searchable
from heyi.identity.v1 import access_review_lines_pb2 as pb
from identity.access_review_line import rules
from identity.base import Base


class AccessReviewLine(Searchable, Document, Base):
    __tablename__ = "access_review_line"
    __message__ = pb.AccessReviewLine
    __transitions__ = rules.TRANSITIONS
    __search__ = ("employee_name", "role_name")
    __table_args__ = (
        sa.CheckConstraint("owner_id <> employee_id", name="not_own_rights"),
        sa.UniqueConstraint("access_review_id", "grant_id"),
        sa.Index(
            "ix_access_review_line_waiting",
            "owner_id",
            "access_review_id",
            postgresql_where=sa.text("state = 'OPEN'"),
        ),
    )

    company_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("company.id"), index=True)
    state: Mapped[str] = mapped_column(default="OPEN", index=True)
    # the reviewer
    owner_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("employee.id"), index=True)
    # the employee's
    department_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("department.id"), index=True)
    access_review_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("access_review.id"), index=True)
    employee_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("employee.id"), index=True)
    employee_name: Mapped[str] = mapped_column(index=True)
    role_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("role.id"), index=True)
    role_name: Mapped[str] = mapped_column(index=True)
    grant_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("role_grant.id"), index=True)
    grant_company_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("company.id"))
    scope: Mapped[str]
    department_ids: Mapped[list[uuid.UUID]] = mapped_column(default=list)
    since_time: Mapped[datetime.datetime] = mapped_column(index=True)
    valid_until_date: Mapped[datetime.date | None]
    granted_by_id: Mapped[uuid.UUID | None]
    findings: Mapped[str] = mapped_column(default="")
    answer_time: Mapped[datetime.datetime | None]
    answer_reason: Mapped[str] = mapped_column(default="")

    @staticmethod
    def __present__(row: Any, message: Any, call: Call) -> None:
        """The buttons of a line are for its reviewer."""
        if row.owner_id != call.actor.employee_id:
            message.ClearField("allowed_actions")
