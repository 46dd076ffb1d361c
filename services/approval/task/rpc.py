"""Serves heyi.approval.v1.Tasks: the caller's own turns, whatever the company."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from approval.case import conduct
from approval.case.model import Case
from approval.case.rpc import key_of, only, visible
from approval.task.model import Task
from approval.task.rules import check_decision
from chassis import ids
from chassis.call import Call, Refused


def mine(call: Call) -> Any:
    """Turns of the caller."""
    return Task.assignee_id == call.actor.employee_id


class Tasks:
    every_company = True

    async def GetTask(self, request: Any, call: Call) -> Any:
        task = await call.load(Task, request.id, scope=False)
        if task.assignee_id != call.actor.employee_id:
            raise Refused("DOCUMENT_NOT_FOUND", document_type="Task", id=request.id)
        return task

    async def ListTasks(self, request: Any, call: Call) -> Any:
        return await call.page(Task, request, where=[mine(call)], scope=False)

    async def BatchGetTasks(self, request: Any, call: Call) -> Any:
        return await call.batch(Task, await only(call, Task, request, mine(call)), scope=False)

    async def ApproveTask(self, request: Any, call: Call) -> Any:
        return await _decide(request, call, "approve")

    async def RejectTask(self, request: Any, call: Call) -> Any:
        return await _decide(request, call, "reject")

    async def ReturnTask(self, request: Any, call: Call) -> Any:
        return await _decide(request, call, "return")


async def _decide(request: Any, call: Call, action: str) -> Task:
    """Lock the case, then the turn: a row that had to be waited for is read anew, so whoever waited sees what was
    decided meanwhile.
    """
    which = {"task": key_of(request.id), "person": call.actor.employee_id}
    found = (await call.db.execute(_MINE, which)).one_or_none()
    if found is None:
        seen = (await call.db.execute(_TOGETHER.where(visible(call)), which)).scalar_one_or_none()
        if seen is None:
            raise Refused("DOCUMENT_NOT_FOUND", document_type="Task", id=request.id[:50])
        raise Refused("TASK_OWN_REQUEST" if seen.requester_id == call.actor.employee_id else "TASK_NOT_YOURS")
    case, task = found
    person = call.organisation.people.get(task.assignee_id)
    active = person is not None and person.active
    check_decision(task, case, call.actor.employee_id, active=active, content_hash=request.content_hash)
    if request.etag and request.etag != ids.etag_of(task.version):
        raise Refused("STALE_ETAG", current_etag=ids.etag_of(task.version))
    call.touch(task)
    await conduct.decide(call, case, task, action, request.text)
    return task


# kept: to build a statement takes as long as to send it
_TOGETHER = sa.select(Case, Task).join(Task, Task.case_id == Case.id).where(Task.id == sa.bindparam("task"))
_MINE = _TOGETHER.where(Task.assignee_id == sa.bindparam("person")).with_for_update(of=[Case, Task])
