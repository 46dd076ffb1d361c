"""A draft is published by four eyes: the flow's business owner approves what somebody else asks for. Where the owner
asks, has left, or is not named, anybody else approves who may publish flows. Nobody approves what they asked for.
"""

from __future__ import annotations

import uuid
from typing import Any

from chassis.errors import Refused
from chassis.organisation import Organisation

TRANSITIONS = {
    ("WAITING", "approve"): "APPROVED",
    ("WAITING", "refuse"): "REFUSED",
    ("WAITING", "withdraw"): "WITHDRAWN",
}
DECIDING = ("approve", "refuse")


def decider_of(publication: Any, owner_id: uuid.UUID | None, organisation: Organisation) -> uuid.UUID | None:
    """The owner, where they can answer; None where another one who may publish must."""
    if owner_id is None or owner_id == publication.requested_by_id or not organisation.is_active(owner_id):
        return None
    return owner_id


def allowed_to(
    publication: Any, employee_id: uuid.UUID | None, decider_id: uuid.UUID | None, *, publishes: bool
) -> list[str]:
    """What a person may do with a publication; `publishes`: they may publish flows of the company."""
    own = employee_id is not None and employee_id == publication.requested_by_id
    answers = not own and (employee_id == decider_id if decider_id else publishes)
    return [
        action
        for state, action in TRANSITIONS
        if state == publication.state and (answers if action in DECIDING else own)
    ]


def check_decider(
    publication: Any,
    employee_id: uuid.UUID | None,
    decider_id: uuid.UUID | None,
    organisation: Organisation,
    *,
    publishes: bool,
) -> None:
    """Refuse an answer that is not the person's to give."""
    if employee_id is None or employee_id == publication.requested_by_id:
        raise Refused("FLOW_PUBLICATION_OWN")
    if decider_id is not None and employee_id != decider_id:
        raise Refused("FLOW_PUBLICATION_NOT_OWNER", name=organisation.person(decider_id).name)
    if decider_id is None and not publishes:
        raise Refused("PERMISSION_MISSING", permission="approval.flow_definition.publish")


def check_requester(publication: Any, employee_id: uuid.UUID | None) -> None:
    """Only whoever asked takes it back."""
    if employee_id != publication.requested_by_id:
        raise Refused("FLOW_PUBLICATION_NOT_REQUESTER")
