"""What attackers send: bytes on a connection, and what our own page would send."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from api import Session
from attaching import attach

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


def address_of(binding: Any) -> str:
    """The address of a document's own calls; of what every service hosts, as one of them has it."""
    return str(binding.template).replace("{service}", "inventory")


def rows_in(path: str, answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The documents of a list's answer, which are named as its address."""
    rows: list[dict[str, Any]] = answer[re.sub(r"-(\w)", lambda found: found[1].upper(), path.rpartition("/")[2])]
    return rows


def typed_field() -> dict[str, Any]:
    """A field that an administrator adds to units."""
    field = {"key": f"drill_{uuid.uuid4().hex[:8]}", "kind": "TEXT", "label": {"zh-CN": "演练", "en": "Drill"}}
    return {"documentType": "inventory.unit", "field": field}


# documents of which the attacked company has none
LACKING: dict[str, Callable[[], dict[str, Any]]] = {
    "UpdateDelegation": lambda: between_two("delegator_id", "delegate_id", from_date=day_in(20), until_date=day_in(21)),
    "UpdateReorganisation": lambda: {"title": "演练", "effective_date": day_in(200)},
    "UpdateNoticeRobot": lambda: {
        "name": f"演练{uuid.uuid4().hex[:8]}",
        "product": "WECOM",
        "address": "https://chat.example/send?key=k",
        "kinds": ["PROGRESS"],
    },
    "UpdateWebhook": lambda: {
        "name": f"演练{uuid.uuid4().hex[:8]}",
        "address": "https://erp.example/heyi",
        "events": ["APPROVAL_CASE_APPROVED"],
    },
    "UpdateOfficeRequest": lambda: {"formId": id_of("approval.form_definition", "SH/general")},
    "UpdateCustomField": typed_field,
    "UpdateSavedView": lambda: {
        "documentType": FILED["document_type"],
        "name": f"演练{uuid.uuid4().hex[:8]}",
        "query": "q=1",
    },
    "UpdatePrintTemplate": lambda: {
        "documentType": FILED["document_type"],
        "name": f"演练{uuid.uuid4().hex[:8]}",
        "paper": "A4",
    },
    "UpdateDeparture": lambda: between_two("employee_id", "successor_id", last_day_date=day_in(300)),
}


# what is made before it is attacked
MADE = frozenset({*LACKING, "UpdateAttachment"})

# files say what may be done to them where one document's are listed
FILED = {"document_type": "inventory.unit", "document_id": id_of("inventory.unit", "PCS")}
LISTED = {"UpdateAttachment": FILED, "UpdateCustomField": {"filter": f'document_type = "{FILED["document_type"]}"'}}
# what needs a person with a department to be its owner: the requester's
OWNED = frozenset({"UpdateOfficeRequest"})


async def made_for(binding: Any, session: Session, company: str) -> dict[str, Any]:
    """A document that the attacked company lacks."""
    base = address_of(binding).rpartition("/")[0]
    if binding.method.name == "UpdateAttachment":
        return dict(await attach(session, *FILED.values(), "drill.txt", b"drill"))
    made: dict[str, Any] = await session.call("POST", base, LACKING[binding.method.name](), company=company)
    return made
