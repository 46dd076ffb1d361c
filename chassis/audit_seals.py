"""Seals over the trail: whoever alters, adds or removes an entry afterwards is found out.

Half a minute after entries were committed, their hashes are put down in a seal that also holds the hash of the seal
before: one chain for each service, told by days. The nightly check computes all of it anew (`reconciler`). Sealing is a
pass beside the calls, so no call waits for another one's hash. The service's role can add seals and not change them;
what the owner could do to the whole chain is seen by comparing with the last hash of each day, which goes to the log.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from chassis import telemetry

if TYPE_CHECKING:
    from chassis.runtime import Runtime

log = telemetry.logger("chassis.audit_seals")

EVERY_SECONDS = 30.0
BATCH = 1_000
LOCK = 4_806_712
# An entry is written by the last statement before its commit; a transaction may idle for ten seconds.
SETTLES_SECONDS, OVERLAP_SECONDS = 30, 120

# Everything that an entry says, with what was changed. Instants in UTC: text of them follows no setting.
ENTRY_HASH = """sha256(convert_to(jsonb_build_array(e.id, e.at AT TIME ZONE 'UTC', e.company_id, e.actor_id, e.service,
  e.method, e.outcome, e.reason, e.facts, e.trace_id, e.kind, e.on_behalf_id, e.ip_address, e.document_types,
  e.document_ids, e.recorded_at AT TIME ZONE 'UTC',
  (SELECT jsonb_agg(jsonb_build_array(c.id, c.document_type, c.document_id, c.version, c.changes) ORDER BY c.id)
   FROM audit_change c WHERE c.entry_id = e.id))::text, 'UTF8'))"""
SEAL_HASH = """sha256({previous} || convert_to({number}::text || to_char({day}, 'YYYY-MM-DD')
    || {ids}::text || {kinds}::text, 'UTF8')
  || {hashes})"""

_SEAL = f"""
WITH last AS (SELECT number, until, hash FROM audit_seal ORDER BY number DESC LIMIT 1),
known AS (
  SELECT unnest(s.entry_ids) AS id FROM audit_seal s, last
  WHERE s.until >= last.until - make_interval(secs => :overlap)
),
fresh AS (
  SELECT e.id, e.kind, e.recorded_at, (e.recorded_at AT TIME ZONE 'UTC')::date AS day FROM audit_entry e
  WHERE e.recorded_at > coalesce((SELECT until FROM last) - make_interval(secs => :overlap), '-infinity')
    AND e.recorded_at < clock_timestamp() - make_interval(secs => :settles) AND e.id NOT IN (SELECT id FROM known)
  ORDER BY e.recorded_at, e.id LIMIT :batch
),
same_day AS (
  SELECT f.id, f.kind, f.recorded_at, f.day, {ENTRY_HASH} AS hash FROM fresh f JOIN audit_entry e ON e.id = f.id
  WHERE f.day = (SELECT min(day) FROM fresh)
),
seal AS (
  SELECT coalesce((SELECT number FROM last), 0) + 1 AS number, min(day) AS day,
    greatest(max(recorded_at), (SELECT until FROM last)) AS until,
    array_agg(id ORDER BY recorded_at, id) AS ids, array_agg(kind ORDER BY recorded_at, id) AS kinds,
    array_agg(hash ORDER BY recorded_at, id) AS hashes, string_agg(hash, ''::bytea ORDER BY recorded_at, id) AS joined,
    coalesce((SELECT hash FROM last), sha256('')) AS previous
  FROM same_day HAVING count(*) > 0
)
INSERT INTO audit_seal (number, day, until, entry_ids, kinds, entry_hashes, previous, hash)
SELECT number, day, until, ids, kinds, hashes, previous,
  {SEAL_HASH.format(previous="previous", number="number", day="day", ids="ids", kinds="kinds", hashes="joined")}
FROM seal RETURNING number, day, cardinality(entry_ids) AS entries, hash
"""  # noqa: S608


async def run(runtime: Runtime) -> None:
    """Seal what settled, again and again, until cancelled."""
    while True:
        await seal(runtime)
        runtime.due["audit_seals"] = time.monotonic() + 10 * EVERY_SECONDS
        await asyncio.sleep(EVERY_SECONDS)


async def seal(runtime: Runtime, *, settles_seconds: float = SETTLES_SECONDS) -> int:
    """Seal what settled and was not sealed; returns how many entries. Of two at work, one does it."""
    asked = {"overlap": OVERLAP_SECONDS, "settles": settles_seconds, "batch": BATCH}
    sealed, last = 0, None
    while True:
        async with runtime.sessions() as session, session.begin():
            mine: Any = await session.execute(sa.text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": LOCK})
            made = (await session.execute(sa.text(_SEAL), asked)).one_or_none() if mine.scalar_one() else None
        if made is None:
            break
        if last is not None and made.day != last.day:
            _tell(runtime, last)
        sealed, last = sealed + made.entries, made
    if last is not None:
        _tell(runtime, last)
    return sealed


def _tell(runtime: Runtime, made: Any) -> None:
    log.info("trail sealed", service=runtime.service.name, day=str(made.day), seal=made.number, hash=made.hash.hex())
