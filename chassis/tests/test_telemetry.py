"""Logs, traces and numbers."""

import contextlib
import gc
import json
import logging
import os
import threading
import time
import types
from concurrent import futures

import grpc
import pytest
import sqlalchemy as sa
import structlog
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from chassis import telemetry, telemetry_export

OUTSIDE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def logs_put_back():
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], _ = before
    root.setLevel(before[1])
    structlog.reset_defaults()


def test_a_span_goes_on_from_where_the_call_came():
    with telemetry.span("outer", traceparent=OUTSIDE):
        assert telemetry.trace_id() == OUTSIDE[3:35]
        outer = telemetry.traceparent()
        with telemetry.span("inner"):
            assert telemetry.trace_id() == OUTSIDE[3:35]
            assert telemetry.traceparent() != outer
    assert telemetry.traceparent() == telemetry.trace_id() == ""


def test_a_span_without_parent_begins_a_trace():
    with telemetry.span("one"):
        first = telemetry.trace_id()
    with telemetry.span("two"):
        assert telemetry.trace_id() not in ("", first)


@pytest.mark.parametrize("given", ["", "junk", "00-" + "0" * 32 + "-b7ad6b7169203331-01", OUTSIDE + "-x"])
def test_a_malformed_parent_is_none(given):
    assert telemetry.extract({"traceparent": given}) == ""


def test_headers_carry_the_span():
    headers: dict[str, str] = {}
    telemetry.inject(headers)
    assert headers == {}
    with telemetry.span("x", traceparent=OUTSIDE):
        telemetry.inject(headers)
    assert telemetry.extract(headers).startswith(OUTSIDE[:35])


def test_an_exception_passes_through_a_span():
    with pytest.raises(LookupError), telemetry.span("x"):
        raise LookupError


def test_a_log_line_says_who_and_in_which_trace_and_no_secret(logs_put_back, capsys):
    telemetry.set_up("chassis", "test")
    log = telemetry.logger("heyi.test")
    with telemetry.acting_as("procurement"), telemetry.span("x", traceparent=OUTSIDE):
        log.warning("order released", number="PO-1", password="hush")
        logging.getLogger("library").error("it said %s", "no")
    ours, theirs = map(json.loads, capsys.readouterr().out.splitlines())
    assert (ours["event"], ours["number"]) == ("order released", "PO-1")
    assert (ours["service"], ours["instance"], ours["level"], ours["password"]) == (
        "procurement",
        "test",
        "warning",
        "***",
    )
    assert ours["trace_id"] == theirs["trace_id"] == OUTSIDE[3:35]
    assert theirs["event"] == "it said no"


def test_a_line_below_the_level_is_not_written_and_an_exception_says_where_not_what(logs_put_back, capsys):
    telemetry.set_up("chassis", "test", level="warning")
    log = telemetry.logger("heyi.level")
    log.info("unheard")
    try:
        raise LookupError("what somebody typed")
    except LookupError:
        log.exception("it broke")
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["event"], line["level"], line["logger"]) == ("it broke", "error", "heyi.level")
    assert line["exception"][0].startswith("LookupError < ")
    assert "typed" not in json.dumps(line)


def test_numbers_cost_nothing_while_nobody_listens():
    telemetry.count("heyi.tx.retries", sqlstate="40001")
    telemetry.measure("heyi.rpc.seconds", 0.1)
    telemetry.gauge("heyi.outbox.oldest", 3)
    telemetry.shut_down()


# ---- into the local file


@pytest.fixture
def kept(tmp_path, logs_put_back):
    """A process that records into a file; called, it stops and tells the rows of a table."""
    path = tmp_path / "folder" / "telemetry.sqlite"
    telemetry.set_up("chassis", "test", file=str(path))

    def rows(question: str) -> list[tuple]:
        telemetry.shut_down()
        return telemetry_export.read(str(path), question)

    yield rows
    telemetry.shut_down()


