"""Statements of the tools, as the superuser of an instance, or (`None`) of the server that PGHOST, PGUSER and
PGPASSWORD name.
"""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from infra.local.instance import Instance
from infra.local.postgres import SUPERUSER


async def connect(instance: Instance | None, database: str = "postgres") -> Any:
    """A connection to one of its databases."""
    if instance is None:
        return await asyncpg.connect(database=database, timeout=10)
    address = f"postgresql://{instance._database(database)}"
    return await asyncpg.connect(address, user=SUPERUSER, password=instance.postgres.password, timeout=10)


def ask(instance: Instance | None, statement: str, *values: Any, database: str = "postgres") -> list[Any]:
    """The rows of one statement."""

    async def work() -> list[Any]:
        connection = await connect(instance, database)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    return asyncio.run(work())


def value(instance: Instance | None, statement: str, *values: Any, database: str = "postgres") -> Any:
    """The first value of the first row."""
    return ask(instance, statement, *values, database=database)[0][0]
