from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from chassis import ids
from chassis.testing import COMPANY, OTHER_COMPANY, Bench, refused, stable
from identity.access_review import progress
from identity.employee.model import Employee
from identity.grant.model import Grant
from identity.seed import ADMINISTRATORS_GRANT, EVERYBODY_MAY
from identity.tests import factories as make

REVIEWERS = ("requester", "colleague", "head", "boss")


@pytest.fixture
async def office(house: Bench, admin: Any) -> Bench:
    """Everybody may what every employee may; three people of the works hold a role, one of finance does."""
    for key in REVIEWERS:
        house.revoke(key)
        house.grant(key, EVERYBODY_MAY, "OWN", company=COMPANY)
    auditor = await make.role_id(house, "auditor")
    for key in ("requester", "head", "boss", "finance_head"):
        await admin.CreateGrant(grant=make.grant(key, auditor))
    return house


def fields(department: str = "works", **changes: Any) -> dict[str, Any]:
    place = {"department_id": str(stable(department))} if department else {}
    return {"title": "2026 年四季度权限复核", "due_date": "2026-12-15", **place, **changes}


async def opened(admin: Any, department: str = "works", **changes: Any) -> Any:
    return await admin.CreateAccessReview(access_review=fields(department, **changes))


async def lines(caller: Any, **asked: Any) -> dict[str, Any]:
    """Lines that somebody sees, by the employee's name."""
    found = (await caller.ListAccessReviewLines(page_size=200, **asked)).access_review_lines
    return {line.employee_name: line for line in found}


def state(message: Any) -> str:
    return str(message.State.Name(message.state))


async def test_the_lines_are_the_roles_given_and_go_to_the_heads(office: Bench, admin: Any) -> None:
    review = await opened(admin)

    found = await lines(admin)
    assert {name: line.owner_id for name, line in found.items()} == {
        "Requester": str(stable("head")),
        "Head": str(stable("boss")),
        "Boss": str(stable("admin")),  # nobody stands above: who opened it
    }
    line = found["Requester"]
    assert (line.role_name, line.grant_company_id, line.scope) == ("审计员", str(COMPANY), 5)
    assert (line.granted_by_id, line.findings) == (str(stable("admin")), "")
    assert line.since_time.ToDatetime().isoformat() == "2026-11-23T01:00:00"
    assert (state(review), review.line_count, review.open_count) == ("OPEN", 3, 3)
    assert [s for s, _ in await office.events("access_review")] == ["evt.identity.access_review.created"]


async def test_a_reviewer_sees_and_answers_the_own_lines_alone(office: Bench, admin: Any) -> None:
    review = await opened(admin)
    head, requester = office.as_("head"), office.as_("requester")

    mine = await lines(head)
    assert list(mine) == ["Requester"]
    assert list(mine["Requester"].allowed_actions) == ["keep", "revoke"]
    assert (await head.GetAccessReview(id=review.id)).allowed_actions == []
    assert await lines(requester) == {}
    for ask in (requester.GetAccessReview(id=review.id), head.GetAccessReviewLine(id=(await lines(admin))["Head"].id)):
        with refused("DOCUMENT_NOT_FOUND"):
            await ask
    with refused("DOCUMENT_NOT_FOUND"):
        await requester.KeepAccessReviewLine(id=mine["Requester"].id)
    with refused("ACCESS_REVIEW_LINE_NOT_REVIEWER"):
        await admin.KeepAccessReviewLine(id=mine["Requester"].id)
    assert (await lines(admin))["Requester"].allowed_actions == []


async def test_it_is_done_when_every_line_is_answered(office: Bench, admin: Any) -> None:
    review = await opened(admin)
    found = await lines(admin)

    kept = await office.as_("head").KeepAccessReviewLine(id=found["Requester"].id, etag=found["Requester"].etag)
    taken = await office.as_("boss").RevokeAccessReviewLine(id=found["Head"].id, reason="不再参加审计")
    half = await admin.GetAccessReview(id=review.id)
    await admin.KeepAccessReviewLine(id=found["Boss"].id)
    done = await admin.GetAccessReview(id=review.id)

    assert (state(kept), state(taken), taken.answer_reason) == ("KEPT", "REVOKED", "不再参加审计")
    grant = await admin.GetGrant(id=found["Head"].grant_id)
    assert (state(grant), grant.revoke_reason) == ("REVOKED", "不再参加审计")
    assert (state(half), half.open_count) == ("OPEN", 1)
    assert (state(done), done.open_count, done.finish_time.ToSeconds() > 0) == ("DONE", 0, True)
    told = [subject.removeprefix("evt.identity.") for subject, _ in await office.events()]
    assert sorted(told[told.index("access_review.created") + 1 :]) == [
        "access_review.finished", "access_review.updated", "access_review.updated", "grant.revoked",
    ]  # fmt: skip
    with refused("ACTION_NOT_ALLOWED"):
        await office.as_("head").RevokeAccessReviewLine(id=found["Requester"].id, reason="x")
    with refused("ACTION_NOT_ALLOWED"):
        await admin.CloseAccessReview(id=review.id, reason="x")


