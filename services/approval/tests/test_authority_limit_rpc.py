"""The authority table, and the cases that follow it."""

from __future__ import annotations

from typing import Any

import pytest

from approval.tests.factories import approve, ids_of, state, waiting
from chassis.testing import COMPANY, OTHER_COMPANY, refused, stable


def limit(post: str = "manager", amount: str = "5000", **more: Any) -> dict[str, Any]:
    return {"post_id": str(stable(post)), "limit_amount": amount, "currency": "CNY", **more}


async def test_an_amount_goes_up_to_the_first_head_who_may_agree_to_it(office):
    await office.admin.CreateAuthorityLimit(authority_limit=limit())
    await office.admin.CreateAuthorityLimit(authority_limit=limit("director", "100000"))
    await office.flow(approve("a", {"kind": "authority"}))

    assert waiting(await office.submit("small", amount="5000.00")) == ids_of("head")
    assert waiting(await office.submit("large", amount="5000.01")) == ids_of("boss")
    huge = await office.submit("huge", amount="100000.01")
    assert (state(huge), waiting(huge)) == ("RUNNING", ids_of("admin"))


async def test_a_limit_that_holds_no_more_is_not_asked(office):
    held = await office.admin.CreateAuthorityLimit(authority_limit=limit(amount="9000"))
    await office.admin.CreateAuthorityLimit(authority_limit=limit("director", "100000"))
    await office.flow(approve("a", {"kind": "authority"}))

    off = await office.admin.DeactivateAuthorityLimit(id=held.id, reason="重新授权")

    assert waiting(await office.submit()) == ids_of("boss")
    assert list(off.allowed_actions) == ["activate"]


async def test_a_limit_stands_once_for_post_type_currency_and_day(office):
    await office.admin.CreateAuthorityLimit(authority_limit=limit())

    with refused("AUTHORITY_LIMIT_TWICE"):
        await office.admin.CreateAuthorityLimit(authority_limit=limit(amount="1"))
    await office.admin.CreateAuthorityLimit(authority_limit=limit(currency="USD"))
    await office.admin.CreateAuthorityLimit(authority_limit=limit(document_type="procurement.purchase_order"))
    await office.admin.CreateAuthorityLimit(authority_limit=limit(valid_from_date="2027-01-01"))

    assert len((await office.admin.ListAuthorityLimits()).authority_limits) == 4


async def test_bad_limits_are_refused_at_their_field(office):
    for changes, reason, field in (
        ({"post_id": str(stable("king"))}, "FIELD_NO_SUCH_DOCUMENT", "post_id"),
        ({"document_type": "x.y"}, "FLOW_DOCUMENT_TYPE", "document_type"),
        ({"limit_amount": "NaN"}, "FIELD_DECIMAL", "limit_amount"),
        ({"limit_amount": "-1"}, "FIELD_DECIMAL", "limit_amount"),
        ({"currency": "yuan"}, "FIELD_FORMAT", "currency"),
    ):
        with refused(reason, field=field):
            await office.admin.CreateAuthorityLimit(authority_limit={**limit(), **changes})


REACH = {
    # who holds approval.authority_limit.* with which scope: sees and changes the company's table
    "colleague": ("COMPANY", COMPANY, ""),
    "head": ("DEPARTMENT", COMPANY, ""),
    "other_department": ("OWN", COMPANY, ""),
    "other_company": ("COMPANY", OTHER_COMPANY, "DOCUMENT_NOT_FOUND"),
    "stranger": (None, None, "PERMISSION_MISSING"),
}


@pytest.mark.parametrize("key", REACH)
async def test_the_authority_table_is_the_companys(office, key):
    scope, company, refusal = REACH[key]
    made = await office.admin.CreateAuthorityLimit(authority_limit=limit("director", "100000"))
    office.service.revoke(key)
    if scope:
        office.service.grant(key, ["approval.authority_limit.*"], scope, company=company)
    caller = office.service.as_(key)

    if not refusal:
        assert [row.id for row in (await caller.ListAuthorityLimits()).authority_limits] == [made.id]
        changed = await caller.UpdateAuthorityLimit(authority_limit={"id": made.id, "limit_amount": "1"})
        assert (await caller.GetAuthorityLimit(id=made.id)).limit_amount == changed.limit_amount == "1.00"
        return
    for call in (
        caller.GetAuthorityLimit(id=made.id),
        caller.UpdateAuthorityLimit(authority_limit={"id": made.id, "limit_amount": "1"}),
        caller.DeactivateAuthorityLimit(id=made.id),
    ):
        with refused(refusal):
            await call
    assert await office.admin.GetAuthorityLimit(id=made.id) == made
