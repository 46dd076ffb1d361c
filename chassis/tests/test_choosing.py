"""Whom the requester chooses at a submission."""

from __future__ import annotations

import uuid
from types import SimpleNamespace

import pytest

from chassis import choosing, contract
from heyi.common.v1 import common_pb2

ME, YOU, GONE = (uuid.UUID(int=n) for n in range(400, 403))
PEOPLE = {key: SimpleNamespace(employee_id=key, name=str(key)[-3:], active=key != GONE) for key in (ME, YOU, GONE)}
CHOICES: dict[str, tuple[list[tuple[str, list[str]]], list[tuple[str, str]]]] = {
    # name: (node and people chosen, [(field, reason)]); node a wants a choice
    "chosen": ([("a", [str(YOU)])], []),
    "nothing": ([], [("choices", "CHOICE_MISSING")]),
    "nobody": ([("a", [])], [("choices", "CHOICE_MISSING")]),
    "another node": (
        [("a", [str(YOU)]), ("b", [str(YOU)])],
        [("choices[1].node_id", "CHOICE_NODE")],
    ),
    "oneself": ([("a", [str(YOU), str(ME)])], [("choices[0].employee_ids[1]", "CHOICE_PERSON")]),
    "who is gone": ([("a", [str(GONE)])], [("choices[0].employee_ids[0]", "CHOICE_PERSON")]),
    "no id": ([("a", ["boss"])], [("choices[0].employee_ids[0]", "CHOICE_PERSON")]),
}


@pytest.mark.parametrize("document", ["PURCHASE_REQUISITION", "PURCHASE_ORDER", "OFFICE_REQUEST"])
@pytest.mark.parametrize("name", CHOICES)
def test_whom_the_requester_chooses(name: str, document: str) -> None:
    chosen, expected = CHOICES[name]
    approval = common_pb2.ApprovalRequest(
        document_type=f"service.{document.lower()}",
        requester_id=str(ME),
        choices=[common_pb2.ApprovalChoice(node_id=node, employee_ids=people) for node, people in chosen],
    )

    found = choosing.faults(approval, {"a": "财务"}, PEOPLE)

    assert [(at, reason.removeprefix(f"{document}_")) for at, reason, _ in found] == expected
    assert {reason for _, reason, _ in found} <= set(contract.load().refusals)
