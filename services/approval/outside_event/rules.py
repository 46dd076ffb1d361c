"""What programs outside are told, in which form, and who may let them be told of it."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
from google.protobuf import json_format

from chassis import contract, custom_fields
from chassis.errors import Refused
from chassis.policy import Rights

USUAL, MOST = 100, 200
NAMES = uuid.UUID("5c0c1f2e-1f0b-7c4e-9a57-31d7b1f50c11")


def type_of(subject: str) -> str:
    """`evt.approval.case.approved` -> `approval.case.approved`."""
    return subject.removeprefix("evt.")


def chosen(event_type: str) -> str:
    """How a webhook names it: `APPROVAL_CASE_APPROVED`."""
    return event_type.replace(".", "_").upper()


def document_of(event: Any) -> Any:
    """The snapshot that an event carries."""
    return getattr(event, event.DESCRIPTOR.fields[0].name)


def identifier(event_type: str, document: Any) -> uuid.UUID:
    """The event's id: the same, however often it comes to be kept."""
    return uuid.uuid5(NAMES, f"{event_type} {document.id} {document.etag}")


def permission_of(document_type: str, document: Any) -> str:
    """What shows all of what an event tells: reading its documents; of a case, those that it is about."""
    own = f"{document_type}.get"
    return own if own in contract.load().permissions() else f"{getattr(document, 'document_type', '')}.get"


def reads_all(rights: Rights, employee_id: uuid.UUID | None, permission: str, company_id: uuid.UUID) -> bool:
    """Whether somebody may read every document of a company that a permission is about."""
    return employee_id is not None and rights.holds_whole(employee_id, permission, company_id)


def data_of(event: Any) -> dict[str, Any]:
    """The event's message in the form of the REST interface, in which added fields are an object. Of those that a case
    knows of its document nothing is told: who may see them is known to the document's service alone.
    """
    data = json_format.MessageToDict(event, always_print_fields_with_no_presence=True)
    document = data[event.DESCRIPTOR.fields[0].json_name]
    if "customFields" in document:
        document["customFields"] = orjson.loads(document["customFields"]["json"] or "{}")
    if custom_fields.COLUMN in document.get("facts", {}):
        del document["facts"][custom_fields.COLUMN]
    return data


def told(row: Any) -> dict[str, Any]:
    """One event as it is told: the body of a call, and of an answer to who pulls."""
    return {
        "id": str(row.id),
        "type": row.event_type,
        "createTime": row.created_at.isoformat().replace("+00:00", "Z"),
        "companyId": str(row.company_id),
        "documentType": row.document_type,
        "documentId": str(row.document_id),
        "documentNumber": row.document_number,
        "cursor": str(row.sequence),
        "data": row.data,
    }


def behind(cursor: str) -> int:
    """The sequence that a cursor stands for. Refuses what is none."""
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise Refused("OUTSIDE_EVENT_CURSOR", cursor=cursor[:20])
    return int(cursor)


def size(limit: int) -> int:
    return min(limit, MOST) if limit > 0 else USUAL
