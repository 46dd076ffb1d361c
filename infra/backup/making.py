"""`make backup`: everything of a running instance that cannot be made again, as of one moment.

One server holds all databases, Keycloak's too (realm, people, signing keys), so one base backup and the log that goes
with it bring all of them back to one point in time. The store of files is copied twice: what is there before the base
backup, for what is swept meanwhile, and what is there after it, for what came in; so each row of that moment has its
file. The stream server is left out: what it held stands in the outboxes.
"""

from __future__ import annotations

import datetime
import gzip
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from infra.backup.folder import Writing, backups_in, read_manifest
from infra.backup.sealing import Cover
from infra.backup.sql import ask, value
from infra.backup.wal import MARK
from infra.local import machine
from infra.local.instance import OWNERS, Instance
from infra.local.report import CannotContinueError, until

KEPT = 7
# of the instance's folder: secrets, certificates, that the realm stands and what it is joined to, the demo's logins
SMALL = ("instance.json", "tls/*", "keycloak/sealed", "keycloak/joined", "demo.json")
# files that never change once they have their name, and those that come in
FIXED, GROWING = ("blobs/*/*", "previews/*/*"), ("uploads/*",)
TOOLS = ("pg_basebackup", "pg_archivecleanup")
ARCHIVING_SECONDS = 60
_SEGMENT = re.compile(r"[0-9A-F]{24}")


