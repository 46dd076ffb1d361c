"""Turns returned to a node before: step by step or straight back, into and out of parallels."""

from __future__ import annotations

import pytest

from approval.tests.factories import HASH, approve, branch, copy, ids_of, parallel, sequence, state, waiting
from approval.tests.test_handing_rpc import add, transfer
from approval.tests.test_steering_rpc import kinds, notices
from chassis.testing import refused, stable
from heyi.approval.v1 import tasks_pb2

STEP, STRAIGHT = tasks_pb2.ReturnTaskRequest.STEP_BY_STEP, tasks_pb2.ReturnTaskRequest.STRAIGHT_BACK
NOBODY = {"kind": "role", "role": "nobody"}


async def opened(office, *nodes):
    await office.flow(sequence(*nodes))
    return await office.submit()


async def back(office, key, node_id, afterwards=STEP, text="请补充说明", task_id=None):
    task_id = task_id or (await office.todo(key))[0].id
    caller = office.service.as_(key)
    return await caller.ReturnTask(id=task_id, content_hash=HASH, text=text, node_id=node_id, afterwards=afterwards)


async def offered(office, key):
    (task,) = await office.todo(key)
    return [target.node_id for target in (await office.service.as_(key).GetTask(id=task.id)).return_targets]


async def decide(office, *keys):
    for key in keys:
        await office.decide(key)


def turns(case):
    return [(task.node_id, task.State.Name(task.state)) for task in case.tasks]


LINE = approve("a", "head"), approve("b", "buyer"), approve("c", "boss")


async def test_step_by_step_goes_on_from_there_as_usual(office):
    await opened(office, *LINE)
    await decide(office, "head", "buyer")
    assert await offered(office, "boss") == ["a", "b"]

    old = await back(office, "boss", "a")

    assert state(old) == "RETURNED"
    case = await office.case()
    assert (state(case), waiting(case), set(case.waiting_on_ids)) == ("RUNNING", ids_of("head"), ids_of("head"))
    assert [step.node_id for step in case.upcoming] == ["b", "c"]
    said = case.opinions[-1]
    assert (kinds(case)[-1], said.node_name, said.target_name, said.straight_back) == ("RETURN", "C", "A", False)
    assert await offered(office, "head") == []
    assert (await notices(office, "head"))[0] == "notice.returned_here"
    assert (await notices(office, "requester"))[0] == "notice.returned_to"

    await decide(office, "head", "buyer", "boss")

    case = await office.case()
    assert state(case) == "APPROVED"
    assert turns(case) == [
        ("a", "APPROVED"),
        ("b", "APPROVED"),
        ("c", "RETURNED"),
        ("a", "APPROVED"),
        ("b", "APPROVED"),
        ("c", "APPROVED"),
    ]


async def test_straight_back_comes_back_to_those_who_were_asked(office):
    await opened(
        office,
        approve("a", "head"),
        approve("b", "buyer"),
        approve("c", "boss", "finance_head"),
        approve("d", "colleague"),
    )
    await decide(office, "head", "buyer", "finance_head")

    await back(office, "boss", "a", STRAIGHT)

    case = await office.case()
    assert waiting(case) == ids_of("head")
    assert [(step.node_id, len(step.employee_ids)) for step in case.upcoming] == [("c", 2), ("d", 1)]
    assert case.opinions[-1].straight_back is True
    await decide(office, "head")
    assert waiting(await office.case()) == ids_of("boss", "finance_head"), "who had agreed there is asked again"
    await decide(office, "boss", "finance_head", "colleague")
    case = await office.case()
    assert state(case) == "APPROVED"
    assert [node for node, _ in turns(case)] == ["a", "b", "c", "c", "a", "c", "c", "d"]


