from __future__ import annotations

import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.testing import COMPANY, OTHER_COMPANY, Bench, refused, stable
from identity.employee.model import Account, Employee
from identity.tests import factories as make
from identity.tests.factories import PASSWORD


async def account_of(house: Bench, employee_id: str) -> Account:
    async with house.runtime.sessions() as session:
        found = await session.execute(sa.select(Account).where(Account.employee_id == employee_id))
        return found.scalar_one()


async def test_an_employee_joins_and_the_account_is_due(house: Bench, admin: Any) -> None:
    made = await admin.CreateEmployee(
        employee=make.employee(username="Zhang.Wei", name="张伟", initial_password=PASSWORD, keep_password=True)
    )

    assert (made.username, made.sort_key, made.locale) == ("zhang.wei", "zhang wei", "zh-CN")
    assert (made.state, made.account_state) == (made.ACTIVE, made.PENDING)
    account = await account_of(house, made.id)
    assert (account.wanted, account.done, account.password, account.password_temporary) == (1, 0, PASSWORD, False)
    assert [e.id for e in (await admin.ListEmployees(search="zw")).employees] == [made.id]


async def test_a_password_is_ciphertext_at_rest_and_in_no_event_audit_or_reply(house: Bench, admin: Any) -> None:
    made = await admin.CreateEmployee(employee=make.employee(initial_password=PASSWORD))

    async with house.runtime.engine.connect() as connection:
        stored = (await connection.execute(sa.text("SELECT password FROM account WHERE password IS NOT NULL"))).scalar()
        everything = [
            str((await connection.execute(sa.text(f"SELECT * FROM {table}"))).all())
            for table in ("audit_entry", "audit_change", "outbox", "idempotency", "employee")
        ]
    assert PASSWORD.encode() not in stored
    assert all(PASSWORD not in text for text in everything)
    assert PASSWORD not in str(made)


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"username": "wang xiaoming"}, "FIELD_FORMAT", "username"),
        ({"username": "王小明"}, "FIELD_FORMAT", "username"),
        ({"username": "service-account-heyi-identity"}, "FIELD_FORMAT", "username"),
        ({"email": "wang"}, "FIELD_FORMAT", "email"),
        ({"locale": "fr"}, "FIELD_FORMAT", "locale"),
        ({"hire_date": "2026-02-30"}, "FIELD_DATE", "hire_date"),
        ({"department_id": str(stable("elsewhere"))}, "EMPLOYEE_DEPARTMENT_COMPANY", "department_id"),
        ({"department_id": str(stable("nowhere"))}, "FIELD_NO_SUCH_DOCUMENT", "department_id"),
        ({"post_id": str(stable("nothing"))}, "FIELD_NO_SUCH_DOCUMENT", "post_id"),
        ({"home_company_id": ""}, "FIELD_REQUIRED", "home_company_id"),
        ({"name": "王\u202e小明"}, "FIELD_HIDDEN_CHARACTERS", "name"),
        ({"account_state": "IN_STEP"}, "FIELD_READ_ONLY", "account_state"),
    ],
)
async def test_what_is_wrong_is_refused_at_its_field(
    house: Bench, admin: Any, changes: dict[str, Any], reason: str, field: str
) -> None:
    with refused(reason, field=field):
        await admin.CreateEmployee(employee=make.employee(**changes))


@pytest.mark.parametrize("password", ["short", "Wang.Xiaoming-2026"])
async def test_a_weak_password_is_refused_at_once(house: Bench, admin: Any, password: str) -> None:
    with refused("EMPLOYEE_PASSWORD_WEAK", field="initial_password"):
        await admin.CreateEmployee(employee=make.employee(username="wang.xiaoming", initial_password=password))


async def test_a_username_stands_for_one_employee(house: Bench, admin: Any) -> None:
    await admin.CreateEmployee(employee=make.employee(username="li.na"))

    with refused("EMPLOYEE_USERNAME_TAKEN"):
        await admin.CreateEmployee(employee=make.employee(username="LI.NA"))


