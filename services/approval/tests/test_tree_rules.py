"""Which trees are flows, and which node a problem points to."""

from __future__ import annotations

from typing import Any

import pytest

from approval.engine.tree import MOST_NODES, read
from approval.flow_definition import rules
from approval.tests.factories import approve, branch, condition, copy, handle, parallel, sequence, user
from chassis.clock import FrozenClock
from chassis.testing import MORNING, stable, test_organisation

HEAD = {"kind": "department_head"}
GOOD = approve("a", HEAD)
FIELDS = ({"key": "invoice_no", "label": "发票号"},)


def deep(levels: int) -> dict[str, Any]:
    tree = GOOD
    for level in range(levels):
        tree = sequence(tree, node_id=f"s{level}")
    return tree


BAD = {
    # name: (tree, node, path, reason)
    "no tree": ({}, "tree", "", "FLOW_NODE_KIND"),
    "a text": ("approve", "tree", "", "FLOW_NODE_KIND"),
    "unknown kind": (sequence({"id": "x", "kind": "script"}, GOOD), "x", "children[0]", "FLOW_NODE_KIND"),
    "kind is a list": (sequence({"id": "x", "kind": ["a"]}, GOOD), "x", "children[0]", "FLOW_NODE_KIND"),
    "no id": (sequence({**GOOD, "id": ""}), "children[0]", "children[0].id", "FLOW_NODE_ID"),
    "id twice": (sequence(GOOD, GOOD), "a", "children[1].id", "FLOW_NODE_ID"),
    "id of the parent": (sequence(approve("root", HEAD)), "root", "children[0].id", "FLOW_NODE_ID"),
    "no name": (approve("a", HEAD, name=" "), "a", "name", "FLOW_NODE_NAME"),
    "no approver": (sequence(approve("a")), "a", "children[0].approvers", "FLOW_APPROVERS_MISSING"),
    "no reader": (sequence(GOOD, copy("c")), "c", "children[1].approvers", "FLOW_APPROVERS_MISSING"),
    "unknown key": (approve("a", HEAD, script="rm"), "a", "script", "FLOW_UNKNOWN_KEY"),
    "unknown key of a rule": (approve("a", {**HEAD, "of": "x"}), "a", "approvers[0].of", "FLOW_UNKNOWN_KEY"),
    "children of an approval": (approve("a", HEAD, children=[]), "a", "children", "FLOW_UNKNOWN_KEY"),
    "unknown rule": (approve("a", {"kind": "sql"}), "a", "approvers[0]", "FLOW_APPROVER_RULE"),
    "rule is a text": (
        sequence(approve("a") | {"approvers": ["boss"]}),
        "a",
        "children[0].approvers[0]",
        "FLOW_APPROVER_RULE",
    ),
    "user without id": (approve("a", {"kind": "user"}), "a", "approvers[0].employee_id", "FLOW_APPROVER_VALUE"),
    "user by name": (
        approve("a", {"kind": "user", "employee_id": "boss"}),
        "a",
        "approvers[0].employee_id",
        "FLOW_APPROVER_VALUE",
    ),
    "role without code": (approve("a", {"kind": "role"}), "a", "approvers[0].role", "FLOW_APPROVER_VALUE"),
    "a post of no department": (
        approve("a", {"kind": "department_post"}),
        "a",
        "approvers[0].post",
        "FLOW_APPROVER_VALUE",
    ),
    "a department by name": (
        approve("a", {"kind": "department_post", "post": "x", "department_id": "workshop"}),
        "a",
        "approvers[0].department_id",
        "FLOW_APPROVER_VALUE",
    ),
    "no field": (approve("a", {"kind": "field_user"}), "a", "approvers[0].field", "FLOW_APPROVER_VALUE"),
    "a field that is an expression": (
        approve("a", {"kind": "field_department_head", "field": "x.__class__"}),
        "a",
        "approvers[0].field",
        "FLOW_APPROVER_VALUE",
    ),
    "the first is to be named by the approver before": (
        sequence(approve("b", {"kind": "previous_choice"}), GOOD),
        "b",
        "children[0]",
        "FLOW_NOBODY_CHOOSES",
    ),
    "a way leads there before anybody was asked": (
        sequence(
            condition("c", branch("b1", GOOD, when="amount > 1"), branch("b2")),
            approve("b", {"kind": "previous_choice"}),
        ),
        "b",
        "children[1]",
        "FLOW_NOBODY_CHOOSES",
    ),
    "no levels": (approve("a", {"kind": "heads_up"}), "a", "approvers[0].levels", "FLOW_APPROVER_VALUE"),
    "half a level": (
        approve("a", {"kind": "heads_up", "levels": 1.5}),
        "a",
        "approvers[0].levels",
        "FLOW_APPROVER_VALUE",
    ),
    "endless levels": (
        approve("a", {"kind": "heads_up", "levels": float("inf")}),
        "a",
        "approvers[0].levels",
        "FLOW_APPROVER_VALUE",
    ),
    "a group without a name": (
        approve("a", {"kind": "group", "role": "cashier"}),
        "a",
        "approvers[0].name",
        "FLOW_APPROVER_VALUE",
    ),
    "a group of nobody": (
        approve("a", {"kind": "group", "name": "x"}),
        "a",
        "approvers[0].employee_ids",
        "FLOW_APPROVER_VALUE",
    ),
    "a group of a role and people": (
        approve("a", {"kind": "group", "name": "x", "role": "cashier", "employee_ids": [str(stable("head"))]}),
        "a",
        "approvers[0].employee_ids",
        "FLOW_APPROVER_VALUE",
    ),
    "a group of words": (
        approve("a", {"kind": "group", "name": "x", "employee_ids": "head"}),
        "a",
        "approvers[0].employee_ids",
        "FLOW_APPROVER_VALUE",
    ),
    "no expression": (approve("a", {"kind": "expression"}), "a", "approvers[0].expression", "FLOW_APPROVER_VALUE"),
    "an expression of a number": (
        approve("a", {"kind": "expression", "expression": "amount"}),
        "a",
        "approvers[0].expression",
        "FLOW_EXPRESSION",
    ),
    "an expression of numbers": (
        approve("a", {"kind": "expression", "expression": "[1, 2]"}),
        "a",
        "approvers[0].expression",
        "FLOW_EXPRESSION",
    ),
    "claim perhaps": (approve("a", HEAD, claim="yes"), "a", "claim", "FLOW_NODE_VALUE"),
    "claim and all": (approve("a", HEAD, claim=True, vote="all"), "a", "vote", "FLOW_CLAIM_VOTE"),
    "a share of those who handle": (
        sequence(handle("h", HEAD, fields=FIELDS, vote="ratio"), GOOD),
        "h",
        "children[0].vote",
        "FLOW_NODE_VALUE",
    ),
    "work agreed to before": (
        sequence(handle("h", HEAD, fields=FIELDS, same_approver="skip_all"), GOOD),
        "h",
        "children[0].same_approver",
        "FLOW_UNKNOWN_KEY",
    ),
    "nothing to fill in": (sequence(handle("h", HEAD), GOOD), "h", "children[0].fields", "FLOW_FIELDS_MISSING"),
    "work alone is no approval": (sequence(handle("h", HEAD, fields=FIELDS)), "root", "", "FLOW_NO_APPROVAL"),
    "vote": (approve("a", HEAD, vote="most"), "a", "vote", "FLOW_NODE_VALUE"),
    "no share": (approve("a", HEAD, vote="ratio"), "a", "percent", "FLOW_NODE_VALUE"),
    "more than all": (approve("a", HEAD, vote="ratio", percent=101), "a", "percent", "FLOW_NODE_VALUE"),
    "half a per cent": (approve("a", HEAD, vote="ratio", percent=0.5), "a", "percent", "FLOW_NODE_VALUE"),
    "share of all": (approve("a", HEAD, percent=50), "a", "percent", "FLOW_UNKNOWN_KEY"),
    "veto of all": (approve("a", {**HEAD, "veto": True}), "a", "approvers[0].veto", "FLOW_VETO"),
    "veto of a reader": (
        sequence(GOOD, copy("c", {**HEAD, "veto": True})),
        "c",
        "children[1].approvers[0].veto",
        "FLOW_VETO",
    ),
    "veto perhaps": (
        approve("a", {**HEAD, "veto": "yes"}, vote="ratio", percent=50),
        "a",
        "approvers[0].veto",
        "FLOW_APPROVER_VALUE",
    ),
    "person without id": (approve("a", HEAD, when_empty="person"), "a", "employee_id", "FLOW_NODE_VALUE"),
    "children is a text": ({"id": "r", "kind": "sequence", "children": "a"}, "r", "children", "FLOW_NODE_VALUE"),
    "pass without authority": (
        approve("a", {"kind": "authority"}, when_empty="pass"),
        "a",
        "when_empty",
        "FLOW_PASS_WITHOUT_AUTHORITY",
    ),
    "one branch": (parallel("p", branch("b", GOOD)), "p", "branches", "FLOW_BRANCHES"),
    "no default": (
        condition("c", branch("b1", GOOD, when="amount > 1"), branch("b2", approve("z", HEAD), when="true")),
        "c",
        "branches",
        "FLOW_DEFAULT_BRANCH",
    ),
    "default first": (
        condition("c", branch("b1", GOOD), branch("b2", approve("z", HEAD), when="true")),
        "c",
        "branches",
        "FLOW_DEFAULT_BRANCH",
    ),
    "call out": (
        condition("c", branch("b1", GOOD, when="__import__('os').system('x')"), branch("b2", approve("z", HEAD))),
        "b1",
        "branches[0].when",
        "FLOW_EXPRESSION",
    ),
    "unknown variable": (
        condition("c", branch("b1", GOOD, when="amuont > 1"), branch("b2", approve("z", HEAD))),
        "b1",
        "branches[0].when",
        "FLOW_EXPRESSION",
    ),
    "amount against text": (
        condition("c", branch("b1", GOOD, when="amount > '1'"), branch("b2", approve("z", HEAD))),
        "b1",
        "branches[0].when",
        "FLOW_EXPRESSION",
    ),
    "no yes or no": (
        condition("c", branch("b1", GOOD, when="amount"), branch("b2", approve("z", HEAD))),
        "b1",
        "branches[0].when",
        "FLOW_EXPRESSION",
    ),
    "condition is a number": (
        condition("c", branch("b1", GOOD) | {"when": 1}, branch("b2", approve("z", HEAD))),
        "b1",
        "branches[0].when",
        "FLOW_EXPRESSION",
    ),
    "too deep": (deep(20), "", "", "FLOW_TOO_LARGE"),
    "too many": (sequence(*(approve(f"a{i}", HEAD) for i in range(MOST_NODES))), "", "", "FLOW_TOO_LARGE"),
    "asks nobody": (sequence(copy("c", "boss")), "root", "", "FLOW_NO_APPROVAL"),
    "a branch asks nobody": (
        condition("c", branch("b1", GOOD, when="amount > 1"), branch("b2")),
        "b2",
        "branches[1]",
        "FLOW_NO_APPROVAL",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_tree_points_to_the_node_at_fault(name: str):
    tree, node, path, reason = BAD[name]

    flow, problems = read(tree)

    assert flow is None
    found = [p for p in problems if p.reason == reason]
    assert found, problems
    if reason != "FLOW_TOO_LARGE":
        assert (node, path) in [(p.node_id, p.path) for p in found]
    assert all(isinstance(v, str) for p in problems for v in p.facts.values())


def test_all_problems_are_told_at_once():
    _, problems = read(sequence(approve("a"), approve("b", {"kind": "sql"}), {"id": "c", "kind": "x"}))

    assert {(p.node_id, p.reason) for p in problems} >= {
        ("a", "FLOW_APPROVERS_MISSING"),
        ("b", "FLOW_APPROVER_RULE"),
        ("c", "FLOW_NODE_KIND"),
    }


def test_a_good_tree_has_every_node_by_its_id():
    tree = sequence(
        approve("a", HEAD, vote="any", when_empty="reject", same_approver="skip_all", initiator="head"),
        parallel("p", branch("p1", approve("b", "boss")), branch("p2", copy("c", "head"))),
        condition("c1", branch("c11", when="amount > 1 && currency == 'CNY'"), branch("c12")),
    )

    flow, problems = read(tree)

    assert problems == []
    assert flow is not None
    assert set(flow.nodes) == {"root", "a", "p", "p1", "b", "p2", "c", "c1", "c11", "c12"}


def test_who_is_named_by_the_approver_before_stands_behind_one():
    side = parallel("p", branch("p1", GOOD), branch("p2", copy("k", "boss")))
    tree = sequence(side, approve("b", {"kind": "previous_choice"}))

    assert read(tree)[1] == []


def test_a_share_and_a_veto_are_read_as_they_stand():
    flow, problems = read(approve("a", {**HEAD, "veto": True}, "boss", vote="ratio", percent=67.0))

    assert problems == []
    node = flow.nodes["a"]
    assert (node.percent, [rule.veto for rule in node.approvers]) == (67, [True, False])


def test_who_is_named_must_be_there_and_active():
    class Draft:
        gone = {"kind": "department_post", "post": "manager", "department_id": str(stable("gone"))}
        king = {"kind": "department_post", "post": "king"}
        tree = sequence(
            approve("a", user("disabled")), approve("b", {"kind": "post", "post": "king"}), approve("c", gone, king)
        )
        condition, document_type = "", "procurement.purchase_requisition"

    _, problems = rules.examine(Draft.tree, Draft(), test_organisation(FrozenClock(MORNING)))

    assert [(p.node_id, p.path, p.reason) for p in problems] == [
        ("a", "children[0].approvers[0]", "FLOW_APPROVER_UNKNOWN"),
        ("b", "children[1].approvers[0]", "FLOW_APPROVER_UNKNOWN"),
        ("c", "children[2].approvers[0]", "FLOW_APPROVER_UNKNOWN"),
        ("c", "children[2].approvers[1]", "FLOW_APPROVER_UNKNOWN"),
    ]
