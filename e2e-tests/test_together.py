"""A backlog is worked off many events at a time; one that cannot succeed is parked alone."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from wire import wire

from chassis import contract, faults, ids, inbox
from chassis.outbox import STREAM
from chassis.testing import COMPANY, eventually
from heyi.approval.v1 import cases_pb2
from heyi.inventory.v1 import units_pb2

VERSIONS, UNITS = 3, 20


@pytest.fixture
async def line():
    async with wire("procurement") as made:
        yield made


async def publish(line, message, document):
    headers = inbox.event_headers(ids.uuid7(), **{"heyi-document-id": document, "heyi-company": COMPANY})
    stream = (await line.connect()).jetstream()
    await stream.publish(contract.subject_of(type(message)), message.SerializeToString(), headers=headers)


async def backlog(line):
    """Three versions of each of twenty units, and in the middle an answer about a document that nobody knows."""
    await line.stop_consumers("procurement")
    keys = [str(ids.uuid7()) for _ in range(UNITS)]
    for version in range(1, VERSIONS + 1):
        for number, key in enumerate(keys):
            unit = units_pb2.Unit(id=key, etag=ids.etag_of(version), code=f"U{number}", name=f"第{version}", factor="1")
            await publish(line, units_pb2.UnitUpdated(unit=unit), key)
        if version == 2:
            case = cases_pb2.Case(document_type="procurement.purchase_requisition", document_id=str(ids.uuid7()))
            await publish(line, cases_pb2.CaseApproved(case=case), str(ids.uuid7()))


async def done(line):
    """Every event had its effect once; the one that cannot succeed is parked."""
    tables = line.procurement.runtime.tables
    told = await (await line.connect()).jetstream().consumer_info(STREAM, "procurement")
    assert (told.num_pending, told.num_ack_pending) == (0, 0)
    async with line.procurement.runtime.engine.connect() as connection:
        names = (await connection.execute(sa.text("SELECT name FROM unit_copy"))).scalars().all()
        seen = await connection.scalar(sa.select(sa.func.count()).select_from(tables.inbox))
        parked = (await connection.execute(sa.select(tables.parked_event.c.subject))).scalars().all()
    assert names == [f"第{VERSIONS}"] * UNITS
    assert seen == len(await line.procurement.audit()) == VERSIONS * UNITS
    assert parked == ["evt.approval.case.approved"]


async def test_a_backlog_with_one_that_cannot_succeed_parks_that_one(line):
    await backlog(line)
    await line.start_consumer("procurement")

    await eventually(lambda: done(line))


@pytest.mark.parametrize("point", ["event_before_commit", "event_after_commit", "before_acknowledge"])
async def test_a_backlog_is_done_once_where_something_breaks_around_the_commit(line, tmp_path, point):
    await backlog(line)
    await line.acknowledge_within("procurement", 1)
    (tmp_path / point).write_text("error")
    faults.arm(str(tmp_path))
    try:
        await line.start_consumer("procurement")
        await eventually(lambda: done(line))
    finally:
        faults.arm("")
    assert not (tmp_path / point).exists()
