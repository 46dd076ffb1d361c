"""How a department comes to its head: one way for the department's form, a headship, a departure, a reorganisation
and the day that begins.
"""

from __future__ import annotations

import datetime
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

import sqlalchemy as sa

from chassis.call import Call
from heyi.identity.v1 import departments_pb2, headships_pb2
from identity import periods
from identity.department.model import Department
from identity.employee.model import Employee
from identity.headship import rules
from identity.headship.model import Headship


async def of(call: Call, department_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Headship]]:
    """The headships of departments that nobody cancelled, the oldest first."""
    wanted = sa.select(Headship).where(Headship.department_id.in_(department_ids), Headship.state != "CANCELLED")
    found: defaultdict[uuid.UUID, list[Headship]] = defaultdict(list)
    for headship in await call.db.scalars(wanted.order_by(Headship.from_date).with_for_update()):
        found[headship.department_id].append(headship)
    return found


async def name(call: Call, wanted: Sequence[tuple[Department, uuid.UUID | None]], day: datetime.date) -> None:
    """From `day` on, today or later, these departments have these heads, or none. Who stands in then stops."""
    held = await of(call, [department.id for department, _ in wanted])
    for department, head_id in wanted:
        theirs = held[department.id]
        current = [one for one in theirs if periods.holds(one, day)]
        for one in current:
            if one.kind == "ACTING":
                end(call, one, day)
        head = next((one for one in current if one.kind == "HEAD"), None)
        if head_id is None:
            if head is not None:
                end(call, head, day)
        elif head is not None and head.from_date == day:
            head.employee_id = head_id
            periods.tell(call, headships_pb2.HeadshipUpdated, head)
        elif head is None or head.employee_id != head_id:
            theirs.append(_begin(call, department, head_id, day, theirs))
    await _show(call, [department for department, _ in wanted], held)


async def hand_over(call: Call, employee_id: uuid.UUID, successor_id: uuid.UUID) -> list[Department]:
    """Somebody leaves: whatever they head, or stand in for, now or later, is their successor's; the departments."""
    theirs = sa.select(Headship.department_id).where(
        Headship.employee_id == employee_id, Headship.state.in_(periods.LIVE)
    )
    departments = await _departments(call, (await call.db.scalars(theirs)).all())
    held = await of(call, [department.id for department in departments])
    for department in departments:
        today = call.organisation.today(department.company_id)
        for one in [h for h in held[department.id] if h.employee_id == employee_id and h.state in periods.LIVE]:
            if one.from_date >= today:
                one.employee_id = successor_id
                periods.tell(call, headships_pb2.HeadshipUpdated, one)
            else:
                until = one.until_date
                end(call, one, today)
                held[department.id].append(
                    _begin(call, department, successor_id, today, (), kind=one.kind, until=until)
                )
    await _show(call, departments, held)
    return departments


async def follow(call: Call, department_ids: Collection[uuid.UUID], new: Iterable[Headship] = ()) -> None:
    """Departments show the head of today; `new`: headships that are not saved yet."""
    departments = await _departments(call, department_ids)
    held = await of(call, department_ids)
    for one in new:
        held[one.department_id].append(one)
    await _show(call, departments, held)


async def stood_in_by(call: Call, employee_id: uuid.UUID) -> None:
    """Somebody who may stand in for heads is disabled, or comes back."""
    where = (Headship.employee_id == employee_id, Headship.kind == "ACTING", Headship.state == "ACTIVE")
    if departments := (await call.db.scalars(sa.select(Headship.department_id).where(*where))).all():
        await follow(call, departments)


def end(call: Call, headship: Headship, day: datetime.date) -> None:
    """It lasts until the day before; one that would begin then never does."""
    if headship.from_date >= day:
        headship.state = "CANCELLED"
    else:
        headship.until_date = day - periods.DAY
        headship.state = periods.state_on(headship, call.organisation.today(headship.company_id))
    periods.tell(call, headships_pb2.HeadshipUpdated, headship)


def _begin(
    call: Call,
    department: Department,
    employee_id: uuid.UUID,
    day: datetime.date,
    theirs: Iterable[Headship],
    *,
    kind: str = "HEAD",
    until: datetime.date | None = None,
) -> Headship:
    headship = Headship(
        company_id=department.company_id, department_id=department.id, kind=kind, employee_id=employee_id,
        from_date=day, until_date=until, reason="",
    )  # fmt: skip
    put_in(call, headship, [one for one in theirs if one.kind == kind])
    call.add(headship)
    return call.announce(headships_pb2.HeadshipCreated, headship)


def put_in(call: Call, headship: Headship, chain: Collection[Headship]) -> None:
    """A head ends the one before and gives way to the one prepared after."""
    today = call.organisation.today(headship.company_id)
    for other in periods.insert(chain, headship):
        other.state = periods.state_on(other, today)
        periods.tell(call, headships_pb2.HeadshipUpdated, other)
    headship.state = periods.state_on(headship, today)


async def _departments(call: Call, department_ids: Collection[uuid.UUID]) -> list[Department]:
    wanted = sa.select(Department).where(Department.id.in_(department_ids)).order_by(Department.code)
    return list((await call.db.scalars(wanted.with_for_update())).all())


async def _show(call: Call, departments: Iterable[Department], held: dict[uuid.UUID, list[Headship]]) -> None:
    people = {one.employee_id for theirs in held.values() for one in theirs}
    found = await call.db.scalars(sa.select(Employee).where(Employee.id.in_(people)))
    active = {person.id for person in found if person.state == "ACTIVE"}
    for department in departments:
        today = call.organisation.today(department.company_id)
        head_id = rules.effective(held[department.id], today, active)
        if department.head_id != head_id:
            department.head_id = head_id
            periods.tell(call, departments_pb2.DepartmentUpdated, department)
