from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chassis.errors import Refused
from chassis.organisation import Organisation
from chassis.policy import Rights
from chassis.testing import COMPANY, OTHER_COMPANY, Bench, refused, stable
from identity.tests import factories as make


async def rights(house: Bench) -> Rights:
    """What everybody would believe now."""
    return Rights(Organisation.of(await house.as_service("gateway").GetAuthorization(), house.clock))


async def test_a_grant_is_a_right_in_the_next_snapshot_and_gone_after_its_revocation(house: Bench, admin: Any) -> None:
    colleague, permission = stable("colleague"), "procurement.purchase_order.release"
    assert not (await rights(house)).may(colleague, permission, COMPANY)

    given = await admin.CreateGrant(grant=make.grant("colleague", await make.role_id(house, "buyer")))
    during = await rights(house)
    taken = await admin.RevokeGrant(id=given.id, etag=given.etag, reason="moved on")
    after = await rights(house)

    reach = during.reach(colleague, permission, COMPANY)
    assert reach is not None
    assert reach.companies == {COMPANY}
    assert not during.acts_for(colleague, OTHER_COMPANY)
    assert not after.may(colleague, permission, COMPANY)
    assert (taken.state, taken.revoke_reason) == (taken.REVOKED, "moved on")
    assert [s for s, _ in await house.events("grant")] == ["evt.identity.grant.created", "evt.identity.grant.revoked"]


@pytest.mark.parametrize(
    ("scope", "departments", "reached", "not_reached"),
    [
        ("OWN", [], [], ["workshop", "works", "finance"]),
        ("DEPARTMENT", [], ["works"], ["workshop", "finance"]),
        ("DEPARTMENT_AND_BELOW", [], ["works", "workshop"], ["finance"]),
        ("CHOSEN", ["finance"], ["finance"], ["works", "workshop"]),
        ("COMPANY", [], ["finance", "works", "workshop"], []),
        ("ALL", [], ["finance", "elsewhere"], []),
    ],
)
async def test_each_scope_reaches_what_it_says(
    house: Bench, admin: Any, scope: str, departments: list[str], reached: list[str], not_reached: list[str]
) -> None:
    chosen = [str(stable(name)) for name in departments]
    role = await make.role_id(house, "auditor")
    await admin.CreateGrant(grant=make.grant("boss", role, scope, department_ids=chosen))

    reach = (await rights(house)).reach(stable("boss"), "procurement.purchase_order.get", COMPANY)

    assert reach is not None

    def covers(name: str) -> bool:
        unit = house.organisation.departments[stable(name)]
        return reach.covers(unit.company_id, unit.department_id, stable("nobody"))

    assert all(covers(name) for name in reached)
    assert not any(covers(name) for name in not_reached)


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"scope": "CHOSEN"}, "GRANT_DEPARTMENTS_MISSING", "department_ids"),
        ({"scope": "ALL", "grant_company_id": str(COMPANY)}, "GRANT_SCOPE", "grant_company_id"),
        ({"department_ids": [str(stable("works"))]}, "GRANT_SCOPE", "department_ids"),
        ({"scope": "CHOSEN", "department_ids": [str(stable("gone"))]}, "FIELD_NO_SUCH_DOCUMENT", "department_ids[0]"),
        (
            {"scope": "CHOSEN", "department_ids": [str(stable("elsewhere"))]},
            "GRANT_DEPARTMENT_COMPANY",
            "department_ids[0]",
        ),
        ({"valid_from_date": "2026-12-01", "valid_until_date": "2026-11-01"}, "GRANT_DATES", "valid_until_date"),
        ({"employee_id": str(stable("nobody"))}, "FIELD_NO_SUCH_DOCUMENT", "employee_id"),
        ({"employee_id": str(stable("disabled"))}, "GRANT_OUT_OF_USE", ""),
        ({"role_id": str(stable("nothing"))}, "FIELD_NO_SUCH_DOCUMENT", "role_id"),
        ({"scope": "SCOPE_UNSPECIFIED"}, "FIELD_REQUIRED", "scope"),
    ],
)
async def test_what_is_wrong_is_refused(
    house: Bench, admin: Any, changes: dict[str, Any], reason: str, field: str
) -> None:
    with refused(reason, field=field):
        await admin.CreateGrant(grant={**make.grant("colleague", await make.role_id(house, "auditor")), **changes})


async def test_the_same_role_in_the_same_reach_is_given_once(house: Bench, admin: Any) -> None:
    auditor = await make.role_id(house, "auditor")
    given = await admin.CreateGrant(grant=make.grant("colleague", auditor))

    with refused("GRANT_EXISTS"):
        await admin.CreateGrant(grant=make.grant("colleague", auditor))
    await admin.CreateGrant(grant=make.grant("colleague", auditor, "ALL"))
    with refused("GRANT_EXISTS"):
        await admin.CreateGrant(grant=make.grant("colleague", auditor, "ALL"))
    await admin.RevokeGrant(id=given.id)
    assert (await admin.CreateGrant(grant=make.grant("colleague", auditor))).state == given.ACTIVE


