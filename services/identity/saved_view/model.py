"""A view of a list under a name, kept by one person and shared with a company, a role or a department."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.call import Call
from chassis.db import Document, Searchable
from heyi.identity.v1 import saved_views_pb2 as pb
from identity.base import Base
from identity.saved_view import rules


class SavedView(Searchable, Document, Base):
    __tablename__ = "saved_view"
    __message__ = pb.SavedView
    __search__ = ("name",)
    __refusals__ = {"uq_saved_view_name": "SAVED_VIEW_EXISTS"}
    __table_args__ = (sa.UniqueConstraint("person_id", "document_type", "name", name="uq_saved_view_name"),)

    document_type: Mapped[str] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(index=True)
    query: Mapped[str] = mapped_column(default="")
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("employee.id"), index=True)
    sharing: Mapped[str] = mapped_column(default="PRIVATE", index=True)
    shared_company_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("company.id"), index=True)
    shared_role_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("role.id"), index=True)
    shared_department_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("department.id"), index=True)

    @staticmethod
    def __present__(row: Any, message: Any, call: Call) -> None:
        """`row` may be a bare row of the list."""
        if call.actor.employee_id is not None:
            message.allowed_actions.extend(rules.actions(row, call.actor.employee_id, shares=call.can(rules.SHARE)))
