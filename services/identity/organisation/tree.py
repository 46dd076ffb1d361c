"""The organisation of a company on a day, and what a reorganisation makes of it: without a database, so that a preview
and the day itself cannot differ.
"""

from __future__ import annotations

import copy
import datetime
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DEEPEST = 50


@dataclass
class Unit:
    """A department on the day."""

    id: uuid.UUID
    code: str
    name: str
    parent_id: uuid.UUID | None
    sort_order: int = 0
    head_id: uuid.UUID | None = None
    acting_id: uuid.UUID | None = None
    # what it is called today
    name_now: str = ""


@dataclass
class Seat:
    """Somebody's place on the day, or one that begins later."""

    employee_id: uuid.UUID
    kind: str
    department_id: uuid.UUID
    post_id: uuid.UUID | None = None
    reports_to_id: uuid.UUID | None = None
    from_date: datetime.date = datetime.date.min
    later: bool = False


@dataclass(frozen=True)
class Known:
    """A person or a post that may be named."""

    name: str
    active: bool = True
    code: str = ""
    # belongs to the company
    own: bool = False


@dataclass(frozen=True)
class Finding:
    """Something that stands against a change (`blocking`), or is only said."""

    key: str
    facts: Mapping[str, str]
    line: int = 0
    blocking: bool = True


@dataclass
class Tree:
    """Units by id, seats of everybody, and whom and what the lines may name."""

    units: dict[uuid.UUID, Unit] = field(default_factory=dict)
    seats: list[Seat] = field(default_factory=list)
    people: dict[uuid.UUID, Known] = field(default_factory=dict)
    posts: dict[uuid.UUID, Known] = field(default_factory=dict)
    # codes of every department of the company, also of those out of use
    codes: frozenset[str] = frozenset()

    def principal(self, employee_id: uuid.UUID) -> Seat | None:
        """Where somebody belongs on the day."""
        return next((seat for seat in self.principals() if seat.employee_id == employee_id), None)

    def principals(self) -> list[Seat]:
        """Where everybody belongs on the day."""
        return [seat for seat in self.seats if seat.kind == "PRINCIPAL" and not seat.later]

    def counts(self) -> Counter[uuid.UUID]:
        """How many people belong to each unit."""
        return Counter(seat.department_id for seat in self.principals())

    def in_order(self) -> Iterator[tuple[Unit, int]]:
        """The units from the top down with their depth; what hangs on nothing that is there stands at the top."""
        below: dict[uuid.UUID | None, list[Unit]] = {}
        for unit in self.units.values():
            parent = unit.parent_id if unit.parent_id in self.units else None
            below.setdefault(parent, []).append(unit)

        def walk(parent: uuid.UUID | None, depth: int) -> Iterator[tuple[Unit, int]]:
            for unit in sorted(below.get(parent, ()), key=lambda one: (one.sort_order, one.code)):
                yield unit, depth
                yield from walk(unit.id, depth + 1)

        yield from walk(None, 0)


def applied(tree: Tree, lines: Sequence[Any]) -> tuple[Tree, list[Finding]]:
    """What the lines make of the organisation, and what is found: first line by line, then in what came of it."""
    after = copy.deepcopy(tree)
    change = _Change(after, {line.department_code: line.id for line in lines if line.kind == "NEW_DEPARTMENT"})
    for line in lines:
        change.apply(line)
    return after, [*change.findings, *_against(tree, after, change)]


