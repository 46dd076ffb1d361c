"""Who is asked at a node, and why: rules against the organisation as it stands when the document arrives there.

A rule looks when the document arrives at its node, not when the case began: after a reorganisation the new head is
asked. Posts held beside the principal one count; who stands in for a head is the head while it lasts.

Nobody is asked about a request of their own: whoever asked is left out, or the head above is asked instead. Where
nobody is left, the node's policy decides; a case that finds nobody at all waits for an administrator.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from approval.authority_limit.rules import Limit, limit_of
from approval.engine import conditions
from approval.engine.automatic import OFF, Setting
from approval.engine.tree import Approve, Copy, Node, Rule
from chassis import ids
from chassis.organisation import Organisation, Unit
from chassis.policy import patterns_of

# who may put a stuck case in order looks after approvals
ADMINISTRATORS = frozenset(patterns_of("approval.case.retry"))
WIDE = ("COMPANY", "ALL")


@dataclass(frozen=True)
class World:
    """All that the walk of a tree depends on, beside the tree."""

    organisation: Organisation
    company_id: uuid.UUID
    requester_id: uuid.UUID
    document_type: str
    amount: Decimal
    currency: str
    today: datetime.date
    facts: Mapping[str, Any]
    limits: Sequence[Limit] = ()
    named: Sequence[uuid.UUID] = ()  # whom the approver just before named
    foreseeing: bool = False  # nobody has named anybody yet
    chosen: Mapping[str, Sequence[uuid.UUID]] = field(default_factory=dict)  # by the requester, for nodes by their ids
    automatic: Setting = OFF


@dataclass(frozen=True)
class Asked:
    """A person and the reason: a message key with its facts."""

    employee_id: uuid.UUID
    reason: str
    facts: Mapping[str, str]
    veto: bool = False


@dataclass(frozen=True)
class Answer:
    """Who is asked at an approval node, or what happens without anybody: `pass`, `reject`, `stuck`; `named`: who that
    will be, somebody is going to say: who, is the reason.
    """

    people: tuple[Asked, ...]
    vote: str
    verdict: str = "ask"
    reason: str = ""


def variables_of(world: World) -> dict[str, Any]:
    """What conditions see of a document and its requester."""
    organisation = world.organisation
    person = organisation.people.get(world.requester_id)
    units = list(organisation.above(person.department_id)) if person else []
    rank = organisation.posts.get(person.post_id) if person and person.post_id else None
    place = organisation.companies.get(world.company_id)
    return {
        "amount": conditions.exact_amount(world.amount),
        "currency": world.currency,
        "document_type": world.document_type,
        "company": place.code if place else "",
        "requester": person.code if person else "",
        "departments": [unit.name for unit in units],
        "post": rank.code if rank else "",
        "post_level": rank.level if rank else 0,
        "facts": dict(world.facts),
    }


def approvers_of(node: Approve, world: World) -> Answer:
    """Who decides at a node, after the rule about the own request and the policy for nobody."""
    if world.foreseeing and named_before(node):
        return Answer((), node.vote, "named", "approver.previous_choice")
    if world.foreseeing and chosen_by_requester(node) and not world.chosen.get(node.id):
        return Answer((), node.vote, "named", "approver.initiator_choice")
    found: list[Asked] = []
    authorised = True
    for rule in node.approvers:
        people = [replace(asked, veto=rule.veto) for asked in _people(rule, world, node.id)]
        authorised = authorised and (bool(people) or rule.kind != "authority")
        found += people
    people_found = _without_requester(found, world, above=node.initiator == "head")
    if people_found and authorised:
        return Answer(people_found, node.vote)
    match node.when_empty:
        case "pass" | "reject" as verdict:
            return Answer((), node.vote, verdict)
        case "person":
            instead = _named([node.person_id] if node.person_id else [], "approver.instead", {}, world)
            vote = node.vote
        case _:
            instead = _named(administrators(world), "approver.administrator", {}, world)
            vote = node.vote if people_found else "any"
    stepping_in = _without_requester(instead, world, above=False)
    if not stepping_in:
        return Answer((), node.vote, "stuck")
    return Answer(_once([*people_found, *stepping_in]), vote)


def named_before(node: Node) -> bool:
    """Whether the approver before a node says who is asked there."""
    return isinstance(node, Approve) and any(rule.kind == "previous_choice" for rule in node.approvers)


def chosen_by_requester(node: Node) -> bool:
    """Whether the requester says who is asked at a node."""
    return isinstance(node, Approve | Copy) and any(rule.kind == "initiator_choice" for rule in node.approvers)


def told_by(node: Copy, world: World) -> tuple[Asked, ...]:
    """Who gets a copy. The requester needs none."""
    found = [asked for rule in node.approvers for asked in _people(rule, world, node.id)]
    return _without_requester(found, world, above=False)


def administrators(world: World) -> list[uuid.UUID]:
    """Who looks after the approvals of the company, by code."""
    people = world.organisation.people
    held = [
        employee_id
        for employee_id, rights in world.organisation.rights.items()
        if any(
            right.scope in WIDE and right.permissions & ADMINISTRATORS and right.holds(world.company_id, world.today)
            for right in rights
        )
    ]
    return sorted((e for e in held if e in people), key=lambda e: (people[e].code, e))


def _people(rule: Rule, world: World, node_id: str) -> Iterator[Asked]:
    """The active people that a rule of a node finds; whoever asked may be among them. Raises ConditionFailed where an
    expression has no answer.
    """
    organisation = world.organisation
    match rule.kind:
        case "user":
            yield from _named([rule.employee_id] if rule.employee_id else [], "approver.user", {}, world)
        case "role":
            holders = organisation.holders_of_role(rule.code, world.company_id)
            yield from _named(holders, "approver.role", {"role": organisation.name_of_role(rule.code)}, world)
        case "post":
            rank = next((p for p in organisation.posts.values() if rule.code in (p.code, str(p.post_id))), None)
            holders = organisation.holders_of_post(rank.post_id, world.company_id) if rank else []
            yield from _named(holders, "approver.post", {"post": rank.name if rank else rule.code}, world)
        case "previous_choice":
            yield from _named(world.named, "approver.previous_choice", {}, world)
        case "initiator_choice":
            yield from _named(world.chosen.get(node_id, ()), "approver.initiator_choice", {}, world)
        case "group":
            listed = organisation.holders_of_role(rule.code, world.company_id) if rule.code else rule.employee_ids
            yield from _named(listed, "approver.group", {"group": rule.name}, world)
        case "expression":
            codes = conditions.people(rule.expression, variables_of(world))
            by_code = {person.code: key for key, person in organisation.people.items() if person.code in codes}
            yield from _named((by_code[c] for c in codes if c in by_code), "approver.expression", {}, world)
        case "department_post":
            yield from _in_departments(rule, world)
        case "field_user":
            yield from _named(_ids_in(rule.field, world), "approver.field_user", {}, world)
        case "field_department_head":
            for department_id in _ids_in(rule.field, world):
                for head, unit in list(_heads_from(department_id, world))[:1]:
                    yield Asked(head, "approver.field_department_head", {"department": unit.name})
        case "department_head":
            for head, unit in list(_heads(world))[:1]:
                yield Asked(head, "approver.department_head", {"department": unit.name})
        case "reports_to":
            yield from _reported_to(world)
        case "heads_up":
            above = [(head, unit) for head, unit in _heads(world) if head != world.requester_id]
            for level, (head, unit) in enumerate(above[: rule.levels], 1):
                yield Asked(head, "approver.heads_up", {"department": unit.name, "level": str(level)})
        case "authority":
            yield from _authorised(rule, world)
        case kind:
            raise AssertionError(f"a tree with the rule {kind} is never published")


def _reported_to(world: World) -> Iterator[Asked]:
    """Whom the requester reports to; where nobody active is named, the head of the department, or the one above."""
    person = world.organisation.people.get(world.requester_id)
    if person and person.reports_to_id and _active(person.reports_to_id, world):
        yield Asked(person.reports_to_id, "approver.reports_to", {})
        return
    for head, unit in list(_heads(world))[:1]:
        yield Asked(head, "approver.department_head", {"department": unit.name})


def _in_departments(rule: Rule, world: World) -> Iterator[Asked]:
    """Holders of a post in one department; where none is named, in the nearest from the requester's upward that has one
    beside the requester.
    """
    organisation = world.organisation
    rank = next((p for p in organisation.posts.values() if rule.code in (p.code, str(p.post_id))), None)
    holders = organisation.holders_of_post(rank.post_id, world.company_id) if rank else []
    requester = organisation.people.get(world.requester_id)
    units = list(organisation.above(rule.department_id or (requester.department_id if requester else None)))
    for unit in units[:1] if rule.department_id else units:
        place = (unit.department_id, rank.post_id if rank else None)
        here = [who for who in holders if place in organisation.person(who).posts]
        if rule.department_id or any(who != world.requester_id for who in here):
            facts = {"post": rank.name if rank else rule.code, "department": unit.name}
            yield from _named(here, "approver.department_post", facts, world)
            return


def _ids_in(field: str, world: World) -> list[uuid.UUID]:
    """Ids that a document says in one of its fields: one or several; none where the field holds something else."""
    value = world.facts.get(field)
    found = []
    for text in value if isinstance(value, list) else [value]:
        try:
            found += [ids.parse(text)] if isinstance(text, str) else []
        except ValueError:
            continue
    return found


def _authorised(rule: Rule, world: World) -> Iterator[Asked]:
    """Heads upward until one whose post may agree to the amount; nobody where none may."""
    passed: list[Asked] = []
    for head, unit in _heads(world):
        if head == world.requester_id:
            continue
        person = world.organisation.person(head)
        post_id = person.post_in(unit.department_id)
        limit = limit_of(
            world.limits, post_id, document_type=world.document_type, currency=world.currency, on=world.today
        )
        if limit is not None and limit >= world.amount:
            rank = world.organisation.posts.get(post_id) if post_id else None
            facts = {"post": rank.name if rank else "", "limit": format(limit, "f"), "currency": world.currency}
            yield from () if rule.only_final else passed
            yield Asked(head, "approver.authority", facts)
            return
        passed.append(Asked(head, "approver.on_the_way", {"department": unit.name}))


def _heads(world: World) -> Iterator[tuple[uuid.UUID, Unit]]:
    """Active heads from the requester's department upward, each once; the requester may be one."""
    person = world.organisation.people.get(world.requester_id)
    return _heads_from(person.department_id if person else None, world)