def test_spans_are_kept_with_what_they_are_about(kept):
    with telemetry.acting_as("procurement"), telemetry.span("outer", traceparent=OUTSIDE, kind="server"):
        telemetry.note(document_type="procurement.purchase_order", document_id="7")
        with contextlib.suppress(LookupError), telemetry.span("inner", link=OUTSIDE):
            raise LookupError("what somebody typed")
    inner, outer = kept("SELECT trace, parent, service, name, error, link, attributes, span FROM span ORDER BY name")
    assert (inner[0], outer[0]) == (OUTSIDE[3:35],) * 2
    assert (inner[1], outer[1]) == (outer[7], OUTSIDE[36:52])
    assert (inner[2], inner[4], inner[5]) == ("procurement", "LookupError", OUTSIDE)
    assert json.loads(outer[6]) == {"heyi.document.type": "procurement.purchase_order", "heyi.document.id": "7"}


def test_what_is_not_chosen_is_not_kept_and_says_so_to_the_next(tmp_path, logs_put_back):
    telemetry.set_up("chassis", "test", file=str(tmp_path / "t"), ratio=0)
    with telemetry.span("x"):
        assert telemetry.traceparent().endswith("-00")
    assert telemetry.from_outside({"traceparent": OUTSIDE}) == OUTSIDE[:-2] + "00", "nobody outside decides"
    telemetry.shut_down()
    assert telemetry_export.read(str(tmp_path / "t"), "SELECT * FROM span") == []


def test_a_background_question_begins_no_trace(kept):
    with telemetry.span("poll", begins=False), telemetry.span("below"):
        assert telemetry.trace_id()
    assert kept("SELECT name FROM span") == []


def test_numbers_are_kept_as_what_was_added(kept):
    for seconds in (0.004, 0.004, 0.2):
        telemetry.measure("heyi.rpc.duration", seconds, method="M", outcome="OK")
    telemetry.count("heyi.tx.retries", 2, sqlstate="40001")
    telemetry.gauge("heyi.outbox.oldest", 3.5, "s")
    rows = kept("SELECT name, value, buckets FROM point ORDER BY name")
    assert [(name, value) for name, value, _ in rows] == [
        ("heyi.outbox.oldest", 3.5),
        ("heyi.rpc.duration", pytest.approx(0.208)),
        ("heyi.tx.retries", 2),
    ]
    buckets = json.loads(rows[1][2])
    assert sum(buckets) == 3
    assert 0.003 < telemetry_export.quantile(buckets, 0.5) <= 0.005
    assert 0.15 < telemetry_export.quantile(buckets, 0.95) <= 0.2


def test_numbers_can_be_taken_while_others_are_added(kept):
    """Whatever may run while they are taken: here what collects garbage does, at nearly every allocation."""
    added, before = iter(range(10**6)), gc.get_threshold()

    def add(phase, info):
        telemetry.gauge("heyi.outbox.oldest", 1, "s", consumer=next(added))

    for n in range(500):
        telemetry.count("heyi.tx.retries", 1, sqlstate=n)
    gc.callbacks.append(add)
    gc.set_threshold(1)
    try:
        _, numbers = telemetry.take()
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(add)
    assert len([key for key in numbers if key[2] == "heyi.tx.retries"]) == 500


def test_statements_are_kept_without_values(kept):
    """Neither a bound value nor one that somebody wrote into the text; the error of a failed one without its words."""
    engine = types.SimpleNamespace(sync_engine=sa.create_engine("sqlite://"))
    telemetry.watch(engine)
    with telemetry.span("call"), engine.sync_engine.connect() as connection:
        connection.execute(sa.text("SELECT 'written-in' || :v || 4711"), {"v": "bound-secret"})
        with contextlib.suppress(sa.exc.OperationalError):
            connection.execute(sa.text("SELECT :v FROM nowhere"), {"v": "bound-secret"})
    rows = kept("SELECT kind, name, error FROM span WHERE kind = 'sql' ORDER BY began")
    assert [row[1] for row in rows] == ["SELECT ? || ? || ?", "SELECT ? FROM nowhere"]
    assert rows[1][2].startswith("OperationalError")
    assert "secret" not in repr(rows)


# ---- telemetry that is down or slow


class Stuck:
    """A target that does not come back until it is let go."""

    def __init__(self) -> None:
        self.reached, self.free = threading.Event(), threading.Event()

    def spans(self, spans):
        self.reached.set()
        self.free.wait(30)

    def numbers(self, numbers): ...

    def close(self): ...


