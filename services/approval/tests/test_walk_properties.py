"""Random trees, random people, random decisions: what holds whatever happens."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from approval.engine import ballot
from approval.engine.tree import Approve, Delay
from approval.engine.walk import Visit, Walk, foresee
from approval.task.rules import check_people
from approval.tests.factories import approve, branch, condition, copy, parallel, sequence
from approval.tests.worlds import flow, world
from chassis.errors import Refused
from chassis.testing import stable

RULES = st.one_of(
    st.sampled_from(["head", "boss", "buyer", "finance_head", "requester", "colleague", "disabled"]),
    st.sampled_from(
        [
            {"kind": "department_head"},
            {"kind": "heads_up", "levels": 3},
            {"kind": "role", "role": "nobody"},
            {"kind": "post", "post": "manager"},
            {"kind": "department_post", "post": "worker"},
            {"kind": "field_department_head", "field": "cost_department_ids"},
            {"kind": "field_user", "field": "owner_ids"},
        ]
    ),
)
POLICIES = st.fixed_dictionaries(
    {
        "vote": st.sampled_from(["all", "any", "ratio", "sequential"]),
        "percent": st.sampled_from([1, 50, 67, 100]),
        "veto": st.sampled_from([False, False, True]),
        "when_empty": st.sampled_from(["administrator", "reject", "pass", "administrator"]),
        "same_approver": st.sampled_from(["ask", "skip_next", "skip_all"]),
        "initiator": st.sampled_from(["skip", "head"]),
    }
)
FACTS = {
    "need_date": "2026-12-01",
    "cost_department_ids": [str(stable("workshop"))],
    "owner_ids": [str(stable(key)) for key in ("requester", "disabled", "colleague")],
}
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


def _approval(rules: list[Any], policies: dict[str, Any]) -> dict[str, Any]:
    """Share and veto belong to nodes where a share decides."""
    percent, veto = policies["percent"], policies["veto"]
    plain = {key: value for key, value in policies.items() if key not in ("percent", "veto")}
    if plain["vote"] != "ratio":
        return approve("a", *rules, **plain)
    first, *others = approve("a", *rules)["approvers"]
    return {**approve("a", percent=percent, **plain), "approvers": [{**first, "veto": veto}, *others]}


APPROVALS = st.tuples(st.lists(RULES, min_size=1, max_size=3), POLICIES).map(lambda both: _approval(*both))
DELAYS = st.sampled_from(
    [{"hours": 1}, {"days": 2}, {"until_field": "need_date"}, {"until_field": "need_date"}, {"until_field": "missing"}]
).map(lambda wait: {"id": "d", "kind": "delay", "name": "D", **wait})
TRIGGERS = st.just({"id": "t", "kind": "trigger", "name": "T", "topic": "told"})
COPIES = st.lists(RULES, min_size=1, max_size=2).map(lambda rules: copy("k", *rules))
NODES = st.recursive(st.one_of(APPROVALS, APPROVALS, APPROVALS, COPIES, DELAYS, TRIGGERS), _branching, max_leaves=8)
TREES = st.tuples(NODES, APPROVALS).map(lambda both: _numbered(sequence(*both), itertools.count()))


@dataclass(eq=False)
class Held:
    """A turn as it is kept: what the walk made of it, and what became of it."""

    visit: Visit
    employee_id: Any
    state: str
    vote: str
    percent: int
    line: int
    place: int
    veto: bool
    added_by: Any = None
    by_system: bool = False


COLLEAGUES = ["head", "boss", "buyer", "finance_head", "colleague", "other_department", "requester", "disabled"]


class Desk:
    """A case as the service keeps it: the walk, and the turns at the nodes that are not done."""

    def __init__(self, tree: dict[str, Any], requester: str) -> None:
        self.walk = Walk(flow(tree), world(requester=requester, facts=FACTS))
        self.held: list[Held] = []
        self.ended = ""
        self.take(self.walk.start)

    @property
    def open(self) -> list[Held]:
        return [] if self.ended else [turn for turn in self.held if turn.state == "OPEN"]

    @property
    def waits(self) -> list[Visit]:
        """Nodes at which a time is waited for."""
        waiting = [v for v in self.walk.visits if isinstance(v.node, Delay) and v.state == "OPEN"]
        return [] if self.ended else waiting

    def at(self, visit: Visit) -> list[Held]:
        return [turn for turn in self.held if turn.visit is visit]

    def take(self, step: Any, *arguments: Any) -> None:
        before = len(self.walk.turns)
        step(*arguments)
        if self.walk.outcome == "REJECTED":
            self.ended = "REJECTED"
            return
        self.held += [
            Held(t.visit, t.asked.employee_id, t.state, t.vote, t.percent, t.line, t.place, t.veto)
            for t in self.walk.turns[before:]
            if t.state != "COPIED"
        ]
        if self.walk.outcome == "APPROVED":
            assert self.open == [], "approved while somebody is still asked"
            self.ended = "APPROVED"

    def decide(self, turn: Held, action: str, *, by_system: bool = False) -> None:
        turn.state = {"approve": "APPROVED", "reject": "REJECTED", "return": "RETURNED"}[action]
        turn.by_system = by_system
        if ballot.final(action, turn):
            self.ended = turn.state
            return
        if action == "approve" and not by_system:
            self.walk.agreed.add(turn.employee_id)
        self.settle(turn.visit)

    def can_be_asked(self, who: Any, turn: Held) -> bool:
        """What the service refuses otherwise, by `check_people`."""
        world = self.walk.world
        case = SimpleNamespace(requester_id=world.requester_id)
        here = [SimpleNamespace(assignee_id=t.employee_id, state=t.state) for t in self.at(turn.visit)]
        try:
            check_people([who], case, here, world.organisation, field="employee_id")
        except Refused:
            return False
        return True

    def expire(self, visit: Visit) -> None:
        """The time that a node waited for has come."""
        self.take(self.walk.finish, visit, visit.agreed)

    def transfer(self, turn: Held, to: Any) -> None:
        turn.state = "TRANSFERRED"
        self.held.append(replace(turn, employee_id=to, state="OPEN"))

    def add(self, turn: Held, who: Any, *, before: bool) -> None:
        first = turn.place if before else turn.place + 1
        for other in self.at(turn.visit):
            if other is not turn and other.line == turn.line and other.place >= first:
                other.place += 1
        added = replace(turn, employee_id=who, place=first, veto=False, added_by=turn.employee_id)
        added.state = "OPEN" if before else "WAITING"
        if before:
            turn.place, turn.state = turn.place + 1, "WAITING"
        self.held.append(added)

    def jump(self, node_id: str) -> None:
        """An administrator leads the case elsewhere: what was open is over, and what was agreed counts no more."""
        self.walk, self.held = Walk(self.walk.flow, self.walk.world), []
        self.take(self.walk.jump, node_id)

    def remove(self, turn: Held) -> None:
        turn.state = "CANCELLED"
        self.settle(turn.visit)

    def settle(self, visit: Visit) -> None:
        """Somebody answered at a node: the next in a line is asked, or the node is decided."""
        here = self.at(visit)
        match ballot.outcome(here[0].vote, here[0].percent, here):
            case "REFUSED":
                self.ended = "REJECTED"
            case "AGREED":
                agreed = {turn.employee_id for turn in here if turn.state in ballot.AGREED and not turn.by_system}
                for turn in here:
                    turn.state = "CANCELLED" if turn.state in ("OPEN", "WAITING") else turn.state
                self.take(self.walk.finish, visit, agreed)
            case _:
                lost = {turn.line for turn in here if turn.state == "REJECTED"}
                for turn in here:
                    if turn.line in lost and turn.state == "WAITING":
                        turn.state = "CANCELLED"
                for turn in ballot.due(here):
                    turn.state = "OPEN"

    def check(self) -> None:
        asked = [turn.asked.employee_id for turn in self.walk.turns] + [turn.employee_id for turn in self.held]
        assert self.walk.world.requester_id not in asked, "asked about an own request"
        assert stable("disabled") not in asked, "a disabled person was asked"
        nodes = [visit.node.id for visit in self.walk.visits]
        assert len(nodes) == len(set(nodes)), "a node was entered twice"
        if not self.ended and self.walk.outcome == "RUNNING":
            assert self.open or self.waits, "a running case without an open turn or a time that it waits for"
        assert set(self.waits) <= set(self.walk.delayed) or self.ended, "a node waits for a time that nobody measures"
        for turn in [] if self.ended else self.open:
            here = [other for other in self.at(turn.visit) if other.state in ballot.COUNTED]
            assert len(here) == len({other.employee_id for other in here}), "one person twice at a node"
            beside = [other for other in here if other.line == turn.line]
            assert [other.state for other in beside].count("OPEN") == 1, "two at once in a line"
            assert len(beside) == len({other.place for other in beside}), "two at one place"
            before = [other.state for other in beside if other.place < turn.place]
            assert set(before) <= set(ballot.AGREED), "asked before those in front agreed"
        if not self.ended and not self.open and not self.waits:
            assert self.walk.stuck is not None, "nobody's turn, and no administrator called"


ACTIONS = ["approve"] * 8 + [
    "reject",
    "reject",
    "return",
    "transfer",
    "transfer",
    "before",
    "after",
    "remove",
    "jump",
    "late",
    "late",
]


@settings(max_examples=300, deadline=None)
@given(TREES, st.sampled_from(["requester", "head", "boss", "admin"]), st.data())
def test_a_running_case_always_has_an_open_turn_and_comes_to_an_end(tree: dict[str, Any], requester: str, data: Any):
    desk = Desk(tree, requester)
    desk.check()

    for _ in range(500):
        if desk.ended or not (desk.open or desk.waits):
            break
        if desk.waits and (not desk.open or data.draw(st.booleans())):
            desk.expire(data.draw(st.sampled_from(desk.waits)))
            desk.check()
            continue
        turn = data.draw(st.sampled_from(desk.open))
        action = data.draw(st.sampled_from(ACTIONS))
        who = stable(data.draw(st.sampled_from(COLLEAGUES)))
        match action:
            case "transfer" if desk.can_be_asked(who, turn):
                desk.transfer(turn, who)
            case "before" | "after" if desk.can_be_asked(who, turn):
                desk.add(turn, who, before=action == "before")
            case "remove":
                added = [t for t in desk.held if t.added_by is not None and t.state in ("OPEN", "WAITING")]
                if added:
                    desk.remove(data.draw(st.sampled_from(added)))
            case "jump":
                asking = [node.id for node in desk.walk.flow.nodes.values() if isinstance(node, Approve)]
                desk.jump(data.draw(st.sampled_from(asking)))
            case "late":
                desk.decide(turn, data.draw(st.sampled_from(["approve", "reject"])), by_system=True)
            case "approve" | "reject" | "return":
                desk.decide(turn, action)
        desk.check()

    event(desk.ended or "parked")
    assert desk.ended or desk.walk.stuck is not None


@settings(max_examples=150, deadline=None)
@given(TREES, st.sampled_from(["requester", "head"]))
def test_what_was_foreseen_is_what_happens_when_everybody_agrees(tree: dict[str, Any], requester: str):
    foreseen = Walk(flow(tree), world(requester=requester, facts=FACTS))
    foreseen.start()
    steps, at_fault = foresee(foreseen)
    desk = Desk(tree, requester)

    while desk.open or desk.waits:
        if desk.open:
            desk.decide(desk.open[0], "approve")
        else:
            desk.expire(desk.waits[0])

    some = [turn.visit for turn in foreseen.turns if turn.vote in ("any", "ratio")]
    if len(some) == len(set(some)):  # else it is open who of several decides
        asked = {(turn.visit.node.id, turn.asked.employee_id) for turn in desk.walk.turns if turn.state != "COPIED"}
        assert asked == {(step.node.id, who) for step in steps if step.kind == "approve" for who in step.employee_ids}
        assert (at_fault is None) == (desk.ended == "APPROVED")
