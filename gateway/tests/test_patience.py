"""Connections that nobody ends."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import uvicorn

from gateway.patience import Impatient
from infra.local import certificates


async def answer(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def test_a_stop_does_not_wait_for_a_goodbye_over_tls(tmp_path: Path) -> None:
    """Whoever keeps a connection for the next question, as Keycloak does, does not answer when it is taken leave of."""
    certificates.prepare(tmp_path, ["gateway"], datetime.datetime.now(datetime.UTC))
    files = {"ssl_certfile": tmp_path / "gateway.pem", "ssl_keyfile": tmp_path / "gateway.key.pem"}
    config = uvicorn.Config(answer, http=Impatient, lifespan="off", log_config=None, **files)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        serving = asyncio.create_task(server.serve([listening]))

        def keep() -> ssl.SSLSocket:
            context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
            kept = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="127.0.0.1")
            kept.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert kept.recv(12) == b"HTTP/1.1 204"
            return kept

        with await asyncio.to_thread(keep):
            began = time.monotonic()
            server.should_exit = True
            await serving
    assert time.monotonic() - began < 5
