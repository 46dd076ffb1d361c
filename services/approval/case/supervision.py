"""Somebody watches over a case until it is done (督办): those who decide see it first, and are reminded each
working day.

One at a time watches over a case; who takes over sets another day. It is over with the case, or when somebody says so.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from approval.case import telling
from approval.case.model import Case
from approval.case.rules import LIVE, OVER, WATCHED
from approval.task.model import Task
from chassis import timers, workdays
from chassis.call import Call
from chassis.timers import OnTime, Timer

TIMER = "supervision"
# what the supervisor is told at the end
DONE = {
    "APPROVED": "notice.supervision_done_approved",
    "REJECTED": "notice.supervision_done_rejected",
    "RETURNED": "notice.supervision_done_returned",
    "WITHDRAWN": "notice.supervision_done_withdrawn",
}
_TURNS = Task.state.in_(["OPEN", "WAITING"])


async def begin(call: Call, case: Case, due_date: datetime.date, note: str) -> None:
    """The caller watches over a case, or says another day."""
    assert call.actor.employee_id is not None
    case.supervisor_id, case.supervision = call.actor.employee_id, WATCHED
    case.supervise_due_date, case.supervise_note = due_date, note
    await timers.drop(call, case.id, timers.table_of(call).c.handler == TIMER)
    _next(call, case)
    await _mark(call, case, due_date)
    words = {"person": telling.name_of(call, case.supervisor_id), "day": due_date.isoformat(), "text": note}
    await telling.tell(call, case, _concerned(case), "notice.supervised", **words)


async def finish(call: Call, case: Case) -> None:
    """Nobody watches over it any more."""
    case.supervision = OVER
    await timers.drop(call, case.id, timers.table_of(call).c.handler == TIMER)
    await _mark(call, case, None)


async def follow(call: Call, case: Case) -> None:
    """After an act: what is watched over is watched until the case has ended."""
    if case.supervision != WATCHED or case.state in LIVE:
        return
    await finish(call, case)
    if case.supervisor_id is not None:
        await telling.tell(call, case, [case.supervisor_id], DONE[case.state])


async def remind(case: Case, _: Timer, call: Call) -> None:
    """A working day has begun and the case is not done."""
    if case.supervision != WATCHED or case.state not in LIVE:
        return
    if case.state == "RUNNING" and case.waiting_on_ids and case.supervise_due_date is not None:
        now = call.now()
        waiting = sa.update(Task).where(Task.case_id == case.id, Task.state == "OPEN").values(urge_time=now)
        await call.db.execute(waiting.execution_options(synchronize_session=False))
        today = call.organisation.today(case.company_id)
        key = "notice.supervision_late" if today > case.supervise_due_date else "notice.supervision_reminder"
        words = {"person": telling.name_of(call, case.supervisor_id), "day": case.supervise_due_date.isoformat()}
        await telling.tell(call, case, case.waiting_on_ids, key, **words)
    _next(call, case)


def _next(call: Call, case: Case) -> None:
    """Remind on the next working day, when work begins."""
    company = case.company_id
    tomorrow = call.organisation.today(company) + datetime.timedelta(days=1)
    begin = workdays.begin_of_day(call.organisation, company, tomorrow)
    due = workdays.add_working_time(call.organisation, company, begin, datetime.timedelta(seconds=1))
    timers.start(call, TIMER, due, company_id=company, subject_id=case.id)


async def _mark(call: Call, case: Case, due_date: datetime.date | None) -> None:
    """The turns of a case show it; their versions stay, so that whoever is just deciding keeps the screen."""
    marked = sa.update(Task).where(Task.case_id == case.id, _TURNS).values(supervise_due_date=due_date)
    await call.db.execute(marked.execution_options(synchronize_session=False))


def _concerned(case: Case) -> Iterable[Any]:
    return dict.fromkeys([*case.waiting_on_ids, case.requester_id])


HANDLERS = [OnTime(TIMER, Case, remind)]
