"""Fields that administrators add to documents: their definitions in memory, their values on the way in and out.

Each service keeps the definitions of its own documents as documents, and all of them in memory: read at the start, when
one of them was changed here, and every five seconds, so that no call asks for them. Values stand in the document's
`custom_fields`, by the keys. Whoever holds none of a field's roles does not see it: it is left out of every answer, and
no list is filtered or sorted by it.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
from google.protobuf import json_format

from chassis import contract, field_shapes, ids, telemetry, typed_fields
from chassis.errors import Refused
from chassis.typed_fields import Form, Violation, kind_of, operators_of, sortable
from heyi.common.v1 import typed_fields_pb2
from heyi.platform.v1 import custom_fields_pb2 as pb

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from chassis.call import Call

log = telemetry.logger("chassis.custom_fields")

COLUMN = "custom_fields"
PREFIX = f"{COLUMN}."
PATH = re.compile(rf"{COLUMN}\.{typed_fields.KEY.pattern}", re.ASCII)
SUBJECTS = "evt.platform.custom_field."
POLL_SECONDS = 5.0
NAMED = {
    typed_fields_pb2.TypedField.PERSON: "identity.employee",
    typed_fields_pb2.TypedField.DEPARTMENT: "identity.department",
}
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Defined:
    """One field of one type of documents, as it stands."""

    field: typed_fields_pb2.TypedField
    company_id: uuid.UUID | None
    read_roles: frozenset[str]
    write_roles: frozenset[str]
    list_column: bool
    printed: bool
    retired: bool

    @property
    def key(self) -> str:
        return self.field.key


@dataclass(frozen=True, eq=False)
class Fields:
    """The fields of one type of documents in one company, in order; `form`: those that are asked for; `all`: with those
    that are retired, whose values stay.
    """

    defined: Mapping[str, Defined]
    form: Form
    all: Form

    @property
    def guarded(self) -> bool:
        """Whether some are not for everybody to see."""
        return any(one.read_roles for one in self.defined.values())


NO_FIELDS = Fields({}, Form([]), Form([]))


class Known:
    """The definitions of one service."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self._by_type: dict[str, list[Defined]] = {}
        self._ready: dict[tuple[str, uuid.UUID], Fields] = {}

    def of(self, document_type: str, company_id: uuid.UUID) -> Fields:
        """The fields of a type of documents; none while nobody defined any."""
        listed = self._by_type.get(document_type)
        if not listed:
            return NO_FIELDS
        key = (document_type, company_id)
        if key not in self._ready:
            defined = {one.key: one for one in listed if one.company_id in (None, company_id)}
            form = Form([one.field for one in defined.values() if not one.retired])
            self._ready[key] = Fields(defined, form, Form([one.field for one in defined.values()]))
        return self._ready[key]

    def ever(self, document_type: str) -> list[typed_fields_pb2.TypedField]:
        """The fields of a type of documents in whichever company, with those that are retired."""
        return [one.field for one in self._by_type.get(document_type, ())]

    async def load(self, session: AsyncSession) -> None:
        """Read all of them."""
        table = self.model.__table__
        rows = (await session.execute(sa.select(table).order_by(table.c.document_type, table.c.position))).all()
        found: dict[str, list[Defined]] = defaultdict(list)
        for row in rows:
            field = json_format.ParseDict(row.field, typed_fields_pb2.TypedField(), ignore_unknown_fields=True)
            roles = frozenset(row.read_roles), frozenset(row.write_roles)
            retired = row.state == "RETIRED"
            found[row.document_type].append(
                Defined(field, row.only_company_id, *roles, row.list_column, row.printed, retired)
            )
        self._by_type, self._ready = dict(found), {}


async def keep(runtime: Any) -> None:
    """Read the definitions at the start and every five seconds, until cancelled: what another process changed."""
    while True:
        await reload(runtime)
        runtime.due["custom_fields"] = time.monotonic() + 6 * POLL_SECONDS
        await asyncio.sleep(POLL_SECONDS)


async def reload(runtime: Any) -> None:
    """Read the definitions now."""
    async with runtime.read_sessions() as session, session.begin():
        await runtime.custom.load(session)


# ---- whose


