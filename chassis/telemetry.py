"""Logs, traces and numbers, named by the service that acts. No payloads, and nothing that can slow a call down.

Logs are JSON lines on standard output with the trace's id. Traces and metrics leave the process only when an OTLP
endpoint is configured; they queue in memory and are dropped when the queue is full. Without an endpoint a span costs a
few microseconds: it still carries a trace id, so that logs, audit entries and event headers of one call stay together.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import logging
import os
import random
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import orjson
import structlog
from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

TRACEPARENT = "traceparent"
KINDS = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "consumer": SpanKind.CONSUMER, "": SpanKind.INTERNAL}

_QUEUE, _BATCH, _EVERY_MS, _EXPORT_SECONDS = 4096, 512, 2000, 5
_METRICS_EVERY_MS = 15_000

# A log line never holds these, whoever wrote it.
_SECRET = frozenset({"password", "secret", "client_secret", "token", "authorization", "cookie", "set-cookie", "keys"})

_service: contextvars.ContextVar[str] = contextvars.ContextVar("heyi_service", default="")
_propagator = TraceContextTextMapPropagator()


class _Process:
    """What `set_up` decided; before it, everything is off."""

    name = "heyi"
    instance = ""
    endpoint = ""


# ---- start and stop


def set_up(process: str, instance: str, *, level: str = "info", otlp_endpoint: str = "") -> None:
    """Configure logs of this process, and export where there is an endpoint. Once, at start."""
    _Process.name, _Process.instance, _Process.endpoint = process, instance, otlp_endpoint
    _tracer_provider.cache_clear()
    _meter_provider.cache_clear()
    _instrument.cache_clear()
    _set_up_logs(level)


def shut_down() -> None:
    """Send what is queued, for a few seconds at most."""
    for service in list(_started):
        for provider in (_tracer_provider(service), _meter_provider(service)):
            provider.shutdown()
    _started.clear()


@contextlib.contextmanager
def acting_as(service: str) -> Iterator[None]:
    """What happens inside is the work of this service: several of them share a process."""
    token = _service.set(service)
    try:
        yield
    finally:
        _service.reset(token)


def service() -> str:
    """The service that is at work here."""
    return _service.get()


# ---- logs


def logger(name: str) -> Any:
    """A logger: `log.info("what happened", fact=...)`."""
    return structlog.get_logger(name)


def _set_up_logs(level: str) -> None:
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _where,
        structlog.processors.format_exc_info,
        _without_secrets,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _as_json],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("nats", "httpx", "httpx2", "httpcore", "httpcore2", "asyncio", "opentelemetry", "sqlalchemy"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def _where(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    line.setdefault("service", _service.get() or _Process.name)
    if _Process.instance:
        line["instance"] = _Process.instance
    if found := trace_id():
        line["trace_id"] = found
    return line


def _without_secrets(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in line.keys() & _SECRET:
        line[name] = "***"
    return line


def _as_json(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> str:
    return orjson.dumps(dict(line), default=str, option=orjson.OPT_NON_STR_KEYS).decode()


# ---- traces


@contextlib.contextmanager
def span(name: str, *, traceparent: str = "", kind: str = "", **attributes: str | int | bool) -> Iterator[Span]:
    """Time what happens inside, below the current span or below `traceparent`."""
    parent = _propagator.extract({TRACEPARENT: traceparent}) if traceparent else None
    if not _Process.endpoint:
        with trace.use_span(_unrecorded(parent), record_exception=False, set_status_on_exception=False) as unrecorded:
            yield unrecorded
        return
    tracer = _tracer_provider(_service.get()).get_tracer("heyi")
    with tracer.start_as_current_span(name, parent, KINDS[kind], attributes) as recorded:
        yield recorded


def trace_id() -> str:
    """Id of the current trace in hex; "" outside of any."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else ""


def traceparent() -> str:
    """The current span as W3C header; "" outside of any."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def inject(headers: MutableMapping[str, str]) -> None:
    """Put the current span into headers of an event or metadata of a call."""
    if found := traceparent():
        headers[TRACEPARENT] = found


def extract(headers: Mapping[str, str] | None) -> str:
    """The well-formed traceparent in headers or metadata; ""."""
    given = (headers or {}).get(TRACEPARENT, "")
    context = trace.get_current_span(_propagator.extract({TRACEPARENT: given}, Context())).get_span_context()
    return given if context.is_valid else ""


def _unrecorded(parent: Context | None) -> Span:
    above = trace.get_current_span(parent).get_span_context()
    return NonRecordingSpan(
        SpanContext(
            trace_id=above.trace_id if above.is_valid else random.getrandbits(128) or 1,
            span_id=random.getrandbits(64) or 1,
            is_remote=False,
            trace_flags=TraceFlags(above.trace_flags if above.is_valid else 0),
        )
    )


# ---- numbers


def count(name: str, amount: int = 1, **attributes: str | int | bool) -> None:
    """Add to a counter."""
    if _Process.endpoint:
        _instrument(_service.get(), "counter", name, "1").add(amount, attributes)


def measure(name: str, value: float, unit: str = "s", **attributes: str | int | bool) -> None:
    """Put a value into a histogram: durations in seconds, sizes in bytes."""
    if _Process.endpoint:
        _instrument(_service.get(), "histogram", name, unit).record(value, attributes)


def gauge(name: str, value: float, unit: str = "1", **attributes: str | int | bool) -> None:
    """Say how much there is now."""
    if _Process.endpoint:
        _instrument(_service.get(), "gauge", name, unit).set(value, attributes)


@functools.cache
def _instrument(service: str, kind: str, name: str, unit: str) -> Any:
    meter: metrics.Meter = _meter_provider(service).get_meter("heyi")
    return getattr(meter, f"create_{kind}")(name, unit=unit)


# ---- one provider for each service of the process; only with an endpoint

_started: set[str] = set()


@functools.cache
def _resource(service: str) -> Any:
    from opentelemetry.sdk.resources import Resource

    return Resource.create(
        {
            "service.name": service or _Process.name,
            "service.namespace": "heyi",
            "service.instance.id": f"{_Process.instance}-{os.getpid()}",
        }
    )


@functools.cache
def _tracer_provider(service: str) -> Any:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    _started.add(service)
    provider = TracerProvider(resource=_resource(service), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=_Process.endpoint, insecure=_plain(), timeout=_EXPORT_SECONDS)
    provider.add_span_processor(
        BatchSpanProcessor(exporter, _QUEUE, _EVERY_MS, _BATCH, export_timeout_millis=_EXPORT_SECONDS * 1000)
    )
    return provider


@functools.cache
def _meter_provider(service: str) -> Any:
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    _started.add(service)
    exporter = OTLPMetricExporter(endpoint=_Process.endpoint, insecure=_plain(), timeout=_EXPORT_SECONDS)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=_METRICS_EVERY_MS)
    return MeterProvider([reader], resource=_resource(service), shutdown_on_exit=False)


def _plain() -> bool:
    return not _Process.endpoint.startswith("https://")
