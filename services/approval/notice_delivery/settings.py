"""Where mails are handed in, and where people open the suite: from the environment, read once at start."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from chassis.settings import Environment

SECURITIES = {"starttls": 587, "tls": 465, "none": 25}


@dataclass(frozen=True)
class MailServer:
    """A server that takes mails (RFC 5321), and as whom they are sent."""

    host: str
    port: int
    security: str
    sender: str
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Settings:
    """No mail server: nothing is sent by mail, and nobody wants to be told by it."""

    mail: MailServer | None = None
    public_url: str = ""


def read(environment: Environment) -> Settings:
    """`HEYI_SMTP_HOST`, `_PORT`, `_SECURITY` (`starttls`, `tls`; `none` on this machine only), `_FROM`, `_USERNAME`,
    `_PASSWORD`; `HEYI_GATEWAY_PUBLIC_URL`. Notes what is wrong and does not raise.
    """
    public_url = environment.get("HEYI_GATEWAY_PUBLIC_URL").rstrip("/")
    if not (host := environment.get("HEYI_SMTP_HOST")):
        return Settings(None, public_url)
    security = environment.get("HEYI_SMTP_SECURITY", "starttls")
    port = environment.get("HEYI_SMTP_PORT", str(SECURITIES.get(security, 587)))
    username, password = environment.get("HEYI_SMTP_USERNAME"), environment.get("HEYI_SMTP_PASSWORD")
    if security not in SECURITIES:
        environment.problems.append("HEYI_SMTP_SECURITY (starttls, tls or none)")
    elif security == "none" and not _here(host):
        environment.problems.append("HEYI_SMTP_SECURITY (none: only for a server on this machine)")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        environment.problems.append("HEYI_SMTP_PORT (a number)")
        port = "0"
    if bool(username) != bool(password):
        environment.problems.append("HEYI_SMTP_USERNAME and HEYI_SMTP_PASSWORD (both or none)")
    if not public_url:
        environment.problems.append("HEYI_GATEWAY_PUBLIC_URL (mails link to it)")
    sender = environment.need("HEYI_SMTP_FROM")
    if sender and ("@" not in sender or not sender.isprintable()):
        environment.problems.append("HEYI_SMTP_FROM (an e-mail address)")
    return Settings(MailServer(host, int(port), security, sender, username, password), public_url)


def _here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
