"""Where a page of a trail ended, as every service and the door understand it: entries of several services in one order.

The order is total: newest first, by instant and then by id, which no two services share. So one token serves all of
them, and a page that was put together from several is gone on with in each.
"""

from __future__ import annotations

import datetime
import uuid

from chassis.errors import Refused


def token_of(at: datetime.datetime, key: uuid.UUID | str) -> str:
    """Behind this entry."""
    return f"{at.astimezone(datetime.UTC).isoformat(timespec='microseconds')}_{key}"


def place_of(token: str) -> tuple[datetime.datetime, uuid.UUID]:
    """The last entry of the page before. Refuses with PAGE_TOKEN what is none."""
    instant, _, key = token.partition("_")
    try:
        at = datetime.datetime.fromisoformat(instant)
        if at.tzinfo is None:
            raise ValueError
        return at, uuid.UUID(key)
    except ValueError:
        raise Refused("PAGE_TOKEN") from None
