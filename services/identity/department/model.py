"""A unit of a company's organisation tree, with the employee who heads it."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Searchable
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
    head_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("employee.id", use_alter=True), index=True)
    sort_order: Mapped[int] = mapped_column(default=0)
