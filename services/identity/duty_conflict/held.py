"""Who holds which role now or later, as the rules on separated duties ask: a fixed number of statements for anybody."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis.call import Call
from chassis.db import tables_of
from identity.base import Base
from identity.directory.snapshot import EVERYBODY
from identity.duty_conflict.model import DutyConflict
from identity.duty_conflict.rules import Held
from identity.employee.model import Employee
from identity.grant.model import Grant
from identity.placement.model import Placement
from identity.role.model import Role

# grants of people who may sign in
IN_FORCE = (Grant.state == "ACTIVE", Employee.state == "ACTIVE")


def not_over(call: Call) -> Any:
    """Grants whose last day is not past."""
    return sa.func.coalesce(Grant.valid_until_date, call.today()) >= call.today()


async def pairs_in_force(call: Call, *conditions: Any) -> list[DutyConflict]:
    """The pairs that people are held to, by code."""
    active = sa.select(DutyConflict).where(DutyConflict.state == "ACTIVE", *conditions).order_by(DutyConflict.code)
    return list((await call.db.scalars(active)).all())


async def granted(call: Call, *conditions: Any) -> list[Held]:
    """Roles that active people hold by grants which are not over, the oldest first."""
    held = (
        sa.select(Grant, Role.code, Role.name, Role.permissions)
        .join(Role, Role.id == Grant.role_id)
        .join(Employee, Employee.id == Grant.employee_id)
        .where(
            *IN_FORCE,
            Role.state == "ACTIVE",
            not_over(call),
            *conditions,
        )
        .order_by(Grant.id)
    )
    rows = (await call.db.execute(held)).all()
    return [of(row.Grant, row.code, row.name, row.permissions, since=row.Grant.created_at) for row in rows]


def of(grant: Grant, code: str, name: str, permissions: Collection[str], *, since: datetime.datetime) -> Held:
    """A grant as the rules see it, given at `since`; one that begins later counts from its first day."""
    first = grant.valid_from_date
    begins = since if first is None else max(since, datetime.datetime.combine(first, datetime.time(), since.tzinfo))
    return Held(
        grant.employee_id, grant.id, grant.role_id, code, name, frozenset(permissions), grant.grant_company_id,
        grant.valid_from_date, grant.valid_until_date, begins,
    )  # fmt: skip


async def everybodys(call: Call, employee_ids: Collection[uuid.UUID]) -> list[Held]:
    """The role that everybody has, as these active people hold it in their own company, since they came there, and in
    each where they hold a post beside.
    """
    change, entry = tables_of(Base.metadata).audit_change, tables_of(Base.metadata).audit_entry
    came = (
        sa.select(sa.func.max(entry.c.at))
        .join(change, change.c.entry_id == entry.c.id)
        .where(
            change.c.document_id == Employee.id,
            change.c.changes.contains(sa.literal([{"field": "home_company_id"}], pg.JSONB)),
        )
        .scalar_subquery()
    )
    people = (
        sa.select(
            Employee.id.label("employee_id"), Employee.home_company_id, Role.id, Role.code, Role.name, Role.permissions,
            sa.func.coalesce(came, Employee.created_at).label("came"),
        )
        .join(Role, Role.code == EVERYBODY)
        .where(_among(Employee.id, employee_ids), Employee.state == "ACTIVE", Employee.home_company_id.is_not(None))
    )  # fmt: skip
    own = (await call.db.execute(people)).all()
    beside = sa.select(Placement.employee_id, Placement.company_id, Placement.created_at).where(
        _among(Placement.employee_id, employee_ids), Placement.kind == "CONCURRENT", Placement.state == "ACTIVE"
    )
    found = {(row.employee_id, row.home_company_id): (row, row.came) for row in own}
    roles = {row.employee_id: row for row in own}
    for seat in (await call.db.execute(beside.order_by(Placement.id))).all():
        if seat.employee_id in roles:
            found.setdefault((seat.employee_id, seat.company_id), (roles[seat.employee_id], seat.created_at))
    return [
        Held(employee_id, None, row.id, row.code, row.name, frozenset(row.permissions), company_id, None, None, since)
        for (employee_id, company_id), (row, since) in found.items()
    ]


async def of_people(call: Call, employee_ids: Collection[uuid.UUID]) -> list[Held]:
    """All that these people hold."""
    return await granted(call, _among(Grant.employee_id, employee_ids)) + await everybodys(call, employee_ids)


def _among(column: Any, keys: Collection[uuid.UUID]) -> Any:
    """As one parameter: of a list each id would be one, and a statement has 32,767 at most."""
    return column == sa.any_(sa.literal(list(keys), pg.ARRAY(sa.Uuid)))
