"""What happens to a turn that nobody answers, and nodes that wait or tell others; by the clock of the tests."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from approval.case import deputies
from approval.tests.factories import (
    REQUISITION,
    Office,
    approve,
    branch,
    delay,
    ids_of,
    parallel,
    sequence,
    state,
    waiting,
)
from approval.tests.test_deputy_rpc import delegating
from approval.tests.test_succession_rpc import leaves as gone
from chassis.testing import refused, stable

HEAD = {"kind": "department_head"}
AUTHORITY = {"kind": "authority", "only_final": True}


def timed(then: str, *approvers: Any, hours: float = 8, **more: Any) -> dict[str, Any]:
    """A node whose turn has so many working hours."""
    extra = {key: more.pop(key) for key in ("employee_id", "repeat") if key in more}
    return approve("first", *(approvers or (HEAD,)), timeout={"hours": hours, "then": then, **extra}, **more)


async def later(office: Office, **span: float) -> int:
    """Time goes on, and what is due runs; people sign in anew."""
    office.service.clock.advance(**span)
    office.admin = office.service.as_("admin")
    return await office.service.run_timers()


async def notices(office: Office, key: str) -> list[str]:
    return [one.text_key for one in (await office.service.as_(key).ListNotices()).notices]


def by_flow(case: Any) -> list[tuple[str, str, str]]:
    """What the flow itself did: kind, reason, and of whom it speaks."""
    return [
        (case.opinions[0].Kind.Name(one.kind), one.reason, one.reason_facts.get("person", ""))
        for one in case.opinions
        if not one.author_id
    ]


async def test_a_turn_shows_its_time_and_who_answers_in_time_hears_nothing(office):
    await office.flow(sequence(timed("remind"), approve("second", "boss")))
    case = await office.submit()
    (task,) = await office.todo("head")
    assert task.due_time.ToDatetime(datetime.UTC) == datetime.datetime(2026, 11, 23, 10, tzinfo=datetime.UTC)
    await office.decide("head")
    assert await later(office, days=3) == 0
    assert by_flow(await office.case()) == []
    assert waiting(await office.case()) == ids_of("boss")
    assert not (await office.todo("boss"))[0].HasField("due_time")
    assert case.id


@pytest.mark.parametrize(("repeat", "times"), [(False, 1), (True, 3)])
async def test_remind_tells_who_is_asked_once_or_again_and_again(office, repeat, times):
    await office.flow(sequence(timed("remind", repeat=repeat)))
    await office.submit()
    assert await later(office, hours=9) == 1
    (task,) = await office.todo("head")
    assert task.HasField("urge_time")
    version = task.etag
    for _ in range(2):
        await later(office, days=1)
    assert (await notices(office, "head")).count("notice.overdue") == times
    assert by_flow(await office.case()) == [("REMIND", "opinion.timeout", "Head")] * times
    assert (await office.todo("head"))[0].etag == version, "who is just deciding keeps the screen"
    await office.decide("head")
    assert (state(await office.case()), await later(office, days=9)) == ("APPROVED", 0)


async def test_escalate_asks_the_head_above_and_at_the_top_reminds(office):
    await office.flow(sequence(timed("escalate")))
    await office.submit()
    assert await later(office, hours=9) == 1
    case = await office.case()
    assert (waiting(case), await office.todo("head")) == (ids_of("boss"), [])
    (task,) = await office.todo("boss")
    assert (task.reason, dict(task.reason_facts)) == ("approver.escalated", {"person": "Head"})
    assert by_flow(case) == [("ESCALATE", "opinion.timeout", "Head")]
    ended = next(one for one in case.tasks if one.assignee_id == str(stable("head")))
    assert (ended.end_reason, dict(ended.end_facts)) == ("task.escalated", {"name": "Boss"})

    assert await later(office, days=1) == 1, "the other's time began anew"
    assert by_flow(await office.case())[1:] == [("REMIND", "opinion.nobody_above", "Boss")]
    assert await later(office, days=9) == 0
    await office.decide("boss")
    assert state(await office.case()) == "APPROVED"


async def test_transfer_asks_whom_the_flow_names_but_never_the_requester(office):
    await office.flow(sequence(timed("transfer", employee_id=str(stable("buyer")))))
    await office.submit()
    await office.submit("own", requester_id=str(stable("buyer")))
    assert await later(office, hours=9) == 2
    assert [task.reason for task in await office.todo("buyer")] == ["approver.timeout_transfer"]
    assert by_flow(await office.case()) == [("TRANSFER", "opinion.timeout", "Head")]
    own = await office.case("own")
    assert [kind for kind, _, _ in by_flow(own)] == ["REMIND"]
    assert str(stable("buyer")) not in waiting(own)


async def test_an_agreement_of_the_flow_goes_on_and_is_nobody_s(office):
    skip = {"same_approver": "skip_all"}
    await office.flow(sequence(timed("approve"), approve("second", "head", **skip), approve("third", "boss", **skip)))
    await office.submit()
    assert await later(office, hours=9) == 1
    case = await office.case()
    assert by_flow(case) == [("APPROVE", "opinion.timeout", "Head")]
    assert waiting(case) == ids_of("head"), "who was silent has not agreed and is asked"
    first = next(task for task in case.tasks if task.node_id == "first")
    assert (first.State.Name(first.state), first.by_system) == ("APPROVED", True)
    with refused("TASK_ACTED_SINCE"):
        await office.service.as_("head").TakeBackTask(id=first.id)
    await office.decide("head")
    await office.decide("boss")
    assert state(await office.case()) == "APPROVED"


async def test_a_refusal_of_the_flow_ends_the_case_and_tells_the_requester(office):
    await office.flow(sequence(timed("reject")))
    await office.submit()
    assert await later(office, hours=9) == 1
    case = await office.case()
    assert (state(case), by_flow(case)) == ("REJECTED", [("REJECT", "opinion.timeout", "Head")])
    assert "notice.timed_out" in await notices(office, "requester")


async def test_each_turn_has_its_own_time_and_a_late_vote_counts_among_others(office):
    node = timed("approve", "head", "boss", "buyer", vote="ratio", percent=60)
    await office.flow(sequence(node))
    await office.submit()
    await office.decide("head")
    assert await later(office, hours=9) == 2, "one of the two votes decides, and the other is not needed any more"
    case = await office.case()
    assert (state(case), len(by_flow(case))) == ("APPROVED", 1)
    assert await later(office, days=9) == 0


async def test_who_is_next_in_line_and_who_takes_over_get_the_whole_time(office):
    await office.flow(sequence(timed("remind", "head", "boss", vote="sequential")))
    await office.submit()
    await later(office, hours=6)
    await office.decide("head")
    await later(office, hours=4)
    assert "notice.overdue" not in await notices(office, "boss")
    (task,) = await office.todo("boss")
    await office.service.as_("boss").TransferTask(id=task.id, employee_id=str(stable("buyer")), text="away")
    assert await later(office, hours=20) == 0
    assert await later(office, days=1) == 1
    assert "notice.overdue" in await notices(office, "buyer")


async def test_whoever_is_asked_again_begins_anew_and_adding_somebody_stops_the_own_time(office):
    await office.flow(sequence(timed("remind")))
    await office.submit()
    (task,) = await office.todo("head")
    await office.service.as_("head").AddSignerTask(id=task.id, employee_ids=[str(stable("buyer"))], position="BEFORE")
    assert await later(office, hours=9) == 1
    assert "notice.overdue" in await notices(office, "buyer")
    assert "notice.overdue" not in await notices(office, "head")
    await office.decide("buyer")
    (task,) = await office.todo("head")
    assert task.due_time.ToDatetime(datetime.UTC) > office.service.clock.now()


async def test_what_is_taken_back_begins_anew_and_what_came_of_it_is_dropped(office):
    await office.flow(sequence(timed("remind"), delay("pause", hours=1), approve("second", "boss")))
    await office.submit()
    await later(office, hours=4)
    await office.decide("head")
    (first,) = [task for task in (await office.case()).tasks if task.node_id == "first"]
    await office.service.as_("head").TakeBackTask(id=first.id)
    assert (await later(office, hours=2), await office.todo("boss")) == (0, [])
    (task,) = await office.todo("head")
    assert task.HasField("due_time")
    await office.decide("head")
    assert await later(office, days=1) == 1
    assert len(await office.todo("boss")) == 1


async def test_a_suspended_case_keeps_what_is_left(office):
    await office.flow(sequence(timed("escalate"), approve("second", "boss")))
    case = await office.submit()
    await later(office, hours=6)  # 15:00: five working hours have passed
    await office.admin.SuspendCase(id=case.id, reason="wait")
    assert not (await office.case()).tasks[0].HasField("due_time")
    assert await later(office, days=9) == 0
    case = await office.admin.ResumeCase(id=case.id)
    (task,) = await office.todo("head")
    # Wednesday 15:00 and three hours
    assert task.due_time.ToDatetime(datetime.UTC) == datetime.datetime(2026, 12, 2, 10, tzinfo=datetime.UTC)
    assert await later(office, hours=2) == 0
    assert await later(office, hours=1) == 1
    assert waiting(await office.case()) == ids_of("boss")


@pytest.mark.parametrize("leaves", [False, True])
async def test_whoever_is_away_while_a_case_is_suspended_takes_no_time_from_it(office, leaves):
    lanes = parallel("both", branch("a", delay("pause", days=5)), branch("b", timed("remind")))
    await office.flow(sequence(lanes, approve("last", "boss")))
    case = await office.submit()
    await office.admin.SuperviseCase(id=case.id, due_date="2026-12-01", note="x")
    await later(office, hours=6)  # 15:00: five working hours have passed
    await office.admin.SuspendCase(id=case.id, reason="wait")

    if leaves:
        gone(office, head="colleague")
    else:
        delegating(office, "head>colleague")
    assert await deputies.once(office.service.runtime) == 1

    assert await later(office, days=30) == 0, "nothing of it runs"
    await office.admin.ResumeCase(id=case.id)
    (shown,) = (await office.case()).delays
    assert shown.HasField("due_time")
    (task,) = await office.todo("colleague")
    left = task.due_time.ToDatetime(datetime.UTC) - office.service.clock.now()
    # who takes over has the whole time, who only helps what is left of it
    assert left > datetime.timedelta(hours=5) if leaves else left == datetime.timedelta(hours=3)
    assert await later(office, days=7) == 3, "the wait, the turn and the supervision"
    case = await office.case()
    assert ("DELAY", "", "") in by_flow(case)
    await office.decide("colleague" if leaves else "head")
    assert waiting(await office.case()) == ids_of("boss")


async def test_statements_do_not_grow_with_the_turns_that_stand_still(office):
    people, counts = ("head", "boss", "buyer", "finance_head", "colleague"), []
    for many in (1, 5):
        await office.flow(sequence(timed("remind", *people[:many])), f"F{many}", condition=f"amount == {many}")
        case = await office.submit(str(many), amount=str(many))
        with office.service.statements() as statements:
            await office.admin.SuspendCase(id=case.id, reason="wait")
            await office.admin.ResumeCase(id=case.id)
        counts.append(len(statements))
        tasks = (await office.case(str(many))).tasks
        assert [task.HasField("due_time") for task in tasks] == [True] * many
    assert counts[0] == counts[1]


async def test_a_jump_drops_the_times_of_what_it_leaves(office):
    await office.flow(sequence(timed("reject"), delay("pause", days=2), approve("second", "boss")))
    case = await office.submit()
    await office.admin.JumpCase(id=case.id, node_id="second", reason="urgent")
    assert (await later(office, days=30), state(await office.case())) == (0, "RUNNING")


@pytest.mark.parametrize(
    ("wait", "too_early", "in_time"),
    [
        ({"hours": 2}, {"minutes": 119}, {"minutes": 1}),
        ({"days": 1}, {"hours": 23}, {"hours": 1}),
        ({"until_field": "need_date"}, {"hours": 38}, {"hours": 1}),
    ],
)
async def test_a_case_waits_at_a_node_and_says_so(office, wait, too_early, in_time):
    await office.flow(sequence(delay("pause", **wait), approve("first", HEAD)))
    case = await office.submit(facts={"need_date": "2026-11-25"})
    (shown,) = case.delays
    assert (shown.node_id, shown.node_name, state(case)) == ("pause", "PAUSE", "RUNNING")
    assert (list(case.waiting_on_ids), await later(office, **too_early)) == ([], 0)
    assert await later(office, **in_time) == 1
    case = await office.case()
    assert (waiting(case), list(case.delays)) == (ids_of("head"), [])
    assert ("DELAY", "", "") in by_flow(case)


async def test_a_document_that_does_not_name_the_day_waits_for_an_administrator(office):
    await office.flow(sequence(delay("pause", until_field="need_date"), approve("first", HEAD)))
    case = await office.submit(facts={"need_date": "soon"})
    assert (state(case), case.park_reason) == ("PARKED", "CASE_DELAY_DATE")
    assert dict(case.park_facts) == {"node": "PAUSE", "field": "need_date"}


async def test_a_wait_beside_people_joins_when_both_are_done(office):
    lanes = parallel("both", branch("a", delay("pause", hours=2)), branch("b", approve("first", HEAD)))
    await office.flow(sequence(lanes, approve("last", "boss")))
    await office.submit()
    await office.decide("head")
    assert waiting(await office.case()) == set()
    assert await later(office, hours=2) == 1
    assert waiting(await office.case()) == ids_of("boss")


async def test_a_trigger_tells_others_once_with_its_topic(office):
    told = {"id": "tell", "kind": "trigger", "name": "告知仓库", "topic": "warehouse.reserve"}
    again = {**told, "id": "again", "topic": "other"}
    await office.flow(sequence(approve("first", HEAD), told, again, approve("second", "boss")))
    await office.submit()
    assert await office.service.events("triggered") == []
    await office.decide("head")
    await office.decide("boss")
    ((subject, event),) = await office.service.events("triggered")
    assert subject == "evt.approval.case.triggered"
    assert [(t.node_id, t.node_name, t.topic) for t in event.triggers] == [
        ("tell", "告知仓库", "warehouse.reserve"),
        ("again", "告知仓库", "other"),
    ]
    assert event.case.document_type == REQUISITION


GONE = {"when_empty": "person", "employee_id": str(stable("requester"))}


async def test_a_retry_goes_on_behind_what_was_waited_for_and_told(office):
    told = {"id": "tell", "kind": "trigger", "name": "T", "topic": "told"}
    await office.flow(sequence(told, delay("pause", hours=1), approve("first", "boss", **GONE)))
    office.service.change_person("boss", active=False)
    await office.submit()
    assert await later(office, hours=1) == 1
    case = await office.case()
    assert (state(case), case.park_reason) == ("PARKED", "CASE_NO_APPROVER")

    office.service.change_person("boss", active=True)
    await office.admin.RetryCase(id=case.id)

    case = await office.case()
    assert (waiting(case), list(case.delays)) == (ids_of("boss"), [])
    assert len(await office.service.events("triggered")) == 1


async def test_a_retry_beside_a_node_that_waits_leaves_its_time(office):
    lanes = parallel("both", branch("a", delay("pause", hours=2)), branch("b", approve("first", "boss", **GONE)))
    await office.flow(sequence(lanes, approve("second", HEAD)))
    office.service.change_person("boss", active=False)
    await office.submit()
    await later(office, hours=1)
    office.service.change_person("boss", active=True)
    case = await office.case()
    assert state(case) == "PARKED"

    await office.admin.RetryCase(id=case.id)

    assert waiting(await office.case()) == ids_of("boss")
    assert await later(office, hours=1) == 1


async def test_the_inbox_has_the_overdue_first_and_finds_them(office):
    flows = {"slow": timed("remind", hours=100), "quick": timed("remind"), "calm": approve("first", HEAD)}
    for number, (name, node) in enumerate(flows.items(), 1):
        await office.flow(sequence(node), name, condition=f"amount == {number}")
        await office.submit(name, amount=str(number))
    await later(office, days=1)
    head = office.service.as_("head")
    listed = (await head.ListTasks(filter='state = "OPEN"', order_by="due_time,open_time")).tasks
    assert [task.document_number for task in listed] == ["PR-quick", "PR-slow", "PR-calm"]
    now = office.service.clock.now().isoformat()
    late = (await head.ListTasks(filter=f'state = "OPEN" AND due_time < "{now}"')).tasks
    assert [task.document_number for task in late] == ["PR-quick"]


async def test_a_preview_shows_where_it_waits(office):
    await office.flow(sequence(approve("first", HEAD), delay("pause", days=2), approve("second", "boss")))
    case = await office.submit()
    assert [(s.node_id, s.kind, s.reason) for s in case.upcoming] == [
        ("pause", "delay", "step.delay_days"),
        ("second", "approve", "approver.user"),
    ]


@pytest.mark.parametrize(
    ("node", "reason", "field"),
    [
        (timed("approve", AUTHORITY), "FLOW_TIMEOUT_AUTHORITY", "timeout.then"),
        (timed("sing"), "FLOW_NODE_VALUE", "timeout.then"),
        (timed("remind", hours=0), "FLOW_NODE_VALUE", "timeout.hours"),
        (timed("remind", hours=1001), "FLOW_NODE_VALUE", "timeout.hours"),
        (timed("transfer"), "FLOW_NODE_VALUE", "timeout.employee_id"),
        (timed("escalate", repeat=True), "FLOW_UNKNOWN_KEY", "timeout.repeat"),
        (timed("remind", repeat="yes"), "FLOW_NODE_VALUE", "timeout.repeat"),
        (approve("first", HEAD, timeout=5), "FLOW_NODE_VALUE", "timeout.then"),
        (delay("first"), "FLOW_NODE_VALUE", "hours"),
        (delay("first", hours=1, days=1), "FLOW_NODE_VALUE", "hours"),
        (delay("first", days=1.5), "FLOW_NODE_VALUE", "days"),
        (delay("first", until_field="Need Date"), "FLOW_NODE_VALUE", "until_field"),
        ({"id": "first", "kind": "trigger", "name": "T"}, "FLOW_NODE_VALUE", "topic"),
        ({"id": "first", "kind": "trigger", "name": "T", "topic": "a b"}, "FLOW_NODE_VALUE", "topic"),
    ],
)
async def test_times_that_can_never_be_right_are_refused(office, node, reason, field):
    with refused(reason, field=f"tree.children[0].{field}"):
        await office.draft(sequence(node, approve("last", HEAD)))


async def test_a_time_passes_to_nobody_who_is_gone_and_a_wait_is_no_approval(office):
    drafted = await office.draft(sequence(timed("transfer", employee_id=str(stable("disabled")))))
    with refused("FLOW_APPROVER_UNKNOWN", field="tree.children[0].timeout.employee_id"):
        await office.publish(drafted.id)
    only_waiting = await office.draft(sequence(delay("pause", hours=1)), code="W")
    with refused("FLOW_NO_APPROVAL"):
        await office.publish(only_waiting.id)


@pytest.mark.parametrize("suspended", [False, True])
async def test_a_case_that_moves_to_a_newer_version_has_the_time_of_that(office, suspended):
    drafted = await office.flow(sequence(timed("reject"), approve("second", "boss")))
    case = await office.submit()
    await office.admin.UpdateFlowDefinition(
        flow_definition={"id": drafted.id, "tree": sequence(timed("escalate", hours=16), approve("second", "boss"))}
    )
    await office.publish(drafted.id)
    if suspended:
        await office.admin.SuspendCase(id=case.id, reason="wait")
    await office.admin.MigrateCase(id=case.id, reason="newer")
    if suspended:
        await office.admin.ResumeCase(id=case.id)
    assert await later(office, days=1) == 0, "the old time counts no more"
    assert await later(office, hours=10) == 1
    assert waiting(await office.case()) == ids_of("boss")


async def test_a_newer_version_without_a_time_leaves_none(office):
    drafted = await office.flow(sequence(timed("reject")))
    case = await office.submit()
    await office.admin.UpdateFlowDefinition(
        flow_definition={"id": drafted.id, "tree": sequence(approve("first", HEAD))}
    )
    await office.publish(drafted.id)
    await office.admin.MigrateCase(id=case.id, reason="newer")
    assert not (await office.todo("head"))[0].HasField("due_time")
    assert (await later(office, days=9), state(await office.case())) == (0, "RUNNING")
