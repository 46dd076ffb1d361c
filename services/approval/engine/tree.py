"""The tree of a flow, read from JSON: typed nodes, or the problems that each point to the node at fault.

A tree is sound by its shape: every way in leads out again, so no flow that can be written down can lose a turn or wait
for itself. The README of this service describes the JSON.
"""

from __future__ import annotations

import functools
import re
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from approval.engine import automatic as deciding
from approval.engine import conditions, forms, rights, values

MOST_NODES, DEEPEST, MOST_LEVELS, MOST_APPROVERS = 200, 12, 20, 50
VOTES = ("all", "any", "ratio", "sequential")
VOTES_OF_HANDLING = ("all", "any", "sequential")
WHEN_EMPTY = ("administrator", "person", "reject", "pass")
THEN = ("remind", "escalate", "transfer", "approve", "reject")
LONGEST_HOURS, LONGEST_DAYS = 1000, 250
SAME_APPROVER = ("ask", "skip_next", "skip_all")
INITIATOR = ("skip", "head")
COMMON_KEYS = {"id", "kind", "name"}
ASKING = {"vote", "approvers", "when_empty", "employee_id", "initiator", "claim"}
KEYS = {
    "sequence": {"children"},
    "parallel": {"branches"},
    "condition": {"branches"},
    "approve": {*ASKING, "same_approver", "timeout", "rights", "cuts", "changed", *deciding.KEYS},
    "handle": {*ASKING, "fields", "rights"},
    "copy": {"approvers", "rights"},
    "delay": {"hours", "days", "until_field"},
    "trigger": {"topic"},
}
# people read their names
NAMED = ("approve", "handle", "copy", "condition", "delay", "trigger")
# key of each kind of approver rule
RULES = {
    "user": {"employee_id"},
    "role": {"role"},
    "post": {"post"},
    "department_head": set[str](),
    "reports_to": set[str](),
    "heads_up": {"levels"},
    "authority": {"only_final"},
    "department_post": {"post", "department_id"},
    "field_department_head": {"field"},
    "field_user": {"field"},
    "previous_choice": set[str](),
    "initiator_choice": set[str](),
    "group": {"name", "employee_ids", "role"},
    "expression": {"expression"},
}
FIELD = forms.KEY
TOPIC = re.compile(r"[a-z][a-z0-9_.-]{0,59}")
# a draft may still have these; a published tree has none
UNFINISHED = {
    "FLOW_NODE_NAME",
    "FLOW_APPROVERS_MISSING",
    "FLOW_APPROVER_VALUE",
    "FLOW_APPROVER_UNKNOWN",
    "FLOW_BRANCHES",
    "FLOW_DEFAULT_BRANCH",
    "FLOW_NO_APPROVAL",
    "FLOW_NOBODY_CHOOSES",
    "FLOW_FIELDS_MISSING",
}


@dataclass(frozen=True)
class Rule:
    """Who is asked, said as a rule."""

    kind: str
    path: str
    employee_id: uuid.UUID | None = None
    code: str = ""  # of a role or a post
    department_id: uuid.UUID | None = None
    field: str = ""  # of what a document says of itself
    levels: int = 0
    only_final: bool = False
    veto: bool = False  # a refusal by whom it finds ends the case, where a share decides
    name: str = ""  # of a group
    employee_ids: tuple[uuid.UUID, ...] = ()
    expression: str = ""


@dataclass(frozen=True)
class Node:
    id: str
    name: str
    path: str


@dataclass(frozen=True)
class Chain(Node):
    """Its children, one after another. The branches of a branching are sequences too."""

    children: tuple[Node, ...]
    when: str | None = None  # a branch's condition


@dataclass(frozen=True)
class Parallel(Node):
    """All its branches side by side; done when all are."""

    branches: tuple[Chain, ...]


@dataclass(frozen=True)
class Condition(Node):
    """The first of its branches whose condition holds; the last holds always."""

    branches: tuple[Chain, ...]


@dataclass(frozen=True)
class Timeout:
    """What happens to a turn that nobody answers within so many working hours."""

    hours: float
    then: str
    employee_id: uuid.UUID | None = None  # who decides instead
    repeat: bool = False  # reminds again and again


