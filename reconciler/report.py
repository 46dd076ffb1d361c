"""The books as they are read, what was found in them, and why."""

from __future__ import annotations

import datetime
import functools
import os
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

DATABASES = ("identity", "approval", "procurement", "inventory", "documents")
SHOWN = 100
LONGEST_FACT = 300
_PLACE = re.compile(r"\{(\w+)\}")
# A document's words for people, and the company in whose pages it is opened.
_TITLE = "SELECT id, {} AS title, {} AS company FROM {} d WHERE id = ANY($1::uuid[])"
_NAME, _COMPANY, _GROUP = "concat_ws(' ', code, name)", "company_id::text", "''"
TITLES = {
    "procurement.purchase_requisition": _TITLE.format("coalesce(number, title)", _COMPANY, "purchase_requisition"),
    "procurement.purchase_order": _TITLE.format("coalesce(number, supplier_name)", _COMPANY, "purchase_order"),
    "procurement.sourcing_task": _TITLE.format("requisition_number", _COMPANY, "sourcing_task"),
    "documents.attachment": _TITLE.format("name", "coalesce(company_id::text, '')", "attachment"),
    "approval.office_request": _TITLE.format("coalesce(number, title)", _COMPANY, "office_request"),
    "approval.case": _TITLE.format("document_number", _COMPANY, "approval_case"),
    **{f"inventory.{table}": _TITLE.format(_NAME, _GROUP, table) for table in ("item", "item_category", "unit")},
    **{f"identity.{table}": _TITLE.format(_NAME, _GROUP, table) for table in ("employee", "company", "post", "role")},
}


@dataclass(frozen=True)
class Said:
    """A sentence of proto/labels by its key, and the facts that it names. Pages say it in the reader's language."""

    kind: str
    key: str
    facts: Mapping[str, str]

    @classmethod
    def of(cls, kind: str, key: str, **facts: Any) -> Said:
        """Facts become short texts of one line."""
        return cls(kind, key, {name: " ".join(str(fact).split())[:LONGEST_FACT] for name, fact in facts.items()})

    def __str__(self) -> str:
        return _PLACE.sub(
            lambda found: self.facts.get(found[1], found[0]), _words()[f"consistency.{self.kind}.{self.key}"]
        )


@functools.cache
def _words() -> Mapping[str, str]:
    import yaml

    catalog = Path(__file__).resolve().parents[1] / "proto" / "labels" / "en" / "identity.yaml"
    return dict(yaml.safe_load(catalog.read_text("utf-8"))["messages"])


def what(key: str, **facts: Any) -> Said:
    """What is wrong."""
    return Said.of("what", key, **facts)


@dataclass
class Finding:
    """One row that breaks an invariant, since when, and the first thing that went wrong on its way.

    `document` names its type, `<service>.<document>`, where `document_id` is one's id; `beside` are the ids of what it
    goes with, whose events matter to it.
    """

    database: str
    document_id: str
    what: Said
    at: datetime.datetime
    document: str = ""
    beside: tuple[str, ...] = ()
    cause: Said | None = None
    title: str = ""
    company: str = ""


@dataclass
class Outcome:
    """One invariant: how many rows it looked at and those that break it."""

    name: str
    rows: int
    findings: list[Finding] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        shown = [
            {
                "database": f.database,
                "document": f.document,
                "document_id": f.document_id,
                "title": f.title,
                "what": str(f.what),
                "at": f.at.isoformat(),
                "cause": str(f.cause or ""),
            }
            for f in self.findings[:SHOWN]
        ]
        return {"name": self.name, "rows": self.rows, "findings": shown}


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


async def explain(books: Books, findings: Sequence[Finding]) -> None:
    """Give findings their first causes and their documents' names."""
    for finding in findings:
        finding.cause = await first_cause(books, [finding.document_id, *finding.beside])
    for document, statement in TITLES.items():
        mine = [finding for finding in findings if finding.document == document]
        if mine:
            ids = [finding.document_id for finding in mine]
            known = {str(row["id"]): row for row in await books.rows(document.split(".")[0], statement, ids)}
            for finding in mine:
                if row := known.get(finding.document_id):
                    finding.title, finding.company = row["title"] or "", row["company"]


async def first_cause(books: Books, ids: Sequence[str]) -> Said:
    """Follow a document's events, and those of what it goes with, from the outbox to those who listen.

    The first that stopped is the cause; where none did, whoever wrote it last.
    """
    ids = [one for one in ids if is_id(one)]
    events = [
        (source, event)
        for source in DATABASES
        for event in await books.rows(
            source,
            "SELECT event_id, subject, published_at, created_at FROM outbox WHERE aggregate_id = ANY($1::uuid[])",
            ids,
        )
    ]
    parked = {
        row["event_id"]: (consumer, row)
        for consumer in DATABASES
        for row in await books.rows(
            consumer,
            "SELECT event_id, error, first_at FROM parked_event WHERE event_id = ANY($1::uuid[]) "
            "AND resolved_at IS NULL",
            [event["event_id"] for _, event in events],
        )
    }
    for source, event in sorted(events, key=lambda one: one[1]["created_at"]):
        subject = event["subject"]
        if event["published_at"] is None:
            return Said.of("cause", "waits", subject=subject, service=source, time=event["created_at"].isoformat())
        if event["event_id"] in parked:
            consumer, row = parked[event["event_id"]]
            facts = {"subject": subject, "service": consumer, "error": row["error"]}
            return Said.of("cause", "parked", **facts, time=row["first_at"].isoformat())
    written = [
        row
        for database in DATABASES
        for row in await books.rows(
            database,
            "SELECT e.at, e.method, c.version FROM audit_change c JOIN audit_entry e ON e.id = c.entry_id "
            "WHERE c.document_id = ANY($1::uuid[]) ORDER BY c.id DESC LIMIT 1",
            ids[:1],
        )
    ]
    for row in written:
        method = row["method"].rpartition("/")[2]
        return Said.of("cause", "written", method=method, version=row["version"], time=row["at"].isoformat())
    return Said.of("cause", "unknown")


def is_id(text: str) -> bool:
    """Whether a row's name is a document's id: numbers and keys are other names."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
