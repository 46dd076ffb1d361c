"""PostgreSQL of an instance: one server, one database for each service and one for Keycloak.

`postgres` refuses to run as root: then it runs as account postgres (else nobody), and its data may have to lie
outside a folder that account cannot pass. Connections are TCP on loopback with passwords; there is no socket file,
whose path may be too long. Where TLS is on, they are TLS alone, the runner's own too.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from infra.backup.wal import archive_settings
from infra.local import machine
from infra.local.processes import Account, Processes, account, living_in
from infra.local.report import CannotContinueError, until
from infra.local.tls import TlsFiles

SETTINGS = machine.ROOT / "infra" / "postgres"
SUPERUSER = "heyi"


class Postgres:
    """The server of one instance, its data in `data`."""

    def __init__(
        self,
        processes: Processes,
        data: Path,
        *,
        port: int,
        password: str,
        durable: bool,
        tls: TlsFiles | None = None,
    ) -> None:
        self.processes = processes
        self.data = data
        self.port = port
        self.password = password
        self.durable = durable
        self.tls = tls
        self.bin = machine.postgres_bin()
        self.account: Account | None = account("postgres", "nobody") if os.geteuid() == 0 else None

    def start(self) -> None:
        """Start the server, with a new data folder the first time, and wait until it is ours that answers."""
        if self.processes.pid("postgres") is None:
            self._clear_after_a_crash()
            self._prepare_folder()
            self._lay_out_tls()
            arguments = [word for setting in self._settings() for word in ("-c", setting)]
            command = [str(self.bin / "postgres"), "-D", str(self.data), "-p", str(self.port), *arguments]
            self.processes.start("postgres", command, env=self._env(), cwd=self.data.parent, account=self.account)
        until(self._answers, seconds=60, otherwise=lambda: self._trouble("PostgreSQL does not answer"))

    def healthy(self) -> bool:
        return self.processes.pid("postgres") is not None and self._answers()

    def stop(self) -> bool:
        return self.processes.stop("postgres", how=signal.SIGINT)

    def make_service(self, service: str, passwords: Mapping[str, str]) -> None:
        """Make a service's database and roles, or put right what differs."""
        values = {"service": service, **{f"{role}_password": passwords[role] for role in ("owner", "app", "ro")}}
        self._psql((SETTINGS / "service.sql").read_text(), values)

    def make_database(self, name: str, password: str) -> None:
        """Make a database owned by a role of its own name (Keycloak's), or put right what differs."""
        self._psql((SETTINGS / "database.sql").read_text(), {"name": name, "password": password})

    def _settings(self) -> list[str]:
        files = [
            "server.conf",
            *([] if self.durable else ["server-test.conf"]),
            *(["server-tls.conf"] if self.tls else []),
        ]
        lines = [line for name in files for line in (SETTINGS / name).read_text().splitlines()]
        return [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            *([f"hba_file={self.data / 'hba-tls.conf'}"] if self.tls else []),
            *(line for line in lines if line and not line.startswith("#")),
            *archive_settings(self.data, durable=self.durable),
        ]

    def _lay_out_tls(self) -> None:
        """Copy the certificate, its key and the rules to where the server's account can read them."""
        if self.tls is None:
            return
        sources = {
            "server.crt": self.tls.certificate("postgres"),
            "server.key": self.tls.key("postgres"),
            "hba-tls.conf": SETTINGS / "hba-tls.conf",
        }
        for name, source in sources.items():
            file = self.data / name
            file.unlink(missing_ok=True)
            file.touch(mode=0o600)
            file.write_bytes(source.read_bytes())
            if self.account:
                os.chown(file, self.account.uid, self.account.gid)

    def _prepare_folder(self) -> None:
        if (self.data / "PG_VERSION").exists():
            return
        self.data.parent.mkdir(parents=True, exist_ok=True)
        draft = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w", dir=self.data.parent) as secret:
            secret.write(self.password)
            secret.flush()
            if self.account:
                for path in (draft, secret.name):
                    os.chown(path, self.account.uid, self.account.gid)
            command = [
                str(self.bin / "initdb"),
                "-D",
                str(draft),
                "-U",
                SUPERUSER,
                f"--pwfile={secret.name}",
                "--auth=scram-sha-256",
            ]
            command += [
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--data-checksums",
                *([] if self.durable else ["--no-sync"]),
            ]
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                cwd=self.data.parent,
                env=self._env(),
                user=self.account.uid if self.account else None,
                group=self.account.gid if self.account else None,
                extra_groups=[] if self.account else None,
            )
        if done.returncode != 0:
            raise CannotContinueError(f"PostgreSQL could not make its data folder:\n{done.stdout}{done.stderr}")
        draft.replace(self.data)

    def _clear_after_a_crash(self) -> None:
        """Wait until the children of a killed server have left the shared memory, then take away its note of itself.

        PostgreSQL would do the second alone, but not while the dead server waits to be collected by its parent.
        """
        until(
            lambda: not living_in(self.data),
            seconds=30,
            otherwise=lambda: (
                f"Processes of an earlier PostgreSQL still use {self.data}. Please end them: "
                f"{', '.join(map(str, living_in(self.data)))}"
            ),
        )
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _answers(self) -> bool:
        """Ask the server which data it serves: on a taken port a stranger would answer, and must not be written to."""
        if self.processes.pid("postgres") is None:
            raise CannotContinueError(self._trouble("PostgreSQL ended"))
        asked = self._run_psql("-Atc", "SHOW data_directory")
        if asked.returncode == 0 and Path(asked.stdout.strip()) != self.data:
            raise CannotContinueError(
                f"Another PostgreSQL answers at port {self.port}, its data in {asked.stdout.strip()}. "
                "Nothing was written to it."
            )
        return asked.returncode == 0

    def _psql(self, text: str, values: Mapping[str, str]) -> None:
        """Run a file of statements; its values go in by standard input, where no other user sees them."""
        settings = "".join(f"\\set {name} '{value}'\n" for name, value in values.items())
        done = self._run_psql("-q", text=settings + text)
        if done.returncode != 0:
            raise CannotContinueError(f"PostgreSQL refused a preparing statement:\n{done.stderr}")

    def _run_psql(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        command = self.client("psql", "-X", "-d", "postgres", *arguments)
        return subprocess.run(command, input=text, capture_output=True, text=True, env=self.client_env())

    def client(self, program: str, *arguments: str) -> list[str]:
        """The command of one of PostgreSQL's own programs, as the superuser; it goes with `client_env`."""
        return [str(self.bin / program), "-h", "127.0.0.1", "-p", str(self.port), "-U", SUPERUSER, *arguments]

    def client_env(self) -> dict[str, str]:
        env = {**self._env(), "PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "3"}
        if self.tls is not None:
            env |= {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(self.tls.authority)}
        return env

    def _env(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def _trouble(self, what: str) -> str:
        return f"{what} (port {self.port}). Its last words:\n{self.processes.last_words('postgres')}"


def blocking_parent(folder: Path) -> Path | None:
    """Return the first folder on the way to `folder` that PostgreSQL's account cannot pass, or None."""
    if os.geteuid() != 0:
        return None
    who = account("postgres", "nobody")
    for parent in reversed([folder, *folder.parents]):
        if parent.exists():
            facts = parent.stat()
            mine = (
                stat.S_IXUSR if facts.st_uid == who.uid else stat.S_IXGRP if facts.st_gid == who.gid else stat.S_IXOTH
            )
            if not facts.st_mode & mine:
                return parent
    return None
