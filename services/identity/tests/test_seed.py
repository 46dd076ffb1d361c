from __future__ import annotations

import dataclasses

import sqlalchemy as sa

from chassis import contract, migrate
from chassis.organisation import Organisation
from chassis.policy import Rights
from chassis.testing import COMPANY, Bench, Caller, stable
from identity.duty_conflict import rules as duty_rules
from identity.duty_conflict.model import DutyConflict
from identity.role import rules
from identity.role.model import Role
from identity.seed import ADMINISTRATOR_ID, BUILT_IN_PAIRS, built_in_roles, seed
from identity.tests import factories as make


async def run_again(service: Bench) -> None:
    owner = migrate.owner_engine(service.owner_url)
    async with owner.begin() as connection:
        await seed(connection)
    await owner.dispose()


async def test_the_first_administrator_may_everything_before_any_company_is(service: Bench) -> None:
    answer = await service.as_service("gateway").GetAuthorization()

    (right,) = answer.rights
    assert (right.employee_id, list(right.permissions)) == (str(ADMINISTRATOR_ID), ["*"])
    assert [p.username for p in answer.people] == ["admin"]


async def test_the_first_administrator_makes_the_first_company_and_acts_for_it(service: Bench) -> None:
    async def believe() -> None:
        answer = await service.as_service("gateway").GetAuthorization()
        rights = Rights(Organisation.of(answer, service.clock))
        service.runtime.rights = lambda: rights

    await believe()
    token = service.issuer.person(ADMINISTRATOR_ID)
    nowhere = Caller(service, token)
    made = await nowhere.CreateCompany(company=make.company())
    assert (await nowhere.GetMe()).company_id == ""
    await believe()

    me = await nowhere.GetMe()
    there = Caller(service, token, made.id)
    department = await there.CreateDepartment(department=make.department())

    assert (me.company_id, [c.id for c in me.companies]) == (made.id, [made.id])
    assert department.company_id == made.id
    assert {p.name for p in me.permissions} == set(contract.load().permissions())


async def test_seeding_again_changes_nothing(service: Bench) -> None:
    before = await make.epoch(service)

    await run_again(service)

    assert await make.epoch(service) == before


async def test_a_role_of_the_product_follows_the_release(service: Bench) -> None:
    async with service.runtime.sessions() as session, session.begin():
        await session.execute(sa.update(Role).where(Role.code == "buyer").values(permissions=["procurement.old.*"]))
    before = await make.epoch(service)

    await run_again(service)

    assert await make.epoch(service) == before + 1
    async with service.runtime.sessions() as session:
        assert await session.scalar(sa.select(Role.permissions).where(Role.code == "buyer")) == ["procurement.*"]


async def test_what_was_taken_from_the_first_administrator_stays_taken(house: Bench) -> None:
    admin = house.as_("admin")
    await admin.CreateGrant(grant=make.grant("boss", await make.role_id(house, "administrator"), "ALL"))
    (grant,) = (await admin.ListGrants(filter=f'employee_id = "{ADMINISTRATOR_ID}"')).grants
    await admin.RevokeGrant(id=grant.id, reason="handed over")

    await run_again(house)

    answer = await house.as_service("gateway").GetAuthorization()
    assert str(ADMINISTRATOR_ID) not in {right.employee_id for right in answer.rights}


def test_every_role_of_the_product_holds_what_the_contract_knows() -> None:
    catalogue = contract.load().permissions()
    known = {pattern for permission in catalogue for pattern in rules.patterns_of(permission)}

    assert {pattern for role in built_in_roles() for pattern in role.permissions} <= known
    pairs = [
        DutyConflict(**{**dataclasses.asdict(pair), "first_role_ids": [], "second_role_ids": []})
        for pair in BUILT_IN_PAIRS
    ]
    for role in built_in_roles():
        both = [pair for pair in pairs if duty_rules.joins(pair, role.id, role.permissions)]
        assert both == [] or role.code == "administrator"
    assert {duty for pair in BUILT_IN_PAIRS for duty in (*pair.first_permissions, *pair.second_permissions)} <= known


async def test_every_employee_may_ask_for_goods_and_read_the_names_that_takes(house: Bench) -> None:
    rights = Rights(Organisation.of(await house.as_service("gateway").GetAuthorization(), house.clock))
    person = stable("requester")

    may = [
        "procurement.purchase_requisition.create",
        "procurement.purchase_requisition.submit",
        "inventory.item.list",
        "identity.employee.get",
        "procurement.supplier.list",
    ]
    may_not = ["procurement.purchase_order.create", "procurement.supplier_item.get", "identity.role.list"]
    assert [p for p in may if not rights.may(person, p, COMPANY)] == []
    assert [p for p in may_not if rights.may(person, p, COMPANY)] == []
