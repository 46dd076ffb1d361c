"""The walk of one document through a tree: start, go on after an agreement, try again where nobody was found, foresee.

A walk works on visits: one for each time that a node was entered. Only open visits are needed to go on, so a step
costs the same whatever went before. What comes out is for the caller to store: visits opened and closed, people asked,
told or passed over, and how the case stands. The same code answers "who would be asked" before there is a case.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from approval.engine import ballot, conditions
from approval.engine.approvers import Asked, World, approvers_of, told_by, variables_of
from approval.engine.tree import (
    Approve,
    Chain,
    Condition,
    Copy,
    Delay,
    Flow,
    Node,
    Parallel,
    Trigger,
    way_to,
)  # fmt: skip

NO_FACTS: Mapping[str, str] = {}


@dataclass(eq=False)
class Visit:
    """One entering of a node. `agreed` are those who agreed in the last approval within it, or just before it."""

    node: Node
    parent: Visit | None
    state: str = "OPEN"  # OPEN, DONE, STUCK
    agreed: frozenset[uuid.UUID] = frozenset()
    id: uuid.UUID | None = None  # of its row, once it has one
    stuck_reason: str = ""
    stuck_facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Turn:
    """A person at a node: asked (OPEN), asked later (WAITING), passed over since they agreed before (SKIPPED), or told
    (COPIED). `line` and `place` say who comes after whom.
    """

    visit: Visit
    asked: Asked
    state: str
    vote: str
    percent: int = 0
    line: int = 0
    place: int = 0

    @property
    def veto(self) -> bool:
        return self.asked.veto


class Walk:
    """One run through a tree."""

    def __init__(
        self, flow: Flow, world: World, *, visits: Iterable[Visit] = (), agreed: Iterable[uuid.UUID] = ()
    ) -> None:
        self.flow, self.world = flow, world
        self.visits = list(visits)
        self.agreed = set(agreed)  # everybody who agreed in this case
        self.opened: list[Visit] = []
        self.turns: list[Turn] = []
        self.passed: list[Visit] = []  # nodes where nobody was found and the policy says: go on
        self.named_later: list[Visit] = []  # nodes whose people an approver will name: only when foreseeing
        self.delayed: list[Visit] = []  # nodes at which the case waits for a time
        self.triggered: list[Visit] = []  # nodes that tell other services
        self.rejected: Visit | None = None
        self.finished = False

    @property
    def outcome(self) -> str:
        """How the case stands after the walk: RUNNING exactly where somebody's turn is open or a time waited for."""
        if self.rejected is not None:
            return "REJECTED"
        if self.finished:
            return "APPROVED"
        return "PARKED" if self.stuck else "RUNNING"

    @property
    def stuck(self) -> Visit | None:
        """A node that waits for an administrator."""
        return next((visit for visit in self.visits if visit.state == "STUCK"), None)

    def start(self) -> None:
        """Enter the tree."""
        visit = self._enter(self.flow.root, None, frozenset())
        self.finished = visit.state == "DONE"

    def finish(self, visit: Visit, agreed: Iterable[uuid.UUID]) -> None:
        """The people asked at a node agreed, or its time has come (then who agreed before); go on from there."""
        self.agreed |= set(agreed)
        visit.agreed, visit.state = frozenset(agreed), "DONE"
        self._leave(visit)

    def retry(self) -> None:
        """Look again where nobody was found."""
        for visit in [visit for visit in self.visits if visit.state == "STUCK"]:
            visit.state, visit.stuck_reason, visit.stuck_facts = "OPEN", "", NO_FACTS
            self._work(visit)
            if visit.state == "DONE":
                self._leave(visit)

    def jump(self, node_id: str) -> None:
        """Enter one node, as if the flow had come there, and go on from it; nothing beside it is asked."""
        above: Visit | None = None
        *way, target = way_to(self.flow.root, node_id)
        for node in way:
            above = self._open(node, above, frozenset())
        visit = self._enter(target, above, frozenset())
        if visit.state == "DONE":
            self._leave(visit)

    def _enter(self, node: Node, parent: Visit | None, before: frozenset[uuid.UUID]) -> Visit:
        visit = self._open(node, parent, before)
        self._work(visit)
        return visit

    def _open(self, node: Node, parent: Visit | None, before: frozenset[uuid.UUID]) -> Visit:
        visit = Visit(node, parent, agreed=before)
        self.visits.append(visit)
        self.opened.append(visit)
        return visit

    def _work(self, visit: Visit) -> None:
        """Do what a node does on entering; the visit is DONE after it where nobody has to be waited for."""
        match visit.node:
            case Chain(children=children):
                self._go_on(visit, children)
            case Parallel(branches=branches):
                # all branches stand before the first is walked: else the first that is done at once would join alone
                opened = [self._open(branch, visit, visit.agreed) for branch in branches]
                visit.agreed = frozenset()
                for branch in opened:
                    self._work(branch)
                    visit.agreed |= branch.agreed if branch.state == "DONE" else frozenset()
                visit.state = "DONE" if all(branch.state == "DONE" for branch in opened) else "OPEN"
            case Condition() as node:
                self._choose(visit, node)
            case Copy() as node:
                self.turns += [Turn(visit, asked, "COPIED", "") for asked in told_by(node, self.world)]
                visit.state = "DONE"
            case Approve() as node:
                self._ask(visit, node)
            case Delay() as node:
                self._wait(visit, node)
            case Trigger():
                self.triggered.append(visit)
                visit.state = "DONE"
            case _:
                raise AssertionError(f"no such node: {visit.node}")

    def _go_on(self, visit: Visit, children: tuple[Node, ...]) -> None:
        """Enter the children of a sequence, until one has to be waited for."""
        for child in children:
            entered = self._enter(child, visit, visit.agreed)
            if entered.state != "DONE":
                return
            visit.agreed = entered.agreed
        visit.state = "DONE"

    def _choose(self, visit: Visit, node: Condition) -> None:
        try:
            seen = variables_of(self.world)
            chosen = next(b for b in node.branches if b.when is None or conditions.holds(b.when, seen))
        except conditions.ConditionFailed as failed:
            visit.state, visit.stuck_reason = "STUCK", "CASE_CONDITION_FAILED"
            visit.stuck_facts = {"node": node.name or node.id, "problem": str(failed)}
            return
        entered = self._enter(chosen, visit, visit.agreed)
        visit.agreed, visit.state = entered.agreed, "DONE" if entered.state == "DONE" else "OPEN"

    def _wait(self, visit: Visit, node: Delay) -> None:
        if node.until and day_of(self.world.facts.get(node.until)) is None:
            visit.state, visit.stuck_reason = "STUCK", "CASE_DELAY_DATE"
            visit.stuck_facts = {"node": node.name or node.id, "field": node.until}
            return
        self.delayed.append(visit)

    def _ask(self, visit: Visit, node: Approve) -> None:
        answer = approvers_of(node, self.world)
        match answer.verdict:
            case "pass":
                self.passed.append(visit)
                visit.state = "DONE"
                return
            case "named":
                self.named_later.append(visit)
                visit.state = "DONE"
                return
            case "reject":
                visit.state, self.rejected = "STUCK", visit
            case "stuck":
                visit.state = "STUCK"
        if visit.state == "STUCK":
            visit.stuck_reason, visit.stuck_facts = "CASE_NO_APPROVER", {"node": node.name or node.id}
            return
        known = {"ask": set[uuid.UUID](), "skip_next": visit.agreed, "skip_all": self.agreed}[node.same_approver]
        in_one_line = answer.vote == "sequential"
        turns = []
        for number, asked in enumerate(answer.people):
            state = "SKIPPED" if asked.employee_id in known else "WAITING"
            line, place = (0, number) if in_one_line else (number, 0)
            turns.append(Turn(visit, asked, state, answer.vote, node.percent, line, place))
        done = ballot.outcome(answer.vote, node.percent, turns) == "AGREED"
        first = {(turn.line, turn.place) for turn in ballot.due(turns)}
        turns = [replace(turn, state="OPEN") if (turn.line, turn.place) in first else turn for turn in turns]
        before = [turn for turn in turns if turn.state == "SKIPPED"]
        self.turns += before if done else [*before, *(turn for turn in turns if turn.state != "SKIPPED")]
        visit.agreed = frozenset(turn.asked.employee_id for turn in before)
        visit.state = "DONE" if done else "OPEN"

    def _leave(self, visit: Visit) -> None:
        """A node is done: go on in its parent, and where that is done too, in the parent's."""
        while (parent := visit.parent) is not None:
            match parent.node:
                case Chain(children=children):
                    parent.agreed = visit.agreed
                    following = [child.id for child in children].index(visit.node.id) + 1
                    self._go_on(parent, children[following:])
                case Parallel():
                    parent.agreed |= visit.agreed
                    waiting = any(v.parent is parent and v.state != "DONE" for v in self.visits)
                    parent.state = "OPEN" if waiting else "DONE"
                case Condition():
                    parent.agreed, parent.state = visit.agreed, "DONE"
                case _:
                    raise AssertionError(f"no children: {parent.node}")
            if parent.state != "DONE":
                return
            visit = parent
        self.finished = True


