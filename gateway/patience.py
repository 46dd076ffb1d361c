"""HTTP connections that keep the gateway waiting, send headers without end, or do not say goodbye are cut off.

The server below has a limit for neither: one client could hold every connection with a request line, or all of the
memory with one header. What a body may take is bounded in `limits`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS = 10.0
HEADER_BYTES = 32 * 1024
GOODBYE_SECONDS = 1.0
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Impatient(HttpToolsProtocol):
    """One connection: each request's headers are complete within ten seconds and 32 KiB."""

    _late: asyncio.TimerHandle | None = None
    _received = 0
    _spent = 0

    def connection_made(self, transport: Any) -> None:
        """The first request is waited for from here."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The process stops. TLS would wait 30 s for the other side's goodbye, and who keeps connections gives none."""
        super().shutdown()
        if self.transport.is_closing():
            self._part()

    def _part(self) -> None:
        if self.transport.get_write_buffer_size() == 0:
            self.loop.call_later(GOODBYE_SECONDS, self.transport.abort)
        else:
            self.loop.call_later(GOODBYE_SECONDS, self._part)

    def data_received(self, data: bytes) -> None:
        """Count what comes until the headers are complete."""
        self._received += len(data)
        super().data_received(data)
        if self._late is not None and self._received - self._spent > HEADER_BYTES and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins: its headers are waited for and counted from here."""
        super().on_message_begin()
        self._spent = self._received
        self._wait()

    def on_headers_complete(self) -> None:
        """The headers are there, whatever the body takes."""
        self._stop_waiting()
        super().on_headers_complete()

    def _wait(self) -> None:
        self._stop_waiting()
        self._late = self.loop.call_later(HEADER_SECONDS, self.timeout_keep_alive_handler)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
