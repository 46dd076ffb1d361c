"""Who may do what, and to which documents.

`Rights` answers from one organisation and is pure; `Snapshot` keeps the newest organisation and stops answering when it
has grown too old. Nothing here remembers a "yes" longer than the organisation it came from.
"""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import time
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import structlog

from chassis import contract
from chassis.clock import Clock
from chassis.errors import Refused
from chassis.organisation import Organisation, Person, Right
from heyi.identity.v1 import directory_pb2

# From the narrowest to the widest, as Grant.Scope numbers them.
SCOPES = ("OWN", "DEPARTMENT", "DEPARTMENT_AND_BELOW", "CHOSEN", "COMPANY", "ALL")

POLL_SECONDS = 5.0
FETCH_SECONDS = 4.0
SERVED_SECONDS = 120.0
_REMEMBERED = 50_000

log = structlog.get_logger("heyi.policy")


@dataclass(frozen=True, slots=True)
class Reach:
    """Which documents a permission reaches for one person: everything, or those of companies, departments, the own.

    Whoever holds a permission at all holds it for the own documents, so `own` is always true.
    """

    employee_id: uuid.UUID
    all: bool = False
    companies: frozenset[uuid.UUID] = frozenset()
    departments: frozenset[uuid.UUID] = frozenset()
    own: bool = True

    def covers(
        self, company_id: uuid.UUID | None, department_id: uuid.UUID | None = None, owner_id: uuid.UUID | None = None
    ) -> bool:
        """Whether a document lies within. One without a company belongs to the group: any holder reaches it."""
        return (
            self.all
            or company_id is None
            or company_id in self.companies
            or department_id in self.departments
            or (self.own and owner_id == self.employee_id)
        )


def covers(
    reach: Reach, company_id: uuid.UUID | None, department_id: uuid.UUID | None, owner_id: uuid.UUID | None
) -> bool:
    """Whether a document lies within a reach."""
    return reach.covers(company_id, department_id, owner_id)


def patterns_of(permission: str) -> tuple[str, ...]:
    """What a role may hold to hold this: `a.b.c`, `a.b.*`, `a.*`, `*`."""
    parts = permission.split(".")
    return (permission, *(".".join([*parts[:count], "*"]) for count in range(len(parts) - 1, -1, -1)))


