"""How spans and numbers leave a process: one thread, every second, into a local file or to an OTLP endpoint.

The thread takes what was queued and carries it away while calls go on. A target that fails is logged once and tried
again with the next load; what it missed is lost, which is the bargain: telemetry never slows a call and never grows.
The queue is bounded, the file is bounded in rows and in age.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import os
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson

from chassis import telemetry

EVERY_SECONDS, NUMBERS_EVERY_SECONDS, TIDY_EVERY_SECONDS = 1.0, 15.0, 60.0
STOP_SECONDS = 3.0
SPANS_KEPT, POINTS_KEPT, AGE_KEPT_SECONDS = 200_000, 400_000, 24 * 3600
STATEMENT_LENGTH = 2_000
_SAID = re.compile(r"/\* (.*?) \*/")
OTLP_SECONDS, OTLP_BATCH = 5, 512

_LITERAL = re.compile(r"'(?:[^']|'')*'|(?<![\w$:.\"])\d+(?:\.\d+)?\b")

log = telemetry.logger("chassis.telemetry")

SCHEMA = """
CREATE TABLE IF NOT EXISTS span (
    trace TEXT NOT NULL, span TEXT NOT NULL, parent TEXT NOT NULL, link TEXT NOT NULL, service TEXT NOT NULL,
    process TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, began INTEGER NOT NULL, took INTEGER NOT NULL,
    error TEXT NOT NULL, attributes TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS span_trace ON span (trace);
CREATE INDEX IF NOT EXISTS span_link ON span (link) WHERE link <> '';
CREATE TABLE IF NOT EXISTS point (
    at INTEGER NOT NULL, service TEXT NOT NULL, process TEXT NOT NULL, name TEXT NOT NULL, attributes TEXT NOT NULL,
    value REAL NOT NULL, buckets TEXT);
CREATE INDEX IF NOT EXISTS point_name ON point (name, at);
CREATE TABLE IF NOT EXISTS process (
    process TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, pid INTEGER NOT NULL, began INTEGER NOT NULL,
    seen INTEGER NOT NULL);
"""


class Target(Protocol):
    """Where spans and numbers go."""

    def spans(self, spans: list[telemetry.Span]) -> None: ...

    def numbers(self, numbers: dict[telemetry.Key, Any]) -> None: ...

    def close(self) -> None: ...


def start(process: str, instance: str, *, otlp_endpoint: str, file: str) -> Exporter:
    """Begin to carry away what this process records."""
    targets: list[Callable[[], Target]] = []
    written: dict[telemetry.Key, Any] = {}
    if file:
        targets.append(lambda: LocalFile(file, process, written))
    if otlp_endpoint:
        targets.append(lambda: Otlp(otlp_endpoint, process, instance))
    return Exporter(targets)


class Exporter:
    """The thread."""

    def __init__(self, targets: list[Callable[[], Target]]) -> None:
        self._open = targets
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Carry away the rest; a target that does not answer is left behind."""
        self._stopping.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        targets: list[Target | None] = [None] * len(self._open)
        quiet = [False] * len(self._open)
        numbers_at = time.monotonic()
        last = False
        while not last:
            last = self._stopping.wait(EVERY_SECONDS)
            spans, numbers = telemetry.take()
            due = last or time.monotonic() >= numbers_at
            if due:
                numbers_at = time.monotonic() + NUMBERS_EVERY_SECONDS
            for index, make in enumerate(self._open):
                try:
                    target = targets[index] = targets[index] or make()
                    target.spans(spans)
                    if due:
                        target.numbers(numbers)
                    quiet[index] = False
                except Exception as error:  # noqa: BLE001  (whatever ails a target, the process goes on without it)
                    targets[index] = None
                    if not quiet[index]:
                        log.warning("telemetry is lost for now", error=telemetry.plain(error))
                    quiet[index] = True
        for target in filter(None, targets):
            target.close()


def without_values(statement: str) -> str:
    """A statement's text without the literals that somebody may have written into it."""
    return _LITERAL.sub("?", statement)[:STATEMENT_LENGTH]


def summary_of(statement: str) -> str:
    """What a statement says of itself in its leading comment, else its first word."""
    said = _SAID.match(statement)
    return said[1] if said else statement.split(" ", 1)[0]


def version() -> str:
    """Which release this is."""
    return importlib.metadata.version("heyi")


class LocalFile:
    """A small SQLite file, shared by the processes of one machine. `written` outlives it: numbers as last kept."""

    def __init__(self, path: str, process: str, written: dict[telemetry.Key, Any]) -> None:
        self._process = f"{process}-{os.getpid()}"
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        self._file = sqlite3.connect(path, timeout=2.0, isolation_level=None)
        os.chmod(path, 0o600)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = OFF")  # losing the last seconds of a file like this is no harm
        self._file.execute("PRAGMA cache_size = -1024")
        self._file.executescript(SCHEMA)
        now = int(time.time())
        self._row = (self._process, process, version(), os.getpid(), now)
        self._written = written
        self._tidy_at = time.monotonic()

    def spans(self, spans: list[telemetry.Span]) -> None:
        """Keep spans."""
        if not spans:
            return
        with self._transaction():
            self._file.executemany(
                "INSERT INTO span VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                [
                    (
                        one.trace_id,
                        one.span_id,
                        one.parent_id,
                        one.link,
                        one.service,
                        self._process,
                        one.kind,
                        without_values(one.name) if one.kind == "sql" else one.name,
                        one.began,
                        one.took,
                        one.error,
                        orjson.dumps(one.attributes, default=str).decode(),
                    )
                    for one in spans
                ],
            )

    def numbers(self, numbers: dict[telemetry.Key, Any]) -> None:
        """Keep what changed since the last time."""
        now = int(time.time())
        rows: list[tuple[Any, ...]] = []
        for key, value in numbers.items():
            before = self._written.get(key)
            if value == before:
                continue
            service, kind, name, _unit, attributes = key
            text = orjson.dumps(dict(attributes)).decode()
            if kind == "histogram":
                total, buckets = (
                    value
                    if before is None
                    else (value[0] - before[0], [a - b for a, b in zip(value[1], before[1], strict=True)])
                )
                rows.append((now, service, self._process, name, text, total, orjson.dumps(buckets).decode()))
            else:
                amount = value - (before or 0) if kind == "counter" else value
                rows.append((now, service, self._process, name, text, amount, None))
        with self._transaction():
            self._file.executemany("INSERT INTO point VALUES (?,?,?,?,?,?,?)", rows)
            self._file.execute("INSERT OR REPLACE INTO process VALUES (?,?,?,?,?,?)", (*self._row, now))
            if time.monotonic() >= self._tidy_at:
                self._tidy_at = time.monotonic() + TIDY_EVERY_SECONDS
                self._tidy(now)
        self._written.update(numbers)

    def _tidy(self, now: int) -> None:
        old = now - AGE_KEPT_SECONDS
        for table, kept, age in (
            ("span", SPANS_KEPT, f"began < {old * 10**9}"),
            ("point", POINTS_KEPT, f"at < {old}"),
        ):
            # rows are numbered as they come: the oldest are the smallest, and age follows them
            self._file.execute(f"DELETE FROM {table} WHERE rowid <= (SELECT max(rowid) FROM {table}) - {kept}")  # noqa: S608
            self._file.execute(
                f"DELETE FROM {table} WHERE rowid < "  # noqa: S608
                f"(SELECT coalesce(min(rowid), 0) FROM {table} WHERE NOT {age})"
            )
        self._file.execute("DELETE FROM process WHERE seen < ?", (old,))

    @contextlib.contextmanager
    def _transaction(self) -> Any:
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")

    def close(self) -> None:
        """Say that this process is gone."""
        with self._transaction():
            self._file.execute("DELETE FROM process WHERE process = ?", (self._process,))
        self._file.close()


