"""The books as they are read, what was found in them, and why."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import asyncpg

DATABASES = ("identity", "approval", "procurement", "inventory")
SHOWN = 100


@dataclass
class Finding:
    """One row that breaks an invariant, since when, and the first thing that went wrong on its way."""

    document_id: str
    what: str
    at: datetime.datetime
    cause: str = ""


@dataclass
class Outcome:
    """One invariant: how many rows it looked at and those that break it."""

    name: str
    rows: int
    findings: list[Finding] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "findings": [{**asdict(f), "at": f.at.isoformat()} for f in self.findings[:SHOWN]]}


class Books:
    """A read-only connection to each database. One snapshot per database: the whole run reads one state of it."""

    def __init__(self, connections: Mapping[str, Any]) -> None:
        self.connections = connections

    @classmethod
    async def open(cls, environment: Mapping[str, str] | None = None) -> Books:
        """Connect as HEYI_<SERVICE>_RO_DATABASE_URL says."""
        values = os.environ if environment is None else environment
        opened = {}
        for name in DATABASES:
            opened[name] = await asyncpg.connect(values[f"HEYI_{name.upper()}_RO_DATABASE_URL"], timeout=10)
            await opened[name].execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return cls(opened)

    async def rows(self, database: str, statement: str, *values: Any) -> Sequence[Any]:
        """The rows of a statement."""
        return list(await self.connections[database].fetch(statement, *values))

    async def keys(self, database: str, statement: str) -> set[Any]:
        """The first column."""
        return {row[0] for row in await self.rows(database, statement)}

    async def close(self) -> None:
        """Let go."""
        for connection in self.connections.values():
            await connection.close()


async def first_cause(books: Books, document_id: str) -> str:
    """Follow a document's events from the outbox to those who listen; the first that stopped is the cause."""
    if len(document_id) != 36:
        return ""
    for source in DATABASES:
        events = await books.rows(
            source,
            "SELECT event_id, subject, published_at FROM outbox WHERE aggregate_id = $1::uuid ORDER BY created_at",
            document_id,
        )
        for event in events:
            if event["published_at"] is None:
                return f"{event['subject']} waits in the outbox of {source}"
            for consumer in DATABASES:
                parked = await books.rows(
                    consumer,
                    "SELECT error, first_at FROM parked_event WHERE event_id = $1 AND resolved_at IS NULL",
                    event["event_id"],
                )
                if parked:
                    return f"{event['subject']} is parked at {consumer}: {parked[0]['error']}"
    for database in DATABASES:
        last = await books.rows(
            database,
            "SELECT e.at, e.method, c.version FROM audit_change c JOIN audit_entry e ON e.id = c.entry_id "
            "WHERE c.document_id = $1::uuid ORDER BY c.id DESC LIMIT 1",
            document_id,
        )
        if last:
            row = last[0]
            return f"its events were heard; {row['method']} wrote version {row['version']} at {row['at']:%F %T}"
    return "nothing is known of it"
