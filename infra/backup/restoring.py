"""`make restore`: an instance as it was at one moment, from a backup and the log since.

Nothing is touched before every byte of the backup was compared with its manifest. An instance that is there already is
moved aside, and back again if the restore fails. The stream server comes back empty: what had not reached everybody is
sent again (`resending`).
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from infra.backup.folder import Backup
from infra.backup.making import FIXED, GROWING
from infra.backup.resending import Resent, resend
from infra.backup.sealing import Cover
from infra.backup.sql import ask, value
from infra.backup.wal import MARK, restore_command
from infra.local import machine
from infra.local.instance import SERVICES, Instance, _free_ports, _is_free
from infra.local.processes import Account, living_in
from infra.local.report import CannotContinueError, until

RECOVERY_SECONDS = 4 * 3600
# where Keycloak keeps addresses of the gateway, which are others if the instance comes back at other ports
ADDRESSES = (
    ("redirect_uris", "value"),
    ("web_origins", "value"),
    ("client_attributes", "value"),
    ("client", "base_url"),
    ("client", "root_url"),
    ("client", "management_url"),
)


@dataclass
class Restored:
    """What came back."""

    instance: Instance
    until: datetime.datetime | None
    resent: list[Resent]
    aside: list[Path]
    checked: int


def restore(
    instance: Instance,
    folder: Path,
    cover: Cover,
    *,
    at: datetime.datetime | None = None,
    log: Path | None = None,
    files: Path | None = None,
    sure: Callable[[Path], bool] = lambda there: False,
    own_ports: bool = False,
) -> Restored:
    """Restore into an instance that is new, or stopped and given up: `sure` is asked.

    `log` and `files`: an archive of the log and a store that reach further than the backup; without them those of
    the instance that is given up. `own_ports`: not those of the backup, although they may be free.
    """
    backup = Backup(folder, cover)
    _refuse_running(instance)
    _refuse_unfit(backup, at)
    with instance.report.step(f"Comparing {len(backup.names)} files with the manifest"):
        checked = backup.verify()
    with instance.lock(), _given_up(instance, sure) as aside:
        logs = [log] if log else [*(place / "wal-archive" for place in aside), Path(_facts(backup)["archive"])]
        stores = [files] if files else [place / "documents" for place in aside]
        instance = _small(instance, backup, own_ports=own_ports)
        data = instance.postgres.data
        with instance.report.step("All databases"):
            unpack(backup, data, instance.postgres.account)
            gather_log(backup, data, [place for place in logs if place.is_dir()], instance.postgres.account)
        with instance.report.step(f"Log of changes up to {at.isoformat() if at else 'its end'}"):
            reached = _recover(instance, at)
        with instance.report.step("Files of documents"):
            fill_store(backup, Path(instance.env()["HEYI_DOCUMENTS_STORE"]), stores)
        _readdress(instance, backup)
        owed = [name for name in SERVICES if value(instance, "SELECT to_regclass('outbox')::text", database=name)]
        resent = resend(instance.env(), tuple(owed))
        instance.postgres.stop()
    return Restored(instance, reached, resent, aside, checked)


def _facts(backup: Backup) -> dict[str, Any]:
    return dict(backup.facts["postgres"])


def _refuse_running(instance: Instance) -> None:
    running = [file.stem for file in instance.processes.run.glob("*.json") if instance.pid(file.stem) is not None]
    if not running and (file := _settings(instance.folder)):
        left = Path(json.loads(file.read_text())["data"]) / "postgres"
        running += [f"process {pid} of PostgreSQL" for pid in living_in(left)]
    if running:
        raise CannotContinueError(
            f"The instance {instance.name!r} runs ({', '.join(running)}): nothing is restored over it. "
            "`make down` stops it; INSTANCE=name restores beside it."
        )


def refuse_late(backup: Backup, at: datetime.datetime | None) -> None:
    """A backup that was begun after the moment that is wanted."""
    if at is not None and at < datetime.datetime.fromisoformat(backup.facts["began_at"]):
        raise CannotContinueError(f"The backup was begun at {backup.facts['began_at']}: for {at} take an older one.")


def _refuse_unfit(backup: Backup, at: datetime.datetime | None) -> None:
    refuse_late(backup, at)
    theirs = backup.facts["versions"]["postgres"] // 10_000
    program = str(machine.postgres_bin() / "postgres")
    ours = int(
        subprocess.run([program, "-V"], capture_output=True, text=True, check=True).stdout.split()[2].split(".")[0]
    )
    if ours != theirs:
        raise CannotContinueError(
            f"The backup is of PostgreSQL {theirs}, {program} is {ours}. HEYI_PG_BIN names another."
        )


def _settings(folder: Path) -> Path | None:
    return file if (file := folder / "instance.json").exists() else None


@contextlib.contextmanager
def _given_up(instance: Instance, sure: Callable[[Path], bool]) -> Iterator[list[Path]]:
    """What is there goes aside, and comes back if the restore fails."""
    _refuse_running(instance)  # somebody may have started it while the backup was read
    file, moved = _settings(instance.folder), list[tuple[Path, Path]]()
    data = Path(json.loads(file.read_text())["data"]) if file else instance._data_folder()
    there = [place for place in dict.fromkeys((data, instance.folder)) if place.exists() and any(place.iterdir())]
    if there and not sure(there[-1]):
        raise CannotContinueError(
            f"The instance {instance.name!r} is there already ({there[-1]}). YES=1 moves it aside; "
            "INSTANCE=name restores beside it."
        )
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    for place in there:
        moved.append((place, place.with_name(f"{place.name}.before-{stamp}")))
        place.rename(moved[-1][1])
    try:
        yield [place for _, place in moved]
    except BaseException:
        Instance(instance.name, instance.report).processes.kill("postgres")
        for place in {instance.folder, instance._data_folder()}:
            shutil.rmtree(place, ignore_errors=True)
        for place, aside in moved:
            aside.rename(place)
        raise


def _small(instance: Instance, backup: Backup, *, own_ports: bool) -> Instance:
    """Secrets, certificates and marks; where its ports are taken it gets others."""
    # as an instance makes it: PostgreSQL's account comes through
    instance.folder.mkdir(parents=True, exist_ok=True)
    for name in backup.names:
        if name.startswith("instance/"):
            backup.take(name, instance.folder / name.removeprefix("instance/"))
    fresh = Instance(instance.name, instance.report)
    file = instance.folder / "instance.json"
    kept = json.loads(file.read_text())
    kept["data"] = str(instance._data_folder())
    if own_ports or not all(map(_is_free, kept["ports"].values())):
        kept["ports"] = _free_ports(instance.name)
    fresh._write_facts(kept)
    return fresh


def unpack(backup: Backup, data: Path, account: Account | None) -> None:
    data.mkdir(mode=0o700, parents=True)
    with backup.open("base.tar.gz") as stream, tarfile.open(fileobj=stream, mode="r|gz") as base:
        for member in base:
            # Debian 12's Python has no filter that would see to it
            if not (member.isreg() or member.isdir()) or member.name.startswith("/") or ".." in Path(member.name).parts:
                raise CannotContinueError(f"The base backup holds {member.name}, which no data folder of ours has.")
            base.extract(member, data, set_attrs=False)
    # a copy's log goes nowhere until it has a backup of its own
    (data / MARK).unlink(missing_ok=True)
    for path in (data, *data.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
        _give(path, account)


def _give(path: Path, account: Account | None) -> None:
    if account:
        os.chown(path, account.uid, account.gid)


def log_folder(data: Path) -> Path:
    return data.with_name("restore-log")


def gather_log(backup: Backup, data: Path, archives: Sequence[Path], account: Account | None) -> None:
    """Where PostgreSQL's account finds the log: the backup's own, and what was archived since."""
    folder = log_folder(data)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    for name in backup.names:
        if name.startswith("wal/"):
            backup.take(name, folder / name.removeprefix("wal/"))
    first = _facts(backup)["first"]
    for archive in archives:
        for file in archive.glob("*.gz"):
            # a segment's name is its timeline and its place
            later = file.name[8:24] >= first[8:] and ".backup." not in file.name
            if (later or file.name.endswith(".history.gz")) and not (folder / file.name).exists():
                shutil.copyfile(file, folder / file.name)
    for path in (folder, *folder.iterdir()):
        _give(path, account)


def _recover(instance: Instance, at: datetime.datetime | None) -> datetime.datetime | None:
    """Have the server work through the log and open for writing; returns the last commit's time."""
    server = instance.postgres
    own, signal = server.data / "postgresql.auto.conf", server.data / "recovery.signal"
    kept, log = own.read_text(), log_folder(server.data)
    wanted = {"restore_command": restore_command(log), "recovery_target_action": "promote"}
    if at:
        wanted["recovery_target_time"] = at.isoformat()
    lines = [f"{name} = '{text.replace(chr(39), chr(39) * 2)}'\n" for name, text in wanted.items()]
    own.write_text(kept + "".join(lines))
    signal.touch(mode=0o600)
    _give(signal, server.account)
    instance._renew_certificates()

    def words() -> str:
        said = instance.processes.last_words("postgres", 30)
        why = "The log does not reach to that moment." if "before configured recovery target" in said else ""
        return f"The databases did not come back. {why}\n{said}"

    def open_for_writing() -> bool:
        try:
            server.start()
            return not value(instance, "SELECT pg_is_in_recovery()")
        except (CannotContinueError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as problem:
            if instance.pid("postgres") is None:
                raise CannotContinueError(words()) from problem
            return False

    until(open_for_writing, seconds=RECOVERY_SECONDS, otherwise=words)
    own.write_text(kept)
    reached = value(instance, "SELECT pg_last_xact_replay_timestamp()")
    shutil.rmtree(log)
    return reached


def fill_store(backup: Backup, store: Path, others: Sequence[Path]) -> None:
    """What is there already stays; what the backup lacks comes from a store that reaches further."""
    for name in backup.names:
        target = store / name.removeprefix("files/")
        if name.startswith("files/") and not target.exists():
            backup.take(name, target)
    for other in others:
        for pattern in FIXED + GROWING:
            for file in other.glob(pattern):
                target = store / file.relative_to(other)
                if not target.exists():
                    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    shutil.copy2(file, target)


def _readdress(instance: Instance, backup: Backup) -> None:
    """Where the gateway has another address than in the backup, the realm lets people come back to the new one."""
    with backup.open("instance/instance.json") as file:
        port = json.load(file)["ports"]["gateway"]
    old, new = instance.url.rsplit(":", 1)[0] + f":{port}", instance.url
    if old == new:
        return
    for table, column in ADDRESSES:
        if value(instance, "SELECT to_regclass($1)::text", table, database="keycloak"):
            change = f"UPDATE {table} SET {column} = replace({column}, $1, $2) WHERE {column} LIKE $1 || '%'"  # noqa: S608
            ask(instance, change, old, new, database="keycloak")
    instance.report.line(f"Its ports were taken: it has others, people open {new}")
