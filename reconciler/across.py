"""What must hold between databases: read from each, compared here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from reconciler.report import DATABASES, Books, Finding, Outcome, what
from reconciler.within import REQUISITION

OF_A_CASE = "case\\.(opened|advanced|parked|suspended|commented|approved|rejected|returned|withdrawn|change_requested)"
# Who must have heard what. Kept by hand on purpose: what the services declare may be what is wrong.
HEARS: Mapping[str, Mapping[str, str]] = {
    "procurement": {
        "inventory": "^evt\\.inventory\\.(item|item_category|unit)\\.(created|updated)$",
        "approval": f"^evt\\.approval\\.({OF_A_CASE}|flow_definition\\.(published|retired))$",
    },
    "approval": {
        "approval": f"^evt\\.approval\\.({OF_A_CASE}|office_request\\.(submitted|change_answered))$",
        "procurement": "^evt\\.procurement\\.(purchase_requisition\\.(submitted|change_answered)"
        "|purchase_order\\.(change_submitted|change_answered|released))$",
    },
}
# What becomes of a submitted document: the state of its case -> states in which the requisition may then be.
AFTER = {
    "RUNNING": {"SUBMITTED"},
    "PARKED": {"SUBMITTED"},
    "SUSPENDED": {"SUBMITTED"},
    "APPROVED": {"APPROVED", "ORDERED", "CLOSED"},
    "REJECTED": {"REJECTED"},
    "RETURNED": {"DRAFT", "CANCELLED"},
    "WITHDRAWN": {"DRAFT", "CANCELLED"},
}


async def every_event_was_heard(books: Books) -> Outcome:
    """What was published stands in the inbox of each who listens, or is parked there."""
    rows, findings = 0, []
    for consumer, sources in HEARS.items():
        seen = await books.keys(consumer, "SELECT event_id FROM inbox UNION ALL SELECT event_id FROM parked_event")
        for source, pattern in sources.items():
            published = await books.rows(
                source,
                "SELECT event_id, aggregate_type, aggregate_id, subject, published_at FROM outbox "
                "WHERE published_at IS NOT NULL AND subject ~ $1 AND created_at > now() - interval '29 days'",
                pattern,
            )
            rows += len(published)
            for event in published:
                if event["event_id"] not in seen:
                    said = what("every_event_was_heard", subject=event["subject"], consumer=consumer)
                    key, document = str(event["aggregate_id"]), event["aggregate_type"]
                    findings.append(Finding(consumer, key, said, event["published_at"], document))
    return Outcome("every_event_was_heard", rows, findings)


async def nothing_was_heard_that_nobody_said(books: Books) -> Outcome:
    """No effect without a cause: each event of an inbox is in an outbox."""
    said: set[Any] = set()
    for database in DATABASES:
        said |= await books.keys(database, "SELECT event_id FROM outbox")
    rows, findings = 0, []
    for consumer in HEARS:
        heard = await books.rows(
            consumer,
            "SELECT event_id, processed_at FROM inbox WHERE processed_at > now() - interval '28 days'",
        )
        rows += len(heard)
        findings += [
            Finding(
                consumer,
                str(event["event_id"]),
                what("nothing_was_heard_that_nobody_said", consumer=consumer),
                event["processed_at"],
            )
            for event in heard
            if event["event_id"] not in said
        ]
    return Outcome("nothing_was_heard_that_nobody_said", rows, findings)


async def case_and_requisition_agree(books: Books) -> Outcome:
    """Office and business say the same of each submission, and name each other."""
    cases = await books.rows(
        "approval",
        "SELECT id, document_id, document_number, submission, state, content_hash, updated_at FROM approval_case "
        "WHERE document_type = 'procurement.purchase_requisition'",
    )
    requisitions = {
        row["id"]: row
        for row in await books.rows(
            "procurement",
            "SELECT id, number, state, submission, case_id, content_hash, updated_at FROM purchase_requisition",
        )
    }
    findings, current = [], {}

    def found(key: str, document_id: Any, at: Any, case: Any = None, **facts: Any) -> None:
        beside = (str(case["id"]),) if case else ()
        findings.append(Finding("procurement", str(document_id), what(key, **facts), at, REQUISITION, beside))

    for case in cases:
        mine = requisitions.get(case["document_id"])
        if mine is None:
            found("no_such_requisition", case["document_id"], case["updated_at"], case, number=case["document_number"])
            continue
        if mine["submission"] != case["submission"]:
            continue
        current[mine["id"]] = case
        about = {"document_id": mine["id"], "at": max(case["updated_at"], mine["updated_at"]), "case": case}
        if mine["state"] not in AFTER[case["state"]]:
            states = {"state": mine["state"], "case_state": case["state"]}
            found("case_disagrees", **about, number=mine["number"], **states)
        if mine["case_id"] not in ("", str(case["id"])):
            found("another_case", **about, number=mine["number"])
        other = mine["content_hash"] != case["content_hash"]
        if other and case["state"] == "APPROVED":
            found("not_what_was_agreed", **about, number=mine["number"])
        # an approver's changes are on their way for seconds
        if other and (case["state"], mine["state"]) == ("RUNNING", "SUBMITTED"):
            found("not_what_is_shown", **about, number=mine["number"])
    for mine in requisitions.values():
        if mine["state"] == "SUBMITTED" and mine["id"] not in current:
            found("no_case", mine["id"], mine["updated_at"], number=mine["number"])
    return Outcome("case_and_requisition_agree", len(cases), findings)


async def copies_equal_their_originals(books: Books) -> Outcome:
    """Procurement's read copies of the item master say what inventory says."""
    rows, findings = 0, []
    for copy, original in (("item_copy", "item"), ("category_copy", "item_category"), ("unit_copy", "unit")):
        kept = {
            row["id"]: row
            for row in await books.rows("procurement", f"SELECT id, version, code, name FROM {copy}")  # noqa: S608
        }
        for row in await books.rows("inventory", f"SELECT id, version, code, name, updated_at FROM {original}"):  # noqa: S608
            rows += 1
            mine = kept.get(row["id"])
            if mine is None or any(mine[column] != row[column] for column in ("version", "code", "name")):
                version = "-" if mine is None else mine["version"]
                said = what("copies_equal_their_originals", code=row["code"], copy=version, original=row["version"])
                key, document = str(row["id"]), f"inventory.{original}"
                findings.append(Finding("procurement", key, said, row["updated_at"], document))
    return Outcome("copies_equal_their_originals", rows, findings)


