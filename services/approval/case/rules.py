"""A case runs until the last one agrees, one refuses, or it goes back. It waits (PARKED) where nobody can be asked.
Only the requester takes it back or urges; whoever may see it may remark. Administrators stop it for a while
(SUSPENDED), or let it go on elsewhere in the flow, but never where the request is their own.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Collection, Iterable
from typing import Any

from chassis.errors import Refused
from chassis.organisation import Organisation

URGE_PAUSE = datetime.timedelta(minutes=10)
TRANSITIONS = {
    ("RUNNING", "withdraw"): "WITHDRAWN",
    ("RUNNING", "urge"): "RUNNING",
    ("RUNNING", "comment"): "RUNNING",
    ("RUNNING", "suspend"): "SUSPENDED",
    ("RUNNING", "jump"): "RUNNING",
    ("RUNNING", "migrate"): "RUNNING",
    ("RUNNING", "supervise"): "RUNNING",
    ("RUNNING", "end_supervision"): "RUNNING",
    ("SUSPENDED", "supervise"): "SUSPENDED",
    ("SUSPENDED", "end_supervision"): "SUSPENDED",
    ("PARKED", "supervise"): "PARKED",
    ("PARKED", "end_supervision"): "PARKED",
    ("SUSPENDED", "resume"): "RUNNING",
    ("SUSPENDED", "migrate"): "SUSPENDED",
    ("SUSPENDED", "withdraw"): "WITHDRAWN",
    ("SUSPENDED", "comment"): "SUSPENDED",
    ("PARKED", "withdraw"): "WITHDRAWN",
    ("PARKED", "retry"): "RUNNING",
    ("PARKED", "jump"): "RUNNING",
    ("PARKED", "migrate"): "PARKED",
    ("PARKED", "comment"): "PARKED",
    ("APPROVED", "comment"): "APPROVED",
    ("REJECTED", "comment"): "REJECTED",
    ("RETURNED", "comment"): "RETURNED",
    ("WITHDRAWN", "comment"): "WITHDRAWN",
}
WATCHED, OVER = "WATCHED", "OVER"  # by somebody, until it is done
LIVE = ("RUNNING", "PARKED", "SUSPENDED")
OF_THE_REQUESTER = ("withdraw", "urge")
STEERING = ("suspend", "resume", "jump", "migrate", "supervise", "end_supervision")


def allowed_to(case: Any, employee_id: uuid.UUID | None, *, held: Collection[str]) -> list[str]:
    """Actions of a case that a person who sees it may take now; `held` are those that grants give for it."""
    own = employee_id == case.requester_id
    allowed = {
        "comment": True,
        **dict.fromkeys(OF_THE_REQUESTER, own),
        "retry": "retry" in held,
        **{action: not own and action in held for action in STEERING},
    }
    return [action for state, action in TRANSITIONS if state == case.state and allowed[action]]


def check_steering(case: Any, employee_id: uuid.UUID | None) -> None:
    """Refuse to steer the approval of an own request."""
    if employee_id == case.requester_id:
        raise Refused("CASE_OWN_REQUEST")


def check_supervision(due_date: datetime.date, today: datetime.date) -> None:
    """Refuse a day that is over."""
    if due_date < today:
        facts: dict[str, object] = {"day": due_date.isoformat(), "today": today.isoformat()}
        raise Refused.fields([("due_date", "CASE_SUPERVISION_DATE", facts)])


def check_going_on(case: Any) -> None:
    """Refuse whatever would carry a case on that was stopped for a while."""
    if case.state == "SUSPENDED":
        raise Refused("CASE_SUSPENDED", **(case.park_facts or {}))
    check_unchanging(case)


def check_unchanging(case: Any) -> None:
    """Refuse to lead a case elsewhere while its document is being changed."""
    if case.changing:
        raise Refused("CASE_CHANGING")


def check_mentioned(employee_ids: Iterable[uuid.UUID], organisation: Organisation) -> None:
    """Refuse to mention who is not there any more."""
    people = [(number, key, organisation.people.get(key)) for number, key in enumerate(employee_ids)]
    gone: list[tuple[str, str, dict[str, object]]] = [
        (f"mentioned_ids[{number}]", "CASE_PERSON_INACTIVE", {"person": person.name if person else str(key)})
        for number, key, person in people
        if person is None or not person.active
    ]
    if gone:
        raise Refused.fields(gone)


def check_requester(case: Any, employee_id: uuid.UUID | None) -> None:
    """Only who asked may do this."""
    if employee_id != case.requester_id:
        raise Refused("CASE_NOT_REQUESTER")


def check_pause(case: Any, now: datetime.datetime) -> None:
    """Reminders are at least ten minutes apart."""
    if case.urge_time is not None and now < case.urge_time + URGE_PAUSE:
        left = case.urge_time + URGE_PAUSE - now
        raise Refused("CASE_URGED_RECENTLY", minutes=-(-int(left.total_seconds()) // 60))
