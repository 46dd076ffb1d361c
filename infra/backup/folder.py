"""A backup is a folder with a manifest: every file of it with size and SHA-256, the manifest itself under a sum.

It is written beside its place and moved there when all of it is on the disk: a folder without a manifest is no backup.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import io
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from infra.backup.sealing import PLAIN, Cover, Sealed
from infra.local.report import CannotContinueError

FORMAT = 1
MANIFEST = "manifest.json"
READ_BYTES = 1024 * 1024
ABANDONED_SECONDS = 7 * 24 * 3600


class Writing:
    """A backup that is being made; what is alike in the one before costs a name only."""

    def __init__(self, place: Path, cover: Cover, before: Mapping[str, Any] | None = None, at: Path | None = None):
        """`before`: the manifest of an earlier backup that lies at `at`."""
        self.place, self.cover = place, cover
        self.draft = place.with_name(f".{place.name}.new")
        self.files: dict[str, dict[str, Any]] = {}
        self.before = before if before and before["key"] == cover.id else None
        self.at = at

    def __enter__(self) -> Writing:
        for left in self.place.parent.glob(".*.new"):  # a machine that went down in the middle left it
            if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(left)
        self.draft.mkdir(mode=0o700, parents=True)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            shutil.rmtree(self.draft, ignore_errors=True)

    def put(self, name: str, stream: IO[bytes], **facts: Any) -> None:
        """Bring in what `stream` gives."""
        path = self.draft / (name + self.cover.ending)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # it may be the backup before's too, and that one stays as it is
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            counting = _Counting(file)
            with self.cover.writer(counting, name) as writer:
                shutil.copyfileobj(stream, writer, READ_BYTES)
        self.files[name] = {"sha256": counting.sum.hexdigest(), "bytes": counting.bytes, **facts}

    def put_file(self, name: str, path: Path, *, fixed: bool) -> None:
        """Bring in a file, where it is still there; one that never changes (`fixed`) may be the backup before's."""
        try:
            stat = path.stat()
            source = [stat.st_size, stat.st_mtime_ns]
            if not fixed or (self.files.get(name, {}).get("source") != source and not self._link(name, source)):
                with path.open("rb") as stream:
                    self.put(name, stream, source=source)
        except FileNotFoundError:
            return

    def _link(self, name: str, source: list[int]) -> bool:
        """Whether the backup before has the same file: then it is one file with two names."""
        known = self.before["files"].get(name) if self.before else None
        if known is None or known["source"] != source or self.at is None:
            return False
        earlier, path = (folder / (name + self.cover.ending) for folder in (self.at, self.draft))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.link(earlier, path)
        except OSError:  # a file system without such names, or the file is not there: it is brought in anew
            return False
        self.files[name] = known
        return True

    def finish(self, facts: Mapping[str, Any]) -> Path:
        """All of it is on the disk before it has its name."""
        manifest = {"format": FORMAT, **facts, "key": self.cover.id, "files": dict(sorted(self.files.items()))}
        manifest["seal"] = self.cover.sum(_text(manifest))
        (self.draft / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", "utf-8")
        os.sync()
        self.draft.replace(self.place)
        os.sync()
        return self.place


class Backup:
    """A finished backup whose manifest is what it was."""

    def __init__(self, folder: Path, cover: Cover) -> None:
        self.folder, self.cover = folder, cover
        self.facts = read_manifest(folder)
        if any(name.startswith("/") or ".." in Path(name).parts for name in self.facts["files"]):
            raise CannotContinueError(f"{folder / MANIFEST} names files outside of the backup.")
        if self.facts["key"] != cover.id:
            need = f"sealed with another key ({self.facts['key']}, not {cover.id})" if cover.id else "sealed"
            raise CannotContinueError(f"The backup {folder} is {need if self.facts['key'] else 'not sealed'}.")
        if self.facts["seal"] != cover.sum(_text({k: v for k, v in self.facts.items() if k != "seal"})):
            raise CannotContinueError(f"{folder / MANIFEST} was changed: nothing of this backup can be relied on.")

    @property
    def names(self) -> list[str]:
        return list(self.facts["files"])

    def verify(self) -> int:
        """Compare every byte with the manifest; returns how many files there are."""
        wrong = [name for name in self.names if not self._is_as_written(name)]
        if wrong:
            more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
            raise CannotContinueError(
                f"The backup {self.folder} is damaged, nothing was touched: {', '.join(wrong[:5])}{more}"
            )
        return len(self.names)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A file of it in clear."""
        with self._path(name).open("rb") as file:
            yield self.cover.reader(file, name)

    def take(self, name: str, target: Path) -> None:
        """Put a file of it where it belongs, for this account alone, with the time it had."""
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.open(name) as source, os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            shutil.copyfileobj(source, file, READ_BYTES)
        if known := self.facts["files"][name].get("source"):
            os.utime(target, ns=(known[1], known[1]))

    def _path(self, name: str) -> Path:
        return self.folder / (name + self.cover.ending)

    def _is_as_written(self, name: str) -> bool:
        known, found = self.facts["files"][name], hashlib.sha256()
        try:
            with self._path(name).open("rb") as file:
                while part := file.read(READ_BYTES):
                    found.update(part)
                return bool(file.tell() == known["bytes"] and found.hexdigest() == known["sha256"])
        except FileNotFoundError:
            return False


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest as it stands there."""
    try:
        facts = json.loads((folder / MANIFEST).read_text("utf-8"))
        known = facts["format"]
        facts["key"], facts["seal"], facts["files"]
    except FileNotFoundError:
        raise CannotContinueError(f"{folder} is no backup: it has no {MANIFEST}.") from None
    except (ValueError, KeyError, TypeError):
        raise CannotContinueError(
            f"{folder / MANIFEST} was changed: nothing of this backup can be relied on."
        ) from None
    if known != FORMAT:
        raise CannotContinueError(f"{folder} has the format {known}; this release reads {FORMAT}.")
    return dict(facts)


def backups_in(place: Path) -> list[Path]:
    """The backups of a folder, oldest first."""
    return sorted(file.parent for file in place.glob(f"*/{MANIFEST}"))


def instant(text: str) -> datetime.datetime | None:
    """The moment that is said, if one is."""
    if not text:
        return None
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise CannotContinueError(f"AT={text} is no moment with its zone, as in 2026-11-27T18:30:00+08:00.")
    return at


def chosen(place: Path, at: datetime.datetime | None) -> Path:
    """The backup that is named; a folder of backups means its newest, or the newest from before a moment."""
    found = backups_in(place)
    early = [one for one in found if not at or datetime.datetime.fromisoformat(read_manifest(one)["at"]) <= at]
    return ([place, *(early or found)])[-1]


def cover_of(environment: Mapping[str, str], *, inside: Path) -> Cover:
    """What the operator says: BACKUP_KEY=file, or that there shall be none; `inside` is where no key may lie."""
    named, plain = environment.get("BACKUP_KEY"), environment.get("UNENCRYPTED") == "yes"
    if plain and named:
        raise CannotContinueError("BACKUP_KEY and UNENCRYPTED=yes exclude each other.")
    if plain:
        return PLAIN
    if not named:
        raise CannotContinueError(
            "A backup holds the instance's secrets and is sealed with a key of yours: BACKUP_KEY=file.\n"
            "Make one and keep it elsewhere, without it nothing can be restored:  openssl rand -base64 32 > FILE\n"
            "UNENCRYPTED=yes leaves everything readable to whoever has the folder."
        )
    file = Path(named).expanduser().resolve()
    if inside.resolve() in file.parents:
        raise CannotContinueError(f"The key {file} lies in the backup's own folder. Keep it elsewhere.")
    return Sealed.read(file)


def _text(manifest: Mapping[str, Any]) -> bytes:
    return json.dumps(manifest, sort_keys=True, ensure_ascii=False).encode()


class _Counting(io.RawIOBase):
    """Writes through, and knows what was written."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.sum, self.bytes = file, hashlib.sha256(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.sum.update(data)
        self.bytes += len(data)
        self.file.write(data)
        return len(data)
