"""The gateway's configuration, read once at start. Limits are settings too: the bench records those in force."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chassis.settings import Environment, SharedSettings
from chassis.tls import Tls

# The one question that the gateway asks on its own behalf: who may do what, as the services know it too.
AUTHORIZATION_METHOD = "heyi.identity.v1.Directory/GetAuthorization"
CLIENT_ID = "heyi-gateway"
SERVICE_CLIENT_ID = "heyi-gateway-service"


@dataclass(frozen=True)
class Limits:
    """What one caller, one request or one replica may use. Rates are per second, sizes in bytes, times in seconds."""

    rate: float = 50
    burst: float = 200
    # of one API key
    key_rate: float = 10
    key_burst: float = 50
    export_rate: float = 0.2
    export_burst: float = 10
    anonymous_rate: float = 5
    anonymous_burst: float = 120
    body_bytes: int = 1024 * 1024
    body_seconds: float = 15
    # of a piece of a file, and of files on their way at once; a download ends after so long
    upload_bytes: int = 8 * 1024 * 1024
    upload_seconds: float = 60
    transfers: int = 64
    transfers_per_person: int = 6
    transfer_seconds: float = 3600
    file_bytes: int = 20 * 1024 * 1024
    file_seconds: float = 120
    concurrency: int = 256
    streams: int = 2000
    streams_per_person: int = 6
    upstream_in_flight: int = 200
    upstream_waiting: int = 400
    deadline: float = 10
    export_rows: int = 50_000
    export_csv_rows: int = 1_000_000
    export_at_once: int = 2
    window_events: int = 5000
    heartbeat: float = 15
    session_idle: int = 30 * 60
    session_max: int = 10 * 60 * 60
    session_cache: float = 3
    refresh_before: int = 30

    @classmethod
    def parse(cls, text: str, environment: Environment) -> Limits:
        """`rate=20,burst=60`: what differs from the defaults. A name or a number that is none is a problem."""
        kinds = {f.name: float if f.type == "float" else int for f in dataclasses.fields(cls)}
        changes: dict[str, float | int] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = part.partition("=")
            try:
                changes[name] = kinds[name](value)
            except (KeyError, ValueError):
                environment.problems.append(f"HEYI_GATEWAY_LIMITS ({part!r} is no limit)")
        return dataclasses.replace(cls(), **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class GatewaySettings:
    """Everything the gateway is told. Addresses that hold passwords, and secrets, stay out of its repr."""

    shared: SharedSettings
    listen: str
    public_url: str
    web_root: Path
    limits: Limits
    database_url: str = field(repr=False)
    nats_url: str = field(repr=False)
    client_secret: str = field(repr=False)
    service_client_secret: str = field(repr=False)
    # Addresses of proxies that may say where a request comes from; empty: nobody is believed.
    trusted_proxies: str = ""
    tls: Tls | None = None

    @classmethod
    def read(cls, variables: Mapping[str, str] | None = None) -> GatewaySettings:
        """Read the environment; raises SettingsMissing."""
        environment = Environment(variables)
        need = environment.need
        settings = cls(
            shared=SharedSettings.of(environment),
            listen=need("HEYI_GATEWAY_LISTEN"),
            public_url=need("HEYI_GATEWAY_PUBLIC_URL").rstrip("/"),
            web_root=Path(environment.get("HEYI_GATEWAY_WEB_ROOT", "web/dist")),
            limits=Limits.parse(environment.get("HEYI_GATEWAY_LIMITS"), environment),
            database_url=need("HEYI_GATEWAY_DATABASE_URL"),
            nats_url=need("HEYI_GATEWAY_NATS_URL"),
            client_secret=need("HEYI_GATEWAY_CLIENT_SECRET"),
            service_client_secret=need("HEYI_GATEWAY_SERVICE_CLIENT_SECRET"),
            trusted_proxies=environment.get("HEYI_GATEWAY_TRUSTED_PROXIES"),
            tls=environment.tls("gateway"),
        )
        own = {"HEYI_GATEWAY_PUBLIC_URL": settings.public_url, "HEYI_GATEWAY_DATABASE_URL": settings.database_url}
        environment.encrypted(settings.tls, **settings.shared.addresses, **own)
        environment.check()
        return settings

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen at."""
        host, _, port = self.listen.rpartition(":")
        return host, int(port)
