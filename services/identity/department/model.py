"""A unit of a company's organisation tree, with the employee who heads it, and what it was from day to day."""

from __future__ import annotations

import datetime
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Part, Searchable, lines_of, part_of
from heyi.identity.v1 import departments_pb2 as pb
from identity.base import MASTER_DATA, Base


class Department(Searchable, Document, Base):
    __tablename__ = "department"
    __message__ = pb.Department
    __transitions__ = MASTER_DATA
    __search__ = ("code", "name")
    __table_args__ = (
        sa.UniqueConstraint("company_id", "code"),
        sa.CheckConstraint("parent_id <> id", name="parent_is_another"),
    )

    company_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("company.id"), index=True)
    state: Mapped[str] = mapped_column(default="ACTIVE", index=True)
    code: Mapped[str]
    name: Mapped[str] = mapped_column(index=True)
    parent_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("department.id"), index=True)
    # who heads it today: follows from the headships
    head_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("employee.id", use_alter=True), index=True)
    sort_order: Mapped[int] = mapped_column(default=0)
    periods: Mapped[list[DepartmentPeriod]] = lines_of("DepartmentPeriod")


class DepartmentPeriod(Part, Base):
    __tablename__ = "department_period"
    __message__ = pb.DepartmentPeriod

    # `parent_id` is the department above
    department_id: Mapped[uuid.UUID] = part_of("department")
    from_date: Mapped[datetime.date]
    until_date: Mapped[datetime.date | None]
    name: Mapped[str]
    parent_id: Mapped[uuid.UUID | None]
    state: Mapped[str]
