"""Bring a service's database and its place in the stream to what this release needs.

Runs as the owner, before the service starts; the service itself runs as another role that owns nothing. Beside the
numbered scripts it keeps what follows from the models alone: rights of the roles, and the fence that keeps rows of
one company out of calls about another.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import alembic.command
import alembic.config
import nats.errors
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from chassis import audit_retention, custom_fields
from chassis import stream as wire
from chassis.db import address_of, sqlstate
from chassis.health import newest_script
from chassis.service import Service
from chassis.settings import MigrationSettings
from chassis.stream import ensure_consumer, ensure_stream
from chassis.tls import Tls

LOCK = 4_806_711
# a service waits two seconds for a lock (`db.SESSION`): behind us it has to get it within that
LOCK_SECONDS, PAUSE_SECONDS, TRIES = 1, 2.0, 100
LOCK_TIMEOUT = "55P03"
VALUE_INDEX = "_custom_fields"
T = TypeVar("T")
ENVIRONMENT = Path(__file__).parent / "migrations_env"


async def migrate(service: Service, settings: MigrationSettings) -> bool:
    """Tables, roles' rights, seeds, stream and consumer. Safe to run again and from two places at once.

    False where the event server does not know the service yet: see `migrate_stream`.
    """
    engine = owner_engine(settings.owner_database_url)
    try:
        ours = await migrate_database(service, engine)
    finally:
        await engine.dispose()
    # what a later release listens to stays on its way: it comes back to it
    return not ours or await migrate_stream(service, settings.nats_url, settings.tls)


def owner_engine(url: str) -> AsyncEngine:
    """An engine for the owner of a database: one connection, no limits on statements."""
    return create_async_engine(address_of(url), pool_size=1, connect_args={"dsn": url})


async def migrate_database(service: Service, engine: AsyncEngine) -> bool:
    """Numbered scripts up to the newest, then fences and rights, then the rows that must be there. False where a later
    release did it already.
    """

    async def work(connection: AsyncConnection) -> bool:
        if await of_a_later_release(connection, service.name):
            return False
        # a table whose rows a script changed cannot be altered while checks of them are put off
        await connection.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
        await connection.run_sync(lambda sync: alembic.command.upgrade(_config(service, sync), "head"))
        for statement in [
            *audit_retention.statements(f"{service.name}_app"),
            *await _fences(service, connection),
            *await _value_indexes(service, connection),
        ]:
            await connection.execute(sa.text(statement))
        if service.seed is not None:
            await service.seed(connection)
        return True

    return await beside_work(engine, work)


async def beside_work(engine: AsyncEngine, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Change a database in one transaction while the release before works on it: under the lock of migrations, and
    waiting for a table no longer than those who then wait for us can bear; given up and tried again while somebody
    reads it for longer.
    """
    for tries in range(1, TRIES + 1):
        try:
            async with engine.begin() as connection:
                await connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
                await connection.execute(sa.text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
                return await work(connection)
        except sa.exc.DBAPIError as error:
            if sqlstate(error) != LOCK_TIMEOUT or tries == TRIES:
                raise
            print("somebody holds what is to be changed: tried again", flush=True)
        await asyncio.sleep(PAUSE_SECONDS)
    raise AssertionError("the last try raises")


async def of_a_later_release(connection: AsyncConnection, package: str) -> bool:
    """Whether a later release brought the tables to what it needs: this one, rolled back to, runs on them as they are
    (`chassis.upgrades`), and knows nothing of scripts that came after it.
    """
    if not await connection.scalar(sa.text("SELECT to_regclass('public.alembic_version')")):
        return False
    there, known = await connection.scalar(sa.text("SELECT version_num FROM alembic_version")), newest_script(package)
    if there is None or there <= known:
        return False
    print(f"{package}: the database is of a later release (script {there}, this one ends at {known}): left as it is")
    return True


def differences(service: Service, connection: sa.Connection) -> list[Any]:
    """What the scripts leave different from the models; empty where they agree."""
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "target_metadata": service.base.metadata, "include_object": numbered}
    )
    return list(compare_metadata(context, service.base.metadata))


async def make_revision(service: Service, engine: AsyncEngine, message: str) -> None:
    """Write the next numbered script from the difference between models and scripts."""
    folder = _versions(service)
    folder.mkdir(parents=True, exist_ok=True)
    number = f"{len(list(folder.glob('[0-9]*.py'))) + 1:04d}"
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: alembic.command.upgrade(_config(service, sync), "head"))
        await connection.run_sync(
            lambda sync: alembic.command.revision(_config(service, sync), message, autogenerate=True, rev_id=number)
        )


