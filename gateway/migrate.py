"""Bring the gateway's own database to what this release needs: as its owner, under a lock, before it starts."""

from __future__ import annotations

from pathlib import Path

import alembic.command
import alembic.config
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.migrate import ENVIRONMENT, beside_work, of_a_later_release, owner_engine
from gateway.sessions import METADATA

FOLDER = Path(__file__).parent
VERSIONS = FOLDER / "migrations" / "versions"


async def migrate(owner_database_url: str) -> None:
    """Numbered scripts up to the newest. Safe to run again and from two places at once."""
    engine = owner_engine(owner_database_url)
    try:
        await beside_work(engine, _work)
    finally:
        await engine.dispose()


async def _work(connection: AsyncConnection) -> None:
    if not await of_a_later_release(connection, "gateway"):
        await connection.run_sync(_upgrade)


def _upgrade(connection: sa.Connection) -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(ENVIRONMENT))
    config.set_main_option("version_locations", str(VERSIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["metadata"] = METADATA
    alembic.command.upgrade(config, "head")
