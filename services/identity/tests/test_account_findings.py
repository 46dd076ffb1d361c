"""What others change in a real Keycloak: found, shown, taken over or taken back; and never overwritten silently."""

from __future__ import annotations

import asyncio
import datetime
import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from keycloak import KeycloakAdmin

from chassis.testing import COMPANY, Bench, refused, stable
from identity.account_finding import watch
from identity.account_finding.model import AccountFinding
from identity.employee.model import Account
from identity.keycloak import Realm
from identity.keycloak_step import LEASE, KeycloakStep
from identity.tests import factories as make
from identity.tests.conftest import OURS
from identity.tests.factories import PASSWORD
from identity.tests.keycloak_bench import DiesAfterwards, KeycloakBench, users_of


async def settled(step: KeycloakStep) -> None:
    while await step.once():
        pass


async def in_step(admin: Any, hire: Any, step: KeycloakStep, accounts: KeycloakAdmin, **changes: Any) -> Any:
    """An employee with an account, and the account."""
    new = await hire(**changes)
    await settled(step)
    (user,) = await users_of(accounts, new.id)
    return new, user


async def console(accounts: KeycloakAdmin, user: Any, **changes: Any) -> None:
    """Somebody at Keycloak's console."""
    await accounts.a_update_user(user["id"], {**await accounts.a_get_user(user["id"]), **changes})


async def looked_at(house: Bench, step: KeycloakStep, *employees: Any) -> None:
    """The hour is over, or Keycloak's records named the account."""
    async with house.runtime.sessions() as session, session.begin():
        ours = sa.update(Account).where(Account.employee_id.in_([one.id for one in employees]))
        await session.execute(ours.values(due_at=house.clock.now()))
    await settled(step)


async def recorded(house: Bench, realm: Realm, accounts: KeycloakAdmin, *keys: str) -> None:
    """Keycloak's records named these accounts of nobody."""
    await watch.judge(house.runtime, [await accounts.a_get_user(key) for key in keys], realm, {})


async def findings(admin: Any, **about: str) -> list[Any]:
    filters = " AND ".join(f'{name} = "{value}"' for name, value in about.items())
    return list((await admin.ListAccountFindings(filter=filters, order_by="create_time")).account_findings)


def told(found: list[Any]) -> list[tuple[str, str, str, str]]:
    return [(one.Kind.Name(one.kind), one.State.Name(one.state), one.heyi_value, one.keycloak_value) for one in found]


async def test_a_change_of_others_waits_until_it_is_taken_over_or_taken_back(
    house: Bench, admin: Any, hire: Any, realm: Realm, step: KeycloakStep, accounts: KeycloakAdmin
) -> None:
    new, user = await in_step(admin, hire, step, accounts, name="张伟", email="old@example.com")
    await console(accounts, user, firstName="张大伟", email="other@example.com")

    await looked_at(house, step, new)
    await looked_at(house, step, new)
    await admin.UpdateEmployee(employee={"id": new.id, "phone": "13800000000", "email": "new@example.com"})
    await settled(step)

    name, email = sorted(await findings(admin, employee_id=new.id), key=lambda one: -one.kind)[::-1]
    assert told([name, email]) == [
        ("NAME", "OPEN", "张伟", "张大伟"), ("EMAIL", "OPEN", "new@example.com", "other@example.com"),
    ]  # fmt: skip
    assert list(name.allowed_actions) == ["adopt", "restore"]
    kept = await accounts.a_get_user(user["id"])
    assert (kept["firstName"], kept["email"]) == ("张大伟", "other@example.com")
    assert (await admin.GetEmployee(id=new.id)).account_state == new.DIFFERS

    assert (await admin.AdoptAccountFinding(id=name.id, etag=name.etag)).state == name.ADOPTED
    assert (await admin.RestoreAccountFinding(id=email.id, etag=email.etag)).state == email.RESTORED
    await settled(step)

    employee = await admin.GetEmployee(id=new.id)
    mended = await accounts.a_get_user(user["id"])
    assert (employee.name, mended["firstName"], employee.account_state) == ("张大伟", "张大伟", new.IN_STEP)
    assert (employee.email, mended["email"]) == ("new@example.com", "new@example.com")
    with refused("ACTION_NOT_ALLOWED"):
        await admin.RestoreAccountFinding(id=name.id)


async def test_a_write_whose_process_died_is_not_taken_for_a_change_of_others(
    house: Bench, admin: Any, hire: Any, realm: Realm, step: KeycloakStep, accounts: KeycloakAdmin
) -> None:
    new, user = await in_step(admin, hire, step, accounts, name="张伟")
    await admin.UpdateEmployee(employee={"id": new.id, "name": "张大伟"})
    with pytest.raises(asyncio.CancelledError):
        await KeycloakStep(house.runtime, DiesAfterwards(realm)).once()
    await admin.UpdateEmployee(employee={"id": new.id, "name": "张小伟"})

    house.clock.advance(seconds=LEASE.total_seconds() + 1)
    await settled(step)

    assert (await accounts.a_get_user(user["id"]))["firstName"] == "张小伟"
    assert await findings(admin, employee_id=new.id) == []


