"""A list of 100 of 100,000 requisitions with ten fields that an administrator added, and without.

The values stand in the approved requisitions and in no others; both lists have the same filter, the same columns and as
many rows. Beside them: the list that shows all ten, one filtered and one sorted by an added field.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any
from urllib.parse import quote

import asyncpg

from bench import listing
from bench.limits import timed_requests
from bench.record import Result, interleaved
from bench.suite import LIMITS, Person, suite

REQUESTS, FIELDS_ADDED = 150, 10
TYPE, DEFINITIONS = "procurement.purchase_requisition", "/v1/procurement/custom-fields"
KINDS = ("CHOICE", "TEXT", "NUMBER", "AMOUNT", "DATE", "YES_NO", "TEXT", "NUMBER", "AMOUNT", "CHOICE")
VALUES = {
    "CHOICE": """CASE WHEN g % 2 = 0 THEN 'low' ELSE 'high' END""",
    "TEXT": "'批次 ' || g",
    "NUMBER": "(g % 1000)::text",
    "AMOUNT": "(g % 1000)::text || '.50'",
    "DATE": "to_char(date '2026-01-01' + (g % 300)::int, 'YYYY-MM-DD')",
    "YES_NO": "g % 2 = 0",
}


def run() -> list[Result]:
    """One client; with and without in turn."""
    with suite() as instance:
        people = {p["what"].split(":")[0]: p["username"] for p in instance.logins()}
        buyer, admin = Person(instance.url, people["buyer"]), Person(instance.url, people["administrator"])
        company = buyer.get("/v1/identity/me")["companyId"]
        keys = _define(admin)
        dsn = instance.env()["HEYI_PROCUREMENT_OWNER_DATABASE_URL"]
        asyncio.run(_fill(dsn, company, keys))
        port = int(buyer.site.rsplit(":", 1)[1])
        headers = buyer.headers() | {"x-company": company}
        bars = {}
        for name, (fields, asked, order) in {
            "without": (listing.FIELDS, 'state = "CLOSED"', ""),
            "with, not shown": (listing.FIELDS, 'state = "APPROVED"', ""),
            "with, all ten shown": (f"{listing.FIELDS},customFields", 'state = "APPROVED"', ""),
            "filtered by one": (listing.FIELDS, f'custom_fields.{keys[0]} = "low" AND custom_fields.{keys[2]} = 8', ""),
            "sorted by one": (listing.FIELDS, 'state = "APPROVED"', f"custom_fields.{keys[3]} desc"),
        }.items():
            path = f"/v1/procurement/purchase-requisitions?pageSize=100&fields={fields}&filter={quote(asked)}"
            path += f"&orderBy={quote(order)}" if order else ""
            rows = buyer.call("GET", path, headers=headers)["purchaseRequisitions"]
            values = {len(row.get("customFields", {})) for row in rows}
            if len(rows) < 30 or ("shown" in name and "not" not in name and values != {FIELDS_ADDED}):
                raise RuntimeError(f"{name}: {len(rows)} rows with {values} values")
            requests = REQUESTS if "ed by" not in name else 20
            bars[name] = lambda path=path, requests=requests: timed_requests(port, path, requests, headers)
        found = interleaved(bars)
    limit = found.pop("without")
    return [
        Result(
            metric=18, scenario=f"list, {name}", unit="ms", better="lower", ours=samples, limit=limit,
            target={"ratio_to_limit": 1.05} if name.startswith("with") else {},
            settings={"limits": LIMITS, "rows": listing.ROWS, "page": 100, "fields": FIELDS_ADDED},
            checked="the same columns and as many rows of the same table, without values",
        ).judged()
        for name, samples in found.items()
    ]  # fmt: skip


def _define(admin: Person) -> list[str]:
    """Keys of ten fields; those of an earlier run are taken again."""
    known = admin.get(DEFINITIONS, filter=f'document_type = "{TYPE}"', pageSize=200)["customFields"]
    mine = [one["key"] for one in known if one["key"].startswith("bench_")]
    for number in range(len(mine), FIELDS_ADDED):
        kind = KINDS[number]
        words = {"zh-CN": f"测量 {number}", "en": f"Bench {number}"}
        field: dict[str, Any] = {"key": f"bench_{number}_{uuid.uuid4().hex[:4]}", "kind": kind, "label": words}
        if kind == "CHOICE":
            field["options"] = [{"key": key, "label": {"zh-CN": key, "en": key}} for key in ("low", "high")]
        admin.call("POST", DEFINITIONS, {"documentType": TYPE, "field": field})
        mine.append(field["key"])
    return mine


async def _fill(dsn: str, company: str, keys: list[str]) -> None:
    await listing._fill(dsn, company)
    connection = await asyncpg.connect(dsn)
    values = ", ".join(f"'{key}', {VALUES[kind]}" for key, kind in zip(keys, KINDS, strict=True))
    await connection.execute(
        f"UPDATE purchase_requisition r SET custom_fields = jsonb_build_object({values})"  # noqa: S608
        " FROM (SELECT id, row_number() OVER () AS g FROM purchase_requisition"
        " WHERE state = 'APPROVED' AND custom_fields IS NULL) one WHERE r.id = one.id",
        timeout=300,
    )
    await connection.execute("VACUUM ANALYZE purchase_requisition")
    await connection.close()
