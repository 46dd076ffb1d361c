"""Detached processes and the truth about them.

A process is known by its number *and* the moment it started (from /proc) *and* the boot of the machine: a stale file
after `kill -9` or a reboot never makes us signal a stranger. Every process leads a session of its own, so it outlives
the terminal.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}
_LOG_LIMIT_BYTES = 20_000_000


@dataclass(frozen=True)
class Account:
    """An account of the machine under which a process runs."""

    name: str
    uid: int
    gid: int


def account(*names: str) -> Account:
    """Return the first of the named accounts that exists."""
    for name in names:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise LookupError(f"none of the accounts {', '.join(names)} exists")


class Processes:
    """The processes of one instance: `run/<name>.json` says which, `logs/<name>.log` what they wrote."""

    def __init__(self, folder: Path) -> None:
        self.run = folder / "run"
        self.logs = folder / "logs"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def start(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, account: Account | None = None
    ) -> int:
        """Start a process that outlives this one; its output goes to its log."""
        for folder in (self.run, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
        log = self.log(name)
        if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            process = subprocess.Popen(
                list(command),
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        _CHILDREN[process.pid] = process
        record = {
            "pid": process.pid,
            "began": _began(process.pid),
            "boot": _BOOT.read_text().strip(),
            "command": command[0],
        }
        file = self.run / f"{name}.json"
        file.with_suffix(".new").write_text(json.dumps(record))
        file.with_suffix(".new").replace(file)
        return process.pid

    def pid(self, name: str) -> int | None:
        """Return the number of the running process; one that now belongs to another program does not count."""
        try:
            record = json.loads((self.run / f"{name}.json").read_text())
        except FileNotFoundError:
            return None
        pid: int = record["pid"]
        if child := _CHILDREN.get(pid):
            child.poll()
        same = record["boot"] == _BOOT.read_text().strip() and record["began"] == _began(pid)
        return pid if same else None

    def stop(self, name: str, *, how: signal.Signals = signal.SIGTERM, grace_seconds: float = 30) -> bool:
        """Ask a process to end, and make it end after the grace. Returns whether it was running."""
        pid = self.pid(name)
        if pid is not None:
            os.kill(pid, how)
            deadline = time.monotonic() + grace_seconds
            while self.pid(name) is not None:
                if time.monotonic() > deadline:
                    self.kill(name)
                    break
                time.sleep(0.05)
        (self.run / f"{name}.json").unlink(missing_ok=True)
        return pid is not None

    def kill(self, name: str) -> None:
        """End a process as a crash would (SIGKILL) and wait until it is gone."""
        pid = self.pid(name)
        if pid is None:
            return
        os.kill(pid, signal.SIGKILL)
        while self.pid(name) is not None:
            time.sleep(0.02)

    def last_words(self, name: str, lines: int = 15) -> str:
        """Return the end of a process's log, for a message about it."""
        log = self.log(name)
        if not log.exists():
            return "(no log)"
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 20_000))
            return "\n".join("    " + line for line in file.read().decode("utf-8", "replace").splitlines()[-lines:])

    def memory_mib(self, pid: int) -> float | None:
        """Return the proportional memory (PSS) of a process and its children, where we may read it."""
        total = 0
        for each in _family(pid):
            try:
                rollup = Path(f"/proc/{each}/smaps_rollup").read_text()
            except OSError:
                return None
            total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        return total / 1024


def living_in(folder: Path) -> list[int]:
    """Return the processes whose working folder is `folder`: what a killed server left behind."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if os.readlink(entry / "cwd") == str(folder):
                    found.append(int(entry.name))
    return found


def _began(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None when it is gone or only waits to be collected.

    Its first thread may have ended before the others, which hold its ports until they end too.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat[stat.rindex(")") + 2 :].split()
    threads = int(fields[17])
    return None if fields[0] in "ZX" and threads <= 1 else int(fields[19])


def _family(pid: int) -> list[int]:
    family = [pid]
    for each in family:
        with contextlib.suppress(OSError):
            family += [
                int(child)
                for task in Path(f"/proc/{each}/task").iterdir()
                for child in (task / "children").read_text().split()
            ]
    return family
