from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from chassis import faults
from chassis.db import fenced_to
from chassis.organisation import Organisation
from chassis.testing import COMPANY, OTHER_COMPANY, Bench, refused, stable
from heyi.platform.v1.records_pb2 import HeldGroup
from identity import epoch
from identity.delegation import calendar
from identity.departure import saga
from identity.employee.model import Account, Employee
from identity.tests import factories as make

NOTHING: dict[str, Any] = {"approval": [], "procurement": []}


def fields(gone: str = "head", heir: str = "colleague", **changes: Any) -> dict[str, Any]:
    people = {"employee_id": str(stable(gone)), "successor_id": str(stable(heir))}
    return {**people, "last_day_date": "2026-11-30", "reason": "个人原因离职", **changes}


async def prepared(admin: Any, gone: str = "head", heir: str = "colleague", **changes: Any) -> Any:
    return await admin.CreateDeparture(departure=fields(gone, heir, **changes))


async def carry_on(house: Bench, departure: Any, answers: Any = None) -> Any:
    await saga.carry_on(house.runtime, saga.uuid.UUID(departure.id), NOTHING if answers is None else answers)
    return await house.as_("admin").GetDeparture(id=departure.id)


async def keycloak_follows(house: Bench) -> None:
    """What the Keycloak step leaves behind."""
    async with house.runtime.sessions() as session, session.begin():
        await session.execute(sa.update(Account).values(done=Account.wanted, keycloak_id="kc-1"))
        await session.execute(sa.update(Employee.__table__).values(account_state="IN_STEP"))


def told(departure: Any) -> dict[str, tuple[str, int, str]]:
    kind, state = departure.steps[0].Kind.Name, departure.steps[0].State.Name
    return {kind(step.kind): (state(step.state), step.count, step.what) for step in departure.steps}


async def holding_much(house: Bench, admin: Any) -> None:
    """Two roles, a delegation each way, and the workshop."""
    for role in ("buyer", "auditor"):
        await admin.CreateGrant(grant=make.grant("head", await make.role_id(house, role)))
    days = {"from_date": "2026-11-23", "until_date": "2026-12-30", "reason": "x"}
    for giver, taker in (("head", "buyer"), ("boss", "head")):
        people = {"delegator_id": str(stable(giver)), "delegate_id": str(stable(taker))}
        await admin.CreateDelegation(delegation={**people, **days})


async def test_a_departure_hands_over_everything_and_says_so(house: Bench, admin: Any) -> None:
    await holding_much(house, admin)
    made = await prepared(admin)
    assert (made.state, len(made.steps)) == (made.PREPARED, 0)

    running = await admin.RunDeparture(id=made.id, etag=made.etag)
    employee = await admin.GetEmployee(id=str(stable("head")))
    assert (running.state, employee.State.Name(employee.state)) == (made.RUNNING, "DISABLED")
    assert told(running)["CUT_OFF"] == ("DONE", 1, f"{employee.code} Head")
    snapshot = Organisation.of(await house.as_service("approval").GetAuthorization())
    assert snapshot.successors == {stable("head"): stable("colleague")}
    assert stable("head") not in snapshot.rights

    turns = [HeldGroup(kind="turns", document_type="approval.task", count=1, names=["PR-1"])]
    waits = await carry_on(house, made, {"approval": turns, "procurement": None})
    assert waits.state == made.RUNNING
    assert told(waits) == {
        "CUT_OFF": ("DONE", 1, f"{employee.code} Head"),
        "ACCOUNT": ("WAITING", 0, ""),
        "GRANTS": ("DONE", 2, "采购员 上海测试有限公司\n审计员 上海测试有限公司"),
        "DELEGATIONS": ("DONE", 2, "Head → Buyer 2026-11-23 – 2026-12-30\nBoss → Head 2026-11-23 – 2026-12-30"),
        "HEADS": ("DONE", 1, "WORKSHOP Workshop → Colleague"),
        "TURNS": ("WAITING", 1, "PR-1"),
        "DOCUMENTS": ("WAITING", 0, ""),
    }

    await keycloak_follows(house)
    handed = [HeldGroup(kind="handed_turns", document_type="approval.task", count=1, names=["PR-1 → Colleague"])]
    drafts = [HeldGroup(kind="documents", document_type="procurement.purchase_requisition", count=1, names=["轴承"])]
    done = await carry_on(house, made, {"approval": handed, "procurement": drafts})
    assert (done.state, done.finish_time.ToSeconds() > 0) == (made.DONE, True)
    shown = told(done)
    assert {state for state, _, _ in shown.values()} == {"DONE"}
    assert shown["GRANTS"][1] == 2, "what the first pass did stays on the certificate"
    assert shown["TURNS"] == ("DONE", 1, "PR-1 → Colleague")
    assert shown["DOCUMENTS"] == ("DONE", 1, "轴承")
    assert all(step.evidence and step.done_time.ToSeconds() for step in done.steps)
    assert [s.rsplit(".", 1)[1] for s, _ in await house.events("identity.departure")] == [
        "created", "updated", "updated", "finished",
    ]  # fmt: skip
    await carry_on(house, made)
    assert len(await house.events("identity.departure")) == 4


