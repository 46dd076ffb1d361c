"""Whether the code of the last release runs on the tables of this one: while a release is rolled out, and after it was
rolled back, both work on the same database.

A release keeps the shape of its tables (`migrations/released.json`, made by `python -m chassis released`). Scripts that
follow may add; they may take away only what the release kept does not use any more.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

# table -> what it has: columns with type, nullable and whether the database fills them in; rules by name
Shape = dict[str, dict[str, dict[str, Any]]]
# its own bookkeeping of scripts, read by no code of a service
_NOT_READ = frozenset({"alembic_version"})
_COLUMNS = sa.text(
    "SELECT c.relname AS of, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, "
    "NOT a.attnotnull AS free, a.atthasdef OR a.attidentity <> '' AS filled "
    "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
    "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition "
    "AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, 2"
)
# unique keys, checks and references; and unique indexes, which refuse as constraints do
_RULES = sa.text(
    "SELECT r.relname AS of, c.conname AS name, pg_get_constraintdef(c.oid) AS says FROM pg_constraint c "
    "JOIN pg_class r ON r.oid = c.conrelid WHERE c.connamespace = 'public'::regnamespace AND NOT r.relispartition "
    "AND c.contype IN ('u', 'c', 'f', 'p', 'x') "
    "UNION ALL SELECT r.relname, i.relname, pg_get_indexdef(x.indexrelid) FROM pg_index x "
    "JOIN pg_class r ON r.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid "
    "WHERE x.indisunique AND r.relnamespace = 'public'::regnamespace AND NOT r.relispartition AND NOT EXISTS "
    "(SELECT FROM pg_constraint c WHERE c.conindid = x.indexrelid) ORDER BY 1, 2"
)


def shape_of(connection: sa.Connection) -> Shape:
    """The tables of a database, as far as code that reads and writes them notices."""
    found: Shape = defaultdict(lambda: {"columns": {}, "rules": {}})
    for row in connection.execute(_COLUMNS):
        if row.of not in _NOT_READ:
            found[row.of]["columns"][row.name] = {"type": row.type, "free": row.free, "filled": row.filled}
    for row in connection.execute(_RULES):
        if row.of not in _NOT_READ:
            found[row.of]["rules"][row.name] = row.says
    return dict(found)


def breaks(released: Shape, now: Shape) -> Iterator[str]:
    """What the code of the last release would stumble over."""
    for table, was in released.items():
        if table not in now:
            yield f"{table}: the table is gone"
            continue
        columns, rules = now[table]["columns"], now[table]["rules"]
        for name, had in was["columns"].items():
            if (has := columns.get(name)) is None:
                yield f"{table}.{name}: the column is gone"
            elif has["type"] != had["type"]:
                yield f"{table}.{name}: {had['type']} became {has['type']}"
            elif had["free"] and not has["free"]:
                yield f"{table}.{name}: it may not be empty any more"
            elif had["filled"] and not has["filled"]:
                yield f"{table}.{name}: the database does not fill it in any more"
        for name, has in columns.items():
            if name not in was["columns"] and not has["free"] and not has["filled"]:
                yield f"{table}.{name}: a new column that must be said, and that the old code does not know"
        for name, says in rules.items():
            if was["rules"].get(name) != says:
                yield f"{table}: the old code does not know the rule {name}: {says}"


def file_of(package_folder: Path) -> Path:
    """Where a service keeps the shape of its last release."""
    return package_folder / "migrations" / "released.json"


def keep(package_folder: Path, shape: Shape) -> None:
    """What is released now: later scripts are held against it."""
    lines = (f"{json.dumps(table)}: {json.dumps(shape[table], sort_keys=True)}" for table in sorted(shape))
    file_of(package_folder).write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


def kept(package_folder: Path) -> Shape:
    """The shape of the last release. Raises FileNotFoundError where none was kept."""
    return json.loads(file_of(package_folder).read_text("utf-8"))  # type: ignore[no-any-return]
