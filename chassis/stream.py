"""The way to the event server; the one stream and its durable consumers, made again by whoever finds them gone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import nats
import nats.js.api
import nats.js.errors
from nats.aio.client import Client

from chassis.outbox import STREAM
from chassis.tls import Tls, name_of

if TYPE_CHECKING:
    from chassis.service import Service


async def connect(url: str, name: str, tls: Tls | None = None, **options: Any) -> Client:
    """A connection that comes back by itself; answers arrive at an address that only `name` may listen to."""
    # what a server that was away for a moment brings back is felt at once by whoever waits for an event
    usual: dict[str, Any] = {"connect_timeout": 5, "max_reconnect_attempts": -1, "reconnect_time_wait": 0.25}
    if tls is not None:
        # first the handshake: a server that greets in clear is never told the password
        usual |= {"tls": tls.context(), "tls_hostname": name_of("nats"), "tls_handshake_first": True}
    return await nats.connect(url, name=name, inbox_prefix=f"_INBOX_{name}", **(usual | options))


async def ensure_stream(stream: Any) -> None:
    """Make the stream where it is not there, on as many servers as HEYI_STREAM_REPLICAS says. Full, it refuses rather
    than forgets.
    """
    config = nats.js.api.StreamConfig(
        name=STREAM,
        subjects=["evt.>"],
        storage=nats.js.api.StorageType.FILE,
        retention=nats.js.api.RetentionPolicy.LIMITS,
        discard=nats.js.api.DiscardPolicy.NEW,
        max_age=14 * 24 * 3600,
        max_bytes=8 * 1024**3,
        max_msg_size=4 * 1024 * 1024,
        duplicate_window=600,
        deny_delete=True,
        deny_purge=True,
        num_replicas=int(os.environ.get("HEYI_STREAM_REPLICAS") or 1),
    )
    try:
        await stream.stream_info(STREAM)
    except nats.js.errors.NotFoundError:
        await stream.add_stream(config)


async def ensure_consumer(stream: Any, service: Service) -> None:
    """The service's durable consumer, with the subjects that it reacts to."""
    if service.reactions:
        await stream.add_consumer(
            STREAM,
            nats.js.api.ConsumerConfig(
                durable_name=service.name,
                filter_subjects=sorted(service.reactions),
                ack_policy=nats.js.api.AckPolicy.EXPLICIT,
                deliver_policy=nats.js.api.DeliverPolicy.ALL,
                ack_wait=30,
                max_deliver=-1,
                max_ack_pending=256,
            ),
        )