class Otlp:
    """An OpenTelemetry collector. The SDK is loaded here and only here."""

    def __init__(self, endpoint: str, process: str, instance: str) -> None:
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        plain = not endpoint.startswith("https://")
        self._process, self._instance, self._began = process, instance, time.time_ns()
        self._spans = OTLPSpanExporter(endpoint=endpoint, insecure=plain, timeout=OTLP_SECONDS)
        self._numbers = OTLPMetricExporter(endpoint=endpoint, insecure=plain, timeout=OTLP_SECONDS)
        self._resources: dict[str, Any] = {}

    def _resource(self, service: str) -> Any:
        from opentelemetry.sdk.resources import Resource

        if service not in self._resources:
            self._resources[service] = Resource(
                {
                    "service.name": service,
                    "service.namespace": "heyi",
                    "service.version": version(),
                    # a pod has no other name of its own: its process is number 1 in each, as in every replica
                    "service.instance.id": f"{self._instance}-{socket.gethostname()}-{self._process}-{os.getpid()}",
                }
            )
        return self._resources[service]

    def spans(self, spans: list[telemetry.Span]) -> None:
        """Send spans, in batches."""
        for start_at in range(0, len(spans), OTLP_BATCH):
            batch = [self._readable(one) for one in spans[start_at : start_at + OTLP_BATCH]]
            if self._spans.export(batch).name != "SUCCESS":
                raise ConnectionError

    def _readable(self, one: telemetry.Span) -> Any:
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

        def context(trace: str, span: str) -> SpanContext:
            return SpanContext(int(trace, 16), int(span, 16), is_remote=False, trace_flags=TraceFlags(1))

        kinds = {"server": SpanKind.SERVER, "consumer": SpanKind.CONSUMER, "producer": SpanKind.PRODUCER}
        statement = {"db.system.name": "postgresql", "db.query.text": without_values(one.name)}
        return ReadableSpan(
            name=summary_of(one.name) if one.kind == "sql" else one.name,
            context=context(one.trace_id, one.span_id),
            parent=context(one.trace_id, one.parent_id) if one.parent_id else None,
            resource=self._resource(one.service),
            attributes=statement if one.kind == "sql" else one.attributes,
            links=[Link(context(one.link[3:35], one.link[36:52]))] if one.link else [],
            kind=SpanKind.CLIENT if one.kind == "sql" else kinds.get(one.kind, SpanKind.INTERNAL),
            status=Status(StatusCode.ERROR, one.error) if one.error else Status(),
            start_time=one.began,
            end_time=one.began + one.took,
        )

    def numbers(self, numbers: dict[telemetry.Key, Any]) -> None:
        """Send every number as it stands: totals since the start of the process."""
        from opentelemetry.sdk.metrics import export as sdk
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        now, total = time.time_ns(), sdk.AggregationTemporality.CUMULATIVE
        found: dict[str, dict[tuple[str, str, str], list[Any]]] = {}
        for (service, kind, name, unit, attributes), value in numbers.items():
            point: Any
            if kind == "histogram":
                point = sdk.HistogramDataPoint(
                    dict(attributes), self._began, now, sum(value[1]), value[0], value[1], telemetry.BOUNDS, 0, 0
                )
            else:
                point = sdk.NumberDataPoint(dict(attributes), self._began, now, value)
            found.setdefault(service, {}).setdefault((kind, name, unit), []).append(point)
        shapes: Mapping[str, Callable[[list[Any]], Any]] = {
            "counter": lambda points: sdk.Sum(points, total, is_monotonic=True),
            "histogram": lambda points: sdk.Histogram(points, total),
            "gauge": sdk.Gauge,
        }
        resources = [
            sdk.ResourceMetrics(
                self._resource(service),
                [
                    sdk.ScopeMetrics(
                        InstrumentationScope("heyi"),
                        [
                            sdk.Metric(name, "", unit, shapes[kind](points))
                            for (kind, name, unit), points in metrics.items()
                        ],
                        "",
                    )
                ],
                "",
            )
            for service, metrics in found.items()
        ]
        if resources and self._numbers.export(sdk.MetricsData(resources)).name != "SUCCESS":
            raise ConnectionError

    def close(self) -> None:
        """Hang up."""
        self._spans.shutdown()
        self._numbers.shutdown()


