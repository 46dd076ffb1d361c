"""Programs outside: keys that are guessed or stretched or used after their end, addresses that lead into the house."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from api import Session
from attackers import described
from test_outside import KEYS, PULL, WEBHOOKS, a_key

from chassis.testing import eventually


def webhook(address: str) -> dict[str, Any]:
    return {"name": f"旧ERP {uuid.uuid4().hex[:8]}", "address": address, "events": ["APPROVAL_CASE_APPROVED"]}


@pytest.mark.parametrize("verb", ["create", "update"])
async def test_attack_ssrf_by_the_address_of_a_webhook(instance: Any, admin: Session, verb: str) -> None:
    """Services of the suite, the cloud's metadata, other schemes and ports, numbers written oddly: none is taken."""
    ports = [instance.facts["ports"][part] for part in ("postgres", "nats", "keycloak", "gateway", "identity")]
    house = [f"{scheme}://127.0.0.1:{port}/" for port in ports for scheme in ("http", "https")]
    elsewhere = [
        "https://169.254.169.254/latest/meta-data/", "https://[::ffff:169.254.169.254]/", "https://2130706433/",
        "https://0x7f.1/", "https://localhost/", "https://metadata.google.internal/", "https://[::1]/",
        "file:///etc/passwd", f"{instance.receiver}@10.0.0.1/", f"{instance.receiver}0/",
        "https://a.example@10.0.0.1/", "https://a.example\\@10.0.0.1/", "//10.0.0.1/",
    ]  # fmt: skip
    made = await admin.call("POST", WEBHOOKS, webhook("https://erp.example/heyi"))
    for address in [*house, *elsewhere]:
        how, where, body = (
            ("POST", WEBHOOKS, webhook(address))
            if verb == "create"
            else ("PATCH", f"{WEBHOOKS}/{made['id']}", {"address": address})
        )
        answer = await admin.raw(how, where, json.dumps(body))
        assert answer.status_code == 400, (address, described(answer))
        assert "WEBHOOK_ADDRESS" in answer.text, (address, described(answer))
    await admin.call("POST", f"{WEBHOOKS}/{made['id']}:deactivate", {})


async def test_attack_key_that_wants_more(
    admin: Session, requester: Session, stranger: Callable[[], httpx2.AsyncClient]
) -> None:
    """A key makes no rights and no keys, is nobody elsewhere, and is nobody's to make who lacks the right."""
    for permission in ("*", "identity.*", "identity.grant.create", "identity.api_key.create", "identity.role.update"):
        fields = {"name": "x", "keyCompanyId": str(uuid.uuid4()), "permissions": [permission]}
        answer = await admin.raw("POST", KEYS, json.dumps({**fields, "validUntilDate": "2099-01-01"}))
        assert answer.status_code == 400, described(answer)
    answer = await requester.raw("POST", KEYS, json.dumps({"name": "x"}))
    assert answer.status_code in (400, 403), described(answer)
    made = await a_key(admin, "approval.outside_event.pull")
    program = {"x-api-key": made["secret"]}
    async with stranger() as http:

        async def known() -> None:
            assert (await http.get(PULL, headers=program)).status_code == 200

        await eventually(known, seconds=30)
        for path in ("/v1/identity/me", KEYS, WEBHOOKS, "/v1/procurement/purchase-orders", "/v1/approval/tasks"):
            answer = await http.get(path, headers=program)
            assert answer.status_code == 403, (path, described(answer))
        elsewhere = await http.get(PULL, headers={**program, "x-company": str(uuid.uuid4())})
        assert elsewhere.status_code in (400, 403), described(elsewhere)
        body = json.dumps({"permissions": ["*"]})
        asked = {**program, "idempotency-key": str(uuid.uuid4()), "content-type": "application/json"}
        assert (await http.post(KEYS, content=body, headers=asked)).status_code in (400, 403)
        # no events are told of documents that the key may not read
        assert (await http.get(PULL, headers=program)).json().get("events", []) == []
    await admin.call("POST", f"{KEYS}/{made['id']}:revoke", {"reason": "演练"})


async def test_attack_key_by_guessing_and_after_its_end(
    admin: Session, stranger: Callable[[], httpx2.AsyncClient]
) -> None:
    """Guesses are rationed by address; a revoked key is refused within seconds, in every place it may be shown."""
    made = await a_key(admin, "approval.outside_event.pull")
    async with stranger() as http:

        async def known() -> None:
            assert (await http.get(PULL, headers={"x-api-key": made["secret"]})).status_code == 200

        await eventually(known, seconds=30)
        await admin.call("POST", f"{KEYS}/{made['id']}:revoke", {"reason": "演练"})

        async def gone() -> None:
            for shown in ({"x-api-key": made["secret"]}, {"authorization": f"Bearer {made['secret']}"}):
                assert (await http.get(PULL, headers=shown)).status_code == 401

        await eventually(gone, seconds=10)
        in_address = await http.get(f"{PULL}?x-api-key={made['secret']}")
        assert in_address.status_code in (400, 401), described(in_address)
    async with stranger() as http:
        codes = set()
        for number in range(200):
            codes.add((await http.get(PULL, headers={"x-api-key": f"hyk_{number:043d}"})).status_code)
        assert codes == {401, 429}
