"""Named places at which a test may let the process die, fail or stall. Nothing happens unless a folder is armed.

HEYI_FAULTS names a folder. A file in it called after a point, `before_commit` or `procurement.before_commit`, fires
once, in whichever process reaches the point first: its text is `crash`, `error`, or `stall SECONDS`. A file `clock`
puts the process' clock forward by its number of seconds for as long as it is there. Settings refuse the variable where
the issuer is not on this machine, so no real installation can be armed.
"""

from __future__ import annotations

import datetime
import os
import time
from pathlib import Path

from chassis import telemetry

CODE = 86
_folder: Path | None = None


class InjectedError(OSError):
    """What a point raises that was armed with `error`."""


def arm(folder: str) -> None:
    """From now on look into this folder at every point."""
    global _folder
    _folder = Path(folder) if folder else None


def point(name: str) -> None:
    """A place where a fault may happen."""
    if _folder is not None:
        _reach(_folder, name)


def clock_step() -> datetime.timedelta:
    """How far a test puts this process' clock forward."""
    if _folder is None:
        return datetime.timedelta(0)
    try:
        return datetime.timedelta(seconds=float((_folder / "clock").read_text()))
    except FileNotFoundError:
        return datetime.timedelta(0)


def _reach(folder: Path, name: str) -> None:
    for file in (folder / name, folder / f"{telemetry.service()}.{name}"):
        fired = file.with_name(f"{file.name}@{os.getpid()}")
        try:
            # taken by renaming: of two that come at once, one fires
            file.rename(fired)
        except FileNotFoundError:
            continue
        match fired.read_text().split():
            case ["crash"]:
                os._exit(CODE)
            case ["error"]:
                raise InjectedError(f"fault at {name}")
            case ["stall", seconds]:
                # not asyncio.sleep: the whole process stands still, as one that is stopped or swapped out
                time.sleep(float(seconds))
