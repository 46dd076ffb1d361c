"""Rows that name a document which a row above them makes: a department below another in the same file.

While it is checked such a row is looked at without what it names; in its request stands `row:7` then. The import makes
it once row 7 is made, in a later chunk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from chassis import contract
from chassis.errors import Refused
from chassis.import_cells import Draft, Named, Problem, Reading, Row, is_id
from chassis.importable import Column

PREFIX = "row:"
Read = Callable[[Any, Any], Awaitable[Sequence[Any]]]


def _own(reading: Reading, document: str) -> dict[int, Column]:
    """Columns in which a row may name another document of its own type, and leave that out."""
    return {
        position: column
        for position, column in reading.columns.items()
        if column.kind == "reference" and column.references == document and column.part is None
        if column.added is None and not column.several and not column.required
    }


async def named_above(
    read: Read, table: sa.Table, batch: Any, reading: Reading, rows: Sequence[Row],
    known: Mapping[tuple[str, str], Named | None],
) -> dict[str, int]:  # fmt: skip
    """Which row up to the last of these has a code, number or name that one of them names and nobody else has. One
    statement, and none where nothing is looked for.
    """
    document = batch.document_type
    texts = {row.text(position) for row in rows for position in _own(reading, document)}
    wanted = {text for text in texts if text and not is_id(text) and known.get((document, text)) is None}
    title = contract.load().documents[document].title
    naming = ["code", "number", *title, "name"]
    positions = sorted(
        (naming.index(column.path), position) for position, column in reading.columns.items() if column.path in naming
    )
    if not wanted or not positions:
        return {}
    cells = [sa.func.btrim(table.c.cells[position]) for _, position in positions]
    asked = sa.select(table.c.row_number, *cells).where(
        table.c.batch_id == batch.id, table.c.row_number <= rows[-1].number, sa.or_(*(c.in_(wanted) for c in cells))
    )
    found: dict[str, int] = {}
    answers = await read(batch, asked.order_by(table.c.row_number))
    for rank in range(1, len(cells) + 1):
        for answer in answers:
            found.setdefault(answer[rank], answer[0])
    return found


async def orphaned(read: Read, table: sa.Table, batch: Any, made: Sequence[Draft], reading: Reading) -> None:
    """Refuse what waits for a row that is itself refused."""
    here = {one.number for one in made}
    before = {number for one in made for number in one.waits.values()} - here
    asked = sa.select(table.c.row_number).where(
        table.c.batch_id == batch.id, table.c.row_number.in_(before), table.c.state == "BAD"
    )
    bad = {found[0] for found in await read(batch, asked)} if before else set()
    for one in made:
        for name, number in one.waits.items():
            if number in bad:
                position = next(p for p, column in reading.columns.items() if column.path == name)
                text = one.rows[0].text(position)
                one.problems.append(
                    Problem(one.number, position, name, text, "IMPORT_REFERENCE_UNKNOWN", {"value": text})
                )
        if one.problems:
            bad.add(one.number)


def waiting(request: Any) -> dict[str, int]:
    """For which rows a request waits: field -> row."""
    (resource,) = request.DESCRIPTOR.fields
    said = ((field.name, value) for field, value in getattr(request, resource.name).ListFields())
    return {
        name: int(value[len(PREFIX) :]) for name, value in said if str(value).startswith(PREFIX) and name[-3:] == "_id"
    }


async def filled(
    session: Any, table: sa.Table, batch: Any, requests: Mapping[int, Any], bad: Mapping[int, Refused]
) -> dict[int, Refused | None]:
    """Put what was made meanwhile into the requests that wait for it. Of the rows that cannot be made now: why, or None
    where they come later.
    """
    waits = {number: rows for number, request in requests.items() if (rows := waiting(request))}
    wanted = {number for rows in waits.values() for number in rows.values()}
    asked = sa.select(table.c.row_number, table.c.document_id).where(
        table.c.batch_id == batch.id, table.c.row_number.in_(wanted), table.c.document_id.is_not(None)
    )
    known = {one.row_number: str(one.document_id) for one in await session.execute(asked)} if wanted else {}
    held: dict[int, Refused | None] = {}
    for number, rows in waits.items():
        (resource,) = requests[number].DESCRIPTOR.fields
        for name, above in rows.items():
            if above in known:
                setattr(getattr(requests[number], resource.name), name, known[above])
            elif above in requests and above not in bad and held.get(above) is None:
                held[number] = None
            else:
                held[number] = Refused("IMPORT_REFERENCE_UNKNOWN", value=str(above))
    return held


def depends(method: contract.Method) -> bool:
    """Whether documents of this type name each other: then they are taken back one after the other."""
    document = contract.load().documents[method.document or ""]
    return any(contract.spec_of(f).references == method.document for f in document.message.DESCRIPTOR.fields)
