"""What must hold between databases: read from each, compared here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from reconciler.report import Books, Finding, Outcome

# Who must have heard what. Kept by hand on purpose: what the services declare may be what is wrong.
HEARS: Mapping[str, Mapping[str, str]] = {
    "procurement": {
        "inventory": "^evt\\.inventory\\.(item|item_category|unit)\\.(created|updated)$",
        "approval": "^evt\\.approval\\.case\\.(opened|advanced|parked|approved|rejected|returned|withdrawn)$",
    },
    "approval": {
        "procurement": "^evt\\.procurement\\.(purchase_requisition\\.submitted|purchase_order\\.change_submitted)$",
    },
}
# What becomes of a submitted document: the state of its case -> states in which the requisition may then be.
AFTER = {
    "RUNNING": {"SUBMITTED"},
    "PARKED": {"SUBMITTED"},
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
                "SELECT event_id, aggregate_id, subject, published_at FROM outbox "
                "WHERE published_at IS NOT NULL AND subject ~ $1 AND created_at > now() - interval '29 days'",
                pattern,
            )
            rows += len(published)
            for event in published:
                if event["event_id"] not in seen:
                    what = f"{event['subject']} was never heard by {consumer}"
                    findings.append(Finding(str(event["aggregate_id"]), what, event["published_at"]))
    return Outcome("every_event_was_heard", rows, findings)


async def nothing_was_heard_that_nobody_said(books: Books) -> Outcome:
    """No effect without a cause: each event of an inbox is in an outbox."""
    said: set[Any] = set()
    for database in ("identity", "approval", "procurement", "inventory"):
        said |= await books.keys(database, "SELECT event_id FROM outbox")
    rows, findings = 0, []
    for consumer in HEARS:
        heard = await books.rows(
            consumer,
            "SELECT event_id, processed_at FROM inbox WHERE processed_at > now() - interval '28 days'",
        )
        rows += len(heard)
        findings += [
            Finding(str(event["event_id"]), f"{consumer} heard an event that nobody said", event["processed_at"])
            for event in heard
            if event["event_id"] not in said
        ]
    return Outcome("nothing_was_heard_that_nobody_said", rows, findings)


async def case_and_requisition_agree(books: Books) -> Outcome:
    """Office and business say the same of each submission, and name each other."""
    cases = await books.rows(
        "approval",
        "SELECT id, document_id, submission, state, content_hash, updated_at FROM approval_case "
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
    for case in cases:
        mine = requisitions.get(case["document_id"])
        if mine is None:
            what = f"case {case['id']} is about a requisition that does not exist"
            findings.append(Finding(str(case["document_id"]), what, case["updated_at"]))
            continue
        if mine["submission"] != case["submission"]:
            continue
        current[mine["id"]] = case
        at = max(case["updated_at"], mine["updated_at"])
        if mine["state"] not in AFTER[case["state"]]:
            what = f"{mine['number']} is {mine['state']}, its case is {case['state']}"
            findings.append(Finding(str(mine["id"]), what, at))
        if mine["case_id"] not in ("", str(case["id"])):
            findings.append(Finding(str(mine["id"]), f"{mine['number']} names another case", at))
        if case["state"] == "APPROVED" and mine["content_hash"] != case["content_hash"]:
            findings.append(Finding(str(mine["id"]), f"{mine['number']} is not what was agreed to", at))
    findings += [
        Finding(str(mine["id"]), f"{mine['number']} is submitted and has no case", mine["updated_at"])
        for mine in requisitions.values()
        if mine["state"] == "SUBMITTED" and mine["id"] not in current
    ]
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
                version = "none" if mine is None else mine["version"]
                what = f"{original} {row['code']}: the copy is version {version}, the original {row['version']}"
                findings.append(Finding(str(row["id"]), what, row["updated_at"]))
    return Outcome("copies_equal_their_originals", rows, findings)


CHECKS: tuple[Callable[[Books], Awaitable[Outcome]], ...] = (
    every_event_was_heard,
    nothing_was_heard_that_nobody_said,
    case_and_requisition_agree,
    copies_equal_their_originals,
)