def day_of(value: object) -> datetime.date | None:
    """The day that a field of a document's facts names."""
    try:
        return datetime.date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


@dataclass(frozen=True)
class Step:
    """One step of a preview. Steps of the same round are asked side by side."""

    node: Node
    kind: str
    vote: str
    percent: int
    employee_ids: tuple[uuid.UUID, ...]
    reason: str
    facts: Mapping[str, str]
    round: int


def foresee(walk: Walk) -> tuple[list[Step], Visit | None]:
    """Go on as if everybody agreed: the steps that no turn stands for yet, and the node that would be stuck or refuse.

    Turns that the walk held before are not shown again. Where some of several decide for all, nobody is taken to have
    agreed: it is not known who will.
    """
    steps: list[Step] = []
    shown = len(walk.turns) if not walk.opened else 0
    for number in range(1, len(walk.flow.nodes) + 2):
        fresh, shown = walk.turns[shown:], len(walk.turns)
        passed = [(v, Step(v.node, "approve", "", 0, (), "approver.nobody", NO_FACTS, number)) for v in walk.passed]
        passed += [
            (v, Step(v.node, "approve", "", 0, (), "approver.previous_choice", NO_FACTS, number))
            for v in walk.named_later
        ]
        passed += [(v, _delay_step(v.node, number)) for v in walk.delayed if isinstance(v.node, Delay)]
        walk.delayed.clear()
        walk.passed.clear()
        walk.named_later.clear()
        at = {visit: position for position, visit in enumerate(walk.visits)}
        steps += [step for _, step in sorted([*_steps(fresh, number), *passed], key=lambda found: at[found[0]])]
        asking = [v for v in walk.visits if v.state == "OPEN" and isinstance(v.node, Approve | Delay)]
        if not asking or walk.rejected is not None:
            break
        for visit in asking:
            turns = [turn for turn in walk.turns if turn.visit is visit]
            some = len(turns) > 1 and turns[0].vote in ("any", "ratio")
            people = () if some else (turn.asked.employee_id for turn in turns)
            walk.finish(visit, {*visit.agreed, *people})
    return steps, walk.rejected or walk.stuck


