"""Units and categories through the whole runtime."""

from typing import Any

import pytest

from chassis.testing import refused
from inventory.tests.conftest import Master


async def test_a_units_factor_is_one_unless_said_otherwise(master: Master, service: Any) -> None:
    tonne = await master.clerk.CreateUnit(
        unit={"code": "T", "name": "吨", "dimension": "mass", "factor": "1000", "decimals": 6}
    )
    assert (master.piece.factor, tonne.factor, tonne.decimals) == ("1", "1000", 6)
    assert [event.unit.code for _, event in await service.events("unit.created")] == ["PCS", "BOX", "T"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"decimals": 7}, "UNIT_DECIMALS"),
        ({"decimals": -1}, "UNIT_DECIMALS"),
        ({"dimension": "mass", "factor": "0"}, "FIELD_NOT_POSITIVE"),
        ({"factor": "12"}, "FIELD_REQUIRED"),
        ({"code": "PCS"}, "ALREADY_EXISTS"),
    ],
)
async def test_a_faulty_unit_is_refused(master: Master, fields: dict[str, Any], reason: str) -> None:
    with refused(reason):
        await master.clerk.CreateUnit(unit={"code": "KG", "name": "千克", **fields})


async def test_a_unit_that_items_are_counted_in_keeps_its_measure(master: Master) -> None:
    await master.clerk.CreateItem(item=master.item(units=[{"unit_id": master.box.id, "factor": "20"}]))
    for unit in (master.piece, master.box):
        with refused("STILL_USED", field="factor"):
            await master.clerk.UpdateUnit(
                unit={"id": unit.id, "dimension": "count", "factor": "12"}, update_mask="dimension,factor"
            )
        renamed = await master.clerk.UpdateUnit(unit={"id": unit.id, "name": "只"}, update_mask="name")
        assert renamed.name == "只"


async def test_a_unit_out_of_use_cannot_be_chosen_but_stays_where_it_is(master: Master) -> None:
    made = await master.clerk.CreateItem(item=master.item())
    await master.clerk.DeactivateUnit(id=master.piece.id)
    with refused("FIELD_NO_SUCH_DOCUMENT", field="base_unit_id"):
        await master.clerk.CreateItem(item=master.item(code="X-1", name="手套"))
    await master.clerk.UpdateItem(item={"id": made.id, "brand": "恒屿"}, update_mask="brand")
    assert list((await master.clerk.GetUnit(id=master.piece.id)).allowed_actions) == ["activate"]


async def test_a_category_never_stands_below_itself(master: Master, service: Any) -> None:
    async def below(code: str, parent: str) -> Any:
        return await master.clerk.CreateItemCategory(
            item_category={"code": code, "name": code, "parent_id": parent, "sourcing_policy": "BUYER"}
        )

    child = await below("C", master.category.id)
    grandchild = await below("G", child.id)
    for parent in (master.category.id, child.id, grandchild.id):
        with refused("ITEM_CATEGORY_CYCLE", field="parent_id"):
            await master.clerk.UpdateItemCategory(
                item_category={"id": master.category.id, "parent_id": parent}, update_mask="parentId"
            )
    moved = await master.clerk.UpdateItemCategory(
        item_category={"id": grandchild.id, "parent_id": master.category.id}, update_mask="parentId"
    )
    assert moved.parent_id == master.category.id
    root = await master.clerk.UpdateItemCategory(item_category={"id": moved.id}, update_mask="parentId")
    assert root.parent_id == ""
    [(_, event), _] = await service.events("item_category.updated")
    assert event.item_category.parent_id == master.category.id


async def test_a_category_needs_a_policy_and_a_parent_that_exists(master: Master) -> None:
    with refused("FIELD_REQUIRED"):
        await master.clerk.CreateItemCategory(item_category={"code": "C", "name": "C"})
    with refused("FIELD_NO_SUCH_DOCUMENT", field="parent_id"):
        await master.clerk.CreateItemCategory(
            item_category={"code": "C", "name": "C", "sourcing_policy": "BUYER", "parent_id": master.piece.id}
        )


async def test_what_was_done_is_on_record(master: Master, service: Any) -> None:
    with refused("UNIT_DECIMALS"):
        await master.clerk.CreateUnit(unit={"code": "KG", "name": "千克", "decimals": 9})
    entries = await service.audit()
    assert [(e.outcome, e.reason) for e in entries][-1] == ("refused", "UNIT_DECIMALS")
    assert all(e.method.startswith("heyi.inventory.v1.") for e in entries)


async def test_a_service_neither_reads_nor_writes_what_the_contract_does_not_name_it_for(service: Any) -> None:
    procurement = service.as_service("procurement")
    with refused("PERMISSION_MISSING"):
        await procurement.ListUnits()
    with refused("PERMISSION_MISSING"):
        await procurement.CreateUnit(unit={"code": "KG", "name": "千克"})
