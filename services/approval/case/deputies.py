"""Turns follow the people: to delegates and back again, and from who left to whoever takes over.

A new turn is delegated as it is made. Everything else is a look at the facts, after every change of the organisation
and now and then: what a turn is and what it should be now is compared, and only what differs is written. So neither a
delegation that begins or ends nor a departure needs an event that could be missed, and an interrupted look goes on.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from approval.case import conduct, handing
from approval.case.model import Case
from approval.case.sight import let_read
from approval.case.telling import tell_delegates
from approval.engine import ballot, deputies
from approval.engine.approvers import administrators
from approval.lookups import world_of
from approval.task.model import Task
from chassis import faults, passes, telemetry
from chassis.call import Actor, Call
from chassis.db import fenced_to
from chassis.organisation import Organisation

if TYPE_CHECKING:
    from chassis.runtime import Runtime

log = telemetry.logger("approval.deputies")

METHOD = "approval.case.follow_people"
_LIVE = Task.state.in_(conduct.LIVE)


async def follow_people(runtime: Runtime) -> None:
    """Work until cancelled."""
    await passes.as_people_change(runtime, once, log=log, waiting="turns do not follow for now")


async def once(runtime: Runtime) -> int:
    """Bring every open turn to where it belongs; returns how many cases were changed."""
    organisation = runtime.rights().organisation
    away = [*organisation.delegations, *(who for who in organisation.successors if not organisation.is_active(who))]
    concerned = sa.or_(Task.delegate_id.is_not(None), Task.assignee_id.in_(away))
    with fenced_to(None):
        async with runtime.read_sessions() as session:
            found = await session.execute(sa.select(Task.case_id).where(_LIVE, concerned).distinct())
            turns = await session.scalars(
                sa.select(Task).where(Task.case_id.in_([row.case_id for row in found]), _COUNTED).order_by(Task.id)
            )
            by_case = defaultdict(list)
            for turn in turns:
                by_case[turn.case_id].append(turn)
    changed = [
        case_id for case_id, of_case in by_case.items() if any(_moves(organisation, turn, of_case) for turn in of_case)
    ]
    for case_id in changed:
        with fenced_to(None):
            async with runtime.sessions() as session, session.begin():
                locked = sa.select(Case).where(Case.id == case_id).with_for_update()
                case = (await session.execute(locked)).scalar_one()
                actor = Actor(None, service=runtime.service.name)
                call = runtime.call_for_event(session, actor, case.company_id, "")
                await follow(call, case)
                await runtime.finish(call, METHOD)
            faults.point("turns_after_commit")
        runtime.hand_over(call.outgoing)
    return len(changed)


_COUNTED = Task.state.in_(ballot.COUNTED)


def _moves(organisation: Organisation, turn: Task, turns: Sequence[Task]) -> bool:
    if turn.state not in conduct.LIVE:
        return False
    gone = deputies.has_left(organisation, turn.assignee_id)
    return gone or deputies.way_of(organisation, turn, turns) != tuple(turn.delegation_chain_ids)


async def follow(call: Call, case: Case) -> None:
    """Bring the open turns of one case, which is locked, to where they belong."""
    found = await call.db.scalars(sa.select(Task).where(Task.case_id == case.id, _COUNTED).order_by(Task.id))
    turns, organisation = list(found), call.organisation
    taken = [
        await _take_over(call, case, turn, turns) for turn in turns if deputies.has_left(organisation, turn.assignee_id)
    ]
    fresh = [turn for turn in taken if turn is not None]
    turns = [turn for turn in [*turns, *fresh] if turn.state in ballot.COUNTED]
    moving = [turn for turn in turns if turn not in fresh and _moves(organisation, turn, turns)]
    before = {turn.id: turn.delegate_id for turn in moving}
    if not fresh and not moving:
        return
    case.undo = None
    delegates = deputies.delegate(organisation, [*moving, *fresh], turns)
    for turn in moving:
        call.touch(turn)
    let_read(call, case, [*(turn.assignee_id for turn in fresh), *delegates], [*moving, *fresh])
    await conduct.wait_for(call, case, [turn for turn in turns if turn.state == "OPEN"])
    conduct.announce(call, case)
    await _tell(call, case, moving, fresh, before)


async def _take_over(call: Call, case: Case, turn: Task, turns: Sequence[Task]) -> Task | None:
    """The turn of who left goes to another one, in the same place; None where nobody at all can take it."""
    if turn.state not in conduct.LIVE:
        return None
    organisation, gone = call.organisation, turn.assignee_id
    asked = {t.assignee_id for t in turns if t.visit_id == turn.visit_id and t.state in ballot.COUNTED}
    heirs = [*deputies.heirs_of(organisation, gone), *administrators(await world_of(call, case))]
    able = (who for who in heirs if who not in asked and who != case.requester_id and organisation.is_active(who))
    to = next(able, None)
    if to is None:
        return None
    name, state = conduct.name_of(call, gone), turn.state
    turn.state, turn.done_time, turn.end_reason = "TRANSFERRED", call.now(), "task.handed_over"
    turn.end_facts = {"person": name, "name": conduct.name_of(call, to)}
    reason = "approver.handed_over" if to == organisation.successors[gone] else "approver.handed_over_above"
    why: dict[str, Any] = {"reason": reason, "reason_facts": {"person": name}}
    conduct.say(call, case, "HAND_OVER", task=turn, employee_ids=[to], on_behalf_of_id=gone, **why)
    taken = handing.beside(call, case, turn, to, state=state, place=turn.place, reason=reason, person=name)
    taken.veto, taken.added_by_id = turn.veto, turn.added_by_id
    call.touch(turn)
    return taken


async def _tell(
    call: Call, case: Case, moving: Iterable[Task], fresh: Iterable[Task], before: dict[uuid.UUID, uuid.UUID | None]
) -> None:
    for turn in fresh:
        if turn.state == "OPEN":
            person = (turn.reason_facts or {}).get("person", "")
            await conduct.tell(call, case, [turn.assignee_id], "notice.handed_over", person=person)
            await tell_delegates(call, case, [turn])
    for turn in moving:
        if turn.state == "OPEN" and (gone := before[turn.id]) is not None:
            person = conduct.name_of(call, turn.assignee_id)
            await conduct.tell(call, case, [gone], "notice.drawn_back", person=person)
    await tell_delegates(call, case, [turn for turn in moving if turn.state == "OPEN"])
