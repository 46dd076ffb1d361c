"""Calls to the outside: how they are signed, when they are tried again; and the receiver of the documentation."""

from __future__ import annotations

import datetime
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import orjson
import pytest

from approval.outside_event import rules as outside
from approval.webhook import rules
from chassis import contract
from chassis.testing import refused
from gateway import codec
from heyi.approval.v1 import cases_pb2, webhooks_pb2
from heyi.common.v1 import common_pb2
from heyi.procurement.v1 import purchase_orders_pb2

NOW = datetime.datetime(2026, 3, 2, 8, 0, tzinfo=datetime.UTC)
BODY = b'{"id":"1"}'


def documented() -> dict[str, Any]:
    """The receiver as docs/outside.md has it."""
    text = (Path(__file__).parents[3] / "docs" / "outside.md").read_text()
    names: dict[str, Any] = {"__name__": "receiver"}
    exec(text.partition("```python\n")[2].partition("```")[0], names)  # noqa: S102
    return names


def test_what_is_offered_can_be_chosen_and_what_can_be_chosen_is_offered():
    offered = {outside.chosen(outside.type_of(subject)) for subject in contract.outside()}
    assert offered == set(webhooks_pb2.Webhook.Event.keys()) - {"EVENT_UNSPECIFIED"}


@pytest.mark.parametrize(
    ("header", "body", "seconds", "fits"),
    [
        (rules.signature(["one"], NOW, BODY), BODY, 0, True),
        (rules.signature(["new", "one"], NOW, BODY), BODY, 299, True),
        (rules.signature(["one"], NOW, BODY), BODY, 301, False),
        (rules.signature(["one"], NOW, BODY), BODY, -301, False),
        (rules.signature(["one"], NOW, BODY), BODY + b" ", 0, False),
        (rules.signature(["other"], NOW, BODY), BODY, 0, False),
        (rules.signature(["one"], NOW, BODY).replace("t=", "t=1"), BODY, 0, False),
        ("", BODY, 0, False),
        ("t=,v1=", BODY, 0, False),
        ("t=١,v1=ä", BODY, 0, False),
    ],
)
def test_the_documented_receiver_believes_what_is_signed_and_fresh(header, body, seconds, fits):
    assert documented()["verified"](header, body, "one", NOW.timestamp() + seconds) is fits


def test_the_documented_receiver_takes_each_event_once_and_no_forged_one():
    receiver = documented()
    inbox = receiver["Inbox"]()
    server = receiver["server"](0, "one", inbox)
    server.RequestHandlerClass.log_message = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}/"

    def status(header: str) -> int:
        request = urllib.request.Request(address, BODY, {"Heyi-Signature": header})
        try:
            with urllib.request.urlopen(request) as reply:  # noqa: S310
                return int(reply.status)
        except urllib.error.HTTPError as answer:
            return answer.code

    now = datetime.datetime.now(datetime.UTC)
    try:
        assert status(rules.signature(["thief"], now, BODY)) == 401
        assert inbox.seen == {}
        assert status(rules.signature(["one"], now, BODY)) == 204
        assert status(rules.signature(["one"], now, BODY)) == 204
        assert list(inbox.seen) == ["1"]
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("previous", "hours", "keys"), [(None, 0, ["new"]), ("old", 1, ["new", "old"]), ("old", -1, ["new"])]
)
def test_both_secrets_sign_while_they_overlap(previous, hours, keys):
    assert rules.keys("new", previous, NOW + datetime.timedelta(hours=hours), NOW) == keys


@pytest.mark.parametrize(
    ("attempts", "hours", "seconds"), [(1, 0, 2), (2, 0, 10), (6, 1, 3600), (60, 71, 3600), (70, 72, None)]
)
def test_what_is_not_taken_is_tried_for_three_days(attempts, hours, seconds):
    again = rules.next_try(attempts, NOW - datetime.timedelta(hours=hours), NOW)
    assert again == (None if seconds is None else NOW + datetime.timedelta(seconds=seconds))


@pytest.mark.parametrize(("hours", "pauses"), [(23, False), (24, True)])
def test_it_pauses_after_a_day(hours, pauses):
    assert rules.pauses(NOW - datetime.timedelta(hours=hours), NOW) is pauses


@pytest.mark.parametrize("cursor", ["-1", "x", "1" * 19, "1.0", "١"])
def test_a_cursor_that_is_none(cursor):
    with refused("OUTSIDE_EVENT_CURSOR"):
        outside.behind(cursor)


FIELDS = common_pb2.CustomFields(json='{"grade":"a","weight":"12.5","stay":{"start":"2026-01-05","end":"2026-02-01"}}')


@pytest.mark.parametrize(
    "event",
    [
        purchase_orders_pb2.PurchaseOrderReleased(
            purchase_order={"id": "1", "amount": "12.50", "custom_fields": FIELDS}
        ),
        purchase_orders_pb2.PurchaseOrderReleased(purchase_order={"id": "1", "lines": [{"quantity": "2"}]}),
        cases_pb2.CaseApproved(case={"id": "1", "state": "APPROVED", "facts": {"line_count": 2, "rise": 0.5}}),
    ],
)
def test_what_is_told_is_in_the_form_of_the_rest_interface(event):
    asked = orjson.loads(orjson.dumps(codec.encoder(event.DESCRIPTOR)(event)))
    assert outside.data_of(event) == asked


def test_a_case_tells_none_of_the_fields_that_were_added_to_its_document():
    case = {"id": "1", "facts": {"line_count": 2, "custom_fields": {"cost": 3.1}}}
    assert outside.data_of(cases_pb2.CaseApproved(case=case))["case"]["facts"] == {"line_count": 2}
