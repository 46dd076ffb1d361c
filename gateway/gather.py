"""One list out of those of all services: asked at once, put together by time, gone on with by one token.

The contract says which lists that is: the platform's, whose reply has room for the services that did not answer. Each
row has an instant and an id, and their order is the same everywhere (`chassis.gathering`), so the first rows of all are
among the first of each.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from chassis import gathering, telemetry
from chassis.contract import Message, Method
from chassis.errors import UNAVAILABLE, Refused
from chassis.query import page_size
from gateway.routes import PLATFORM, list_field

log = telemetry.logger("gateway.gather")

# the name that stands for every service in an address
EVERY = "all"
UNANSWERED = "unanswered_services"
AT_ONCE = 16

Ask = Callable[[str, Message], Awaitable[Any]]


class Gather:
    """Asks every service the same."""

    def __init__(self, services: Iterable[str]) -> None:
        self._services = sorted(services)
        self._slots = asyncio.Semaphore(AT_ONCE)

    @staticmethod
    def fits(method: Method) -> bool:
        """Whether the contract lets a list be asked of all services."""
        return method.service == PLATFORM and UNANSWERED in method.reply.DESCRIPTOR.fields_by_name

    async def page(self, method: Method, request: Any, ask: Ask) -> Any:
        """The first rows of all. Refuses with what a service refused, and where none of them answered."""

        async def one(service: str) -> Any:
            mine = type(request)()
            mine.CopyFrom(request)
            mine.service = service
            async with self._slots:
                try:
                    return await ask(service, mine)
                except Refused as refusal:
                    if refusal.code != UNAVAILABLE and refusal.reason != "TOO_MANY_REQUESTS":
                        raise
                    log.warning("not_gathered", service=service, method=method.full_name, reason=refusal.reason)
                    return refusal

        answers = await asyncio.gather(*map(one, self._services))
        silent = [name for name, answer in zip(self._services, answers, strict=True) if isinstance(answer, Refused)]
        replies = [answer for answer in answers if not isinstance(answer, Refused)]
        if not replies:
            raise next(answer for answer in answers if isinstance(answer, Refused))
        rows_name = list_field(method.reply.DESCRIPTOR).name
        rows = sorted((row for reply in replies for row in getattr(reply, rows_name)), key=_place, reverse=True)
        size = page_size(request.page_size)
        # what stands beside the rows is the same in every service
        whole: Any = method.reply()
        whole.CopyFrom(replies[0])
        whole.ClearField(rows_name)
        whole.ClearField("next_page_token")
        getattr(whole, rows_name).extend(rows[:size])
        if len(rows) > size or any(reply.next_page_token for reply in replies):
            at, key = _place(rows[size - 1] if len(rows) > size else rows[-1])
            whole.next_page_token = gathering.token_of(at, key)
        getattr(whole, UNANSWERED).extend(silent)
        return whole


def _place(row: Any) -> tuple[datetime.datetime, str]:
    return row.create_time.ToDatetime(datetime.UTC), row.id
