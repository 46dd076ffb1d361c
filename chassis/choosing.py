"""Whom the requester chooses: a flow may leave it to whoever sends a document who is asked at some of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from chassis import ids
from heyi.common.v1 import common_pb2

Violation = tuple[str, str, dict[str, object]]


def faults(
    approval: common_pb2.ApprovalRequest, asked: Mapping[str, str], people: Mapping[UUID, Any]
) -> list[Violation]:
    """What is wrong with whom the requester chose; `asked` are the nodes that want a choice: id -> name. The refusals
    are the document's own: `PURCHASE_ORDER_CHOICE_MISSING`.
    """
    refusal = f"{approval.document_type.rpartition('.')[2].upper()}_CHOICE"
    found: list[Violation] = []
    for number, choice in enumerate(approval.choices):
        if choice.node_id not in asked:
            found.append((f"choices[{number}].node_id", f"{refusal}_NODE", {"node_id": choice.node_id}))
        for place, text in enumerate(choice.employee_ids):
            person = _person(text, people)
            if person is None or not person.active or str(person.employee_id) == approval.requester_id:
                at = f"choices[{number}].employee_ids[{place}]"
                found.append((at, f"{refusal}_PERSON", {"person": person.name if person else text[:50]}))
    chosen = {choice.node_id for choice in approval.choices if choice.employee_ids}
    for node_id, node in asked.items():
        if node_id not in chosen:
            found.append(("choices", f"{refusal}_MISSING", {"node_id": node_id, "node": node}))
    return found


def _person(text: str, people: Mapping[UUID, Any]) -> Any:
    """Whom an id names; None for what is no id of anybody."""
    try:
        return people.get(ids.parse(text))
    except ValueError:
        return None
