"""How long the trail is kept, by kind, and how what is over goes: by the owner of the database alone.

The service's own role may neither change nor delete an entry. It may ask the owner's function `audit_expire` to throw
away a batch of what is older than an instant, and the function holds to the least that the law asks for, whoever calls:

- 183 days for who signed in and who was shown what: network logs, Cybersecurity Law of China, article 21 (at least six
  months);
- 3,653 days for what was changed, exported, printed, and for rights: Measures for the Administration of Accounting
  Archives, 2015, annex (10 years at least; 30 years for vouchers and books, which is the default for changes).
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from chassis import faults

if TYPE_CHECKING:
    from chassis.runtime import Runtime

BATCH = 5_000
LOGS_FLOOR, BOOKS_FLOOR = 183, 3_653
DEFAULT_DAYS: Mapping[str, int] = {
    "CHANGED": 10_958,
    "READ": 1_096,
    "EXPORTED": 3_653,
    "PRINTED": 3_653,
    "SIGNED_IN": 1_096,
    "SIGNED_OUT": 1_096,
    "RIGHTS_CHANGED": 10_958,
}
_LOGS = ("READ", "SIGNED_IN", "SIGNED_OUT")


def floor_of(kind: str) -> int:
    """The least number of days that entries of a kind are kept."""
    return LOGS_FLOOR if kind in _LOGS else BOOKS_FLOOR


def days_of(text: str) -> dict[str, int]:
    """`READ=365,SIGNED_IN=730`: what differs from the defaults. ValueError names what is none, or too short."""
    days = dict(DEFAULT_DAYS)
    for part in filter(None, (part.strip() for part in text.split(","))):
        kind, _, number = part.partition("=")
        if kind not in days or not number.isdecimal():
            raise ValueError(f"{part!r} is no kind with a number of days")
        if int(number) < floor_of(kind):
            raise ValueError(f"{kind} must be kept {floor_of(kind)} days at least")
        days[kind] = int(number)
    return days


def retention_of(settings: Any) -> Mapping[str, int]:
    """Days by kind, as this service was told."""
    shared = getattr(settings, "shared", None)
    return shared.audit_days if shared is not None else DEFAULT_DAYS


async def expire(runtime: Runtime) -> int:
    """Throw away what is over, in small transactions; returns how many entries went."""
    now, gone = runtime.clock.now(), 0
    statement = sa.text("SELECT audit_expire(:kind, :before, :batch)")
    for kind, days in retention_of(runtime.settings).items():
        while True:
            asked = {"kind": kind, "before": now - datetime.timedelta(days=days), "batch": BATCH}
            async with runtime.sessions() as session, session.begin():
                removed = int((await session.execute(statement, asked)).scalar_one())
                faults.point("housekeeping")
            gone += removed
            if removed < BATCH:
                break
    return gone


def statements(app: str) -> list[str]:
    """What the owner makes of it: the function, and that the service's role may call it and nothing more."""
    logs = ", ".join(f"'{kind}'" for kind in _LOGS)
    tables = ("audit_entry", "audit_change", "audit_seal", "audit_expiry")
    return [
        *(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {app}" for table in tables),
        f"REVOKE INSERT ON audit_expiry FROM {app}",
        # the clock is the database's: no caller's clock makes anything older than it is
        f"""CREATE OR REPLACE FUNCTION audit_expire(of_kind text, older_than timestamptz, batch int) RETURNS int
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
        DECLARE
          floor_days int := CASE WHEN of_kind IN ({logs}) THEN {LOGS_FLOOR} ELSE {BOOKS_FLOOR} END;
          edge timestamptz := least(older_than, clock_timestamp() - make_interval(days => floor_days));
          gone uuid[];
        BEGIN
          SELECT array_agg(id) INTO gone FROM (
            SELECT id FROM audit_entry WHERE kind = of_kind AND at < edge AND recorded_at < edge
            ORDER BY at LIMIT batch) old;
          IF gone IS NULL THEN RETURN 0; END IF;
          DELETE FROM audit_change WHERE entry_id = ANY(gone);
          DELETE FROM audit_entry WHERE id = ANY(gone);
          INSERT INTO audit_expiry (kind, before, count) VALUES (of_kind, edge, cardinality(gone))
          ON CONFLICT (kind) DO UPDATE SET before = greatest(audit_expiry.before, excluded.before),
            count = audit_expiry.count + excluded.count;
          RETURN cardinality(gone);
        END $$""",  # noqa: S608
        "REVOKE ALL ON FUNCTION audit_expire(text, timestamptz, int) FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION audit_expire(text, timestamptz, int) TO {app}",
    ]
