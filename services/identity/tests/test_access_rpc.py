"""Why somebody may or may not, as the gateway and the pages ask it."""

from __future__ import annotations

from typing import Any

import pytest

from chassis import contract
from chassis.testing import COMPANY, OTHER_COMPANY, Bench, refused, stable
from heyi.identity.v1 import access_pb2 as pb
from heyi.identity.v1 import grants_pb2
from identity.tests import factories as make

ORDER, RELEASE = "procurement.purchase_order.get", "procurement.purchase_order.release"
Answer = pb.AccessExplanation


async def test_i_am_told_which_role_gives_it_how_far_it_reaches_and_since_when(house: Bench, admin: Any) -> None:
    given = await admin.CreateGrant(
        grant=make.grant("requester", await make.role_id(house, "buyer"), "DEPARTMENT_AND_BELOW")
    )

    answer = await house.as_("requester").ExplainMyAccess(permission=RELEASE)

    (right,) = answer.rights
    assert (answer.verdict, answer.scope) == (Answer.ALLOWED, grants_pb2.Grant.DEPARTMENT_AND_BELOW)
    assert list(answer.department_ids) == [str(stable("workshop"))]
    assert (right.grant_id, right.role_name, right.pattern) == (given.id, "采购员", "procurement.*")
    assert right.company_id == str(COMPANY)
    assert right.since_time == given.create_time
    assert str(stable("admin")) in [helper.employee_id for helper in answer.helpers]


async def test_what_everybody_has_needs_no_grant(house: Bench) -> None:
    answer = await house.as_("requester").ExplainMyAccess(permission=ORDER)

    (right,) = answer.rights
    assert (answer.verdict, right.grant_id, right.role_name) == (Answer.ALLOWED, "", "员工")
    assert (answer.scope, list(answer.department_ids)) == (grants_pb2.Grant.OWN, [])


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"grant_company_id": str(OTHER_COMPANY)}, Answer.ELSEWHERE),
        ({"valid_from_date": "2027-01-01"}, Answer.NOT_TODAY),
        ({"valid_until_date": "2026-11-01"}, Answer.NOT_TODAY),
    ],
)
async def test_what_would_give_it_is_named(house: Bench, admin: Any, changes: dict[str, str], verdict: int) -> None:
    given = await admin.CreateGrant(grant=make.grant("requester", await make.role_id(house, "buyer"), **changes))

    answer = await house.as_("requester").ExplainMyAccess(permission=RELEASE)

    assert (answer.verdict, [right.grant_id for right in answer.rights]) == (verdict, [given.id])
    assert answer.scope == grants_pb2.Grant.SCOPE_UNSPECIFIED


async def test_without_a_role_the_answer_says_who_can_help(house: Bench) -> None:
    answer = await house.as_("requester").ExplainMyAccess(permission=RELEASE)

    assert (answer.verdict, len(answer.rights)) == (Answer.NOT_HELD, 0)
    assert [helper.name for helper in answer.helpers] == ["Admin"]
    with refused("ACCESS_UNKNOWN", field="permission"):
        await house.as_("requester").ExplainMyAccess(permission="procurement.*")


async def test_the_answer_is_the_same_for_a_document_that_is_there_and_one_that_is_not(house: Bench) -> None:
    """It is asked with the permission alone, so that it cannot tell."""
    fields = [
        field.name
        for field in contract.load().methods["heyi.identity.v1.Directory/ExplainMyAccess"].request.DESCRIPTOR.fields
    ]

    assert fields == ["permission"]


async def test_an_administrator_asks_about_others_and_about_a_document(house: Bench, admin: Any) -> None:
    whom = str(stable("requester"))

    own = await admin.ExplainAccessEmployee(id=whom, permission=ORDER, owner_id=whom)
    others = await admin.ExplainAccessEmployee(id=whom, permission=ORDER, owner_id=str(stable("head")))
    disabled = await admin.ExplainAccessEmployee(id=str(stable("disabled")), permission=ORDER)

    assert (own.verdict, others.verdict, disabled.verdict) == (Answer.ALLOWED, Answer.OUT_OF_REACH, Answer.DISABLED)
    with refused("FIELD_FORMAT", field="owner_id"):
        await admin.ExplainAccessEmployee(id=whom, permission=ORDER, owner_id="me")
    with refused("DOCUMENT_NOT_FOUND"):
        await admin.ExplainAccessEmployee(id=str(stable("nobody")), permission=ORDER)


async def test_everything_that_a_person_may_names_the_role_of_each(house: Bench, admin: Any) -> None:
    await admin.CreateGrant(grant=make.grant("requester", await make.role_id(house, "buyer")))
    await admin.CreateGrant(
        grant=make.grant("requester", await make.role_id(house, "auditor"), grant_company_id=str(OTHER_COMPANY))
    )

    answer = await admin.ExplainAccessEmployee(id=str(stable("requester")))

    assert [right.role_name for right in answer.rights] == ["采购员", "员工"]
    told = {permission.name: permission for permission in answer.permissions}
    assert list(told[ORDER].rights) == [0, 1]
    assert told[ORDER].scope == grants_pb2.Grant.COMPANY
    assert list(told[RELEASE].rights) == [0]
    assert "identity.role.get" not in told


async def test_only_who_looks_after_rights_asks_about_others_and_within_the_own_reach(house: Bench, admin: Any) -> None:
    house.revoke("boss")
    house.grant("boss", ["identity.employee.explain_access"], "COMPANY", company=COMPANY)

    assert (await house.as_("boss").ExplainAccessEmployee(id=str(stable("requester")))).permissions
    with refused("EMPLOYEE_OUT_OF_REACH"):
        await house.as_("boss").ExplainAccessEmployee(id=str(stable("other_company")))
    with refused("PERMISSION_MISSING"):
        await house.as_("stranger").ExplainAccessEmployee(id=str(stable("requester")))


async def test_an_answer_takes_the_same_number_of_statements_for_few_and_many_grants(house: Bench, admin: Any) -> None:
    mine, counted = house.as_("requester"), []
    for codes in (["buyer"], ["auditor", "master_data", "flow_administrator"]):
        for code in codes:
            company = {"grant_company_id": str(OTHER_COMPANY)} if code == "flow_administrator" else {}
            await admin.CreateGrant(grant=make.grant("requester", await make.role_id(house, code), **company))
        with house.statements() as seen:
            await mine.ExplainMyAccess(permission=ORDER)
        counted.append(len(seen))

    assert counted[0] == counted[1]
