"""python wait.py VARIABLE [TABLE [HOST:PORT]]: until the database at the address in VARIABLE lets us in and has the
table, and somebody listens at HOST:PORT. How long is too long is the pod's business.
"""

import asyncio
import os
import sys

import asyncpg


async def ready(url, table, events):
    """Whether all of it is there; says what is not."""
    try:
        connection = await asyncpg.connect(url, timeout=5)
        try:
            there = not table or await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table)
        finally:
            await connection.close()
        if events:
            _, writer = await asyncio.wait_for(asyncio.open_connection(*events.rsplit(":", 1)), 5)
            writer.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        print(f"waits: {type(error).__name__}", flush=True)
        return False
    if not there:
        print(f"waits: no table {table} yet", flush=True)
    return there


async def main(variable, table="", events=""):
    while not await ready(os.environ[variable], table, events):
        await asyncio.sleep(1)


asyncio.run(main(*sys.argv[1:]))
