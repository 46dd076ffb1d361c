"""What a person does with a turn beside deciding: pass it on, ask others before or after oneself, take that back.

Whoever comes here holds the lock of the case's row. Turns at a node stand in lines (`engine/ballot.py`): who takes over
stands where the other stood, who is added stands in the same line, before or behind.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from approval.case import conduct
from approval.case.model import Case
from approval.task.model import Task
from approval.task.rules import check_people
from chassis.call import Call
from chassis.states import advance


async def transfer(call: Call, case: Case, task: Task, to: uuid.UUID, text: str) -> None:
    """Another person decides instead; who had the turn keeps reading."""
    _, turns = await conduct.where_it_stands(call, case)
    check_people([to], case, _at(task, turns), call.organisation, field="employee_id")
    advance(task, "transfer")
    task.done_time, task.opinion_text = call.now(), text
    task.end_reason, task.end_facts = "task.transferred", {"name": conduct.name_of(call, to)}
    conduct.say(call, case, "TRANSFER", author_id=task.assignee_id, text=text, task=task, employee_ids=[to])
    person = conduct.name_of(call, task.assignee_id)
    taken = _beside(call, case, task, to, state="OPEN", place=task.place, reason="approver.transferred", person=person)
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
        _beside(call, case, task, who, state=state, place=first + number, reason=kind, person=person)
        for number, (who, state) in enumerate(zip(people, states, strict=True))
    ]
    for turn in added:
        turn.added_by_id = me
    if before:
        # whoever was added goes first
        task.state = "WAITING"
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


def _at(task: Task, turns: Sequence[Any]) -> list[Any]:
    return [turn for turn in turns if turn.visit_id == task.visit_id]


def _beside(
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
    )


async def _go_on(call: Call, case: Case, turns: Sequence[Any], fresh: Sequence[Task]) -> None:
    """Nothing was decided, but other people are asked."""
    people = [turn.assignee_id for turn in fresh]
    conduct.let_read(call, case, people)
    conduct.wait_for(case, [turn for turn in turns if turn.state == "OPEN"])
    conduct.announce(call, case)
    await conduct.tell(call, case, [turn.assignee_id for turn in fresh if turn.state == "OPEN"], "notice.todo")
