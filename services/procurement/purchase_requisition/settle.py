"""What becomes of an agreed requisition. Asks how things stand and does what is missing, however often it is called.

Lines that need nobody order themselves, grouped by supplier, currency and delivery place; every other line waits in
the buyer's pool with the reason. The lock on the requisition and a unique index on the requisition line make sure
that no line is ordered twice.
"""

from __future__ import annotations

import uuid
from decimal import Decimal

from chassis.call import Call
from heyi.procurement.v1 import sourcing_tasks_pb2
from procurement.market import Market
from procurement.purchase_order.bundle import Want, as_sold, bundle
from procurement.purchase_order.place import follow, place, save_alike
from procurement.purchase_requisition.model import PurchaseRequisition, PurchaseRequisitionLine
from procurement.sourcing_task import pool
from procurement.sourcing_task.rules import reason_to_wait
from procurement.supplier_item.rules import Offer


async def settle(requisition: PurchaseRequisition, call: Call) -> None:
    """Order or pool every line that nothing was done with yet. The requisition is locked and its lines are loaded."""
    if requisition.state != "APPROVED":
        return
    todo = [line for line in requisition.lines if line.state == "OPEN"]
    if not todo:
        return
    market = await Market.of(
        call,
        (line.item_id for line in todo),
        categories=(line.category_id for line in todo),
        suppliers=(line.supplier_id for line in todo),
    )
    wants: list[Want] = []
    buyers: dict[uuid.UUID, uuid.UUID | None] = {}
    for line in todo:
        offer = market.offer(
            line.item_id,
            quantity=line.quantity,
            unit_id=line.unit_id,
            currency=requisition.currency,
            wished=line.supplier_id,
        )
        category = market.catalog.categories.get(line.category_id) if line.category_id else None
        buyer_id = category.buyer_id if category and category.buyer_id in call.organisation.people else None
        reason = reason_to_wait(line, market.catalog, offer)
        if reason is None:
            assert offer is not None
            wants.append(_want(requisition, line, market, offer))
            buyers[line.id] = buyer_id
        else:
            line.state = "IN_POOL"
            save_alike(line)
            task = pool.task_of(
                requisition,
                line,
                reason,
                buyer_id=buyer_id,
                suggested_supplier_id=offer.supplier_id if offer else None,
                suggested_unit_price=market.price(offer, line.item_id, line.unit_id, requisition.currency),
            )
            call.announce(sourcing_tasks_pb2.SourcingTaskCreated, call.add(task))
    lines = {line.id: line for line in todo}
    await place(
        call,
        bundle(wants, merge=False),
        owner_id=requisition.owner_id,
        department_id=requisition.department_id,
        buyers=buyers,
        lines=lines,
    )
    follow(call, requisition)


def _want(
    requisition: PurchaseRequisition,
    line: PurchaseRequisitionLine,
    market: Market,
    offer: Offer,
) -> Want:
    assert line.item_id is not None
    assert offer.unit_price is not None
    terms = offer.terms
    tax_rate = line.tax_rate if terms is None or terms.tax_rate is None else terms.tax_rate
    want = Want(
        requisition_id=requisition.id,
        requisition_number=requisition.number or "",
        requisition_line_id=line.id,
        requisition_line_number=line.line_number,
        requester_id=requisition.owner_id,
        supplier_id=offer.supplier_id,
        currency=requisition.currency,
        delivery_place=requisition.delivery_place,
        item_id=line.item_id,
        description=line.description,
        specification=line.specification,
        unit_id=line.unit_id,
        quantity=line.quantity,
        unit_price=offer.unit_price,
        tax_rate=tax_rate or Decimal(0),
        need_date=line.need_date or requisition.need_date,
        cost_department_id=line.cost_department_id,
        project_code=line.project_code,
        note=line.note,
        price_source=offer.source,
        exchange_rate=requisition.exchange_rate,
        exchange_rate_date=requisition.exchange_rate_date,
    )
    return as_sold(
        want,
        market.catalog,
        market.catalog.items[line.item_id],
        unit_id=offer.unit_id,
        unit_price=offer.unit_price,
        minimum=terms.minimum if terms else None,
        multiple=terms.multiple if terms else None,
    )
