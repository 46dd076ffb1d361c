"""A turn is decided once, by its person, about what was shown."""

from __future__ import annotations

import asyncio
import dataclasses
import random

import pytest
import sqlalchemy as sa

from approval.tests.factories import HASH, approve, branch, condition, copy, ids_of, parallel, sequence, state, waiting
from chassis import ids
from chassis.errors import Refused
from chassis.organisation import Person, Right
from chassis.testing import COMPANY, refused, stable

ACTIONS = ["Approve", "Reject", "Return"]


async def one_open(office):
    await office.flow(sequence(approve("a", "head"), approve("b", "boss")))
    await office.submit()
    (task,) = await office.todo("head")
    return task


async def decide(office, key, action, task, **fields):
    caller = office.service.as_(key)
    return await getattr(caller, f"{action}Task")(**{"id": task.id, "content_hash": HASH, "text": "x", **fields})


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_decision_about_something_else_than_was_shown_is_refused(office, action):
    task = await one_open(office)

    with refused("TASK_CONTENT_CHANGED"):
        await decide(office, "head", action, task, content_hash="b" * 64)
    with refused("FIELD_REQUIRED", field="content_hash"):
        await decide(office, "head", action, task, content_hash="")

    assert waiting(await office.case()) == ids_of("head")


OTHERS = {
    "requester": "TASK_OWN_REQUEST",
    "admin": "TASK_NOT_YOURS",
    "boss": "DOCUMENT_NOT_FOUND",
    "colleague": "DOCUMENT_NOT_FOUND",
    "other_department": "DOCUMENT_NOT_FOUND",
    "other_company": "DOCUMENT_NOT_FOUND",
    "stranger": "DOCUMENT_NOT_FOUND",
    "disabled": "NOT_SIGNED_IN",
}


@pytest.mark.parametrize("key", OTHERS)
@pytest.mark.parametrize("action", ACTIONS)
async def test_nobody_else_decides_a_turn(office, key, action):
    task = await one_open(office)

    with refused(OTHERS[key]):
        await decide(office, key, action, task)

    assert waiting(await office.case()) == ids_of("head")


@pytest.mark.parametrize("key", ["requester", "admin", "boss", "other_company"])
async def test_a_turn_is_seen_by_its_person_alone(office, key):
    task = await one_open(office)
    caller = office.service.as_(key)

    assert (await caller.ListTasks()).tasks == []
    assert (await caller.BatchGetTasks(ids=[task.id])).tasks == []
    with refused("DOCUMENT_NOT_FOUND"):
        await caller.GetTask(id=task.id)
    assert (await office.service.as_("head").GetTask(id=task.id)).id == task.id


async def test_reject_and_return_need_a_word(office):
    task = await one_open(office)

    for action in ("Reject", "Return"):
        with refused("FIELD_REQUIRED", field="text"):
            await decide(office, "head", action, task, text="")


async def test_a_turn_is_decided_once(office):
    task = await one_open(office)
    await decide(office, "head", "Approve", task)

    for action in ACTIONS:
        with refused("TASK_NOT_OPEN") as caught:
            await decide(office, "head", action, task)
        assert caught.value.facts == {"state": "APPROVED"}


async def test_a_repeated_key_answers_the_same_and_does_nothing(office):
    task = await one_open(office)
    head = office.service.as_("head")

    first = await head.ApproveTask(id=task.id, content_hash=HASH, key="same-key-1")
    again = await head.ApproveTask(id=task.id, content_hash=HASH, key="same-key-1")

    assert first == again
    assert len([o for o in (await office.case()).opinions if o.author_id == str(stable("head"))]) == 1


async def test_a_person_who_was_disabled_decides_no_more(office):
    task = await one_open(office)
    office.service.change_person("head", active=False)

    with refused("NOT_SIGNED_IN"):
        await decide(office, "head", "Approve", task)


async def test_the_database_too_knows_that_nobody_decides_on_an_own_request(office):
    await one_open(office)
    async with office.service.runtime.engine.connect() as connection:
        for statement in (
            "UPDATE task SET assignee_id = requester_id",
            "UPDATE opinion SET kind = 'APPROVE', author_id = requester_id",
        ):
            await connection.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
            with pytest.raises(sa.exc.IntegrityError, match="not_own_request"):
                await connection.execute(sa.text(statement))
            await connection.rollback()


VOTERS = {"kind": "role", "role": "voters"}


