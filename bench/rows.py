"""Rows by the hundred thousand, as the services write them: copies of rows that the product itself made.

Set-based and consistent: totals are the sums of their lines, an ordered line stands in one order line, a submitted
requisition has its running case with one open turn, an event of the outbox is published and younger than 30 days. What
is there is kept, and filled up where housekeeping took away.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import asyncpg

from chassis.text import search_document
from infra.local.demo.records import employees, id_of, rows
from infra.local.instance import Instance

REQUISITIONS, LINES = 2_000, 5
# events take 2.4 kB each with their indexes: ten million would be 24 GB
EVENTS, MOST_EVENTS = 100_000, 2_500_000
EVENTS_AT_ONCE = 500_000
# of the database, and for how long events are filled in
MOST_BYTES, MOST_SECONDS = 10 * 2**30, 480.0
HEADS = 9
NEWCOMER_NAME = "chenjiahao"
NEWCOMER = id_of("identity.employee", NEWCOMER_NAME)
# a UUID of version 7 of a kind of row, in the order of its number
KEY = """
CREATE FUNCTION pg_temp.key(kind int, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT (lpad(to_hex(1704067200000 + n), 12, '0') || '7' || lpad(to_hex(kind), 3, '0')
    || '8' || lpad(to_hex(n), 15, '0'))::uuid $$
"""
REQUISITION, LINE, ORDER, ORDER_LINE, SOURCE, CASE, VISIT, TASK, EVENT = range(1, 10)
VISITS = 16


async def fill(instance: Instance, scale: int, like: str, ordered: str) -> dict[str, int]:
    """Bring an instance to so many times the rows; `like` is a submitted requisition of one turn, `ordered` an ordered
    one. Returns how many rows of each kind there are.
    """
    env, wanted = instance.env(), REQUISITIONS * scale
    people = _people()
    procurement = await asyncpg.connect(env["HEYI_PROCUREMENT_OWNER_DATABASE_URL"])
    approval = await asyncpg.connect(env["HEYI_APPROVAL_OWNER_DATABASE_URL"])
    try:
        for database in (procurement, approval):
            await database.execute(KEY)
            await database.execute("SET synchronous_commit = off; SET work_mem = '256MB'; SET lock_timeout = 0")
        requisitions = await _numbered(procurement, "purchase_requisition", "number", wanted, people)
        if requisitions:
            async with procurement.transaction():
                await _requisitions(procurement, like)
                await _orders(procurement, ordered)
        cases = await _numbered(approval, "approval_case", "document_number", wanted, people)
        if cases:
            async with approval.transaction():
                await _cases(approval, like)
        if await _fill_outbox(procurement, min(EVENTS * scale, MOST_EVENTS)) or requisitions or cases:
            for database in (procurement, approval):
                await database.execute("VACUUM ANALYZE", timeout=900)
        return {
            table: await database.fetchval(f"SELECT count(*) FROM {table} WHERE {where}", timeout=120)  # noqa: S608
            for database, table, where in (
                (procurement, "purchase_requisition_line", "true"), (procurement, "purchase_order", "true"),
                (procurement, "outbox", "true"), (approval, "approval_case", "state = 'RUNNING'"),
                (approval, "task", "state = 'OPEN'"),
            )
        }  # fmt: skip
    finally:
        await procurement.close()
        await approval.close()


async def fill_cases(instance: Instance, running: int, like: str, *more: str) -> None:
    """Bring the approval service alone to so many running cases of one open turn each, as `like` is one; `more` are
    statements that are played where the rows were made.
    """
    approval = await asyncpg.connect(instance.env()["HEYI_APPROVAL_OWNER_DATABASE_URL"])
    try:
        await approval.execute(KEY)
        if await _numbered(approval, "approval_case", "document_number", 2 * running, _people()):
            async with approval.transaction():
                await _cases(approval, like)
                for statement in more:
                    await approval.execute(statement, timeout=300)
            await approval.execute("VACUUM ANALYZE", timeout=300)
    finally:
        await approval.close()


def _people() -> tuple[list[str], list[str], list[str]]:
    """Requesters, their departments, and heads, of the company in Shanghai; the newcomer asks for nothing."""
    company = id_of("identity.company", "SH")
    heads = [id_of("identity.employee", row["username"]) for row in rows("employees")[:HEADS]]
    ours = [(r.id, r.fields["department_id"]) for r in employees() if r.fields["home_company_id"] == company]
    asking = [(key, department) for key, department in ours if key not in (*heads, NEWCOMER)]
    return [key for key, _ in asking], [department for _, department in asking], heads


def _array(keys: list[str]) -> str:
    return "ARRAY[" + ",".join(f"'{key}'" for key in keys) + "]::uuid[]"


async def _numbered(
    database: asyncpg.Connection, table: str, number: str, wanted: int, people: tuple[list[str], list[str], list[str]]
) -> int:
    """The requisitions still to be made, with what their rows in all tables have in common; half of them are running.
    Returns how many.
    """
    last = await database.fetchval(
        f"SELECT coalesce(max(split_part({number}, '-', 3)::int), 0) FROM {table} WHERE {number} LIKE 'PR-2020-%'",  # noqa: S608
        timeout=60,
    )
    requesters, departments, heads = people
    things = sorted({row["name"] for row in rows("items")})[:50]
    found = [f"{title} {search_document(title)}" for title in things]
    titles = "ARRAY[" + ",".join(f"'{title}'" for title in things) + "]"
    words = "ARRAY[" + ",".join(f"'{text}'" for text in found) + "]"
    await database.execute(
        f"""
CREATE TEMPORARY TABLE made AS SELECT n,
  CASE WHEN n % 10 < 5 THEN 'SUBMITTED' WHEN n % 10 < 7 THEN 'ORDERED' ELSE 'CLOSED' END AS state,
  ({_array(requesters)})[1 + n % {len(requesters)}] AS owner_id,
  ({_array(departments)})[1 + n % {len(departments)}] AS department_id,
  ({_array(heads)})[1 + n / 7 % {len(heads)}] AS head_id,
  ({titles})[1 + n % {len(things)}] AS title, lpad(n::text, 6, '0') AS digits,
  to_tsvector('simple', 'pr po 2020 ' || lpad(n::text, 6, '0') || ' ' || ({words})[1 + n % {len(things)}]) AS search,
  date_trunc('second', now()) - interval '1 day' - ({wanted} - n) * (interval '300 days' / {wanted}) AS at
FROM generate_series({last + 1}::bigint, {wanted}) n
""",  # noqa: S608
        timeout=600,
    )
    return int(await database.fetchval("SELECT count(*) FROM made"))


async def _copy(database: asyncpg.Connection, table: str, of: str, source: str, sets: Mapping[str, str]) -> None:
    """Insert for each row of `source` a copy of each row of `table` that `of` selects, with some columns set anew."""
    columns = [
        row["column_name"]
        for row in await database.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1 "
            "AND is_generated = 'NEVER' ORDER BY ordinal_position",
            table,
        )
    ]
    if unknown := set(sets) - set(columns):
        raise RuntimeError(f"{table} has no {', '.join(sorted(unknown))}")
    values = ", ".join(sets.get(name, f"one.{name}") for name in columns)
    names = ", ".join(columns)
    await database.execute(
        f"INSERT INTO {table} ({names}) SELECT {values} FROM {source} CROSS JOIN ({of}) one",  # noqa: S608
        timeout=900,
    )


AMOUNTS = {
    "quantity": "1", "unit_price": "100", "unit_price_with_tax": "113", "tax_rate": "0.13", "net_amount": "100",
    "tax_amount": "13", "amount": "113",
}  # fmt: skip
STAMPS = {"version": "1", "created_at": "at", "updated_at": "at", "search": "made.search"}
PLACED = {"owner_id": "made.owner_id", "department_id": "made.department_id"}
FOREIGN = {"currency": "'CNY'", "base_currency": "'CNY'", "base_amount": "565", "exchange_rate": "NULL"}


async def _requisitions(database: asyncpg.Connection, like: str) -> None:
    running = "made.state = 'SUBMITTED'"
    ordered = "made.state = 'ORDERED'"
    of = f"SELECT * FROM purchase_requisition WHERE id = '{like}'"  # noqa: S608
    await _copy(database, "purchase_requisition", of, "made", STAMPS | PLACED | FOREIGN | {
        "id": f"pg_temp.key({REQUISITION}, n)", "number": "'PR-2020-' || digits", "state": "made.state",
        "title": "made.title", "amount": "565", "net_amount": "500", "content_hash": "md5(n::text)",
        "submission": "1", "submit_time": "at", "decide_time": f"CASE WHEN {running} THEN NULL ELSE at END",
        "case_id": f"CASE WHEN {running} THEN pg_temp.key({CASE}, n)::text ELSE '' END",
        "waiting_on_ids": f"CASE WHEN {running} THEN ARRAY[head_id] ELSE '{{}}'::uuid[] END",
        "waiting_since_time": f"CASE WHEN {running} THEN at END", "outcome_note": "''",
        "ordered_percent": f"CASE WHEN {ordered} THEN 100 ELSE 0 END",
    })  # fmt: skip
    of = f"SELECT * FROM purchase_requisition_line WHERE parent_id = '{like}' LIMIT 1"  # noqa: S608
    await _copy(
        database, "purchase_requisition_line", of, f"made CROSS JOIN generate_series(0, {LINES - 1}) k", AMOUNTS | {
        "id": f"pg_temp.key({LINE}, n * {LINES} + k)", "parent_id": f"pg_temp.key({REQUISITION}, n)",
        "line_number": "k + 1",
        "state": f"CASE WHEN {running} THEN 'OPEN' WHEN {ordered} THEN 'ORDERED' ELSE 'DROPPED' END",
        "order_id": f"CASE WHEN {ordered} THEN pg_temp.key({ORDER}, n) END",
        "order_number": f"CASE WHEN {ordered} THEN 'PO-2020-' || digits ELSE '' END",
        "order_line_id": f"CASE WHEN {ordered} THEN pg_temp.key({ORDER_LINE}, n * {LINES} + k) END",
    })  # fmt: skip
    await database.execute(
        f"INSERT INTO participant (document_id, employee_id) SELECT pg_temp.key({REQUISITION}, n), head_id FROM made "  # noqa: S608
        f"WHERE {running}",
        timeout=600,
    )


async def _orders(database: asyncpg.Connection, ordered: str) -> None:
    """An order for each ordered requisition; every tenth is still open at its supplier."""
    made = "(SELECT * FROM made WHERE state = 'ORDERED') made"
    lines = f"{made} CROSS JOIN generate_series(0, {LINES - 1}) k"
    order = f"(SELECT order_id FROM purchase_requisition_line WHERE parent_id = '{ordered}' LIMIT 1)"  # noqa: S608
    of = f"SELECT * FROM purchase_order WHERE id = {order}"  # noqa: S608
    await _copy(database, "purchase_order", of, made, STAMPS | PLACED | FOREIGN | {
        "id": f"pg_temp.key({ORDER}, n)", "number": "'PO-2020-' || digits", "amount": "565", "net_amount": "500",
        "state": "CASE WHEN n % 100 = 5 THEN 'RELEASED' ELSE 'CLOSED' END", "tax_amount": "65",
        "release_time": "at", "order_date": "at::date", "due_date": "NULL", "revision": "0", "close_reason": "''",
        "pending_change": "NULL",
    })  # fmt: skip
    of = f"SELECT * FROM purchase_order_line WHERE parent_id = {order} LIMIT 1"  # noqa: S608
    await _copy(database, "purchase_order_line", of, lines, AMOUNTS | {
        "id": f"pg_temp.key({ORDER_LINE}, n * {LINES} + k)", "parent_id": f"pg_temp.key({ORDER}, n)",
        "line_number": "k + 1", "cancelled": "false",
    })  # fmt: skip
    of = (
        "SELECT s.* FROM purchase_order_line_source s JOIN purchase_order_line l ON l.id = s.parent_id "  # noqa: S608
        f"WHERE l.parent_id = {order} LIMIT 1"
    )
    await _copy(database, "purchase_order_line_source", of, lines, {
        "id": f"pg_temp.key({SOURCE}, n * {LINES} + k)", "parent_id": f"pg_temp.key({ORDER_LINE}, n * {LINES} + k)",
        "line_number": "1", "active": "true", "requisition_id": f"pg_temp.key({REQUISITION}, n)",
        "requisition_number": "'PR-2020-' || digits", "requisition_line_number": "k + 1", "quantity": "1",
        "requisition_line_id": f"pg_temp.key({LINE}, n * {LINES} + k)", "requester_id": "made.owner_id",
    })  # fmt: skip


async def _cases(database: asyncpg.Connection, like: str) -> None:
    """A running case with one open turn for each submitted requisition."""
    made = "(SELECT * FROM made WHERE state = 'SUBMITTED') made"
    case = f"(SELECT id FROM approval_case WHERE document_id = '{like}')"  # noqa: S608
    about = {
        "document_id": f"pg_temp.key({REQUISITION}, n)", "document_number": "'PR-2020-' || digits",
        "title": "made.title", "requester_id": "made.owner_id", "amount": "565", "currency": "'CNY'",
        "content_hash": "md5(n::text)",
    }  # fmt: skip
    await _copy(database, "approval_case", f"SELECT * FROM approval_case WHERE id = {case}", made,  # noqa: S608
        STAMPS | PLACED | about | {
        "id": f"pg_temp.key({CASE}, n)", "submission": "1", "participant_ids": "ARRAY[head_id]",
        "waiting_on_ids": "ARRAY[head_id]", "waiting_since_time": "at",
    })  # fmt: skip
    visits = await database.fetch(f"SELECT id FROM node_visit WHERE case_id = {case} ORDER BY id")  # noqa: S608
    places = {str(visit["id"]): place for place, visit in enumerate(visits)}

    def copied(column: str) -> str:
        cases = " ".join(
            f"WHEN '{key}' THEN pg_temp.key({VISIT}, n * {VISITS} + {place})" for key, place in places.items()
        )
        return f"CASE {column} {cases} END"

    await _copy(database, "node_visit", f"SELECT * FROM node_visit WHERE case_id = {case}", made, {  # noqa: S608
        "id": copied("one.id"), "case_id": f"pg_temp.key({CASE}, n)", "parent_id": copied("one.parent_id"),
        "open_time": "at",
    })  # fmt: skip
    of = f"SELECT * FROM task WHERE case_id = {case} AND state = 'OPEN' LIMIT 1"  # noqa: S608
    await _copy(database, "task", of, made, STAMPS | about | {
        "id": f"pg_temp.key({TASK}, n)", "case_id": f"pg_temp.key({CASE}, n)", "visit_id": copied("one.visit_id"),
        "assignee_id": "head_id", "open_time": "at",
    })  # fmt: skip
    await database.execute(
        f"INSERT INTO participant (document_id, employee_id) SELECT pg_temp.key({CASE}, n), head_id FROM made "  # noqa: S608
        "WHERE state = 'SUBMITTED'",
        timeout=600,
    )


async def _fill_outbox(database: asyncpg.Connection, wanted: int) -> int:
    """Published events of the last four weeks, until there are as many as wanted or as fit; returns how many came."""
    there = await database.fetchval("SELECT count(*) FROM outbox", timeout=120)
    if there >= 0.9 * wanted:
        return 0
    last = await database.fetchval(
        f"SELECT ('x' || right(event_id::text, 12))::bit(48)::bigint FROM outbox WHERE "  # noqa: S608
        f"event_id BETWEEN pg_temp.key({EVENT}, 0) AND pg_temp.key({EVENT}, 1000000000) "
        "ORDER BY event_id DESC LIMIT 1",
        timeout=120,
    )
    first, until, began = (last or 0) + 1, (last or 0) + wanted - there, time.monotonic()
    of = (
        "SELECT * FROM outbox WHERE subject = 'evt.procurement.purchase_order.created' AND published_at IS NOT NULL "
        "ORDER BY length(payload), event_id LIMIT 1"
    )
    made = 0
    while first <= until:
        size = await database.fetchval("SELECT pg_database_size(current_database())")
        if time.monotonic() - began > MOST_SECONDS or size > MOST_BYTES:
            break
        end = min(until, first + EVENTS_AT_ONCE - 1)
        at = f"now() - interval '1 day' - ({until} - n) * (interval '27 days' / {until})"
        await _copy(database, "outbox", of, f"generate_series({first}::bigint, {end}) n", {
            "event_id": f"pg_temp.key({EVENT}, n)", "aggregate_id": f"pg_temp.key({ORDER}, n)",
            "created_at": at, "published_at": f"{at} + interval '40 ms'",
        })  # fmt: skip
        made += end - first + 1
        first = end + 1
    return made
