"""What a call adds, changes and removes, saved by one statement, whatever the tables and the number of rows.

The ORM's flush sends a statement for each table and each versioned row; a statement costs half a millisecond of Python.
Here each table's rows travel as one JSON parameter, and all of them, with whatever else the call leaves behind, are
data-modifying CTEs of one statement. PostgreSQL runs the counted parts (changes, removals) first and the rest after
them, and checks references at the end, so their order does not matter. A row that has a version is saved only as it
was read; of every changed row it is counted whether it was found. A JSON column without a value holds NULL.

The session knows nothing of it afterwards: its rows are detached, with the values that were saved.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import MANYTOONE, NO_VALUE, Mapper, Session
from sqlalchemy.orm.exc import StaleDataError

_NAME = re.compile(r"(?<!:):(\w+)")
_WRITES = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM) \S+")
_QUOTED = pg.dialect().identifier_preparer  # type: ignore[no-untyped-call]


class Piece(NamedTuple):
    """A CTE of a statement: `name AS (..)`, its values by their names, and how many rows it must find."""

    text: str
    values: Mapping[str, Any]
    finds: int | None = None


def settle(session: AsyncSession) -> list[Piece]:
    """Put keys, defaults, references and versions on all rows that wait in a session; what saves them."""
    added = [sa.inspect(row) for row in session.new]
    changed = [sa.inspect(row) for row in session.dirty]
    removed = {sa.inspect(row): None for row in session.deleted}
    dialect = session.get_bind().dialect
    groups: dict[tuple[str, _Kind, tuple[str, ...]], list[dict[str, Any]]] = defaultdict(list)
    for state in added:
        _fill(_kind(state.mapper), state.dict)
    for state in [*added, *changed]:
        _refer(_kind(state.mapper), state)
        removed.update(dict.fromkeys(_taken_out(_kind(state.mapper), state)))
    for state in added:
        kind = _kind(state.mapper)
        names = tuple(
            name for name, one in kind.columns.items() if not (one.by_server and state.dict.get(name) is None)
        )
        groups["add", kind, names].append(kind.values(state.dict, names, dialect))
    for state in changed:
        kind = _kind(state.mapper)
        if state in removed or not (names := tuple(sorted(_changes(kind, state)))):
            continue
        guarded = (*kind.keys, *kind.versions)
        groups["change", kind, names].append(kind.values(state.dict, (*guarded, *names), dialect))
        for name in kind.versions:
            state.dict[name] += 1
    for state in removed:
        kind = _kind(state.mapper)
        groups["remove", kind, ()].append(kind.values(state.dict, (*kind.keys, *kind.versions), dialect))
    return [
        _piece(number, kind, verb, names, rows)
        for number, ((verb, kind, names), rows) in enumerate(sorted(groups.items(), key=_order))
    ]


async def save_together(session: AsyncSession, pieces: Sequence[Piece] | None = None) -> None:
    """Run these pieces, or what saves all that waits in the session, as one statement. Raises StaleDataError."""
    pieces = settle(session) if pieces is None else pieces
    session.expunge_all()
    if not pieces:
        return
    sql, values = _asked(pieces)
    counts = await run(session, sql, values)
    wanted = [piece for piece in pieces if piece.finds is not None]
    for piece, found in zip(wanted, counts, strict=False):
        if found != piece.finds:
            raise StaleDataError(f"{piece.text.split(' ', 1)[0]}: {piece.finds} rows, {found} of them were as read")


async def save_alike(session: AsyncSession, several: Iterable[Sequence[Piece]]) -> None:
    """Run what was put off, each as a statement; those of one shape in one round trip. Nothing of it is counted."""
    shapes: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for pieces in several:
        sql, values = _asked(pieces)
        shapes[sql].append(values)
    for sql, rows in shapes.items():
        await session.run_sync(_send, sql, rows)


def _send(session: Session, sql: str, values: Any) -> sa.CursorResult[Any]:
    return session.connection().exec_driver_sql(sql, values)


async def run(session: AsyncSession, sql: str, values: tuple[Any, ...]) -> Any:
    """Send a statement in the driver's own words, `$1` for the first value; its first row, or None."""
    return await session.run_sync(lambda plain: _send(plain, sql, values).first())