def _heads_from(department_id: uuid.UUID | None, world: World) -> Iterator[tuple[uuid.UUID, Unit]]:
    seen: set[uuid.UUID] = set()
    for unit in world.organisation.above(department_id):
        if unit.head_id and unit.head_id not in seen and _active(unit.head_id, world):
            seen.add(unit.head_id)
            yield unit.head_id, unit


def _without_requester(found: Iterable[Asked], world: World, *, above: bool) -> tuple[Asked, ...]:
    """Everybody once, whoever asked replaced by the nearest head above, or left out."""
    people: list[Asked] = []
    for asked in found:
        if asked.employee_id != world.requester_id:
            people.append(asked)
        elif above:
            heads = ((head, unit) for head, unit in _heads(world) if head != world.requester_id)
            above_them = [Asked(h, "approver.head_above", {"department": unit.name}, asked.veto) for h, unit in heads]
            people += above_them[:1]
    return _once(people)


def _once(people: Iterable[Asked]) -> tuple[Asked, ...]:
    """Everybody at the first place where they stand; with the veto that any place gives."""
    people = list(people)
    vetoes = {asked.employee_id for asked in people if asked.veto}
    first = {asked.employee_id: asked for asked in reversed(people)}.values()
    return tuple(replace(asked, veto=asked.employee_id in vetoes) for asked in first)[::-1]


def _named(employee_ids: Iterable[uuid.UUID], reason: str, facts: Mapping[str, str], world: World) -> list[Asked]:
    return [Asked(e, reason, facts) for e in employee_ids if _active(e, world)]


def _active(employee_id: uuid.UUID, world: World) -> bool:
    person = world.organisation.people.get(employee_id)
    return person is not None and person.active