@dataclass(frozen=True)
class Approve(Node):
    """People are asked to agree."""

    approvers: tuple[Rule, ...]
    vote: str
    percent: int  # the share that must agree, where a share decides
    when_empty: str
    person_id: uuid.UUID | None
    same_approver: str
    initiator: str
    claim: bool  # everybody found may take the turn; whoever does decides
    timeout: Timeout | None
    rights: Mapping[str, str]  # by the path of a field; what is not said may be read
    cuts: bool  # quantities may be lowered, and lines refused
    changed: str  # what follows here where the document says something else later
    automatic: deciding.Automatic | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Handle(Approve):
    """People do something and fill in what came of it; nobody agrees or refuses."""

    fields: tuple[forms.Field, ...]


@dataclass(frozen=True)
class Copy(Node):
    """People are told."""

    approvers: tuple[Rule, ...]
    rights: Mapping[str, str]


@dataclass(frozen=True)
class Delay(Node):
    """The case waits: so many working hours or days, or until a day that the document names."""

    hours: float = 0
    days: int = 0
    until: str = ""


@dataclass(frozen=True)
class Trigger(Node):
    """Other services are told."""

    topic: str = ""


@dataclass(frozen=True)
class Flow:
    """A sound tree, its nodes by id."""

    root: Node
    nodes: Mapping[str, Node]

    @property
    def rules(self) -> Iterator[tuple[Node, Rule]]:
        """Every approver rule with its node."""
        for node in self.nodes.values():
            if isinstance(node, Approve | Copy):
                yield from ((node, rule) for rule in node.approvers)

    @property
    def chooses(self) -> bool:
        """Whether an approver may have to say who is asked next."""
        return any(rule.kind == "previous_choice" for _, rule in self.rules)

    @functools.cached_property
    def timed(self) -> bool:
        """Whether anything happens by itself when its time has come."""
        return any(isinstance(n, Delay) or (isinstance(n, Approve) and n.timeout) for n in self.nodes.values())

    @functools.cached_property
    def automated(self) -> bool:
        """Whether a rule decides instead of people somewhere."""
        return any(isinstance(node, Approve) and node.automatic for node in self.nodes.values())

    @property
    def needs_authority(self) -> bool:
        """Whether the authority table is asked."""
        return self.automated or any(rule.kind == "authority" for _, rule in self.rules)


@dataclass(frozen=True)
class Problem:
    """Something wrong with one node: a refusal of the contract, and where."""

    node_id: str
    path: str
    reason: str
    facts: Mapping[str, str]

    @property
    def unfinished(self) -> bool:
        return self.reason in UNFINISHED


