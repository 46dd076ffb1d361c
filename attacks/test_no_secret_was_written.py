"""What the whole run wrote to its logs and records: no password, token, cookie, key or account number is in it."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any
from urllib.parse import unquote

import asyncpg
from api import Session
from attackers import described

from chassis.testing import eventually
from infra.local.demo import records
from infra.local.demo.records import id_of
from infra.local.instance import DEMO_PASSWORD, SERVICES, Instance

# tokens of any kind (header.payload.signature), keys, and whatever travels in a header that authenticates
PATTERNS = {
    "a token": re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a session": re.compile(rb"__Host-heyi-[a-z]+=[A-Za-z0-9_-]{20,}"),
    "a bearer": re.compile(rb"[Bb]earer [A-Za-z0-9_-]{20,}"),
    "a password in an address": re.compile(rb"(?:postgresql|nats)(?:\+asyncpg)?://[^\s:/]+:[^\s@*]{8,}@"),
    "a code": re.compile(rb"[?&]code=[A-Za-z0-9-]{20,}"),
}
ACCOUNT, PASSWORD = "6222020200112233445", f"Only-here-{uuid.uuid4().hex[:8]}"
PURPOSE = "probe of the logs"


def found(text: bytes, secrets: dict[str, bytes]) -> list[str]:
    """Names of what is in a text and must not be, with what stands around it."""
    hits = [(name, match.start()) for name, pattern in PATTERNS.items() if (match := pattern.search(text))]
    hits += [(name, at) for name, value in secrets.items() if (at := text.find(value)) >= 0]
    return [f"{name}: {text[max(0, at - 120) : at + 40]!r}" for name, at in hits]


async def test_secrets_are_found_where_they_are() -> None:
    """The test below would say nothing if it recognised nothing."""
    shown = b'{"authorization": "Bearer eyJhbGciOiJQUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlc2lnbmF0dXJl"}'
    assert [name.split(":")[0] for name in found(shown, {"a name": b"PS"})] == ["a token", "a bearer"]
    for written in (b"nats://identity:0123456789abcdef@127.0.0.1", b"GET /auth/callback?code=0123456789-0123456789-x"):
        assert len(found(written, {})) == 1
    assert found(b"k " + ACCOUNT.encode(), {"an account": ACCOUNT.encode()})


async def test_no_secret_was_written(instance: Instance, admin: Session, requester: Session) -> None:
    """Everything above, and an account number and a password sent where they belong and where they do not."""
    company = id_of("identity.company", "SH")
    suppliers = "/v1/procurement/suppliers"
    account = {"bankName": "示例银行", "accountName": "示例", "accountNumber": ACCOUNT}
    first = (await admin.get(suppliers, page_size=1, company=company))["suppliers"][0]
    changed = await admin.raw(
        "PATCH", f"{suppliers}/{first['id']}", json.dumps({"bankAccounts": [account]}), company=company
    )
    assert changed.status_code == 200, described(changed)
    shown = await admin.raw(
        "POST", f"{suppliers}/{first['id']}:revealBankAccounts", json.dumps({"purpose": PURPOSE}), company=company
    )
    assert ACCOUNT in shown.text, described(shown)
    assert ACCOUNT not in changed.text
    # a body that is refused, in one field and as a whole
    broken = [{**account, "bankName": ""}]
    for body in (json.dumps({"bankAccounts": broken}), f'{{"bankAccounts": "{ACCOUNT}"', json.dumps({ACCOUNT: 1})):
        assert (await admin.raw("PATCH", f"{suppliers}/{first['id']}", body, company=company)).status_code == 400
    person = {"code": "!", "username": "x", "initialPassword": PASSWORD}
    assert (await admin.raw("POST", "/v1/identity/employees", json.dumps(person), company=company)).status_code == 400
    secrets = {name: str(value).encode() for name, value in instance.facts["secrets"].items() if name != "nats_name"}
    secrets |= {"demo password": DEMO_PASSWORD.encode(), "password": PASSWORD.encode(), "account": ACCOUNT.encode()}
    secrets |= {"cookie": unquote(requester.cookie.split("=", 1)[1]).encode()}
    for supplier in records.rows("suppliers")[:50]:
        for name, value in supplier.items():
            if "account_number" in name and value:
                secrets[f"account of {supplier['name']}"] = value.encode()

    async def written() -> None:
        assert b"revealBankAccounts" in instance.processes.log("gateway").read_bytes()

    await eventually(written)
    logs = sorted(instance.processes.logs.glob("*.log*"))
    assert {log.name for log in logs} >= {"gateway.log", "services.log", "keycloak.log", "nats.log"}
    assert sum(log.stat().st_size for log in logs) > 10_000
    hits = [f"{log.name}: {hit}" for log in logs for hit in found(log.read_bytes(), secrets)]
    hits += [f"{where}: {hit}" for where, text in (await records_of(instance)).items() for hit in found(text, secrets)]
    assert not hits, "\n".join(hits)


async def records_of(instance: Instance) -> dict[str, bytes]:
    """What services keep of calls: audit, events, stored replies, parked events; bank accounts as they are stored."""
    tables = ("audit_entry", "audit_change", "outbox", "idempotency", "parked_event")
    texts: dict[str, bytes] = {}
    for service in SERVICES:
        connection: Any = await asyncpg.connect(instance.env()[f"HEYI_{service.upper()}_OWNER_DATABASE_URL"])
        try:
            for table in (*tables, *(("supplier_bank_account",) if service == "procurement" else ())):
                rows = await connection.fetch(f"SELECT * FROM {table}")
                texts[f"{service}.{table}"] = b"\n".join(
                    value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row.values()
                )
        finally:
            await connection.close()
    return texts