def type_of(model: Any) -> str:
    """`<service>.<document>` of a model."""
    return contract.load().document_of(model.__message__).name


def takes_fields(model: Any) -> bool:
    """Whether documents of a model can have fields."""
    return COLUMN in model.__message__.DESCRIPTOR.fields_by_name


def mappers(base: Any) -> list[Any]:
    """Of a service's models those whose documents can have fields, by name."""
    documents = (m for m in base.registry.mappers if hasattr(m.class_, "__message__") and hasattr(m.class_, "version"))
    return sorted((one for one in documents if takes_fields(one.class_)), key=lambda one: str(one.local_table.name))


def fields_of(call: Call, model: Any) -> Fields:
    """The fields of a model's documents in the call's company."""
    return call.runtime.custom.of(type_of(model), call.company_id) if takes_fields(model) else NO_FIELDS


def _roles(call: Call) -> frozenset[str] | None:
    """Codes of the caller's roles here and today; None for a service, which may all."""
    if call.actor.employee_id is None:
        return None
    today = call.today()
    held = call.organisation.rights.get(call.actor.employee_id, ())
    return frozenset(right.role_code for right in held if right.holds(call.company_id, today))


def unseen(call: Call, fields: Fields) -> frozenset[str]:
    """Keys of the fields that the caller does not see, and of what is computed from them."""
    if not fields.guarded or (roles := _roles(call)) is None:
        return NOBODY
    closed = {key for key, one in fields.defined.items() if one.read_roles and not one.read_roles & roles}
    return fields.all.told_by(closed) if closed else NOBODY


def guarded(call: Call, model: Any) -> frozenset[str]:
    """Keys of the fields that are not for everybody to see, and of what is computed from them."""
    fields = fields_of(call, model)
    return fields.all.told_by(key for key, one in fields.defined.items() if one.read_roles)


def concealed(call: Call, row: Any) -> frozenset[str]:
    """Keys of the fields that a document does not show to the caller: by their roles, or since it hides them."""
    fields = fields_of(call, type(row))
    return unseen(call, fields) | told_by(fields, call.hidden.get(row.id, ()))


def _unwritten(call: Call, fields: Fields) -> frozenset[str]:
    """Keys of the fields that the caller does not fill in."""
    roles = _roles(call)
    if roles is None:
        return NOBODY
    mine = {key for key, one in fields.defined.items() if one.write_roles and not one.write_roles & roles}
    return unseen(call, fields) | mine


def offered(call: Call) -> pb.DescribeCustomFieldsResponse:
    """The fields of the service's documents as the caller sees them: for forms, lists, filters and imports."""
    models = (mapper.class_ for mapper in mappers(call.runtime.service.base))
    return pb.DescribeCustomFieldsResponse(forms=[form_of(call, model) for model in models])


def form_of(call: Call, model: Any) -> pb.CustomFieldForm:
    """The same of one model's documents."""
    form, fields = pb.CustomFieldForm(document_type=type_of(model)), fields_of(call, model)
    hidden, fixed = unseen(call, fields), _unwritten(call, fields)
    for key, one in fields.defined.items():
        if key not in hidden:
            form.fields.add(
                field=one.field,
                writable=not one.retired and key not in fixed and not one.field.formula,
                list_column=one.list_column,
                printed=one.printed,
                retired=one.retired,
                operators=operators_of(one.field),
                sortable=sortable(one.field),
                references=NAMED.get(kind_of(one.field), one.field.document_type),
                draft_may_lack=bool(model.__ends_draft__),
            )
    return form


# ---- values on the way in


