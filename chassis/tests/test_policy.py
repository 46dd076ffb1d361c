"""Who may do what: every scope, every pattern, every way to lose a right."""

import asyncio
import datetime
import uuid

import pytest

from chassis.clock import FrozenClock
from chassis.errors import Refused
from chassis.organisation import Organisation
from chassis.policy import SCOPES, Reach, Rights, Snapshot, covers, patterns_of
from heyi.identity.v1 import directory_pb2, grants_pb2

A, B, C = (uuid.UUID(int=1 + n) for n in range(3))
TOP, SALES, NORTH, FAR = (uuid.UUID(int=10 + n) for n in range(4))
ME, PEER, GONE, STRANGER, FIRST = (uuid.UUID(int=100 + n) for n in range(5))
GET, SUBMIT = "procurement.purchase_order.get", "procurement.purchase_order.submit"
TODAY = datetime.date(2026, 11, 23)


def answer(*rights: dict, epoch: int = 1) -> directory_pb2.Authorization:
    message = directory_pb2.Authorization(epoch=epoch)
    for company, code in ((A, "a"), (B, "b"), (C, "c")):
        message.companies.add(company_id=str(company), code=code, time_zone="Asia/Shanghai")
    for unit, company, parent in ((TOP, A, ""), (SALES, A, TOP), (NORTH, A, SALES), (FAR, B, "")):
        message.departments.add(department_id=str(unit), company_id=str(company), parent_id=str(parent), active=True)
    people = ((ME, A, SALES, True), (PEER, A, SALES, True), (GONE, A, SALES, False), (FIRST, "", "", True))
    for person, company, unit, active in people:
        message.people.add(employee_id=str(person), company_id=str(company), department_id=str(unit), active=active)
    for right in rights:
        message.rights.add(
            **{"employee_id": str(ME), "company_id": str(A), "permissions": [GET], "scope": "COMPANY", **right}
        )
    return message


def rights(*given: dict) -> Rights:
    return Rights(Organisation.of(answer(*given), FrozenClock("2026-11-23T12:00:00+08:00")))


def test_scopes_are_those_of_the_contract_from_narrow_to_wide():
    assert list(SCOPES) == grants_pb2.Grant.Scope.keys()[1:]


def test_nobody_may_anything_without_a_right():
    assert rights().reach(ME, GET, A) is None
    assert not rights().may(ME, GET, A)


@pytest.mark.parametrize(
    ("held", "asked", "may"),
    [
        ("*", GET, True),
        ("procurement.*", GET, True),
        ("procurement.purchase_order.*", GET, True),
        (GET, GET, True),
        (GET, SUBMIT, False),
        ("procurement.purchase_order", GET, False),
        ("procurement.purchase_orders.*", GET, False),
        ("procurement", GET, False),
        ("inventory.*", GET, False),
        ("*.get", GET, False),
        ("procurement.*.get", GET, False),
        ("proc*", GET, False),
        ("", GET, False),
        ("*", "platform.parked_event.list", True),
        (GET.upper(), GET, False),
    ],
)
def test_a_star_at_the_end_stands_for_the_rest(held, asked, may):
    assert rights({"permissions": [held]}).may(ME, asked, A) is may


def test_patterns_of_a_permission():
    assert patterns_of("a.b.c") == ("a.b.c", "a.b.*", "a.*", "*")


# document: (company, department, owner)
MINE, PEERS = (A, SALES, ME), (A, SALES, PEER)
BELOW, ABOVE = (A, NORTH, PEER), (A, TOP, PEER)
ELSEWHERE, MINE_ELSEWHERE = (B, FAR, STRANGER), (B, FAR, ME)
OF_THE_GROUP, UNOWNED = (None, None, None), (A, None, None)
DOCUMENTS = [MINE, PEERS, BELOW, ABOVE, ELSEWHERE, MINE_ELSEWHERE, OF_THE_GROUP, UNOWNED]


@pytest.mark.parametrize(
    ("right", "reached"),
    [
        ({"scope": "OWN"}, [MINE, MINE_ELSEWHERE, OF_THE_GROUP]),
        ({"scope": "DEPARTMENT"}, [MINE, PEERS, MINE_ELSEWHERE, OF_THE_GROUP]),
        ({"scope": "DEPARTMENT_AND_BELOW"}, [MINE, PEERS, BELOW, MINE_ELSEWHERE, OF_THE_GROUP]),
        ({"scope": "CHOSEN", "department_ids": [str(TOP)]}, [MINE, ABOVE, MINE_ELSEWHERE, OF_THE_GROUP]),
        ({"scope": "CHOSEN"}, [MINE, MINE_ELSEWHERE, OF_THE_GROUP]),
        ({"scope": "COMPANY"}, [MINE, PEERS, BELOW, ABOVE, MINE_ELSEWHERE, OF_THE_GROUP, UNOWNED]),
        ({"scope": "ALL"}, [MINE, PEERS, BELOW, ABOVE, MINE_ELSEWHERE, OF_THE_GROUP, UNOWNED]),
        ({"scope": "ALL", "company_id": ""}, DOCUMENTS),
        ({"scope": "COMPANY", "company_id": ""}, [MINE, PEERS, BELOW, ABOVE, MINE_ELSEWHERE, OF_THE_GROUP, UNOWNED]),
    ],
)
def test_what_each_scope_reaches(right, reached):
    reach = rights(right).reach(ME, GET, A)
    assert [document for document in DOCUMENTS if covers(reach, *document)] == reached


