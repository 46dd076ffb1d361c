"""Items: kept by the item master's clerks, picked from by everybody who buys, stocks or makes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis import text
from chassis.call import Call
from chassis.states import advance
from heyi.inventory.v1 import items_pb2 as pb
from inventory.item import rules
from inventory.item.model import Item
from inventory.item_category.model import ItemCategory
from inventory.unit.model import Unit

MOST_DUPLICATES = 10
REFERENCES = ("category_id", "base_unit_id", "units")


class Items:
    async def CreateItem(self, request: pb.CreateItemRequest, call: Call) -> Any:
        item = await call.create(Item, request.item)
        rules.describe(item)
        await _check(item, call, chosen=REFERENCES)
        await _refuse_twins(item, call)
        return call.announce(pb.ItemCreated, item)

    async def GetItem(self, request: pb.GetItemRequest, call: Call) -> Any:
        return await call.load(Item, request.id)

    async def ListItems(self, request: pb.ListItemsRequest, call: Call) -> Any:
        return await call.page(Item, request)

    async def BatchGetItems(self, request: pb.BatchGetItemsRequest, call: Call) -> Any:
        return await call.batch(Item, request)

    async def UpdateItem(self, request: pb.UpdateItemRequest, call: Call) -> Any:
        item = await call.load(Item, request.item.id, etag=request.item.etag)
        advance(item, "update")
        before = _references(item)
        call.update(item, request.item, request.update_mask)
        rules.describe(item)
        after = _references(item)
        await _check(item, call, chosen=[name for name in REFERENCES if after[name] != before[name]])
        await _refuse_twins(item, call)
        return call.announce(pb.ItemUpdated, item)

    async def DeactivateItem(self, request: pb.DeactivateItemRequest, call: Call) -> Any:
        item = await call.load(Item, request.id, etag=request.etag)
        advance(item, "deactivate")
        return call.announce(pb.ItemUpdated, item)

    async def ActivateItem(self, request: pb.ActivateItemRequest, call: Call) -> Any:
        item = await call.load(Item, request.id, etag=request.etag)
        advance(item, "activate")
        await _refuse_twins(item, call)
        return call.announce(pb.ItemUpdated, item)

    async def FindDuplicateItems(self, request: pb.FindDuplicateItemsRequest, call: Call) -> Any:
        """The likest items first; one with the same barcode before all."""
        probe = rules.pairs(rules.identity_key(text.normalise(request.name), text.normalise(request.specification)))
        wanted = sa.cast(probe, pg.ARRAY(sa.Text))
        pair = sa.func.unnest(Item.pairs).column_valued("pair")
        common = sa.select(sa.func.count()).where(pair == sa.any_(wanted)).correlate(Item).scalar_subquery()
        likeness = 2.0 * common / (sa.func.cardinality(Item.pairs) + len(probe))
        same_barcode = sa.and_(Item.barcode == request.barcode, sa.literal(bool(request.barcode)))
        alike = (
            sa.select(Item)
            .where(sa.or_(same_barcode, sa.and_(Item.pairs.overlap(wanted), likeness >= rules.ALIKE)))
            .order_by(same_barcode.desc().nulls_last(), likeness.desc(), Item.code)
            .limit(MOST_DUPLICATES)
        )
        found = await call.db.scalars(alike)
        return pb.FindDuplicateItemsResponse(items=[call.reply(item, parts=False) for item in found])


def _references(item: Item) -> dict[str, Any]:
    return {
        "category_id": item.category_id,
        "base_unit_id": item.base_unit_id,
        "units": {line.unit_id for line in item.units},
    }


async def _check(item: Item, call: Call, *, chosen: Iterable[str]) -> None:
    unit_ids = {item.base_unit_id, *(line.unit_id for line in item.units)}
    units = {unit.id: unit for unit in await call.db.scalars(sa.select(Unit).where(Unit.id.in_(unit_ids)))}
    rules.check(item, await call.db.get(ItemCategory, item.category_id), units, chosen=chosen)


async def _refuse_twins(item: Item, call: Call) -> None:
    same_thing = sa.and_(Item.identity_key == item.identity_key, Item.state == "ACTIVE")
    same_barcode = Item.barcode == item.barcode if item.barcode else sa.false()
    columns = (Item.code, Item.name, Item.barcode, Item.identity_key, Item.state)
    twins = await call.db.execute(
        sa.select(*columns).where(Item.id != item.id, sa.or_(same_thing, same_barcode)).limit(5)
    )
    rules.refuse_twins(item, twins.all())