def numbered(text: str) -> tuple[str, tuple[str, ...]]:
    """A text with named parameters as the driver wants it, and the names in the order of their numbers."""
    names: dict[str, str] = {}
    sql = _NAME.sub(lambda found: names.setdefault(found[1], f"${len(names) + 1}"), text)
    return sql, tuple(names)


def _asked(pieces: Sequence[Piece]) -> tuple[str, tuple[Any, ...]]:
    """The statement that these pieces make, and its values in the order of their numbers."""
    sql, names = _statement(tuple(piece.text for piece in pieces), tuple(piece.finds is not None for piece in pieces))
    values: dict[str, Any] = {}
    for piece in pieces:
        values.update(piece.values)
    return sql, tuple(values[name] for name in names)


@functools.lru_cache(maxsize=500)
def _statement(texts: tuple[str, ...], counted: tuple[bool, ...]) -> tuple[str, tuple[str, ...]]:
    """Constants of ours and names of tables, joined: nothing of a caller is in the text."""
    counts = [
        f"(SELECT count(*) FROM {text.split(' ', 1)[0]})"  # noqa: S608
        for text, is_counted in zip(texts, counted, strict=True)
        if is_counted
    ]
    # said first: whoever sees but its beginning, in a trace or among what is running, knows what it does
    said = ", ".join(found[0] for found in map(_WRITES.search, texts) if found)
    return numbered(f"/* {said} */ WITH {', '.join(texts)} SELECT {', '.join(counts) or '1'}")


# ---- what is known of a model


@dataclass(frozen=True)
class _Column:
    """A column of a model, as it is written."""

    name: str
    default: Callable[[Any], Any] | None
    # left out of a new row that has no value for it: the database knows one
    by_server: bool
    seal: Any = None


@dataclass(frozen=True, eq=False)
class _Kind:
    """A model as it is written: attributes with their columns, keys, version, and what refers to what."""

    table: str
    columns: Mapping[str, _Column]
    keys: tuple[str, ...]
    key_type: str
    versions: tuple[str, ...]
    # relation -> (attribute over there, attribute here)
    lines: Mapping[str, tuple[tuple[str, str], ...]]
    referred: Mapping[str, tuple[tuple[str, str], ...]]

    def values(self, row: Mapping[str, Any], names: Iterable[str], dialect: sa.Dialect) -> dict[str, Any]:
        """A row's values by their columns."""
        columns = self.columns
        found = {}
        for name in names:
            column, value = columns[name], row.get(name)
            found[column.name] = value if column.seal is None else column.seal.process_bind_param(value, dialect)
        return found


@functools.cache
def _kind(mapper: Mapper[Any]) -> _Kind:
    columns: dict[str, Any] = {one.key: one.columns[0] for one in mapper.column_attrs}
    attribute: dict[Any, str] = {column: key for key, column in columns.items()}
    lines: dict[str, tuple[tuple[str, str], ...]] = {}
    referred: dict[str, tuple[tuple[str, str], ...]] = {}
    for relation in mapper.relationships:
        there: dict[Any, str] = {one.columns[0]: one.key for one in relation.mapper.column_attrs}
        pairs = tuple((there[far], attribute[near]) for near, far in relation.local_remote_pairs or ())
        (referred if relation.direction is MANYTOONE else lines)[relation.key] = pairs
    version = mapper.version_id_col
    return _Kind(
        table=_QUOTED.format_table(mapper.local_table),
        columns={
            key: _Column(
                column.name,
                _default(column),
                column.default is None and column.server_default is not None,
                column.type if isinstance(column.type, sa.TypeDecorator) else None,
            )
            for key, column in columns.items()
        },
        keys=tuple(attribute[column] for column in mapper.primary_key),
        key_type=mapper.primary_key[0].type.compile(pg.dialect()),  # type: ignore[no-untyped-call]
        versions=() if version is None else (attribute[version],),
        lines=lines,
        referred=referred,
    )


