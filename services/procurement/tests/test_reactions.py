"""An approved requisition becomes orders exactly once, however the events come."""

from __future__ import annotations

import asyncio
import itertools
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from chassis import ids
from chassis.testing import refused, stable
from heyi.approval.v1 import cases_pb2
from heyi.inventory.v1 import items_pb2
from procurement.copies import ItemCopy
from procurement.purchase_order.model import PurchaseOrderLineSource
from procurement.tests.factories import Shop, approved, case_of, opened, sum_of


async def order_lines_behind(service: Any) -> dict[str, int]:
    """How many standing order lines each requisition line has."""
    statement = sa.select(PurchaseOrderLineSource.requisition_line_id, sa.func.count()).where(
        PurchaseOrderLineSource.active
    )
    async with service.runtime.engine.connect() as connection:
        await connection.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        rows = await connection.execute(statement.group_by(PurchaseOrderLineSource.requisition_line_id))
        return {str(line_id): count for line_id, count in rows}


async def test_an_approved_requisition_becomes_an_order_by_itself(shop: Shop) -> None:
    requisition = await shop.approved(shop.line(shop.bearing, "10"))

    (line,) = requisition.lines
    assert requisition.state == requisition.ORDERED
    assert requisition.ordered_percent == "100.00"
    assert line.state == line.ORDERED
    assert line.order_number == "PO-2026-000001"
    order = await shop.buyer.GetPurchaseOrder(id=line.order_id)
    assert order.number == "PO-2026-000001"
    assert order.supplier_name == "上海宏达轴承有限公司"
    assert (order.net_amount, order.tax_amount, order.amount) == ("125.00", "16.25", "141.25")
    assert order.lines[0].id == line.order_line_id
    assert order.lines[0].sources[0].requisition_number == requisition.number
    # the requester may read what became of the wish
    assert (await shop.requester.GetPurchaseOrder(id=line.order_id)).id == line.order_id


async def test_the_approved_event_five_times_makes_one_order_line_for_each_line(shop: Shop, service: Any) -> None:
    requisition = await shop.submitted(*(shop.line(shop.bearing, str(n)) for n in range(1, 11)))
    event = approved(requisition)

    effects = await service.deliver(event, times=5)
    again = [await service.deliver(event, event_id=ids.uuid7()) for _ in range(4)]

    assert effects == [True, False, False, False, False]
    assert again == [[True]] * 4  # other events with the same content: worked on, without effect
    behind = await order_lines_behind(service)
    assert behind == {line.id: 1 for line in requisition.lines}
    assert len(await service.events("purchase_order.created")) == 1
    assert (await shop.requester.GetPurchaseRequisition(id=requisition.id)).state == requisition.ORDERED


async def test_two_consumers_at_once_make_one_order_line_for_each_line(shop: Shop, service: Any) -> None:
    requisition = await shop.submitted(
        shop.line(shop.bearing), shop.line(shop.bearing), shop.line(shop.bolt, unit_price="0.7")
    )
    event = approved(requisition)
    event_id = ids.uuid7()

    same = [service.deliver(event, event_id=event_id) for _ in range(3)]
    others = [service.deliver(event, event_id=ids.uuid7()) for _ in range(3)]
    results = await asyncio.gather(*same, *others)

    assert [True] in results
    behind = await order_lines_behind(service)
    assert behind == {line.id: 1 for line in requisition.lines if line.item_id == shop.bearing}
    assert len(await service.events("sourcing_task.created")) == 1


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
async def test_events_in_any_order_end_alike(shop: Shop, service: Any, order: tuple[int, ...]) -> None:
    requisition = await shop.submitted(shop.line(shop.bearing), shop.line())
    advanced = cases_pb2.CaseAdvanced(
        case=case_of(
            requisition, version=2, waiting_on_ids=[str(stable("boss"))], participant_ids=[str(stable("boss"))]
        )
    )
    events = [opened(requisition, "head"), advanced, approved(requisition), approved(requisition)]

    for index in order:
        await service.deliver(events[index])

    done = await shop.requester.GetPurchaseRequisition(id=requisition.id)
    assert done.state == done.APPROVED  # the free text waits for the buyer
    assert [line.state for line in done.lines] == [done.lines[0].ORDERED, done.lines[0].IN_POOL]
    assert list(done.waiting_on_ids) == []
    assert await order_lines_behind(service) == {requisition.lines[0].id: 1}
    for reader in ("head", "boss"):
        seen = await service.as_(reader).GetPurchaseRequisition(id=requisition.id)
        assert seen.id == requisition.id