def crowd(service, size: int) -> list[str]:
    """Many more people in the workshop, who hold the role of voters."""
    keys = [f"voter{number}" for number in range(size)]
    people = dict(service.base_organisation.people)
    for number, key in enumerate(keys):
        people[stable(key)] = Person(
            employee_id=stable(key),
            name=key,
            username=key,
            code=f"V{number:04d}",
            company_id=COMPANY,
            department_id=stable("workshop"),
            post_id=stable("worker"),
            active=True,
        )
        service.rights.append(Right(stable(key), "voters", COMPANY, "OWN", frozenset(), frozenset()))
    service.base_organisation = dataclasses.replace(service.base_organisation, people=people)
    service._publish()
    return keys


SHARE = {"vote": "ratio", "percent": 60}


async def test_a_share_agrees_and_spares_the_others_an_answer(office):
    await office.flow(
        sequence(approve("a", "head", "colleague", "buyer", "finance_head", **SHARE), approve("b", "boss"))
    )
    await office.submit()

    await office.decide("head")
    await office.decide("colleague", "Reject", text="太贵")
    case = await office.case()
    assert (state(case), waiting(case)) == ("RUNNING", ids_of("buyer", "finance_head"))
    await office.decide("buyer")
    await office.decide("finance_head")

    case = await office.case()
    assert waiting(case) == ids_of("boss")
    said = {(o.author_id, o.Kind.Name(o.kind), o.text) for o in case.opinions}
    assert (str(stable("colleague")), "REJECT", "太贵") in said


async def test_the_last_of_a_share_spares_who_was_not_heard(office):
    await office.flow(
        sequence(approve("a", "head", "colleague", "buyer", vote="ratio", percent=60), approve("b", "boss"))
    )
    await office.submit()

    await office.decide("head")
    await office.decide("buyer")

    case = await office.case()
    ended = {task.assignee_id: (task.State.Name(task.state), task.end_reason) for task in case.tasks}
    assert ended[str(stable("colleague"))] == ("CANCELLED", "task.enough_agreed")
    assert waiting(case) == ids_of("boss")


async def test_a_share_that_cannot_be_reached_any_more_refuses(office):
    await office.flow(sequence(approve("a", "head", "colleague", "buyer", **SHARE), approve("b", "boss")))
    await office.submit()

    await office.decide("head", "Reject")
    assert state(await office.case()) == "RUNNING"
    await office.decide("buyer", "Reject", text="不同意")

    case = await office.case()
    assert (state(case), case.note, waiting(case)) == ("REJECTED", "不同意", set())
    assert await office.todo("colleague") == []


async def test_a_veto_ends_at_once_and_is_waited_for(office):
    veto = {"kind": "department_head", "veto": True}
    tree = sequence(approve("a", veto, "colleague", "buyer", vote="ratio", percent=50), approve("b", "boss"))
    await office.flow(tree)
    await office.submit("agreed")
    await office.decide("colleague")
    await office.decide("buyer")
    assert waiting(await office.case("agreed")) == ids_of("head")
    await office.decide("head")
    assert waiting(await office.case("agreed")) == ids_of("boss")

    await office.submit("refused")
    await office.decide("head", "Reject", text="超出预算")

    case = await office.case("refused")
    assert (state(case), waiting(case)) == ("REJECTED", set())
    assert [task.veto for task in case.tasks] == [True, False, False]


async def test_one_after_another_in_the_order_that_stood_at_the_beginning(office):
    office.service.grant("colleague", [], "OWN", role="voters")
    office.service.grant("buyer", [], "OWN", role="voters")
    await office.flow(sequence(approve("a", VOTERS, vote="sequential"), approve("b", "boss")))
    case = await office.submit()
    first, second = [task.assignee_id for task in case.tasks]
    keys = {str(stable(key)): key for key in ("colleague", "buyer")}
    assert [task.State.Name(task.state) for task in case.tasks] == ["OPEN", "WAITING"]
    assert [opinion.kind for opinion in case.opinions] == [1]

    with refused("TASK_NOT_OPEN"):
        await decide(office, keys[second], "Approve", case.tasks[1])
    office.service.grant("head", [], "OWN", role="voters")
    await office.decide(keys[first])
    case = await office.case()
    assert waiting(case) == {second}
    assert [n.text_key for n in (await office.service.as_(keys[second]).ListNotices()).notices] == ["notice.todo"]
    await office.decide(keys[second])

    assert waiting(await office.case()) == ids_of("boss")


async def test_a_refusal_in_the_line_ends_the_case_and_those_behind(office):
    await office.flow(sequence(approve("a", "head", "boss", vote="sequential")))
    await office.submit()

    await office.decide("head", "Reject")

    case = await office.case()
    assert (state(case), [task.State.Name(task.state) for task in case.tasks]) == (
        "REJECTED",
        ["REJECTED", "CANCELLED"],
    )


