"""Somebody leaves: refused everywhere within 10 seconds, every open turn with the successor, and a certificate of it.

Before that the leaver's turns go to a delegate, who decides one of them on the leaver's behalf.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

import pytest
from api import Session, direct, sessions, streaming
from papers import submit, title_of, written
from test_api_cutoff import EMPLOYEES, ME, WITHIN_SECONDS, answered, ended, until_refused

from chassis.testing import eventually
from infra.local.demo.records import id_of
from infra.local.demo.story import day_in
from infra.local.instance import DEMO_PASSWORD

TASKS, DEPARTURES, DELEGATIONS = "/v1/approval/tasks", "/v1/identity/departures", "/v1/identity/delegations"
SUCCESSOR, DELEGATE = "cuihaoran", "daiyuming"


@pytest.fixture
async def leaver(door: Any) -> dict[str, Any]:
    """A new employee of the machining shop, whom others can ask."""
    admin, tag = await door("administrator"), uuid.uuid4().hex[:8]
    shop = await admin.get(f"/v1/identity/departments/{id_of('identity.department', 'SH11')}")
    words = {"code": f"L{tag}", "name": f"离职者{tag}", "username": f"leaver{tag}", "department_id": shop["id"]}
    secret = {"initial_password": DEMO_PASSWORD, "keep_password": True}
    made = await admin.call("POST", EMPLOYEES, {**words, "home_company_id": shop["companyId"], **secret})

    async def known() -> None:
        assert (await admin.get(f"{EMPLOYEES}/{made['id']}"))["accountState"] == "IN_STEP"

    await eventually(known, seconds=30)
    return made


async def asked(session: Any, document: str) -> Any:
    """The open turn of somebody about a document."""

    async def turn() -> Any:
        found = (await session.get(TASKS, filter=f'state = "OPEN" AND document_id = "{document}"'))["tasks"]
        assert found
        return found[0]

    return await eventually(turn)


async def passed_on(door: Any, to: dict[str, Any]) -> str:
    """A requisition whose first approver passes the turn to somebody; its id."""
    paper = await written(door, title_of("轴承补货"), {"item": "2002-0004", "quantity": "20"})
    await submit(door, paper)
    first = await door("first approver")
    task = await asked(first, paper["id"])
    await first.call("POST", f"{TASKS}/{task['id']}:transfer", {"employee_id": to["id"], "text": "请代为审批"})
    return str(paper["id"])


class Keycloak:
    """A person's own tokens, renewed as long as Keycloak lets them."""

    def __init__(self, session: Session, tokens: dict[str, Any]) -> None:
        self.session, self.refresh = session, str(tokens["refresh_token"])

    async def answers(self) -> tuple[int, str]:
        env = self.session.instance.env()
        form = {
            "client_id": "heyi-gateway",
            "client_secret": env["HEYI_GATEWAY_CLIENT_SECRET"],
            "grant_type": "refresh_token",
            "refresh_token": self.refresh,
        }
        answer = await self.session._send("POST", f"{env['HEYI_ISSUER']}/protocol/openid-connect/token", data=form)
        body = answer.json()
        self.refresh = body.get("refresh_token", self.refresh)
        return answer.status_code, body.get("error", "")


async def test_api_leaver_is_gone_and_nothing_is_left(
    instance: Any, door: Any, leaver: dict[str, Any], capsys: Any
) -> None:
    first, second = [await passed_on(door, leaver) for _ in range(2)]
    admin = await door("administrator")
    async with (
        sessions(instance, leaver["username"], SUCCESSOR, DELEGATE) as (own, successor, delegate),
        direct(instance) as services,
        streaming(own) as stream,
    ):
        tokens = await own.tokens()
        keycloak = Keycloak(own, tokens)
        days = {"from_date": day_in(0), "until_date": day_in(5), "reason": "交接期间"}
        to = {"delegate_id": id_of("identity.employee", DELEGATE)}
        await own.call("POST", DELEGATIONS, {**to, **days, "document_types": ["procurement.purchase_requisition"]})
        task = await asked(delegate, first)
        done = {"content_hash": task["contentHash"], "text": "同意"}
        decided = await delegate.call("POST", f"{TASKS}/{task['id']}:approve", done)
        assert (decided["assigneeId"], decided["decidedById"]) == (leaver["id"], to["delegate_id"])
        await asked(delegate, second)
        assert await keycloak.answers() == (200, "")

        people = {"employee_id": leaver["id"], "successor_id": id_of("identity.employee", SUCCESSOR)}
        made = await admin.call("POST", DEPARTURES, {**people, "last_day_date": day_in(0), "reason": "个人原因"})
        began = time.monotonic()
        await admin.call("POST", f"{DEPARTURES}/{made['id']}:run", {"etag": made["etag"]})

        async def handed() -> float:
            turns = (await successor.get(TASKS, filter=f'state = "OPEN" AND document_id = "{second}"'))["tasks"]
            assert [turn["reason"] for turn in turns] == ["approver.handed_over"]
            return time.monotonic()

        async def finished() -> float:
            assert (await admin.get(f"{DEPARTURES}/{made['id']}"))["state"] == "DONE"
            return time.monotonic()

        ways = {
            "gateway": until_refused(lambda: answered(own, "/v1/identity/me"), (401, "NOT_SIGNED_IN")),
            "grpc": until_refused(
                lambda: services.ask(ME, str(tokens["access_token"])), ("UNAUTHENTICATED", "NOT_SIGNED_IN")
            ),
            "stream": ended(stream),
            "keycloak": until_refused(keycloak.answers, (400, "invalid_grant")),
            "no open turn": eventually(handed, seconds=2 * WITHIN_SECONDS),
            "certificate": eventually(finished, seconds=2 * WITHIN_SECONDS),
        }
        at = await asyncio.gather(*ways.values())
        assert (await delegate.get(TASKS, filter=f'state = "OPEN" AND document_id = "{second}"'))["tasks"] == []
    seconds = {way: when - began for way, when in zip(ways, at, strict=True)}
    with capsys.disabled():
        print("\n  somebody who left is gone after:", {way: f"{s:.2f} s" for way, s in seconds.items()}, end="")
    assert max(seconds.values()) <= WITHIN_SECONDS
    steps = {step["kind"]: step for step in (await admin.get(f"{DEPARTURES}/{made['id']}"))["steps"]}
    assert {step["state"] for step in steps.values()} == {"DONE"}
    assert [steps[kind]["count"] for kind in ("CUT_OFF", "ACCOUNT", "DELEGATIONS", "TURNS")] == [1, 1, 1, 1]
    assert steps["TURNS"]["evidence"] == "approval: 0 open, 1 handed over"
