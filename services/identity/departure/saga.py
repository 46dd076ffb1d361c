"""How a departure goes on by itself, whatever was interrupted: a pass looks at the facts and does what is left.

Cutting the employee off is one transaction with the beginning. After it every pass reads what the employee still holds
here, revokes or hands on what it finds, and asks the other services what they hold; a process that dies leaves facts,
and the next pass goes on from them. It is done when a pass finds every step done.
"""

from __future__ import annotations

import asyncio
import datetime
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from chassis import faults, telemetry
from chassis.call import Actor, Call, Refused
from chassis.db import fenced_to
from chassis.passes import over_and_over
from chassis.records import LIST_HELD
from chassis.states import advance
from heyi.identity.v1 import departures_pb2, employees_pb2, grants_pb2
from heyi.platform.v1 import records_pb2
from identity import epoch, periods
from identity.delegation.model import LIVE, Delegation
from identity.delegation.rpc import people_of, revoke
from identity.department.model import Department
from identity.departure import rules
from identity.departure.model import Departure, DepartureStep
from identity.employee import rules as employee_rules
from identity.employee.model import Account, Employee
from identity.grant.model import Grant
from identity.grant.rpc import administrators
from identity.headship import heads
from identity.headship.model import Headship
from identity.role.model import Role

if TYPE_CHECKING:
    from chassis.runtime import Runtime

log = telemetry.logger("identity.departure")

Answers = Mapping[str, list[records_pb2.HeldGroup] | None]
EVERY_SECONDS = 1.0
# between tries of a departure that something is in the way of
DELAYS_SECONDS = (1, 5, 30, 60)
METHOD = "identity.departure.hand_over"
# whom a pass asks what somebody holds there
HOLDERS = ("approval", "procurement")


@dataclass(frozen=True)
class Wait:
    """A departure that something is in the way of: not tried again before this second of the monotonic clock."""

    tries: int = 0
    until: float = 0.0
    reason: str = ""


async def hand_over(runtime: Runtime) -> None:
    """Work until cancelled."""
    waits: dict[uuid.UUID, Wait] = {}
    await over_and_over(lambda: once(runtime, waits), seconds=EVERY_SECONDS, log=log, waiting="departures wait")


async def once(runtime: Runtime, waits: dict[uuid.UUID, Wait]) -> None:
    """Begin what is due and carry on what is under way, each by itself; `waits`: those that could not, by their ids."""
    today = runtime.rights().organisation.today
    names = ("id", "company_id", "state", "last_day_date", "employee_id", "run_time", "blocked_by")
    wanted = sa.select(*(getattr(Departure, name) for name in names))
    with fenced_to(None):
        async with runtime.read_sessions() as session:
            open_ones = (await session.execute(wanted.where(Departure.state.in_(rules.OPEN)))).all()
    for gone in waits.keys() - {row.id for row in open_ones}:
        del waits[gone]
    for row in open_ones:
        if row.id in waits and time.monotonic() < waits[row.id].until:
            continue
        try:
            if row.state == "RUNNING":
                await carry_on(runtime, row.id, await _ask(runtime, row))
            elif row.last_day_date < today(row.company_id):
                async with _working_on(runtime, row.id, bump=True) as (call, departure):
                    await begin(call, departure)
            waits.pop(row.id, None)
        except Refused as refusal:
            await _wait(runtime, row, refusal.reason, waits)


async def _wait(runtime: Runtime, row: Any, reason: str, waits: dict[uuid.UUID, Wait]) -> None:
    """Something is in the way: said once, here and on the departure, which is tried again later and later."""
    before = waits.get(row.id, Wait())
    delay = DELAYS_SECONDS[min(before.tries, len(DELAYS_SECONDS) - 1)]
    waits[row.id] = Wait(before.tries + 1, time.monotonic() + delay, reason)
    if reason != before.reason:
        log.warning("a departure waits", departure=str(row.id), reason=reason)
    blocker = rules.BLOCKERS.get(reason)
    if blocker != row.blocked_by:
        async with _working_on(runtime, row.id, bump=False) as (call, departure):
            if departure.state in rules.OPEN:
                departure.blocked_by = blocker
                call.announce(departures_pb2.DepartureUpdated, departure)


async def begin(call: Call, departure: Departure) -> None:
    """Cut the employee off and revoke the delegations, in one transaction with the beginning. The caller raised the
    epoch.
    """
    advance(departure, "run")
    departure.run_time, departure.blocked_by = call.now(), None
    departure.steps = [DepartureStep(line_number=n, kind=kind, state="WAITING", count=0, what="", evidence="")
                       for n, kind in enumerate(rules.KINDS, 1)]  # fmt: skip
    steps = _steps(departure)
    await _cut_off(call, departure, steps["CUT_OFF"])
    # here and not in the first pass: the calendar ends delegations of whoever is disabled, and that proves nothing
    await _delegations(call, departure, steps["DELEGATIONS"])
    call.announce(departures_pb2.DepartureUpdated, departure)