async def test_a_press_twice_at_once_decides_once(office):
    task = await one_open(office)

    async def press(action: str) -> str:
        try:
            await decide(office, "head", action, task)
        except Refused as refusal:
            return refusal.reason
        return "done"

    answers = await asyncio.gather(*(press(action) for action in [*ACTIONS, *ACTIONS]))

    assert answers.count("done") == 1
    assert set(answers) <= {"done", "TASK_NOT_OPEN", "BUSY"}


PEOPLE = ["head", "boss", "buyer", "finance_head", "colleague"]


def random_tree(chance: random.Random, depth: int = 0) -> dict:
    number = chance.randrange(10**9)
    if depth > 2 or chance.random() < 0.45:
        asked = chance.sample(PEOPLE, chance.randint(1, 3))
        vote = chance.choice(["all", "any", "ratio", "sequential"])
        policies = {
            "vote": vote,
            **({"percent": chance.choice([30, 50, 67, 100])} if vote == "ratio" else {}),
            "same_approver": chance.choice(["ask", "skip_next", "skip_all"]),
        }
        return approve(f"a{number}", *asked, **policies)
    children = [random_tree(chance, depth + 1) for _ in range(chance.randint(1, 3))]
    match chance.randrange(4):
        case 0:
            return sequence(*children, copy(f"k{number}", "buyer"), node_id=f"s{number}")
        case 1:
            return parallel(f"p{number}", branch(f"b{number}", *children), branch(f"d{number}", random_tree(chance, 3)))
        case 2:
            lanes = [
                branch(f"b{number}", *children, when="amount > 5000"),
                branch(f"d{number}", random_tree(chance, 3)),
            ]
            return condition(f"c{number}", *lanes)
        case _:
            return sequence(*children, node_id=f"s{number}")


ASKABLE = [*PEOPLE, "other_department"]
CHOICES = ["Approve"] * 12 + ["Reject", "Return", "Jump", "Pause"] + ["Transfer", "AddSigner", "TakeBack"] * 2
NOT_NOW = {"TASK_PERSON_ASKED", "TASK_ACTED_SINCE"}


async def act(office, key, action, task, chance):
    """Decide, ask somebody instead or beside, take back, or steer; what cannot be done now is refused."""
    other, caller = str(stable(chance.choice(ASKABLE))), office.service.as_(key)
    case = await office.case()
    try:
        match action:
            case "Transfer":
                await caller.TransferTask(id=task.id, employee_id=other, text="x")
            case "AddSigner":
                await caller.AddSignerTask(id=task.id, position=chance.choice([1, 2]), employee_ids=[other])
            case "TakeBack":
                for done in [task for task in case.tasks if task.State.Name(task.state) == "APPROVED"]:
                    author = next(key for key in ASKABLE if str(stable(key)) == done.assignee_id)
                    await office.service.as_(author).TakeBackTask(id=done.id)
            case "Jump":
                await office.admin.JumpCase(id=case.id, node_id=chance.choice(case.nodes).node_id, reason="x")
            case "Pause":
                await office.admin.SuspendCase(id=case.id, reason="x")
                with refused("CASE_SUSPENDED"):
                    await decide(office, key, "Approve", task)
                await office.admin.ResumeCase(id=case.id)
            case _:
                await decide(office, key, action, task)
    except Refused as refusal:
        if not {refusal.reason, *(reason for _, reason, _ in refusal.violations)} & NOT_NOW:
            raise


@pytest.mark.parametrize("seed", range(16))
async def test_a_stored_case_always_has_an_open_turn_while_it_runs(office, seed):
    """The property of the pure walk, kept by the rows too: random trees, random acts by whoever may."""
    chance = random.Random(seed)
    await office.flow(sequence(random_tree(chance), approve("last", "boss")))
    case = await office.submit()
    said = 1

    for _ in range(80):
        if state(case) != "RUNNING":
            break
        open_tasks = [task for task in case.tasks if task.state == 1]
        assert open_tasks, "a running case without an open turn"
        assert {task.assignee_id for task in open_tasks} == set(case.waiting_on_ids)
        assert str(stable("requester")) not in {task.assignee_id for task in case.tasks}
        assert len(case.opinions) >= said, "an opinion was lost"
        said = len(case.opinions)
        task = chance.choice(open_tasks)
        key = next(key for key in ASKABLE if str(stable(key)) == task.assignee_id)
        await act(office, key, chance.choice(CHOICES), task, chance)
        case = await office.case()

    assert state(case) in ("APPROVED", "REJECTED", "RETURNED")
    assert not [task for task in case.tasks if task.State.Name(task.state) in ("OPEN", "WAITING")]
    ends = [event for subject, event in await office.service.events("approval.case") if subject.endswith(END)]
    assert len(ends) == 1, "two outcomes"
    async with office.service.runtime.engine.begin() as connection:
        left = await connection.execute(sa.text("SELECT count(*) FROM node_visit WHERE state IN ('OPEN', 'STUCK')"))
        assert left.scalar_one() == 0


