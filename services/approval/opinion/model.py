"""What somebody said or decided about a case. Never changes; a turn has one decision by one person."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from approval.base import Base, refers_to
from chassis.call import Call
from chassis.db import Document, Searchable
from heyi.approval.v1 import opinions_pb2 as pb

DECISIONS = ("APPROVE", "REJECT", "RETURN", "HANDLE")


class Opinion(Searchable, Document, Base):
    __tablename__ = "opinion"
    __message__ = pb.Opinion
    __search__ = ("text",)

    company_id: Mapped[uuid.UUID]
    case_id: Mapped[uuid.UUID] = mapped_column(refers_to("approval_case.id"), index=True)
    task_id: Mapped[uuid.UUID | None] = mapped_column(refers_to("task.id"))
    # nobody: the flow itself passed a node over, or refused
    author_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    # whose turn it was, where the author is their delegate
    on_behalf_of_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    # whoever asked; here so that the database too knows that nobody decides on an own request
    requester_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    text: Mapped[str] = mapped_column(default="")
    node_name: Mapped[str] = mapped_column(default="")
    employee_ids: Mapped[list[uuid.UUID]] = mapped_column(default=list)
    content_hash: Mapped[str] = mapped_column(default="")
    # why the flow itself acted: a message key, with facts
    reason: Mapped[str] = mapped_column(default="", server_default="")
    reason_facts: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    target_name: Mapped[str] = mapped_column(default="")
    straight_back: Mapped[bool] = mapped_column(default=False)
    handled: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    changes: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    # paths that the author did not see: `content_hash` is about the others
    hidden: Mapped[list[str]] = mapped_column(default=list, server_default="{}")

    @staticmethod
    def __present__(row: Any, message: Any, call: Call) -> None:
        """Nothing can be done with an opinion."""
        message.ClearField("allowed_actions")
        # with the case alone, which knows what the caller may see of them
        message.ClearField("changes")


_DECISION = Opinion.kind.in_(DECISIONS)
# one for a turn, whoever of the person and the delegate gives it
Index("uq_opinion_decision", Opinion.task_id, unique=True, postgresql_where=_DECISION)
Opinion.__table__.append_constraint(
    CheckConstraint(f"kind NOT IN {DECISIONS} OR author_id <> requester_id", name="not_own_request")
)
