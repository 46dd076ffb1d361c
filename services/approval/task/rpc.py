"""Serves heyi.approval.v1.Tasks: the caller's own turns, whatever the company; those of everybody in a list alone, for
who looks after approvals.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from google.protobuf import json_format

from approval.case import changing, conduct, handing, returning, statistics, working
from approval.case.model import Case
from approval.case.rpc import asked_by, key_of, offer_taking_back, only, people_of, visible
from approval.case.rules import check_going_on
from approval.case.sight import Shown, check_shown
from approval.engine import deputies
from approval.engine.tree import Approve
from approval.task import links
from approval.task.model import Task
from approval.task.rules import OF_THE_DELEGATE, check_action, check_people, check_turn
from chassis import ids
from chassis.call import Call, Refused
from heyi.approval.v1 import tasks_pb2 as pb


def mine(call: Call) -> list[Any]:
    """Turns of the caller: asked of them, or delegated to them; one of these ways must hold."""
    return [Task.assignee_id == call.actor.employee_id, Task.delegate_id == call.actor.employee_id]


class Tasks:
    every_company = True

    async def GetTask(self, request: Any, call: Call) -> Any:
        which = {"task": key_of(request.id), "person": call.actor.employee_id}
        found = (await call.db.execute(_FOR, which)).one_or_none()
        if found is None:
            raise Refused("DOCUMENT_NOT_FOUND", document_type="Task", id=request.id[:50])
        case, task = found
        message = offer_taking_back(call.reply(task), task, case, call)
        if task.state == "OPEN":
            message.chooses_next = await conduct.leads_to_choice(call, case, task)
            targets = await returning.targets(call, case, task)
            message.return_targets.extend(pb.ReturnTarget(node_id=n.id, node_name=n.name) for n in targets)
            message.form_fields.extend(await working.form_of(call, case, task))
            node = await working.node_of(call, case, task)
            if isinstance(node, Approve):
                message.field_rights.extend(changing.rights_of(task, node))
                message.cuts = node.cuts and not task.again
            message.changed_since.extend(await changing.changed_since(call, case, task))
        return message

    async def ListTasks(self, request: Any, call: Call) -> Any:
        where = [statistics.overdue(call)] if request.overdue else []
        if request.flow_definition_id:
            where.append(statistics.of_flow(request.flow_definition_id))
        if request.node_id:
            where.append(Task.node_id == request.node_id)
        if request.everybody:
            where += statistics.turns_within_reach(call)
        ways = [] if request.everybody else mine(call)
        also = asked_by(call, Task, request.search)
        return await call.page(Task, request, where=where, ways=ways, scope=False, also=also)

    async def BatchGetTasks(self, request: Any, call: Call) -> Any:
        return await call.batch(Task, await only(call, Task, request, sa.or_(*mine(call))), scope=False)

    async def ApproveTask(self, request: Any, call: Call) -> Any:
        return await _decide(request, call, "approve")

    async def RejectTask(self, request: Any, call: Call) -> Any:
        return await _decide(request, call, "reject")

    async def ReturnTask(self, request: Any, call: Call) -> Any:
        straight_back = request.afterwards == pb.ReturnTaskRequest.STRAIGHT_BACK
        if not request.node_id:
            if straight_back:
                raise Refused.fields([("afterwards", "TASK_STRAIGHT_BACK", {})])
            return await _decide(request, call, "return")
        case, task = await _mine(request, call, "return")
        check_shown(case, task, call.actor.employee_id, request.content_hash)
        await returning.lead_back(call, case, task, request.node_id, request.text, straight_back=straight_back)
        return task

    async def HandleTask(self, request: Any, call: Call) -> Any:
        case, task = await _mine(request, call, "handle")
        check_shown(case, task, call.actor.employee_id, request.content_hash)
        named = people_of(request.next_ids, "next_ids")
        check_people(named, case, (), call.organisation, field="next_ids")
        await working.handle(call, case, task, json_format.MessageToDict(request.values), request.text, named)
        return task

    async def ClaimTask(self, request: Any, call: Call) -> Any:
        case, task = await _mine(request, call, "claim")
        await working.claim(call, case, task)
        return task

    async def UnclaimTask(self, request: Any, call: Call) -> Any:
        case, task = await _mine(request, call, "unclaim")
        await working.unclaim(call, case, task, request.text)
        return task

    async def TransferTask(self, request: Any, call: Call) -> Any:
        case, task = await _mine(request, call, "transfer")
        (to,) = people_of([request.employee_id], "employee_id")
        await handing.transfer(call, case, task, to, request.text)
        return task

    async def AddSignerTask(self, request: Any, call: Call) -> Any:
        case, task = await _mine(request, call, "add_signer")
        people = people_of(request.employee_ids, "employee_ids")
        if not request.position:
            raise Refused.fields([("position", "FIELD_REQUIRED", {})])
        before = request.position == pb.AddSignerTaskRequest.BEFORE
        await handing.add_signers(call, case, task, people, request.text, before=before)
        return task

    async def LinkTask(self, request: Any, call: Call) -> Any:
        which = {"task": key_of(request.id)}
        found = (await call.db.execute(_TOGETHER.where(sa.or_(visible(call), *mine(call))), which)).one_or_none()
        if found is None:
            raise Refused("DOCUMENT_NOT_FOUND", document_type="Task", id=request.id[:50])
        if found.Task.state != "OPEN":
            raise Refused("TASK_NOT_OPEN", state=found.Task.state)
        return await links.make(call, found.Task)

    async def OpenLinkTask(self, request: Any, call: Call) -> Any:
        case, task = await links.follow(call, request.token)
        return offer_taking_back(call.reply(task), task, case, call)

    async def TakeBackTask(self, request: Any, call: Call) -> Any:
        case, task = await _locked(request, call, _DECIDED)
        await handing.take_back(call, case, task, request.text)
        return task

    async def RemoveSignerTask(self, request: Any, call: Call) -> Any:
        case, task = await _locked(request, call, _ADDED)
        if task.state not in conduct.LIVE:
            raise Refused("TASK_NOT_OPEN", state=task.state)
        case.undo = None
        await handing.remove_signer(call, case, task, request.text)
        return task


async def _decide(request: Any, call: Call, action: str) -> Task:
    case, task = await _mine(request, call, action)
    hidden = check_shown(case, task, call.actor.employee_id, request.content_hash)
    named = people_of(request.next_ids, "next_ids") if action == "approve" else []
    check_people(named, case, (), call.organisation, field="next_ids")
    if action == "approve":
        changing.check(case, task, await working.node_of(call, case, task), request.changes)
        if request.changes:
            await changing.ask(call, case, task, request.changes, request.text, named, hidden)
            return task
    await conduct.decide(call, case, task, action, request.text, named, shown=Shown(hidden))
    return task


async def _mine(request: Any, call: Call, action: str) -> tuple[Case, Task]:
    """The caller's own turn, that is open for an action; for a decision also one that is delegated to them today."""
    case, task = await _locked(request, call, _DECIDED if action in OF_THE_DELEGATE else _MINE)
    me = call.actor.employee_id
    check_turn(task, case, me, active=me is not None and call.organisation.is_active(me))
    if me != task.assignee_id and deputies.way_of(call.organisation, task)[-1:] != (me,):
        raise Refused("TASK_NOT_YOURS")
    check_action(task, action)
    if me != task.assignee_id:
        call.on_behalf_id = task.assignee_id
    case.undo = None  # whoever acts now makes the agreement before it final
    return case, task


