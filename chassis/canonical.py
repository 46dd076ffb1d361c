"""What an approver agrees to, as one number: SHA-256 over canonical JSON of the fields declared `hashed`.

Never over protobuf bytes, which differ between versions of the library. Numbers are compared as numbers ("1.50" is
"1.5") and empty fields are left out, so that a field added to the contract later does not change an older hash.
"""

from __future__ import annotations

import decimal
import hashlib
import json
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from chassis import contract, custom_fields, typed_fields


def content_hash(message: Message) -> str:
    """Hash of what a document says, in hexadecimal digits."""
    canonical = json.dumps(content(message), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def content(message: Message) -> dict[str, Any]:
    """The hashed fields of a message with their values; of lines, their own hashed fields, in order."""
    result: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.name == custom_fields.COLUMN:
            # whoever agrees agrees to what was added too
            if added := custom(value):
                result[field.name] = added
        elif contract.spec_of(field).hashed:
            values = list(value) if contract.repeated(field) else [value]
            said = [plain(field, each) for each in values]
            result[field.name] = said if contract.repeated(field) else said[0]
    return result


def custom(values: Message) -> dict[str, Any]:
    """Values of custom fields as canonical JSON holds them, by their keys."""
    return dict(json.loads(typed_fields.canonical(json.loads(values.json or "{}"))))  # type: ignore[attr-defined]


def plain(field: FieldDescriptor, value: Any) -> Any:
    """A value as canonical JSON holds it."""
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        ours = isinstance(value, Message) and value.DESCRIPTOR.full_name.startswith("heyi.")
        return content(value) if ours else json_format.MessageToDict(value)
    if field.type == FieldDescriptor.TYPE_ENUM:
        assert field.enum_type is not None
        return field.enum_type.values_by_number[value].name
    if contract.spec_of(field).HasField("decimal") and value:
        return format(decimal.Decimal(value).normalize(), "f")
    return value