def _delay_step(node: Delay, number: int) -> Step:
    reason, facts = "step.delay_hours", {"hours": f"{node.hours:g}"}
    if node.days:
        reason, facts = "step.delay_days", {"days": str(node.days)}
    elif node.until:
        reason, facts = "step.delay_until", {"field": node.until}
    return Step(node, "delay", "", 0, (), reason, facts, number)


def _steps(turns: list[Turn], number: int) -> list[tuple[Visit, Step]]:
    """Turns of one node for one reason are one step."""
    groups: dict[tuple[Visit, str, str, tuple[tuple[str, str], ...]], list[Turn]] = {}
    for turn in turns:
        reason = "approver.agreed_before" if turn.state == "SKIPPED" else turn.asked.reason
        facts = NO_FACTS if turn.state == "SKIPPED" else turn.asked.facts
        state = "OPEN" if turn.state == "WAITING" else turn.state
        groups.setdefault((turn.visit, state, reason, tuple(sorted(facts.items()))), []).append(turn)
    steps = []
    for (visit, state, reason, known), members in groups.items():
        kind = "copy" if state == "COPIED" else "approve"
        people = tuple(turn.asked.employee_id for turn in members)
        vote, percent = members[0].vote, members[0].percent
        steps.append((visit, Step(visit.node, kind, vote, percent, people, reason, dict(known), number)))
    return steps
