"""The way to the event server: one for services, their set-up and the gateway."""

from __future__ import annotations

from typing import Any

import nats
from nats.aio.client import Client


async def connect(url: str, name: str, **options: Any) -> Client:
    """A connection that comes back by itself; answers arrive at an address that only `name` may listen to."""
    # what a server that was away for a moment brings back is felt at once by whoever waits for an event
    usual: dict[str, Any] = {"connect_timeout": 5, "max_reconnect_attempts": -1, "reconnect_time_wait": 0.25}
    return await nats.connect(url, name=name, inbox_prefix=f"_INBOX_{name}", **(usual | options))
