"""NATS of an instance: one server with JetStream and one user for each service (permissions in infra/nats)."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path

from infra.local import machine
from infra.local.processes import Processes
from infra.local.report import CannotContinueError, until
from infra.local.tls import TlsFiles

TEMPLATES = machine.ROOT / "infra" / "nats"
READER = "gateway"  # publishes no event of its own


class Nats:
    """The event server of one instance, its streams in `folder`."""

    def __init__(
        self,
        processes: Processes,
        folder: Path,
        *,
        port: int,
        name: str,
        passwords: Mapping[str, str],
        tls: TlsFiles | None = None,
    ) -> None:
        self.processes = processes
        self.folder = folder
        self.port = port
        self.name = name
        self.passwords = passwords
        self.tls = tls

    def start(self) -> None:
        """Start the server and wait until it is ours that answers."""
        if self.processes.pid("nats") is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = self.folder / "server.conf"
            file.touch(mode=0o600)
            file.write_text(self._configuration())
            server = machine.PYTHON.parent / "nats-server"
            self.processes.start("nats", [str(server), "-c", str(file)], env={"TZ": "UTC"}, cwd=self.folder)
        until(self._answers, seconds=30, otherwise=lambda: self._trouble("NATS does not answer"))

    def healthy(self) -> bool:
        return self.processes.pid("nats") is not None and self._answers()

    def stop(self) -> bool:
        return self.processes.stop("nats")

    def _configuration(self) -> str:
        users = "".join(self._user(name, password) for name, password in self.passwords.items())
        facts = {
            "server_name": self.name,
            "port": str(self.port),
            "store_dir": str(self.folder / "streams"),
            "users": users,
            "tls": self._tls_block(),
        }
        return _fill((TEMPLATES / "server.conf").read_text(), facts)

    def _tls_block(self) -> str:
        if self.tls is None:
            return ""
        files = {
            "certificate": self.tls.certificate("nats"),
            "key": self.tls.key("nats"),
            "authority": self.tls.authority,
        }
        return _fill((TEMPLATES / "tls.conf").read_text(), {name: str(file) for name, file in files.items()})

    def _user(self, name: str, password: str) -> str:
        denied = ("MSG.NEXT.EVT.{}", "CREATE.EVT.{}", "CREATE.EVT.{}.>")
        others = ", ".join(f'"$JS.API.CONSUMER.{d.format(o)}"' for o in self.passwords if o != name for d in denied)
        template = (TEMPLATES / ("reader.conf" if name == READER else "user.conf")).read_text()
        return _fill(template, {"service": name, "password": password, "others": others})

    def _answers(self) -> bool:
        """Read the greeting: it carries the server's name, so a stranger on the port is told from ours."""
        if self.processes.pid("nats") is None:
            raise CannotContinueError(self._trouble("NATS ended"))
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                if self.tls is not None:
                    connection = self.tls.context().wrap_socket(connection, server_hostname="127.0.0.1")
                with connection, connection.makefile("rb") as words:
                    greeting = words.readline()
        except OSError:
            return False
        facts = json.loads(greeting.removeprefix(b"INFO "))
        if facts["server_name"] != self.name:
            raise CannotContinueError(
                f"Another NATS server answers at port {self.port} ({facts['server_name']}). Nothing was sent to it."
            )
        return bool(facts.get("jetstream"))

    def _trouble(self, what: str) -> str:
        return f"{what} (port {self.port}). Its last words:\n{self.processes.last_words('nats')}"


def _fill(template: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        template = template.replace("{{" + name + "}}", value)
    return template
