"""The configuration, read once at start from the environment. What is missing is named all at once."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chassis import audit_retention
from chassis.tls import Tls


class SettingsMissing(SystemExit):
    """The process cannot start: names every variable that is missing or cannot be read."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("the environment lacks: " + ", ".join(self.problems))


class Environment:
    """Reads variables and remembers what was wrong, so that one message can say all of it."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables
        self.problems: list[str] = []

    def need(self, name: str) -> str:
        """A variable that must be there."""
        if not (value := self._variables.get(name, "").strip()):
            self.problems.append(name)
        return value

    def get(self, name: str, default: str = "") -> str:
        """A variable that may be left out."""
        return self._variables.get(name, "").strip() or default

    def seconds(self, name: str, default: float) -> float:
        """A number of seconds that may be left out."""
        text = self.get(name, str(default))
        try:
            return float(text)
        except ValueError:
            self.problems.append(f"{name} (seconds)")
            return default

    def port(self, name: str) -> int:
        """A port that may be left out: 0 then."""
        text = self.get(name, "0")
        if not (text.isascii() and text.isdigit() and int(text) < 2**16):
            self.problems.append(f"{name} (a port)")
            return 0
        return int(text)

    def share(self, name: str, default: float) -> float:
        """A number from 0 to 1."""
        try:
            value = float(self.get(name, str(default)))
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:
            self.problems.append(f"{name} (a number from 0 to 1)")
        return value

    def pairs(self, name: str) -> dict[str, str]:
        """`identity=127.0.0.1:1,approval=127.0.0.1:2`."""
        value = self.need(name)
        parts = [part.strip().partition("=") for part in value.split(",")] if value else []
        if any(not (key and equals and target) for key, equals, target in parts):
            self.problems.append(f"{name} (name=value, separated by commas)")
        return {key: target for key, _, target in parts}

    def tls(self, owner: str) -> Tls | None:
        """Certificates of a part: all three files, or none of them. With them every address must be asked by TLS."""
        names = ("HEYI_TLS_CA", f"HEYI_{owner.upper()}_TLS_CERT", f"HEYI_{owner.upper()}_TLS_KEY")
        files = {name: Path(value) for name in names if (value := self.get(name))}
        if not files:
            return None
        troubles = [f"{name} (TLS needs it beside {' and '.join(files)})" for name in names if name not in files]
        for name, file in files.items():
            try:
                file.read_bytes()
            except OSError as trouble:
                troubles.append(f"{name} ({file}: {trouble.strerror})")
        if not troubles:
            made = Tls(*files.values())
            try:
                made.context()
                return made
            except ssl.SSLError as trouble:
                troubles.append(
                    f"{', '.join(names)} (no authority, certificate and key that belong together: {trouble})"
                )
        self.problems += troubles
        return None

    def encrypted(self, tls: Tls | None, **addresses: str) -> None:
        """With certificates: a problem for each address by name that would be asked in clear, or unverified."""
        for name, address in addresses.items() if tls else ():
            parts = urlsplit(address)
            if name.endswith("DATABASE_URL"):
                if parse_qs(parts.query).get("sslmode") != ["verify-full"]:
                    self.problems.append(f"{name} (sslmode=verify-full, as TLS is on)")
            elif address and parts.scheme != "https":
                self.problems.append(f"{name} (https, as TLS is on)")

    def retention(self, name: str) -> Mapping[str, int]:
        """Days for which the trail is kept, by kind; what is shorter than the law is a problem."""
        try:
            return audit_retention.days_of(self.get(name))
        except ValueError as error:
            self.problems.append(f"{name} ({error})")
            return audit_retention.DEFAULT_DAYS

    def check(self) -> None:
        """Raise SettingsMissing if anything was."""
        if self.problems:
            raise SettingsMissing(self.problems)


@dataclass(frozen=True)
class SharedSettings:
    """What every process of an instance knows."""

    instance: str
    issuer: str
    audience: str
    targets: Mapping[str, str]
    otlp_endpoint: str = ""
    log_level: str = "info"
    sweep_seconds: float = 300.0
    faults: str = ""
    # a small file on one machine, and which share of the traces is recorded
    telemetry_file: str = ""
    trace_ratio: float = 1.0
    audit_days: Mapping[str, int] = field(default_factory=lambda: audit_retention.DEFAULT_DAYS)
    # where an orchestrator asks for the process' health in clear (0: nowhere), and for how long a process that is to
    # stop serves on while calls are being sent elsewhere
    probe_port: int = 0
    drain_seconds: float = 0.0

    @classmethod
    def of(cls, environment: Environment) -> SharedSettings:
        """Read without raising; `environment.check()` comes after."""
        issuer, faults = environment.need("HEYI_ISSUER"), environment.get("HEYI_FAULTS")
        if faults and not issuer.startswith("http://127.0.0.1:"):
            environment.problems.append("HEYI_FAULTS (refused: only on a machine that is its own realm)")
        return cls(
            instance=environment.need("HEYI_INSTANCE"),
            issuer=issuer,
            audience=environment.need("HEYI_AUDIENCE"),
            targets=environment.pairs("HEYI_TARGETS"),
            otlp_endpoint=environment.get("HEYI_OTLP_ENDPOINT"),
            log_level=environment.get("HEYI_LOG_LEVEL", "info"),
            faults=faults,
            sweep_seconds=environment.seconds("HEYI_SWEEP_SECONDS", 300.0),
            telemetry_file=environment.get("HEYI_TELEMETRY_FILE"),
            trace_ratio=environment.share("HEYI_TRACE_RATIO", 1.0),
            audit_days=environment.retention("HEYI_AUDIT_DAYS"),
            probe_port=environment.port("HEYI_PROBE_PORT"),
            drain_seconds=environment.seconds("HEYI_DRAIN_SECONDS", 0.0),
        )

    @property
    def addresses(self) -> dict[str, str]:
        """What is asked over HTTP, by the name of its variable."""
        return {"HEYI_ISSUER": self.issuer, "HEYI_OTLP_ENDPOINT": self.otlp_endpoint}

    @classmethod
    def read(cls, variables: Mapping[str, str] | None = None) -> SharedSettings:
        """Read the environment; raises SettingsMissing."""
        environment = Environment(variables)
        shared = cls.of(environment)
        environment.check()
        return shared


@dataclass(frozen=True)
class ServiceSettings:
    """What one service knows. Addresses hold passwords and stay out of its repr."""

    name: str
    shared: SharedSettings
    listen: str
    database_url: str = field(repr=False)
    nats_url: str = field(repr=False)
    client_secret: str = field(repr=False)
    keys: str = field(default="", repr=False)
    extras: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: Tls | None = None
    # what the service reads by itself (`Service.own_settings`)
    own: Any = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        name: str,
        environment: Environment,
        need: Iterable[str] = (),
        read_own: Callable[[Environment], Any] | None = None,
        may: Iterable[str] = (),
    ) -> ServiceSettings:
        """Read without raising. `need` names the service's own variables: "KEYS", "KEYCLOAK_URL"; `read_own` reads
        those that are named otherwise; `may` names own ones that can be left out, and are empty then.
        """
        prefix = f"HEYI_{name.upper()}_"
        settings = cls(
            name=name,
            shared=SharedSettings.of(environment),
            listen=environment.need(f"{prefix}LISTEN"),
            database_url=environment.need(f"{prefix}DATABASE_URL"),
            nats_url=environment.need(f"{prefix}NATS_URL"),
            client_secret=environment.need(f"{prefix}CLIENT_SECRET"),
            keys=environment.get(f"{prefix}KEYS"),
            extras={
                **{extra: environment.need(f"{prefix}{extra}") for extra in need},
                **{extra: environment.get(f"{prefix}{extra}") for extra in may},
            },
            tls=environment.tls(name),
            own=read_own(environment) if read_own else None,
        )
        own = {f"{prefix}{extra}": value for extra, value in settings.extras.items() if extra.endswith("_URL")}
        own[f"{prefix}DATABASE_URL"] = settings.database_url
        environment.encrypted(settings.tls, **settings.shared.addresses, **own)
        return settings

    @classmethod
    def read(
        cls, name: str, need: Iterable[str] = (), *, variables: Mapping[str, str] | None = None
    ) -> ServiceSettings:
        """Read the environment of one service; raises SettingsMissing."""
        environment = Environment(variables)
        settings = cls.of(name, environment, need)
        environment.check()
        return settings


@dataclass(frozen=True)
class MigrationSettings:
    """What `migrate` of one service needs: the owner of its database, the stream's server, and its own account."""

    name: str
    owner_database_url: str = field(repr=False)
    nats_url: str = field(repr=False)
    tls: Tls | None = None

    @classmethod
    def read(cls, name: str, *, variables: Mapping[str, str] | None = None) -> MigrationSettings:
        """Read the environment; raises SettingsMissing."""
        environment = Environment(variables)
        prefix = f"HEYI_{name.upper()}_"
        owner, nats = environment.need(f"{prefix}OWNER_DATABASE_URL"), environment.need(f"{prefix}NATS_URL")
        settings = cls(name, owner, nats, environment.tls(name))
        environment.encrypted(settings.tls, **{f"{prefix}OWNER_DATABASE_URL": owner})
        environment.check()
        return settings
