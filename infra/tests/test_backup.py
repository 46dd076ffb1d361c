"""Backups, with a real server: what was acknowledged comes back, and nothing doubtful is restored."""

import asyncio
import contextlib
import datetime
import io
import json
import shutil
import subprocess
import tempfile
import threading
import uuid
from pathlib import Path

import asyncpg
import pytest

from chassis import testing_postgres
from chassis.service import find
from infra.backup import making, resending, restoring, wal
from infra.backup.folder import MANIFEST, Backup, Writing, cover_of
from infra.backup.sealing import PIECE_BYTES, PLAIN, Sealed
from infra.backup.sql import ask, connect, value
from infra.local import machine
from infra.local.instance import OWNERS, Instance
from infra.local.report import CannotContinueError, until

KEY = Sealed(bytes(range(32)))


@pytest.fixture(scope="module")
def home():
    """A home whose way PostgreSQL's account can pass."""
    folder = Path(tempfile.mkdtemp(prefix="heyi-backup-"))
    folder.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "HOME", folder)
        patch.delenv("HEYI_DOCUMENTS_STORE", raising=False)
        patch.delenv("HEYI_WAL_ARCHIVE", raising=False)
        yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def running(home):
    """An instance's databases, written to from beside, and a file of a document."""
    instance = Instance("original")
    instance.start("postgres")
    for name in OWNERS:
        instance.postgres.make_service(
            name, {role: instance._secret(f"{name}_{role}") for role in ("owner", "app", "ro")}
        )
    instance.postgres.make_database("keycloak", instance._secret("keycloak_database"))
    ask(instance, "CREATE TABLE said (number int PRIMARY KEY, at timestamptz DEFAULT clock_timestamp())")
    file = instance.store / "blobs" / "ab" / "abcdef"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"a contract" * 200_000)
    yield instance
    instance.reset()


class Writer(threading.Thread):
    """Commits numbers one after another; keeps which were acknowledged, and when by the server's clock."""

    def __init__(self, instance):
        super().__init__()
        self.instance, self.acknowledged, self.enough = instance, {}, threading.Event()

    def run(self):
        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
            asyncio.run(self.write())

    async def write(self):
        connection = await connect(self.instance)
        number = 0
        while not self.enough.is_set():
            number += 1
            at = await connection.fetchval("INSERT INTO said VALUES ($1) RETURNING at", number)
            self.acknowledged[number] = at

    def reaches(self, count):
        until(lambda: len(self.acknowledged) >= count, seconds=30, otherwise=lambda: "nothing is written")


@pytest.fixture(scope="module")
def disaster(running, home):
    """A backup is taken while writes go on, a segment is archived later, more is written, the server is killed."""
    writer = Writer(running)
    writer.start()
    writer.reaches(50)
    first = making.make(making.source_of(running), home / "backups", KEY)
    writer.reaches(len(writer.acknowledged) + 200)
    moment = value(running, "SELECT clock_timestamp()")
    writer.reaches(len(writer.acknowledged) + 200)
    safe = set(writer.acknowledged)
    segment = value(running, "SELECT pg_walfile_name(pg_switch_wal())")
    archive = running.postgres.data.parent / "wal-archive"
    until(lambda: (archive / f"{segment}.gz").exists(), seconds=30, otherwise=lambda: "the segment is not archived")
    writer.reaches(len(writer.acknowledged) + 50)
    running.kill("postgres")
    writer.join()
    return first, writer, moment, safe


def restored(name, *arguments, **more):
    """Restore beside, and what it holds; at the end nothing of it stays."""
    done = restoring.restore(Instance(name), *arguments, own_ports=True, **more)
    try:
        done.instance.start("postgres")
        return done, {row[0] for row in ask(done.instance, "SELECT number FROM said")}
    finally:
        done.instance.down()


@pytest.fixture
def given_up(home):
    """An instance that is there already, and stopped."""
    folder = home / "there"
    (folder / "logs").mkdir(parents=True)
    yield folder
    for place in home.glob("there*"):
        shutil.rmtree(place) if place.is_dir() else place.unlink()


