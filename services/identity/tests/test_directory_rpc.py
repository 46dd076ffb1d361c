from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chassis import contract
from chassis.errors import Refused
from chassis.organisation import Organisation
from chassis.testing import COMPANY, OTHER_COMPANY, Bench, refused, stable
from heyi.identity.v1 import directory_pb2, grants_pb2
from identity.seed import EVERYBODY_MAY
from identity.tests import factories as make

Change = Callable[[Bench, Any], Awaitable[Any]]


async def test_the_snapshot_is_the_whole_group(house: Bench) -> None:
    answer = await house.as_service("approval").GetAuthorization()
    group = Organisation.of(answer, house.clock)

    assert not answer.unchanged
    boss, head = group.people[stable("boss")], stable("head")
    assert (boss.name, boss.company_id, boss.department_id, boss.active) == ("Boss", COMPANY, stable("works"), True)
    assert not group.people[stable("disabled")].active
    assert group.head_chain(stable("requester")) == [head, stable("boss")]
    assert group.below(stable("works")) == {stable("works"), stable("workshop")}
    assert group.companies[OTHER_COMPANY].time_zone == "Asia/Shanghai"
    assert group.posts[stable("director")].level == 1
    everybody = [right for right in group.rights[stable("requester")] if right.role_code == "employee"]
    assert [(r.company_id, r.scope) for r in everybody] == [(COMPANY, "OWN")]
    assert stable("disabled") not in group.rights


async def test_an_epoch_that_is_known_is_answered_with_nothing(house: Bench) -> None:
    known = await make.epoch(house)

    with house.statements() as seen:
        answer = await house.as_service("approval").GetAuthorization(known_epoch=known)

    assert (answer.unchanged, answer.epoch, len(answer.people)) == (True, known, 0)
    assert len(seen) == 1


async def test_only_services_ask_for_the_snapshot(house: Bench) -> None:
    with refused("SERVICES_ONLY"):
        await house.as_("admin").GetAuthorization()


async def _grant(house: Bench, admin: Any) -> Any:
    return await admin.CreateGrant(grant=make.grant("colleague", await make.role_id(house, "auditor")))


async def _revoke(house: Bench, admin: Any) -> Any:
    await admin.RevokeGrant(id=(await _grant(house, admin)).id)


async def _role(house: Bench, admin: Any) -> Any:
    role = await admin.CreateRole(role=make.role("inventory.*"))
    return await admin.UpdateRole(role={"id": role.id, "permissions": ["inventory.item.*"]})


CHANGES: dict[str, Change] = {
    "company": lambda h, a: a.CreateCompany(company=make.company()),
    "department": lambda h, a: a.CreateDepartment(department=make.department()),
    "department head": lambda h, a: a.UpdateDepartment(department={"id": stable("works"), "head_id": stable("head")}),
    "post": lambda h, a: a.CreatePost(post=make.post()),
    "employee": lambda h, a: a.CreateEmployee(employee=make.employee()),
    "move": lambda h, a: a.UpdateEmployee(employee={"id": stable("colleague"), "department_id": stable("works")}),
    "disable": lambda h, a: a.DisableEmployee(id=str(stable("colleague")), reason="left"),
    "role": _role,
    "grant": _grant,
    "revocation": _revoke,
}


@pytest.mark.parametrize("change", CHANGES)
async def test_what_matters_for_rights_raises_the_epoch_and_is_announced(house: Bench, admin: Any, change: str) -> None:
    before = await make.epoch(house)

    await CHANGES[change](house, admin)

    assert await make.epoch(house) > before
    assert await house.events("evt.identity.")


async def test_changes_at_once_leave_no_epoch_out(house: Bench, admin: Any) -> None:
    before = await make.epoch(house)

    await asyncio.gather(*(admin.CreatePost(post=make.post()) for _ in range(8)))

    assert await make.epoch(house) == before + 8


async def test_a_disabled_employee_is_nobody_in_the_next_snapshot(house: Bench, admin: Any) -> None:
    await admin.CreateGrant(grant=make.grant("colleague", await make.role_id(house, "buyer")))

    await admin.DisableEmployee(id=str(stable("colleague")), reason="left")

    answer = await house.as_service("gateway").GetAuthorization()
    person = next(p for p in answer.people if p.employee_id == str(stable("colleague")))
    assert not person.active
    assert person.HasField("not_before_time")
    assert all(right.employee_id != person.employee_id for right in answer.rights)