async def migrate_stream(service: Service, url: str, tls: Tls | None = None) -> bool:
    """The one stream, and this service's durable consumer with the subjects that it reacts to.

    False where the server refuses the account: a new service's is made with the release, which comes after its
    migration, and the service makes its consumer itself when it is let in (`chassis.sweep`).
    """
    told: list[str] = []

    async def note(error: Exception) -> None:
        told.append(str(error))

    try:
        connection = await wire.connect(url, service.name, tls, max_reconnect_attempts=3, error_cb=note)
    except nats.errors.NoServersError:
        if told and "Authorization Violation" in told[-1]:
            return False
        raise
    try:
        stream = connection.jetstream()
        await ensure_stream(stream)
        await ensure_consumer(stream, service)
    finally:
        await connection.close()
    return True


async def _fences(service: Service, connection: AsyncConnection) -> list[str]:
    """Rows of one company stay out of calls about another, whatever a query forgets. Only what is not there yet: each
    of these statements keeps everybody out of its table.
    """
    app = f"{service.name}_app"
    statements = []
    fenced, there = await _fenced(connection)
    setting = "current_setting('heyi.company', true)"
    for table in service.base.metadata.sorted_tables:
        column = table.c.get("company_id")
        if column is None or table.name in ("idempotency", "number_series", "audit_entry"):
            continue
        rule = f"company_id IS NULL OR {setting} = '*' OR company_id::text = {setting}"
        if table.name not in fenced:
            statements.append(f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY")
        for name, wanted in (
            ("company", f"TO {app} USING ({rule}) WITH CHECK ({rule})"),
            ("reports", f"FOR SELECT TO {service.name}_ro USING (true)"),
        ):
            if there.get((table.name, name)) != wanted:
                said = wanted.replace("'", "''")
                statements += [
                    f"DROP POLICY IF EXISTS {name} ON {table.name}",
                    f"CREATE POLICY {name} ON {table.name} {wanted}",
                    f"COMMENT ON POLICY {name} ON {table.name} IS '{said}'",
                ]
    return statements


async def _fenced(connection: AsyncConnection) -> tuple[set[str], dict[tuple[str, str], str]]:
    """Tables with a fence, and what each policy was made of: the database says its rule in words of its own, so the
    comment keeps ours.
    """
    rows = await connection.execute(
        sa.text(
            "SELECT c.relname, p.polname, obj_description(p.oid, 'pg_policy') FROM pg_class c "
            "LEFT JOIN pg_policy p ON p.polrelid = c.oid "
            "WHERE c.relnamespace = 'public'::regnamespace AND c.relrowsecurity"
        )
    )
    found = rows.all()
    return {table for table, _, _ in found}, {(table, name): said for table, name, said in found if name}


async def _value_indexes(service: Service, connection: AsyncConnection) -> list[str]:
    """What a filter asks of added fields to be equal is found by an index; rows without any value are not in it. Only
    those that are not there yet: `IF NOT EXISTS` would lock the table before it looks.
    """
    column = custom_fields.COLUMN
    named = "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE :like"
    there = set(await connection.scalars(sa.text(named), {"like": f"%{VALUE_INDEX}"}))
    wanted = {f"ix_{mapper.local_table.name}{VALUE_INDEX}": mapper for mapper in custom_fields.mappers(service.base)}
    return [
        f"CREATE INDEX {name} ON {mapper.local_table.name} USING gin ({column} jsonb_path_ops)"
        f" WHERE {column} IS NOT NULL"
        for name, mapper in wanted.items()
        if name not in there
    ]


def numbered(_thing: Any, name: str | None, kind: str, *_more: Any) -> bool:
    """Whether the numbered scripts make something: not the indexes that follow from the models alone."""
    return kind != "index" or not str(name).endswith(VALUE_INDEX)


def folder_of(service: Service) -> Path:
    """Where a service's package lies."""
    spec = importlib.util.find_spec(service.name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _versions(service: Service) -> Path:
    return folder_of(service) / "migrations" / "versions"


def _config(service: Service, connection: sa.Connection) -> alembic.config.Config:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(ENVIRONMENT))
    config.set_main_option("version_locations", str(_versions(service)))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["metadata"] = service.base.metadata
    return config


def run(service: Service) -> None:
    """Migrate one service as the environment says."""
    known = asyncio.run(migrate(service, MigrationSettings.read(service.name)))
    later = "the database is up to date; the event server refuses the account, its consumer is made when it is let in"
    print(f"{service.name}: {'database and stream are up to date' if known else later}", flush=True)
