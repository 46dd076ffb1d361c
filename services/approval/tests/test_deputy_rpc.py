"""Turns that are delegated: who sees them, who decides, and how they come back."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
import sqlalchemy as sa

from approval.case import deputies
from approval.task.model import Task
from approval.tests.factories import HASH, approve, ids_of, sequence, state, waiting
from approval.tests.test_deputy_rules import deputy
from chassis.errors import Refused
from chassis.testing import refused, stable


def delegating(office, *links):
    """What identity tells: these delegations hold, no others."""
    by_delegator: dict = {}
    for link in links:
        link = deputy(link) if isinstance(link, str) else link
        by_delegator.setdefault(link.delegator_id, []).append(link)
    service = office.service
    service.base_organisation = dataclasses.replace(service.base_organisation, delegations=by_delegator)
    service._publish()


async def opened(office, *people, links=("head>colleague",), **vote):
    delegating(office, *links)
    await office.flow(sequence(approve("a", *(people or ("head",)), **vote), approve("b", "boss")))
    return await office.submit()


async def press(call) -> str:
    try:
        await call
    except Refused as refusal:
        return refusal.reason
    return "done"


def delegates(case):
    return {task.assignee_id: task.delegate_id for task in case.tasks if task.state in (1, 8) and task.delegate_id}


def pairs(**people):
    return {str(stable(key)): str(stable(delegate)) for key, delegate in people.items()}


def said(case):
    return [(o.Kind.Name(o.kind), o.author_id, o.on_behalf_of_id) for o in case.opinions]


async def told(office, key):
    return [notice.text_key for notice in (await office.service.as_(key).ListNotices()).notices]


async def test_the_delegate_decides_on_behalf_and_both_names_stay(office):
    case = await opened(office)
    assert delegates(case) == pairs(head="colleague")
    assert set(case.waiting_on_ids) == ids_of("head", "colleague")
    assert (await told(office, "head"), await told(office, "colleague")) == (["notice.todo"], ["notice.todo_for"])
    (own,), (theirs,) = await office.todo("head"), await office.todo("colleague")
    assert own.id == theirs.id
    assert list(theirs.allowed_actions) == ["approve", "reject", "return"]
    assert list(theirs.delegation_chain_ids) == [str(stable("colleague"))]
    shown = await office.service.as_("colleague").GetTask(id=own.id)
    assert (shown.assignee_id, shown.delegate_id) == (str(stable("head")), str(stable("colleague")))

    await office.decide("colleague")

    case = await office.case()
    assert waiting(case) == ids_of("boss")
    assert ("APPROVE", str(stable("colleague")), str(stable("head"))) in said(case)
    done = await office.service.as_("head").GetTask(id=own.id)
    assert (done.decided_by_id, done.State.Name(done.state)) == (str(stable("colleague")), "APPROVED")
    with refused("TASK_NOT_OPEN"):
        await office.service.as_("head").ApproveTask(id=own.id, content_hash=HASH)
    *_, (_, event) = await office.service.events("approval.case")
    assert set(event.case.participant_ids) == ids_of("head", "colleague", "boss"), "the owner lets them read"
    (entry,) = (await office.service.as_("admin").ListAuditEntries(on_behalf_id=stable("head"))).entries
    assert (entry.actor_id, entry.method.split("/")[1]) == (str(stable("colleague")), "ApproveTask")


async def test_the_delegator_still_decides_until_the_delegate_did(office):
    await opened(office)
    (task,) = await office.todo("colleague")

    await office.decide("head")

    assert ("APPROVE", str(stable("head")), "") in said(await office.case())
    with refused("TASK_NOT_OPEN"):
        await office.service.as_("colleague").RejectTask(id=task.id, content_hash=HASH, text="x")


async def test_pressed_by_both_at_once_there_is_one_decision(office):
    await opened(office)
    (task,) = await office.todo("head")
    answers = await asyncio.gather(
        press(office.service.as_("head").ApproveTask(id=task.id, content_hash=HASH)),
        press(office.service.as_("colleague").RejectTask(id=task.id, content_hash=HASH, text="x")),
    )
    assert answers.count("done") == 1
    assert set(answers) <= {"done", "TASK_NOT_OPEN", "BUSY"}
    case = await office.case()
    assert sum(kind in ("APPROVE", "REJECT") for kind, _, _ in said(case)) == 1


@pytest.mark.parametrize("links", [("head>requester",), ("head>buyer", "buyer>requester", "requester>colleague")])
async def test_nobody_decides_on_an_own_request_by_a_delegation(office, links):
    """Neither as delegate nor by choosing one; the database knows it too."""
    case = await opened(office, links=links)
    assert str(stable("requester")) not in {who for task in case.tasks for who in (task.delegate_id, task.assignee_id)}
    assert delegates(case) == (pairs(head="buyer") if len(links) > 1 else {})
    (task,) = await office.todo("head")
    with refused("TASK_OWN_REQUEST"):
        await office.service.as_("requester").ApproveTask(id=task.id, content_hash=HASH)
    async with office.service.runtime.sessions() as session, session.begin():
        await session.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        with pytest.raises(sa.exc.IntegrityError, match="not_own_request_by_delegate"):
            await session.execute(sa.update(Task).values(delegate_id=Task.requester_id))


async def test_delegations_on_a_way_are_on_record(office):
    await opened(office, links=("head>buyer", "buyer>colleague"))
    (task,) = await office.todo("colleague")
    assert list(task.delegation_chain_ids) == [str(stable("buyer")), str(stable("colleague"))]
    assert await office.todo("buyer") == []
    with refused("DOCUMENT_NOT_FOUND"):
        await office.service.as_("buyer").ApproveTask(id=task.id, content_hash=HASH)


async def test_who_is_asked_in_an_own_right_too_answers_once_in_each_line(office):
    await opened(office, "head", "colleague", "buyer", vote="ratio", percent=66)
    mine = {task.assignee_id: task for task in await office.todo("colleague")}
    assert set(mine) == ids_of("head", "colleague")
    for task in mine.values():
        await office.service.as_("colleague").ApproveTask(id=task.id, content_hash=HASH)
    case = await office.case()
    assert waiting(case) == ids_of("boss"), "two of three lines"
    colleague = str(stable("colleague"))
    assert {o for o in said(case) if o[0] == "APPROVE"} == {
        ("APPROVE", colleague, str(stable("head"))),
        ("APPROVE", colleague, ""),
    }


async def test_nobody_stands_twice_in_one_line(office):
    case = await opened(office, "head", "colleague", vote="sequential")
    assert delegates(case) == {}
    await office.decide("head")
    await office.decide("colleague")
    assert waiting(await office.case()) == ids_of("boss")


async def test_an_agreement_on_behalf_counts_for_whom_it_was_given(office):
    delegating(office, "head>colleague")
    skip = {"same_approver": "skip_all"}
    await office.flow(sequence(approve("a", "head"), approve("b", "colleague", **skip), approve("c", "head", **skip)))
    await office.submit()
    await office.decide("colleague")
    assert waiting(await office.case()) == ids_of("colleague"), "asked in an own right"
    await office.decide("colleague")
    assert state(await office.case()) == "APPROVED", "the head has agreed before"


async def test_a_delegate_decides_and_takes_that_back_and_nothing_else(office):
    await opened(office)
    (task,) = await office.todo("colleague")
    colleague, head = office.service.as_("colleague"), office.service.as_("head")
    with refused("TASK_NOT_YOURS"):
        await colleague.TransferTask(id=task.id, employee_id=str(stable("buyer")), text="x")
    with refused("TASK_NOT_YOURS"):
        await colleague.AddSignerTask(id=task.id, position=1, employee_ids=[str(stable("buyer"))])
    await office.decide("colleague")
    with refused("TASK_ACTED_SINCE"):
        await head.TakeBackTask(id=task.id)

    await colleague.TakeBackTask(id=task.id, text="看错了")

    case = await office.case()
    assert (waiting(case), delegates(case)) == (ids_of("head"), pairs(head="colleague"))
    assert said(case)[-1] == ("TAKE_BACK", str(stable("colleague")), str(stable("head")))


async def test_open_turns_go_to_the_delegate_and_come_back(office):
    await opened(office, "head", "buyer", vote="sequential", links=())
    service = office.service
    assert await deputies.once(service.runtime) == 0

    delegating(office, "head>colleague", "buyer>finance_head")
    assert await deputies.once(service.runtime) == 1
    assert await deputies.once(service.runtime) == 0, "nothing is left to do"
    case = await office.case()
    assert delegates(case) == pairs(head="colleague", buyer="finance_head"), "who waits in line too"
    assert set(case.waiting_on_ids) == ids_of("head", "colleague")
    assert await told(office, "colleague") == ["notice.todo_for"]

    delegating(office)
    (task,) = await office.todo("colleague")
    with refused("TASK_NOT_YOURS"):
        await service.as_("colleague").ApproveTask(id=task.id, content_hash=HASH)
    assert await deputies.once(service.runtime) == 1
    case = await office.case()
    assert (delegates(case), list(case.waiting_on_ids)) == ({}, [str(stable("head"))])
    assert await office.todo("colleague") == []
    assert await told(office, "colleague") == ["notice.drawn_back", "notice.todo_for"]


async def test_a_delegation_ends_with_its_last_day(office):
    await opened(office)
    office.service.clock.set("2026-11-23T16:00:00Z")
    office.admin = office.service.as_("admin")
    assert await deputies.once(office.service.runtime) == 1
    assert delegates(await office.case()) == {}


async def test_my_turns_are_listed_by_their_way_to_me(office):
    await opened(office, "head", "buyer")
    colleague, head = office.service.as_("colleague"), office.service.as_("head")
    to_me = f'state = "OPEN" AND delegate_id = "{stable("colleague")}"'
    by_me = f'state = "OPEN" AND assignee_id = "{stable("head")}" AND delegate_id != ""'

    async def found(caller, text):
        return [task.assignee_id for task in (await caller.ListTasks(filter=text)).tasks]

    assert await found(colleague, to_me) == [str(stable("head"))]
    assert await found(head, by_me) == [str(stable("head"))]
    assert await found(office.service.as_("buyer"), to_me) == []
    assert len((await colleague.BatchGetTasks(ids=[(await office.todo("head"))[0].id])).tasks) == 1


@pytest.mark.parametrize("size", [1, 6])
async def test_delegating_costs_the_same_however_many_turns(office, size):
    links = ("head>colleague", *(f"{key}>colleague" for key in ("buyer", "finance_head", "boss", "admin")))
    delegating(office, *links[:size])
    people = ("head", "buyer", "finance_head", "boss", "admin")
    await office.flow(sequence(approve("a", *people)))
    with office.service.statements() as opening:
        await office.deliver()
    delegating(office)
    with office.service.statements() as following:
        await deputies.once(office.service.runtime)
    assert [len(opening), len(following)] == [5, 5]


async def test_a_delegate_s_return_to_a_node_before_bears_both_names(office):
    delegating(office, "head>colleague")
    await office.flow(sequence(approve("a", "buyer"), approve("b", "head")))
    await office.submit()
    await office.decide("buyer")
    (task,) = await office.todo("colleague")

    caller = office.service.as_("colleague")
    await caller.ReturnTask(id=task.id, content_hash=HASH, text="数量不对", node_id="a", afterwards=1)

    case = await office.case()
    assert waiting(case) == ids_of("buyer")
    assert said(case)[-1] == ("RETURN", str(stable("colleague")), str(stable("head")))
