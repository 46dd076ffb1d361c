"""A turn that is passed on, people added before and after it, and removed again."""

from __future__ import annotations

import asyncio

import pytest

from approval.tests.factories import HASH, approve, ids_of, sequence, state, waiting
from approval.tests.test_task_rpc import VOTERS, crowd
from chassis.errors import Refused
from chassis.testing import refused, stable
from heyi.approval.v1 import tasks_pb2

BEFORE, AFTER = tasks_pb2.AddSignerTaskRequest.BEFORE, tasks_pb2.AddSignerTaskRequest.AFTER


async def opened(office, *people, **vote):
    await office.flow(sequence(approve("a", *(people or ("head",)), **vote), approve("b", "boss")))
    return await office.submit()


async def transfer(office, key, to, text="出差，请代为审批"):
    (task,) = await office.todo(key)
    return await office.service.as_(key).TransferTask(id=task.id, employee_id=str(stable(to)), text=text)


async def add(office, key, *others, position=BEFORE, text=""):
    (task,) = await office.todo(key)
    people = [str(stable(other)) for other in others]
    return await office.service.as_(key).AddSignerTask(id=task.id, position=position, employee_ids=people, text=text)


def said(case):
    return [(o.Kind.Name(o.kind), o.author_id, list(o.employee_ids)) for o in case.opinions]


async def test_a_turn_is_passed_on_and_both_names_stay(office):
    case = await opened(office)

    old = await transfer(office, "head", "colleague")

    assert (state(old), old.end_reason, dict(old.end_facts)) == (
        "TRANSFERRED",
        "task.transferred",
        {"name": "Colleague"},
    )
    case = await office.case()
    assert waiting(case) == ids_of("colleague")
    assert ("TRANSFER", str(stable("head")), [str(stable("colleague"))]) in said(case)
    (task,) = await office.todo("colleague")
    assert (task.reason, dict(task.reason_facts)) == ("approver.transferred", {"person": "Head"})
    assert (await office.service.as_("head").GetCase(id=case.id)).id == case.id, "who had it keeps reading"
    assert [n.text_key for n in (await office.service.as_("colleague").ListNotices()).notices] == ["notice.todo"]
    with refused("TASK_NOT_OPEN"):
        await office.service.as_("head").ApproveTask(id=old.id, content_hash=HASH)

    await office.decide("colleague")

    assert waiting(await office.case()) == ids_of("boss")


async def test_who_passed_a_turn_on_has_not_agreed(office):
    """Whoever took it over has: a later node passes over the one, and asks the other."""
    policy = {"same_approver": "skip_all"}
    await office.flow(sequence(approve("a", "head"), approve("b", "boss"), approve("c", "head", "colleague", **policy)))
    await office.submit()
    await transfer(office, "head", "colleague")
    await office.decide("colleague")
    await office.decide("boss")

    case = await office.case()
    assert waiting(case) == ids_of("head")
    assert [t.assignee_id for t in case.tasks if t.State.Name(t.state) == "SKIPPED"] == [str(stable("colleague"))]


async def test_the_event_lets_the_new_person_read_the_document(office):
    await opened(office)

    await transfer(office, "head", "colleague")

    *_, (subject, event) = await office.service.events("approval.case")
    assert subject.endswith("advanced")
    assert set(event.case.participant_ids) == ids_of("head", "colleague")


PEOPLE = {
    "requester": "TASK_TO_REQUESTER",
    "disabled": "TASK_PERSON_INACTIVE",
    "head": "TASK_PERSON_ASKED",
    "buyer": "TASK_PERSON_ASKED",
}


@pytest.mark.parametrize("key", PEOPLE)
async def test_nobody_is_asked_who_cannot_be(office, key):
    """Neither by passing on nor by adding: the requester, who is gone, who is asked here already."""
    await opened(office, "head", "buyer")

    with refused(PEOPLE[key], field="employee_id"):
        await transfer(office, "head", key)
    for position in (BEFORE, AFTER):
        with refused(PEOPLE[key], field="employee_ids[1]"):
            await add(office, "head", "colleague", key, position=position)

    assert waiting(await office.case()) == ids_of("head", "buyer")


