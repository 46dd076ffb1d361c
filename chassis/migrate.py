"""Bring a service's database and its place in the stream to what this release needs.

Runs as the owner, before the service starts; the service itself runs as another role that owns nothing. Beside the
numbered scripts it keeps what follows from the models alone: rights of the roles, and the fence that keeps rows of
one company out of calls about another.
"""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
import nats.errors
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from chassis import audit_retention, custom_fields
from chassis import stream as wire
from chassis.db import address_of
from chassis.health import newest_script
from chassis.service import Service
from chassis.settings import MigrationSettings
from chassis.stream import ensure_consumer, ensure_stream
from chassis.tls import Tls

LOCK = 4_806_711
VALUE_INDEX = "_custom_fields"
ENVIRONMENT = Path(__file__).parent / "migrations_env"


async def migrate(service: Service, settings: MigrationSettings) -> bool:
    """Tables, roles' rights, seeds, stream and consumer. Safe to run again and from two places at once.

    False where the event server does not know the service yet: see `migrate_stream`.
    """
    engine = owner_engine(settings.owner_database_url)
    try:
        await migrate_database(service, engine)
    finally:
        await engine.dispose()
    return await migrate_stream(service, settings.nats_url, settings.tls)


def owner_engine(url: str) -> AsyncEngine:
    """An engine for the owner of a database: one connection, no limits on statements."""
    return create_async_engine(address_of(url), pool_size=1, connect_args={"dsn": url})


async def migrate_database(service: Service, engine: AsyncEngine) -> None:
    """Numbered scripts up to the newest, then fences and rights, then the rows that must be there."""
    async with engine.begin() as connection:
        await connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        if await of_a_later_release(connection, service.name):
            return
        # a table whose rows a script changed cannot be altered while checks of them are put off
        await connection.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
        await connection.run_sync(lambda sync: alembic.command.upgrade(_config(service, sync), "head"))
        for statement in [*_fences(service), *_value_indexes(service)]:
            await connection.execute(sa.text(statement))
        if service.seed is not None:
            await service.seed(connection)


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


def _fences(service: Service) -> list[str]:
    """Rows of one company stay out of calls about another, whatever a query forgets; the trail is not changed."""
    app = f"{service.name}_app"
    statements = audit_retention.statements(app)
    setting = "current_setting('heyi.company', true)"
    for table in service.base.metadata.sorted_tables:
        column = table.c.get("company_id")
        if column is None or table.name in ("idempotency", "number_series", "audit_entry"):
            continue
        rule = f"company_id IS NULL OR {setting} = '*' OR company_id::text = {setting}"
        statements += [
            f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY",
            f"DROP POLICY IF EXISTS company ON {table.name}",
            f"CREATE POLICY company ON {table.name} TO {app} USING ({rule}) WITH CHECK ({rule})",
            f"DROP POLICY IF EXISTS reports ON {table.name}",
            f"CREATE POLICY reports ON {table.name} FOR SELECT TO {service.name}_ro USING (true)",
        ]
    return statements


def _value_indexes(service: Service) -> list[str]:
    """What a filter asks of added fields to be equal is found by an index; rows without any value are not in it."""
    column = custom_fields.COLUMN
    return [
        f"CREATE INDEX IF NOT EXISTS ix_{table}{VALUE_INDEX} ON {table} USING gin ({column} jsonb_path_ops)"
        f" WHERE {column} IS NOT NULL"
        for table in (mapper.local_table.name for mapper in custom_fields.mappers(service.base))
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
