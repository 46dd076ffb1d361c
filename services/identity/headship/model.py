"""Who heads a department, and who stands in for the head (代理负责人), from one day to another."""

from __future__ import annotations

import datetime
import uuid

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Searchable
from heyi.identity.v1 import headships_pb2 as pb
from identity import periods
from identity.base import Base


class Headship(Searchable, Document, Base):
    __tablename__ = "headship"
    __message__ = pb.Headship
    __transitions__ = periods.TRANSITIONS
    __search__ = ("reason",)
    __day__ = "until_date"
    __present__ = staticmethod(periods.offer)

    company_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("company.id"), index=True)
    state: Mapped[str] = mapped_column(default="PLANNED", index=True)
    department_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("department.id"), index=True)
    kind: Mapped[str] = mapped_column(index=True)
    employee_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("employee.id"), index=True)
    from_date: Mapped[datetime.date] = mapped_column(index=True)
    until_date: Mapped[datetime.date | None] = mapped_column(index=True)
    reason: Mapped[str] = mapped_column(default="")

    __table_args__ = (
        sa.CheckConstraint("until_date >= from_date", name="dates_in_order"),
        # checked at the commit: one that ends and one that begins are saved in any order
        pg.ExcludeConstraint(
            (sa.column("department_id"), "="),
            (sa.column("kind"), "="),
            (sa.func.daterange(sa.column("from_date"), sa.column("until_date"), "[]"), "&&"),
            name="ex_headship_alone",
            using="gist",
            where=sa.text("state <> 'CANCELLED'"),
            deferrable=True,
            initially="DEFERRED",
        ),
    )
