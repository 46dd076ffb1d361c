"""What leaves the house: an address that leads back into it, and texts that a group chat would read as markup."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import urlsplit

import pytest
from api import Session
from attackers import described
from papers import submit, written

from approval.tests.receivers import Chat
from chassis.testing import eventually

ROBOTS, DELIVERIES = "/v1/approval/notice-robots", "/v1/approval/notice-deliveries"


def robot(address: str, **more: Any) -> dict[str, Any]:
    return {"name": f"群{uuid.uuid4().hex[:8]}", "product": "WECOM", "address": address, **more}


@pytest.mark.parametrize("verb", ["create", "setAddress"])
async def test_attack_ssrf_by_the_address_of_a_robot(instance: Any, admin: Session, verb: str) -> None:
    """Services of the suite, the cloud's metadata, other schemes and ports, numbers written oddly: none is taken."""
    ports = [instance.facts["ports"][part] for part in ("postgres", "nats", "keycloak", "gateway", "identity")]
    house = [f"http://127.0.0.1:{port}/" for port in ports] + [f"https://127.0.0.1:{port}/" for port in ports]
    elsewhere = [
        "https://169.254.169.254/latest/meta-data/", "https://[::ffff:169.254.169.254]/", "https://2130706433/",
        "https://0x7f.1/", "https://localhost/", "https://metadata.google.internal/", "https://[::1]/",
        "file:///etc/passwd", "gopher://10.0.0.1/", f"{instance.receiver}@10.0.0.1/", f"{instance.receiver}0/",
        "https://a.example@10.0.0.1/", "https://a.example\\@10.0.0.1/", "//10.0.0.1/", "https://10.0.0.1#@a.example/",
    ]  # fmt: skip
    made = await admin.call("POST", ROBOTS, robot("https://chat.example/send?key=k", kinds=["PROGRESS"]))
    for address in [*house, *elsewhere]:
        where, body = (
            (ROBOTS, robot(address))
            if verb == "create"
            else (f"{ROBOTS}/{made['id']}:setAddress", {"address": address})
        )
        answer = await admin.raw("POST", where, json.dumps(body))
        assert answer.status_code == 400, described(answer)
        assert "NOTICE_ROBOT_ADDRESS" in answer.text, (address, described(answer))
        assert "root:" not in answer.text
    await admin.call("POST", f"{ROBOTS}/{made['id']}:deactivate", {})


async def test_attack_markup_and_mentions_in_a_group_chat(instance: Any, door: Any, admin: Session) -> None:
    """A title that would call everybody in the group, or show a link of its own, does not reach the group at all."""
    chat = Chat(urlsplit(instance.receiver).port or 0)
    made = await admin.call("POST", ROBOTS, robot(f"{instance.receiver}/send?key=k", kinds=["TURN"]))
    try:
        title = f"<@all> [付款](https://evil.example) {uuid.uuid4().hex[:6]}"
        await submit(door, await written(door, title, {"item": "2002-0004", "quantity": "3"}))

        async def heard() -> None:
            assert chat.lines()

        await eventually(heard, seconds=30)
        text = str(chat.heard)
        assert "evil.example" not in text
        assert "<@" not in text
        assert "付款" not in text
    finally:
        await admin.call("POST", f"{ROBOTS}/{made['id']}:deactivate", {})
        chat.close()
    for shown in (await admin.get(ROBOTS)), (await admin.get(DELIVERIES)):
        assert "key=k" not in str(shown)
