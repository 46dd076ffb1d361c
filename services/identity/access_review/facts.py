"""The lines of a review out of the grants as they are now: a fixed number of statements, whatever their number."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis.call import Call
from chassis.db import tables_of
from identity.access_review import rules
from identity.access_review.model import AccessReview
from identity.access_review_line.model import AccessReviewLine
from identity.base import Base
from identity.duty_conflict import held
from identity.duty_conflict import rules as duty_rules
from identity.employee.model import Employee
from identity.grant.model import Grant
from identity.role.model import Role


async def lines_of(call: Call, review: AccessReview, departments: Collection[uuid.UUID] | None) -> list[Any]:
    """A line for each role given to an active employee of these departments; None: of the company."""
    within = [Employee.home_company_id == review.company_id]
    if departments is not None:
        within.append(Employee.department_id == sa.any_(sa.literal(list(departments), pg.ARRAY(sa.Uuid))))
    given = (
        sa.select(
            Grant, Employee.name.label("employee_name"), Employee.department_id.label("place"),
            Role.code, Role.name.label("role_name"), Role.permissions, _given_by().label("given_by"),
        )
        .join(Role, Role.id == Grant.role_id)
        .join(Employee, Employee.id == Grant.employee_id)
        .where(*held.IN_FORCE, held.not_over(call), *within)
        .order_by(Employee.code, Role.code, Grant.id)
    )  # fmt: skip
    rows = (await call.db.execute(given)).all()
    rights = await held.of_people(call, {row.Grant.employee_id for row in rows})
    broken = rules.findings(duty_rules.meetings(await held.pairs_in_force(call), rights))
    return [_line(call, review, row, broken.get(row.Grant.id, "")) for row in rows]


def _given_by() -> Any:
    """Who gave a grant: the actor of its first change. One that comes with the product has none."""
    change, entry = tables_of(Base.metadata).audit_change, tables_of(Base.metadata).audit_entry
    return (
        sa.select(entry.c.actor_id)
        .join(change, change.c.entry_id == entry.c.id)
        .where(change.c.document_id == Grant.id)
        .order_by(change.c.id)
        .limit(1)
        .scalar_subquery()
    )


def _line(call: Call, review: AccessReview, row: Any, findings: str) -> AccessReviewLine:
    grant: Grant = row.Grant
    answers = rules.reviewer(
        call.organisation,
        company_id=review.company_id, department_id=row.place,
        employee_id=grant.employee_id, opener_id=review.owner_id,
    )  # fmt: skip
    return AccessReviewLine(
        company_id=review.company_id, access_review_id=review.id, owner_id=answers, department_id=row.place,
        employee_id=grant.employee_id, employee_name=row.employee_name, role_id=grant.role_id, role_name=row.role_name,
        grant_id=grant.id, grant_company_id=grant.grant_company_id, scope=grant.scope,
        department_ids=list(grant.department_ids), valid_until_date=grant.valid_until_date,
        since_time=held.of(grant, row.code, row.role_name, row.permissions, since=grant.created_at).since,
        granted_by_id=row.given_by, findings=findings,
    )  # fmt: skip
