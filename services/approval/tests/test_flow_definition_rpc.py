"""Flows are drafted, checked, tried, published in versions, and retired."""

from __future__ import annotations

import pytest

from approval.tests.factories import REQUISITION, approve, branch, condition, copy, handle, request, sequence
from chassis.testing import OTHER_COMPANY, refused, stable

FLOW = sequence(approve("a", {"kind": "department_head"}), approve("b", "boss"))
UNSAFE = {
    # name: (tree, field, reason)
    "unknown kind": (sequence({"id": "x", "kind": "script"}), "tree.children[0]", "FLOW_NODE_KIND"),
    "unknown rule": (approve("a", {"kind": "sql"}), "tree.approvers[0]", "FLOW_APPROVER_RULE"),
    "unknown key": (approve("a", "boss", hook="http://x"), "tree.hook", "FLOW_UNKNOWN_KEY"),
    "expression that calls out": (
        condition("c", branch("x", approve("a", "boss"), when="open('/etc/passwd') != ''"), branch("y", FLOW)),
        "tree.branches[0].when",
        "FLOW_EXPRESSION",
    ),
}


@pytest.mark.parametrize("name", UNSAFE)
async def test_what_can_never_be_right_is_not_saved(office, name):
    tree, field, reason = UNSAFE[name]

    with refused(reason, field=field):
        await office.draft(tree)
    draft = await office.draft(FLOW)
    with refused(reason, field=field):
        await office.admin.UpdateFlowDefinition(flow_definition={"id": draft.id, "tree": tree})

    assert await office.admin.GetFlowDefinition(id=draft.id) == draft


GROUP = {"kind": "group", "name": "x", "employee_ids": [str(stable("boss")), str(stable("disabled"))]}
UNFINISHED = {
    # name: (tree, node, path, reason)
    "no approver": (sequence(approve("a")), "a", "children[0].approvers", "FLOW_APPROVERS_MISSING"),
    "empty": ({}, "tree", "", "FLOW_NODE_KIND"),
    "one branch": (condition("c", branch("x", FLOW)), "c", "branches", "FLOW_BRANCHES"),
    "asks nobody": (sequence(copy("k", "boss")), "root", "", "FLOW_NO_APPROVAL"),
    "who left": (approve("a", "disabled"), "a", "approvers[0]", "FLOW_APPROVER_UNKNOWN"),
    "who left a group": (approve("a", GROUP), "a", "approvers[0]", "FLOW_APPROVER_UNKNOWN"),
    "nothing to fill in": (
        sequence(handle("h", "boss"), approve("z", "head")),
        "h",
        "children[0].fields",
        "FLOW_FIELDS_MISSING",
    ),
}


@pytest.mark.parametrize("name", UNFINISHED)
async def test_a_draft_may_be_unfinished_but_is_not_published(office, name):
    tree, node, path, reason = UNFINISHED[name]
    draft = await office.draft(tree)

    problems = (await office.admin.ValidateFlowDefinition(id=draft.id)).problems
    with refused("FLOW_INVALID") as caught:
        await office.publish(draft.id)

    assert (node, path, reason) in [(p.node_id, p.path, p.reason) for p in problems]
    assert (f"tree.{path}".rstrip("."), reason) in [(field, r) for field, r, _ in caught.value.violations]
    assert caught.value.facts == {"count": str(len(problems))}
    assert (await office.admin.ListVersionsFlowDefinition(id=draft.id)).versions == []


NOBODY = {
    # name: (rule, what the warning names)
    "a role that nobody holds": ({"kind": "role", "role": "treasurer"}, "treasurer"),
    "a group of nobody": ({"kind": "group", "name": "x", "role": "treasurer"}, "treasurer"),
    "a post that nobody holds": ({"kind": "post", "post": "director"}, "Director"),
    "no limit in the authority table": ({"kind": "authority"}, REQUISITION),
}


