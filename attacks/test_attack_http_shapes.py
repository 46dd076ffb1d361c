"""Requests that two servers could read differently, that never end, or that are too large: refused on the wire."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from api import Session
from attackers import Answers, described, exchange, own

from chassis.testing import eventually
from gateway.limits import HEADER_BYTES
from gateway.patience import HEADER_SECONDS
from gateway.settings import Limits

SMUGGLED = b"GET /v1/identity/me HTTP/1.1\r\nHost: smuggled\r\n\r\n"


def request(*headers: bytes, body: bytes = b"", line: bytes = b"POST /v1/identity/employees HTTP/1.1") -> bytes:
    return b"\r\n".join([line, b"Host: here", b"Content-Type: application/json", *headers, b"", body])


LENGTH, CHUNKED = b"Content-Length: %d", b"Transfer-Encoding: chunked"
# every one of these has been read differently by two servers in a row somewhere
SHAPES = {
    "length and chunks": request(LENGTH % (5 + len(SMUGGLED)), CHUNKED, body=b"0\r\n\r\n" + SMUGGLED),
    "chunks and length": request(CHUNKED, LENGTH % 4, body=b"5c\r\n" + SMUGGLED + b"\r\n0\r\n\r\n"),
    "two lengths": request(LENGTH % 0, LENGTH % len(SMUGGLED), body=SMUGGLED),
    "a list of lengths": request(b"Content-Length: 0, %d" % len(SMUGGLED), body=SMUGGLED),
    "a length with a sign": request(b"Content-Length: +0", body=SMUGGLED),
    "a negative length": request(b"Content-Length: -1", body=SMUGGLED),
    "a length in hexadecimal": request(b"Content-Length: 0x0", body=SMUGGLED),
    "a length beyond all numbers": request(b"Content-Length: 99999999999999999999999", body=SMUGGLED),
    "no chunked coding": request(b"Transfer-Encoding: xchunked", body=SMUGGLED),
    "chunked not last": request(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n" + SMUGGLED),
    "chunked hidden by a tab": request(b"Transfer-Encoding:\tchunked\x0b", body=b"0\r\n\r\n" + SMUGGLED),
    "a name with a space": request(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "a bad chunk size": request(CHUNKED, body=b"zz\r\n" + SMUGGLED),
    "a negative chunk size": request(CHUNKED, body=b"-1\r\n" + SMUGGLED),
    "a chunk size beyond all numbers": request(CHUNKED, body=b"fffffffffffffffff\r\n" + SMUGGLED),
    "a chunk longer than it says": request(CHUNKED, body=b"1\r\nab\r\n0\r\n\r\n" + SMUGGLED),
    "a folded header": request(b"X-One: a\r\n Transfer-Encoding: chunked", LENGTH % 0, body=SMUGGLED),
    "a header without a colon": request(b"Transfer-Encoding chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "a null in a header": request(b"X-One: a\x00b", LENGTH % 0, body=SMUGGLED),
    "bare line feeds": b"POST /v1/identity/employees HTTP/1.1\nHost: here\nContent-Length: 0\n\n" + SMUGGLED,
    "a carriage return in a header": request(b"X-One: a\rTransfer-Encoding: chunked", LENGTH % 0, body=SMUGGLED),
    "an old version": request(LENGTH % 0, line=b"POST /v1/identity/employees HTTP/0.9", body=SMUGGLED),
    "a version that is none": request(LENGTH % 0, line=b"POST /v1/identity/employees HTTP/1.9999", body=SMUGGLED),
    "a verb that is none": request(LENGTH % 0, line=b"P OST /v1/identity/employees HTTP/1.1", body=SMUGGLED),
}
# 401: read as one request of nobody, and the connection ends there
BAD = {400, 401, 413, 505}


@pytest.mark.parametrize("shape", SHAPES)
async def test_attack_http_smuggling(instance: Any, shape: str) -> None:
    """The connection ends with the first doubtful request: what hides behind it is never answered."""
    answers = await exchange(instance.url, SHAPES[shape])
    assert answers.closed, answers.raw
    assert not answers.statuses[1:], answers.raw
    assert set(answers.statuses) <= BAD, answers.raw


async def test_attack_http_smuggling_a_body_left_over(instance: Any, requester: Session) -> None:
    """What was said to be the body stays it, also after the request was refused before it was read."""
    body = SMUGGLED + b" " * 100
    headers = b"\r\n".join(f"{name}: {value}".encode() for name, value in own(requester).items())
    refused = request(headers, LENGTH % len(body), line=b"POST /v1/no/such/address HTTP/1.1", body=body)
    answers = await exchange(instance.url, refused, b"GET /health/live HTTP/1.1\r\nHost: here\r\n\r\n")
    assert answers.statuses == [404, 200], answers.raw


async def test_attack_http_headers_that_do_not_end(instance: Any) -> None:
    """One header of many megabytes, many small ones, and a long address: cut off before they fill the memory."""
    start = b"GET /health/live HTTP/1.1\r\nHost: here\r\n"
    endless = [b"X-Large: " + b"a" * 60_000] + [b"b" * 60_000] * 200
    many = [b"".join(b"X-%d: %s\r\n" % (i, b"c" * 100) for i in range(j, j + 500)) for j in range(0, 50_000, 500)]
    for parts in ((start, *endless), (start, *many), (b"GET /", *[b"d" * 60_000] * 200)):
        answers = await exchange(instance.url, *parts)
        assert answers.closed
        assert answers.statuses in ([], [400], [431]), answers.raw[:300]
    once = start + b"X-Large: " + b"e" * (HEADER_BYTES + 1000) + b"\r\n\r\n"
    answers = await exchange(instance.url, once)
    assert answers.statuses in ([], [413], [431]), answers.raw[:300]


async def _silence(instance: Any, first: bytes, drip: bytes, every: float) -> tuple[float, Answers]:
    """Keep a connection with as little as possible; how long that went, and what was answered."""
    url = urlsplit(instance.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    began, answers = time.monotonic(), Answers()
    writer.write(first)
    try:
        while time.monotonic() - began < 60:
            try:
                data = await asyncio.wait_for(reader.read(65536), every)
            except TimeoutError:
                writer.write(drip)
                continue
            if not data:
                break
            answers.raw += data
    except ConnectionError:
        answers.closed = True
    finally:
        writer.close()
    return time.monotonic() - began, answers


async def test_attack_http_slow_requests(instance: Any, requester: Session) -> None:
    """Headers and bodies that come a byte at a time end within seconds, and nobody waits for them meanwhile."""
    headers = b"\r\n".join(f"{name}: {value}".encode() for name, value in own(requester).items())
    body = request(
        headers,
        b"Idempotency-Key: slow-body-1",
        LENGTH % 5000,
        line=b"POST /v1/procurement/purchase-requisitions HTTP/1.1",
    )
    slow = [_silence(instance, b"GET /v1/identity/me HT", b"", 0.5) for _ in range(100)]
    slow += [_silence(instance, b"GET / HTTP/1.1\r\nX-A: ", b"a", 0.5) for _ in range(100)]
    slow += [_silence(instance, b"", b"", 0.5) for _ in range(50)]
    bodies = [_silence(instance, body, b" ", 0.5) for _ in range(100)]
    under_way = asyncio.ensure_future(asyncio.gather(*slow, *bodies))
    while not under_way.done():
        began = time.monotonic()
        answer = await requester.raw("GET", "/v1/identity/me")
        assert answer.status_code == 200, described(answer)
        assert time.monotonic() - began < 2
        await asyncio.wait([under_way], timeout=1)
    ended = under_way.result()
    limits = Limits()
    assert max(seconds for seconds, _ in ended[: len(slow)]) < HEADER_SECONDS + 5
    assert all(not answers.raw for _, answers in ended[: len(slow)])
    assert max(seconds for seconds, _ in ended[len(slow) :]) < limits.body_seconds + 5
    assert {tuple(answers.statuses) for _, answers in ended[len(slow) :]} == {(408,)}


async def test_attack_http_clients_that_leave(instance: Any, requester: Session) -> None:
    """A body that breaks off is nobody's fault: it is not answered, and not told as a fault of ours."""
    log = instance.processes.log("gateway")
    before = log.read_bytes().count(b"request_failed")
    headers = b"\r\n".join(f"{name}: {value}".encode() for name, value in own(requester).items())
    path = b"POST /v1/procurement/purchase-requisitions HTTP/1.1"
    half = request(headers, b"Idempotency-Key: half-body-1", LENGTH % 5000, line=path)
    url = urlsplit(instance.url)
    left = log.read_bytes().count(b"client_left")
    for _ in range(20):
        _, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(half)
        await writer.drain()
        writer.close()

    async def told() -> None:
        assert log.read_bytes().count(b"client_left") > left

    await eventually(told)
    assert log.read_bytes().count(b"request_failed") == before
