"""Webhooks: signed calls to a receiver on this machine that answers as it likes, and pulling the same events."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import json_format

from approval.tests.factories import Office, approve
from approval.tests.receivers import Chat
from approval.tests.test_webhook_rules import documented
from approval.webhook import replaying
from approval.webhook.replaying import repeat_all
from approval.webhook_delivery.sending import send_all, sweep
from chassis import egress
from chassis.testing import refused
from heyi.approval.v1 import cases_pb2
from heyi.approval.v1 import webhooks_pb2 as pb
from heyi.approval.v1.webhook_deliveries_pb2 import WebhookDelivery
from heyi.procurement.v1 import purchase_orders_pb2

SENT, WAITING, FAILED = WebhookDelivery.SENT, WebhookDelivery.WAITING, WebhookDelivery.FAILED
APPROVED, RELEASED = pb.Webhook.APPROVAL_CASE_APPROVED, pb.Webhook.PROCUREMENT_PURCHASE_ORDER_RELEASED


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    room = Chat()
    monkeypatch.setenv(egress.ALLOW, room.origin)
    yield room
    room.close()


def admin(office: Office) -> Any:
    """With a token of this moment: the clock goes far here."""
    return office.service.as_("admin")


async def hook(office: Office, chat: Chat, **changes: Any) -> Any:
    fields = {"name": "旧ERP", "address": f"{chat.origin}/heyi", "events": [APPROVED], **changes}
    return await admin(office).CreateWebhook(webhook=fields)


async def approved(office: Office, document: str = "one") -> Any:
    """A case that ended well, and its event brought here."""
    office = Office(office.service)
    if not (await admin(office).ListFlowDefinitions()).flow_definitions:
        await office.flow(approve("a", "head"))
    await office.submit(document)
    (task,) = await office.todo("head")
    await office.service.as_("head").ApproveTask(id=task.id, content_hash=task.content_hash)
    case = await office.case(document)
    await office.service.deliver(cases_pb2.CaseApproved(case=case), actor="head")
    return case


async def deliveries(office: Office) -> list[Any]:
    return list((await admin(office).ListWebhookDeliveries(order_by="create_time")).webhook_deliveries)


async def test_an_approved_case_is_told_signed_once_it_is_taken(office, chat):
    made = await hook(office, chat)
    assert made.secret.startswith("hys_")
    case = await approved(office)
    chat.answer = lambda number: (500, "no") if number == 1 else (200, '{"errcode": 0}')

    assert await send_all(office.service.runtime) == 1
    (row,) = await deliveries(office)
    assert (row.state, row.answer_code, row.attempt_count) == (WAITING, 500, 1)
    assert (await admin(office).GetWebhook(id=made.id)).HasField("failing_since_time")
    office.service.clock.advance(seconds=2)
    assert await send_all(office.service.runtime) == 1
    assert await send_all(office.service.runtime) == 0

    (row,) = await deliveries(office)
    assert (row.state, row.answer_code, row.attempt_count) == (SENT, 200, 2)
    first, second = chat.heard
    assert first["raw"] == second["raw"]
    assert first["headers"]["heyi-delivery"] == second["headers"]["heyi-delivery"] == row.id
    assert second["body"]["type"] == "approval.case.approved"
    assert second["body"]["data"]["case"]["id"] == case.id
    now = office.service.clock.now().timestamp()
    assert documented()["verified"](second["headers"]["heyi-signature"], second["raw"], made.secret, now)
    shown = await admin(office).GetWebhook(id=made.id)
    assert not shown.HasField("failing_since_time")
    assert shown.secret == ""


async def test_the_secret_is_in_no_repeated_answer_no_list_and_no_event(office, chat):
    key = str(uuid.uuid4())
    fields = {"name": "旧ERP", "address": f"{chat.origin}/heyi", "events": [APPROVED]}
    first = await admin(office).CreateWebhook(webhook=fields, key=key)
    again = await admin(office).CreateWebhook(webhook=fields, key=key)
    assert (first.id, bool(first.secret), again.secret) == (again.id, True, "")
    assert first.secret not in str(await admin(office).ListWebhooks())
    assert first.secret not in str(await office.service.events())
    assert first.secret not in str(await office.service.audit())


async def test_both_secrets_sign_for_a_day(office, chat):
    old = await hook(office, chat)
    new = await admin(office).RotateWebhook(id=old.id, etag=old.etag)
    verified = documented()["verified"]
    for hours, fits in ((0, True), (25, False)):
        office.service.clock.advance(hours=hours)
        await admin(office).TestWebhook(id=old.id)
        await send_all(office.service.runtime)
        heard = chat.heard[-1]
        by = [verified(heard["headers"]["heyi-signature"], heard["raw"], one.secret,
                       office.service.clock.now().timestamp()) for one in (old, new)]  # fmt: skip
        assert by == [fits, True]


async def test_the_next_of_a_document_waits_for_the_one_before_and_others_do_not(office, chat):
    await hook(office, chat)
    case = await approved(office)
    later = cases_pb2.Case()
    later.CopyFrom(case)
    later.etag = '"99"'
    await office.service.deliver(cases_pb2.CaseApproved(case=later), actor="head")
    other = await approved(office, "two")
    chat.answer = lambda number: (503, "")
    await send_all(office.service.runtime)
    assert {each["body"]["documentId"] for each in chat.heard} == {case.id, other.id}
    assert {each["body"]["data"]["case"]["etag"] for each in chat.heard} == {case.etag, other.etag}
    chat.answer = lambda number: (200, '{"errcode": 0}')
    office.service.clock.advance(seconds=2)
    await send_all(office.service.runtime)
    etags = [h["body"]["data"]["case"]["etag"] for h in chat.heard[2:] if h["body"]["documentId"] == case.id]
    assert etags == [case.etag, '"99"']


async def test_after_a_day_of_failures_it_pauses_and_its_maker_hears_of_it(office, chat):
    made = await hook(office, chat)
    await approved(office)
    chat.answer = lambda number: (500, "no")
    for _ in range(40):
        await send_all(office.service.runtime)
        office.service.clock.advance(hours=1)
    assert (await admin(office).GetWebhook(id=made.id)).state == pb.Webhook.PAUSED
    assert [n for n in (await admin(office).ListNotices()).notices if n.document_id == made.id]
    before = len(chat.heard)
    case = await approved(office, "two")
    chat.answer = lambda number: (200, '{"errcode": 0}')
    assert await send_all(office.service.runtime) == 0
    shown = await admin(office).GetWebhook(id=made.id)
    await admin(office).ActivateWebhook(id=made.id, etag=shown.etag)
    await send_all(office.service.runtime)
    assert case.id in [each["body"]["documentId"] for each in chat.heard[before:]]
    assert {row.state for row in await deliveries(office)} == {SENT}


async def test_after_three_days_it_is_given_up_and_can_be_sent_again(office, chat):
    made = await hook(office, chat)
    await approved(office)
    office.service.clock.advance(days=4)
    chat.answer = lambda number: (404, "gone")
    await send_all(office.service.runtime)
    (row,) = await deliveries(office)
    assert row.state == FAILED
    chat.answer = lambda number: (200, '{"errcode": 0}')
    await admin(office).RetryWebhookDelivery(id=row.id, etag=row.etag)
    await send_all(office.service.runtime)
    (row,) = await deliveries(office)
    assert row.state == SENT
    before = len(chat.heard)
    await admin(office).ReplayWebhook(id=made.id, from_time=row.create_time)
    await repeat_all(office.service.runtime)
    await send_all(office.service.runtime)
    assert [each["body"]["id"] for each in chat.heard[before:]] == [row.event_id]


async def test_pulling_begins_behind_any_cursor(office, chat):
    cases = [await approved(office, document) for document in ("one", "two", "three")]
    first = await admin(office).PullOutsideEvent(limit=2)
    rest = await admin(office).PullOutsideEvent(after=first.cursor)
    assert [event.document_id for event in [*first.events, *rest.events]] == [case.id for case in cases]
    end = await admin(office).PullOutsideEvent(after=rest.cursor)
    assert (list(end.events), end.cursor) == ([], rest.cursor)
    again = await admin(office).PullOutsideEvent(after=first.events[0].cursor)
    assert [event.document_id for event in again.events] == [case.id for case in cases[1:]]
    with refused("OUTSIDE_EVENT_CURSOR"):
        await admin(office).PullOutsideEvent(after="x")
    with refused("PERMISSION_MISSING"):
        await office.service.as_("stranger").PullOutsideEvent()


async def test_who_may_not_read_the_documents_is_told_of_none(office, chat):
    await approved(office)
    mine = await office.service.as_("requester").PullOutsideEvent()
    assert list(mine.events) == []
    assert mine.cursor != ""
    with refused("WEBHOOK_EVENT"):
        await office.service.as_("requester").CreateWebhook(
            webhook={"name": "x", "address": f"{chat.origin}/", "events": [RELEASED]}
        )


@pytest.mark.parametrize(
    "address", ["http://a.example/", "https://10.0.0.1/", "https://u:p@a.example/", "ftp://a.example"]
)
async def test_an_address_that_may_not_be_asked(office, address):
    with refused("WEBHOOK_ADDRESS"):
        await admin(office).CreateWebhook(webhook={"name": "x", "address": address, "events": [APPROVED]})


async def test_what_is_old_goes(office, chat):
    await hook(office, chat)
    await approved(office)
    office.service.clock.advance(days=31)
    await sweep(office.service.runtime)
    assert await deliveries(office) == []
    assert list((await admin(office).PullOutsideEvent()).events) == []


async def test_all_of_what_was_told_is_sent_again_in_pieces(office, chat, monkeypatch):
    monkeypatch.setattr(replaying, "AT_ONCE", 2)
    made, runtime = await hook(office, chat), office.service.runtime
    began = office.service.clock.now()
    for number in range(5):
        await approved(office, str(number))
    await send_all(runtime)
    told = [each["body"]["id"] for each in chat.heard]
    office.service.clock.advance(minutes=1)
    later = await approved(office, "later")
    await send_all(runtime)
    assert len(chat.heard) == 6

    # asked for twice: from the earlier instant, once
    await admin(office).ReplayWebhook(id=made.id, from_time=office.service.clock.now())
    await admin(office).ReplayWebhook(id=made.id, from_time=began)
    # what comes meanwhile is told by itself
    await approved(office, "meanwhile")
    await repeat_all(runtime)
    await send_all(runtime)
    again = chat.heard[6:]
    assert {each["body"]["id"] for each in again[:]} >= set(told)
    assert len(again) == 7
    assert later.id in [each["body"]["documentId"] for each in again]
    await repeat_all(runtime)
    assert await send_all(runtime) == 0


async def test_what_was_added_to_an_order_is_told_as_an_object(office, chat):
    order = purchase_orders_pb2.PurchaseOrder(
        id=str(uuid.uuid4()), etag='"1"', number="PO-1", custom_fields={"json": '{"grade": "a", "weight": "12.5"}'}
    )
    await hook(office, chat, events=[RELEASED])
    await office.service.deliver(purchase_orders_pb2.PurchaseOrderReleased(purchase_order=order), actor="buyer")
    await send_all(office.service.runtime)
    (pulled,) = (await admin(office).PullOutsideEvent()).events
    for data in (chat.heard[0]["body"]["data"], json_format.MessageToDict(pulled.data)):
        assert data["purchaseOrder"]["customFields"] == {"grade": "a", "weight": "12.5"}