async def test_what_agrees_again_by_itself_waits_for_nobody(
    house: Bench, admin: Any, hire: Any, realm: Realm, step: KeycloakStep, accounts: KeycloakAdmin
) -> None:
    new, user = await in_step(admin, hire, step, accounts, name="张伟")
    await console(accounts, user, firstName="?")
    await looked_at(house, step, new)
    await console(accounts, user, firstName="张伟")

    await looked_at(house, step, new)

    assert told(await findings(admin, employee_id=new.id)) == [("NAME", "SETTLED", "张伟", "?")]
    assert (await admin.GetEmployee(id=new.id)).account_state == new.IN_STEP


async def test_whoever_was_closed_in_keycloak_stays_out_until_somebody_decides(
    house: Bench, admin: Any, hire: Any, realm: Realm, step: KeycloakStep, accounts: KeycloakAdmin,
    keycloak: KeycloakBench,
) -> None:  # fmt: skip
    new, user = await in_step(admin, hire, step, accounts)
    await console(accounts, user, enabled=False)
    await looked_at(house, step, new)

    (closed,) = await findings(admin, employee_id=new.id)
    assert told([closed]) == [("ENABLED", "OPEN", "true", "false")]
    assert await keycloak.sign_in(new.username, PASSWORD) == "refused"
    await admin.RestoreAccountFinding(id=closed.id)
    await settled(step)
    assert await keycloak.sign_in(new.username, PASSWORD) == "signed in"

    await console(accounts, user, enabled=False)
    await looked_at(house, step, new)
    (again,) = await findings(admin, employee_id=new.id, state="OPEN")
    await admin.AdoptAccountFinding(id=again.id)
    await settled(step)
    assert (await admin.GetEmployee(id=new.id)).state == new.DISABLED
    assert (await accounts.a_get_user(user["id"]))["enabled"] is False


async def test_a_leaver_who_was_let_in_again_is_out_at_once_and_it_is_shown(
    house: Bench, admin: Any, hire: Any, realm: Realm, step: KeycloakStep, accounts: KeycloakAdmin,
    keycloak: KeycloakBench,
) -> None:  # fmt: skip
    new, user = await in_step(admin, hire, step, accounts)
    await admin.DisableEmployee(id=new.id, reason="left")
    await settled(step)
    await console(accounts, user, enabled=True)

    await looked_at(house, step, new)

    assert await keycloak.sign_in(new.username, PASSWORD) == "refused"
    (shown,) = await findings(admin, employee_id=new.id)
    assert (told([shown]), list(shown.allowed_actions)) == ([("ENABLED", "OVERRULED", "false", "true")], [])
    assert (await admin.GetEmployee(id=new.id)).account_state == new.IN_STEP


async def test_an_account_that_was_deleted_is_made_again_on_request_only(
    house: Bench, admin: Any, hire: Any, realm: Realm, step: KeycloakStep, accounts: KeycloakAdmin
) -> None:
    new, user = await in_step(admin, hire, step, accounts)
    await accounts.a_delete_user(user["id"])

    await looked_at(house, step, new)

    (gone,) = await findings(admin, employee_id=new.id)
    assert told([gone]) == [("DELETED", "OPEN", new.username, "")]
    assert await users_of(accounts, new.id) == []
    await admin.RestoreAccountFinding(id=gone.id)
    await settled(step)
    (again,) = await users_of(accounts, new.id)
    assert again["username"] == new.username


async def test_an_account_that_was_given_to_somebody_else_gets_its_own_mark_back(
    house: Bench, admin: Any, hire: Any, realm: Realm, step: KeycloakStep, accounts: KeycloakAdmin
) -> None:
    """Whoever carries another's mark acts as that one: an account of nobody that does is closed, and loses it."""
    new, user = await in_step(admin, hire, step, accounts)
    other, _ = await in_step(admin, hire, step, accounts)
    await console(accounts, user, attributes={"employee_id": [other.id]})
    marked = {"username": f"{OURS}usurper", "enabled": True, "attributes": {"employee_id": [new.id]}}
    usurper = await accounts.a_create_user(marked)

    await looked_at(house, step, new)
    await recorded(house, realm, accounts, usurper, user["id"])

    assert (await accounts.a_get_user(user["id"]))["attributes"]["employee_id"] == [new.id]
    closed = await accounts.a_get_user(usurper)
    assert (closed["enabled"], closed.get("attributes") or {}) == (False, {})
    assert told(await findings(admin, employee_id=new.id)) == [("OWNER", "OVERRULED", new.id, other.id)]
    assert [one.State.Name(one.state) for one in await findings(admin, keycloak_id=usurper)] == ["OVERRULED"]


