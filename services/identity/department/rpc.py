"""Departments: the tree that approvals climb and data scopes follow. Each call is about one company's tree.

What a department is today is written here or by a reorganisation; what it was is kept with it, day by day.
"""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import sqlalchemy as sa

from chassis import paper
from chassis.call import Call, Refused
from chassis.states import advance
from heyi.identity.v1 import departments_pb2 as pb
from identity import epoch, periods
from identity.department import rules
from identity.department.known import above, remember
from identity.department.model import Department
from identity.employee.model import Employee
from identity.headship import heads
from identity.organisation import chart, rows, sheet
from identity.placement.model import Placement


class Departments:
    async def CreateDepartment(self, request: pb.CreateDepartmentRequest, call: Call) -> Any:
        await epoch.bump(call)
        if call.company_id not in call.organisation.companies:
            # the first administrator belongs to no company, and has to choose one
            raise Refused("COMPANY_NOT_ALLOWED", company_id=call.company_id)
        department = await call.create(Department, request.department)
        department.periods = []
        await _check(department, call)
        remember(department, call.today())
        call.announce(pb.DepartmentCreated, department, parts=False)
        if department.head_id is not None:
            await heads.name(call, [(department, department.head_id)], call.today())
        return department

    async def GetDepartment(self, request: pb.GetDepartmentRequest, call: Call) -> Any:
        return await call.load(Department, request.id)

    async def ListDepartments(self, request: pb.ListDepartmentsRequest, call: Call) -> Any:
        return await call.page(Department, request)

    async def BatchGetDepartments(self, request: pb.BatchGetDepartmentsRequest, call: Call) -> Any:
        return await call.batch(Department, request)

    async def UpdateDepartment(self, request: pb.UpdateDepartmentRequest, call: Call) -> Any:
        await epoch.bump(call)
        department = await call.load(Department, request.department.id, etag=request.department.etag)
        advance(department, "update")
        head_id = department.head_id
        call.update(department, request.department, request.update_mask)
        await _check(department, call)
        remember(department, call.today())
        if department.head_id != head_id:
            await heads.name(call, [(department, department.head_id)], call.today())
        periods.tell(call, pb.DepartmentUpdated, department)
        return department

    async def DeactivateDepartment(self, request: pb.DeactivateDepartmentRequest, call: Call) -> Any:
        await epoch.bump(call)
        department = await call.load(Department, request.id, etag=request.etag)
        advance(department, "deactivate")
        employees = (
            sa.select(sa.func.count(Placement.employee_id.distinct()))
            .join(Employee, Employee.id == Placement.employee_id)
            .where(
                Placement.department_id == department.id,
                Placement.state.in_(periods.LIVE),
                Employee.state == "ACTIVE",
            )
        )
        below = sa.select(sa.func.count()).where(Department.parent_id == department.id, Department.state == "ACTIVE")
        counts = (await call.db.execute(sa.select(employees.scalar_subquery(), below.scalar_subquery()))).one()
        rules.leave(employees=counts[0], departments=counts[1])
        remember(department, call.today())
        return call.announce(pb.DepartmentUpdated, department, parts=False)

    async def ActivateDepartment(self, request: pb.ActivateDepartmentRequest, call: Call) -> Any:
        await epoch.bump(call)
        department = await call.load(Department, request.id, etag=request.etag)
        advance(department, "activate")
        await _check(department, call)
        remember(department, call.today())
        return call.announce(pb.DepartmentUpdated, department, parts=False)

    async def ChartDepartments(self, request: pb.ChartDepartmentsRequest, call: Call) -> pb.OrganisationChart:
        day = _day(request.chart_date, call)
        return await chart.message(call, day, department=request.department_id, everybody=request.people)

    async def ListSeatsDepartments(self, request: pb.ListSeatsDepartmentsRequest, call: Call) -> Any:
        return await rows.page(call, request, _day(request.chart_date, call))

    async def PrintChartDepartments(self, request: pb.PrintChartDepartmentsRequest, call: Call) -> paper.Sheet:
        day = _day(request.chart_date, call)
        return sheet.of(await chart.message(call, day, everybody=request.people), call)


def _day(text: str, call: Call) -> datetime.date:
    """The day asked for, or today."""
    return datetime.date.fromisoformat(text) if text else call.today()


async def _check(department: Department, call: Call) -> None:
    rules.place(department, await _above(department.parent_id, call))
    if department.head_id is not None:
        found = await call.db.execute(sa.select(Employee.name, Employee.state).where(Employee.id == department.head_id))
        row = found.one_or_none()
        if row is None:
            raise Refused("FIELD_NO_SUCH_DOCUMENT", field="head_id", value=department.head_id)
        rules.head(name=row.name, active=row.state == "ACTIVE")


async def _above(department_id: uuid.UUID | None, call: Call) -> list[rules.Above]:
    """The department and those above it, nearest first: one statement, whatever the depth."""
    if department_id is None:
        return []
    tree = above([department_id])
    units = (
        sa.select(Department.id, Department.company_id, Department.name, Department.state)
        .join(tree, tree.c.id == Department.id)
        .order_by(tree.c.height)
    )
    return [rules.Above(u.id, u.company_id, u.name, u.state == "ACTIVE") for u in (await call.db.execute(units)).all()]
