"""Keep Keycloak in step with the employees, in the background, for ever.

Level-triggered: a row of `account` that is due is compared with Keycloak and what differs is written, whatever happened
before. A row is claimed with a lease in one short transaction, worked on without any, and settled in a second one; so a
Keycloak that is slow holds no lock, one that is down blocks nobody, and a process that dies leaves a lease that ends.
What others changed in Keycloak is told and not overwritten (`account_finding`); rows in step are looked at again every
hour, and at once where `account_finding.watch` saw a change.
A commit of the same process wakes the loops; what another one committed, or what became due, they find within 5 s.

Closing an account goes before everything else: it has a loop of its own that waits neither for new accounts, whose
passwords Keycloak hashes slowly, nor for the pauses after their failures, and takes over a lease that is in its way.
"""

from __future__ import annotations

import asyncio
import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chassis import faults, ids, telemetry
from chassis.call import NO_COMPANY, Actor
from chassis.clock import Clock
from chassis.db import fenced_to
from identity.account_finding.compared import keep_level
from identity.employee.model import Account, Employee
from identity.keycloak import Known, Look, NotPossible, Realm, Unreachable, Wanted

if TYPE_CHECKING:
    from chassis.outbox import Outgoing
    from chassis.runtime import Runtime

log = telemetry.logger("identity.keycloak_step")

# Keycloak hashes passwords slowly on purpose: more at once only makes each slower
AT_ONCE = 4
# without a notice: first soon again, for a lease that is in the way or what is tried again, then more and more rarely
FIRST_PAUSE_SECONDS, IDLE_SECONDS = 0.5, 5.0
LONGEST_PAUSE_SECONDS = 15.0
# longer than the work may take, and short enough that a process that died is made up for within a minute
LEASE = datetime.timedelta(seconds=40)
WORK_SECONDS = 30.0
# what was written before the time is up is not written again, so each round comes further
CLOSING_SECONDS, LONGEST_CLOSING_PAUSE_SECONDS = 4.0, 1.0
TAKE_OVER_AFTER = datetime.timedelta(seconds=2)
LOOK_AGAIN = datetime.timedelta(hours=1)
LONGEST_DELAY_SECONDS = 300
LONGEST_PROBLEM = 500
MOST_ATTEMPTS = 5
METHOD = "identity.keycloak_step.look"
EMPLOYEE: Any = Employee.__table__


class Accounts(Protocol):
    """Where accounts live."""

    async def bring_in_step(self, wanted: Wanted, known: Known) -> Look: ...


@dataclass(frozen=True)
class Job:
    """One account to bring in step, as it was when it was claimed."""

    wanted: Wanted
    known: Known
    change: int
    lease: uuid.UUID
    attempt: int


