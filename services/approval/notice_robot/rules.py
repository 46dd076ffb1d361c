"""What a robot of a group chat is told, and in which form: 企业微信 and 钉钉 take JSON at an address that holds a key.

A group has readers of whom nothing is known. So a line says whom it is for, what kind of notice it is, and the type and
number of the document: nothing that was typed into it, no title, no amount. Its link opens for whom it is meant, once
signed in. Forms and codes: 企业微信 "群机器人配置说明" (20 messages a minute, markdown up to 4,096 bytes, `errcode`),
钉钉 "自定义机器人" (20 messages a minute, `timestamp` and `sign` = Base64(HMAC-SHA256(secret, timestamp LF secret))).
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from chassis.egress import Answer
from chassis.organisation import Organisation, Person

TRANSITIONS = {
    ("ACTIVE", "update"): "ACTIVE",
    ("ACTIVE", "set_address"): "ACTIVE",
    ("ACTIVE", "test"): "ACTIVE",
    ("ACTIVE", "deactivate"): "INACTIVE",
    ("INACTIVE", "update"): "INACTIVE",
    ("INACTIVE", "set_address"): "INACTIVE",
    ("INACTIVE", "activate"): "ACTIVE",
}
# both chats take 20 messages a minute
SECONDS_APART = 3.0
BUSY_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 300.0
LONGEST_BYTES = 4096
# so many lines of at most so many characters stay below the limit, whatever they hold
LINES, LONGEST_WORD = 8, 40
# 企业微信: too many calls; 钉钉: too fast, throttled
BUSY = {45009, 45033, 130101, 410100}
# the chat's own trouble
PASSING = {-1}
# what markdown and mentions are made of becomes its full-width form, which looks alike and does nothing
_HARMLESS = {ord(sign): ord(sign) + 0xFEE0 for sign in "\\`*_{}[]()<>#+!|~@&"}


@dataclass(frozen=True)
class Said:
    """What the chat's answer means: `TAKEN`, `LATER` (try again after so many seconds, 0 for the usual pause) or
    `REFUSED` for good.
    """

    verdict: str
    text: str
    seconds: float = 0.0


def serves(
    company_id: uuid.UUID, department_id: uuid.UUID | None, person: Person, notice_company_id: uuid.UUID,
    organisation: Organisation,
) -> bool:  # fmt: skip
    """Whether a robot tells what concerns somebody: in its company, of its department or one below, by any post."""
    if company_id != notice_company_id:
        return False
    if department_id is None:
        return True
    below = organisation.below(department_id)
    return any(where in below for where, _ in person.posts if where is not None)


def word(text: str) -> str:
    """A word of a line: one line, not long, nothing that a chat reads as more than text."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    cut = " ".join(plain.split())
    return (cut if len(cut) <= LONGEST_WORD else cut[: LONGEST_WORD - 1] + "…").translate(_HARMLESS)


def body(product: str, title: str, lines: Sequence[str]) -> dict[str, Any]:
    """The message as the chat takes it."""
    text = "\n".join([f"**{title}**", *(f"- {line}" for line in lines)])
    if product == "DINGTALK":
        return {"msgtype": "markdown", "markdown": {"title": title, "text": text.replace("\n", "\n\n")}}
    return {"msgtype": "markdown", "markdown": {"content": text}}


def signed(product: str, address: str, secret: str, at: datetime.datetime) -> str:
    """The address that is asked: DingTalk's carries the time and a signature where the robot has a secret."""
    if product != "DINGTALK" or not secret:
        return address
    timestamp = str(round(at.timestamp() * 1000))
    digest = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()
    signature = urlencode({"timestamp": timestamp, "sign": base64.b64encode(digest).decode()})
    return f"{address}{'&' if urlsplit(address).query else '?'}{signature}"


def said(answer: Answer) -> Said:
    """What an answer means. A chat says by `errcode` in a 200 whether it took the message."""
    text = f"{answer.status} {answer.text}".strip()[:500]
    code = _errcode(answer.text)
    if answer.status == 429 or code in BUSY:
        return Said("LATER", text, BUSY_SECONDS)
    if answer.status >= 500 or code in PASSING:
        return Said("LATER", text)
    return Said("TAKEN" if answer.status == 200 and code == 0 else "REFUSED", text)


def pause_seconds(failures: int) -> float:
    """How long a robot rests after so many messages in a row that were not taken."""
    return min(2.0 ** min(failures, 20), LONGEST_PAUSE_SECONDS)


def shown(address: str) -> str:
    """As much of an address as may be seen: where it leads, and its last four characters."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}/…{address[-4:]}"


def _errcode(text: str) -> int | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    code = found.get("errcode") if isinstance(found, dict) else None
    return code if isinstance(code, int) else None
