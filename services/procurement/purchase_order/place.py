"""Making orders out of wanted lines, and giving the lines back when an order is cancelled. Set-based throughout."""

from __future__ import annotations

import datetime
import functools
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.orm import selectinload
from sqlalchemy.orm.attributes import flag_modified

from chassis import ids
from chassis.call import Call, Refused
from chassis.db import one_at_a_time
from chassis.numbering import Repeated
from heyi.procurement.v1 import purchase_orders_pb2 as pb
from heyi.procurement.v1 import purchase_requisitions_pb2, sourcing_tasks_pb2
from procurement.purchase_order import rules
from procurement.purchase_order.bundle import LineDraft, OrderDraft
from procurement.purchase_order.model import (
    ItemLastPrice,
    PurchaseOrder,
    PurchaseOrderLine,
    PurchaseOrderLineSource,
)
from procurement.purchase_requisition import rules as requisition_rules
from procurement.purchase_requisition.model import PurchaseRequisition, PurchaseRequisitionLine
from procurement.sourcing_task import pool
from procurement.sourcing_task.model import SourcingTask
from procurement.supplier.model import Supplier

FIRST_VERSION = 1
# written together for every line, so that the lines of one call are saved by one statement
STANDING = ("state", "order_id", "order_line_id", "order_number")


async def place(
    call: Call,
    drafts: Iterable[OrderDraft],
    *,
    owner_id: uuid.UUID,
    department_id: uuid.UUID,
    buyers: Mapping[uuid.UUID, uuid.UUID | None],
    lines: Mapping[uuid.UUID, PurchaseRequisitionLine],
    tasks: Mapping[uuid.UUID, SourcingTask] = {},
    numbered: Callable[[PurchaseOrder], object] = lambda order: None,
) -> list[PurchaseOrder]:
    """Make the orders; `lines` and `tasks` (by requisition line id) say from now on in which order they stand.

    `buyers` names who buys, by requisition line: the first one known of an order is its buyer and owner. `numbered` is
    told of each order when it has its number.
    """
    drafts = list(drafts)
    wanted = {draft.supplier_id for draft in drafts}
    suppliers = {row.id: row for row in await call.db.scalars(sa.select(Supplier).where(Supplier.id.in_(wanted)))}
    orders = []
    for draft in drafts:
        supplier = suppliers[draft.supplier_id]
        behind = [want for line in draft.lines for want in line.wants]
        named = [buyers.get(want.requisition_line_id) for want in behind]
        buyer_id = next((b for b in named if b), None) or supplier.buyer_id
        order = _order(call, draft, supplier, buyer_id=buyer_id, owner_id=owner_id, department_id=department_id)
        followers = []
        for number, line_draft in enumerate(draft.lines, 1):
            order_line = _line(line_draft, number)
            order.lines.append(order_line)
            for want in line_draft.wants:
                for follower in (lines[want.requisition_line_id], tasks.get(want.requisition_line_id)):
                    if follower is not None:
                        _stand_in(follower, order, order_line)
                        followers.append(follower)
        rules.price(order)
        call.add(order)
        tell = functools.partial(_repeat, followers, order, numbered)
        call.next_number(Repeated(order, tell))
        requesters = {want.requester_id for want in behind}
        # who asked for something may read what became of it
        call.grant_read(order, requesters)
        call.announce(pb.PurchaseOrderCreated, order, audience=requesters)
        orders.append(order)
    return orders


def _repeat(
    followers: Sequence[PurchaseRequisitionLine | SourcingTask],
    order: PurchaseOrder,
    numbered: Callable[[PurchaseOrder], object],
    number: str,
) -> None:
    for follower in followers:
        follower.order_number = number
    numbered(order)


def _stand_in(follower: PurchaseRequisitionLine | SourcingTask, order: PurchaseOrder, line: PurchaseOrderLine) -> None:
    follower.state, follower.order_id = "ORDERED", order.id
    if isinstance(follower, PurchaseRequisitionLine):
        follower.order_line_id = line.id
        save_alike(follower)


def save_alike(line: PurchaseRequisitionLine) -> None:
    """Save the same columns of every line, changed or not: alike rows are saved by one statement, others by many."""
    for name in STANDING:
        flag_modified(line, name)


