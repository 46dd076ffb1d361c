"""Agreements taken back, people mentioned, cases that administrators stop for a while or lead elsewhere."""

from __future__ import annotations

import asyncio

import pytest

from approval.tests.factories import HASH, approve, branch, condition, copy, ids_of, parallel, sequence, state, waiting
from approval.tests.test_handing_rpc import add, transfer
from chassis.errors import Refused
from chassis.testing import refused, stable

NOBODY = {"kind": "role", "role": "nobody"}


async def opened(office, *nodes, **request):
    await office.flow(sequence(*nodes))
    return await office.submit(**request)


async def agreed_by(office, key, text="同意"):
    return (await office.decide(key, text=text)).id


async def take_back(office, key, task_id, text=""):
    return await office.service.as_(key).TakeBackTask(id=task_id, text=text)


def kinds(case):
    return [opinion.Kind.Name(opinion.kind) for opinion in case.opinions]


async def notices(office, key):
    return [notice.text_key for notice in (await office.service.as_(key).ListNotices()).notices]


# ---- taking back


async def test_an_agreement_is_taken_back_and_what_it_opened_is_cancelled(office):
    await opened(office, approve("a", "head"), copy("c", "buyer"), approve("b", "boss", "colleague"))
    task_id = await agreed_by(office, "head")
    assert list((await office.service.as_("head").GetTask(id=task_id)).allowed_actions) == ["take_back"]

    old = await take_back(office, "head", task_id, "看错金额")

    assert state(old) == "TAKEN_BACK"
    case = await office.case()
    assert (state(case), waiting(case)) == ("RUNNING", ids_of("head"))
    assert [(t.node_id, t.State.Name(t.state)) for t in case.tasks] == [
        ("a", "TAKEN_BACK"),
        ("c", "COPIED"),
        ("b", "CANCELLED"),
        ("b", "CANCELLED"),
        ("a", "OPEN"),
    ]
    assert kinds(case) == ["SUBMIT", "APPROVE", "TAKE_BACK"], "nothing that was said is lost"
    assert await office.todo("boss") == []
    assert (await notices(office, "boss"))[0] == "notice.taken_back"

    await office.decide("head")
    case = await office.case()
    assert waiting(case) == ids_of("boss", "colleague")
    assert [step.node_id for step in case.upcoming] == []
    await office.decide("boss")
    await office.decide("colleague")
    assert state(await office.case()) == "APPROVED"


async def test_who_was_spared_an_answer_is_asked_again(office):
    await opened(office, approve("a", "head", "buyer", "colleague", vote="ratio", percent=60), approve("b", "boss"))
    await office.decide("head")
    task_id = await agreed_by(office, "buyer")
    assert waiting(await office.case()) == ids_of("boss")

    await take_back(office, "buyer", task_id)

    case = await office.case()
    assert waiting(case) == ids_of("buyer", "colleague")
    assert set(case.waiting_on_ids) == ids_of("buyer", "colleague")
    await office.decide("colleague")
    assert waiting(await office.case()) == ids_of("boss")


async def test_who_comes_after_in_the_line_waits_again(office):
    await opened(office, approve("a", "head", "buyer", vote="sequential"), approve("b", "boss"))
    task_id = await agreed_by(office, "head")
    assert waiting(await office.case()) == ids_of("buyer")

    await take_back(office, "head", task_id)

    assert waiting(await office.case()) == ids_of("head")
    await office.decide("head")
    await office.decide("buyer")
    assert waiting(await office.case()) == ids_of("boss")


async def test_in_a_parallel_the_other_branch_stays_as_it_is(office):
    tree = parallel(
        "p", branch("p1", approve("a", "head")), branch("p2", approve("b", "buyer"), approve("c", "colleague"))
    )
    await opened(office, tree, approve("d", "boss"))
    await office.decide("buyer")
    task_id = await agreed_by(office, "head")

    await take_back(office, "head", task_id)

    assert waiting(await office.case()) == ids_of("head", "colleague")
    await office.decide("head")
    await office.decide("colleague")
    assert waiting(await office.case()) == ids_of("boss")


async def test_a_case_that_waits_for_an_administrator_comes_back(office):
    await opened(
        office, approve("a", "head"), approve("b", NOBODY, when_empty="person", employee_id=str(stable("requester")))
    )
    task_id = await agreed_by(office, "head")
    assert state(await office.case()) == "PARKED"

    await take_back(office, "head", task_id)

    case = await office.case()
    assert (state(case), waiting(case), case.park_reason) == ("RUNNING", ids_of("head"), "")


