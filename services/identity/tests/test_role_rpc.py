from __future__ import annotations

from typing import Any

import pytest

from chassis.testing import COMPANY, Bench, refused, stable
from identity.tests import factories as make


async def test_a_role_holds_permissions_and_wildcards_of_the_contract(house: Bench, admin: Any) -> None:
    made = await admin.CreateRole(role=make.role("inventory.item.*", "inventory.item.*", "procurement.supplier.get"))

    assert list(made.permissions) == ["inventory.item.*", "procurement.supplier.get"]
    assert not made.built_in


@pytest.mark.parametrize(
    "permission",
    ["inventory.item.fly", "inventory.itm.*", "sales.*", "*.get", "inventory", "inventory.*.get", "**", ""],
)
async def test_what_the_contract_does_not_know_is_refused_at_its_place(
    house: Bench, admin: Any, permission: str
) -> None:
    with refused("ROLE_PERMISSION_UNKNOWN", field="permissions[1]"):
        await admin.CreateRole(role=make.role("inventory.item.get", permission))


async def test_a_built_in_role_stays_as_it_is(house: Bench, admin: Any) -> None:
    buyer = await make.role_id(house, "buyer")

    with refused("ROLE_BUILT_IN"):
        await admin.UpdateRole(role={"id": buyer, "permissions": ["inventory.*"]})
    with refused("ROLE_BUILT_IN"):
        await admin.DeactivateRole(id=buyer)


async def test_one_role_never_holds_duties_that_stay_apart(house: Bench, admin: Any) -> None:
    with refused("ROLE_SEPARATION", field="permissions"):
        await admin.CreateRole(role=make.role("procurement.*", "identity.grant.*"))


async def test_a_changed_role_brings_no_duties_together_in_a_holder(house: Bench, admin: Any) -> None:
    role = await admin.CreateRole(role=make.role("inventory.*"))
    await admin.CreateGrant(grant=make.grant("colleague", role.id))
    await admin.CreateGrant(grant=make.grant("colleague", await make.role_id(house, "flow_administrator")))

    with refused("ROLE_HOLDER_SEPARATION") as found:
        await admin.UpdateRole(role={"id": role.id, "permissions": ["procurement.*"]})

    told = {name: found.value.facts[name] for name in ("employee", "first", "role", "second")}
    assert told == {"employee": "Colleague", "first": "制定审批规则", "role": "流程管理员", "second": "下达采购订单"}


async def test_nobody_makes_rights_out_of_nothing(house: Bench, admin: Any) -> None:
    """A keeper of roles could give the own role everything, or a role that gives roles to others."""
    own = await admin.CreateRole(role=make.role("identity.role.*"))
    await admin.CreateGrant(grant=make.grant("colleague", own.id))
    house.revoke("colleague")
    house.grant("colleague", ["identity.role.*"], "COMPANY", company=COMPANY)
    keeper = house.as_("colleague")

    with refused("ROLE_BEYOND_OWN"):
        await keeper.UpdateRole(role={"id": own.id, "permissions": ["identity.role.*", "inventory.item.create"]})
    with refused("ROLE_BEYOND_OWN"):
        await keeper.CreateRole(role=make.role("identity.grant.create"))
    with refused("ROLE_BEYOND_OWN"):
        await keeper.CreateRole(role=make.role("identity.*"))
    assert (await keeper.CreateRole(role=make.role("inventory.item.create"))).state == own.ACTIVE


async def test_an_inactive_role_gives_nothing(house: Bench, admin: Any) -> None:
    role = await admin.CreateRole(role=make.role("inventory.*"))
    await admin.CreateGrant(grant=make.grant("colleague", role.id))

    await admin.DeactivateRole(id=role.id)

    answer = await house.as_service("gateway").GetAuthorization()
    assert [r for r in answer.rights if r.employee_id == str(stable("colleague")) and r.role_code == role.code] == []
