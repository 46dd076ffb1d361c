"""Random trees, random people, random decisions: what holds whatever happens."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from approval.engine.walk import Turn, Walk, foresee
from approval.tests.factories import approve, branch, condition, copy, parallel, sequence
from approval.tests.worlds import flow, world
from chassis.testing import stable

RULES = st.one_of(
    st.sampled_from(["head", "boss", "buyer", "finance_head", "requester", "colleague", "disabled"]),
    st.sampled_from(
        [
            {"kind": "department_head"},
            {"kind": "heads_up", "levels": 3},
            {"kind": "role", "role": "nobody"},
            {"kind": "post", "post": "manager"},
        ]
    ),
)
POLICIES = st.fixed_dictionaries(
    {
        "vote": st.sampled_from(["all", "any"]),
        "when_empty": st.sampled_from(["administrator", "reject", "pass", "administrator"]),
        "same_approver": st.sampled_from(["ask", "skip_next", "skip_all"]),
        "initiator": st.sampled_from(["skip", "head"]),
    }
)
WHEN = st.sampled_from(["amount > 5000", "amount > 50000", "facts.missing", "currency == 'CNY'"])


def _numbered(tree: dict[str, Any], numbers: Any) -> dict[str, Any]:
    made = {**tree, "id": f"n{next(numbers)}"}
    for key in ("children", "branches"):
        if key in made:
            made[key] = [_numbered(child, numbers) for child in made[key]]
    return made


def _branching(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lanes = st.lists(st.lists(children, min_size=1, max_size=3), min_size=2, max_size=3)
    side_by_side = lanes.map(lambda found: parallel("p", *(branch("b", *lane) for lane in found)))
    chosen = st.tuples(lanes, WHEN).map(
        lambda both: condition(
            "c", *(branch("b", *lane, when=both[1]) for lane in both[0][:-1]), branch("b", *both[0][-1])
        )
    )
    return st.one_of(st.lists(children, min_size=1, max_size=4).map(lambda c: sequence(*c)), side_by_side, chosen)


APPROVALS = st.tuples(st.lists(RULES, min_size=1, max_size=3), POLICIES).map(lambda b: approve("a", *b[0], **b[1]))
COPIES = st.lists(RULES, min_size=1, max_size=2).map(lambda rules: copy("k", *rules))
NODES = st.recursive(st.one_of(APPROVALS, APPROVALS, APPROVALS, COPIES), _branching, max_leaves=8)
TREES = st.tuples(NODES, APPROVALS).map(lambda both: _numbered(sequence(*both), itertools.count()))


class Desk:
    """A case as the service keeps it: the walk, and the turns that are open."""

    def __init__(self, tree: dict[str, Any], requester: str) -> None:
        self.walk = Walk(flow(tree), world(requester=requester))
        self.open: list[Turn] = []
        self.agreed: dict[Any, set[Any]] = {}
        self.ended = ""
        self.take(self.walk.start)

    def take(self, step: Any, *arguments: Any) -> None:
        before = len(self.walk.turns)
        step(*arguments)
        if self.walk.outcome == "REJECTED":
            self.end("REJECTED")
            return
        self.open += [turn for turn in self.walk.turns[before:] if turn.state == "OPEN"]
        if self.walk.outcome == "APPROVED":
            assert self.open == [], "approved while somebody is still asked"
            self.end("APPROVED")

    def end(self, how: str) -> None:
        self.open, self.ended = [], how

    def approve(self, turn: Turn) -> None:
        self.open.remove(turn)
        self.agreed.setdefault(turn.visit, set()).add(turn.asked.employee_id)
        siblings = [other for other in self.open if other.visit is turn.visit]
        if siblings and turn.vote == "all":
            self.walk.agreed.add(turn.asked.employee_id)
            return
        self.open = [other for other in self.open if other.visit is not turn.visit]
        self.take(self.walk.finish, turn.visit, self.agreed[turn.visit] | turn.visit.agreed)

    def check(self) -> None:
        asked = [turn.asked.employee_id for turn in self.walk.turns]
        assert self.walk.world.requester_id not in asked, "asked about an own request"
        assert stable("disabled") not in asked, "a disabled person was asked"
        nodes = [visit.node.id for visit in self.walk.visits]
        assert len(nodes) == len(set(nodes)), "a node was entered twice"
        if not self.ended and self.walk.outcome == "RUNNING":
            assert self.open, "a running case without an open turn"
        if not self.ended and not self.open:
            assert self.walk.stuck is not None, "nobody's turn, and no administrator called"


@settings(max_examples=300, deadline=None)
@given(TREES, st.sampled_from(["requester", "head", "boss", "admin"]), st.data())
def test_a_running_case_always_has_an_open_turn_and_comes_to_an_end(tree: dict[str, Any], requester: str, data: Any):
    desk = Desk(tree, requester)
    desk.check()

    for _ in range(500):
        if desk.ended or not desk.open:
            break
        turn = data.draw(st.sampled_from(range(len(desk.open))))
        action = data.draw(st.sampled_from(["approve", "approve", "approve", "approve", "approve", "reject", "return"]))
        if action == "approve":
            desk.approve(desk.open[turn])
        else:
            desk.end(action)
        desk.check()

    event(desk.ended or "parked")
    assert desk.ended or desk.walk.stuck is not None


@settings(max_examples=150, deadline=None)
@given(TREES, st.sampled_from(["requester", "head"]))
def test_what_was_foreseen_is_what_happens_when_everybody_agrees(tree: dict[str, Any], requester: str):
    foreseen = Walk(flow(tree), world(requester=requester))
    foreseen.start()
    steps, at_fault = foresee(foreseen)
    desk = Desk(tree, requester)

    while desk.open:
        desk.approve(desk.open[0])

    asked_any = [turn.visit for turn in foreseen.turns if turn.vote == "any"]
    if len(asked_any) == len(set(asked_any)):  # else it is open who of several decides
        asked = {(turn.visit.node.id, turn.asked.employee_id) for turn in desk.walk.turns if turn.state != "COPIED"}
        assert asked == {(step.node.id, who) for step in steps if step.kind == "approve" for who in step.employee_ids}
        assert (at_fault is None) == (desk.ended == "APPROVED")