class Rights:
    """Questions about one organisation. Answers are remembered as long as it lives."""

    def __init__(self, organisation: Organisation) -> None:
        self.organisation = organisation
        self._by_pattern: dict[uuid.UUID, dict[str, list[Right]]] = {}
        self._reaches: dict[tuple[uuid.UUID, str, uuid.UUID, datetime.date], Reach | None] = {}

    def admit(self, employee_id: uuid.UUID, issued_at: datetime.datetime) -> Person:
        """The person behind a token; refuses one who is disabled or was cut off after the token was issued."""
        person = self.organisation.people.get(employee_id)
        if person is None or not person.active:
            raise Refused("NOT_SIGNED_IN", why="disabled")
        if person.maker_id is not None and not self._stands(person):
            raise Refused("NOT_SIGNED_IN", why="key")
        if person.not_before is not None and issued_at < person.not_before:
            raise Refused("NOT_SIGNED_IN", why="cut_off")
        return person

    def admit_key(self, key: str) -> Person:
        """The API key that a program shows; refuses what is none, revoked, over, or made by somebody who left."""
        found = self.organisation.key(hashlib.sha256(key.encode()).digest())
        if found is None or not self._stands(found):
            raise Refused("NOT_SIGNED_IN", why="key")
        return found

    def _stands(self, key: Person) -> bool:
        """Whether a key counts today: not over, and its maker still works here."""
        today = self.organisation.today(key.company_id or uuid.UUID(int=0))
        over = key.valid_until is not None and key.valid_until < today
        return key.active and not over and key.maker_id is not None and self.organisation.is_active(key.maker_id)

    def holds_whole(self, employee_id: uuid.UUID, permission: str, company_id: uuid.UUID) -> bool:
        """Whether a permission reaches all that is a company's."""
        reach = self.reach(employee_id, permission, company_id)
        return reach is not None and (reach.all or company_id in reach.companies)

    def companies_of(self, employee_id: uuid.UUID) -> list[uuid.UUID]:
        """Companies that are offered to a person: the own one first, then those in which a right reaches anything, by
        code.
        """
        person = self.organisation.people.get(employee_id)
        if person is None or not person.active:
            return []
        rights = self.organisation.rights.get(employee_id, ())
        others = [
            place
            for place in self.organisation.companies.values()
            if place.company_id != person.company_id
            and any(
                right.holds(place.company_id, self.organisation.today(place.company_id))
                and self._lands(right, person, place.company_id)
                for right in rights
            )
        ]
        home = person.company_id
        own = [home] if home is not None and home in self.organisation.companies else []
        return [*own, *(place.company_id for place in sorted(others, key=lambda place: place.code))]

    def acts_for(self, employee_id: uuid.UUID, company_id: uuid.UUID) -> bool:
        """Whether a person may choose this company; also one where they see only what they were asked about."""
        person = self.organisation.people.get(employee_id)
        if person is None or not person.active or company_id not in self.organisation.companies:
            return False
        today = self.organisation.today(company_id)
        rights = self.organisation.rights.get(employee_id, ())
        return person.company_id == company_id or any(right.holds(company_id, today) for right in rights)

    def _lands(self, right: Right, person: Person, company_id: uuid.UUID) -> bool:
        """Whether a right reaches more than nothing in a company: departments may all lie in others."""
        match right.scope:
            case "CHOSEN":
                departments = right.department_ids
            case "DEPARTMENT" | "DEPARTMENT_AND_BELOW":
                departments = frozenset(where for where, _ in person.posts if where)
            case _:
                return True
        units = map(self.organisation.departments.get, departments)
        return any(unit is not None and unit.company_id == company_id for unit in units)

    def reach(
        self, employee_id: uuid.UUID, permission: str, company_id: uuid.UUID, today: datetime.date | None = None
    ) -> Reach | None:
        """What a permission reaches in a company; None where the person does not hold it."""
        today = today or self.organisation.today(company_id)
        key = (employee_id, permission, company_id, today)
        if key not in self._reaches:
            if len(self._reaches) >= _REMEMBERED:
                self._reaches.clear()
            self._reaches[key] = self._evaluate(*key)
        return self._reaches[key]

    def may(
        self, employee_id: uuid.UUID, permission: str, company_id: uuid.UUID, today: datetime.date | None = None
    ) -> bool:
        """Whether a person holds a permission in a company, whatever it reaches."""
        return self.reach(employee_id, permission, company_id, today) is not None

    def permissions_of(
        self, employee_id: uuid.UUID, company_id: uuid.UUID, catalogue: Iterable[str] | None = None
    ) -> dict[str, str]:
        """Every permission that a person holds in a company, with the widest scope of each."""
        names = contract.load().permissions() if catalogue is None else catalogue
        today = self.organisation.today(company_id)
        held = {name: self._holding(employee_id, name, company_id, today) for name in names}
        return {name: max((r.scope for r in rights), key=SCOPES.index) for name, rights in held.items() if rights}

    def _evaluate(
        self, employee_id: uuid.UUID, permission: str, company_id: uuid.UUID, today: datetime.date
    ) -> Reach | None:
        rights = self._holding(employee_id, permission, company_id, today)
        if not rights:
            return None
        maker = self.organisation.people[employee_id].maker_id
        if maker is not None and not self.holds_whole(maker, permission, company_id):
            # a key reaches no further than who made it does now
            return None
        everything, companies, departments = False, set[uuid.UUID](), set[uuid.UUID]()
        # where somebody holds a post beside the principal one, they belong too; a dotted line gives nothing
        homes = [where for where, _ in self.organisation.people[employee_id].posts if where]
        for right in rights:
            match right.scope:
                case "ALL" if right.company_id is None:
                    everything = True
                case "ALL" | "COMPANY":
                    companies.add(company_id)
                case "CHOSEN":
                    departments |= right.department_ids
                case "DEPARTMENT_AND_BELOW":
                    departments |= frozenset[uuid.UUID]().union(*map(self.organisation.below, homes))
                case "DEPARTMENT":
                    departments |= set(homes)
        return Reach(employee_id, everything, frozenset(companies), frozenset(departments))

    def _holding(
        self, employee_id: uuid.UUID, permission: str, company_id: uuid.UUID, today: datetime.date
    ) -> list[Right]:
        """Rights of an active person that hold a permission here and today. An unknown scope holds nothing."""
        by_pattern = self._by_pattern.get(employee_id)
        if by_pattern is None:
            by_pattern = self._by_pattern[employee_id] = self._index(employee_id)
        return [
            right
            for pattern in patterns_of(permission)
            for right in by_pattern.get(pattern, ())
            if right.holds(company_id, today)
        ]

    def _index(self, employee_id: uuid.UUID) -> dict[str, list[Right]]:
        index: defaultdict[str, list[Right]] = defaultdict(list)
        person = self.organisation.people.get(employee_id)
        for right in self.organisation.rights.get(employee_id, ()) if person and person.active else ():
            if right.scope in SCOPES:
                for pattern in right.permissions:
                    index[pattern].append(right)
        return dict(index)


