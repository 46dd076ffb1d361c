"""What stands on the record of a case: a person's turn, and what somebody said or the flow did."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from approval.case.model import Case
from approval.case.rules import WATCHED
from approval.case.sight import hash_for, shown_of
from approval.opinion.model import Opinion
from approval.task.model import Task
from chassis.call import Call
from chassis.ids import uuid7


def new_turn(call: Call, case: Case, **fields: Any) -> Task:
    """A person's turn, with what a to-do list shows of the document."""
    fields.setdefault("hidden", [])
    task = call.add(
        Task(
            id=uuid7(),
            company_id=case.company_id,
            case_id=case.id,
            open_time=call.now(),
            document_type=case.document_type,
            document_id=case.document_id,
            document_number=case.document_number,
            requester_id=case.requester_id,
            supervise_due_date=case.supervise_due_date if case.supervision == WATCHED else None,
            **shown_of(case, fields["hidden"]),
            **fields,
        )
    )
    assert isinstance(task, Task)
    return task


def say(
    call: Call,
    case: Case,
    kind: str,
    *,
    author_id: uuid.UUID | None = None,
    text: str = "",
    task: Task | None = None,
    node_name: str = "",
    employee_ids: Iterable[uuid.UUID] = (),
    on_behalf_of_id: uuid.UUID | None = None,
    reason: str = "",
    reason_facts: Mapping[str, str] | None = None,
    **more: Any,
) -> None:
    """Keep what was said or decided. `employee_ids` are whom it names, `reason` why the flow itself did it, `more` is
    of its kind.
    """
    if task is not None and author_id is not None and author_id == task.delegate_id:
        on_behalf_of_id = task.assignee_id
    call.add(
        Opinion(
            company_id=case.company_id,
            case_id=case.id,
            task_id=task.id if task else None,
            author_id=author_id,
            requester_id=case.requester_id,
            kind=kind,
            text=text,
            node_name=task.node_name if task else node_name,
            employee_ids=list(employee_ids),
            on_behalf_of_id=on_behalf_of_id,
            content_hash=hash_for(case, more.get("hidden", ())),
            reason=reason,
            reason_facts=dict(reason_facts) if reason_facts else None,
            **more,
        )
    )
