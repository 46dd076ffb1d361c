"""Serves heyi.approval.v1.Cases. A case is seen by whoever asked, whoever was asked or told, and those who look after
approvals (holders of `approval.case.retry`, within its reach), whatever company is chosen.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from approval.case import advice, changing, conduct, foreseen, migration, preview, sight, statistics, steering, timing
from approval.case.arrival import case_of
from approval.case.drawing import drawing_of
from approval.case.model import Case
from approval.case.rules import (
    check_mentioned,
    check_pause,
    check_requester,
    check_steering,
    check_supervision,
    check_unchanging,
)
from approval.lookups import flow_at
from approval.opinion.model import Opinion
from approval.task.model import Task
from approval.task.rules import can_take_back
from chassis import ids
from chassis.call import Call, Refused

MOST_TURNS = 1_000


def visible(call: Call) -> Any:
    """Cases that the caller may see."""
    return sa.or_(*own(call), call.takes_part(Case))


def own(call: Call) -> list[Any]:
    """Cases that hide nothing from the caller: the own ones, and those that are looked after."""
    looked_after = sa.and_(*call.scope_of(Case, "approval.case.retry", taking_part=False))
    return [Case.requester_id == call.actor.employee_id, looked_after]


async def find(call: Call, key: str, etag: str = "") -> Case:
    """A case that the caller may see; locked in a call that writes."""
    blind = call.blind_to(Case, own(call))
    columns = [Case, blind if blind is not None else sa.null()]
    statement = sa.select(*columns).where(Case.id == key_of(key), visible(call))
    if call.method is not None and not call.method.read_only:
        statement = statement.with_for_update(of=Case)
    found = (await call.db.execute(statement)).one_or_none()
    if found is None:
        raise Refused("DOCUMENT_NOT_FOUND", document_type="Case", id=key[:50])
    case: Case = found[0]
    call.hidden[case.id] = frozenset(found[1] or ())
    if etag and etag != ids.etag_of(case.version):
        raise Refused("STALE_ETAG", current_etag=ids.etag_of(case.version))
    return case


class Cases:
    every_company = True

    async def GetCase(self, request: Any, call: Call) -> Any:
        case = await find(call, request.id)
        turns = sa.select(Task).where(Task.case_id == case.id).order_by(Task.id.desc()).limit(MOST_TURNS)
        said = sa.select(Opinion).where(Opinion.case_id == case.id).order_by(Opinion.id.desc()).limit(MOST_TURNS)
        tasks = (await call.db.execute(turns)).scalars().all()[::-1]
        opinions = (await call.db.execute(said)).scalars().all()[::-1]
        reply = call.reply(case)
        reply.tasks.extend(offer_taking_back(call.reply(task), task, case, call) for task in tasks)
        if "jump" in reply.allowed_actions and case.flow_version_id:
            reply.nodes.extend(steering.nodes_of(await flow_at(call, case.flow_version_id)))
        reply.opinions.extend(_said(call, case, opinion) for opinion in opinions)
        reply.delays.extend(await timing.delays_of(call, case))
        reply.upcoming.extend(await preview.upcoming(call, case, tasks))
        return reply

    async def DrawCase(self, request: Any, call: Call) -> Any:
        return await drawing_of(call, await find(call, request.id))

    async def ListCases(self, request: Any, call: Call) -> Any:
        also = asked_by(call, Case, request.search)
        return await call.page(Case, request, where=[visible(call)], scope=False, also=also, own=own(call))

    async def AnalyzeCases(self, request: Any, call: Call) -> Any:
        return await statistics.analyze(call, request)

    async def BatchGetCases(self, request: Any, call: Call) -> Any:
        return await call.batch(Case, await only(call, Case, request, visible(call)), scope=False, own=own(call))

    async def WithdrawCase(self, request: Any, call: Call) -> Any:
        case = await find(call, request.id, request.etag)
        check_requester(case, call.actor.employee_id)
        await conduct.withdraw(call, case, request.reason)
        return case

    async def UrgeCase(self, request: Any, call: Call) -> Any:
        case = await find(call, request.id)
        check_requester(case, call.actor.employee_id)
        check_pause(case, call.now())
        await conduct.urge(call, case, request.text)
        return case

    async def CommentCase(self, request: Any, call: Call) -> Any:
        case = await find(call, request.id)
        mentioned = people_of(request.mentioned_ids, "mentioned_ids")
        check_mentioned(mentioned, call.organisation)
        await conduct.comment(call, case, request.text, mentioned)
        return case

    async def RetryCase(self, request: Any, call: Call) -> Any:
        case = await call.load(Case, request.id, etag=request.etag)
        check_unchanging(case)
        await conduct.retry(call, case)
        return case

    async def SuspendCase(self, request: Any, call: Call) -> Any:
        case = await _steered(request, call)
        await steering.suspend(call, case, request.reason)
        return case

    async def ResumeCase(self, request: Any, call: Call) -> Any:
        case = await _steered(request, call)
        await steering.resume(call, case, request.reason)
        return case

    async def JumpCase(self, request: Any, call: Call) -> Any:
        case = await _steered(request, call)
        await steering.jump(call, case, request.node_id, request.reason)
        return case

    async def MigrateCase(self, request: Any, call: Call) -> Any:
        case = await _steered(request, call)
        await migration.migrate(call, case, request.reason)
        return case

    async def SuperviseCase(self, request: Any, call: Call) -> Any:
        case = await _steered(request, call)
        due_date = datetime.date.fromisoformat(request.due_date)
        check_supervision(due_date, call.organisation.today(case.company_id))
        await steering.supervise(call, case, due_date, request.note)
        return case

    async def EndSupervisionCase(self, request: Any, call: Call) -> Any:
        case = await _steered(request, call)
        await steering.end_supervision(call, case, request.reason)
        return case

    async def AdviseCase(self, request: Any, call: Call) -> Any:
        return await advice.advise(call, await find(call, request.id), visible(call))

    async def SimulateCases(self, request: Any, call: Call) -> Any:
        return await preview.simulate(call, case_of(request.approval))

    async def ForeseeCases(self, request: Any, call: Call) -> Any:
        return await foreseen.foresee(call, request)


def _said(call: Call, case: Case, opinion: Opinion) -> Any:
    """An opinion with what the caller may see of the changes that came with it, and whether its author saw the document
    as it is now.
    """
    message = call.reply(opinion)
    message.changes.extend(changing.differences(opinion.changes, call.hidden.get(case.id, frozenset())))
    message.earlier = opinion.kind == "APPROVE" and opinion.content_hash != sight.hash_for(case, opinion.hidden)
    return message


def asked_by(call: Call, model: Any, words: str) -> list[Any]:
    """Rows whose requester is called by the words of a search, beside those that hold them."""
    people = call.organisation.named(words)
    return [model.requester_id.in_(people)] if people else []


async def only(call: Call, model: Any, request: Any, condition: Any) -> Any:
    """The request with the ids that a condition lets through."""
    wanted = [key_of(key) for key in request.ids]
    seen = await call.db.execute(sa.select(model.id).where(model.id.in_(wanted), condition))
    return type(request)(ids=[str(key) for key in seen.scalars()])


async def _steered(request: Any, call: Call) -> Case:
    """A case within the administrator's reach that is not about an own request."""
    case = await call.load(Case, request.id, etag=request.etag)
    check_steering(case, call.actor.employee_id)
    check_unchanging(case)
    return case


def offer_taking_back(message: Any, task: Task, case: Case, call: Call) -> Any:
    """The turn with the one action that its case must allow."""
    if can_take_back(task, case, call.actor.employee_id):
        message.allowed_actions.append("take_back")
    return message


def people_of(texts: Sequence[str], field: str) -> list[uuid.UUID]:
    """Ids of people that a request names. Raises FIELD_FORMAT for what is no id."""
    found = {text: key_of(text) for text in texts}
    for text, key in found.items():
        if key is None:
            raise Refused.fields([(field, "FIELD_FORMAT", {"value": text[:50], "expected": "UUID"})])
    return [key for text in texts if (key := found[text]) is not None]


def key_of(text: str) -> uuid.UUID | None:
    """The id that a caller wrote; None for what is none and so finds nothing."""
    try:
        return ids.parse(text)
    except ValueError:
        return None
