"""What must hold inside one database.

Each invariant counts the rows that it looked at and selects those that break it: `id`, `at`, the instant since which
the row stands so (one younger than the settling time may still be on its way), and the facts that its sentence names
(`consistency.what.<name>` in proto/labels). `document` is the type of what the id names: of the invariant, or a column.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.report import DATABASES

EVERYWHERE = DATABASES


@dataclass(frozen=True)
class Invariant:
    name: str
    databases: tuple[str, ...]
    document: str
    rows: str
    broken: str


def _totals(document: str, part: str, *columns: str) -> Invariant:
    sums = ", ".join(f"coalesce(sum({column}), 0) AS {column}" for column in columns)
    differ = " OR ".join(f"d.{column} <> s.{column}" for column in columns)
    stored, summed = (f"concat_ws(' / ', {', '.join(f'{row}.{column}' for column in columns)})" for row in "ds")
    return Invariant(
        f"{document}_totals_are_the_sums_of_its_lines",
        ("procurement",),
        f"procurement.{document}",
        f"SELECT count(*) FROM {document}",  # noqa: S608
        f"SELECT d.id, {stored} AS stored, {summed} AS sum, d.updated_at AS at FROM {document} d CROSS JOIN LATERAL "  # noqa: S608
        f"(SELECT {sums} FROM {part} l WHERE l.parent_id = d.id) s WHERE {differ}",
    )


# Seals are computed anew: those of the last month each night, of older ones each night the 28th part.
_SEALS = (
    "(SELECT * FROM audit_seal WHERE day > current_date - 32 OR number % 28 = extract(day FROM current_date)::int % 28)"
)
# Hashes of an entry and of a seal, as the trail is sealed: computed anew here, by code that its writer does not share.
_ENTRY = """sha256(convert_to(jsonb_build_array(e.id, e.at AT TIME ZONE 'UTC', e.company_id, e.actor_id, e.service,
  e.method, e.outcome, e.reason, e.facts, e.trace_id, e.kind, e.on_behalf_id, e.ip_address, e.document_types,
  e.document_ids, e.recorded_at AT TIME ZONE 'UTC',
  (SELECT jsonb_agg(jsonb_build_array(c.id, c.document_type, c.document_id, c.version, c.changes) ORDER BY c.id)
   FROM audit_change c WHERE c.entry_id = e.id))::text, 'UTF8'))"""
_CHAIN = """sha256(s.previous || convert_to(s.number::text || to_char(s.day, 'YYYY-MM-DD')
    || s.entry_ids::text || s.kinds::text, 'UTF8')
  || (SELECT string_agg(h, ''::bytea ORDER BY n) FROM unnest(s.entry_hashes) WITH ORDINALITY AS u(h, n)))"""

REQUISITION, ORDER, CASE = "procurement.purchase_requisition", "procurement.purchase_order", "approval.case"

INVARIANTS = (
    Invariant(
        "every_event_is_published",
        EVERYWHERE,
        "",
        "SELECT count(*) FROM outbox",
        "SELECT aggregate_id AS id, aggregate_type AS document, subject, created_at AS at FROM outbox "
        "WHERE published_at IS NULL",
    ),
    Invariant(
        "no_event_is_parked",
        ("approval", "procurement"),
        "",
        "SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM parked_event)",
        "SELECT coalesce(nullif(aggregate_id, ''), event_id::text) AS id, CASE WHEN aggregate_id = '' THEN '' "
        "ELSE split_part(subject, '.', 2) || '.' || split_part(subject, '.', 3) END AS document, subject, error, "
        "first_at AS at FROM parked_event WHERE resolved_at IS NULL",
    ),
    Invariant(
        "every_committed_key_has_its_reply",
        EVERYWHERE,
        "",
        "SELECT count(*) FROM idempotency",
        "SELECT key AS id, split_part(method, '/', 2) AS method, created_at AS at FROM idempotency "
        "WHERE response IS NULL",
    ),
    Invariant(
        "a_sealed_entry_is_as_it_was",
        EVERYWHERE,
        "",
        f"SELECT coalesce(sum(cardinality(entry_ids)), 0)::bigint FROM {_SEALS} s",  # noqa: S608
        "SELECT u.id, s.number AS seal, s.day::text AS day, coalesce(e.method, '-') AS method, "  # noqa: S608
        f"s.until AS at FROM {_SEALS} s CROSS JOIN LATERAL unnest(s.entry_ids, s.kinds, s.entry_hashes) "
        "AS u(id, kind, hash) LEFT JOIN audit_entry e ON e.id = u.id WHERE CASE WHEN e.id IS NULL THEN NOT EXISTS "
        "(SELECT FROM audit_expiry x WHERE x.kind = u.kind AND s.day <= x.before::date) "
        f"ELSE u.hash <> {_ENTRY} END",
    ),
    Invariant(
        "the_seals_are_one_chain",
        EVERYWHERE,
        "",
        "SELECT count(*) FROM audit_seal",
        "SELECT s.number AS id, s.day::text AS day, s.until AS at FROM (SELECT *, lag(hash) OVER (ORDER BY number) AS "  # noqa: S608
        "above, lag(number) OVER (ORDER BY number) AS below FROM audit_seal) s "
        f"WHERE s.hash <> {_CHAIN} OR s.previous <> coalesce(s.above, sha256('')) "
        "OR s.number <> coalesce(s.below, 0) + 1",
    ),
    Invariant(
        "an_old_entry_is_sealed",
        EVERYWHERE,
        "",
        "SELECT count(*) FROM audit_entry WHERE recorded_at > now() - interval '32 days'",
        "SELECT e.id, e.method, e.recorded_at AS at FROM audit_entry e "
        "WHERE e.recorded_at BETWEEN now() - interval '32 days' AND now() - interval '15 minutes' "
        "AND e.recorded_at <= coalesce((SELECT max(until) FROM audit_seal) - interval '2 minutes', 'infinity') "
        "AND e.id NOT IN (SELECT unnest(entry_ids) FROM audit_seal WHERE until > now() - interval '33 days')",
    ),
    _totals("purchase_requisition", "purchase_requisition_line", "amount", "net_amount"),
    _totals("purchase_order", "purchase_order_line", "amount", "net_amount", "tax_amount"),
    Invariant(
        "ordered_percent_is_the_share_of_ordered_lines",
        ("procurement",),
        REQUISITION,
        "SELECT count(*) FROM purchase_requisition WHERE state IN ('APPROVED', 'ORDERED')",
        "SELECT r.id, r.ordered_percent AS stored, s.share, r.updated_at AS at "
        "FROM purchase_requisition r CROSS JOIN LATERAL "
        "(SELECT round(100.0 * count(*) FILTER (WHERE state = 'ORDERED') "
        "/ greatest(count(*), 1), 2) AS share FROM purchase_requisition_line l WHERE l.parent_id = r.id) s "
        "WHERE r.state IN ('APPROVED', 'ORDERED') AND r.ordered_percent <> s.share",
    ),
    Invariant(
        "an_ordered_line_stands_in_exactly_one_order_line",
        ("procurement",),
        REQUISITION,
        "SELECT count(*) FROM purchase_requisition_line WHERE state = 'ORDERED'",
        "SELECT l.parent_id AS id, l.line_number AS line, count(s.id) AS count, "
        "max(r.updated_at) AS at FROM purchase_requisition_line l JOIN purchase_requisition r ON r.id = l.parent_id "
        "LEFT JOIN purchase_order_line_source s ON s.requisition_line_id = l.id AND s.active "
        "WHERE l.state = 'ORDERED' GROUP BY l.id HAVING count(s.id) <> 1",
    ),
    Invariant(
        "an_order_line_and_its_requisition_line_name_each_other",
        ("procurement",),
        ORDER,
        "SELECT count(*) FROM purchase_order_line_source WHERE active",
        "SELECT o.id, p.line_number AS line, s.requisition_number || '/' || s.requisition_line_number AS requisition, "
        "l.state, o.updated_at AS at "
        "FROM purchase_order_line_source s JOIN purchase_order_line p ON p.id = s.parent_id "
        "JOIN purchase_order o ON o.id = p.parent_id JOIN purchase_requisition_line l ON l.id = s.requisition_line_id "
        "WHERE s.active AND (l.state <> 'ORDERED' OR l.order_line_id IS DISTINCT FROM p.id "
        "OR l.order_id IS DISTINCT FROM o.id OR l.order_number IS DISTINCT FROM o.number)",
    ),
    Invariant(
        "a_line_in_the_pool_has_its_task",
        ("procurement",),
        REQUISITION,
        "SELECT count(*) FROM sourcing_task",
        "SELECT l.parent_id AS id, l.line_number AS line, l.state, coalesce(t.state, '-') AS task, r.updated_at AS at "
        "FROM purchase_requisition_line l "
        "JOIN purchase_requisition r ON r.id = l.parent_id LEFT JOIN sourcing_task t ON t.requisition_line_id = l.id "
        "WHERE (l.state = 'IN_POOL') <> coalesce(t.state = 'OPEN', false)",
    ),
    Invariant(
        "an_agreed_requisition_is_settled",
        ("procurement",),
        REQUISITION,
        "SELECT count(*) FROM purchase_requisition WHERE state IN ('APPROVED', 'ORDERED')",
        "SELECT r.id, l.line_number AS line, r.updated_at AS at "
        "FROM purchase_requisition r JOIN purchase_requisition_line l ON l.parent_id = r.id "
        "WHERE r.state IN ('APPROVED', 'ORDERED') AND l.state = 'OPEN'",
    ),
    Invariant(
        "numbers_are_unique",
        ("procurement",),
        "",
        "SELECT (SELECT count(*) FROM purchase_requisition) + (SELECT count(*) FROM purchase_order)",
        "SELECT number AS id, number, count(*) AS count, max(created_at) AS at FROM ("
        "SELECT company_id, number, created_at FROM purchase_requisition UNION ALL "
        "SELECT company_id, number, created_at FROM purchase_order) n "
        "WHERE number IS NOT NULL GROUP BY company_id, number HAVING count(*) > 1",
    ),
    Invariant(
        "no_number_is_beyond_its_counter",
        ("procurement",),
        "",
        "SELECT count(*) FROM number_series",
        "SELECT d.id, 'procurement.' || d.series AS document, d.number, s.last, d.created_at AS at FROM ("
        "SELECT id, company_id, number, created_at, 'purchase_requisition' AS series FROM purchase_requisition "
        "UNION ALL SELECT id, company_id, number, created_at, 'purchase_order' FROM purchase_order) d "
        "JOIN number_series s ON s.company_id = d.company_id AND s.series = d.series "
        "AND s.period = split_part(d.number, '-', 2) "
        # those of a company's own format are counted otherwise
        "WHERE d.number ~ '^P[RO]-[0-9]{4}-[0-9]+$' AND split_part(d.number, '-', 3)::int > s.last",
    ),
    Invariant(
        "a_running_case_has_an_open_task",
        ("approval",),
        CASE,
        "SELECT count(*) FROM approval_case",
        "SELECT c.id, c.document_number AS number, c.updated_at AS at FROM approval_case c "
        "WHERE c.state IN ('RUNNING', 'SUSPENDED') "
        "AND NOT EXISTS (SELECT FROM task t WHERE t.case_id = c.id AND t.state = 'OPEN') "
        "AND NOT EXISTS (SELECT FROM timer m WHERE m.subject_id = c.id)",
    ),
    Invariant(
        "a_timer_runs_when_it_is_due",
        ("approval",),
        CASE,
        "SELECT count(*) FROM approval_case",
        "SELECT subject_id AS id, handler, error, due_time AS at FROM timer WHERE due_time < now()",
    ),
    Invariant(
        "a_timer_belongs_to_a_live_case",
        ("approval",),
        CASE,
        "SELECT count(*) FROM approval_case",
        "SELECT c.id, c.document_number AS number, c.state, c.updated_at AS at "
        "FROM timer m JOIN approval_case c ON c.id = m.subject_id "
        "WHERE c.state NOT IN ('RUNNING', 'PARKED', 'SUSPENDED') "
        "OR (c.state = 'SUSPENDED') <> (m.due_time IS NULL)",
    ),
    Invariant(
        "a_parked_case_says_why",
        ("approval",),
        CASE,
        "SELECT count(*) FROM approval_case",
        "SELECT id, document_number AS number, updated_at AS at FROM approval_case "
        "WHERE state IN ('PARKED', 'SUSPENDED') AND park_reason = ''",
    ),
    Invariant(
        "an_open_task_belongs_to_a_live_case",
        ("approval",),
        CASE,
        "SELECT count(*) FROM task",
        "SELECT c.id, c.document_number AS number, c.state, t.updated_at AS at "
        "FROM task t JOIN approval_case c ON c.id = t.case_id "
        "WHERE t.state = 'OPEN' AND c.state NOT IN ('RUNNING', 'PARKED', 'SUSPENDED')",
    ),
    Invariant(
        "a_task_is_decided_once",
        ("approval",),
        CASE,
        "SELECT count(*) FROM task WHERE state IN ('APPROVED', 'REJECTED', 'RETURNED')",
        "SELECT coalesce(t.case_id, c.document_id) AS id, count(*) AS count, max(e.at) AS at FROM audit_change c "
        "JOIN audit_entry e ON e.id = c.entry_id LEFT JOIN task t ON t.id = c.document_id "
        "WHERE c.document_type LIKE '%task' "
        "AND e.outcome <> 'refused' AND e.method ~ '/(Approve|Reject|Return)Task$' "
        'AND c.changes @? \'$[*] ? (@.field == "state" && @.before == "OPEN" && '
        '@.after like_regex "^(APPROVED|REJECTED|RETURNED)$")\' '
        "GROUP BY c.document_id, t.case_id HAVING count(*) > 1",
    ),
    Invariant(
        "an_office_request_is_as_its_case_says",
        ("approval",),
        "approval.office_request",
        "SELECT count(*) FROM office_request WHERE state <> 'DRAFT'",
        "SELECT r.id, r.number, r.state, coalesce(c.state, '-') AS case_state, "
        "greatest(r.updated_at, c.updated_at) AS at FROM office_request r LEFT JOIN approval_case c "
        "ON c.document_type = 'approval.office_request' AND c.document_id = r.id AND c.submission = r.submission "
        "WHERE r.state <> 'DRAFT' AND CASE "
        "WHEN c.state IN ('RUNNING', 'PARKED', 'SUSPENDED') THEN r.state <> 'SUBMITTED' "
        "WHEN c.state IN ('RETURNED', 'WITHDRAWN') THEN r.state NOT IN (c.state, 'CANCELLED') "
        "WHEN c.state = 'APPROVED' THEN r.state <> 'APPROVED' OR r.content_hash <> c.content_hash "
        "ELSE r.state IS DISTINCT FROM c.state END",
    ),
    Invariant(
        "an_account_is_in_step",
        ("identity",),
        "identity.employee",
        "SELECT count(*) FROM account",
        "SELECT e.id, e.username, a.done, a.wanted, e.account_problem AS problem, e.updated_at AS at "
        "FROM account a JOIN employee e ON e.id = a.employee_id "
        "WHERE a.done <> a.wanted",
    ),
    Invariant(
        "what_is_used_is_the_sum_of_its_files",
        ("documents",),
        "",
        "SELECT count(*) FROM store_usage",
        "SELECT u.id, u.used_bytes AS stored, coalesce(s.sum, 0) AS sum, coalesce(s.at, 'epoch') AS at "
        "FROM store_usage u CROSS JOIN LATERAL (SELECT sum(size_bytes) AS sum, max(touched_at) AS at FROM attachment "
        "WHERE u.id IN (added_by_id, charged_company_id) AND state NOT IN ('REFUSED', 'PURGED')) s "
        "WHERE u.used_bytes <> coalesce(s.sum, 0)",
    ),
)
