"""What a person does with a turn beside deciding: pass it on, ask others before or after oneself, take that back.

Whoever comes here holds the lock of the case's row. Turns at a node stand in lines (`engine/ballot.py`): who takes over
stands where the other stood, who is added stands in the same line, before or behind.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from approval.case import automatic, conduct
from approval.case.model import Case, NodeVisit
from approval.case.sight import let_read
from approval.case.telling import tell_asked
from approval.engine import deputies
from approval.task.model import Task
from approval.task.rules import can_take_back, check_people
from chassis.call import Call, Refused
from chassis.states import advance


async def transfer(call: Call, case: Case, task: Task, to: uuid.UUID, text: str) -> None:
    """Another person decides instead; who had the turn keeps reading."""
    _, turns = await conduct.where_it_stands(call, case)
    check_people([to], case, _at(task, turns), call.organisation, field="employee_id")
    task.opinion_text = text
    conduct.say(call, case, "TRANSFER", author_id=task.assignee_id, text=text, task=task, employee_ids=[to])
    await pass_on(call, case, task, turns, to, reason="approver.transferred", ended="task.transferred")


async def pass_on(
    call: Call, case: Case, task: Task, turns: Sequence[Any], to: uuid.UUID, *, reason: str, ended: str
) -> None:
    """A turn goes over to another person, who stands where the other stood; `reason` and `ended` say why."""
    advance(task, "transfer")
    task.done_time, task.end_reason, task.end_facts = call.now(), ended, {"name": conduct.name_of(call, to)}
    person = conduct.name_of(call, task.assignee_id)
    taken = beside(call, case, task, to, state="OPEN", place=task.place, reason=reason, person=person)
    taken.veto, taken.added_by_id = task.veto, task.added_by_id
    await _go_on(call, case, [*(turn for turn in turns if turn.id != task.id), taken], [taken])


async def add_signers(
    call: Call, case: Case, task: Task, people: Sequence[uuid.UUID], text: str, *, before: bool
) -> None:
    """Others decide too, one after another: before, and it is one's own turn again after them; or after oneself."""
    _, turns = await conduct.where_it_stands(call, case)
    check_people(people, case, _at(task, turns), call.organisation, field="employee_ids")
    me = task.assignee_id
    advance(task, "add_signer")
    first = task.place if before else task.place + 1
    await call.db.execute(
        sa.update(Task)
        .where(Task.visit_id == task.visit_id, Task.line == task.line, Task.place >= first, Task.id != task.id)
        .values(place=Task.place + len(people))
        .execution_options(**conduct.UNSEEN)
    )
    kind, person = ("approver.added_before" if before else "approver.added_after"), conduct.name_of(call, me)
    states = ["OPEN" if before and number == 0 else "WAITING" for number in range(len(people))]
    added = [
        beside(call, case, task, who, state=state, place=first + number, reason=kind, person=person)
        for number, (who, state) in enumerate(zip(people, states, strict=True))
    ]
    for turn in added:
        turn.added_by_id = me
    if before:
        # whoever was added goes first
        task.state, task.due_time = "WAITING", None
        task.place += len(people)
    conduct.say(call, case, "ADD_SIGNER", author_id=me, text=text, task=task, employee_ids=people)
    await _go_on(call, case, [task, *(turn for turn in turns if turn.id != task.id), *added], added)


async def remove_signer(call: Call, case: Case, task: Task, text: str) -> None:
    """Somebody who was added need not decide."""
    stored, turns = await conduct.where_it_stands(call, case)
    advance(task, "remove_signer")
    me, now = task.added_by_id, call.now()
    task.done_time, task.end_reason = now, "task.removed"
    task.end_facts = {"name": conduct.name_of(call, me)}
    conduct.say(call, case, "REMOVE_SIGNER", author_id=me, text=text, task=task, employee_ids=[task.assignee_id])
    await conduct.tell(call, case, [task.assignee_id], "notice.removed", person=conduct.name_of(call, me))
    await conduct.answered(call, case, task, case.note, stored, turns)


