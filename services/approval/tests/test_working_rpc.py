"""Work that is done with what came of it filled in, and turns that one of several takes."""

from __future__ import annotations

import asyncio

import pytest

from approval.tests.factories import HASH, approve, branch, condition, handle, ids_of, sequence, state, waiting
from approval.tests.test_handing_rpc import transfer
from approval.tests.test_returning_rpc import STRAIGHT, back
from approval.tests.test_steering_rpc import kinds
from chassis.errors import Refused
from chassis.testing import refused, stable

FIELDS = (
    {"key": "invoice_no", "label": {"zh-CN": "发票号", "en": "Invoice number"}, "required": True},
    {"key": "paid", "label": "实付金额", "type": "amount"},
)
GROUP = {
    "kind": "group",
    "name": "出纳",
    "employee_ids": [str(stable(key)) for key in ("buyer", "colleague", "finance_head")],
}


async def opened(office, *nodes, **request):
    await office.flow(sequence(*nodes))
    return await office.submit(**request)


async def done(office, key, values, text=""):
    (task,) = await office.todo(key)
    return await office.service.as_(key).HandleTask(id=task.id, content_hash=HASH, values=values, text=text)


async def act(office, key, action, task=None, **fields):
    task_id = task or (await office.todo(key))[0].id
    return await getattr(office.service.as_(key), f"{action}Task")(id=task_id, **fields)


# ---- handling


async def test_what_is_filled_in_is_kept_and_conditions_read_it(office):
    way = condition(
        "way",
        branch("large", approve("b", "boss"), when="facts.handled.paid > 100"),
        branch("small", approve("c", "head")),
    )
    case = await opened(office, handle("h", "buyer", fields=FIELDS), way)
    assert [(step.node_id, step.kind, step.reason) for step in case.upcoming] == [
        ("way", "condition", "approver.depends_on_handling")
    ]
    (task,) = await office.todo("buyer")
    seen = await office.service.as_("buyer").GetTask(id=task.id)
    assert (seen.node_kind, list(seen.allowed_actions)) == ("handle", ["return", "transfer", "handle"])
    assert [(f.key, f.label["zh-CN"], f.type, f.required) for f in seen.form_fields] == [
        ("invoice_no", "发票号", "text", True),
        ("paid", "实付金额", "amount", False),
    ]

    old = await done(office, "buyer", {"invoice_no": "A-7", "paid": "100.50"})

    assert state(old) == "HANDLED"
    case = await office.case()
    assert waiting(case) == ids_of("boss")
    assert dict(case.facts["handled"]) == {"invoice_no": "A-7", "paid": 100.5}
    said = case.opinions[-1]
    assert kinds(case) == ["SUBMIT", "HANDLE"]
    assert [(f["key"], f["value"]) for f in said.handled["fields"]] == [("invoice_no", "A-7"), ("paid", "100.50")]


async def test_a_value_at_fault_is_refused_and_nothing_is_done(office):
    await opened(office, handle("h", "buyer", fields=FIELDS), approve("a", "boss"))

    with refused("FIELD_REQUIRED", field="values.invoice_no"):
        await done(office, "buyer", {})
    with refused("FIELD_DECIMAL", field="values.paid"):
        await done(office, "buyer", {"invoice_no": "A", "paid": "1.001"})
    with refused("TASK_CONTENT_CHANGED"):
        await act(office, "buyer", "Handle", content_hash="b" * 64, values={"invoice_no": "A"})

    case = await office.case()
    assert (waiting(case), kinds(case)) == (ids_of("buyer"), ["SUBMIT"])


async def test_work_is_neither_agreed_to_nor_refused_and_an_approval_is_not_handled(office):
    await opened(office, handle("h", "buyer", fields=FIELDS), approve("a", "boss"))

    for action in ("Approve", "Reject"):
        with refused("TASK_TO_HANDLE"):
            await office.decide("buyer", action)
    with refused("TASK_TO_HANDLE"):
        await act(office, "buyer", "AddSigner", position=1, employee_ids=[str(stable("head"))])
    await transfer(office, "buyer", "colleague")
    await done(office, "colleague", {"invoice_no": "A"})
    with refused("TASK_TO_DECIDE"):
        await done(office, "boss", {"invoice_no": "A"})


