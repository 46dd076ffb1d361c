"""Forms: a draft that is edited, and the versions that were published from it. A version never changes."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from approval.base import Base
from approval.form_definition.rules import TRANSITIONS
from chassis.call import Call
from chassis.db import Document, Searchable
from chassis.ids import uuid7
from heyi.approval.v1 import form_definitions_pb2 as pb


class FormDefinition(Searchable, Document, Base):
    __tablename__ = "form_definition"
    __message__ = pb.FormDefinition
    __transitions__ = TRANSITIONS
    __search__ = ("code", "name", "name_en", "group_name")
    __refusals__ = {"uq_form_definition_company_id_code": "ALREADY_EXISTS"}

    company_id: Mapped[uuid.UUID]
    state: Mapped[str] = mapped_column(default="DRAFT")
    code: Mapped[str]
    name: Mapped[str]
    name_en: Mapped[str] = mapped_column(default="")
    group_name: Mapped[str] = mapped_column(default="")
    icon: Mapped[str | None]
    description: Mapped[str] = mapped_column(default="")
    fields: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    sections: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    department_ids: Mapped[list[uuid.UUID]] = mapped_column(default=list)
    role_codes: Mapped[list[str]] = mapped_column(default=list)
    amount_key: Mapped[str] = mapped_column(default="")
    summary_keys: Mapped[list[str]] = mapped_column(default=list)
    approver_keys: Mapped[list[str]] = mapped_column(default=list)
    number_prefix: Mapped[str]
    published_version: Mapped[int] = mapped_column(default=0)
    publish_time: Mapped[datetime.datetime | None]
    draft_differs: Mapped[bool] = mapped_column(default=True)
    # of every key that was ever published: what its values are
    published_kinds: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)

    @staticmethod
    def __present__(row: Any, message: Any, call: Call) -> None:
        """What is published is not deleted, and not published again as it is."""
        impossible = set()
        if row.published_version:
            impossible.add("delete")
        if row.state == "PUBLISHED" and not row.draft_differs:
            impossible.add("publish")
        allowed = [action for action in message.allowed_actions if action not in impossible]
        message.ClearField("allowed_actions")
        message.allowed_actions.extend(allowed)


FormDefinition.__table__.append_constraint(UniqueConstraint("company_id", "code"))


class FormVersion(Base):
    """What was published: a request stays on the version that it was sent with."""

    __tablename__ = "form_version"
    __table_args__ = (UniqueConstraint("form_definition_id", "number"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    form_definition_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("form_definition.id"))
    number: Mapped[int]
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    published_by_id: Mapped[uuid.UUID | None]
    publish_time: Mapped[datetime.datetime]
    note: Mapped[str] = mapped_column(default="")
