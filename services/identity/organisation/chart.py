"""The organisation of a company as of any day, out of what is kept with departments, headships and placements: six
statements, whatever the size. A day to come has in it what is planned, and the reorganisations scheduled until then.
"""

from __future__ import annotations

import datetime
import uuid
import zoneinfo
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.orm import selectinload

from chassis.call import Call
from heyi.identity.v1 import departments_pb2 as pb
from identity.department.model import Department, DepartmentPeriod
from identity.employee.model import Employee
from identity.headship.model import Headship
from identity.organisation import tree
from identity.placement.model import Placement
from identity.post.model import Post, PostPeriod
from identity.reorganisation.model import Reorganisation

MOST_PEOPLE = 5000
ORDER = ("PRINCIPAL", "CONCURRENT", "MATRIX")


async def on(call: Call, day: datetime.date, *, without: uuid.UUID | None = None, scheduled: bool = True) -> tree.Tree:
    """The company of the call on a day, with the reorganisations `scheduled` until then but for the one `without`."""
    await call.every_company()
    found = tree.Tree()
    for row in (await call.db.execute(_units(call.company_id, day))).all():
        found.codes |= {row.code}
        if row.known_as is not None:
            found.units[row.id] = tree.Unit(
                row.id, row.code, row.known_as, row.above_id, row.sort_order, name_now=row.name
            )
    for row in (await call.db.execute(_heads(call.company_id, day))).all():
        if unit := found.units.get(row.department_id):
            setattr(unit, "acting_id" if row.kind == "ACTING" else "head_id", row.employee_id)
    zone = zoneinfo.ZoneInfo(call.company.time_zone)
    for row in (await call.db.execute(_seats(call.company_id, day))).all():
        gone = row.state == "DISABLED" and row.disable_time and row.disable_time.astimezone(zone).date() < day
        if not gone:
            found.seats.append(
                tree.Seat(
                    row.employee_id, row.kind, row.department_id, row.post_id, row.reports_to_id, row.from_date,
                    later=row.from_date > day,
                )
            )  # fmt: skip
    named = {key for unit in found.units.values() for key in (unit.head_id, unit.acting_id) if key}
    named |= {key for seat in found.seats for key in (seat.employee_id, seat.reports_to_id) if key}
    coming = await _scheduled(call, day, without) if scheduled else []
    named |= {key for one in coming for line in one.lines for key in (line.employee_id, line.reports_to_id) if key}
    await know(call, found, named, day)
    for one in coming:
        found, _ = tree.applied(found, one.lines)
    return found


async def know(call: Call, found: tree.Tree, named: set[uuid.UUID], day: datetime.date) -> None:
    """The people of the company and those who are named, and every post as it is called on the day."""
    known = sa.select(Employee.id, Employee.code, Employee.name, Employee.state, Employee.home_company_id)
    by_key = Employee.id == sa.any_(sa.literal(list(named), pg.ARRAY(sa.Uuid)))
    for row in (await call.db.execute(known.where(sa.or_(Employee.home_company_id == call.company_id, by_key)))).all():
        own = row.home_company_id == call.company_id
        found.people[row.id] = tree.Known(row.name, row.state == "ACTIVE", row.code, own)
    for row in (await call.db.execute(_posts(day))).all():
        found.posts[row.id] = tree.Known(row.named, row.state == "ACTIVE", row.code)