@pytest.mark.parametrize("name", NOBODY)
async def test_who_finds_nobody_today_is_told_and_may_be_published_all_the_same(office, name):
    rule, value = NOBODY[name]
    office.service.change_person("boss", post_id=stable("manager"))
    draft = await office.draft(sequence(approve("first", "boss"), approve("a", rule)))

    (problem,) = (await office.admin.ValidateFlowDefinition(id=draft.id)).problems
    assert (problem.node_id, problem.path, problem.reason) == ("a", "children[1].approvers[0]", "FLOW_APPROVER_NOBODY")
    assert problem.warning
    assert dict(problem.facts) == {"node": "a", "rule": rule["kind"], "value": value}

    await office.publish(draft.id)
    await office.submit()
    await office.decide("boss")
    (task,) = (await office.admin.ListTasks(filter='state = "OPEN"')).tasks
    assert (task.node_id, task.assignee_id) == ("a", str(stable("admin")))  # the policy for nobody: the administrator


async def test_the_flows_own_condition_and_type_are_checked(office):
    with refused("FLOW_EXPRESSION", field="condition"):
        await office.draft(FLOW, condition="amount >")
    with refused("FLOW_DOCUMENT_TYPE", field="document_type"):
        await office.draft(FLOW, document_type="inventory.item")


async def test_a_published_flow_keeps_its_versions_and_counts_their_cases(office):
    flow = await office.flow(FLOW)
    assert (flow.State.Name(flow.state), flow.published_version, flow.draft_differs) == ("PUBLISHED", 1, False)
    await office.submit()

    changed = await office.admin.UpdateFlowDefinition(
        flow_definition={"id": flow.id, "tree": approve("z", "boss")}, update_mask="tree"
    )
    assert changed.draft_differs
    again = await office.publish(flow.id, note="一级审批")
    newest, first = (await office.admin.ListVersionsFlowDefinition(id=flow.id)).versions

    assert (again.published_version, again.draft_differs) == (2, False)
    assert (newest.version, newest.note, newest.running_cases) == (2, "一级审批", 0)
    assert (first.version, first.running_cases, first.published_by_id) == (1, 1, str(stable("admin")))
    assert first.tree["children"][0]["id"] == "a"
    assert newest.tree["id"] == "z"


async def test_a_draft_that_is_put_back_differs_no_more(office):
    flow = await office.flow(FLOW)

    await office.admin.UpdateFlowDefinition(flow_definition={"id": flow.id, "tree": approve("z", "boss")})
    back = await office.admin.UpdateFlowDefinition(flow_definition={"id": flow.id, "tree": FLOW})

    assert not back.draft_differs


async def test_a_retired_flow_takes_no_new_cases_and_running_ones_go_on(office):
    flow = await office.flow(FLOW)
    await office.submit("old")

    await office.admin.RetireFlowDefinition(id=flow.id, reason="停用")
    new = await office.submit("new")
    await office.decide("head")
    await office.decide("boss")

    old = await office.case("old")
    assert (old.State.Name(old.state), new.park_reason) == ("APPROVED", "CASE_NO_FLOW")


async def test_a_draft_is_tried_before_it_is_published(office):
    large = branch("l", approve("b", "boss"), when="amount > 5000")
    draft = await office.draft(condition("c", large, branch("s", approve("a", "head"))))

    async def asked(amount: str) -> list[str]:
        preview = await office.admin.TryFlowDefinition(id=draft.id, approval=request("imagined", amount=amount))
        return [step.node_id for step in preview.steps]

    nothing_named = await office.admin.TryFlowDefinition(id=draft.id, approval={"amount": "1"})
    assert [step.node_id for step in nothing_named.steps] == ["a"]
    assert await asked("5000") == ["a"]
    assert await asked("5000.01") == ["b"]
    assert (await office.admin.ListCases()).cases == []


