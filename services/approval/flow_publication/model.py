"""A draft as it was when somebody asked to publish it, and the owner's answer."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from approval.base import Base
from approval.flow_publication.rules import TRANSITIONS, allowed_to, decider_of
from chassis.call import Call
from chassis.db import Document, Searchable
from heyi.approval.v1 import flow_publications_pb2 as pb

PUBLISH = "approval.flow_definition.publish"


class FlowPublication(Searchable, Document, Base):
    __tablename__ = "flow_publication"
    __message__ = pb.FlowPublication
    __transitions__ = TRANSITIONS
    __search__ = ("code", "name")
    __unmapped__ = ("before",)
    __refusals__ = {"uq_flow_publication_waiting": "FLOW_PUBLICATION_WAITING"}

    company_id: Mapped[uuid.UUID]
    state: Mapped[str] = mapped_column(default="WAITING")
    flow_definition_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("flow_definition.id"), index=True)
    code: Mapped[str]
    name: Mapped[str]
    document_type: Mapped[str]
    tree: Mapped[dict[str, Any]] = mapped_column(JSONB)
    condition: Mapped[str]
    priority: Mapped[int]
    note: Mapped[str] = mapped_column(default="")
    requested_by_id: Mapped[uuid.UUID] = mapped_column(index=True)
    business_owner_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    decided_by_id: Mapped[uuid.UUID | None]
    decide_time: Mapped[datetime.datetime | None]
    reason: Mapped[str] = mapped_column(default="")
    published_version: Mapped[int] = mapped_column(default=0)

    @staticmethod
    def __present__(row: Any, message: Any, call: Call) -> None:
        """Who may answer follows from whose flow it is, not from a permission alone."""
        decider = decider_of(row, row.business_owner_id, call.organisation)
        message.ClearField("allowed_actions")
        allowed = allowed_to(row, call.actor.employee_id, decider, publishes=publishes(call, row.company_id))
        message.allowed_actions.extend(allowed)


def publishes(call: Call, company_id: uuid.UUID) -> bool:
    """Whether the caller may publish flows of a company."""
    me = call.actor.employee_id
    return me is not None and call.runtime.rights().may(me, PUBLISH, company_id)


_WAITING = FlowPublication.state == "WAITING"
Index("uq_flow_publication_waiting", FlowPublication.flow_definition_id, unique=True, postgresql_where=_WAITING)
FlowPublication.__table__.append_constraint(
    CheckConstraint("state <> 'APPROVED' OR decided_by_id <> requested_by_id", name="four_eyes")
)