END = (".approved", ".rejected", ".returned", ".withdrawn")


# opening, deciding the last turn of a node, to-do list, case page, urging, withdrawing; everything included
STATEMENTS = [5, 5, 1, 4, 4, 5]


@pytest.mark.parametrize("size", [1, 10, 1000])
async def test_the_number_of_statements_does_not_depend_on_the_number_of_turns(office, size):
    crowd(office.service, size)
    # the node before ends with many open turns, the one after opens many
    tree = sequence(approve("a", "head", VOTERS, vote="any"), approve("b", VOTERS, "boss", vote="any"))
    await office.flow(tree)
    with office.service.statements() as opening:
        await office.deliver()
    (task,) = await office.todo("head")

    with office.service.statements() as deciding:
        await decide(office, "head", "Approve", task)
    with office.service.statements() as listing:
        await office.todo("boss")
    case = await office.case()
    with office.service.statements() as reading:
        await office.service.as_("boss").GetCase(id=case.id)
    with office.service.statements() as urging:
        await office.service.as_("requester").UrgeCase(id=case.id)
    with office.service.statements() as withdrawing:
        await office.service.as_("requester").WithdrawCase(id=case.id)

    counts = [len(seen) for seen in (opening, deciding, listing, reading, urging, withdrawing)]
    assert counts == STATEMENTS, "\n".join(deciding)


LONG = """
WITH visits AS (
  INSERT INTO node_visit (id, case_id, node_id, number, state, agreed_ids, stuck_reason, open_time)
  SELECT gen_random_uuid(), :case, 'old', n, 'DONE', '{}', '', now() FROM generate_series(1, :steps) n RETURNING id),
turns AS (
  INSERT INTO task SELECT (jsonb_populate_record(t, jsonb_build_object(
    'id', gen_random_uuid(), 'visit_id', v.id, 'node_id', 'old'))).*
  FROM visits v, task t WHERE t.case_id = :case AND t.state = 'APPROVED' RETURNING id)
INSERT INTO opinion SELECT (jsonb_populate_record(o, jsonb_build_object(
  'id', gen_random_uuid(), 'task_id', turns.id))).*
FROM turns, opinion o WHERE o.case_id = :case AND o.kind = 'APPROVE'
"""


async def test_a_step_costs_the_same_after_two_thousand_steps_as_after_two(office):
    """Turns that are done, their nodes and opinions lie behind the case; nothing that is done with it reads them."""
    tree = [approve("a", "head", vote="sequential"), approve("b", "boss"), approve("c", "buyer")]
    await office.flow(sequence(*tree))

    async def steps(document, behind):
        """How many statements each act takes with so many steps behind it."""
        case = await office.submit(document)
        counts = {}

        async def act(name, key, action, **fields):
            turns = (await office.service.as_(key).ListTasks(filter=f'state = "OPEN" AND case_id = "{case.id}"')).tasks
            with office.service.statements() as seen:
                await getattr(office.service.as_(key), f"{action}Task")(**{"id": turns[0].id, **fields})
            counts[name] = len(seen)

        said = {"content_hash": HASH, "text": "x"}
        await act("first", "head", "Approve", **said)
        async with office.service.runtime.engine.begin() as connection:
            await connection.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
            await connection.execute(sa.text(LONG), {"case": ids.parse(case.id), "steps": behind})
        await act("read", "boss", "Get")
        await act("add signer", "boss", "AddSigner", position=1, employee_ids=[str(stable("colleague"))], text="x")
        await act("signer", "colleague", "Approve", **said)
        await act("pass on", "boss", "Transfer", employee_id=str(stable("finance_head")), text="x")
        await act("back", "finance_head", "Return", node_id="a", **said)
        await act("again", "head", "Approve", **said)
        await act("go on", "boss", "Approve", **said)
        await act("last", "buyer", "Approve", **said)
        assert state(await office.case(document)) == "APPROVED"
        return counts

    assert await steps("long", 2000) == await steps("short", 2)
