"""Turns that are taken by one of several, and work that is done with what came of it filled in.

Whoever comes here holds the lock of the case's row. Who claims a turn takes it from the others at the node; giving it
back opens theirs again.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from approval.case import conduct
from approval.case.model import Case
from approval.case.telling import tell_asked
from approval.engine import forms
from approval.engine.tree import Handle, Node
from approval.lookups import flow_at
from approval.task.model import Task
from approval.task.rules import CLAIMED
from chassis.call import Call, Refused
from chassis.states import advance
from heyi.approval.v1 import tasks_pb2 as pb


async def node_of(call: Call, case: Case, task: Task) -> Node:
    """The node at which a turn stands."""
    assert case.flow_version_id is not None
    return (await flow_at(call, case.flow_version_id)).nodes[task.node_id]


async def form_of(call: Call, case: Case, task: Task) -> list[pb.FormField]:
    """What whoever handles a turn fills in."""
    if task.node_kind != "handle":
        return []
    node = await node_of(call, case, task)
    assert isinstance(node, Handle)
    return [
        pb.FormField(
            key=field.key,
            label=field.label,
            type=field.type,
            required=field.required,
            choices=[pb.FormChoice(value=value, label=label) for value, label in field.choices.items()],
        )
        for field in node.fields
    ]


async def handle(
    call: Call, case: Case, task: Task, values: Mapping[str, Any], text: str, named: Sequence[uuid.UUID]
) -> None:
    """The work is done; what was filled in is kept with the case. Refuses each value at fault."""
    node = await node_of(call, case, task)
    assert isinstance(node, Handle)
    taken, violations = forms.take(node.fields, values)
    if violations:
        raise Refused.fields(violations)
    filled = conduct.Filled(forms.as_facts(node.fields, taken), forms.as_shown(node.fields, taken))
    await conduct.decide(call, case, task, "handle", text, named, filled)


async def claim(call: Call, case: Case, task: Task) -> None:
    """One of several takes the turn; the others see who."""
    advance(task, "claim")
    task.claim_time = call.now()
    conduct.say(call, case, "CLAIM", author_id=task.assignee_id, task=task)
    others = sa.and_(Task.visit_id == task.visit_id, Task.line != task.line)
    facts = {"name": conduct.name_of(call, task.assignee_id)}
    await conduct.cancel(call, others, because=CLAIMED, facts=facts)
    _, turns = await conduct.where_it_stands(call, case)
    await conduct.wait_for(call, case, [turn for turn in turns if turn.state == "OPEN"])
    conduct.announce(call, case)


async def unclaim(call: Call, case: Case, task: Task, text: str) -> None:
    """The turn is everybody's again who could take it."""
    advance(task, "unclaim")
    task.claim_time = None
    conduct.say(call, case, "UNCLAIM", author_id=task.assignee_id, text=text, task=task)
    _, turns = await conduct.where_it_stands(call, case)
    here = [turn.assignee_id for turn in turns if turn.visit_id == task.visit_id]
    taken = sa.and_(Task.visit_id == task.visit_id, Task.state == "CANCELLED", Task.end_reason == CLAIMED)
    again = await call.db.execute(
        sa.update(Task)
        .where(taken, Task.assignee_id.not_in(here))
        .values(
            state=Task.state_before,
            done_time=None,
            due_time=None,
            end_reason="",
            end_facts={},
            version=Task.version + 1,
        )
        .returning(Task.assignee_id, Task.delegate_id, Task.state)
        .execution_options(**conduct.UNSEEN)
    )
    asked = [row for row in again.all() if row.state == "OPEN"]
    _, turns = await conduct.where_it_stands(call, case)
    opened = await conduct.open_due(call, case, [turn for turn in turns if turn.visit_id == task.visit_id])
    await conduct.wait_for(call, case, [*(turn for turn in turns if turn.state == "OPEN"), *opened])
    conduct.announce(call, case)
    await tell_asked(call, case, asked)
