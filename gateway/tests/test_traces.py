"""Whose trace a request belongs to."""

from __future__ import annotations

import pytest

from chassis import telemetry
from gateway.tests.bench import Bench, same_origin

GIVEN = f"00-{'a' * 32}-{'b' * 16}-01"
SUPPLIERS = "/v1/procurement/suppliers"


async def test_our_own_page_s_click_is_the_beginning(bench: Bench) -> None:
    cookie = await bench.sign_in()
    headers = {**same_origin(bench, cookie), "sec-fetch-site": "same-origin", "traceparent": GIVEN}
    reply = await bench.http.get(SUPPLIERS, headers=headers)
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-request-id"] == "a" * 32
    assert bench.services.calls[-1][2]["traceparent"].split("-")[1] == "a" * 32


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", ""])
async def test_another_page_s_trace_is_not_ours(bench: Bench, site: str) -> None:
    cookie = await bench.sign_in()
    headers = {**same_origin(bench, cookie), "sec-fetch-site": site, "traceparent": GIVEN}
    reply = await bench.http.get(SUPPLIERS, headers=headers)
    assert reply.headers["x-request-id"] != "a" * 32


async def test_a_program_s_trace_is_linked_to_ours(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bearer client, even one that claims to be our page."""
    kept: list[telemetry.Span] = []
    monkeypatch.setattr(telemetry._Process, "recording", True)
    monkeypatch.setattr(telemetry, "_keep", kept.append)
    headers = {**bench.bearer(), "sec-fetch-site": "same-origin", "traceparent": GIVEN}
    reply = await bench.http.get(SUPPLIERS, headers=headers)
    assert reply.headers["x-request-id"] != "a" * 32
    [door] = [span for span in kept if span.kind == "server" and span.name == f"GET {SUPPLIERS}"]
    assert (door.trace_id, door.link) == (reply.headers["x-request-id"], GIVEN)