@pytest.mark.parametrize("place", ["departure_before_step", "departure_after_commit"])
async def test_a_pass_that_dies_is_made_up_for_by_the_next(
    house: Bench, admin: Any, place: str, tmp_path: Path
) -> None:
    await holding_much(house, admin)
    made = await prepared(admin)
    await admin.RunDeparture(id=made.id)
    await keycloak_follows(house)
    faults.arm(str(tmp_path))
    (tmp_path / place).write_text("error")
    try:
        with pytest.raises(faults.InjectedError):
            await carry_on(house, made)
    finally:
        faults.arm("")
    done = await carry_on(house, made)
    assert done.state == made.DONE
    assert told(done)["GRANTS"][1] == 2
    assert len(await house.events("grant.revoked")) == 2


async def test_it_begins_by_itself_once_the_last_day_is_over(house: Bench, admin: Any) -> None:
    made = await prepared(admin, last_day_date="2026-11-24")
    house.clock.set("2026-11-24T15:59:59Z")
    await saga.once(house.runtime, {})
    assert (await house.as_("admin").GetDeparture(id=made.id)).state == made.PREPARED
    house.clock.set("2026-11-24T16:00:00Z")
    await saga.once(house.runtime, {})
    assert (await house.as_("admin").GetDeparture(id=made.id)).state == made.RUNNING


async def test_whoever_is_the_last_administrator_leaves_when_somebody_else_is_one(house: Bench, admin: Any) -> None:
    role = await make.role_id(house, "administrator")
    await admin.CreateGrant(grant=make.grant("boss", role, "ALL"))
    first = await admin.ListGrants(filter=f'employee_id = "{make.FIRST_ADMINISTRATOR}"')
    await admin.RevokeGrant(id=first.grants[0].id, reason="handed over")
    made = await prepared(admin, "boss", last_day_date="2026-11-22")
    waits: dict[Any, Any] = {}
    with capture_logs() as said:
        for tries in (1, 2, 2):
            await saga.once(house.runtime, waits)
            (wait,) = waits.values()
            assert wait.tries == tries
            if tries == 1:
                waits.update({key: replace(one, until=0) for key, one in waits.items()})
    assert [line["reason"] for line in said] == ["EMPLOYEE_LAST_ADMINISTRATOR"]
    blocked = await admin.GetDeparture(id=made.id)
    assert (blocked.state, blocked.blocked_by) == (made.PREPARED, made.LAST_ADMINISTRATOR)

    await admin.CreateGrant(grant=make.grant("colleague", role, "ALL"))
    await saga.once(house.runtime, {})

    running = await admin.GetDeparture(id=made.id)
    assert (running.state, running.blocked_by) == (made.RUNNING, 0)


async def test_who_is_let_back_in_while_it_runs_is_cut_off_again(house: Bench, admin: Any) -> None:
    made = await prepared(admin)
    await admin.RunDeparture(id=made.id)
    await admin.EnableEmployee(id=str(stable("head")))
    await carry_on(house, made)
    assert (await admin.GetEmployee(id=str(stable("head")))).state == 2


async def test_who_is_let_back_in_while_a_pass_looks_is_cut_off_with_a_new_epoch(house: Bench, admin: Any) -> None:
    """A pass that begins while the enabling has not ended: whoever fetched in between has to fetch again."""
    made = await prepared(admin)
    await admin.RunDeparture(id=made.id)
    await carry_on(house, made)
    head, before = stable("head"), await epoch_now(house)
    with fenced_to(None):
        async with house.runtime.sessions() as session, session.begin():
            await session.execute(sa.select(Employee.id).where(Employee.id == head).with_for_update())
            enabling = asyncio.create_task(admin.EnableEmployee(id=str(head)))
            await waiting(house, 1)
            again = asyncio.create_task(carry_on(house, made))
            await waiting(house, 2)
    assert (await enabling).state == 1
    await again
    while (await admin.GetEmployee(id=str(head))).state == 1:
        await carry_on(house, made)
    assert await epoch_now(house) == before + 2


