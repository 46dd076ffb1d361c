"""What stands on the paper of a request beside its head: the form's fields by their sections, and who said what."""

from __future__ import annotations

import sqlalchemy as sa
from google.protobuf import json_format

from approval.case.model import Case
from approval.case.rpc import visible
from approval.form_definition import versions
from approval.office_request import asking
from approval.opinion.rpc import said
from chassis import ids
from chassis.call import Call
from chassis.prints import Content
from chassis.typed_fields import kind_of
from heyi.approval.v1 import office_requests_pb2 as pb
from heyi.common.v1 import typed_fields_pb2

AMOUNT = typed_fields_pb2.TypedField.AMOUNT


async def content(request: pb.OfficeRequest, call: Call) -> Content:
    """The request as its reader sees it, by the version of the form that it was filled in with: hidden fields are left
    out, files say their names.
    """
    form = request.form
    fields = [field for field in form.fields if field.key not in request.hidden_keys]
    values = json_format.MessageToDict(request.values)
    seen = {field.key: values[field.key] for field in fields if field.key in values}
    pinned = await versions.pinned(call, ids.parse(request.form_id), request.form_version)
    files = await asking.file_names(pinned, seen, call)
    amounts = [field for field in fields if field.key == form.amount_key and kind_of(field) == AMOUNT]
    case = ids.parse(request.case_id) if request.case_id else None
    opinions = await said(call, sa.select(Case.id).where(Case.id == case, visible(call))) if case else ()
    return Content(
        title={"zh-CN": form.name, "en": form.name_en or form.name},
        facts=("owner_id", "department_name", "submit_time" if request.submission else "create_time", "state"),
        fields=fields,
        sections=[(dict(section.label), list(section.field_keys)) for section in form.sections],
        values=seen,
        names={**request.names, **files},
        amount="".join(str(seen.get(field.key, "")) for field in amounts),
        said=opinions,
    )
