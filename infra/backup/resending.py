"""What was announced and marked as sent, and had not reached everybody at the point of a restore, is sent again.

The restored stream is empty. Outboxes and inboxes are of one moment: an event that is marked in the outbox and lacks in
the inbox (and among the parked events) of one that reacts to it was on its way. It is marked as not sent; the relay
brings it to all, those who know it drop it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import asyncpg

from chassis.service import find

# a little less than events are kept (chassis/housekeeping.py): older ones may be gone from one side already
KEPT_DAYS = 29


class Resent(NamedTuple):
    """How many events of a kind a service that listens had not worked on."""

    subject: str
    consumer: str
    events: int


def resend(environment: Mapping[str, str], services: tuple[str, ...]) -> list[Resent]:
    """Mark them; returns who was owed how many."""
    return asyncio.run(_resend(environment, services))


async def _resend(environment: Mapping[str, str], services: tuple[str, ...]) -> list[Resent]:
    books: dict[str, Any] = {}
    try:
        for name in services:
            books[name] = await asyncpg.connect(environment[f"HEYI_{name.upper()}_OWNER_DATABASE_URL"], timeout=10)
        # by the books' own time: a backup may be old
        ends = [await book.fetchval("SELECT max(created_at) FROM outbox") for book in books.values()]
        end = max((at for at in ends if at), default=None)
        owed: list[Resent] = []
        unsent: dict[str, set[Any]] = {name: set() for name in services}
        for consumer in services:
            subjects = sorted(find(consumer).reactions)
            known = "SELECT event_id FROM {} WHERE consumer = $1"
            rows = [await books[consumer].fetch(known.format(table), consumer) for table in ("inbox", "parked_event")]
            heard = {row["event_id"] for some in rows for row in some}
            for source in sorted({subject.split(".")[1] for subject in subjects} & books.keys()):
                published = await books[source].fetch(
                    "SELECT event_id, subject FROM outbox WHERE published_at IS NOT NULL AND subject = ANY($1) "
                    "AND created_at > $2::timestamptz - make_interval(days => $3)",
                    subjects,
                    end,
                    KEPT_DAYS,
                )
                missing = [row for row in published if row["event_id"] not in heard]
                counts = Counter(row["subject"] for row in missing)
                owed += [Resent(subject, consumer, count) for subject, count in sorted(counts.items())]
                unsent[source].update(row["event_id"] for row in missing)
        for source, events in unsent.items():
            await books[source].execute("UPDATE outbox SET published_at = NULL WHERE event_id = ANY($1)", list(events))
        return owed
    finally:
        for book in books.values():
            await book.close()
