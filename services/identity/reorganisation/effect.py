"""A reorganisation before its day and on it: the same rules over the same organisation say what it would do and do it.

On its day it is one transaction: every department, placement and headship changes, or nothing does and the
reorganisation says what stood against it.
"""

from __future__ import annotations

import datetime
import uuid
import zoneinfo
from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from chassis import timers
from chassis.call import Call
from chassis.timers import OnTime, Timer
from heyi.identity.v1 import departments_pb2, employees_pb2
from heyi.identity.v1 import reorganisations_pb2 as pb
from identity import epoch, lookups, periods
from identity.department.known import remember
from identity.department.model import Department
from identity.duty_conflict import held
from identity.duty_conflict.rules import meetings
from identity.employee.model import Employee
from identity.headship import heads
from identity.organisation import chart
from identity.organisation.tree import Finding, Tree, applied, changed_units
from identity.placement import seats
from identity.reorganisation.model import Reorganisation, ReorganisationFinding, ReorganisationLine

HANDLER = "reorganisation"
MOST_FINDINGS = 1000


async def foreseen(
    call: Call, reorganisation: Reorganisation, *, now: bool = False
) -> tuple[Tree, Tree, list[Finding]]:
    """The organisation on the day of effect without it and with it, and what is found. `now`: as it stands, without
    others that wait for their turn.
    """
    day = max(reorganisation.effective_date, call.today())
    before = await chart.on(call, call.today() if now else day, without=reorganisation.id, scheduled=not now)
    named = {key for line in reorganisation.lines for key in (line.employee_id, line.reports_to_id) if key}
    if named - before.people.keys():
        await chart.know(call, before, {*before.people, *named}, day)
    after, found = applied(before, reorganisation.lines)
    return before, after, [*found, *await _duties(call, {line.employee_id for line in reorganisation.lines} - {None})]


async def preview(call: Call, reorganisation: Reorganisation) -> pb.ReorganisationPreview:
    """What the page shows: the tree as it would be, changes marked, departments that go at the end; and the steps of
    running approvals that it concerns.
    """
    before, after, found = await foreseen(call, reorganisation)
    answer = pb.ReorganisationPreview(findings=[_said(one, n) for n, one in enumerate(found[:MOST_FINDINGS], 1)])
    changed, counts, were = changed_units(before, after), after.counts(), before.counts()
    gone = [unit for unit, _ in before.in_order() if unit.id not in after.units]
    for unit in [*(unit for unit, _ in after.in_order()), *gone]:
        known, head = before.units.get(unit.id), unit.acting_id or unit.head_id
        change = pb.ReorganisationPreview.CHANGE_UNSPECIFIED
        if unit.id in changed:
            change = pb.ReorganisationPreview.CHANGED
            if known is None or unit.id not in after.units:
                change = pb.ReorganisationPreview.NEW if known is None else pb.ReorganisationPreview.DISSOLVED
        above = before.units.get(known.parent_id) if known and known.parent_id else None
        answer.units.add(
            department_id=str(unit.id), code=unit.code, name=unit.name,
            parent_id=str(unit.parent_id) if unit.parent_id in after.units else "",
            head_name=after.people[head].name if head in after.people else "", people_count=counts[unit.id],
            change=change, name_before=known.name if known else "", parent_name_before=above.name if above else "",
            people_count_before=were[unit.id],
        )  # fmt: skip
    met = await lookups.approvals_met(before, after, call)
    if met is None:
        answer.approvals_unknown = True
        return answer
    answer.approvals.extend(met.effects)
    answer.approvals_looked_at, answer.approvals_capped = met.looked_at, met.more
    return answer


def wait_for_the_day(call: Call, reorganisation: Reorganisation) -> None:
    """A timer for the beginning of its day in the company's time zone."""
    zone = zoneinfo.ZoneInfo(call.company.time_zone)
    begins = datetime.datetime.combine(reorganisation.effective_date, datetime.time(), zone)
    timers.start(call, HANDLER, begins, company_id=reorganisation.company_id, subject_id=reorganisation.id)


