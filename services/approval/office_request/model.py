"""Requests: forms that somebody filled in."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from approval.base import Base
from approval.form_definition.model import FormVersion
from approval.form_definition.rules import version_of
from approval.office_request.rules import OWNERS_ALONE, TRANSITIONS
from chassis.call import Call
from chassis.db import Document, Searchable, decimal_of, utc
from heyi.approval.v1 import office_requests_pb2 as pb


async def _fields(call: Call) -> list[Any]:
    """The fields of every version of every form."""
    versions = await call.db.scalars(select(FormVersion.content))
    return [field for content in versions for field in version_of(content).fields]


class OfficeRequest(Searchable, Document, Base):
    __tablename__ = "office_request"
    __message__ = pb.OfficeRequest
    __transitions__ = TRANSITIONS
    __day__ = "submit_time"
    __search__ = ("number", "title")
    __hides__ = True
    __held__ = {"values": _fields}

    company_id: Mapped[uuid.UUID] = mapped_column(index=True)
    number: Mapped[str | None]
    state: Mapped[str] = mapped_column(default="DRAFT")
    owner_id: Mapped[uuid.UUID] = mapped_column(index=True)
    department_id: Mapped[uuid.UUID] = mapped_column(index=True)
    form_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("form_definition.id"))
    form_version: Mapped[int] = mapped_column(default=0)
    form_code: Mapped[str] = mapped_column(default="")
    form_name: Mapped[str] = mapped_column(default="")
    title: Mapped[str] = mapped_column(default="")
    values: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    amount: Mapped[Decimal] = decimal_of(18, 2, default=0)
    currency: Mapped[str] = mapped_column(default="")
    content_hash: Mapped[str] = mapped_column(default="")
    submission: Mapped[int] = mapped_column(default=0)
    submit_time: Mapped[datetime.datetime | None] = mapped_column(utc(), index=True)
    decide_time: Mapped[datetime.datetime | None] = mapped_column(utc())
    waiting_on_ids: Mapped[list[uuid.UUID]] = mapped_column(default=list)
    waiting_since_time: Mapped[datetime.datetime | None] = mapped_column(utc())
    case_id: Mapped[str] = mapped_column(default="")
    # version of the case that was seen last: events come in any order
    case_version: Mapped[int] = mapped_column(default=0)
    # the last changes of an approver that were asked for: they come more than once
    amendment_id: Mapped[str] = mapped_column(default="")
    outcome_note: Mapped[str] = mapped_column(default="")
    copied_from_id: Mapped[uuid.UUID | None]

    __table_args__ = (
        Index("uq_office_request_number", "company_id", "number", unique=True),
        Index("ix_office_request_newest", "company_id", "created_at"),
        Index("ix_office_request_form", "form_id", "created_at"),
        # what a term asks to be equal
        Index(
            "ix_office_request_values", "values", postgresql_using="gin", postgresql_ops={"values": "jsonb_path_ops"}
        ),
    )

    @staticmethod
    def __present__(row: Any, message: Any, call: Call) -> None:
        """The owner's actions are the owner's alone, whatever somebody may do with requests of a department; what
        others saw is not deleted.
        """
        impossible = OWNERS_ALONE if row.owner_id != call.actor.employee_id else frozenset()
        impossible |= {"delete"} if row.submission else set()
        allowed = [action for action in message.allowed_actions if action not in impossible]
        message.ClearField("allowed_actions")
        message.allowed_actions.extend(allowed)
        if not row.amount:
            # most forms have none
            message.ClearField("amount")
