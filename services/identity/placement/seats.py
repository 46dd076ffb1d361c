"""How an employee comes to a place: one way for the employee's form, a placement, a reorganisation and the day that
begins.
"""

from __future__ import annotations

import datetime
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from chassis.call import Call
from heyi.identity.v1 import employees_pb2, placements_pb2
from identity import periods
from identity.department.known import known_since
from identity.employee.model import Employee
from identity.placement.model import Placement

DEEPEST = 50


@dataclass(frozen=True)
class Seat:
    """The principal place of an employee, from a day on."""

    employee: Employee
    department_id: uuid.UUID
    post_id: uuid.UUID | None
    reports_to_id: uuid.UUID | None = None
    # the reporting line stays while the department does
    same_line: bool = True


async def of(call: Call, employee_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Placement]]:
    """The placements of employees that nobody cancelled, the oldest first."""
    wanted = sa.select(Placement).where(Placement.employee_id.in_(employee_ids), Placement.state != "CANCELLED")
    found: defaultdict[uuid.UUID, list[Placement]] = defaultdict(list)
    for placement in await call.db.scalars(wanted.order_by(Placement.from_date).with_for_update()):
        found[placement.employee_id].append(placement)
    return found


async def place(call: Call, seats: Sequence[Seat], day: datetime.date) -> None:
    """From `day` on, today or earlier, these employees belong there. Their record shows it; the caller announces it."""
    held = await of(call, [seat.employee.id for seat in seats])
    for seat in seats:
        employee = seat.employee
        chain = [one for one in held[employee.id] if one.kind == "PRINCIPAL"]
        now = next((one for one in chain if periods.holds(one, day)), None)
        reports_to_id = seat.reports_to_id
        if seat.same_line and now is not None and now.department_id == seat.department_id:
            reports_to_id = now.reports_to_id
        values = {
            "company_id": employee.home_company_id, "department_id": seat.department_id, "post_id": seat.post_id,
            "reports_to_id": reports_to_id,
        }  # fmt: skip
        if now is None or now.from_date < day:
            placement = Placement(employee_id=employee.id, kind="PRINCIPAL", from_date=day, reason="", **values)
            put_in(call, placement, chain)
            call.add(placement)
            call.announce(placements_pb2.PlacementCreated, placement)
        elif values != {name: getattr(now, name) for name in values}:
            for name, value in values.items():
                setattr(now, name, value)
            periods.tell(call, placements_pb2.PlacementUpdated, now)
        employee.department_id, employee.post_id = seat.department_id, seat.post_id
    await known_since(call, [seat.department_id for seat in seats], day)


def put_in(call: Call, placement: Placement, chain: Collection[Placement]) -> None:
    """A principal placement ends the one before and gives way to the one prepared after."""
    today = call.organisation.today(placement.company_id)
    for other in periods.insert(chain, placement):
        other.state = periods.state_on(other, today)
        periods.tell(call, placements_pb2.PlacementUpdated, other)
    placement.state = periods.state_on(placement, today)


def show(call: Call, employee: Employee, placements: Iterable[Placement]) -> None:
    """The employee's record shows the principal place of today."""
    for one in placements:
        if one.kind == "PRINCIPAL" and periods.holds(one, call.organisation.today(one.company_id)):
            place_now = (employee.department_id, employee.post_id)
            if place_now != (one.department_id, one.post_id):
                employee.department_id, employee.post_id = one.department_id, one.post_id
                periods.tell(call, employees_pb2.EmployeeUpdated, employee)


async def follow(call: Call, employee_ids: Collection[uuid.UUID]) -> None:
    """Employees show the place of today."""
    held = await of(call, employee_ids)
    wanted = sa.select(Employee).where(Employee.id.in_(employee_ids)).with_for_update()
    for employee in await call.db.scalars(wanted):
        show(call, employee, held[employee.id])


async def above(call: Call, employee_id: uuid.UUID) -> list[uuid.UUID]:
    """Whom somebody reports to today, and whom that one does, the nearest first; the employee is the first."""
    lines = sa.select(Placement.employee_id, Placement.reports_to_id).where(
        Placement.kind == "PRINCIPAL", Placement.state == "ACTIVE"
    ).subquery()  # fmt: skip
    start = sa.select(sa.literal(employee_id, sa.Uuid()).label("who"), sa.literal(1).label("height"))
    way = start.cte("line", recursive=True)
    up = (
        sa.select(lines.c.reports_to_id, way.c.height + 1)
        .join(way, way.c.who == lines.c.employee_id)
        .where(lines.c.reports_to_id.is_not(None), way.c.height < DEEPEST)
    )
    way = way.union_all(up)
    return list((await call.db.scalars(sa.select(way.c.who).order_by(way.c.height))).all())
