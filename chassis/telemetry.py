"""Logs, traces and numbers, named by the service that acts. No payloads, and nothing that can slow a call down.

Logs are JSON lines on standard output with the trace's id. Spans and numbers are kept in memory and leave by a thread
of their own (`telemetry_export`): into a small local file, or to an OTLP endpoint, or both. What the thread cannot
carry away in time is dropped and counted, never waited for. Without either a span costs a microsecond or two: it still
carries a trace id, so that logs, audit entries and event headers of one call stay together.

A trace begins at the door (a request) or where somebody asks for a parked event again. A background question begins
none. Whether a trace is recorded is decided once, from its id, so that every process decides alike.
"""

from __future__ import annotations

import bisect
import contextlib
import contextvars
import logging
import random
import re
import sys
import time
import traceback
from collections import deque
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import orjson
import sqlalchemy as sa
import structlog

TRACEPARENT, LINK = "traceparent", "heyi-trace-link"
QUEUE = 8192
# Upper bounds of the buckets that durations are sorted into, in seconds.
BOUNDS = (
    0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075,
    0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0,
)  # fmt: skip

# A log line never holds these, whoever wrote it.
_SECRET = frozenset({"password", "secret", "client_secret", "token", "authorization", "cookie", "set-cookie", "keys"})
_HEADER = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")

_service: contextvars.ContextVar[str] = contextvars.ContextVar("heyi_service", default="")
_current: contextvars.ContextVar[Span | None] = contextvars.ContextVar("heyi_span", default=None)


class _Process:
    """What `set_up` decided; before it, everything is off."""

    name = "heyi"
    instance = ""
    ratio = 1.0
    recording = False
    spans: deque[Any] = deque()
    dropped = 0
    exporter: Any = None


# ---- start and stop


def set_up(
    process: str,
    instance: str,
    *,
    level: str = "info",
    otlp_endpoint: str = "",
    file: str = "",
    ratio: float = 1.0,
) -> None:
    """Configure logs of this process, and where spans and numbers go. Once, at start."""
    _Process.name, _Process.instance, _Process.ratio = process, instance, ratio
    _set_up_logs(level)
    if otlp_endpoint or file:
        from chassis import telemetry_export

        _Process.recording = True
        _Process.exporter = telemetry_export.start(process, instance, otlp_endpoint=otlp_endpoint, file=file)


