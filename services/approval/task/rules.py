"""A turn is decided once, by the person whose turn it is, about exactly what that person was shown, and never by
whoever asked.
"""

from __future__ import annotations

import uuid
from typing import Any

from chassis.errors import Refused

TRANSITIONS = {
    ("OPEN", "approve"): "APPROVED",
    ("OPEN", "reject"): "REJECTED",
    ("OPEN", "return"): "RETURNED",
}
OPINIONS = {"approve": "APPROVE", "reject": "REJECT", "return": "RETURN"}


def allowed_to(task: Any, employee_id: uuid.UUID | None) -> list[str]:
    """Actions of a turn that a person may take now."""
    mine = employee_id == task.assignee_id and employee_id != task.requester_id
    return [action for state, action in TRANSITIONS if state == task.state and mine]


def check_decision(task: Any, case: Any, employee_id: uuid.UUID | None, *, active: bool, content_hash: str) -> None:
    """Refuse a decision that is not the person's to take, comes too late, or is about something else."""
    if employee_id == case.requester_id:
        raise Refused("TASK_OWN_REQUEST")
    if employee_id != task.assignee_id:
        raise Refused("TASK_NOT_YOURS")
    if not active:
        raise Refused("TASK_ASSIGNEE_INACTIVE")
    if task.state != "OPEN":
        raise Refused("TASK_NOT_OPEN", state=task.state)
    if content_hash != case.content_hash:
        raise Refused("TASK_CONTENT_CHANGED")
