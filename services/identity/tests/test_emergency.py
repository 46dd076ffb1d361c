"""The sealed administrator: opened at the machine for a while, in everybody's sight, and closed whatever happens."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from chassis import crypto
from chassis.db import engine_for
from chassis.testing import TEST_KEYS, Bench, refused
from heyi.identity.v1 import emergencies_pb2 as pb
from identity.emergency import __main__ as command
from identity.emergency import opening, rules
from identity.emergency.model import Emergency
from identity.employee.model import Account, Employee
from identity.grant.model import Grant
from identity.seed import EMERGENCY_ID

NOW = datetime.datetime(2026, 11, 27, 9, tzinfo=datetime.UTC)
MINUTE = datetime.timedelta(minutes=1)
REASON = "All administrators are away, night shift is locked"


@pytest.mark.parametrize(
    ("state", "asked", "until", "what"),
    [
        ("REQUESTED", NOW, None, "open"),
        ("REQUESTED", NOW - 4 * MINUTE, None, "open"),
        ("REQUESTED", NOW - 5 * MINUTE, None, "close"),
        ("OPEN", NOW - 59 * MINUTE, NOW + MINUTE, ""),
        ("OPEN", NOW - 60 * MINUTE, NOW, "close"),
        ("OPEN", NOW, None, "close"),
        ("CLOSED", NOW, NOW, ""),
    ],
)
def test_what_is_due(state: str, asked: datetime.datetime, until: datetime.datetime | None, what: str) -> None:
    assert rules.due(state, asked_at=asked, until=until, now=NOW) == what


@pytest.mark.parametrize(
    ("reason", "minutes", "good"),
    [(REASON, 60, True), (REASON, 240, True), (REASON, 241, False), (REASON, 0, False), ("short", 60, False),
     ("x" * 501, 60, False), ("          ", 60, False)],
)  # fmt: skip
def test_what_may_be_asked_for(reason: str, minutes: int, good: bool) -> None:
    assert (rules.check(reason, minutes) == "") is good


async def asked(house: Bench, **more: Any) -> str:
    """A request, as the command writes it; its id."""
    row = {"version": 1, "reason": REASON, "opened_by": "ops@host", "minutes": 60, "password": "one-use-secret"} | more
    async with house.runtime.sessions() as session, session.begin():
        made = Emergency(created_at=house.clock.now(), **row)
        session.add(made)
        await session.flush()
        return str(made.id)


async def facts(house: Bench) -> tuple[str, str | None, list[str]]:
    """Of the sealed account: its state, the password that is on its way, its grants."""
    async with house.runtime.sessions() as session:
        employee = await session.get_one(Employee, EMERGENCY_ID)
        account = await session.get_one(Account, EMERGENCY_ID)
        grants = sa.select(Grant.state).where(Grant.employee_id == EMERGENCY_ID).order_by(Grant.created_at)
        return employee.state, account.password, list(await session.scalars(grants))


async def test_it_opens_and_closes_by_itself_and_everybody_sees_it(house: Bench, admin: Any) -> None:
    key = await asked(house)
    assert await opening.work(house.runtime) == 1
    assert await opening.work(house.runtime) == 0

    shown = await admin.GetEmergency(id=key)
    assert (shown.state, shown.reason, shown.opened_by) == (pb.Emergency.OPEN, REASON, "ops@host")
    assert shown.until_time.ToDatetime(datetime.UTC) == house.clock.now() + 60 * MINUTE
    assert await facts(house) == ("ACTIVE", "one-use-secret", ["ACTIVE"])
    people = (await house.as_service("gateway").GetAuthorization()).people
    assert str(EMERGENCY_ID) in {person.employee_id for person in people}
    entries = {entry.method: entry for entry in await house.audit()}
    assert entries[opening.METHOD].actor_id is None
    assert [event.emergency.id for _, event in await house.events("emergency.opened")] == [key]

    house.clock.advance(seconds=60 * 60)
    assert await opening.work(house.runtime) == 1
    admin = house.as_("admin")  # signed in again
    shown = await admin.GetEmergency(id=key)
    assert (shown.state, shown.close_note) == (pb.Emergency.CLOSED, "")
    assert await facts(house) == ("DISABLED", None, ["REVOKED"])
    assert len(await house.events("emergency.closed")) == 1

    again = await asked(house, password="another-secret")
    await opening.work(house.runtime)
    assert await facts(house) == ("ACTIVE", "another-secret", ["REVOKED", "ACTIVE"])
    third = await asked(house, password="third-secret")
    await opening.work(house.runtime)
    assert await facts(house) == ("ACTIVE", "third-secret", ["REVOKED", "ACTIVE"])
    assert [row.id for row in (await admin.ListEmergencies(filter='state = "OPEN"')).emergencies] == [third]
    assert (await admin.GetEmergency(id=again)).state == pb.Emergency.CLOSED


async def test_it_is_closed_sooner_by_hand_and_says_what_was_done(house: Bench, admin: Any) -> None:
    key = await asked(house)
    await opening.work(house.runtime)
    closed = await admin.CloseEmergency(id=key, note="Unlocked the buyer")

    assert (closed.state, closed.close_note) == (pb.Emergency.CLOSED, "Unlocked the buyer")
    assert await facts(house) == ("DISABLED", None, ["REVOKED"])
    with refused("ACTION_NOT_ALLOWED"):
        await admin.CloseEmergency(id=key, note="again")


async def test_what_waited_too_long_is_not_opened(house: Bench) -> None:
    key = await asked(house)
    house.clock.advance(seconds=6 * 60)
    await opening.work(house.runtime)

    assert (await house.as_("admin").GetEmergency(id=key)).state == pb.Emergency.CLOSED
    async with house.runtime.sessions() as session:
        assert await session.get(Employee, EMERGENCY_ID) is None
        assert (await session.get_one(Emergency, key)).password is None


async def test_the_command_waits_for_the_service_and_keeps_no_password_in_clear(house: Bench) -> None:
    engine = engine_for(str(house.runtime.settings.database_url))
    crypto.use_keyring(engine, crypto.Keyring.parse(TEST_KEYS))
    waiting = asyncio.create_task(command.ask(engine, REASON, 5, "one-use-secret"))
    try:
        while not waiting.done():
            await opening.work(house.runtime)
            await asyncio.sleep(0)
        assert waiting.result()
        assert (await facts(house))[:2] == ("ACTIVE", "one-use-secret")
        async with engine.connect() as connection:
            kept = await connection.execute(
                sa.text("SELECT e.password, a.password AS theirs FROM emergency e, account a")
            )
            assert all(b"one-use-secret" not in (one or b"") for row in kept for one in row)
    finally:
        await engine.dispose()
