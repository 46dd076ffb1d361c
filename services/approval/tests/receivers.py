"""Receivers of the outside world: a real SMTP server and a chat that takes robots' messages, both on this machine."""

from __future__ import annotations

import email
import email.policy
import json
import threading
from collections.abc import Callable
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


class Mailbox:
    """Takes every mail, and says what the test wants. `down()` closes the port as a server that is stopped."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.sources: list[bytes] = []
        self.say: Callable[[EmailMessage], str] = lambda mail: "250 taken"
        # the mail is kept, and its acknowledgement lost
        self.hang_up = 0
        self._controller: Controller | None = None
        self.port = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail: EmailMessage = email.message_from_bytes(envelope.content, policy=email.policy.SMTP)  # type: ignore[assignment]
        answer = self.say(mail)
        if answer.startswith("250"):
            self.mails.append(mail)
            self.sources.append(envelope.content)
        if self.hang_up:
            self.hang_up -= 1
            server.transport.abort()
        return answer

    def up(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port or _free_port())
        self._controller.start()
        self.port = self._controller.port

    def down(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None


class Chat:
    """Takes what robots say; `status` and `reply` may differ from message to message."""

    def __init__(self, port: int = 0) -> None:
        self.heard: list[dict[str, Any]] = []
        self.taken: list[dict[str, Any]] = []
        self.answer: Callable[[int], tuple[int, str]] = lambda number: (200, '{"errcode": 0, "errmsg": "ok"}')
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                said, headers = json.loads(raw), {name.lower(): value for name, value in self.headers.items()}
                chat.heard.append(
                    {"path": self.path, "host": headers["host"], "body": said, "raw": raw, "headers": headers}
                )
                status, text = chat.answer(len(chat.heard))
                if status == 200 and json.loads(text)["errcode"] == 0:
                    chat.taken.append(said)
                if status == 0:
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(status)
                self.send_header("content-length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: Any) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def lines(self) -> list[str]:
        """What stands in the messages that were taken, line by line."""
        texts = [said["markdown"].get("content") or said["markdown"]["text"] for said in self.taken]
        return [line for text in texts for line in text.split("\n") if line.startswith("- ")]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
