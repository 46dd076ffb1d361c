"""Files brought in without a window, as a program does: piece after piece, whatever breaks meanwhile."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import httpx2
from api import Session

from chassis.testing import eventually

PATH = "/v1/documents/attachments"
PIECE_BYTES = 4 * 1024 * 1024


async def begin(session: Session, document_type: str, document_id: str, name: str, size: int, **more: Any) -> Any:
    """An upload that was begun."""
    body = {"documentType": document_type, "documentId": document_id, "name": name, "sizeBytes": size, **more}
    return await session.call("POST", PATH, body)


async def piece(session: Session, key: str, offset: int, data: bytes) -> Any:
    """One request with bytes; the answer as it is."""
    headers = {"x-csrf": "1", "origin": session.address, "content-type": "application/octet-stream"}
    address = f"{session.address}{PATH}/{key}/content?offset={offset}"
    return await session._send("POST", address, content=data, headers=headers)


async def finish(session: Session, key: str, sha256: str) -> Any:
    """All of it has come; the file once its check is over."""
    await session.call("POST", f"{PATH}/{key}:finish", {"sha256": sha256})

    async def checked() -> Any:
        found = await session.get(f"{PATH}/{key}")
        assert found["state"] != "CHECKING"
        return found

    return await eventually(checked, seconds=120)


async def attach(session: Session, document_type: str, document_id: str, name: str, data: bytes, **more: Any) -> Any:
    """A whole file, checked."""
    made = await begin(session, document_type, document_id, name, len(data), **more)
    for offset in range(0, len(data), PIECE_BYTES):
        answer = await piece(session, made["id"], offset, data[offset : offset + PIECE_BYTES])
        assert answer.status_code == 200, answer.text
    return await finish(session, made["id"], hashlib.sha256(data).hexdigest())


async def download(session: Session, key: str, **query: str) -> Any:
    """The answer with a file, its bytes read."""
    return await session._send("GET", f"{session.address}{PATH}/{key}:download", params=query)


def block(number: int, size: int) -> bytes:
    """One block of a file of which no two are alike, the same in every run; the first begins as a PDF does."""
    seed = hashlib.sha256(str(number).encode()).digest()
    data = (seed * (size // 32 + 1))[:size]
    return b"%PDF-1.7\n" + data[9:] if number == 0 else data


def digest(parts: Iterable[bytes]) -> str:
    """SHA-256 of all of them."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()


async def wrong_bytes(session: Session, key: str, expected: Iterator[bytes]) -> tuple[int, int]:
    """Download a file as it comes: how many bytes are not as expected, missing ones too, and how many came."""
    wrong = count = 0
    waiting = bytearray()
    address, headers = f"{session.address}{PATH}/{key}:download", {"cookie": session.cookie}
    async with (
        httpx2.AsyncClient(timeout=60, verify=session.verify, trust_env=False) as client,
        client.stream("GET", address, headers=headers) as answer,
    ):
        answer.raise_for_status()
        block = next(expected, b"")
        async for part in answer.aiter_bytes():
            count += len(part)
            waiting += part
            while block and len(waiting) >= len(block):
                wrong += _differences(bytes(waiting[: len(block)]), block)
                del waiting[: len(block)]
                block = next(expected, b"")
    return wrong + len(waiting) + sum(map(len, (block, *expected))), count


def _differences(one: bytes, other: bytes) -> int:
    return 0 if one == other else sum(a != b for a, b in zip(one, other, strict=True))
