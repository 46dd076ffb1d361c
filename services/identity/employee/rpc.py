"""Employees: the master of every account. What changes here is in force with the commit; Keycloak follows by itself."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

import sqlalchemy as sa

from chassis.call import Call, Refused
from chassis.states import advance
from heyi.identity.v1 import employees_pb2 as pb
from identity import epoch
from identity.access.explain import explanation
from identity.company.model import Company
from identity.department.model import Department
from identity.employee import rules
from identity.employee.model import Account, Employee
from identity.grant.model import Grant
from identity.grant.rpc import administrators, covers
from identity.headship import heads
from identity.keycloak import Unreachable
from identity.keycloak_step import realm_of
from identity.placement import seats
from identity.post.model import Post
from identity.role import rules as role_rules
from identity.role.model import Role

# what Keycloak knows of a person
TOLD = ("name", "email")
INSPECTED_WITHIN_SECONDS = 5.0
PLACED = ("home_company_id", "department_id", "post_id")


class Employees:
    async def CreateEmployee(self, request: pb.CreateEmployeeRequest, call: Call) -> Any:
        await epoch.bump(call)
        employee = await call.create(Employee, request.employee)
        rules.check(employee)
        account = Account(employee=employee, wanted=1, due_at=call.now())
        if password := request.employee.initial_password:
            rules.password(password, username=employee.username, field="initial_password")
            account.password, account.password_temporary = password, not request.employee.keep_password
        call.db.add(account)
        await check_place(employee, call)
        await place(employee, call, min(employee.hire_date or call.today(), call.today()))
        return call.announce(pb.EmployeeCreated, employee)

    async def GetEmployee(self, request: pb.GetEmployeeRequest, call: Call) -> Any:
        return await call.load(Employee, request.id)

    async def ListEmployees(self, request: pb.ListEmployeesRequest, call: Call) -> Any:
        return await call.page(Employee, request)

    async def BatchGetEmployees(self, request: pb.BatchGetEmployeesRequest, call: Call) -> Any:
        reply = await call.batch(Employee, request)
        # what a program did stands in histories as what a person did: by the name of its key
        for key in request.ids:
            known = call.organisation.machine(key)
            if known is not None:
                reply.employees.add(id=key, code="API", name=known.name)
        return reply

    async def UpdateEmployee(self, request: pb.UpdateEmployeeRequest, call: Call) -> Any:
        await epoch.bump(call)
        employee, account = await _load(request.employee.id, request.employee.etag, call)
        advance(employee, "update")
        told, placed = _values(employee, TOLD), _values(employee, PLACED)
        call.update(employee, request.employee, request.update_mask)
        rules.check(employee)
        if placed != _values(employee, PLACED):
            await check_place(employee, call)
            await place(employee, call, call.today())
        if told != _values(employee, TOLD):
            rules.tell_keycloak(employee, account, now=call.now())
        return call.announce(pb.EmployeeUpdated, employee)

    async def DisableEmployee(self, request: pb.DisableEmployeeRequest, call: Call) -> Any:
        await epoch.bump(call)
        employee, account = await _load(request.id, request.etag, call)
        advance(employee, "disable")
        left = await administrators(call, without_employee=employee.id)
        rules.disable(employee, by=call.actor.employee_id, administrators_left=left, now=call.now())
        rules.tell_keycloak(employee, account, now=call.now())
        await heads.stood_in_by(call, employee.id)
        return call.announce(pb.EmployeeDisabled, employee, reason=request.reason)

    async def EnableEmployee(self, request: pb.EnableEmployeeRequest, call: Call) -> Any:
        await epoch.bump(call)
        employee, account = await _load(request.id, request.etag, call)
        advance(employee, "enable")
        await check_place(employee, call)
        employee.disable_time = None
        rules.tell_keycloak(employee, account, now=call.now())
        await heads.stood_in_by(call, employee.id)
        return call.announce(pb.EmployeeEnabled, employee)

    async def ResetPasswordEmployee(self, request: pb.ResetPasswordEmployeeRequest, call: Call) -> Any:
        await epoch.bump(call)
        employee, account = await _load(request.id, request.etag, call)
        advance(employee, "reset_password")
        rules.own_password(employee, from_directory=account.from_directory)
        rules.password(request.new_password, username=employee.username, field="new_password")
        account.password, account.password_temporary = request.new_password, True
        rules.cut_off(employee, now=call.now())
        rules.tell_keycloak(employee, account, now=call.now())
        return call.announce(pb.EmployeeUpdated, employee)

    async def UnlockEmployee(self, request: pb.UnlockEmployeeRequest, call: Call) -> Any:
        await epoch.bump(call)
        employee, account = await _load(request.id, request.etag, call)
        advance(employee, "unlock")
        rules.tell_keycloak(employee, account, now=call.now())
        account.unlocking = account.wanted
        return call.announce(pb.EmployeeUpdated, employee)

    async def ResetSecondFactorEmployee(self, request: pb.ResetSecondFactorEmployeeRequest, call: Call) -> Any:
        await epoch.bump(call)
        employee, account = await _load(request.id, request.etag, call)
        advance(employee, "reset_second_factor")
        rules.cut_off(employee, now=call.now())
        rules.tell_keycloak(employee, account, now=call.now())
        account.second_factor_reset = account.wanted
        return call.announce(pb.EmployeeUpdated, employee)

    async def InspectAccountEmployee(self, request: pb.InspectAccountEmployeeRequest, call: Call) -> Any:
        employee = await call.load(Employee, request.id)
        assert call.reach is not None
        rules.within(call.reach, employee)
        account = await call.db.get_one(Account, employee.id)
        if account.keycloak_id is None:
            return pb.AccountStanding()
        realm = realm_of(call.runtime.settings)
        try:
            async with asyncio.timeout(INSPECTED_WITHIN_SECONDS):
                found = await realm.standing(account.keycloak_id)
        except (Unreachable, TimeoutError) as problem:
            raise Refused("SERVICE_UNAVAILABLE", service="keycloak") from problem
        finally:
            await realm.close()
        if found is None:
            return pb.AccountStanding()
        standing = pb.AccountStanding(
            found=True,
            locked=found.locked,
            failure_count=found.failures,
            two_steps=found.second_factor,
            password_temporary=found.password_temporary,
        )
        if found.last_failure is not None:
            standing.last_failure_time.FromDatetime(found.last_failure)
        return standing

    async def ExplainAccessEmployee(self, request: pb.ExplainAccessEmployeeRequest, call: Call) -> Any:
        employee = await call.load(Employee, request.id)
        assert call.reach is not None
        rules.within(call.reach, employee)
        return await explanation(
            call, employee, request.permission, owner_id=request.owner_id, department_id=request.department_id
        )


async def place(employee: Employee, call: Call, day: datetime.date) -> None:
    """The place on the record is the principal placement from this day on; only the first administrator has none."""
    if employee.department_id is not None:
        await seats.place(call, [seats.Seat(employee, employee.department_id, employee.post_id)], day)


def _values(employee: Employee, names: tuple[str, ...]) -> list[Any]:
    return [getattr(employee, name) for name in names]


async def _load(key: str, etag: str, call: Call) -> tuple[Employee, Account]:
    """An employee within the caller's reach and not above the caller, with the account's errand; both locked."""
    employee = await call.load(Employee, key, etag=etag)
    await keepable(call, employee)
    account = await call.db.get_one(Account, employee.id, with_for_update=True)
    return employee, account


async def keepable(call: Call, *employees: Employee) -> None:
    """Refuse to keep somebody out of the caller's reach, or with more rights to give than the caller has."""
    assert call.reach is not None
    names = {employee.id: employee.name for employee in employees}
    for employee in employees:
        rules.within(call.reach, employee)
    held = (
        sa.select(Grant.employee_id, Role.permissions)
        .join(Role, Grant.role_id == Role.id)
        .where(Grant.employee_id.in_(names), Grant.state == "ACTIVE", Role.state == "ACTIVE")
    )
    for employee_id, permissions in (await call.db.execute(held)).all():
        if role_rules.gives_rights(permissions) and not covers(call, permissions):
            raise Refused("EMPLOYEE_BEYOND_OWN", name=names[employee_id])