def _default(column: Any) -> Callable[[Any], Any] | None:
    default: Any = column.default
    if default is None:
        return None
    return default.arg if default.is_callable else lambda _context: default.arg


# ---- rows that wait


def _fill(kind: _Kind, row: dict[str, Any]) -> None:
    """What a new row does not say itself."""
    for name, column in kind.columns.items():
        if column.default is not None and row.get(name) is None:
            row[name] = column.default(None)
    for name in kind.versions:
        row[name] = 1


def _refer(kind: _Kind, state: Any) -> None:
    """Lines know their document, whoever refers to a row its key."""
    row = state.dict
    for relation, pairs in kind.lines.items():
        for line in row.get(relation, ()):
            inner = sa.inspect(line)
            if inner.key is None:
                inner.dict.update({far: row[near] for far, near in pairs})
    for relation, pairs in kind.referred.items():
        if (other := row.get(relation)) is not None and relation in state.committed_state:
            row.update({near: getattr(other, far) for far, near in pairs})


def _taken_out(kind: _Kind, state: Any) -> Iterable[Any]:
    """Lines that are no longer in their document; their own lines go with them, by the database's cascade."""
    for relation in kind.lines:
        if relation in state.committed_state:
            for line in state.attrs[relation].history.deleted:
                if (inner := sa.inspect(line)).key is not None:
                    yield inner


def _changes(kind: _Kind, state: Any) -> Iterable[str]:
    """Attributes with another value than was read, or of which that is not known."""
    for name, before in state.committed_state.items():
        if name in kind.columns and (before is NO_VALUE or before != state.dict.get(name)):
            yield name


# ---- pieces


def _order(group: tuple[tuple[str, _Kind, tuple[str, ...]], Any]) -> tuple[str, str, tuple[str, ...]]:
    verb, kind, names = group[0]
    return verb, kind.table, names


def _piece(number: int, kind: _Kind, verb: str, names: tuple[str, ...], rows: list[dict[str, Any]]) -> Piece:
    name = f"{verb}_{number}"
    values = {name: orjson.dumps(rows, default=_plain).decode()}
    if verb == "add":
        return Piece(_text(name, kind, verb, names), values)
    first = kind.columns[kind.keys[0]].name
    values[f"{name}_keys"] = [row[first] for row in rows]  # type: ignore[assignment]
    return Piece(_text(name, kind, verb, names), values, len(rows))


@functools.lru_cache(maxsize=2000)
def _text(name: str, kind: _Kind, verb: str, names: tuple[str, ...]) -> str:
    table, columns = kind.table, [_quoted(kind, one) for one in names]
    rows = f"json_populate_recordset(CAST(NULL AS {table}), CAST(:{name} AS json)) AS given"
    if verb == "add":
        given = ", ".join(f"given.{column}" for column in columns)
        return f"{name} AS (INSERT INTO {table} ({', '.join(columns)}) SELECT {given} FROM {rows})"  # noqa: S608
    first = _quoted(kind, kind.keys[0])
    same = " AND ".join(f"kept.{one} = given.{one}" for one in (_quoted(kind, k) for k in (*kind.keys, *kind.versions)))
    # the keys once more by themselves: an index finds them, however many rows the planner expects of the JSON
    which = f"WHERE kept.{first} = ANY(CAST(:{name}_keys AS {kind.key_type}[])) AND {same} RETURNING 1"
    if verb == "remove":
        return f"{name} AS (DELETE FROM {table} AS kept USING {rows} {which})"  # noqa: S608
    fresh = [f"{column} = given.{column}" for column in columns]
    fresh += [f"{column} = kept.{column} + 1" for column in (_quoted(kind, one) for one in kind.versions)]
    return f"{name} AS (UPDATE {table} AS kept SET {', '.join(fresh)} FROM {rows} {which})"  # noqa: S608


def _quoted(kind: _Kind, attribute: str) -> str:
    return str(_QUOTED.quote(kind.columns[attribute].name))


def _plain(value: Any) -> str:
    """What JSON has no word for: exact numbers as text, bytes in hex."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, UUID):  # the driver's own kind of them
        return str(value)
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    raise TypeError(f"a column holds a {type(value).__name__}")