def test_a_target_that_hangs_costs_no_call_anything_and_memory_is_bounded(monkeypatch, logs_put_back):
    """Ten queues full of spans while nothing is carried away: as fast as ever, the rest is dropped and counted."""
    stuck = Stuck()
    monkeypatch.setattr(telemetry_export, "EVERY_SECONDS", 0.01)
    monkeypatch.setattr(telemetry_export, "LocalFile", lambda *_: stuck)
    telemetry.set_up("chassis", "test", file="anywhere")
    try:
        with telemetry.span("first"):
            pass
        assert stuck.reached.wait(5)
        began = time.perf_counter()
        for _ in range(10 * telemetry.QUEUE):
            with telemetry.span("more"):
                pass
        each = (time.perf_counter() - began) / (10 * telemetry.QUEUE)
        assert len(telemetry._Process.spans) == telemetry.QUEUE
        assert telemetry._Process.dropped >= 9 * telemetry.QUEUE - 1
        assert each < 0.0002, f"{each * 1e6:.1f} us for a span"
    finally:
        stuck.free.set()
        telemetry.shut_down()


@pytest.mark.parametrize("where", [{"file": "/proc/nowhere/telemetry"}, {"otlp_endpoint": "http://127.0.0.1:9"}])
def test_a_target_that_cannot_be_reached_is_said_once_and_work_goes_on(where, monkeypatch, logs_put_back, capsys):
    monkeypatch.setattr(telemetry_export, "EVERY_SECONDS", 0.02)
    monkeypatch.setattr(telemetry_export, "OTLP_SECONDS", 0.1)
    telemetry.set_up("chassis", "test", **where)
    for _ in range(3):
        with telemetry.span("x"):
            pass
        taken = time.monotonic() + 5
        while telemetry._Process.spans and time.monotonic() < taken:
            threading.Event().wait(0.01)
    telemetry.shut_down()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines].count("telemetry is lost for now") == 1


def test_what_is_lost_does_not_come_twice(tmp_path):
    """After a target had to be opened again, a counter adds only what is new."""
    written: dict = {}
    key = ("s", "counter", "heyi.tx.retries", "", ())
    for total in (5, 8):
        file = telemetry_export.LocalFile(str(tmp_path / "t"), "p", written)
        file.numbers({key: total})
        file.close()
    assert telemetry_export.read(str(tmp_path / "t"), "SELECT sum(value) FROM point") == [(8.0,)]


def test_the_file_stays_small(tmp_path, monkeypatch):
    monkeypatch.setattr(telemetry_export, "SPANS_KEPT", 10)
    monkeypatch.setattr(telemetry_export, "TIDY_EVERY_SECONDS", 0)
    file = telemetry_export.LocalFile(str(tmp_path / "t"), "p", {})
    one = telemetry.Span("x", "", "", "", True, {})
    one.began, one.took, one.service = time.time_ns(), 1, "s"
    file.spans([one] * 50)
    file.numbers({})
    assert telemetry_export.read(str(tmp_path / "t"), "SELECT count(*) FROM span") == [(10,)]
    file.close()


# ---- never a payload


class Words(Exception):
    """Quotes what somebody sent."""


def test_a_logged_exception_says_where_and_not_what(logs_put_back, capsys):
    telemetry.set_up("chassis", "test")
    try:
        try:
            raise KeyError("payload-1")
        except KeyError as error:
            raise Words("payload-2") from error
    except Words:
        telemetry.logger("heyi.test").exception("call failed")
        logging.getLogger("library").exception("it failed")
    out = capsys.readouterr().out
    assert "payload" not in out
    for line in map(json.loads, out.splitlines()):
        assert [part.split(" <")[0] for part in line["exception"]] == ["Words", "KeyError"]
        assert "test_telemetry.py" in line["exception"][0]


def test_a_log_of_a_broken_statement_holds_no_value(logs_put_back, capsys):
    telemetry.set_up("chassis", "test")
    with pytest.raises(sa.exc.DBAPIError) as caught, sa.create_engine("sqlite://").connect() as connection:
        connection.execute(sa.text("SELECT :v FROM nowhere"), {"v": "payload"})
    telemetry.logger("heyi.test").error("event waits", error=telemetry.plain(caught.value), exc_info=caught.value)
    assert "payload" not in capsys.readouterr().out


