"""What clients meant to do, as they wrote it down before sending, against what the books say.

One JSON object a line: first `{"key", "database", "method", "effect": [kind, value]}` before the request is sent, then
`{"key", "outcome": "ok" | "refused"}` with `"value"` where the effect is known only by the answer. An intent without an
outcome is unknown: there once or not at all. One that was refused has left nothing behind.
"""

from __future__ import annotations

import datetime
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.report import Books, Finding, Outcome, what

# how often the effect of an intent is in the books: value -> count
EFFECTS = {
    "requisition": (
        "procurement",
        "SELECT title AS value, count(*) AS times FROM purchase_requisition WHERE title = ANY($1) GROUP BY 1",
    ),
    "supplier": (
        "procurement",
        "SELECT short_name AS value, count(*) AS times FROM supplier WHERE short_name = ANY($1) GROUP BY 1",
    ),
    "employee": ("identity", "SELECT code AS value, count(*) AS times FROM employee WHERE code = ANY($1) GROUP BY 1"),
    "item": ("inventory", "SELECT code AS value, count(*) AS times FROM item WHERE code = ANY($1) GROUP BY 1"),
    "import_file": (
        "inventory",
        "SELECT file_name AS value, count(*) AS times FROM import_batch WHERE file_name = ANY($1) GROUP BY 1",
    ),
    "import_check": (
        "inventory",
        "SELECT id::text AS value, count(*) AS times FROM import_batch WHERE id = ANY($1::uuid[]) "
        "AND state NOT IN ('UPLOADING', 'UPLOADED') GROUP BY 1",
    ),
    # a file is there once when each of its three items is
    "imported": (
        "inventory",
        "SELECT substr(code, 1, 15) AS value, CASE count(*) WHEN 3 THEN 1 ELSE 100 END AS times FROM item "
        "WHERE substr(code, 1, 15) = ANY($1) GROUP BY 1",
    ),
    "flow": (
        "approval",
        "SELECT code AS value, count(*) AS times FROM flow_definition WHERE code = ANY($1) GROUP BY 1",
    ),
    "publication": (
        "approval",
        "SELECT flow_definition_id::text AS value, count(*) AS times FROM flow_publication "
        "WHERE flow_definition_id = ANY($1::uuid[]) GROUP BY 1",
    ),
    "published": (
        "approval",
        "SELECT flow_definition_id::text AS value, count(*) AS times FROM flow_version "
        "WHERE flow_definition_id = ANY($1::uuid[]) GROUP BY 1",
    ),
    "submission": (
        "procurement",
        "SELECT aggregate_id::text AS value, count(*) AS times FROM outbox "
        "WHERE subject = 'evt.procurement.purchase_requisition.submitted' "
        "AND aggregate_id = ANY($1::uuid[]) GROUP BY 1",
    ),
    "office_request": (
        "approval",
        "SELECT values ->> 'subject' AS value, count(*) AS times FROM office_request "
        "WHERE values ->> 'subject' = ANY($1) GROUP BY 1",
    ),
    "office_submission": (
        "approval",
        "SELECT aggregate_id::text AS value, count(*) AS times FROM outbox "
        "WHERE subject = 'evt.approval.office_request.submitted' AND aggregate_id = ANY($1::uuid[]) GROUP BY 1",
    ),
    "upload": ("documents", "SELECT name AS value, count(*) AS times FROM attachment WHERE name = ANY($1) GROUP BY 1"),
    "file": (
        "documents",
        "SELECT id::text AS value, count(*) AS times FROM attachment WHERE id = ANY($1::uuid[]) "
        "AND state IN ('CHECKING', 'READY') GROUP BY 1",
    ),
    "decision": (
        "approval",
        "SELECT c.document_id::text AS value, count(*) AS times FROM audit_change c JOIN audit_entry e "
        "ON e.id = c.entry_id WHERE e.method ~ '/(Approve|Reject)Task$' AND c.document_type LIKE '%task' "
        "AND c.document_id = ANY($1::uuid[]) "
        """AND c.changes @? '$[*] ? (@.field == "state" && @.before == "OPEN")' GROUP BY 1""",
    ),
}


@dataclass
class Intent:
    key: str
    database: str
    method: str
    kind: str
    value: str
    outcome: str = "unknown"


def read(lines: Iterable[str]) -> list[Intent]:
    """The log of one or several clients. A last line that a crash cut off says nothing."""
    intents: dict[str, Intent] = {}
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if "method" in said:
            kind, value = said["effect"]
            intents.setdefault(said["key"], Intent(said["key"], said["database"], said["method"], kind, value))
        else:
            intents[said["key"]].outcome = said["outcome"]
    return list(intents.values())


async def check(books: Books, log: Sequence[str]) -> list[Outcome]:
    """Every acknowledged intent once, every unknown one at most once, every refused one not at all."""
    intents = read(log)
    counted = Counter(intent.outcome for intent in intents)
    now = datetime.datetime.fromtimestamp(0, datetime.UTC)
    keys: Counter[tuple[str, str]] = Counter()
    for database in {intent.database for intent in intents}:
        wanted = [intent.key for intent in intents if intent.database == database]
        statement = "SELECT key, count(*) AS times FROM idempotency WHERE key = ANY($1) GROUP BY 1"
        keys.update({(database, row["key"]): row["times"] for row in await books.rows(database, statement, wanted)})
    effects: Counter[tuple[str, str]] = Counter()
    if strange := {intent.kind for intent in intents} - EFFECTS.keys():
        raise ValueError(f"nobody knows how to look for {', '.join(sorted(strange))}")
    for kind, (database, statement) in EFFECTS.items():
        values = [intent.value for intent in intents if intent.kind == kind]
        effects.update({(kind, row["value"]): row["times"] for row in await books.rows(database, statement, values)})
    allowed = {"ok": {1}, "unknown": {0, 1}, "refused": {0}}
    findings: dict[str, list[Finding]] = {outcome: [] for outcome in allowed}
    sharing = Counter((intent.kind, intent.value) for intent in intents)
    for intent in intents:
        stored, there = keys[(intent.database, intent.key)], effects[(intent.kind, intent.value)]
        # of several intents with one effect, each may have been refused because another had it
        several = sharing[(intent.kind, intent.value)] > 1
        right = allowed[intent.outcome] | ({1} if several else set())
        if stored not in allowed[intent.outcome] or there not in right or (not several and stored != there):
            facts = {"method": intent.method, "outcome": intent.outcome, "effect": f"{intent.kind} {intent.value}"}
            said = what("intent", **facts, keys=stored, times=there)
            findings[intent.outcome].append(Finding(intent.database, intent.key, said, now))
    names = {
        "ok": "an_acknowledged_intent_is_there_once",
        "unknown": "an_unknown_intent_is_there_at_most_once",
        "refused": "a_refused_intent_left_nothing",
    }
    return [Outcome(names[o], counted[o], findings[o]) for o in allowed]
