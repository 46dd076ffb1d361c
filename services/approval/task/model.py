"""One person's turn in a case, with what a to-do list shows of the document, so that the list is one table."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, false
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from approval.base import Base, refers_to
from approval.task.rules import TRANSITIONS, allowed_to
from chassis.call import Call
from chassis.db import Document, Searchable, decimal_of
from heyi.approval.v1 import tasks_pb2 as pb


class Task(Searchable, Document, Base):
    __tablename__ = "task"
    __message__ = pb.Task
    __transitions__ = TRANSITIONS
    __search__ = ("document_number", "title")
    __unmapped__ = ("chooses_next", "return_targets", "form_fields", "field_rights", "cuts", "changed_since")

    company_id: Mapped[uuid.UUID]
    state: Mapped[str] = mapped_column(default="OPEN")
    case_id: Mapped[uuid.UUID] = mapped_column(refers_to("approval_case.id"), index=True)
    visit_id: Mapped[uuid.UUID] = mapped_column(refers_to("node_visit.id"), index=True)
    node_id: Mapped[str]
    node_name: Mapped[str] = mapped_column(default="")
    assignee_id: Mapped[uuid.UUID]
    reason: Mapped[str] = mapped_column(default="")
    reason_facts: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    vote: Mapped[str] = mapped_column(default="")
    vote_percent: Mapped[int] = mapped_column(default=0)
    veto: Mapped[bool] = mapped_column(default=False)
    # who comes after whom at the node
    line: Mapped[int] = mapped_column(default=0)
    place: Mapped[int] = mapped_column(default=0)
    # who added this person to a turn of their own
    added_by_id: Mapped[uuid.UUID | None]
    node_kind: Mapped[str] = mapped_column(default="approve")
    # it has to be claimed before anything is done with it, and since when it is
    to_claim: Mapped[bool] = mapped_column(default=False)
    claim_time: Mapped[datetime.datetime | None]
    # who may decide on behalf of the person, the way of delegations to them, and who did where it was not the person
    delegate_id: Mapped[uuid.UUID | None]
    delegation_chain_ids: Mapped[list[uuid.UUID]] = mapped_column(default=list)
    decided_by_id: Mapped[uuid.UUID | None]
    visit: Mapped[int] = mapped_column(default=1)
    open_time: Mapped[datetime.datetime]
    done_time: Mapped[datetime.datetime | None]
    opinion_text: Mapped[str] = mapped_column(default="")
    document_type: Mapped[str]
    document_id: Mapped[uuid.UUID] = mapped_column(index=True)
    document_number: Mapped[str] = mapped_column(default="")
    title: Mapped[str] = mapped_column(default="")
    requester_id: Mapped[uuid.UUID]
    # nothing where the node hides it; delegations are limited by what it is
    amount: Mapped[Decimal | None] = decimal_of(18, 2)
    full_amount: Mapped[Decimal | None] = decimal_of(18, 2)
    # paths that the node hides
    hidden: Mapped[list[str]] = mapped_column(default=list, server_default="{}")
    changing: Mapped[bool] = mapped_column(default=False, server_default=false())
    # the person agreed to an earlier version of the document: the node waits, whatever its vote says
    again: Mapped[bool] = mapped_column(default=False, server_default=false())
    findings: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    currency: Mapped[str] = mapped_column(default="")
    content_hash: Mapped[str]
    urge_time: Mapped[datetime.datetime | None]
    # until when an answer is expected; set when its timer starts
    due_time: Mapped[datetime.datetime | None]
    # by when the case is to be done, while somebody watches over it
    supervise_due_date: Mapped[datetime.date | None]
    # nobody answered in time and the flow decided: no agreement of the person
    by_system: Mapped[bool] = mapped_column(default=False, server_default=false())
    # whose decision made this turn needless, and how it stood: what taking that decision back restores
    ended_by_id: Mapped[uuid.UUID | None]
    state_before: Mapped[str] = mapped_column(default="")
    end_reason: Mapped[str] = mapped_column(default="")
    end_facts: Mapped[dict[str, Any] | None] = mapped_column(JSONB)

    @staticmethod
    def __present__(row: Any, message: Any, call: Call) -> None:
        """The buttons of a turn are for the person whose turn it is."""
        message.ClearField("allowed_actions")
        message.allowed_actions.extend(allowed_to(row, call.actor.employee_id))


class TaskLink(Base):
    """A link to one person's decision. Whoever reads this table cannot make one of it."""

    __tablename__ = "task_link"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    task_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("task.id"), index=True)
    employee_id: Mapped[uuid.UUID]
    made_by_id: Mapped[uuid.UUID]
    expire_time: Mapped[datetime.datetime]


# nobody is asked about an own request, whatever a rule of ours may say
Task.__table__.append_constraint(CheckConstraint("assignee_id <> requester_id", name="not_own_request"))
Task.__table__.append_constraint(CheckConstraint("delegate_id <> requester_id", name="not_own_request_by_delegate"))
_DELEGATED = Task.delegate_id.is_not(None)
Index("ix_task_delegated", Task.delegate_id, Task.due_time, Task.open_time, Task.id, postgresql_where=_DELEGATED)
Index("ix_task_mine", Task.assignee_id, Task.state, Task.open_time, Task.id)
Index("ix_task_todo", Task.assignee_id, Task.open_time, Task.id, postgresql_where=Task.state == "OPEN")
Index("ix_task_live", Task.case_id, postgresql_where=Task.state.in_(["OPEN", "WAITING"]))
Index("ix_task_done", Task.assignee_id, Task.done_time, Task.id)
_SUPERVISED = Task.supervise_due_date.is_not(None)
Index("ix_task_supervised", Task.assignee_id, Task.supervise_due_date, postgresql_where=_SUPERVISED)
Index("ix_task_opened", Task.company_id, Task.open_time, Task.id)
Index("ix_task_due", Task.assignee_id, Task.due_time, Task.open_time, Task.id, postgresql_where=Task.state == "OPEN")
