"""Who signed in, signed out, or failed to: Keycloak's own records, once each, in the trail of this service.

Level-triggered: each pass reads on from the youngest entry that the trail holds, and a little before it. The id of an
entry is made of the record itself, so a pass that is repeated, or one of another process, adds nothing. Keycloak keeps
its records for 90 days; whatever outage is shorter loses none. A name that belongs to no employee is not written down:
people type passwords into the wrong field.
"""

from __future__ import annotations

import datetime
import hashlib
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chassis import telemetry
from chassis.passes import over_and_over
from identity.employee.model import Account, Employee
from identity.keycloak import Realm, Unreachable
from identity.keycloak_step import realm_of

if TYPE_CHECKING:
    from chassis.runtime import Runtime

log = telemetry.logger("identity.sign_ins")

EVERY_SECONDS = 10.0
PAGE = 500
# records come a little late, and clocks differ
OVERLAP = datetime.timedelta(minutes=2)
KEPT = datetime.timedelta(days=90)
KINDS = {"LOGIN": "SIGNED_IN", "LOGIN_ERROR": "SIGNED_IN", "LOGOUT": "SIGNED_OUT", "LOGOUT_ERROR": "SIGNED_OUT"}
METHOD = "identity.sign_ins"


async def follow_sign_ins(runtime: Runtime) -> None:
    """Work until cancelled."""
    realm = realm_of(runtime.settings)

    async def once() -> None:
        try:
            await look(runtime, realm)
        except (Unreachable, DBAPIError, PoolTimeout, OSError) as problem:
            # nothing is lost: the next pass reads on from what the trail holds
            log.warning("sign-ins wait", problem=str(problem)[:200])

    try:
        await over_and_over(once, seconds=EVERY_SECONDS, log=log, waiting="sign-ins are not followed for now")
    finally:
        await realm.close()


async def look(runtime: Runtime, realm: Realm) -> int:
    """Put down what the trail does not hold yet; returns how many records that were."""
    entry = runtime.tables.audit_entry
    youngest = sa.select(sa.func.max(entry.c.at)).where(entry.c.kind.in_(set(KINDS.values())))
    async with runtime.read_sessions() as session:
        held = (await session.execute(youngest)).scalar_one()
    since = (held or runtime.clock.now() - KEPT) - OVERLAP
    added = 0
    for first in range(0, 1_000_000, PAGE):
        events = await realm.sign_ins(since.date(), first, PAGE)
        added += await put_down(runtime, [event for event in events if instant_of(event) >= since])
        if len(events) < PAGE or instant_of(events[-1]) < since:
            break
    return added


async def put_down(runtime: Runtime, events: Iterable[Mapping[str, Any]]) -> int:
    """Add these records, as far as they are not there; a fixed number of statements."""
    events = list(events)
    names = {name for event in events if (name := name_of(event))}
    accounts = {str(event.get("userId")) for event in events if event.get("userId")}
    known = sa.select(Employee.id, Employee.username, Employee.home_company_id, Account.keycloak_id).join(
        Account, Account.employee_id == Employee.id, isouter=True
    )
    who = sa.or_(Employee.username.in_(names), Account.keycloak_id.in_(accounts))
    async with runtime.sessions() as session, session.begin():
        await session.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        people = (await session.execute(known.where(who))).all() if events else []
        rows = entries(events, people)
        if not rows:
            return 0
        added = pg.insert(runtime.tables.audit_entry).values(rows).on_conflict_do_nothing(index_elements=["id"])
        done: Any = await session.execute(added)
        return int(done.rowcount)


def entries(events: Iterable[Mapping[str, Any]], people: Iterable[Any]) -> list[dict[str, Any]]:
    """Records as entries of the trail. Pure. `people`: rows with id, username, home_company_id, keycloak_id."""
    people = list(people)
    by_account = {person.keycloak_id: person for person in people if person.keycloak_id}
    by_name = {person.username.lower(): person for person in people}
    rows = []
    for event in events:
        if event.get("type") not in KINDS:
            continue
        person = by_account.get(event.get("userId")) or by_name.get(name_of(event))
        failed = str(event["type"]).endswith("_ERROR")
        rows.append(
            {
                "id": id_of(event),
                "at": instant_of(event),
                "company_id": person.home_company_id if person else None,
                "actor_id": person.id if person else None,
                "method": METHOD,
                "outcome": "refused" if failed else "done",
                "reason": str(event.get("error") or "")[:100] if failed else None,
                "facts": {"client": str(event.get("clientId") or "")[:100]},
                "kind": KINDS[event["type"]],
                "ip_address": str(event.get("ipAddress") or "")[:45] or None,
                "trace_id": "",
            }
        )
    return rows


def id_of(event: Mapping[str, Any]) -> uuid.UUID:
    """The id of a record's entry: the same for the same record, in the order of time as all ids are."""
    said = {name: event.get(name) for name in ("id", "time", "type", "userId", "sessionId", "ipAddress", "error")}
    digest = int.from_bytes(hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()[:10])
    return uuid.UUID(int=(int(event["time"]) << 80) | (7 << 76) | (digest & ~(0xF << 76) & ~(3 << 62)) | (2 << 62))


def name_of(event: Mapping[str, Any]) -> str:
    """The name that was typed, lower case."""
    return str((event.get("details") or {}).get("username", "")).lower()


def instant_of(event: Mapping[str, Any]) -> datetime.datetime:
    """When it happened."""
    return datetime.datetime.fromtimestamp(event["time"] / 1000, datetime.UTC)
