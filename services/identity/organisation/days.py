"""In the background: placements and headships begin and end with the days of their company, posts get their planned
names, and the records of employees and departments show it, which changes what the others know of the organisation. A
pass does what is left, whatever became of the one before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from chassis import telemetry
from chassis.call import NO_COMPANY, Actor
from chassis.db import fenced_to
from chassis.passes import over_and_over
from heyi.identity.v1 import headships_pb2, placements_pb2, posts_pb2
from identity import epoch, periods
from identity.headship import heads
from identity.headship.model import Headship
from identity.placement import seats
from identity.placement.model import Placement
from identity.post import rules as post_rules
from identity.post.model import Post
from identity.post.rpc import remember

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
    """Bring every placement, headship and post to what it is today; returns how many moved."""
    today = runtime.rights().organisation.today
    latest = max(map(today, [*runtime.rights().organisation.companies, NO_COMPANY]))

    async def due(session: Any, model: Any) -> list[Any]:
        moves = sa.or_(
            sa.and_(model.state == "PLANNED", model.from_date <= latest),
            sa.and_(model.state == "ACTIVE", model.until_date < latest),
        )
        rows = (await session.scalars(sa.select(model).where(moves).order_by(model.id))).all()
        return [row for row in rows if periods.state_on(row, today(row.company_id)) != row.state]

    renamed = (
        sa.select(Post).options(selectinload(Post.periods)).where(Post.next_name_date <= today(NO_COMPANY))
    ).order_by(Post.code)  # fmt: skip
    with fenced_to(None):
        async with runtime.sessions() as session, session.begin():
            waiting = [row for model, _ in DATED for row in await due(session, model)]
            if not waiting and not (await session.scalars(renamed)).all():
                return 0
            session.expunge_all()
            call = runtime.call_for_event(session, Actor(None, service=runtime.service.name), NO_COMPANY, "")
            await epoch.bump(call)
            moved: list[Any] = []
            for model, kind in DATED:
                for row in await due(session, model):
                    row.state = periods.state_on(row, today(row.company_id))
                    call.announce(kind, row)
                    moved.append(row)
            for post in await session.scalars(renamed.with_for_update()):
                if (day := post_rules.due(post, today(NO_COMPANY))) is not None:
                    remember(post, day)
                    moved.append(call.announce(posts_pb2.PostUpdated, post, parts=False))
            await seats.follow(call, {row.employee_id for row in moved if isinstance(row, Placement)})
            await heads.follow(call, {row.department_id for row in moved if isinstance(row, Headship)})
            await runtime.finish(call, METHOD)
    runtime.hand_over(call.outgoing)
    return len(moved)
