"""Definitions of the fields that administrators add to documents, as documents themselves."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
import sqlalchemy as sa
from google.protobuf import json_format

from chassis import custom_fields
from chassis.call import Call
from chassis.custom_fields import COLUMN
from chassis.errors import Refused
from chassis.field_definitions import change_problems, problems
from chassis.states import advance
from chassis.typed_fields import MOST_FIELDS, computing_order
from heyi.common.v1 import typed_fields_pb2
from heyi.platform.v1 import custom_fields_pb2 as pb


class CustomFields:
    """heyi.platform.v1.CustomFields"""

    async def CreateCustomField(self, request: pb.CreateCustomFieldRequest, call: Call) -> Any:
        model = call.runtime.custom.model
        row = await call.create(model, request.custom_field)
        _documents(call, row.document_type)
        row.key = request.custom_field.field.key
        others = await _others(call, row)
        if len(others) >= MOST_FIELDS:
            raise Refused("CUSTOM_FIELD_TOO_MANY", count=len(others), limit=MOST_FIELDS)
        row.position = len(others) + 1
        _check(call, row, others)
        return call.announce(pb.CustomFieldCreated, row)

    async def GetCustomField(self, request: pb.GetCustomFieldRequest, call: Call) -> Any:
        return await call.load(call.runtime.custom.model, request.id)

    async def ListCustomFields(self, request: pb.ListCustomFieldsRequest, call: Call) -> Any:
        return await call.page(call.runtime.custom.model, request)

    async def UpdateCustomField(self, request: pb.UpdateCustomFieldRequest, call: Call) -> Any:
        sent = request.custom_field
        row = await call.load(call.runtime.custom.model, sent.id, etag=sent.etag)
        before, place = _field(row), row.only_company_id
        advance(row, "update")
        call.update(row, sent, request.update_mask)
        after = _field(row)
        used = change_problems(before, after)
        if before.key != after.key:
            raise Refused.fields([("field.key", "FIELD_IMMUTABLE", {})])
        narrower = row.only_company_id not in (None, place)
        if (used or narrower) and await _has_values(call, row):
            listed = [(f"field.{path}", reason, facts) for path, reason, facts in used]
            raise Refused.fields(listed or [("only_company_id", "CUSTOM_FIELD_HAS_VALUES", {"key": row.key})])
        _check(call, row, await _others(call, row))
        return call.announce(pb.CustomFieldUpdated, row)

    async def MoveCustomField(self, request: pb.MoveCustomFieldRequest, call: Call) -> Any:
        row = await call.load(call.runtime.custom.model, request.id, etag=request.etag)
        advance(row, "move")
        if request.position < 1:
            raise Refused("FIELD_NOT_POSITIVE", field="position", value=request.position)
        in_order = await _others(call, row)
        in_order.insert(request.position - 1, row)
        for position, one in enumerate(in_order, 1):
            if one.position != position:
                one.position = position
                call.announce(pb.CustomFieldUpdated, one)
        return row

    async def RetireCustomField(self, request: pb.RetireCustomFieldRequest, call: Call) -> Any:
        row = await call.load(call.runtime.custom.model, request.id, etag=request.etag)
        advance(row, "retire")
        _unneeded(row, await _others(call, row))
        return call.announce(pb.CustomFieldUpdated, row)

    async def RestoreCustomField(self, request: pb.RestoreCustomFieldRequest, call: Call) -> Any:
        row = await call.load(call.runtime.custom.model, request.id, etag=request.etag)
        advance(row, "restore")
        _check(call, row, await _others(call, row))
        return call.announce(pb.CustomFieldUpdated, row)

    async def DeleteCustomField(self, request: pb.DeleteCustomFieldRequest, call: Call) -> Any:
        row = await call.load(call.runtime.custom.model, request.id)
        advance(row, "delete")
        others = await _others(call, row)
        _unneeded(row, others)
        if await _has_values(call, row):
            raise Refused("CUSTOM_FIELD_HAS_VALUES", key=row.key)
        for position, one in enumerate(others, 1):
            one.position = position
        call.announce(pb.CustomFieldDeleted, row)
        return await call.delete(row)

    async def DescribeCustomFields(self, _: pb.DescribeCustomFieldsRequest, call: Call) -> Any:
        return custom_fields.offered(call)

    async def ComputeCustomFields(self, request: pb.ComputeCustomFieldsRequest, call: Call) -> Any:
        fields = custom_fields.fields_of(call, _documents(call, request.document_type))
        try:
            sent = orjson.loads(request.values or "{}")
        except orjson.JSONDecodeError as problem:
            raise Refused("MALFORMED_REQUEST", position=problem.pos) from None
        if not isinstance(sent, dict):
            raise Refused("FIELD_TYPE", field="values", expected="object")
        unseen = custom_fields.unseen(call, fields)
        found = fields.form.take({key: value for key, value in sent.items() if key not in unseen})
        computed = {
            key: value for key, value in found.values.items() if fields.form.fields[key].formula and key not in unseen
        }
        return pb.ComputeCustomFieldsResponse(
            computed=custom_fields.text_of(computed),
            hidden=sorted(found.hidden | unseen),
            required=sorted(found.required - unseen),
        )


def _documents(call: Call, document_type: str) -> Any:
    """The model of a type of documents of this service that can have fields."""
    model = call.runtime.service.model_of(document_type) if document_type.startswith(f"{call.service}.") else None
    if model is None or not custom_fields.takes_fields(model):
        allowed = ", ".join(form.document_type for form in custom_fields.offered(call).forms)
        raise Refused("CUSTOM_FIELD_DOCUMENT_TYPE", document_type=document_type[:100], allowed=allowed)
    return model


def _field(row: Any) -> typed_fields_pb2.TypedField:
    return json_format.ParseDict(row.field, typed_fields_pb2.TypedField())


async def _others(call: Call, row: Any) -> list[Any]:
    """The other fields of the same documents, in order; locked, so that two administrators do not pass each other."""
    model = call.runtime.custom.model
    same = sa.select(model).where(model.document_type == row.document_type, model.id != row.id)
    return list((await call.db.execute(same.order_by(model.position).with_for_update())).scalars())


def _check(call: Call, row: Any, others: list[Any]) -> None:
    """Refuse a definition that cannot stand, alone or with the other fields of each company."""
    if _field(row).kind == typed_fields_pb2.TypedField.ATTACHMENT:
        expected = "files belong to the document, without a field"
        raise Refused.fields([("field.kind", "FIELD_FORMAT", {"value": "ATTACHMENT", "expected": expected})])
    known = call.organisation.companies
    if row.only_company_id is not None and row.only_company_id not in known:
        raise Refused("FIELD_NO_SUCH_DOCUMENT", field="only_company_id", value=row.only_company_id)
    asked = [one for one in others if one.state == "ACTIVE"]
    asked.append(row)
    companies: set[uuid.UUID | None] = {one.only_company_id for one in asked} | {None}
    for company in companies if row.only_company_id is None else {row.only_company_id}:
        together = [one for one in asked if one.only_company_id in (None, company)]
        mine = f"fields[{together.index(row)}]."
        if found := problems([_field(one) for one in together]):
            raise Refused.fields(
                (path.replace(mine, "field.", 1) if path.startswith(mine) else f"field ({path})", reason, facts)
                for path, reason, facts in found
            )


def _unneeded(row: Any, others: list[Any]) -> None:
    """Refuse to take away what another field's rule or formula speaks of."""
    for one in others:
        if one.state == "ACTIVE":
            field = _field(one)
            probe = typed_fields_pb2.TypedField(
                key="probe", formula=f"{field.formula} {field.visible_when} {field.required_when}"
            )
            gone = typed_fields_pb2.TypedField(key=row.key, formula="probe")
            if computing_order([probe, gone])[1]:
                raise Refused("CUSTOM_FIELD_NEEDED", key=row.key, by=field.key)


async def _has_values(call: Call, row: Any) -> bool:
    """Whether a document of any company has a value of it."""
    await call.every_company()
    column = sa.inspect(_documents(call, row.document_type)).columns[COLUMN]
    found = sa.select(sa.literal(1)).where(column.is_not(None), column.has_key(row.key)).limit(1)
    return (await call.db.execute(found)).first() is not None