async def test_a_try_tells_the_way_and_tries_what_is_not_saved(office):
    """The branches taken are on the way, also where they ask nobody; the draft stays as it is."""
    large = branch("l", approve("b", "boss"), when="amount > 5000")
    draft = await office.draft(condition("c", large, branch("s", approve("a", "head"))))
    skip = branch("none", when="amount > 5000")
    other = sequence(condition("c", skip, branch("s", approve("x", "boss"))), approve("a", "head"))

    way = (await office.admin.TryFlowDefinition(id=draft.id, approval={"amount": "1"})).node_ids
    tried = await office.admin.TryFlowDefinition(id=draft.id, approval={"amount": "9000"}, tree=other)

    assert list(way) == ["c", "s", "a"]
    assert list(tried.node_ids) == [other["id"], "c", "none", "a"]
    assert [step.node_id for step in tried.steps] == ["a"]
    assert (await office.admin.GetFlowDefinition(id=draft.id)).etag == draft.etag
    with refused("FLOW_INVALID"):
        await office.admin.TryFlowDefinition(id=draft.id, approval={"amount": "1"}, tree={"id": "a", "kind": "approve"})


async def test_a_stale_etag_and_a_second_flow_of_the_same_code_are_refused(office):
    flow = await office.draft(FLOW)
    await office.admin.UpdateFlowDefinition(flow_definition={"id": flow.id, "name": "新名"})

    with refused("STALE_ETAG"):
        await office.admin.UpdateFlowDefinition(flow_definition={"id": flow.id, "etag": flow.etag, "name": "x"})
    with refused("STALE_ETAG"):
        await office.publish(flow.id, etag=flow.etag)
    with refused("ALREADY_EXISTS"):
        await office.draft(FLOW)


REACH = {
    # who holds approval.flow_definition.* with which scope: may read it
    "colleague": ("COMPANY", None, True),
    "other_department": ("COMPANY", None, True),
    "other_company": ("COMPANY", OTHER_COMPANY, False),
    "stranger": (None, None, False),
}


@pytest.mark.parametrize("key", REACH)
async def test_flows_are_the_companys(office, key):
    scope, company, sees = REACH[key]
    flow = await office.flow(FLOW)
    office.service.revoke(key)
    if scope:
        office.service.grant(key, ["approval.flow_definition.*"], scope, company=company)
    caller = office.service.as_(key)

    if sees:
        assert (await caller.GetFlowDefinition(id=flow.id)).id == flow.id
        assert [found.id for found in (await caller.ListFlowDefinitions(search="flow")).flow_definitions] == [flow.id]
        await caller.UpdateFlowDefinition(flow_definition={"id": flow.id, "name": "x"})
        return
    reason = "DOCUMENT_NOT_FOUND" if scope else "PERMISSION_MISSING"
    for call in (
        caller.GetFlowDefinition(id=flow.id),
        caller.UpdateFlowDefinition(flow_definition={"id": flow.id, "name": "x"}),
        caller.PublishFlowDefinition(id=flow.id),
        caller.RetireFlowDefinition(id=flow.id),
        caller.ValidateFlowDefinition(id=flow.id),
        caller.ListVersionsFlowDefinition(id=flow.id),
        caller.TryFlowDefinition(id=flow.id, approval=request()),
    ):
        with refused(reason):
            await call


async def test_a_flow_of_another_company_is_not_taken(office):
    there = office.service.as_("admin", company=OTHER_COMPANY)
    draft = await there.CreateFlowDefinition(
        flow_definition={"code": "PR", "name": "苏州", "document_type": REQUISITION, "tree": FLOW}
    )
    await there.PublishFlowDefinition(id=draft.id)

    assert (await office.submit()).park_reason == "CASE_NO_FLOW"


async def test_a_draft_that_lacks_what_administrators_ask_for_is_kept_and_not_published(office):
    field = {"key": "why", "kind": "TEXT", "required": True, "label": {"en": "Why", "zh-CN": "原因"}}
    await office.admin.CreateCustomField(custom_field={"document_type": "approval.flow_definition", "field": field})
    draft = await office.draft(approve("a", "head"))
    with refused("CUSTOM_FIELD_MISSING", field="custom_fields.why"):
        await office.admin.PublishFlowDefinition(id=draft.id)
    fields = {"id": draft.id, "custom_fields": {"json": '{"why": "x"}'}}
    await office.admin.UpdateFlowDefinition(flow_definition=fields)
    assert (await office.publish(draft.id)).published_version == 1