def _order(
    call: Call,
    draft: OrderDraft,
    supplier: Supplier,
    *,
    buyer_id: uuid.UUID | None,
    owner_id: uuid.UUID,
    department_id: uuid.UUID,
) -> PurchaseOrder:
    """An order of its buyer; while none is known, of `owner_id` in `department_id`."""
    buyer = call.organisation.people.get(buyer_id) if buyer_id else None
    if buyer is not None and buyer.department_id is not None:
        owner_id, department_id = buyer.employee_id, buyer.department_id
    rate, rate_date = draft.rate
    order = PurchaseOrder(
        id=ids.uuid7(),
        company_id=call.company_id,
        version=FIRST_VERSION,
        created_at=call.now(),
        updated_at=call.now(),
        state="DRAFT",
        owner_id=owner_id,
        department_id=department_id,
        buyer_id=buyer_id,
        supplier_id=draft.supplier_id,
        currency=draft.currency,
        delivery_place=draft.delivery_place,
        base_currency=call.company.base_currency,
        exchange_rate=rate,
        exchange_rate_date=rate_date,
        revision=0,
    )
    take_terms(order, supplier)
    take_buyer(order, call)
    return order


def take_terms(order: PurchaseOrder, supplier: Supplier) -> None:
    """What an order takes from its supplier where the buyer says nothing else."""
    order.supplier_name = supplier.name
    order.payment_days = order.payment_days or supplier.payment_days
    order.invoice_kind = order.invoice_kind or supplier.invoice_kind
    order.contact_name = order.contact_name or supplier.contact_name
    order.contact_phone = order.contact_phone or supplier.phone


def take_buyer(order: PurchaseOrder, call: Call) -> None:
    """Our name and tax number, as they stand on the invoice."""
    order.buyer_name, order.buyer_credit_code = call.company.name, call.company.credit_code


def _line(draft: LineDraft, number: int) -> PurchaseOrderLine:
    first = draft.wants[0]
    return PurchaseOrderLine(
        id=ids.uuid7(),
        line_number=number,
        item_id=first.item_id,
        description=first.description,
        specification=first.specification,
        unit_id=first.unit_id,
        unit_text=first.unit_text,
        quantity=draft.quantity,
        unit_price=first.unit_price,
        tax_rate=first.tax_rate,
        need_date=draft.need_date,
        cost_department_id=draft.cost_department_id,
        project_code=draft.project_code,
        note=first.note if len(draft.wants) == 1 else "",
        price_source=first.price_source,
        sources=[
            PurchaseOrderLineSource(
                line_number=place,
                active=True,
                requisition_id=want.requisition_id,
                requisition_number=want.requisition_number,
                requisition_line_id=want.requisition_line_id,
                requisition_line_number=want.requisition_line_number,
                requester_id=want.requester_id,
                quantity=want.quantity,
            )
            for place, want in enumerate(draft.wants, 1)
        ],
    )


async def locked_requisitions(call: Call, wanted: Iterable[uuid.UUID]) -> dict[uuid.UUID, PurchaseRequisition]:
    """Requisitions with their lines, locked in the order of their ids: before their tasks, always."""
    statement = (
        sa.select(PurchaseRequisition)
        .where(PurchaseRequisition.id.in_(sorted(set(wanted))), PurchaseRequisition.company_id == call.company_id)
        .order_by(PurchaseRequisition.id)
        .options(selectinload(PurchaseRequisition.lines))
        .with_for_update()
    )
    return {row.id: row for row in await call.db.scalars(statement)}


def follow(call: Call, requisition: PurchaseRequisition) -> None:
    """Let a requisition follow its lines, and say so."""
    before = requisition.state
    requisition_rules.progress(requisition, Counter(line.state for line in requisition.lines))
    match requisition.state:
        case "ORDERED" if before != "ORDERED":
            call.announce(purchase_requisitions_pb2.PurchaseRequisitionOrdered, requisition)
        case "CLOSED" if before != "CLOSED":
            call.announce(purchase_requisitions_pb2.PurchaseRequisitionClosed, requisition)
        case _:
            call.announce(purchase_requisitions_pb2.PurchaseRequisitionProgressed, requisition)


async def give_back(
    call: Call, order: PurchaseOrder, lines: Iterable[PurchaseOrderLine], *, drop: bool, reason: str
) -> None:
    """Requisition lines behind cancelled order lines return to the pool; dropped where nobody wants them any more."""
    sources = [source for line in lines for source in line.sources if source.active]
    if not sources:
        return
    requisitions = await locked_requisitions(call, (source.requisition_id for source in sources))
    freed = {source.requisition_line_id for source in sources}
    waiting = sa.select(SourcingTask).where(SourcingTask.requisition_line_id.in_(freed)).order_by(SourcingTask.id)
    tasks = {task.requisition_line_id: task for task in await call.db.scalars(waiting.with_for_update())}
    for source in sources:
        source.active = False
    for requisition in requisitions.values():
        dropped = drop or requisition.state not in ("APPROVED", "ORDERED")
        for line in requisition.lines:
            if line.id not in freed or line.order_id != order.id:
                continue
            line.state = "DROPPED" if dropped else "IN_POOL"
            line.order_id, line.order_line_id, line.order_number = None, None, ""
            save_alike(line)
            task = tasks.get(line.id)
            if task is None and not dropped:
                task = call.add(pool.task_of(requisition, line, "ORDER_CANCELLED", buyer_id=order.buyer_id))
                task.supplier_id = order.supplier_id
                call.announce(sourcing_tasks_pb2.SourcingTaskCreated, task)
            elif task is not None:
                task.state, task.reason = ("DROPPED", task.reason) if dropped else ("OPEN", "ORDER_CANCELLED")
                task.order_id, task.order_number, task.drop_reason = None, "", reason if dropped else ""
                call.announce(sourcing_tasks_pb2.SourcingTaskUpdated, task)
        follow(call, requisition)


