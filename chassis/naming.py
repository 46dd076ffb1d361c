"""What the departments and posts of a document were called on its day, and who headed them.

A computed field `<x>_name` beside a reference `<x>_id` to a department or a post says the name of the day that the
model's `__day__` names; `<x>_head_name` beside a department says its head. Lines show the day of their document. All of
it is read from the organisation in memory.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor

from chassis import contract
from chassis.organisation import Organisation

DEPARTMENT, POST = "identity.department", "identity.post"


@dataclass(frozen=True)
class Named:
    """A field that says a name, the field whose record it names, and which question that is to the organisation."""

    field: str
    source: str
    ask: str


@functools.cache
def names_in(descriptor: Any) -> tuple[Named, ...]:
    """The names that a message says by itself."""
    fields = {field.name: contract.spec_of(field) for field in contract.fields(descriptor)}
    questions = (
        ("_head_name", DEPARTMENT, "head_named"),
        ("_name", DEPARTMENT, "department_named"),
        ("_name", POST, "post_named"),
    )
    return tuple(
        Named(name, f"{name.removesuffix(end)}_id", ask)
        for name, spec in fields.items()
        for end, document, ask in questions
        if spec.computed
        and name.endswith(end)
        and (known := fields.get(f"{name.removesuffix(end)}_id")) is not None
        and known.references == document
    )


@functools.cache
def parts_with_names(descriptor: Any) -> tuple[tuple[str, tuple[Named, ...]], ...]:
    """The lines of a document that say names, by their field."""
    lines: list[tuple[str, Descriptor]] = [
        (field.name, field.message_type)
        for field in contract.fields(descriptor)
        if field.message_type is not None and contract.repeated(field)
    ]
    return tuple((name, names_in(inner)) for name, inner in lines if names_in(inner))


def needed(model: Any, wanted: Collection[str]) -> set[str]:
    """The attributes from which the wanted names follow."""
    sources = {one.source for one in names_in(model.__message__.DESCRIPTOR) if one.field in wanted}
    return {*sources, "company_id", model.__day__} if sources else set()


class Naming:
    """The names of one answer's rows; each is found once a day."""

    def __init__(self, organisation: Organisation, model: Any, wanted: Collection[str]) -> None:
        descriptor = model.__message__.DESCRIPTOR
        self._organisation, self._day = organisation, getattr(model, "__day__", "")
        self._own = [one for one in names_in(descriptor) if one.field in wanted]
        self._parts = parts_with_names(descriptor)

    def write(self, row: Any, message: Any, hidden: Collection[str], *, whole: bool) -> None:
        """Say the names. What is hidden from the reader stays unnamed."""
        if not self._own and not (whole and self._parts):
            return
        at = getattr(row, self._day)
        for one in self._own:
            if one.source not in hidden:
                key = getattr(row, one.source)
                setattr(message, one.field, getattr(self._organisation, one.ask)(key, row.company_id, at))
        if not whole:
            return
        known: dict[tuple[str, str], str] = {}
        for field, names in self._parts:
            shown = [one for one in names if f"{field}.{one.field}" not in hidden]
            for line in getattr(message, field):
                for one in shown:
                    if text := getattr(line, one.source):
                        if (one.ask, text) not in known:
                            ask = getattr(self._organisation, one.ask)
                            known[one.ask, text] = ask(uuid.UUID(text), row.company_id, at)
                        setattr(line, one.field, known[one.ask, text])
