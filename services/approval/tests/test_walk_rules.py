"""How a document walks through a tree."""

from __future__ import annotations

import pytest

from approval.engine.walk import Walk, foresee
from approval.tests.factories import approve, branch, condition, copy, parallel, sequence
from approval.tests.worlds import KEYS, agree, flow, open_at, started, visit, world
from chassis.testing import stable

NOBODY = {"kind": "role", "role": "nobody"}


def test_a_sequence_asks_one_after_another():
    walk = started(sequence(approve("a", "head"), approve("b", "boss")), world())

    assert open_at(walk) == {"a": {"head"}}
    agree(walk, "a")
    assert open_at(walk) == {"b": {"boss"}}
    agree(walk, "b")
    assert walk.outcome == "APPROVED"


def test_a_parallel_is_done_when_all_its_branches_are():
    tree = sequence(
        parallel("p", branch("p1", approve("a", "head"), approve("b", "boss")), branch("p2", approve("c", "buyer"))),
        approve("d", "finance_head"),
    )
    walk = started(tree, world())

    assert open_at(walk) == {"a": {"head"}, "c": {"buyer"}}
    agree(walk, "c")
    agree(walk, "a")
    assert open_at(walk) == {"b": {"boss"}}
    agree(walk, "b")
    assert open_at(walk) == {"d": {"finance_head"}}


def test_a_branch_that_is_done_at_once_does_not_join_alone():
    nobody = approve("a", NOBODY, when_empty="pass")
    tree = sequence(parallel("p", branch("p1", nobody), branch("p2", approve("b", "boss"))), approve("c", "head"))

    walk = started(tree, world())

    assert open_at(walk) == {"b": {"boss"}}
    assert [visit.node.id for visit in walk.passed] == ["a"]


def test_the_first_branch_that_holds_is_taken():
    tree = condition(
        "c",
        branch("small", approve("a", "head"), when="amount <= 5000"),
        branch("middle", approve("b", "boss"), when="amount <= 50000"),
        branch("large", approve("d", "finance_head")),
    )

    assert open_at(started(tree, world("5000"))) == {"a": {"head"}}
    assert open_at(started(tree, world("5000.01"))) == {"b": {"boss"}}
    assert open_at(started(tree, world("50000.01"))) == {"d": {"finance_head"}}


def test_a_condition_without_an_answer_parks_the_case():
    tree = condition(
        "c", branch("x", approve("a", "head"), when="facts.plant == 'P1'"), branch("y", approve("b", "boss"))
    )

    walk = started(tree, world())

    assert walk.outcome == "PARKED"
    assert walk.stuck is not None
    assert walk.stuck.stuck_reason == "CASE_CONDITION_FAILED"
    assert walk.stuck.stuck_facts["node"] == "c"


def test_copies_do_not_stop_the_walk():
    walk = started(sequence(copy("c", "buyer", "requester"), approve("a", "head")), world())

    assert [(KEYS[t.asked.employee_id], t.state) for t in walk.turns] == [("buyer", "COPIED"), ("head", "OPEN")]


def test_nobody_and_reject_ends_the_case():
    walk = started(sequence(approve("a", NOBODY, when_empty="reject"), approve("b", "boss")), world())

    assert walk.outcome == "REJECTED"
    assert open_at(walk) == {}


def test_a_stuck_node_is_tried_again():
    tree = sequence(approve("a", NOBODY), approve("b", "boss"))
    walk = started(tree, world(requester="admin"))
    assert walk.outcome == "PARKED"

    walk.world = world()
    walk.retry()

    assert open_at(walk) == {"a": {"admin"}}
    assert walk.outcome == "RUNNING"


def test_skip_next_passes_over_only_who_agreed_just_before():
    policy = {"same_approver": "skip_next"}
    tree = sequence(
        approve("a", "head"), approve("b", "head", **policy), approve("c", "boss"), approve("d", "head", **policy)
    )
    walk = started(tree, world())

    agree(walk, "a")
    assert open_at(walk) == {"c": {"boss"}}
    agree(walk, "c")
    assert open_at(walk) == {"d": {"head"}}


