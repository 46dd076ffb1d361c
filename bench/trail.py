"""The audit page with a million entries in one trail, through the gateway: each filter, asked of all services.

Who looks is the auditor of the demo company; a page is 50 entries of all services, put together by the door.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

import asyncpg

from bench.limits import timed_requests
from bench.record import Result, interleaved
from bench.suite import LIMITS, Person, suite
from infra.local.demo.records import id_of
from infra.local.instance import Instance

ENTRIES, REQUESTS, P95_MS = 1_000_000, 40, 300.0
PATH = "/v1/all/audit-entries"
AUDITOR = "fangjing"
_FILL = """
INSERT INTO audit_entry (id, at, recorded_at, company_id, actor_id, service, method, outcome, trace_id, kind,
  ip_address, document_types, document_ids, on_behalf_id)
SELECT gen_random_uuid(), t.at, t.at, CASE WHEN n % 4 = 0 THEN $2::uuid ELSE $1::uuid END,
  CASE WHEN n % 50 = 1 THEN $3::uuid ELSE md5((n % 500)::text)::uuid END, CASE WHEN n % 50 = 0 THEN 'approval' END,
  'heyi.procurement.v1.Suppliers/UpdateSupplier', CASE WHEN n % 200 = 0 THEN 'refused' ELSE 'done' END,
  md5(n::text), (ARRAY['CHANGED', 'READ', 'EXPORTED', 'PRINTED'])[1 + (n % 100 > 60)::int + (n % 100 > 90)::int
    + (n % 100 > 97)::int], '10.0.' || n % 40 || '.' || n % 200,
  ARRAY[(ARRAY['procurement.supplier', 'procurement.purchase_order'])[1 + (n % 1000 = 7)::int]],
  CASE WHEN n % 100 > 60 THEN ARRAY[md5('d' || n % 20000)::uuid] END, CASE WHEN n % 3000 = 1 THEN $3::uuid END
FROM generate_series(1, $4::int) n, LATERAL (SELECT now() - make_interval(secs => n * 30) AS at) t
"""


def run() -> list[Result]:
    """Each filter in turn."""
    with suite() as instance:
        person = id_of("identity.employee", "dingxiaoyan")
        here, there = id_of("identity.company", "SH"), id_of("identity.company", "SZ")
        asyncio.run(_fill(instance, here, there, person))
        auditor = Person(instance.url, AUDITOR)
        port = int(auditor.site.rsplit(":", 1)[1])
        filters: dict[str, dict[str, Any]] = {
            "no filter": {},
            "who": {"actorId": person},
            "who and kind": {"actorId": person, "kinds": "EXPORTED"},
            "on behalf": {"onBehalfId": person},
            "acting service": {"actingService": "approval"},
            "kind": {"kinds": "PRINTED"},
            "kind without entries": {"kinds": "RIGHTS_CHANGED", "startTime": "2020-01-01T00:00:00Z"},
            "refused": {"outcome": "REFUSED"},
            "type": {"documentType": "procurement.purchase_order"},
            "type of most": {"documentType": "procurement.supplier"},
            "document": {"document": "NO-SUCH-1"},
            "company": {"companyId": there},
            "address": {"ipAddress": "10.0.3.3"},
            "request": {"traceId": "f" * 32},
            "one day": {"startTime": "2026-06-01T00:00:00Z", "endTime": "2026-06-02T00:00:00Z"},
        }
        headers = auditor.headers()
        bars = {}
        for name, asked in filters.items():
            path = f"{PATH}?{urlencode(asked)}"
            bars[name] = lambda path=path: timed_requests(port, path, REQUESTS, headers)
        found = interleaved(bars)
    return [
        Result(
            metric=17, scenario=f"trail, {name}", unit="ms", better="lower", ours=samples, limit=None,
            target={"p95": P95_MS}, settings={"limits": LIMITS, "entries": ENTRIES, "page": 50},
            checked="every request was answered with a page",
        ).judged()
        for name, samples in found.items()
    ]  # fmt: skip


async def _fill(instance: Instance, here: str, there: str, person: str) -> None:
    connection = await asyncpg.connect(instance.env()["HEYI_PROCUREMENT_OWNER_DATABASE_URL"])
    try:
        await connection.execute(_FILL, here, there, person, ENTRIES, timeout=1800)
        await connection.execute("VACUUM ANALYZE audit_entry", timeout=600)
    finally:
        await connection.close()
