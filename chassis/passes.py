"""Work that is done in passes over the facts, again and again, whatever became of the pass before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chassis import telemetry

if TYPE_CHECKING:
    from chassis.runtime import Runtime

LOOK_SECONDS, EVERY_SECONDS = 0.5, 15.0


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


async def as_people_change(
    runtime: Runtime, once: Callable[[Runtime], Awaitable[Any]], *, log: Any, waiting: str
) -> None:
    """Run passes until cancelled: half a second after people, places or rights changed, and every 15 s all the same."""
    seen, looked = 0, float("-inf")
    while True:
        epoch = runtime.rights().organisation.epoch
        if epoch != seen or time.monotonic() - looked > EVERY_SECONDS:
            try:
                await once(runtime)
                seen, looked = epoch, time.monotonic()
            except (DBAPIError, PoolTimeout, OSError) as error:
                log.warning(waiting, error=telemetry.plain(error))
        await asyncio.sleep(LOOK_SECONDS)
