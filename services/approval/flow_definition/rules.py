"""A flow is drafted, published by its owner's approval, changed and published again, retired. A draft may be unfinished
but never unsafe: what can never be right (an unknown node, an expression that does not compile) is refused when it is
saved; what is merely missing is shown by the check and keeps the draft from being published. What only finds nobody
today (a role that nobody holds yet) is shown as a warning: people come and go, and each node says what happens when
nobody is found.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from approval.authority_limit.rules import Limit
from approval.engine import conditions
from approval.engine.tree import Approve, Flow, Problem, read
from chassis import contract, seeing
from chassis.errors import Refused
from chassis.organisation import Organisation

TRANSITIONS = {
    ("DRAFT", "update"): "DRAFT",
    # what is published waits for the owner: `flow_publication`
    ("DRAFT", "publish"): "DRAFT",
    ("DRAFT", "assign_owner"): "DRAFT",
    ("PUBLISHED", "update"): "PUBLISHED",
    ("PUBLISHED", "publish"): "PUBLISHED",
    ("PUBLISHED", "retire"): "RETIRED",
    ("PUBLISHED", "assign_owner"): "PUBLISHED",
    ("PUBLISHED", "stop_automatic"): "PUBLISHED",
    ("PUBLISHED", "start_automatic"): "PUBLISHED",
    ("RETIRED", "update"): "RETIRED",
    ("RETIRED", "publish"): "RETIRED",
    ("RETIRED", "assign_owner"): "RETIRED",
    ("RETIRED", "stop_automatic"): "RETIRED",
    ("RETIRED", "start_automatic"): "RETIRED",
}


def switch_gone(definition: Any) -> set[str]:
    """The sides of the switch of automatic decisions that cannot be chosen."""
    if not definition.automated:
        return {"stop_automatic", "start_automatic"}
    return {"stop_automatic"} if definition.automatic_off else {"start_automatic"}


def check_owner(employee_id: uuid.UUID, organisation: Organisation, field: str) -> None:
    """Refuse an owner who is not there to answer."""
    if not organisation.is_active(employee_id):
        person = organisation.people.get(employee_id)
        facts: dict[str, object] = {"person": person.name if person else str(employee_id)}
        raise Refused.fields([(field, "FLOW_OWNER_INACTIVE", facts)])


def check_draft(definition: Any, document_types: Collection[str]) -> None:
    """Refuse to save what can never be right, naming the node."""
    problems = [problem for problem in read(definition.tree)[1] if not problem.unfinished] if definition.tree else []
    problems += _condition(definition.condition)
    flow = read(definition.tree)[0] if definition.tree else None
    problems += fields_at_fault(flow, definition.document_type) if flow else ()
    violations = _violations(problems)
    if definition.document_type not in document_types:
        facts: Mapping[str, object] = {"value": definition.document_type, "allowed": ", ".join(sorted(document_types))}
        violations.append(("document_type", "FLOW_DOCUMENT_TYPE", dict(facts)))
    if violations:
        raise Refused.fields(violations)


def check_publishable(tree: Any, definition: Any, organisation: Organisation) -> Flow:
    """The flow of a tree without a problem; warnings let pass. Raises FLOW_INVALID that names every node at fault."""
    flow, problems = examine(tree, definition, organisation)
    if flow is None or problems:
        refusal = Refused.fields(_violations(problems))
        refusal.reason, refusal.facts = "FLOW_INVALID", {"count": str(len(problems))}
        raise refusal
    return flow


def examine(tree: Any, definition: Any, organisation: Organisation) -> tuple[Flow | None, list[Problem]]:
    """Everything that is wrong with a tree for a flow: the tree, the flow's condition, and whom its rules name."""
    flow, problems = read(tree)
    found = [*_strangers(flow, organisation), *fields_at_fault(flow, definition.document_type)] if flow else []
    return flow, [*problems, *_condition(definition.condition), *found]


