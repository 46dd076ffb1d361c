"""Links to a decision that are forged, passed on, opened by others or used twice: a link leads and gives no right."""

from __future__ import annotations

import json
import uuid
from typing import Any

from api import Session, reason_of, sessions
from attackers import described, own
from papers import submit, title_of, written

from chassis.testing import eventually

TASKS = "/v1/approval/tasks"


async def open_link(session: Session, token: str) -> Any:
    return await session.raw("POST", f"{TASKS}:openLink", json.dumps({"token": token}))


async def test_attack_links_to_a_decision(instance: Any, door: Any, requester: Session, stranger: Any) -> None:
    requisition = await written(door, title_of("链接"), {"item": "2002-0004", "quantity": "2"})
    await submit(door, requisition)
    head = await door("first approver")

    async def turn() -> Any:
        asked = f'state = "OPEN" AND document_id = "{requisition["id"]}"'
        return (await head.get(TASKS, filter=asked))["tasks"][0]

    task = await eventually(turn)
    link = await requester.call("POST", f"{TASKS}/{task['id']}:link", {})
    token = link["path"].split("#")[1]

    # nobody, a read, another page
    answer = await stranger().post(f"{TASKS}:openLink", json={"token": token})
    assert answer.status_code in (401, 403), described(answer)
    answer = await stranger().get(f"{TASKS}:openLink?token={token}", headers=own(requester))
    assert answer.status_code in (404, 405), described(answer)
    foreign = {"cookie": head.cookie, "sec-fetch-site": "cross-site", "idempotency-key": str(uuid.uuid4())}
    answer = await stranger().post(f"{TASKS}:openLink", headers=foreign, json={"token": token})
    assert (answer.status_code, reason_of(answer)) == (403, "CROSS_SITE_REQUEST")

    # somebody else, and what was never made
    async with sessions(instance, "gumingyuan") as (other,):
        for session in (other, requester):
            answer = await open_link(session, token)
            assert (answer.status_code, reason_of(answer)) == (403, "TASK_LINK_OTHER_PERSON"), described(answer)
        answer = await other.raw("POST", f"{TASKS}/{task['id']}:link", "{}")
        assert reason_of(answer) == "DOCUMENT_NOT_FOUND", described(answer)
    for forged in (token[:-1], f"{token}A", token.swapcase(), task["id"], "x", "%00", "' OR 1=1 --"):
        answer = await open_link(head, forged)
        assert (answer.status_code, reason_of(answer)) == (404, "TASK_LINK_UNKNOWN"), described(answer)

    # its person: opened as often as wanted, nothing is decided by it, and no more once it was
    for _ in range(2):
        answer = await open_link(head, token)
        assert (answer.status_code, answer.json()["state"]) == (200, "OPEN"), described(answer)
    await head.call("POST", f"{TASKS}/{task['id']}:approve", {"contentHash": task["contentHash"]})
    answer = await open_link(head, token)
    assert (answer.status_code, reason_of(answer)) == (400, "TASK_LINK_USED"), described(answer)
