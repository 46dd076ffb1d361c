"""Against a real Keycloak with the realm of the house."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from typing import Any

import pytest
import sqlalchemy as sa
from keycloak import KeycloakAdmin
from sqlalchemy.exc import DBAPIError

from chassis.clock import Clock
from chassis.testing import Bench, eventually
from identity.employee.model import Account
from identity.keycloak import Known, Look, Realm, Unreachable, Wanted
from identity.keycloak_step import AT_ONCE, LEASE, TAKE_OVER_AFTER, KeycloakStep
from identity.seed import ADMINISTRATOR_ID
from identity.tests.factories import PASSWORD
from identity.tests.keycloak_bench import DiesAfterwards, KeycloakBench, users_of

OTP = '{"subType": "totp", "digits": 6, "counter": 0, "period": 30, "algorithm": "HmacSHA1"}'


async def account_of(house: Bench, employee_id: str) -> Account:
    async with house.runtime.sessions() as session:
        return (await session.execute(sa.select(Account).where(Account.employee_id == employee_id))).scalar_one()


async def test_a_new_employee_signs_in_at_once(
    house: Bench, admin: Any, hire: Any, step: KeycloakStep, accounts: KeycloakAdmin, keycloak: KeycloakBench
) -> None:
    new = await hire(name="张伟", email="zhang.wei@example.com", locale="en")

    assert await step.once() == 1
    assert await step.once() == 0

    (user,) = await users_of(accounts, new.id)
    assert (user["username"], user["firstName"], user["email"]) == (new.username, "张伟", "zhang.wei@example.com")
    assert user["attributes"]["locale"] == ["en"]
    shown = await admin.GetEmployee(id=new.id)
    assert (shown.account_state, shown.account_problem, shown.etag) == (new.IN_STEP, "", new.etag)
    assert (await account_of(house, new.id)).password is None
    assert await keycloak.sign_in(new.username, PASSWORD) == "signed in"


async def test_a_disabled_employee_is_out_of_keycloak_within_ten_seconds(
    house: Bench, admin: Any, hire: Any, step: KeycloakStep, accounts: KeycloakAdmin, keycloak: KeycloakBench
) -> None:
    new = await hire()
    await step.once()
    assert await keycloak.sign_in(new.username, PASSWORD) == "signed in"
    (user,) = await users_of(accounts, new.id)
    assert len(await accounts.a_get_sessions(user["id"])) == 1
    # on a clock that goes on: what fails for a moment is tried again
    running = asyncio.create_task(KeycloakStep(house.runtime, step.accounts, Clock()).run())

    await admin.DisableEmployee(id=new.id, reason="left")

    async def out() -> None:
        await closed(house, accounts, new.id)
        assert await accounts.a_get_sessions(user["id"]) == []

    await eventually(out, seconds=10)
    assert await keycloak.sign_in(new.username, PASSWORD) == "refused"
    await admin.EnableEmployee(id=new.id)

    async def back() -> None:
        assert await keycloak.sign_in(new.username, PASSWORD) == "signed in"

    await eventually(back, seconds=10)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


class Swamped:
    """Keycloak as it is when it is busy with hashing: open accounts take for ever."""

    def __init__(self, realm: Realm) -> None:
        self.realm, self.waiting = realm, 0

    async def bring_in_step(self, wanted: Wanted, known: Known) -> Look:
        if wanted.enabled:
            self.waiting += 1
            await asyncio.Event().wait()
        return await self.realm.bring_in_step(wanted, known)


async def closed(house: Bench, accounts: KeycloakAdmin, employee_id: str) -> None:
    """Closed as identity has it on record, and then in Keycloak: an account that is read beside a write leaves an older
    picture of it in Keycloak's cache, so nobody asks before.
    """
    account = await account_of(house, employee_id)
    assert account.done == account.wanted, "not worked on yet"
    assert account.keycloak_id
    assert not (await accounts.a_get_user(account.keycloak_id))["enabled"]


class OpensAgain(KeycloakAdmin):
    """A write of others that began before ours ends after it."""

    times = 0

    async def a_user_logout(self, user_id: str) -> Any:
        await super().a_user_logout(user_id)
        self.times += 1
        if self.times == 1:
            await self.a_update_user(user_id, {**await self.a_get_user(user_id), "enabled": True})


async def test_an_account_that_another_write_opened_again_is_closed_again(
    house: Bench, admin: Any, hire: Any, realm: Realm, step: KeycloakStep, accounts: KeycloakAdmin
) -> None:
    new = await hire()
    await step.once()
    realm._admin = OpensAgain(connection=realm._admin.connection)
    await admin.DisableEmployee(id=new.id, reason="left")

    with pytest.raises(Unreachable, match="open again"):
        await step.once(closings=True)
    assert await step.once(closings=True) == 1

    await closed(house, accounts, new.id)
    assert realm._admin.times == 2


async def test_closing_an_account_does_not_wait_for_the_accounts_of_others(
    house: Bench, admin: Any, hire: Any, realm: Realm, step: KeycloakStep, accounts: KeycloakAdmin
) -> None:
    leaving = await hire()
    await step.once()
    others = [await hire() for _ in range(AT_ONCE + 1)]
    swamped = Swamped(realm)
    running = asyncio.create_task(KeycloakStep(house.runtime, swamped).run())

    async def busy() -> None:
        assert swamped.waiting == AT_ONCE < len(others)

    await eventually(busy)
    await admin.DisableEmployee(id=leaving.id, reason="left")

    await eventually(lambda: closed(house, accounts, leaving.id))
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_closing_takes_over_from_what_is_slow_and_the_older_picture_does_not_stay(
    house: Bench, admin: Any, hire: Any, step: KeycloakStep, accounts: KeycloakAdmin
) -> None:
    new = await hire()
    await step.once()
    await admin.UpdateEmployee(employee={"id": new.id, "name": "张大伟"})
    (slow,) = await step.claim()
    await admin.DisableEmployee(id=new.id, reason="left")
    assert await step.once(closings=True) == 0  # it may be done in a moment
    house.clock.advance(seconds=TAKE_OVER_AFTER.total_seconds() + 1)

    assert await step.once(closings=True) == 1
    await closed(house, accounts, new.id)
    await step._work(slow)
    assert await step.once() == 1

    await closed(house, accounts, new.id)
    assert (await admin.GetEmployee(id=new.id)).account_state == new.IN_STEP


async def test_a_database_that_does_not_answer_for_a_while_ends_nothing(
    house: Bench, admin: Any, hire: Any, step: KeycloakStep, accounts: KeycloakAdmin
) -> None:
    new = await hire()
    await step.once()
    async with house.runtime.sessions() as other, other.begin():
        await other.execute(sa.text("LOCK TABLE account IN ACCESS EXCLUSIVE MODE"))
        running = asyncio.create_task(step.run())
        for _ in range(2):
            with pytest.raises(DBAPIError):
                await step.claim()

    await admin.DisableEmployee(id=new.id, reason="left")

    await eventually(lambda: closed(house, accounts, new.id))
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_a_crash_between_making_and_recording_leaves_one_account(
    house: Bench, hire: Any, realm: Realm, step: KeycloakStep, accounts: KeycloakAdmin, keycloak: KeycloakBench
) -> None:
    new = await hire()

    with pytest.raises(asyncio.CancelledError):
        await KeycloakStep(house.runtime, DiesAfterwards(realm)).once()
    assert await step.once() == 0  # the dead one's lease is still on
    house.clock.advance(seconds=LEASE.total_seconds() + 1)
    assert await step.once() == 1

    (user,) = await users_of(accounts, new.id)
    account = await account_of(house, new.id)
    assert (account.keycloak_id, account.done, account.password) == (user["id"], 1, None)
    assert await keycloak.sign_in(new.username, PASSWORD) == "signed in"


async def test_two_at_work_make_every_account_once(
    house: Bench, hire: Any, realm: Realm, accounts: KeycloakAdmin
) -> None:
    new = [await hire() for _ in range(6)]
    steps = [KeycloakStep(house.runtime, realm) for _ in range(2)]

    worked = 0
    while done := sum(await asyncio.gather(*(step.once() for step in steps))):
        worked += done

    assert worked == len(new)
    assert [len(await users_of(accounts, employee.id)) for employee in new] == [1] * len(new)


async def test_a_keycloak_that_is_down_blocks_nobody(
    house: Bench, admin: Any, hire: Any, keycloak: KeycloakBench, step: KeycloakStep, accounts: KeycloakAdmin
) -> None:
    nobody = keycloak.realm(url="http://127.0.0.1:1")
    new = await hire()

    with pytest.raises(Unreachable):
        await KeycloakStep(house.runtime, nobody).once()
    assert (await admin.GetEmployee(id=new.id)).account_state == new.PENDING
    assert await step.once() == 1

    assert (await admin.GetEmployee(id=new.id)).account_state == new.IN_STEP
    await nobody.close()


async def test_a_wrong_secret_is_nobodys_account_problem(
    house: Bench, admin: Any, hire: Any, keycloak: KeycloakBench
) -> None:
    stranger = keycloak.realm(secret="wrong")
    new = await hire()

    with pytest.raises(Unreachable):
        await KeycloakStep(house.runtime, stranger).once()

    assert (await admin.GetEmployee(id=new.id)).account_state == new.PENDING
    await stranger.close()


async def test_a_name_that_belongs_to_a_stranger_is_shown_and_tried_again(
    house: Bench, admin: Any, hire: Any, step: KeycloakStep, accounts: KeycloakAdmin
) -> None:
    new = await hire()
    stranger = await accounts.a_create_user({"username": new.username, "enabled": True})

    await step.once()
    shown = await admin.GetEmployee(id=new.id)
    assert shown.account_state == new.FAILED
    assert new.username in shown.account_problem
    assert await users_of(accounts, new.id) == []

    await accounts.a_delete_user(stranger)
    assert await step.once() == 0  # not at once
    house.clock.advance(seconds=3)
    assert await step.once() == 1
    shown = await admin.GetEmployee(id=new.id)
    assert (shown.account_state, shown.account_problem) == (new.IN_STEP, "")


async def test_a_reset_password_must_be_changed_and_ends_the_session(
    house: Bench, admin: Any, hire: Any, step: KeycloakStep, accounts: KeycloakAdmin, keycloak: KeycloakBench
) -> None:
    new = await hire()
    await step.once()
    assert await keycloak.sign_in(new.username, PASSWORD) == "signed in"

    await admin.ResetPasswordEmployee(id=new.id, new_password="Another-secret-1")
    await step.once()

    (user,) = await users_of(accounts, new.id)
    assert await accounts.a_get_sessions(user["id"]) == []
    assert await keycloak.sign_in(new.username, PASSWORD) == "refused"
    assert await keycloak.sign_in(new.username, "Another-secret-1") == "new password"


@pytest.fixture
def inspects(house: Bench, keycloak: KeycloakBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service knows where Keycloak is."""
    known = {**house.runtime.settings.extras, "KEYCLOAK_URL": keycloak.url}
    settings = dataclasses.replace(house.runtime.settings, extras=known, client_secret=keycloak.secret)
    monkeypatch.setattr(house.runtime, "settings", settings)


