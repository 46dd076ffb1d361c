"""What a reorganisation may say. Whether it can be done is asked of the organisation (`organisation.tree`)."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from chassis.errors import Refused

if TYPE_CHECKING:
    from identity.organisation.tree import Finding
    from identity.reorganisation.model import Reorganisation, ReorganisationLine

TRANSITIONS = {
    ("DRAFT", "update"): "DRAFT",
    ("DRAFT", "schedule"): "SCHEDULED",
    ("DRAFT", "cancel"): "CANCELLED",
    ("SCHEDULED", "reopen"): "DRAFT",
    ("SCHEDULED", "cancel"): "CANCELLED",
    ("BLOCKED", "reopen"): "DRAFT",
    ("BLOCKED", "cancel"): "CANCELLED",
}
NAMED, PARENT = ("department_id", "department_code"), ("parent_id", "parent_code")
# of each kind: the fields it needs, one of each group; those that it takes beside them
NEEDS: dict[str, tuple[Sequence[Sequence[str]], Sequence[str]]] = {
    "NEW_DEPARTMENT": ([("department_code",), ("name",)], PARENT),
    "RENAME": ([NAMED, ("name",)], ()),
    "MOVE_DEPARTMENT": ([NAMED], PARENT),
    "DISSOLVE": ([("department_id",)], ()),
    "MOVE_EMPLOYEE": ([("employee_id",), NAMED], ("post_id", "reports_to_id")),
    "SET_HEAD": ([NAMED, ("employee_id",)], ()),
    "SET_POST": ([("employee_id",), ("post_id",)], ()),
    "SET_REPORTS_TO": ([("employee_id",)], ("reports_to_id",)),
}
FIELDS = (*NAMED, "name", *PARENT, "employee_id", "post_id", "reports_to_id")


def check(reorganisation: Reorganisation, today: datetime.date) -> None:
    """Refuse a day that is over, and lines that lack something or say what their kind does not take."""
    in_time(reorganisation, today)
    found: list[tuple[str, str, dict[str, Any]]] = []
    for index, line in enumerate(reorganisation.lines):
        found += [(f"lines[{index}].{field}", reason, facts) for field, reason, facts in _faults(line)]
    if found:
        raise Refused.fields(found)


def in_time(reorganisation: Reorganisation, today: datetime.date) -> None:
    """Refuse a day of effect that is over."""
    if reorganisation.effective_date < today:
        facts = {"date": reorganisation.effective_date, "today": today}
        raise Refused("REORGANISATION_DATE", field="effective_date", **facts)


def _faults(line: ReorganisationLine) -> Iterable[tuple[str, str, dict[str, Any]]]:
    needs, takes = NEEDS[line.kind]
    given = [field for field in FIELDS if getattr(line, field)]
    for group in needs:
        if not any(field in given for field in group):
            yield group[0], "FIELD_REQUIRED", {}
    allowed = {field for group in needs for field in group} | set(takes)
    for field in given:
        if field not in allowed:
            yield field, "REORGANISATION_LINE_SURPLUS", {}
    for pair in (NAMED, PARENT):
        if all(field in given for field in pair) and set(pair) <= allowed:
            yield pair[1], "REORGANISATION_LINE_BOTH", {}


def may_be_scheduled(reorganisation: Reorganisation, found: Iterable[Finding]) -> None:
    """Refuse one that says nothing, and one that something stands against."""
    if not reorganisation.lines:
        raise Refused("REORGANISATION_EMPTY", field="lines")
    against = [one for one in found if one.blocking]
    if against:
        lines = ", ".join(str(number) for number in sorted({one.line for one in against}))
        raise Refused("REORGANISATION_STOPPED", count=len(against), lines=lines)
