"""How calls to the outside are signed, when they are tried again, and when a webhook pauses.

`Heyi-Signature: t=1767225600,v1=<hex>`: HMAC-SHA256 with the webhook's secret over `<t>.<body>`. While a new secret
overlaps the old one, `v1` stands there twice. Receivers refuse what is older than five minutes.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import secrets
from collections.abc import Sequence

TRANSITIONS = {
    **{(state, action): state for state in ("ACTIVE", "INACTIVE", "PAUSED") for action in ("update", "rotate")},
    **{(state, "activate"): "ACTIVE" for state in ("INACTIVE", "PAUSED")},
    **{(state, "deactivate"): "INACTIVE" for state in ("ACTIVE", "PAUSED")},
    **{("ACTIVE", action): "ACTIVE" for action in ("test", "replay")},
}
OVERLAP = datetime.timedelta(days=1)
GIVE_UP, PAUSE_AFTER = datetime.timedelta(days=3), datetime.timedelta(days=1)
DELAYS_SECONDS = (2, 10, 60, 300, 1800, 3600)


def new_secret() -> str:
    """256 bits; the first letters say what it is to who finds it in a log."""
    return f"hys_{secrets.token_urlsafe(32)}"


def signature(keys: Sequence[str], at: datetime.datetime, body: bytes) -> str:
    """The header of a call, by every secret that counts."""
    stamp = str(int(at.timestamp()))
    signed = [hmac.new(key.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest() for key in keys]
    return ",".join([f"t={stamp}", *(f"v1={one}" for one in signed)])


def keys(key: str, previous: str | None, until: datetime.datetime | None, now: datetime.datetime) -> list[str]:
    """The secrets that sign now, the newest first."""
    return [key, previous] if previous and until is not None and now < until else [key]


def taken(status: int) -> bool:
    return 200 <= status <= 299


def next_try(attempts: int, since: datetime.datetime, now: datetime.datetime) -> datetime.datetime | None:
    """When what was not taken is tried again; None where it is given up."""
    if now - since >= GIVE_UP:
        return None
    return now + datetime.timedelta(seconds=DELAYS_SECONDS[min(max(attempts, 1), len(DELAYS_SECONDS)) - 1])


def pauses(failing_since: datetime.datetime, now: datetime.datetime) -> bool:
    """Whether nothing was taken for so long that it is not tried any more."""
    return now - failing_since >= PAUSE_AFTER
