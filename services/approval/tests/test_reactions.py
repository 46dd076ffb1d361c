"""A document asks once, however often and in whatever order its events arrive."""

from __future__ import annotations

import asyncio

import pytest

from approval.tests.factories import approve, ids_of, request, sequence, state, waiting
from chassis.errors import Refused
from chassis.testing import refused, stable
from heyi.procurement.v1 import purchase_orders_pb2

FLOW = sequence(approve("a", {"kind": "department_head"}), approve("b", "boss"))


async def test_an_event_that_comes_five_times_opens_one_case(office):
    await office.flow(FLOW)

    effects = await office.deliver(times=5)
    for _ in range(4):
        await office.deliver()

    case = await office.case()
    assert effects == [True, False, False, False, False]
    assert (waiting(case), len(case.tasks), len(case.opinions)) == (ids_of("head"), 1, 1)
    assert len(await office.service.events("case.opened")) == 1
    assert len((await office.service.as_("head").ListNotices()).notices) == 1


async def test_two_consumers_with_the_same_event_open_one_case(office):
    await office.flow(FLOW)

    answers = await asyncio.gather(*(office.deliver() for _ in range(5)), return_exceptions=True)
    await office.deliver()

    failed = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(answer, Refused) and answer.reason == "IN_PROGRESS" for answer in failed)

    assert len((await office.admin.ListCases()).cases) == 1
    assert len(await office.todo("head")) == 1


async def test_a_newer_submission_takes_the_place_of_one_that_still_runs(office):
    await office.flow(FLOW)
    await office.submit()

    case = await office.submit(submission=2, content_hash="b" * 64)

    old = await office.case(submission=1)
    assert (state(old), old.park_reason, waiting(old)) == ("WITHDRAWN", "CASE_SUPERSEDED", set())
    assert [task.end_reason for task in old.tasks] == ["task.superseded"]
    assert (state(case), case.submission, waiting(case)) == ("RUNNING", 2, ids_of("head"))
    assert len(await office.todo("head")) == 1


async def test_an_older_submission_that_comes_late_asks_nobody(office):
    await office.flow(FLOW)
    await office.submit(submission=2)

    await office.deliver(submission=1)

    old, new = await office.case(submission=1), await office.case(submission=2)
    assert (state(old), old.park_reason, old.tasks) == ("WITHDRAWN", "CASE_SUPERSEDED", [])
    assert (state(new), waiting(new)) == ("RUNNING", ids_of("head"))
    assert [s for s, _ in await office.service.events("approval.case")] == ["evt.approval.case.opened"]


async def test_a_submission_after_a_return_is_a_case_of_its_own(office):
    await office.flow(FLOW)
    await office.submit()
    await office.decide("head", "Return", text="请补充")

    again = await office.submit(submission=2)

    assert waiting(again) == ids_of("head")
    assert state(await office.case(submission=1)) == "RETURNED"


async def test_every_type_that_carries_a_request_is_heard(office):
    await office.flow(FLOW, document_type="procurement.purchase_order")
    asked = request("order", document_type="procurement.purchase_order")

    event = purchase_orders_pb2.PurchaseOrderChangeSubmitted(approval=asked)
    await office.service.deliver(event, actor="requester")

    case = await office.case("order")
    assert (case.document_type, waiting(case)) == ("procurement.purchase_order", ids_of("head"))


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("requester_id", "somebody", "FIELD_FORMAT"),
        ("document_id", "", "FIELD_FORMAT"),
        ("amount", "NaN", "FIELD_DECIMAL"),
        ("amount", "1e400", "FIELD_DECIMAL"),
        ("document_type", "", "FIELD_REQUIRED"),
    ],
)
async def test_an_event_that_cannot_be_read_is_refused_for_good_and_leaves_nothing(office, field, value, reason):
    with refused(reason, field=f"approval.{field}"):
        await office.deliver(**{field: value})

    assert (await office.admin.ListCases()).cases == []


async def test_who_caused_the_case_stands_in_the_trail(office):
    await office.flow(FLOW)
    await office.deliver()

    entry = (await office.service.audit())[-1]

    assert (entry.actor_id, entry.service) == (stable("requester"), "approval")
