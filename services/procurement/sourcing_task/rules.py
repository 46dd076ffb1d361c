"""The buyer's pool: which agreed lines order themselves, and what a line that does not is waiting for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procurement.catalog import Catalog
from procurement.supplier_item.rules import Offer

if TYPE_CHECKING:
    from procurement.purchase_requisition.model import PurchaseRequisitionLine
    from procurement.sourcing_task.model import SourcingTask

TRANSITIONS: dict[tuple[str, str], str] = {
    ("OPEN", "update"): "OPEN",
    ("OPEN", "order"): "ORDERED",
    ("OPEN", "drop"): "DROPPED",
}


def reason_to_wait(line: PurchaseRequisitionLine, catalog: Catalog, offer: Offer | None) -> str | None:
    """Why a person is needed for a line; None where it can be ordered by itself."""
    item = catalog.items.get(line.item_id) if line.item_id else None
    if item is None and line.kind != "SERVICE":
        return "NOT_CODED"
    if item is None:
        return "NO_PRICE" if line.supplier_id else "NO_SUPPLIER"
    category = catalog.category_of(item)
    if category is None or not category.automatic:
        return "POLICY"
    if offer is None:
        return "NO_SUPPLIER"
    if not offer.qualified:
        return "SUPPLIER_NOT_QUALIFIED"
    return "NO_PRICE" if offer.unit_price is None else None


def missing(task: SourcingTask) -> list[str]:
    """What a buyer still has to say before a task can be ordered."""
    needed = {"supplier_id": task.supplier_id, "unit_price": task.unit_price, "tax_rate": task.tax_rate}
    return [name for name, value in needed.items() if value is None]
