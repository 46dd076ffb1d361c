"""An agreed requisition becomes orders exactly once, whatever the wire does."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
import sqlalchemy as sa
from factory import Factory
from wire import wire

from chassis import inbox
from chassis.outbox import STREAM
from chassis.testing import eventually

APPROVED = "evt.approval.case.approved"


@pytest.fixture
async def line():
    async with wire("inventory", "procurement", "approval") as made:
        yield made


async def ordered(factory, requisition):
    """Every line of the requisition stands in exactly one order line, and both sides say so."""
    now = await factory.wire.procurement.as_("requester").GetPurchaseRequisition(id=requisition.id)
    assert now.DESCRIPTOR.enum_types_by_name["State"].values_by_number[now.state].name == "ORDERED"
    orders = await factory.orders(requisition)
    sources = Counter(source.requisition_line_id for order in orders for row in order.lines for source in row.sources)
    assert sources == Counter(row.id for row in now.lines)
    assert {row.order_id for row in now.lines} == {order.id for order in orders}
    return orders


async def nothing_stuck(line):
    for bench in line.benches.values():
        table = bench.runtime.tables.parked_event
        async with bench.runtime.engine.connect() as connection:
            assert (await connection.execute(table.select())).all() == []


async def test_a_requisition_travels_through_the_office_and_becomes_an_order(line):
    factory = await Factory(line).build()
    requisition = await factory.submitted()

    await factory.approve(requisition, "head")
    await factory.approve(requisition, "boss")

    (order,) = await eventually(lambda: ordered(factory, requisition))
    assert order.number.startswith("PO-2026-")
    assert order.amount == "288.15"
    await nothing_stuck(line)


async def test_the_approved_event_five_times_to_two_consumers_at_once_orders_once(line):
    factory = await Factory(line).build()
    await line.start_consumer("procurement")
    requisitions = [await factory.submitted() for _ in range(3)]
    for requisition in requisitions:
        await factory.approve(requisition, "head")
        await factory.approve(requisition, "boss")
    for requisition in requisitions:
        await eventually(lambda r=requisition: ordered(factory, r))

    await line.publish_again("approval", APPROVED, times=5)
    later = await factory.submitted()
    await factory.approve(later, "head")
    await factory.approve(later, "boss")

    for requisition in [*requisitions, later]:
        await eventually(lambda r=requisition: ordered(factory, r))
    await nothing_stuck(line)


async def test_events_in_any_order_leave_the_same_requisition(line):
    """The outcome overtakes what went before it: nothing waits, nothing goes back."""
    factory = await Factory(line).build()
    await line.stop_consumers("procurement")
    requisition = await factory.submitted()
    await factory.approve(requisition, "head")
    await factory.approve(requisition, "boss")

    events = [e for e in await line.approval.events("evt.approval.case") if e[1].case.document_id == requisition.id]
    for _, event in reversed(events):
        await line.procurement.deliver(event)
    await line.start_consumer("procurement")

    await eventually(lambda: ordered(factory, requisition))
    await nothing_stuck(line)


async def test_a_consumer_that_dies_between_commit_and_acknowledgement_orders_once(line):
    factory = await Factory(line).build()
    requisition = await factory.submitted()
    await factory.approve(requisition, "head")
    await line.stop_consumers("procurement")
    await line.acknowledge_within("procurement", 1)
    await factory.approve(requisition, "boss")

    committed = []
    while APPROVED not in committed:
        for message in await line.pull("procurement", 1):
            await inbox.work_on(line.procurement.runtime, message.subject, message.data, dict(message.headers))
            committed.append(message.subject)
    await ordered(factory, requisition)
    await line.start_consumer("procurement")
    after = await factory.submitted()
    await factory.approve(after, "head")
    await factory.approve(after, "boss")

    await eventually(lambda: ordered(factory, after))
    await ordered(factory, requisition)
    await nothing_stuck(line)


async def test_a_wiped_stream_is_filled_again_from_the_outboxes(line):
    """The relay publishes what is marked as not published; consumers drop what they have seen."""
    from datetime import timedelta

    from chassis import outbox

    factory = await Factory(line).build()
    requisition = await factory.submitted()
    await factory.approve(requisition, "head")
    await factory.approve(requisition, "boss")
    await eventually(lambda: ordered(factory, requisition))

    count = await outbox.republish(
        line.approval.service, line.approval.runtime.engine, line.approval.clock.now() - timedelta(days=1)
    )

    assert count > 0

    async def published():
        table = line.approval.runtime.tables.outbox
        async with line.approval.runtime.engine.connect() as connection:
            left = (await connection.execute(table.select().where(table.c.published_at.is_(None)))).all()
        assert left == []

    await eventually(published)
    await ordered(factory, requisition)
    await nothing_stuck(line)


async def test_an_event_is_worked_on_within_three_seconds_of_the_stream_servers_return(line):
    factory = await Factory(line).build()
    await factory.approve(await factory.submitted(), "head")
    line.server.kill()
    meanwhile = await factory.submitted()

    async def cut_off():
        assert all(connection.is_reconnecting for connection in line.connections)

    await eventually(cut_off)
    await asyncio.to_thread(line.server.start)
    after = await factory.submitted()

    async def asked():
        tasks = (await line.approval.as_("head").ListTasks(filter='state = "OPEN"')).tasks
        assert {task.document_id for task in tasks} == {meanwhile.id, after.id}

    await eventually(asked, seconds=3)
    await factory.approve(after, "head")
    await factory.approve(after, "boss")
    await eventually(lambda: ordered(factory, after))
    await nothing_stuck(line)


async def test_an_event_that_could_not_be_worked_on_comes_again(line):
    """It is acknowledged after the commit: while the row is locked there is none."""
    factory = await Factory(line).build()
    requisition = await factory.submitted()
    await factory.approve(requisition, "head")
    procurement = line.procurement.runtime
    async with procurement.engine.begin() as holder:
        await holder.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        await holder.execute(
            sa.text("SELECT 1 FROM purchase_requisition WHERE id = :id FOR UPDATE"), {"id": requisition.id}
        )
        await factory.approve(requisition, "boss")
        stream = (await line.connect()).jetstream()

        async def put_back():
            assert (await stream.consumer_info(STREAM, "procurement")).num_redelivered > 0

        await eventually(put_back, seconds=15)

    await eventually(lambda: ordered(factory, requisition), seconds=30)
    await nothing_stuck(line)
