"""What an import keeps of its rows: how they leave a check, what no two of them may share, and why one stays.

Beside it the statements that settle many rows at once.
"""

from __future__ import annotations

import base64
import datetime
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from chassis import contract, ids, mapping
from chassis.call import Call
from chassis.db import Document
from chassis.errors import UNAVAILABLE, Refused
from chassis.import_cells import Draft, Problem, Reading, Row

ABORTED = 10


class Bad(Exception):
    """A rule refused one row of a chunk."""

    def __init__(self, row: int, refusal: Refused) -> None:
        super().__init__(row)
        self.row, self.refusal = row, refusal


@dataclass(frozen=True)
class Key:
    """A value that no two documents share, by the constraint that says so."""

    name: str
    columns: tuple[Any, ...]
    values: tuple[Any, ...]
    where: tuple[Any, ...]

    def kept(self) -> str:
        """Constraint, field and value of the last column, and all values: compared as a whole."""
        said = "|".join(str(value) for value in self.values)
        return "\x1f".join((self.name, self.columns[-1].name, str(self.values[-1]), said))


def keys_of(row: Any) -> list[Key]:
    """The keys of a new document. Of a partial index only where its one condition holds."""
    if not isinstance(row, Document):
        return []
    model: Any = type(row)
    table, mapper = model.__table__, sa.inspect(model)
    rules: list[tuple[Any, Any]] = [(rule, None) for rule in table.constraints if isinstance(rule, sa.UniqueConstraint)]
    rules += [(index, index.dialect_options["postgresql"]["where"]) for index in table.indexes if index.unique]
    found = []
    for rule, where in rules:
        columns = tuple(rule.columns)
        values = tuple(getattr(row, mapper.get_property_by_column(column).key) for column in columns)
        if None not in values and columns and (where is None or _holds(where, row, mapper)):
            found.append(Key(str(rule.name), columns, values, () if where is None else (where,)))
    return found


def _holds(where: Any, row: Any, mapper: Any) -> bool:
    """Whether `column = value` holds for a row; any other condition is left to the database."""
    if getattr(where, "operator", None) is not operator.eq:
        return False
    if not isinstance(where.left, sa.Column) or not isinstance(where.right, sa.BindParameter):
        return False
    held = getattr(row, mapper.get_property_by_column(where.left).key)
    return bool(held == where.right.value)


async def by_rule(number: int, handler: Any, request: Any, call: Call) -> Any:
    """What the handler of one row answers; who hears of it hears of nothing else in the chunk."""
    before = len(call.announcements)
    try:
        mapping.check_shape(request)
        result = await handler(request, call)
    except Refused as refusal:
        if refusal.code in (UNAVAILABLE, ABORTED):
            raise
        raise Bad(number, refusal) from refusal
    for announcement in call.announcements[before:]:
        announcement.audience |= call.extra_audience
    call.extra_audience.clear()
    return result


def request_of(method: contract.Method, one: Any, version: int, batch: Any) -> Any:
    """The request that takes one document back, as it is now."""
    known: Any = method.request.DESCRIPTOR.fields_by_name
    said = {"id": str(one.document_id), "etag": ids.etag_of(version), "reason": batch.reason}
    return method.request(**{name: value for name, value in said.items() if name in known})


def why_kept(one: Any, touched: int, used: dict[str, str]) -> Refused | None:
    """Why a document is not taken back; `touched` is the last version that an act of a person made."""
    if str(one.document_id) in used:
        return Refused("IMPORT_IN_USE", by=used[str(one.document_id)])
    if touched > one.document_version:
        return Refused("IMPORT_CHANGED_SINCE")
    return None


def row_of(one: Any) -> Row:
    faults = {
        f["position"]: Problem(one.row_number, f["position"], "", f["value"], f["reason"], f["facts"])
        for f in one.faults or ()
    }
    return Row(one.row_number, one.cells, faults)


