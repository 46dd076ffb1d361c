"""Departments: the tree that approvals climb and data scopes follow. Each call is about one company's tree."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from chassis.call import Call, Refused
from chassis.states import advance
from heyi.identity.v1 import departments_pb2 as pb
from identity import epoch
from identity.department import rules
from identity.department.model import Department
from identity.employee.model import Employee

DEEPEST = 50


class Departments:
    async def CreateDepartment(self, request: pb.CreateDepartmentRequest, call: Call) -> Any:
        await epoch.bump(call)
        if call.company_id not in call.organisation.companies:
            # the first administrator belongs to no company, and has to choose one
            raise Refused("COMPANY_NOT_ALLOWED", company_id=call.company_id)
        department = await call.create(Department, request.department)
        await _check(department, call)
        return call.announce(pb.DepartmentCreated, department)

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
        call.update(department, request.department, request.update_mask)
        await _check(department, call)
        return call.announce(pb.DepartmentUpdated, department)

    async def DeactivateDepartment(self, request: pb.DeactivateDepartmentRequest, call: Call) -> Any:
        await epoch.bump(call)
        department = await call.load(Department, request.id, etag=request.etag)
        advance(department, "deactivate")
        employees = sa.select(sa.func.count()).where(
            Employee.department_id == department.id, Employee.state == "ACTIVE"
        )
        below = sa.select(sa.func.count()).where(Department.parent_id == department.id, Department.state == "ACTIVE")
        counts = (await call.db.execute(sa.select(employees.scalar_subquery(), below.scalar_subquery()))).one()
        rules.leave(employees=counts[0], departments=counts[1])
        return call.announce(pb.DepartmentUpdated, department)

    async def ActivateDepartment(self, request: pb.ActivateDepartmentRequest, call: Call) -> Any:
        await epoch.bump(call)
        department = await call.load(Department, request.id, etag=request.etag)
        advance(department, "activate")
        await _check(department, call)
        return call.announce(pb.DepartmentUpdated, department)


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
    here = sa.select(Department.id, Department.parent_id, sa.literal(1).label("height")).where(
        Department.id == department_id
    )
    tree = here.cte("above", recursive=True)
    up = sa.select(Department.id, Department.parent_id, tree.c.height + 1).join(tree, Department.id == tree.c.parent_id)
    tree = tree.union_all(up.where(tree.c.height < DEEPEST))
    units = (
        sa.select(Department.id, Department.company_id, Department.name, Department.state)
        .join(tree, tree.c.id == Department.id)
        .order_by(tree.c.height)
    )
    return [rules.Above(u.id, u.company_id, u.name, u.state == "ACTIVE") for u in (await call.db.execute(units)).all()]
