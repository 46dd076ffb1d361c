from __future__ import annotations

from typing import Any

import pytest

from chassis.testing import COMPANY, OTHER_COMPANY, Bench, refused, stable
from identity.tests import factories as make

ITEMS, ORDERS, ASKS = (
    "inventory.item.update",
    "procurement.purchase_order.release",
    "procurement.purchase_requisition.create",
)


async def roles_for(admin: Any, *permissions: str) -> list[str]:
    return [(await admin.CreateRole(role=make.role(permission))).id for permission in permissions]


async def give(admin: Any, role: str, person: str = "colleague", **changes: Any) -> Any:
    return await admin.CreateGrant(grant=make.grant(person, role, **changes))


async def violations(caller: Any, **which: str) -> list[Any]:
    answer = await caller.ListViolationsDutyConflicts(**which)
    assert answer.total_size == len(answer.violations)
    return list(answer.violations)


async def test_a_pair_is_kept_found_changed_and_retired(house: Bench, admin: Any) -> None:
    made = await admin.CreateDutyConflict(duty_conflict=make.duty_conflict([ITEMS], [ORDERS]))
    changed = await admin.UpdateDutyConflict(
        duty_conflict={"id": made.id, "etag": made.etag, "reason": "另一个原因", "severity": "REPORT"}
    )
    found = await admin.ListDutyConflicts(search=made.code)
    retired = await admin.DeactivateDutyConflict(id=made.id, etag=changed.etag)

    assert (changed.reason, changed.severity) == ("另一个原因", changed.REPORT)
    assert [pair.id for pair in found.duty_conflicts] == [made.id]
    assert retired.state == retired.INACTIVE
    assert (await admin.ActivateDutyConflict(id=made.id)).state == made.ACTIVE
    subjects = [subject for subject, _ in await house.events("duty_conflict")]
    assert subjects == ["evt.identity.duty_conflict.created"] + ["evt.identity.duty_conflict.updated"] * 3


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"keeper_id": str(stable("nobody"))}, "FIELD_NO_SUCH_DOCUMENT", "keeper_id"),
        ({"first_permissions": ["inventory.*"]}, "DUTY_CONFLICT_PERMISSION_UNKNOWN", "first_permissions[0]"),
        ({"second_permissions": []}, "DUTY_CONFLICT_DUTY_EMPTY", "second_permissions"),
        ({"reason": ""}, "FIELD_REQUIRED", "reason"),
        ({"severity": "SEVERITY_UNSPECIFIED"}, "FIELD_REQUIRED", "severity"),
        ({"first_permissions": [ASKS], "second_permissions": ["inventory.item.get"]}, "DUTY_CONFLICT_EVERYBODY", ""),
    ],
)
async def test_what_is_wrong_is_refused(admin: Any, changes: dict[str, Any], reason: str, field: str) -> None:
    with refused(reason, field=field):
        await admin.CreateDutyConflict(duty_conflict={**make.duty_conflict([ITEMS], [ORDERS]), **changes})


async def test_a_pair_of_the_product_stays(admin: Any) -> None:
    (pair,) = (await admin.ListDutyConflicts(search="rights-orders")).duty_conflicts

    with refused("DUTY_CONFLICT_BUILT_IN"):
        await admin.UpdateDutyConflict(duty_conflict={"id": pair.id, "severity": "REPORT"})
    with refused("DUTY_CONFLICT_BUILT_IN"):
        await admin.DeactivateDutyConflict(id=pair.id)


async def test_who_has_one_duty_is_not_given_the_other_in_that_company(house: Bench, admin: Any) -> None:
    keeps, orders = await roles_for(admin, ITEMS, ORDERS)
    pair = await admin.CreateDutyConflict(duty_conflict=make.duty_conflict([ITEMS], [ORDERS]))
    first = await give(admin, keeps)

    with refused("GRANT_SEPARATION") as found:
        await give(admin, orders)
    elsewhere = await give(admin, orders, grant_company_id=str(OTHER_COMPANY))
    with refused("GRANT_SEPARATION"):
        await give(admin, orders, "colleague", scope="ALL", grant_company_id="")
    await admin.RevokeGrant(id=first.id, reason="moved on")
    here = await give(admin, orders)

    assert (found.value.facts["pair"], found.value.facts["why"]) == (f"{pair.code} {pair.name}", pair.reason)
    assert (elsewhere.state, here.state) == (first.ACTIVE, first.ACTIVE)
    assert await violations(admin) == []


async def test_a_pair_that_only_reports_refuses_nothing_and_hides_nothing(house: Bench, admin: Any) -> None:
    keeps, orders = await roles_for(admin, ITEMS, ORDERS)
    pair = await admin.CreateDutyConflict(duty_conflict=make.duty_conflict([ITEMS], [ORDERS], severity="REPORT"))
    first, second = await give(admin, keeps), await give(admin, orders, valid_from_date="2027-01-01")

    (found,) = await violations(admin, duty_conflict_id=pair.id)

    assert (found.employee_id, found.company_id) == (str(stable("colleague")), str(COMPANY))
    assert (found.first.grant_id, found.second.grant_id) == (first.id, second.id)
    assert found.since_time.ToJsonString() == "2027-01-01T00:00:00Z"
    assert await violations(admin, employee_id=str(stable("boss"))) == []
    assert await violations(admin, duty_conflict_id="no id") == []


