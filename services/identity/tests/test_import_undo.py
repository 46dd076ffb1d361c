"""The guided start brings people, heads and roles as files; a wrong file is taken back as long as it is fresh."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.testing import COMPANY, Bench, refused, stable
from identity.delegation.model import Delegation
from identity.departure.model import Departure
from identity.grant.model import Grant
from identity.headship.model import Headship
from identity.placement.model import Placement
from identity.reorganisation.model import Reorganisation
from identity.tests import factories as make
from identity.tests.test_organisation_in_time import day, head_of, headship, later, placement


async def states(house: Bench, model: Any, *conditions: Any) -> list[str]:
    async with house.runtime.sessions() as session:
        await session.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        return sorted((await session.execute(sa.select(model.state).where(*conditions))).scalars())


HEADS = ("department_id", "kind", "employee_id", "from_date")
GRANTS = ("employee_id", "role_id", "scope")


async def test_heads_and_roles_that_a_file_brought_are_taken_back_and_then_the_people(house: Bench, admin: Any) -> None:
    """People who head something, or hold a role, are in use; withdrawn and revoked those are no use of them."""
    role = await admin.CreateRole(role=make.role("identity.employee.get"))
    people = [make.employee(department_id=str(stable("workshop"))) for _ in range(2)]
    joiners = await house.bring_in(
        admin, "identity.employee", ("code", "name", "username", "department_id", "home_company_id"),
        *((one["code"], one["name"], one["username"], str(stable("workshop")), str(COMPANY)) for one in people),
    )  # fmt: skip
    heads = await house.bring_in(
        admin, "identity.headship", HEADS, (str(stable("workshop")), "HEAD", people[0]["code"], day(0)),
        (str(stable("finance")), "HEAD", people[1]["code"], day(-2)),
    )  # fmt: skip
    grants = await house.bring_in(admin, "identity.grant", GRANTS, (people[1]["code"], role.code, "COMPANY"))
    assert [one.no_way_back for one in (joiners, heads, grants)] == ["", "", ""]
    assert await head_of(house, "workshop") != stable("head")

    assert await house.take_back(admin, joiners) == (0, 2, ["IMPORT_IN_USE"] * 2)
    for batch in (grants, heads):
        assert await house.take_back(admin, batch) == (batch.imported_count, 0, [])

    assert await house.take_back(admin, joiners) == (2, 0, [])
    assert await head_of(house, "workshop") == stable("head")
    assert await head_of(house, "finance") == stable("finance_head")
    assert await states(house, Grant, Grant.role_id == role.id) == ["REVOKED"]
    assert await states(house, Headship, Headship.department_id == stable("workshop")) == ["ACTIVE", "CANCELLED"]


async def test_what_has_begun_is_withdrawn_on_the_day_on_which_it_was_written_down_alone(
    house: Bench, admin: Any
) -> None:
    made = await admin.CreateHeadship(headship=headship("workshop", "colleague", from_date=day(-3)))
    moved = await admin.CreatePlacement(placement=placement("requester", "finance"))
    assert "cancel" in made.allowed_actions
    assert "cancel" in moved.allowed_actions
    await admin.CancelHeadship(id=made.id, etag=made.etag)
    await admin.CancelPlacement(id=moved.id, etag=moved.etag)
    assert await head_of(house, "workshop") == stable("head")
    (old, *_) = (
        await admin.ListPlacements(filter=f'employee_id = "{stable("requester")}" AND state = "ACTIVE"')
    ).placements
    assert (old.department_id, old.until_date) == (str(stable("workshop")), "")
    assert (await admin.GetEmployee(id=str(stable("requester")))).department_id == str(stable("workshop"))

    begun = await admin.CreateHeadship(headship=headship("workshop", "colleague"))
    moved = await admin.CreatePlacement(placement=placement("requester", "finance"))
    async with house.runtime.sessions() as session, session.begin():
        await session.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        for model in (Headship, Placement):
            written = house.clock.now() - datetime.timedelta(days=1)
            await session.execute(sa.update(model.__table__).values(created_at=written))
    admin = later(house, 1)
    assert "cancel" not in (await admin.GetHeadship(id=begun.id)).allowed_actions
    with refused("HEADSHIP_BEGUN"):
        await admin.CancelHeadship(id=begun.id)
    with refused("PLACEMENT_BEGUN"):
        await admin.CancelPlacement(id=moved.id)


async def test_the_only_place_of_somebody_is_not_withdrawn(house: Bench, admin: Any) -> None:
    (only,) = (await admin.ListPlacements(filter=f'employee_id = "{stable("requester")}"')).placements
    with refused("PLACEMENT_BEGUN"):
        await admin.CancelPlacement(id=only.id)


async def test_what_has_no_way_back_says_so_beforehand(house: Bench, admin: Any) -> None:
    role = await admin.CreateRole(role=make.role("identity.employee.get"))
    await admin.CreateGrant(grant=make.grant("requester", role.id))
    batch = await house.bring_in(
        admin, "identity.access_review", ("title", "due_date", "department_id"),
        ("年度复核", day(9), str(stable("workshop"))),
    )  # fmt: skip
    assert batch.no_way_back == "IMPORT_NO_WAY_BACK"
    with refused("IMPORT_NO_WAY_BACK"):
        await admin.UndoImportBatch(id=batch.id, reason="名单有误")


@pytest.mark.parametrize(
    ("kind", "model", "fields", "row", "state"),
    [
        (
            "identity.delegation", Delegation, ("delegate_id", "from_date", "until_date", "reason"),
            (str(stable("boss")), day(0), day(9), "出差"), "REVOKED",
        ),
        (
            "identity.departure", Departure, ("employee_id", "successor_id", "last_day_date", "reason"),
            (str(stable("requester")), str(stable("colleague")), day(9), "离职"), "CANCELLED",
        ),
        ("identity.reorganisation", Reorganisation, ("title", "effective_date"), ("年度调整", day(9)), "CANCELLED"),
        (
            "identity.placement", Placement, ("employee_id", "department_id", "kind", "from_date"),
            (str(stable("requester")), str(stable("finance")), "PRINCIPAL", day(0)), "CANCELLED",
        ),
    ],
)  # fmt: skip
async def test_what_a_file_brought_is_out_of_force_after_its_undo(
    house: Bench, admin: Any, kind: str, model: Any, fields: Sequence[str], row: Sequence[str], state: str
) -> None:
    batch = await house.bring_in(admin, kind, fields, row)

    assert await house.take_back(admin, batch) == (1, 0, [])
    assert state in await states(house, model)
