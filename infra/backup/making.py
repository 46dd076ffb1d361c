"""`make backup`: everything of a running instance that cannot be made again, as of one moment.

One server holds all databases, Keycloak's too (realm, people, signing keys), so one base backup and the log that goes
with it bring all of them back to one point in time. The store of files is copied twice: what is there before the base
backup, for what is swept meanwhile, and what is there after it, for what came in; so each row of that moment has its
file. The stream server is left out: what it held stands in the outboxes.
"""

from __future__ import annotations

import contextlib
import datetime
import gzip
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from infra.backup.folder import Writing, backups_in, read_manifest
from infra.backup.sealing import Cover
from infra.backup.sql import ask, value
from infra.backup.wal import MARK
from infra.local import machine
from infra.local.instance import Instance
from infra.local.report import CannotContinueError, Report, until

KEPT = 7
# of the instance's folder: secrets, certificates, that the realm stands and what it is joined to, the demo's logins
SMALL = ("instance.json", "tls/*", "keycloak/sealed", "keycloak/joined", "demo.json")
# files that never change once they have their name, and those that come in
FIXED, GROWING = ("blobs/*/*", "previews/*/*"), ("uploads/*",)
# what pg_basebackup is told beside the label: all databases as one stream, without the log
BASE = ("-D", "-", "-F", "t", "-Z", "1", "-X", "none", "-c", "fast", "--no-manifest", "--no-password")
ARCHIVING_SECONDS = 60
HISTORIES = """SELECT name, pg_read_binary_file('pg_wal/' || name) FROM pg_ls_waldir() WHERE name LIKE '%.history'"""
_SEGMENT = re.compile(r"[0-9A-F]{24}")


@dataclass(frozen=True)
class Source:
    """What a backup is made of. `server`: whose SQL is asked (`sql.connect`); `base`: a base backup's stream, by
    arguments; without it only files are kept, and somebody else keeps the databases.
    """

    name: str
    store: Path
    # names in the backup, and files
    small: Sequence[tuple[str, Path]]
    server: Instance | None = None
    base: Callable[[Sequence[str]], AbstractContextManager[IO[bytes]]] | None = None
    # make the archive the server's own, and have it wanted
    adopt: Callable[[Path], None] = lambda archive: None
    last_words: Callable[[], str] = lambda: "its log says why"
    report: Report = field(default_factory=Report)


def source_of(instance: Instance) -> Source:
    """A running instance of this machine."""
    if not (instance.folder / "instance.json").exists() or instance.pid("postgres") is None:
        raise CannotContinueError(
            f"PostgreSQL of the instance {instance.name!r} does not run: a backup is made of a running instance."
        )
    server = instance.postgres
    if not (server.bin / "pg_basebackup").exists():
        raise CannotContinueError(f"{server.bin} lacks pg_basebackup. HEYI_PG_BIN names another folder.")

    def adopt(archive: Path) -> None:
        mark = server.data / MARK
        mark.touch(mode=0o600)
        if account := server.account:
            for path in (archive, mark):
                os.chown(path, account.uid, account.gid)

    @contextlib.contextmanager
    def base(arguments: Sequence[str]) -> Iterator[IO[bytes]]:
        with tempfile.TemporaryFile("w+") as words:
            command = server.client("pg_basebackup", *arguments)
            with subprocess.Popen(command, env=server.client_env(), stdout=subprocess.PIPE, stderr=words) as running:
                assert running.stdout is not None
                yield running.stdout
            words.seek(0)
            if running.returncode != 0:
                raise CannotContinueError(f"PostgreSQL's base backup failed:\n{words.read()}")

    return Source(
        name=instance.name,
        store=Path(instance.env()["HEYI_DOCUMENTS_STORE"]),
        small=[
            (f"instance/{file.relative_to(instance.folder)}", file)
            for pattern in SMALL
            for file in sorted(instance.folder.glob(pattern))
        ],
        server=instance,
        base=base,
        adopt=adopt,
        last_words=lambda: f"Its last words:\n{instance.processes.last_words('postgres')}",
        report=instance.report,
    )


