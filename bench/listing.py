"""A list of 100 of 100,000 requisitions through the gateway, permission filter on; the limit reads the same rows."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import asyncpg

from bench import limits
from bench.limits import timed_requests
from bench.record import Result, interleaved
from bench.suite import LIMITS, Person, suite

ROWS, REQUESTS, SECONDS, CLIENTS = 100_000, 150, 3, 8  # requests and seconds in each round
# the same ten columns that the limit program reads
FIELDS = "id,number,title,state,ownerId,departmentId,amount,currency,needDate,createTime"
PATH = f"/v1/procurement/purchase-requisitions?pageSize=100&fields={FIELDS}"
FILL = """
INSERT INTO purchase_requisition (id, version, created_at, updated_at, company_id, number, state, owner_id,
  department_id, title, currency, need_date, urgency, amount, net_amount, submission, ordered_percent,
  purpose, delivery_place, base_currency, content_hash, outcome_note, case_id, waiting_on_ids, case_version)
SELECT gen_random_uuid(), 1, now() - g * interval '1 minute', now(), one.company_id,
  'PR-BENCH-' || lpad(g::text, 6, '0'),
  (ARRAY['APPROVED','ORDERED','CLOSED'])[1 + g % 3], one.owner_id, one.department_id, '轴承补货 ' || g, 'CNY',
  current_date + (g % 60)::int, 'NORMAL', g % 9000 + 0.25, g % 8000, 1, 0,
  '', '', 'CNY', '', '', '', '{}', 0
FROM generate_series(1, $1::int) g, (SELECT company_id, owner_id, department_id FROM purchase_requisition
  WHERE company_id = $2::uuid LIMIT 1) one
"""


def run() -> list[Result]:
    """One client for latency, eight for throughput; ours and the limit in turn."""
    with suite() as instance:
        people = {p["what"].split(":")[0]: p["username"] for p in instance.logins()}
        buyer = Person(instance.url, people["buyer"])
        company = buyer.get("/v1/identity/me")["companyId"]
        dsn = instance.env()["HEYI_PROCUREMENT_OWNER_DATABASE_URL"]
        asyncio.run(_fill(dsn, company))
        port = int(buyer.site.rsplit(":", 1)[1])
        headers = buyer.headers() | {"x-company": company}
        body = buyer.call("GET", PATH, headers=headers)
        if len(body["purchaseRequisitions"]) != 100 or not body["nextPageToken"]:
            raise RuntimeError("the list does not hold 100 rows and a next page")
        reader, name = limits.free_port(), "FastAPI + asyncpg"
        with limits.program("reader", str(reader), dsn):
            found = interleaved(
                {
                    "ours": lambda: timed_requests(port, PATH, REQUESTS, headers),
                    name: lambda: timed_requests(reader, "/rows", REQUESTS, size=100),
                    f"ours, {CLIENTS} clients": lambda: [_rate(port, PATH, headers)],
                    f"{name}, {CLIENTS} clients": lambda: [_rate(reader, "/rows", {})],
                }
            )
    ours, limit, ours_rate, limit_rate = found.values()
    common: dict[str, Any] = {
        "metric": 10,
        "settings": {"limits": LIMITS, "rows": ROWS, "page": 100},
        "checked": "100 rows and a next page; the limit reads the same table",
    }
    return [
        Result(
            scenario="list", unit="ms", better="lower", ours=ours, limit=limit, target={"ratio_to_limit": 2.0}, **common
        ).judged(),
        Result(
            scenario=f"list, {CLIENTS} clients", unit="req/s", better="higher", ours=ours_rate, limit=limit_rate,
            target={"ratio_to_limit": 0.5}, **common,
        ).judged(),
    ]  # fmt: skip


async def _fill(dsn: str, company: str) -> None:
    connection = await asyncpg.connect(dsn)
    known = await connection.fetchval("SELECT count(*) FROM purchase_requisition WHERE number LIKE 'PR-BENCH-%'")
    if known < ROWS:
        await connection.execute("DELETE FROM purchase_requisition WHERE number LIKE 'PR-BENCH-%'")
        await connection.execute(FILL, ROWS, company, timeout=120)
        await connection.execute("ANALYZE purchase_requisition")
    await connection.close()


def _rate(port: int, path: str, headers: dict[str, str]) -> float:
    """Requests per second of eight clients."""
    done: list[int] = []
    until = time.perf_counter() + SECONDS

    def work() -> None:
        count = 0
        while time.perf_counter() < until:
            timed_requests(port, path, 5, headers)
            count += 25
        done.append(count)

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return round(sum(done) / (time.perf_counter() - began), 1)
