from __future__ import annotations

from typing import Any

import pytest

from chassis.testing import COMPANY, Bench, refused
from identity.tests import factories as make


async def test_a_company_is_made_changed_and_found_by_pinyin(house: Bench, admin: Any) -> None:
    made = await admin.CreateCompany(company=make.company(name="苏州精工铸造有限公司", bank_account="6222000012345678"))
    changed = await admin.UpdateCompany(company={"id": made.id, "etag": made.etag, "phone": "0512-66668888"})

    assert made.bank_account == "****5678"
    assert changed.phone == "0512-66668888"
    assert [c.id for c in (await admin.ListCompanies(search="szjg")).companies] == [made.id]


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"credit_code": "91310000MA1000001A"}, "COMPANY_CREDIT_CODE", "credit_code"),
        ({"credit_code": "12345"}, "COMPANY_CREDIT_CODE", "credit_code"),
        ({"time_zone": "Asia/Nowhere"}, "COMPANY_TIME_ZONE", "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "COMPANY_TIME_ZONE", "time_zone"),
        ({"time_zone": "Asia"}, "COMPANY_TIME_ZONE", "time_zone"),
        ({"base_currency": "yuan"}, "FIELD_FORMAT", "base_currency"),
        ({"code": "C 1"}, "FIELD_FORMAT", "code"),
        ({"name": "厂" * 1_000_000}, "FIELD_TOO_LONG", "name"),
    ],
)
async def test_what_is_wrong_is_refused_at_its_field(
    house: Bench, admin: Any, changes: dict[str, Any], reason: str, field: str
) -> None:
    with refused(reason, field=field):
        await admin.CreateCompany(company=make.company(**changes))


async def test_a_credit_code_stands_for_one_company(house: Bench, admin: Any) -> None:
    first = make.company()
    await admin.CreateCompany(company=first)

    with refused("ALREADY_EXISTS"):
        await admin.CreateCompany(company=make.company(credit_code=first["credit_code"]))


async def test_a_company_with_people_stays_in_use(house: Bench, admin: Any) -> None:
    with refused("COMPANY_HAS_PEOPLE"):
        await admin.DeactivateCompany(id=str(COMPANY))


async def test_an_empty_company_goes_out_of_use_and_comes_back(house: Bench, admin: Any) -> None:
    made = await admin.CreateCompany(company=make.company())

    gone = await admin.DeactivateCompany(id=made.id)
    back = await admin.ActivateCompany(id=made.id)

    assert (gone.state, back.state) == (made.INACTIVE, made.ACTIVE)
