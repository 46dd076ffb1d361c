"""Answers "why can I not see this": the grants as they are committed now, in a fixed number of statements.

The answer tells of rights and of who can change them, never whether a document exists: who is refused one beyond the
own reach learns how far that reach goes, and nothing else.
"""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from chassis import contract, ids
from chassis.call import Call, Refused
from chassis.organisation import Person, Right, Seat
from heyi.identity.v1 import access_pb2 as pb
from identity.access import rules
from identity.access.rules import Answer, Question
from identity.duty_conflict import held
from identity.employee.model import Employee
from identity.grant.model import Grant
from identity.placement.model import Placement
from identity.role.model import Role


async def explanation(
    call: Call, employee: Employee, permission: str, *, owner_id: str = "", department_id: str = ""
) -> pb.AccessExplanation:
    """What an employee may in the call's company, and why."""
    reply = pb.AccessExplanation(employee_id=str(employee.id), company_id=str(call.company_id), permission=permission)
    for helper in rules.helpers(call.organisation, call.company_id, without=employee.id):
        reply.helpers.add(employee_id=str(helper.employee_id), name=helper.name)
    wanted, verdict = rules.permission_of(permission) if permission else ("", "")
    if verdict:
        reply.verdict = pb.AccessExplanation.Verdict.Value(verdict)
        return reply
    known = await _rights(employee, call)
    rights, person = [right for right, _ in known], await _person(employee, call)
    if not wanted:
        _everything(reply, call, person, known)
        return reply
    question = Question(
        wanted, call.company_id, call.today(), _id("owner_id", owner_id), _id("department_id", department_id)
    )
    answer = rules.explain(call.organisation, person, rights, question)
    _tell(reply, answer, call.company_id)
    for place in answer.rights:
        right, told = known[place]
        told.pattern = rules.pattern_of(right.permissions, wanted)
        reply.rights.append(told)
    return reply


def _everything(
    reply: pb.AccessExplanation, call: Call, person: Person, known: list[tuple[Right, pb.AccessRight]]
) -> None:
    """Each permission of the contract that the person holds here and today, with the rights that give it."""
    now = [(right, told) for right, told in known if right.holds(call.company_id, call.today())]
    reply.verdict = pb.AccessExplanation.ALLOWED if person.active else pb.AccessExplanation.DISABLED
    if not person.active:
        return
    reply.rights.extend(told for _, told in now)
    for name in contract.load().permissions():
        giving = [place for place, (right, _) in enumerate(now) if rules.pattern_of(right.permissions, name)]
        if giving:
            reply.permissions.add(name=name, scope=rules.widest(now[place][0] for place in giving), rights=giving)


def _tell(reply: pb.AccessExplanation, answer: Answer, company_id: uuid.UUID) -> None:
    reply.verdict = pb.AccessExplanation.Verdict.Value(answer.verdict)
    if answer.reach is not None:
        reply.scope = answer.scope
        if not (answer.reach.all or company_id in answer.reach.companies):
            reply.department_ids.extend(sorted(map(str, answer.reach.departments)))


async def _rights(employee: Employee, call: Call) -> list[tuple[Right, pb.AccessRight]]:
    """Everything the employee was given, also for other companies and days; and the role that everybody has."""
    given = (
        sa.select(Grant, Role.code, Role.name, Role.permissions)
        .join(Role, Role.id == Grant.role_id)
        .where(Grant.employee_id == employee.id, Grant.state == "ACTIVE", Role.state == "ACTIVE")
        .order_by(Grant.id)
    )
    found = []
    for grant, code, name, permissions in (await call.db.execute(given)).all():
        right = Right(
            employee.id, code, grant.grant_company_id, grant.scope, frozenset(grant.department_ids),
            frozenset(permissions), grant.valid_from_date, grant.valid_until_date, name,
        )  # fmt: skip
        found.append((right, _told(right, grant.role_id, grant.created_at, grant.id)))
    for one in await held.everybodys(call, [employee.id]):
        right = Right(
            employee.id, one.role_code, one.company_id, "OWN", frozenset(), one.permissions, role_name=one.role_name
        )
        found.append((right, _told(right, one.role_id, one.since)))
    return found


def _told(right: Right, role_id: uuid.UUID, since: Any, grant_id: uuid.UUID | None = None) -> pb.AccessRight:
    told = pb.AccessRight(
        grant_id=str(grant_id or ""), role_id=str(role_id), role_name=right.role_name,
        company_id=str(right.company_id or ""), scope=right.scope,
        department_ids=sorted(map(str, right.department_ids)),
        valid_from_date=str(right.valid_from or ""), valid_until_date=str(right.valid_until or ""),
    )  # fmt: skip
    told.since_time.FromDatetime(since)
    return told


async def _person(employee: Employee, call: Call) -> Person:
    beside = sa.select(Placement.department_id, Placement.post_id).where(
        Placement.employee_id == employee.id, Placement.kind == "CONCURRENT", Placement.state == "ACTIVE"
    )
    seats = [Seat(row.department_id, row.post_id) for row in await call.db.execute(beside)]
    return Person(
        employee.id, employee.name, employee.username, employee.code, employee.home_company_id, employee.department_id,
        employee.post_id, employee.state == "ACTIVE", seats=tuple(seats),
    )  # fmt: skip


def _id(field: str, text: str) -> uuid.UUID | None:
    try:
        return ids.parse(text) if text else None
    except ValueError:
        raise Refused("FIELD_FORMAT", field=field, value=text, expected="id") from None
