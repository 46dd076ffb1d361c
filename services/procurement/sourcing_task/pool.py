"""Putting a line into the buyer's pool."""

from __future__ import annotations

import uuid
from decimal import Decimal

from procurement.purchase_requisition.model import PurchaseRequisition, PurchaseRequisitionLine
from procurement.sourcing_task.model import SourcingTask


def task_of(
    requisition: PurchaseRequisition,
    line: PurchaseRequisitionLine,
    reason: str,
    *,
    buyer_id: uuid.UUID | None = None,
    suggested_supplier_id: uuid.UUID | None = None,
    suggested_unit_price: Decimal | None = None,
) -> SourcingTask:
    """The task of a line; its owner is the buyer where one is known, else the requester."""
    return SourcingTask(
        company_id=requisition.company_id,
        state="OPEN",
        owner_id=buyer_id or requisition.owner_id,
        department_id=requisition.department_id,
        requisition_id=requisition.id,
        requisition_number=requisition.number,
        requisition_line_id=line.id,
        requisition_line_number=line.line_number,
        requester_id=requisition.owner_id,
        reason=reason,
        description=line.description,
        specification=line.specification,
        item_id=line.item_id,
        category_id=line.category_id,
        unit_id=line.unit_id,
        unit_text=line.unit_text,
        quantity=line.quantity,
        tax_rate=line.tax_rate,
        currency=requisition.currency,
        delivery_place=requisition.delivery_place,
        need_date=line.need_date or requisition.need_date,
        supplier_id=line.supplier_id,
        buyer_id=buyer_id,
        suggested_supplier_id=suggested_supplier_id,
        suggested_unit_price=suggested_unit_price,
        order_number="",
        drop_reason="",
    )
