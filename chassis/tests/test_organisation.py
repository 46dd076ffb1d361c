"""The organisation: heads, branches, holders."""

import datetime
import uuid

import pytest

from chassis.clock import FrozenClock
from chassis.organisation import Organisation
from heyi.identity.v1 import directory_pb2, grants_pb2

A, B = uuid.UUID(int=1), uuid.UUID(int=2)
TOP, SALES, NORTH, LOOP = (uuid.UUID(int=10 + n) for n in range(4))
BOSS, HEAD, CLERK, GONE, OTHER, FIRST = (uuid.UUID(int=100 + n) for n in range(6))
BUYER = uuid.UUID(int=50)

Answer = directory_pb2.Authorization


def answer() -> Answer:
    message = Answer(epoch=7)
    for company, name, zone in ((A, "甲", "Asia/Shanghai"), (B, "乙", "America/New_York")):
        message.companies.add(company_id=str(company), code=name, name=name, base_currency="CNY", time_zone=zone)
    message.posts.add(post_id=str(BUYER), code="B", name="采购员", level=5)
    units = ((TOP, None, BOSS), (SALES, TOP, GONE), (NORTH, SALES, HEAD), (LOOP, LOOP, HEAD))
    for unit, parent, head in units:
        message.departments.add(
            department_id=str(unit),
            company_id=str(A),
            parent_id=str(parent or ""),
            head_id=str(head),
            name="x",
            active=True,
        )
    people = (
        (BOSS, A, TOP, True),
        (HEAD, A, NORTH, True),
        (CLERK, A, NORTH, True),
        (GONE, A, SALES, False),
        (OTHER, B, None, True),
        (FIRST, None, None, True),
    )
    for person, company, unit, active in people:
        message.people.add(
            employee_id=str(person),
            company_id=str(company or ""),
            department_id=str(unit or ""),
            active=active,
            post_id=str(BUYER),
            code=str(person.int),
            name="n",
        )
    message.people[0].not_before_time.FromDatetime(datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC))
    return message


def organisation(message: Answer | None = None, now: str = "2026-11-23T09:00:00+08:00") -> Organisation:
    return Organisation.of(message or answer(), FrozenClock(now))


def grant(message: Answer, person: uuid.UUID, role: str, company: uuid.UUID | None = A, **facts: str) -> None:
    message.rights.add(
        employee_id=str(person), role_code=role, company_id=str(company or ""), scope=grants_pb2.Grant.OWN, **facts
    )


def test_an_answer_becomes_an_organisation():
    group = organisation()
    assert group.epoch == 7
    assert group.person(BOSS).not_before == datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC)
    assert group.person(CLERK).not_before is None
    assert group.person(FIRST).company_id is None
    assert group.departments[TOP].parent_id is None
    assert group.posts[BUYER].level == 5
    assert group.companies[B].time_zone == "America/New_York"


def test_an_answer_that_says_unchanged_is_none():
    with pytest.raises(ValueError, match="nothing changed"):
        Organisation.of(Answer(epoch=7, unchanged=True))


@pytest.mark.parametrize(
    ("person", "chain"),
    [
        (CLERK, [HEAD, BOSS]),  # the disabled head between them is left out
        (HEAD, [BOSS]),  # nobody is their own head
        (BOSS, []),
        (OTHER, []),  # without a department
    ],
)
def test_heads_from_the_own_department_upward(person, chain):
    assert organisation().head_chain(person) == chain


def test_one_head_of_two_departments_stands_once_in_the_chain():
    message = answer()
    message.departments[1].head_id = str(HEAD)
    assert organisation(message).head_chain(CLERK) == [HEAD, BOSS]


def test_a_department_reaches_itself_and_every_one_below():
    group = organisation()
    assert group.below(TOP) == {TOP, SALES, NORTH}
    assert group.below(NORTH) == {NORTH}
    assert group.below(LOOP) == {LOOP}
    assert [unit.department_id for unit in group.above(LOOP)] == [LOOP]
    assert [unit.department_id for unit in group.above(NORTH)] == [NORTH, SALES, TOP]


def test_holders_of_a_role_hold_it_in_the_company_and_today():
    message = answer()
    grant(message, CLERK, "BUYER")
    grant(message, BOSS, "BUYER", None)
    grant(message, OTHER, "BUYER", B)
    grant(message, GONE, "BUYER")
    grant(message, HEAD, "BUYER", valid_from_date="2026-11-24")
    assert organisation(message).holders_of_role("BUYER", A) == [BOSS, CLERK]
    assert organisation(message).holders_of_role("BUYER", B) == [BOSS, OTHER]
    assert organisation(message, "2026-11-24T00:00:00+08:00").holders_of_role("BUYER", A) == [BOSS, HEAD, CLERK]
    assert organisation(message).holders_of_role("NONE", A) == []


def test_holders_of_a_post_work_in_the_company():
    assert organisation().holders_of_post(BUYER, A) == [BOSS, HEAD, CLERK]
    assert organisation().holders_of_post(BUYER, B) == [OTHER]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("佳", [CLERK]),
        ("沈佳怡 ", [CLERK]),
        ("Shen", [CLERK]),
        ("jia", []),
        (str(HEAD.int), [HEAD]),
        (str(HEAD.int)[:-1], []),
        ("n", [BOSS, HEAD, GONE, OTHER, FIRST]),
        ("  ", []),
    ],
)
def test_people_are_found_by_name_sign_in_name_or_code(words, found):
    message = answer()
    message.people[2].name, message.people[2].username = "沈佳怡", "shenjiayi"
    assert organisation(message).named(words) == found


def test_a_department_keeps_the_names_of_its_days():
    message = answer()
    message.departments[2].former.add(until_date="2026-01-31", name="旧名")
    message.departments[2].former.add(until_date="2026-06-30", name="中名")
    known = organisation(message)

    names = [known.department_named(NORTH, A, datetime.date(2026, month, 1)) for month in (1, 2, 7)]
    assert names == ["旧名", "中名", "x"]
    assert known.department_named(NORTH, A, None) == "x"
    # half past four in the afternoon in London is the first of July in Shanghai
    assert known.department_named(NORTH, A, datetime.datetime(2026, 6, 30, 16, 30, tzinfo=datetime.UTC)) == "x"
    assert known.department_named(uuid.UUID(int=999), A, None) == ""


def test_a_post_held_in_another_company_counts_there_and_a_dotted_line_nowhere():
    message = answer()
    message.departments.add(department_id=str(uuid.UUID(int=20)), company_id=str(B), name="y", active=True)
    message.people[2].seats.add(department_id=str(uuid.UUID(int=20)), post_id=str(BUYER))
    message.people[1].seats.add(department_id=str(uuid.UUID(int=20)), dotted=True)
    known = organisation(message)

    assert known.holders_of_post(BUYER, B) == [CLERK, OTHER]
    assert known.person(CLERK).posts == [(NORTH, BUYER), (uuid.UUID(int=20), BUYER)]
    assert known.person(HEAD).posts == [(NORTH, BUYER)]