# ---- to a collector


class Collector:
    """Takes what an OpenTelemetry exporter sends."""

    def __init__(self) -> None:
        self.spans, self.metrics, self.instances = [], [], set()
        self.server = grpc.server(futures.ThreadPoolExecutor(2))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self.server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Numbers(self), self.server)
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def Export(self, request, context):
        self.spans += [
            (one.resource.attributes[0].value.string_value, span)
            for one in request.resource_spans
            for scope in one.scope_spans
            for span in scope.spans
        ]
        return trace_service_pb2.ExportTraceServiceResponse()


class Numbers:
    def __init__(self, collector) -> None:
        self.collector = collector

    def Export(self, request, context):
        for one in request.resource_metrics:
            told = {attribute.key: attribute.value.string_value for attribute in one.resource.attributes}
            self.collector.instances.add(told["service.instance.id"])
            self.collector.metrics += [metric for scope in one.scope_metrics for metric in scope.metrics]
        return metrics_service_pb2.ExportMetricsServiceResponse()


def test_a_collector_gets_spans_and_numbers(logs_put_back):
    collector = Collector()
    telemetry.set_up("chassis", "test", otlp_endpoint=f"http://127.0.0.1:{collector.port}")
    with telemetry.acting_as("procurement"):
        with telemetry.span("outer", traceparent=OUTSIDE, kind="server"), telemetry.span("inner", link=OUTSIDE):
            telemetry.failed("STALE_ETAG")
        telemetry.count("heyi.tx.retries", 2, sqlstate="40001")
        telemetry.measure("heyi.rpc.duration", 0.004, method="M", outcome="OK")
        telemetry.gauge("heyi.outbox.oldest", 3.5, "s")
    telemetry.shut_down()
    collector.server.stop(0)
    (service, inner), (_, outer) = collector.spans
    assert service == "procurement"
    assert (outer.name, outer.trace_id.hex(), outer.parent_span_id.hex()) == ("outer", OUTSIDE[3:35], OUTSIDE[36:52])
    assert (inner.parent_span_id, inner.status.message, inner.links[0].trace_id.hex()) == (
        outer.span_id,
        "STALE_ETAG",
        OUTSIDE[3:35],
    )
    found = {metric.name: metric for metric in collector.metrics}
    assert found["heyi.tx.retries"].sum.data_points[0].as_int == 2
    assert found["heyi.outbox.oldest"].gauge.data_points[0].as_double == 3.5
    histogram = found["heyi.rpc.duration"].histogram.data_points[0]
    assert (histogram.count, len(histogram.bucket_counts)) == (1, len(histogram.explicit_bounds) + 1)


def test_replicas_are_told_apart(logs_put_back, monkeypatch):
    """In pods the number of the process is the same in each: only the host's name, which is the pod's, is its own."""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    collector = Collector()
    for host in ("heyi-identity-a", "heyi-identity-b"):
        monkeypatch.setattr(telemetry_export.socket, "gethostname", lambda host=host: host)
        telemetry.set_up("chassis", "heyi", otlp_endpoint=f"http://127.0.0.1:{collector.port}")
        telemetry.gauge("heyi.outbox.waiting", 1)
        telemetry.shut_down()
    collector.server.stop(0)

    assert collector.instances == {"heyi-heyi-identity-a-chassis-1", "heyi-heyi-identity-b-chassis-1"}


def test_errors_that_cause_each_other_are_told_once_each():
    """A log line about such a pair once never ended, and with it the process stood still."""
    first, second = ConnectionRefusedError(111, "refused"), ValueError("no")
    first.__cause__, second.__cause__ = second, first
    line = telemetry._without_values(None, "error", {"exc_info": first})
    assert line == {"exception": ["ConnectionRefusedError 111", "ValueError"]}


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT 1", "SELECT"),
        ("/* INSERT INTO task, UPDATE approval_case */ WITH add_0 AS (..)", "INSERT INTO task, UPDATE approval_case"),
    ],
)
def test_a_statement_goes_by_what_it_says_of_itself(statement, said):
    assert telemetry_export.summary_of(statement) == said
