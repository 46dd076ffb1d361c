"""Files on disk: `uploads/<name>` while their bytes come, `blobs/<xx>/<name>` once they were checked, with the small
picture of a picture beside them in `previews/`.

Names are random and say nothing. A piece is on the disk before its arrival is written down, so the database never says
more than the disk holds. Everything here blocks and runs in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from chassis.errors import Refused

READ_BYTES = 256 * 1024
HASH_BYTES = 4 * 1024 * 1024
RETRY_SECONDS = 30
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


class Store:
    """One folder; several processes may share it."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def prepare(self) -> None:
        """Make the folders, for this account alone. Raises OSError where they cannot be made."""
        for name in ("uploads", "blobs", "previews"):
            (self.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    def upload(self, blob: uuid.UUID) -> Path:
        """Where a file comes in."""
        return self.folder / "uploads" / blob.hex

    def blob(self, blob: uuid.UUID) -> Path:
        """Where a checked file lies."""
        return self.folder / "blobs" / blob.hex[:2] / blob.hex

    def preview(self, blob: uuid.UUID) -> Path:
        """Where its small picture lies, if it has one."""
        return self.folder / "previews" / blob.hex[:2] / blob.hex

    async def write(self, blob: uuid.UUID, offset: int, data: bytes) -> None:
        """Put bytes at an offset, on the disk itself. Raises ATTACHMENT_STORE_FULL; the same again does no harm."""

        def work() -> None:
            self.prepare()
            handle = os.open(self.upload(blob), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                left = memoryview(data)
                while left:
                    done = os.pwrite(handle, left, offset + len(data) - len(left))
                    left = left[done:]
                os.fdatasync(handle)
            finally:
                os.close(handle)

        with _room():
            await asyncio.to_thread(work)

    async def digest(self, path: Path, size: int) -> str | None:
        """SHA-256 of the first `size` bytes; None where there are fewer."""

        def work() -> str | None:
            found, left = hashlib.sha256(), size
            with path.open("rb") as file:
                while left and (part := file.read(min(HASH_BYTES, left))):
                    found.update(part)
                    left -= len(part)
            return None if left else found.hexdigest()

        return await asyncio.to_thread(work)

    async def keep(self, blob: uuid.UUID, size: int) -> None:
        """An upload becomes a file, whole or not at all: what lies there is found by the same name after a crash."""

        def work() -> None:
            source, target = self.upload(blob), self.blob(blob)
            if target.exists():
                return
            target.parent.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(source, os.O_RDWR | os.O_CLOEXEC)
            try:
                os.ftruncate(handle, size)
                os.fsync(handle)
            finally:
                os.close(handle)
            source.rename(target)
            for folder in (target.parent, source.parent):
                _sync(folder)

        with _room():
            await asyncio.to_thread(work)

    async def forget(self, blob: uuid.UUID) -> None:
        """Nothing of a file stays. That it is gone already is as good."""

        def work() -> None:
            for path in (self.upload(blob), self.blob(blob), self.preview(blob)):
                path.unlink(missing_ok=True)

        await asyncio.to_thread(work)

    async def pieces(self, blob: uuid.UUID) -> AsyncIterator[bytes]:
        """The bytes of a file as they are asked for. Raises FileNotFoundError before the first."""
        file = await asyncio.to_thread(self.blob(blob).open, "rb")

        async def read() -> AsyncIterator[bytes]:
            try:
                while part := await asyncio.to_thread(file.read, READ_BYTES):
                    yield part
            finally:
                file.close()

        return read()

    def strays(self, older_than: float) -> Iterator[list[uuid.UUID]]:
        """Names of what lies in the store for so many seconds, folder by folder: each may have lost its row."""
        before = time.time() - older_than
        for folder in sorted([self.folder / "uploads", *self.folder.glob("blobs/*"), *self.folder.glob("previews/*")]):
            found = []
            with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError, ValueError):
                        if entry.stat().st_mtime < before:
                            found.append(uuid.UUID(hex=entry.name.removesuffix(".new")))
            if found:
                yield found


@contextlib.contextmanager
def _room() -> Iterator[None]:
    """What a disk says when it is full or gone, in the contract's words."""
    try:
        yield
    except OSError as problem:
        if problem.errno in _NO_ROOM:
            raise Refused("ATTACHMENT_STORE_FULL", retry_after_seconds=RETRY_SECONDS) from problem
        raise


def _sync(folder: Path) -> None:
    """A new name is on the disk once its folder is."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
