"""Events that share a transaction: each acts once and is on its own record, and nothing is kept when one fails."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from chassis import contract, faults, ids, inbox
from chassis.testing import COMPANY, stable
from heyi.approval.v1 import cases_pb2
from heyi.inventory.v1 import units_pb2
from procurement.copies import UnitCopy
from procurement.tests.factories import Shop, approved, case_of, opened

TRACE = "4bf92f3577b34da6a3ce929d0e0e47{:02d}"


def event(message: Any, document: str = "", *, number: int = 0, event_id: uuid.UUID | None = None) -> inbox.Event:
    """As the stream brings it."""
    headers = inbox.event_headers(
        event_id or ids.uuid7(),
        **{
            "heyi-document-id": document,
            "heyi-company": COMPANY,
            "heyi-actor": stable(f"person {number}"),
            "traceparent": f"00-{TRACE.format(number)}-00f067aa0ba902b7-01",
        },
    )
    return inbox.Event(contract.subject_of(type(message)), message.SerializeToString(), headers)


def unit(number: int, *, version: int = 1, name: str = "个", **more: Any) -> inbox.Event:
    """A unit is new, or changed."""
    key = str(stable(f"unit {number}"))
    kind = units_pb2.UnitCreated if version == 1 else units_pb2.UnitUpdated
    sent = units_pb2.Unit(
        id=key, etag=ids.etag_of(version), code=f"U{number}", name=name, dimension="count", factor="1"
    )
    return event(kind(unit=sent), key, number=number, **more)


async def rows(service: Any, statement: Any) -> list[Any]:
    async with service.runtime.engine.connect() as connection:
        return list((await connection.execute(statement)).all())


async def names(service: Any) -> dict[str, str]:
    found = await rows(service, sa.select(UnitCopy.code, UnitCopy.name).where(UnitCopy.code.like("U%")))
    return {row.code: row.name for row in found}


async def seen(service: Any) -> set[uuid.UUID]:
    return {row.event_id for row in await rows(service, sa.select(service.runtime.tables.inbox.c.event_id))}


@pytest.fixture
def armed(tmp_path: Path) -> Iterator[Path]:
    """A folder of faults."""
    faults.arm(str(tmp_path))
    yield tmp_path
    faults.arm("")


async def test_events_that_share_a_transaction_act_once_each_on_its_own_record(service: Any) -> None:
    known = unit(1)
    assert await inbox.work_on(service.runtime, known.subject, known.payload, known.headers)
    twice = unit(2)
    events = [known, twice, unit(3), twice, unit(4, version=5, name="新"), unit(4, version=3, name="旧")]

    assert await inbox.work_on_all(service.runtime, events) == 6
    assert await inbox.work_on_all(service.runtime, events) == 6

    assert await names(service) == {"U1": "个", "U2": "个", "U3": "个", "U4": "新"}
    assert await seen(service) == {one.id for one in events}
    entries = await service.audit()
    assert [(e.trace_id, e.actor_id, e.method) for e in entries] == [
        (TRACE.format(n), stable(f"person {n}"), f"evt.inventory.unit.{verb}")
        for n, verb in ((1, "created"), (2, "created"), (3, "created"), (4, "updated"), (4, "updated"))
    ]


async def test_copies_take_as_many_statements_for_any_number_of_events(service: Any) -> None:
    counts = set()
    for first, size in ((0, 2), (10, 40)):
        with service.statements() as statements:
            await inbox.work_on_all(service.runtime, [unit(n) for n in range(first, first + size)])
        counts.add(len(statements))

    assert counts == {3}  # what is claimed, the copies, what is on record


async def test_when_one_fails_nothing_of_the_others_is_kept(service: Any) -> None:
    gone = event(opened(type("Gone", (), {"id": str(stable("gone")), "submission": 1, "content_hash": ""})))

    with pytest.raises(Exception, match="DOCUMENT_NOT_FOUND"):
        await inbox.work_on_all(service.runtime, [unit(1), gone, unit(2)])

    assert (await names(service), await seen(service), await service.audit()) == ({}, set(), [])


async def test_events_of_one_document_act_in_their_order_and_a_number_ends_the_transaction(
    shop: Shop, service: Any
) -> None:
    requisition = await shop.submitted(shop.line(shop.bearing))
    boss = [str(stable("boss"))]
    advanced = cases_pb2.CaseAdvanced(case=case_of(requisition, version=2, waiting_on_ids=boss, participant_ids=boss))
    before = len(await service.audit())
    events = [event(opened(requisition, "head")), event(advanced), event(approved(requisition)), unit(1)]

    assert await inbox.work_on_all(service.runtime, events) == 3

    assert events[3].id not in await seen(service)
    assert len(await service.audit()) == before + 3
    told = [subject.rpartition(".")[2] for subject, _ in await service.events("purchase_requisition")]
    assert told == ["submitted", "progressed", "progressed", "approved", "ordered"]
    assert (await shop.requester.GetPurchaseRequisition(id=requisition.id)).state == requisition.ORDERED
    assert await inbox.work_on_all(service.runtime, events[3:]) == 1
    assert await names(service) == {"U1": "个"}


@pytest.mark.parametrize(
    ("point", "kept"),
    [("event_after_inbox", False), ("event_before_commit", False), ("event_after_commit", True)],
)
async def test_what_ends_at_any_point_is_done_exactly_once(service: Any, armed: Path, point: str, kept: bool) -> None:
    events = [unit(n) for n in range(3)]
    (armed / point).write_text("error")

    with pytest.raises(faults.InjectedError):
        await inbox.work_on_all(service.runtime, events)

    assert len(await names(service)) == (3 if kept else 0)
    await inbox.work_on_all(service.runtime, events)
    assert len(await names(service)) == len(await service.audit()) == 3


async def test_whose_turn_it_is_is_told_without_reading_the_lines(shop: Shop, service: Any) -> None:
    requisition = await shop.submitted(shop.line(shop.bearing), shop.line())

    with service.statements() as statements:
        await service.deliver(opened(requisition, "head", version=2))
        await service.deliver(opened(requisition, "boss", version=1))

    assert not [statement for statement in statements if "purchase_requisition_line" in statement]
    ((_, told),) = await service.events("purchase_requisition.progressed")
    assert (told.purchase_requisition.number, len(told.purchase_requisition.lines)) == (requisition.number, 0)
    now = await shop.requester.GetPurchaseRequisition(id=requisition.id)
    assert (list(now.waiting_on_ids), len(now.lines)) == ([str(stable("head"))], 2)
