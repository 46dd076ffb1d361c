"""What a rule of a flow decided or would have decided about a case, and how people decided a sample."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from approval.base import Base, refers_to
from chassis import custom_fields
from chassis.call import Call
from chassis.db import Document, Searchable
from heyi.approval.v1 import automatic_decisions_pb2 as pb


class AutomaticDecision(Searchable, Document, Base):
    __tablename__ = "automatic_decision"
    __message__ = pb.AutomaticDecision
    __search__ = ("document_number", "rule_name")

    company_id: Mapped[uuid.UUID]
    owner_id: Mapped[uuid.UUID]
    department_id: Mapped[uuid.UUID | None]
    case_id: Mapped[uuid.UUID] = mapped_column(refers_to("approval_case.id"), index=True)
    document_type: Mapped[str]
    document_number: Mapped[str] = mapped_column(default="")
    flow_definition_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("flow_definition.id"))
    flow_version: Mapped[int]
    # one entering of a node is decided once
    visit_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    node_id: Mapped[str]
    node_name: Mapped[str] = mapped_column(default="")
    rule_name: Mapped[str]
    expression: Mapped[str]
    inputs: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    outcome: Mapped[str]
    sampled: Mapped[bool] = mapped_column(default=False)
    answer: Mapped[str | None]
    answer_time: Mapped[datetime.datetime | None]
    problem: Mapped[str] = mapped_column(default="")

    @staticmethod
    def __present__(row: Any, message: Any, call: Call) -> None:
        """Without what was added to the document: who may see it is known to the document's service alone."""
        added = f"facts.{custom_fields.COLUMN}"
        for name in [name for name in message.inputs if name == added or name.startswith(f"{added}.")]:
            del message.inputs[name]
        if "facts" in message.inputs and custom_fields.COLUMN in message.inputs["facts"]:
            del message.inputs["facts"][custom_fields.COLUMN]


AutomaticDecision.__table__.append_constraint(
    CheckConstraint("sampled OR answer IS NULL", name="only_samples_are_answered")
)
Index("ix_automatic_decision_flow", AutomaticDecision.flow_definition_id, AutomaticDecision.created_at)
# samples that wait for people, of a case that is being decided
Index(
    "ix_automatic_decision_waiting",
    AutomaticDecision.case_id,
    postgresql_where=AutomaticDecision.sampled & AutomaticDecision.answer.is_(None),
)