class KeycloakStep:
    """The loops. `once` is one round of one of them."""

    def __init__(self, runtime: Runtime, accounts: Accounts, clock: Clock | None = None) -> None:
        self.runtime, self.sessions, self.accounts = runtime, runtime.sessions, accounts
        self.clock = clock or runtime.clock
        self.notices = {closings: asyncio.Event() for closings in (False, True)}

    def wake(self) -> None:
        """Something was committed that may have made an account due."""
        for notice in self.notices.values():
            notice.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._run(closings=False, longest_pause=LONGEST_PAUSE_SECONDS))
            loops.create_task(self._run(closings=True, longest_pause=LONGEST_CLOSING_PAUSE_SECONDS))

    async def _run(self, *, closings: bool, longest_pause: float) -> None:
        """Round after round; pause longer and longer while Keycloak or the database cannot be reached."""
        notice, pause, rest = self.notices[closings], FIRST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS
        while True:
            notice.clear()
            try:
                worked = await self.once(closings=closings)
            except (Unreachable, DBAPIError, PoolTimeout, OSError) as problem:
                pause = min(pause * 2, longest_pause)
                log.warning("accounts wait", closings=closings, problem=str(problem)[:200], pause_seconds=pause)
                await asyncio.sleep(pause)
                continue
            pause = FIRST_PAUSE_SECONDS
            if worked:
                rest = FIRST_PAUSE_SECONDS
                continue
            try:
                await asyncio.wait_for(notice.wait(), rest)
                rest = FIRST_PAUSE_SECONDS
            except TimeoutError:
                rest = min(2 * rest, IDLE_SECONDS)

    async def once(self, *, closings: bool = False) -> int:
        """Bring up to AT_ONCE due accounts in step; returns how many. Raises Unreachable when Keycloak was for one."""
        jobs = await self.claim(closings=closings)
        seconds = CLOSING_SECONDS if closings else WORK_SECONDS
        problems = await asyncio.gather(*(self._work(job, seconds) for job in jobs), return_exceptions=True)
        for problem in problems:
            if problem is not None:
                raise problem
        return len(jobs)

    async def claim(self, *, closings: bool = False) -> list[Job]:
        """Take due accounts for a while: changes first, then those that are only looked at again."""
        now = self.clock.now()
        busy_until = now + LEASE - TAKE_OVER_AFTER if closings else now
        due = (
            sa.select(Account)
            .where(Account.due_at <= now, sa.or_(Account.leased_until.is_(None), Account.leased_until < busy_until))
            .order_by(Account.wanted == Account.done, Account.due_at)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        if closings:
            disabled = sa.exists().where(Employee.id == Account.employee_id, Employee.state == "DISABLED")
            due = due.where(disabled, Account.wanted != Account.done)
        async with self.sessions() as session, session.begin():
            accounts = (await session.scalars(due)).all()
            # asked after the accounts are locked: joined, it could be the employee of before a change that is counted
            people = sa.select(Employee).where(Employee.id.in_([account.employee_id for account in accounts]))
            employees = {person.id: person for person in await session.scalars(people)} if accounts else {}
            for account in accounts:
                account.lease, account.leased_until = ids.uuid7(), now + LEASE
            jobs = [_job(account, employees[account.employee_id]) for account in accounts]
            for account, job in zip(accounts, jobs, strict=True):
                _attempt(account, job)
            return jobs

    async def _work(self, job: Job, seconds: float = WORK_SECONDS) -> Unreachable | None:
        faults.point("keycloak_claimed")
        try:
            async with asyncio.timeout(seconds):
                look = await self.accounts.bring_in_step(job.wanted, job.known)
        except (Unreachable, TimeoutError) as problem:
            await self._give_back(job)
            return problem if isinstance(problem, Unreachable) else Unreachable(f"no answer in {seconds:.0f} s")
        except NotPossible as problem:
            await self._settle(job, problem=str(problem)[:LONGEST_PROBLEM])
            log.warning("account refused", employee_id=str(job.wanted.employee_id), problem=str(problem))
            return None
        faults.point("keycloak_written")
        await self._settle(job, look=look)
        return None

    async def _give_back(self, job: Job) -> None:
        """Nothing was learnt about the account: it stays due, also where somebody else took it over."""
        account = sa.update(Account).where(Account.employee_id == job.wanted.employee_id)
        async with self.sessions() as session, session.begin():
            free = account.where(Account.lease == job.lease).values(lease=None, leased_until=None)
            if not (await session.execute(free)).rowcount:
                await session.execute(account.values(due_at=self.clock.now()))

    async def _settle(self, job: Job, *, look: Look | None = None, problem: str = "") -> None:
        """Record what Keycloak has now, or why not. A change that came meanwhile stays due."""
        employee_id, now = job.wanted.employee_id, self.clock.now()
        with fenced_to(NO_COMPANY):
            async with self.sessions() as session, session.begin():
                # the employee's row first, as the handlers do
                locked = sa.select(Employee).where(Employee.id == employee_id).with_for_update()
                employee = (await session.execute(locked)).scalar_one()
                account = await session.get_one(Account, employee_id, with_for_update=True)
                if account.lease != job.lease:
                    # somebody else took over while this was slow; which of the two wrote last is anybody's guess
                    account.due_at = now
                    _attempt(account, job)
                    return
                account.lease = account.leased_until = None
                differs, call = False, None
                if look is not None:
                    account.done, account.failures = job.change, 0
                    account.keycloak_id = look.keycloak_id or account.keycloak_id
                    account.agreed = dict(look.agreed) if look.agreed is not None else None
                    account.attempts, account.from_directory = None, look.from_directory
                    if account.password == job.wanted.password:
                        account.password = None
                    if account.unlocking == job.wanted.unlocking:
                        account.unlocking = 0
                    if account.second_factor_reset == job.wanted.second_factor_reset:
                        account.second_factor_reset = 0
                    actor = Actor(None, service=self.runtime.service.name)
                    call = self.runtime.call_for_event(session, actor, NO_COMPANY, "")
                    differs = await keep_level(call, employee, account, look.differences)
                if account.wanted == job.change:
                    if problem:
                        account.failures = job.attempt
                    delay = datetime.timedelta(seconds=min(2**job.attempt, LONGEST_DELAY_SECONDS))
                    account.due_at = now + (delay if problem else LOOK_AGAIN)
                    # beside the ORM: the employee's version stays, nobody's edit goes stale because an account was made
                    state = "FAILED" if problem else "DIFFERS" if differs else "IN_STEP"
                    shown = sa.or_(EMPLOYEE.c.account_state != state, EMPLOYEE.c.account_problem != problem)
                    await session.execute(
                        sa.update(EMPLOYEE)
                        .where(EMPLOYEE.c.id == employee_id, shown)
                        .values(account_state=state, account_problem=problem)
                    )
                if call is not None and call.announcements:
                    await self.runtime.finish(call, METHOD)
        if call is not None and call.outgoing:
            self.runtime.hand_over(call.outgoing)


def wanted_of(account: Account, employee: Employee) -> Wanted:
    """The account as the employee's row wants it."""
    return Wanted(
        employee_id=employee.id,
        username=employee.username,
        name=employee.name,
        email=employee.email,
        locale=employee.locale,
        enabled=employee.state == "ACTIVE",
        password=account.password,
        password_temporary=account.password_temporary,
        unlocking=account.unlocking,
        second_factor_reset=account.second_factor_reset,
    )


def _job(account: Account, employee: Employee) -> Job:
    assert account.lease is not None
    wanted = wanted_of(account, employee)
    agreed = account.agreed
    if agreed is None and account.keycloak_id is not None and account.done == account.wanted:
        # in step by a release that did not keep what it wrote
        agreed = wanted.values()
    attempts = (account.attempts or {}).get("values", [])
    known = Known(account.keycloak_id, agreed, tuple(attempts))
    return Job(wanted, known, account.wanted, account.lease, account.failures + 1)


def _attempt(account: Account, job: Job) -> None:
    """Keep what is about to be written, or was by whoever lost the lease; the last few suffice."""
    before = (account.attempts or {}).get("values", [])
    values = job.wanted.values()
    if values not in before:
        account.attempts = {"values": [*before, values][-MOST_ATTEMPTS:]}


def realm_of(settings: Any) -> Realm:
    """The realm as the service's settings name it."""
    return Realm(
        settings.extras["KEYCLOAK_URL"],
        settings.shared.issuer.rstrip("/").rsplit("/", 1)[1],
        client="heyi-identity",
        secret=settings.client_secret,
        connections=2 * AT_ONCE,  # of both loops
        verify=str(settings.tls.authority) if settings.tls else True,
    )


async def keep_in_step(runtime: Runtime) -> None:
    """Background work of the service: runs as long as the process does."""
    realm = realm_of(runtime.settings)
    step, hand_over = KeycloakStep(runtime, realm), runtime.hand_over

    def hand_over_and_wake(rows: Sequence[Outgoing]) -> None:
        hand_over(rows)
        step.wake()

    runtime.hand_over = hand_over_and_wake
    try:
        await step.run()
    finally:
        runtime.hand_over = hand_over
        await realm.close()
