"""What other people do meanwhile, without a window: requisitions written, submitted and decided by their sessions."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from screen import REQUISITIONS

from chassis.testing import eventually
from infra.local.demo.door import Door
from infra.local.demo.story import day_in, line_of

OpenDoor = Callable[[str], Awaitable[Door]]
PLACE = "上海浦东示例路 100 号 轴承库"


def title_of(about: str) -> str:
    """A title that no other run has used."""
    return f"{about} {uuid.uuid4().hex[:6]}"


async def written(
    door: OpenDoor, title: str, *lines: Mapping[str, str], by: str = "requester", needed_in: int = 30
) -> dict[str, Any]:
    """A draft of the demo's items (`item`, `quantity`) or in words, as in the demo's story, needed in so many days."""
    session = await door(by)
    body = {
        "title": title,
        "purpose": "按排产计划补足安全库存。",
        "currency": "CNY",
        "need_date": day_in(needed_in),
        "delivery_place": PLACE,
        "urgency": "NORMAL",
        "lines": [line_of(line) for line in lines],
    }
    made: dict[str, Any] = await session.call("POST", REQUISITIONS, body)
    return made


async def submit(door: OpenDoor, requisition: Mapping[str, Any], by: str = "requester") -> None:
    await (await door(by)).call("POST", f"{REQUISITIONS}/{requisition['id']}:submit", {})


async def approve(door: OpenDoor, requisition: Mapping[str, Any], by: str = "first approver") -> None:
    """One person agrees, as soon as it is their turn."""
    session = await door(by)

    async def turn() -> Any:
        asked = f'state = "OPEN" AND document_id = "{requisition["id"]}"'
        tasks = (await session.get("/v1/approval/tasks", filter=asked))["tasks"]
        assert tasks, f"{by} is not asked about {requisition['title']}"
        return tasks[0]

    task = await eventually(turn)
    await session.call("POST", f"/v1/approval/tasks/{task['id']}:approve", {"content_hash": task["contentHash"]})


async def ordered(door: OpenDoor, requisition: Mapping[str, Any], by: str = "requester") -> dict[str, Any]:
    """The requisition, as soon as every line of it stands in an order."""
    session = await door(by)

    async def look() -> Any:
        found = await session.get(f"{REQUISITIONS}/{requisition['id']}")
        assert all(line["orderId"] for line in found["lines"]), found["state"]
        return found

    seen: dict[str, Any] = await eventually(look)
    return seen