async def test_after_a_crash_between_commit_and_acknowledge_the_event_comes_again_without_effect(
    shop: Shop, service: Any
) -> None:
    requisition = await shop.submitted(shop.line(shop.bearing))
    event_id = ids.uuid7()
    await service.deliver(approved(requisition), event_id=event_id)

    assert await service.deliver(approved(requisition), event_id=event_id) == [False]

    assert await order_lines_behind(service) == {requisition.lines[0].id: 1}


async def test_the_requester_sees_whose_turn_it_is_and_never_an_older_state(shop: Shop, service: Any) -> None:
    requisition = await shop.submitted()
    later = cases_pb2.CaseAdvanced(case=case_of(requisition, version=5, waiting_on_ids=[str(stable("boss"))]))

    await service.deliver(later)
    await service.deliver(opened(requisition, "head", version=1))

    seen = await shop.requester.GetPurchaseRequisition(id=requisition.id)
    assert list(seen.waiting_on_ids) == [str(stable("boss"))]
    assert seen.case_id == str(stable(f"case {requisition.id}"))


@pytest.mark.parametrize(
    ("event", "state"), [(cases_pb2.CaseReturned, "RETURNED"), (cases_pb2.CaseWithdrawn, "WITHDRAWN")]
)
async def test_what_comes_back_is_a_draft_again_and_an_old_answer_changes_nothing(
    shop: Shop, service: Any, event: Any, state: str
) -> None:
    first = await shop.submitted()
    await service.deliver(event(case=case_of(first, version=2, state=state, note="数量请再核对")))
    draft = await shop.requester.GetPurchaseRequisition(id=first.id)
    assert draft.state == draft.DRAFT
    assert draft.outcome_note == "数量请再核对"

    again = await shop.requester.SubmitPurchaseRequisition(id=draft.id)
    await service.deliver(approved(first, version=9))  # answers the first submission

    still = await shop.requester.GetPurchaseRequisition(id=again.id)
    assert (again.submission, again.number) == (2, first.number)
    assert still.state == still.SUBMITTED
    assert await order_lines_behind(service) == {}


async def test_a_rejected_requisition_can_be_copied(shop: Shop, service: Any) -> None:
    requisition = await shop.submitted()
    await service.deliver(cases_pb2.CaseRejected(case=case_of(requisition, version=2, state="REJECTED", note="超预算")))

    rejected = await shop.requester.GetPurchaseRequisition(id=requisition.id)
    copy = await shop.requester.CopyPurchaseRequisition(id=requisition.id)

    assert rejected.state == rejected.REJECTED
    assert rejected.outcome_note == "超预算"
    assert copy.state == copy.DRAFT
    assert copy.copied_from_id == requisition.id


async def test_what_was_approved_is_what_stands_here(shop: Shop, service: Any) -> None:
    """P23: an answer to another content is parked, nothing is ordered."""
    requisition = await shop.submitted()

    with pytest.raises(ValueError, match="what was approved"):
        await service.deliver(approved(requisition, content_hash="0" * 64))

    assert await order_lines_behind(service) == {}


async def test_lines_that_need_a_person_wait_with_the_reason(shop: Shop, service: Any) -> None:
    held = await shop.supplier("苏州待审机电有限公司", qualified=False)
    await shop.terms(held, shop.bolt, shop.piece, "3", preferred=True)
    requisition = await shop.approved(
        shop.line(shop.bearing),
        shop.line(),
        shop.line(shop.bolt, unit_price="3"),
        shop.line(shop.cable, "3.5"),
        shop.line(None, kind="SERVICE", description="设备保养"),
    )

    pool = await shop.buyer.ListSourcingTasks(order_by="need_date")

    reasons = {task.requisition_line_number: task.Reason.Name(task.reason) for task in pool.sourcing_tasks}
    assert reasons == {2: "NOT_CODED", 3: "SUPPLIER_NOT_QUALIFIED", 4: "POLICY", 5: "NO_SUPPLIER"}
    assert requisition.state == requisition.APPROVED
    assert requisition.ordered_percent == "20.00"
    by_line = {task.requisition_line_number: task for task in pool.sourcing_tasks}
    assert by_line[4].buyer_id == str(stable("buyer"))
    assert by_line[4].requester_id == str(stable("requester"))