async def standing(admin: Any, new: Any) -> Any:
    return await admin.InspectAccountEmployee(id=new.id)


@pytest.mark.usefixtures("inspects")
async def test_who_was_locked_out_is_let_in_again(
    house: Bench, admin: Any, hire: Any, step: KeycloakStep, keycloak: KeycloakBench
) -> None:
    """Wrong passwords lock the account; unlocked, it is no change of others, and the count begins anew."""
    new = await hire()
    assert not (await standing(admin, new)).found
    await step.once()
    for _ in range(5):
        assert await keycloak.sign_in(new.username, "not-the-password") == "refused"
    assert await keycloak.sign_in(new.username, PASSWORD) == "refused"
    seen = await standing(admin, new)
    assert (seen.found, seen.locked) == (True, True)
    assert seen.failure_count > 0
    assert seen.HasField("last_failure_time")

    await admin.UnlockEmployee(id=new.id)
    assert await step.once() == 1

    assert await keycloak.sign_in(new.username, PASSWORD) == "signed in"
    seen = await standing(admin, new)
    assert (seen.locked, seen.failure_count, seen.password_temporary) == (False, 0, False)
    assert (await admin.GetEmployee(id=new.id)).account_state == new.IN_STEP
    assert list((await admin.ListAccountFindings(filter=f'employee_id = "{new.id}"')).account_findings) == []
    assert (await account_of(house, new.id)).unlocking == 0


