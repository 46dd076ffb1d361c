"""The fence of companies does not keep a search from its index: without it, every search would read the whole table."""

import asyncio
import os
import subprocess
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from chassis import testing_postgres

SERVICE_SQL = Path(__file__).parents[1] / "postgres" / "service.sql"
PASSWORDS = ("owner_password", "app_password", "ro_password")
ROWS = """
CREATE TABLE found (id serial PRIMARY KEY, company text NOT NULL, search tsvector NOT NULL);
INSERT INTO found (company, search)
  SELECT 'c' || n % 3, to_tsvector('simple', 'bolt' || n) FROM generate_series(1, 20000) n;
CREATE INDEX ix_found_search ON found USING gin (search);
ALTER TABLE found ENABLE ROW LEVEL SECURITY;
CREATE POLICY fence ON found USING (company = current_setting('heyi.company', true));
"""


@pytest.fixture
async def service() -> AsyncIterator[str]:
    """A database as an operator makes it, with a fenced table of its owner."""
    name, server = f"s{uuid.uuid4().hex[:12]}", os.environ[testing_postgres.VARIABLE]
    values = [f"-v{key}={value}" for key, value in {"service": name, **dict.fromkeys(PASSWORDS, "x")}.items()]
    psql = testing_postgres.binaries() / "psql"
    await asyncio.to_thread(
        subprocess.run, [psql, "-X", "-q", *values, "-f", SERVICE_SQL, server], check=True, capture_output=True
    )
    owner = await asyncpg.connect(testing_postgres.at(server, name, f"{name}_owner"))
    await owner.execute(ROWS)
    await owner.execute("ANALYZE found")
    await owner.close()
    yield name
    admin = await asyncpg.connect(server)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    for role in ("owner", "app", "ro"):
        await admin.execute(f"DROP ROLE {name}_{role}")
    await admin.close()


async def test_a_search_behind_the_fence_uses_its_index(service: str) -> None:
    server = os.environ[testing_postgres.VARIABLE]
    app = await asyncpg.connect(testing_postgres.at(server, service, f"{service}_app"))
    await app.execute("SET heyi.company = 'c1'")
    question = "FROM found WHERE search @@ 'bolt1000'::tsquery"
    plan = "\n".join(row[0] for row in await app.fetch(f"EXPLAIN SELECT id {question}"))
    other = await app.fetchval("SELECT count(*) FROM found WHERE search @@ 'bolt1001'::tsquery")
    mine = await app.fetchval(f"SELECT count(*) {question}")
    await app.close()
    assert "ix_found_search" in plan, plan
    assert (mine, other) == (1, 0)
