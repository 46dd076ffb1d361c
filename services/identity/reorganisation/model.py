"""A change of the organisation prepared ahead (组织调整), its lines, and what was found of it."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Part, Searchable, lines_of, part_of
from heyi.identity.v1 import reorganisations_pb2 as pb
from identity.base import Base
from identity.reorganisation import rules


class Reorganisation(Searchable, Document, Base):
    __tablename__ = "reorganisation"
    __message__ = pb.Reorganisation
    __transitions__ = rules.TRANSITIONS
    __search__ = ("title", "reason")
    __ends_draft__ = "schedule"

    company_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("company.id"), index=True)
    state: Mapped[str] = mapped_column(default="DRAFT", index=True)
    title: Mapped[str] = mapped_column(index=True)
    effective_date: Mapped[datetime.date] = mapped_column(index=True)
    reason: Mapped[str] = mapped_column(default="")
    effect_time: Mapped[datetime.datetime | None]
    # with whose authority it takes effect
    scheduled_by_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("employee.id"), index=True)
    lines: Mapped[list[ReorganisationLine]] = lines_of("ReorganisationLine")
    findings: Mapped[list[ReorganisationFinding]] = lines_of("ReorganisationFinding")


class ReorganisationLine(Part, Base):
    __tablename__ = "reorganisation_line"
    __message__ = pb.ReorganisationLine

    reorganisation_id: Mapped[uuid.UUID] = part_of("reorganisation")
    kind: Mapped[str]
    department_id: Mapped[uuid.UUID | None]
    department_code: Mapped[str] = mapped_column(default="")
    name: Mapped[str] = mapped_column(default="")
    parent_id: Mapped[uuid.UUID | None]
    parent_code: Mapped[str] = mapped_column(default="")
    employee_id: Mapped[uuid.UUID | None]
    post_id: Mapped[uuid.UUID | None]
    reports_to_id: Mapped[uuid.UUID | None]


class ReorganisationFinding(Part, Base):
    __tablename__ = "reorganisation_finding"
    __message__ = pb.ReorganisationFinding

    reorganisation_id: Mapped[uuid.UUID] = part_of("reorganisation")
    blocking: Mapped[bool]
    about_line: Mapped[int]
    what_key: Mapped[str]
    what_facts: Mapped[dict[str, Any]]