def checked(rows: Sequence[Row], made: Sequence[Draft], last: int) -> list[dict[str, Any]]:
    """Rows as a check leaves them: the first of a document with what makes it, the others as parts of it."""
    settled = {row.number: {"row_number": row.number, "state": "BLANK"} for row in rows if row.number <= last}
    for one in made:
        for name, number in one.waits.items():
            setattr(one.message, name, f"row:{number}")
        for row in one.rows:
            settled[row.number] = {"row_number": row.number, "state": "PART", "head": one.number}
        settled[one.number] |= {
            "state": "BAD" if one.problems else "READY",
            "problems": [problem.kept() for problem in one.problems] or None,
            "request": base64.b64encode(one.request.SerializeToString()).decode(),
            "keys": [key.kept() for key in one.keys],
        }
    return list(settled.values())


def refused_row(number: int, refusal: Refused, reading: Reading, cells: Sequence[str]) -> dict[str, Any]:
    """A row that was good when it was checked, and is not any more."""
    said = Draft([Row(number, cells)], None)
    said.blame(refusal, reading)
    return {"row_number": number, "state": "BAD", "head": number, "problems": [p.kept() for p in said.problems]}


def kept_row(number: int, refusal: Refused) -> dict[str, Any]:
    problem = Problem(number, 0, "", "", refusal.reason, refusal.facts)
    return {"row_number": number, "state": "KEPT", "head": number, "problems": [problem.kept()]}


def in_seconds(seconds: int) -> Any:
    return sa.func.clock_timestamp() + datetime.timedelta(seconds=seconds)


SETTLE = sa.text(
    "UPDATE import_row SET state = r.state, head = coalesce(r.head, import_row.head), problems = r.problems, "
    "request = coalesce(decode(r.request, 'base64'), import_row.request), "
    "keys = CASE WHEN r.keys IS NULL THEN import_row.keys ELSE ARRAY(SELECT jsonb_array_elements_text(r.keys)) END, "
    "document_id = coalesce(r.document_id, import_row.document_id), "
    "document_version = coalesce(r.document_version, import_row.document_version) "
    "FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(row_number int, state text, head int, problems jsonb, "
    "request text, keys jsonb, document_id uuid, document_version int) "
    "WHERE import_row.batch_id = :batch AND import_row.row_number = r.row_number"
)
TWICE = sa.text(
    "SELECT row_number, key, first FROM (SELECT row_number, key, min(row_number) OVER (PARTITION BY key) AS first "
    "FROM import_row, unnest(keys) AS key WHERE batch_id = :batch AND state = 'READY') AS known "
    "WHERE row_number > first ORDER BY row_number"
)
# of which a document is there: one that an undo kept is there too
THERE = ("IMPORTED", "KEPT")
# the same row of the same file: it is in, so nothing is wrong with it
IN_ALREADY = sa.text(
    "UPDATE import_row AS mine SET state = 'SKIPPED', problems = NULL "
    "FROM import_batch AS own, import_batch AS same, import_row AS other "
    "WHERE mine.batch_id = :batch AND mine.state IN ('READY', 'BAD') AND own.id = mine.batch_id "
    "AND same.company_id = own.company_id AND same.document_type = own.document_type "
    "AND same.file_hash = own.file_hash AND same.id <> own.id AND other.batch_id = same.id "
    "AND other.row_number = mine.row_number AND other.state IN ('IMPORTED', 'KEPT')"
)


def in_already(tables: Any, batch: Any, numbers: Sequence[int]) -> Any:
    """Which of these rows of a batch's file are in, by whichever batch."""
    one, row = tables.import_batch, tables.import_row
    same = sa.select(one.c.id).where(
        one.c.company_id == batch.company_id,
        one.c.document_type == batch.document_type,
        one.c.file_hash == batch.file_hash,
    )
    return sa.select(row.c.row_number).where(
        row.c.batch_id.in_(same), row.c.row_number.in_(numbers), row.c.state.in_(THERE)
    )
