"""How much a person may keep: enough for every list of the suite, too little to be a store of anything else."""

from __future__ import annotations

from chassis.errors import Refused

LARGEST_BYTES = 16_384
MOST = 300


def check(*, length: int, others: int) -> None:
    """Refuse a preference that is too large, and one too many."""
    if length > LARGEST_BYTES:
        raise Refused("PREFERENCE_TOO_LARGE", field="value", length=length, limit=LARGEST_BYTES)
    if others >= MOST:
        raise Refused("PREFERENCE_TOO_MANY", limit=MOST)