async def test_revoking_wants_a_reason(office: Bench, admin: Any) -> None:
    await opened(admin)
    with refused("FIELD_REQUIRED", field="reason"):
        await office.as_("head").RevokeAccessReviewLine(id=(await lines(admin))["Requester"].id)


async def test_two_last_answers_at_once_finish_it(office: Bench, admin: Any) -> None:
    review = await opened(admin)
    found = await lines(admin)
    await admin.KeepAccessReviewLine(id=found["Boss"].id)

    await asyncio.gather(
        office.as_("head").KeepAccessReviewLine(id=found["Requester"].id),
        office.as_("boss").RevokeAccessReviewLine(id=found["Head"].id, reason="x"),
    )

    assert state(await admin.GetAccessReview(id=review.id)) == "DONE"
    assert len(await office.events("access_review.finished")) == 1


async def test_what_was_revoked_elsewhere_is_gone(office: Bench, admin: Any) -> None:
    review = await opened(admin, "workshop")
    found = await lines(admin)
    await admin.RevokeGrant(id=found["Requester"].grant_id, reason="调岗")

    with refused("ACCESS_REVIEW_LINE_GONE"):
        await office.as_("head").KeepAccessReviewLine(id=found["Requester"].id)
    assert await progress.once(office.runtime) == 1
    assert await progress.once(office.runtime) == 0

    assert state((await lines(admin))["Requester"]) == "GONE"
    assert (await admin.GetAccessReview(id=review.id)).open_count == 1
    await admin.RevokeGrant(id=found["Head"].grant_id, reason="调岗")
    await progress.once(office.runtime)
    assert state(await admin.GetAccessReview(id=review.id)) == "DONE"


async def test_a_grant_past_its_last_day_is_gone(office: Bench, admin: Any) -> None:
    buyer = await make.role_id(office, "buyer")
    await admin.CreateGrant(grant=make.grant("colleague", buyer, valid_until_date="2026-11-23"))
    await opened(admin, "workshop")

    assert await progress.once(office.runtime) == 0
    office.clock.set("2026-11-24T00:00:00+08:00")
    assert await progress.once(office.runtime) == 1
    assert state((await lines(office.as_("admin")))["Colleague"]) == "GONE"


async def test_lines_of_a_disabled_reviewer_go_to_the_next(office: Bench, admin: Any) -> None:
    review = await opened(admin, "workshop")
    await admin.DisableEmployee(id=str(stable("head")), reason="x")
    office.change_person("head", active=False)

    assert await progress.once(office.runtime) == 1
    assert await progress.once(office.runtime) == 0

    boss = office.as_("boss")
    assert "Requester" in await lines(boss)
    assert (await boss.GetAccessReview(id=review.id)).open_count == 2


async def test_a_revocation_has_the_authority_of_who_opened_it(office: Bench, admin: Any) -> None:
    await opened(admin)
    line = (await lines(admin))["Requester"]
    office.revoke("admin")

    with refused("GRANT_BEYOND_OWN"):
        await office.as_("head").RevokeAccessReviewLine(id=line.id, reason="x")
    assert state(await office.as_("head").GetAccessReviewLine(id=line.id)) == "OPEN"


async def test_the_last_administrator_stays(office: Bench, admin: Any) -> None:
    administrator = await make.role_id(office, "administrator")
    await admin.CreateGrant(grant=make.grant("colleague", administrator, "ALL"))
    await admin.RevokeGrant(id=str(ADMINISTRATORS_GRANT))
    await opened(admin, "workshop")
    line = (await lines(admin))["Colleague"]

    with refused("GRANT_LAST_ADMINISTRATOR"):
        await office.as_("head").RevokeAccessReviewLine(id=line.id, reason="x")
    assert state((await lines(admin))["Colleague"]) == "OPEN"


async def test_nobody_reviews_the_own_rights(office: Bench, admin: Any) -> None:
    office.grant("boss", ["identity.*"], "COMPANY", company=COMPANY)
    boss = office.as_("boss")
    review = await opened(boss)
    own = (await lines(boss))["Boss"]

    assert (own.owner_id, own.allowed_actions) == ("", [])
    with refused("ACCESS_REVIEW_LINE_NOT_REVIEWER"):
        await boss.KeepAccessReviewLine(id=own.id)
    closed = await boss.CloseAccessReview(id=review.id, etag=review.etag, reason="到期")
    assert (state(closed), closed.open_count, closed.close_reason) == ("CLOSED", 3, "到期")
    assert {state(line) for line in (await lines(boss)).values()} == {"UNANSWERED"}
    with refused("ACTION_NOT_ALLOWED"):
        await office.as_("head").KeepAccessReviewLine(id=(await lines(boss))["Requester"].id)


