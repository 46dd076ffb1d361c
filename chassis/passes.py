"""Work that is done in passes over the facts, again and again, whatever became of the pass before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chassis import telemetry


async def over_and_over(once: Callable[[], Awaitable[Any]], *, seconds: float, log: Any, waiting: str) -> None:
    """Run passes until cancelled, `seconds` apart. One that the database is away for is made up for by the next, and
    `waiting` says so in the log.
    """
    while True:
        try:
            await once()
        except (DBAPIError, PoolTimeout, OSError) as error:
            log.warning(waiting, error=telemetry.plain(error))
        await asyncio.sleep(seconds)