async def test_what_a_request_lacks_is_said(office):
    await opened(office)
    (task,) = await office.todo("head")
    head = office.service.as_("head")

    with refused("FIELD_REQUIRED", field="text"):
        await head.TransferTask(id=task.id, employee_id=str(stable("boss")))
    with refused("FIELD_FORMAT", field="employee_id"):
        await head.TransferTask(id=task.id, employee_id="boss", text="x")
    with refused("FIELD_REQUIRED", field="position"):
        await head.AddSignerTask(id=task.id, employee_ids=[str(stable("boss"))])
    with refused("FIELD_REQUIRED", field="employee_ids"):
        await head.AddSignerTask(id=task.id, position=BEFORE)
    with refused("TASK_PERSON_ASKED", field="employee_ids[1]"):
        await add(office, "head", "colleague", "colleague")


OTHERS = {"requester": "TASK_OWN_REQUEST", "admin": "TASK_NOT_YOURS", "colleague": "DOCUMENT_NOT_FOUND"}


@pytest.mark.parametrize("key", OTHERS)
async def test_a_turn_is_passed_on_or_added_to_by_its_person_alone(office, key):
    await opened(office)
    (task,) = await office.todo("head")
    caller, boss = office.service.as_(key), str(stable("boss"))

    with refused(OTHERS[key]):
        await caller.TransferTask(id=task.id, employee_id=boss, text="x")
    with refused(OTHERS[key]):
        await caller.AddSignerTask(id=task.id, position=BEFORE, employee_ids=[boss])
    with refused(OTHERS[key]):
        await caller.RemoveSignerTask(id=task.id)


async def test_added_before_decide_first_and_then_it_is_my_turn_again(office):
    await opened(office)

    mine = await add(office, "head", "colleague", "buyer", text="请先看预算")

    assert state(mine) == "WAITING"
    assert waiting(await office.case()) == ids_of("colleague")
    assert ("ADD_SIGNER", str(stable("head")), [str(stable(k)) for k in ("colleague", "buyer")]) in said(
        await office.case()
    )
    await office.decide("colleague")
    assert waiting(await office.case()) == ids_of("buyer")
    await office.decide("buyer")
    assert waiting(await office.case()) == ids_of("head")
    await office.decide("head")
    assert waiting(await office.case()) == ids_of("boss")


async def test_added_after_decide_once_i_agreed(office):
    await opened(office, "head", "finance_head", vote="any")

    mine = await add(office, "head", "colleague", position=AFTER)

    assert state(mine) == "OPEN"
    await office.decide("head")
    assert waiting(await office.case()) == ids_of("finance_head", "colleague")
    await office.decide("colleague")
    case = await office.case()
    assert waiting(case) == ids_of("boss"), "one line is enough, and all in it agreed"


async def test_who_was_added_refuses_and_the_case_ends(office):
    await opened(office)
    await add(office, "head", "colleague")

    await office.decide("colleague", "Reject")

    case = await office.case()
    assert (state(case), waiting(case)) == ("REJECTED", set())
    assert [task.State.Name(task.state) for task in case.tasks if task.assignee_id == str(stable("head"))] == [
        "CANCELLED"
    ]


async def test_with_a_share_a_refusal_in_my_line_is_the_vote_of_the_line(office):
    await opened(office, "head", "buyer", "finance_head", vote="ratio", percent=60)
    await add(office, "head", "colleague")

    await office.decide("colleague", "Reject")

    case = await office.case()
    assert (state(case), waiting(case)) == ("RUNNING", ids_of("buyer", "finance_head"))
    (lost,) = [task for task in case.tasks if task.assignee_id == str(stable("head"))]
    assert (task_state(lost), lost.end_reason) == ("CANCELLED", "task.line_refused")
    await office.decide("buyer")
    await office.decide("finance_head")
    assert waiting(await office.case()) == ids_of("boss")


def task_state(task):
    return task.State.Name(task.state)


async def test_the_added_can_add_and_pass_on_in_their_turn(office):
    await opened(office)
    await add(office, "head", "colleague")
    await add(office, "colleague", "buyer", position=AFTER)
    await transfer(office, "colleague", "finance_head")

    order = []
    for _ in range(3):
        (now,) = waiting(await office.case())
        key = next(k for k in ("finance_head", "buyer", "head") if str(stable(k)) == now)
        order.append(key)
        await office.decide(key)

    assert order == ["finance_head", "buyer", "head"]
    assert waiting(await office.case()) == ids_of("boss")