def warnings(flow: Flow, definition: Any, organisation: Organisation, limits: Iterable[Limit]) -> Iterable[Problem]:
    """Rules of a sound flow that find nobody as the company stands today, whoever asks."""
    company = definition.company_id
    units = [unit for unit in organisation.departments.values() if unit.company_id == company and unit.active]
    heads = [organisation.people[u.head_id] for u in units if u.head_id and _active(u.head_id, organisation)]
    posts_with_limit = {limit.post_id for limit in limits if limit.document_type in ("", definition.document_type)}
    ranks = {name: rank for rank in organisation.posts.values() for name in (rank.code, str(rank.post_id))}
    for node, rule in flow.rules:
        found, value = True, rule.code
        match rule.kind:
            case "role" | "group" if rule.code:
                found = bool(organisation.holders_of_role(rule.code, company))
            # a post that is not there is a problem already
            case "department_post" if rank := ranks.get(rule.code):
                holders = [organisation.person(who) for who in organisation.holders_of_post(rank.post_id, company)]
                places = [{where for where, post in who.posts if post == rank.post_id} for who in holders]
                there = [held for held in places if rule.department_id is None or rule.department_id in held]
                found, value = bool(there), rank.name
            case "post" if rank := ranks.get(rule.code):
                found, value = bool(organisation.holders_of_post(rank.post_id, company)), rank.name
            case "authority":
                found, value = (
                    any(post in posts_with_limit for head in heads for _, post in head.posts),
                    definition.document_type,
                )
            case "department_head" | "heads_up" | "reports_to":
                found, value = bool(heads), organisation.companies[company].name
        if not found:
            facts = {"node": node.id, "rule": rule.kind, "value": value}
            yield Problem(node.id, rule.path, "FLOW_APPROVER_NOBODY", facts)


def _condition(condition: str) -> list[Problem]:
    problem = conditions.problem_of(condition) if condition else ""
    facts = {"node": "condition", "expression": condition[:200], "problem": problem}
    return [Problem("", "condition", "FLOW_EXPRESSION", facts)] if problem else []


def fields_at_fault(flow: Flow, document_type: str) -> Iterable[Problem]:
    """Rights for fields that the type does not have or nobody types, and cuts where there are no lines to cut."""
    offered = {"read": seeing.hideable(document_type), "hidden": seeing.hideable(document_type)}
    written = seeing.writable(document_type)
    document = contract.load().documents.get(document_type)
    # which members there are say the forms: `form_definition.flows`
    opened = seeing.open_field(document_type)
    for node in flow.nodes.values():
        for path, right in getattr(node, "rights", {}).items():
            custom = seeing.is_custom if right in offered else seeing.is_writable_custom
            added = custom(document_type, path)
            of_form = opened and path.startswith(f"{opened}.")
            if path not in offered.get(right, written) and not added and not of_form:
                facts = {"node": node.id, "path": path, "right": right}
                yield Problem(node.id, f"{node.path}.rights.{path}".lstrip("."), "FLOW_FIELD_RIGHT", facts)
        if getattr(node, "cuts", False) and not (document and document.cut):
            facts = {"node": node.id, "document_type": document_type}
            yield Problem(node.id, f"{node.path}.cuts".lstrip("."), "FLOW_NO_CUTS", facts)


def _strangers(flow: Flow, organisation: Organisation) -> Iterable[Problem]:
    """Rules that name an employee or a post that is not there."""
    posts = {name for post in organisation.posts.values() for name in (post.code, str(post.post_id))}
    for node, rule in flow.rules:
        unit = organisation.departments.get(rule.department_id) if rule.department_id else None
        gone = rule.department_id is not None and (unit is None or not unit.active)
        listed = rule.employee_ids if rule.kind == "group" else [rule.employee_id] if rule.kind == "user" else []
        strange = [who for who in listed if not _active(who, organisation)]
        if strange or gone or (rule.kind in ("post", "department_post") and rule.code not in posts):
            named = rule.department_id if gone else rule.code or strange[0]
            facts = {"node": node.id, "rule": rule.kind, "value": str(named)}
            yield Problem(node.id, rule.path, "FLOW_APPROVER_UNKNOWN", facts)
    for node in flow.nodes.values():
        if isinstance(node, Approve) and node.when_empty == "person" and not _active(node.person_id, organisation):
            facts = {"node": node.id, "rule": "person", "value": str(node.person_id)}
            yield Problem(node.id, f"{node.path}.employee_id".lstrip("."), "FLOW_APPROVER_UNKNOWN", facts)
        timeout = node.timeout if isinstance(node, Approve) else None
        if timeout and timeout.then == "transfer" and not _active(timeout.employee_id, organisation):
            facts = {"node": node.id, "rule": "timeout", "value": str(timeout.employee_id)}
            yield Problem(node.id, f"{node.path}.timeout.employee_id".lstrip("."), "FLOW_APPROVER_UNKNOWN", facts)


def _active(employee_id: uuid.UUID | None, organisation: Organisation) -> bool:
    person = organisation.people.get(employee_id) if employee_id else None
    return person is not None and person.active


def _violations(problems: Iterable[Problem]) -> list[tuple[str, str, dict[str, object]]]:
    """Problems as fields of the request: `tree.children[1].approvers`."""
    return [(_field(problem), problem.reason, dict(problem.facts)) for problem in problems]


def _field(problem: Problem) -> str:
    return problem.path if problem.path == "condition" else f"tree.{problem.path}".rstrip(".")
