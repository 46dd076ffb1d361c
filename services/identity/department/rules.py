"""What keeps the organisation a tree: one company, no circles, a head who is there, nobody left behind."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chassis.errors import Refused

if TYPE_CHECKING:
    from identity.department.model import Department


@dataclass(frozen=True)
class Above:
    """A department on the way up from the wanted parent, the parent itself first."""

    id: uuid.UUID
    company_id: uuid.UUID
    name: str
    active: bool


def place(department: Department, above: Sequence[Above]) -> None:
    """Refuse a parent of another company, one out of use, and one that stands below the department itself."""
    if department.parent_id is None:
        return
    if not above:
        raise Refused("FIELD_NO_SUCH_DOCUMENT", field="parent_id", value=department.parent_id)
    if department.id in {unit.id for unit in above}:
        raise Refused("DEPARTMENT_CYCLE", field="parent_id", name=department.name)
    parent = above[0]
    if parent.company_id != department.company_id or not parent.active:
        raise Refused("DEPARTMENT_PARENT", field="parent_id", name=parent.name)


def head(*, name: str, active: bool) -> None:
    """Approvals look for the head: somebody who can answer."""
    if not active:
        raise Refused("DEPARTMENT_HEAD_DISABLED", field="head_id", name=name)


def leave(*, employees: int, departments: int) -> None:
    """A department goes out of use when nobody and nothing in use belongs to it."""
    if employees or departments:
        raise Refused("DEPARTMENT_HAS_PEOPLE", employees=employees, departments=departments)