async def carry_on(runtime: Runtime, departure_id: uuid.UUID, answers: Answers) -> None:
    """One pass over a departure that is under way; `answers` are what the other services say of it."""
    faults.point("departure_before_step")
    async with _working_on(runtime, departure_id, bump=None) as (call, departure):
        if departure.state != "RUNNING":
            return
        before = [departure.blocked_by, *map(_said, departure.steps)]
        departure.blocked_by = None
        await _do(call, departure, answers)
        if before != [None, *map(_said, departure.steps)]:
            done = all(step.state == "DONE" for step in departure.steps)
            if done:
                departure.state, departure.finish_time = "DONE", call.now()
            call.announce(departures_pb2.DepartureFinished if done else departures_pb2.DepartureUpdated, departure)


@asynccontextmanager
async def _working_on(
    runtime: Runtime, departure_id: uuid.UUID, *, bump: bool | None
) -> AsyncIterator[tuple[Call, Departure]]:
    """A transaction with the departure locked; the epoch first, as in every call that changes rights. None: it is
    raised where the employee holds any, which nobody changes in between.
    """
    with fenced_to(None):
        async with runtime.sessions() as session, session.begin():
            leaving = sa.select(Departure.company_id, Departure.employee_id).where(Departure.id == departure_id)
            company_id, employee_id = (await session.execute(leaving)).one()
            call = runtime.call_for_event(session, Actor(None, service=runtime.service.name), company_id, "")
            if bump is None:
                await epoch.hold(call)
                bump = await _holds_rights(session, employee_id)
            if bump:
                await epoch.bump(call)
            yield call, await call.load(Departure, departure_id, scope=False)
            await runtime.finish(call, METHOD)
    faults.point("departure_after_commit")
    runtime.hand_over(call.outgoing)


async def _holds_rights(session: Any, employee_id: uuid.UUID) -> bool:
    """Whether anything is left here that others would see change with the epoch."""
    left = sa.or_(
        sa.exists().where(Employee.id == employee_id, Employee.state == "ACTIVE"),
        sa.exists().where(Grant.employee_id == employee_id, Grant.state == "ACTIVE"),
        sa.exists().where(_of(employee_id)),
        sa.exists().where(Headship.employee_id == employee_id, Headship.state.in_(periods.LIVE)),
    )
    return bool(await session.scalar(sa.select(left)))


def _of(employee_id: uuid.UUID) -> Any:
    return sa.and_(LIVE, sa.or_(Delegation.delegator_id == employee_id, Delegation.delegate_id == employee_id))


async def _ask(runtime: Runtime, departure: Any) -> Answers:
    """Every other service, side by side."""
    answers = await asyncio.gather(*(_held(runtime, service, departure) for service in HOLDERS))
    return dict(zip(HOLDERS, answers, strict=True))


async def _held(runtime: Runtime, service: str, departure: Any) -> list[records_pb2.HeldGroup] | None:
    """What a service says that the employee holds there; None where it cannot be asked now."""
    request = records_pb2.ListHeldRequest(employee_id=str(departure.employee_id))
    request.since_time.FromDatetime(departure.run_time)
    try:
        return list((await runtime.clients.ask(service, LIST_HELD, request)).groups)
    except Refused as refusal:
        log.warning("a service cannot say what is held", target=service, reason=refusal.reason)
        return None


def _steps(departure: Departure) -> dict[str, DepartureStep]:
    return {step.kind: step for step in departure.steps}


def _said(step: DepartureStep) -> tuple[Any, ...]:
    return step.state, step.count, step.what, step.evidence


async def _do(call: Call, departure: Departure, answers: Answers) -> None:
    steps = _steps(departure)
    await _cut_off(call, departure, steps["CUT_OFF"])
    await _account(call, departure, steps["ACCOUNT"])
    await _grants(call, departure, steps["GRANTS"])
    await _delegations(call, departure, steps["DELEGATIONS"])
    await _heads(call, departure, steps["HEADS"])
    _elsewhere(departure, steps, answers, call.now())


async def _cut_off(call: Call, departure: Departure, step: DepartureStep) -> None:
    """Disabled as by hand; again, where somebody let the employee back in meanwhile."""
    employee = await call.load(Employee, departure.employee_id, scope=False)
    if employee.state == "ACTIVE":
        account = await call.db.get_one(Account, employee.id, with_for_update=True)
        advance(employee, "disable")
        left = await administrators(call, without_employee=employee.id)
        employee_rules.disable(employee, by=call.actor.employee_id, administrators_left=left, now=call.now())
        employee_rules.tell_keycloak(employee, account, now=call.now())
        await heads.stood_in_by(call, employee.id)
        call.announce(employees_pb2.EmployeeDisabled, employee, reason=departure.reason)
    assert employee.not_before is not None
    if step.state != "DONE":
        evidence = f"not_before {employee.not_before.astimezone(datetime.UTC).isoformat()}"
        rules.found(step, what=[f"{employee.code} {employee.name}"], evidence=evidence, now=call.now())


