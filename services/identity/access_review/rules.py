"""What an access review may be about, who answers each of its lines, and which separated duties a role breaks.

Nobody reviews the own rights: a line goes to the nearest active head above the employee who belongs to the company,
else to who opened the review. Where that is the employee too, nobody answers it, and it is listed as unanswered.
"""

from __future__ import annotations

import datetime
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from chassis.errors import Refused
from chassis.organisation import Organisation
from chassis.policy import Reach

if TYPE_CHECKING:
    from identity.access_review.model import AccessReview
    from identity.duty_conflict.rules import Meeting

TRANSITIONS = {("OPEN", "close"): "CLOSED"}
LONGEST_FINDINGS = 2000


def due(review: AccessReview, today: datetime.date) -> None:
    """Refuse a due date that is past."""
    if review.due_date < today:
        raise Refused("ACCESS_REVIEW_DUE", field="due_date", due=review.due_date)


def units(review: AccessReview, organisation: Organisation) -> frozenset[uuid.UUID] | None:
    """The departments that it is about; None for the whole company. Refuses one of another company or out of use."""
    if review.department_id is None:
        return None
    unit = organisation.departments.get(review.department_id)
    if unit is None:
        raise Refused("FIELD_NO_SUCH_DOCUMENT", field="department_id", value=review.department_id)
    if unit.company_id != review.company_id or not unit.active:
        raise Refused("ACCESS_REVIEW_DEPARTMENT", field="department_id", name=unit.name)
    return organisation.below(unit.department_id)


def within(reach: Reach, company_id: uuid.UUID, departments: Collection[uuid.UUID] | None) -> None:
    """Refuse to review what the caller's right does not reach as a whole."""
    whole = reach.all or company_id in reach.companies
    if not whole and (departments is None or not reach.departments.issuperset(departments)):
        raise Refused("ACCESS_REVIEW_REACH")


def reviewer(
    organisation: Organisation,
    *,
    company_id: uuid.UUID,
    department_id: uuid.UUID | None,
    employee_id: uuid.UUID,
    opener_id: uuid.UUID,
) -> uuid.UUID | None:
    """Who answers for the rights of an employee of this department."""
    heads = (unit.head_id for unit in organisation.above(department_id))
    own = (head for head in heads if head and (one := organisation.people.get(head)) and one.company_id == company_id)
    return next((who for who in (*own, opener_id) if who != employee_id and organisation.is_active(who)), None)


def findings(meetings: Iterable[Meeting]) -> Mapping[uuid.UUID, str]:
    """What each grant breaks: the pairs, one a line, and the role that holds the other duty where that is another."""
    said: defaultdict[uuid.UUID, dict[str, None]] = defaultdict(dict)
    for meeting in meetings:
        pair = f"{meeting.pair.code} {meeting.pair.name}"
        for held, other in ((meeting.first, meeting.second), (meeting.second, meeting.first)):
            if held.grant_id is not None:
                said[held.grant_id][pair if held == other else f"{pair} ({other.role_name})"] = None
    return {grant_id: "\n".join(lines)[:LONGEST_FINDINGS] for grant_id, lines in said.items()}
