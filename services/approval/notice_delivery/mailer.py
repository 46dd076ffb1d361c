"""Hands mails to the mail server, over one connection for several. A server that cannot be asked is `Unreachable`;
anything else is the outcome of one mail.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from email.message import EmailMessage

import aiosmtplib

from approval.notice_delivery.rules import Outcome
from approval.notice_delivery.settings import MailServer

SECONDS = 20.0
# the server is about to stop, or has too much to do
BUSY = {421, 450, 451, 452}


class Unreachable(Exception):
    """No mail can be handed in at the moment, whoever it is for."""


class Connection:
    """One conversation with the server."""

    def __init__(self, smtp: aiosmtplib.SMTP, sender: str) -> None:
        self._smtp, self._sender = smtp, sender

    async def send(self, letter: EmailMessage, email: str) -> Outcome:
        """Hand in one mail. Raises Unreachable where the server went away before anything was handed in."""
        try:
            await self._smtp.mail(self._sender)
            await self._smtp.rcpt(email)
        except aiosmtplib.SMTPResponseException as problem:
            await self._again()
            return _refused(problem)
        except (aiosmtplib.SMTPException, OSError) as problem:
            raise Unreachable(_said(problem)) from None
        try:
            answer = await self._smtp.data(letter.as_bytes())
        except aiosmtplib.SMTPResponseException as problem:
            await self._again()
            return _refused(problem)
        except (aiosmtplib.SMTPException, OSError) as problem:
            # the whole mail may have arrived before its acknowledgement was lost
            return Outcome("DOUBT", _said(problem))
        return Outcome("TAKEN", f"{answer.code} {answer.message}"[:500])

    @property
    def usable(self) -> bool:
        """Whether the conversation can go on."""
        return self._smtp.is_connected

    async def _again(self) -> None:
        """The next mail begins anew."""
        try:
            await self._smtp.rset()
        except (aiosmtplib.SMTPException, OSError) as problem:
            self._smtp.close()
            del problem


@contextlib.asynccontextmanager
async def conversation(server: MailServer) -> AsyncIterator[Connection]:
    """A connection, greeted, encrypted and signed in. Raises Unreachable."""
    smtp = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.security == "tls",
        start_tls=server.security == "starttls",
        timeout=SECONDS,
    )
    try:
        await smtp.connect()
        if server.username:
            await smtp.login(server.username, server.password)
    except (aiosmtplib.SMTPException, OSError) as problem:
        smtp.close()
        raise Unreachable(_said(problem)) from None
    try:
        yield Connection(smtp, server.sender)
    finally:
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            await smtp.quit()
        smtp.close()


def _refused(problem: aiosmtplib.SMTPResponseException) -> Outcome:
    """By its code: 4xx may work later, 5xx never will (RFC 5321, 4.2.1)."""
    text = f"{problem.code} {problem.message}"[:500]
    return Outcome("LATER" if 400 <= problem.code < 500 else "REFUSED", text, 60.0 if problem.code in BUSY else 0.0)


def _said(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem}"[:200]
