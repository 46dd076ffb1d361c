"""`make restore-drill`: is a backup good for anything, and how long does it take?

In a scratch folder, at free ports: a small instance (its databases alone) comes back from the backup and is backed up
itself while numbered marks are written into every database in turn. PostgreSQL is killed shortly before the next
segment of its log would be archived, the worst moment, and what it left is not looked at again: a second instance comes
back from the backup and the archive, whole, with all services. Nothing leaves it: no mail is set up, webhooks and group
chats are paused in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import asyncpg

from infra.backup import making, restoring
from infra.backup.folder import cover_of
from infra.backup.sealing import Cover
from infra.backup.sql import ask, connect, value
from infra.local import machine
from infra.local.instance import OWNERS, SERVICES, Instance
from infra.local.report import CannotContinueError, until

DATABASES = (*OWNERS, "keycloak")
RPO_SECONDS, RTO_SECONDS = 60, 15 * 60
# killed so long after a segment was archived: the next one is due after archive_timeout
LOST_SECONDS = 40
SETTLING_SECONDS = 180
# events of which the consumer keeps a copy by version: worked on once more, nothing changes
SOURCE, CONSUMER, COPIED = "inventory", "procurement", r"^evt\.inventory\.item\.(created|updated)$"
COUNT = """SELECT c.relname AS name, (xpath('/row/n/text()', query_to_xml(
    format('SELECT count(*) AS n FROM public.%I', c.relname), false, true, '')))[1]::text::bigint AS rows
    FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"""


def begin(chosen: Path, said: Mapping[str, str]) -> int:
    """Do it in a home of its own, as a process of its own: every path of an instance follows from its home."""
    machine.CACHE.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="drill-", dir=machine.HOME))
    try:
        home.chmod(0o755)  # PostgreSQL's account comes through
        (home / "cache").symlink_to(machine.CACHE)
        # nothing of the suite's own settings: no mail server, no folder of the instance that the backup is of
        ours = {name: text for name, text in said.items() if name == "HEYI_PG_BIN" or not name.startswith("HEYI_")}
        env = {**ours, "HEYI_HOME": str(home), "FROM": str(chosen)}
        return subprocess.run([sys.executable, "-m", "infra.backup.drill"], env=env, cwd=machine.ROOT).returncode
    finally:
        shutil.rmtree(home)


class Checks:
    """What was compared, and how it came out."""

    def __init__(self) -> None:
        self.count, self.failed = 0, 0

    def __call__(self, holds: bool, claim: str, found: str) -> None:
        self.count += 1
        self.failed += not holds
        print(f"  {'holds ' if holds else 'FAILED'}  {claim}: {found}", flush=True)


@dataclasses.dataclass
class Mark:
    """One mark that was acknowledged: when, and up to which segment the log had come."""

    number: int
    at: float
    segment: str


class Marker(threading.Thread):
    """Writes marks 1, 2, 3 … in turn into every database, one at a time, until the server is gone."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(daemon=True)
        self.instance, self.marks = instance, list[Mark]()
        self.said: Exception | None = None

    def run(self) -> None:
        try:
            asyncio.run(self._write())
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as gone:
            self.said = gone

    async def _write(self) -> None:
        open_ = [await connect(self.instance, name) for name in DATABASES]
        for connection in open_:
            await connection.execute("CREATE SCHEMA drill; CREATE TABLE drill.mark (number bigint PRIMARY KEY)")
        number = 0
        while True:
            number += 1
            connection = open_[number % len(open_)]
            await connection.execute("INSERT INTO drill.mark VALUES ($1)", number)
            at = time.monotonic()
            segment = await connection.fetchval("SELECT pg_walfile_name(pg_current_wal_flush_lsn())")
            self.marks.append(Mark(number, at, segment))
            await asyncio.sleep(0.02)


def run(chosen: Path, cover: Cover) -> int:
    """The whole drill; 1 where something does not hold."""
    check, before, after = Checks(), Instance("before"), Instance("after")
    rpo = rto = float("inf")
    try:
        done = restoring.restore(before, chosen, cover, own_ports=True)
        before = done.instance
        before.start("postgres")
        books = _findings(before)
        owed, file = _event_on_its_way(before), before.store / "blobs" / "00" / ("0" * 32)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(3_000_000))
        rows, files = _rows(before), _files(before.store)
        marker = Marker(before)
        marker.start()
        until(lambda: len(marker.marks) > 0, seconds=60, otherwise=lambda: f"no mark was written: {marker.said}")
        second = making.make(making.source_of(before), machine.HOME / "backups", cover)
        archive = before.postgres.data.parent / "wal-archive"
        _wait_for_the_worst_moment(before, archive)
        killed = time.monotonic()
        before.kill("postgres")
        marker.join(30)
        segments = [file.name.removesuffix(".gz") for file in archive.glob("*.gz")]
        done = restoring.restore(after, second, cover, log=archive, own_ports=True)
        after = done.instance
        after.start("postgres")
        back, there = _marks(after), _rows(after)
        _pause_what_leaves(after)
        after.up(demo=False)
        rto = time.monotonic() - killed

        newest = max(back, default=0)
        rpo = marker.marks[-1].at - max((one.at for one in marker.marks if one.number in back), default=float("-inf"))
        check(back == set(range(1, newest + 1)), "databases are of one moment", f"marks 1 to {newest} without a hole")
        safe = [mark.number for mark in marker.marks if mark.segment <= max(s for s in segments if len(s) == 24)]
        lost = [number for number in safe if number not in back]
        check(bool(safe) and not lost, "what was archived came back", f"{len(lost)} of {len(safe)} marks are missing")
        tables = sum(map(len, rows.values()))
        check(
            there == rows and tables > 0,
            "every row came back",
            f"{tables} tables, {sum(map(sum, map(dict.values, rows.values())))} rows",
        )
        check(_files(after.store) == files, "every file came back", f"{len(files)} files")
        ill = [part for part in after.parts if not after.healthy(part)]
        check(not ill, "every part is healthy", ", ".join(ill) or f"{len(after.parts)} parts")
        check(_token(after), "the realm came back", "an account signs in with its secret")
        sent = sum(one.events for one in done.resent)
        check(_all_sent(after), "what was owed is sent", f"{sent} events")
        if owed:
            heard = "SELECT FROM inbox WHERE event_id = $1"
            came = _comes_true(lambda: bool(ask(after, heard, owed, database=CONSUMER)))
            check(came, "what was on its way arrives", f"{owed} had not reached {CONSUMER}")
        more = _new_findings(after, books)
        check(not more, "the reconciler finds nothing new", ", ".join(more) or f"{len(books)} rules")
        check(rpo <= RPO_SECONDS, f"lost is at most {RPO_SECONDS} s", f"{rpo:.1f} s of {len(marker.marks)} marks")
        check(rto <= RTO_SECONDS, f"it runs again within {RTO_SECONDS} s", f"{rto:.1f} s")
    except CannotContinueError as trouble:
        check(False, "it goes through", str(trouble))
    finally:
        for instance in (before, after):
            instance.reset()
    print(f"\nrestore-drill: {check.count} checks, {check.failed} failed (RPO {rpo:.1f} s, RTO {rto:.1f} s)")
    return int(check.failed > 0)


