"""When a sealed account opens and closes. It never stays open by itself."""

from __future__ import annotations

import datetime
import secrets

TRANSITIONS = {("REQUESTED", "open"): "OPEN", ("REQUESTED", "close"): "CLOSED", ("OPEN", "close"): "CLOSED"}
# long enough to let somebody in again, too short to work with
MINUTES, LONGEST_MINUTES = 60, 240
# one that nobody opened within this time, as the service was down, is not opened when it comes back
REQUESTED_WITHIN = datetime.timedelta(minutes=5)
SHORTEST_REASON, LONGEST_REASON = 10, 500


def check(reason: str, minutes: int) -> str:
    """What is wrong with a request, in plain words; empty where nothing is."""
    if not SHORTEST_REASON <= len(reason.strip()) <= LONGEST_REASON:
        return f"Say why the usual administrators cannot do it, in {SHORTEST_REASON} to {LONGEST_REASON} characters."
    if not 1 <= minutes <= LONGEST_MINUTES:
        return f"It is opened for 1 to {LONGEST_MINUTES} minutes."
    return ""


def password() -> str:
    """For one sign-in: 100 bits that can be read out on the telephone."""
    return "-".join(secrets.token_hex(3)[:5] for _ in range(5))


def due(state: str, *, asked_at: datetime.datetime, until: datetime.datetime | None, now: datetime.datetime) -> str:
    """What has to be done with an emergency now: `open`, `close` or nothing."""
    if state == "REQUESTED":
        return "open" if now < asked_at + REQUESTED_WITHIN else "close"
    if state == "OPEN":
        return "close" if until is None or until <= now else ""
    return ""
