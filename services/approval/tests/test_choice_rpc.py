"""Who is asked next is for the approver to say, where the flow leaves it to them."""

from __future__ import annotations

import pytest

from approval.tests.factories import HASH, approve, branch, condition, ids_of, sequence, state, waiting
from approval.tests.test_handing_rpc import add
from chassis.testing import refused, stable

CHOSEN = {"kind": "previous_choice"}


async def opened(office, *before, **last):
    await office.flow(sequence(*(before or [approve("a", "head")]), approve("b", CHOSEN, **last), approve("c", "boss")))
    return await office.submit()


async def agree(office, key, *others):
    (task,) = await office.todo(key)
    people = [str(stable(other)) for other in others]
    return await office.service.as_(key).ApproveTask(id=task.id, content_hash=HASH, next_ids=people)


async def chooses(office, key):
    (task,) = await office.todo(key)
    return (await office.service.as_(key).GetTask(id=task.id)).chooses_next


async def test_the_approver_names_who_is_asked_next(office):
    case = await opened(office)
    assert [(step.node_id, step.reason, list(step.employee_ids)) for step in case.upcoming] == [
        ("b", "approver.previous_choice", []),
        ("c", "approver.user", [str(stable("boss"))]),
    ]
    assert await chooses(office, "head") is True

    await agree(office, "head", "buyer", "colleague")

    case = await office.case()
    assert waiting(case) == ids_of("buyer", "colleague")
    assert {task.reason for task in case.tasks if task.node_id == "b"} == {"approver.previous_choice"}
    assert await chooses(office, "buyer") is False
    await agree(office, "buyer")
    await agree(office, "colleague")
    assert waiting(await office.case()) == ids_of("boss")


async def test_without_a_name_nothing_is_agreed(office):
    await opened(office)

    with refused("TASK_NEXT_MISSING", field="next_ids"):
        await agree(office, "head")

    case = await office.case()
    assert (waiting(case), len(case.opinions)) == (ids_of("head"), 1)


@pytest.mark.parametrize(("key", "reason"), [("requester", "TASK_TO_REQUESTER"), ("disabled", "TASK_PERSON_INACTIVE")])
async def test_nobody_is_named_who_cannot_be_asked(office, key, reason):
    await opened(office)

    with refused(reason, field="next_ids[1]"):
        await agree(office, "head", "buyer", key)

    assert waiting(await office.case()) == ids_of("head")


async def test_of_several_the_one_who_completes_the_node_names(office):
    await opened(office, approve("a", "head", "finance_head"))
    assert await chooses(office, "head") is False

    await agree(office, "head")
    assert await chooses(office, "finance_head") is True
    await agree(office, "finance_head", "buyer")

    assert waiting(await office.case()) == ids_of("buyer")


async def test_only_who_comes_to_such_a_node_is_asked_for_names(office):
    way = condition(
        "way", branch("large", approve("b", CHOSEN), when="amount > 999999"), branch("small", approve("d", "buyer"))
    )
    await office.flow(sequence(approve("a", "head"), way))
    await office.submit("small")
    assert await chooses(office, "head") is False
    await agree(office, "head")
    assert waiting(await office.case("small")) == ids_of("buyer")

    await office.submit("large", amount="1000000.00")
    assert await chooses(office, "head") is True


async def test_where_nobody_could_name_the_nodes_policy_holds(office):
    case = await opened(office)
    await add(office, "head", "colleague", position=2)
    await agree(office, "head")
    (added,) = await office.todo("colleague")

    await office.service.as_("head").RemoveSignerTask(id=added.id)
    assert waiting(await office.case()) == ids_of("admin")

    await office.admin.JumpCase(id=case.id, node_id="b", reason="x")
    assert waiting(await office.case()) == ids_of("admin")
    assert state(await office.case()) == "RUNNING"
