"""The sealed administrator's account: opened for what was asked at the machine, closed when the time is up.

The command (`python -m identity.emergency`) writes a row and nothing else; this opens it as the service, with an audit
entry and an event, so that nobody becomes administrator in silence. The account is disabled at all other times, and its
grant ends with the day besides.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from chassis import telemetry
from chassis.call import NO_COMPANY, Actor, Call
from chassis.db import fenced_to
from chassis.passes import over_and_over
from chassis.states import advance
from heyi.identity.v1 import emergencies_pb2 as pb
from heyi.identity.v1 import employees_pb2, grants_pb2
from identity import epoch
from identity.emergency import rules
from identity.emergency.model import Emergency
from identity.employee.model import Account, Employee
from identity.employee.rules import cut_off, tell_keycloak
from identity.grant.model import Grant
from identity.role.model import Role
from identity.role.rules import ADMINISTRATOR
from identity.seed import EMERGENCY_ID

if TYPE_CHECKING:
    from chassis.runtime import Runtime

log = telemetry.logger("identity.emergency")

EVERY_SECONDS = 1.0
METHOD = "identity.emergency.follow"
CODE, USERNAME, NAME = "EMERGENCY", "emergency", "应急管理员"


async def follow_emergencies(runtime: Runtime) -> None:
    """Work until cancelled."""

    async def once() -> None:
        await work(runtime)

    await over_and_over(once, seconds=EVERY_SECONDS, log=log, waiting="emergencies wait")


async def work(runtime: Runtime) -> int:
    """Open and close what is due; tells how many are open. Returns how many were changed."""
    live = sa.select(Emergency.id, Emergency.state).where(Emergency.state.in_(("REQUESTED", "OPEN")))
    with fenced_to(NO_COMPANY):
        async with runtime.read_sessions() as session, session.begin():
            found = (await session.execute(live)).all()
        telemetry.gauge("heyi.identity.emergency.open", sum(one.state == "OPEN" for one in found))
        # first those that are to end: one that cannot be opened keeps none of them open
        found = sorted(found, key=lambda one: one.state != "OPEN")
        changed = [await _act(runtime, one.id) for one in found]
    return sum(changed)


async def _act(runtime: Runtime, key: object) -> bool:
    async with runtime.sessions() as session, session.begin():
        row = await session.get_one(Emergency, key, with_for_update=True)
        now = runtime.clock.now()
        what = rules.due(row.state, asked_at=row.created_at, until=row.until_time, now=now)
        if not what:
            return False
        call = runtime.call_for_event(session, Actor(None, service=runtime.service.name), NO_COMPANY, "")
        await epoch.bump(call)
        await (open_(call, row) if what == "open" else close(call, row, ""))
        await runtime.finish(call, METHOD)
    runtime.hand_over(call.outgoing)
    log.warning("emergency", state=row.state, opened_by=row.opened_by)
    return True


async def open_(call: Call, row: Emergency) -> None:
    """The account lets somebody in as administrator, until the time is up. One that is open ends where a new begins."""
    advance(row, "open")
    now = call.now()
    for other in await call.db.scalars(sa.select(Emergency).where(Emergency.state == "OPEN").with_for_update()):
        advance(other, "close")
        other.close_time = now
        call.announce(pb.EmergencyClosed, other)
    employee = await call.db.get(Employee, EMERGENCY_ID, with_for_update=True)
    if employee is None:
        employee = Employee(id=EMERGENCY_ID, code=CODE, username=USERNAME, name=NAME, sort_key=USERNAME, version=1)
        account = Account(employee=employee, wanted=0, due_at=now)
        call.db.add_all([employee, account])
        call.announce(employees_pb2.EmployeeCreated, employee)
    else:
        account = await call.db.get_one(Account, EMERGENCY_ID, with_for_update=True)
        employee.state, employee.disable_time = "ACTIVE", None
        call.announce(employees_pb2.EmployeeEnabled, employee)
    account.password, account.password_temporary = row.password, True
    tell_keycloak(employee, account, now=now)
    row.until_time, row.employee_id, row.password = now + datetime.timedelta(minutes=row.minutes), employee.id, None
    # not for good: whoever counts the administrators that stay does not count this one
    last = row.until_time.date() + datetime.timedelta(days=1)
    mine = sa.select(Grant).where(Grant.employee_id == EMERGENCY_ID, Grant.state == "ACTIVE").with_for_update()
    if (grant := (await call.db.scalars(mine)).one_or_none()) is not None:
        grant.valid_until_date = last
    else:
        role = (await call.db.execute(sa.select(Role.id).where(Role.code == ADMINISTRATOR))).scalar_one()
        grant = Grant(employee_id=employee.id, role_id=role, scope="ALL", valid_until_date=last)
        call.db.add(grant)
        call.announce(grants_pb2.GrantCreated, grant)
    call.announce(pb.EmergencyOpened, row)


async def close(call: Call, row: Emergency, note: str) -> None:
    """Nobody is in by it any more, and nobody comes in."""
    was_open = row.state == "OPEN"
    advance(row, "close")
    row.close_time, row.close_note, row.password = call.now(), note, None
    if was_open:
        employee = await call.db.get_one(Employee, EMERGENCY_ID, with_for_update=True)
        account = await call.db.get_one(Account, EMERGENCY_ID, with_for_update=True)
        mine = sa.select(Grant).where(Grant.employee_id == EMERGENCY_ID, Grant.state == "ACTIVE").with_for_update()
        for grant in await call.db.scalars(mine):
            grant.state, grant.revoke_reason = "REVOKED", row.reason[:200]
            call.announce(grants_pb2.GrantRevoked, grant)
        if employee.state == "ACTIVE":
            employee.state, employee.disable_time = "DISABLED", call.now()
            cut_off(employee, now=call.now())
            account.password = None
            tell_keycloak(employee, account, now=call.now())
            call.announce(employees_pb2.EmployeeDisabled, employee, reason=row.reason[:200])
    call.announce(pb.EmergencyClosed, row)