async def message(call: Call, day: datetime.date, *, department: str = "", everybody: bool = False) -> Any:
    """The answer: units from the top down, and the people of one unit or of every one."""
    found = await on(call, day)
    counts, names = found.counts(), {key: known.name for key, known in found.people.items()}
    chart = pb.OrganisationChart(chart_date=day.isoformat())
    for unit, _ in found.in_order():
        parent = unit.parent_id if unit.parent_id in found.units else None
        chart.units.add(
            department_id=str(unit.id), code=unit.code, name=unit.name, parent_id=str(parent or ""),
            head_id=str(unit.head_id or ""), head_name=names.get(unit.head_id, "") if unit.head_id else "",
            acting_id=str(unit.acting_id or ""), acting_name=names.get(unit.acting_id, "") if unit.acting_id else "",
            people_count=counts[unit.id], name_now=unit.name_now if unit.name_now != unit.name else "",
        )  # fmt: skip
    seats = [
        seat
        for seat in found.seats
        if not seat.later and seat.department_id in found.units and (everybody or str(seat.department_id) == department)
    ]
    codes = {key: known.code for key, known in found.people.items()}
    seats.sort(key=lambda seat: (ORDER.index(seat.kind), codes.get(seat.employee_id, "")))
    chart.people_capped = len(seats) > MOST_PEOPLE
    for seat in seats[:MOST_PEOPLE]:
        post = found.posts.get(seat.post_id) if seat.post_id else None
        chart.people.add(
            employee_id=str(seat.employee_id), code=codes.get(seat.employee_id, ""),
            name=names.get(seat.employee_id, ""), kind=seat.kind, department_id=str(seat.department_id),
            post_name=post.name if post else "", reports_to_id=str(seat.reports_to_id or ""),
            reports_to_name=names.get(seat.reports_to_id, "") if seat.reports_to_id else "",
            from_date=seat.from_date.isoformat() if seat.from_date > datetime.date.min else "",
        )  # fmt: skip
    return chart


def _units(company_id: uuid.UUID, day: datetime.date) -> Any:
    """Every department of the company, with what it was on the day where it was in use."""
    then = sa.and_(DepartmentPeriod.department_id == Department.id, _holds(DepartmentPeriod, day))
    return (
        sa.select(
            Department.id, Department.code, Department.name, Department.sort_order,
            DepartmentPeriod.name.label("known_as"), DepartmentPeriod.parent_id.label("above_id"),
        )
        .outerjoin(DepartmentPeriod, sa.and_(then, DepartmentPeriod.state == "ACTIVE"))
        .where(Department.company_id == company_id)
    )  # fmt: skip


def _heads(company_id: uuid.UUID, day: datetime.date) -> Any:
    return sa.select(Headship.department_id, Headship.kind, Headship.employee_id).where(
        Headship.company_id == company_id, Headship.state != "CANCELLED", _holds(Headship, day)
    )


def _seats(company_id: uuid.UUID, day: datetime.date) -> Any:
    """Places in the company's departments on the day, and those that begin later."""
    return (
        sa.select(
            Placement.employee_id, Placement.kind, Placement.department_id, Placement.post_id,
            Placement.reports_to_id, Placement.from_date, Employee.state, Employee.disable_time,
        )
        .join(Employee, Employee.id == Placement.employee_id)
        .where(
            Placement.company_id == company_id,
            Placement.state != "CANCELLED",
            sa.or_(Placement.until_date.is_(None), Placement.until_date >= day),
        )
    )  # fmt: skip


def _posts(day: datetime.date) -> Any:
    """Every post with its name of the day: the planned one, else the first that lasted until then or lasts still."""
    then = (
        sa.select(PostPeriod.name)
        .where(
            PostPeriod.post_id == Post.id, sa.or_(PostPeriod.until_date.is_(None), PostPeriod.until_date >= day)
        )
        .order_by(PostPeriod.line_number)
        .limit(1)
        .scalar_subquery()
    )  # fmt: skip
    named = sa.case((Post.next_name_date <= day, Post.next_name), else_=sa.func.coalesce(then, Post.name))
    return sa.select(Post.id, Post.code, Post.state, named.label("named"))


def _holds(model: Any, day: datetime.date) -> Any:
    return sa.and_(model.from_date <= day, sa.or_(model.until_date.is_(None), model.until_date >= day))


async def _scheduled(call: Call, day: datetime.date, without: uuid.UUID | None) -> list[Reorganisation]:
    waiting = (
        sa.select(Reorganisation)
        .options(selectinload(Reorganisation.lines))
        .where(
            Reorganisation.company_id == call.company_id,
            Reorganisation.state == "SCHEDULED",
            Reorganisation.effective_date.between(call.today(), day),
            Reorganisation.id.is_distinct_from(without),
        )
        .order_by(Reorganisation.effective_date, Reorganisation.id)
    )
    return list((await call.db.scalars(waiting)).all())
