"""A large file through everything, while the sender and the services die: no byte wrong, nothing left over.

64 MiB in the suite, 2 GiB by `make uploads` (`HEYI_UPLOADS_BYTES`), on an instance whose limits let that in.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
from api import Session
from attaching import PATH, PIECE_BYTES, begin, block, digest, finish, piece, wrong_bytes
from papers import title_of, written
from screen import REQUISITION

from chassis.testing import eventually

BYTES = int(os.environ.get("HEYI_UPLOADS_BYTES", 64 * 1024**2))
MOST_MIB = 700


async def sent(instance: Any, key: str, offset: int, stop_at: int) -> int:
    """Send from an offset on as a new client, until so much has come; the sender then goes away in mid-piece."""
    session = await Session.of(instance, "shenjiayi")
    try:
        for start in range(offset - offset % PIECE_BYTES, stop_at, PIECE_BYTES):
            number = start // PIECE_BYTES
            rest = part(number)[max(0, offset - start) :]
            answer = await piece(session, key, max(offset, start), rest)
            assert answer.status_code == 200, answer.text
            offset = answer.json()["receivedBytes"]
        return offset
    finally:
        await session.close()


def part(number: int) -> bytes:
    """One block of the file."""
    return block(number, min(PIECE_BYTES, BYTES - number * PIECE_BYTES))


def whole() -> Iterator[bytes]:
    """The file, block by block."""
    return map(part, range(-(-BYTES // PIECE_BYTES)))


async def cut_in_mid_piece(session: Session, key: str, offset: int) -> None:
    """The client dies while a piece is on its way: half of it comes."""
    data = part(offset // PIECE_BYTES)
    url = httpx2.URL(session.address)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = (
        f"POST {PATH}/{key}/content?offset={offset} HTTP/1.1\r\nHost: {url.host}:{url.port}\r\n"
        f"Cookie: {session.cookie}\r\nX-CSRF: 1\r\nOrigin: {session.address}\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    writer.write(head.encode() + data[: len(data) // 2])
    await writer.drain()
    writer.transport.abort()
    with contextlib.suppress(ConnectionError):
        await reader.read()


async def orphans(instance: Any) -> list[str]:
    """What lies in the store and is named by no row."""
    connection = await asyncpg.connect(instance.env()["HEYI_DOCUMENTS_RO_DATABASE_URL"])
    try:
        rows = await connection.fetch("SELECT blob FROM attachment WHERE state <> 'REFUSED'")
    finally:
        await connection.close()
    known = {row["blob"].hex for row in rows}
    lying = await asyncio.to_thread(lambda: [path for path in Path(instance.store).rglob("*") if path.is_file()])
    return [str(path) for path in lying if path.name not in known]


def resident(pid: int) -> int:
    """Memory of a process in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024


async def test_a_large_upload_survives_its_sender_and_the_services(
    instance: Any, door: Any, record_property: Callable[[str, object], None]
) -> None:
    """Sent by three clients in turn, one of which dies in mid-piece, and across a kill of the services."""
    paper = await written(door, title_of("三维数据"), {"item": "4002-0007", "quantity": "1"})
    requester = await door("requester")
    name = f"model {uuid.uuid4().hex[:6]}.pdf"
    made = await begin(requester, REQUISITION, paper["id"], name, BYTES)

    offset = await sent(instance, made["id"], 0, BYTES // 3)
    await cut_in_mid_piece(requester, made["id"], offset)

    async def stands() -> int:
        return int((await requester.get(f"{PATH}/{made['id']}"))["receivedBytes"])

    assert await stands() >= offset
    offset = await sent(instance, made["id"], await stands(), 2 * BYTES // 3)
    host = "services" if "services" in instance.hosts else "documents"
    await asyncio.to_thread(instance.kill, host)
    await asyncio.to_thread(instance.start, host)

    offset = await sent(instance, made["id"], await eventually(stands, seconds=30), BYTES)
    assert offset == BYTES

    file = await finish(requester, made["id"], digest(whole()))
    assert file["state"] == "READY", file["refusal"]
    wrong, count = await wrong_bytes(requester, made["id"], whole())
    record_property("wrong", wrong)
    record_property("bytes", count)
    assert (wrong, count) == (0, BYTES)
    assert await orphans(instance) == []
    # the file is on the disk; nobody held it
    assert resident(instance.pid(host)) < MOST_MIB
    assert resident(instance.pid("gateway")) < MOST_MIB
