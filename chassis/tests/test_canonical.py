"""What an approver agrees to: the same content has the same hash, whatever else differs."""

from __future__ import annotations

import re

import pytest
from google.protobuf import struct_pb2

from chassis import canonical
from heyi.procurement.v1 import purchase_requisitions_pb2 as pb


def requisition(**fields: object) -> pb.PurchaseRequisition:
    line = pb.PurchaseRequisitionLine(kind="ITEM", description="轴承", quantity="1.50", tax_rate="0.13")
    return pb.PurchaseRequisition(**{"title": "备件", "currency": "CNY", "lines": [line], **fields})


def line(**fields: object) -> list[pb.PurchaseRequisitionLine]:
    values = {"kind": "ITEM", "description": "轴承", "quantity": "1.50", "tax_rate": "0.13", **fields}
    return [pb.PurchaseRequisitionLine(**values)]


def test_a_hash_is_64_digits_and_stays() -> None:
    assert re.fullmatch("[0-9a-f]{64}", canonical.content_hash(requisition()))
    assert canonical.content(requisition()) == {
        "title": "备件",
        "currency": "CNY",
        "lines": [{"kind": "ITEM", "description": "轴承", "quantity": "1.5", "tax_rate": "0.13"}],
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"number": "PR-1"},
        {"state": "SUBMITTED"},
        {"ordered_percent": "50"},
        {"lines": line(quantity="1.5")},
        {"lines": line(quantity="1.500000")},
        {"lines": line(id="x", line_number=7, state="ORDERED", order_number="PO-1")},
        {"purpose": ""},
    ],
)
def test_what_nobody_agrees_to_changes_nothing(fields: dict[str, object]) -> None:
    assert canonical.content_hash(requisition(**fields)) == canonical.content_hash(requisition())


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "备件 "},
        {"purpose": "产线"},
        {"urgency": "URGENT"},
        {"lines": line(quantity="1.51")},
        {"lines": line(kind="SERVICE")},
        {"lines": [*line(), *line()]},
        {"lines": []},
    ],
)
def test_what_is_agreed_to_changes_the_hash(fields: dict[str, object]) -> None:
    assert canonical.content_hash(requisition(**fields)) != canonical.content_hash(requisition())


def test_the_order_of_lines_counts() -> None:
    first, second = line(description="甲")[0], line(description="乙")[0]
    one, other = requisition(lines=[first, second]), requisition(lines=[second, first])
    assert canonical.content_hash(one) != canonical.content_hash(other)


def test_a_message_without_hashed_fields_has_no_content() -> None:
    assert canonical.content(struct_pb2.Struct()) == {}
