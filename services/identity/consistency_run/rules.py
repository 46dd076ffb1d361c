"""A run waits, is under way, and ends: the books agree, rows were found that do not, or there is no result.

One at a time. Who is silent longer than the lease counts as gone, so that no run is under way for ever.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from chassis.errors import Refused

if TYPE_CHECKING:
    from identity.consistency_run.model import ConsistencyRun

OPEN = ("REQUESTED", "RUNNING")
# with a result
COMPLETE = ("AGREED", "FINDINGS")
# the reconciler looks for requests every few seconds: after this it does not run
WAITS = datetime.timedelta(minutes=2)
# longer than the one statement that the read-only roles may run, 120 s
LEASE = datetime.timedelta(minutes=5)
KEPT = datetime.timedelta(days=90)
LARGEST = 2**31 - 1


def start(run: ConsistencyRun, now: datetime.datetime, invariant_count: int) -> None:
    """The reconciler has begun."""
    run.state, run.start_time, run.invariant_count = "RUNNING", now, invariant_count
    run.lease_until = now + LEASE


def report(run: ConsistencyRun, now: datetime.datetime, checked_count: int) -> None:
    """It is at work, and has come this far."""
    check_running(run, now)
    run.checked_count, run.lease_until = checked_count, now + LEASE


def check_running(run: ConsistencyRun, now: datetime.datetime) -> None:
    """Only the run that is under way goes on or ends."""
    if run.state != "RUNNING" or run.lease_until <= now:
        raise Refused("CONSISTENCY_RUN_NOT_RUNNING", number=run.number, state=run.state)


def finish(run: ConsistencyRun, now: datetime.datetime) -> None:
    """Ended with the results that stand in it."""
    run.state = "FINDINGS" if any(result.finding_count for result in run.results) else "AGREED"
    run.finish_time, run.checked_count = now, len(run.results)
    run.row_count = min(LARGEST, sum(result.row_count for result in run.results))
    run.finding_count = min(LARGEST, sum(result.finding_count for result in run.results))


def fail(run: ConsistencyRun, now: datetime.datetime, failure: str, detail: str = "") -> None:
    """Ended without a result."""
    run.state, run.finish_time, run.failure, run.failure_detail = "FAILED", now, failure, detail


def give_up(run: ConsistencyRun, now: datetime.datetime) -> bool:
    """End a run whose time is over; whether it was."""
    over = run.state in OPEN and run.lease_until <= now
    if over:
        fail(run, now, "NOT_TAKEN_UP" if run.state == "REQUESTED" else "STOPPED")
    return over


def identity_of(finding: Any) -> tuple[str, ...]:
    """By what a finding is known again in the next run."""
    return (finding.invariant, finding.service, finding.document_id, finding.what_key)


def remember(found: Iterable[Any], before: Mapping[tuple[str, ...], Any], run: ConsistencyRun) -> None:
    """Say of each finding which run met it first: that of the run before, where it stood there already."""
    for finding in found:
        known = before.get(identity_of(finding))
        finding.first_run_number = known.first_run_number if known else run.number
        finding.first_time = known.first_time if known else run.finish_time
