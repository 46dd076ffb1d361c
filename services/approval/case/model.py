"""A document on its way through a flow, and the nodes that were entered. One case for each submission of a document."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, false
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from approval.base import Base, refers_to
from approval.case.rules import TRANSITIONS, allowed_to
from chassis import custom_fields
from chassis.call import Call
from chassis.db import Document, Searchable, decimal_of
from chassis.ids import uuid7
from heyi.approval.v1 import cases_pb2 as pb


class Case(Searchable, Document, Base):
    __tablename__ = "approval_case"  # CASE is a word of SQL
    __message__ = pb.Case
    __transitions__ = TRANSITIONS
    __search__ = ("document_number", "title")
    __unmapped__ = ("tasks", "opinions", "nodes")
    __hides__ = True

    company_id: Mapped[uuid.UUID]
    state: Mapped[str] = mapped_column(default="RUNNING")
    owner_id: Mapped[uuid.UUID]
    department_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    document_type: Mapped[str]
    document_id: Mapped[uuid.UUID]
    document_number: Mapped[str] = mapped_column(default="", index=True)
    title: Mapped[str] = mapped_column(default="")
    requester_id: Mapped[uuid.UUID]
    amount: Mapped[Decimal] = decimal_of(18, 2, default=0)
    currency: Mapped[str] = mapped_column(default="")
    content_hash: Mapped[str]
    submission: Mapped[int]
    flow_definition_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("flow_definition.id"), index=True)
    flow_version_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("flow_version.id"), index=True)
    flow_name: Mapped[str] = mapped_column(default="")
    flow_version: Mapped[int] = mapped_column(default=0)
    decide_time: Mapped[datetime.datetime | None]
    urge_time: Mapped[datetime.datetime | None]
    # everybody who was asked or told; whose decision is open; everybody who agreed
    participant_ids: Mapped[list[uuid.UUID]] = mapped_column(default=list)
    waiting_on_ids: Mapped[list[uuid.UUID]] = mapped_column(default=list)
    agreed_ids: Mapped[list[uuid.UUID]] = mapped_column(default=list)
    waiting_since_time: Mapped[datetime.datetime | None]
    park_reason: Mapped[str] = mapped_column(default="")
    park_facts: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    facts: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    note: Mapped[str] = mapped_column(default="")
    # how the case stood before the last act, where that was an agreement: what taking it back restores
    undo: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    # counts the times that the case was led back or elsewhere; nodes entered since carry the number
    round: Mapped[int] = mapped_column(default=1)
    # who watches over it until it is done, by when, and why
    supervisor_id: Mapped[uuid.UUID | None]
    supervision: Mapped[str | None]
    supervise_due_date: Mapped[datetime.date | None]
    supervise_note: Mapped[str] = mapped_column(default="", server_default="")
    # whom the requester chose, by the id of the node
    chosen: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    # what each field says that is agreed to, as hashes by its path; who sees less; what is being changed
    basis: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    readers: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    amending: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    changing: Mapped[bool] = mapped_column(default=False, server_default=false())
    # changes that nobody waits for any more: their answers may still come
    given_up: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))

    @staticmethod
    def __present__(row: Any, message: Any, call: Call) -> None:
        """What the caller may do with it: the requester's actions are the requester's alone."""
        allowed = allowed_to(row, call.actor.employee_id, held=frozenset(message.allowed_actions))
        if row.supervision != "WATCHED" and "end_supervision" in allowed:
            allowed.remove("end_supervision")
        message.ClearField("allowed_actions")
        message.allowed_actions.extend(allowed)
        # for the document's service alone
        message.ClearField("readers")
        # who may see added fields is known to that service alone
        if call.actor.employee_id is not None and custom_fields.COLUMN in message.facts:
            del message.facts[custom_fields.COLUMN]


Case.__table__.append_constraint(UniqueConstraint("document_type", "document_id", "submission"))
Index("ix_approval_case_document_id", Case.document_id)
Index("ix_approval_case_changing", Case.amending["id"].astext, postgresql_where=Case.changing)
Index("ix_approval_case_requester", Case.requester_id, Case.created_at)
# what is watched over, and the finished cases of a type that later ones are compared with
Index(
    "ix_approval_case_supervised",
    Case.supervisor_id,
    Case.created_at,
    postgresql_where=Case.supervisor_id.is_not(None),
)
Index(
    "ix_approval_case_finished",
    Case.company_id,
    Case.document_type,
    Case.currency,
    Case.decide_time,
    postgresql_where=Case.state.in_(["APPROVED", "REJECTED", "RETURNED"]),
)
Index("ix_approval_case_company_state", Case.company_id, Case.state, Case.created_at)


class NodeVisit(Base):
    """One entering of a node. A node is entered once: whoever would advance a case twice meets the constraint."""

    __tablename__ = "node_visit"
    __table_args__ = (
        UniqueConstraint("case_id", "node_id", "number"),
        CheckConstraint("state IN ('OPEN', 'DONE', 'STUCK', 'CANCELLED')", name="state_known"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    case_id: Mapped[uuid.UUID] = mapped_column(refers_to("approval_case.id"))
    node_id: Mapped[str]
    parent_id: Mapped[uuid.UUID | None] = mapped_column(refers_to("node_visit.id"), index=True)
    number: Mapped[int] = mapped_column(default=1)
    state: Mapped[str]
    agreed_ids: Mapped[list[uuid.UUID]] = mapped_column(default=list)
    stuck_reason: Mapped[str] = mapped_column(default="")
    stuck_facts: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    open_time: Mapped[datetime.datetime]
    done_time: Mapped[datetime.datetime | None]
    # where a return that comes straight back left the case to come here (`case/left.py`)
    left_nodes: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))


# all that going on needs, however long the case has been
Index("ix_node_visit_live", NodeVisit.case_id, postgresql_where=NodeVisit.state.in_(["OPEN", "STUCK"]))
