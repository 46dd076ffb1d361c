"""One run over all books."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

from reconciler import across, intents
from reconciler.report import Books, Finding, Outcome, explain, what
from reconciler.within import INVARIANTS, Invariant

EXPLAINED = 20
# how many there are, in the order in which they are looked at
NAMES = (*(invariant.name for invariant in INVARIANTS), *(check.__name__ for check in across.CHECKS))
COLUMNS = frozenset({"id", "at", "document"})


async def reconcile(
    *,
    settled_seconds: float = 60,
    log: Sequence[str] | None = None,
    checked: Callable[[int], None] = lambda count: None,
) -> list[Outcome]:
    """Check every invariant; rows that are younger than the settling time are left for the next run.

    `checked` is told how many are done.
    """
    books = await Books.open()
    try:
        outcomes: list[Outcome] = []
        for invariant in INVARIANTS:
            outcomes.append(await _within(books, invariant))
            checked(len(outcomes))
        for check in across.CHECKS:
            outcomes.append(await check(books))
            checked(len(outcomes))
        if log is not None:
            outcomes += await intents.check(books, log)
        before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=settled_seconds)
        for outcome in outcomes:
            outcome.findings = [finding for finding in outcome.findings if finding.at <= before]
            await explain(books, outcome.findings[:EXPLAINED])
    finally:
        await books.close()
    return outcomes


async def _within(books: Books, invariant: Invariant) -> Outcome:
    rows, findings = 0, []
    for database in invariant.databases:
        rows += (await books.rows(database, invariant.rows))[0][0]
        for row in await books.rows(database, invariant.broken):
            facts = {name: value for name, value in row.items() if name not in COLUMNS}
            document = row.get("document", invariant.document)
            findings.append(Finding(database, str(row["id"]), what(invariant.name, **facts), row["at"], document))
    return Outcome(invariant.name, rows, findings)
