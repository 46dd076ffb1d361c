"""What is known of departments: those above one, what one was from day to day, and since when."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from chassis.call import Call
from identity import periods
from identity.department.model import Department, DepartmentPeriod

DEEPEST = 50
KEPT = ("name", "parent_id", "state")


def above(department_ids: Collection[uuid.UUID]) -> Any:
    """The departments and those above them: `id`, `height` (1: the department itself)."""
    here = sa.select(Department.id, Department.parent_id, sa.literal(1).label("height")).where(
        Department.id.in_(department_ids)
    )
    tree = here.cte("above", recursive=True)
    up = sa.select(Department.id, Department.parent_id, tree.c.height + 1).join(tree, Department.id == tree.c.parent_id)
    return tree.union_all(up.where(tree.c.height < DEEPEST))


async def known_since(call: Call, department_ids: Collection[uuid.UUID], day: datetime.date) -> None:
    """Where somebody was placed in a department earlier than it is known from, it was there then, with those above."""
    if day < call.today():
        earlier = sa.update(DepartmentPeriod).where(
            DepartmentPeriod.department_id.in_(sa.select(above(department_ids).c.id)),
            DepartmentPeriod.line_number == 1,
            DepartmentPeriod.from_date > day,
        )
        await call.db.execute(earlier.values(from_date=day), execution_options={"synchronize_session": False})


def remember(department: Department, today: datetime.date) -> None:
    """Write down what the department is from today on, where that is something else than before."""
    periods.remember(department, DepartmentPeriod, KEPT, today)
