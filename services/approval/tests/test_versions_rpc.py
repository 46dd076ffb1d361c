"""Running cases moved to a newer version of their flow, and a draft tried against finished cases."""

from __future__ import annotations

import pytest

from approval.tests.factories import approve, branch, condition, ids_of, parallel, sequence, state, waiting
from approval.tests.test_returning_rpc import STRAIGHT, back
from chassis.testing import refused, stable


async def revise(office, flow, *nodes, publish=True, **more):
    """A newer version of a flow."""
    changed = {"id": flow.id, "etag": "", "tree": sequence(*nodes), **more}
    drafted = await office.admin.UpdateFlowDefinition(flow_definition=changed)
    return await office.publish(flow.id, etag=drafted.etag) if publish else drafted


async def migrate(office, reason="流程改了"):
    case = await office.case()
    return await office.admin.MigrateCase(id=case.id, etag=case.etag, reason=reason)


def asked(steps):
    return [(step.node_name, set(step.employee_ids)) for step in steps]


# ---- moving running cases


async def test_a_running_case_is_moved_where_it_stands(office):
    flow = await office.flow(sequence(approve("a", "head"), approve("b", "boss")))
    await office.submit()
    await revise(office, flow, approve("new", "colleague"), approve("a", "colleague"), approve("b", "buyer"))

    preview = await office.admin.PreviewMigrationFlowDefinition(id=flow.id)

    (becomes,) = preview.cases
    assert (becomes.flow_version, becomes.problem, becomes.movable) == (1, "", True)
    assert asked(becomes.before) == [("B", ids_of("boss"))]
    assert asked(becomes.after) == [("B", ids_of("buyer"))]

    moved = await migrate(office)

    assert (state(moved), moved.flow_version) == ("RUNNING", 2)
    case = await office.case()
    assert waiting(case) == ids_of("head"), "who was asked is asked still"
    assert [o.text for o in case.opinions][-1] == "1 → 2: 流程改了"
    await office.decide("head")
    assert waiting(await office.case()) == ids_of("buyer")
    await office.decide("buyer")
    assert state(await office.case()) == "APPROVED"
    assert list((await office.admin.PreviewMigrationFlowDefinition(id=flow.id)).cases) == []


@pytest.mark.parametrize(
    ("nodes", "problem"),
    [
        pytest.param([approve("b", "boss")], "CASE_NODE_GONE", id="node gone"),
        pytest.param(
            [parallel("p", branch("p1", approve("a", "head")), branch("p2", approve("b", "boss")))],
            "CASE_NODE_GONE",
            id="node elsewhere",
        ),
    ],
)
async def test_a_case_whose_node_is_gone_stays_on_its_version(office, nodes, problem):
    flow = await office.flow(sequence(approve("a", "head"), approve("b", "boss")))
    await office.submit()
    await revise(office, flow, *nodes)

    (becomes,) = (await office.admin.PreviewMigrationFlowDefinition(id=flow.id)).cases
    with refused(problem) as caught:
        await migrate(office)
    assert caught.value.facts["node"] == "A"

    assert (becomes.problem, dict(becomes.facts), becomes.movable) == (problem, {"node": "A"}, False)
    assert list(becomes.after) == []
    assert (await office.case()).flow_version == 1


async def test_a_case_within_branches_that_differ_stays(office):
    flow = await office.flow(
        sequence(parallel("p", branch("p1", approve("a", "head")), branch("p2", approve("b", "boss"))))
    )
    await office.submit()
    branches = [branch("p1", approve("a", "head")), branch("p2", approve("b", "boss"))]
    await revise(office, flow, parallel("p", *branches, branch("p3", approve("c", "buyer"))))

    with refused("CASE_BRANCHES_DIFFER"):
        await migrate(office)


async def test_who_stands_in_for_nobody_is_followed_by_the_newer_version(office):
    flow = await office.flow(sequence(approve("a", {"kind": "role", "role": "nobody"})))
    parked = await office.submit()
    assert state(parked) == "RUNNING"
    assert await office.todo("admin"), "without anybody the administrator is asked"
    await revise(office, flow, approve("a", "head"), approve("b", "boss"))

    await migrate(office)

    assert asked((await office.case()).upcoming) == [("B", ids_of("boss"))]