Fetch = Callable[[int], Awaitable[directory_pb2.Authorization]]


class Snapshot:
    """Keeps the newest organisation: asks at the start, when woken by an event, and every five seconds.

    While identity cannot be reached the last answer serves for 120 seconds; after that nobody may do anything.
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        poll_seconds: float = POLL_SECONDS,
        served_seconds: float = SERVED_SECONDS,
    ) -> None:
        self._fetch = fetch
        self._clock = clock or Clock()
        self._monotonic = monotonic
        self._poll_seconds = poll_seconds
        self._served_seconds = served_seconds
        self._rights: Rights | None = None
        self._confirmed_at = float("-inf")
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.listeners: list[Callable[[Organisation], None]] = []

    @property
    def known(self) -> bool:
        """Whether questions are answered at the moment."""
        return self._rights is not None and self._monotonic() - self._confirmed_at <= self._served_seconds

    @property
    def rights(self) -> Rights:
        """The newest rights; refuses with AUTHORIZATION_UNKNOWN when they are too old to be believed."""
        if self._rights is None or not self.known:
            raise Refused("AUTHORIZATION_UNKNOWN")
        return self._rights

    @property
    def organisation(self) -> Organisation:
        """The newest organisation; refused like `rights`."""
        return self.rights.organisation

    async def start(self) -> None:
        """Ask once and go on asking. Does not fail when identity is not up yet: until it is, everything is refused."""
        await self.attempt()
        self._task = asyncio.create_task(self._poll(), name="heyi-authorization")

    async def stop(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def wake(self) -> None:
        """Something changed in identity: ask now."""
        self._woken.set()

    async def refresh(self) -> bool:
        """Ask once; True where something changed. Raises what the question raises."""
        epoch = self._rights.organisation.epoch if self._rights else 0
        asked_at = self._monotonic()
        async with asyncio.timeout(FETCH_SECONDS):
            answer = await self._fetch(epoch)
        if answer.unchanged and self._rights is not None:
            self._confirmed_at = asked_at
            return False
        self.put(Organisation.of(answer, self._clock), asked_at)
        return True

    def put(self, organisation: Organisation, asked_at: float | None = None) -> None:
        """Take an organisation as the newest, as if identity had just sent it."""
        self._rights = Rights(organisation)
        self._confirmed_at = self._monotonic() if asked_at is None else asked_at
        for listener in self.listeners:
            listener(organisation)

    async def attempt(self) -> None:
        """Ask once; what goes wrong is written down."""
        try:
            await self.refresh()
        except Exception:
            # Whatever it was, the keeper must go on asking; what follows from not knowing is decided by `known`.
            log.warning("authorization_not_refreshed", known=self.known, exc_info=True)

    async def _poll(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._poll_seconds):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()
            await self.attempt()