async def test_work_is_done_again_after_a_return_and_replaces_what_was_there(office):
    await opened(office, handle("h", "buyer", fields=FIELDS), approve("a", "boss"))
    await done(office, "buyer", {"invoice_no": "A", "paid": "1"})
    await back(office, "boss", "h", STRAIGHT)

    await done(office, "buyer", {"invoice_no": "B"})

    case = await office.case()
    assert (waiting(case), dict(case.facts["handled"])) == (ids_of("boss"), {"invoice_no": "B", "paid": 1.0})


async def test_work_taken_back_takes_what_was_filled_in_with_it(office):
    await opened(office, handle("h", "buyer", fields=FIELDS), approve("a", "boss"), facts={"urgency": "HIGH"})
    task = await done(office, "buyer", {"invoice_no": "A"})

    await act(office, "buyer", "TakeBack", task.id)

    case = await office.case()
    assert (waiting(case), dict(case.facts)) == (ids_of("buyer"), {"urgency": "HIGH"})


async def test_who_handled_has_not_agreed(office):
    await opened(office, handle("h", "buyer", fields=FIELDS), approve("a", "buyer", same_approver="skip_all"))

    await done(office, "buyer", {"invoice_no": "A"})

    assert waiting(await office.case()) == ids_of("buyer")


# ---- claiming


async def test_the_first_to_claim_takes_the_turn_and_gives_it_back(office):
    case = await opened(office, approve("a", GROUP, claim=True), approve("b", "boss"))
    assert waiting(case) == ids_of("buyer", "colleague", "finance_head")
    (task,) = await office.todo("buyer")
    assert (list(task.allowed_actions), dict(task.reason_facts)) == (["claim"], {"group": "出纳"})
    with refused("TASK_UNCLAIMED"):
        await office.decide("buyer")
    (others,) = await office.todo("colleague")

    held = await act(office, "buyer", "Claim")

    assert list(held.allowed_actions) == ["approve", "reject", "return", "transfer", "add_signer", "unclaim"]
    case = await office.case()
    assert (waiting(case), set(case.waiting_on_ids)) == (ids_of("buyer"), ids_of("buyer"))
    gone = await office.service.as_("colleague").GetTask(id=others.id)
    assert (state(gone), gone.end_reason, dict(gone.end_facts)) == ("CANCELLED", "task.claimed", {"name": "Buyer"})
    with refused("TASK_CLAIMED"):
        await act(office, "colleague", "Claim", others.id)
    with refused("TASK_NO_CLAIM"):
        await act(office, "buyer", "Claim")

    await act(office, "buyer", "Unclaim", text="没空")

    case = await office.case()
    assert waiting(case) == ids_of("buyer", "colleague", "finance_head")
    assert kinds(case) == ["SUBMIT", "CLAIM", "UNCLAIM"]
    with refused("TASK_NO_CLAIM"):
        await act(office, "buyer", "Unclaim")
    await act(office, "colleague", "Claim")
    await office.decide("colleague")
    assert waiting(await office.case()) == ids_of("boss")


async def test_the_time_of_those_who_are_asked_again_begins_anew(office):
    await opened(office, approve("a", GROUP, claim=True, timeout={"hours": 4, "then": "remind"}), approve("b", "boss"))
    await act(office, "buyer", "Claim")
    held = [task.HasField("due_time") for task in (await office.case()).tasks if state(task) == "OPEN"]
    office.service.clock.advance(hours=1)
    office.admin = office.service.as_("admin")  # the token of before has run out

    await act(office, "buyer", "Unclaim")

    due = [task.due_time.ToSeconds() for task in (await office.case()).tasks if state(task) == "OPEN"]
    assert held == [True]
    assert sorted(due)[1] == sorted(due)[2] == sorted(due)[0] + 3600, "whoever had it all the time keeps its time"