@dataclass
class _Reader:
    problems: list[Problem] = field(default_factory=list)
    nodes: dict[str, Node] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    count: int = 0

    def wrong(self, path: str, reason: str, node: str, /, **facts: object) -> None:
        self.problems.append(Problem(node, path, reason, {"node": node, **{k: str(v) for k, v in facts.items()}}))

    def node(self, raw: Any, path: str, depth: int) -> Node | None:
        raw = raw if isinstance(raw, dict) else {}
        node_id, kind = str(raw.get("id", ""))[:60], raw.get("kind")
        shown = node_id or path or "tree"
        self.count += 1
        if self.count > MOST_NODES or depth > DEEPEST:
            if not any(p.reason == "FLOW_TOO_LARGE" for p in self.problems):
                limit = f"{MOST_NODES} / {DEEPEST}"
                self.wrong(path, "FLOW_TOO_LARGE", shown, nodes=self.count, depth=depth, limit=limit)
            return None
        if not isinstance(kind, str) or kind not in KEYS:
            self.wrong(path, "FLOW_NODE_KIND", shown, kind=str(kind or "")[:60], allowed=", ".join(KEYS))
            return None
        known = COMMON_KEYS | KEYS[kind] | ({"percent"} if kind == "approve" and raw.get("vote") == "ratio" else set())
        name = self._head(raw, path, shown, known, named=kind in NAMED)
        node = self._of_kind(kind, raw, (node_id, name, path), shown, depth)
        self.nodes.setdefault(node.id, node)
        return node

    def _of_kind(self, kind: str, raw: Mapping[str, Any], head: tuple[str, str, str], shown: str, depth: int) -> Node:
        path = head[2]
        match kind:
            case "sequence":
                return Chain(*head, children=self._children(raw, path, shown, depth))
            case "parallel":
                return Parallel(*head, branches=self._branches(raw, path, shown, depth, conditional=False))
            case "condition":
                return Condition(*head, branches=self._branches(raw, path, shown, depth, conditional=True))
            case "copy":
                may = self._rights(raw, path, shown, rights.READING)
                return Copy(*head, approvers=self._rules(raw, path, shown), rights=may)
            case "delay":
                return self._delay(raw, head, shown)
            case "trigger":
                topic = raw.get("topic")
                if not isinstance(topic, str) or not TOPIC.fullmatch(topic):
                    self.wrong(_at(path, "topic"), "FLOW_NODE_VALUE", shown, key="topic", allowed=TOPIC.pattern)
                return Trigger(*head, topic=str(topic))
            case "handle":
                return self._handle(raw, head, shown)
            case _:
                asking = self._asking(raw, path, shown, VOTES)

                def wrong(place: str, reason: str, **facts: object) -> None:
                    self.wrong(_at(path, place), reason, shown, **facts)

                return Approve(
                    *head, **asking, automatic=deciding.read(raw, asking["approvers"], asking["rights"].values(), wrong)
                )

    def _handle(self, raw: Mapping[str, Any], head: tuple[str, str, str], shown: str) -> Handle:
        path, listed = head[2], raw.get("fields", [])

        def wrong(place: str, key: str, allowed: str) -> None:
            where = f"{_at(path, 'fields')}{place}"
            self.wrong(where, "FLOW_FIELD", shown, field=place.split(".")[0].strip("[]"), key=key, allowed=allowed)

        fields = forms.read_fields(listed, wrong)
        if listed == []:
            self.wrong(_at(path, "fields"), "FLOW_FIELDS_MISSING", shown)
        return Handle(*head, **self._asking(raw, path, shown, VOTES_OF_HANDLING), fields=fields)

    def _asking(self, raw: Mapping[str, Any], path: str, shown: str, votes: Sequence[str]) -> dict[str, Any]:
        """Who is asked at a node and how they answer together."""
        claim, cuts = raw.get("claim", False), raw.get("cuts", False)
        for key in [key for key, value in (("claim", claim), ("cuts", cuts)) if not isinstance(value, bool)]:
            self.wrong(_at(path, key), "FLOW_NODE_VALUE", shown, key=key, allowed="true, false")
        if claim is True and raw.get("vote", "any") != "any":
            self.wrong(_at(path, "vote"), "FLOW_CLAIM_VOTE", shown, key="vote")
        vote = "any" if claim is True else self._choice(raw, "vote", votes, path, shown)
        percent = values.whole_of(raw.get("percent")) if vote == "ratio" else 0
        if vote == "ratio" and not 1 <= percent <= 100:
            self.wrong(_at(path, "percent"), "FLOW_NODE_VALUE", shown, key="percent", allowed="1-100")
        rules = self._rules(raw, path, shown, {"veto"} if vote == "ratio" else set())
        when_empty = self._choice(raw, "when_empty", WHEN_EMPTY, path, shown)
        person_id = values.key_of(raw.get("employee_id")) if when_empty == "person" else None
        if when_empty == "person" and person_id is None:
            self.wrong(_at(path, "employee_id"), "FLOW_NODE_VALUE", shown, key="employee_id", allowed="employee")
        if when_empty == "pass" and any(rule.kind == "authority" for rule in rules):
            self.wrong(_at(path, "when_empty"), "FLOW_PASS_WITHOUT_AUTHORITY", shown)
        timeout = self._timeout(raw["timeout"], _at(path, "timeout"), shown) if "timeout" in raw else None
        if timeout and timeout.then == "approve" and any(rule.kind == "authority" for rule in rules):
            self.wrong(_at(path, "timeout.then"), "FLOW_TIMEOUT_AUTHORITY", shown)
        return {
            "approvers": rules,
            "vote": vote,
            "percent": percent,
            "when_empty": when_empty,
            "person_id": person_id,
            "same_approver": self._choice(raw, "same_approver", SAME_APPROVER, path, shown),
            "initiator": self._choice(raw, "initiator", INITIATOR, path, shown),
            "claim": claim is True,
            "timeout": timeout,
            "rights": self._rights(raw, path, shown, rights.RIGHTS if votes is VOTES else rights.READING),
            "cuts": cuts is True,
            "changed": self._choice(raw, "changed", rights.CHANGED, path, shown),
        }

    def _rights(self, raw: Mapping[str, Any], path: str, shown: str, allowed: Sequence[str]) -> dict[str, str]:
        said, faults = rights.read_rights(raw.get("rights", {}), allowed)
        for key, right in faults:
            self.wrong(_at(_at(path, "rights"), key).rstrip("."), "FLOW_FIELD_RIGHT", shown, path=key, right=right)
        return said

    def _timeout(self, raw: Any, path: str, shown: str) -> Timeout:
        raw = raw if isinstance(raw, dict) else {}
        then = self._choice(raw, "then", THEN, path, shown) if "then" in raw else ""
        known = {"hours", "then"} | ({"transfer": {"employee_id"}, "remind": {"repeat"}}.get(then) or set())
        for key in sorted(str(k)[:60] for k in raw.keys() - known):
            self.wrong(_at(path, key), "FLOW_UNKNOWN_KEY", shown, key=key)
        employee_id, repeat = values.key_of(raw.get("employee_id")), raw.get("repeat", False)
        hours = values.number_of(raw.get("hours"), LONGEST_HOURS)
        wanted = {
            "then": ("" if then else ", ".join(THEN)),
            "hours": ("" if hours else f"> 0, <= {LONGEST_HOURS}"),
            "employee_id": ("employee" if then == "transfer" and employee_id is None else ""),
            "repeat": ("" if isinstance(repeat, bool) else "true, false"),
        }
        for key, allowed in wanted.items():
            if allowed:
                self.wrong(_at(path, key), "FLOW_NODE_VALUE", shown, key=key, allowed=allowed)
        return Timeout(hours, then, employee_id, repeat is True)

    def _delay(self, raw: Mapping[str, Any], head: tuple[str, str, str], shown: str) -> Delay:
        path, given = head[2], sorted(KEYS["delay"] & raw.keys())
        if len(given) != 1:
            key = given[1] if given else "hours"
            self.wrong(_at(path, key), "FLOW_NODE_VALUE", shown, key=key, allowed="hours | days | until_field")
            return Delay(*head)
        (key,) = given
        value = raw[key]
        hours = values.number_of(value, LONGEST_HOURS) if key == "hours" else 0
        days = values.whole_of(value) if key == "days" else 0
        days = days if 0 < days <= LONGEST_DAYS else 0
        until = value if key == "until_field" and isinstance(value, str) and FIELD.fullmatch(value) else ""
        if not (hours or days or until):
            allowed = {"hours": f"> 0, <= {LONGEST_HOURS}", "days": f"1-{LONGEST_DAYS}", "until_field": FIELD.pattern}[
                key
            ]
            self.wrong(_at(path, key), "FLOW_NODE_VALUE", shown, key=key, allowed=allowed)
        return Delay(*head, hours=hours, days=days, until=until)

    def _head(self, raw: Mapping[str, Any], path: str, shown: str, known: set[str], *, named: bool) -> str:
        """Check what every node has: an id of its own, a name where people read it, no strange keys."""
        node_id = raw.get("id")
        if not isinstance(node_id, str) or not 0 < len(node_id) <= 60 or node_id in self.ids:
            self.wrong(_at(path, "id"), "FLOW_NODE_ID", shown)
        self.ids.add(str(node_id))
        for key in sorted(str(k)[:60] for k in raw.keys() - known):
            self.wrong(_at(path, key), "FLOW_UNKNOWN_KEY", shown, key=key)
        name = raw.get("name", "")
        if not isinstance(name, str) or len(name) > 100:
            self.wrong(_at(path, "name"), "FLOW_NODE_VALUE", shown, key="name", allowed="1-100")
            return ""
        if named and not name.strip():
            self.wrong(_at(path, "name"), "FLOW_NODE_NAME", shown)
        return name.strip()

    def _members(self, raw: Mapping[str, Any], key: str, path: str, shown: str) -> list[Any]:
        members = raw.get(key, [])
        if not isinstance(members, list):
            self.wrong(_at(path, key), "FLOW_NODE_VALUE", shown, key=key, allowed="[ … ]")
            return []
        return members

    def _children(self, raw: Mapping[str, Any], path: str, shown: str, depth: int) -> tuple[Node, ...]:
        members = self._members(raw, "children", path, shown)
        read = (self.node(child, f"{_at(path, 'children')}[{i}]", depth + 1) for i, child in enumerate(members))
        return tuple(child for child in read if child is not None)

    def _branches(
        self, raw: Mapping[str, Any], path: str, shown: str, depth: int, *, conditional: bool
    ) -> tuple[Chain, ...]:
        members = self._members(raw, "branches", path, shown)
        if len(members) < 2:
            self.wrong(_at(path, "branches"), "FLOW_BRANCHES", shown)
        branches = []
        for i, branch in enumerate(members):
            where = f"{_at(path, 'branches')}[{i}]"
            branches.append(self._branch(branch if isinstance(branch, dict) else {}, where, depth, conditional))
        if conditional and members and [b.when is None for b in branches] != [False] * (len(branches) - 1) + [True]:
            self.wrong(_at(path, "branches"), "FLOW_DEFAULT_BRANCH", shown)
        return tuple(branches)

    def _branch(self, raw: Mapping[str, Any], path: str, depth: int, conditional: bool) -> Chain:
        node_id, when = str(raw.get("id", ""))[:60], raw.get("when")
        shown = node_id or path
        self.count += 1
        known = {"id", "name", "children"} | ({"when"} if conditional else set[str]())
        name = self._head(raw, path, shown, known, named=conditional)
        if when is not None and conditional:
            self._expression(when, _at(path, "when"), shown, conditions.problem_of)
        children = self._children(raw, path, shown, depth)
        branch = Chain(node_id, name, path, children=children, when=str(when) if when is not None else None)
        self.nodes.setdefault(branch.id, branch)
        return branch

    def _expression(self, when: object, path: str, shown: str, problem_of: Callable[[str], str]) -> None:
        text = when if isinstance(when, str) else ""
        problem = f"{len(text)} characters" if len(text) > 2000 else problem_of(text)
        if problem:
            self.wrong(path, "FLOW_EXPRESSION", shown, expression=str(when)[:200], problem=problem)

    def _choice(self, raw: Mapping[str, Any], key: str, allowed: Sequence[str], path: str, shown: str) -> str:
        value = raw.get(key, allowed[0])
        if value not in allowed:
            self.wrong(_at(path, key), "FLOW_NODE_VALUE", shown, key=key, allowed=", ".join(allowed))
            return allowed[0]
        return str(value)

    def _rules(self, raw: Mapping[str, Any], path: str, shown: str, more: Collection[str] = ()) -> tuple[Rule, ...]:
        members = self._members(raw, "approvers", path, shown)
        where = _at(path, "approvers")
        if not members:
            self.wrong(where, "FLOW_APPROVERS_MISSING", shown)
        if len(members) > MOST_APPROVERS:
            self.wrong(where, "FLOW_NODE_VALUE", shown, key="approvers", allowed=f"1-{MOST_APPROVERS}")
        read = (self._rule(rule, f"{where}[{i}]", shown, more) for i, rule in enumerate(members[:MOST_APPROVERS]))
        return tuple(rule for rule in read if rule is not None)

    def _rule(self, raw: Any, path: str, shown: str, more: Collection[str]) -> Rule | None:
        raw = raw if isinstance(raw, dict) else {}
        kind = raw.get("kind")
        if not isinstance(kind, str) or kind not in RULES:
            self.wrong(path, "FLOW_APPROVER_RULE", shown, rule=str(kind or "")[:60], allowed=", ".join(RULES))
            return None
        for key in sorted(str(k)[:60] for k in raw.keys() - RULES[kind] - {"kind", *more}):
            self.wrong(_at(path, key), "FLOW_VETO" if key == "veto" else "FLOW_UNKNOWN_KEY", shown, key=key)
        match kind:
            case "user":
                employee_id = values.key_of(raw.get("employee_id"))
                rule, at_fault = Rule(kind, path, employee_id=employee_id), employee_id is None and "employee_id"
            case "role" | "post":
                code = raw.get(kind)
                code = code.strip() if isinstance(code, str) and len(code) <= 60 else ""
                rule, at_fault = Rule(kind, path, code=code), not code and kind
            case "department_post":
                code, where = raw.get("post"), raw.get("department_id", "")
                code = code.strip() if isinstance(code, str) and len(code) <= 60 else ""
                rule = Rule(kind, path, code=code, department_id=values.key_of(where))
                at_fault = (not code and "post") or (where != "" and rule.department_id is None and "department_id")
            case "field_department_head" | "field_user":
                name = raw.get("field")
                name = name if isinstance(name, str) and FIELD.fullmatch(name) else ""
                rule, at_fault = Rule(kind, path, field=name), not name and "field"
            case "heads_up":
                levels = values.whole_of(raw.get("levels"))
                rule, at_fault = Rule(kind, path, levels=levels), not 1 <= levels <= MOST_LEVELS and "levels"
            case "group":
                listed = raw.get("employee_ids", [])
                rule = Rule(
                    kind,
                    path,
                    name=values.text_of(raw.get("name")),
                    code=values.text_of(raw.get("role")),
                    employee_ids=values.keys_of(listed, MOST_APPROVERS),
                )
                unread = not isinstance(listed, list) or len(rule.employee_ids) != len(listed)
                at_fault = (not rule.name and "name") or (
                    (unread or bool(rule.code) == bool(listed)) and "employee_ids"
                )
            case "expression":
                expression = raw.get("expression", "")
                rule = Rule(kind, path, expression=expression if isinstance(expression, str) else "")
                at_fault = not rule.expression and "expression"
                if rule.expression:
                    self._expression(expression, _at(path, "expression"), shown, conditions.problem_of_people)
            case "authority":
                final = raw.get("only_final", True)
                rule = Rule(kind, path, only_final=final is True)
                at_fault = not isinstance(final, bool) and "only_final"
            case _:
                rule, at_fault = Rule(kind, path), False
        veto = raw.get("veto", False)
        if at_fault or not isinstance(veto, bool):
            key = str(at_fault or "veto")
            self.wrong(_at(path, key), "FLOW_APPROVER_VALUE", shown, rule=kind, key=key)
        return replace(rule, veto=veto is True)