async def test_straight_back_keeps_lines_added_signers_and_who_took_over(office):
    await opened(office, approve("a", "head"), approve("b", "buyer", "finance_head"))
    await decide(office, "head")
    await transfer(office, "buyer", "boss")
    await add(office, "boss", "colleague", position=tasks_pb2.AddSignerTaskRequest.AFTER)

    await back(office, "boss", "a", STRAIGHT)
    await decide(office, "head")

    case = await office.case()
    assert waiting(case) == ids_of("boss", "finance_head")
    last = case.tasks[-3:]
    assert [(t.assignee_id, t.State.Name(t.state), t.added_by_id) for t in last] == [
        (str(stable("finance_head")), "OPEN", ""),
        (str(stable("boss")), "OPEN", ""),
        (str(stable("colleague")), "WAITING", str(stable("boss"))),
    ]
    await decide(office, "boss", "colleague", "finance_head")
    assert state(await office.case()) == "APPROVED"


async def test_where_one_who_was_asked_is_gone_people_are_found_anew(office):
    await opened(office, approve("a", "head"), approve("b", "boss", "buyer"))
    await decide(office, "head")
    await back(office, "boss", "a", STRAIGHT)
    office.service.change_person("buyer", active=False)

    await decide(office, "head")

    assert waiting(await office.case()) == ids_of("boss")


SIDE = parallel(
    "p",
    branch("p1", approve("a", "head"), approve("b", "buyer")),
    branch("p2", approve("c", "finance_head"), approve("d", "colleague")),
)


async def test_inside_a_branch_the_other_keeps_standing(office):
    await opened(office, SIDE, approve("e", "boss"))
    await decide(office, "head", "finance_head")

    await back(office, "buyer", "a")

    assert waiting(await office.case()) == ids_of("head", "colleague")
    await decide(office, "colleague", "head", "buyer")
    assert waiting(await office.case()) == ids_of("boss")


async def test_out_of_a_parallel_the_whole_of_it_is_left(office):
    await opened(office, approve("z", "boss"), SIDE)
    await decide(office, "boss", "head", "finance_head")

    await back(office, "buyer", "z")

    case = await office.case()
    assert waiting(case) == ids_of("boss")
    assert ("d", "CANCELLED") in turns(case)
    assert (await notices(office, "colleague"))[0] == "notice.returned_to"
    await decide(office, "boss")
    assert waiting(await office.case()) == ids_of("head", "finance_head"), "both branches from their beginning"


async def test_straight_back_into_a_parallel_every_branch_stands_as_it_stood(office):
    await opened(office, approve("z", "boss"), SIDE)
    await decide(office, "boss", "head", "finance_head")

    await back(office, "buyer", "z", STRAIGHT)
    assert [step.node_id for step in (await office.case()).upcoming] == ["b", "d"]
    await decide(office, "boss")

    assert waiting(await office.case()) == ids_of("buyer", "colleague")
    await decide(office, "colleague")
    assert state(await office.case()) == "RUNNING", "one branch alone ends no parallel"
    await decide(office, "buyer")
    assert state(await office.case()) == "APPROVED"


async def test_a_branch_that_was_done_stays_done(office):
    await opened(office, approve("z", "boss"), SIDE)
    await decide(office, "boss", "finance_head", "colleague", "head")

    await back(office, "buyer", "z", STRAIGHT)
    await decide(office, "boss", "buyer")

    assert state(await office.case()) == "APPROVED"


async def test_into_a_branch_of_a_parallel_that_is_done(office):
    await opened(office, SIDE, approve("e", "boss"))
    await decide(office, "head", "buyer", "finance_head", "colleague")
    assert await offered(office, "boss") == ["a", "b", "c", "d"]

    await back(office, "boss", "c")

    assert waiting(await office.case()) == ids_of("finance_head")
    await decide(office, "finance_head", "colleague")
    assert waiting(await office.case()) == ids_of("boss"), "the other branch stands"


async def test_a_return_of_a_return_comes_back_through_both(office):
    await opened(office, *LINE, approve("d", "colleague"))
    await decide(office, "head", "buyer", "boss")

    await back(office, "colleague", "b", STRAIGHT)
    await back(office, "buyer", "a", STRAIGHT)
    await decide(office, "head")
    assert waiting(await office.case()) == ids_of("buyer")
    await decide(office, "buyer")
    assert waiting(await office.case()) == ids_of("colleague")


async def test_a_return_step_by_step_forgets_the_way_straight_back(office):
    await opened(office, *LINE, approve("d", "colleague"))
    await decide(office, "head", "buyer", "boss")

    await back(office, "colleague", "b", STRAIGHT)
    await back(office, "buyer", "a", STEP)
    await decide(office, "head", "buyer")

    assert waiting(await office.case()) == ids_of("boss")