async def remember_prices(call: Call, order: PurchaseOrder) -> None:
    """What is paid now is the last price from now on: one statement for all lines."""
    on = order.order_date or call.today()
    prices = {line.item_id: line for line in rules.standing(order) if line.item_id and line.unit_price is not None}
    if not prices:
        return
    rows = [
        {
            "company_id": order.company_id,
            "item_id": item_id,
            "currency": order.currency,
            "order_id": order.id,
            "supplier_id": order.supplier_id,
            "unit_id": line.unit_id,
            "unit_price": line.unit_price,
            "order_date": on,
        }
        for item_id, line in sorted(prices.items())
    ]
    insert = pg.insert(ItemLastPrice)
    fresh = {name: insert.excluded[name] for name in ("order_id", "supplier_id", "unit_id", "unit_price", "order_date")}
    statement = insert.on_conflict_do_update(
        index_elements=["company_id", "item_id", "currency"],
        set_=fresh,
        where=ItemLastPrice.order_date <= insert.excluded.order_date,
    )
    await call.db.execute(statement, rows)


async def forget_prices(call: Call, order: PurchaseOrder) -> None:
    """A cancelled order's prices were never paid: last is what was paid before."""
    # one at a time: of two that are cancelled at once neither may bring back the other's
    await call.db.execute(one_at_a_time(f"procurement.item_last_price/{order.company_id}"))
    mine = sa.delete(ItemLastPrice).where(
        ItemLastPrice.company_id == order.company_id, ItemLastPrice.order_id == order.id
    )
    items = (await call.db.scalars(mine.returning(ItemLastPrice.item_id))).all()
    if not items:
        return
    paid = (
        sa.select(
            PurchaseOrder.company_id,
            PurchaseOrderLine.item_id,
            PurchaseOrder.currency,
            PurchaseOrder.id.label("order_id"),
            PurchaseOrder.supplier_id,
            PurchaseOrderLine.unit_id,
            PurchaseOrderLine.unit_price,
            PurchaseOrder.order_date,
        )
        .join(PurchaseOrderLine, PurchaseOrderLine.parent_id == PurchaseOrder.id)
        .where(
            PurchaseOrder.company_id == order.company_id,
            PurchaseOrder.currency == order.currency,
            PurchaseOrder.state.in_(rules.PLACED),
            PurchaseOrder.id != order.id,
            PurchaseOrderLine.item_id == sa.any_(sa.cast(items, pg.ARRAY(sa.Uuid()))),
            sa.not_(PurchaseOrderLine.cancelled),
            PurchaseOrderLine.unit_price.is_not(None),
        )
        .ext(pg.distinct_on(PurchaseOrderLine.item_id))
        .order_by(
            PurchaseOrderLine.item_id,
            PurchaseOrder.order_date.desc(),
            PurchaseOrder.release_time.desc(),
            PurchaseOrderLine.line_number.desc(),
        )
    )
    # what was released meanwhile is newer
    back = pg.insert(ItemLastPrice).from_select(list(paid.selected_columns.keys()), paid).on_conflict_do_nothing()
    await call.db.execute(back)


async def orderable(call: Call, supplier_id: uuid.UUID) -> Supplier:
    """A supplier that may be ordered from; raises SUPPLIER_NOT_QUALIFIED."""
    supplier = (await call.db.scalars(sa.select(Supplier).where(Supplier.id == supplier_id))).one_or_none()
    if supplier is None:
        raise Refused("FIELD_NO_SUCH_DOCUMENT", "supplier_id", value=supplier_id)
    if supplier.state != "QUALIFIED":
        raise Refused("SUPPLIER_NOT_QUALIFIED", name=supplier.name, state=supplier.state)
    return supplier


def day_of(text: str) -> datetime.date | None:
    """A day as a request holds it; its shape was checked before."""
    return datetime.date.fromisoformat(text) if text else None