async def _locked(request: Any, call: Call, whose: Any) -> tuple[Case, Task]:
    """Lock the case, then the turn: a row that had to be waited for is read anew, so whoever waited sees what was
    decided meanwhile.
    """
    which = {"task": key_of(request.id), "person": call.actor.employee_id}
    found = (await call.db.execute(whose, which)).one_or_none()
    if found is None:
        seen = (await call.db.execute(_TOGETHER.where(visible(call)), which)).scalar_one_or_none()
        if seen is None:
            raise Refused("DOCUMENT_NOT_FOUND", document_type="Task", id=request.id[:50])
        raise Refused("TASK_OWN_REQUEST" if seen.requester_id == call.actor.employee_id else "TASK_NOT_YOURS")
    case, task = found
    check_going_on(case)
    if request.etag and request.etag != ids.etag_of(task.version):
        raise Refused("STALE_ETAG", current_etag=ids.etag_of(task.version))
    call.touch(task)
    return case, task


# kept: to build a statement takes as long as to send it
_TOGETHER = sa.select(Case, Task).join(Task, Task.case_id == Case.id).where(Task.id == sa.bindparam("task"))
_OWN = _TOGETHER.where(Task.assignee_id == sa.bindparam("person"))
_FOR = _TOGETHER.where(sa.or_(Task.assignee_id == sa.bindparam("person"), Task.delegate_id == sa.bindparam("person")))
_MINE = _OWN.with_for_update(of=[Case, Task])
_DECIDED = _FOR.with_for_update(of=[Case, Task])
_ADDED = _TOGETHER.where(Task.added_by_id == sa.bindparam("person")).with_for_update(of=[Case, Task])