async def test_an_added_signer_is_removed_by_who_added_while_undecided(office):
    await opened(office)
    await add(office, "head", "colleague", "buyer")
    tasks = {task.assignee_id: task for task in (await office.case()).tasks}
    colleague, buyer = tasks[str(stable("colleague"))], tasks[str(stable("buyer"))]
    head = office.service.as_("head")
    case = await head.GetCase(id=colleague.case_id)
    offered = {task.assignee_id: list(task.allowed_actions) for task in case.tasks}
    assert offered[str(stable("colleague"))] == offered[str(stable("buyer"))] == ["remove_signer"]
    with refused("TASK_NOT_YOURS"):
        await office.service.as_("buyer").RemoveSignerTask(id=colleague.id)

    await head.RemoveSignerTask(id=colleague.id, text="不需要了")
    assert waiting(await office.case()) == ids_of("buyer")
    assert (await office.service.as_("colleague").ListNotices()).notices[0].text_key == "notice.removed"
    await head.RemoveSignerTask(id=buyer.id)

    case = await office.case()
    assert waiting(case) == ids_of("head")
    assert [kind for kind, _, _ in said(case)].count("REMOVE_SIGNER") == 2
    assert (await office.service.as_("colleague").GetCase(id=case.id)).id == case.id
    with refused("TASK_NOT_OPEN"):
        await head.RemoveSignerTask(id=colleague.id)


async def test_removing_the_last_one_behind_me_lets_the_case_go_on(office):
    await opened(office)
    await add(office, "head", "colleague", position=AFTER)
    await office.decide("head")
    (added,) = await office.todo("colleague")

    await office.service.as_("head").RemoveSignerTask(id=added.id)

    assert waiting(await office.case()) == ids_of("boss")
    assert await office.todo("colleague") == []


async def test_nobody_counts_twice_by_passing_on(office):
    """Who agreed at a node does not come back to it by another's turn."""
    await opened(office, "head", "buyer", "colleague", vote="ratio", percent=67)
    await office.decide("head")

    with refused("TASK_PERSON_ASKED"):
        await transfer(office, "buyer", "head")


async def test_passed_on_and_back_again(office):
    await opened(office)
    await transfer(office, "head", "colleague")
    await transfer(office, "colleague", "head")

    await office.decide("head")

    case = await office.case()
    assert waiting(case) == ids_of("boss")
    assert [kind for kind, _, _ in said(case)] == ["SUBMIT", "TRANSFER", "TRANSFER", "APPROVE"]


@pytest.mark.parametrize("size", [1, 40])
async def test_passing_on_and_adding_cost_the_same_however_many_are_asked(office, size):
    crowd(office.service, size)
    await office.flow(sequence(approve("a", "head", "buyer", VOTERS), approve("b", "boss")))
    await office.submit()

    with office.service.statements() as passing:
        await transfer(office, "head", "colleague")
    with office.service.statements() as adding:
        await add(office, "buyer", "finance_head")
    (added,) = await office.todo("finance_head")
    with office.service.statements() as removing:
        await office.service.as_("buyer").RemoveSignerTask(id=added.id)

    assert [len(passing), len(adding), len(removing)] == [5, 6, 5]


async def test_pressed_at_once_only_one_way_is_gone(office):
    """Agree, pass on and ask others before: whichever comes first, the turn is not there for the rest."""
    await opened(office)
    (task,) = await office.todo("head")
    head = office.service.as_("head")
    colleague, buyer = str(stable("colleague")), str(stable("buyer"))

    async def press(call) -> str:
        try:
            await call
        except Refused as refusal:
            return refusal.reason
        return "done"

    answers = await asyncio.gather(
        press(head.ApproveTask(id=task.id, content_hash=HASH)),
        press(head.TransferTask(id=task.id, employee_id=colleague, text="x")),
        press(head.AddSignerTask(id=task.id, position=BEFORE, employee_ids=[buyer])),
    )

    assert answers.count("done") == 1
    assert set(answers) <= {"done", "TASK_NOT_OPEN", "BUSY"}
    assert len(waiting(await office.case())) == 1
