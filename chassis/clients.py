"""Questions to other services: one channel per target, always with a deadline, as this service's own account.

The employee for whom the question is asked travels along, so that the other's audit names a person. What only reads can
be asked with the caller's own token: the answer is what the caller may see.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import httpx2
from grpc_status import rpc_status

from chassis import contract, errors, telemetry
from chassis.errors import Refused
from chassis.tls import Tls, channel

if TYPE_CHECKING:
    from chassis.call import Call

DEADLINE_SECONDS = 3.0
AT_ONCE = 128
# whoever is called may be replaced by another at another address: it is looked for at once, not after 30 s, the usual,
# and tried again soon
FOLLOWING = [("grpc.dns_min_time_between_resolutions_ms", 1_000), ("grpc.max_reconnect_backoff_ms", 2_000)]
CHANNEL_OPTIONS = [
    # a name with several addresses: calls go to each in turn
    ("grpc.lb_policy_name", "round_robin"),
    *FOLLOWING,
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # the snapshot of a large group is the largest answer: about 750 bytes for each person
    ("grpc.max_receive_message_length", 32 * 1024 * 1024),
    ("grpc.max_send_message_length", 4 * 1024 * 1024),
]


class ServiceTokens:
    """Access tokens of a service's own account, renewed before they end."""

    def __init__(self, issuer: str, client_id: str, client_secret: str, verify: ssl.SSLContext | bool = True) -> None:
        self.url = f"{issuer}/protocol/openid-connect/token"
        self.form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        self.token, self.until, self.verify = "", 0.0, verify
        self.lock = asyncio.Lock()

    async def token_now(self) -> str:
        """A token with at least 20 seconds left. Raises SERVICE_UNAVAILABLE."""
        async with self.lock:
            if time.monotonic() >= self.until:
                try:
                    async with httpx2.AsyncClient(timeout=DEADLINE_SECONDS, verify=self.verify) as client:
                        answer = await client.post(self.url, data=self.form)
                        answer.raise_for_status()
                except httpx2.HTTPError as error:
                    raise Refused("SERVICE_UNAVAILABLE", service="keycloak") from error
                body = answer.json()
                self.token, self.until = body["access_token"], time.monotonic() + body["expires_in"] - 20
            return self.token


class Clients:
    """The other services, by name."""

    def __init__(self, targets: Mapping[str, str], tokens: ServiceTokens | None, tls: Tls | None = None) -> None:
        self.targets, self.tokens, self.tls = dict(targets), tokens, tls
        self.channels: dict[str, grpc.aio.Channel] = {}
        self.places = asyncio.Semaphore(AT_ONCE)

    async def ask(
        self,
        target: str,
        method: str,
        request: contract.Message,
        call: Call | None = None,
        *,
        as_caller: bool = False,
    ) -> Any:
        """One question, of this service's own account or, `as_caller`, of whoever called. Raises what the other
        refused, or SERVICE_UNAVAILABLE.
        """
        asked = contract.load().methods[method]
        if as_caller:
            assert call is not None
            assert asked.read_only, "only the gateway lets people change something"
            token = call.token
        else:
            token = await self.tokens.token_now() if self.tokens else ""
        metadata = [("authorization", f"Bearer {token}"), ("traceparent", telemetry.traceparent())]
        if call is not None:
            metadata += [("heyi-company", str(call.company_id)), ("heyi-locale", call.locale)]
            metadata += [("heyi-caused-by", str(call.actor.person))] if call.actor.person else []
            if asked.policy.idempotency_key:
                # a question is never stored for the asker: each has a key of its own
                metadata.append(("idempotency-key", f"ask-{id(request)}-{time.monotonic_ns()}"))
        unary = self._channel(target).unary_unary(
            f"/{method}",
            request_serializer=asked.request.SerializeToString,
            response_deserializer=asked.reply.FromString,
        )
        async with self.places:
            try:
                return await unary(request, timeout=DEADLINE_SECONDS, metadata=metadata)
            except grpc.aio.AioRpcError as error:
                status = rpc_status.from_call(error)
                if status is not None and (refusal := errors.from_status(status)) is not None:
                    raise refusal from error
                raise Refused("SERVICE_UNAVAILABLE", service=target) from error

    def _channel(self, target: str) -> grpc.aio.Channel:
        if target not in self.channels:
            self.channels[target] = channel(target, self.targets[target], CHANNEL_OPTIONS, self.tls)
        return self.channels[target]

    async def close(self) -> None:
        """Hang up."""
        await asyncio.gather(*(channel.close() for channel in self.channels.values()))