async def test_an_employee_moves_to_another_company_with_a_department_there(house: Bench, admin: Any) -> None:
    moving = {"id": stable("colleague"), "home_company_id": OTHER_COMPANY}

    with refused("EMPLOYEE_DEPARTMENT_COMPANY"):
        await admin.UpdateEmployee(employee=moving)
    moved = await admin.UpdateEmployee(employee={**moving, "department_id": stable("elsewhere")})

    assert (moved.home_company_id, moved.department_id) == (str(OTHER_COMPANY), str(stable("elsewhere")))
    assert moved.account_state == moved.PENDING  # as it was: Keycloak knows no departments
    assert (await account_of(house, moved.id)).wanted == 1


async def test_what_keycloak_knows_makes_the_account_due_again(house: Bench, admin: Any) -> None:
    await admin.UpdateEmployee(employee={"id": stable("colleague"), "phone": "13800000000"})
    assert (await account_of(house, str(stable("colleague")))).wanted == 1

    await admin.UpdateEmployee(employee={"id": stable("colleague"), "name": "李雷"})

    account = await account_of(house, str(stable("colleague")))
    assert (account.wanted, account.done, account.due_at) == (2, 1, house.clock.now())


async def test_a_disabled_employee_is_cut_off_and_may_come_back(house: Bench, admin: Any) -> None:
    key = str(stable("colleague"))
    house.clock.advance(milliseconds=700)

    gone = await admin.DisableEmployee(id=key, reason="left")

    assert gone.state == gone.DISABLED
    assert gone.disable_time.ToDatetime(datetime.UTC) == house.clock.now()
    async with house.runtime.sessions() as session:
        not_before = await session.scalar(sa.select(Employee.not_before).where(Employee.id == key))
    assert not_before == house.clock.now().replace(microsecond=0)
    ((_, event),) = await house.events("employee.disabled")
    assert event.reason == "left"
    assert event.employee.id == key

    back = await admin.EnableEmployee(id=key, etag=gone.etag)
    assert (back.state, back.HasField("disable_time")) == (back.ACTIVE, False)


async def test_nobody_disables_the_own_account_nor_the_last_administrator(house: Bench, admin: Any) -> None:
    with refused("EMPLOYEE_SELF_DISABLE"):
        await admin.DisableEmployee(id=str(stable("admin")), reason="tired")
    with refused("EMPLOYEE_LAST_ADMINISTRATOR"):
        await admin.DisableEmployee(id=make.FIRST_ADMINISTRATOR, reason="mistake")


async def test_who_heads_a_department_can_be_disabled_at_once(house: Bench, admin: Any) -> None:
    gone = await admin.DisableEmployee(id=str(stable("head")), reason="left")

    assert gone.state == gone.DISABLED


async def test_a_reset_password_is_temporary_and_ends_what_was_signed_in(house: Bench, admin: Any) -> None:
    await admin.ResetPasswordEmployee(id=str(stable("colleague")), new_password="Another-secret-1")

    account = await account_of(house, str(stable("colleague")))
    assert (account.password, account.password_temporary, account.wanted) == ("Another-secret-1", True, 2)
    person = next(
        p
        for p in (await house.as_service("gateway").GetAuthorization()).people
        if p.employee_id == str(stable("colleague"))
    )
    assert person.not_before_time.ToDatetime(datetime.UTC) == house.clock.now().replace(microsecond=0)


REACH = [
    # scope of the keeper (of the workshop), who is kept -> allowed
    ("OWN", "keeper", True),
    ("OWN", "colleague", False),
    ("DEPARTMENT", "colleague", True),
    ("DEPARTMENT", "boss", False),
    ("DEPARTMENT", "other_department", False),
    ("DEPARTMENT", "other_company", False),
    ("DEPARTMENT_AND_BELOW", "colleague", True),
    ("DEPARTMENT_AND_BELOW", "boss", False),
    ("CHOSEN", "other_department", True),
    ("CHOSEN", "colleague", False),
    ("COMPANY", "other_department", True),
    ("COMPANY", "other_company", False),
    ("ALL", "other_company", True),
]


