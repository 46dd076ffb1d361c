"""A PostgreSQL of the tests' own: started once per run, a template database per service, a database per worker."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from chassis import audit_retention, migrate
from chassis.service import Service

VARIABLE = "HEYI_TEST_POSTGRES"
FAST = "fsync=off synchronous_commit=off full_page_writes=off wal_level=minimal max_wal_senders=0 max_connections=200"
LOCK = 77_123


def binaries() -> Path:
    """Folder of PostgreSQL's programs: HEYI_PG_BIN, else Debian's newest."""
    if named := os.environ.get("HEYI_PG_BIN"):
        return Path(named)
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[4]))
    if not found:
        raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql, or set HEYI_PG_BIN")
    return found[-1].parent


@contextlib.contextmanager
def server() -> Iterator[str]:
    """A running server's address, as its superuser; the one that HEYI_TEST_POSTGRES names, if it does."""
    if named := os.environ.get(VARIABLE):
        yield named
        return
    folder = Path(tempfile.mkdtemp(prefix="heyi-pg-"))
    identity: dict[str, object] = {}
    if os.getuid() == 0:
        account = pwd.getpwnam("postgres")
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        os.chown(folder, account.pw_uid, account.pw_gid)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [part for pair in FAST.split() for part in ("-c", pair)]
    initdb = [
        binaries() / "initdb",
        "-D",
        folder / "data",
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **identity)  # type: ignore[call-overload]
    command = [
        binaries() / "postgres",
        "-D",
        folder / "data",
        "-p",
        str(port),
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        f"unix_socket_directories={folder}",
        *options,
    ]
    with (folder / "log").open("w") as words:
        process = subprocess.Popen(command, stdout=words, stderr=words, cwd=folder, **identity)  # type: ignore[call-overload]
    try:
        deadline = time.monotonic() + 30
        while subprocess.run([binaries() / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]).returncode:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{(folder / 'log').read_text()}")
            time.sleep(0.05)
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def at(url: str, database: str, role: str = "postgres") -> str:
    """The same server, another database and role."""
    host = url.rsplit("@", 1)[1].split("/")[0]
    return f"postgresql://{role}@{host}/{database}"


async def prepare_service(url: str, service: Service, worker: str) -> str:
    """A fresh database for a service and a worker; returns its name."""
    digest = hashlib.sha256()
    for script in sorted(migrate._versions(service).glob("*.py")):
        digest.update(script.read_bytes())
    for module in (migrate, audit_retention):
        digest.update(inspect.getsource(module).encode())
    template, database = f"tmpl_{service.name}_{digest.hexdigest()[:10]}", f"t_{service.name}_{worker}"
    admin = _admin(url)
    try:
        async with admin.connect() as connection:
            await connection.execute(sa.text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
            known = sa.text("SELECT 1 FROM pg_database WHERE datname = :name")
            if (await connection.execute(known, {"name": template})).first() is None:
                await make_database(url, service, template)
            await connection.execute(sa.text(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)"))
            await connection.execute(
                sa.text(f"CREATE DATABASE {database} TEMPLATE {template} OWNER {service.name}_owner")
            )
            await connection.execute(sa.text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
    finally:
        await admin.dispose()
    return database


async def make_database(url: str, service: Service, database: str, *, scripts: bool = True) -> None:
    """A service's roles and database, with the numbered scripts run in it."""
    admin = _admin(url)
    owner, app, reader = (f"{service.name}_{role}" for role in ("owner", "app", "ro"))
    draft = f"{database}_draft"
    async with admin.connect() as connection:
        for role in (owner, app, reader):
            if (
                await connection.execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :r"), {"r": role})
            ).first() is None:
                await connection.execute(sa.text(f"CREATE ROLE {role} LOGIN"))
        await connection.execute(sa.text(f"DROP DATABASE IF EXISTS {draft} WITH (FORCE)"))
        await connection.execute(sa.text(f"CREATE DATABASE {draft} OWNER {owner}"))
    owning = migrate.owner_engine(at(url, draft, owner))
    async with owning.begin() as connection:
        for statement in (
            f"ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}",
            f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {reader}",
        ):
            await connection.execute(sa.text(statement))
    if scripts:
        await migrate.migrate_database(service, owning)
    await owning.dispose()
    async with admin.connect() as connection:
        await connection.execute(sa.text(f"ALTER DATABASE {draft} RENAME TO {database}"))
    await admin.dispose()


def _admin(url: str) -> AsyncEngine:
    return create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://", 1), isolation_level="AUTOCOMMIT", pool_size=1
    )
