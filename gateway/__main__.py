"""`python -m gateway [run | migrate | released | openapi | meta LOCALE]`."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from types import FrameType

import orjson
import uvicorn

from chassis import contract, labels, telemetry
from chassis.health import probes
from chassis.settings import Environment
from gateway import meta, routes
from gateway.app import Gateway, create
from gateway.comments import Comments
from gateway.openapi import OpenApi
from gateway.patience import Impatient
from gateway.settings import GatewaySettings

STOP_SECONDS = 25


class Server(uvicorn.Server):
    """Stops in the order that loses nobody: not ready first, then for a while as ever, then no more."""

    gateway: Gateway

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM or SIGINT. Not raised again afterwards, as usual: that would end it before telemetry is written."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End streams when nobody is sent here any more: waiting for them would take the whole grace."""
        self.gateway.health.leave()
        await asyncio.sleep(self.gateway.settings.shared.drain_seconds)
        self.gateway.hub.end_streams()
        await super().shutdown(sockets)


def run() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = GatewaySettings.read()
    shared = settings.shared
    telemetry.set_up(
        "gateway",
        shared.instance,
        level=shared.log_level,
        otlp_endpoint=shared.otlp_endpoint,
        file=shared.telemetry_file,
        ratio=shared.trace_ratio,
    )
    host, port = settings.address
    tls = settings.tls

    async def serve() -> None:
        gateway = Gateway(settings)
        config = uvicorn.Config(
            create(gateway),
            host=host,
            port=port,
            http=Impatient,
            ws="none",
            lifespan="on",
            backlog=256,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=STOP_SECONDS,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies or None,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
            server_header=False,
            access_log=False,
            log_config=None,
        )
        server = Server(config)
        server.gateway = gateway
        async with probes(shared.probe_port, [gateway.health]):
            await server.serve()

    import uvloop

    uvloop.run(serve())
    telemetry.shut_down()


def main(arguments: list[str]) -> None:
    """What the command line asks for."""
    match arguments:
        case [] | ["run"]:
            run()
        case ["released"]:
            from gateway.tests.bench import keep_released  # needs a scratch PostgreSQL, as tests do

            asyncio.run(keep_released())
        case ["migrate"]:
            environment = Environment()
            url = environment.need("HEYI_GATEWAY_OWNER_DATABASE_URL")
            environment.encrypted(environment.tls("gateway"), HEYI_GATEWAY_OWNER_DATABASE_URL=url)
            environment.check()
            from gateway import migrate  # what migrates is not carried by what serves

            asyncio.run(migrate.migrate(url))
            print("gateway: database is up to date", flush=True)
        case ["openapi"]:
            loaded = contract.load()
            document = OpenApi(routes.bindings(loaded), Comments(), loaded.refusals).build()
            sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        case ["meta", locale] if locale in labels.LOCALES:
            loaded = contract.load()
            words = labels.load(locale)
            sys.stdout.buffer.write(meta.Meta(loaded, routes.bindings(loaded), words, Comments()).page().body)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
