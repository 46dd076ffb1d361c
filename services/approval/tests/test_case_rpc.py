"""A case from its opening to its end, over the whole way of a call."""

from __future__ import annotations

import pytest

from approval.tests.factories import approve, branch, condition, copy, ids_of, parallel, sequence, state, waiting
from chassis.testing import OTHER_COMPANY, refused, stable

NOBODY = {"kind": "role", "role": "nobody"}
HEAD = {"kind": "department_head"}


async def subjects(office, document: str = "approval.case") -> list[str]:
    return [subject.rsplit(".", 1)[1] for subject, _ in await office.service.events(document)]


async def test_a_requisition_goes_through_two_people_and_is_approved(office):
    await office.flow(sequence(approve("first", HEAD), approve("second", "boss")))

    case = await office.submit()
    assert (state(case), waiting(case), list(case.waiting_on_ids)) == ("RUNNING", ids_of("head"), [*ids_of("head")])
    assert [(step.node_id, *step.employee_ids) for step in case.upcoming] == [("second", *ids_of("boss"))]
    assert case.tasks[0].reason == "approver.department_head"
    assert dict(case.tasks[0].reason_facts) == {"department": "Workshop"}

    await office.decide("head", text="可以")
    case = await office.case()
    assert (waiting(case), case.upcoming) == (ids_of("boss"), [])

    await office.decide("boss", text="同意")
    case = await office.case()
    assert (state(case), case.note, list(case.waiting_on_ids)) == ("APPROVED", "同意", [])
    assert set(case.participant_ids) == ids_of("head", "boss")
    assert [opinion.Kind.Name(opinion.kind) for opinion in case.opinions] == ["SUBMIT", "APPROVE", "APPROVE"]
    assert await subjects(office) == ["opened", "advanced", "approved"]


async def test_the_events_carry_the_case_as_it_stands(office):
    await office.flow(sequence(approve("a", HEAD), approve("b", "boss")))
    await office.submit()
    await office.decide("head")

    opened, advanced = [event.case for _, event in await office.service.events("approval.case")]

    assert (set(opened.participant_ids), set(opened.waiting_on_ids)) == (ids_of("head"), ids_of("head"))
    assert (set(advanced.participant_ids), set(advanced.waiting_on_ids)) == (ids_of("head", "boss"), ids_of("boss"))
    assert opened.document_id == str(stable("one"))
    assert opened.waiting_since_time.seconds
    assert opened.content_hash == "a" * 64
    assert opened.submission == 1
    assert not opened.tasks


@pytest.mark.parametrize(("action", "outcome"), [("Reject", "REJECTED"), ("Return", "RETURNED")])
async def test_one_no_ends_the_case_and_nobody_is_asked_any_more(office, action, outcome):
    tree = parallel("p", branch("p1", approve("a", "head", "colleague")), branch("p2", approve("b", "boss")))
    await office.flow(sequence(tree, approve("c", "buyer")))
    await office.submit()

    await office.decide("head", action, text="单价偏高")

    case = await office.case()
    assert (state(case), case.note, waiting(case)) == (outcome, "单价偏高", set())
    ended = {task.assignee_id: (task.State.Name(task.state), task.end_reason) for task in case.tasks}
    assert ended[str(stable("boss"))] == ("CANCELLED", f"task.case_{outcome.lower()}")
    assert ended[str(stable("colleague"))] == ("CANCELLED", f"task.case_{outcome.lower()}")
    assert await subjects(office) == ["opened", outcome.lower()]
    assert await office.todo("boss") == []


async def test_one_of_several_decides_where_any_may_and_the_others_are_told_why_not(office):
    await office.flow(sequence(approve("a", "head", "boss", "colleague", vote="any"), approve("b", "buyer")))
    await office.submit()

    await office.decide("boss")

    case = await office.case()
    assert waiting(case) == ids_of("buyer")
    ended = {task.assignee_id: task for task in case.tasks}
    assert ended[str(stable("head"))].end_reason == "task.other_decided"
    assert dict(ended[str(stable("head"))].end_facts) == {"name": "Boss"}


async def test_all_of_several_must_agree(office):
    await office.flow(sequence(approve("a", "head", "boss"), approve("b", "buyer")))
    await office.submit()

    await office.decide("boss")
    assert waiting(await office.case()) == ids_of("head")

    await office.decide("head")
    assert waiting(await office.case()) == ids_of("buyer")


async def test_branches_side_by_side_join_when_all_are_done(office):
    await office.flow(
        sequence(
            parallel(
                "p", branch("p1", approve("a", "head"), approve("a2", "colleague")), branch("p2", approve("b", "boss"))
            ),
            approve("c", "buyer"),
        )
    )
    await office.submit()

    await office.decide("boss")
    await office.decide("head")
    assert waiting(await office.case()) == ids_of("colleague")
    await office.decide("colleague")

    assert waiting(await office.case()) == ids_of("buyer")


