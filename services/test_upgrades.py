"""A release is rolled out and rolled back while both run: the code of the last one works on the tables of this one."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import os
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from test_every_service import NAMES

from chassis import migrate, testing_postgres, upgrades
from chassis.service import find

COLUMN = {"type": "text", "free": True, "filled": False}
BEFORE: upgrades.Shape = {
    "paper": {
        "columns": {"id": {**COLUMN, "type": "uuid", "free": False}, "note": COLUMN, "day": {**COLUMN, "filled": True}},
        "rules": {"pk_paper": "PRIMARY KEY (id)"},
    }
}


@pytest.mark.parametrize("name", NAMES)
async def test_what_the_last_release_uses_is_there(name: str) -> None:
    service = find(name)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    url = os.environ[testing_postgres.VARIABLE]
    database = await testing_postgres.prepare_service(url, service, f"upgrade_{worker}")
    owner = migrate.owner_engine(testing_postgres.at(url, database, f"{name}_owner"))
    async with owner.connect() as connection:
        now = await connection.run_sync(upgrades.shape_of)
    await owner.dispose()

    assert len(now) > 10, "its own tables and those of every service"
    assert list(upgrades.breaks(upgrades.kept(migrate.folder_of(service)), now)) == []


async def test_a_release_that_was_rolled_back_to_leaves_the_newer_tables_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    worker, service = os.environ.get("PYTEST_XDIST_WORKER", "main"), find("inventory")
    url = os.environ[testing_postgres.VARIABLE]
    database = f"rolled_back_{worker}"
    await testing_postgres.make_database(url, service, database)
    owner = migrate.owner_engine(testing_postgres.at(url, database, "inventory_owner"))
    async with owner.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE item ADD COLUMN of_a_later_release text"))
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        before = await connection.run_sync(upgrades.shape_of)

    assert await migrate.migrate_database(service, owner) is False

    async with owner.connect() as connection:
        assert await connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == "9999"
        assert await connection.run_sync(upgrades.shape_of) == before
    assert "of a later release (script 9999" in capsys.readouterr().out
    await owner.dispose()


@contextlib.asynccontextmanager
async def company_s_database(name: str) -> AsyncIterator[tuple[AsyncEngine, AsyncEngine, list[str]]]:
    """Procurement's database as its owner and as its service see it, and its tables that are fenced."""
    worker, url = os.environ.get("PYTEST_XDIST_WORKER", "main"), os.environ[testing_postgres.VARIABLE]
    database = f"{name}_{worker}"
    await testing_postgres.make_database(url, find("procurement"), database)
    owner = migrate.owner_engine(testing_postgres.at(url, database, "procurement_owner"))
    app = migrate.owner_engine(testing_postgres.at(url, database, "procurement_app"))
    async with owner.connect() as connection:
        found = await connection.scalars(sa.text("SELECT DISTINCT polrelid::regclass::text FROM pg_policy"))
        yield owner, app, sorted(found)
    await owner.dispose()
    await app.dispose()


async def reads(connection: AsyncConnection, tables: Sequence[str]) -> None:
    for table in tables:
        await connection.execute(sa.text(f"SELECT FROM {table} LIMIT 1"))


async def test_an_upgrade_that_brings_no_change_waits_for_nobody_and_nobody_for_it() -> None:
    """Beside a check of the books, which reads everything in one transaction for minutes."""
    async with company_s_database("beside_a_reader") as (owner, app, tables), app.connect() as reader:
        assert len(tables) > 5
        await reads(reader, tables)
        async with asyncio.timeout(migrate.LOCK_SECONDS):
            assert await migrate.migrate_database(find("procurement"), owner) is True


async def test_an_upgrade_that_must_change_a_table_lets_others_through_until_it_can(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with company_s_database("behind_a_reader") as (owner, app, tables), app.connect() as other:
        async with owner.begin() as connection:
            await connection.execute(sa.text(f"COMMENT ON POLICY company ON {tables[0]} IS 'of an earlier release'"))
        async with app.connect() as reader:
            await reads(reader, tables)
            upgrade = asyncio.create_task(migrate.migrate_database(find("procurement"), owner))
            # it gives up and tries again; who wants the table meanwhile is let through in the time that a service waits
            while capsys.readouterr().out.count("tried again") < 1:
                async with asyncio.timeout(2):
                    await reads(other, tables[:1])
                await other.rollback()
            assert not upgrade.done()
        assert await upgrade is True
        async with owner.connect() as connection:
            said = "SELECT obj_description(oid, 'pg_policy') FROM pg_policy"
            assert all("earlier" not in text for text in await connection.scalars(sa.text(said)))


# a statement of a script, and what the old code would stumble over
SCRIPTS = [
    ("ALTER TABLE supplier DROP COLUMN short_name", "supplier.short_name: the column is gone"),
    ("ALTER TABLE supplier RENAME COLUMN short_name TO called", "supplier.short_name: the column is gone"),
    ("DROP TABLE supplier_bank_account", "supplier_bank_account: the table is gone"),
    ("ALTER TABLE supplier ALTER COLUMN name TYPE varchar(20)", "supplier.name: text became character varying(20)"),
    ("ALTER TABLE supplier ADD COLUMN grade text NOT NULL", "supplier.grade: a new column that must be said"),
    ("ALTER TABLE supplier ALTER COLUMN created_at DROP DEFAULT", "created_at: the database does not fill it in"),
    ("ALTER TABLE supplier ADD CONSTRAINT short CHECK (length(name) < 9)", "does not know the rule short"),
    ("CREATE UNIQUE INDEX one_name ON supplier (name)", "does not know the rule one_name"),
    ("ALTER TABLE supplier ADD COLUMN grade text NOT NULL DEFAULT 'B'", ""),
    ("ALTER TABLE supplier ADD COLUMN grade text", ""),
    ("CREATE TABLE grade (id int PRIMARY KEY)", ""),
    ("CREATE INDEX by_name ON supplier (name)", ""),
]


async def test_a_script_that_takes_away_is_found_and_one_that_adds_is_not() -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    url = os.environ[testing_postgres.VARIABLE]
    database = await testing_postgres.prepare_service(url, find("procurement"), f"upgrade_{worker}")
    owner = migrate.owner_engine(testing_postgres.at(url, database, "procurement_owner"))
    for statement, said in SCRIPTS:
        async with owner.connect() as connection:
            before = await connection.run_sync(upgrades.shape_of)
            await connection.execute(sa.text(statement))
            found = list(upgrades.breaks(before, await connection.run_sync(upgrades.shape_of)))
        assert bool(found) is bool(said), (statement, found)
        assert not said or any(said in line for line in found), (statement, found)
    await owner.dispose()


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("note", "free"), False, "paper.note: it may not be empty any more"),
        (("day", "filled"), False, "paper.day: the database does not fill it in any more"),
        (("id", "free"), True, ""),
    ],
)
def test_a_column_that_asks_for_more_is_found(path: tuple[str, str], value: Any, said: str) -> None:
    now = copy.deepcopy(BEFORE)
    now["paper"]["columns"][path[0]][path[1]] = value
    assert list(upgrades.breaks(BEFORE, now)) == ([said] if said else [])
    assert list(upgrades.breaks(BEFORE, BEFORE)) == []
