"""A process at work: settings, telemetry, gRPC servers, relays, consumers, background work, and a graceful stop.

Any set of services can share a process; each keeps its own database, port, stream account and service name in the
telemetry. Production runs one per process, a single machine all of them in one.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from grpc_health.v1 import health as standard_health
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from nats.aio.client import Client

from chassis import (
    audit_seals,
    authn,
    contract,
    crypto,
    errors,
    faults,
    housekeeping,
    import_work,
    inbox,
    policy,
    sweep,
    telemetry,
    timers,
    vitals,
)
from chassis import stream as wire
from chassis.clients import Clients, ServiceTokens
from chassis.db import engine_for
from chassis.errors import Refused
from chassis.health import Health, probes
from chassis.outbox import Relay
from chassis.runtime import Envelope, Reply, Runtime
from chassis.service import Service, find
from chassis.settings import Environment, ServiceSettings
from chassis.tls import names_in, verification
from heyi.identity.v1 import directory_pb2

log = telemetry.logger("chassis.server")

GET_AUTHORIZATION = "heyi.identity.v1.Directory/GetAuthorization"
STOP_SECONDS = 25
# after which a task that was cancelled and goes on is cancelled again
AGAIN_SECONDS = 2
SERVER_OPTIONS = [
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.max_send_message_length", 32 * 1024 * 1024),
    ("grpc.max_metadata_size", 16384),
    ("grpc.max_concurrent_streams", 200),
    # a caller looks for addresses anew only when a connection ends: without this, replicas that come later are not
    # asked until an older one goes. Calls under way end as they would; new ones go over another connection.
    ("grpc.max_connection_age_ms", 60_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),
    ("grpc.so_reuseport", 0),
]


def run(names: Sequence[str]) -> None:
    """Host services until SIGTERM or SIGINT."""
    import uvloop

    uvloop.run(_run(names))


async def _run(names: Sequence[str]) -> None:
    environment = Environment()
    services = [find(name) for name in names]
    settings = {s.name: ServiceSettings.of(s.name, environment, s.need, s.own_settings, s.may) for s in services}
    environment.check()
    shared = settings[services[0].name].shared
    telemetry.set_up(
        "heyi" if len(services) > 1 else services[0].name,
        shared.instance,
        level=shared.log_level,
        otlp_endpoint=shared.otlp_endpoint,
        file=shared.telemetry_file,
        ratio=shared.trace_ratio,
    )
    faults.arm(shared.faults)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    verify = verification(settings[services[0].name].tls)
    verifier = authn.Verifier(shared.issuer, shared.audience, authn.service_clients(shared.targets), verify=verify)
    # identity asks where it listens: an orchestrator sends nobody to it, itself neither, before it is ready
    itself = {"identity": settings["identity"].listen} if "identity" in settings else {}
    first = _clients(settings[services[0].name], {**shared.targets, **itself})

    async def fetch(known_epoch: int) -> directory_pb2.Authorization:
        request = directory_pb2.GetAuthorizationRequest(known_epoch=known_epoch)
        return await first.ask("identity", GET_AUTHORIZATION, request)  # type: ignore[no-any-return]

    snapshot = policy.Snapshot(fetch)
    hosts = [Host(service, settings[service.name], snapshot, verifier) for service in services]
    async with probes(shared.probe_port, [host.health for host in hosts]):
        for host in hosts:
            await host.listen()
        # identity or the stream may be away: neither calls, nor probes, nor the stop wait for them
        beginning = asyncio.create_task(_begin(hosts, snapshot))
        signalled = asyncio.create_task(stopping.wait())
        await asyncio.wait({beginning, signalled}, return_when=asyncio.FIRST_COMPLETED)
        if not stopping.is_set():
            await beginning
            await signalled
        log.info("stopping")
        await asyncio.gather(*(host.leave() for host in hosts))
        await asyncio.sleep(shared.drain_seconds)
        await _end([beginning])
        await asyncio.gather(*(host.stop() for host in hosts))
        await snapshot.stop()
        await first.close()
    telemetry.shut_down()


async def _begin(hosts: Sequence[Host], snapshot: policy.Snapshot) -> None:
    """Learn who may do what, then start what goes on beside the calls."""
    await snapshot.start()
    await asyncio.gather(*(host.work() for host in hosts))
    await _wake_on_identity(hosts[0], snapshot)
    log.info("ready", services=[host.service.name for host in hosts])


async def _wake_on_identity(host: Host, snapshot: policy.Snapshot) -> None:
    """What identity announces is asked for at once, not at the next poll: a hint, heard past the stream."""
    assert host.nats is not None

    async def woken(message: Any) -> None:
        snapshot.wake()

    await host.nats.subscribe("evt.identity.>", cb=woken)


async def _end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended: Python 3.11's `wait_for` can forget a cancellation (python/cpython#86296)."""
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)


