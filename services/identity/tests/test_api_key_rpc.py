"""Keys of programs outside: made with no more than the maker holds, known by their hash, gone when revoked."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.organisation import Organisation
from chassis.policy import Rights
from chassis.runtime import Envelope
from chassis.testing import COMPANY, OTHER_COMPANY, Bench, refused, stable
from heyi.identity.v1 import companies_pb2, directory_pb2
from identity.api_key import rules
from identity.api_key.model import ApiKey
from identity.tests import factories as make

READS = "identity.company.list"
TODAY = datetime.date(2026, 3, 2)
CATALOGUE = {"a.b.get", "identity.grant.create", "identity.api_key.create"}


@pytest.fixture
async def admin(admin: Any, house: Bench) -> Any:
    """The administrator, whose rights are in the tables too."""
    await admin.CreateGrant(grant=make.grant("admin", await make.role_id(house, "administrator"), "ALL"))
    return admin


def key_of(house: Bench, **changes: Any) -> dict[str, Any]:
    until = house.organisation.today(COMPANY) + datetime.timedelta(days=30)
    fields = {"name": "旧ERP", "key_company_id": str(COMPANY), "permissions": [READS]}
    return {**fields, "valid_until_date": until.isoformat(), **changes}


async def learn(house: Bench) -> Rights:
    """The organisation as everybody has it from now on."""
    rights = Rights(Organisation.of(await house.as_service("gateway").GetAuthorization(), house.clock))
    house.runtime.rights = lambda: rights
    return rights


async def asks(house: Bench, secret: str, name: str = "ListCompanies", request: Any = None, company: str = "") -> Any:
    """One call with a key."""
    method = next(m for m in house.service.methods() if m.name == name)
    asked = request or method.request()
    return (
        await house.runtime.invoke(method, asked, Envelope(token=secret, key="key-test-01", company=company))
    ).message


@pytest.mark.parametrize(
    ("permission", "held", "reason"),
    [
        ("a.b.get", True, ""),
        ("a.b.get", False, "API_KEY_BEYOND_OWN"),
        ("a.b.*", True, "API_KEY_PERMISSION"),
        ("*", True, "API_KEY_PERMISSION"),
        ("identity.grant.create", True, "API_KEY_MAKES_RIGHTS"),
        ("identity.api_key.create", True, "API_KEY_MAKES_RIGHTS"),
    ],
)
def test_which_permissions_a_key_may_have(permission: str, held: bool, reason: str) -> None:
    if not reason:
        assert rules.permissions([permission, permission], CATALOGUE, lambda _: held) == [permission]
        return
    with refused(reason):
        rules.permissions([permission], CATALOGUE, lambda _: held)


@pytest.mark.parametrize(("days", "fits"), [(-1, False), (0, True), (366, True), (367, False)])
def test_until_when_a_key_may_count(days: int, fits: bool) -> None:
    until = TODAY + datetime.timedelta(days=days)
    if fits:
        rules.dates(until, TODAY)
        return
    with refused("API_KEY_DATES"):
        rules.dates(until, TODAY)


async def test_a_key_asks_for_what_it_may_in_its_company_and_nothing_else(house: Bench, admin: Any) -> None:
    made = await admin.CreateApiKey(api_key=key_of(house))
    with refused("NOT_SIGNED_IN"):
        await asks(house, made.secret)
    await learn(house)

    assert (await asks(house, made.secret)).companies
    with refused("PERMISSION_MISSING"):
        await asks(house, made.secret, "ListRoles")
    with refused("PERMISSION_MISSING"):
        await asks(house, made.secret, "GetMe")
    with refused("PERMISSION_MISSING"):
        await asks(house, made.secret, "GetAuthorization")
    with refused("COMPANY_NOT_ALLOWED"):
        await asks(house, made.secret, company=str(OTHER_COMPANY))
    with refused("NOT_SIGNED_IN"):
        await asks(house, made.secret[:-1] + ("a" if made.secret[-1] != "a" else "b"))


async def test_only_the_hash_is_kept_and_the_secret_is_shown_once(house: Bench, admin: Any) -> None:
    idempotency = str(uuid.uuid4())
    made = await admin.CreateApiKey(api_key=key_of(house), key=idempotency)
    again = await admin.CreateApiKey(api_key=key_of(house), key=idempotency)
    assert made.secret.startswith("hyk_")
    assert (again.id, again.secret) == (made.id, "")
    assert made.secret not in str(await admin.GetApiKey(id=made.id))
    assert made.secret not in str(await house.events()) + str(await house.audit())
    async with house.runtime.read_sessions() as session:
        kept = (await session.execute(sa.select(ApiKey.__table__))).mappings().one()
    assert kept["key_hash"] == rules.hashed(made.secret)
    assert made.secret not in str(dict(kept))


async def test_what_a_program_does_stands_under_the_name_of_its_key(house: Bench, admin: Any) -> None:
    made = await admin.CreateApiKey(api_key=key_of(house, permissions=["identity.company.update"]))
    await learn(house)
    company = (await house.as_("admin").ListCompanies()).companies[0]
    request = companies_pb2.UpdateCompanyRequest(company=companies_pb2.Company(id=company.id, etag=company.etag))
    request.company.phone = "021-5550-0101"
    request.update_mask.paths.append("phone")
    await asks(house, made.secret, "UpdateCompany", request)
    assert (await house.audit())[-1].actor_id == uuid.UUID(made.id)
    (shown,) = (await house.as_("admin").BatchGetEmployees(ids=[made.id])).employees
    assert shown.name == "旧ERP"


@pytest.mark.parametrize("why", ["revoked", "over", "maker"])
async def test_a_key_ends(house: Bench, admin: Any, why: str) -> None:
    made = await admin.CreateApiKey(api_key=key_of(house))
    await learn(house)
    assert (await asks(house, made.secret)).companies
    if why == "revoked":
        await admin.RevokeApiKey(id=made.id, etag=made.etag, reason="gone")
        await learn(house)
    elif why == "over":
        house.clock.advance(days=31)
    else:
        answer = await house.as_service("gateway").GetAuthorization()
        for person in answer.people:
            person.active = person.active and person.employee_id != str(stable("admin"))
        rights = Rights(Organisation.of(answer, house.clock))
        house.runtime.rights = lambda: rights
    with refused("NOT_SIGNED_IN"):
        await asks(house, made.secret)


async def test_a_key_reaches_no_further_than_its_maker_does_now(house: Bench, admin: Any) -> None:
    made = await admin.CreateApiKey(api_key=key_of(house))
    answer = await house.as_service("gateway").GetAuthorization()
    lost = directory_pb2.Authorization()
    lost.CopyFrom(answer)
    del lost.rights[:]
    lost.rights.extend(right for right in answer.rights if right.employee_id == made.id)
    for given, may in ((answer, True), (lost, False)):
        rights = Rights(Organisation.of(given, house.clock))
        assert rights.may(uuid.UUID(made.id), READS, COMPANY) is may
        assert not rights.may(uuid.UUID(made.id), READS, OTHER_COMPANY)


async def test_the_gateway_says_that_a_key_was_used_and_nobody_else(house: Bench, admin: Any) -> None:
    made = await admin.CreateApiKey(api_key=key_of(house))
    await house.as_service("gateway").UseApiKey(id=made.id)
    shown = await admin.GetApiKey(id=made.id)
    assert shown.HasField("last_use_time")
    assert shown.etag == made.etag
    with refused("SERVICES_ONLY"):
        await admin.UseApiKey(id=made.id)
