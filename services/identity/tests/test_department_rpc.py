from __future__ import annotations

from typing import Any

import pytest

from chassis.testing import COMPANY, OTHER_COMPANY, Bench, refused, stable
from identity.tests import factories as make


async def test_a_department_stands_in_the_company_of_the_call(house: Bench, admin: Any) -> None:
    made = await admin.CreateDepartment(department=make.department(parent_id=stable("works"), head_id=stable("head")))

    assert made.company_id == str(COMPANY)
    assert made.parent_id == str(stable("works"))
    assert made.state == made.ACTIVE
    assert set(made.allowed_actions) == {"update", "deactivate"}


async def test_codes_are_unique_within_a_company_and_free_in_another(house: Bench, admin: Any) -> None:
    await admin.CreateDepartment(department=make.department(code="TWICE"))

    with refused("ALREADY_EXISTS"):
        await admin.CreateDepartment(department=make.department(code="TWICE"))
    there = house.as_("admin", company=OTHER_COMPANY)
    assert (await there.CreateDepartment(department=make.department(code="TWICE"))).company_id == str(OTHER_COMPANY)


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"parent_id": str(stable("elsewhere"))}, "FIELD_NO_SUCH_DOCUMENT", "parent_id"),
        ({"parent_id": str(stable("nothing"))}, "FIELD_NO_SUCH_DOCUMENT", "parent_id"),
        ({"head_id": str(stable("disabled"))}, "DEPARTMENT_HEAD_DISABLED", "head_id"),
        ({"head_id": str(stable("nobody"))}, "FIELD_NO_SUCH_DOCUMENT", "head_id"),
        ({"name": ""}, "FIELD_REQUIRED", "name"),
        ({"name": "车\u200b间"}, "FIELD_HIDDEN_CHARACTERS", "name"),
        ({"name": "车" * 101}, "FIELD_TOO_LONG", "name"),
        ({"parent_id": "x"}, "FIELD_FORMAT", "parent_id"),
        ({"state": "INACTIVE"}, "FIELD_READ_ONLY", "state"),
        ({"company_id": str(OTHER_COMPANY)}, "FIELD_READ_ONLY", "company_id"),
    ],
)
async def test_what_is_wrong_is_refused_at_its_field(
    house: Bench, admin: Any, changes: dict[str, Any], reason: str, field: str
) -> None:
    before = await make.epoch(house)

    with refused(reason, field=field):
        await admin.CreateDepartment(department=make.department(**changes))

    assert await make.epoch(house) == before
    assert await house.events() == []


async def test_a_department_cannot_stand_below_itself(house: Bench, admin: Any) -> None:
    middle = await admin.CreateDepartment(department=make.department(parent_id=stable("works")))
    low = await admin.CreateDepartment(department=make.department(parent_id=middle.id))

    with refused("DEPARTMENT_CYCLE", field="parent_id"):
        await admin.UpdateDepartment(department={"id": stable("works"), "parent_id": low.id})
    with refused("DEPARTMENT_CYCLE"):
        await admin.UpdateDepartment(department={"id": low.id, "parent_id": low.id})


async def test_a_department_with_people_or_departments_stays_in_use(house: Bench, admin: Any) -> None:
    with refused("DEPARTMENT_HAS_PEOPLE") as found:
        await admin.DeactivateDepartment(id=str(stable("works")))

    assert found.value.facts == {"employees": "3", "departments": "1"}


async def test_an_empty_department_goes_out_of_use_and_comes_back(house: Bench, admin: Any) -> None:
    made = await admin.CreateDepartment(department=make.department())

    gone = await admin.DeactivateDepartment(id=made.id, etag=made.etag)
    with refused("ACTION_NOT_ALLOWED"):
        await admin.UpdateDepartment(department={"id": made.id, "name": "新名"})
    back = await admin.ActivateDepartment(id=made.id, etag=gone.etag)

    assert (gone.state, back.state) == (made.INACTIVE, made.ACTIVE)
    subjects = [subject for subject, _ in await house.events("department")]
    assert [s.rsplit(".", 1)[1] for s in subjects] == ["created", "updated", "updated"]


async def test_a_stale_etag_changes_nothing(house: Bench, admin: Any) -> None:
    made = await admin.CreateDepartment(department=make.department())
    await admin.UpdateDepartment(department={"id": made.id, "name": "第一"})

    with refused("STALE_ETAG"):
        await admin.UpdateDepartment(department={"id": made.id, "etag": made.etag, "name": "第二"})

    assert (await admin.GetDepartment(id=made.id)).name == "第一"


async def test_departments_of_another_company_are_not_there(house: Bench) -> None:
    requester = house.as_("requester")

    listed = await requester.ListDepartments(summarize=True)
    fetched = await requester.BatchGetDepartments(ids=[str(stable("works")), str(stable("elsewhere"))])

    assert {unit.name for unit in listed.departments} == {"Works", "Workshop", "Finance"}
    assert [unit.name for unit in fetched.departments] == ["Works"]
    with refused("DOCUMENT_NOT_FOUND"):
        await requester.GetDepartment(id=str(stable("elsewhere")))


async def test_nothing_stands_below_a_department_out_of_use(house: Bench, admin: Any) -> None:
    made = await admin.CreateDepartment(department=make.department())
    await admin.DeactivateDepartment(id=made.id)

    with refused("DEPARTMENT_PARENT", field="parent_id"):
        await admin.CreateDepartment(department=make.department(parent_id=made.id))