async def _account(call: Call, departure: Departure, step: DepartureStep) -> None:
    """The Keycloak step closes it; here is only looked."""
    facts = sa.select(
        Account.wanted, Account.done, Account.keycloak_id,
        Employee.username, Employee.account_state, Employee.account_problem,
    ).join(Employee, Employee.id == Account.employee_id)  # fmt: skip
    row = (await call.db.execute(facts.where(Account.employee_id == departure.employee_id))).one()
    # whatever else differs there, a leaver's account is closed
    closed = row.done == row.wanted and row.account_state in ("IN_STEP", "DIFFERS")
    state = "DONE" if closed else "BLOCKED" if row.account_state == "FAILED" else "WAITING"
    evidence = f"Keycloak {row.keycloak_id or ''} #{row.done}" if closed else row.account_problem
    what = [row.username] if closed and step.state != "DONE" else []
    rules.found(step, what=what, state=state, evidence=evidence, now=call.now())


async def _grants(call: Call, departure: Departure, step: DepartureStep) -> None:
    held = (
        sa.select(Grant, Role.name)
        .join(Role, Role.id == Grant.role_id)
        .where(Grant.employee_id == departure.employee_id, Grant.state == "ACTIVE")
        .order_by(Grant.id)
        .with_for_update(of=Grant)
    )
    rows = (await call.db.execute(held)).all()
    for grant, _ in rows:
        advance(grant, "revoke")
        grant.revoke_reason = departure.reason
        call.announce(grants_pb2.GrantRevoked, grant)
    places = call.organisation.companies
    what = [f"{name} {places[grant.grant_company_id].name if grant.grant_company_id in places else '*'}"
            for grant, name in rows]  # fmt: skip
    rules.found(step, what=what, evidence=_revoked(grant for grant, _ in rows), now=call.now())


async def _delegations(call: Call, departure: Departure, step: DepartureStep) -> None:
    live = sa.select(Delegation).where(_of(departure.employee_id)).order_by(Delegation.id).with_for_update()
    rows = list((await call.db.scalars(live)).all())
    people = await people_of(call, [who for row in rows for who in (row.delegator_id, row.delegate_id)])
    for row in rows:
        revoke(call, row, departure.reason)
    what = [f"{people[row.delegator_id].name} → {people[row.delegate_id].name} {row.from_date} – {row.until_date}"
            for row in rows]  # fmt: skip
    rules.found(step, what=what, evidence=_revoked(rows), now=call.now())


def _revoked(rows: Any) -> str:
    return ", ".join(str(row.id) for row in rows)


async def _heads(call: Call, departure: Departure, step: DepartureStep) -> None:
    """Departments get the successor; where that one is gone too, somebody has to name another head."""
    successor = (await people_of(call, [departure.successor_id]))[departure.successor_id]
    if successor.state != "ACTIVE":
        headed = (
            sa.select(Department)
            .join(Headship, Headship.department_id == Department.id)
            .where(Headship.employee_id == departure.employee_id, Headship.state.in_(periods.LIVE))
            .order_by(Department.code)
        )
        if left := (await call.db.scalars(headed)).unique().all():
            evidence = ", ".join(f"{row.code} {row.name}" for row in left)
            rules.found(step, state="BLOCKED", evidence=evidence, now=call.now())
            return
    rows = await heads.hand_over(call, departure.employee_id, successor.id)
    what = [f"{row.code} {row.name} → {successor.name}" for row in rows]
    evidence = ", ".join(str(row.id) for row in rows)
    rules.found(step, what=what, evidence=evidence, now=call.now())


def _elsewhere(
    departure: Departure,
    steps: Mapping[str, DepartureStep],
    answers: Answers,
    now: datetime.datetime,
) -> None:
    """What the other services said. A service that cannot be asked leaves its step waiting."""
    assert departure.run_time is not None
    groups = [group for answer in answers.values() for group in answer or ()]
    by_kind = {kind: [g for g in groups if g.kind == kind] for kind in ("turns", "handed_turns", "documents")}
    if answers["approval"] is not None:
        left = sum(group.count for group in by_kind["turns"])
        state = "DONE" if not left else "BLOCKED" if now > departure.run_time + rules.PATIENCE else "WAITING"
        shown = by_kind["turns"] if left else by_kind["handed_turns"]
        names = [name for group in shown for name in group.names]
        rules.shows(steps["TURNS"], names=names, count=sum(g.count for g in shown), state=state, now=now)
        steps["TURNS"].evidence = f"approval: {left} open, {sum(g.count for g in by_kind['handed_turns'])} handed over"
    if all(answer is not None for answer in answers.values()):
        names = [name for group in by_kind["documents"] for name in group.names]
        count = sum(group.count for group in by_kind["documents"])
        rules.shows(steps["DOCUMENTS"], names=names, count=count, state="DONE", now=now)
        steps["DOCUMENTS"].evidence = ", ".join(f"{g.document_type}: {g.count}" for g in by_kind["documents"])
