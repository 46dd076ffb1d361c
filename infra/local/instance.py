"""An instance: a whole suite of its own on this machine, with its ports, secrets and data under .heyi/<name>/.

    instance = Instance("test")
    instance.up()
    instance.url, instance.env()
    instance.kill("services"); instance.start("services")
    instance.down()

Ports, secrets and whether the parts speak TLS (`HEYI_TLS=on`) are chosen once and kept: the realm is imported with
them; so is whether it holds the demo company or begins empty. `make up` is the instance "up", `make up COMPANY=empty`
the instance "empty", `make test` has "test". All services share the process "services"; with
HEYI_PROCESSES=each every one is a part of its own.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from infra.keycloak.federation import read
from infra.local import machine
from infra.local.keycloak import Keycloak
from infra.local.nats import Nats
from infra.local.postgres import Postgres, blocking_parent
from infra.local.processes import Processes
from infra.local.report import CannotContinueError, Report, Step, run_side_by_side, until
from infra.local.tls import RUNNER, TlsFiles, wanted

SERVICES = ("identity", "approval", "procurement", "inventory", "documents")
OWNERS = (*SERVICES, "gateway")
# services that keep something encrypted
KEYED = ("identity", "approval", "procurement")
# accounts at Keycloak without a database
ACCOUNTS = ("gateway_service", "reconciler")
# the mail server and its password, for the service that sends
SENDING = "HEYI_SMTP_"
DEMO_PASSWORD = "Heyi-demo-2026"  # noqa: S105
# what an instance holds from its first start
COMPANIES = ("demo", "empty")
# In the order in which they start; they stop in the opposite order.
PARTS = ("postgres", "nats", "keycloak", "services", *SERVICES, "gateway", "reconciler")
_PORTS = ("gateway", "keycloak", "postgres", "nats", *SERVICES)
_FIRST_PORT, _BLOCK, _BLOCKS = (
    20_000,
    10,
    1_200,
)  # below the range from which the kernel takes ports for outgoing connections


class Instance:
    """One running (or not yet running) suite."""

    def __init__(self, name: str, report: Report | None = None, *, company: str | None = None) -> None:
        """`company` (one of COMPANIES) counts at the first start; None takes what the instance has, or the demo."""
        if not name.isidentifier():
            raise ValueError(f"an instance's name is a plain word, not {name!r}")
        self.name, self._company = name, company
        self.folder = machine.HOME / name
        self.processes = Processes(self.folder)
        self.report = report or Report()
        each = os.environ.get("HEYI_PROCESSES") == "each"
        # the processes that hold services, and which
        self.hosts = {name: (name,) for name in SERVICES} if each else {"services": SERVICES}

    @property
    def parts(self) -> list[str]:
        """Return the parts of this instance, in the order in which they start."""
        other = {"services", *SERVICES} - set(self.hosts)
        return [part for part in PARTS if part not in other]

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Return the ports and secrets of this instance; they are made at the first question and kept."""
        file = self.folder / "instance.json"
        if file.exists():
            kept = dict(json.loads(file.read_text()))
            if wanted() not in (None, kept.get("tls", False)):
                raise CannotContinueError(
                    f"The instance {self.name!r} was set up {'with' if kept.get('tls') else 'without'} TLS, for good. "
                    "`make reset` throws it and its data away; then HEYI_TLS decides again."
                )
            if self._company not in (None, kept.get("company", "demo")):
                raise CannotContinueError(
                    f"The instance {self.name!r} was set up for the company {kept.get('company', 'demo')!r}, for good. "
                    "`make reset` throws it and its data away; or take another: INSTANCE=name."
                )
            # what a later release needs is added; the realm is told of a new secret by hand (docs/runbook.md)
            if kept["secrets"].keys() >= _new_secrets().keys() and kept["ports"].keys() >= set(_PORTS):
                return kept
            free = (port for port in range(min(kept["ports"].values()), 2**16) if port not in kept["ports"].values())
            ports = {name: kept["ports"].get(name) or next(filter(_is_free, free)) for name in _PORTS}
            return self._write_facts({**kept, "ports": ports, "secrets": {**_new_secrets(), **kept["secrets"]}})
        self.folder.mkdir(parents=True, exist_ok=True)
        return self._write_facts(
            {
                "ports": _free_ports(self.name),
                "data": str(self._data_folder()),
                "tls": wanted() or False,
                "company": self._company or "demo",
                "secrets": _new_secrets(),
            }
        )

    def _write_facts(self, facts: dict[str, Any]) -> dict[str, Any]:
        file = self.folder / "instance.json"
        draft = file.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(facts, indent=1))
        draft.replace(file)
        return facts

    @property
    def empty(self) -> bool:
        """Whether it began without the demo: with the administrator alone."""
        return bool(self.facts.get("company") == "empty")

    @property
    def first_password(self) -> str:
        """The administrator's; where the instance began empty it is its own, good for the first sign-in."""
        return self._secret("admin_first_password") if self.empty else DEMO_PASSWORD

    @property
    def url(self) -> str:
        """Return the address that people open."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.facts['ports']['gateway']}"

    @cached_property
    def tls(self) -> TlsFiles | None:
        """The certificates of this instance; None where its parts speak in clear."""
        parts = (*OWNERS, "reconciler", "postgres", "nats", "keycloak")
        return TlsFiles(self.folder / "tls", parts) if self.facts.get("tls") else None

    @property
    def store(self) -> Path:
        """Where files that belong to documents lie: outside of what the gateway serves."""
        return self.folder / "documents"

    @cached_property
    def postgres(self) -> Postgres:
        data = Path(self.facts["data"]) / "postgres"
        return Postgres(
            self.processes,
            data,
            port=self._port("postgres"),
            password=self._secret("postgres"),
            durable=self.name != "test",
            tls=self.tls,
        )

    @cached_property
    def nats(self) -> Nats:
        passwords = {owner: self._secret(f"nats_{owner}") for owner in OWNERS}
        return Nats(
            self.processes,
            self.folder / "nats",
            port=self._port("nats"),
            name=self._secret("nats_name"),
            passwords=passwords,
            tls=self.tls,
        )

    @cached_property
    def keycloak(self) -> Keycloak:
        return Keycloak(
            self.processes,
            self.folder / "keycloak",
            port=self._port("keycloak"),
            database_url=f"jdbc:postgresql://{self._database('keycloak')}",
            database_password=self._secret("keycloak_database"),
            bootstrap_password=self._secret("keycloak_bootstrap"),
            tls=self.tls,
            trusted=os.environ.get("HEYI_LDAP_CA", ""),
        )

    def env(self) -> dict[str, str]:
        """Return the suite's whole configuration as environment variables."""
        env = {
            "HEYI_INSTANCE": self.name,
            "HEYI_ISSUER": self.keycloak.issuer,
            "HEYI_AUDIENCE": "heyi-services",
            "HEYI_TARGETS": ",".join(f"{s}=127.0.0.1:{self._port(s)}" for s in SERVICES),
            "HEYI_IDENTITY_KEYCLOAK_URL": self.keycloak.url,
            "HEYI_PROCUREMENT_KEYS": f"k1:{self._secret('procurement_key')}",
            "HEYI_DOCUMENTS_STORE": str(self.store),
            "HEYI_IDENTITY_KEYS": f"k1:{self._secret('identity_key')}",
            "HEYI_APPROVAL_KEYS": f"k1:{self._secret('approval_key')}",
            "HEYI_GATEWAY_PUBLIC_URL": self.url,
            "HEYI_GATEWAY_SERVICE_CLIENT_SECRET": self._secret("client_gateway_service"),
            "HEYI_GATEWAY_WEB_ROOT": str(machine.ROOT / "web" / "dist"),
            "HEYI_RECONCILER_CLIENT_SECRET": self._secret("client_reconciler"),
            "HEYI_TELEMETRY_FILE": str(self.folder / "telemetry" / "telemetry.sqlite"),
        }
        for owner in OWNERS:
            database = self._database(owner)
            env |= {
                f"HEYI_{owner.upper()}_{name}": value
                for name, value in {
                    "DATABASE_URL": f"postgresql://{owner}_app:{self._secret(f'{owner}_app')}@{database}",
                    "OWNER_DATABASE_URL": f"postgresql://{owner}_owner:{self._secret(f'{owner}_owner')}@{database}",
                    "RO_DATABASE_URL": f"postgresql://{owner}_ro:{self._secret(f'{owner}_ro')}@{database}",
                    "LISTEN": f"127.0.0.1:{self._port(owner)}",
                    "NATS_URL": f"nats://{owner}:{self._secret(f'nats_{owner}')}@127.0.0.1:{self._port('nats')}",
                    "CLIENT_SECRET": self._secret(f"client_{owner}"),
                }.items()
            }
        env |= self.tls.env(*OWNERS, "reconciler") if self.tls else {}
        if self.name != "up" and not self.empty:
            # where stories listen for what is sent out of the house
            env["HEYI_EGRESS_ALLOW"] = self.receiver
        passed = (
            "HEYI_OTLP_ENDPOINT",
            "HEYI_TELEMETRY_FILE",
            "HEYI_TRACE_RATIO",
            "HEYI_LOG_LEVEL",
            "HEYI_GATEWAY_LIMITS",
            "HEYI_SWEEP_SECONDS",
            "HEYI_AUDIT_DAYS",
            "HEYI_FAULTS",
            "HEYI_RECONCILER_AT",
            "HEYI_DOCUMENTS_STORE",
            "HEYI_DOCUMENTS_LIMITS",
            "HEYI_DOCUMENTS_CLAMD",
            "HEYI_EGRESS_ALLOW",
        )
        named = [name for name in os.environ if name in passed or name.startswith(SENDING)]
        return env | {name: os.environ[name] for name in named}

    @property
    def receiver(self) -> str:
        """The origin at which a story may listen as somebody else's server: the last port of the block."""
        assert len(_PORTS) < _BLOCK
        return f"http://127.0.0.1:{self._port('gateway') + _BLOCK - 1}"

    def up(self, *, demo: bool = True, only_infrastructure: bool = False) -> None:
        """Start all that is not running, the slow parts side by side; return when everything is healthy."""
        machine.debian_packages(self.report)
        with self.lock():
            self._refuse_taken_ports()
            steps = {
                "python": Step(lambda: machine.python_packages(self.report)),
                "contract": Step(lambda: machine.generated_code(self.report), "python"),
                "certificates": Step(self._renew_certificates, *(["python"] if self.tls else [])),
                "postgres": Step(self._start_postgres, "certificates"),
                "nats": Step(lambda: self._start("nats", self.nats.start), "python", "certificates"),
                "keycloak files": Step(lambda: machine.keycloak(self.report)),
                "keycloak": Step(self._start_and_join_keycloak, "keycloak files", "postgres"),
            }
            if not only_infrastructure:
                first, *others = self.hosts  # the others ask the first one for the rights
                steps |= {
                    "web": Step(lambda: machine.web_pages(self.report), "contract"),
                    "tables": Step(self._migrate, "contract", "postgres", "nats"),
                    first: Step(lambda: self._start(first, self._starter(first)), "tables", "keycloak"),
                    **{host: Step(partial(self._start, host, self._starter(host)), first) for host in others},
                    "gateway": Step(lambda: self._start("gateway", self._start_gateway), *self.hosts, "web"),
                    "reconciler": Step(lambda: self._start("reconciler", self._start_reconciler), *self.hosts),
                }
            run_side_by_side(steps)
        if demo and not only_infrastructure and not self.empty:
            self.demo()

    def demo(self) -> None:
        """Fill in the fictional company; it can run again, what is there stays."""
        if self.empty:
            raise CannotContinueError(
                f"The instance {self.name!r} began empty, for a company of its own: the demo company is not mixed into "
                "it. `make up` starts an instance that has the demo."
            )
        if not (machine.ROOT / "infra" / "local" / "demo").exists():
            self.report.line("Demo company: its loader (infra/local/demo) is not there, left out")
            return
        with self.report.step("Demo company"):
            env = {**os.environ, **self.env(), "INSTANCE": self.name}
            command = [str(machine.PYTHON), "-m", "infra.local.demo"]
            done = subprocess.run(command, cwd=machine.ROOT, env=env)
            if done.returncode != 0:
                raise CannotContinueError(
                    f"The demo company could not be filled in: its loader ended with {done.returncode}, see above."
                )

    def logins(self) -> list[dict[str, str]]:
        """Return the people one can sign in as, as the demo company's loader wrote them down."""
        file = self.folder / "demo.json"
        return list(json.loads(file.read_text())) if file.exists() else []

    def down(self) -> None:
        """Stop everything in order: first who asks, last who keeps the books."""
        with self.lock():
            for part in reversed(PARTS):
                if self.processes.pid(part) is not None:
                    with self.report.step(f"Stopping {part}"):
                        self._stop(part)

    def start(self, part: str) -> None:
        """Start one part and wait until it is healthy (tests, after `kill`)."""
        with self.lock():
            self._renew_certificates()
            self._starter(part)()

    def kill(self, part: str) -> None:
        """End one part as a crash would."""
        self.processes.kill(part)

    def stop(self, part: str) -> None:
        """Stop one part as an operator would."""
        with self.lock():
            self._stop(part)

    def pid(self, part: str) -> int | None:
        """Return the process of a part while it runs."""
        return self.processes.pid(part)

    def reset(self) -> None:
        """Stop everything and throw this instance's data away; ports and secrets are chosen anew at the next start."""
        self.down()
        if (self.folder / "instance.json").exists():
            data = Path(self.facts["data"])
            if data != self.folder:
                shutil.rmtree(data, ignore_errors=True)
        if self.folder.exists():
            shutil.rmtree(self.folder)
        for name in ("facts", "tls", "postgres", "nats", "keycloak"):
            self.__dict__.pop(name, None)

    def healthy(self, part: str) -> bool:
        """Ask a part whether it can serve."""
        match part:
            case _ if part in self.hosts:
                return self.pid(part) is not None and self._services_answer(part, seconds=3)
            case "gateway":
                return self.pid(part) is not None and self._gateway_answers()
            case "reconciler":
                return self.pid(part) is not None
            case _:
                return bool(getattr(self, part).healthy())

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Let one command at a time work on this instance."""
        machine.HOME.mkdir(parents=True, exist_ok=True)
        with (machine.HOME / f"{self.name}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.report.line(f"Another command is working on the instance {self.name!r}: waiting for it to end ...")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _starter(self, part: str) -> Callable[[], None]:
        return {
            "postgres": self.postgres.start,
            "nats": self.nats.start,
            "keycloak": self._start_keycloak,
            **{host: partial(self._start_services, host) for host in self.hosts},
            "gateway": self._start_gateway,
            "reconciler": self._start_reconciler,
        }[part]

    def _renew_certificates(self) -> None:
        if self.tls is not None:
            self.tls.renew()

    def _start(self, part: str, starter: Callable[[], None]) -> None:
        if self.processes.pid(part) is not None and self.healthy(part):
            self.report.line(f"{part}: already running")
            return
        with self.report.step(f"Starting {part}"):
            starter()

    def _stop(self, part: str) -> None:
        if part == "postgres":
            self.postgres.stop()
        else:
            self.processes.stop(part)

    def _start_postgres(self) -> None:
        self._start("postgres", self.postgres.start)
        self.postgres.make_database("keycloak", self._secret("keycloak_database"))
        for owner in OWNERS:
            self.postgres.make_service(
                owner, {role: self._secret(f"{owner}_{role}") for role in ("owner", "app", "ro")}
            )

    def _start_keycloak(self) -> None:
        clients = {f"{owner}_secret": self._secret(f"client_{owner}") for owner in (*OWNERS, *ACCOUNTS)}
        addresses = {"gateway_url": self.url, "gateway_backchannel_url": self.url}
        administrator = {"admin_name": "管理员", "admin_password": self.first_password}
        self.keycloak.start("empty" if self.empty else "local", {**clients, **addresses, **administrator})

    def _start_and_join_keycloak(self) -> None:
        """Also to the company's own directory and sign-in provider, where the environment names them."""
        try:
            federation = read(os.environ)
        except ValueError as error:
            raise CannotContinueError(str(error)) from None
        self._start("keycloak", self._start_keycloak)
        if self.keycloak.join(federation):
            self.report.line("keycloak: joined to the company's directory and provider as the settings say")

    def _migrate(self) -> None:
        with self.report.step("Tables and streams (migrate)"):
            env = {**os.environ, **self.env()}
            for command in (["chassis", "migrate", *SERVICES], ["gateway", "migrate"]):
                machine.run(
                    [str(machine.PYTHON), "-m", *command], env=env, saying=f"{command[0]} could not prepare its tables"
                )

    def _start_services(self, host: str) -> None:
        if self.processes.pid(host) is None:
            others = ("gateway", *(service for service in SERVICES if service not in self.hosts[host]))
            command = [str(machine.PYTHON), "-m", "chassis", *self.hosts[host]]
            foreign = [f"HEYI_{other.upper()}_" for other in others]
            sends = "approval" in self.hosts[host]
            env = self._process_env(leave_out=(*foreign, *([] if sends else [SENDING])))
            self.processes.start(host, command, env=env, cwd=machine.ROOT)
        if not self._services_answer(host, seconds=60):
            raise CannotContinueError(f"{host} not ready. Its last words:\n{self.processes.last_words(host)}")

    def _services_answer(self, host: str, *, seconds: float) -> bool:
        """Ask the standard health service of each service, until all serve, the time is up or the process has ended."""
        addresses = [f"{service}=127.0.0.1:{self._port(service)}" for service in self.hosts[host]]
        env = os.environ | (self.tls.env(RUNNER) if self.tls else {})
        command = [str(machine.PYTHON), "-m", "infra.local.health", str(seconds), *addresses]
        with subprocess.Popen(command, cwd=machine.ROOT, env=env, stdout=subprocess.DEVNULL) as asking:
            while asking.poll() is None:
                if self.processes.pid(host) is None:
                    asking.kill()
                time.sleep(0.05)
        return asking.returncode == 0

    def _start_gateway(self) -> None:
        if self.processes.pid("gateway") is None:
            others = (*(f"HEYI_{service.upper()}_" for service in SERVICES), SENDING)
            command = [str(machine.PYTHON), "-m", "gateway"]
            self.processes.start("gateway", command, env=self._process_env(leave_out=others), cwd=machine.ROOT)

        def trouble() -> str:
            return f"The gateway is not ready. Its last words:\n{self.processes.last_words('gateway')}"

        until(lambda: self.pid("gateway") is None or self._gateway_answers(), seconds=60, otherwise=trouble)
        if self.pid("gateway") is None:
            raise CannotContinueError(trouble())

    def _start_reconciler(self) -> None:
        """It has no door: what it reports stands in its log and on the page of its runs."""
        if self.processes.pid("reconciler") is None:
            command = [str(machine.PYTHON), "-m", "reconciler", "serve"]
            self.processes.start("reconciler", command, env=self._reconciler_env(), cwd=machine.ROOT)

    def _gateway_answers(self) -> bool:
        try:
            context = self.tls.context() if self.tls else None
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=5, context=context) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False

    def _process_env(self, *, leave_out: tuple[str, ...]) -> dict[str, str]:
        """Return a process's environment: its own configuration, no owner's password, nothing of others."""
        ours = {
            name: value
            for name, value in self.env().items()
            if not name.startswith((*leave_out, "HEYI_RECONCILER_")) and "_OWNER_" not in name and "_RO_" not in name
        }
        # what is printed carries a link to the document
        return self._plain_env({**ours, "HEYI_GATEWAY_PUBLIC_URL": self.url})

    def _reconciler_env(self) -> dict[str, str]:
        """The read-only role of each database, its own account, where identity and the realm are, and nothing else."""
        names = {"HEYI_INSTANCE", "HEYI_ISSUER", "HEYI_TARGETS", "HEYI_RECONCILER_AT", "HEYI_DOCUMENTS_STORE"}
        names |= {"HEYI_TLS_CA"} | {f"HEYI_RECONCILER_{what}" for what in ("CLIENT_SECRET", "TLS_CERT", "TLS_KEY")}
        names |= {f"HEYI_{service.upper()}_RO_DATABASE_URL" for service in SERVICES}
        return self._plain_env({name: value for name, value in self.env().items() if name in names})

    @staticmethod
    def _plain_env(ours: dict[str, str]) -> dict[str, str]:
        kept = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE")
        return {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "PYTHONUNBUFFERED": "1",
            "TZ": "UTC",
            **ours,
        }

    def _database(self, name: str) -> str:
        """Host, port and name of a database; where TLS is on also how to verify the server (for psql and JDBC too)."""
        verified = f"?sslmode=verify-full&sslrootcert={urllib.parse.quote(str(self.tls.authority))}" if self.tls else ""
        return f"127.0.0.1:{self._port('postgres')}/{name}{verified}"

    def _port(self, part: str) -> int:
        return int(self.facts["ports"][part])

    def _secret(self, name: str) -> str:
        return str(self.facts["secrets"][name])

    def _data_folder(self) -> Path:
        """Return where the data lies: here, or below /var/lib where PostgreSQL's account cannot come here."""
        if (blocking := blocking_parent(self.folder)) is None:
            return self.folder
        place = Path("/var/lib/heyi") / f"{hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]}-{self.name}"
        self.report.line(f"PostgreSQL's account cannot pass {blocking}: the database's data is put in {place}")
        return place

    def _refuse_taken_ports(self) -> None:
        """Stop if a stranger has one of our ports; before the very first start choose others instead."""
        part = {service: host for host, services in self.hosts.items() for service in services}
        taken = [p for p in _PORTS if self.pid(part.get(p, p)) is None and not _is_free(self._port(p))]
        if not taken:
            return
        if not (Path(self.facts["data"]) / "postgres").exists():
            (self.folder / "instance.json").unlink()
            for name in ("facts", "tls", "postgres", "nats", "keycloak"):
                self.__dict__.pop(name, None)
            return
        lines = [f"    {self._port(p)} ({p}): who has it?  ss -ltnp 'sport = :{self._port(p)}'" for p in taken]
        raise CannotContinueError(
            "Another program uses a port that this instance was set up with. End it and start again.\n"
            + "\n".join(lines)
        )


