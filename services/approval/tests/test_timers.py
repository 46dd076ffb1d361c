"""Timers on the real database: claimed by one, run exactly once, kept where they fail. Every one is a case's."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from approval.tests.factories import Office, approve, delay, sequence, state
from chassis import faults, timers
from chassis.db import fenced_to, tables_of
from chassis.service import Service
from chassis.vitals import backlog

HEAD = {"kind": "department_head"}
NEVER: dict[str, Any] = {}


@pytest.fixture
def folder(tmp_path):
    faults.arm(str(tmp_path))
    yield tmp_path
    faults.arm("")


async def waiting(office: Office, **hours: float) -> Any:
    """A case that waits before the head is asked."""
    await office.flow(sequence(delay("pause", **(hours or {"hours": 1})), approve("first", HEAD)))
    return await office.submit()


async def rows(office: Office) -> list[Any]:
    table = tables_of(office.service.service.base.metadata).timer
    with fenced_to(None):
        async with office.service.runtime.sessions() as session:
            return list((await session.execute(sa.select(table).order_by(table.c.due_time))).all())


async def change(office: Office, **values: Any) -> None:
    """What time does, or an operator."""
    table = tables_of(office.service.service.base.metadata).timer
    with fenced_to(None):
        async with office.service.runtime.sessions() as session, session.begin():
            await session.execute(sa.update(table).values(**values))


async def acts(office: Office) -> list[Any]:
    return [entry for entry in await office.service.audit() if entry.method.startswith("timer/")]


async def test_nothing_runs_before_its_time_and_once_after_it(office):
    case = await waiting(office)
    assert await office.service.run_timers() == 0
    office.service.clock.advance(minutes=59)
    assert await office.service.run_timers() == 0
    office.service.clock.advance(minutes=1)
    assert await office.service.run_timers() == 1
    assert await office.service.run_timers() == 0

    assert len(await office.todo("head")) == 1
    (entry,) = await acts(office)
    assert (entry.service, entry.actor_id, entry.method) == ("approval", None, "timer/delay")
    assert (str(entry.company_id), await rows(office)) == (case.company_id, [])


async def test_of_two_workers_one_claims_a_timer_and_after_the_lease_the_other_may(office):
    await waiting(office)
    office.service.clock.advance(hours=2)
    both = await asyncio.gather(*(timers.claim(office.service.runtime) for _ in range(2)))
    assert sorted(map(len, both)) == [0, 1]
    assert await timers.claim(office.service.runtime) == []
    await change(office, leased_until=sa.func.clock_timestamp() - datetime.timedelta(seconds=1))
    assert [timer.attempts for timer in await timers.claim(office.service.runtime)] == [2]


async def test_two_workers_that_hold_the_same_timer_have_one_effect(office):
    """The lease of the first ran out while it stood still."""
    await waiting(office)
    office.service.clock.advance(hours=2)
    (timer,) = await timers.claim(office.service.runtime)
    ran = await asyncio.gather(*(timers.expire(office.service.runtime, timer) for _ in range(2)))
    assert sorted(ran) == [False, True]
    assert len(await acts(office)) == 1
    assert len(await office.todo("head")) == 1


@pytest.mark.parametrize("point", ["timer_after_lock", "timer_before_commit"])
async def test_a_crash_before_the_commit_leaves_the_timer_and_no_effect(office, folder, point):
    await waiting(office)
    office.service.clock.advance(hours=2)
    (folder / point).write_text("error")
    (timer,) = await timers.claim(office.service.runtime)
    with pytest.raises(faults.InjectedError):
        await timers.expire(office.service.runtime, timer)
    assert (await acts(office), await office.todo("head")) == ([], [])

    await change(office, leased_until=None)
    assert await office.service.run_timers() == 1
    assert len(await acts(office)) == len(await office.todo("head")) == 1


async def test_a_crash_after_the_commit_runs_nothing_again(office, folder):
    await waiting(office)
    office.service.clock.advance(hours=2)
    (folder / "timer_after_commit").write_text("error")
    assert await office.service.run_timers() == 1
    await change(office, leased_until=None)
    assert await office.service.run_timers() == 0
    assert len(await acts(office)) == len(await office.todo("head")) == 1


async def test_a_timer_that_fails_is_kept_with_its_error_and_seen_until_it_succeeds(office, folder, monkeypatch):
    case = await waiting(office)
    office.service.clock.advance(days=5)
    office.admin = office.service.as_("admin")
    (folder / "timer_after_lock").write_text("error")
    assert await office.service.run_timers() == 1
    (row,) = await rows(office)
    assert (row.error, row.attempts) == ("InjectedError: fault at timer_after_lock", 1)
    assert await office.service.run_timers() == 0, "it rests"

    report = await office.admin.GetOperationsReport()
    stuck = {group.kind: group for group in report.stuck_groups}["approval.timer"]
    assert [one.document_id for one in stuck.documents] == [case.id]
    assert report.failing_timer_count == 1
    assert report.late_timer_seconds >= 4 * 24 * 3600
    runtime = office.service.runtime
    with fenced_to(None):
        async with runtime.sessions() as session:
            assert (await backlog(runtime, session)).timers_failing == 1
    await change(office, leased_until=None)
    assert await office.service.run_timers() == 1
    assert (await office.admin.GetOperationsReport()).failing_timer_count == 0
    assert (await rows(office), state(await office.case())) == ([], "RUNNING")


async def test_pauses_between_tries_grow(office):
    await waiting(office)
    office.service.clock.advance(hours=2)
    await change(office, handler="gone")
    pauses = []
    for _ in range(3):
        await office.service.run_timers()
        (row,) = await rows(office)
        pauses.append(row.leased_until)
        assert row.error.startswith("KeyError")
        await change(office, leased_until=None)
    now = datetime.datetime.now(datetime.UTC)
    assert [round((pause - now).total_seconds() / 10) for pause in pauses[2:]] == [3]


async def test_a_clock_that_jumps_ahead_and_back_neither_repeats_nor_holds_up(office):
    await waiting(office)
    office.service.clock.advance(days=30)
    assert await office.service.run_timers() == 1
    office.service.clock.set("2026-11-23T09:00:00+08:00")
    assert await office.service.run_timers() == 0
    assert len(await acts(office)) == 1

    # claimed far in the future by a worker that died: the lease is measured by the database's clock
    await office.submit("two")
    office.service.clock.advance(days=30)
    assert len(await timers.claim(office.service.runtime)) == 1
    office.service.clock.set("2026-11-23T10:00:00+08:00")
    await change(office, leased_until=sa.func.clock_timestamp() - datetime.timedelta(seconds=1))
    assert await office.service.run_timers() == 1
    assert len(await office.todo("head")) == 2


async def test_a_timer_that_was_dropped_after_it_was_claimed_does_nothing(office):
    case = await waiting(office)
    office.service.clock.advance(hours=2)
    (timer,) = await timers.claim(office.service.runtime)
    await office.service.as_("requester").WithdrawCase(id=case.id)
    assert await rows(office) == []
    assert await timers.expire(office.service.runtime, timer) is False
    assert (await acts(office), await office.todo("head")) == ([], [])


async def test_a_timer_that_is_paused_after_it_was_claimed_does_nothing(office):
    case = await waiting(office)
    office.service.clock.advance(hours=2)
    (timer,) = await timers.claim(office.service.runtime)
    await office.service.as_("admin").SuspendCase(id=case.id, reason="wait")
    assert await timers.expire(office.service.runtime, timer) is False
    assert (await acts(office), len(await rows(office))) == ([], 1)


async def test_a_call_that_fails_leaves_no_timer(office, folder):
    await office.flow(sequence(delay("pause", hours=1), approve("first", HEAD)))
    (folder / "event_before_commit").write_text("error")
    with pytest.raises(Exception, match="InjectedError"):
        await office.deliver()
    assert await rows(office) == []


def test_a_service_names_its_handlers_once():
    service: Service = __import__("approval.service").service.SERVICE
    assert {name: handler.model.__name__ for name, handler in service.timers.items()} == {
        "turn": "Case",
        "delay": "Case",
        "supervision": "Case",
        "change": "Case",
    }
