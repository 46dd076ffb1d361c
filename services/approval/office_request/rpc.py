"""Serves heyi.approval.v1.OfficeRequests: forms that somebody filled in, from a draft to a decision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

import sqlalchemy as sa
from google.protobuf import empty_pb2

from approval.case import preview
from approval.case.arrival import case_of
from approval.form_definition import versions
from approval.office_request import asking, rules
from approval.office_request.model import OfficeRequest
from approval.office_request.rules import Pinned
from chassis import choosing, drafts, ids, statements, typed_fields
from chassis.call import Call, Refused
from chassis.numbering import Repeated
from chassis.paper import Sheet
from chassis.states import advance
from heyi.approval.v1 import office_requests_pb2 as pb
from heyi.platform.v1 import prints_pb2

COPIED = ("form_id", "form_code", "form_name", "currency")


class OfficeRequests:
    async def CreateOfficeRequest(self, request: Any, call: Call) -> OfficeRequest:
        row = await call.create(OfficeRequest, request.office_request)
        await _fill(row, row.values or {}, {}, call)
        return row

    async def GetOfficeRequest(self, request: Any, call: Call) -> Any:
        return await _shown(await drafts.load(OfficeRequest, request.id, call), call)

    async def ListOfficeRequests(self, request: Any, call: Call) -> Any:
        asked, pinned = await _terms(request, call)
        reply = await call.page(OfficeRequest, request, where=[drafts.visible(OfficeRequest, call), *asked])
        reply.value_fields.extend(pinned.form.fields.values() if pinned else ())
        return reply

    async def BatchGetOfficeRequests(self, request: Any, call: Call) -> Any:
        reply = await call.batch(OfficeRequest, request)
        me = str(call.actor.employee_id)
        seen = [row for row in reply.office_requests if row.submission > 0 or row.owner_id == me]
        return pb.BatchGetOfficeRequestsResponse(office_requests=seen)

    async def UpdateOfficeRequest(self, request: Any, call: Call) -> OfficeRequest:
        sent = request.office_request
        row = await _own(sent.id, sent.etag, call, "update")
        before = row.values
        call.update(row, sent, request.update_mask)
        await _fill(row, row.values or {}, before, call)
        return row

    async def DeleteOfficeRequest(self, request: Any, call: Call) -> empty_pb2.Empty:
        row = await _own(request.id, request.etag, call, "delete")
        if row.submission:
            # what others have seen stays on record
            facts = {"number": row.number, "state": row.state, "action": "delete"}
            raise Refused("ACTION_NOT_ALLOWED", document_type="OfficeRequest", **facts)
        return await call.delete(row)

    async def SubmitOfficeRequest(self, request: Any, call: Call) -> OfficeRequest:
        row = await _own(request.id, request.etag, call, "submit")
        pinned = await _fill(row, row.values, row.values, call, complete=True)
        row.submission += 1
        row.submit_time, row.decide_time = call.now(), None
        row.case_id, row.case_version, row.outcome_note = "", 0, ""
        row.waiting_on_ids, row.waiting_since_time = [], None
        row.content_hash = asking.hash_of(row, call)
        approval = asking.request_of(row, pinned, call)
        approval.choices.extend(request.choices)
        steps = (await preview.simulate(call, case_of(approval))).steps
        asked = {step.node_id: step.node_name for step in steps if step.needs_choice}
        versions.refuse(choosing.faults(approval, asked, call.organisation.people))
        if not row.number:

            def tell_approval(number: str) -> None:
                approval.document_number = number

            form, _ = await versions.newest(call, row.form_id)
            call.next_number(Repeated(row, tell_approval), pattern=f"{form.number_prefix}-{{yyyy}}-{{000000}}")
        return call.announce(pb.OfficeRequestSubmitted, row, approval=approval)

    async def CopyOfficeRequest(self, request: Any, call: Call) -> OfficeRequest:
        """The same values as a draft of the caller's; those that fit the form as it is now."""
        old = await drafts.load(OfficeRequest, request.id, call, etag=request.etag)
        advance(old, "copy")
        assert call.actor.employee_id is not None
        _, pinned = await versions.newest(call, old.form_id)
        copy = OfficeRequest(
            **{name: getattr(old, name) for name in COPIED},
            owner_id=call.actor.employee_id,
            department_id=call.own_department(),
            copied_from_id=old.id,
            submission=0,
        )
        kept = rules.without_strange(pinned, old.values)
        hidden = {path.removeprefix("values.") for path in call.hidden.get(old.id, ())}
        # files are the old request's own
        left = hidden | pinned.form.files(kept).keys()
        await _fill(call.add(copy), {key: value for key, value in kept.items() if key not in left}, kept, call)
        return copy

    async def CancelOfficeRequest(self, request: Any, call: Call) -> OfficeRequest:
        row = await _own(request.id, request.etag, call, "cancel")
        row.outcome_note = request.reason
        return row

    async def PreviewOfficeRequest(self, request: Any, call: Call) -> Any:
        row = await drafts.load(OfficeRequest, request.id, call)
        pinned = await versions.pinned(call, row.form_id, row.form_version)
        return await preview.simulate(call, case_of(asking.request_of(row, pinned, call)))

    async def ListFormsOfficeRequest(self, request: Any, call: Call) -> Any:
        forms = await versions.offered(call, every=request.every)
        reply = pb.ListFormsOfficeRequestResponse(forms=[asking.offered(form) for form in forms])
        for said, form in zip(reply.forms, forms, strict=True):
            said.MergeFrom(pb.OfferedForm(state=form.state))
        return reply

    async def FillOfficeRequest(self, request: Any, call: Call) -> Any:
        _, pinned = await versions.newest(call, _key(request.form_id, "form_id"))
        try:
            values = json.loads(request.content or "{}")
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict):
            raise Refused.fields([("content", "FIELD_TYPE", {"expected": "JSON"})])
        return asking.filled(pinned, pinned.take(values, {}, complete=False))

    async def PrintOfficeRequest(self, request: Any, call: Call) -> Sheet:
        asked = prints_pb2.PrintDocumentRequest(document_type=asking.TYPE, id=request.id, standard=True)
        handler = call.runtime.service.handlers["heyi.platform.v1.Prints/PrintDocument"]
        return cast(Sheet, await handler(asked, call))


