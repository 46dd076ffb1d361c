"""python first.py VARIABLE ARGUMENT...: the first migration, `python ARGUMENT...`, where the database at the address in
VARIABLE has none of its tables yet. This Job is of the first revision and comes back with a rollback to it, when the
tables are newer than its program knows: then there is nothing to do.
"""

import asyncio
import os
import sys

import asyncpg


async def has_tables(url):
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL")
    finally:
        await connection.close()


variable, *arguments = sys.argv[1:]
if asyncio.run(has_tables(os.environ[variable])):
    print("the tables are there already", flush=True)
else:
    os.execv(sys.executable, [sys.executable, *arguments])
