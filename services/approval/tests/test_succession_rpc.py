"""Turns of somebody who left: each goes on to another one, none is lost."""

from __future__ import annotations

import asyncio
import dataclasses

from approval.case import deputies
from approval.tests.factories import approve, branch, ids_of, parallel, sequence, state, waiting
from approval.tests.test_deputy_rpc import delegates, delegating, pairs, said, told
from chassis.testing import stable


def leaves(office, **successors):
    """What identity tells once somebody is gone."""
    service = office.service
    heirs = {stable(gone): stable(heir) for gone, heir in successors.items()}
    service.base_organisation = dataclasses.replace(service.base_organisation, successors=heirs)
    for gone in successors:
        service.change_person(gone, active=False)


async def opened(office, *people, then="boss", **vote):
    await office.flow(sequence(approve("a", *people, **vote), approve("b", then)))
    return await office.submit()


async def test_the_successor_gets_every_open_turn_and_the_reason(office):
    await opened(office, "buyer")
    await office.submit("two")
    leaves(office, buyer="colleague")

    assert await deputies.once(office.service.runtime) == 2
    assert await deputies.once(office.service.runtime) == 0

    for document in ("one", "two"):
        case = await office.case(document)
        assert waiting(case) == ids_of("colleague")
        assert said(case)[-1] == ("HAND_OVER", "", str(stable("buyer")))
        assert list(case.opinions[-1].employee_ids) == [str(stable("colleague"))]
        old, new = case.tasks
        assert (old.State.Name(old.state), old.end_reason) == ("TRANSFERRED", "task.handed_over")
        assert dict(old.end_facts) == {"person": "Buyer", "name": "Colleague"}
        assert (new.reason, dict(new.reason_facts)) == ("approver.handed_over", {"person": "Buyer"})
    assert await told(office, "colleague") == ["notice.handed_over"] * 2
    for task in await office.todo("colleague"):
        await office.service.as_("colleague").ApproveTask(id=task.id, content_hash=task.content_hash)
    assert waiting(await office.case("two")) == ids_of("boss")


async def test_where_the_successor_asked_or_is_asked_the_head_above_decides(office):
    await opened(office, "buyer", "colleague")
    leaves(office, buyer="requester")
    await deputies.once(office.service.runtime)
    case = await office.case()
    assert waiting(case) == ids_of("colleague", "boss")
    assert [task.reason for task in case.tasks][-1] == "approver.handed_over_above"

    leaves(office, buyer="requester", colleague="boss")
    await deputies.once(office.service.runtime)
    assert waiting(await office.case()) == ids_of("boss", "head"), "boss is asked already, the head is above"


async def test_where_nobody_of_them_can_whoever_looks_after_approvals_is_asked(office):
    await opened(office, "boss", then="head")
    leaves(office, boss="requester")
    await deputies.once(office.service.runtime)
    assert waiting(await office.case()) == ids_of("admin")


async def test_who_waits_in_line_is_handed_over_in_the_same_place(office):
    await opened(office, "head", "buyer", "finance_head", vote="sequential", then="admin")
    leaves(office, buyer="colleague")
    await deputies.once(office.service.runtime)
    order = []
    for _ in range(3):
        (now,) = waiting(await office.case())
        key = next(k for k in ("head", "colleague", "finance_head") if str(stable(k)) == now)
        order.append(key)
        await office.decide(key)
    assert order == ["head", "colleague", "finance_head"]


async def test_a_turn_goes_to_the_delegate_of_the_successor(office):
    await opened(office, "buyer")
    delegating(office, "colleague>finance_head")
    leaves(office, buyer="colleague")
    await deputies.once(office.service.runtime)
    case = await office.case()
    assert (waiting(case), delegates(case)) == (ids_of("colleague"), pairs(colleague="finance_head"))
    assert await told(office, "finance_head") == ["notice.todo_for"]


async def test_a_turn_of_somebody_disabled_without_a_successor_stays(office):
    await opened(office, "buyer")
    office.service.change_person("buyer", active=False)
    assert await deputies.once(office.service.runtime) == 0
    assert waiting(await office.case()) == ids_of("buyer")


async def test_two_at_once_hand_over_once(office):
    await office.flow(sequence(parallel("p", branch("x", approve("a", "buyer")), branch("y", approve("b", "buyer")))))
    await office.submit()
    leaves(office, buyer="colleague")
    await asyncio.gather(*(deputies.once(office.service.runtime) for _ in range(3)))
    case = await office.case()
    assert [task.assignee_id for task in case.tasks if task.state == 1] == [str(stable("colleague"))] * 2
    assert [kind for kind, _, _ in said(case)].count("HAND_OVER") == 2
    assert state(case) == "RUNNING"


async def test_what_is_held_and_what_was_handed_over_is_told_to_identity(office):
    await opened(office, "buyer")
    await office.submit("two")
    identity, since = office.service.as_service("identity"), "2026-11-23T00:00:00Z"

    async def held():
        answer = await identity.ListHeld(employee_id=str(stable("buyer")), since_time=since)
        return [(group.kind, group.document_type, group.count, sorted(group.names)) for group in answer.groups]

    assert await held() == [("turns", "approval.task", 2, ["PR-one", "PR-two"])]
    leaves(office, buyer="colleague")
    await deputies.once(office.service.runtime)
    assert await held() == [("handed_turns", "approval.task", 2, ["PR-one → Colleague", "PR-two → Colleague"])]
    since = "2026-11-24T00:00:00Z"
    assert await held() == []
