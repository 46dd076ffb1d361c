"""In the background: Keycloak's own records say at once what was changed there, and who is nobody's.

Nothing is decided here. An account that others changed is made due, and the Keycloak step compares, writes and tells,
as it does with every account each hour; only accounts that are nobody's are told from here. One process at a time, by a
lease. The list of all accounts is never asked for: while Keycloak (26.7) writes an account, a list that is read beside
it leaves an older picture of it in Keycloak's cache, and a new employee is refused.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chassis import ids, telemetry
from chassis.call import NO_COMPANY, Actor, Call
from chassis.db import fenced_to
from chassis.passes import over_and_over
from heyi.identity.v1 import account_findings_pb2 as pb
from identity.account_finding import rules
from identity.account_finding.compared import LONGEST_VALUE, settle
from identity.account_finding.model import AccountFinding, KeycloakWatch
from identity.employee.model import Account
from identity.keycloak import Realm, Unreachable, owner_of, values_of
from identity.keycloak_step import realm_of

if TYPE_CHECKING:
    from chassis.runtime import Runtime

log = telemetry.logger("identity.account_finding")

EVERY_SECONDS = 10.0
# two at work do the same twice, which changes nothing
LEASE = datetime.timedelta(minutes=1)
MOST_EVENTS = 200
# records come a little late, and clocks differ
OVERLAP = datetime.timedelta(minutes=2)
METHOD = "identity.account_finding.watch"
LOCKED_OUT, SIGNED_IN = "USER_DISABLED_BY_PERMANENT_LOCKOUT", "LOGIN"


@dataclass
class Heard:
    """How far this process has read Keycloak's records."""

    since: datetime.datetime
    events: set[tuple[int, str]] = field(default_factory=set)

    def new(self, events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Those that were not read before, the oldest first; what is read goes on from them."""
        least = _milliseconds(self.since - OVERLAP)
        kept = {(event["time"], _account_of(event)): event for event in events if event["time"] >= least}
        fresh = sorted(
            (event for key, event in kept.items() if key not in self.events), key=lambda event: event["time"]
        )
        if fresh:
            self.since = max(self.since, _instant(fresh[-1]["time"]))
        self.events = {key for key in self.events | kept.keys() if key[0] >= least}
        return fresh


@dataclass(frozen=True)
class Change:
    """Who changed an account in Keycloak, and when."""

    by: str
    at: datetime.datetime


async def watch_keycloak(runtime: Runtime) -> None:
    """Work until cancelled."""
    realm, heard = realm_of(runtime.settings), Heard(runtime.clock.now())

    async def once() -> None:
        before = heard.since, heard.events
        try:
            await look(runtime, realm, heard)
        except (Unreachable, DBAPIError, PoolTimeout, OSError) as problem:
            # what was not worked on is read again
            heard.since, heard.events = before
            log.warning("Keycloak's records wait", problem=str(problem)[:200])

    try:
        await over_and_over(once, seconds=EVERY_SECONDS, log=log, waiting="Keycloak is not watched for now")
    finally:
        await realm.close()


async def look(runtime: Runtime, realm: Realm, heard: Heard) -> None:
    """One turn: close what was decided to be closed, and follow the records."""
    await tell(runtime)
    if not await _take_turn(runtime):
        return
    try:
        await close_blocked(runtime, realm)
        await follow_records(runtime, realm, heard)
    finally:
        async with runtime.sessions() as session, session.begin():
            await session.execute(sa.update(KeycloakWatch).values(leased_until=runtime.clock.now()))


async def _take_turn(runtime: Runtime) -> bool:
    """Whether no other process is at work."""
    now = runtime.clock.now()
    row = pg.insert(KeycloakWatch.__table__).values(only=True, leased_until=now + LEASE)
    mine = row.on_conflict_do_update(
        index_elements=["only"], set_={"leased_until": now + LEASE}, where=KeycloakWatch.leased_until <= now
    ).returning(KeycloakWatch.only)
    async with runtime.sessions() as session, session.begin():
        return (await session.execute(mine)).first() is not None


async def close_blocked(runtime: Runtime, realm: Realm) -> None:
    """Accounts of nobody that were decided to be closed."""
    decided = sa.select(AccountFinding.id, AccountFinding.keycloak_id).where(AccountFinding.to_block)
    async with runtime.read_sessions() as session:
        rows = (await session.execute(decided)).all()
    for row in rows:
        await realm.block(row.keycloak_id)
        async with runtime.sessions() as session, session.begin():
            done = sa.update(AccountFinding.__table__).where(AccountFinding.id == row.id)
            await session.execute(done.values(to_block=False))


async def follow_records(runtime: Runtime, realm: Realm, heard: Heard) -> None:
    """What others changed is looked at now, and who it was is remembered for the finding.

    A sign-in changes nothing; it shows an account that is nobody's, as an entry of the directory is at first.
    """
    day = (heard.since - OVERLAP).date()
    events = [*await realm.console_events(day, MOST_EVENTS), *await realm.own_events(day, MOST_EVENTS)]
    changes: dict[str, Change] = {}
    names: dict[str, str] = {}
    fresh = [(account, event) for event in heard.new(events) if (account := _account_of(event))]
    for account, event in fresh:
        if event.get("type") != SIGNED_IN:
            changes[account] = Change(await _by(realm, event, names), _instant(event["time"]))
    await _make_due(runtime, changes)
    users = {key: await realm.account(key) for key in await _unknown(runtime, {account for account, _ in fresh})}
    await judge(runtime, [user for user in users.values() if user is not None], realm, changes)
    await _settle_strangers(runtime, {key for key, user in users.items() if user is None})


async def _unknown(runtime: Runtime, keycloak_ids: Collection[str]) -> set[str]:
    """Those of these accounts that are no employee's."""
    known = sa.select(Account.keycloak_id).where(Account.keycloak_id.in_(keycloak_ids))
    async with runtime.read_sessions() as session:
        return set(keycloak_ids) - set(await session.scalars(known))


async def judge(runtime: Runtime, users: Sequence[dict[str, Any]], realm: Realm, changes: Mapping[str, Change]) -> None:
    """Tell of accounts that no employee has; few statements for any number."""
    by_id = {user["id"]: user for user in users}
    owners = [owner for user in users if (owner := _employee(user)) is not None]
    named = sa.select(Account.employee_id, Account.keycloak_id).where(Account.employee_id.in_(owners))
    async with runtime.read_sessions() as session:
        accounts = {str(row.employee_id): row.keycloak_id for row in await session.execute(named)}
    # made just now: not recorded yet, or recorded meanwhile
    known = {key for key, user in by_id.items() if accounts.get(owner_of(user), "nobody's") in (None, key)}
    strangers = {key: user for key, user in by_id.items() if key not in known}
    usurpers = {key for key, user in strangers.items() if user.get("enabled") and owner_of(user) in accounts}
    for key in usurpers:
        await realm.block(key)
    await _tell_strangers(runtime, strangers, usurpers, changes)
    await _settle_strangers(runtime, {key for key, user in strangers.items() if not user.get("enabled")})


def _employee(user: Mapping[str, Any]) -> uuid.UUID | None:
    """Whom an account names; None where it names nobody that could be an employee."""
    try:
        return ids.parse(owner_of(user))
    except ValueError:
        return None


async def _make_due(runtime: Runtime, changes: Mapping[str, Change]) -> None:
    """Have these accounts looked at now."""
    if not changes:
        return
    table: Any = Account.__table__
    now = runtime.clock.now()
    async with runtime.sessions() as session, session.begin():
        due = sa.update(table).where(table.c.keycloak_id.in_(changes)).values(due_at=now).returning(table.c.keycloak_id)
        for key in await session.scalars(due):
            change = changes[key]
            who = {"changed_by": change.by[:LONGEST_VALUE], "change_time": change.at}
            await session.execute(sa.update(table).where(table.c.keycloak_id == key).values(who))


async def _tell_strangers(
    runtime: Runtime, users: Mapping[str, dict[str, Any]], usurpers: set[str], changes: Mapping[str, Change]
) -> None:
    """Accounts that are nobody's and let somebody in. `usurpers` named an employee with another account: closed."""
    enabled = {key: user for key, user in users.items() if user.get("enabled")}
    if not enabled:
        return
    answered = sa.or_(AccountFinding.state.in_(("OPEN", "DISMISSED")), AccountFinding.to_block)
    told = sa.select(AccountFinding.keycloak_id).where(
        AccountFinding.kind == "STRANGER", AccountFinding.keycloak_id.in_(enabled), answered
    )
    async with _working(runtime) as call:
        for key in enabled.keys() - set(await call.db.scalars(told)):
            finding = call.add(_finding(enabled[key], changes.get(key)))
            if key in usurpers:
                finding.state, finding.decide_time = "OVERRULED", call.now()
            call.announce(pb.AccountFindingCreated, finding)


def _finding(user: Mapping[str, Any], change: Change | None) -> AccountFinding:
    values = values_of(user)
    said = " ".join(filter(None, (values["name"], values["email"], values["owner"])))
    return AccountFinding(
        kind="STRANGER",
        username=values["username"][:LONGEST_VALUE],
        name=values["name"][:LONGEST_VALUE],
        email=values["email"],
        keycloak_value=said[:LONGEST_VALUE],
        changed_by=change.by[:LONGEST_VALUE] if change else "",
        change_time=change.at if change else None,
        from_directory=bool(user.get("federationLink")),
        keycloak_id=user["id"],
    )


async def _settle_strangers(runtime: Runtime, keycloak_ids: set[str]) -> None:
    """Open findings of accounts that are gone, or that others closed."""
    if not keycloak_ids:
        return
    mine = sa.select(AccountFinding).where(
        AccountFinding.kind == "STRANGER", AccountFinding.state == "OPEN", AccountFinding.keycloak_id.in_(keycloak_ids)
    )
    async with _working(runtime) as call:
        for finding in await call.db.scalars(mine.with_for_update()):
            settle(call, finding)


@asynccontextmanager
async def _working(runtime: Runtime) -> AsyncIterator[Call]:
    """A transaction of the service itself."""
    with fenced_to(NO_COMPANY):
        async with runtime.sessions() as session, session.begin():
            call = runtime.call_for_event(session, Actor(None, service=runtime.service.name), NO_COMPANY, "")
            yield call
            if call.announcements:
                await runtime.finish(call, METHOD)
    if call.outgoing:
        runtime.hand_over(call.outgoing)


async def _by(realm: Realm, event: Mapping[str, Any], names: dict[str, str]) -> str:
    """Who made a change and from where; an administrator of another realm has no name here."""
    who = event.get("authDetails")
    if who is None:
        return "Keycloak" if event.get("type") == LOCKED_OUT else _account_of(event)
    key = str(who.get("userId"))
    if key not in names:
        user = await realm.account(key)
        names[key] = str(user["username"]) if user else f"Keycloak {key}"
    return " · ".join(filter(None, (names[key], who.get("ipAddress"))))


def _account_of(event: Mapping[str, Any]) -> str:
    """The account that a record is about; empty where it is about none."""
    path = str(event.get("resourcePath") or "").split("/")
    if path[0] == "users" and len(path) > 1:
        return path[1]
    return str(event.get("userId") or "")


def _instant(milliseconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)


def _milliseconds(instant: datetime.datetime) -> int:
    return int(instant.timestamp() * 1000)


async def tell(runtime: Runtime) -> None:
    """How many findings wait, by kind."""
    by_kind = sa.select(AccountFinding.kind, sa.func.count()).where(AccountFinding.state == "OPEN")
    async with runtime.read_sessions() as session:
        waiting = dict((await session.execute(by_kind.group_by(AccountFinding.kind))).tuples().all())
    for kind in rules.FITTING:
        telemetry.gauge("heyi.identity.account.findings", waiting.get(kind, 0), "", kind=kind)