def _wait_for_the_worst_moment(instance: Instance, archive: Path) -> None:
    """Until the log was archived by itself once, and almost a second time."""
    known = set(archive.glob("*.gz"))
    with instance.report.step("Marks are written until a segment is archived, and almost the next"):
        until(lambda: set(archive.glob("*.gz")) > known, seconds=120, otherwise=lambda: "the log is not archived")
        due = time.monotonic() + LOST_SECONDS
        until(lambda: time.monotonic() > due, seconds=LOST_SECONDS + 10, otherwise=lambda: "the clock stands")


def _rows(instance: Instance) -> dict[str, dict[str, int]]:
    """How many rows each table of each database has."""
    return {name: {row[0]: row[1] for row in ask(instance, COUNT, database=name)} for name in DATABASES}


def _marks(instance: Instance) -> set[int]:
    return {row[0] for name in DATABASES for row in ask(instance, "SELECT number FROM drill.mark", database=name)}


def _files(store: Path) -> dict[str, str]:
    """What the store holds, by sums."""
    return {
        str(file.relative_to(store)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in store.rglob("*")
        if file.is_file()
    }


def _event_on_its_way(instance: Instance) -> uuid.UUID | None:
    """Of all that had arrived, the last is taken out of an inbox: as if it had been on its way in this moment."""
    sent = "SELECT event_id FROM outbox WHERE published_at IS NOT NULL AND subject ~ $1 ORDER BY published_at"
    heard = {row[0] for row in ask(instance, "SELECT event_id FROM inbox", database=CONSUMER)}
    arrived = [row[0] for row in ask(instance, sent, COPIED, database=SOURCE) if row[0] in heard]
    for event in arrived[-1:]:
        ask(instance, "DELETE FROM inbox WHERE event_id = $1", event, database=CONSUMER)
        return event
    return None


def _pause_what_leaves(instance: Instance) -> None:
    """This is a copy: nobody outside hears of it."""
    for table, state in (("webhook", "PAUSED"), ("notice_robot", "INACTIVE")):
        ask(instance, f"UPDATE {table} SET state = $1", state, database="approval")  # noqa: S608


def _token(instance: Instance) -> bool:
    form = {"grant_type": "client_credentials", "client_id": "heyi-reconciler"}
    form["client_secret"] = instance.env()["HEYI_RECONCILER_CLIENT_SECRET"]
    address = f"{instance.keycloak.issuer}/protocol/openid-connect/token"
    context = instance.tls.context() if instance.tls else None
    try:
        with urllib.request.urlopen(address, urllib.parse.urlencode(form).encode(), context=context) as answer:
            return "access_token" in json.load(answer)
    except urllib.error.URLError:
        return False


def _comes_true(holds: Callable[[], bool]) -> bool:
    """Whether it does, once what was sent again had time to be worked on."""
    with contextlib.suppress(CannotContinueError):
        until(holds, seconds=SETTLING_SECONDS, every=2, otherwise=lambda: "")
        return True
    return False


def _all_sent(instance: Instance) -> bool:
    left = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
    return _comes_true(lambda: not any(value(instance, left, database=name) for name in SERVICES))


def _findings(instance: Instance) -> Counter[str]:
    """Findings of the reconciler by rule; every rule is named."""
    command = [str(machine.PYTHON), "-m", "reconciler", "run", "--json", "--settled", "0"]
    env = {**os.environ, **instance.env()}
    ran = subprocess.run(command, cwd=machine.ROOT, env=env, stdout=subprocess.PIPE, text=True)
    return Counter({rule["name"]: len(rule["findings"]) for rule in json.loads(ran.stdout)})


def _new_findings(instance: Instance, known: Counter[str]) -> list[str]:
    """Rules with more findings than before."""
    found: list[str] = []

    def clean() -> bool:
        found[:] = [f"{rule} {count}" for rule, count in (_findings(instance) - known).items()]
        return not found

    _comes_true(clean)
    return found


if __name__ == "__main__":
    chosen = Path(os.environ["FROM"])
    sys.exit(run(chosen, cover_of(os.environ, inside=chosen.parent)))
