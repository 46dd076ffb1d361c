"""The walk of one document through a tree: start, go on after an agreement, try again where nobody was found, foresee.

A walk works on visits: one for each time that a node was entered. Only open visits are needed to go on, so a step
costs the same whatever went before. What comes out is for the caller to store: visits opened and closed, people asked,
told or passed over, and how the case stands. The same code answers "who would be asked" before there is a case.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from approval.engine import automatic, ballot, conditions
from approval.engine.approvers import Asked, World, approvers_of, chosen_by_requester, told_by, variables_of
from approval.engine.tree import Approve, Chain, Condition, Copy, Delay, Flow, Handle, Node, Parallel, Trigger, way_to

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
    # what was left to come here, and is gone back to once this node is done
    left: Sequence[Left] = ()
    again: bool = False  # its people are those who were asked at it before


@dataclass(frozen=True)
class Left:
    """A node that was left by a return which comes straight back, with those who were asked there."""

    node_id: str
    agreed: frozenset[uuid.UUID]
    turns: Sequence[Turn]
    left: Sequence[Left]


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
    to_claim: bool = False  # the first who takes it decides
    # what a turn keeps when its person is asked again
    claim_time: datetime.datetime | None = None
    added_by_id: uuid.UUID | None = None

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
        # nodes whose people or way will be known later, and why: only when foreseeing
        self.later: list[tuple[Visit, str]] = []
        self.handled_later = False  # a way was foreseen through work that is still to be done
        self.delayed: list[Visit] = []  # nodes at which the case waits for a time
        self.triggered: list[Visit] = []  # nodes that tell other services
        self.decided: list[tuple[Visit, automatic.Verdict]] = []  # nodes at which a rule held or failed
        self.by_people = ""  # a node at which no rule decides: somebody led the case there
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
        self._done(visit)

    def retry(self) -> None:
        """Look again where nobody was found."""
        for visit in [visit for visit in self.visits if visit.state == "STUCK"]:
            visit.state, visit.stuck_reason, visit.stuck_facts = "OPEN", "", NO_FACTS
            self._work(visit)
            if visit.state == "DONE":
                self._done(visit)

    def lead_back(self, visit: Visit, node_id: str, turns: Mapping[Visit, Sequence[Turn]] | None) -> list[Visit]:
        """Leave a node and all beside it, up to the sequence in which the other node stands before it, and ask there
        again, whoever agreed before. With `turns`, those asked at the nodes that are left: it comes straight back to
        them. Answers the visits that were left.
        """
        way = way_to(self.flow.root, node_id)
        above = self._above(visit, way)
        left = self._within(above)
        back = [Left(v.node.id, v.agreed, turns.get(v, ()), v.left) for v in left] if turns is not None else []
        for gone in left:
            gone.state = "CANCELLED"
        above.agreed = frozenset()
        for node in way[[node.id for node in way].index(above.node.id) + 1 : -1]:
            above = self._open(node, above, frozenset())
        entered = self._open(way[-1], above, frozenset())
        entered.left = back
        target = way[-1]
        assert isinstance(target, Approve)
        self._ask(entered, target, again=True)
        if entered.state == "DONE":
            self._done(entered)
        return left

    def _above(self, visit: Visit, way: Sequence[Node]) -> Visit:
        """The lowest visit above one that stands on a way."""
        on_the_way, above = {node.id for node in way}, visit.parent
        while above is not None and above.node.id not in on_the_way:
            above = above.parent
        assert above is not None, "every way begins at the root"
        return above

    def _within(self, above: Visit) -> list[Visit]:
        """The visits below one that are not done, parents first."""
        found: list[Visit] = []
        for visit in self.visits:
            if visit.state in ("OPEN", "STUCK") and (visit.parent is above or visit.parent in found):
                found.append(visit)
        return found

    def _done(self, visit: Visit) -> None:
        """A node has what it needs: go on behind it, or back to where a return came from."""
        if visit.left:
            self._go_back(visit, visit.left)
        else:
            self._leave(visit)

    def _go_back(self, visit: Visit, left: Sequence[Left]) -> None:
        """Enter again what a return left: those who were asked there are asked again."""
        ways = {one.node_id: way_to(self.flow.root, one.node_id) for one in left}
        above = self._above(visit, ways[left[0].node_id])
        for gone in self._within(above):
            gone.state = "CANCELLED"
        entered = {above.node.id: above}
        for one in left:
            *_, parent, node = ways[one.node_id]
            again = self._open(node, entered[parent.id], one.agreed)
            again.left, again.again, entered[node.id] = one.left, True, again
        inner = {entered[one.node_id].parent for one in left}
        for one in [one for one in left if entered[one.node_id] not in inner]:
            again = entered[one.node_id]
            if self._ask_again(again, one.turns):
                continue
            if isinstance(again.node, Approve):
                self._ask(again, again.node, again=True)
            else:
                self._work(again)
            if again.state == "DONE":
                self._done(again)

    def _ask_again(self, visit: Visit, turns: Sequence[Turn]) -> bool:
        """Ask the same people in the same order; not where one of them is gone."""
        people = self.world.organisation.people
        if not turns or not all((p := people.get(turn.asked.employee_id)) and p.active for turn in turns):
            return False
        waiting = [replace(turn, visit=visit, state="WAITING") for turn in turns]
        first = {(turn.line, turn.place) for turn in ballot.due(waiting)}
        self.turns += [replace(t, state="OPEN") if (t.line, t.place) in first else t for t in waiting]
        return True

    def jump(self, node_id: str) -> None:
        """Enter one node, as if the flow had come there, and go on from it; nothing beside it is asked."""
        above: Visit | None = None
        *way, target = way_to(self.flow.root, node_id)
        for node in way:
            above = self._open(node, above, frozenset())
        self.by_people = target.id
        visit = self._enter(target, above, frozenset())
        if visit.state == "DONE":
            self._done(visit)

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
                self._tell(visit, node)
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
        if self._known_later(visit, *(branch.when or "" for branch in node.branches)):
            return
        try:
            seen = variables_of(self.world)
            chosen = next(b for b in node.branches if b.when is None or conditions.holds(b.when, seen))
        except conditions.ConditionFailed as failed:
            self._stop(visit, failed)
            return
        entered = self._enter(chosen, visit, visit.agreed)
        visit.agreed, visit.state = entered.agreed, "DONE" if entered.state == "DONE" else "OPEN"

    def _known_later(self, visit: Visit, *expressions: str) -> bool:
        """Whether an expression asks for what nobody has filled in yet: nothing behind it can be foreseen."""
        later = self.handled_later and any(conditions.asks_for_handled(text) for text in expressions)
        if later:
            self.later.append((visit, "approver.depends_on_handling"))
        return later

    def _stop(self, visit: Visit, failed: conditions.ConditionFailed) -> None:
        """An expression has no answer: an administrator must look."""
        visit.state, visit.stuck_reason = "STUCK", "CASE_CONDITION_FAILED"
        visit.stuck_facts = {"node": visit.node.name or visit.node.id, "problem": str(failed)}

    def _tell(self, visit: Visit, node: Copy) -> None:
        visit.state = "DONE"
        if self._known_later(visit, *(rule.expression for rule in node.approvers)):
            return
        if self.world.foreseeing and chosen_by_requester(node) and not self.world.chosen.get(node.id):
            self.later.append((visit, "approver.initiator_choice"))
        try:
            self.turns += [Turn(visit, asked, "COPIED", "") for asked in told_by(node, self.world)]
        except conditions.ConditionFailed as failed:
            self._stop(visit, failed)

    def _wait(self, visit: Visit, node: Delay) -> None:
        if node.until and day_of(self.world.facts.get(node.until)) is None:
            visit.state, visit.stuck_reason = "STUCK", "CASE_DELAY_DATE"
            visit.stuck_facts = {"node": node.name or node.id, "field": node.until}
            return
        self.delayed.append(visit)

    def _ask(self, visit: Visit, node: Approve, *, again: bool = False) -> None:
        if self._known_later(visit, *(rule.expression for rule in node.approvers)):
            visit.state = "LATER"
            return
        try:
            answer = approvers_of(node, self.world)
        except conditions.ConditionFailed as failed:
            self._stop(visit, failed)
            return
        match answer.verdict:
            case "pass":
                self.passed.append(visit)
                visit.state = "DONE"
                return
            case "named":
                self.later.append((visit, answer.reason))
                visit.state = "DONE"
                return
            case "reject":
                visit.state, self.rejected = "STUCK", visit
            case "stuck":
                visit.state = "STUCK"
        if visit.state == "STUCK":
            visit.stuck_reason, visit.stuck_facts = "CASE_NO_APPROVER", {"node": node.name or node.id}
            return
        policy = "ask" if again else node.same_approver
        known = {"ask": set[uuid.UUID](), "skip_next": visit.agreed, "skip_all": self.agreed}[policy]
        in_one_line = answer.vote == "sequential"
        turns = []
        for number, asked in enumerate(answer.people):
            state = "SKIPPED" if asked.employee_id in known else "WAITING"
            line, place = (0, number) if in_one_line else (number, 0)
            to_claim = node.claim and len(answer.people) > 1
            turns.append(Turn(visit, asked, state, answer.vote, node.percent, line, place, to_claim))
        done = ballot.outcome(answer.vote, node.percent, turns) == "AGREED"
        if not done and not again and self._decides(visit, node):
            return
        first = {(turn.line, turn.place) for turn in ballot.due(turns)}
        turns = [replace(turn, state="OPEN") if (turn.line, turn.place) in first else turn for turn in turns]
        before = [turn for turn in turns if turn.state == "SKIPPED"]
        self.turns += before if done else [*before, *(turn for turn in turns if turn.state != "SKIPPED")]
        visit.agreed = frozenset(turn.asked.employee_id for turn in before)
        visit.state = "DONE" if done else "OPEN"

    def _decides(self, visit: Visit, node: Approve) -> bool:
        """Whether a rule decides instead of the people who would be asked; nobody agrees by it."""
        if node.automatic is None or node.id == self.by_people:
            return False
        world = self.world
        verdict = automatic.verdict_of(
            node.automatic,
            world.automatic,
            node_id=node.id,
            variables=lambda: variables_of(world),
            amount=world.amount,
            today=world.today,
            by_authority=any(rule.kind == "authority" for rule in node.approvers),
        )
        if verdict is None:
            return False
        self.decided.append((visit, verdict))
        if verdict.decides:
            visit.agreed, visit.state = frozenset(), "DONE"
            if verdict.outcome == "REFUSED":
                visit.state, self.rejected = "STUCK", visit
        return verdict.decides

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


def kind_of(node: Node) -> str:
    """The kind of a node, as a step or a turn at it says."""
    return {Handle: "handle", Copy: "copy", Condition: "condition"}.get(type(node), "approve")


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
    # a node is come to once, and once more where a return comes straight back to it
    for number in range(1, 2 * len(walk.flow.nodes) + 2):
        fresh, shown = walk.turns[shown:], len(walk.turns)
        passed = [(v, Step(v.node, "approve", "", 0, (), "approver.nobody", NO_FACTS, number)) for v in walk.passed]
        passed += [(v, Step(v.node, kind_of(v.node), "", 0, (), reason, NO_FACTS, number)) for v, reason in walk.later]
        passed += [(v, _delay_step(v.node, number)) for v in walk.delayed if isinstance(v.node, Delay)]
        passed += [(v, _automatic_step(v.node, verdict, number)) for v, verdict in walk.decided if verdict.decides]
        walk.decided.clear()
        walk.delayed.clear()
        walk.passed.clear()
        walk.later.clear()
        at = {visit: position for position, visit in enumerate(walk.visits)}
        steps += [step for _, step in sorted([*_steps(fresh, number), *passed], key=lambda found: at[found[0]])]
        asking = [v for v in walk.visits if v.state == "OPEN" and isinstance(v.node, Approve | Delay)]
        if not asking or walk.rejected is not None:
            break
        for visit in asking:
            turns = [turn for turn in walk.turns if turn.visit is visit]
            some = len(turns) > 1 and turns[0].vote in ("any", "ratio")
            people = () if some else (turn.asked.employee_id for turn in turns)
            walk.handled_later = walk.handled_later or isinstance(visit.node, Handle)
            walk.finish(visit, () if isinstance(visit.node, Handle) else {*visit.agreed, *people})
    return steps, walk.rejected or walk.stuck


def _delay_step(node: Delay, number: int) -> Step:
    reason, facts = "step.delay_hours", {"hours": f"{node.hours:g}"}
    if node.days:
        reason, facts = "step.delay_days", {"days": str(node.days)}
    elif node.until:
        reason, facts = "step.delay_until", {"field": node.until}
    return Step(node, "delay", "", 0, (), reason, facts, number)


def _automatic_step(node: Node, verdict: automatic.Verdict, number: int) -> Step:
    reason = "step.automatic_agrees" if verdict.outcome == "AGREED" else "step.automatic_refuses"
    return Step(node, "automatic", "", 0, (), reason, {"rule": verdict.rule.name}, number)


def _steps(turns: list[Turn], number: int) -> list[tuple[Visit, Step]]:
    """Turns of one node for one reason are one step."""
    groups: dict[tuple[Visit, str, str, tuple[tuple[str, str], ...]], list[Turn]] = {}
    for turn in turns:
        reason = "approver.agreed_before" if turn.state == "SKIPPED" else turn.asked.reason
        facts = NO_FACTS if turn.state == "SKIPPED" else turn.asked.facts
        state = "OPEN" if turn.state == "WAITING" else turn.state
        groups.setdefault((turn.visit, state, reason, tuple(sorted(facts.items()))), []).append(turn)
    steps = []
    for (visit, _, reason, known), members in groups.items():
        kind = kind_of(visit.node)
        people = tuple(turn.asked.employee_id for turn in members)
        vote, percent = members[0].vote, members[0].percent
        steps.append((visit, Step(visit.node, kind, vote, percent, people, reason, dict(known), number)))
    return steps
