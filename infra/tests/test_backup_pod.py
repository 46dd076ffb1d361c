"""Backups of a release, with a real server: the chart's scripts and our program make one and bring it back."""

import datetime
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from infra.backup import cluster, making, pod, restoring, wal
from infra.backup.sealing import Sealed
from infra.backup.sql import ask
from infra.local import machine
from infra.local.instance import Instance
from infra.local.report import CannotContinueError, until

SCRIPTS = machine.ROOT / "charts" / "heyi" / "files"


@pytest.fixture
def home(monkeypatch):
    """A home whose way PostgreSQL's account can pass."""
    folder = Path(tempfile.mkdtemp(prefix="heyi-backup-pod-"))
    folder.chmod(0o755)
    monkeypatch.setattr(machine, "HOME", folder)
    monkeypatch.delenv("HEYI_DOCUMENTS_STORE", raising=False)
    monkeypatch.delenv("HEYI_WAL_ARCHIVE", raising=False)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def said(home, monkeypatch):
    """What the chart says of a server that runs, and of what lies beside it."""
    instance = Instance("release")
    instance.start("postgres")
    server = instance.postgres
    monkeypatch.setenv("PATH", f"{server.bin}:{os.environ['PATH']}")
    for name, text in {"HOST": "127.0.0.1", "PORT": server.port, "USER": "heyi", "PASSWORD": server.password}.items():
        monkeypatch.setenv(f"PG{name}", str(text))
    # the archive lies in the volume of backups, as the chart has it; its folder means that it is wanted
    archive = server.data.parent / pod.LOG
    (server.data / wal.MARK).touch()
    archive.mkdir()
    if server.account:
        os.chown(archive, server.account.uid, server.account.gid)
    for folder in ("documents/blobs/ab", "secrets/heyi-approval", "base"):
        (home / folder).mkdir(parents=True)
    (home / "documents" / "blobs" / "ab" / "abc").write_bytes(b"a contract")
    (home / "secrets" / "heyi-approval" / "keys").write_text("k1:word")
    (home / "key").write_text("AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=")
    yield {
        "TO": str(home / "volume"), "KEEP": "2", "BACKUP_KEY": str(home / "key"), "HEYI_INSTANCE": "release",
        "HEYI_DOCUMENTS_STORE": str(home / "documents"), "SECRETS": str(home / "secrets"), "BASE": str(home / "base"),
    }  # fmt: skip
    instance.reset()


def back_up(said):
    """As the pod does: PostgreSQL's program at one end of the pipe, ours at the other."""
    base = subprocess.Popen(["bash", str(SCRIPTS / "base.sh"), said["BASE"]], start_new_session=True)
    try:
        until((Path(said["BASE"]) / "pipe").is_fifo, seconds=10, otherwise=lambda: "no pipe")
        pod.main("backup", said)
    finally:
        base.terminate()
        base.wait(10)


def test_a_release_comes_back_with_its_files_and_secrets_up_to_its_last_archived_change(said, home):
    ask(None, "CREATE TABLE said (number int)")
    ask(None, "INSERT INTO said VALUES (1)")
    back_up(said)
    assert b"k1:word" not in b"".join(file.read_bytes() for file in (home / "volume").rglob("*") if file.is_file())
    ask(None, "INSERT INTO said VALUES (2)")
    making.archiving(pod.source(said))
    # the volume as it is when the rest is lost
    archive = Instance("release").postgres.data.parent / pod.LOG
    shutil.copytree(archive, home / "volume" / pod.LOG)
    data = home / "new" / "main"
    again = said | {
        "FROM": str(home / "volume"), "PGDATA": str(data), "SECRETS": str(home / "held"),
        "HEYI_DOCUMENTS_STORE": str(home / "other"),
    }  # fmt: skip

    pod.main("secrets", again)
    pod.main("restore", again)

    assert (home / "held" / "heyi-approval" / "keys").read_text() == "k1:word"
    assert (home / "other" / "blobs" / "ab" / "abc").read_bytes() == b"a contract"
    said_of_it = recovered(data, Instance("release"))
    told = cluster.BACK.search(said_of_it)
    assert told, said_of_it
    since = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(told[1])
    assert 0 < since.total_seconds() < 300, "the drill reads from it how much was lost"
    assert not restoring.log_folder(data).exists()
    assert not (data / "recovery.signal").exists()
    before = (data / "PG_VERSION").stat().st_mtime_ns
    pod.main("restore", again)
    assert (data / "PG_VERSION").stat().st_mtime_ns == before
    assert rows(data, Instance("release")) == "1\n2"


