"""A day that is not what its weekday says, for one company or for the whole group."""

from __future__ import annotations

import datetime
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Searchable
from heyi.identity.v1 import calendar_days_pb2 as pb
from identity.base import MASTER_DATA, Base


class CalendarDay(Searchable, Document, Base):
    __tablename__ = "calendar_day"
    __message__ = pb.CalendarDay
    __transitions__ = MASTER_DATA
    __search__ = ("name",)
    __refusals__ = {"uq_calendar_day_place": "CALENDAR_DAY_EXISTS"}
    __table_args__ = (
        sa.Index(
            "uq_calendar_day_place",
            "calendar_date",
            "calendar_company_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
    )

    state: Mapped[str] = mapped_column(default="ACTIVE", index=True)
    calendar_date: Mapped[datetime.date]
    kind: Mapped[str] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(index=True)
    calendar_company_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("company.id"), index=True)
