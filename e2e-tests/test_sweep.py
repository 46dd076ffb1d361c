"""What the stream forgot is fetched from those who announced it."""

from __future__ import annotations

import asyncio
import contextlib

import grpc.aio
import pytest
import sqlalchemy as sa
from factory import Factory
from test_exactly_once import nothing_stuck, ordered
from wire import wire

from chassis import server, sweep
from chassis.clients import Clients
from chassis.errors import Refused
from chassis.outbox import STREAM
from chassis.testing import eventually, refused


class Tokens:
    """A service's own tokens, from the tests' realm."""

    def __init__(self, bench):
        self.bench = bench

    async def token_now(self):
        return self.bench.issuer.service(self.bench.service.name)


@pytest.fixture
async def line():
    """Three services that can ask each other, as they do in production."""
    async with wire("inventory", "procurement", "approval") as made, contextlib.AsyncExitStack() as opened:
        targets = {}
        for name, bench in made.benches.items():
            served = grpc.aio.server()
            served.add_generic_rpc_handlers(tuple(server.generic_handlers(bench.runtime)))
            targets[name] = f"127.0.0.1:{served.add_insecure_port('127.0.0.1:0')}"
            await served.start()
            opened.push_async_callback(served.stop, None)
        for bench in made.benches.values():
            bench.runtime.clients = Clients(targets, Tokens(bench))
            opened.push_async_callback(bench.runtime.clients.close)
        yield made


async def agreed_but_unheard(line):
    """A requisition that everybody agreed to, whose outcome procurement never heard."""
    factory = await Factory(line).build()
    requisition = await factory.submitted()
    await factory.approve(requisition, "head")
    await line.stop_consumers("procurement")
    await factory.approve(requisition, "boss")
    await eventually(lambda: all_published(line.approval))
    return factory, requisition


async def all_published(bench):
    table = bench.runtime.tables.outbox
    async with bench.runtime.engine.connect() as connection:
        assert (await connection.execute(table.select().where(table.c.published_at.is_(None)))).all() == []


async def test_a_stream_that_was_thrown_away_is_made_again_and_loses_nothing(line):
    factory, requisition = await agreed_but_unheard(line)
    stream = (await line.connect()).jetstream()
    sweeps = [
        asyncio.create_task(sweep.run(bench.runtime, await line.connect(), 3600)) for bench in line.benches.values()
    ]
    await eventually(lambda: ordered(factory, requisition))

    await line.start_consumer("procurement")
    lost = await factory.submitted()
    await stream.delete_stream(STREAM)
    later = await factory.submitted()
    for one in (lost, later):
        await factory.approve(one, "head")
        await factory.approve(one, "boss")

    for one in (requisition, lost, later):
        await eventually(lambda r=one: ordered(factory, r), seconds=40)
    await nothing_stuck(line)
    for task in sweeps:
        task.cancel()
    await asyncio.gather(*sweeps, return_exceptions=True)


async def test_a_sweep_works_on_what_never_came_and_then_has_nothing_to_do(line):
    factory, requisition = await agreed_but_unheard(line)

    assert await sweep.sweep(line.procurement.runtime)

    await ordered(factory, requisition)
    with line.procurement.statements() as ours, line.approval.statements() as theirs:
        assert await sweep.sweep(line.procurement.runtime)
    # two sources: where were we, inbox, parked, watermark; at the source: company, clock, page
    # the relay beside it marks what it has published
    apart = ("set_config", "UPDATE outbox SET published_at")
    assert len([text for text in ours if not any(one in text for one in apart)]) <= 8
    assert len(theirs) <= 4
    await nothing_stuck(line)


async def test_the_watermark_stays_before_what_cannot_be_worked_on_yet(line):
    """An event whose row is locked is not done; the next sweep brings it."""
    factory, requisition = await agreed_but_unheard(line)
    table = line.procurement.runtime.tables.watermark
    async with line.procurement.runtime.engine.begin() as holder:
        await holder.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        await holder.execute(
            sa.text("SELECT 1 FROM purchase_requisition WHERE id = :id FOR UPDATE"), {"id": requisition.id}
        )
        assert not await sweep.sweep(line.procurement.runtime)

    assert await sweep.sweep(line.procurement.runtime)

    await ordered(factory, requisition)
    async with line.procurement.runtime.engine.connect() as connection:
        marks = (await connection.execute(sa.select(table.c.source).order_by(table.c.source))).scalars().all()
    assert marks == ["approval", "inventory"]


async def test_the_outbox_is_read_page_by_page_and_by_services_alone(line, monkeypatch):
    monkeypatch.setattr(sweep, "PAGE", 3)
    await Factory(line).build(items=5)
    async with line.inventory.runtime.engine.connect() as connection:
        table = line.inventory.runtime.tables.outbox
        await eventually(lambda: all_published(line.inventory))
        announced = [str(key) for key in (await connection.execute(sa.select(table.c.event_id))).scalars()]
    caller, subjects = line.inventory.as_service("procurement"), ["evt.inventory.item.created"]

    found, token, pages = [], "", 0
    while pages == 0 or token:
        page = await caller.ListEvents(subjects=subjects, page_token=token)
        found, token, pages = [*found, *page.events], page.next_page_token, pages + 1

    assert pages == len(announced) // 3 + 1
    assert len({event.event_id for event in found}) == len(found) == 5
    whole = await caller.ListEvents(event_ids=[found[0].event_id])
    assert whole.events[0].subject == subjects[0]
    assert whole.events[0].headers["ce-id"] == found[0].event_id
    with refused("SERVICES_ONLY"):
        await line.inventory.as_("admin").ListEvents(subjects=subjects)
    with pytest.raises(Refused, match="PAGE_TOKEN"):
        await caller.ListEvents(page_token="yesterday")