class _Change:
    """One pass over the lines."""

    def __init__(self, tree: Tree, made: Mapping[str, uuid.UUID]) -> None:
        self.tree, self.made, self.findings = tree, made, list[Finding]()
        self.moved: dict[uuid.UUID, int] = {}
        self.dissolved: dict[uuid.UUID, int] = {}
        self.concerned: dict[uuid.UUID, int] = {}
        self.seats = {seat.employee_id: seat for seat in tree.principals()}

    def apply(self, line: Any) -> None:
        handlers: dict[str, Callable[[Any], None]] = {
            "NEW_DEPARTMENT": self._new, "RENAME": self._rename, "MOVE_DEPARTMENT": self._move,
            "DISSOLVE": self._dissolve, "MOVE_EMPLOYEE": self._move_employee, "SET_HEAD": self._head,
            "SET_POST": self._post, "SET_REPORTS_TO": self._reports_to,
        }  # fmt: skip
        handlers[line.kind](line)

    def _found(self, line: Any, key: str, **facts: str) -> None:
        self.findings.append(Finding(key, facts, line.line_number))

    def _unit(self, line: Any, key: uuid.UUID | None, code: str) -> Unit | None:
        unit = self.tree.units.get(self.made.get(code, uuid.UUID(int=0)) if code else key or uuid.UUID(int=0))
        if unit is None:
            self._found(line, "code_unknown" if code else "department_gone", code=code)
        return unit

    def _person(self, line: Any, employee_id: uuid.UUID | None) -> bool:
        person = self.tree.people.get(employee_id or uuid.UUID(int=0))
        if person is None or not person.active:
            self._found(line, "person_gone", name=person.name if person else "")
            return False
        return True

    def _new(self, line: Any) -> None:
        taken = self.tree.codes | {unit.code for unit in self.tree.units.values()}
        if line.department_code in taken:
            self._found(line, "code_taken", code=line.department_code)
            return
        self.tree.units[line.id] = Unit(line.id, line.department_code, line.name, None, name_now=line.name)
        self._hang(line, self.tree.units[line.id])

    def _rename(self, line: Any) -> None:
        if unit := self._unit(line, line.department_id, line.department_code):
            unit.name = line.name

    def _move(self, line: Any) -> None:
        if unit := self._unit(line, line.department_id, line.department_code):
            self._hang(line, unit)
            self.moved[unit.id] = line.line_number

    def _hang(self, line: Any, unit: Unit) -> None:
        if not line.parent_id and not line.parent_code:
            unit.parent_id = None
        elif parent := self._unit(line, line.parent_id, line.parent_code):
            unit.parent_id = parent.id

    def _dissolve(self, line: Any) -> None:
        if unit := self._unit(line, line.department_id, line.department_code):
            self.dissolved[unit.id] = line.line_number

    def _head(self, line: Any) -> None:
        unit = self._unit(line, line.department_id, line.department_code)
        if unit and self._person(line, line.employee_id):
            unit.head_id, unit.acting_id = line.employee_id, None

    def _seat(self, line: Any) -> Seat | None:
        if not self._person(line, line.employee_id):
            return None
        if not self.tree.people[line.employee_id].own:
            self._found(line, "person_elsewhere", name=self.tree.people[line.employee_id].name)
            return None
        seat = self.seats.get(line.employee_id)
        if seat is None and line.kind != "MOVE_EMPLOYEE":
            self._found(line, "no_place", name=self.tree.people[line.employee_id].name)
            return None
        if seat is None:
            seat = self.seats[line.employee_id] = Seat(line.employee_id, "PRINCIPAL", uuid.UUID(int=0))
            self.tree.seats.append(seat)
        self.concerned[line.employee_id] = line.line_number
        return seat

    def _move_employee(self, line: Any) -> None:
        unit = self._unit(line, line.department_id, line.department_code)
        if unit is None:
            return
        seat = self._seat(line)
        if seat is None:
            return
        if unit.id != seat.department_id:
            seat.department_id, seat.reports_to_id = unit.id, None
        if line.post_id:
            self._post(line)
        if line.reports_to_id:
            self._reports_to(line)

    def _post(self, line: Any) -> None:
        post = self.tree.posts.get(line.post_id)
        if post is None or not post.active:
            self._found(line, "post_gone", name=post.name if post else "")
        elif seat := self._seat(line):
            seat.post_id = line.post_id

    def _reports_to(self, line: Any) -> None:
        if line.reports_to_id and not self._person(line, line.reports_to_id):
            return
        if seat := self._seat(line):
            seat.reports_to_id = line.reports_to_id