async def test_the_amount_chooses_the_way(office):
    await office.flow(
        condition(
            "c",
            branch("small", approve("a", "head"), when="amount <= 5000"),
            branch("large", approve("b", "boss")),
        )
    )

    assert waiting(await office.submit("cheap", amount="5000")) == ids_of("head")
    assert waiting(await office.submit("dear", amount="5000.01")) == ids_of("boss")


async def test_the_flow_whose_condition_holds_is_taken_by_priority(office):
    await office.flow(sequence(approve("a", "head")), "SMALL", condition="amount < 1000", priority=1)
    await office.flow(sequence(approve("a", "boss")), "OTHER", priority=2)

    assert (await office.submit("cheap", amount="1")).flow_name == "flow SMALL"
    assert (await office.submit("dear")).flow_name == "flow OTHER"


async def test_a_case_stays_on_the_version_it_began_with(office):
    flow = await office.flow(sequence(approve("a", "head"), approve("b", "boss")))
    await office.submit("old")

    changed = sequence(approve("a", "head"), approve("b", "buyer"))
    await office.admin.UpdateFlowDefinition(flow_definition={"id": flow.id, "tree": changed})
    await office.publish(flow.id)
    await office.decide("head")
    new = await office.submit("new")

    old = await office.case("old")
    assert (old.flow_version, waiting(old)) == (1, ids_of("boss"))
    assert (new.flow_version, new.upcoming[0].employee_ids[0]) == (2, str(stable("buyer")))


async def test_copies_reach_their_readers_who_may_see_the_case(office):
    await office.flow(sequence(copy("c", "buyer"), approve("a", "head")))
    case = await office.submit()

    assert str(stable("buyer")) in case.participant_ids
    assert waiting(case) == ids_of("head")
    assert (await office.service.as_("buyer").GetCase(id=case.id)).id == case.id


async def test_an_approver_who_agreed_before_is_passed_over(office):
    await office.flow(sequence(approve("a", "head"), approve("b", "head", "boss", same_approver="skip_next")))
    await office.submit()

    await office.decide("head")

    case = await office.case()
    assert waiting(case) == ids_of("boss")
    assert [task.State.Name(task.state) for task in case.tasks] == ["APPROVED", "SKIPPED", "OPEN"]
    assert "SKIP" in [opinion.Kind.Name(opinion.kind) for opinion in case.opinions]


async def test_without_a_flow_the_case_waits_and_goes_on_when_there_is_one(office):
    case = await office.submit()
    assert (state(case), case.park_reason) == ("PARKED", "CASE_NO_FLOW")
    assert dict(case.park_facts) == {"document_type": "procurement.purchase_requisition"}
    assert await subjects(office) == ["opened", "parked"]
    (notice,) = (await office.admin.ListNotices()).notices
    assert notice.text_key == "notice.parked"

    await office.flow(sequence(approve("a", HEAD)))
    await office.admin.RetryCase(id=case.id)

    case = await office.case()
    assert (state(case), waiting(case), case.park_reason) == ("RUNNING", ids_of("head"), "")


async def test_without_an_approver_the_case_waits_at_the_node_and_goes_on_from_there(office):
    office.service.revoke("admin")
    office.service.grant("admin", ["approval.flow_definition.*", "approval.case.*"], "COMPANY")
    await office.flow(sequence(approve("a", "boss"), approve("b", NOBODY)))
    await office.submit(requester_id=str(stable("admin")))
    await office.decide("boss")
    case = await office.case()
    assert (state(case), case.park_reason, dict(case.park_facts)) == ("PARKED", "CASE_NO_APPROVER", {"node": "B"})

    office.service.grant("buyer", [], "OWN", role="nobody")
    await office.admin.RetryCase(id=case.id)

    case = await office.case()
    assert (state(case), waiting(case)) == ("RUNNING", ids_of("buyer"))
    assert [task.node_id for task in case.tasks] == ["a", "b"], "the first node is not asked again"


async def test_a_corrected_flow_is_taken_when_nobody_was_asked_yet(office):
    flow = await office.flow(sequence(approve("a", NOBODY, when_empty="person", employee_id=str(stable("requester")))))
    case = await office.submit()
    assert case.park_reason == "CASE_NO_APPROVER"

    await office.admin.UpdateFlowDefinition(flow_definition={"id": flow.id, "tree": sequence(approve("a", "boss"))})
    await office.publish(flow.id)
    await office.admin.RetryCase(id=case.id)

    case = await office.case()
    assert (case.flow_version, waiting(case)) == (2, ids_of("boss"))


