"""What happens by itself when the time of a turn or of a waiting node has come. The case's row is locked, as for every
act on a case; nobody acted, so nothing of it is anybody's agreement.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from approval.case import conduct, handing, timing
from approval.case.model import Case
from approval.engine.ballot import COUNTED
from approval.engine.tree import Approve, Timeout
from approval.lookups import flow_at
from approval.task.model import Task
from chassis import timers
from chassis.call import Call
from chassis.timers import OnTime, Timer
from heyi.approval.v1 import cases_pb2

AFTER_A_CHANGE = datetime.timedelta(minutes=1)


async def turn_is_late(case: Case, timer: Timer, call: Call) -> None:
    """Nobody answered in time: the node says what follows."""
    assert case.flow_version_id is not None
    if case.changing:
        # somebody decides just now
        soon = call.now() + AFTER_A_CHANGE
        timers.start(call, timing.TURN, soon, company_id=case.company_id, subject_id=case.id, part_id=timer.part_id)
        return
    task = await call.load(Task, timer.part_id, scope=False)
    node = (await flow_at(call, case.flow_version_id)).nodes[task.node_id]
    assert isinstance(node, Approve)
    timeout = node.timeout
    assert timeout is not None
    facts = {"hours": f"{timeout.hours:g}", "person": conduct.name_of(call, task.assignee_id)}
    match timeout.then:
        case "approve" | "reject" as action:
            await conduct.decide_itself(call, case, task, action, facts)
        case "escalate" | "transfer" as way:
            _, turns = await conduct.where_it_stands(call, case)
            to = _instead(call, case, task, turns, timeout)
            if to is None:
                await _remind(call, case, task, timeout, "opinion.nobody_above", facts)
                return
            case.undo = None
            kind, reason = ("ESCALATE", "approver.escalated") if way == "escalate" else ("TRANSFER", _TRANSFERRED)
            conduct.say(call, case, kind, task=task, employee_ids=[to], reason="opinion.timeout", reason_facts=facts)
            await handing.pass_on(call, case, task, turns, to, reason=reason, ended="task.escalated")
        case _:
            await _remind(call, case, task, timeout, "opinion.timeout", facts)


_TRANSFERRED = "approver.timeout_transfer"


async def delay_is_over(case: Case, timer: Timer, call: Call) -> None:
    """The time that a node waited for has come: the case goes on."""
    case.undo = None
    stored, turns = await conduct.where_it_stands(call, case)
    await conduct.go_on_after(call, case, timer.part_id, stored, turns)


async def _remind(call: Call, case: Case, task: Task, late: Timeout, reason: str, facts: dict[str, str]) -> None:
    """Whoever is asked is told; where the flow says so, again and again."""
    now = call.now()
    marked = sa.update(Task).where(Task.id == task.id).values(urge_time=now)
    await call.db.execute(marked.execution_options(**conduct.UNSEEN))
    conduct.say(call, case, "REMIND", task=task, reason=reason, reason_facts=facts)
    call.announce(cases_pb2.CaseUrged, case, audience=conduct.concerned(case))
    await conduct.tell(call, case, [task.assignee_id], "notice.overdue", hours=facts["hours"])
    if late.repeat:
        due = timing.in_working_hours(call, case, late.hours)
        timers.start(call, timing.TURN, due, company_id=case.company_id, subject_id=case.id, part_id=task.id)


def _instead(call: Call, case: Case, task: Task, turns: Sequence[Any], timeout: Timeout) -> uuid.UUID | None:
    """Who decides instead: the nearest active head above whoever is asked, or whom the flow names. Never the requester,
    nor who is asked at the node already.
    """
    organisation = call.organisation
    asked = {turn.assignee_id for turn in turns if turn.visit_id == task.visit_id and turn.state in COUNTED}
    named = organisation.people.get(timeout.employee_id) if timeout.employee_id else None
    found = [named.employee_id] if named and named.active else []
    if timeout.then == "escalate":
        found = organisation.head_chain(task.assignee_id)
    return next((who for who in found if who != case.requester_id and who not in asked), None)


HANDLERS = [OnTime(timing.TURN, Case, turn_is_late), OnTime(timing.DELAY, Case, delay_is_over)]
