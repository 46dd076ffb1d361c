"""How the write-ahead log leaves the data folder, and how it comes back.

Standard library only: the runner starts PostgreSQL with these settings before anything is installed. The commands are
run by PostgreSQL's account in the data folder, which may not be able to read ours: they are plain shell.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

ELSEWHERE = "HEYI_WAL_ARCHIVE"
# In the data folder: a first backup was made, from now on every segment is kept. Without one they are good for nothing.
MARK = "archive-wanted"


def archive_of(data: Path) -> Path:
    """Where segments go: beside the data, or below the folder that the environment names (another disk)."""
    elsewhere = os.environ.get(ELSEWHERE)
    return Path(elsewhere).resolve() / data.parent.name if elsewhere else data.parent / "wal-archive"


def archive_settings(data: Path, *, durable: bool) -> list[str]:
    """What is laid over server.conf; data that nobody needs after a power cut is not archived either."""
    if not durable:
        return ["archive_mode=off"]
    folder = archive_of(data)
    return [f"heyi.wal_archive={folder}", f"archive_command={archive_command(folder)}"]


def archive_command(folder: Path, *, wanted: str = f"test -f {MARK}") -> str:
    """A segment is there whole and on the disk, or not at all; one that is there already must be the same. It is kept
    where it is `wanted`: a command that says so.

    A folder that is missing (a disk that is not mounted) is a failure: PostgreSQL keeps the segment and tries again.
    """
    place = shlex.quote(str(folder)).replace("%", "%%")
    return (
        f'{wanted} || exit 0; to={place}/"%f.gz"; '
        'if test -f "$to"; then gzip -dc "$to" | cmp -s - "%p"; exit; fi; '
        f'gzip -1nc "%p" > "$to.new" && sync "$to.new" && mv "$to.new" "$to" && sync {place}'
    )


def restore_command(folder: Path) -> str:
    """The way back; that a segment is not there is how the log's end is found."""
    place = shlex.quote(str(folder)).replace("%", "%%")
    return f'test -f {place}/"%f.gz" && gzip -dc {place}/"%f.gz" > "%p"'
