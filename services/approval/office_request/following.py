"""What becomes of a request that asked for agreement: it learns it from the events of its case, as any document does.

Events come more than once, in any order, and late. An answer counts only for the submission that asked, while it is
being decided; the rest changes nothing but who may read.
"""

from __future__ import annotations

import datetime
from typing import Any

from approval.form_definition import versions
from approval.office_request import asking, rules
from approval.office_request.model import OfficeRequest
from approval.office_request.rpc import keep
from chassis import amending, field_shapes, ids, seeing
from chassis.call import Call, Refused
from chassis.service import on
from chassis.typed_fields import label_of
from heyi.approval.v1 import cases_pb2
from heyi.approval.v1 import office_requests_pb2 as pb
from heyi.common.v1 import common_pb2

ANNOUNCED = {
    "APPROVED": pb.OfficeRequestApproved,
    "REJECTED": pb.OfficeRequestRejected,
    "RETURNED": pb.OfficeRequestReturned,
    "WITHDRAWN": pb.OfficeRequestWithdrawn,
}


async def follow_case(event: Any, call: Call) -> None:
    """The case of a request went on or ended."""
    case: cases_pb2.Case = event.case
    if case.document_type != asking.TYPE:
        return
    row = await call.load(OfficeRequest, case.document_id)
    pinned = await versions.pinned(call, row.form_id, row.form_version)
    basis = pinned.tell(seeing.basis(call.reply(row)))
    call.grant_read(row, [ids.parse(who) for who in case.participant_ids], seeing.sight_of(case, basis))
    if case.submission != row.submission or row.state != "SUBMITTED":
        return
    outcome, version = cases_pb2.Case.State.Name(case.state), ids.version_of(case.etag)
    if outcome not in rules.OUTCOMES:
        if version > row.case_version:
            _wait(row, case, version)
            call.announce(pb.OfficeRequestProgressed, row)
        return
    if outcome == "APPROVED" and asking.hash_of(row, call) != case.content_hash:
        raise ValueError(f"{row.number}: what was approved is not what stands here")
    _wait(row, case, version)
    row.state, row.waiting_on_ids, row.waiting_since_time = outcome, [], None
    row.decide_time, row.outcome_note = call.now(), case.note
    call.announce(ANNOUNCED[outcome], row)


def _wait(row: OfficeRequest, case: cases_pb2.Case, version: int) -> None:
    """Whose turn it is, and since when."""
    row.case_id, row.case_version = case.id, version
    row.waiting_on_ids = [ids.parse(who) for who in case.waiting_on_ids]
    since = case.waiting_since_time.ToDatetime(tzinfo=datetime.UTC) if case.HasField("waiting_since_time") else None
    row.waiting_since_time = since


async def change_asked(event: cases_pb2.CaseChangeRequested, call: Call) -> None:
    """An approver agrees with changes: put into the request by the rules of its form, all of them or none. The
    answer is an event.
    """
    amendment = event.amendment
    if amendment.document_type != asking.TYPE:
        return

    async def change(row: OfficeRequest) -> common_pb2.AmendmentAnswer:
        return await _amended(row, amendment, call)

    await amending.react(OfficeRequest, amendment, pb.OfficeRequestChangeAnswered, change, call)


async def _amended(row: OfficeRequest, amendment: common_pb2.Amendment, call: Call) -> common_pb2.AmendmentAnswer:
    if row.state != "SUBMITTED":
        raise Refused("AMENDMENT_TOO_LATE")
    pinned = await versions.pinned(call, row.form_id, row.form_version)
    before, sent = row.values, dict(row.values)
    places: dict[str, int] = {}
    for number, change in enumerate(amendment.changes):
        key = change.path.removeprefix("values.")
        if key == change.path or key not in pinned.form.fields:
            raise Refused.fields([(f"changes[{number}].path", "FIELD_UNKNOWN", {"name": change.path[:100]})])
        sent[key], places[key] = pinned.typed(key, change.value), number
    taken = pinned.take(sent, before, complete=True, approver=True)
    found = [*taken.violations, *await asking.strangers(pinned, taken.values, before, call)]
    versions.refuse([(_place(path, places), reason, facts) for path, reason, facts in found])
    # what is computed from what was typed differs too
    differing = [key for key in pinned.form.fields if before.get(key) != taken.values.get(key)]
    names = await asking.names_in([(pinned, before), (pinned, taken.values)], call)
    place = call.organisation.zone(call.company_id)
    differences = [
        common_pb2.FieldDifference(
            path=f"values.{key}",
            line_title=label_of(pinned.form.fields[key], "zh-CN"),
            before=field_shapes.shown(pinned.form.fields[key], before.get(key), "zh-CN", place, names),
            after=field_shapes.shown(pinned.form.fields[key], taken.values.get(key), "zh-CN", place, names),
            reason=amendment.changes[places[key]].reason if key in places else "",
        )
        for key in differing
    ]
    await keep(row, pinned, taken.values, call)
    row.content_hash = asking.hash_of(row, call)
    approval = asking.request_of(row, pinned, call)
    return common_pb2.AmendmentAnswer(amendment_id=amendment.id, approval=approval, differences=differences)


def _place(path: str, places: dict[str, int]) -> str:
    """Where the approver typed what is at fault; the path in the request for what follows from it."""
    key = path.split("[")[0].split(".")[0]
    return f"changes[{places[key]}].value" if key in places else f"values.{path}"


REACTIONS = [
    *(
        on(event, follow_case)
        for event in (
            cases_pb2.CaseOpened,
            cases_pb2.CaseAdvanced,
            cases_pb2.CaseParked,
            cases_pb2.CaseCommented,
            cases_pb2.CaseSuspended,
            cases_pb2.CaseApproved,
            cases_pb2.CaseRejected,
            cases_pb2.CaseReturned,
            cases_pb2.CaseWithdrawn,
        )
    ),
    on(cases_pb2.CaseChangeRequested, change_asked),
]
