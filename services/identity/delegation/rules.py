"""Who may delegate to whom: never to oneself, never round in a circle, and never twice the same.

A delegation hands on the turns that its delegator is asked for. Where the delegate has delegated too, the turn goes on
only as far as every delegation on the way covers it, so nobody passes on more than they were given.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chassis.errors import Refused

if TYPE_CHECKING:
    from identity.delegation.model import Delegation

TRANSITIONS = {
    ("PLANNED", "update"): "PLANNED",
    ("PLANNED", "revoke"): "REVOKED",
    ("ACTIVE", "revoke"): "REVOKED",
}
LIVE = ("PLANNED", "ACTIVE")


@dataclass(frozen=True, slots=True)
class Scope:
    """Which turns: days, both included; types of documents, None for every one; a currency, "" for any."""

    first: datetime.date
    last: datetime.date
    types: frozenset[str] | None
    currency: str

    def meet(self, other: Scope) -> Scope | None:
        """The turns of both; None where there can be none. Amounts begin at zero, so they always meet."""
        first, last = max(self.first, other.first), min(self.last, other.last)
        types = self.types if other.types is None else other.types if self.types is None else self.types & other.types
        if first > last or types == frozenset() or (self.currency and other.currency not in ("", self.currency)):
            return None
        return Scope(first, last, types, self.currency or other.currency)


def scope_of(delegation: Delegation) -> Scope:
    """The turns that a delegation hands on."""
    types = frozenset(delegation.document_types) or None
    return Scope(delegation.from_date, delegation.until_date, types, delegation.currency or "")


def check(delegation: Delegation, *, today: datetime.date, approvable: Collection[str]) -> None:
    """Refuse what contradicts itself; tidy the list. `today` is a day of the delegator's company."""
    if delegation.delegate_id == delegation.delegator_id:
        raise Refused("DELEGATION_TO_SELF", field="delegate_id")
    if delegation.until_date < max(delegation.from_date, today):
        days = {"from": delegation.from_date, "until": delegation.until_date}
        raise Refused("DELEGATION_DATES", field="until_date", **days)
    delegation.document_types = sorted(set(delegation.document_types))
    for index, name in enumerate(delegation.document_types):
        if name not in approvable:
            allowed = ", ".join(approvable)
            raise Refused("DELEGATION_DOCUMENT_TYPE", field=f"document_types[{index}]", value=name, allowed=allowed)
    limit = delegation.limit_amount
    if (limit is not None and limit <= 0) or (limit is None) == bool(delegation.currency):
        raise Refused("DELEGATION_LIMIT", field="currency" if limit else "limit_amount")


def parties(people: Iterable[tuple[str, bool]]) -> None:
    """Refuse a delegator or delegate who is gone: (name, active) of each."""
    for name, active in people:
        if not active:
            raise Refused("DELEGATION_INACTIVE", name=name)


def keeper(delegation: Delegation, by: uuid.UUID | None, *, name: str) -> None:
    """Who keeps the delegations of others takes none of their turns."""
    if by == delegation.delegate_id and by != delegation.delegator_id:
        raise Refused("DELEGATION_TO_KEEPER", field="delegate_id", name=name)


def alone(delegation: Delegation, others: Iterable[Delegation], names: Mapping[uuid.UUID, str]) -> None:
    """Refuse a second delegation of the same turns: it would not be known who decides."""
    mine = scope_of(delegation)
    for other in others:
        if other.delegator_id == delegation.delegator_id and mine.meet(scope_of(other)):
            days: dict[str, Any] = {"from": other.from_date, "until": other.until_date}
            raise Refused("DELEGATION_OVERLAP", delegate=names[other.delegate_id], **days)


def no_circle(delegation: Delegation, others: Iterable[Delegation], names: Mapping[uuid.UUID, str]) -> None:
    """Refuse turns that would come back to their delegator on some day, with everybody on the way named."""
    by_delegator: dict[uuid.UUID, list[Delegation]] = {}
    for other in others:
        by_delegator.setdefault(other.delegator_id, []).append(other)
    ways = [([delegation.delegator_id, delegation.delegate_id], scope_of(delegation))]
    while ways:
        way, scope = ways.pop()
        for link in by_delegator.get(way[-1], ()):
            narrower = scope.meet(scope_of(link))
            if narrower is None:
                continue
            if link.delegate_id == delegation.delegator_id:
                chain = " → ".join(names[who] for who in (*way, link.delegate_id))
                raise Refused("DELEGATION_CYCLE", field="delegate_id", chain=chain)
            if link.delegate_id not in way:
                ways.append(([*way, link.delegate_id], narrower))


def state_on(delegation: Delegation, today: datetime.date, *, both_active: bool) -> str:
    """The state that the day and the two people give to a delegation that nobody revoked."""
    if not both_active or delegation.until_date < today:
        return "ENDED"
    return "PLANNED" if today < delegation.from_date else "ACTIVE"
