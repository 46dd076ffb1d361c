"""What goes on beside the calls ends when it is told to, even where the first word of it gets lost."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from chassis import inbox, server


class ForgetfulLine:
    """A connection whose wait for a message forgets a cancellation: what `wait_for` of Python 3.11 can do."""

    def __init__(self) -> None:
        self.waited = asyncio.Event()
        self.left = False

    def new_inbox(self) -> str:
        return "_INBOX.1"

    async def subscribe(self, _: str) -> ForgetfulLine:
        return self

    async def publish(self, *_: Any, **__: Any) -> None:
        """Messages are asked for; none comes."""

    @property
    def pending_msgs(self) -> int:
        return 0

    async def next_msg(self, **_: Any) -> Any:
        self.waited.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return SimpleNamespace(headers={"Status": "100"})

    async def unsubscribe(self) -> None:
        self.left = True


async def test_a_consumer_that_is_told_to_leave_leaves() -> None:
    line, runtime = ForgetfulLine(), SimpleNamespace(service=SimpleNamespace(name="inventory"))
    consumer = inbox.Consumer(runtime, line)  # type: ignore[arg-type]
    work = asyncio.create_task(consumer.run())
    await line.waited.wait()
    consumer.leaving = True
    work.cancel()
    await asyncio.wait_for(work, 5)
    assert line.left


async def test_a_task_that_forgets_to_end_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "AGAIN_SECONDS", 0.01)
    line, forgotten = ForgetfulLine(), []

    async def work() -> None:
        for time in ("first", "second"):
            await line.next_msg()
            forgotten.append(time)
        await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await line.waited.wait()
    await server._end([task])
    assert task.cancelled()
    assert forgotten == ["first", "second"]
