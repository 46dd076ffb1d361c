"""Fifty people press at the same moment, over gRPC: the case advances once, each answer counts or says why it does not.

`make voters` plays it 200 times; the suite a round for each way of voting.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
import sqlalchemy as sa
from grpc_status import rpc_status

from approval.opinion.model import Opinion
from approval.task.model import Task
from approval.tests.factories import HASH, Office, approve, sequence
from approval.tests.test_task_rpc import VOTERS, crowd
from chassis import errors
from chassis.server import SERVER_OPTIONS, generic_handlers
from chassis.testing import stable
from heyi.approval.v1 import tasks_pb2

PEOPLE, CHANNELS = 50, 10
VOTES: list[tuple[dict[str, Any], int]] = [
    ({"vote": "all"}, 50),
    ({"vote": "any"}, 1),
    ({"vote": "ratio", "percent": 50}, 25),
]
ROUNDS = int(os.environ.get("HEYI_VOTERS_ROUNDS", len(VOTES)))
APPROVE = "/heyi.approval.v1.Tasks/ApproveTask"
# another press holds the case for longer than a call waits: the page presses again, with the same key
AGAIN = ("BUSY", "IN_PROGRESS")


@pytest.fixture
async def address(service: Any) -> AsyncIterator[str]:
    """Where the service listens."""
    served = grpc.aio.server(options=SERVER_OPTIONS)
    served.add_generic_rpc_handlers(tuple(generic_handlers(service.runtime)))
    port = served.add_insecure_port("127.0.0.1:0")
    await served.start()
    yield f"127.0.0.1:{port}"
    await served.stop(None)


@pytest.mark.timeout(60 + 6 * ROUNDS)
async def test_fifty_who_press_at_once_advance_the_case_exactly_once(
    office: Office, address: str, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = crowd(office.service, PEOPLE)
    for number, (vote, _) in enumerate(VOTES):
        tree = sequence(approve("a", VOTERS, **vote), approve("b", "boss"))
        await office.flow(tree, code=f"VOTE{number}", condition=f"amount == {number}.0")
    channels = [grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) for _ in range(CHANNELS)]
    total: Counter[str] = Counter()
    try:
        for number in range(ROUNDS):
            way = number % len(VOTES)
            document, needed = f"round-{number}", VOTES[way][1]
            await office.deliver(document, amount=f"{way}.00")
            turns = await turns_of(office, document)
            answers = Counter(
                await asyncio.gather(
                    *(
                        press(channels[place % CHANNELS], office, key, turns[str(stable(key))], total)
                        for place, key in enumerate(keys)
                    )
                )
            )
            assert answers == Counter({"OK": needed, "TASK_NOT_OPEN": PEOPLE - needed}) - Counter(), document
            assert await standing(office, document) == (needed, 1, 1), document
            total += answers
    finally:
        for each in channels:
            await each.close()
    told = (
        f"voters: {ROUNDS} rounds of {PEOPLE} at once: {ROUNDS} advanced exactly once, {total['OK']} answers counted, "
        f"{total['TASK_NOT_OPEN']} told that it is decided, {total['again']} asked to press again, 0 errors"
    )
    record_property("voters", told)
    if len(VOTES) < ROUNDS:
        with capsys.disabled():
            print(f"\n{told}")


async def press(channel: Any, office: Office, key: str, task: str, total: Counter[str]) -> str:
    """One person's tap, repeated with its key as long as the service asks for that: how it ended."""
    call = channel.unary_unary(
        APPROVE, request_serializer=tasks_pb2.ApproveTaskRequest.SerializeToString,
        response_deserializer=tasks_pb2.Task.FromString,
    )  # fmt: skip
    metadata = (("authorization", f"Bearer {office.service.issuer.person(stable(key))}"), ("idempotency-key", task))
    while True:
        try:
            await call(tasks_pb2.ApproveTaskRequest(id=task, content_hash=HASH), metadata=metadata, timeout=30)
        except grpc.aio.AioRpcError as problem:
            status = rpc_status.from_call(problem)
            refusal = errors.from_status(status) if status is not None else None
            reason = refusal.reason if refusal else problem.code().name
            if reason not in AGAIN:
                return reason
            total["again"] += 1
            continue
        return "OK"


async def turns_of(office: Office, document: str) -> dict[str, str]:
    """The turn of each person who is asked."""
    async with office.service.runtime.sessions() as session:
        await session.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        rows = await session.execute(sa.select(Task.assignee_id, Task.id).where(Task.document_id == stable(document)))
        return {str(assignee): str(task) for assignee, task in rows}


async def standing(office: Office, document: str) -> tuple[int, int, int]:
    """Agreements on record; turns at the next node; of these, open."""
    here = Task.document_id == stable(document)
    agreed = (
        sa.select(sa.func.count(Opinion.id))
        .join(Task, Opinion.task_id == Task.id)
        .where(here, Opinion.kind == "APPROVE")
    )
    following = sa.select(sa.func.count(), sa.func.count().filter(Task.state == "OPEN")).where(
        here, Task.node_id == "b"
    )
    async with office.service.runtime.sessions() as session:
        await session.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        turns, opened = (await session.execute(following)).one()
        return int(await session.scalar(agreed) or 0), turns, opened
