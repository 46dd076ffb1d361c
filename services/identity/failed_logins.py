"""Sign-ins that failed, for whoever keeps the suite running: Keycloak's own record of the last day.

A name that belongs to no employee is not shown: people type passwords into the wrong field.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from chassis.call import Call
from heyi.platform.v1 import operations_pb2 as pb
from identity.employee.model import Employee
from identity.keycloak import Unreachable
from identity.keycloak_step import realm_of

WITHIN, MOST_EVENTS, MOST_SHOWN, SECONDS = datetime.timedelta(days=1), 500, 50, 3.0


async def tell_failed_logins(report: Any, call: Call) -> None:
    """Add the failed sign-ins of the last day to the report, or why they are not known."""
    since = call.now() - WITHIN
    realm = realm_of(call.runtime.settings)
    try:
        async with asyncio.timeout(SECONDS):
            events = await realm.failed_logins(since.date(), MOST_EVENTS)
    except (Unreachable, TimeoutError) as problem:
        report.failed_logins_problem = str(problem)[:200] or "no answer"
        return
    finally:
        await realm.close()
    recent = [event for event in events if _time(event) >= since]
    names = {_username(event) for event in recent}
    known = set((await call.db.execute(sa.select(Employee.username).where(Employee.username.in_(names)))).scalars())
    report.failed_logins.extend(grouped(recent, known)[:MOST_SHOWN])


def grouped(events: Iterable[Mapping[str, Any]], known: set[str]) -> list[Any]:
    """One row for each name, address and reason, the latest first."""
    found: dict[tuple[str, str, str], Any] = {}
    for event in events:
        name = _username(event)
        key = (name if name in known else "", str(event.get("ipAddress") or ""), str(event.get("error") or ""))
        row = found.setdefault(key, pb.FailedLogin(username=key[0], ip_address=key[1], reason=key[2]))
        row.count += 1
        if _time(event) > row.last_time.ToDatetime(datetime.UTC):
            row.last_time.FromDatetime(_time(event))
    return sorted(found.values(), key=lambda row: -row.last_time.ToNanoseconds())


def _username(event: Mapping[str, Any]) -> str:
    return str((event.get("details") or {}).get("username", "")).lower()


def _time(event: Mapping[str, Any]) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(event["time"] / 1000, datetime.UTC)