async def test_me_says_who_where_and_what_i_may(house: Bench) -> None:
    house.grant("requester", ["procurement.*"], "COMPANY", company=OTHER_COMPANY, role="buyer")
    house.clock.set("2026-11-23T23:30:00+00:00")

    me = await house.as_("requester").GetMe()
    there = await house.as_("requester", company=OTHER_COMPANY).GetMe()

    assert (me.employee.name, me.department_name, me.post_name) == ("Requester", "Workshop", "Worker")
    assert [c.code for c in me.companies] == ["C1", "C2"]
    assert (me.company_id, there.company_id) == (str(COMPANY), str(OTHER_COMPANY))
    assert me.today_date == "2026-11-24"
    scopes = {p.name: p.scope for p in me.permissions}
    assert scopes["procurement.purchase_order.release"] == grants_pb2.Grant.OWN
    widest = {p.name: p.scope for p in there.permissions}
    assert widest["procurement.purchase_order.release"] == grants_pb2.Grant.COMPANY


async def test_a_head_is_offered_companies_with_something_to_see_and_stays_where_a_link_led(house: Bench) -> None:
    house.revoke("head")
    house.grant("head", ["*"], "OWN", company=COMPANY, role="employee")
    house.grant("head", ["procurement.*"], "DEPARTMENT_AND_BELOW", role="department_head")

    at_home = await house.as_("head").GetMe()
    there = await house.as_("head", company=OTHER_COMPANY).GetMe()

    assert [c.code for c in at_home.companies] == ["C1"]
    assert ([c.code for c in there.companies], there.company_id) == (["C1", "C2"], str(OTHER_COMPANY))


async def test_an_administrator_sees_every_company(house: Bench, admin: Any) -> None:
    me = await admin.GetMe()

    assert {c.code for c in me.companies} == {"C1", "C2"}
    assert {p.scope for p in me.permissions} == {grants_pb2.Grant.ALL}


async def test_the_catalogue_is_the_contract_with_its_words(house: Bench, admin: Any) -> None:
    listed = {p.name: p.description for p in (await admin.ListPermissions()).permissions}

    assert "procurement.purchase_order.release" in listed
    assert listed["identity.employee.disable"].startswith("Refused everywhere within seconds;")
    assert set(listed) == set(contract.load().permissions())


def keep(key: str, **value: Any) -> directory_pb2.SetPreferenceRequest:
    request = directory_pb2.SetPreferenceRequest(key=key)
    request.value.update(value)
    return request


async def test_a_preference_is_kept_for_its_owner_alone(house: Bench) -> None:
    mine, others = house.as_("requester"), house.as_("colleague")
    look = directory_pb2.GetPreferenceRequest(key="list.procurement.supplier")

    await mine.SetPreference(keep(look.key, columns=["code", "name"]))
    await mine.SetPreference(keep(look.key, columns=["name"], width=3))

    assert dict((await mine.GetPreference(look)).value) == {"columns": ["name"], "width": 3}
    assert len((await others.GetPreference(look)).value) == 0


async def test_a_preference_is_no_store(house: Bench) -> None:
    mine = house.as_("requester")

    with refused("PREFERENCE_TOO_LARGE", field="value"):
        await mine.SetPreference(keep("theme", x="y" * 20_000))
    with refused("FIELD_FORMAT", field="key"):
        await mine.SetPreference(keep("a key"))
    with refused("FIELD_REQUIRED", field="key"):
        await mine.GetPreference(directory_pb2.GetPreferenceRequest())


EVERYBODY = ["requester", "colleague", "other_department", "other_company"]
OF_EACH = [
    ("Company", "GetCompany", str(COMPANY), EVERYBODY),
    ("Department", "GetDepartment", str(stable("workshop")), ["requester", "colleague", "other_department"]),
    ("Post", "GetPost", str(stable("worker")), EVERYBODY),
    ("Employee", "GetEmployee", str(stable("requester")), EVERYBODY),
    ("Role", "GetRole", "00000000-0000-7000-8000-0000000000b3", ["admin"]),
    ("Grant", "GetGrant", "00000000-0000-7000-8000-0000000000a1", ["admin"]),
]  # fmt: skip


@pytest.mark.parametrize(("document", "method", "key", "readers"), OF_EACH, ids=[row[0] for row in OF_EACH])
async def test_who_reads_what(house: Bench, document: str, method: str, key: str, readers: list[str]) -> None:
    """Own, same department, other department, other company, nobody: with what every employee has."""
    for person in EVERYBODY:
        house.revoke(person)
        house.grant(person, EVERYBODY_MAY, "OWN", company=house.organisation.people[stable(person)].company_id)

    for person in (*EVERYBODY, "admin", "stranger"):
        caller = getattr(house.as_(person), method)
        if person in readers or person == "admin":
            assert (await caller(id=key)).id == key
        else:
            with pytest.raises(Refused) as found:
                await caller(id=key)
            assert found.value.reason in ("PERMISSION_MISSING", "DOCUMENT_NOT_FOUND")