async def test_what_waited_for_an_administrator_before_waits_again(office):
    stuck = approve("b", NOBODY, when_empty="person", employee_id=str(stable("requester")))
    await opened(office, parallel("p", branch("p1", approve("a", "head")), branch("p2", stuck)), approve("d", "boss"))
    before = await office.case()
    assert (state(before), waiting(before)) == ("PARKED", ids_of("head"))
    task_id = await agreed_by(office, "head")

    await take_back(office, "head", task_id)

    case = await office.case()
    assert (state(case), case.park_reason, waiting(case)) == ("PARKED", "CASE_NO_APPROVER", ids_of("head"))


async def _next_agrees(office):
    await office.decide("boss")


async def _next_transfers(office):
    await transfer(office, "boss", "colleague")


async def _next_adds(office):
    await add(office, "boss", "colleague")


async def _requester_withdraws(office):
    await office.service.as_("requester").WithdrawCase(id=(await office.case()).id)


async def _administrator_jumps(office):
    await office.admin.JumpCase(id=(await office.case()).id, node_id="z", reason="x")


ACTS = [_next_agrees, _next_transfers, _next_adds, _requester_withdraws, _administrator_jumps]


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
async def test_once_somebody_acted_the_agreement_stands(office, act):
    await opened(office, approve("a", "head"), approve("b", "boss"), approve("z", "buyer"))
    task_id = await agreed_by(office, "head")
    await act(office)

    with refused("TASK_ACTED_SINCE"):
        await take_back(office, "head", task_id)

    assert list((await office.service.as_("head").GetTask(id=task_id)).allowed_actions) == []


async def test_remarks_and_reminders_do_not_count_as_acts(office):
    case = await opened(office, approve("a", "head"), approve("b", "boss"))
    task_id = await agreed_by(office, "head")
    await office.service.as_("boss").CommentCase(id=case.id, text="看一下")
    await office.service.as_("requester").UrgeCase(id=case.id)

    await take_back(office, "head", task_id)

    assert waiting(await office.case()) == ids_of("head")


async def test_only_the_last_agreement_only_by_its_author_and_never_the_last_word(office):
    await opened(office, approve("a", "head", "buyer"), approve("b", "boss"))
    first = await agreed_by(office, "head")
    last = await agreed_by(office, "buyer")

    with refused("TASK_ACTED_SINCE"):
        await take_back(office, "head", first)
    with refused("TASK_NOT_YOURS"):
        await take_back(office, "head", last)
    with refused("TASK_OWN_REQUEST"):
        await take_back(office, "requester", last)
    end = await agreed_by(office, "boss")
    with refused("TASK_ACTED_SINCE"):
        await take_back(office, "boss", end)
    assert state(await office.case()) == "APPROVED"


async def test_taking_back_and_the_next_decision_at_once_are_one_after_the_other(office):
    await opened(office, approve("a", "head"), approve("b", "boss"), approve("c", "buyer"))
    task_id = await agreed_by(office, "head")
    (task,) = await office.todo("boss")

    async def press(call):
        try:
            await call
        except Refused as refusal:
            return refusal.reason
        return "done"

    answers = await asyncio.gather(
        press(take_back(office, "head", task_id)),
        press(office.service.as_("boss").ApproveTask(id=task.id, content_hash=HASH)),
    )

    assert answers.count("done") == 1
    assert waiting(await office.case()) in (ids_of("head"), ids_of("buyer"))


async def test_who_agreed_is_not_passed_over_after_taking_it_back(office):
    tree = [approve("a", "head"), approve("b", "boss"), approve("c", "head", same_approver="skip_all")]
    await opened(office, *tree)
    task_id = await agreed_by(office, "head")
    await take_back(office, "head", task_id)
    await transfer(office, "head", "colleague")
    await office.decide("colleague")
    await office.decide("boss")

    assert waiting(await office.case()) == ids_of("head")


# ---- mentions


