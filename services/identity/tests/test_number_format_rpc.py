"""Formats of numbers: kept for the group or a company, and told to every service."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.organisation import Organisation
from chassis.testing import COMPANY, OTHER_COMPANY, Bench, refused

ORDER, SUPPLIER = "procurement.purchase_order", "procurement.supplier"


async def make(person: Any, pattern: str = "CG{yyyy}{mm}-{0000}", document_type: str = ORDER, company: Any = "") -> Any:
    values = {"document_type": document_type, "pattern": pattern, "format_company_id": str(company)}
    return await person.CreateNumberFormat(number_format=values)


async def told(house: Bench) -> dict[Any, str]:
    answer = await house.as_service("procurement", company=None).GetAuthorization()
    return dict(Organisation.of(answer, house.clock).number_formats)


async def test_a_format_is_shown_with_its_first_number_and_told_to_every_service(house: Bench, admin: Any) -> None:
    made = await make(admin)
    assert made.sample == house.clock.now().strftime("CG%Y%m-0001")
    own = await make(admin, "SH-{yyyy}-{0000}", company=COMPANY)
    assert await told(house) == {(None, ORDER): "CG{yyyy}{mm}-{0000}", (COMPANY, ORDER): "SH-{yyyy}-{0000}"}

    changed = await admin.UpdateNumberFormat(number_format={"id": own.id, "etag": own.etag, "pattern": "S-{00000}"})
    assert (await told(house))[COMPANY, ORDER] == "S-{00000}"
    # out of use it is told too: its numbers were given
    gone = await admin.DeactivateNumberFormat(id=own.id, etag=changed.etag)
    assert (await told(house))[COMPANY, ORDER] == ""
    await admin.ActivateNumberFormat(id=own.id, etag=gone.etag)
    assert (await told(house))[COMPANY, ORDER] == "S-{00000}"
    listed = await admin.ListNumberFormats(filter=f'format_company_id = "{COMPANY}"')
    assert [one.pattern for one in listed.number_formats] == ["S-{00000}"]
    with refused("NUMBER_FORMAT_EXISTS"):
        await make(admin, "X-{0000}")


@pytest.mark.parametrize(
    ("pattern", "document_type", "reason", "field"),
    [
        ("CG-{00}", ORDER, "NUMBER_FORMAT_PATTERN", "pattern"),
        ("PR-{yy}-{0000}", ORDER, "NUMBER_FORMAT_TAKEN", "pattern"),
        ("G-{000}", "procurement.price_list", "NUMBER_FORMAT_TYPE", "document_type"),
        ("G-{000}", "approval.office_request", "NUMBER_FORMAT_TYPE", "document_type"),
    ],
)
async def test_what_cannot_number_is_refused(
    admin: Any, pattern: str, document_type: str, reason: str, field: str
) -> None:
    with refused(reason, field=field):
        await make(admin, pattern, document_type)


async def test_two_types_of_a_company_are_never_numbered_alike(house: Bench, admin: Any) -> None:
    await make(admin, "SH-{0000}", company=COMPANY)
    for company in (COMPANY, ""):
        with refused("NUMBER_FORMAT_TAKEN", field="pattern"):
            await make(admin, "SH-{00000}", SUPPLIER, company)
    # where orders are numbered otherwise their standard is free
    await make(admin, "PO-{yyyy}-{000}", SUPPLIER, COMPANY)


async def test_who_keeps_one_company_changes_neither_the_group_nor_another(house: Bench) -> None:
    house.grant("requester", ["identity.number_format.*"], "COMPANY", company=COMPANY)
    keeper = house.as_("requester")
    own = await make(keeper, company=COMPANY)
    assert own.state == own.ACTIVE
    for company in ("", OTHER_COMPANY):
        with refused("NUMBER_FORMAT_REACH"):
            await make(keeper, "X-{0000}", company=company)