async def test_the_list_shows_what_waits_for_me(office: Bench, admin: Any) -> None:
    review = await opened(admin)
    head = office.as_("head")

    async def waiting(caller: Any) -> list[str]:
        return [one.id for one in (await caller.ListAccessReviews(waiting_for_me=True)).access_reviews]

    assert [await waiting(one) for one in (head, admin, office.as_("requester"))] == [[review.id], [review.id], []]
    await head.KeepAccessReviewLine(id=(await lines(head))["Requester"].id)
    assert await waiting(head) == []
    assert [one.id for one in (await head.ListAccessReviews()).access_reviews] == [review.id]


async def test_separated_duties_that_are_broken_stand_at_both_lines(office: Bench, admin: Any) -> None:
    pair = make.duty_conflict(["inventory.item.create"], ["procurement.supplier.create"], severity="REPORT")
    await admin.CreateDutyConflict(duty_conflict=pair)
    for role in ("master_data", "buyer"):
        await admin.CreateGrant(grant=make.grant("colleague", await make.role_id(office, role)))
    await opened(admin, "workshop")

    found = (await admin.ListAccessReviewLines(filter=f'employee_id = "{stable("colleague")}"')).access_review_lines

    named = f"{pair['code']} {pair['name']}"
    assert {line.role_name: line.findings for line in found} == {
        "采购员": f"{named} (物料主数据管理员)",
        "物料主数据管理员": f"{named} (采购员)",
    }


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"due_date": "2026-11-22"}, "ACCESS_REVIEW_DUE", "due_date"),
        ({"due_date": ""}, "FIELD_REQUIRED", "due_date"),
        ({"title": ""}, "FIELD_REQUIRED", "title"),
        ({"department_id": str(stable("elsewhere"))}, "ACCESS_REVIEW_DEPARTMENT", "department_id"),
        ({"department_id": str(stable("nowhere"))}, "FIELD_NO_SUCH_DOCUMENT", "department_id"),
    ],
)
async def test_what_is_wrong_is_refused(
    office: Bench, admin: Any, changes: dict[str, Any], reason: str, field: str
) -> None:
    with refused(reason, field=field):
        await opened(admin, **changes)


async def test_an_empty_one_a_second_one_and_one_beyond_the_reach_are_refused(office: Bench, admin: Any) -> None:
    await opened(admin)
    with refused("ACCESS_REVIEW_EXISTS"):
        await opened(admin)
    await opened(admin, "workshop")
    await opened(admin, "")
    with refused("ACCESS_REVIEW_EXISTS"):
        await opened(admin, "")
    with refused("ACCESS_REVIEW_EMPTY"):
        await opened(office.as_("admin", company=OTHER_COMPANY), "")
    office.grant("finance_head", ["identity.access_review.create"], "DEPARTMENT", company=COMPANY)
    with refused("ACCESS_REVIEW_REACH"):
        await opened(office.as_("finance_head"), "works")
    assert (await opened(office.as_("finance_head"), "finance")).line_count == 1


async def test_statements_do_not_grow_with_lines(office: Bench, admin: Any) -> None:
    auditor = await make.role_id(office, "auditor")

    async def counts(department: str) -> list[int]:
        numbers = []
        with office.statements() as seen:
            review = await opened(admin, department)
        numbers.append(len(seen))
        asked = {"filter": f'access_review_id = "{review.id}"', "summarize": True}
        with office.statements() as seen:
            await admin.ListAccessReviewLines(page_size=200, **asked)
        numbers.append(len(seen))
        line = (await lines(admin, filter=f'{asked["filter"]} AND owner_id = "{stable("boss")}"'))["Head"]
        with office.statements() as seen:
            await office.as_("boss").RevokeAccessReviewLine(id=line.id, reason="x")
        numbers.append(len(seen))
        with office.statements() as seen:
            await admin.CloseAccessReview(id=review.id, reason="x")
        return [*numbers, len(seen)]

    before = await counts("works")
    await admin.CreateGrant(grant=make.grant("head", auditor))
    people = [
        {
            "version": 1, "id": ids.uuid7(), "code": f"M{n:04d}", "name": f"员工{n}", "username": f"more{n}",
            "home_company_id": COMPANY, "department_id": stable("workshop"),
        }
        for n in range(300)
    ]  # fmt: skip
    given = [
        {
            "version": 1, "id": ids.uuid7(), "employee_id": one["id"], "role_id": auditor, "scope": "COMPANY",
            "grant_company_id": COMPANY, "department_ids": [],
        }
        for one in people
    ]  # fmt: skip
    async with office.runtime.sessions() as session, session.begin():
        await session.execute(sa.insert(Employee.__table__), people)
        await session.execute(sa.insert(Grant.__table__), given)

    assert await counts("works") == before
