"""Somebody leaves (离职交接), and the certificate of what was handed over."""

from __future__ import annotations

import datetime
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Part, Searchable, lines_of, part_of
from heyi.identity.v1 import departures_pb2 as pb
from identity.base import Base
from identity.departure import rules


class Departure(Searchable, Document, Base):
    __tablename__ = "departure"
    __message__ = pb.Departure
    __transitions__ = rules.TRANSITIONS
    __search__ = ("reason",)
    __refusals__ = {"uq_departure_open": "DEPARTURE_EXISTS"}
    __table_args__ = (sa.CheckConstraint("successor_id <> employee_id", name="another_takes_over"),)

    company_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("company.id"), index=True)
    state: Mapped[str] = mapped_column(default="PREPARED", index=True)
    employee_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("employee.id"), index=True)
    successor_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("employee.id"), index=True)
    last_day_date: Mapped[datetime.date] = mapped_column(index=True)
    reason: Mapped[str]
    run_time: Mapped[datetime.datetime | None]
    finish_time: Mapped[datetime.datetime | None]
    blocked_by: Mapped[str | None]
    steps: Mapped[list[DepartureStep]] = lines_of("DepartureStep")


sa.Index("uq_departure_open", Departure.employee_id, unique=True, postgresql_where=Departure.state.in_(rules.OPEN))


class DepartureStep(Part, Base):
    __tablename__ = "departure_step"
    __message__ = pb.DepartureStep

    parent_id: Mapped[uuid.UUID] = part_of("departure")
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default="WAITING")
    count: Mapped[int] = mapped_column(default=0)
    what: Mapped[str] = mapped_column(default="")
    evidence: Mapped[str] = mapped_column(default="")
    done_time: Mapped[datetime.datetime | None]
