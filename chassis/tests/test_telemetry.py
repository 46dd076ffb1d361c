"""Logs, traces and numbers."""

import json
import logging

import pytest
import structlog

from chassis import telemetry

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


def test_numbers_cost_nothing_while_nobody_listens():
    telemetry.count("heyi.tx.retries", sqlstate="40001")
    telemetry.measure("heyi.rpc.seconds", 0.1)
    telemetry.gauge("heyi.outbox.oldest", 3)
    telemetry.shut_down()
