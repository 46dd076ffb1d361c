"""A role given to an employee, in one company or all, with the rows it reaches."""

from __future__ import annotations

import datetime
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document
from heyi.identity.v1 import grants_pb2 as pb
from identity.base import Base
from identity.grant import rules


class Grant(Document, Base):
    # GRANT is a reserved word of SQL
    __tablename__ = "role_grant"
    __message__ = pb.Grant
    __transitions__ = rules.TRANSITIONS
    __refusals__ = {"uq_grant_reach": "GRANT_EXISTS"}
    __table_args__ = (
        sa.CheckConstraint("valid_until_date >= valid_from_date", name="dates_in_order"),
        sa.CheckConstraint("scope <> 'CHOSEN' OR cardinality(department_ids) > 0", name="chosen_departments"),
        sa.CheckConstraint("scope <> 'ALL' OR grant_company_id IS NULL", name="all_companies"),
        sa.Index(
            "uq_grant_reach",
            "employee_id",
            "role_id",
            "grant_company_id",
            "scope",
            "department_ids",
            unique=True,
            postgresql_where=sa.text("state = 'ACTIVE'"),
            postgresql_nulls_not_distinct=True,
        ),
    )

    state: Mapped[str] = mapped_column(default="ACTIVE", index=True)
    employee_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("employee.id"), index=True)
    role_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("role.id"), index=True)
    grant_company_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("company.id"), index=True)
    scope: Mapped[str] = mapped_column(index=True)
    department_ids: Mapped[list[uuid.UUID]] = mapped_column(default=list)
    valid_from_date: Mapped[datetime.date | None]
    valid_until_date: Mapped[datetime.date | None]
    revoke_reason: Mapped[str] = mapped_column(default="")
