"""A wire that can be cut: a TCP proxy in front of the gateway.

`cut` says what happens to a request while it is set: `before_request` closes the connection before the gateway hears
of it, `before_reply` when the gateway has answered and the client has not heard it.
"""

from __future__ import annotations

import asyncio
import random


class Proxy:
    """Forwards to a port of this machine."""

    def __init__(self, target: int, chance: random.Random) -> None:
        self.target, self.chance = target, chance
        self.cut, self.cuts = "", 0
        self.server: asyncio.Server | None = None

    async def open(self) -> str:
        """Listen; returns the address."""
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Listen no more."""
        if self.server is not None:
            self.server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, forth = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(
            self._pump(reader, forth, "before_request", writer), self._pump(there, writer, "before_reply", forth)
        )

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: str, other: asyncio.StreamWriter
    ) -> None:
        try:
            while data := await reader.read(65536):
                if self.cut == place and self.chance.random() < 0.5:
                    self.cuts += 1
                    break
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # the other end is gone, and with it this connection: that is what a wire does
        finally:
            writer.close()
            other.close()