async def waiting(house: Bench, number: int) -> None:
    """Until so many transactions wait for a lock."""
    asked = sa.text(
        "SELECT number FROM (SELECT sum(1) AS number FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock') AS held"
    )
    async with asyncio.timeout(10), house.runtime.engine.connect() as connection:
        while await connection.scalar(asked) != number:
            await connection.rollback()


async def epoch_now(house: Bench) -> int:
    async with house.runtime.engine.connect() as connection:
        return int((await connection.execute(epoch.READ)).scalar_one())


async def test_departments_wait_for_a_person_where_the_successor_is_gone_too(house: Bench, admin: Any) -> None:
    made = await prepared(admin)
    await admin.RunDeparture(id=made.id)
    await admin.DisableEmployee(id=str(stable("colleague")), reason="x")
    await keycloak_follows(house)
    blocked = await carry_on(house, made)
    assert (blocked.state, told(blocked)["HEADS"][0]) == (made.RUNNING, "BLOCKED")
    assert blocked.steps[4].evidence == "WORKSHOP Workshop"

    await admin.UpdateDepartment(department={"id": str(stable("workshop")), "head_id": str(stable("boss"))})
    assert (await carry_on(house, made)).state == made.DONE


async def test_turns_that_nobody_took_over_are_called_blocked_after_a_while(house: Bench, admin: Any) -> None:
    made = await prepared(admin)
    await admin.RunDeparture(id=made.id)
    left = {"approval": [HeldGroup(kind="turns", count=1, names=["PR-1"])], "procurement": []}
    assert told(await carry_on(house, made, left))["TURNS"][0] == "WAITING"
    house.clock.set("2026-11-23T09:02:00+08:00")
    assert told(await carry_on(house, made, left))["TURNS"][0] == "BLOCKED"


async def test_it_is_changed_or_cancelled_only_before_it_begins(house: Bench, admin: Any) -> None:
    made = await prepared(admin)
    changed = await admin.UpdateDeparture(departure={"id": made.id, "successor_id": str(stable("boss"))})
    assert changed.successor_id == str(stable("boss"))
    with refused("DEPARTURE_EXISTS"):
        await prepared(admin)
    cancelled = await admin.CancelDeparture(id=made.id)
    assert cancelled.state == made.CANCELLED
    again = await prepared(admin)
    await admin.RunDeparture(id=again.id)
    with refused("ACTION_NOT_ALLOWED"):
        await admin.CancelDeparture(id=again.id)
    with refused("ACTION_NOT_ALLOWED"):
        await admin.UpdateDeparture(departure={"id": again.id, "reason": "x"})


async def test_what_cannot_end_well_is_refused(house: Bench, admin: Any) -> None:
    with refused("DEPARTURE_TO_SELF", field="successor_id"):
        await prepared(admin, "head", "head")
    with refused("DEPARTURE_INACTIVE"):
        await prepared(admin, "head", "disabled")
    with refused("DEPARTURE_INACTIVE"):
        await prepared(admin, "disabled", "head")
    with refused("FIELD_NO_SUCH_DOCUMENT", field="successor_id"):
        await prepared(admin, "head", "nobody")
    with refused("DEPARTURE_COMPANY"):
        await prepared(admin, "other_company", "head")
    await prepared(admin, "colleague", "boss")
    with refused("DEPARTURE_SUCCESSOR_LEAVES"):
        await prepared(admin, "head", "colleague")


async def test_only_who_may_keep_the_employee_prepares_a_departure(house: Bench, admin: Any) -> None:
    house.grant("buyer", ["identity.departure.*"], "DEPARTMENT", company=COMPANY)
    with refused("EMPLOYEE_OUT_OF_REACH"):
        await prepared(house.as_("buyer"), "requester", "colleague")
    with refused("PERMISSION_MISSING"):
        await prepared(house.as_("stranger"))
    house.revoke("finance_head")
    house.grant("finance_head", ["identity.departure.*"], "COMPANY", company=COMPANY)
    await admin.CreateGrant(grant=make.grant("head", await make.role_id(house, "identity_administrator")))
    with refused("EMPLOYEE_BEYOND_OWN"):
        await prepared(house.as_("finance_head"))
    made = await prepared(house.as_("finance_head"), "requester", "colleague")
    with refused("DOCUMENT_NOT_FOUND"):
        await house.as_("admin", company=OTHER_COMPANY).GetDeparture(id=made.id)
    assert await calendar.once(house.runtime) == 0
