"""The people of the test organisation as rows, and documents with the one detail that matters visible."""

from __future__ import annotations

import datetime
import itertools
import uuid
from typing import Any

import sqlalchemy as sa
from stdnum.cn import uscc

from chassis.testing import COMPANY, OTHER_COMPANY, Bench, stable
from identity.company.model import Company
from identity.department.model import Department, DepartmentPeriod
from identity.employee.model import Account, Employee
from identity.headship.model import Headship
from identity.placement.model import Placement
from identity.post.model import Post, PostPeriod
from identity.role.model import Role

PASSWORD = "Heyi-demo-2026"
_counter = itertools.count(1)

FIRST_ADMINISTRATOR = "00000000-0000-7000-8000-000000000001"


def credit_code(serial: int) -> str:
    """A credit code whose check digit is right."""
    begin = f"91310000MA1{serial:06d}"
    return begin + str(uscc.calc_check_digit(begin))


async def settle_in(service: Bench) -> None:
    """Write the test organisation into the service's tables, ids as everybody knows them."""
    organisation = service.organisation
    companies = [
        _row(
            Company, id=place.company_id, code=place.code, name=place.name, short_name=place.short_name,
            credit_code=credit_code(number), base_currency="CNY", time_zone=place.time_zone,
        )
        for number, place in enumerate(organisation.companies.values())
    ]  # fmt: skip
    departments = [
        _row(Department, id=u.department_id, company_id=u.company_id, code=u.name.upper(), name=u.name)
        for u in organisation.departments.values()
    ]
    posts = [_row(Post, id=r.post_id, code=r.code, name=r.name, level=r.level) for r in organisation.posts.values()]
    people = [
        _row(
            Employee, id=p.employee_id, code=p.code, name=p.name, username=f"{p.username}.test", sort_key=p.username,
            home_company_id=p.company_id, department_id=p.department_id, post_id=p.post_id,
            state="ACTIVE" if p.active else "DISABLED",
        )
        for p in organisation.people.values()
    ]  # fmt: skip
    since = datetime.date(2026, 1, 1)
    placements = [
        _row(
            Placement, id=uuid.uuid5(p.employee_id, "placement"), company_id=p.company_id, state="ACTIVE",
            employee_id=p.employee_id, kind="PRINCIPAL", department_id=p.department_id, post_id=p.post_id,
            from_date=since, reason="",
        )
        for p in organisation.people.values()
    ]  # fmt: skip
    headships = [
        _row(
            Headship, id=uuid.uuid5(u.department_id, "headship"), company_id=u.company_id, state="ACTIVE",
            department_id=u.department_id, kind="HEAD", employee_id=u.head_id, from_date=since, reason="",
        )
        for u in organisation.departments.values()
    ]  # fmt: skip
    known = [
        {"id": uuid.uuid5(u.department_id, "period"), "department_id": u.department_id, "line_number": 1,
         "from_date": since, "name": u.name, "parent_id": u.parent_id, "state": "ACTIVE"}
        for u in organisation.departments.values()
    ]  # fmt: skip
    called = [
        {
            "id": uuid.uuid5(r.post_id, "period"),
            "post_id": r.post_id,
            "line_number": 1,
            "from_date": since,
            "name": r.name,
        }
        for r in organisation.posts.values()
    ]
    async with service.runtime.sessions() as session, session.begin():
        await session.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        for model, rows in (
            (Company, companies), (Department, departments), (Post, posts), (Employee, people),
            (Placement, placements), (Headship, headships), (DepartmentPeriod, known), (PostPeriod, called),
        ):  # fmt: skip
            await session.execute(sa.insert(model.__table__), rows)
        accounts = [{"employee_id": row["id"], "wanted": 1, "done": 1} for row in people]
        later = service.clock.now().replace(year=2099)
        await session.execute(sa.insert(Account.__table__), [{**row, "due_at": later} for row in accounts])
        for unit in organisation.departments.values():
            await session.execute(
                sa.update(Department.__table__)
                .where(Department.__table__.c.id == unit.department_id)
                .values(parent_id=unit.parent_id, head_id=unit.head_id)
            )


def _row(model: Any, **values: Any) -> dict[str, Any]:
    assert model.__table__ is not None
    return {"version": 1, **values}


def company(**changes: Any) -> dict[str, Any]:
    number = next(_counter)
    return {
        "code": f"C{number:03d}",
        "name": f"上海合一{number}厂有限公司",
        "short_name": f"{number}厂",
        "credit_code": credit_code(1000 + number),
        "base_currency": "CNY",
        "time_zone": "Asia/Shanghai",
        **changes,
    }


def department(**changes: Any) -> dict[str, Any]:
    number = next(_counter)
    return {"code": f"D{number:03d}", "name": f"第{number}车间", **changes}


def post(**changes: Any) -> dict[str, Any]:
    number = next(_counter)
    return {"code": f"P{number:03d}", "name": f"{number}级工程师", "level": 5, **changes}


def employee(**changes: Any) -> dict[str, Any]:
    number = next(_counter)
    return {
        "code": f"N{number:04d}",
        "name": "王小明",
        "username": f"wang.xiaoming{number}",
        "email": f"wang{number}@example.com",
        "home_company_id": str(COMPANY),
        "department_id": str(stable("workshop")),
        "post_id": str(stable("worker")),
        "hire_date": "2026-11-01",
        **changes,
    }


def role(*permissions: str, **changes: Any) -> dict[str, Any]:
    number = next(_counter)
    return {"code": f"role{number}", "name": f"角色{number}", "permissions": list(permissions), **changes}


def grant(person: str, role_id: str | uuid.UUID, scope: str = "COMPANY", **changes: Any) -> dict[str, Any]:
    company_id = {} if scope == "ALL" else {"grant_company_id": str(COMPANY)}
    return {"employee_id": str(stable(person)), "role_id": str(role_id), "scope": scope, **company_id, **changes}


def duty_conflict(first: list[str], second: list[str], **changes: Any) -> dict[str, Any]:
    """Permissions on both sides; `first_role_ids` and `second_role_ids` name roles."""
    number = next(_counter)
    return {
        "code": f"SOD-{number}",
        "name": f"不相容职务{number}",
        "reason": "一个人可以掩盖自己的错误。",
        "severity": "REFUSE",
        "keeper_id": str(stable("boss")),
        "first_duty": "职务甲",
        "first_permissions": first,
        "second_duty": "职务乙",
        "second_permissions": second,
        **changes,
    }


async def role_id(service: Bench, code: str) -> str:
    """Id of a role of the product."""
    async with service.runtime.sessions() as session:
        return str((await session.execute(sa.select(Role.id).where(Role.code == code))).scalar_one())


async def epoch(service: Bench) -> int:
    """The epoch as everybody would read it."""
    return int((await service.as_service("approval").GetAuthorization()).epoch)


__all__ = ["COMPANY", "OTHER_COMPANY", "PASSWORD", "stable"]
