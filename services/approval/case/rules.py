"""A case runs until the last one agrees, one refuses, or it goes back. It waits (PARKED) where nobody can be asked.
Only the requester takes it back or urges; whoever may see it may remark.
"""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from chassis.errors import Refused

URGE_PAUSE = datetime.timedelta(minutes=10)
TRANSITIONS = {
    ("RUNNING", "withdraw"): "WITHDRAWN",
    ("RUNNING", "urge"): "RUNNING",
    ("RUNNING", "comment"): "RUNNING",
    ("PARKED", "withdraw"): "WITHDRAWN",
    ("PARKED", "retry"): "RUNNING",
    ("PARKED", "comment"): "PARKED",
    ("APPROVED", "comment"): "APPROVED",
    ("REJECTED", "comment"): "REJECTED",
    ("RETURNED", "comment"): "RETURNED",
    ("WITHDRAWN", "comment"): "WITHDRAWN",
}
LIVE = ("RUNNING", "PARKED")
OF_THE_REQUESTER = ("withdraw", "urge")


def allowed_to(case: Any, employee_id: uuid.UUID | None, *, administers: bool) -> list[str]:
    """Actions of a case that a person who sees it may take now."""
    return [
        action
        for state, action in TRANSITIONS
        if state == case.state
        and (action not in OF_THE_REQUESTER or employee_id == case.requester_id)
        and (action != "retry" or administers)
    ]


def check_requester(case: Any, employee_id: uuid.UUID | None) -> None:
    """Only who asked may do this."""
    if employee_id != case.requester_id:
        raise Refused("CASE_NOT_REQUESTER")


def check_pause(case: Any, now: datetime.datetime) -> None:
    """Reminders are at least ten minutes apart."""
    if case.urge_time is not None and now < case.urge_time + URGE_PAUSE:
        left = case.urge_time + URGE_PAUSE - now
        raise Refused("CASE_URGED_RECENTLY", minutes=-(-int(left.total_seconds()) // 60))
