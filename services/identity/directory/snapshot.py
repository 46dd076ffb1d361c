"""The organisation and everybody's rights as one answer: a fixed number of statements, whatever the size."""

from __future__ import annotations

import datetime
import uuid
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from heyi.identity.v1 import directory_pb2 as pb
from heyi.identity.v1 import grants_pb2
from identity.api_key.model import ApiKey
from identity.calendar_day.model import CalendarDay
from identity.company.model import Company
from identity.delegation.model import LIVE, Delegation
from identity.department.model import Department, DepartmentPeriod
from identity.departure.model import Departure
from identity.employee.model import Employee
from identity.grant.model import Grant
from identity.headship.model import Headship
from identity.number_format.model import NumberFormat
from identity.placement.model import Placement
from identity.post.model import Post, PostPeriod
from identity.role.model import Role

# what every active employee may do in the own company, without a grant
EVERYBODY = "employee"
NO_COMPANY = uuid.UUID(int=0)


async def authorization(db: AsyncSession, epoch: int) -> pb.Authorization:
    """The snapshot of what is committed now, which is at least as new as `epoch`, read before."""
    answer = pb.Authorization(epoch=epoch)
    employees = (await db.execute(sa.select(*_columns(Employee, PERSON)).order_by(Employee.id))).all()
    seats: defaultdict[uuid.UUID, list[Any]] = defaultdict(list)
    for seat in (await db.execute(_SEATS)).all():
        seats[seat.employee_id].append(seat)
    for row in employees:
        answer.people.append(_person(row, seats[row.id]))
    former: defaultdict[uuid.UUID, list[pb.Authorization.Former]] = defaultdict(list)
    for past in (await db.execute(_FORMER)).all():
        was = pb.Authorization.Former(until_date=str(past.until_date), name=past.name, parent_id=_text(past.parent_id))
        former[past.department_id].append(was)
    heads: defaultdict[uuid.UUID, list[pb.Authorization.Headed]] = defaultdict(list)
    for one in (await db.execute(_HEADS)).all():
        heads[one.department_id].append(
            pb.Authorization.Headed(
                from_date=str(one.from_date), until_date=_text(one.until_date), employee_id=str(one.employee_id),
                acting=one.kind == "ACTING",
            )
        )  # fmt: skip
    for unit in (await db.execute(sa.select(*_columns(Department, UNIT)))).all():
        answer.departments.add(
            department_id=str(unit.id), company_id=str(unit.company_id), parent_id=_text(unit.parent_id),
            head_id=_text(unit.head_id), name=unit.name, active=unit.state == "ACTIVE", former=former[unit.id],
            heads=heads[unit.id],
        )  # fmt: skip
    for place in (await db.execute(sa.select(*_columns(Company, PLACE)))).all():
        answer.companies.add(company_id=str(place.id), **{name: getattr(place, name) for name in PLACE[1:]})
    called: defaultdict[uuid.UUID, list[pb.Authorization.Former]] = defaultdict(list)
    for past in (await db.execute(_CALLED)).all():
        called[past.post_id].append(pb.Authorization.Former(until_date=str(past.until_date), name=past.name))
    for post in (await db.execute(sa.select(Post.id, Post.code, Post.name, Post.level))).all():
        answer.posts.add(post_id=str(post.id), code=post.code, name=post.name, level=post.level, former=called[post.id])
    for day in (await db.execute(_DAYS)).all():
        answer.calendar_days.add(
            company_id=_text(day.calendar_company_id), calendar_date=str(day.calendar_date),
            working=day.kind == "WORKDAY",
        )  # fmt: skip
    for one in (await db.scalars(sa.select(NumberFormat))).all():
        answer.number_formats.add(
            company_id=_text(one.format_company_id), document_type=one.document_type,
            pattern=one.pattern if one.state == "ACTIVE" else "",
        )  # fmt: skip
    for right in (await db.execute(_GRANTED)).all():
        answer.rights.append(_right(right))
    live = sa.select(*_columns(Delegation, DEPUTY)).where(LIVE).order_by(Delegation.id)
    for row in (await db.execute(live)).all():
        answer.delegations.append(_deputy(row))
    for row in (await db.execute(_SUCCESSORS)).all():
        answer.successors.add(employee_id=str(row.employee_id), successor_id=str(row.successor_id))
    everybody = await db.scalar(sa.select(Role.permissions).where(Role.code == EVERYBODY))
    for row in employees:
        if everybody and row.state == "ACTIVE" and row.home_company_id is not None:
            # who holds a post in another company belongs there too
            for company_id in dict.fromkeys(
                [row.home_company_id, *(s.company_id for s in seats[row.id] if s.kind != "MATRIX")]
            ):
                answer.rights.add(
                    employee_id=str(row.id), role_code=EVERYBODY, company_id=str(company_id),
                    scope=grants_pb2.Grant.OWN, permissions=everybody,
                )  # fmt: skip
    for key in (await db.execute(sa.select(*_columns(ApiKey, KEY)))).all():
        until = str(key.valid_until_date)
        answer.people.add(
            employee_id=str(key.id), name=key.name, company_id=str(key.key_company_id), active=key.state == "ACTIVE",
            maker_id=str(key.maker_id), key_hash=key.key_hash, valid_until_date=until,
        )  # fmt: skip
        answer.rights.add(
            employee_id=str(key.id), company_id=str(key.key_company_id), scope=grants_pb2.Grant.COMPANY,
            permissions=key.permissions, valid_until_date=until,
        )  # fmt: skip
    return answer