def _free_ports(name: str) -> dict[str, int]:
    """Choose a block of free ports, beginning at a place of this instance's own: two copies seldom meet."""
    start = int(hashlib.sha256(f"{machine.HOME}/{name}".encode()).hexdigest(), 16)
    for step in range(_BLOCKS):
        first = _FIRST_PORT + (start + step) % _BLOCKS * _BLOCK
        ports = range(first, first + len(_PORTS))
        if all(map(_is_free, ports)):
            return dict(zip(_PORTS, ports, strict=True))
    raise CannotContinueError("No free ports were found on this machine.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _new_secrets() -> dict[str, str]:
    names = ["postgres", "keycloak_database", "keycloak_bootstrap", *(f"client_{account}" for account in ACCOUNTS)]
    names += [f"{owner}_{role}" for owner in OWNERS for role in ("owner", "app", "ro")]
    names += [f"{kind}_{owner}" for owner in OWNERS for kind in ("nats", "client")]
    return {
        **{name: secrets.token_hex(24) for name in names},
        "admin_first_password": "-".join(secrets.token_hex(2) for _ in range(5)),
        "nats_name": f"heyi-{secrets.token_hex(6)}",
        **{f"{owner}_key": base64.b64encode(secrets.token_bytes(32)).decode() for owner in KEYED},
    }
