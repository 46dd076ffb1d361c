"""One run over all books."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from reconciler import across, intents
from reconciler.report import Books, Finding, Outcome, first_cause
from reconciler.within import INVARIANTS, Invariant

EXPLAINED = 20


async def reconcile(*, settled_seconds: float = 60, log: Sequence[str] | None = None) -> list[Outcome]:
    """Check every invariant; rows that are younger than the settling time are left for the next run."""
    books = await Books.open()
    try:
        outcomes = [await _within(books, invariant) for invariant in INVARIANTS]
        outcomes += [await check(books) for check in across.CHECKS]
        if log is not None:
            outcomes += await intents.check(books, log)
        before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=settled_seconds)
        for outcome in outcomes:
            outcome.findings = [finding for finding in outcome.findings if finding.at <= before]
            for finding in outcome.findings[:EXPLAINED]:
                finding.cause = await first_cause(books, finding.document_id)
    finally:
        await books.close()
    return outcomes


async def _within(books: Books, invariant: Invariant) -> Outcome:
    rows, findings = 0, []
    for database in invariant.databases:
        rows += (await books.rows(database, invariant.rows))[0][0]
        found = await books.rows(database, invariant.broken)
        findings += [Finding(str(row["id"]), f"{database}: {row['what']}", row["at"]) for row in found]
    return Outcome(invariant.name, rows, findings)
