"""Suppliers' terms for items: one active set for each supplier, item and company, one preferred supplier per item."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from chassis.call import Call, Refused
from chassis.db import one_at_a_time
from chassis.service import crud
from chassis.states import advance
from heyi.procurement.v1 import supplier_items_pb2 as pb
from procurement.copies import catalog
from procurement.market import breaks_of
from procurement.refusals import Violation, refuse
from procurement.supplier.model import Supplier
from procurement.supplier_item import rules
from procurement.supplier_item.model import SupplierItem

Plain: Any = crud(SupplierItem, pb.SupplierItemCreated, pb.SupplierItemUpdated)


class SupplierItems(Plain):  # type: ignore[misc]
    """heyi.procurement.v1.SupplierItems"""

    async def ActivateSupplierItem(self, request: pb.ActivateSupplierItemRequest, call: Call) -> SupplierItem:
        row = await call.load(SupplierItem, request.id, etag=request.etag)
        advance(row, "activate")
        await self.check(row, call)
        return call.announce(pb.SupplierItemUpdated, row)

    async def check(self, row: SupplierItem, call: Call) -> None:
        """Refuse terms that contradict themselves or others; the newest preferred supplier takes the place."""
        supplier = (await call.db.scalars(sa.select(Supplier).where(Supplier.id == row.supplier_id))).one_or_none()
        known = await catalog(call, [row.item_id])
        item = known.items.get(row.item_id)
        found: list[Violation] = []
        if supplier is None:
            found.append(("supplier_id", "FIELD_NO_SUCH_DOCUMENT", {"value": row.supplier_id}))
        if item is None:
            found.append(("item_id", "FIELD_NO_SUCH_DOCUMENT", {"value": row.item_id}))
        elif known.factor(item, row.unit_id) is None:
            found.append(("unit_id", "FIELD_NO_SUCH_DOCUMENT", {"value": row.unit_id}))
        if row.supplier_company_id and row.supplier_company_id not in call.organisation.companies:
            found.append(("supplier_company_id", "FIELD_NO_SUCH_DOCUMENT", {"value": row.supplier_company_id}))
        found.extend(price_faults(row))
        refuse(found)
        assert supplier is not None
        assert item is not None
        if row.state == "ACTIVE":
            same = [
                SupplierItem.item_id == row.item_id,
                SupplierItem.supplier_company_id.is_not_distinct_from(row.supplier_company_id),
                SupplierItem.state == "ACTIVE",
                SupplierItem.id != row.id,
            ]
            twice = sa.select(SupplierItem.id).where(SupplierItem.supplier_id == row.supplier_id, *same)
            if (await call.db.execute(twice)).first() is not None:
                raise Refused("SUPPLIER_ITEM_TWICE", supplier=supplier.name, item=f"{item.code} {item.name}")
            if row.preferred:
                await _give_way(call, row, same)


def price_faults(row: SupplierItem) -> list[Violation]:
    """Days in the wrong order, and two prices for the same quantity on one day."""
    found: list[Violation] = []
    for index, price in enumerate(row.prices):
        if price.valid_until_date is not None and price.valid_until_date < price.valid_from_date:
            facts: dict[str, object] = {"from": price.valid_from_date, "until": price.valid_until_date}
            found.append((f"prices[{index}].valid_until_date", "SUPPLIER_ITEM_DATES", facts))
    if not found and (twice := rules.overlap(breaks_of(row))) is not None:
        facts = {"from_quantity": format(twice[0].normalize(), "f"), "date": twice[1]}
        found.append(("prices", "SUPPLIER_ITEM_PRICES_OVERLAP", facts))
    return found


async def _give_way(call: Call, row: SupplierItem, same: list[Any]) -> None:
    """Whoever was preferred for the item before is not any more."""
    # one at a time for each item: two that are saved at once would not see each other, and both stay preferred
    await call.db.execute(one_at_a_time(f"procurement.supplier_item.preferred/{row.item_id}"))
    before = sa.select(SupplierItem).where(SupplierItem.preferred, *same).with_for_update()
    for other in await call.db.scalars(before.options(selectinload(SupplierItem.prices))):
        other.preferred = False
        call.announce(pb.SupplierItemUpdated, other)
