"""One notice on its way by one channel: unique by both, so nobody is told twice of one thing by one of them.

`trying` is set before anything is sent and taken away by whatever came of it. Where it is still set when the next
attempt begins, the process died in between: what was sent may have arrived, and that is counted as a doubt.
"""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from approval.base import Base, refers_to
from approval.notice_delivery.rules import TRANSITIONS
from chassis.call import Call
from chassis.db import Document, Searchable
from chassis.labels import load
from heyi.approval.v1 import notice_deliveries_pb2 as pb


class NoticeDelivery(Searchable, Document, Base):
    __tablename__ = "notice_delivery"
    __message__ = pb.NoticeDelivery
    __transitions__ = TRANSITIONS
    __search__ = ("document_number",)
    __table_args__ = (
        sa.UniqueConstraint(
            "notice_id", "channel", "robot_id", name="uq_notice_delivery_channel", postgresql_nulls_not_distinct=True
        ),
        sa.CheckConstraint("(channel = 'ROBOT') = (robot_id IS NOT NULL)", name="robot_of_robot"),
        sa.CheckConstraint("(state = 'SENT') = (send_time IS NOT NULL)", name="sent_at"),
    )

    company_id: Mapped[uuid.UUID]
    state: Mapped[str] = mapped_column(default="WAITING")
    notice_id: Mapped[uuid.UUID] = mapped_column(refers_to("notice.id"))
    employee_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    channel: Mapped[str]
    robot_id: Mapped[uuid.UUID | None] = mapped_column(refers_to("notice_robot.id"), index=True)
    document_type: Mapped[str]
    document_id: Mapped[uuid.UUID]
    document_number: Mapped[str] = mapped_column(default="")
    due_time: Mapped[datetime.datetime]
    attempt_count: Mapped[int] = mapped_column(default=0, server_default="0")
    doubt_count: Mapped[int] = mapped_column(default=0, server_default="0")
    # what the channel said, or a key of `messages` where it is ours
    answer: Mapped[str] = mapped_column(default="", server_default="")
    send_time: Mapped[datetime.datetime | None]
    untold_since_time: Mapped[datetime.datetime | None]
    message_id: Mapped[uuid.UUID] = mapped_column(index=True)
    trying: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    lease: Mapped[uuid.UUID | None]
    leased_until: Mapped[datetime.datetime | None]

    @staticmethod
    def __present__(row: Any, message: Any, call: Call) -> None:
        """Our own reasons in the reader's words."""
        if row.answer.startswith("notice."):
            message.answer = str(load(call.locale).find("messages", "approval", row.answer) or row.answer)


_WAITS = NoticeDelivery.state == "WAITING"
sa.Index("ix_notice_delivery_due", NoticeDelivery.channel, NoticeDelivery.due_time, postgresql_where=_WAITS)
sa.Index("ix_notice_delivery_list", NoticeDelivery.company_id, NoticeDelivery.created_at, NoticeDelivery.id)
sa.Index("ix_notice_delivery_person", NoticeDelivery.employee_id, NoticeDelivery.created_at, NoticeDelivery.id)
DOUBTED = NoticeDelivery.doubt_count > 0
sa.Index("ix_notice_delivery_doubted", NoticeDelivery.updated_at, postgresql_where=DOUBTED)
UNTOLD = sa.and_(NoticeDelivery.untold_since_time.is_not(None), NoticeDelivery.state.in_(["WAITING", "FAILED"]))
sa.Index("ix_notice_delivery_untold", NoticeDelivery.untold_since_time, postgresql_where=UNTOLD)
