"""The daily check that nobody was left untold: whoever has had a turn for a day was told of it by every channel that
they want. A channel that did not tell them is a finding, which an administrator sees on the page of deliveries, as a
number and in the operator's report; and it is tried again.
"""

from __future__ import annotations

import datetime
import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from approval.case.model import Case
from approval.case.telling import tell
from approval.notice.model import Notice
from approval.notice_delivery import rules
from approval.notice_delivery.courier import ABOUT, CLAIMS, DELIVERY, Courier
from approval.task.model import Task
from chassis import passes, telemetry
from chassis.call import Actor
from chassis.db import fenced_to

if TYPE_CHECKING:
    from chassis.runtime import Runtime

log = telemetry.logger("approval.untold")
UNTOLD_AFTER = datetime.timedelta(hours=24)
# what is on its way so long after it was due is late
LATE = datetime.timedelta(hours=1)
EVERY_SECONDS, TURNS_AT_ONCE = 3600.0, 500
METHOD = "approval.notice_delivery.check"
_NOTICE: Any = Notice.__table__


async def look_for_untold(runtime: Runtime) -> None:
    """Background work of the service. It looks each hour, so that a day's finding is an hour old at most."""
    courier = Courier(runtime)
    await passes.over_and_over(
        lambda: check(courier), seconds=EVERY_SECONDS, log=log, waiting="the check for the untold waits"
    )


async def check(courier: Courier) -> int:
    """Look at every turn that has been open for a day; how many channels did not tell somebody."""
    after, found = uuid.UUID(int=0), 0
    while turns := await _old_turns(courier.runtime, after):
        after = turns[-1].id
        found += await _look(courier, turns)
    if found:
        log.warning("people were left untold", count=found)
    return found


async def _old_turns(runtime: Runtime, after: uuid.UUID) -> Sequence[Any]:
    """Open turns with the newest notice of each that asks for it; nothing where none does."""
    newest = (
        sa.select(_NOTICE.c.id)
        .where(_NOTICE.c.case_id == Task.case_id, _NOTICE.c.employee_id == Task.assignee_id, _NOTICE.c.kind == "TURN")
        .order_by(_NOTICE.c.created_at.desc(), _NOTICE.c.id.desc())
        .limit(1)
        .correlate(Task)
        .scalar_subquery()
    )
    old = Task.open_time <= runtime.clock.now() - UNTOLD_AFTER
    columns = (Task.id, Task.case_id, Task.company_id, Task.assignee_id, newest.label("notice_id"))
    statement = sa.select(*columns).where(Task.state == "OPEN", old, Task.id > after).order_by(Task.id)
    with fenced_to(None):
        async with runtime.read_sessions() as session:
            return (await session.execute(statement.limit(TURNS_AT_ONCE))).all()


async def _look(courier: Courier, turns: Sequence[Any]) -> int:
    """Compare what was told with what is wanted, and put what is missing on its way."""
    runtime, now = courier.runtime, courier.runtime.clock.now()
    for turn in turns:
        if turn.notice_id is None:
            await _ask(runtime, turn)
    asked = [turn.notice_id for turn in turns if turn.notice_id is not None]
    columns = [_NOTICE.c[name] for name in ("id", "company_id", "employee_id", "kind", "read_time", "routed", *ABOUT)]
    with fenced_to(None):
        async with runtime.sessions() as session, session.begin():
            await session.execute(CLAIMS)
            known = (await session.execute(sa.select(*columns).where(_NOTICE.c.id.in_(asked)))).all()
            notices = [notice for notice in known if notice.read_time is None and notice.routed]
            wanted = await courier.legs_of(session, notices)
            rows = (await session.execute(sa.select(DELIVERY).where(DELIVERY.c.notice_id.in_(asked)))).all()
            took = {(row.notice_id, row.channel, row.robot_id): row for row in rows}
            missing: dict[uuid.UUID, list[rules.Leg]] = {notice.id: [] for notice in notices}
            again: defaultdict[datetime.datetime, list[uuid.UUID]] = defaultdict(list)
            late = []
            for notice in notices:
                for leg in wanted[notice.id]:
                    row = took.get((notice.id, leg.channel, leg.robot_id))
                    if row is None:
                        missing[notice.id].append(leg)
                    elif row.state == "FAILED" and not leg.problem and _may_try(row, now):
                        again[leg.due_time].append(row.id)
                    elif row.state == "FAILED" or (row.state == "WAITING" and row.due_time <= now - LATE):
                        late.append(row.id)
            await courier.send_by(session, notices, missing, untold_since_time=now)
            since = {"untold_since_time": sa.func.coalesce(DELIVERY.c.untold_since_time, now)}
            fresh = {**since, "state": "WAITING", "version": DELIVERY.c.version + 1}
            changes = [(some, {**fresh, "due_time": due}) for due, some in again.items()]
            for some, values in [*changes, (late, since)]:
                if some:
                    await session.execute(sa.update(DELIVERY).where(DELIVERY.c.id.in_(some)).values(**values))
    return sum(map(len, again.values())) + len(late) + sum(map(len, missing.values()))


def _may_try(row: Any, now: datetime.datetime) -> bool:
    """What a channel refused for good is tried once a day; what had no address, as soon as there is one."""
    return row.answer == rules.NO_ADDRESS or row.updated_at <= now - UNTOLD_AFTER


async def _ask(runtime: Runtime, turn: Any) -> None:
    """Nothing tells the person of this turn: now something does."""
    with fenced_to(turn.company_id):
        async with runtime.sessions() as session, session.begin():
            actor = Actor(None, service=runtime.service.name)
            call = runtime.call_for_event(session, actor, turn.company_id, "")
            case = await call.load(Case, turn.case_id, lock=True, scope=False)
            await tell(call, case, [turn.assignee_id], "notice.todo")
            await runtime.finish(call, METHOD)
    runtime.hand_over(call.outgoing)
