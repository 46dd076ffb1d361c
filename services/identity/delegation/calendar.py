"""In the background: delegations begin and end with the days of their company, and end where one of the two is gone.

Whether a turn is delegated is decided by the days alone, so nothing depends on when this runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from chassis import telemetry
from chassis.call import NO_COMPANY, Actor
from chassis.db import fenced_to
from chassis.passes import over_and_over
from heyi.identity.v1 import delegations_pb2 as pb
from identity import epoch
from identity.delegation import rules
from identity.delegation.model import LIVE, Delegation
from identity.employee.model import Employee

if TYPE_CHECKING:
    from chassis.runtime import Runtime

log = telemetry.logger("identity.delegation")

EVERY_SECONDS = 15.0
METHOD = "identity.delegation.follow_the_calendar"
_FROM, _TO = aliased(Employee), aliased(Employee)
_LIVE = (
    sa.select(Delegation, sa.and_(_FROM.state == "ACTIVE", _TO.state == "ACTIVE").label("both_active"))
    .join(_FROM, _FROM.id == Delegation.delegator_id)
    .join(_TO, _TO.id == Delegation.delegate_id)
    .where(LIVE)
)


async def follow_the_calendar(runtime: Runtime) -> None:
    """Work until cancelled."""
    waiting = "delegations are not followed for now"
    await over_and_over(lambda: once(runtime), seconds=EVERY_SECONDS, log=log, waiting=waiting)


async def once(runtime: Runtime) -> int:
    """Bring every delegation to the state of today; returns how many moved."""

    def moved(rows: Any) -> list[tuple[Delegation, str]]:
        today = runtime.rights().organisation.today
        states = [
            (row.Delegation, rules.state_on(row.Delegation, today(row.Delegation.company_id), both_active=row[1]))
            for row in rows
        ]
        return [(delegation, state) for delegation, state in states if state != delegation.state]

    with fenced_to(None):
        async with runtime.sessions() as session, session.begin():
            if not moved((await session.execute(_LIVE)).all()):
                return 0
            session.expunge_all()
            call = runtime.call_for_event(session, Actor(None, service=runtime.service.name), NO_COMPANY, "")
            await epoch.bump(call)
            due = moved((await session.execute(_LIVE.with_for_update(of=Delegation))).all())
            for delegation, delegation.state in due:
                ended = delegation.state == "ENDED"
                people = [delegation.delegator_id, delegation.delegate_id]
                call.announce(pb.DelegationEnded if ended else pb.DelegationUpdated, delegation, audience=people)
            await runtime.finish(call, METHOD)
    runtime.hand_over(call.outgoing)
    return len(due)