async def test_moving_is_for_those_who_look_after_approvals_and_not_for_an_own_request(office):
    flow = await office.flow(sequence(approve("a", "head")))
    case = await office.submit(requester_id=str(stable("admin")))
    await revise(office, flow, approve("a", "head"), approve("b", "boss"))

    (becomes,) = (await office.admin.PreviewMigrationFlowDefinition(id=flow.id)).cases
    with refused("CASE_OWN_REQUEST"):
        await office.admin.MigrateCase(id=case.id, reason="x")
    stranger = office.service.as_("stranger")
    for attempt in (
        stranger.MigrateCase(id=case.id, reason="x"),
        stranger.PreviewMigrationFlowDefinition(id=flow.id),
        stranger.CompareFlowDefinition(id=flow.id),
    ):
        with refused("PERMISSION_MISSING"):
            await attempt
    with refused("DOCUMENT_NOT_FOUND"):
        await office.service.as_("colleague").MigrateCase(id=case.id, reason="x")

    assert not becomes.movable


async def test_the_newest_version_is_not_moved_to_twice(office):
    await office.flow(sequence(approve("a", "head")))
    await office.submit()

    with refused("CASE_NEWEST_VERSION"):
        await migrate(office)


async def test_statements_of_a_preview_do_not_grow_with_the_cases(office):
    flow = await office.flow(sequence(approve("a", "head"), approve("b", "boss")))
    counts = []
    for rounds, then_asked in ((1, "buyer"), (12, "colleague")):
        for number in range(rounds):
            await office.deliver(f"{rounds}-{number}")
        await revise(office, flow, approve("a", "head"), approve("b", then_asked))
        with office.service.statements() as seen:
            preview = await office.admin.PreviewMigrationFlowDefinition(id=flow.id)
        counts.append((len(preview.cases), len(seen)))
    (first, statements), (then, more) = counts
    assert (first, then) == (1, 13)
    assert more <= statements + 1, "one more version is read, and nothing for each case"


# ---- a draft against finished cases


async def test_a_draft_is_tried_against_finished_cases(office):
    small, large = branch("s", when="amount <= 10000"), branch("l", approve("b", "boss"))
    flow = await office.flow(sequence(approve("a", "head"), condition("c", small, large)))
    for document, amount in (("one", "9000"), ("two", "11000"), ("three", "20000")):
        await office.deliver(document, amount=amount)
        await office.decide("head")
        if amount != "9000":
            await office.decide("boss")
    smaller = branch("s", when="amount <= 12000")
    await revise(office, flow, approve("a", "head"), condition("c", smaller, large), publish=False)

    answer = await office.admin.CompareFlowDefinition(id=flow.id)

    assert (answer.compared, answer.different) == (3, 1)
    (difference,) = answer.differences
    assert (difference.document_number, difference.amount) == ("PR-two", "11000.00")
    assert asked(difference.before) == [("A", ids_of("head")), ("B", ids_of("boss"))]
    assert asked(difference.after) == [("A", ids_of("head"))]


async def test_names_and_running_cases_make_no_difference(office):
    flow = await office.flow(sequence(approve("a", "head")))
    await office.deliver("finished")
    await office.decide("head")
    await office.deliver("running")
    await revise(office, flow, {**approve("a", "head"), "name": "Another name"}, publish=False)

    answer = await office.admin.CompareFlowDefinition(id=flow.id)

    assert (answer.compared, answer.different) == (1, 0)


async def test_a_draft_that_is_for_other_documents_says_so(office):
    flow = await office.flow(sequence(approve("a", "head")))
    await office.deliver()
    await office.decide("head")
    await revise(office, flow, approve("a", "head"), publish=False, condition="amount > 1000000")

    (difference,) = (await office.admin.CompareFlowDefinition(id=flow.id)).differences

    assert (difference.problem_before, difference.problem) == ("", "CASE_NO_FLOW")
    assert asked(difference.before) == [("A", ids_of("head"))]
    assert list(difference.after) == []


async def test_a_draft_with_problems_is_not_compared(office):
    flow = await office.flow(sequence(approve("a", "head")))
    await office.admin.UpdateFlowDefinition(flow_definition={"id": flow.id, "tree": sequence(approve("a"))})

    with refused("FLOW_INVALID"):
        await office.admin.CompareFlowDefinition(id=flow.id)


async def test_where_a_case_comes_straight_back_to_has_to_be_there_too(office):
    flow = await office.flow(sequence(approve("a", "head"), approve("b", "boss")))
    await office.submit()
    await office.decide("head")
    await back(office, "boss", "a", STRAIGHT)
    await revise(office, flow, approve("a", "head"), approve("c", "boss"))

    with refused("CASE_NODE_GONE") as caught:
        await migrate(office)

    assert caught.value.facts["node"] == "B"
    await revise(office, flow, approve("a", "head"), approve("b", "buyer"))
    await migrate(office)
    await office.decide("head")
    assert waiting(await office.case()) == ids_of("boss"), "those of before, not those of the newer version"
