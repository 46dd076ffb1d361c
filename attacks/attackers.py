"""What attackers send: bytes on a connection, and what our own page would send."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from api import Session

from infra.local.demo.records import id_of
from infra.local.demo.story import day_in

_FIRST_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) ")


@dataclass
class Answers:
    """What came back on one connection, and whether the other side then closed it."""

    raw: bytes = b""
    closed: bool = False

    @property
    def statuses(self) -> list[int]:
        """The answers in order. Bodies are JSON: the next first line follows one directly."""
        return [int(status) for status in _FIRST_LINE.findall(self.raw)]


async def exchange(address: str, *parts: bytes, seconds: float = 3.0) -> Answers:
    """Send the parts one after the other, then read until it is quiet for `seconds`, or closed."""
    url = urlsplit(address)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    answers = Answers()
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        while data := await asyncio.wait_for(reader.read(65536), seconds):
            answers.raw += data
        answers.closed = True
    except TimeoutError:
        pass
    except ConnectionError:
        answers.closed = True
    finally:
        writer.close()
    return answers


def own(session: Session) -> dict[str, str]:
    """What our own page sends beside the cookie."""
    return {"cookie": session.cookie, "x-csrf": "1", "origin": session.address, "accept-language": "en"}


def described(answer: Any) -> str:
    """An answer for the failure's text."""
    return f"{answer.status_code} {answer.text[:300]}"


def between_two(first: str, second: str, **more: Any) -> dict[str, Any]:
    """A document about two colleagues."""
    people = {first: id_of("identity.employee", "cuihaoran"), second: id_of("identity.employee", "daiyuming")}
    return {**people, "reason": "演练", **more}


# documents of which the attacked company has none
LACKING: dict[str, Callable[[], dict[str, Any]]] = {
    "UpdateDelegation": lambda: between_two("delegator_id", "delegate_id", from_date=day_in(20), until_date=day_in(21)),
    "UpdateReorganisation": lambda: {"title": "演练", "effective_date": day_in(200)},
    "UpdateDeparture": lambda: between_two("employee_id", "successor_id", last_day_date=day_in(300)),
}