def test_every_commit_from_before_the_last_archived_segment_comes_back(disaster, given_up):
    backup, writer, _, safe = disaster

    done, there = restored("there", backup, KEY, sure=lambda folder: folder == given_up)

    assert safe <= there
    assert there == set(range(1, max(there) + 1))
    assert there <= set(writer.acknowledged) | {max(writer.acknowledged) + 1}
    assert done.checked == len(Backup(backup, KEY).names)
    assert (done.instance.store / "blobs" / "ab" / "abcdef").read_bytes() == b"a contract" * 200_000
    assert done.instance.facts["secrets"] == Instance("original").facts["secrets"]
    assert [(place / "logs").exists() for place in done.aside] == [True]
    done.instance.reset()


def test_it_comes_back_as_it_was_at_a_moment(disaster):
    backup, writer, moment, _ = disaster

    done, there = restored("earlier", backup, KEY, at=moment)

    before = {number for number, at in writer.acknowledged.items() if at < moment}
    assert there - before <= {max(before) + 1}
    assert before <= there
    done.instance.reset()


def test_a_moment_that_the_log_does_not_reach_is_refused_and_what_was_there_is_back(disaster, given_up):
    late = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)

    with pytest.raises(CannotContinueError, match="does not reach to that moment"):
        restored("there", disaster[0], KEY, at=late, sure=lambda folder: True)

    assert [path.name for path in given_up.iterdir()] == ["logs"]
    assert [path.name for path in given_up.parent.glob("there.*")] == ["there.lock"]


def test_a_moment_before_the_backup_is_refused(disaster):
    early = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)

    with pytest.raises(CannotContinueError, match="take an older one"):
        restored("early", disaster[0], KEY, at=early)


def test_what_is_there_is_not_touched_unless_somebody_is_sure(disaster, given_up):
    with pytest.raises(CannotContinueError, match="is there already"):
        restored("there", disaster[0], KEY)

    assert [path.name for path in given_up.iterdir()] == ["logs"]


@pytest.fixture
def copy(disaster, tmp_path):
    return Path(shutil.copytree(disaster[0], tmp_path / "backup"))


@pytest.mark.parametrize("name", [MANIFEST, "base.tar.gz.sealed", "instance/instance.json.sealed"])
def test_one_flipped_byte_anywhere_is_refused_before_anything_is_touched(copy, home, name):
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)

    with pytest.raises(CannotContinueError, match=r"was changed|is damaged"):
        restored("flipped", copy, KEY)

    assert not (home / "flipped").exists()


def test_a_missing_file_is_refused(copy):
    (copy / "base.tar.gz.sealed").unlink()

    with pytest.raises(CannotContinueError, match="is damaged"):
        restored("missing", copy, KEY)


@pytest.mark.parametrize("other", [PLAIN, Sealed(bytes(32))])
def test_another_key_or_none_does_not_open_it(copy, other):
    with pytest.raises(CannotContinueError, match="sealed"):
        Backup(copy, other)


def test_nothing_in_a_sealed_backup_can_be_read(disaster):
    secret = Instance("original").facts["secrets"]["approval_key"].encode()

    for file in disaster[0].rglob("*"):
        assert file.is_dir() or secret not in file.read_bytes()


def test_a_restore_over_a_running_instance_is_refused(disaster, home):
    instance = Instance("busy")
    instance.start("postgres")
    try:
        with pytest.raises(CannotContinueError, match=r"runs \(postgres\)"):
            restoring.restore(instance, disaster[0], KEY, sure=lambda folder: True)
        assert instance.healthy("postgres")
    finally:
        instance.reset()