def taken(
    call: Call,
    model: Any,
    sent: Mapping[str, Any] | None,
    before: Mapping[str, Any] | None = None,
    *,
    unasked: Iterable[str] = (),
    complete: bool = True,
) -> Any:
    """The values of a document as they are kept, after somebody sent some: keys that were not sent stay as they were,
    those that are `unasked` may be missing, and any where it need not be `complete` yet (`missing` asks for them then).
    Raises Refused with every value at fault. The documents that values name are looked up when the call is saved.
    """
    fields, before = fields_of(call, model), dict(before or {})
    sent = sent or {}
    if not fields.defined:
        _refuse([(key, "FIELD_UNKNOWN", {"name": key[:60]}) for key in sent])
        return before or None
    hidden, fixed = unseen(call, fields), _unwritten(call, fields)
    violations: list[Violation] = []
    # what is computed follows from what stands there now
    computed = {key for key, field in fields.form.fields.items() if field.formula}
    wanted = {key: value for key, value in before.items() if key not in computed}
    for key, value in sent.items():
        one = fields.defined.get(key)
        if one is None or key in hidden:
            violations.append((key[:60], "FIELD_UNKNOWN", {"name": key[:60]}))
        elif value == before.get(key):
            continue
        elif one.retired or key in fixed:
            violations.append((key, "FIELD_READ_ONLY", {}))
        else:
            wanted[key] = value
    resting = {key: value for key, value in before.items() if key not in fields.form.fields}
    found = fields.form.take({k: v for k, v in wanted.items() if k not in resting}, before=before)
    # nobody is asked for what they cannot fill in
    exempt = fixed.union(unasked)
    violations += [v for v in found.violations if not _is_missing(v, among=exempt if complete else fields.form.fields)]
    violations += _strangers(call, model, fields, found.values, before)
    _refuse(violations)
    return {**resting, **found.values} or None


def _is_missing(violation: Violation, among: Container[str]) -> bool:
    """Whether it is that one of these fields says nothing; not a part of what was begun, as a column of a row."""
    return violation[1] == "FIELD_REQUIRED" and violation[0] in among


def missing(call: Call, row: Any) -> list[Violation]:
    """What keeps a draft from being done: required fields that the caller can fill in and that say nothing."""
    fields = fields_of(call, type(row))
    found, fixed = fields.form.settle(row.custom_fields or {}).violations, _unwritten(call, fields)
    return [
        (
            f"{PREFIX}{key}",
            "CUSTOM_FIELD_MISSING",
            {"label": typed_fields.label_of(fields.form.fields[key], call.locale)},
        )
        if reason == "FIELD_REQUIRED"
        else (f"{PREFIX}{key}", reason, facts)
        for key, reason, facts in found
        if key not in fixed
    ]


def copied(call: Call, row: Any) -> dict[str, Any] | None:
    """The values that a copy of a document begins with: what the caller sees in it and may fill in, and what is
    computed from that.
    """
    fields = fields_of(call, type(row))
    left_out = concealed(call, row) | _unwritten(call, fields)
    kept = {key: value for key, value in (row.custom_fields or {}).items() if key not in left_out}
    return fields.form.settle(kept).values or None


def _refuse(violations: Iterable[Violation]) -> None:
    if listed := [(f"{PREFIX}{path}", reason, facts) for path, reason, facts in violations]:
        raise Refused.fields(listed)


def _strangers(
    call: Call, model: Any, fields: Fields, values: Mapping[str, Any], before: Mapping[str, Any]
) -> list[Violation]:
    """People and departments that are not there; documents are looked up together when the call is saved."""
    fresh = {key: value for key, value in values.items() if value != before.get(key)}
    known = {"person": call.organisation.people, "department": call.organisation.departments}
    wrong: list[Violation] = []
    for path, kind, key in fields.form.references(fresh):
        if kind in known:
            if ids.parse(key) not in known[kind]:
                wrong.append((path, "FIELD_NO_SUCH_DOCUMENT", {"value": key}))
        else:
            call.named.append((f"{PREFIX}{path}", kind, key))
    return wrong


# ---- values on the way out


def told_by(fields: Fields, hidden: Iterable[str]) -> frozenset[str]:
    """Keys of the fields that tell of these paths of a document: those among them, and what is computed from them."""
    keys = {path.removeprefix(PREFIX) for path in hidden if path.startswith(PREFIX)}
    return fields.all.told_by(keys) if keys else NOBODY


def without(message: Any, keys: frozenset[str] | set[str]) -> None:
    """Take values out of a document's message."""
    if keys and message.HasField(COLUMN):
        values = orjson.loads(message.custom_fields.json)
        message.custom_fields.json = text_of({key: value for key, value in values.items() if key not in keys})


def text_of(values: Mapping[str, Any] | str) -> str:
    """Values as they travel. What the database gave as text passes through."""
    return values if isinstance(values, str) else orjson.dumps(values).decode()