def make(source: Source, to: Path, cover: Cover, *, keep: int = KEPT) -> Path:
    """Make a backup in a new folder of `to`; the oldest beyond `keep` go, and the log that only they needed."""
    archive = archiving(source) if source.base else None
    began = _now(source)
    name = began.astimezone(datetime.UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    system = str(value(source.server, "SELECT system_identifier FROM pg_control_system()")) if archive else ""
    postgres: dict[str, Any] = {"system": system}
    earlier = mine(to, system)
    before = (read_manifest(earlier[-1]), earlier[-1]) if earlier else (None, None)
    with Writing(to / name, cover, *before) as backup:
        with source.report.step("Files of documents"):
            _files(backup, source.store, FIXED if archive else FIXED + GROWING)
        if archive and source.base:
            label = f"heyi {name}"
            # nothing of it lies about unsealed
            with source.report.step("All databases (base backup)"), source.base([*BASE, "-l", label]) as stream:
                backup.put("base.tar.gz", stream)
            with source.report.step("Files that came in meanwhile"):
                _files(backup, source.store, FIXED + GROWING)
            first, last, segments = _log_of_base(archive, label=label)
            postgres |= {"archive": str(archive), "first": first, "last": last}
            for segment in segments:
                backup.put_file(f"wal/{segment}.gz", archive / f"{segment}.gz", fixed=True)
        for known, file in source.small:
            backup.put_file(known, file, fixed=False)
        done = backup.finish(
            {
                "instance": source.name,
                "began_at": began.isoformat(),
                # by the server's clock, after the end of the base backup: it can be restored to this moment and later
                "at": _now(source).isoformat(),
                "postgres": postgres,
                "versions": _versions(source) if archive else {},
            }
        )
    source.report.line(
        f"{len(backup.files)} files, {sum(f['bytes'] for f in backup.files.values()) / 2**20:.1f} MiB: {done}"
    )
    _thin_out(source, to, archive, system, keep)
    return done


def _now(source: Source) -> datetime.datetime:
    """By the server's clock, where there is one."""
    if source.base is None:
        return datetime.datetime.now(datetime.UTC)
    now: datetime.datetime = value(source.server, "SELECT clock_timestamp()")
    return now


def mine(to: Path, system: str) -> list[Path]:
    """The backups of one server, oldest first."""
    return [place for place in backups_in(to) if read_manifest(place)["postgres"]["system"] == system]


def archiving(source: Source) -> Path:
    """Have every segment of the log kept from now on, and see that it is; returns where."""
    server = source.server
    shown = ask(server, "SELECT current_setting('archive_mode'), current_setting('heyi.wal_archive', true)")[0]
    if shown[0] != "on" or not shown[1]:
        raise CannotContinueError(
            "PostgreSQL runs without archiving of its log: it was started by an earlier release, or its data is not\n"
            "meant to last (the instance 'test'). Start it again:  python3 -m infra.local stop postgres && make up"
        )
    archive = Path(shown[1])
    archive.mkdir(mode=0o700, parents=True, exist_ok=True)
    source.adopt(archive)
    # which way it came here: PostgreSQL thought these were kept before anything was
    for name, text in ask(server, HISTORIES):
        if not (archive / f"{name}.gz").exists():
            (archive / f"{name}.gz").write_bytes(gzip.compress(text, mtime=0))
    ask(server, "SELECT pg_logical_emit_message(true, 'heyi', 'backup')")
    segment = value(server, "SELECT pg_walfile_name(pg_switch_wal())")
    # a file of that name may be another server's: what PostgreSQL says counts
    said = "SELECT coalesce(substr(last_archived_wal, 1, 24) >= $1, false) FROM pg_stat_archiver"
    until(
        lambda: value(server, said, segment),
        seconds=ARCHIVING_SECONDS,
        otherwise=lambda: (
            f"PostgreSQL cannot put its log into {archive} (is the disk mounted, full, or another server's?). "
            f"{source.last_words()}"
        ),
    )
    return archive


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


def _versions(source: Source) -> dict[str, Any]:
    """What was running: a restore needs this PostgreSQL, and these migrations or later ones."""
    tables = {}
    databases = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres', 'keycloak')"
    for (owner,) in ask(source.server, f"{databases} ORDER BY 1"):
        there = value(source.server, "SELECT to_regclass('public.alembic_version')::text", database=owner)
        migrated = "SELECT version_num FROM alembic_version"
        tables[owner] = value(source.server, migrated, database=owner) if there else None
    server = value(source.server, "SELECT current_setting('server_version_num')::int")
    return {"postgres": server, "keycloak": machine.KEYCLOAK_VERSION, "tables": tables}


def _thin_out(source: Source, to: Path, archive: Path | None, system: str, keep: int) -> None:
    """Old backups go, and the log from before the oldest that stays."""
    for old in mine(to, system)[: -max(1, keep)]:
        shutil.rmtree(old)
        source.report.line(f"Thrown away, {keep} newer ones are kept: {old}")
    if archive:
        first = read_manifest(mine(to, system)[0])["postgres"]["first"]
        for file in archive.glob("*.gz"):
            # a segment's name is its timeline and its place
            if not file.name.endswith(".history.gz") and file.name[8:24] < first[8:]:
                file.unlink()
