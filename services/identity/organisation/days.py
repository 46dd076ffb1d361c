"""In the background: placements and headships begin and end with the days of their company, and the records of
employees and departments show it, which changes what the others know of the organisation. A pass does what is left,
whatever became of the one before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from chassis import telemetry
from chassis.call import NO_COMPANY, Actor
from chassis.db import fenced_to
from chassis.passes import over_and_over
from heyi.identity.v1 import headships_pb2, placements_pb2
from identity import epoch, periods
from identity.headship import heads
from identity.headship.model import Headship
from identity.placement import seats
from identity.placement.model import Placement

if TYPE_CHECKING:
    from chassis.runtime import Runtime

log = telemetry.logger("identity.organisation")

EVERY_SECONDS = 5.0
METHOD = "identity.organisation.follow_the_days"
DATED = ((Placement, placements_pb2.PlacementUpdated), (Headship, headships_pb2.HeadshipUpdated))


async def follow_the_days(runtime: Runtime) -> None:
    """Work until cancelled."""
    waiting = "the organisation is not followed for now"
    await over_and_over(lambda: once(runtime), seconds=EVERY_SECONDS, log=log, waiting=waiting)


async def once(runtime: Runtime) -> int:
    """Bring every placement and headship to the state of today; returns how many moved."""
    today = runtime.rights().organisation.today
    latest = max(map(today, [*runtime.rights().organisation.companies, NO_COMPANY]))

    async def due(session: Any, model: Any) -> list[Any]:
        moves = sa.or_(
            sa.and_(model.state == "PLANNED", model.from_date <= latest),
            sa.and_(model.state == "ACTIVE", model.until_date < latest),
        )
        rows = (await session.scalars(sa.select(model).where(moves).order_by(model.id))).all()
        return [row for row in rows if periods.state_on(row, today(row.company_id)) != row.state]

    with fenced_to(None):
        async with runtime.sessions() as session, session.begin():
            if not [row for model, _ in DATED for row in await due(session, model)]:
                return 0
            session.expunge_all()
            call = runtime.call_for_event(session, Actor(None, service=runtime.service.name), NO_COMPANY, "")
            await epoch.bump(call)
            moved = []
            for model, kind in DATED:
                for row in await due(session, model):
                    row.state = periods.state_on(row, today(row.company_id))
                    call.announce(kind, row)
                    moved.append(row)
            await seats.follow(call, {row.employee_id for row in moved if isinstance(row, Placement)})
            await heads.follow(call, {row.department_id for row in moved if isinstance(row, Headship)})
            await runtime.finish(call, METHOD)
    runtime.hand_over(call.outgoing)
    return len(moved)