async def test_a_pair_that_is_broken_already_is_accepted_and_lists_who_breaks_it(house: Bench, admin: Any) -> None:
    keeps, orders = await roles_for(admin, ITEMS, ORDERS)
    first, second = await give(admin, keeps), await give(admin, orders)
    (both,) = await roles_for(admin, "procurement.supplier.get")
    await give(admin, both, "boss")
    await admin.UpdateRole(role={"id": both, "permissions": [ITEMS, ORDERS]})

    pair = await admin.CreateDutyConflict(duty_conflict=make.duty_conflict([ITEMS], [ORDERS]))
    found = {violation.employee_id: violation for violation in await violations(admin, duty_conflict_id=pair.id)}

    assert set(found) == {str(stable("colleague")), str(stable("boss"))}
    mine, theirs = found[str(stable("colleague"))], found[str(stable("boss"))]
    assert (mine.first.grant_id, mine.second.grant_id) == (first.id, second.id)
    assert mine.since_time == max(first.create_time, second.create_time, key=lambda time: time.ToNanoseconds())
    assert theirs.first == theirs.second
    # what is broken already does not stop another change of the role
    changed = await admin.UpdateRole(role={"id": both, "permissions": [ITEMS, ORDERS, "inventory.unit.get"]})
    assert len(changed.permissions) == 3
    with refused("GRANT_ROLE_SEPARATION"):
        await give(admin, both, "requester")
    await admin.RevokeGrant(id=second.id, reason="put right")
    await admin.DeactivateRole(id=both)
    assert await violations(admin) == []


async def test_a_role_comes_back_into_use_only_where_it_breaks_no_pair(house: Bench, admin: Any) -> None:
    keeps, orders = await roles_for(admin, ITEMS, ORDERS)
    await give(admin, keeps)
    await admin.DeactivateRole(id=keeps)
    await give(admin, orders)
    await admin.CreateDutyConflict(duty_conflict=make.duty_conflict([ITEMS], [ORDERS]))

    with refused("ROLE_HOLDER_SEPARATION"):
        await admin.ActivateRole(id=keeps)


async def test_a_role_as_a_duty_is_refused_to_who_has_the_other(house: Bench, admin: Any) -> None:
    auditor = await make.role_id(house, "auditor")
    (orders,) = await roles_for(admin, ORDERS)
    await admin.CreateDutyConflict(duty_conflict=make.duty_conflict([], [ORDERS], first_role_ids=[auditor]))
    await give(admin, orders)

    with refused("GRANT_SEPARATION") as found:
        await give(admin, auditor)

    assert (found.value.facts["first"], found.value.facts["second"]) == ("职务乙", "职务甲")


async def test_a_move_that_brings_duties_together_is_reported_since_that_day(house: Bench, admin: Any) -> None:
    """The role that everybody has moves with the person: who orders over there must not ask for goods there too."""
    (orders,) = await roles_for(admin, ORDERS)
    pair = await admin.CreateDutyConflict(duty_conflict=make.duty_conflict([ASKS], [ORDERS]))
    given = await give(admin, orders, "requester", grant_company_id=str(OTHER_COMPANY))
    with refused("GRANT_SEPARATION"):
        await give(admin, orders, "requester")
    assert await violations(admin) == []

    house.clock.set("2026-12-24T10:00:00+08:00")
    admin = house.as_("admin")
    moved = {"home_company_id": str(OTHER_COMPANY), "department_id": str(stable("elsewhere"))}
    await admin.UpdateEmployee(employee={"id": str(stable("requester")), **moved})
    (found,) = await violations(admin, employee_id=str(stable("requester")))

    assert (found.duty_conflict_id, found.company_id) == (pair.id, str(OTHER_COMPANY))
    assert (found.first.grant_id, found.second.grant_id) == ("", given.id)
    assert found.since_time.ToDatetime().date() == house.clock.now().date()


async def test_whose_company_it_is_sees_who_breaks_a_pair(house: Bench, admin: Any) -> None:
    keeps, orders = await roles_for(admin, ITEMS, ORDERS)
    for company in (COMPANY, OTHER_COMPANY):
        await give(admin, keeps, grant_company_id=str(company))
        await give(admin, orders, grant_company_id=str(company))
    await admin.CreateDutyConflict(duty_conflict=make.duty_conflict([ITEMS], [ORDERS]))
    house.revoke("boss")
    house.grant("boss", ["identity.duty_conflict.list"], "COMPANY", company=COMPANY)

    assert {found.company_id for found in await violations(admin)} == {str(COMPANY), str(OTHER_COMPANY)}
    assert [found.company_id for found in await violations(house.as_("boss"))] == [str(COMPANY)]
    with refused("PERMISSION_MISSING"):
        await house.as_("stranger").ListViolationsDutyConflicts()


async def test_questions_take_the_same_number_of_statements_for_few_and_many(house: Bench, admin: Any) -> None:
    keeps, orders = await roles_for(admin, ITEMS, ORDERS)
    counted: list[tuple[int, int, int]] = []
    for people in (["colleague"], ["requester", "boss", "head", "buyer", "other_department"]):
        for person in people:
            await give(admin, keeps, person)
            given = await give(admin, orders, person)
        await admin.CreateDutyConflict(duty_conflict=make.duty_conflict([ITEMS, ASKS], [ORDERS], severity="REPORT"))
        with house.statements() as listed:
            assert await violations(admin)
        with house.statements() as updated:
            await admin.UpdateRole(role={"id": keeps, "permissions": [ITEMS], "description": f"{people}"})
        await admin.RevokeGrant(id=given.id)
        with house.statements() as granted:
            await give(admin, orders, people[-1])
        counted.append((len(listed), len(updated), len(granted)))

    assert counted[0] == counted[1]
