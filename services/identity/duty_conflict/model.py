"""Two duties that nobody may hold together in one company (separation of duties, 不相容职务分离)."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Searchable
from heyi.identity.v1 import duty_conflicts_pb2 as pb
from identity.base import MASTER_DATA, Base


class DutyConflict(Searchable, Document, Base):
    __tablename__ = "duty_conflict"
    __message__ = pb.DutyConflict
    __transitions__ = MASTER_DATA
    __search__ = ("code", "name", "first_duty", "second_duty", "reason")

    state: Mapped[str] = mapped_column(default="ACTIVE", index=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str]
    severity: Mapped[str] = mapped_column(index=True)
    keeper_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("employee.id"), index=True)
    first_duty: Mapped[str]
    first_permissions: Mapped[list[str]] = mapped_column(default=list)
    first_role_ids: Mapped[list[uuid.UUID]] = mapped_column(default=list)
    second_duty: Mapped[str]
    second_permissions: Mapped[list[str]] = mapped_column(default=list)
    second_role_ids: Mapped[list[uuid.UUID]] = mapped_column(default=list)
    built_in: Mapped[bool] = mapped_column(default=False)
