"""What everybody is told about a case: events for other services and open pages, notices for people."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from approval.case.model import Case
from approval.case.sight import all_hidden, hidden_from
from approval.engine.approvers import administrators
from approval.lookups import world_of
from approval.notice.kinds import kind_of
from approval.notice.model import Notice
from chassis.call import Call
from heyi.approval.v1 import cases_pb2, notices_pb2

EVENTS = {
    "RUNNING": cases_pb2.CaseAdvanced,
    "APPROVED": cases_pb2.CaseApproved,
    "REJECTED": cases_pb2.CaseRejected,
    "RETURNED": cases_pb2.CaseReturned,
    "WITHDRAWN": cases_pb2.CaseWithdrawn,
    "PARKED": cases_pb2.CaseParked,
    "SUSPENDED": cases_pb2.CaseSuspended,
}
NO_FACTS: Mapping[str, str] = {}


def announce(call: Call, case: Case) -> None:
    call.announce(EVENTS[case.state], case, audience=concerned(case))


def concerned(case: Case) -> list[uuid.UUID]:
    return list(dict.fromkeys([case.requester_id, *case.participant_ids]))


async def tell_administrators(call: Call, case: Case) -> None:
    await tell(call, case, administrators(await world_of(call, case)), "notice.parked")


async def tell_asked(
    call: Call, case: Case, turns: Sequence[Any], text_key: str = "notice.todo", facts: Mapping[str, str] = NO_FACTS
) -> None:
    """Whose turn it is, and who may decide on their behalf."""
    await tell(call, case, [turn.assignee_id for turn in turns], text_key, **facts)
    await tell_delegates(call, case, turns)


async def tell_delegates(call: Call, case: Case, turns: Iterable[Any]) -> None:
    for turn in turns:
        if turn.delegate_id is not None:
            person = name_of(call, turn.assignee_id)
            await tell(call, case, [turn.delegate_id], "notice.todo_for", person=person)


async def tell(call: Call, case: Case, employee_ids: Iterable[uuid.UUID], text_key: str, **facts: str) -> None:
    """One notice for each turn or outcome, on the record and live on the person's screen."""
    known = {"requester": name_of(call, case.requester_id), "number": case.document_number, "title": case.title}
    for employee_id in employee_ids:
        blind = "title" in all_hidden(case, hidden_from(case, employee_id))
        notice = call.add(
            Notice(
                company_id=case.company_id,
                employee_id=employee_id,
                kind=kind_of(text_key),
                text_key=text_key,
                text_facts={**known, **({"title": ""} if blind else {}), **facts},
                document_type=case.document_type,
                document_id=case.document_id,
                document_number=case.document_number,
                case_id=case.id,
            )
        )
        call.announce(notices_pb2.NoticeCreated, notice, audience=[employee_id])


def name_of(call: Call, employee_id: uuid.UUID | None) -> str:
    person = call.organisation.people.get(employee_id) if employee_id else None
    return person.name if person else ""
