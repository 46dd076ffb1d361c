"""A notice in words: as a mail in the reader's language, as a line in a group chat.

Everything that a person typed is text here and never markup: escaped in HTML, one line in a header. Who may not see the
title of a document now does not read it, whatever stood in the notice when it was made.
"""

from __future__ import annotations

import datetime
import html
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from approval.notice_robot.rules import word
from chassis import contract
from chassis.labels import Labels, fill, load

LONGEST_SUBJECT = 150
# a mail that holds more says how many there are more
MOST_IN_MAIL = 50
ROBOT = {
    "TURN": "notice.robot_turn",
    "COPY": "notice.robot_copy",
    "MENTION": "notice.robot_mention",
    "URGE": "notice.robot_urge",
    "OUTCOME": "notice.robot_outcome",
    "PROGRESS": "notice.robot_progress",
    "TEST": "notice.robot_test",
}


@dataclass(frozen=True)
class Told:
    """One notice as it is told."""

    notice_id: uuid.UUID
    company_id: uuid.UUID
    kind: str
    text_key: str
    facts: Mapping[str, str] = field(default_factory=dict)
    document_type: str = ""
    document_number: str = ""


def sentence(told: Told, words: Labels) -> str:
    """What the page says of it, in one line."""
    known = {"number": told.document_number, **{name: str(value) for name, value in told.facts.items()}}
    return one_line(fill(message(words, told.text_key), known))


def mail(
    tolds: Sequence[Told], *, locale: str, name: str, email: str, sender: str, message_id: uuid.UUID,
    public_url: str, at: datetime.datetime,
) -> EmailMessage:  # fmt: skip
    """One mail about one notice or several. Raises ValueError for an address that none can be sent to."""
    words = load(locale)
    lines = [(sentence(told, words), link(public_url, told)) for told in tolds[:MOST_IN_MAIL]]
    more = len(tolds) - len(lines)
    count = {"count": str(len(tolds))}
    several = fill(message(words, "notice.mail_several"), count)
    greeting = fill(message(words, "notice.mail_greeting"), {"name": one_line(name)})
    rest = [fill(message(words, "notice.mail_more"), {"count": str(more)})] if more else []
    footer, opening = message(words, "notice.mail_footer"), message(words, "notice.mail_open")
    letter = EmailMessage(policy=SMTP)
    subject = lines[0][0] if len(tolds) == 1 else several
    letter["Subject"] = subject if len(subject) <= LONGEST_SUBJECT else subject[: LONGEST_SUBJECT - 1] + "…"
    letter["From"] = Address("Heyi 合一", addr_spec=sender)
    letter["To"] = Address(one_line(name), addr_spec=email)
    letter["Date"] = at
    letter["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2]}>"
    letter["Auto-Submitted"] = "auto-generated"
    plain = [greeting, "", *(part for text, where in lines for part in (text, where, "")), *rest, footer]
    letter.set_content("\n".join(plain))
    items = "".join(
        f'<p>{html.escape(text)}<br><a href="{html.escape(where)}">{html.escape(opening)}</a></p>'
        for text, where in lines
    )
    tail = "".join(f"<p>{html.escape(text)}</p>" for text in rest)
    letter.add_alternative(
        f'<!doctype html><html lang="{words.locale}"><meta charset="utf-8"><title>{html.escape(subject)}</title>'
        f"<body><p>{html.escape(greeting)}</p>{items}{tail}<p><small>{html.escape(footer)}</small></p></body></html>",
        subtype="html",
    )
    return letter


def chat_title(locale: str, count: int) -> str:
    """The first line of a message in a group chat. It holds the word 合一, by which 钉钉 can let messages pass."""
    return fill(message(load(locale), "notice.robot_title"), {"count": str(count)})


def chat_line(told: Told, *, locale: str, name: str, public_url: str) -> str:
    """Whom it is for, what kind it is, and of which document: nothing that a stranger may not know."""
    words = load(locale)
    service, _, document = told.document_type.partition(".")
    kind = contract.load().documents.get(told.document_type)
    title = words.document(service, kind.message.DESCRIPTOR.name) if kind is not None else document
    facts = {"name": word(name), "document": word(title), "number": word(told.document_number)}
    text = fill(message(words, ROBOT[told.kind]), facts)
    return f"{text} [{message(words, 'notice.mail_open')}]({link(public_url, told)})"


def link(public_url: str, told: Told) -> str:
    """Where the notice opens, for its reader alone and once signed in."""
    return f"{public_url}/approval/notices/{told.notice_id}?company={told.company_id}"


def message(words: Labels, key: str) -> str:
    """A sentence of the catalogue."""
    return str(words.find("messages", "approval", key) or key)


def one_line(text: Any) -> str:
    """A text without anything that ends a line or cannot be seen."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in str(text)).split())
