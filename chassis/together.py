"""Documents of one kind that a call changes together, saved by one statement.

The ORM saves rows that have a version one by one: it must learn of each whether it was still as it was read. Here one
UPDATE takes the new values of all of them, with the same condition on every row, and answers how many it found.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.exc import StaleDataError

from chassis.crypto import Encrypted
from chassis.db import Document


async def save_together(session: AsyncSession) -> None:
    """Save what changed of several documents of one kind; the flush saves the rest. Raises StaleDataError."""
    alike: dict[tuple[Any, frozenset[str]], list[Any]] = defaultdict(list)
    for row in session.dirty:
        if isinstance(row, Document):
            # columns that are not read with their row can only be written where they are new
            state = sa.inspect(row)
            unread = {one.key for one in state.mapper.column_attrs if one.deferred}
            alike[type(row), frozenset(n for n in unread if state.attrs[n].history.has_changes())].append(row)
    made = {sa.inspect(row).mapper.local_table for row in session.new}
    for (model, _), rows in alike.items():
        # what refers to a row that is still to be made comes after it, in the flush
        if len(rows) > 1 and not made & {key.column.table for key in model.__table__.foreign_keys}:
            await _save(session, model, rows)


async def _save(session: AsyncSession, model: Any, rows: list[Any]) -> None:
    table: sa.Table = model.__table__
    columns = {attribute.key: attribute.columns[0] for attribute in sa.inspect(model).column_attrs}
    names = sorted({name for row in rows for name in columns if sa.inspect(row).attrs[name].history.has_changes()})
    if not names or any(isinstance(columns[name].type, Encrypted) for name in names):
        return
    keys = [sa.column("id", table.c.id.type), sa.column("version", table.c.version.type)]
    given = sa.values(*keys, *(sa.column(f"new_{name}", columns[name].type) for name in names), name="given").data(
        [(row.id, row.version, *(getattr(row, name) for name in names)) for row in sorted(rows, key=lambda row: row.id)]
    )
    statement = (
        sa.update(table)
        .values({columns[name]: given.c[f"new_{name}"] for name in names} | {table.c.version: table.c.version + 1})
        .where(table.c.id == given.c.id, table.c.version == given.c.version)
    )
    found = await session.execute(statement)
    if found.rowcount != len(rows):  # type: ignore[attr-defined]
        raise StaleDataError(f"{len(rows)} rows of {table.name} were to be saved, {found.rowcount} were as read")  # type: ignore[attr-defined]
    for row in rows:
        for name in names:
            set_committed_value(row, name, getattr(row, name))
        set_committed_value(row, "version", row.version + 1)
