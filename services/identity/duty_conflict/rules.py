"""Separation of duties (不相容职务分离): two duties that never lie in one hand within one company.

A person holds a duty by a role that is named by it or that has one of its permissions. Two rights meet where they count
in the same company on the same day; how many rows each reaches makes no difference, since every right reaches the own
documents at least. The administrator's role joins every pair by design: it is never counted.
"""

from __future__ import annotations

import datetime
import itertools
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chassis.errors import Refused
from identity.role.rules import ADMINISTRATOR, holds

if TYPE_CHECKING:
    from identity.duty_conflict.model import DutyConflict

SIDES = ("first", "second")


@dataclass(frozen=True, slots=True)
class Held:
    """A role of one person: by a grant, or by the role that everybody has in the own company (no grant)."""

    employee_id: uuid.UUID
    grant_id: uuid.UUID | None
    role_id: uuid.UUID
    role_code: str
    role_name: str
    permissions: frozenset[str]
    company_id: uuid.UUID | None
    valid_from: datetime.date | None
    valid_until: datetime.date | None
    since: datetime.datetime


@dataclass(frozen=True, slots=True)
class Meeting:
    """Both duties of a pair in one hand; the same right twice where one role joins them."""

    pair: DutyConflict
    first: Held
    second: Held

    @property
    def company_id(self) -> uuid.UUID | None:
        """Where; None in every company."""
        return self.first.company_id or self.second.company_id

    @property
    def since(self) -> datetime.datetime:
        """When the later one of the two began."""
        return max(self.first.since, self.second.since)


def check(pair: DutyConflict, catalogue: Collection[str], roles: Mapping[uuid.UUID, str]) -> None:
    """Refuse a duty that nobody could hold or that is on both sides; tidy the lists. `roles`: id -> name."""
    unknown: list[tuple[str, str, dict[str, object]]] = []
    for side in SIDES:
        permissions, role_ids = getattr(pair, f"{side}_permissions"), getattr(pair, f"{side}_role_ids")
        if not permissions and not role_ids:
            raise Refused("DUTY_CONFLICT_DUTY_EMPTY", field=f"{side}_permissions")
        unknown += [
            (f"{side}_permissions[{i}]", "DUTY_CONFLICT_PERMISSION_UNKNOWN", {"permission": name})
            for i, name in enumerate(permissions)
            if name not in catalogue
        ]
        unknown += [
            (f"{side}_role_ids[{i}]", "FIELD_NO_SUCH_DOCUMENT", {"value": role_id})
            for i, role_id in enumerate(role_ids)
            if role_id not in roles
        ]
    if unknown:
        raise Refused.fields(unknown)
    for list_ in ("permissions", "role_ids"):
        first, second = (sorted(set(getattr(pair, f"{side}_{list_}"))) for side in SIDES)
        if both := sorted(set(first) & set(second)):
            raise Refused("DUTY_CONFLICT_SAME", field=f"second_{list_}", name=roles.get(both[0], both[0]))
        setattr(pair, f"first_{list_}", first)
        setattr(pair, f"second_{list_}", second)


def changeable(pair: DutyConflict) -> None:
    """What comes with the product guards the rights themselves and stays as it is."""
    if pair.built_in:
        raise Refused("DUTY_CONFLICT_BUILT_IN", name=pair.name)


def bears(pair: DutyConflict, side: str, role_id: uuid.UUID, permissions: Collection[str]) -> bool:
    """Whether a role brings a duty of the pair."""
    return role_id in getattr(pair, f"{side}_role_ids") or any(
        holds(permissions, permission) for permission in getattr(pair, f"{side}_permissions")
    )


def joins(pair: DutyConflict, role_id: uuid.UUID, permissions: Collection[str]) -> bool:
    """Whether a role brings both duties by itself."""
    return all(bears(pair, side, role_id, permissions) for side in SIDES)


def meet(first: Held, second: Held) -> bool:
    """Whether two rights of one person count in the same company on the same day."""
    latest = max((day for day in (first.valid_from, second.valid_from) if day), default=datetime.date.min)
    earliest = min((day for day in (first.valid_until, second.valid_until) if day), default=datetime.date.max)
    companies = {first.company_id, second.company_id} - {None}
    return len(companies) <= 1 and latest <= earliest


