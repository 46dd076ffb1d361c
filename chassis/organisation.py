"""The group as it stands at one epoch: people, departments, posts, companies, who holds which role and who
decides for whom.

Built from identity's answer, then only read: every service and the gateway keep one in memory. It says how the group is
made; what somebody may do is decided in `policy`.
"""

from __future__ import annotations

import datetime
import sys
import uuid
import zoneinfo
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from chassis.clock import Clock
from heyi.identity.v1 import directory_pb2, grants_pb2

GROUP_TIME_ZONE = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Seat:
    """A place of today beside the principal one: a post held concurrently, or a dotted line, which holds nothing."""

    department_id: uuid.UUID
    post_id: uuid.UUID | None = None
    reports_to_id: uuid.UUID | None = None
    dotted: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """An employee, as far as others must know."""

    employee_id: uuid.UUID
    name: str
    username: str
    code: str
    company_id: uuid.UUID | None
    department_id: uuid.UUID | None
    post_id: uuid.UUID | None
    active: bool
    not_before: datetime.datetime | None = None
    # whom they report to in the principal place
    reports_to_id: uuid.UUID | None = None
    seats: tuple[Seat, ...] = ()
    email: str = ""
    locale: str = "zh-CN"
    # of an API key: who made it, what it hashes to, its last day
    maker_id: uuid.UUID | None = None
    key_hash: bytes = b""
    valid_until: datetime.date | None = None

    @property
    def posts(self) -> list[tuple[uuid.UUID | None, uuid.UUID | None]]:
        """(department, post) of each place where they stand today: the principal one first, dotted lines left out."""
        beside = [(seat.department_id, seat.post_id) for seat in self.seats if not seat.dotted]
        return [(self.department_id, self.post_id), *beside]

    def post_in(self, department_id: uuid.UUID) -> uuid.UUID | None:
        """The post that they hold in a department, else the principal one."""
        return next((post for where, post in self.posts if where == department_id and post), self.post_id)


@dataclass(frozen=True, slots=True)
class Former:
    """What a department or a post was until a day, included."""

    until: datetime.date
    name: str
    parent_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Headed:
    """Who headed a department, or stood in for its head, from one day to another, both included."""

    first: datetime.date
    last: datetime.date | None
    employee_id: uuid.UUID
    acting: bool = False


@dataclass(frozen=True, slots=True)
class Unit:
    """A department."""

    department_id: uuid.UUID
    company_id: uuid.UUID
    parent_id: uuid.UUID | None
    head_id: uuid.UUID | None
    name: str
    active: bool
    # the oldest first
    former: tuple[Former, ...] = ()
    heads: tuple[Headed, ...] = ()

    def headed_on(self, day: datetime.date) -> uuid.UUID | None:
        """Who stood in on a day, else who was the head; None where that is not known."""
        then = [one for one in self.heads if one.first <= day and (one.last is None or day <= one.last)]
        then.sort(key=lambda one: one.acting, reverse=True)
        return then[0].employee_id if then else None


