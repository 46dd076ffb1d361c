"""Other people's programs that the suite is measured against: each a process in an environment of its own, which
plays what it is asked to play and answers with its samples.

The environment (.heyi/peers/venv) holds exactly requirements.txt of this folder and nothing of ours. Tryton is GPL: it
is only measured, and neither imported by nor shipped with the suite.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.local import machine
from infra.local.instance import Instance

HERE, HOME = Path(__file__).parent, machine.HOME / "peers"
PYTHON = HOME / "venv" / "bin" / "python"
LOCK = HERE / "requirements.txt"


class Peer:
    """A running program: a line of JSON asks it, a line of JSON answers."""

    def __init__(self, process: subprocess.Popen[str], name: str) -> None:
        self.process, self.name = process, name
        self.version = str(self.ask(version=True)["version"])

    def ask(self, **question: Any) -> dict[str, Any]:
        """What it answers. Raises RuntimeError where it has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.name} ended with {self.process.wait()}; {HOME}/{self.name}.log says why")
        return dict(json.loads(answer))


@contextlib.contextmanager
def tryton(instance: Instance) -> Iterator[Peer]:
    """Tryton in a database of its own, which is prepared once: 50 products and a supplier of theirs."""
    _environment()
    dsn = database(instance, "tryton")
    stamp, wanted = instance.folder / "tryton.prepared", machine.digest([LOCK, HERE / "tryton_prepare.py"])
    if not stamp.exists() or stamp.read_text() != wanted:
        print("  Tryton: its database is prepared, once ...", flush=True)
        stamp.unlink(missing_ok=True)
        subprocess.run(_command("tryton_prepare"), env=_env(dsn), check=True, stdout=subprocess.DEVNULL)
        stamp.write_text(wanted)
    with _program("tryton", dsn) as peer:
        yield peer


@contextlib.contextmanager
def spiff(instance: Instance) -> Iterator[Peer]:
    """SpiffWorkflow with its state as JSON in PostgreSQL."""
    _environment()
    with _program("spiff", database(instance, "spiff")) as peer:
        yield peer


def database(instance: Instance, name: str) -> str:
    """Address of a database on the instance's server whose owner is a role of its name."""
    server = instance.postgres
    password = hashlib.sha256(f"{server.password}/{name}".encode()).hexdigest()
    server.make_database(name, password)
    return f"postgresql://{name}:{password}@127.0.0.1:{server.port}/{name}"


def _environment() -> None:
    """Make the peers' environment, or make it anew where the lock has changed."""
    stamp, wanted = HOME / "installed", machine.digest([LOCK], sys.version)
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    print("  the peers' Python packages are installed, once ...", flush=True)
    make = [sys.executable, "-m", "venv", "--clear", str(HOME / "venv")]
    machine.run(make, saying="The peers' Python environment could not be made")
    install = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-input"]
    machine.run([*install, "--require-hashes", "-r", str(LOCK)], saying="The peers could not be installed")
    stamp.write_text(wanted)


@contextlib.contextmanager
def _program(name: str, dsn: str) -> Iterator[Peer]:
    with (HOME / f"{name}.log").open("w") as words:
        pipe = subprocess.PIPE
        process = subprocess.Popen(_command(name), env=_env(dsn), stdin=pipe, stdout=pipe, stderr=words, text=True)
    try:
        yield Peer(process, name)
    finally:
        process.terminate()
        process.wait(10)


def _command(name: str) -> list[str]:
    return [str(PYTHON), str(HERE / f"{name}.py")]


def _env(dsn: str) -> dict[str, str]:
    """Where its database is, by the environment: a command line can be read by everybody."""
    return {"PATH": f"{PYTHON.parent}:{os.environ['PATH']}", "HOME": str(HOME), "PEER_DSN": dsn}