KEY = ("id", "name", "key_company_id", "permissions", "valid_until_date", "key_hash", "maker_id", "state")
PERSON = (
    "id", "name", "username", "code", "home_company_id", "department_id", "post_id", "state", "not_before",
    "email", "locale",
)  # fmt: skip
UNIT = ("id", "company_id", "parent_id", "head_id", "name", "state")
PLACE = (
    "id",
    "code",
    "name",
    "short_name",
    "base_currency",
    "time_zone",
    "credit_code",
    "address",
    "phone",
    "working_hours",
)
DEPUTY = (
    "id", "delegator_id", "delegate_id", "from_date", "until_date", "document_types", "limit_amount", "currency",
)  # fmt: skip
# of those who are gone, the last departure last; who came back has no successor
_SUCCESSORS = (
    sa.select(Departure.employee_id, Departure.successor_id)
    .join(Employee, Employee.id == Departure.employee_id)
    .where(Departure.state.in_(["RUNNING", "DONE"]), Employee.state == "DISABLED")
    .order_by(Departure.run_time)
)
_GRANTED = (
    sa.select(
        Grant.employee_id,
        Role.code,
        Role.name,
        Role.permissions,
        Grant.grant_company_id,
        Grant.scope,
        Grant.department_ids,
        Grant.valid_from_date,
        Grant.valid_until_date,
    )
    .join(Role, Role.id == Grant.role_id)
    .join(Employee, Employee.id == Grant.employee_id)
    .where(Grant.state == "ACTIVE", Role.state == "ACTIVE", Employee.state == "ACTIVE")
    .order_by(Grant.id)
)

# the principal placement stands with the employee: only its reporting line is asked for here
_SEATS = (
    sa.select(
        Placement.employee_id, Placement.kind, Placement.company_id, Placement.department_id, Placement.post_id,
        Placement.reports_to_id,
    )
    .where(
        Placement.state == "ACTIVE",
        sa.or_(Placement.kind != "PRINCIPAL", Placement.reports_to_id.is_not(None)),
    )
    .order_by(Placement.id)
)  # fmt: skip
_FORMER = (
    sa.select(
        DepartmentPeriod.department_id, DepartmentPeriod.until_date, DepartmentPeriod.name, DepartmentPeriod.parent_id
    )
    .where(DepartmentPeriod.until_date.is_not(None))
    .order_by(DepartmentPeriod.until_date)
)
_CALLED = (
    sa.select(PostPeriod.post_id, PostPeriod.until_date, PostPeriod.name)
    .where(PostPeriod.until_date.is_not(None))
    .order_by(PostPeriod.until_date)
)
# what documents of earlier days show; one that is planned stands on none
_HEADS = (
    sa.select(
        Headship.department_id, Headship.kind, Headship.employee_id, Headship.from_date, Headship.until_date
    )
    .where(Headship.state.in_(["ACTIVE", "ENDED"]))
    .order_by(Headship.from_date)
)  # fmt: skip
_DAYS = sa.select(CalendarDay.calendar_company_id, CalendarDay.calendar_date, CalendarDay.kind).where(
    CalendarDay.state == "ACTIVE"
)


def _columns(model: Any, names: tuple[str, ...]) -> list[Any]:
    return [getattr(model, name) for name in names]


def _text(value: uuid.UUID | datetime.date | None) -> str:
    return "" if value is None else str(value)


def _person(row: Any, seats: Iterable[Any]) -> pb.Authorization.Person:
    person = pb.Authorization.Person(
        employee_id=str(row.id), name=row.name, username=row.username, code=row.code,
        company_id=str(row.home_company_id or NO_COMPANY), department_id=_text(row.department_id),
        post_id=_text(row.post_id), active=row.state == "ACTIVE",
        email=row.email, locale=row.locale,
    )  # fmt: skip
    for seat in seats:
        if seat.kind == "PRINCIPAL":
            person.reports_to_id = _text(seat.reports_to_id)
            continue
        person.seats.add(
            department_id=str(seat.department_id), post_id=_text(seat.post_id),
            reports_to_id=_text(seat.reports_to_id), dotted=seat.kind == "MATRIX",
        )  # fmt: skip
    if row.not_before is not None:
        person.not_before_time.FromDatetime(row.not_before)
    return person


def _deputy(row: Any) -> pb.Authorization.Deputy:
    return pb.Authorization.Deputy(
        delegation_id=str(row.id), delegator_id=str(row.delegator_id), delegate_id=str(row.delegate_id),
        from_date=str(row.from_date), until_date=str(row.until_date), document_types=row.document_types,
        limit_amount="" if row.limit_amount is None else format(row.limit_amount, "f"), currency=row.currency,
    )  # fmt: skip


def _right(row: Any) -> pb.Authorization.Right:
    return pb.Authorization.Right(
        employee_id=str(row.employee_id), role_code=row.code, role_name=row.name,
        company_id=_text(row.grant_company_id),
        scope=row.scope, department_ids=map(str, row.department_ids), permissions=row.permissions,
        valid_from_date=_text(row.valid_from_date), valid_until_date=_text(row.valid_until_date),
    )  # fmt: skip
