"""What an approver changes with the decision, put into a document by its own service.

The approval service says which paths may be written and that what is cut has a reason; here each value is read as a
request's would be. The document's own rules are asked after it, so nothing gets in that its owner could not type.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor

from chassis import canonical, contract, custom_fields, import_lookup, mapping, seeing, typed_fields
from chassis.errors import UNAVAILABLE, Refused
from heyi.common.v1 import common_pb2

if TYPE_CHECKING:
    from chassis.call import Call

Cut = Callable[[Any, Decimal | None, str], None]
_TITLES = ("description", "name", "title")


class About(NamedTuple):
    """The line of a document that a line of what is asked for speaks of: its number, its name, what it says now."""

    number: int
    title: str
    quantity: Decimal


async def react(
    model: Any,
    amendment: common_pb2.Amendment,
    event: type[contract.Message],
    change: Callable[[Any], Awaitable[common_pb2.AmendmentAnswer]],
    call: Call,
) -> None:
    """Change a document that waits for agreement as an approver said, or say why it stays as it is: the answer is an
    event. The model keeps the last `amendment_id`, since changes are asked for more than once.
    """
    row = await call.load(model, amendment.document_id)
    if row.amendment_id == amendment.id:
        return
    try:
        late = amendment.HasField("expire_time") and mapping.instant_of(amendment.expire_time, "") < call.now()
        if late or row.submission != amendment.submission or row.content_hash != amendment.content_hash:
            raise Refused("AMENDMENT_TOO_LATE")
        made = await change(row)
        await import_lookup.look_up(call)
    except Refused as refusal:
        if refusal.code == UNAVAILABLE:
            # tried again
            raise
        # nothing of it: the rows as they were
        call.forget()
        row = await call.load(model, amendment.document_id)
        made = answer(amendment.id, refusal)
    row.amendment_id = amendment.id
    call.announce(event, row, answer=made)


def amend(
    row: Any, changes: Iterable[common_pb2.FieldChange], cut: Cut, call: Call
) -> list[common_pb2.FieldDifference]:
    """Put changes into a document whose lines are loaded; what each was and is. `cut(line, quantity, reason)` lowers
    the quantity of a line, or refuses the line where there is none. Raises Refused with every change at fault.
    """
    plan = mapping.plan_for(type(row))
    before, violations = plan.to_message(row), mapping.Violations()
    of_type = contract.load().document_of(plan.message)
    part_name, _, quantity = of_type.cut.partition(".")
    pending: list[common_pb2.FieldDifference] = []
    added: dict[str, int] = {}
    listed = list(changes)
    for number, change in enumerate(listed):
        at = f"changes[{number}]"
        name, _, inner = change.path.partition(".")
        if name == custom_fields.COLUMN and seeing.is_writable_custom(of_type.name, change.path):
            added[inner] = number
            continue
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
            told.before = _text(source, field.descriptor)
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
            told.after = _text(target_plan.to_message(target, with_parts=False), field.descriptor)
        pending.append(told)
    if added:
        pending += _amend_added(row, added, listed, call, violations)
    if violations:
        raise Refused.fields(violations)
    return pending


def _amend_added(
    row: Any,
    added: Mapping[str, int],
    changes: Sequence[common_pb2.FieldChange],
    call: Call,
    violations: mapping.Violations,
) -> list[common_pb2.FieldDifference]:
    """The same of fields that administrators added: by their own rules, with what is computed from them. What was
    missing before and is nobody's to fill in here is not asked for. What has read roles is in no difference: approval
    shows those to everybody who takes part.
    """
    model, before = type(row), dict(row.custom_fields or {})
    form, guarded = custom_fields.fields_of(call, model).form, custom_fields.guarded(call, model)
    unknown = [key for key in added if key not in form.fields]
    violations += [(f"changes[{added[key]}].path", "FIELD_UNKNOWN", {"name": key[:60]}) for key in unknown]
    sent = {
        key: typed_fields.from_text(form.fields[key], changes[number].value)
        for key, number in added.items()
        if key in form.fields
    }
    missed = {path for path, reason, _ in form.settle(before).violations if reason == "FIELD_REQUIRED"} - added.keys()
    try:
        after = custom_fields.taken(call, model, sent, before, unasked=missed) or {}
    except Refused as refusal:
        for path, reason, facts in refusal.violations:
            key = path.removeprefix(custom_fields.PREFIX).split("[")[0].split(".")[0]
            violations.append((f"changes[{added[key]}].value" if key in added else path, reason, dict(facts)))
        return []
    row.custom_fields = after or None
    return [
        common_pb2.FieldDifference(
            path=f"{custom_fields.PREFIX}{key}",
            before=typed_fields.as_text(before.get(key)),
            after=typed_fields.as_text(after.get(key)),
            reason=changes[added[key]].reason if key in added else "",
        )
        for key in form.fields
        if key not in guarded and before.get(key) != after.get(key)
    ]


def amend_within(
    asked: Any,
    of_type: contract.Document,
    changes: Iterable[common_pb2.FieldChange],
    cut: Cut,
    about: Callable[[str], About | None],
) -> list[common_pb2.FieldDifference]:
    """As `amend`, in the message of a document that says what is asked for. Its lines say by `line_id` which line of
    the document they are about.
    """
    root = of_type.amount.rpartition(".")[0]
    part, _, quantity = of_type.cut.removeprefix(f"{root}.").partition(".")
    lines, violations = getattr(asked, part), mapping.Violations()
    pending: list[common_pb2.FieldDifference] = []
    for number, change in enumerate(changes):
        at, told = f"changes[{number}]", common_pb2.FieldDifference(path=change.path, reason=change.reason)
        if not change.path.startswith(f"{root}."):
            violations.append((f"{at}.path", "FIELD_UNKNOWN", {"name": change.path[:100]}))
            continue
        name, target, line = change.path.removeprefix(f"{root}."), asked, None
        if name.partition(".")[0] == part:
            name = name.removeprefix(part).lstrip(".")
            target = next((one for one in lines if one.line_id == change.line_id), None)
            line = about(change.line_id)
            if target is None or line is None:
                violations.append((f"{at}.line_id", "FIELD_NO_SUCH_DOCUMENT", {"value": change.line_id[:50]}))
                continue
            told.line_id, told.line_number, told.line_title = change.line_id, line.number, line.title
        if line is not None and not name:
            told.before = getattr(target, quantity)
            cut(target, None, change.reason)
        elif change.path not in seeing.writable(of_type.name):
            violations.append((f"{at}.path", "FIELD_READ_ONLY", {}))
            continue
        else:
            field = target.DESCRIPTOR.fields_by_name[name]
            told.before = _text(target, field)
            value = _checked(target, field, change.value, f"{at}.value", violations)
            if line is not None and name == quantity:
                now = Decimal(told.before) if told.before else line.quantity
                told.before, less = canonical.plain(field, str(now)), getattr(value, name) if value else ""
                if not less or not 0 < Decimal(less) < now:
                    facts: dict[str, object] = {"value": change.value, "now": told.before}
                    violations.append((f"{at}.value", "AMENDMENT_NOT_LESS", facts))
                    continue
                cut(target, Decimal(less), change.reason)
            elif value is not None:
                target.ClearField(name)
                target.MergeFrom(value)
            told.after = _text(target, field)
        pending.append(told)
    if violations:
        raise Refused.fields(violations)
    return pending


def _checked(target: Any, field: FieldDescriptor, value: str, at: str, violations: mapping.Violations) -> Any:
    """A message like the target that says only this value; None where it cannot be read."""
    alone = type(target)()
    if value and not _parse(alone, field, value, at, violations):
        return None
    try:
        mapping.check_shape(alone)
    except Refused as refusal:
        reasons = [(reason, facts) for name, reason, facts in refusal.violations if name == field.name]
        violations.extend((at, reason, dict(facts)) for reason, facts in reasons)
        return None if reasons else alone
    return alone


def _read(plan: mapping.Plan, field: mapping.FieldPlan, value: str, path: str, violations: mapping.Violations) -> Any:
    """The value of an attribute, out of the text of a change."""
    message = plan.message()
    if value and not _parse(message, field.descriptor, value, path, violations):
        return None
    return field.read(message, path, violations)


def _parse(message: Any, field: FieldDescriptor, value: str, at: str, violations: mapping.Violations) -> bool:
    raw: Any = {"true": True, "false": False}.get(value, value) if _is_bool(field) else value
    try:
        json_format.ParseDict({field.json_name: raw}, message)
    except json_format.ParseError:
        violations.append((at, "FIELD_TYPE", {"expected": field.name}))
        return False
    return True


def _is_bool(field: FieldDescriptor) -> bool:
    return bool(field.type == field.TYPE_BOOL)


def _text(message: Any, field: FieldDescriptor) -> str:
    """A field's value as text; empty where it says nothing."""
    value = getattr(message, field.name)
    if value in ("", 0) and not _is_bool(field):
        return ""
    said = canonical.plain(field, value)
    return str(said).lower() if isinstance(said, bool) else str(said)


def answer(amendment_id: str, refused: Refused) -> common_pb2.AmendmentAnswer:
    """Why a document stays as it was."""
    made = common_pb2.AmendmentAnswer(amendment_id=amendment_id)
    violations = refused.violations or [("", refused.reason, refused.facts)]
    for field, reason, facts in violations:
        made.violations.add(field=field, reason=reason, facts=facts)
    return made