def test_a_second_backup_shares_the_files_and_old_ones_go_with_their_log(disaster, running, home):
    running.start("postgres")
    archive = running.postgres.data.parent / "wal-archive"
    first = disaster[0]
    inode = (first / "files" / "blobs" / "ab" / "abcdef.sealed").stat().st_ino

    second = making.make(making.source_of(running), home / "backups", KEY, keep=2)
    third = making.make(making.source_of(running), home / "backups", KEY, keep=2)

    assert making.mine(home / "backups", Backup(second, KEY).facts["postgres"]["system"]) == [second, third]
    assert (third / "files" / "blobs" / "ab" / "abcdef.sealed").stat().st_ino == inode
    oldest = min(file.name[:24] for file in archive.glob("*.gz") if ".backup." not in file.name)
    assert oldest == Backup(second, KEY).facts["postgres"]["first"]
    assert Backup(third, KEY).verify() > 0


def test_a_server_that_cannot_archive_gets_no_backup(running, home, monkeypatch):
    """In its archive lies another server's segment of the same name."""
    running.start("postgres")
    archive = making.archiving(making.source_of(running))
    ask(running, "SELECT pg_logical_emit_message(true, 'heyi', 'more')")
    strange = archive / f"{value(running, 'SELECT pg_walfile_name(pg_current_wal_lsn())')}.gz"
    strange.write_bytes(b"")
    monkeypatch.setattr(making, "ARCHIVING_SECONDS", 2)

    with pytest.raises(CannotContinueError, match="cannot put its log into"):
        making.make(making.source_of(running), home / "other", KEY)

    assert strange.read_bytes() == b""
    assert not (home / "other").exists()
    strange.unlink()


def test_the_archive_lies_where_the_environment_says(tmp_path, monkeypatch):
    data = tmp_path / "mine" / "postgres"
    assert f"heyi.wal_archive={tmp_path}/mine/wal-archive" in wal.archive_settings(data, durable=True)

    monkeypatch.setenv("HEYI_WAL_ARCHIVE", str(tmp_path / "disk"))

    assert f"heyi.wal_archive={tmp_path}/disk/mine" in wal.archive_settings(data, durable=True)
    assert wal.archive_settings(data, durable=False) == ["archive_mode=off"]


@pytest.mark.parametrize("place", ["plain", "it's 100% other's"])
def test_a_segment_is_archived_once_and_comes_back(tmp_path, place):
    archive, segment, back = tmp_path / place, tmp_path / "segment", tmp_path / "back"
    segment.write_bytes(b"committed" * 1000)

    def run(command, path):
        # as PostgreSQL does: in its data folder, %p and %f filled in, %% a percent sign
        text = command.replace("%%", "\0").replace("%p", str(path)).replace("%f", "0001").replace("\0", "%")
        return subprocess.run(["sh", "-c", text], cwd=tmp_path).returncode

    assert run(wal.archive_command(archive), segment) == 0  # nobody made a backup: nothing is kept, nothing fails
    (tmp_path / wal.MARK).touch()
    assert run(wal.archive_command(archive), segment) != 0  # the disk is not there
    archive.mkdir()
    assert run(wal.restore_command(archive), back) != 0
    assert [run(wal.archive_command(archive), segment) for _ in range(2)] == [0, 0]
    assert run(wal.restore_command(archive), back) == 0
    assert back.read_bytes() == segment.read_bytes()
    segment.write_bytes(b"another server's")
    assert run(wal.archive_command(archive), segment) != 0
    assert [file.name for file in archive.iterdir()] == ["0001.gz"]


def test_without_a_key_there_is_no_backup_unless_it_is_said(tmp_path):
    with pytest.raises(CannotContinueError, match="BACKUP_KEY=file"):
        cover_of({}, inside=tmp_path)
    assert cover_of({"UNENCRYPTED": "yes"}, inside=tmp_path) is PLAIN
    (tmp_path / "key").write_text("AAAA")
    with pytest.raises(CannotContinueError, match="in the backup's own folder"):
        cover_of({"BACKUP_KEY": str(tmp_path / "key")}, inside=tmp_path)
    with pytest.raises(CannotContinueError, match="is not 32 bytes"):
        cover_of({"BACKUP_KEY": str(tmp_path / "key")}, inside=tmp_path / "backups")


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
def test_what_is_sealed_opens_and_what_was_cut_or_moved_does_not(size):
    clear, file = bytes(size), io.BytesIO()
    with KEY.writer(file, "one") as writer:
        writer.write(clear)
    sealed = file.getvalue()

    assert KEY.reader(io.BytesIO(sealed), "one").read() == clear
    for wrong, name in [
        (sealed, "two"),
        (sealed[:-1], "one"),
        (sealed + b"x", "one"),
        (sealed[: len(sealed) - 16], "one"),
    ]:
        with pytest.raises(CannotContinueError):
            KEY.reader(io.BytesIO(wrong), name).read()


