"""Units of measure: kept by the item master's clerks, read by everybody."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from chassis.call import Call
from chassis.states import advance
from heyi.inventory.v1 import units_pb2 as pb
from inventory.item.model import Item, ItemUnit
from inventory.unit import rules
from inventory.unit.model import Unit


class Units:
    async def CreateUnit(self, request: pb.CreateUnitRequest, call: Call) -> Any:
        unit = await call.create(Unit, request.unit)
        rules.check(unit)
        return call.announce(pb.UnitCreated, unit)

    async def GetUnit(self, request: pb.GetUnitRequest, call: Call) -> Any:
        return await call.load(Unit, request.id)

    async def ListUnits(self, request: pb.ListUnitsRequest, call: Call) -> Any:
        return await call.page(Unit, request)

    async def BatchGetUnits(self, request: pb.BatchGetUnitsRequest, call: Call) -> Any:
        return await call.batch(Unit, request)

    async def UpdateUnit(self, request: pb.UpdateUnitRequest, call: Call) -> Any:
        unit = await call.load(Unit, request.unit.id, etag=request.unit.etag)
        advance(unit, "update")
        before = (unit.dimension, unit.factor)
        call.update(unit, request.unit, request.update_mask)
        rules.check(unit)
        rules.remeasure(unit, before=before, items=await _items_counted_in(unit.id, call))
        return call.announce(pb.UnitUpdated, unit)

    async def DeactivateUnit(self, request: pb.DeactivateUnitRequest, call: Call) -> Any:
        unit = await call.load(Unit, request.id, etag=request.etag)
        advance(unit, "deactivate")
        return call.announce(pb.UnitUpdated, unit)

    async def ActivateUnit(self, request: pb.ActivateUnitRequest, call: Call) -> Any:
        unit = await call.load(Unit, request.id, etag=request.etag)
        advance(unit, "activate")
        return call.announce(pb.UnitUpdated, unit)


async def _items_counted_in(unit_id: uuid.UUID, call: Call) -> int:
    own = sa.select(ItemUnit.parent_id).where(ItemUnit.unit_id == unit_id)
    counted = sa.select(sa.func.count()).where(sa.or_(Item.base_unit_id == unit_id, Item.id.in_(own)))
    return await call.db.scalar(counted) or 0