def make(instance: Instance, to: Path, cover: Cover, *, keep: int = KEPT) -> Path:
    """Make a backup in a new folder of `to`; the oldest beyond `keep` go, and the log that only they needed."""
    if not (instance.folder / "instance.json").exists() or instance.pid("postgres") is None:
        raise CannotContinueError(
            f"PostgreSQL of the instance {instance.name!r} does not run: a backup is made of a running instance."
        )
    if lacking := [tool for tool in TOOLS if not (instance.postgres.bin / tool).exists()]:
        raise CannotContinueError(
            f"{instance.postgres.bin} lacks {', '.join(lacking)}. HEYI_PG_BIN names another folder."
        )
    archive = archiving(instance)
    began = value(instance, "SELECT clock_timestamp()")
    name = began.astimezone(datetime.UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    system = str(value(instance, "SELECT system_identifier FROM pg_control_system()"))
    earlier = mine(to, system)
    before = (read_manifest(earlier[-1]), earlier[-1]) if earlier else (None, None)
    with Writing(to / name, cover, *before) as backup:
        store = Path(instance.env()["HEYI_DOCUMENTS_STORE"])
        with instance.report.step("Files of documents"):
            _files(backup, store, FIXED)
        with instance.report.step("All databases (base backup)"):
            _base(instance, backup, label=f"heyi {name}")
        with instance.report.step("Files that came in meanwhile"):
            _files(backup, store, FIXED + GROWING)
        first, last, segments = _log_of_base(archive, label=f"heyi {name}")
        for segment in segments:
            backup.put_file(f"wal/{segment}.gz", archive / f"{segment}.gz", fixed=True)
        for pattern in SMALL:
            for file in sorted(instance.folder.glob(pattern)):
                backup.put_file(f"instance/{file.relative_to(instance.folder)}", file, fixed=False)
        done = backup.finish(
            {
                "instance": instance.name,
                "began_at": began.isoformat(),
                # by the server's clock, after the end of the base backup: it can be restored to this moment and later
                "at": value(instance, "SELECT clock_timestamp()").isoformat(),
                "postgres": {"system": system, "archive": str(archive), "first": first, "last": last},
                "versions": _versions(instance),
            }
        )
    instance.report.line(
        f"{len(backup.files)} files, {sum(f['bytes'] for f in backup.files.values()) / 2**20:.1f} MiB: {done}"
    )
    _thin_out(instance, to, archive, system, keep)
    return done


def mine(to: Path, system: str) -> list[Path]:
    """The backups of one server, oldest first."""
    return [place for place in backups_in(to) if read_manifest(place)["postgres"]["system"] == system]


def archiving(instance: Instance) -> Path:
    """Have every segment of the log kept from now on, and see that it is; returns where."""
    shown = ask(instance, "SELECT current_setting('archive_mode'), current_setting('heyi.wal_archive', true)")[0]
    if shown[0] != "on" or not shown[1]:
        raise CannotContinueError(
            "PostgreSQL runs without archiving of its log: it was started by an earlier release, or its data is not\n"
            "meant to last (the instance 'test'). Start it again:  python3 -m infra.local stop postgres && make up"
        )
    archive, data = Path(shown[1]), instance.postgres.data
    archive.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark = data / MARK
    mark.touch(mode=0o600)
    if account := instance.postgres.account:
        for path in (archive, mark):
            os.chown(path, account.uid, account.gid)
    # which way it came here: PostgreSQL thought these were kept before anything was
    for history in (data / "pg_wal").glob("*.history"):
        if not (archive / f"{history.name}.gz").exists():
            (archive / f"{history.name}.gz").write_bytes(gzip.compress(history.read_bytes(), mtime=0))
    ask(instance, "SELECT pg_logical_emit_message(true, 'heyi', 'backup')")
    segment = value(instance, "SELECT pg_walfile_name(pg_switch_wal())")
    # a file of that name may be another server's: what PostgreSQL says counts
    said = "SELECT coalesce(substr(last_archived_wal, 1, 24) >= $1, false) FROM pg_stat_archiver"
    until(
        lambda: value(instance, said, segment),
        seconds=ARCHIVING_SECONDS,
        otherwise=lambda: (
            f"PostgreSQL cannot put its log into {archive} (is the disk mounted, full, or another server's?). "
            f"Its last words:\n{instance.processes.last_words('postgres')}"
        ),
    )
    return archive


def _base(instance: Instance, backup: Writing, *, label: str) -> None:
    """All databases as one stream: nothing of it lies about unsealed."""
    server = instance.postgres
    options = ["-D", "-", "-F", "t", "-Z", "1", "-X", "none", "-c", "fast", "--no-manifest", "-l", label]
    with tempfile.TemporaryFile("w+") as words:
        command = server.client("pg_basebackup", "--no-password", *options)
        with subprocess.Popen(command, env=server.client_env(), stdout=subprocess.PIPE, stderr=words) as running:
            assert running.stdout is not None
            backup.put("base.tar.gz", running.stdout)
        words.seek(0)
        if running.returncode != 0:
            raise CannotContinueError(f"PostgreSQL's base backup failed:\n{words.read()}")


def _log_of_base(archive: Path, *, label: str) -> tuple[str, str, list[str]]:
    """From where to where the log is needed with the base backup; PostgreSQL archives a note of it."""
    for file in sorted(archive.glob("*.backup.gz"), reverse=True):
        note = gzip.decompress(file.read_bytes()).decode()
        if f"LABEL: {label}\n" in note:
            first, last = re.findall(r"^ST(?:ART|OP) WAL LOCATION: \S+ \(file (\w+)\)", note, re.MULTILINE)
            kept = sorted(path.name.removesuffix(".gz") for path in archive.glob("*.gz"))
            segments = [name for name in kept if _SEGMENT.fullmatch(name) and first <= name <= last]
            ways = [name for name in kept if name.endswith(".history")]
            return first, last, segments + ways
    raise CannotContinueError(f"PostgreSQL's note of the base backup is not in {archive}.")


def _files(backup: Writing, store: Path, patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        for file in sorted(store.glob(pattern)):
            if not file.name.endswith(".new"):
                backup.put_file(f"files/{file.relative_to(store)}", file, fixed=pattern in FIXED)


def _versions(instance: Instance) -> dict[str, Any]:
    """What was running: a restore needs this PostgreSQL, and these migrations or later ones."""
    tables = {}
    for owner in OWNERS:
        there = value(instance, "SELECT to_regclass('public.alembic_version')::text", database=owner)
        tables[owner] = value(instance, "SELECT version_num FROM alembic_version", database=owner) if there else None
    server = value(instance, "SELECT current_setting('server_version_num')::int")
    return {"postgres": server, "keycloak": machine.KEYCLOAK_VERSION, "tables": tables}


def _thin_out(instance: Instance, to: Path, archive: Path, system: str, keep: int) -> None:
    """Old backups go, and the log from before the oldest that stays."""
    for old in mine(to, system)[: -max(1, keep)]:
        shutil.rmtree(old)
        instance.report.line(f"Thrown away, {keep} newer ones are kept: {old}")
    first = read_manifest(mine(to, system)[0])["postgres"]["first"]
    tool = instance.postgres.bin / "pg_archivecleanup"
    machine.run([str(tool), "-x", ".gz", str(archive), first], saying="The log's archive could not be thinned out")
