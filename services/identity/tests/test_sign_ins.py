"""Keycloak's records of who signed in, out or failed to, in the trail: once each, whatever repeats."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from identity import sign_ins
from identity.employee.model import Employee

AT = 1_763_860_000_000


def record(kind="LOGIN", *, at=AT, name="", account="", **more):
    details = {"details": {"username": name}} if name else {}
    return {
        "time": at,
        "type": kind,
        "userId": account,
        "ipAddress": "203.0.113.9",
        "clientId": "heyi",
        **details,
        **more,
    }


async def test_a_record_is_put_down_once(service):
    events = [record(account="k1", sessionId="s1"), record("LOGOUT", at=AT + 5, account="k1", sessionId="s1")]
    assert await sign_ins.put_down(service.runtime, events) == 2
    assert await sign_ins.put_down(service.runtime, reversed(events)) == 0
    assert [(entry.kind, entry.outcome, entry.ip_address) for entry in await service.audit()] == [
        ("SIGNED_IN", "done", "203.0.113.9"),
        ("SIGNED_OUT", "done", "203.0.113.9"),
    ]


async def test_a_failed_sign_in_names_an_employee_and_nobody_else(service):
    async with service.runtime.read_sessions() as session:
        administrator = (await session.execute(sa.select(Employee.id, Employee.username))).first()
    events = [
        record("LOGIN_ERROR", name=administrator.username.upper(), error="invalid_user_credentials"),
        record("LOGIN_ERROR", name="my-password-123", error="user_not_found"),
    ]
    await sign_ins.put_down(service.runtime, events)

    known, unknown = sorted(await service.audit(), key=lambda entry: entry.reason)

    assert (known.actor_id, known.outcome, known.reason) == (administrator.id, "refused", "invalid_user_credentials")
    assert (unknown.actor_id, unknown.company_id) == (None, None)
    assert "my-password-123" not in str(unknown)


class Records:
    """What Keycloak's events address answers, page by page, newest first."""

    def __init__(self, events):
        self.events, self.asked = events, []

    async def sign_ins(self, since, first, most):
        self.asked.append((since, first))
        return self.events[first : first + most]


async def test_a_pass_reads_on_from_what_the_trail_holds_and_through_all_pages(service, monkeypatch):
    monkeypatch.setattr(sign_ins, "PAGE", 2)
    now = int(service.clock.now().timestamp() * 1000)
    old = [record(at=now - 1000 * number, sessionId=str(number)) for number in range(5)]
    realm = Records(old)
    assert await sign_ins.look(service.runtime, realm) == 5
    assert [first for _, first in realm.asked] == [0, 2, 4]

    realm = Records([record(at=now + 3_600_000, sessionId="new"), *old])
    assert await sign_ins.look(service.runtime, realm) == 1
    assert await sign_ins.look(service.runtime, realm) == 0


@given(st.integers(0, 4_102_444_800_000), st.integers(0, 4_102_444_800_000), st.text(), st.text())
def test_ids_of_records_follow_time_and_tell_records_apart(first, second, one, other):
    before, after = sign_ins.id_of(record(at=first, sessionId=one)), sign_ins.id_of(record(at=second, sessionId=other))
    assert (before.version, before.variant) == (7, "specified in RFC 4122")
    if first != second:
        assert (before < after) == (first < second)
    assert (before == after) == (first == second and one == other)


@pytest.mark.parametrize("kind", ["REFRESH_TOKEN", "CODE_TO_TOKEN", "UPDATE_PASSWORD"])
def test_what_is_no_sign_in_is_left_out(kind):
    assert sign_ins.entries([record(kind)], []) == []
