"""What must hold inside one database.

Each invariant counts the rows that it looked at and selects those that break it: `id`, `what`, and `at`, the instant
since which the row stands so; a row younger than the settling time may still be on its way.
"""

from __future__ import annotations

from dataclasses import dataclass

EVERYWHERE = ("identity", "approval", "procurement", "inventory")


@dataclass(frozen=True)
class Invariant:
    name: str
    databases: tuple[str, ...]
    rows: str
    broken: str


def _totals(document: str, part: str, *columns: str) -> Invariant:
    sums = ", ".join(f"coalesce(sum({column}), 0) AS {column}" for column in columns)
    differ = " OR ".join(f"d.{column} <> s.{column}" for column in columns)
    shown = " || ' ' || ".join(f"d.{column} || ' is not ' || s.{column}" for column in columns)
    return Invariant(
        f"{document}_totals_are_the_sums_of_its_lines",
        ("procurement",),
        f"SELECT count(*) FROM {document}",  # noqa: S608
        f"SELECT d.id, {shown} AS what, d.updated_at AS at FROM {document} d CROSS JOIN LATERAL "  # noqa: S608
        f"(SELECT {sums} FROM {part} l WHERE l.parent_id = d.id) s WHERE {differ}",
    )


INVARIANTS = (
    Invariant(
        "every_event_is_published",
        EVERYWHERE,
        "SELECT count(*) FROM outbox",
        "SELECT aggregate_id AS id, subject || ' was never published' AS what, created_at AS at FROM outbox "
        "WHERE published_at IS NULL",
    ),
    Invariant(
        "no_event_is_parked",
        ("approval", "procurement"),
        "SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM parked_event)",
        "SELECT event_id AS id, subject || ' is parked: ' || error AS what, first_at AS at FROM parked_event "
        "WHERE resolved_at IS NULL",
    ),
    Invariant(
        "every_committed_key_has_its_reply",
        EVERYWHERE,
        "SELECT count(*) FROM idempotency",
        "SELECT key AS id, method || ' was committed without its reply' AS what, created_at AS at FROM idempotency "
        "WHERE response IS NULL",
    ),
    _totals("purchase_requisition", "purchase_requisition_line", "amount", "net_amount"),
    _totals("purchase_order", "purchase_order_line", "amount", "net_amount", "tax_amount"),
    Invariant(
        "ordered_percent_is_the_share_of_ordered_lines",
        ("procurement",),
        "SELECT count(*) FROM purchase_requisition WHERE state IN ('APPROVED', 'ORDERED')",
        "SELECT r.id, 'says ' || r.ordered_percent || ' percent, its lines ' || s.share AS what, r.updated_at AS at "
        "FROM purchase_requisition r CROSS JOIN LATERAL "
        "(SELECT round(100.0 * count(*) FILTER (WHERE state = 'ORDERED') "
        "/ greatest(count(*), 1), 2) AS share FROM purchase_requisition_line l WHERE l.parent_id = r.id) s "
        "WHERE r.state IN ('APPROVED', 'ORDERED') AND r.ordered_percent <> s.share",
    ),
    Invariant(
        "an_ordered_line_stands_in_exactly_one_order_line",
        ("procurement",),
        "SELECT count(*) FROM purchase_requisition_line WHERE state = 'ORDERED'",
        "SELECT l.parent_id AS id, 'line ' || l.line_number || ' stands in ' || count(s.id) || ' order lines' AS what, "
        "max(r.updated_at) AS at FROM purchase_requisition_line l JOIN purchase_requisition r ON r.id = l.parent_id "
        "LEFT JOIN purchase_order_line_source s ON s.requisition_line_id = l.id AND s.active "
        "WHERE l.state = 'ORDERED' GROUP BY l.id HAVING count(s.id) <> 1",
    ),
    Invariant(
        "an_order_line_and_its_requisition_line_name_each_other",
        ("procurement",),
        "SELECT count(*) FROM purchase_order_line_source WHERE active",
        "SELECT o.id, 'line ' || p.line_number || ' comes from ' || s.requisition_number || '/' || "
        "s.requisition_line_number || ', which is ' || l.state || ' and does not name it' AS what, o.updated_at AS at "
        "FROM purchase_order_line_source s JOIN purchase_order_line p ON p.id = s.parent_id "
        "JOIN purchase_order o ON o.id = p.parent_id JOIN purchase_requisition_line l ON l.id = s.requisition_line_id "
        "WHERE s.active AND (l.state <> 'ORDERED' OR l.order_line_id IS DISTINCT FROM p.id "
        "OR l.order_id IS DISTINCT FROM o.id OR l.order_number IS DISTINCT FROM o.number)",
    ),
    Invariant(
        "a_line_in_the_pool_has_its_task",
        ("procurement",),
        "SELECT count(*) FROM sourcing_task",
        "SELECT l.parent_id AS id, 'line ' || l.line_number || ' is ' || l.state || ', its task is ' || "
        "coalesce(t.state, 'not there') AS what, r.updated_at AS at FROM purchase_requisition_line l "
        "JOIN purchase_requisition r ON r.id = l.parent_id LEFT JOIN sourcing_task t ON t.requisition_line_id = l.id "
        "WHERE (l.state = 'IN_POOL') <> coalesce(t.state = 'OPEN', false)",
    ),
    Invariant(
        "an_agreed_requisition_is_settled",
        ("procurement",),
        "SELECT count(*) FROM purchase_requisition WHERE state IN ('APPROVED', 'ORDERED')",
        "SELECT r.id, 'is agreed, nothing was done with line ' || l.line_number AS what, r.updated_at AS at "
        "FROM purchase_requisition r JOIN purchase_requisition_line l ON l.parent_id = r.id "
        "WHERE r.state IN ('APPROVED', 'ORDERED') AND l.state = 'OPEN'",
    ),
    Invariant(
        "numbers_are_unique",
        ("procurement",),
        "SELECT (SELECT count(*) FROM purchase_requisition) + (SELECT count(*) FROM purchase_order)",
        "SELECT number AS id, 'is the number of ' || count(*) || ' documents' AS what, max(created_at) AS at FROM ("
        "SELECT company_id, number, created_at FROM purchase_requisition UNION ALL "
        "SELECT company_id, number, created_at FROM purchase_order) n "
        "WHERE number IS NOT NULL GROUP BY company_id, number HAVING count(*) > 1",
    ),
    Invariant(
        "no_number_is_beyond_its_counter",
        ("procurement",),
        "SELECT count(*) FROM number_series",
        "SELECT d.id, d.number || ' is beyond the counter at ' || s.last AS what, d.created_at AS at FROM ("
        "SELECT id, company_id, number, created_at, 'purchase_requisition' AS series FROM purchase_requisition "
        "UNION ALL SELECT id, company_id, number, created_at, 'purchase_order' FROM purchase_order) d "
        "JOIN number_series s ON s.company_id = d.company_id AND s.series = d.series "
        "AND s.period = split_part(d.number, '-', 2) WHERE split_part(d.number, '-', 3)::int > s.last",
    ),
    Invariant(
        "a_running_case_has_an_open_task",
        ("approval",),
        "SELECT count(*) FROM approval_case",
        "SELECT c.id, c.document_number || ' waits for nobody' AS what, c.updated_at AS at FROM approval_case c "
        "WHERE c.state = 'RUNNING' AND NOT EXISTS (SELECT FROM task t WHERE t.case_id = c.id AND t.state = 'OPEN')",
    ),
    Invariant(
        "a_parked_case_says_why",
        ("approval",),
        "SELECT count(*) FROM approval_case",
        "SELECT id, document_number || ' is parked without a reason' AS what, updated_at AS at FROM approval_case "
        "WHERE state = 'PARKED' AND park_reason = ''",
    ),
    Invariant(
        "an_open_task_belongs_to_a_live_case",
        ("approval",),
        "SELECT count(*) FROM task",
        "SELECT t.id, c.document_number || ' is ' || c.state || ', a task of it is open' AS what, t.updated_at AS at "
        "FROM task t JOIN approval_case c ON c.id = t.case_id "
        "WHERE t.state = 'OPEN' AND c.state NOT IN ('RUNNING', 'PARKED')",
    ),
    Invariant(
        "a_task_is_decided_once",
        ("approval",),
        "SELECT count(*) FROM task WHERE state IN ('APPROVED', 'REJECTED', 'RETURNED')",
        "SELECT c.document_id AS id, 'was decided ' || count(*) || ' times' AS what, max(e.at) AS at "
        "FROM audit_change c JOIN audit_entry e ON e.id = c.entry_id WHERE c.document_type LIKE '%task' "
        "AND e.outcome <> 'refused' AND e.method ~ '/(Approve|Reject|Return)Task$' "
        'AND c.changes @? \'$[*] ? (@.field == "state" && @.before == "OPEN" && '
        '@.after like_regex "^(APPROVED|REJECTED|RETURNED)$")\' '
        "GROUP BY c.document_id HAVING count(*) > 1",
    ),
    Invariant(
        "an_account_is_in_step",
        ("identity",),
        "SELECT count(*) FROM account",
        "SELECT e.id, e.username || ': Keycloak has change ' || a.done || ' of ' || a.wanted || ' ' || "
        "e.account_problem AS what, e.updated_at AS at FROM account a JOIN employee e ON e.id = a.employee_id "
        "WHERE a.done <> a.wanted",
    ),
)