async def test_orders_are_grouped_by_supplier_currency_and_place(shop: Shop) -> None:
    other = await shop.supplier("昆山明锐紧固件有限公司")
    await shop.terms(other, shop.bolt, shop.piece, "0.8")

    requisition = await shop.approved(
        shop.line(shop.bearing, "4"), shop.line(shop.bolt, "100"), shop.line(shop.bearing, "6")
    )

    first, second, third = requisition.lines
    assert first.order_id == third.order_id != second.order_id
    order = await shop.buyer.GetPurchaseOrder(id=first.order_id)
    assert [(line.quantity, len(line.sources)) for line in order.lines] == [("4", 1), ("6", 1)]


async def test_minimum_and_multiple_are_kept_and_the_unit_is_the_suppliers(shop: Shop) -> None:
    supplier = await shop.supplier("昆山明锐紧固件有限公司")
    box = items_pb2.ItemUnit(unit_id=shop.box, factor="100")
    await shop.item("2002", shop.piece, shop.parts, version=2, name="六角螺栓", units=[box])
    await shop.terms(supplier, shop.bolt, shop.box, "80", minimum_quantity="2", multiple_quantity="1")

    requisition = await shop.approved(shop.line(shop.bolt, "250"), shop.line(shop.bolt, "30"))

    order = await shop.buyer.GetPurchaseOrder(id=requisition.lines[0].order_id)
    assert [(line.unit_id, line.quantity, line.unit_price) for line in order.lines] == [
        (shop.box, "3", "80"),
        (shop.box, "2", "80"),
    ]
    assert [line.sources[0].quantity for line in order.lines] == ["2.5", "0.3"]


async def test_without_an_agreement_the_last_price_orders_from_the_last_supplier(shop: Shop) -> None:
    await shop.released({"item_id": shop.bolt, "quantity": "50", "unit_price": "0.66"})

    requisition = await shop.approved(shop.line(shop.bolt, "20"))

    assert requisition.lines[0].unit_price == "0.66"
    assert requisition.lines[0].last_unit_price == "0.66"
    order = await shop.buyer.GetPurchaseOrder(id=requisition.lines[0].order_id)
    assert order.lines[0].price_source == order.lines[0].LAST_PRICE
    assert order.supplier_id == shop.hongda.id


@pytest.mark.parametrize("kind", ["bearing", "free text"])
async def test_settling_takes_the_same_statements_for_any_number_of_lines(shop: Shop, service: Any, kind: str) -> None:
    counts = {}
    for lines in (1, 10, 1000):
        line = shop.line(shop.bearing) if kind == "bearing" else shop.line()
        mixed = [line if n % 2 == 0 or lines == 1 else shop.line(shop.bearing) for n in range(lines)]
        requisition = await shop.submitted(*mixed)
        with service.statements() as statements:
            await service.deliver(approved(requisition))
        counts[lines] = len(statements)

    # one more than for a single line, where a mixed requisition makes an order beside its tasks
    assert counts[10] == counts[1000]
    assert counts[1000] <= 32, counts


async def test_an_older_copy_never_replaces_a_newer(shop: Shop, service: Any) -> None:
    await shop.item("2001", shop.piece, shop.parts, version=5, name="新名称")
    await shop.item("2001", shop.piece, shop.parts, version=3, name="旧名称")

    async with service.runtime.engine.connect() as connection:
        name = await connection.scalar(sa.select(ItemCopy.name).where(ItemCopy.code == "2001"))
    assert name == "新名称"


async def test_a_case_of_another_document_type_is_none_of_ours(shop: Shop, service: Any) -> None:
    requisition = await shop.submitted()
    foreign = cases_pb2.CaseApproved(case=case_of(requisition, state="APPROVED", document_type="projects.change"))

    assert await service.deliver(foreign) == [True]

    assert (await shop.requester.GetPurchaseRequisition(id=requisition.id)).state == requisition.SUBMITTED


async def test_the_amounts_of_the_order_are_those_of_its_lines(shop: Shop) -> None:
    requisition = await shop.approved(*(shop.line(shop.bearing, str(n)) for n in (1, 3, 7)))

    order = await shop.buyer.GetPurchaseOrder(id=requisition.lines[0].order_id)

    assert Decimal(order.amount) == sum_of(line.amount for line in order.lines)
    assert Decimal(order.tax_amount) == sum_of(line.tax_amount for line in order.lines)


async def test_a_stranger_to_the_case_is_told_nothing(shop: Shop, service: Any) -> None:
    requisition = await shop.submitted()
    await service.deliver(opened(requisition, "head"))

    with refused("DOCUMENT_NOT_FOUND"):
        await service.as_("other_department").GetPurchaseRequisition(id=requisition.id)