async def test_of_many_who_claim_at_once_one_has_it(office):
    await opened(office, approve("a", GROUP, claim=True), approve("b", "boss"))
    keys = ["buyer", "colleague", "finance_head"]
    tasks = {key: (await office.todo(key))[0].id for key in keys}

    answers = await asyncio.gather(*(act(office, key, "Claim", tasks[key]) for key in keys), return_exceptions=True)

    lost = [answer.reason for answer in answers if isinstance(answer, Refused)]
    assert lost == ["TASK_CLAIMED", "TASK_CLAIMED"]
    assert len(waiting(await office.case())) == 1


async def test_a_claimed_turn_is_passed_on_with_the_claim(office):
    await opened(office, approve("a", GROUP, claim=True), approve("b", "boss"))
    await act(office, "buyer", "Claim")
    await transfer(office, "buyer", "colleague")

    await act(office, "colleague", "Unclaim")

    case = await office.case()
    assert waiting(case) == ids_of("colleague", "finance_head"), "who passed it on is out, nobody is asked twice"
    await act(office, "finance_head", "Claim")
    await office.decide("finance_head")
    assert waiting(await office.case()) == ids_of("boss")


async def test_a_claim_stays_with_an_agreement_that_is_taken_back_and_a_return_straight_back(office):
    await opened(office, approve("z", "head"), approve("a", GROUP, claim=True), approve("b", "boss"))
    await office.decide("head")
    await act(office, "buyer", "Claim")
    task = await office.decide("buyer")
    await act(office, "buyer", "TakeBack", task.id)
    assert waiting(await office.case()) == ids_of("buyer")

    await back(office, "buyer", "z", STRAIGHT)
    await office.decide("head")
    assert waiting(await office.case()) == ids_of("buyer")
    await office.decide("buyer")
    assert waiting(await office.case()) == ids_of("boss")


async def test_where_one_is_found_there_is_nothing_to_claim(office):
    await opened(office, handle("h", "buyer", fields=FIELDS, claim=True), approve("b", "boss"))

    await done(office, "buyer", {"invoice_no": "A"})

    assert waiting(await office.case()) == ids_of("boss")


@pytest.mark.parametrize("action", ["Reject", "Return"])
async def test_nothing_is_decided_without_the_claim(office, action):
    await opened(office, approve("a", GROUP, claim=True))

    with refused("TASK_UNCLAIMED"):
        await office.decide("buyer", action)
    with refused("TASK_UNCLAIMED"):
        await transfer(office, "buyer", "boss")


# ---- who is asked


async def test_whom_the_requester_chose_is_asked(office):
    chosen = {"kind": "initiator_choice"}
    choices = [{"node_id": "b", "employee_ids": [str(stable("buyer")), str(stable("colleague"))]}]
    case = await opened(office, approve("a", "head"), approve("b", chosen), approve("c", chosen), choices=choices)
    assert [(s.node_id, s.reason, len(s.employee_ids), s.needs_choice) for s in case.upcoming] == [
        ("b", "approver.initiator_choice", 2, True),
        ("c", "approver.initiator_choice", 0, True),
    ]

    await office.decide("head")
    assert waiting(await office.case()) == ids_of("buyer", "colleague")
    await office.decide("buyer")
    await office.decide("colleague")

    assert waiting(await office.case()) == ids_of("admin"), "nobody was chosen: the policy of the node holds"


async def test_an_expression_names_people_by_their_codes(office):
    codes = [office.service.organisation.people[stable(key)].code for key in ("buyer", "disabled")]
    rule = {"kind": "expression", "expression": f"amount > 5000 ? ['{codes[0]}', '{codes[1]}', 'nobody'] : [requester]"}
    case = await opened(office, approve("a", rule))

    assert waiting(case) == ids_of("buyer")
    assert case.tasks[0].reason == "approver.expression"


async def test_an_expression_without_an_answer_parks_the_case(office):
    case = await opened(
        office, approve("a", {"kind": "expression", "expression": "facts.cashiers"}), approve("b", "boss")
    )

    assert (state(case), case.park_reason, case.park_facts["node"]) == ("PARKED", "CASE_CONDITION_FAILED", "A")
