"""What the service tells its operators: cases that nobody decides, as far as the operator's grant reaches."""

from __future__ import annotations

import uuid

from approval.tests.factories import approve, sequence
from chassis.db import tables_of
from chassis.testing import COMPANY, OTHER_COMPANY, refused
from chassis.vitals import backlog

HEAD = {"kind": "department_head"}
MAY = ["platform.operations_report.get"]


async def groups(caller, **asked):
    report = await caller.GetOperationsReport(**asked)
    return {group.kind: group for group in report.stuck_groups}


async def test_a_case_that_nobody_decides_is_stuck_after_some_days(office):
    await office.flow(sequence(approve("first", HEAD)))
    case = await office.submit()
    assert (await groups(office.admin))["approval.undecided"].total_count == 0
    office.service.clock.advance(days=4)
    office.admin = office.service.as_("admin")  # the token of four days ago has ended
    found = (await groups(office.admin))["approval.undecided"]
    assert (found.total_count, [one.document_id for one in found.documents]) == (1, [case.id])
    assert (found.documents[0].number, found.documents[0].document_type) == (case.document_number, "approval.case")
    assert (await groups(office.admin, stuck_days=5))["approval.undecided"].total_count == 0
    await office.decide("head")
    assert (await groups(office.admin))["approval.undecided"].total_count == 0


async def test_an_operator_sees_what_the_grant_reaches_and_others_nothing(office):
    await office.flow(sequence(approve("first", HEAD)))
    await office.submit()
    office.service.clock.advance(days=4)
    office.service.grant("colleague", MAY, "OWN")
    office.service.grant("other_company", MAY, "COMPANY", company=OTHER_COMPANY)
    for key in ("colleague", "other_company"):
        assert (await groups(office.service.as_(key)))["approval.undecided"].total_count == 0
    office.service.grant("boss", MAY, "COMPANY", company=COMPANY)
    assert (await groups(office.service.as_("boss")))["approval.undecided"].total_count == 1
    for asked in (
        {"GetOperationsReport": {}},
        {"ListTraces": {"document_id": str(uuid.uuid4())}},
        {"GetTrace": {"trace_id": "a" * 32}},
    ):
        [(method, fields)] = asked.items()
        with refused("PERMISSION_MISSING"):
            await getattr(office.service.as_("stranger"), method)(**fields)


async def test_what_cannot_be_asked_is_refused(office):
    with refused("FIELD_FORMAT", field="stuckDays"):
        await office.admin.GetOperationsReport(stuck_days=-1)
    for trace in ("'; DROP", "a" * 32):
        with refused("DOCUMENT_NOT_FOUND"):
            await office.admin.GetTrace(trace_id=trace)
    with refused("DOCUMENT_NOT_FOUND"):
        await office.admin.ListTraces(document_id="no id")


async def test_what_is_committed_and_not_published_shows_its_age_and_a_late_timer_its_name(office):
    await office.flow(sequence(approve("first", HEAD)))
    await office.submit()
    runtime = office.service.runtime
    runtime.due = {"housekeeping": 0.0, "later": float("inf")}
    outbox = tables_of(runtime.service.base.metadata).outbox
    async with runtime.sessions() as session, session.begin():
        found = await backlog(runtime, session)
        assert found.outbox_waiting > 0
        await session.execute(outbox.update().values(published_at=office.service.clock.now()))
        after = await backlog(runtime, session)
    assert (after.outbox_waiting, after.outbox_oldest_seconds, found.timers_overdue) == (0, 0, ("housekeeping",))


async def test_a_document_leads_to_the_traces_that_changed_it(office):
    await office.flow(sequence(approve("first", HEAD)))
    case = await office.submit()
    traces = (await office.admin.ListTraces(document_id=case.id)).traces
    assert traces
    assert all(len(one.trace_id) == 32 for one in traces)
