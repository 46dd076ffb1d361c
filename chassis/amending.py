"""What an approver changes with the decision, put into a document by its own service.

The approval service says which paths may be written and that what is cut has a reason; here each value is read as a
request's would be. The document's own rules are asked after it, so nothing gets in that its owner could not type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from google.protobuf import json_format

from chassis import canonical, contract, mapping
from chassis.errors import Refused
from heyi.common.v1 import common_pb2

Cut = Callable[[Any, Decimal | None, str], None]
_TITLES = ("description", "name", "title")


def amend(row: Any, changes: Iterable[common_pb2.FieldChange], cut: Cut) -> list[common_pb2.FieldDifference]:
    """Put changes into a document whose lines are loaded; what each was and is. `cut(line, quantity, reason)` lowers
    the quantity of a line, or refuses the line where there is none. Raises Refused with every change at fault.
    """
    plan = mapping.plan_for(type(row))
    before, violations = plan.to_message(row), mapping.Violations()
    of_type = contract.load().document_of(plan.message)
    part_name, _, quantity = of_type.cut.partition(".")
    pending: list[common_pb2.FieldDifference] = []
    for number, change in enumerate(changes):
        at = f"changes[{number}]"
        name, _, inner = change.path.partition(".")
        known = plan.fields.get(name)
        if known is None or (inner and known.part is None) or not (inner or known.part is None or name == part_name):
            violations.append((f"{at}.path", "FIELD_UNKNOWN", {"name": change.path[:100]}))
            continue
        told = common_pb2.FieldDifference(path=change.path, reason=change.reason)
        target, target_plan, source = row, plan, before
        if known.part is not None:
            lines = getattr(row, known.attribute)
            place = next((place for place, line in enumerate(lines) if str(line.id) == change.line_id), None)
            if place is None:
                violations.append((f"{at}.line_id", "FIELD_NO_SUCH_DOCUMENT", {"value": change.line_id[:50]}))
                continue
            target, target_plan, source = lines[place], known.part, getattr(before, name)[place]
            told.line_id, told.line_number = change.line_id, target.line_number
            told.line_title = next((getattr(source, one) for one in _TITLES if getattr(source, one, "")), "")
        if not inner and known.part is not None:
            told.before = getattr(source, quantity, "")
            cut(target, None, change.reason)
        else:
            field = target_plan.fields.get(inner or name)
            if field is None or not field.writable:
                violations.append((f"{at}.path", "FIELD_READ_ONLY", {}))
                continue
            told.before = _text(source, field)
            value = _read(target_plan, field, change.value, f"{at}.value", violations)
            if change.path == of_type.cut:
                now = getattr(target, field.attribute)
                if not isinstance(value, Decimal) or not 0 < value < now:
                    violations.append(
                        (f"{at}.value", "AMENDMENT_NOT_LESS", {"value": change.value, "now": told.before})
                    )
                    continue
                cut(target, value, change.reason)
            else:
                setattr(target, field.attribute, value)
            told.after = _text(target_plan.to_message(target, with_parts=False), field)
        pending.append(told)
    if violations:
        raise Refused.fields(violations)
    return pending


def _read(plan: mapping.Plan, field: mapping.FieldPlan, value: str, path: str, violations: mapping.Violations) -> Any:
    """The value of an attribute, out of the text of a change."""
    message = plan.message()
    if value:
        raw: Any = {"true": True, "false": False}.get(value, value) if _is_bool(field) else value
        try:
            json_format.ParseDict({field.descriptor.json_name: raw}, message)
        except json_format.ParseError:
            violations.append((path, "FIELD_TYPE", {"expected": field.name}))
            return None
    return field.read(message, path, violations)


def _is_bool(field: mapping.FieldPlan) -> bool:
    return bool(field.descriptor.type == field.descriptor.TYPE_BOOL)


def _text(message: Any, field: mapping.FieldPlan) -> str:
    """A field's value as text; empty where it says nothing."""
    value = getattr(message, field.name)
    if value in ("", 0) and not _is_bool(field):
        return ""
    said = canonical.plain(field.descriptor, value)
    return str(said).lower() if isinstance(said, bool) else str(said)


def answer(amendment_id: str, refused: Refused) -> common_pb2.AmendmentAnswer:
    """Why a document stays as it was."""
    made = common_pb2.AmendmentAnswer(amendment_id=amendment_id)
    violations = refused.violations or [("", refused.reason, refused.facts)]
    for field, reason, facts in violations:
        made.violations.add(field=field, reason=reason, facts=facts)
    return made
