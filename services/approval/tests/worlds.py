"""The test company as a world for pure rules: people with posts and heads, one limit table, one document."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from approval.engine.approvers import World
from approval.engine.tree import Flow, read
from approval.engine.walk import Visit, Walk
from chassis.clock import FrozenClock
from chassis.organisation import Right
from chassis.testing import COMPANY, MORNING, PEOPLE, stable, test_organisation

KEYS = {stable(key): key for key in PEOPLE}


@dataclass(frozen=True)
class Row:
    """A row of the authority table."""

    post_id: uuid.UUID | None
    limit_amount: Decimal
    document_type: str = ""
    currency: str = "CNY"
    valid_from_date: datetime.date | None = None
    automatic: bool = False


def limit(post: str, amount: str, **more: Any) -> Row:
    return Row(stable(post), Decimal(amount), **more)


def right(key: str, role: str, *permissions: str, scope: str = "COMPANY") -> Right:
    return Right(stable(key), role, COMPANY, scope, frozenset(), frozenset(permissions))


def world(
    amount: str = "8000", *, requester: str = "requester", people: dict[str, Any] | None = None, **more: Any
) -> World:
    """The requester's document; `people` are changes of persons, `rights` grants beside the administrator's."""
    organisation = test_organisation(FrozenClock(MORNING))
    changed = {stable(k): dataclasses.replace(organisation.people[stable(k)], **v) for k, v in (people or {}).items()}
    rights: dict[uuid.UUID, list[Right]] = {}
    for held in (right("admin", "admin", "*", scope="ALL"), *more.pop("rights", ())):
        rights.setdefault(held.employee_id, []).append(held)
    departments = dict(organisation.departments)
    for key, changes in more.pop("departments", {}).items():
        departments[stable(key)] = dataclasses.replace(departments[stable(key)], **changes)
    organisation = dataclasses.replace(
        organisation, people={**organisation.people, **changed}, rights=rights, departments=departments
    )
    return World(
        organisation=organisation,
        company_id=COMPANY,
        requester_id=stable(requester),
        document_type="procurement.purchase_requisition",
        amount=Decimal(amount),
        currency=more.pop("currency", "CNY"),
        today=datetime.date(2026, 11, 23),
        facts=more.pop("facts", {}),
        **more,
    )


def flow(tree: dict[str, Any]) -> Flow:
    made, problems = read(tree)
    assert made is not None, problems
    return made


def started(tree: dict[str, Any], around: World) -> Walk:
    walk = Walk(flow(tree), around)
    walk.start()
    return walk


def open_at(walk: Walk) -> dict[str, set[str]]:
    """Whose turn is open, by node."""
    found: dict[str, set[str]] = {}
    for turn in walk.turns:
        if turn.state == "OPEN" and turn.visit.state == "OPEN":
            found.setdefault(turn.visit.node.id, set()).add(KEYS[turn.asked.employee_id])
    return found


def visit(walk: Walk, node_id: str) -> Visit:
    return next(v for v in walk.visits if v.node.id == node_id and v.state == "OPEN")


def agree(walk: Walk, node_id: str, *keys: str) -> None:
    """Everybody asked at a node agrees, or those named."""
    at = visit(walk, node_id)
    asked = [turn.asked.employee_id for turn in walk.turns if turn.visit is at and turn.state == "OPEN"]
    walk.finish(at, [stable(key) for key in keys] or asked)