@pytest.mark.parametrize(("scope", "kept", "allowed"), REACH)
async def test_who_keeps_whom(house: Bench, scope: str, kept: str, allowed: bool) -> None:
    house.revoke("requester")
    company = None if scope == "ALL" else COMPANY
    house.grant("requester", ["identity.employee.*"], scope, company=company, departments=["finance"])
    keeper, key = house.as_("requester"), stable("requester" if kept == "keeper" else kept)

    if allowed:
        assert (await keeper.UpdateEmployee(employee={"id": key, "phone": "13900000000"})).phone == "13900000000"
        return
    with refused("EMPLOYEE_OUT_OF_REACH"):
        await keeper.UpdateEmployee(employee={"id": key, "phone": "13900000000"})
    with refused("EMPLOYEE_OUT_OF_REACH"):
        await keeper.DisableEmployee(id=str(key), reason="no")
    with refused("EMPLOYEE_OUT_OF_REACH"):
        await keeper.ResetPasswordEmployee(id=str(key), new_password="Another-secret-1")


async def test_nobody_moves_an_employee_out_of_the_own_reach(house: Bench) -> None:
    house.grant("requester", ["identity.employee.*"], "COMPANY", company=COMPANY)

    with refused("EMPLOYEE_OUT_OF_REACH"):
        await house.as_("requester").UpdateEmployee(
            employee={
                "id": stable("colleague"),
                "home_company_id": OTHER_COMPANY,
                "department_id": stable("elsewhere"),
            }
        )


async def test_names_are_readable_by_everybody_and_by_nobody_without_rights(house: Bench) -> None:
    found = await house.as_("requester").BatchGetEmployees(ids=[str(stable("other_company")), str(stable("boss"))])

    assert {e.name for e in found.employees} == {"Other Company", "Boss"}
    with refused("PERMISSION_MISSING"):
        await house.as_("stranger").ListEmployees()
    with refused("NOT_SIGNED_IN"):
        await house.as_("disabled").ListEmployees()


async def test_lists_are_filtered_sorted_and_paged(house: Bench, admin: Any) -> None:
    first = await admin.ListEmployees(filter='state = "ACTIVE"', order_by="code", page_size=4)
    second = await admin.ListEmployees(
        filter='state = "ACTIVE"', order_by="code", page_size=4, page_token=first.next_page_token
    )

    codes = [e.code for e in [*first.employees, *second.employees]]
    assert codes == sorted(codes)
    assert len(set(codes)) == 8


async def test_statements_do_not_grow_with_rows(house: Bench, admin: Any) -> None:
    """List, get and create take the same number of statements with 11 and with 1,011 employees."""

    async def counts() -> list[int]:
        numbers = []
        for work in (
            lambda: admin.ListEmployees(page_size=100, summarize=True),
            lambda: admin.GetEmployee(id=str(stable("boss"))),
            lambda: admin.CreateEmployee(employee=make.employee()),
            lambda: house.as_service("gateway").GetAuthorization(),
        ):
            with house.statements() as seen:
                await work()
            numbers.append(len(seen))
        return numbers

    before = await counts()
    rows = [
        {
            "version": 1, "id": stable(f"more{n}"), "code": f"M{n:04d}", "name": f"员工{n}", "username": f"more{n}",
            "home_company_id": COMPANY, "department_id": stable("workshop"),
        }
        for n in range(1000)
    ]  # fmt: skip
    async with house.runtime.sessions() as session, session.begin():
        await session.execute(sa.insert(Employee.__table__), rows)

    assert await counts() == before
    assert before[0] <= 4, before


async def test_whoever_is_shown_a_telephone_leaves_a_row_and_looking_up_a_name_shows_none(
    house: Bench, admin: Any
) -> None:
    made = await admin.CreateEmployee(employee=make.employee(phone="13800000000", email="wei@example.com"))

    async def reads() -> list[Any]:
        return [entry for entry in await house.audit() if entry.kind == "READ"]

    (found,) = (await admin.BatchGetEmployees(ids=[made.id])).employees
    assert (found.name, found.phone, found.email) == (made.name, "", "")
    assert await reads() == []
    assert (await admin.GetEmployee(id=made.id)).phone == "13800000000"
    (entry,) = await reads()
    assert (entry.actor_id, [str(key) for key in entry.document_ids]) == (stable("admin"), [made.id])
    assert entry.facts["fields"] == ["email", "phone"]
    with house.statements() as seen:
        await admin.ListEmployees(search=made.code)
    assert sum("INSERT INTO audit_entry" in statement for statement in seen) == 1
    assert len(await reads()) == 2