def read(tree: Any) -> tuple[Flow | None, list[Problem]]:
    """The flow that a JSON tree means, and everything that is wrong with it. A flow only where nothing is."""
    reader = _Reader()
    root = reader.node(tree, "", 1)
    if root is not None and not any(p.reason == "FLOW_TOO_LARGE" for p in reader.problems):
        for node in _unasked(root):
            reader.wrong(node.path, "FLOW_NO_APPROVAL", node.id or "tree")
        for node in _unchosen(root, False)[0]:
            reader.wrong(node.path, "FLOW_NOBODY_CHOOSES", node.id)
    if root is None or reader.problems:
        return None, reader.problems
    return Flow(root, reader.nodes), []


def way_to(root: Node, node_id: str) -> list[Node]:
    """The nodes from the root down to one; empty where the tree has none of this id."""
    if root.id == node_id:
        return [root]
    return next(([root, *below] for child in children_of(root) if (below := way_to(child, node_id))), [])


def children_of(node: Node) -> tuple[Node, ...]:
    """The nodes inside a node: children of a sequence, branches of a branching."""
    inside: tuple[Node, ...] = getattr(node, "children", getattr(node, "branches", ()))
    return inside


def _unasked(node: Node) -> list[Node]:
    """The nodes through which a way leads that asks nobody; empty where every way asks somebody."""
    match node:
        case Approve() if not isinstance(node, Handle):
            return []
        case Chain(children=children):
            ways = [_unasked(child) for child in children if not isinstance(child, Copy | Delay | Trigger | Handle)]
            return [] if any(not way for way in ways) else [n for way in ways for n in way][:1] or [node]
        case Parallel(branches=branches):
            ways = [_unasked(branch) for branch in branches]
            return [] if any(not way for way in ways) else [node]
        case Condition(branches=branches):
            return [found for branch in branches for found in _unasked(branch)]
        case _:
            return [node]


def _unchosen(node: Node, asked: bool) -> tuple[list[Approve], bool]:
    """Nodes whose people the approver before them names, and that a way reaches without one; and whether somebody was
    asked on every way through this node. `asked`: whether somebody was before it.
    """
    match node:
        case Approve(approvers=rules):
            # where a rule agrees by itself, nobody is there to name who is next
            names = node.automatic is None or not node.automatic.agrees
            return ([] if asked or all(rule.kind != "previous_choice" for rule in rules) else [node]), names
        case Chain(children=children):
            found: list[Approve] = []
            for child in children:
                more, asked = _unchosen(child, asked)
                found += more
            return found, asked
        case Parallel(branches=branches) | Condition(branches=branches):
            ways = [_unchosen(branch, asked) for branch in branches]
            after = [way for _, way in ways]
            return [n for more, _ in ways for n in more], any(after) if isinstance(node, Parallel) else all(after)
        case _:
            return [], asked


def _at(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