async def take_effect(reorganisation: Reorganisation, _timer: Timer, call: Call) -> None:
    """Its day has come. One that something stands against changes nothing and waits for a person."""
    if reorganisation.state != "SCHEDULED":
        return
    await epoch.bump(call)
    before, after, found = await foreseen(call, reorganisation, now=True)
    reorganisation.findings = [
        ReorganisationFinding(line_number=n, blocking=one.blocking, about_line=one.line, what_key=one.key,
                              what_facts=dict(one.facts))
        for n, one in enumerate(found[:MOST_FINDINGS], 1)
    ]  # fmt: skip
    if any(one.blocking for one in found):
        reorganisation.state = "BLOCKED"
        call.announce(pb.ReorganisationUpdated, reorganisation)
        return
    await _do(call, reorganisation.lines, before, after)
    reorganisation.state, reorganisation.effect_time = "EFFECTIVE", call.now()
    call.announce(pb.ReorganisationFinished, reorganisation)


HANDLERS = [OnTime(HANDLER, Reorganisation, take_effect)]


async def _do(call: Call, lines: Iterable[ReorganisationLine], before: Tree, after: Tree) -> None:
    """Departments first, then people, then heads: a fixed number of statements, whatever the number of lines."""
    today, lines = call.today(), list(lines)
    changed = changed_units(before, after)
    known = sa.select(Department).options(selectinload(Department.periods)).where(Department.id.in_(changed))
    departments = {one.id: one for one in await call.db.scalars(known.order_by(Department.code).with_for_update())}
    for key in sorted(changed):
        unit = after.units.get(key)
        if unit is None:
            departments[key].state = "INACTIVE"
        elif key not in departments:
            made = Department(id=key, company_id=call.company_id, code=unit.code, name=unit.name, periods=[])
            made.parent_id = unit.parent_id
            departments[key] = call.add(made)
            call.announce(departments_pb2.DepartmentCreated, made, parts=False)
        else:
            departments[key].name, departments[key].parent_id = unit.name, unit.parent_id
        remember(departments[key], today)
        periods.tell(call, departments_pb2.DepartmentUpdated, departments[key])
    await _move(
        call, {line.employee_id for line in lines if line.kind not in ("SET_HEAD",) and line.employee_id}, after
    )
    named = {line.department_id or _made(lines, line.department_code) for line in lines if line.kind == "SET_HEAD"}
    await heads.name(call, [(departments[key], after.units[key].head_id) for key in named if key in departments], today)


async def _move(call: Call, employee_ids: Collection[uuid.UUID], after: Tree) -> None:
    wanted = sa.select(Employee).where(Employee.id.in_(employee_ids)).order_by(Employee.id).with_for_update()
    employees = list((await call.db.scalars(wanted)).all())
    places = []
    for employee in employees:
        seat = after.principal(employee.id)
        assert seat is not None
        places.append(seats.Seat(employee, seat.department_id, seat.post_id, seat.reports_to_id, same_line=False))
    await seats.place(call, places, call.today())
    for employee in employees:
        periods.tell(call, employees_pb2.EmployeeUpdated, employee)


def _made(lines: Iterable[ReorganisationLine], code: str) -> uuid.UUID | None:
    return next((line.id for line in lines if line.kind == "NEW_DEPARTMENT" and line.department_code == code), None)


async def _duties(call: Call, employee_ids: Collection[Any]) -> list[Finding]:
    """Separated duties that lie in the hand of somebody who is moved or becomes a head."""
    if not employee_ids:
        return []
    pairs = await held.pairs_in_force(call)
    rights = await held.of_people(call, employee_ids)
    people = sa.select(Employee.id, Employee.name).where(Employee.id.in_(employee_ids))
    names = {row.id: row.name for row in await call.db.execute(people)}
    return [
        Finding(
            "duties",
            {
                "name": names[one.first.employee_id], "pair": f"{one.pair.code} {one.pair.name}",
                "first": one.pair.first_duty, "second": one.pair.second_duty,
            },
            blocking=False,
        )
        for one in meetings(pairs, rights)
    ]  # fmt: skip


def _said(one: Finding, number: int) -> pb.ReorganisationFinding:
    return pb.ReorganisationFinding(
        line_number=number, blocking=one.blocking, about_line=one.line, what_key=one.key, what_facts=one.facts
    )