def test_a_backup_that_breaks_off_is_none(tmp_path):
    class Broken(io.BytesIO):
        def read(self, _size=-1):
            raise OSError("no more room")

    with pytest.raises(OSError, match="no more room"), Writing(tmp_path / "one", PLAIN) as backup:
        backup.put("base", Broken())

    assert list(tmp_path.iterdir()) == []


async def test_what_had_not_reached_a_consumer_is_sent_again_and_nothing_else():
    with testing_postgres.server() as url:
        environment, books = {}, {}
        for name in ("procurement", "approval"):
            database = await testing_postgres.prepare_service(url, find(name), f"resend_{uuid.uuid4().hex[:8]}")
            environment[f"HEYI_{name.upper()}_OWNER_DATABASE_URL"] = testing_postgres.at(url, database, f"{name}_owner")
            books[name] = await asyncpg.connect(testing_postgres.at(url, database))
        submitted = "evt.procurement.purchase_requisition.submitted"
        heard, unheard, parked, others = (uuid.uuid4() for _ in range(4))
        for event, subject in [
            (heard, submitted),
            (unheard, submitted),
            (parked, submitted),
            (others, "evt.procurement.x.y"),
        ]:
            await books["procurement"].execute(
                "INSERT INTO outbox "
                "(event_id, aggregate_type, aggregate_id, version, subject, payload, headers, published_at) "
                "VALUES ($1, 'x', $1, 1, $2, '', '{}', now())",
                event,
                subject,
            )
        await books["approval"].execute("INSERT INTO inbox (consumer, event_id) VALUES ('approval', $1)", heard)
        await books["approval"].execute(
            "INSERT INTO parked_event "
            "(id, consumer, event_id, subject, aggregate_id, payload, headers, error, attempts) "
            "VALUES ($1, 'approval', $1, 'x', 'x', '', '{}', 'x', 1)",
            parked,
        )

        owed = await resending._resend(environment, ("approval", "procurement"))

        assert owed == [resending.Resent(submitted, "approval", 1)]
        unsent = await books["procurement"].fetch("SELECT event_id FROM outbox WHERE published_at IS NULL")
        assert [row[0] for row in unsent] == [unheard]
        for book in books.values():
            await book.close()


def test_a_file_that_changes_while_it_is_shared_leaves_the_backup_before_as_it_was(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"first")
    with Writing(tmp_path / "one", KEY) as backup:
        backup.put_file("file", file, fixed=True)
        backup.finish({})
    with Writing(tmp_path / "two", KEY, Backup(tmp_path / "one", KEY).facts, tmp_path / "one") as backup:
        backup.put_file("file", file, fixed=True)
        file.write_bytes(b"second")
        backup.put_file("file", file, fixed=True)
        backup.finish({})

    contents = []
    for name in ("one", "two"):
        (made := Backup(tmp_path / name, KEY)).verify()
        with made.open("file") as stream:
            contents.append(stream.read())
    assert contents == [b"first", b"second"]


def test_the_manifest_names_no_file_outside(tmp_path):
    with Writing(tmp_path / "one", PLAIN) as backup:
        backup.put("base", io.BytesIO(b"some"))
        backup.files["../../elsewhere"] = backup.files["base"]
        backup.finish({})

    with pytest.raises(CannotContinueError, match="outside of the backup"):
        Backup(tmp_path / "one", PLAIN)
    assert json.loads((tmp_path / "one" / MANIFEST).read_text())["files"]