def test_skip_all_passes_over_whoever_agreed_in_the_case():
    policy = {"same_approver": "skip_all"}
    tree = sequence(approve("a", "head"), approve("c", "boss"), approve("d", "head", "buyer", **policy))
    walk = started(tree, world())

    agree(walk, "a")
    agree(walk, "c")

    assert open_at(walk) == {"d": {"buyer"}}
    assert [(KEYS[t.asked.employee_id], t.state) for t in walk.turns if t.visit.node.id == "d"] == [
        ("head", "SKIPPED"),
        ("buyer", "OPEN"),
    ]


def led_back(policy, *, straight_back):
    """a, b and c agreed, then d returns it to b; b agrees again."""
    asked = {"a": "head", "b": "boss", "c": "buyer"}
    nodes = [approve(key, who) for key, who in asked.items()]
    walk = started(sequence(*nodes, approve("d", "head", "boss", "buyer", "colleague", same_approver=policy)), world())
    for key in asked:
        agree(walk, key)
    at = visit(walk, "d")
    turns = {at: [turn for turn in walk.turns if turn.visit is at and turn.state == "OPEN"]} if straight_back else None
    walk.agreed = {stable("head")}
    walk.lead_back(at, "b", turns)
    agree(walk, "b")
    return walk


@pytest.mark.parametrize(
    ("policy", "before", "after"),
    [
        # whom d asks before the return, and after it, once c agreed again
        ("ask", {"head", "boss", "buyer", "colleague"}, {"head", "boss", "buyer", "colleague"}),
        ("skip_next", {"head", "boss", "colleague"}, {"head", "boss", "colleague"}),
        ("skip_all", {"colleague"}, {"colleague"}),
    ],
)
def test_step_by_step_passes_over_who_agreed_since(policy, before, after):
    walk = led_back(policy, straight_back=False)
    first = {KEYS[t.asked.employee_id] for t in walk.turns if t.visit.node.id == "d" and t.state == "OPEN"}

    agree(walk, "c")

    assert (first, open_at(walk)["d"]) == (before, after)


def test_straight_back_asks_the_same_people_whatever_the_policy():
    assert open_at(led_back("ask", straight_back=True))["d"] == {"head", "boss", "buyer", "colleague"}
    assert open_at(led_back("skip_all", straight_back=True))["d"] == {"colleague"}


def test_at_the_target_nobody_is_passed_over():
    policy = {"same_approver": "skip_all"}
    walk = started(
        sequence(approve("a", "head"), approve("b", "head", "boss", **policy), approve("c", "buyer")), world()
    )
    agree(walk, "a")
    agree(walk, "b")

    walk.lead_back(visit(walk, "c"), "b", None)

    assert open_at(walk)["b"] == {"head", "boss"}


def test_any_is_content_with_one_who_agreed_before():
    tree = sequence(approve("a", "head"), approve("d", "head", "buyer", vote="any", same_approver="skip_all"))
    walk = started(tree, world())

    agree(walk, "a")

    assert walk.outcome == "APPROVED"


def test_after_a_parallel_just_before_means_in_any_branch():
    tree = sequence(
        parallel("p", branch("p1", approve("a", "head")), branch("p2", approve("b", "boss"))),
        approve("c", "head", "boss", same_approver="skip_next"),
    )
    walk = started(tree, world())

    agree(walk, "a")
    agree(walk, "b")

    assert walk.outcome == "APPROVED"


def test_foreseeing_shows_who_would_be_asked_in_which_round():
    tree = sequence(
        copy("c", "buyer"),
        parallel("p", branch("p1", approve("a", "head")), branch("p2", approve("b", "boss"))),
        approve("d", "head", same_approver="skip_all"),
        approve("e", NOBODY, when_empty="pass"),
        approve("f", "finance_head"),
    )

    steps, at_fault = foresee(started(tree, world()))

    shown = [(s.round, s.node.id, s.kind, [KEYS[e] for e in s.employee_ids], s.reason) for s in steps]
    assert shown == [
        (1, "c", "copy", ["buyer"], "approver.user"),
        (1, "a", "approve", ["head"], "approver.user"),
        (1, "b", "approve", ["boss"], "approver.user"),
        (2, "d", "approve", ["head"], "approver.agreed_before"),
        (2, "e", "approve", [], "approver.nobody"),
        (2, "f", "approve", ["finance_head"], "approver.user"),
    ]
    assert at_fault is None


