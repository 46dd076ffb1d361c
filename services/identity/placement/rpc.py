"""Placements: prepared ahead or corrected, in force by the day, kept for ever."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from chassis.call import Call, Refused
from chassis.states import advance
from heyi.identity.v1 import placements_pb2 as pb
from identity import epoch, periods
from identity.department.known import known_since
from identity.department.model import Department
from identity.employee.model import Employee
from identity.employee.rpc import keepable
from identity.placement import rules, seats
from identity.placement.model import Placement
from identity.post.model import Post

PLACE = ("department_id", "post_id", "reports_to_id")


class Placements:
    async def CreatePlacement(self, request: pb.CreatePlacementRequest, call: Call) -> Any:
        await epoch.bump(call)
        placement = await call.create(Placement, request.placement)
        await _settle(placement, call)
        return call.announce(pb.PlacementCreated, placement)

    async def GetPlacement(self, request: pb.GetPlacementRequest, call: Call) -> Any:
        return await call.load(Placement, request.id)

    async def ListPlacements(self, request: pb.ListPlacementsRequest, call: Call) -> Any:
        return await call.page(Placement, request)

    async def BatchGetPlacements(self, request: pb.BatchGetPlacementsRequest, call: Call) -> Any:
        return await call.batch(Placement, request)

    async def UpdatePlacement(self, request: pb.UpdatePlacementRequest, call: Call) -> Any:
        await epoch.bump(call)
        placement = await call.load(Placement, request.placement.id, etag=request.placement.etag)
        before, there = periods.Span(placement.from_date, placement.until_date), _place(placement)
        call.update(placement, request.placement, request.update_mask)
        advance(placement, "update")
        others = _place(placement) != there
        periods.changeable(placement, before, call.today(), refusal="PLACEMENT_BEGUN", others=others)
        await _settle(placement, call, before)
        return call.announce(pb.PlacementUpdated, placement)

    async def CancelPlacement(self, request: pb.CancelPlacementRequest, call: Call) -> Any:
        await epoch.bump(call)
        placement = await call.load(Placement, request.id, etag=request.etag)
        periods.withdraw(placement, call, "PLACEMENT_BEGUN")
        employee = await call.load(Employee, placement.employee_id, scope=False)
        await keepable(call, employee)
        if placement.kind == "PRINCIPAL":
            held = (await seats.of(call, [placement.employee_id]))[placement.employee_id]
            chain = [one for one in held if one is not placement and one.kind == "PRINCIPAL"]
            before = periods.remove(chain, placement)
            if not before and periods.holds(placement, call.today()):
                # somewhere an employee belongs on every day
                facts: dict[str, Any] = {"from": placement.from_date}
                raise Refused("PLACEMENT_BEGUN", **facts)
            for other in before:
                other.state = periods.state_on(other, call.today())
                periods.tell(call, pb.PlacementUpdated, other)
            seats.show(call, employee, before)
        return call.announce(pb.PlacementUpdated, placement)


def _place(placement: Placement) -> list[Any]:
    return [getattr(placement, name) for name in PLACE]


async def _settle(placement: Placement, call: Call, before: periods.Span | None = None) -> None:
    """Check it against the others, give it its room among them, show the place of today."""
    found = sa.select(Employee).where(Employee.id == placement.employee_id).with_for_update()
    employee = (await call.db.scalars(found)).one_or_none()
    if employee is None:
        raise Refused("FIELD_NO_SUCH_DOCUMENT", field="employee_id", value=placement.employee_id)
    await keepable(call, employee)
    department = await _check_places(placement, employee, call)
    others = [one for one in (await seats.of(call, [employee.id]))[employee.id] if one is not placement]
    chain = [one for one in others if one.kind == "PRINCIPAL"] if placement.kind == "PRINCIPAL" else []
    until = before.until_date if before else None
    if chain and before is not None and before.from_date != placement.from_date:
        for other in periods.remove(chain, before):
            periods.tell(call, pb.PlacementUpdated, other)
    rules.check(placement, others, department=department, until=until)
    if chain and before is not None:
        placement.until_date = None
    seats.put_in(call, placement, chain)
    if placement.reports_to_id is not None:
        above = await seats.above(call, placement.reports_to_id)
        names = sa.select(Employee.id, Employee.name).where(Employee.id.in_([employee.id, *above]))
        rules.no_circle(employee.id, above, {row.id: row.name for row in await call.db.execute(names)})
    seats.show(call, employee, [placement])
    await known_since(call, [placement.department_id], placement.from_date)


async def _check_places(placement: Placement, employee: Employee, call: Call) -> str:
    """Refuse what does not exist, is out of use or belongs to others; the department's name."""
    rules.in_use(field="employee_id", name=employee.name, active=employee.state == "ACTIVE")
    if placement.kind == "PRINCIPAL" and employee.home_company_id != call.company_id:
        place = call.organisation.companies.get(employee.home_company_id or call.company_id)
        raise Refused("PLACEMENT_COMPANY", name=employee.name, company=place.name if place else "")
    there = sa.select(sa.literal(1)).subquery()
    places = (
        sa.select(
            Department.name.label("department"), Department.state.label("department_state"),
            Post.name.label("post"), Post.state.label("post_state"),
            Employee.name.label("reports_to"), Employee.state.label("reports_to_state"),
        )
        .select_from(there)
        .outerjoin(Department, Department.id == placement.department_id)
        .outerjoin(Post, Post.id == placement.post_id)
        .outerjoin(Employee, Employee.id == placement.reports_to_id)
    )  # fmt: skip
    row = (await call.db.execute(places)).one()
    for name in ("department", "post", "reports_to"):
        field = f"{name}_id"
        wanted, known = getattr(placement, field), getattr(row, name)
        if wanted is not None and known is None:
            raise Refused("FIELD_NO_SUCH_DOCUMENT", field=field, value=wanted)
        if known is not None:
            rules.in_use(field=field, name=known, active=getattr(row, f"{name}_state") == "ACTIVE")
    return str(row.department)