@dataclass(frozen=True, slots=True)
class Rank:
    """A post; level 1 is the highest."""

    post_id: uuid.UUID
    code: str
    name: str
    level: int
    # the oldest first
    former: tuple[Former, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A company."""

    company_id: uuid.UUID
    code: str
    name: str
    short_name: str
    base_currency: str
    time_zone: str
    credit_code: str = ""
    address: str = ""
    phone: str = ""
    # hours of a working day (`workdays`); the usual ones where nothing is said
    working_hours: str = ""


@dataclass(frozen=True, slots=True)
class Right:
    """One grant of a role, its permissions spelled out. Without a company it holds in every one."""

    employee_id: uuid.UUID
    role_code: str
    company_id: uuid.UUID | None
    scope: str
    department_ids: frozenset[uuid.UUID]
    permissions: frozenset[str]
    valid_from: datetime.date | None = None
    valid_until: datetime.date | None = None
    role_name: str = ""

    def holds(self, company_id: uuid.UUID, today: datetime.date) -> bool:
        """Whether it counts in this company on this day; both days named are included."""
        return (
            self.company_id in (None, company_id)
            and (self.valid_from is None or self.valid_from <= today)
            and (self.valid_until is None or today <= self.valid_until)
        )


@dataclass(frozen=True, slots=True)
class Deputy:
    """One delegation: who decides for somebody else, about what, when. Without types or a limit: about everything."""

    delegation_id: uuid.UUID
    delegator_id: uuid.UUID
    delegate_id: uuid.UUID
    first: datetime.date
    last: datetime.date
    document_types: frozenset[str] = frozenset()
    limit: Decimal | None = None
    currency: str = ""

    def covers(self, document_type: str, amount: Decimal, currency: str, today: datetime.date) -> bool:
        """Whether a turn about this is delegated on this day of the delegator's company."""
        within = self.limit is None or not amount or (currency == self.currency and amount <= self.limit)
        return (
            self.first <= today <= self.last
            and (not self.document_types or document_type in self.document_types)
            and within
        )


@dataclass(frozen=True)
class Organisation:
    """One epoch of the group."""

    epoch: int
    people: Mapping[uuid.UUID, Person]
    departments: Mapping[uuid.UUID, Unit]
    posts: Mapping[uuid.UUID, Rank]
    companies: Mapping[uuid.UUID, Place]
    rights: Mapping[uuid.UUID, list[Right]]
    clock: Clock = field(default_factory=Clock, repr=False, compare=False)
    delegations: Mapping[uuid.UUID, list[Deputy]] = field(default_factory=dict)  # by delegator
    successors: Mapping[uuid.UUID, uuid.UUID] = field(default_factory=dict)  # of those who left
    # days that are not what their weekday says, of a company or (None) of all: whether they are worked (`workdays`)
    days: Mapping[tuple[uuid.UUID | None, datetime.date], bool] = field(default_factory=dict)
    # formats of numbers, of a company or (None) of all, by the type; empty where one is out of use (`numbering`)
    number_formats: Mapping[tuple[uuid.UUID | None, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        children: defaultdict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
        for unit in self.departments.values():
            if unit.parent_id:
                children[unit.parent_id].append(unit.department_id)
        object.__setattr__(self, "_children", dict(children))
        object.__setattr__(self, "_below", {})
        keys = {person.key_hash: person for person in self.people.values() if person.key_hash}
        object.__setattr__(self, "_keys", keys)

    @classmethod
    def of(cls, answer: directory_pb2.Authorization, clock: Clock | None = None) -> Organisation:
        """Build from identity's answer; an answer that says `unchanged` holds nothing to build from."""
        if answer.unchanged:
            raise ValueError("the answer holds no organisation: nothing changed")
        rights: defaultdict[uuid.UUID, list[Right]] = defaultdict(list)
        for message in answer.rights:
            right = _right(message)
            rights[right.employee_id].append(right)
        delegations: defaultdict[uuid.UUID, list[Deputy]] = defaultdict(list)
        for deputy in map(_deputy, answer.delegations):
            delegations[deputy.delegator_id].append(deputy)
        return cls(
            epoch=answer.epoch,
            people={person.employee_id: person for person in map(_person, answer.people)},
            departments={unit.department_id: unit for unit in map(_unit, answer.departments)},
            posts={
                uuid.UUID(post.post_id): Rank(
                    uuid.UUID(post.post_id), post.code, post.name, post.level, _former(post.former)
                )
                for post in answer.posts
            },
            companies={place.company_id: place for place in map(_place, answer.companies)},
            rights=dict(rights),
            clock=clock or Clock(),
            delegations=dict(delegations),
            successors={uuid.UUID(one.employee_id): uuid.UUID(one.successor_id) for one in answer.successors},
            days={
                (_id(day.company_id), datetime.date.fromisoformat(day.calendar_date)): day.working
                for day in answer.calendar_days
            },
            number_formats={(_id(one.company_id), one.document_type): one.pattern for one in answer.number_formats},
        )

    def person(self, employee_id: uuid.UUID) -> Person:
        """An employee; raises KeyError for an id that names none (`people.get` does not)."""
        return self.people[employee_id]

    def key(self, key_hash: bytes) -> Person | None:
        """The API key that hashes to this."""
        known: dict[bytes, Person] = self._keys  # type: ignore[attr-defined]
        return known.get(key_hash)

    def machine(self, identifier: str) -> Person | None:
        """The API key with this id."""
        known: dict[bytes, Person] = self._keys  # type: ignore[attr-defined]
        return next((key for key in known.values() if str(key.employee_id) == identifier), None) if known else None

    def today(self, company_id: uuid.UUID) -> datetime.date:
        """The business day of a company; of the group's seat where a call is about none."""
        return self.clock.today(self.zone(company_id).key)

    def zone(self, company_id: uuid.UUID) -> zoneinfo.ZoneInfo:
        """The time zone of a company; of the group's seat where there is none."""
        place = self.companies.get(company_id)
        return zoneinfo.ZoneInfo(place.time_zone if place else GROUP_TIME_ZONE)

    def below(self, department_id: uuid.UUID) -> frozenset[uuid.UUID]:
        """The department itself and every one below it."""
        known: dict[uuid.UUID, frozenset[uuid.UUID]] = self._below  # type: ignore[attr-defined]
        if department_id not in known:
            children: Mapping[uuid.UUID, list[uuid.UUID]] = self._children  # type: ignore[attr-defined]
            found, waiting = {department_id}, [department_id]
            while waiting:
                fresh = [child for child in children.get(waiting.pop(), ()) if child not in found]
                found.update(fresh)
                waiting += fresh
            known[department_id] = frozenset(found)
        return known[department_id]

    def above(self, department_id: uuid.UUID | None) -> Iterator[Unit]:
        """The department itself and those above it, nearest first."""
        seen: set[uuid.UUID] = set()
        while department_id and department_id not in seen and (unit := self.departments.get(department_id)):
            seen.add(department_id)
            yield unit
            department_id = unit.parent_id

    def head_chain(self, employee_id: uuid.UUID) -> list[uuid.UUID]:
        """Heads from the employee's department upward: without the employee, without repeats, without the disabled."""
        heads = (unit.head_id for unit in self.above(self.person(employee_id).department_id))
        return [head for head in dict.fromkeys(heads) if head and head != employee_id and self.is_active(head)]

    def holders_of_role(self, code: str, company_id: uuid.UUID) -> list[uuid.UUID]:
        """Active employees who hold a role in a company today, by code."""
        today = self.today(company_id)
        return self._by_code(
            employee_id
            for employee_id, rights in self.rights.items()
            if any(right.role_code == code and right.holds(company_id, today) for right in rights)
        )

    def name_of_role(self, code: str) -> str:
        """A role's name, as far as somebody holds it; else its code."""
        held = (right for rights in self.rights.values() for right in rights if right.role_code == code)
        return next((right.role_name for right in held if right.role_name), code)

    def holders_of_post(self, post_id: uuid.UUID, company_id: uuid.UUID) -> list[uuid.UUID]:
        """Active employees who hold a post in a company today, as their principal one or beside it, by code."""
        return self._by_code(
            person.employee_id
            for person in self.people.values()
            if (person.post_id == post_id and person.company_id == company_id)
            or (person.seats and any(self._holds(seat, post_id, company_id) for seat in person.seats))
        )

    def _holds(self, seat: Seat, post_id: uuid.UUID, company_id: uuid.UUID) -> bool:
        unit = self.departments.get(seat.department_id)
        return not seat.dotted and seat.post_id == post_id and unit is not None and unit.company_id == company_id

    def department_named(
        self, department_id: uuid.UUID | None, company_id: uuid.UUID, at: datetime.datetime | datetime.date | None
    ) -> str:
        """What a department was called on a day, or at an instant in its company's days; now, where none is said."""
        return self._named(self.departments.get(department_id) if department_id else None, company_id, at)

    def post_named(
        self, post_id: uuid.UUID | None, company_id: uuid.UUID, at: datetime.datetime | datetime.date | None
    ) -> str:
        """What a post was called on a day, or at an instant in a company's days; now, where none is said."""
        return self._named(self.posts.get(post_id) if post_id else None, company_id, at)

    def head_named(
        self, department_id: uuid.UUID | None, company_id: uuid.UUID, at: datetime.datetime | datetime.date | None
    ) -> str:
        """Who headed a department on a day, or at an instant in its company's days; now, where none is said. Nobody
        where that is not known.
        """
        unit = self.departments.get(department_id) if department_id else None
        if unit is None:
            return ""
        head_id = unit.head_id if at is None else unit.headed_on(self.day_of(at, company_id))
        head = self.people.get(head_id) if head_id else None
        return head.name if head else ""

    def _named(
        self, known: Unit | Rank | None, company_id: uuid.UUID, at: datetime.datetime | datetime.date | None
    ) -> str:
        """A name of a day; one before it was known: the first name."""
        if known is None or at is None or not known.former:
            return known.name if known else ""
        day = self.day_of(at, company_id)
        return next((was.name for was in known.former if day <= was.until), known.name)

    def day_of(self, at: datetime.datetime | datetime.date, company_id: uuid.UUID) -> datetime.date:
        """The business day of a company on which something happened."""
        if not isinstance(at, datetime.datetime):
            return at
        return at.astimezone(self.zone(company_id)).date()

    def named(self, words: str) -> list[uuid.UUID]:
        """Employees, also former ones, whose name holds the words, whose sign-in name begins with them, or with this
        code; nobody without words.
        """
        wanted = words.strip().casefold()
        return [
            person.employee_id
            for person in self.people.values()
            if wanted
            and not person.key_hash
            and (
                wanted in person.name.casefold()
                or person.username.casefold().startswith(wanted)
                or person.code.casefold() == wanted
            )
        ]

    def is_active(self, employee_id: uuid.UUID) -> bool:
        """Whether somebody is there and may act."""
        return (person := self.people.get(employee_id)) is not None and person.active

    def _by_code(self, employee_ids: Iterable[uuid.UUID]) -> list[uuid.UUID]:
        active = (employee_id for employee_id in employee_ids if self.is_active(employee_id))
        return sorted(active, key=lambda employee_id: (self.people[employee_id].code, employee_id))


def _id(text: str) -> uuid.UUID | None:
    return uuid.UUID(text) if text else None


def _day(text: str) -> datetime.date | None:
    return datetime.date.fromisoformat(text) if text else None


def _person(message: directory_pb2.Authorization.Person) -> Person:
    cut = message.not_before_time.ToDatetime(datetime.UTC) if message.HasField("not_before_time") else None
    return Person(
        employee_id=uuid.UUID(message.employee_id),
        name=message.name,
        username=message.username,
        code=message.code,
        company_id=_id(message.company_id),
        department_id=_id(message.department_id),
        post_id=_id(message.post_id),
        active=message.active,
        not_before=cut,
        reports_to_id=_id(message.reports_to_id),
        seats=tuple(
            Seat(uuid.UUID(seat.department_id), _id(seat.post_id), _id(seat.reports_to_id), seat.dotted)
            for seat in message.seats
        ),
        email=message.email,
        locale=sys.intern(message.locale or "zh-CN"),
        maker_id=_id(message.maker_id),
        key_hash=message.key_hash,
        valid_until=_day(message.valid_until_date),
    )


def _unit(message: directory_pb2.Authorization.Unit) -> Unit:
    return Unit(
        department_id=uuid.UUID(message.department_id),
        company_id=uuid.UUID(message.company_id),
        parent_id=_id(message.parent_id),
        head_id=_id(message.head_id),
        name=message.name,
        active=message.active,
        former=_former(message.former),
        heads=tuple(
            Headed(
                datetime.date.fromisoformat(one.from_date), _day(one.until_date), uuid.UUID(one.employee_id), one.acting
            )
            for one in message.heads
        ),
    )


def _former(messages: Iterable[directory_pb2.Authorization.Former]) -> tuple[Former, ...]:
    return tuple(Former(datetime.date.fromisoformat(was.until_date), was.name, _id(was.parent_id)) for was in messages)


def _place(message: directory_pb2.Authorization.Place) -> Place:
    return Place(
        company_id=uuid.UUID(message.company_id),
        code=message.code,
        name=message.name,
        short_name=message.short_name,
        base_currency=message.base_currency,
        time_zone=message.time_zone,
        credit_code=message.credit_code,
        address=message.address,
        phone=message.phone,
        working_hours=message.working_hours,
    )


def _deputy(message: directory_pb2.Authorization.Deputy) -> Deputy:
    return Deputy(
        delegation_id=uuid.UUID(message.delegation_id),
        delegator_id=uuid.UUID(message.delegator_id),
        delegate_id=uuid.UUID(message.delegate_id),
        first=datetime.date.fromisoformat(message.from_date),
        last=datetime.date.fromisoformat(message.until_date),
        document_types=frozenset(message.document_types),
        limit=Decimal(message.limit_amount) if message.limit_amount else None,
        currency=message.currency,
    )


def _right(message: directory_pb2.Authorization.Right) -> Right:
    return Right(
        employee_id=uuid.UUID(message.employee_id),
        role_code=message.role_code,
        company_id=_id(message.company_id),
        scope=grants_pb2.Grant.Scope.Name(message.scope),
        department_ids=frozenset(map(uuid.UUID, message.department_ids)),
        permissions=frozenset(message.permissions),
        valid_from=_day(message.valid_from_date),
        valid_until=_day(message.valid_until_date),
        role_name=message.role_name,
    )