async def test_a_grant_holds_on_its_days_only(house: Bench, admin: Any) -> None:
    auditor = await make.role_id(house, "auditor")
    await admin.CreateGrant(
        grant=make.grant("colleague", auditor, valid_from_date="2026-11-24", valid_until_date="2026-11-25")
    )
    held = []
    for day in ("2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26"):
        house.clock.set(f"{day}T12:00:00+08:00")
        held.append((await rights(house)).may(stable("colleague"), "approval.authority_limit.list", COMPANY))

    assert held == [False, True, True, False]


async def test_who_gives_roles_places_no_orders(house: Bench, admin: Any) -> None:
    await admin.CreateGrant(grant=make.grant("colleague", await make.role_id(house, "buyer")))

    with refused("GRANT_SEPARATION") as found:
        await admin.CreateGrant(grant=make.grant("colleague", await make.role_id(house, "identity_administrator")))

    assert found.value.facts == {
        "employee": "Colleague",
        "first": "下达采购订单",
        "role": "采购员",
        "second": "授予权限",
        "pair": "rights-orders 授权与采购下单",
        "why": "能给自己放开权限的人若同时下达订单，所有控制都可以绕过。",
    }


async def test_nobody_gives_more_than_the_own_rights_cover(house: Bench) -> None:
    house.revoke("colleague")
    house.grant("colleague", ["identity.*"], "COMPANY", company=COMPANY)
    keeper, buyer = house.as_("colleague"), await make.role_id(house, "buyer")

    given = await keeper.CreateGrant(grant=make.grant("requester", buyer))
    assert given.state == given.ACTIVE
    for refused_grant in (
        make.grant("requester", await make.role_id(house, "administrator")),  # more than the own rights
        make.grant("requester", buyer, grant_company_id=""),  # in every company
        make.grant("requester", buyer, "ALL"),
        make.grant("requester", buyer, grant_company_id=str(OTHER_COMPANY)),
        make.grant("colleague", await make.role_id(house, "auditor")),  # to oneself
    ):
        with refused("GRANT_BEYOND_OWN"):
            await keeper.CreateGrant(grant=refused_grant)


async def test_a_keeper_of_the_company_touches_no_administrator(house: Bench, admin: Any) -> None:
    await admin.CreateGrant(grant=make.grant("boss", await make.role_id(house, "administrator"), "ALL"))
    house.revoke("colleague")
    house.grant("colleague", ["identity.*"], "COMPANY", company=COMPANY)
    keeper = house.as_("colleague")

    with refused("EMPLOYEE_BEYOND_OWN"):
        await keeper.ResetPasswordEmployee(id=str(stable("boss")), new_password="Another-secret-1")
    with refused("EMPLOYEE_BEYOND_OWN"):
        await keeper.DisableEmployee(id=str(stable("boss")), reason="coup")
    grants = await admin.ListGrants(filter=f'employee_id = "{stable("boss")}"')
    with refused("GRANT_BEYOND_OWN"):
        await keeper.RevokeGrant(id=grants.grants[0].id, reason="coup")


async def test_somebody_always_stays_administrator(house: Bench, admin: Any) -> None:
    first = await admin.ListGrants(filter=f'employee_id = "{make.FIRST_ADMINISTRATOR}"')

    with refused("GRANT_LAST_ADMINISTRATOR"):
        await admin.RevokeGrant(id=first.grants[0].id, reason="last")
    second = await admin.CreateGrant(grant=make.grant("boss", await make.role_id(house, "administrator"), "ALL"))
    assert (await admin.RevokeGrant(id=first.grants[0].id, reason="handed over")).state == second.REVOKED
    with refused("EMPLOYEE_LAST_ADMINISTRATOR"):
        await admin.DisableEmployee(id=str(stable("boss")), reason="last")


async def test_two_cannot_take_away_each_others_administration_at_once(house: Bench, admin: Any) -> None:
    """Both saw the other one and both revocations would have passed, had they not been made to queue."""
    first = (await admin.ListGrants(filter=f'employee_id = "{make.FIRST_ADMINISTRATOR}"')).grants[0]
    second = await admin.CreateGrant(grant=make.grant("boss", await make.role_id(house, "administrator"), "ALL"))

    outcomes = await asyncio.gather(
        admin.RevokeGrant(id=first.id, reason="a"), admin.RevokeGrant(id=second.id, reason="b"), return_exceptions=True
    )

    refusals = [o for o in outcomes if isinstance(o, Refused)]
    assert [r.reason for r in refusals] == ["GRANT_LAST_ADMINISTRATOR"]