async def test_who_is_mentioned_is_told_and_may_read(office):
    case = await opened(office, approve("a", "head"))
    with refused("DOCUMENT_NOT_FOUND"):
        await office.service.as_("buyer").GetCase(id=case.id)

    await office.service.as_("head").CommentCase(id=case.id, text="请确认库存", mentioned_ids=[str(stable("buyer"))])

    assert (await office.service.as_("buyer").GetCase(id=case.id)).id == case.id
    assert await notices(office, "buyer") == ["notice.mentioned"]
    assert await notices(office, "requester") == ["notice.commented"]
    subject, event = (await office.service.events("approval.case"))[-1]
    assert subject.endswith("commented")
    assert set(event.case.participant_ids) == ids_of("head", "buyer")
    assert list((await office.case()).opinions[-1].employee_ids) == [str(stable("buyer"))]
    await office.service.as_("buyer").CommentCase(id=case.id, text="有货")


async def test_who_is_gone_is_not_mentioned(office):
    case = await opened(office, approve("a", "head"))
    head = office.service.as_("head")

    with refused("CASE_PERSON_INACTIVE", field="mentioned_ids[1]"):
        await head.CommentCase(id=case.id, text="x", mentioned_ids=[str(stable("buyer")), str(stable("disabled"))])
    with refused("FIELD_FORMAT", field="mentioned_ids"):
        await head.CommentCase(id=case.id, text="x", mentioned_ids=["buyer"])

    assert kinds(await office.case()) == ["SUBMIT"]


# ---- administrators


async def test_a_suspended_case_lets_nobody_decide_until_it_is_resumed(office):
    case = await opened(office, approve("a", "head"), approve("b", "boss"))

    await office.admin.SuspendCase(id=case.id, reason="供应商停业核查")

    case = await office.case()
    assert (state(case), case.park_reason, dict(case.park_facts)) == (
        "SUSPENDED",
        "CASE_SUSPENDED",
        {"person": "Admin", "text": "供应商停业核查"},
    )
    assert (await notices(office, "head"))[0] == (await notices(office, "requester"))[0] == "notice.suspended"
    (task,) = await office.todo("head")
    head = office.service.as_("head")
    with refused("CASE_SUSPENDED"):
        await head.ApproveTask(id=task.id, content_hash=HASH)
    with refused("CASE_SUSPENDED"):
        await transfer(office, "head", "colleague")
    with refused("ACTION_NOT_ALLOWED"):
        await office.service.as_("requester").UrgeCase(id=case.id)
    await office.admin.ResumeCase(id=case.id)
    await office.decide("head")

    case = await office.case()
    assert (waiting(case), case.park_reason) == (ids_of("boss"), "")
    assert kinds(case) == ["SUBMIT", "SUSPEND", "RESUME", "APPROVE"]


async def test_a_suspended_request_can_still_be_withdrawn_or_sent_again(office):
    case = await opened(office, approve("a", "head"))
    await office.admin.SuspendCase(id=case.id, reason="x")
    assert state(await office.service.as_("requester").WithdrawCase(id=case.id)) == "WITHDRAWN"

    again = await office.submit("two")
    await office.admin.SuspendCase(id=again.id, reason="x")
    await office.submit("two", submission=2)
    assert state(await office.case("two", submission=1)) == "WITHDRAWN"


@pytest.mark.parametrize("node", ["a", "b", "c", "d"])
async def test_a_case_is_led_to_another_node_and_goes_on_from_there(office, node):
    small = branch("small", approve("c", "colleague"), when="amount > 999999")
    tree = [approve("a", "head"), approve("b", "boss"), condition("s", small, branch("large", approve("d", "buyer")))]
    case = await opened(office, *tree)
    await office.decide("head")

    await office.admin.JumpCase(id=case.id, node_id=node, reason="流程配置有误")

    case = await office.case()
    here = {"a": "head", "b": "boss", "c": "colleague", "d": "buyer"}
    assert (state(case), waiting(case)) == ("RUNNING", ids_of(here[node]))
    assert kinds(case) == ["SUBMIT", "APPROVE", "JUMP"]
    assert (case.opinions[-1].node_name, case.opinions[-1].text) == (node.upper(), "流程配置有误")
    order = []
    while state(case) == "RUNNING":
        (who,) = waiting(case)
        key = next(k for k in here.values() if str(stable(k)) == who)
        order.append(key)
        await office.decide(key)
        case = await office.case()
    assert order == {"a": ["head", "boss", "buyer"], "b": ["boss", "buyer"], "c": ["colleague"], "d": ["buyer"]}[node]
    assert state(case) == "APPROVED"