def as_server(instance):
    """PostgreSQL does not run as root."""
    account = instance.postgres.account
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}


def recovered(data, instance):
    """What the chart's script says of the data that was unpacked."""
    if account := instance.postgres.account:
        for path in (data.parent, *data.parent.rglob("*")):
            os.chown(path, account.uid, account.gid)
    env = {
        "PATH": os.environ["PATH"], "PGDATA": str(data), "AT": "", "QUIET": "", "POSTGRES_USER": "heyi",
        "RESTORE_COMMAND": wal.restore_command(restoring.log_folder(data)), "PGHOST": str(data.parent),
        "PGPASSWORD": instance.postgres.password, "PGPORT": "5999",
    }  # fmt: skip
    words = ["-c", f"unix_socket_directories={data.parent}", "-c", "archive_mode=off"]
    words += ["-c", "max_connections=200", "-c", "port=5999"]
    command = ["bash", str(SCRIPTS / "recover.sh"), *words]
    done = subprocess.run(
        command, env=env, cwd=data.parent, capture_output=True, text=True, timeout=90, **as_server(instance)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows(data, instance):
    """What the table holds, read without a server that others see."""
    done = subprocess.run(
        ["postgres", "--single", "-D", str(data), "-j", "postgres"],
        input="SELECT string_agg(number::text, ' ' ORDER BY number) AS got FROM said\n\n",
        capture_output=True, text=True, timeout=60, cwd=data.parent, **as_server(instance),
    )  # fmt: skip
    return "\n".join(done.stdout.partition('got = "')[2].partition('"')[0].split())


def test_a_base_backup_that_fails_leaves_none(said, home, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "wrong")
    base = subprocess.Popen(["bash", str(SCRIPTS / "base.sh"), said["BASE"]])
    monkeypatch.setenv("PGPASSWORD", Instance("release").postgres.password)
    try:
        until((Path(said["BASE"]) / "pipe").is_fifo, seconds=10, otherwise=lambda: "no pipe")
        with pytest.raises(CannotContinueError, match="base backup failed"):
            pod.main("backup", said)
    finally:
        base.terminate()
        base.wait(10)
    assert not list((home / "volume").glob("*/manifest.json"))


def test_files_alone_are_kept_where_somebody_else_keeps_the_databases(home, tmp_path):
    for folder in ("documents/uploads", "secrets"):
        (home / folder).mkdir(parents=True)
    (home / "documents" / "uploads" / "one").write_bytes(b"some")
    (home / "key").write_text("AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=")
    said = {
        "TO": str(home / "volume"), "KEEP": "1", "BACKUP_KEY": str(home / "key"), "HEYI_INSTANCE": "release",
        "HEYI_DOCUMENTS_STORE": str(home / "documents"), "SECRETS": str(home / "secrets"),
    }  # fmt: skip

    for _ in range(2):
        pod.main("backup", said)

    (kept,) = (home / "volume").glob("*/manifest.json")
    assert kept.exists()
    pod.main("restore", said | {"FROM": str(home / "volume"), "HEYI_DOCUMENTS_STORE": str(tmp_path)})
    assert (tmp_path / "uploads" / "one").read_bytes() == b"some"
    with pytest.raises(CannotContinueError, match="files alone"):
        pod.main("restore", said | {"FROM": str(home / "volume"), "PGDATA": str(tmp_path / "main")})
    assert Sealed.read(home / "key").id in kept.read_text()
