"""Runs of the reconciler: asked for once, carried out by one account, remembered, and never under way for ever."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from chassis import telemetry
from chassis.errors import Refused
from chassis.testing import Bench, refused, stable
from heyi.identity.v1 import consistency_runs_pb2 as pb
from identity.consistency_run import rpc, rules, watch
from identity.consistency_run.model import ConsistencyFinding, ConsistencyRun

Run = pb.ConsistencyRun
RULE = "PURCHASE_ORDER_TOTALS_ARE_THE_SUMS_OF_ITS_LINES"
FINDING = {
    "invariant": RULE,
    "service": "procurement",
    "document_type": "procurement.purchase_order",
    "document_id": str(stable("order")),
    "document_title": "PO-2026-000001",
    "what_key": "purchase_order_totals_are_the_sums_of_its_lines",
    "what_facts": {"stored": "1", "sum": "2"},
    "since_time": "2026-11-23T01:00:00Z",
    "cause_key": "unknown",
}


@pytest.fixture
async def reconciler(house: Bench) -> Any:
    return house.as_service("reconciler", company=None)


def results(*, found: int = 0) -> list[dict[str, Any]]:
    return [
        {"invariant": RULE, "row_count": 40, "finding_count": found},
        {"invariant": "NUMBERS_ARE_UNIQUE", "row_count": 2},
    ]


async def later(house: Bench, **time: float) -> Any:
    """Some time on, the reconciler again with a token of then."""
    house.clock.advance(**time)
    return house.as_service("reconciler", company=None)


@pytest.mark.parametrize("count", [0, -1, rpc.MOST_RESULTS + 1])
async def test_a_run_of_no_rules_does_not_begin(admin: Any, reconciler: Any, count: int) -> None:
    with refused("FIELD_FORMAT", field="invariantCount"):
        await reconciler.StartConsistencyRun(invariant_count=count)
    assert not (await admin.ListConsistencyRuns()).consistency_runs


async def test_a_run_waits_is_under_way_and_ends(house: Bench, admin: Any, reconciler: Any) -> None:
    asked = await admin.RequestConsistencyRun()
    begun = await reconciler.StartConsistencyRun(invariant_count=2)
    further = await reconciler.ReportConsistencyRun(id=begun.id, checked_count=1)
    ended = await reconciler.RecordConsistencyRun(id=begun.id, results=results())

    assert (asked.state, asked.origin, asked.requester_id) == (Run.REQUESTED, Run.PERSON, str(stable("admin")))
    assert (begun.id, begun.state, begun.number) == (asked.id, Run.RUNNING, asked.number)
    assert (further.checked_count, further.invariant_count) == (1, 2)
    assert (ended.state, ended.row_count, ended.finding_count) == (Run.AGREED, 42, 0)
    assert [r.invariant for r in ended.results] == [Run.Invariant.Value(RULE), Run.NUMBERS_ARE_UNIQUE]
    assert (await admin.GetConsistencyRun(id=asked.id)).finish_time == ended.finish_time
    assert [subject for subject, _ in await house.events("consistency_run")] == [
        "evt.identity.consistency_run.requested",
        *["evt.identity.consistency_run.updated"] * 3,
    ]


async def test_the_nightly_run_begins_by_itself(admin: Any, reconciler: Any) -> None:
    begun = await reconciler.StartConsistencyRun(invariant_count=2)

    assert (begun.origin, begun.requester_id, begun.state) == (Run.SCHEDULE, "", Run.RUNNING)
    assert [run.number for run in (await admin.ListConsistencyRuns()).consistency_runs] == [begun.number]


async def test_one_at_a_time(admin: Any, reconciler: Any) -> None:
    await admin.RequestConsistencyRun()
    with refused("CONSISTENCY_RUN_OPEN"):
        await admin.RequestConsistencyRun()
    begun = await reconciler.StartConsistencyRun(invariant_count=2)
    with refused("CONSISTENCY_RUN_OPEN"):
        await admin.RequestConsistencyRun()
    with refused("CONSISTENCY_RUN_OPEN"):
        await reconciler.StartConsistencyRun(invariant_count=2)
    await reconciler.RecordConsistencyRun(id=begun.id, results=results())
    assert (await admin.RequestConsistencyRun()).state == Run.REQUESTED


async def test_of_two_who_ask_at_the_same_instant_one_is_refused(house: Bench, admin: Any) -> None:
    answers = await asyncio.gather(*(admin.RequestConsistencyRun() for _ in range(4)), return_exceptions=True)

    asked = [answer for answer in answers if isinstance(answer, Run)]
    reasons = {answer.reason for answer in answers if isinstance(answer, Refused)}
    assert (len(asked), reasons) == (1, {"CONSISTENCY_RUN_OPEN"})


async def test_what_is_found_names_its_document_cause_and_the_first_run_that_met_it(
    house: Bench, admin: Any, reconciler: Any
) -> None:
    runs = []
    for found in ([FINDING], [FINDING], [], [FINDING]):
        reconciler = await later(house, minutes=10)
        begun = await reconciler.StartConsistencyRun(invariant_count=2)
        recorded = await reconciler.RecordConsistencyRun(id=begun.id, results=results(found=len(found)), findings=found)
        runs.append(recorded)

    assert [run.state for run in runs] == [Run.FINDINGS, Run.FINDINGS, Run.AGREED, Run.FINDINGS]
    first, second, _, fourth = (run.findings[0] if run.findings else None for run in runs)
    assert (first.document_title, dict(first.what_facts), first.cause_key) == (
        "PO-2026-000001",
        {"stored": "1", "sum": "2"},
        "unknown",
    )
    assert second.first_run_number == runs[0].number
    assert second.first_time == runs[0].finish_time
    assert fourth.first_run_number == runs[3].number, "it was gone in between"


async def test_the_same_record_again_changes_nothing(house: Bench, admin: Any, reconciler: Any) -> None:
    begun = await reconciler.StartConsistencyRun(invariant_count=2)
    sent = {"id": begun.id, "results": results(found=1), "findings": [FINDING]}
    once = await reconciler.RecordConsistencyRun(key="record-once", **sent)
    again = await reconciler.RecordConsistencyRun(key="record-once", **sent)

    assert again == once
    async with house.runtime.engine.connect() as connection:
        kept = await connection.execute(sa.select(sa.func.count()).select_from(ConsistencyFinding))
        assert kept.scalar_one() == 1
    with refused("CONSISTENCY_RUN_NOT_RUNNING"):
        await reconciler.RecordConsistencyRun(id=begun.id, results=results())


async def test_a_run_that_broke_says_why(admin: Any, reconciler: Any) -> None:
    begun = await reconciler.StartConsistencyRun(invariant_count=2)
    ended = await reconciler.RecordConsistencyRun(id=begun.id, failure_detail="ConnectionError: no database")

    assert (ended.state, ended.failure) == (Run.FAILED, Run.BROKEN)
    assert ended.failure_detail == "ConnectionError: no database"


async def test_a_request_that_nobody_takes_up_ends(house: Bench, admin: Any) -> None:
    asked = await admin.RequestConsistencyRun()
    house.clock.advance(seconds=rules.WAITS.total_seconds())
    await watch.end_what_is_silent(house.runtime)

    ended = await house.as_("admin").GetConsistencyRun(id=asked.id)
    assert (ended.state, ended.failure) == (Run.FAILED, Run.NOT_TAKEN_UP)
    assert (await house.events("consistency_run.updated"))[-1][1].consistency_run.state == Run.FAILED


async def test_a_run_whose_process_died_ends_and_one_that_reports_does_not(
    house: Bench, admin: Any, reconciler: Any
) -> None:
    half = rules.LEASE.total_seconds() / 2
    begun = await reconciler.StartConsistencyRun(invariant_count=2)
    for _ in range(3):
        reconciler = await later(house, seconds=half)
        await reconciler.ReportConsistencyRun(id=begun.id, checked_count=1)
        await watch.end_what_is_silent(house.runtime)
    assert (await house.as_("admin").GetConsistencyRun(id=begun.id)).state == Run.RUNNING

    reconciler = await later(house, seconds=2 * half)
    with refused("CONSISTENCY_RUN_NOT_RUNNING"):
        await reconciler.RecordConsistencyRun(id=begun.id, results=results())
    await watch.end_what_is_silent(house.runtime)
    ended = await house.as_("admin").GetConsistencyRun(id=begun.id)
    assert (ended.state, ended.failure) == (Run.FAILED, Run.STOPPED)


async def test_a_silent_run_is_in_nobody_s_way(house: Bench, admin: Any, reconciler: Any) -> None:
    """The background may be late: whoever asks meanwhile ends the silent run and is heard."""
    silent = await reconciler.StartConsistencyRun(invariant_count=2)
    house.clock.advance(seconds=rules.LEASE.total_seconds())
    asked = await house.as_("admin").RequestConsistencyRun()

    states = {r.id: r.state for r in (await house.as_("admin").ListConsistencyRuns()).consistency_runs}
    assert states == {silent.id: Run.FAILED, asked.id: Run.REQUESTED}


async def test_old_runs_go_and_the_last_result_stays(house: Bench, admin: Any, reconciler: Any) -> None:
    for found in (True, False):
        begun = await reconciler.StartConsistencyRun(invariant_count=2)
        lines = {"results": results(found=1), "findings": [FINDING]} if found else {"failure_detail": "no"}
        await reconciler.RecordConsistencyRun(id=begun.id, **lines)
        house.clock.advance(hours=1)
        reconciler = house.as_service("reconciler", company=None)
    house.clock.advance(seconds=rules.KEPT.total_seconds())
    await watch.forget_what_is_old(house.runtime)

    (left,) = (await house.as_("admin").ListConsistencyRuns()).consistency_runs
    assert left.state == Run.FINDINGS
    reconciler = house.as_service("reconciler", company=None)
    begun = await reconciler.StartConsistencyRun(invariant_count=2)
    await reconciler.RecordConsistencyRun(id=begun.id, results=results())
    await watch.forget_what_is_old(house.runtime)
    assert [r.id for r in (await house.as_("admin").ListConsistencyRuns()).consistency_runs] == [begun.id]
    async with house.runtime.engine.connect() as connection:
        kept = await connection.execute(sa.select(sa.func.count()).select_from(ConsistencyFinding))
        assert kept.scalar_one() == 0


async def test_numbers_tell_findings_and_the_age_of_the_last_result(
    house: Bench, admin: Any, reconciler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry._Process, "recording", True)
    telemetry.take()
    begun = await reconciler.StartConsistencyRun(invariant_count=2)
    await reconciler.RecordConsistencyRun(id=begun.id, results=results(found=3), findings=[FINDING])
    house.clock.advance(hours=2)
    await watch.tell(house.runtime)

    _, numbers = telemetry.take()
    told = {
        (name, *(value for _, value in attributes)): value for (_, _, name, _, attributes), value in numbers.items()
    }
    assert told["heyi.reconciler.findings", RULE] == 3
    assert told["heyi.reconciler.findings", "NUMBERS_ARE_UNIQUE"] == 0
    assert told["heyi.reconciler.success.age",] == datetime.timedelta(hours=2).total_seconds()


@pytest.mark.parametrize("rule", [{}, {"invariant": 999}])
async def test_a_rule_that_nobody_knows_is_refused(reconciler: Any, rule: dict[str, Any]) -> None:
    begun = await reconciler.StartConsistencyRun(invariant_count=2)

    with pytest.raises(Refused, match="FIELD"):
        await reconciler.RecordConsistencyRun(id=begun.id, results=[pb.ConsistencyResult(**rule)])


async def test_more_than_a_run_keeps_is_refused(reconciler: Any) -> None:
    begun = await reconciler.StartConsistencyRun(invariant_count=2)

    with refused("FIELD_TOO_MANY", field="findings"):
        await reconciler.RecordConsistencyRun(id=begun.id, findings=[FINDING] * (rpc.MOST_FINDINGS + 1))


WRITES = ("StartConsistencyRun", "ReportConsistencyRun", "RecordConsistencyRun")


@pytest.mark.parametrize("other", ["identity", "procurement", "gateway"])
@pytest.mark.parametrize("method", WRITES)
async def test_no_other_service_records(house: Bench, other: str, method: str) -> None:
    with refused("PERMISSION_MISSING"):
        await getattr(house.as_service(other), method)()


@pytest.mark.parametrize("method", WRITES)
async def test_no_person_records_not_even_the_administrator(admin: Any, method: str) -> None:
    with refused("SERVICES_ONLY"):
        await getattr(admin, method)()


@pytest.mark.parametrize("method", ["GetCompany", "GetAuthorization", "ListEmployees", "GetConsistencyRun"])
async def test_the_reconciler_is_told_nothing(reconciler: Any, method: str) -> None:
    with refused("PERMISSION_MISSING"):
        await getattr(reconciler, method)()


async def test_who_may_look_and_who_may_ask(house: Bench, admin: Any) -> None:
    run = await admin.RequestConsistencyRun()
    house.revoke("colleague")
    house.grant("colleague", ["identity.consistency_run.get", "identity.consistency_run.list"], "ALL")
    colleague, stranger = house.as_("colleague"), house.as_("stranger")

    assert (await colleague.GetConsistencyRun(id=run.id)).number == run.number
    with refused("PERMISSION_MISSING"):
        await colleague.RequestConsistencyRun()
    for ask in (stranger.ListConsistencyRuns, stranger.RequestConsistencyRun):
        with refused("PERMISSION_MISSING"):
            await ask()


def test_a_run_that_has_ended_is_not_given_up() -> None:
    now = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)
    for state, given_up in (("REQUESTED", True), ("RUNNING", True), ("AGREED", False), ("FAILED", False)):
        run = ConsistencyRun(state=state, lease_until=now)
        assert rules.give_up(run, now) == given_up
