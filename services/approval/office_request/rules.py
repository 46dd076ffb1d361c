"""A request is a form that somebody filled in: a draft of its owner, sent for agreement, decided, or back again.

What is computed is computed here, what a rule of the form hides has no value, and what only approvers fill in the owner
cannot. A draft may be unfinished; what is sent is complete.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from chassis import field_shapes, money, typed_fields
from chassis.typed_fields import Form, Taken, Values, Violation
from heyi.approval.v1 import form_definitions_pb2 as pb
from heyi.common.v1 import common_pb2

STATES = ("DRAFT", "SUBMITTED", "APPROVED", "REJECTED", "RETURNED", "WITHDRAWN", "CANCELLED")
BACK = ("RETURNED", "WITHDRAWN")
TRANSITIONS: dict[tuple[str, str], str] = {
    **{(state, "update"): state for state in ("DRAFT", *BACK)},
    **{(state, "submit"): "SUBMITTED" for state in ("DRAFT", *BACK)},
    **{(state, "cancel"): "CANCELLED" for state in BACK},
    ("DRAFT", "delete"): "DRAFT",
    **{(state, "copy"): state for state in STATES},
}
OWNERS_ALONE = frozenset({"update", "submit", "delete", "cancel"})
# how a case ended that this service decided about one of its requests
OUTCOMES = frozenset({"APPROVED", "REJECTED", "RETURNED", "WITHDRAWN"})
LARGEST = 100_000
LONGEST_TITLE = 200
TERM = re.compile(r"([a-z][a-z0-9_]{0,39})(>=|<=|!=|=|>|<|:)(.*)", re.ASCII | re.DOTALL)


class Pinned:
    """A version of a form, ready to take values."""

    def __init__(self, message: pb.FormVersion) -> None:
        self.message = message
        self.form = Form(message.fields)
        # of each field: those that it is computed from, or is there because of
        told = {key: self.form.told_by([key]) for key in self.form.fields}
        self.tells = {key: sorted(k for k in told if k != key and key in told[k]) for key in self.form.fields}

    def take(
        self, sent: Mapping[str, Any], before: Mapping[str, Any], *, complete: bool, approver: bool = False
    ) -> Taken:
        """What was sent over what stood there before. `complete`: nothing that is needed may be missing. Of what the
        form does not have any more nothing is kept.
        """
        fields, only = self.form.fields, set(self.message.approver_keys)
        values, closed = whole(sent), list[Violation]()
        for key in only & fields.keys() if not approver else ():
            if values.get(key) not in (None, "", before.get(key)):
                closed.append((key, "FIELD_READ_ONLY", {}))
            values.pop(key, None)
            if key in before:
                values[key] = before[key]
        values = {key: value for key, value in values.items() if key in fields or key not in before}
        computed = {key for key, field in fields.items() if field.formula}
        values = {key: value for key, value in values.items() if key not in computed or value != before.get(key)}
        taken = self.form.take(values, before={key: value for key, value in before.items() if key in fields})
        found = [v for v in taken.violations if complete or v[1] != "FIELD_REQUIRED" or "." in v[0] or "[" in v[0]]
        size = len(json.dumps(taken.values).encode())
        if size > LARGEST:
            found.append(("", "OFFICE_REQUEST_TOO_LARGE", {"length": size, "limit": LARGEST}))
        return Taken(taken.values, closed + found, taken.hidden, taken.required)

    def title(self, values: Mapping[str, Any], place: datetime.tzinfo, names: Mapping[str, str]) -> str:
        """The form's name and what tells one request from another, in the company's language and by its clocks."""
        keys = [key for key in self.message.summary_keys if key in values]
        said = [field_shapes.shown(self.form.fields[key], values[key], "zh-CN", place, names) for key in keys]
        return f"{self.message.name}：{'，'.join(said)}"[:LONGEST_TITLE] if said else self.message.name

    def amount(self, values: Mapping[str, Any]) -> Decimal:
        """What limits of authority and conditions judge by, with two decimals; 0 where the form has no such field."""
        return money.quantize(Decimal(values.get(self.message.amount_key, "0")))

    def facts(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the conditions of a flow can ask: the form, and each field by its key, empty ones too. A number that a
        double does not keep is left out: a condition that asks for it waits for a person.
        """
        found = {key: typed_fields.fact(field, values.get(key)) for key, field in self.form.fields.items()}
        known = {key: fact for key, fact in found.items() if fact is not None}
        return {**known, "form": self.message.code, "form_version": self.message.version}

    def tell(self, basis: dict[str, common_pb2.FieldBasis]) -> dict[str, common_pb2.FieldBasis]:
        """Say in a basis what follows from what: computed fields, title and amount; and what approvers fill in."""
        told = {f"values.{key}": tells for key, tells in self.tells.items() if f"values.{key}" in basis}
        told |= {"title": list(self.message.summary_keys)}
        told |= {"amount": [self.message.amount_key]} if self.message.amount_key else {}
        for path, keys in told.items():
            said = basis.setdefault(path, common_pb2.FieldBasis())
            said.tells.extend(f"values.{key}" for key in keys)
        for key in self.message.approver_keys:
            if f"values.{key}" in basis:
                basis[f"values.{key}"].for_approvers = True
        return basis

    def typed(self, key: str, text: str) -> Any:
        """A value that an approver typed, out of the text that it travels as; None for an empty one."""
        return typed_fields.from_text(self.form.fields[key], text)


def whole(value: Any) -> Any:
    """JSON that came through protobuf holds 2 as 2.0; a number with decimals travels as text."""
    if isinstance(value, Mapping):
        return {key: whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def without_strange(pinned: Pinned, values: Mapping[str, Any]) -> Values:
    """Values that a copy begins with: those of fields that the form still has, without what approvers filled in."""
    left_out = set(pinned.message.approver_keys)
    return {key: value for key, value in values.items() if key in pinned.form.fields and key not in left_out}