def test_foreseeing_names_the_node_at_which_the_case_would_stop():
    steps, at_fault = foresee(started(sequence(approve("a", "boss"), approve("b", NOBODY)), world(requester="admin")))

    assert [step.node.id for step in steps] == ["a"]
    assert at_fault is not None
    assert (at_fault.node.id, at_fault.stuck_reason) == ("b", "CASE_NO_APPROVER")


def jumped(tree, node_id):
    walk = Walk(flow(tree), world())
    walk.jump(node_id)
    return walk


def test_a_jump_enters_the_node_and_those_above_it_alone():
    side = parallel("p", branch("p1", approve("a", "head")), branch("p2", approve("b", "boss"), approve("c", "buyer")))
    tree = sequence(side, approve("d", "finance_head"))
    walk = jumped(tree, "b")

    assert [visit.node.id for visit in walk.visits] == ["root", "p", "p2", "b"]
    assert open_at(walk) == {"b": {"boss"}}
    agree(walk, "b")
    assert open_at(walk) == {"c": {"buyer"}}
    agree(walk, "c")
    assert open_at(walk) == {"d": {"finance_head"}}
    agree(walk, "d")
    assert walk.outcome == "APPROVED"


def test_a_jump_takes_no_notice_of_the_condition_above():
    tree = condition("c", branch("x", approve("a", "head"), when="amount > 999999"), branch("y", approve("b", "boss")))

    assert open_at(jumped(tree, "a")) == {"a": {"head"}}


def test_a_jump_to_a_node_that_passes_goes_on_behind_it():
    tree = sequence(approve("a", "head"), approve("b", NOBODY, when_empty="pass"), approve("c", "boss"))

    assert open_at(jumped(tree, "b")) == {"c": {"boss"}}


def test_a_tree_of_one_node_can_be_jumped_to():
    walk = jumped(approve("a", "head"), "a")

    agree(walk, "a")

    assert walk.outcome == "APPROVED"


def test_one_after_another_in_the_order_found():
    walk = started(sequence(approve("a", "head", "boss", "buyer", vote="sequential")), world())

    assert [(KEYS[t.asked.employee_id], t.state, t.line, t.place) for t in walk.turns] == [
        ("head", "OPEN", 0, 0),
        ("boss", "WAITING", 0, 1),
        ("buyer", "WAITING", 0, 2),
    ]


def test_one_after_another_begins_behind_those_who_agreed_before():
    tree = sequence(approve("a", "head"), approve("b", "head", "boss", vote="sequential", same_approver="skip_next"))
    walk = started(tree, world())

    agree(walk, "a")

    assert [(KEYS[t.asked.employee_id], t.state) for t in walk.turns if t.visit.node.id == "b"] == [
        ("head", "SKIPPED"),
        ("boss", "OPEN"),
    ]


def test_a_share_that_agreed_before_is_enough():
    vote = {"vote": "ratio", "percent": 50, "same_approver": "skip_all"}
    walk = started(sequence(approve("a", "head"), approve("b", "head", "boss", **vote)), world())

    agree(walk, "a")

    assert walk.outcome == "APPROVED"
    assert [t.state for t in walk.turns if t.visit.node.id == "b"] == ["SKIPPED"]


def test_a_veto_follows_whoever_a_rule_finds_even_twice_and_even_in_the_requesters_place():
    rules = ["head", {"kind": "department_head", "veto": True}, "boss"]
    tree = approve("a", *rules, vote="ratio", percent=50, initiator="head")

    assert [(KEYS[t.asked.employee_id], t.veto) for t in started(tree, world()).turns] == [
        ("head", True),
        ("boss", False),
    ]
    assert [(KEYS[t.asked.employee_id], t.veto) for t in started(tree, world(requester="head")).turns] == [
        ("boss", True)
    ]