async def test_a_stuck_case_can_be_led_on(office):
    stuck = approve("b", NOBODY, when_empty="person", employee_id=str(stable("requester")))
    case = await opened(office, approve("a", "head"), stuck, approve("c", "boss"))
    await office.decide("head")
    assert state(await office.case()) == "PARKED"

    await office.admin.JumpCase(id=case.id, node_id="c", reason="节点无人可审批")

    assert waiting(await office.case()) == ids_of("boss")


async def test_after_a_jump_into_a_parallel_the_other_branches_are_not_waited_for(office):
    tree = parallel("p", branch("p1", approve("a", "head")), branch("p2", approve("b", "buyer")))
    case = await opened(office, tree, approve("d", "boss"))

    await office.admin.JumpCase(id=case.id, node_id="b", reason="x")

    assert waiting(await office.case()) == ids_of("buyer")
    assert await office.todo("head") == []
    await office.decide("buyer")
    assert waiting(await office.case()) == ids_of("boss")


async def test_agreements_before_a_jump_do_not_pass_anybody_over(office):
    case = await opened(
        office, approve("a", "head"), approve("b", "boss"), approve("c", "head", same_approver="skip_all")
    )
    await office.decide("head")

    await office.admin.JumpCase(id=case.id, node_id="c", reason="x")

    assert waiting(await office.case()) == ids_of("head")


async def test_what_cannot_be_led_to_is_refused(office):
    case = await opened(office, approve("a", "head"), copy("k", "buyer"))
    for node in ("k", "root", "nowhere"):
        with refused("CASE_NODE_UNKNOWN", field="node_id"):
            await office.admin.JumpCase(id=case.id, node_id=node, reason="x")
    with refused("FIELD_REQUIRED", field="reason"):
        await office.admin.JumpCase(id=case.id, node_id="a")
    await office.decide("head")
    with refused("ACTION_NOT_ALLOWED"):
        await office.admin.JumpCase(id=case.id, node_id="a", reason="x")


STEERING = {
    "Suspend": {"reason": "x"},
    "Resume": {},
    "Jump": {"node_id": "b", "reason": "x"},
}


@pytest.mark.parametrize("action", STEERING)
async def test_nobody_steers_without_the_right_or_with_an_own_request(office, action):
    await office.flow(sequence(approve("a", "head"), approve("b", "boss")))
    case = await office.submit()
    office.service.revoke("requester")
    for key, reason in (("head", "DOCUMENT_NOT_FOUND"), ("requester", "PERMISSION_MISSING")):
        with refused(reason):
            await getattr(office.service.as_(key), f"{action}Case")(id=case.id, **STEERING[action])
    own = await office.submit("own", requester_id=str(stable("admin")))
    if action == "Resume":
        office.service.grant("boss", ["approval.case.*"], "COMPANY")
        await office.service.as_("boss").SuspendCase(id=own.id, reason="x")

    with refused("CASE_OWN_REQUEST"):
        await getattr(office.admin, f"{action}Case")(id=own.id, **STEERING[action])


async def test_administrators_are_offered_what_they_may(office):
    case = await opened(office, approve("a", "head"), approve("b", "boss"))
    seen = await office.admin.GetCase(id=case.id)
    assert list(seen.allowed_actions) == ["comment", "suspend", "jump", "migrate", "supervise"]
    assert [(node.node_id, node.node_name) for node in seen.nodes] == [("a", "A"), ("b", "B")]

    mine = await office.service.as_("head").GetCase(id=case.id)
    assert (list(mine.allowed_actions), list(mine.nodes)) == (["comment"], [])


async def test_taking_back_and_leading_elsewhere_cost_the_same_however_long_the_case(office):
    async def costs(document: str, rounds: int) -> list[int]:
        case = await office.submit(document)
        for _ in range(rounds):
            await take_back(office, "head", await agreed_by(office, "head"))
            await office.admin.JumpCase(id=case.id, node_id="a", reason="x")
        task_id = await agreed_by(office, "head")
        with office.service.statements() as back:
            await take_back(office, "head", task_id)
        with office.service.statements() as jump:
            await office.admin.JumpCase(id=case.id, node_id="b", reason="x")
        await office.service.as_("requester").WithdrawCase(id=case.id)
        return [len(back), len(jump)]

    await office.flow(sequence(approve("a", "head"), approve("b", "boss")))

    assert await costs("short", 0) == await costs("long", 5)
