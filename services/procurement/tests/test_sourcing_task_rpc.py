"""The buyer's pool: coding, supplier, price, bundling and dropping."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from google.protobuf import field_mask_pb2
from sqlalchemy.orm.exc import StaleDataError

from chassis.errors import Refused
from chassis.testing import refused, stable
from chassis.together import save_together
from procurement.sourcing_task.model import SourcingTask
from procurement.tests.factories import Shop
from procurement.tests.test_reactions import order_lines_behind


async def pooled(shop: Shop, *lines: dict[str, Any], **fields: Any) -> list[Any]:
    """Tasks of an approved requisition, in the order of its lines."""
    requisition = await shop.approved(*lines, **fields)
    tasks = (
        await shop.buyer.ListSourcingTasks(filter=f'requisition_id = "{requisition.id}"', page_size=200)
    ).sourcing_tasks
    return sorted(tasks, key=lambda task: task.requisition_line_number)


async def assign(shop: Shop, task: Any, **fields: Any) -> Any:
    return await shop.buyer.UpdateSourcingTask(
        sourcing_task={"id": task.id, "etag": task.etag, **fields}, update_mask=field_mask_pb2.FieldMask(paths=fields)
    )


async def test_coding_a_line_fills_in_what_follows(shop: Shop) -> None:
    (task,) = await pooled(shop, shop.line(quantity="5"))
    assert (task.reason, task.description) == (task.NOT_CODED, "定制工装")

    coded = await assign(shop, task, item_id=shop.bearing)
    bought = await assign(shop, coded, supplier_id=shop.hongda.id)

    assert (coded.unit_id, coded.category_id, coded.tax_rate) == (shop.piece, shop.parts, "0.13")
    assert (coded.suggested_supplier_id, coded.suggested_unit_price) == (shop.hongda.id, "12.5")
    assert bought.unit_price == "12.5"


async def test_lines_of_many_requisitions_become_one_order_line(shop: Shop, service: Any) -> None:
    (first,) = await pooled(shop, shop.line(shop.cable, "2.5"))
    (second,) = await pooled(shop, shop.line(shop.cable, "4.25"), by=service.as_("colleague"))
    chosen = [await assign(shop, task, supplier_id=shop.hongda.id, unit_price="8") for task in (first, second)]

    (order,) = (await shop.buyer.OrderSourcingTasks(ids=[task.id for task in chosen])).purchase_orders

    (line,) = order.lines
    assert (line.quantity, line.unit_price, line.price_source) == ("6.75", "8", line.BUYER)
    assert sorted(source.quantity for source in line.sources) == ["2.5", "4.25"]
    assert {source.requester_id for source in line.sources} == {str(stable("requester")), str(stable("colleague"))}
    assert order.number.startswith("PO-2026-")
    stored = await shop.buyer.GetPurchaseOrder(id=order.id)
    assert (stored.etag, stored.number, stored.amount) == (order.etag, order.number, order.amount)
    for key, task in (("requester", first), ("colleague", second)):
        requisition = await service.as_(key).GetPurchaseRequisition(id=task.requisition_id)
        assert requisition.state == requisition.ORDERED
        assert requisition.lines[0].order_number == order.number
    done = await shop.buyer.GetSourcingTask(id=first.id)
    assert (done.state, done.order_id, done.order_number) == (done.ORDERED, order.id, order.number)


async def test_minimum_and_multiple_raise_the_line_and_not_its_sources(shop: Shop) -> None:
    await shop.terms(shop.hongda, shop.cable, shop.metre, "8", minimum_quantity="100", multiple_quantity="30")
    (task,) = await pooled(shop, shop.line(shop.cable, "2.5"))
    task = await assign(shop, task, supplier_id=shop.hongda.id)

    (order,) = (await shop.buyer.OrderSourcingTasks(ids=[task.id])).purchase_orders

    assert (order.lines[0].quantity, order.lines[0].sources[0].quantity) == ("120", "2.5")
    assert order.lines[0].price_source == order.lines[0].AGREEMENT
    released = await shop.buyer.ReleasePurchaseOrder(id=order.id)
    assert released.state == released.RELEASED


async def test_suppliers_and_places_are_kept_apart(shop: Shop) -> None:
    other = await shop.supplier("昆山明锐紧固件有限公司")
    one, two = await pooled(shop, shop.line(quantity="1"), shop.line(quantity="2"))
    (three,) = await pooled(shop, shop.line(quantity="3"), delivery_place="2 号库")
    one = await assign(shop, one, supplier_id=shop.hongda.id)
    two = await assign(shop, two, supplier_id=other.id)
    three = await assign(shop, three, supplier_id=other.id)
    priced = [await assign(shop, task, unit_price="100") for task in (one, two, three)]

    reply = await shop.buyer.OrderSourcingTasks(ids=[task.id for task in priced])

    assert {(o.supplier_id, o.delivery_place == "2 号库") for o in reply.purchase_orders} == {
        (shop.hongda.id, False), (other.id, False), (other.id, True),
    }  # fmt: skip
    assert len({o.number for o in reply.purchase_orders}) == 3


async def test_what_is_missing_is_named(shop: Shop) -> None:
    (task,) = await pooled(shop, shop.line())
    with refused("SOURCING_TASK_INCOMPLETE", field="ids[0]"):
        await shop.buyer.OrderSourcingTasks(ids=[task.id])


async def test_nothing_is_ordered_from_who_may_not_be_ordered_from(shop: Shop) -> None:
    held = await shop.supplier("苏州待审机电有限公司", qualified=False)
    (task,) = await pooled(shop, shop.line())
    task = await assign(shop, task, supplier_id=held.id, unit_price="1")
    with refused("SUPPLIER_NOT_QUALIFIED"):
        await shop.buyer.OrderSourcingTasks(ids=[task.id])


async def test_two_buyers_at_once_order_a_line_once(shop: Shop, service: Any) -> None:
    (task,) = await pooled(shop, shop.line())
    task = await assign(shop, task, supplier_id=shop.hongda.id, unit_price="100")

    results = await asyncio.gather(
        *(shop.buyer.OrderSourcingTasks(ids=[task.id]) for _ in range(4)), return_exceptions=True
    )

    assert sum(not isinstance(result, Refused) for result in results) == 1, results
    assert await order_lines_behind(service) == {task.requisition_line_id: 1}


async def test_a_dropped_line_tells_the_requester_why(shop: Shop) -> None:
    (task,) = await pooled(shop, shop.line(), shop.line(shop.bearing))
    dropped = await shop.buyer.DropSourcingTask(id=task.id, reason="库存可用")

    assert (dropped.state, dropped.drop_reason) == (dropped.DROPPED, "库存可用")
    requisition = await shop.requester.GetPurchaseRequisition(id=task.requisition_id)
    assert (requisition.state, requisition.ordered_percent) == (requisition.ORDERED, "50.00")
    with refused("ACTION_NOT_ALLOWED"):
        await shop.buyer.DropSourcingTask(id=task.id, reason="again")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"item_id": str(stable("nothing"))}, "FIELD_NO_SUCH_DOCUMENT"),
        ({"supplier_id": str(stable("nothing"))}, "FIELD_NO_SUCH_DOCUMENT"),
        ({"buyer_id": str(stable("nobody"))}, "FIELD_NO_SUCH_DOCUMENT"),
        ({"unit_price": "NaN"}, "FIELD_DECIMAL"),
        ({"quantity": "3"}, "FIELD_READ_ONLY"),
        ({"state": "ORDERED"}, "FIELD_READ_ONLY"),
    ],
)
async def test_bad_input_is_refused(shop: Shop, fields: dict[str, Any], reason: str) -> None:
    (task,) = await pooled(shop, shop.line())
    with refused(reason):
        await assign(shop, task, **fields)


@pytest.mark.parametrize("wrong", ["7", str(stable("nothing")), "' OR 1=1 --"])
async def test_a_foreign_id_is_not_found(shop: Shop, wrong: str) -> None:
    (task,) = await pooled(shop, shop.line())
    task = await assign(shop, task, supplier_id=shop.hongda.id, unit_price="1")
    with refused("DOCUMENT_NOT_FOUND"):
        await shop.buyer.OrderSourcingTasks(ids=[task.id, wrong])
    assert (await shop.buyer.GetSourcingTask(id=task.id)).state == task.OPEN


async def test_statements_do_not_grow_with_the_tasks_that_are_ordered(shop: Shop, service: Any) -> None:
    counts = []
    for number in (2, 10, 200):
        tasks = await pooled(shop, *[shop.line(shop.cable, "2") for _ in range(number)])
        chosen = [await assign(shop, task, supplier_id=shop.hongda.id, unit_price="8") for task in tasks]
        with service.statements() as statements:
            reply = await shop.buyer.OrderSourcingTasks(ids=[task.id for task in chosen])
        counts.append(len(statements))
        assert sum(len(line.sources) for order in reply.purchase_orders for line in order.lines) == number
    assert len(set(counts)) == 1, counts


async def test_of_many_tasks_one_that_changed_meanwhile_stops_all(shop: Shop, service: Any) -> None:
    """Saved by one statement, every row still has to be as it was read."""
    tasks = await pooled(shop, *[shop.line(shop.cable, "2") for _ in range(3)])
    rows = sa.select(SourcingTask).order_by(SourcingTask.id)
    async with service.runtime.sessions() as session, session.begin():
        await session.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        read = list(await session.scalars(rows))
        for row in read:
            row.drop_reason = "together"
        await session.execute(
            sa.update(SourcingTask).where(SourcingTask.id == read[1].id).values(version=9),
            execution_options={"synchronize_session": False},
        )
        with pytest.raises(StaleDataError):
            await save_together(session)
        await session.rollback()
    assert [(await shop.buyer.GetSourcingTask(id=task.id)).etag for task in tasks] == [task.etag for task in tasks]
