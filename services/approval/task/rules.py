"""A turn is decided once, by the person whose turn it is, about exactly what that person was shown, and never by
whoever asked. Whose turn it is may pass it on, or ask others before or after; never the requester, never somebody who
is gone, and nobody twice at one node.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from approval.engine.ballot import COUNTED
from chassis.errors import Refused
from chassis.organisation import Organisation

TRANSITIONS = {
    ("OPEN", "approve"): "APPROVED",
    ("OPEN", "reject"): "REJECTED",
    ("OPEN", "return"): "RETURNED",
    ("OPEN", "transfer"): "TRANSFERRED",
    ("OPEN", "add_signer"): "OPEN",
    ("OPEN", "remove_signer"): "CANCELLED",
    ("WAITING", "remove_signer"): "CANCELLED",
    ("APPROVED", "take_back"): "TAKEN_BACK",  # offered where nobody acted since: the case knows
    ("OPEN", "handle"): "HANDLED",
    ("HANDLED", "take_back"): "TAKEN_BACK",
    ("OPEN", "claim"): "OPEN",
    ("OPEN", "unclaim"): "OPEN",
}
# why a turn ended that another person claimed
CLAIMED = "task.claimed"
OPINIONS = {"approve": "APPROVE", "reject": "REJECT", "return": "RETURN", "handle": "HANDLE"}
# what the person whose turn it is may do, by the kind of the node
DECIDING = ("approve", "reject", "return", "transfer", "add_signer")
HANDLING = ("handle", "return", "transfer")
OF_THE_DELEGATE = ("approve", "reject", "return", "handle")


def of_the_assignee(task: Any) -> tuple[str, ...]:
    """What the person whose turn it is may do with it."""
    if task.changing:
        return ()
    if task.to_claim and task.claim_time is None:
        return ("claim",)
    held = ("unclaim",) if task.to_claim else ()
    return (*(HANDLING if task.node_kind == "handle" else DECIDING), *held)


def allowed_to(task: Any, employee_id: uuid.UUID | None) -> list[str]:
    """Actions of a turn that a person may take now."""
    asked = employee_id is not None and employee_id != task.requester_id
    mine, theirs = asked and employee_id == task.assignee_id, asked and employee_id == task.delegate_id
    added = employee_id is not None and employee_id == task.added_by_id
    offered = of_the_assignee(task)
    return [
        action
        for state, action in TRANSITIONS
        if state == task.state
        and (
            (mine and action in offered)
            or (theirs and action in OF_THE_DELEGATE and action in offered)
            or (added and action == "remove_signer")
        )
    ]


def check_turn(task: Any, case: Any, employee_id: uuid.UUID | None, *, active: bool) -> None:
    """Refuse what is not the person's to do, or comes too late."""
    if employee_id == case.requester_id:
        raise Refused("TASK_OWN_REQUEST")
    if employee_id not in (task.assignee_id, task.delegate_id):
        raise Refused("TASK_NOT_YOURS")
    if not active:
        raise Refused("TASK_ASSIGNEE_INACTIVE")
    if task.end_reason == CLAIMED:
        raise Refused("TASK_CLAIMED", **task.end_facts)
    if task.state != "OPEN":
        raise Refused("TASK_NOT_OPEN", state=task.state)


def check_action(task: Any, action: str) -> None:
    """Refuse what is not done with a turn of this kind, or not yet."""
    offered = of_the_assignee(task)
    if action in offered:
        return
    if action in ("claim", "unclaim"):
        raise Refused("TASK_NO_CLAIM")
    if offered == ("claim",):
        raise Refused("TASK_UNCLAIMED")
    raise Refused("TASK_TO_HANDLE" if task.node_kind == "handle" else "TASK_TO_DECIDE", node=task.node_name)


def can_take_back(task: Any, case: Any, employee_id: uuid.UUID | None) -> bool:
    """Whether an agreement is the last act in its case, and so can still be taken back by its author."""
    last = (case.undo or {}).get("task_id")
    return (
        case.state in ("RUNNING", "PARKED")
        and last == str(task.id)
        and employee_id == (task.decided_by_id or task.assignee_id)
    )


def check_people(
    employee_ids: Sequence[uuid.UUID], case: Any, here: Iterable[Any], organisation: Organisation, *, field: str
) -> None:
    """Refuse people who cannot be asked at a node; `here` are the turns there."""
    asked = {turn.assignee_id for turn in here if turn.state in COUNTED}
    violations: list[tuple[str, str, dict[str, object]]] = []
    for number, employee_id in enumerate(employee_ids):
        person = organisation.people.get(employee_id)
        at = field if field == "employee_id" else f"{field}[{number}]"
        if employee_id == case.requester_id:
            violations.append((at, "TASK_TO_REQUESTER", {"person": person.name if person else ""}))
        elif person is None or not person.active:
            violations.append((at, "TASK_PERSON_INACTIVE", {"person": person.name if person else str(employee_id)}))
        elif employee_id in asked or employee_id in employee_ids[:number]:
            violations.append((at, "TASK_PERSON_ASKED", {"person": person.name}))
    if violations:
        raise Refused.fields(violations)
