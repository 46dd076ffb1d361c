"""The buyer's pool: lines are coded, get supplier and price, and are bundled into orders across requisitions."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from chassis import ids
from chassis.call import Call, Refused
from chassis.states import advance
from heyi.procurement.v1 import sourcing_tasks_pb2 as pb
from procurement.market import Market
from procurement.purchase_order.bundle import Want, as_sold, bundle
from procurement.purchase_order.place import follow, locked_requisitions, place, save_alike
from procurement.purchase_requisition.model import PurchaseRequisition
from procurement.refusals import Violation, refuse
from procurement.sourcing_task import rules
from procurement.sourcing_task.model import SourcingTask
from procurement.supplier.model import Supplier


class SourcingTasks:
    """heyi.procurement.v1.SourcingTasks"""

    async def GetSourcingTask(self, request: pb.GetSourcingTaskRequest, call: Call) -> SourcingTask:
        return await call.load(SourcingTask, request.id)

    async def ListSourcingTasks(self, request: pb.ListSourcingTasksRequest, call: Call) -> pb.ListSourcingTasksResponse:
        return await call.page(SourcingTask, request)  # type: ignore[no-any-return]

    async def BatchGetSourcingTasks(
        self, request: pb.BatchGetSourcingTasksRequest, call: Call
    ) -> pb.BatchGetSourcingTasksResponse:
        return await call.batch(SourcingTask, request)  # type: ignore[no-any-return]

    async def UpdateSourcingTask(self, request: pb.UpdateSourcingTaskRequest, call: Call) -> SourcingTask:
        task = await call.load(SourcingTask, request.sourcing_task.id, etag=request.sourcing_task.etag)
        advance(task, "update")
        coded_before = task.item_id
        call.update(task, request.sourcing_task, request.update_mask)
        market = await Market.of(call, [task.item_id], categories=[task.category_id], suppliers=[task.supplier_id])
        refuse(_faults(task, market, call))
        _complete(task, market, coded_anew=task.item_id != coded_before)
        if task.buyer_id is not None:
            task.owner_id = task.buyer_id
        return call.announce(pb.SourcingTaskUpdated, task)

    async def OrderSourcingTasks(
        self, request: pb.OrderSourcingTasksRequest, call: Call
    ) -> pb.OrderSourcingTasksResponse:
        wanted = _ids(request.ids)
        requisitions = await _requisitions_behind(wanted, call)
        tasks = await _locked(wanted, call)
        for task in tasks:
            advance(task, "order")
        found: list[Violation] = []
        for index, task in enumerate(tasks):
            if lacks := rules.missing(task):
                facts: dict[str, object] = {
                    "requisition": task.requisition_number,
                    "line": task.requisition_line_number,
                    "missing": ", ".join(lacks),
                }
                found.append((f"ids[{index}]", "SOURCING_TASK_INCOMPLETE", facts))
        refuse(found)
        await _all_qualified(tasks, call)
        lines = {line.id: line for r in requisitions.values() for line in r.lines}
        market = await Market.of(call, (t.item_id for t in tasks), suppliers=(t.supplier_id for t in tasks))
        wants = [_want(task, requisitions[task.requisition_id], market) for task in tasks]
        me = call.actor.person
        assert me is not None
        reply = pb.OrderSourcingTasksResponse()
        await place(
            call,
            bundle(wants, merge=True),
            owner_id=me,
            department_id=tasks[0].department_id,
            buyers={task.requisition_line_id: task.buyer_id or me for task in tasks},
            lines=lines,
            tasks={task.requisition_line_id: task for task in tasks},
            numbered=lambda order: reply.purchase_orders.append(call.reply(order)),
        )
        for task in tasks:
            call.announce(pb.SourcingTaskUpdated, task)
        for requisition in requisitions.values():
            follow(call, requisition)
        return reply

    async def DropSourcingTask(self, request: pb.DropSourcingTaskRequest, call: Call) -> SourcingTask:
        requisitions = await _requisitions_behind(_ids([request.id]), call)
        task = await call.load(SourcingTask, request.id, etag=request.etag)
        requisition = requisitions[task.requisition_id]
        advance(task, "drop")
        task.drop_reason = request.reason
        line = next(line for line in requisition.lines if line.id == task.requisition_line_id)
        line.state = "DROPPED"
        save_alike(line)
        follow(call, requisition)
        return call.announce(pb.SourcingTaskUpdated, task)


def _ids(texts: Sequence[str]) -> list[uuid.UUID]:
    """Ids of tasks, each once. Raises DOCUMENT_NOT_FOUND for what cannot be one."""
    found = []
    for text in texts:
        try:
            found.append(ids.parse(text))
        except ValueError:
            raise Refused("DOCUMENT_NOT_FOUND", document_type="SourcingTask", id=text[:50]) from None
    return list(dict.fromkeys(found))


async def _requisitions_behind(wanted: list[uuid.UUID], call: Call) -> dict[uuid.UUID, PurchaseRequisition]:
    """The requisitions of some tasks, locked before the tasks are."""
    behind = sa.select(SourcingTask.requisition_id).where(SourcingTask.id.in_(wanted), *call.scope_of(SourcingTask))
    return await locked_requisitions(call, await call.db.scalars(behind))


async def _locked(wanted: list[uuid.UUID], call: Call) -> list[SourcingTask]:
    """Tasks that the caller may reach, locked, in the order of the request."""
    statement = (
        sa.select(SourcingTask)
        .where(SourcingTask.id.in_(wanted), *call.scope_of(SourcingTask))
        .order_by(SourcingTask.id)
        .with_for_update()
    )
    found = {task.id: task for task in await call.db.scalars(statement)}
    for task_id in wanted:
        if task_id not in found:
            raise Refused("DOCUMENT_NOT_FOUND", document_type="SourcingTask", id=task_id)
    if len({task.company_id for task in found.values()}) > 1:
        raise Refused("SOURCING_TASK_OTHER_COMPANY")
    return [found[task_id] for task_id in wanted]


async def _all_qualified(tasks: list[SourcingTask], call: Call) -> None:
    chosen = sa.select(Supplier.name, Supplier.state).where(
        Supplier.id.in_({task.supplier_id for task in tasks}), Supplier.state != "QUALIFIED"
    )
    if (found := (await call.db.execute(chosen.order_by(Supplier.name).limit(1))).first()) is not None:
        raise Refused("SUPPLIER_NOT_QUALIFIED", name=found.name, state=found.state)


def _faults(task: SourcingTask, market: Market, call: Call) -> list[Violation]:
    found: list[Violation] = []
    for name, value, known in (
        ("item_id", task.item_id, market.catalog.items),
        ("category_id", task.category_id, market.catalog.categories),
        ("supplier_id", task.supplier_id, market.supplier_states),
        ("buyer_id", task.buyer_id, call.organisation.people),
    ):
        if value is not None and value not in known:
            found.append((name, "FIELD_NO_SUCH_DOCUMENT", {"value": value}))
    return found


def _complete(task: SourcingTask, market: Market, *, coded_anew: bool) -> None:
    """What follows from the item: its category, unit and rate, and a price where the chosen supplier has one."""
    item = market.catalog.items.get(task.item_id) if task.item_id else None
    if item is None:
        return
    task.unit_id = task.unit_id or item.base_unit_id
    if market.catalog.factor(item, task.unit_id) is None:
        raise Refused("PURCHASE_ORDER_UNIT", "unit_id", line=task.requisition_line_number, item=item.code)
    if coded_anew:
        task.category_id = item.category_id
        rate = market.catalog.tax_rate_of(item)
        task.tax_rate = task.tax_rate if rate is None else rate
    asked: dict[str, Any] = {"quantity": task.quantity, "unit_id": task.unit_id, "currency": task.currency}
    offer = market.offer(task.item_id, **asked)
    task.suggested_supplier_id = offer.supplier_id if offer else None
    task.suggested_unit_price = market.price(offer, task.item_id, task.unit_id, task.currency)
    if task.supplier_id is not None and task.unit_price is None:
        chosen = market.offer(task.item_id, **asked, wished=task.supplier_id)
        if chosen is not None and chosen.unit_price is not None:
            task.unit_price = market.price(chosen, task.item_id, task.unit_id, task.currency)


def _want(task: SourcingTask, requisition: PurchaseRequisition, market: Market) -> Want:
    assert task.supplier_id is not None
    assert task.unit_price is not None
    assert task.tax_rate is not None
    line = next(line for line in requisition.lines if line.id == task.requisition_line_id)
    item = market.catalog.items.get(task.item_id) if task.item_id else None
    offer = market.offer(
        task.item_id,
        quantity=task.quantity,
        unit_id=task.unit_id,
        currency=task.currency,
        wished=task.supplier_id,
    )
    agreed = offer is not None and offer.unit_price is not None
    as_agreed = agreed and market.price(offer, task.item_id, task.unit_id, task.currency) == task.unit_price
    want = Want(
        requisition_id=task.requisition_id,
        requisition_number=task.requisition_number,
        requisition_line_id=task.requisition_line_id,
        requisition_line_number=task.requisition_line_number,
        requester_id=task.requester_id,
        supplier_id=task.supplier_id,
        currency=task.currency,
        delivery_place=task.delivery_place,
        item_id=task.item_id,
        description=item.name if item else task.description,
        specification=item.specification if item else task.specification,
        unit_id=task.unit_id,
        unit_text="" if item else task.unit_text,
        quantity=task.quantity,
        unit_price=task.unit_price,
        tax_rate=task.tax_rate,
        need_date=task.need_date,
        cost_department_id=line.cost_department_id,
        project_code=line.project_code,
        note=line.note,
        price_source=offer.source if as_agreed and offer else "BUYER",
        exchange_rate=requisition.exchange_rate,
        exchange_rate_date=requisition.exchange_rate_date,
    )
    terms = market.terms_with(task.supplier_id, task.item_id)
    if terms is None:
        return as_sold(want, market.catalog, item, unit_id=task.unit_id)
    # as the supplier sells it; an agreed price is taken as it stands there, not converted there and back
    kept = offer.unit_price if as_agreed and offer and offer.unit_id == terms.unit_id else None
    return as_sold(
        want,
        market.catalog,
        item,
        unit_id=terms.unit_id,
        unit_price=kept,
        minimum=terms.minimum,
        multiple=terms.multiple,
    )