def _against(before: Tree, after: Tree, change: _Change) -> Iterator[Finding]:
    """What only the whole shows: circles, what a dissolved department still has, who is left without."""
    for unit_id, line in change.moved.items():
        if _comes_back(unit_id, lambda key: after.units[key].parent_id if key in after.units else None):
            yield Finding("circle", {"name": after.units[unit_id].name}, line)
    seats = {seat.employee_id: seat for seat in after.principals()}
    for employee_id, line in change.concerned.items():
        if _comes_back(employee_id, lambda key: seats[key].reports_to_id if key in seats else None):
            yield Finding("reports_in_circle", {"name": after.people[employee_id].name}, line)
    for unit_id, line in change.dissolved.items():
        yield from _dissolving(after, unit_id, line, change.dissolved)
    for unit_id in change.dissolved:
        after.units.pop(unit_id, None)
    counts = after.counts()
    for unit in after.units.values():
        known = before.units.get(unit.id)
        head = unit.acting_id or unit.head_id
        active = head is not None and head in after.people and after.people[head].active
        was = known is not None and (known.acting_id or known.head_id) == head
        if not active and counts[unit.id] and not (was and counts[unit.id] == before.counts()[unit.id]):
            yield Finding("no_head", {"name": unit.name, "count": str(counts[unit.id])}, blocking=False)
    for employee_id, line in change.concerned.items():
        seat, was_seat = seats.get(employee_id), before.principal(employee_id)
        if seat is None or was_seat is None or seat.department_id == was_seat.department_id:
            continue
        left = [unit for unit in after.units.values() if unit.id != seat.department_id]
        headed = [unit.name for unit in left if employee_id in (unit.head_id, unit.acting_id)]
        if headed:
            facts = {"name": after.people[employee_id].name, "departments": ", ".join(headed)}
            yield Finding("still_heads", facts, line, blocking=False)
    placed = set(seats)
    without = sorted(
        known.name for key, known in after.people.items() if known.active and known.own and key not in placed
    )
    if without:
        facts = {"count": str(len(without)), "names": ", ".join(without[:20])}
        yield Finding("without_department", facts, blocking=False)


def _dissolving(after: Tree, unit_id: uuid.UUID, line: int, going: Collection[uuid.UUID]) -> Iterator[Finding]:
    unit = after.units[unit_id]
    people = sorted({
        after.people[seat.employee_id].name
        for seat in after.seats
        if seat.department_id == unit_id and seat.employee_id in after.people and after.people[seat.employee_id].active
    })  # fmt: skip
    if people:
        facts = {"name": unit.name, "count": str(len(people)), "people": ", ".join(people[:20])}
        yield Finding("has_people", facts, line)
    below = sorted(u.name for u in after.units.values() if u.parent_id == unit_id and u.id not in going)
    if below:
        yield Finding("has_departments", {"name": unit.name, "departments": ", ".join(below[:20])}, line)


def _comes_back(start: uuid.UUID, above: Callable[[uuid.UUID], uuid.UUID | None]) -> bool:
    seen: set[uuid.UUID] = set()
    key: uuid.UUID | None = start
    while key is not None and key not in seen:
        seen.add(key)
        key = above(key)
    return key == start


def changed_units(before: Tree, after: Tree) -> Collection[uuid.UUID]:
    """Units that are new, gone, named or placed otherwise, or have another head."""
    said = lambda unit: (unit.name, unit.parent_id, unit.head_id, unit.acting_id) if unit else None  # noqa: E731
    keys: Iterable[uuid.UUID] = {*before.units, *after.units}
    return {key for key in keys if said(before.units.get(key)) != said(after.units.get(key))}