def _size(*path: str) -> int | None:
    """Of a file or folder; None where it is not there."""
    try:
        return Path(*path).stat().st_size
    except FileNotFoundError:
        return None


async def every_file_is_in_the_store(books: Books) -> Outcome:
    """What a row says was kept lies in the folder, as long as it was; where none can be seen, nothing is said."""
    findings = []
    folder = os.environ.get("HEYI_DOCUMENTS_STORE") or "/nowhere"
    rows = await books.rows(
        "documents", "SELECT id, name, blob, size_bytes, touched_at FROM attachment WHERE state IN ('READY', 'REMOVED')"
    )
    for row in rows if await asyncio.to_thread(_size, folder) is not None else ():
        found = await asyncio.to_thread(_size, folder, "blobs", row["blob"].hex[:2], row["blob"].hex)
        if found != row["size_bytes"]:
            said = what(
                "every_file_is_in_the_store",
                name=row["name"],
                size=row["size_bytes"],
                found="-" if found is None else found,
            )
            findings.append(Finding("documents", str(row["id"]), said, row["touched_at"], "documents.attachment"))
    return Outcome("every_file_is_in_the_store", len(rows), findings)


CHECKS: tuple[Callable[[Books], Awaitable[Outcome]], ...] = (
    every_event_was_heard,
    nothing_was_heard_that_nobody_said,
    case_and_requisition_agree,
    copies_equal_their_originals,
    every_file_is_in_the_store,
)