@pytest.mark.usefixtures("inspects")
async def test_a_lost_second_factor_is_taken_away_and_the_password_stays(
    house: Bench, admin: Any, hire: Any, step: KeycloakStep, accounts: KeycloakAdmin, keycloak: KeycloakBench
) -> None:
    new = await hire()
    await step.once()
    (user,) = await users_of(accounts, new.id)
    secret = {"type": "otp", "secretData": '{"value": "lost"}', "credentialData": OTP, "userLabel": "telephone"}
    await accounts.a_update_user(user["id"], {**user, "credentials": [secret]})
    assert (await standing(admin, new)).two_steps
    assert await keycloak.sign_in(new.username, PASSWORD) == "refused", "it asks for the second factor"

    await admin.ResetSecondFactorEmployee(id=new.id, reason="Phone is lost, came in person")
    await step.once()

    assert [one["type"] for one in await accounts.a_get_credentials(user["id"])] == ["password"]
    assert await keycloak.sign_in(new.username, PASSWORD) == "signed in"
    assert not (await standing(admin, new)).two_steps
    account = await account_of(house, new.id)
    assert account.second_factor_reset == 0

    # asked once more while the first is on its way: done once more
    await admin.ResetSecondFactorEmployee(id=new.id, reason="again")
    (job,) = await step.claim()
    await admin.ResetSecondFactorEmployee(id=new.id, reason="and again")
    await step._work(job)
    account = await account_of(house, new.id)
    assert account.second_factor_reset == account.wanted > job.change