async def test_a_condition_that_cannot_be_computed_parks_the_case(office):
    there = branch("x", approve("a", HEAD), when="facts.plant == 'P1'")
    await office.flow(condition("c", there, branch("y", approve("b", "boss"))))

    case = await office.submit()

    assert (state(case), case.park_reason, case.park_facts["node"]) == ("PARKED", "CASE_CONDITION_FAILED", "c")
    assert waiting(await office.submit("two", facts={"plant": "P1"})) == ids_of("head")


async def test_nobody_and_reject_ends_the_case_with_the_reason(office):
    await office.flow(sequence(approve("a", NOBODY, when_empty="reject"), approve("b", "boss")))

    case = await office.submit()

    assert (state(case), case.park_reason, waiting(case)) == ("REJECTED", "CASE_NO_APPROVER", set())


async def test_a_case_in_which_nobody_has_to_be_asked_is_approved_at_once(office):
    await office.flow(sequence(approve("a", NOBODY, when_empty="pass")))

    case = await office.submit()

    assert (state(case), [opinion.node_name for opinion in case.opinions]) == ("APPROVED", ["", "A"])
    assert await subjects(office) == ["opened", "approved"]


async def test_the_requester_takes_a_request_back(office):
    await office.flow(sequence(approve("a", HEAD)))
    case = await office.submit()
    requester = office.service.as_("requester")
    with refused("CASE_NOT_REQUESTER"):
        await office.service.as_("head").WithdrawCase(id=case.id)

    reply = await requester.WithdrawCase(id=case.id, reason="数量写错")

    assert (state(reply), reply.note) == ("WITHDRAWN", "数量写错")
    assert await office.todo("head") == []
    assert (await subjects(office))[-1] == "withdrawn"
    with refused("ACTION_NOT_ALLOWED"):
        await requester.WithdrawCase(id=case.id)


async def test_a_parked_request_can_be_taken_back(office):
    case = await office.submit()

    assert state(await office.service.as_("requester").WithdrawCase(id=case.id)) == "WITHDRAWN"


async def test_urging_reminds_those_who_are_waited_for_and_not_too_often(office):
    await office.flow(sequence(approve("a", HEAD)))
    case = await office.submit()
    requester = office.service.as_("requester")

    await requester.UrgeCase(id=case.id, text="请尽快")
    assert [n.text_key for n in (await office.service.as_("head").ListNotices()).notices] == [
        "notice.urged",
        "notice.todo",
    ]
    assert (await office.todo("head"))[0].urge_time.seconds
    with refused("CASE_URGED_RECENTLY") as caught:
        await requester.UrgeCase(id=case.id)
    assert caught.value.facts == {"minutes": "10"}

    office.service.clock.advance(minutes=10)
    await office.service.as_("requester").UrgeCase(id=case.id)
    with refused("CASE_NOT_REQUESTER"):
        await office.service.as_("head").UrgeCase(id=case.id)


async def test_a_reminder_does_not_take_the_screen_away_from_whoever_decides(office):
    await office.flow(sequence(approve("a", HEAD)))
    case = await office.submit()
    (task,) = await office.todo("head")

    await office.service.as_("requester").UrgeCase(id=case.id)

    await office.service.as_("head").ApproveTask(id=task.id, etag=task.etag, content_hash="a" * 64)
    assert state(await office.case()) == "APPROVED"


async def test_remarks_reach_everybody_who_takes_part_but_the_author(office):
    await office.flow(sequence(approve("a", HEAD), approve("b", "boss")))
    case = await office.submit()

    await office.service.as_("head").CommentCase(id=case.id, text="请补充报价单")

    case = await office.case()
    assert (state(case), case.opinions[-1].text) == ("RUNNING", "请补充报价单")
    (notice,) = (await office.service.as_("requester").ListNotices()).notices
    assert (notice.text_key, notice.text_facts["person"]) == ("notice.commented", "Head")
    with refused("DOCUMENT_NOT_FOUND"):
        await office.service.as_("boss").CommentCase(id=case.id, text="我也看看")


SEES = {
    # who: sees a running case of `requester` whose head is asked
    "requester": True,
    "head": True,
    "boss": False,
    "colleague": False,
    "other_department": False,
    "other_company": False,
    "stranger": False,
    "admin": True,
}


