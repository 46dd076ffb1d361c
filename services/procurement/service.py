"""Procurement: what it serves and what it reacts to."""

from __future__ import annotations

import sqlalchemy as sa

from chassis.service import Held, Service, Stuck
from procurement.base import Base
from procurement.purchase_order.model import PurchaseOrder
from procurement.purchase_order.rpc import PurchaseOrders
from procurement.purchase_requisition.model import PurchaseRequisition
from procurement.purchase_requisition.rpc import PurchaseRequisitions
from procurement.reactions import REACTIONS
from procurement.sourcing_task.model import SourcingTask
from procurement.sourcing_task.rpc import SourcingTasks
from procurement.supplier.rpc import Suppliers
from procurement.supplier_item.rpc import SupplierItems

SERVICE = Service(
    "procurement",
    base=Base,
    rpcs=[Suppliers(), SupplierItems(), PurchaseRequisitions(), PurchaseOrders(), SourcingTasks()],
    reactions=REACTIONS,
    stuck=[
        Stuck(
            "procurement.undecided",
            PurchaseRequisition,
            PurchaseRequisition.submit_time,
            PurchaseRequisition.state == "SUBMITTED",
            PurchaseRequisition.number,
        ),
        Stuck(
            "procurement.unconfirmed",
            PurchaseOrder,
            PurchaseOrder.release_time,
            PurchaseOrder.state == "RELEASED",
            PurchaseOrder.number,
        ),
    ],
    held=[
        Held(
            "documents",
            PurchaseRequisition,
            PurchaseRequisition.owner_id,
            PurchaseRequisition.state.in_(["DRAFT", "SUBMITTED", "APPROVED"]),
            sa.func.coalesce(PurchaseRequisition.number, PurchaseRequisition.title),
        ),
        Held(
            "documents",
            PurchaseOrder,
            sa.func.coalesce(PurchaseOrder.buyer_id, PurchaseOrder.owner_id),
            PurchaseOrder.state.in_(["DRAFT", "RELEASED", "CONFIRMED", "CHANGE_PENDING"]),
            sa.func.coalesce(PurchaseOrder.number, PurchaseOrder.supplier_name),
        ),
        Held(
            "documents",
            SourcingTask,
            SourcingTask.buyer_id,
            SourcingTask.state == "OPEN",
            SourcingTask.requisition_number + " / " + SourcingTask.description,
        ),
    ],
    # the keys of the account numbers
    need=("KEYS",),
)
