"""What decides whether somebody may: the same policy that judges every call, told step by step."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from chassis import contract
from chassis.errors import Refused
from chassis.organisation import Organisation, Person, Right
from chassis.policy import SCOPES, Reach, Rights, patterns_of

GIVES = "identity.grant.create"
MOST_HELPERS = 5


@dataclass(frozen=True)
class Question:
    """What is asked: a permission, here and today; and about a document of this owner or department, where named."""

    permission: str
    company_id: uuid.UUID
    today: datetime.date
    owner_id: uuid.UUID | None = None
    department_id: uuid.UUID | None = None


@dataclass(frozen=True)
class Answer:
    """The rule that decided, the rights (by their places) that gave or would give it, and how far they reach."""

    verdict: str
    rights: Sequence[int] = ()
    scope: str = ""
    reach: Reach | None = None


def permission_of(asked: str) -> tuple[str, str]:
    """The permission that is meant and, for a call that asks for none, the verdict that holds for everybody."""
    known = contract.load()
    if asked in known.permissions():
        return asked, ""
    method = known.methods.get(asked)
    if method is None:
        raise Refused("ACCESS_UNKNOWN", field="permission", permission=asked)
    if method.policy.permission:
        return method.policy.permission, ""
    return "", "EVERYBODY" if method.policy.signed_in or method.policy.public else "SERVICES_ONLY"


def pattern_of(permissions: Collection[str], permission: str) -> str:
    """By what a role covers a permission: `procurement.*`; empty where it does not."""
    return next((pattern for pattern in patterns_of(permission) if pattern in permissions), "")


def explain(group: Organisation, person: Person, rights: Sequence[Right], question: Question) -> Answer:
    """Whether a person may, and by which rule."""
    if not person.active:
        return Answer("DISABLED")
    holding = [i for i, right in enumerate(rights) if pattern_of(right.permissions, question.permission)]
    now = [i for i in holding if rights[i].holds(question.company_id, question.today)]
    if now:
        alone = dataclasses.replace(
            group, people={person.employee_id: person}, rights={person.employee_id: list(rights)}
        )
        reach = Rights(alone).reach(person.employee_id, question.permission, question.company_id, question.today)
        assert reach is not None
        named = question.owner_id is not None or question.department_id is not None
        beyond = named and not reach.covers(question.company_id, question.department_id, question.owner_id)
        return Answer("OUT_OF_REACH" if beyond else "ALLOWED", now, widest(rights[i] for i in now), reach)
    here = [i for i in holding if rights[i].company_id in (None, question.company_id)]
    if here:
        return Answer("NOT_TODAY", here)
    return Answer("ELSEWHERE", holding) if holding else Answer("NOT_HELD")


def widest(rights: Iterable[Right]) -> str:
    """The scope that reaches the furthest."""
    return max((right.scope for right in rights), key=SCOPES.index)


def helpers(group: Organisation, company_id: uuid.UUID, *, without: uuid.UUID) -> list[Person]:
    """Who may give roles in a company, by code: the first five, without the person who needs one."""
    patterns, policy = set(patterns_of(GIVES)), Rights(group)
    found = []
    for employee_id, rights in group.rights.items():
        if employee_id != without and any(not patterns.isdisjoint(right.permissions) for right in rights):
            reach = policy.reach(employee_id, GIVES, company_id)
            if reach is not None and (reach.all or company_id in reach.companies):
                found.append(group.people[employee_id])
    return sorted(found, key=lambda person: (person.code, person.employee_id))[:MOST_HELPERS]