async def take_back(call: Call, case: Case, task: Task, text: str) -> None:
    """An agreement is taken back while nobody acted since: its person is asked again, what it opened is cancelled, and
    whom it spared an answer is asked again. What was told or passed over stays told.
    """
    if not can_take_back(task, case, call.actor.employee_id):
        raise Refused("TASK_ACTED_SINCE")
    assert case.undo is not None
    undo, me, author = case.undo, task.assignee_id, call.actor.employee_id
    kept = {
        uuid.UUID(key): (state, [uuid.UUID(who) for who in agreed]) for key, (state, agreed) in undo["visits"].items()
    }
    _, turns = await conduct.where_it_stands(call, case)
    advance(task, "take_back")
    conduct.say(call, case, "TAKE_BACK", author_id=author, text=text, task=task)
    facts = {"name": conduct.name_of(call, author)}
    fresh = sa.and_(Task.case_id == case.id, Task.visit_id.not_in(kept))
    await conduct.cancel(call, fresh, because="task.taken_back", facts=facts)
    await conduct.leave_nodes(call, sa.and_(NodeVisit.case_id == case.id, NodeVisit.id.not_in(kept)))
    for row in (await call.db.execute(sa.select(NodeVisit).where(NodeVisit.id.in_(kept)))).scalars():
        row.state, row.agreed_ids = kept[row.id]
        row.done_time = None
    opened = [turn for turn in turns if turn.visit_id not in kept and turn.state == "OPEN"]
    behind = [t for t in _at(task, turns) if t.line == task.line and t.place > task.place and t.state == "OPEN"]
    if behind:
        again = sa.update(Task).where(Task.id.in_([turn.id for turn in behind]))
        await call.db.execute(
            again.values(state="WAITING", due_time=None, version=Task.version + 1).execution_options(**conduct.UNSEEN)
        )
    spared = await call.db.execute(
        sa.update(Task)
        .where(Task.visit_id == task.visit_id, Task.ended_by_id == task.id)
        .values(
            state=Task.state_before,
            done_time=None,
            due_time=None,
            end_reason="",
            end_facts={},
            version=Task.version + 1,
        )
        .returning(Task.id, Task.node_id, Task.assignee_id, Task.delegate_id, Task.open_time, Task.due_time, Task.state)
        .execution_options(**conduct.UNSEEN)
    )
    asked_again = [row for row in spared.all() if row.state == "OPEN"]
    mine = beside(call, case, task, me, state="OPEN", place=task.place, reason=task.reason, person="")
    mine.reason_facts, mine.veto, mine.added_by_id = task.reason_facts, task.veto, task.added_by_id
    let_read(call, case, deputies.delegate(call.organisation, [mine], turns), [mine])
    if undo["new"]:
        case.agreed_ids = [who for who in case.agreed_ids if who != me]
    for name in conduct.STOOD:
        setattr(case, name, undo["case"][name])
    case.round, case.undo = case.round + 1, None
    gone = {turn.id for turn in (*opened, *behind)}
    still = [turn for turn in turns if turn.state == "OPEN" and turn.id not in gone]
    await automatic.asked_again(call, case, task.visit_id)
    await conduct.wait_for(call, case, [*still, *asked_again, mine])
    conduct.announce(call, case)
    people = [turn.assignee_id for turn in (*opened, *behind)]
    await conduct.tell(call, case, people, "notice.taken_back", person=facts["name"])
    await tell_asked(call, case, asked_again)


def _at(task: Task, turns: Sequence[Any]) -> list[Any]:
    return [turn for turn in turns if turn.visit_id == task.visit_id]


def beside(
    call: Call, case: Case, task: Task, who: uuid.UUID, *, state: str, place: int, reason: str, person: str
) -> Task:
    """A turn at the same node, in the same line."""
    return conduct.new_turn(
        call,
        case,
        state=state,
        visit_id=task.visit_id,
        node_id=task.node_id,
        node_name=task.node_name,
        assignee_id=who,
        reason=reason,
        reason_facts={"person": person},
        vote=task.vote,
        vote_percent=task.vote_percent,
        visit=task.visit,
        line=task.line,
        place=place,
        node_kind=task.node_kind,
        to_claim=task.to_claim,
        claim_time=task.claim_time,
        again=task.again,
        hidden=list(task.hidden or ()),
    )


async def _go_on(call: Call, case: Case, turns: Sequence[Any], fresh: Sequence[Task]) -> None:
    """Nothing was decided, but other people are asked."""
    people = [turn.assignee_id for turn in fresh]
    delegates = deputies.delegate(call.organisation, fresh, turns)
    let_read(call, case, [*people, *delegates], fresh)
    await conduct.wait_for(call, case, [turn for turn in turns if turn.state == "OPEN"])
    conduct.announce(call, case)
    await tell_asked(call, case, [turn for turn in fresh if turn.state == "OPEN"])