def _clients(settings: ServiceSettings, targets: Mapping[str, str]) -> Clients:
    client, verify = f"heyi-{settings.name}", verification(settings.tls)
    tokens = ServiceTokens(settings.shared.issuer, client, settings.client_secret, verify)
    return Clients(targets, tokens, settings.tls)


@dataclass
class Host:
    """One service inside the process."""

    service: Service
    settings: ServiceSettings
    snapshot: policy.Snapshot
    verifier: authn.Verifier

    def __post_init__(self) -> None:
        self.engine = engine_for(self.settings.database_url)
        if self.settings.keys:
            crypto.use_keyring(self.engine, crypto.Keyring.parse(self.settings.keys))
        self.runtime = Runtime(
            service=self.service,
            engine=self.engine,
            rights=lambda: self.snapshot.rights,
            verify=self.verifier.verify,
            clients=_clients(self.settings, self.settings.shared.targets),
            settings=self.settings,
        )
        self.health = Health(self.service.name, self.settings.database_url, self.snapshot)
        self.tasks: list[asyncio.Task[Any]] = []
        self.consumer: inbox.Consumer | None = None
        self.fetching: list[asyncio.Task[Any]] = []
        self.nats: Client | None = None
        self.relay: Relay | None = None

    async def listen(self) -> None:
        """Open the gRPC port; calls are refused until the rights are known."""
        self.server = grpc.aio.server(options=SERVER_OPTIONS, maximum_concurrent_rpcs=256)
        self.server.add_generic_rpc_handlers(tuple(generic_handlers(self.runtime)))
        self.told = standard_health.aio.HealthServicer()
        await self.told.set("live", health_pb2.HealthCheckResponse.SERVING)
        # it begins with SERVING, and calls before the first answer of identity would be refused
        await self._tell_health()
        health_pb2_grpc.add_HealthServicer_to_server(self.told, self.server)
        listen, tls = self.settings.listen, self.settings.tls
        if tls is None:
            port = self.server.add_insecure_port(listen)
        else:
            port = self.server.add_secure_port(listen, tls.server_credentials())
        if port == 0:
            raise SystemExit(f"{self.service.name} cannot listen at {listen}: the port is taken")
        await self.server.start()
        self._go(self.health.watch(self._tell_health))

    async def work(self) -> None:
        """Start what goes on beside the calls: first what needs the database alone, then what needs the stream."""
        self._go(self._forever(lambda: housekeeping.run(self.runtime)))
        self._go(self._forever(lambda: audit_seals.run(self.runtime)))
        self._go(self._forever(lambda: import_work.run(self.runtime)))
        if self.service.timers:
            self._go(self._forever(lambda: timers.run(self.runtime)))
        for background in self.service.background:
            self._go(self._forever(lambda work=background: work(self.runtime)))  # type: ignore[misc]
        # an outbox that waits for a stream which was never there alarms too
        alone = self._go(self._forever(lambda: vitals.watch(self.runtime, None)))
        self.nats = await wire.connect(
            self.settings.nats_url,
            self.service.name,
            self.settings.tls,
            ping_interval=10,
            max_outstanding_pings=2,
            error_cb=self._nats_error,
        )
        alone.cancel()
        self._go(self._forever(lambda: vitals.watch(self.runtime, self.nats)))
        self.relay = Relay(self.service, self.engine, self.nats.jetstream())
        self.runtime.hand_over = self.relay.hand
        self._go(self.relay.run())
        if self.service.reactions:
            self.consumer = inbox.Consumer(self.runtime, self.nats)
            self.fetching.append(self._go(self._forever(self.consumer.run)))
            self._go(inbox.replay_parked(self.runtime))
        self._go(sweep.run(self.runtime, self.nats, self.settings.shared.sweep_seconds))

    def _go(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        async def inside() -> None:
            with telemetry.acting_as(self.service.name):
                await work

        self.tasks.append(task := asyncio.create_task(inside()))
        return task

    async def _forever(self, work: Callable[[], Awaitable[None]]) -> None:
        """Background work that failed starts again: it is level-triggered and loses nothing."""
        while True:
            try:
                await work()
                return
            except Exception:
                log.exception("background work starts again", service=self.service.name)
                await asyncio.sleep(1)

    async def _tell_health(self) -> None:
        answers = health_pb2.HealthCheckResponse
        for name in ("", "ready"):
            await self.told.set(name, answers.NOT_SERVING if self.health.waits_for else answers.SERVING)

    async def _nats_error(self, error: Exception) -> None:
        log.warning("stream connection", service=self.service.name, error=str(error)[:200])

    async def leave(self) -> None:
        """Say that calls should go elsewhere; those that come all the same are served."""
        self.health.leave()
        await self._tell_health()

    async def stop(self) -> None:
        """Fetch no more events, refuse new calls, finish what is under way, then let go."""
        if self.consumer is not None:
            self.consumer.leaving = True
        for task in self.fetching:
            task.cancel()
        try:
            # the server ends its calls by itself when its grace is over
            async with asyncio.timeout(STOP_SECONDS + 1):
                await asyncio.gather(self.server.stop(STOP_SECONDS), *self.fetching, return_exceptions=True)
                await self.runtime.settle()
        except TimeoutError:
            log.warning("left unfinished", service=self.service.name, calls=len(self.runtime.under_way))
        await _end(self.tasks)
        goodbyes = [self.runtime.clients.close(), self.engine.dispose(), *([self.nats.close()] if self.nats else [])]
        # a server that is away cannot be told: nats-py raises then, and the others are still to be left
        await asyncio.gather(*goodbyes, return_exceptions=True)


def generic_handlers(runtime: Runtime) -> list[grpc.GenericRpcHandler]:
    """gRPC handlers for every method that a service serves."""
    by_service: dict[str, dict[str, Any]] = {}
    for method in runtime.service.methods():
        service, name = method.full_name.split("/")
        handler = grpc.unary_stream_rpc_method_handler if method.streams else grpc.unary_unary_rpc_method_handler
        by_service.setdefault(service, {})[name] = handler(
            _serving_pieces(runtime, method) if method.streams else _serving(runtime, method),
            request_deserializer=_reading(method.request),
            response_serializer=method.reply.SerializeToString,
        )
    return [grpc.method_handlers_generic_handler(service, handlers) for service, handlers in by_service.items()]


def _reading(kind: type[contract.Message]) -> Callable[[bytes], contract.Message | None]:
    def read(raw: bytes) -> contract.Message | None:
        try:
            return kind.FromString(raw)
        except DecodeError:
            # refused by the runtime, once it is known who asks: raised here, it would be a fault of ours
            return None

    return read


def _serving(runtime: Runtime, method: contract.Method) -> Any:
    async def serve(request: Any, context: Any) -> Any:
        reply = await _answer(runtime, method, request, context)
        if reply.replayed:
            telemetry.count("heyi.idempotency.replays", method=method.full_name)
            context.set_trailing_metadata((("heyi-replayed", "1"),))
        return reply.message

    return serve


def _serving_pieces(runtime: Runtime, method: contract.Method) -> Any:
    """A reply in pieces: the handler answers with what makes them, once its transaction is over."""

    async def serve(request: Any, context: Any) -> Any:
        pieces: Any = (await _answer(runtime, method, request, context)).message
        async for piece in pieces:
            yield piece

    return serve


async def _answer(runtime: Runtime, method: contract.Method, request: Any, context: Any) -> Reply:
    """What a call is answered with; a refusal ends it here."""
    certified = runtime.settings is not None and runtime.settings.tls is not None
    metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
    envelope = Envelope(
        token=metadata.get("authorization", "").removeprefix("Bearer "),
        company=metadata.get("heyi-company", ""),
        key=metadata.get("idempotency-key", ""),
        locale=metadata.get("heyi-locale", "zh-CN"),
        traceparent=metadata.get("traceparent", ""),
        caused_by=metadata.get("heyi-caused-by", ""),
        fields=metadata.get("heyi-fields", ""),
        ip_address=metadata.get("heyi-address", "")[:45],
        exporting=metadata.get("heyi-purpose", "") == "export",
        certificate=names_in(context.auth_context()) if certified else None,
    )
    with (
        telemetry.acting_as(runtime.service.name),
        telemetry.span(method.full_name, traceparent=envelope.traceparent, kind="server", begins=False),
        vitals.timed(method, request),
    ):
        try:
            reply = await runtime.invoke(method, request, envelope)
            faults.point("before_reply")
        except Refused as refusal:
            vitals.refused(method, refusal)
            await context.abort_with_status(rpc_status.to_status(errors.to_status(refusal)))
        except Exception:
            log.exception("call failed", method=method.full_name)
            fault = Refused("INTERNAL_FAULT", trace_id=telemetry.trace_id())
            vitals.refused(method, fault)
            await context.abort_with_status(rpc_status.to_status(errors.to_status(fault)))
    return reply