async def test_a_change_that_comes_while_one_is_written_stays_due(
    house: Bench, admin: Any, hire: Any, step: KeycloakStep, accounts: KeycloakAdmin
) -> None:
    """An older picture must never overwrite a newer one: the second waits for the first's end."""
    new = await hire()
    (job,) = await step.claim()

    await admin.DisableEmployee(id=new.id, reason="left")
    assert await step.claim() == []
    await step._work(job)

    assert (await admin.GetEmployee(id=new.id)).account_state == new.PENDING
    assert await step.once() == 1
    (user,) = await users_of(accounts, new.id)
    assert not user["enabled"]
    assert (await admin.GetEmployee(id=new.id)).account_state == new.IN_STEP


async def test_whoever_lost_the_lease_has_it_looked_at_again(
    house: Bench, hire: Any, step: KeycloakStep, accounts: KeycloakAdmin
) -> None:
    new = await hire()
    (slow,) = await step.claim()
    house.clock.advance(seconds=LEASE.total_seconds() + 1)
    assert await step.once() == 1

    await step._work(slow)

    assert (await account_of(house, new.id)).due_at == house.clock.now()
    assert len(await users_of(accounts, new.id)) == 1


async def test_the_administrator_of_the_realm_file_is_the_one_of_the_seed(
    house: Bench, admin: Any, step: KeycloakStep, accounts: KeycloakAdmin
) -> None:
    house.clock.set("2999-01-01T00:00:00+08:00")
    async with house.runtime.sessions() as session, session.begin():
        due = sa.update(Account).where(Account.employee_id == ADMINISTRATOR_ID)
        await session.execute(due.values(due_at=house.clock.now()))
        others = sa.update(Account).where(Account.employee_id != ADMINISTRATOR_ID)
        await session.execute(others.values(due_at=house.clock.now().replace(year=3999)))

    assert await step.once() == 1

    (user,) = await users_of(accounts, str(ADMINISTRATOR_ID))
    assert (user["username"], user["firstName"], user["enabled"]) == ("admin", "系统管理员", True)