@pytest.mark.parametrize("key", SEES)
async def test_a_case_is_seen_by_whoever_asked_or_was_asked_and_administrators(office, key):
    await office.flow(sequence(approve("a", HEAD), approve("b", "boss")))
    case = await office.submit()
    caller = office.service.as_(key)

    seen = [found.id for found in (await caller.ListCases()).cases]
    batch = [found.id for found in (await caller.BatchGetCases(ids=[case.id, "x"])).cases]
    opinions = (await caller.ListOpinions(filter=f'case_id = "{case.id}"')).opinions

    assert (seen, batch) == (([case.id], [case.id]) if SEES[key] else ([], []))
    assert bool(opinions) is SEES[key]
    asked = {"document_type": case.document_type, "document_id": case.document_id, "reader_id": str(stable(key))}
    owner = case.document_type.partition(".")[0]
    printed = (await office.service.as_service(owner).FindOpinions(**asked)).said
    assert [one.text for one in printed] == [one.text for one in opinions]
    with refused("DOCUMENT_NOT_FOUND"):
        await office.service.as_service("inventory").FindOpinions(**asked)
    if SEES[key]:
        assert (await caller.GetCase(id=case.id)).id == case.id
    else:
        with refused("DOCUMENT_NOT_FOUND"):
            await caller.GetCase(id=case.id)
        with refused("DOCUMENT_NOT_FOUND"):
            await caller.WithdrawCase(id=case.id)


async def test_who_is_asked_from_another_company_sees_and_decides_it(office):
    await office.flow(sequence(approve("a", "other_company")))
    case = await office.submit()
    caller = office.service.as_("other_company", company=OTHER_COMPANY)

    assert (await caller.GetCase(id=case.id)).id == case.id
    (task,) = (await caller.ListTasks()).tasks
    await caller.ApproveTask(id=task.id, content_hash="a" * 64)

    assert state(await office.case()) == "APPROVED"


async def test_each_sees_the_actions_that_are_theirs(office):
    await office.flow(sequence(approve("a", HEAD)))
    case = await office.submit()

    async def actions(key: str) -> list[str]:
        return list((await office.service.as_(key).GetCase(id=case.id)).allowed_actions)

    assert await actions("requester") == ["withdraw", "urge", "comment"]
    assert await actions("head") == ["comment"]
    assert list((await office.todo("head"))[0].allowed_actions) == [
        "approve",
        "reject",
        "return",
        "transfer",
        "add_signer",
    ]
    assert not any(task.allowed_actions for task in (await office.service.as_("requester").GetCase(id=case.id)).tasks)


async def test_only_administrators_try_again(office):
    case = await office.submit()
    office.service.revoke("requester")

    with refused("PERMISSION_MISSING"):
        await office.service.as_("requester").RetryCase(id=case.id)


async def test_a_simulation_answers_services_alone(office):
    await office.flow(sequence(copy("c", "buyer"), approve("a", HEAD), approve("b", "boss")))
    words = {
        "document_type": "procurement.purchase_requisition",
        "document_id": stable("draft"),
        "company_id": stable("company"),
        "requester_id": stable("requester"),
        "amount": "100",
        "currency": "CNY",
    }

    preview = await office.service.as_service("procurement").SimulateCases(approval=words)
    nothing = await office.service.as_service("procurement").SimulateCases(approval={**words, "document_type": "x.y"})

    assert [(step.path, step.kind, step.node_id) for step in preview.steps] == [
        ("1", "copy", "c"),
        ("1", "approve", "a"),
        ("2", "approve", "b"),
    ]
    assert (preview.flow_name, preview.flow_version, preview.problem) == ("flow PR", 1, "")
    assert nothing.problem == "CASE_NO_FLOW"
    with refused("SERVICES_ONLY"):
        await office.service.as_("requester").SimulateCases(approval=words)
    with refused("PERMISSION_MISSING"):
        await office.service.as_service("inventory").SimulateCases(approval=words)
    with refused("FIELD_DECIMAL"):
        await office.service.as_service("procurement").SimulateCases(approval={**words, "amount": "1e400"})


async def test_added_fields_decide_the_way_and_are_shown_to_nobody(office):
    """Who may see them is known to the document's service alone."""
    high = branch("high", approve("a", "boss"), when="facts.custom_fields.cost > 100.0")
    await office.flow(sequence(condition("by", high, branch("low", approve("b", "buyer")))))

    case = await office.submit(facts={"urgency": "URGENT", "custom_fields": {"cost": 200.0}})

    assert waiting(case) == ids_of("boss")
    boss = office.service.as_("boss")
    shown = [
        case, await boss.GetCase(id=case.id), *(await boss.ListCases()).cases,
        *(await boss.BatchGetCases(ids=[case.id])).cases, await boss.CommentCase(id=case.id, text="好"),
    ]  # fmt: skip
    assert [dict(one.facts) for one in shown] == [{"urgency": "URGENT"}] * 5
    ((_, event), *_) = await office.service.events("approval.case.opened")
    assert event.case.facts["custom_fields"]["cost"] == 200