def test_several_rights_reach_what_each_of_them_does():
    both = rights({"scope": "DEPARTMENT"}, {"scope": "CHOSEN", "department_ids": [str(TOP)], "permissions": ["*"]})
    assert both.reach(ME, GET, A) == Reach(ME, departments=frozenset({SALES, TOP}))
    assert both.reach(ME, SUBMIT, A) == Reach(ME, departments=frozenset({TOP}))


def test_a_department_s_scope_reaches_where_a_post_is_held_beside_and_not_along_a_dotted_line():
    message = answer({"scope": "DEPARTMENT_AND_BELOW"})
    message.people[0].department_id = str(NORTH)
    message.people[0].seats.add(department_id=str(SALES), post_id=str(uuid.UUID(int=50)))
    message.people[0].seats.add(department_id=str(TOP), dotted=True)
    held = Rights(Organisation.of(message, FrozenClock("2026-11-23T12:00:00+08:00")))
    assert held.reach(ME, GET, A) == Reach(ME, departments=frozenset({NORTH, SALES}))


def test_a_department_s_scope_of_somebody_without_one_reaches_the_own():
    first = rights({"employee_id": str(FIRST), "company_id": "", "scope": "DEPARTMENT_AND_BELOW"})
    assert first.reach(FIRST, GET, A) == Reach(FIRST)


@pytest.mark.parametrize(
    ("right", "company", "today", "holds"),
    [
        ({}, A, TODAY, True),
        ({}, B, TODAY, False),
        ({"company_id": ""}, B, TODAY, True),
        ({"valid_from_date": "2026-11-23", "valid_until_date": "2026-11-23"}, A, TODAY, True),
        ({"valid_from_date": "2026-11-24"}, A, TODAY, False),
        ({"valid_until_date": "2026-11-22"}, A, TODAY, False),
        ({"valid_until_date": "2026-11-22"}, A, datetime.date(2026, 11, 22), True),
        ({"scope": "SCOPE_UNSPECIFIED"}, A, TODAY, False),
        ({"employee_id": str(GONE)}, A, TODAY, False),
        ({"employee_id": str(PEER)}, A, TODAY, False),
    ],
)
def test_a_right_counts_for_its_person_in_its_company_within_its_days(right, company, today, holds):
    assert rights(right).may(ME, GET, company, today) is holds
    assert not rights(right).may(GONE, GET, company, today)
    assert not rights(right).may(STRANGER, GET, company, today)


def test_today_is_the_company_s_day_unless_another_is_asked_for():
    assert not rights({"valid_from_date": "2026-11-24"}).may(ME, GET, A)
    assert rights({"valid_from_date": "2026-11-23"}).may(ME, GET, A)


def test_the_widest_scope_of_every_permission():
    mixed = rights(
        {"permissions": ["procurement.*"], "scope": "OWN"},
        {"permissions": [GET], "scope": "COMPANY"},
        {"permissions": ["*"], "scope": "ALL", "company_id": str(B)},
    )
    catalogue = [GET, SUBMIT, "inventory.item.get"]
    assert mixed.permissions_of(ME, A, catalogue) == {GET: "COMPANY", SUBMIT: "OWN"}
    assert mixed.permissions_of(ME, B, catalogue) == dict.fromkeys(catalogue, "ALL")
    assert mixed.permissions_of(GONE, A, catalogue) == {}
    assert rights({"permissions": ["*"]}).permissions_of(ME, A)[GET] == "COMPANY"


@pytest.mark.parametrize(
    ("right", "companies"),
    [
        ({"employee_id": str(PEER)}, [A]),
        ({"company_id": str(C)}, [A, C]),
        ({"company_id": ""}, [A, B, C]),
        ({"company_id": str(B), "valid_until_date": "2026-11-22"}, [A]),
    ],
)
def test_companies_that_a_person_may_act_for(right, companies):
    given = rights(right)
    assert given.companies_of(ME) == companies
    assert [company for company in (A, B, C) if given.acts_for(ME, company)] == sorted(companies)
    assert given.companies_of(GONE) == given.companies_of(STRANGER) == given.companies_of(FIRST) == []
    assert not given.acts_for(GONE, A)
    assert not given.acts_for(ME, STRANGER)


