"""Something that a person should know. The text is a message key with facts, rendered in the reader's language."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from sqlalchemy import Index, false
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from approval.base import Base, refers_to
from chassis.call import Call
from chassis.db import Document, Searchable
from heyi.approval.v1 import notices_pb2 as pb


class Notice(Searchable, Document, Base):
    __tablename__ = "notice"
    __message__ = pb.Notice
    __search__ = ("document_number",)

    company_id: Mapped[uuid.UUID]
    employee_id: Mapped[uuid.UUID]
    kind: Mapped[str] = mapped_column(server_default="PROGRESS")
    text_key: Mapped[str]
    text_facts: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    document_type: Mapped[str]
    document_id: Mapped[uuid.UUID] = mapped_column(index=True)
    document_number: Mapped[str] = mapped_column(default="")
    # none where it is about no case
    case_id: Mapped[uuid.UUID | None] = mapped_column(refers_to("approval_case.id"), index=True)
    read_time: Mapped[datetime.datetime | None]
    # by which channels it goes is decided, and stands in `notice_delivery`
    routed: Mapped[bool] = mapped_column(default=False, server_default=false())

    @staticmethod
    def __present__(row: Any, message: Any, call: Call) -> None:
        """A notice can be marked as read, once."""
        message.ClearField("allowed_actions")
        if row.read_time is None:
            message.allowed_actions.append("mark_read")


Index("ix_notice_unrouted", Notice.created_at, Notice.id, postgresql_where=Notice.routed.is_(False))
Index("ix_notice_mine", Notice.employee_id, Notice.created_at, Notice.id)
Index("ix_notice_unread", Notice.employee_id, postgresql_where=Notice.read_time.is_(None))
