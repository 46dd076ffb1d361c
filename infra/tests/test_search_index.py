"""The fence of companies keeps neither a search nor an exact filter of added fields from its index: without it, each
would read the whole table.
"""

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
CREATE TABLE found (id serial PRIMARY KEY, company text NOT NULL, search tsvector NOT NULL, custom_fields jsonb);
INSERT INTO found (company, search, custom_fields)
  SELECT 'c' || n % 3, to_tsvector('simple', 'bolt' || n), jsonb_build_object('grade', n::text)
  FROM generate_series(1, 20000) n;
CREATE INDEX ix_found_search ON found USING gin (search);
CREATE INDEX ix_found_values ON found USING gin (custom_fields jsonb_path_ops) WHERE custom_fields IS NOT NULL;
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


@pytest.mark.parametrize(
    ("index", "mine", "other"),
    [
        ("ix_found_search", "search @@ 'bolt1000'::tsquery", "search @@ 'bolt1001'::tsquery"),
        ("ix_found_values", """custom_fields @> '{"grade": "1000"}'""", """custom_fields @> '{"grade": "1001"}'"""),
    ],
)
async def test_what_is_asked_behind_the_fence_uses_its_index(service: str, index: str, mine: str, other: str) -> None:
    server = os.environ[testing_postgres.VARIABLE]
    app = await asyncpg.connect(testing_postgres.at(server, service, f"{service}_app"))
    await app.execute("SET heyi.company = 'c1'")
    plan = "\n".join(row[0] for row in await app.fetch(f"EXPLAIN SELECT id FROM found WHERE {mine}"))
    found = [await app.fetchval(f"SELECT count(*) FROM found WHERE {asked}") for asked in (mine, other)]
    await app.close()
    assert index in plan, plan
    assert found == [1, 0]