# ---- reading the local file


def read(path: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Rows of the local file; none where there is no file yet."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2.0)) as file:
            return file.execute(statement, values).fetchall()
    except sqlite3.OperationalError as error:
        log.warning("telemetry cannot be read", error=telemetry.plain(error))
        return []


def spans_of(path: str, trace: str, limit: int) -> list[tuple[Any, ...]]:
    """Spans of a trace and of the traces that are linked to it, in the order in which they began."""
    return read(
        path,
        "SELECT span, parent, link, service, process, kind, name, began, took, error, attributes, trace FROM span "
        "WHERE trace = ?1 OR (link <> '' AND link LIKE '00-' || ?1 || '-%') ORDER BY began LIMIT ?2",
        trace,
        limit,
    )


def calls_of(path: str, service: str, seconds: int) -> dict[str, tuple[list[int], int]]:
    """Durations by method over the last seconds: how many fell into each bucket, and how many failed."""
    found: dict[str, tuple[list[int], int]] = {}
    for attributes, buckets in read(
        path,
        "SELECT attributes, buckets FROM point WHERE name = 'heyi.rpc.duration' AND service = ? AND at >= ?",
        service,
        int(time.time()) - seconds,
    ):
        told, counts = orjson.loads(attributes), orjson.loads(buckets)
        before, failed = found.get(told["method"], ([0] * len(counts), 0))
        failed += sum(counts) if told["outcome"] != "OK" else 0
        found[told["method"]] = [a + b for a, b in zip(before, counts, strict=True)], failed
    return found


def processes(path: str) -> list[tuple[str, str, int, datetime.datetime, datetime.datetime]]:
    """Name, version, id, start and last sign of every process that writes to the file."""
    rows = read(path, "SELECT name, version, pid, began, seen FROM process ORDER BY name, began")
    return [
        (name, release, pid, *(datetime.datetime.fromtimestamp(at, datetime.UTC) for at in (began, seen)))
        for name, release, pid, began, seen in rows
    ]


def quantile(buckets: list[int], share: float) -> float:
    """The duration below which this share of the calls lies, in seconds: straight within its bucket."""
    wanted, seen, below = share * sum(buckets), 0, 0.0
    for bound, many in zip((*telemetry.BOUNDS, telemetry.BOUNDS[-1]), buckets, strict=True):
        if many and seen + many >= wanted:
            return below + (bound - below) * (wanted - seen) / many
        seen, below = seen + many, bound
    return 0.0