async def test_who_agreed_behind_the_target_is_not_passed_over(office):
    """And who agreed before it still is; at the target everybody is asked."""
    policy = {"same_approver": "skip_all"}
    await opened(
        office,
        approve("a", "head"),
        approve("b", "buyer", "head", **policy),
        approve("c", "buyer", "head", **policy),
        approve("d", "boss"),
    )
    await decide(office, "head", "buyer")
    assert waiting(await office.case()) == ids_of("boss")

    await back(office, "boss", "b")

    assert waiting(await office.case()) == ids_of("buyer", "head")
    await decide(office, "buyer")
    await decide(office, "head")
    assert waiting(await office.case()) == ids_of("boss"), "both agreed since"

    assert await offered(office, "boss") == ["a", "b"], "at c nobody was asked"
    await back(office, "boss", "a")
    await decide(office, "head")
    assert waiting(await office.case()) == ids_of("buyer"), "head agreed at a once more, buyer's agreements are undone"


async def test_an_agreement_after_a_return_is_taken_back(office):
    await opened(office, *LINE)
    await decide(office, "head", "buyer")
    await back(office, "boss", "a", STRAIGHT)
    task_id = (await office.decide("head")).id
    assert waiting(await office.case()) == ids_of("boss")

    await office.service.as_("head").TakeBackTask(id=task_id)

    assert waiting(await office.case()) == ids_of("head")
    await decide(office, "head")
    assert waiting(await office.case()) == ids_of("boss"), "it still comes straight back"


async def test_named_people_are_asked_again_at_the_target(office):
    chosen = {"kind": "previous_choice"}
    await opened(office, approve("a", "head"), approve("b", chosen), approve("c", chosen), approve("d", "boss"))
    for key, other in (("head", "buyer"), ("buyer", "colleague")):
        (task,) = await office.todo(key)
        await office.service.as_(key).ApproveTask(id=task.id, content_hash=HASH, next_ids=[str(stable(other))])
    await decide(office, "colleague")

    await back(office, "boss", "c", STRAIGHT)
    assert waiting(await office.case()) == ids_of("colleague")
    await decide(office, "colleague")
    await back(office, "boss", "b", STRAIGHT)
    assert waiting(await office.case()) == ids_of("buyer")
    await decide(office, "buyer")
    assert waiting(await office.case()) == ids_of("boss"), "nobody is asked for a name on the way straight back"


async def test_copies_and_passed_nodes_are_no_targets_and_a_jump_leaves_some(office):
    case = await opened(office, copy("k", "buyer"), approve("n", NOBODY, when_empty="pass"), *LINE)
    await decide(office, "head")
    assert await offered(office, "buyer") == ["a"]
    await office.admin.JumpCase(id=case.id, node_id="c", reason="x")

    assert await offered(office, "boss") == ["a", "b"]
    await back(office, "boss", "b")
    assert waiting(await office.case()) == ids_of("buyer")


@pytest.mark.parametrize("node_id", ["c", "d", "p", "x"])
async def test_it_is_returned_to_nothing_else(office, node_id):
    await opened(office, *LINE, approve("d", "colleague"))
    await decide(office, "head", "buyer")

    with refused("TASK_RETURN_TARGET", field="node_id"):
        await back(office, "boss", node_id)

    assert waiting(await office.case()) == ids_of("boss")


async def test_what_goes_to_the_requester_does_not_come_straight_back(office):
    await opened(office, *LINE)

    with refused("TASK_STRAIGHT_BACK", field="afterwards"):
        await back(office, "head", "", STRAIGHT)
    with refused("FIELD_REQUIRED", field="text"):
        await back(office, "head", "a", text="")

    await back(office, "head", "")
    assert state(await office.case()) == "RETURNED"


async def test_an_own_request_is_never_returned_by_the_requester(office):
    case = await opened(office, *LINE)
    await decide(office, "head")

    with refused("TASK_OWN_REQUEST"):
        await back(office, "requester", "a", task_id=case.tasks[0].id)
