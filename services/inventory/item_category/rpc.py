"""Item categories: kept by the item master's clerks, read by everybody."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from chassis.call import Call
from chassis.states import advance
from heyi.inventory.v1 import item_categories_pb2 as pb
from inventory.item_category import rules
from inventory.item_category.model import ItemCategory


class ItemCategories:
    async def CreateItemCategory(self, request: pb.CreateItemCategoryRequest, call: Call) -> Any:
        category = await call.create(ItemCategory, request.item_category)
        rules.check(category)
        rules.place(category, await _above(category.parent_id, call))
        return call.announce(pb.ItemCategoryCreated, category)

    async def GetItemCategory(self, request: pb.GetItemCategoryRequest, call: Call) -> Any:
        return await call.load(ItemCategory, request.id)

    async def ListItemCategories(self, request: pb.ListItemCategoriesRequest, call: Call) -> Any:
        return await call.page(ItemCategory, request)

    async def BatchGetItemCategories(self, request: pb.BatchGetItemCategoriesRequest, call: Call) -> Any:
        return await call.batch(ItemCategory, request)

    async def UpdateItemCategory(self, request: pb.UpdateItemCategoryRequest, call: Call) -> Any:
        category = await call.load(ItemCategory, request.item_category.id, etag=request.item_category.etag)
        advance(category, "update")
        before = category.parent_id
        call.update(category, request.item_category, request.update_mask)
        rules.check(category)
        if category.parent_id != before:
            # one move at a time: two moves that are both right alone can hang a branch below itself together
            await call.db.execute(_ONE_MOVE_AT_A_TIME)
            rules.place(category, await _above(category.parent_id, call))
        return call.announce(pb.ItemCategoryUpdated, category)

    async def DeactivateItemCategory(self, request: pb.DeactivateItemCategoryRequest, call: Call) -> Any:
        category = await call.load(ItemCategory, request.id, etag=request.etag)
        advance(category, "deactivate")
        return call.announce(pb.ItemCategoryUpdated, category)

    async def ActivateItemCategory(self, request: pb.ActivateItemCategoryRequest, call: Call) -> Any:
        category = await call.load(ItemCategory, request.id, etag=request.etag)
        advance(category, "activate")
        return call.announce(pb.ItemCategoryUpdated, category)


_ONE_MOVE_AT_A_TIME = sa.text("SELECT pg_advisory_xact_lock(hashtext('inventory.item_category.parent'))")


async def _above(parent_id: uuid.UUID | None, call: Call) -> set[uuid.UUID]:
    """A category and all that it hangs from."""
    if parent_id is None:
        return set()
    chain = sa.select(ItemCategory.id, ItemCategory.parent_id).where(ItemCategory.id == parent_id).cte(recursive=True)
    chain = chain.union(sa.select(ItemCategory.id, ItemCategory.parent_id).where(ItemCategory.id == chain.c.parent_id))
    return set(await call.db.scalars(sa.select(chain.c.id)))