async def check_place(employee: Employee, call: Call) -> None:
    """Refuse a place in the organisation that does not exist, belongs to others or is out of use."""
    assert call.reach is not None
    rules.within(call.reach, employee)
    await call.every_company()
    places = (
        sa.select(
            Company.name.label("company"),
            Company.state.label("company_state"),
            Department.name.label("department"),
            Department.company_id,
            Department.state.label("department_state"),
            Post.name.label("post"),
            Post.state.label("post_state"),
        )
        .select_from(sa.select(sa.literal(1)).subquery())
        .outerjoin(Company, Company.id == employee.home_company_id)
        .outerjoin(Department, Department.id == employee.department_id)
        .outerjoin(Post, Post.id == employee.post_id)
    )
    place = (await call.db.execute(places)).one()
    for field, name in (
        ("home_company_id", place.company),
        ("department_id", place.department),
        ("post_id", place.post),
    ):
        if name is None and (wanted := getattr(employee, field)) is not None:
            raise Refused("FIELD_NO_SUCH_DOCUMENT", field=field, value=wanted)
    if place.company is not None:
        rules.in_use(field="home_company_id", name=place.company, active=place.company_state == "ACTIVE")
    if place.department is not None:
        rules.department(
            company_id=place.company_id,
            home_company_id=employee.home_company_id,
            name=place.department,
            active=place.department_state == "ACTIVE",
        )
    if place.post is not None:
        rules.in_use(field="post_id", name=place.post, active=place.post_state == "ACTIVE")
