"""Comparisons of the books, what each rule came to, and the rows that broke one."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Part, Searchable, lines_of, part_of
from heyi.identity.v1 import consistency_runs_pb2 as pb
from identity.base import Base
from identity.consistency_run.rules import OPEN


class ConsistencyRun(Searchable, Document, Base):
    __tablename__ = "consistency_run"
    __message__ = pb.ConsistencyRun
    __search__ = ("number",)
    __refusals__ = {"uq_consistency_run_open": "CONSISTENCY_RUN_OPEN"}

    number: Mapped[str | None] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(index=True)
    origin: Mapped[str] = mapped_column(index=True)
    requester_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("employee.id"), index=True)
    start_time: Mapped[datetime.datetime | None] = mapped_column(index=True)
    finish_time: Mapped[datetime.datetime | None] = mapped_column(index=True)
    # open and still so at this instant: given up
    lease_until: Mapped[datetime.datetime]
    invariant_count: Mapped[int] = mapped_column(default=0)
    checked_count: Mapped[int] = mapped_column(default=0)
    row_count: Mapped[int] = mapped_column(default=0)
    finding_count: Mapped[int] = mapped_column(default=0)
    failure: Mapped[str | None]
    failure_detail: Mapped[str] = mapped_column(default="")

    results: Mapped[list[ConsistencyResult]] = lines_of("ConsistencyResult")
    findings: Mapped[list[ConsistencyFinding]] = lines_of("ConsistencyFinding")


# one waits or is under way, never two
sa.Index(
    "uq_consistency_run_open",
    ConsistencyRun.state.is_not(None),
    unique=True,
    postgresql_where=ConsistencyRun.state.in_(OPEN),
)


class ConsistencyResult(Part, Base):
    __tablename__ = "consistency_result"
    __message__ = pb.ConsistencyResult

    parent_id: Mapped[uuid.UUID] = part_of("consistency_run")
    invariant: Mapped[str]
    row_count: Mapped[int]
    finding_count: Mapped[int]


class ConsistencyFinding(Part, Base):
    __tablename__ = "consistency_finding"
    __message__ = pb.ConsistencyFinding

    parent_id: Mapped[uuid.UUID] = part_of("consistency_run")
    invariant: Mapped[str]
    service: Mapped[str]
    document_type: Mapped[str]
    document_id: Mapped[str]
    document_title: Mapped[str]
    document_company_id: Mapped[str]
    what_key: Mapped[str]
    what_facts: Mapped[dict[str, Any]]
    since_time: Mapped[datetime.datetime | None]
    cause_key: Mapped[str]
    cause_facts: Mapped[dict[str, Any]]
    first_run_number: Mapped[str]
    first_time: Mapped[datetime.datetime]