async def test_an_account_of_nobody_is_told_once_and_made_an_employee_by_one_act(
    house: Bench, admin: Any, hire: Any, realm: Realm, step: KeycloakStep, accounts: KeycloakAdmin
) -> None:
    await in_step(admin, hire, step, accounts)
    stranger = {"username": f"{OURS}stranger", "firstName": "李", "lastName": "娜", "enabled": True}
    key = await accounts.a_create_user(stranger)
    for _ in range(2):
        await recorded(house, realm, accounts, key)
    (found,) = await findings(admin, username=stranger["username"])
    assert (found.Kind.Name(found.kind), list(found.allowed_actions)) == ("STRANGER", ["hire", "block", "dismiss"])

    place = {"home_company_id": str(COMPANY), "department_id": str(stable("workshop"))}
    hired = await admin.HireAccountFinding(id=found.id, etag=found.etag, code="N-LINA", name="李娜", **place)
    await settled(step)

    employee = await admin.GetEmployee(id=hired.employee_id)
    (user,) = await users_of(accounts, employee.id)
    assert (user["id"], user["firstName"], employee.username) == (key, "李娜", stranger["username"])
    assert (hired.state, employee.account_state) == (hired.HIRED, employee.IN_STEP)
    await recorded(house, realm, accounts, key)
    assert len(await findings(admin, username=stranger["username"])) == 1


async def test_an_account_of_nobody_is_closed_or_left_as_decided(
    house: Bench, admin: Any, realm: Realm, step: KeycloakStep, accounts: KeycloakAdmin, keycloak: KeycloakBench
) -> None:
    keys = {}
    for name in ("blocked", "left"):
        keys[name] = await accounts.a_create_user({"username": f"{OURS}{name}", "enabled": True})
    await recorded(house, realm, accounts, *keys.values())
    (blocked,), (left,) = [await findings(admin, keycloak_id=key) for key in keys.values()]

    await admin.BlockAccountFinding(id=blocked.id)
    await admin.DismissAccountFinding(id=left.id)
    await watch.close_blocked(house.runtime, realm)
    await recorded(house, realm, accounts, *keys.values())

    assert [(await accounts.a_get_user(key))["enabled"] for key in keys.values()] == [False, True]
    assert [len(await findings(admin, keycloak_id=key)) for key in keys.values()] == [1, 1]


async def test_who_may_read_findings_answers_none_without_the_right_to(house: Bench) -> None:
    reads = ["identity.account_finding.get", "identity.account_finding.list"]
    with refused("PERMISSION_MISSING"):
        await house.as_("stranger").ListAccountFindings()
    house.grant("stranger", [*reads, "identity.account_finding.hire"], "ALL")
    reader = house.as_("stranger")

    assert list((await reader.ListAccountFindings()).account_findings) == []
    with refused("PERMISSION_MISSING"):
        await reader.AdoptAccountFinding(id=str(uuid.uuid4()))

    found = await _a_stranger(house, "li.si", name="李四")
    place = {"home_company_id": str(COMPANY), "department_id": str(stable("workshop"))}
    with refused("ACCOUNT_FINDING_EMPLOYEE_RIGHT"):
        await reader.HireAccountFinding(id=found, code="N-LISI", **place)


async def _a_stranger(house: Bench, username: str, **more: Any) -> str:
    found = AccountFinding(id=uuid.uuid4(), version=1, kind="STRANGER", username=username, keycloak_id="k", **more)
    async with house.runtime.sessions() as session, session.begin():
        session.add(found)
    return str(found.id)


async def test_an_answer_that_does_not_fit_is_refused(house: Bench, admin: Any) -> None:
    found = await _a_stranger(house, "ops")
    with refused("ACCOUNT_FINDING_ACTION"):
        await admin.AdoptAccountFinding(id=found)
    place = {"home_company_id": str(COMPANY), "department_id": str(stable("workshop"))}
    with refused("ACCOUNT_FINDING_USERNAME"):
        await admin.HireAccountFinding(id=found, code="N-OPS", **place)


async def test_a_password_of_the_directory_is_not_set_here(house: Bench, admin: Any) -> None:
    new = await admin.CreateEmployee(employee=make.employee())
    async with house.runtime.sessions() as session, session.begin():
        await session.execute(sa.update(Account).where(Account.employee_id == new.id).values(from_directory=True))
    with refused("EMPLOYEE_PASSWORD_DIRECTORY"):
        await admin.ResetPasswordEmployee(id=new.id, new_password="Another-secret-1")


def test_a_record_is_read_once_although_it_comes_late_or_again() -> None:
    begun = datetime.datetime(2026, 11, 23, 9, 0, tzinfo=datetime.UTC)
    heard = watch.Heard(begun)

    def event(second: int, who: str) -> dict[str, Any]:
        return {"time": int(begun.timestamp() + second) * 1000, "resourcePath": f"users/{who}"}

    assert heard.new([event(9, "b"), event(5, "a")]) == [event(5, "a"), event(9, "b")]
    assert heard.new([event(9, "b"), event(7, "late"), event(5, "a")]) == [event(7, "late")]
    assert heard.new([event(9, "b"), event(7, "late"), event(5, "a")]) == []
    assert heard.new([event(-600, "old")]) == []