@pytest.mark.parametrize(
    ("right", "offered"),
    [
        ({"scope": "DEPARTMENT_AND_BELOW"}, [A]),
        ({"scope": "DEPARTMENT"}, [A]),
        ({"scope": "CHOSEN", "department_ids": [str(FAR)]}, [A, B]),
        ({"scope": "CHOSEN", "department_ids": [str(NORTH)]}, [A]),
        ({"scope": "OWN"}, [A, B, C]),
        ({"scope": "COMPANY"}, [A, B, C]),
    ],
)
def test_a_company_is_offered_where_a_right_reaches_anything(right, offered):
    given = rights({"company_id": "", **right})
    assert given.companies_of(ME) == offered
    # what somebody was asked about in another company stays within reach
    assert given.acts_for(ME, C)


def test_a_head_is_offered_the_company_of_a_post_held_beside():
    message = answer({"company_id": "", "scope": "DEPARTMENT_AND_BELOW"})
    message.people[0].seats.add(department_id=str(FAR), post_id=str(uuid.UUID(int=50)))
    held = Rights(Organisation.of(message, FrozenClock("2026-11-23T12:00:00+08:00")))
    assert held.companies_of(ME) == [A, B]


def test_who_was_disabled_or_cut_off_is_not_signed_in_any_more():
    message = answer()
    cut = datetime.datetime(2026, 11, 23, 4, 0, 0, 500_000, tzinfo=datetime.UTC)
    message.people[0].not_before_time.FromDatetime(cut.replace(tzinfo=None))
    given = Rights(Organisation.of(message))
    assert given.admit(ME, cut).employee_id == ME
    for person, issued in ((ME, cut.replace(microsecond=0)), (GONE, cut), (STRANGER, cut)):
        with pytest.raises(Refused) as refused:
            given.admit(person, issued)
        assert refused.value.reason == "NOT_SIGNED_IN"


class Identity:
    """Answers as identity does; `down` makes it unreachable."""

    def __init__(self) -> None:
        self.epoch, self.down, self.asked = 1, False, []

    async def __call__(self, known_epoch: int) -> directory_pb2.Authorization:
        self.asked.append(known_epoch)
        if self.down:
            raise ConnectionError("identity is away")
        if known_epoch == self.epoch:
            return directory_pb2.Authorization(epoch=self.epoch, unchanged=True)
        return answer({}, epoch=self.epoch)


class Monotonic:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def identity() -> Identity:
    return Identity()


@pytest.fixture
def time() -> Monotonic:
    return Monotonic()


@pytest.fixture
def snapshot(identity, time) -> Snapshot:
    return Snapshot(identity, monotonic=time)


async def test_nothing_is_known_before_identity_answered(snapshot, identity):
    identity.down = True
    await snapshot.start()
    await snapshot.stop()
    with pytest.raises(Refused) as refused:
        _ = snapshot.rights
    assert refused.value.reason == "AUTHORIZATION_UNKNOWN"
    assert not snapshot.known


async def test_an_answer_serves_for_120_seconds_while_identity_is_away(snapshot, identity, time):
    await snapshot.refresh()
    identity.down = True
    time.now += 120
    with pytest.raises(ConnectionError):
        await snapshot.refresh()
    assert snapshot.rights.may(ME, GET, A, TODAY)
    time.now += 0.1
    with pytest.raises(Refused) as refused:
        _ = snapshot.organisation
    assert refused.value.reason == "AUTHORIZATION_UNKNOWN"
    identity.down = False
    assert not await snapshot.refresh()
    assert snapshot.known


async def test_the_same_epoch_confirms_and_another_one_replaces(snapshot, identity):
    seen = []
    snapshot.listeners.append(lambda organisation: seen.append(organisation.epoch))
    assert await snapshot.refresh()
    before = snapshot.rights
    assert not await snapshot.refresh()
    assert snapshot.rights is before
    identity.epoch = 3
    assert await snapshot.refresh()
    assert snapshot.organisation.epoch == 3
    identity.epoch = 2  # restored from a backup
    assert await snapshot.refresh()
    assert (seen, identity.asked) == ([1, 3, 2], [0, 1, 1, 3])


async def test_a_wake_up_asks_at_once_and_a_failure_does_not_end_the_asking(identity, time):
    snapshot = Snapshot(identity, monotonic=time, poll_seconds=3600)
    identity.down = True
    await snapshot.start()
    identity.down = False
    arrived = asyncio.Event()
    snapshot.listeners.append(lambda _: arrived.set())
    snapshot.wake()
    async with asyncio.timeout(5):
        await arrived.wait()
    await snapshot.stop()
    assert snapshot.known


async def test_it_asks_again_by_itself(identity, time):
    snapshot = Snapshot(identity, monotonic=time, poll_seconds=0.01)
    await snapshot.start()
    arrived = asyncio.Event()
    snapshot.listeners.append(lambda _: arrived.set())
    identity.epoch = 2
    async with asyncio.timeout(5):
        await arrived.wait()
    await snapshot.stop()
    assert snapshot.organisation.epoch == 2