async def _fill(
    row: OfficeRequest, sent: Mapping[str, Any], before: Mapping[str, Any], call: Call, *, complete: bool = False
) -> Pinned:
    """Put values into a request, by the newest version of its form."""
    form, pinned = await versions.newest(call, row.form_id)
    taken = pinned.take(sent, before, complete=complete)
    found = [*taken.violations, *await asking.strangers(pinned, taken.values, before, call)]
    if complete or pinned.form.files(taken.values) != pinned.form.files(before):
        found += await asking.files_at_fault(pinned, taken.values, row.id, call)
    versions.refuse([(f"values.{path}".rstrip("."), reason, facts) for path, reason, facts in found])
    row.form_version, row.form_code, row.form_name = pinned.message.version, form.code, form.name
    await keep(row, pinned, taken.values, call)
    return pinned


async def keep(row: OfficeRequest, pinned: Pinned, values: Mapping[str, Any], call: Call) -> None:
    """Keep values with what follows from them."""
    row.values, row.amount = dict(values), pinned.amount(values)
    row.currency = call.organisation.companies[row.company_id].base_currency
    row.title = pinned.title(
        values, call.organisation.zone(row.company_id), await asking.names_in([(pinned, values)], call)
    )


async def _shown(row: OfficeRequest, call: Call) -> Any:
    """One request with its form: fields that are not there, and those that its reader is not shown, are named."""
    message = call.reply(row)
    pinned = await versions.pinned(call, row.form_id, row.form_version)
    message.form.CopyFrom(pinned.message)
    hidden = pinned.form.settle(row.values).hidden
    unseen = {path.removeprefix("values.") for path in call.hidden.get(row.id, ()) if path.startswith("values.")}
    # all of it is hidden, or fields of it
    unseen |= set(pinned.form.fields) if "values" in call.hidden.get(row.id, ()) else set()
    # whether a field is there tells of what its rule reads
    unseen = pinned.form.told_by(unseen)
    message.hidden_keys.extend(sorted(hidden | unseen))
    seen = {key: value for key, value in row.values.items() if key not in unseen}
    message.names.update(await asking.names_in([(pinned, seen)], call))
    return message


async def _terms(request: Any, call: Call) -> tuple[list[Any], Pinned | None]:
    """What a list asks of values: each an own condition; the fields are those of the form as it is published."""
    if not request.form_id:
        if request.terms:
            raise Refused.fields([("form_id", "FIELD_REQUIRED", {})])
        return [], None
    form_id = _key(request.form_id, "form_id")
    found: list[Any] = [OfficeRequest.form_id == form_id]
    _, pinned = await versions.newest(call, form_id, to_fill=False)
    blind = call.blind_to(OfficeRequest)
    for index, text in enumerate(request.terms):
        matched = rules.TERM.fullmatch(text)
        field = pinned.form.fields.get(matched[1]) if matched else None
        value = typed_fields.compared(field, matched[3]) if matched and field is not None else None
        asked = typed_fields.operators_of(field) if field is not None else ()
        if matched is None or field is None or value is None or matched[2] not in asked:
            allowed = ", ".join(asked or pinned.form.fields)[:300]
            raise Refused.fields([(f"terms[{index}]", "OFFICE_REQUEST_TERM", {"term": text[:100], "allowed": allowed})])
        found.append(_condition(field, matched[2], value))
        if blind is not None:
            found.append(sa.not_(statements.hides(blind, [f"values.{field.key}"])))
    return found, pinned


def _condition(field: Any, operator: str, value: Any) -> Any:
    stored = OfficeRequest.values
    if operator in ("=", "!="):
        same = stored.contains({field.key: value})
        return same if operator == "=" else sa.not_(same)
    text = stored[field.key].astext
    if operator == ":":
        return text.icontains(value, autoescape=True)
    number = typed_fields.kind_of(field) in typed_fields.NUMBERS
    column: Any = sa.cast(text, sa.Numeric(38, 6)) if number else text
    other: Any = Decimal(value) if number else value
    return {"<": column < other, "<=": column <= other, ">": column > other, ">=": column >= other}[operator]


def _key(text: str, field: str) -> Any:
    try:
        return ids.parse(text)
    except ValueError:
        raise Refused.fields([(field, "FIELD_FORMAT", {"value": text[:50], "expected": "UUID"})]) from None


async def _own(key: str, etag: str, call: Call, action: str) -> OfficeRequest:
    """A request that its owner moves. Others may read it by then, but never act for the owner."""
    row = await drafts.load(OfficeRequest, key, call, etag=etag)
    if row.owner_id != call.actor.employee_id:
        raise Refused("OFFICE_REQUEST_NOT_OWNER", action=action)
    advance(row, action)
    return row