def printed(call: Call, row: Any, locale: str) -> list[tuple[str, str]]:
    """What stands on paper: label and value of the printed fields that the caller sees and that say something, with the
    names of people and departments.
    """
    fields, values = fields_of(call, type(row)), row.custom_fields or {}
    closed = concealed(call, row)
    place = call.organisation.zone(call.company_id)
    names = {str(key): person.name for key, person in call.organisation.people.items()} if values else {}
    names |= {str(key): unit.name for key, unit in call.organisation.departments.items()} if values else {}
    return [
        (typed_fields.label_of(one.field, locale), field_shapes.shown(one.field, values[key], locale, place, names))
        for key, one in fields.defined.items()
        if one.printed and key in values and key not in closed
    ]


def facts(call: Call, row: Any) -> dict[str, Any]:
    """Values as the conditions of a flow see them, by their keys under `custom_fields`: what is empty says so, and a
    condition has an answer; so does what is retired, of which a flow may still ask. A number is a double there, which
    keeps fifteen digits in order; a longer one is left out, and a condition that asks for it waits for a person rather
    than go a wrong way.
    """
    fields, values = fields_of(call, type(row)), row.custom_fields or {}
    found = {key: typed_fields.fact(one, values.get(key)) for key, one in fields.all.fields.items()}
    return {COLUMN: {key: value for key, value in found.items() if value is not None}}


# ---- lists


def asked(call: Call, model: Any, name: str, *, sorting: bool = False) -> typed_fields_pb2.TypedField:
    """The definition of `custom_fields.<key>` in a list. Raises FILTER_FIELD or ORDER_FIELD where the list does not
    have it.
    """
    fields = fields_of(call, model)
    hidden = unseen(call, fields)
    offered = {
        key: one.field
        for key, one in fields.defined.items()
        if key not in hidden and (sortable(one.field) if sorting else operators_of(one.field))
    }
    field = offered.get(name.removeprefix(PREFIX))
    if field is None:
        allowed = ", ".join(f"{PREFIX}{key}" for key in offered)
        raise Refused("ORDER_FIELD" if sorting else "FILTER_FIELD", name=name[:100], allowed=allowed)
    return field


def orders(call: Call, model: Any, order_by: str) -> tuple[tuple[str, bool], ...]:
    """The fields that were added in an order: their names, and whether they are numbers."""
    names = [part.split()[0] for part in order_by.split(",") if part.strip().startswith(PREFIX)]
    kinds = ((name, kind_of(asked(call, model, name, sorting=True))) for name in dict.fromkeys(names))
    return tuple((name, kind in typed_fields.NUMBERS) for name, kind in kinds)


def column_of(model: Any, name: str, number: bool) -> Any:
    """A value in the database, for a filter or an order: text, or a number."""
    # the table's column: an attribute's key access would be compared by making an expression of it
    value = sa.inspect(model).columns[COLUMN][name.removeprefix(PREFIX)].astext
    return sa.cast(value, sa.Numeric(38, 6)) if number else value


def condition(call: Call, model: Any, name: str, operator: str, raw: str) -> Any:
    """What one term of a filter means. What it asks to be equal is served by the index on the values."""
    field = asked(call, model, name)
    number = kind_of(field) in typed_fields.NUMBERS
    column = column_of(model, name, number)
    if operator not in operators_of(field):
        raise Refused("FILTER_FIELD", name=f"{name} {operator}", allowed=", ".join(operators_of(field)))
    stored = sa.inspect(model).columns[COLUMN]
    if raw in ("", "null"):
        there = sa.and_(stored.is_not(None), stored.has_key(field.key))
        return {"=": sa.not_(there), "!=": there}.get(operator, sa.false())
    if operator == ":":
        return column.icontains(raw, autoescape=True)
    value = typed_fields.compared(field, raw)
    if value is None:
        raise Refused("FIELD_FORMAT", field="filter", value=raw[:50], expected=name)
    if operator in ("=", "!="):
        same = stored.contains({field.key: value})
        # a document without any value is not this either
        return same if operator == "=" else sa.not_(sa.func.coalesce(same, sa.false()))
    other: Any = Decimal(value) if number else value
    return {"<": column < other, "<=": column <= other, ">": column > other, ">=": column >= other}[operator]
