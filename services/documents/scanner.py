"""ClamAV's daemon, asked over TCP whether a file holds something malicious: `INSTREAM`, as clamd(8) describes it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

PART_BYTES = 256 * 1024
# until the daemon has read the whole file and answered
SECONDS = 600.0
_FOUND = re.compile(r"stream: (?P<signature>.+) FOUND")


class ScannerAway(OSError):
    """The daemon does not answer, or says something that is no answer: asked again later."""


async def scan(address: str, path: Path) -> str | None:
    """The name of what was found; "" where nothing was; None where the file is larger than the daemon takes.

    `address`: `host:port`. Raises ScannerAway.
    """
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(SECONDS):
            answer = await _ask(host, int(port), path)
    except (OSError, TimeoutError) as problem:
        raise ScannerAway(f"clamd at {address}: {problem!r}") from problem
    if answer == "stream: OK":
        return ""
    if found := _FOUND.fullmatch(answer):
        return found["signature"]
    if "size limit exceeded" in answer:
        return None
    raise ScannerAway(f"clamd at {address} says {answer[:200]!r}")


async def _ask(host: str, port: int, path: Path) -> str:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"zINSTREAM\0")
        file = await asyncio.to_thread(path.open, "rb")
        try:
            while part := await asyncio.to_thread(file.read, PART_BYTES):
                writer.write(len(part).to_bytes(4, "big") + part)
                await writer.drain()
            writer.write(bytes(4))
            await writer.drain()
        except ConnectionError:
            # it has read enough and said why: that is still to be read
            pass
        finally:
            file.close()
        return (await reader.readuntil(b"\0")).rstrip(b"\0").decode("utf-8", "replace").strip()
    except asyncio.IncompleteReadError as problem:
        raise ScannerAway("it hung up") from problem
    finally:
        writer.close()
