"""Who sees which of identity's documents, by hand. Employees have a table of their own in test_employee_rpc."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.errors import Refused
from chassis.testing import COMPANY, OTHER_COMPANY, Bench, stable
from identity.tests import factories as make

SEEN, ABSENT, FORBIDDEN = "seen", "DOCUMENT_NOT_FOUND", "PERMISSION_MISSING"
REACH = {
    "requester": ("OWN", COMPANY),
    "head": ("DEPARTMENT", COMPANY),
    "other_department": ("DEPARTMENT", COMPANY),
    "boss": ("DEPARTMENT_AND_BELOW", COMPANY),
    "buyer": ("COMPANY", COMPANY),
    "other_company": ("COMPANY", OTHER_COMPANY),
}
# companies, posts and roles belong to the group: the right to look reaches all of them, whatever its scope
GROUP = {**dict.fromkeys(REACH, SEEN), "stranger": FORBIDDEN}
# departments belong to a company, and nobody in it owns one
COMPANYS = {**dict.fromkeys(REACH, SEEN), "other_company": ABSENT, "stranger": FORBIDDEN}
TABLE = {"company": GROUP, "post": GROUP, "role": GROUP, "department": COMPANYS}
LOOK = {
    "company": ("GetCompany", "ListCompanies", "companies"),
    "post": ("GetPost", "ListPosts", "posts"),
    "role": ("GetRole", "ListRoles", "roles"),
    "department": ("GetDepartment", "ListDepartments", "departments"),
}


async def answer(call: Any) -> Any:
    try:
        return await call
    except Refused as refusal:
        return refusal.reason


@pytest.mark.parametrize("key", [*REACH, "stranger"])
@pytest.mark.parametrize("document", TABLE)
async def test_who_sees_what(house: Bench, admin: Any, document: str, key: str) -> None:
    role = await admin.CreateRole(role=make.role("procurement.purchase_order.get"))
    wanted = {
        "company": str(COMPANY),
        "post": str(stable("buyer")),
        "role": role.id,
        "department": str(stable("works")),
    }
    house.revoke(key)
    if key in REACH:
        scope, company = REACH[key]
        house.grant(key, [f"identity.{document}.get", f"identity.{document}.list"], scope, company=company)
    get, list_, field = LOOK[document]
    caller, id_ = house.as_(key), wanted[document]

    looked = await answer(getattr(caller, get)(id=id_))
    listed = await answer(getattr(caller, list_)(page_size=200))

    assert (looked if isinstance(looked, str) else SEEN) == TABLE[document][key]
    if TABLE[document][key] == FORBIDDEN:
        assert listed == FORBIDDEN
    else:
        assert (id_ in [row.id for row in getattr(listed, field)]) is (TABLE[document][key] == SEEN)
