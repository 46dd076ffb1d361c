"""Who answers a line of an access review, and when there is nothing left to answer."""

from __future__ import annotations

import datetime
import uuid
from typing import TYPE_CHECKING

from chassis.errors import Refused

if TYPE_CHECKING:
    from identity.access_review_line.model import AccessReviewLine

TRANSITIONS = {("OPEN", "keep"): "KEPT", ("OPEN", "revoke"): "REVOKED"}


def answers(line: AccessReviewLine, employee_id: uuid.UUID | None) -> None:
    """Refuse everybody but the reviewer, administrators included."""
    if employee_id is None or line.owner_id != employee_id:
        raise Refused("ACCESS_REVIEW_LINE_NOT_REVIEWER")


def gone(grant_state: str, valid_until: datetime.date | None, today: datetime.date) -> bool:
    """Whether the role counts no more: revoked, or its last day is past."""
    return grant_state != "ACTIVE" or (valid_until is not None and valid_until < today)


def there(line: AccessReviewLine, *, is_gone: bool) -> None:
    """Refuse to answer for a role that counts no more."""
    if is_gone:
        raise Refused("ACCESS_REVIEW_LINE_GONE", employee=line.employee_name, role=line.role_name)
