"""An approver agrees to less: it is made once, whatever breaks on the way, or the turn is open again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from factory import Factory
from test_exactly_once import nothing_stuck, ordered
from wire import Wire, wire

from chassis import faults
from chassis.errors import Refused
from chassis.testing import eventually, stable

CUTTING = {
    "id": "cut", "kind": "approve", "name": "核减", "cuts": True,
    "approvers": [{"kind": "user", "employee_id": str(stable("head"))}],
}  # fmt: skip


@pytest.fixture
async def line() -> AsyncIterator[Wire]:
    async with wire("inventory", "procurement", "approval") as made:
        yield made


class Cut:
    """A requisition of one line of ten, before an approver who may agree to less."""

    def __init__(self, line: Wire, requisition: Any) -> None:
        self.line, self.requisition = line, requisition

    @classmethod
    async def begin(cls, line: Wire) -> tuple[Cut, Factory]:
        factory = await Factory(line).build(items=1)
        flow = {
            "code": "CUT", "name": "核减", "document_type": "procurement.purchase_requisition", "tree": CUTTING,
            "business_owner_id": str(stable("boss")), "priority": -1,
        }  # fmt: skip
        made = await line.approval.as_("admin").CreateFlowDefinition(flow_definition=flow)
        asked = await line.approval.as_("admin").PublishFlowDefinition(id=made.id)
        await line.approval.as_("boss").ApproveFlowPublication(id=asked.publication_id)
        return cls(line, await factory.submitted()), factory

    async def turn(self) -> Any:
        """The head's turn; nothing else is open."""
        head = self.line.approval.as_("head")
        tasks = (await head.ListTasks(filter=f'document_id = "{self.requisition.id}"')).tasks
        assert tasks, "nobody was asked yet"
        return await head.GetTask(id=tasks[0].id)

    async def agree(self, quantity: str = "") -> Any:
        task = await eventually(self.turn)
        change = {
            "path": "lines.quantity", "line_id": self.requisition.lines[0].id, "value": quantity, "reason": "够用了",
        }  # fmt: skip
        changes = [change] if quantity else []
        return await self.line.approval.as_("head").ApproveTask(
            id=task.id, content_hash=task.content_hash, changes=changes
        )

    async def settled(self) -> Any:
        """The turn waits for no answer any more."""
        task = await self.turn()
        assert not task.changing, "still being changed"
        return task


@pytest.mark.parametrize("point", ["event_after_inbox", "event_before_commit", "event_after_commit"])
async def test_what_breaks_between_the_change_and_its_answer_makes_it_once(
    line: Wire, tmp_path: Path, point: str
) -> None:
    cut, factory = await Cut.begin(line)
    await eventually(cut.turn)
    await line.acknowledge_within("procurement", 1)
    (tmp_path / point).write_text("error")
    faults.arm(str(tmp_path))
    try:
        await cut.agree("4")
        await eventually(cut.settled)
    finally:
        faults.arm("")
    assert not (tmp_path / point).exists()

    (order,) = await eventually(lambda: ordered(factory, cut.requisition))

    assert [row.quantity for row in order.lines] == ["4"]
    answers = [one for _, one in await line.procurement.events("purchase_requisition.change_answered")]
    assert len(answers) == 1
    await nothing_stuck(line)


async def test_without_an_answer_in_time_the_turn_opens_again_and_the_late_request_changes_nothing(line: Wire) -> None:
    cut, factory = await Cut.begin(line)
    await eventually(cut.turn)
    await line.stop_consumers("procurement")
    await cut.agree("4")
    with pytest.raises(Refused, match="CASE_CHANGING"):
        await cut.agree()

    for bench in (line.approval, line.procurement):
        bench.clock.advance(minutes=20)
    assert await line.approval.run_timers() == 1

    task = await cut.settled()
    assert [one.reason for one in task.findings] == ["CASE_CHANGE_UNANSWERED"]
    await line.start_consumer("procurement")

    async def refused_late() -> None:
        answers = [one.answer for _, one in await line.procurement.events("purchase_requisition.change_answered")]
        assert [one.reason for answer in answers for one in answer.violations] == ["AMENDMENT_TOO_LATE"]

    await eventually(refused_late)
    await cut.agree()
    (order,) = await eventually(lambda: ordered(factory, cut.requisition))
    assert [row.quantity for row in order.lines] == ["10"]
    await nothing_stuck(line)
