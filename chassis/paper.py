"""HTML on paper: a PDF of a page that holds everything it shows.

Made by a process of its own for each page (`chassis/printing.py`):
the layout engine is large and busy, and a service that answers calls should be neither. It takes seconds, so a handler
answers with the `Sheet`, and the runtime prints it once the handler's transaction is over.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass

from google.api import httpbody_pb2

from chassis.errors import Refused

AT_ONCE = asyncio.Semaphore(2)
SECONDS = 9


@dataclass(frozen=True)
class Sheet:
    """What a method that only reads answers with, for the caller to get it as a PDF of this name."""

    name: str
    html: str

    async def printed(self) -> httpbody_pb2.HttpBody:
        """The reply. Raises SERVICE_UNAVAILABLE as `pdf` does."""
        return httpbody_pb2.HttpBody(content_type=f'application/pdf; name="{self.name}"', data=await pdf(self.html))


async def pdf(html: str) -> bytes:
    """The PDF of a page. Raises SERVICE_UNAVAILABLE after `SECONDS`."""
    async with AT_ONCE:
        try:
            # a thread waits for it: the loop's own pipes to children were seen closing under gRPC's threads
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-m", "chassis.printing"],
                input=html.encode(),
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Refused("SERVICE_UNAVAILABLE", service="print") from None
    if done.returncode != 0:
        raise RuntimeError(f"the print process failed: {done.stderr.decode(errors='replace')[-500:]}")
    return done.stdout