def meetings(pairs: Iterable[DutyConflict], rights: Iterable[Held]) -> Iterator[Meeting]:
    """Where the duties of these pairs meet in one person: once for a person, a pair and a company."""
    people: defaultdict[uuid.UUID, list[Held]] = defaultdict(list)
    for held in rights:
        if held.role_code != ADMINISTRATOR:
            people[held.employee_id].append(held)
    roles = {held.role_id: held.permissions for of_one in people.values() for held in of_one}
    for pair in pairs:
        bearing = [{role for role, holds_ in roles.items() if bears(pair, side, role, holds_)} for side in SIDES]
        for of_one in people.values():
            found: dict[Any, Meeting] = {}
            for first, second in itertools.product(*([h for h in of_one if h.role_id in some] for some in bearing)):
                if meet(first, second):
                    meeting = Meeting(pair, first, second)
                    known = found.get(meeting.company_id)
                    # the oldest says since when; of a role that joins both, the role alone says how
                    if known is None or _rank(meeting) < _rank(known):
                        found[meeting.company_id] = meeting
            yield from found.values()


def _rank(meeting: Meeting) -> tuple[datetime.datetime, bool]:
    return meeting.since, meeting.first is not meeting.second


def give(pairs: Sequence[DutyConflict], given: Held, others: Sequence[Held], *, employee: str) -> None:
    """Refuse a role that brings a duty to somebody who holds the other one. Only pairs that refuse are asked."""
    if given.role_code == ADMINISTRATOR:
        return
    for pair in _refusing(pairs):
        if joins(pair, given.role_id, given.permissions):
            facts = {"first": pair.first_duty, "second": pair.second_duty}
            raise Refused("GRANT_ROLE_SEPARATION", role=given.role_name, **facts, **_why(pair))
        for other in others:
            for meeting in _between(pair, given, other):
                raise Refused("GRANT_SEPARATION", **_facts(meeting, given, employee))


def hold(
    pairs: Sequence[DutyConflict], role_id: uuid.UUID, after: Collection[str], before: Collection[str] | None
) -> None:
    """Refuse a role that newly joins both duties of a pair. `before`: what it held; None where it was not in use."""
    for pair in _refusing(pairs):
        if joins(pair, role_id, after) and (before is None or not joins(pair, role_id, before)):
            facts = {"first": pair.first_duty, "second": pair.second_duty}
            raise Refused("ROLE_SEPARATION", field="permissions", **facts, **_why(pair))


def change(
    pairs: Sequence[DutyConflict],
    holders: Sequence[Held],
    others: Sequence[Held],
    *,
    before: Collection[str] | None,
    names: Mapping[uuid.UUID, str],
) -> None:
    """Refuse a change of a role that newly brings duties together in one of its holders.

    `holders`: the role as held, with what it permits after the change; `before`: what it permitted, None where it was
    not in use. What was in one hand before the change is on the list of violations and does not stop another change.
    """
    by_person: defaultdict[uuid.UUID, list[Held]] = defaultdict(list)
    for other in others:
        by_person[other.employee_id].append(other)
    for held in holders:
        was = None if before is None else replace(held, permissions=frozenset(before))
        for other, pair in itertools.product(by_person[held.employee_id], _refusing(pairs)):
            if was is not None and any(_between(pair, was, other)):
                continue
            for meeting in _between(pair, held, other):
                raise Refused("ROLE_HOLDER_SEPARATION", **_facts(meeting, held, names[held.employee_id]))


def _between(pair: DutyConflict, one: Held, other: Held) -> Iterator[Meeting]:
    """How two rights bring a pair together, each one duty."""
    return (found for found in meetings([pair], [one, other]) if found.first is not found.second)


def _refusing(pairs: Iterable[DutyConflict]) -> list[DutyConflict]:
    return [pair for pair in pairs if pair.severity == "REFUSE"]


def _facts(meeting: Meeting, added: Held, employee: str) -> dict[str, str]:
    """What the person has, and by which role; what would come to it."""
    pair = meeting.pair
    has, other, comes = pair.second_duty, meeting.second, pair.first_duty
    if meeting.second == added:
        has, other, comes = pair.first_duty, meeting.first, pair.second_duty
    return {"employee": employee, "first": has, "role": other.role_name, "second": comes, **_why(pair)}


def _why(pair: DutyConflict) -> dict[str, str]:
    return {"pair": f"{pair.code} {pair.name}", "why": pair.reason}
