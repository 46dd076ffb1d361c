"""Inventory: the item master. Publishes items, categories and units; listens to nobody."""

from chassis.service import Service
from inventory.base import Base
from inventory.item.rpc import Items
from inventory.item_category.rpc import ItemCategories
from inventory.unit.rpc import Units

SERVICE = Service("inventory", base=Base, rpcs=[Units(), ItemCategories(), Items()], reactions=[])
