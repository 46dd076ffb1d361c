"""Flows: a draft that is edited, and the versions that were published from it. A version never changes."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from approval.base import Base
from approval.flow_definition.rules import TRANSITIONS, switch_gone
from chassis.call import Call
from chassis.db import Document, Searchable
from chassis.ids import uuid7
from heyi.approval.v1 import flow_definitions_pb2 as pb


class FlowDefinition(Searchable, Document, Base):
    __tablename__ = "flow_definition"
    __message__ = pb.FlowDefinition
    __transitions__ = TRANSITIONS
    __search__ = ("code", "name")
    __refusals__ = {"uq_flow_definition_company_id_code": "ALREADY_EXISTS"}
    __ends_draft__ = "publish"

    company_id: Mapped[uuid.UUID]
    state: Mapped[str] = mapped_column(default="DRAFT")
    code: Mapped[str]
    name: Mapped[str]
    document_type: Mapped[str]
    condition: Mapped[str] = mapped_column(default="")
    priority: Mapped[int] = mapped_column(default=0)
    tree: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    published_version: Mapped[int] = mapped_column(default=0)
    publish_time: Mapped[datetime.datetime | None]
    draft_differs: Mapped[bool] = mapped_column(default=True)
    # nobody where it was made before flows had owners, and nobody had published it
    business_owner_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    automated: Mapped[bool] = mapped_column(default=False, server_default=false())
    automatic_off: Mapped[bool] = mapped_column(default=False, server_default=false())
    # kept with the flow, so that its history shows them with the act
    switch_reason: Mapped[str] = mapped_column(default="", server_default="")
    owner_reason: Mapped[str] = mapped_column(default="", server_default="")
    publication_id: Mapped[uuid.UUID | None]

    @staticmethod
    def __present__(row: Any, message: Any, call: Call) -> None:
        """Of the switch the side that it is not on; a second publication is not asked for."""
        impossible = switch_gone(row) | ({"publish"} if row.publication_id else set())
        allowed = [action for action in message.allowed_actions if action not in impossible]
        message.ClearField("allowed_actions")
        message.allowed_actions.extend(allowed)


FlowDefinition.__table__.append_constraint(UniqueConstraint("company_id", "code"))
Index("ix_flow_definition_choice", FlowDefinition.company_id, FlowDefinition.document_type, FlowDefinition.state)


class FlowVersion(Base):
    """What was published: cases stay on the version that they began with."""

    __tablename__ = "flow_version"
    __table_args__ = (UniqueConstraint("flow_definition_id", "number"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    flow_definition_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("flow_definition.id"))
    number: Mapped[int]
    tree: Mapped[dict[str, Any]] = mapped_column(JSONB)
    condition: Mapped[str]
    priority: Mapped[int]
    published_by_id: Mapped[uuid.UUID | None]
    publish_time: Mapped[datetime.datetime]
    note: Mapped[str] = mapped_column(default="")
    approved_by_id: Mapped[uuid.UUID | None]
