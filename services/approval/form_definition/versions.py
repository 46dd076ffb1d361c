"""Published versions of forms, and what flows say of the fields of forms."""

from __future__ import annotations

import re
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from approval.engine.rights import READING
from approval.engine.tree import Flow, read
from approval.flow_definition.model import FlowDefinition, FlowVersion
from approval.form_definition import rules
from approval.form_definition.model import FormDefinition, FormVersion
from approval.office_request.rules import Pinned
from chassis import seeing
from chassis.call import Call, Refused
from chassis.typed_fields import Violation

TYPE = "approval.office_request"
# versions by form and number: what was published never changes
_pinned: OrderedDict[tuple[uuid.UUID, int], Pinned] = OrderedDict()
KEPT = 500

# how a condition asks for a fact
ASKED = re.compile(r"""\bfacts\s*(?:\.\s*(\w+)|\[\s*["'](\w+)["']\s*\])""")


async def pinned(call: Call, form_id: uuid.UUID, number: int) -> Pinned:
    """A published version, ready to take values. Raises FORM_VERSION_UNKNOWN."""
    key = (form_id, number)
    if (known := _pinned.get(key)) is not None:
        return known
    which = sa.and_(FormVersion.form_definition_id == form_id, FormVersion.number == number)
    row = (await call.db.execute(sa.select(FormVersion).where(which))).scalar_one_or_none()
    if row is None:
        raise Refused("FORM_VERSION_UNKNOWN", version=number)
    found = _pinned[key] = Pinned(message_of(row))
    if len(_pinned) > KEPT:
        _pinned.popitem(last=False)
    return found


def message_of(row: FormVersion) -> Any:
    """A version with who published it and why."""
    message = rules.version_of(
        row.content,
        form_id=str(row.form_definition_id),
        version=row.number,
        note=row.note,
        published_by_id=str(row.published_by_id or ""),
    )
    message.publish_time.FromDatetime(row.publish_time)
    return message


async def newest(call: Call, form_id: uuid.UUID, *, to_fill: bool = True) -> tuple[FormDefinition, Pinned]:
    """A form of the company as it was published last; `to_fill`: only one that the caller may fill in now. Raises
    OFFICE_REQUEST_FORM.
    """
    which = sa.and_(FormDefinition.id == form_id, FormDefinition.company_id == call.company_id)
    form = (await call.db.execute(sa.select(FormDefinition).where(which))).scalar_one_or_none()
    closed = to_fill and form is not None and (form.state != "PUBLISHED" or not is_for(form, call))
    if form is None or closed or not form.published_version:
        raise Refused.fields([("form_id", "OFFICE_REQUEST_FORM", {"form": form.name if form else str(form_id)})])
    return form, await pinned(call, form.id, form.published_version)


async def offered(call: Call, *, every: bool = False) -> list[FormDefinition]:
    """The forms that the caller may fill in, as they stand together; `every`: all that were ever published."""
    there = FormDefinition.published_version > 0 if every else FormDefinition.state == "PUBLISHED"
    which = sa.and_(FormDefinition.company_id == call.company_id, there)
    rows = await call.db.scalars(
        sa.select(FormDefinition).where(which).order_by(FormDefinition.group_name, FormDefinition.code)
    )
    return [form for form in rows if every or is_for(form, call)]


def is_for(form: FormDefinition, call: Call) -> bool:
    """Whether the caller may fill a form in."""
    person = call.organisation.people.get(call.actor.person)
    units = [unit.department_id for unit in call.organisation.above(person.department_id)] if person else []
    today = call.today()
    held = call.organisation.rights.get(call.actor.person, ())
    return rules.may_use(form, units, [right.role_code for right in held if right.holds(call.company_id, today)])


# ---- what flows say of fields


def keys_in(flow: Flow) -> Iterable[tuple[str, str, str]]:
    """Path of the node, key of the form's field and right, for every right that a flow gives to one."""
    opened = f"{seeing.open_field(TYPE)}."
    for node in flow.nodes.values():
        for path, right in getattr(node, "rights", {}).items():
            if path.startswith(opened):
                yield f"{node.path}.rights.{path}".lstrip("."), path.removeprefix(opened), right


def asked_in(told: Any) -> set[str]:
    """Keys of the facts that a flow's conditions and rules ask for, wherever in its tree they stand."""
    if isinstance(told, str):
        return {plain or quoted for plain, quoted in ASKED.findall(told)}
    if isinstance(told, Mapping):
        named = {key for name in ("field", "until_field") if isinstance(key := told.get(name), str)}
        return named.union(*map(asked_in, told.values()))
    return set().union(*map(asked_in, told)) if isinstance(told, list) else set()


def forms_of(condition: str, codes: Iterable[str]) -> list[str]:
    """The codes of the forms that a flow is for: those its condition quotes, else all."""
    quoted = set(re.findall(r"""["']([^"']+)["']""", condition))
    every = list(codes)
    return [code for code in every if code in quoted] or every


async def in_flows(call: Call, form: FormDefinition) -> list[tuple[str, str]]:
    """Name of the flow and key, of the fields of a form that published flows of requests give rights to or ask for."""
    statement = (
        sa.select(FlowDefinition.name, FlowVersion.condition, FlowVersion.tree)
        .join(FlowVersion, sa.and_(
            FlowVersion.flow_definition_id == FlowDefinition.id, FlowVersion.number == FlowDefinition.published_version
        ))
        .where(
            FlowDefinition.company_id == form.company_id,
            FlowDefinition.document_type == TYPE,
            FlowDefinition.state == "PUBLISHED",
        )
    )  # fmt: skip
    found: list[tuple[str, str]] = []
    for name, condition, tree in (await call.db.execute(statement)).all():
        flow = read(tree)[0]
        # a flow for several forms gives rights to what some of them have
        if flow is not None and forms_of(condition, [form.code, ""]) == [form.code]:
            asked = asked_in([condition, tree]) & form.published_kinds.keys()
            found += [(name, key) for key in sorted(asked.union(key for _, key, _ in keys_in(flow)))]
    return found


async def strange_keys(call: Call, definition: FlowDefinition, tree: Any) -> list[Violation]:
    """Rights of a flow for fields that no form of the company has, and for writing what nobody types."""
    flow = read(tree)[0] if tree and definition.document_type == TYPE else None
    given = list(keys_in(flow)) if flow is not None else []
    if not given:
        return []
    of_company = sa.select(FormDefinition.code, FormDefinition.fields).where(
        FormDefinition.company_id == definition.company_id
    )
    forms = {code: list(fields) for code, fields in (await call.db.execute(of_company)).all()}
    meant = [field for code in forms_of(definition.condition, forms) for field in forms[code]]
    read_only = {field["key"] for field in meant}
    typed = {field["key"] for field in meant if field["kind"] not in ("COMPUTED", "TABLE")}
    return [
        (
            f"tree.{path}",
            "FLOW_FIELD_RIGHT",
            {"node": path.split(".rights.")[0], "path": f"values.{key}", "right": right},
        )
        for path, key, right in given
        if key not in (read_only if right in READING else typed)
    ]


def refuse(found: Sequence[Violation]) -> None:
    if found:
        raise Refused.fields(list(found))