def shut_down() -> None:
    """Carry away what is queued, for a few seconds at most."""
    _Process.recording = False
    if _Process.exporter is not None:
        _Process.exporter.stop()
        _Process.exporter = None
    _Process.spans.clear()
    _numbers.clear()


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
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _where,
        _without_values,
        _without_secrets,
    ]
    # our own lines in one pass; the standard library's loggers are those of others
    structlog.configure(
        processors=[*shared, _as_json],
        logger_factory=_Lines,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                lambda *line: _as_json(*line).decode(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("nats", "httpx", "httpx2", "httpcore", "httpcore2", "asyncio", "opentelemetry", "sqlalchemy"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


class _Lines:
    """Where the lines of one of our loggers go: each in one write to standard output, whatever that is by then."""

    def __init__(self, name: str) -> None:
        self.name = name

    def msg(self, line: bytes) -> None:
        output = sys.stdout.buffer
        output.write(line + b"\n")
        output.flush()

    debug = info = warning = error = critical = exception = msg


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


def _without_values(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception as its type and its places. Its words may quote what somebody sent: they stay out."""
    given = line.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        line["exception"] = list(_places(error))
    return line


def _places(error: BaseException | None) -> Iterator[str]:
    told: set[int] = set()
    # causes may go round in a circle: a connection that is refused to many at once is one error for all of them
    while error is not None and id(error) not in told:
        told.add(id(error))
        frames = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)[-12:]]
        yield " < ".join([plain(error), *reversed(frames)])
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def plain(error: BaseException) -> str:
    """What kind of error it is: its type, and the database's code or the refusal's name, never its words."""
    cause = getattr(error, "orig", None) or error.__cause__
    name = type(cause).__name__ if isinstance(error, sa.exc.DBAPIError) else type(error).__name__
    code = getattr(cause, "sqlstate", None) or getattr(error, "reason", "") or getattr(error, "errno", None) or ""
    return f"{name} {code}".strip()


def _as_json(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> bytes:
    return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS)


# ---- traces


class Span:
    """A piece of work, from `with` to its end. What it is about is told while it lasts."""

    __slots__ = (
        "_before", "_clock", "attributes", "began", "error", "kind", "link", "name", "parent_id", "recorded",
        "service", "span_id", "took", "trace_id",
    )  # fmt: skip

    def __init__(self, name: str, above: str, kind: str, link: str, begins: bool, attributes: dict[str, Any]) -> None:
        self.name, self.kind, self.link, self.attributes, self.error = name, kind, link, attributes, ""
        self.span_id = f"{random.getrandbits(64) or 1:016x}"
        if above:
            self.trace_id, self.parent_id, self.recorded = above[3:35], above[36:52], above[-1] in "13579bdf"
        elif (parent := _current.get()) is not None:
            self.trace_id, self.parent_id, self.recorded = parent.trace_id, parent.span_id, parent.recorded
        else:
            self.trace_id, self.parent_id = f"{random.getrandbits(128) or 1:032x}", ""
            self.recorded = begins and _chosen(self.trace_id)
        self.recorded = self.recorded and _Process.recording

    def __enter__(self) -> Span:
        self._before = _current.set(self)
        self.began, self._clock = time.time_ns(), time.perf_counter_ns()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, places: Any) -> None:
        _current.reset(self._before)
        if self.recorded:
            self.took = time.perf_counter_ns() - self._clock
            if error is not None and not self.error:
                self.error = plain(error)
            self.service = _service.get() or _Process.name
            _keep(self)

    @property
    def header(self) -> str:
        """The span as W3C header."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.recorded else '00'}"


def span(
    name: str, *, traceparent: str = "", kind: str = "", link: str = "", begins: bool = True, **attributes: Any
) -> Span:
    """Time what happens inside, below `traceparent` or else below the current span.

    `link` names a span of another trace that led here. Where `begins` is off, work below nothing is not recorded.
    """
    above = traceparent if traceparent and _HEADER.fullmatch(traceparent) else ""
    return Span(name, above, kind, link, begins, attributes)


def note(**attributes: Any) -> None:
    """Say more about the current span: `note(company_id=..)` becomes `heyi.company.id`. Ids and names, no values."""
    current = _current.get()
    if current is not None and current.recorded:
        for name, value in attributes.items():
            current.attributes[f"heyi.{name.replace('_', '.')}"] = str(value)


def noted(name: str) -> bool:
    """Whether the current span says this of itself already; true where nobody would keep it."""
    current = _current.get()
    return current is None or not current.recorded or f"heyi.{name.replace('_', '.')}" in current.attributes


def failed(reason: str) -> None:
    """The current span's work was refused or broke: by which name."""
    if (current := _current.get()) is not None:
        current.error = reason


def outcome() -> str:
    """By which name the current span's work failed; "" while it did not."""
    current = _current.get()
    return current.error if current is not None else ""


def _chosen(trace: str) -> bool:
    """Whether this trace is one of those that are recorded."""
    return _Process.ratio >= 1 or int(trace[16:], 16) < _Process.ratio * 2**64


def _keep(done: Any) -> None:
    if len(_Process.spans) < QUEUE:
        _Process.spans.append(done)
    else:
        _Process.dropped += 1


def trace_id() -> str:
    """Id of the current trace in hex; "" outside of any."""
    current = _current.get()
    return current.trace_id if current is not None else ""


def traceparent() -> str:
    """The current span as W3C header; "" outside of any."""
    current = _current.get()
    return current.header if current is not None else ""


def inject(headers: MutableMapping[str, str]) -> None:
    """Put the current span into headers of an event or metadata of a call."""
    if found := traceparent():
        headers[TRACEPARENT] = found


def extract(headers: Mapping[str, str] | None) -> str:
    """The well-formed traceparent in headers or metadata; ""."""
    given = (headers or {}).get(TRACEPARENT, "")
    return given if _HEADER.fullmatch(given) else ""


def from_outside(headers: Mapping[str, str] | None) -> str:
    """The same, with our own word on whether it is recorded: nobody outside makes us keep more."""
    given = extract(headers)
    return f"{given[:-2]}{'01' if _chosen(given[3:35]) else '00'}" if given else ""


def relinked(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers of an event that is worked on again much later: a trace of its own, linked to the one it came from."""
    return {**headers, TRACEPARENT: "", LINK: headers.get(TRACEPARENT, "")}


def watch(engine: Any) -> None:
    """Time every statement of an engine below the span that needs it. Its text is kept, its values never are."""
    sa.event.listen(engine.sync_engine, "before_cursor_execute", _statement_begins)
    sa.event.listen(engine.sync_engine, "after_cursor_execute", _statement_ends)
    sa.event.listen(engine.sync_engine, "handle_error", _statement_fails)


def _statement_begins(_c: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: bool) -> None:
    above = _current.get()
    if above is not None and above.recorded:
        context.heyi_span = timed = Span(statement, "", "sql", "", True, {})
        timed.began, timed._clock = time.time_ns(), time.perf_counter_ns()


def _statement_ends(_c: Any, _cursor: Any, _statement: str, _values: Any, context: Any, _many: bool) -> None:
    timed = getattr(context, "heyi_span", None)
    if timed is not None:
        timed.took = time.perf_counter_ns() - timed._clock
        timed.service = _service.get() or _Process.name
        _keep(timed)


def _statement_fails(failure: Any) -> None:
    timed = getattr(failure.execution_context, "heyi_span", None)
    if timed is not None:
        timed.error = plain(failure.sqlalchemy_exception or failure.original_exception)
        _statement_ends(None, None, "", None, failure.execution_context, False)


# ---- numbers

Key = tuple[str, str, str, str, tuple[tuple[str, Any], ...]]  # service, kind, name, unit, attributes
_numbers: dict[Key, Any] = {}


def count(name: str, amount: int = 1, **attributes: str | int | bool) -> None:
    """Add to a counter."""
    if _Process.recording:
        key = (_service.get() or _Process.name, "counter", name, "", tuple(attributes.items()))
        _numbers[key] = _numbers.get(key, 0) + amount


def measure(name: str, value: float, unit: str = "s", **attributes: str | int | bool) -> None:
    """Put a value into a histogram: durations in seconds."""
    if _Process.recording:
        key = (_service.get() or _Process.name, "histogram", name, unit, tuple(attributes.items()))
        held = _numbers.get(key)
        if held is None:
            held = _numbers[key] = [0.0, [0] * (len(BOUNDS) + 1)]
        held[0] += value
        held[1][bisect.bisect_left(BOUNDS, value)] += 1


def gauge(name: str, value: float, unit: str = "", **attributes: str | int | bool) -> None:
    """Say how much there is now."""
    if _Process.recording:
        _numbers[_service.get() or _Process.name, "gauge", name, unit, tuple(attributes.items())] = value


def take() -> tuple[list[Any], dict[Key, Any]]:
    """For the exporter: the spans since it last asked, and every number as it stands."""
    spans = [_Process.spans.popleft() for _ in range(len(_Process.spans))]
    if _Process.dropped:
        count("heyi.telemetry.dropped", _Process.dropped)
        _Process.dropped = 0
    # a copy is made in one piece; making a list of items can be interrupted, and then another thread adds a number
    copied = _numbers.copy()
    numbers = {key: [held[0], list(held[1])] if isinstance(held, list) else held for key, held in copied.items()}
    return spans, numbers
