"""Addresses that people type lead to the public internet and nowhere else, whatever they are written like."""

from __future__ import annotations

import asyncio
import json

import pytest

from chassis import egress

NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("", "host"),
        ("https://", "host"),
        ("file:///etc/passwd", "host"),
        ("https://a b.example/", "host"),
        ("https://a.example\\@10.0.0.1/", "host"),
        ("https://a.example/\n", "host"),
        ("https://a.example:99999/", "host"),
        ("http://a.example/", "https"),
        ("ftp://a.example/", "https"),
        ("gopher://a.example:443/", "https"),
        ("https://user@a.example/", "credentials"),
        ("https://a.example@10.0.0.1/", "credentials"),
        ("https://a.example:22/", "port"),
        ("https://127.0.0.1/", "private"),
        ("https://127.1/", "private"),
        ("https://2130706433/", "private"),
        ("https://0x7f000001/", "private"),
        ("https://0177.0.0.1/", "private"),
        ("https://10.1.2.3/", "private"),
        ("https://172.16.0.1/", "private"),
        ("https://192.168.1.1/", "private"),
        ("https://169.254.169.254/latest/meta-data/", "private"),
        ("https://100.64.0.1/", "private"),
        ("https://0.0.0.0/", "private"),
        ("https://224.0.0.1/", "private"),
        ("https://[::1]/", "private"),
        ("https://[::ffff:10.0.0.1]/", "private"),
        ("https://[64:ff9b::7f00:1]/", "private"),
        ("https://[2002:7f00:1::]/", "private"),
        ("https://[fd00::1]/", "private"),
        ("https://[fe80::1]/", "private"),
        ("https://localhost/", "private"),
        ("https://localhost./", "private"),
        ("https://intranet/", "private"),
        ("https://metadata.google.internal/", "private"),
    ],
)
async def test_an_address_that_leads_into_the_house_is_refused_before_anything_is_asked(address, problem):
    async def resolve(host: str, port: int) -> list[str]:
        raise AssertionError(f"{host} was looked up")

    with pytest.raises(egress.AddressRefused, match=problem):
        egress.check(address, NONE)
    with pytest.raises(egress.AddressRefused, match=problem):
        await egress.post(address, {}, resolve=resolve, allowed=NONE)


@pytest.mark.parametrize("found", [["10.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::1"], ["169.254.169.254"]])
async def test_a_name_that_leads_into_the_house_is_refused_whatever_else_it_has(found):
    async def resolve(host: str, port: int) -> list[str]:
        return found

    with pytest.raises(egress.AddressRefused, match="private"):
        await egress.post("https://chat.example/send", {}, resolve=resolve, allowed=NONE)


async def test_a_name_that_nobody_has_is_unreachable():
    async def resolve(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(egress.Unreachable):
        await egress.post("https://chat.example/send", {}, resolve=resolve, allowed=NONE)


async def serve(answer: bytes) -> tuple[asyncio.Server, str, list[bytes]]:
    """A server on this machine that says one thing."""
    heard: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        heard.append(head + await reader.readexactly(length))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard


async def test_an_allowed_origin_is_asked_once_and_a_redirect_is_not_followed():
    moved = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"
    server, origin, heard = await serve(moved)
    async with server:
        answer = await egress.post(f"{origin}/send?key=k", {"a": "值"}, allowed=frozenset([origin]))

    assert (answer.status, answer.text) == (302, "")
    assert len(heard) == 1
    assert heard[0].startswith(b"POST /send?key=k HTTP/1.1\r\n")
    assert json.loads(heard[0].split(b"\r\n\r\n")[1]) == {"a": "值"}
    with pytest.raises(egress.AddressRefused):
        await egress.post(f"{origin}0/send", {}, allowed=frozenset([origin]))


async def test_an_answer_is_read_up_to_a_limit_and_a_lost_one_says_so():
    server, origin, _ = await serve(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 1_000_000)
    async with server:
        answer = await egress.post(origin, {}, allowed=frozenset([origin]))
    assert len(answer.text) == egress.LONGEST_ANSWER
    server, origin, _ = await serve(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort")
    async with server:
        with pytest.raises(egress.NoAnswer):
            await egress.post(origin, {}, allowed=frozenset([origin]))
    with pytest.raises(egress.Unreachable):
        await egress.post(origin, {}, allowed=frozenset([origin]))


def test_origins_are_named_in_the_environment():
    assert egress.allowed_origins({}) == NONE
    named = egress.allowed_origins({egress.ALLOW: " http://127.0.0.1:8025/, https://Proxy.example"})
    assert named == {"http://127.0.0.1:8025", "https://proxy.example"}
