"""What whoever looks after approvals is told: turns by flow and node, who waits for whom, and the lists behind."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from approval.tests.factories import approve, copy, ids_of, sequence
from chassis.testing import MORNING, refused, stable

HOUR = datetime.timedelta(hours=1)
START = datetime.datetime.fromisoformat(MORNING)
TIMED = sequence(approve("a", "head", timeout={"hours": 2, "then": "remind"}), approve("b", "boss"), copy("c", "buyer"))


def by_node(answer: Any) -> dict[str, Any]:
    """Rows of the one flow by node; "" is the whole."""
    return {row.node_id: row for row in answer.turns}


async def decided_after(office: Any, document: str, hours: int, action: str = "Approve") -> None:
    """A document on which the head decides after so many hours."""
    office.service.clock.set(MORNING)
    await office.deliver(document)
    office.service.clock.set(START + hours * HOUR)
    (task,) = [one for one in await office.todo("head") if one.document_number == f"PR-{document}"]
    head = office.service.as_("head")
    await getattr(head, f"{action}Task")(id=task.id, content_hash=task.content_hash, text="x")


@pytest.fixture
async def busy(office: Any) -> Any:
    """The head agreed after 1 and 3 hours, returned after 2, refused after 10; the boss has two turns."""
    await office.flow(TIMED)
    for document, hours, action in (("p", 1, "Approve"), ("q", 2, "Return"), ("r", 3, "Approve"), ("s", 10, "Reject")):
        await decided_after(office, document, hours, action)
    office.admin = office.service.as_("admin")  # the token of the morning has expired
    return office


async def test_each_node_and_the_flow_as_a_whole(busy: Any) -> None:
    answer = await busy.admin.AnalyzeCases()
    rows = by_node(answer)

    assert [row.node_id for row in answer.turns] == ["", "a", "b"]
    assert {row.flow_name for row in answer.turns} == {"flow PR"}
    a, b, whole = rows["a"], rows["b"], rows[""]
    assert (a.node_name, a.turn_count, a.decided_count, a.returned_count, a.rejected_count) == ("A", 4, 4, 1, 1)
    # 1, 2, 3 and 10 hours: the median between 2 and 3, nine of ten between 3 and 10
    assert (a.median_hours, a.p90_hours) == ("2.50", "7.90")
    assert a.overdue_count == 2, "3 and 10 hours; two were given, and two exactly is in time"
    assert (b.turn_count, b.decided_count, b.median_hours, b.p90_hours, b.overdue_count) == (2, 0, "", "", 0)
    assert (whole.turn_count, whole.decided_count, whole.median_hours, whole.node_name) == (6, 4, "2.50", "")
    assert answer.until_time.ToDatetime(datetime.UTC) - answer.from_time.ToDatetime(datetime.UTC) == 30 * 24 * HOUR


async def test_who_waits_for_whom(busy: Any) -> None:
    answer = await busy.admin.AnalyzeCases()

    assert answer.people_count == 1
    (boss,) = answer.people
    assert boss.employee_id == str(stable("boss"))
    assert (boss.open_count, boss.overdue_count, boss.decided_count, boss.median_hours) == (2, 0, 0, "")
    assert boss.oldest_time.ToDatetime(datetime.UTC) == START + HOUR
    assert (set(boss.requester_ids), boss.requester_count) == (ids_of("requester"), 1)

    newest = (await busy.todo("boss"))[0]
    await busy.service.as_("boss").ApproveTask(id=newest.id, content_hash=newest.content_hash)
    (boss,) = (await busy.admin.AnalyzeCases()).people
    assert (boss.open_count, boss.decided_count, boss.median_hours) == (1, 1, "7.00")


async def test_every_number_is_the_length_of_its_list(busy: Any) -> None:
    answer = await busy.admin.AnalyzeCases()
    begin = answer.from_time.ToJsonString()
    flow = answer.turns[0].flow_definition_id
    decided = '(state = "APPROVED" OR state = "REJECTED" OR state = "RETURNED" OR state = "HANDLED")'

    async def length(condition: str, **which: Any) -> int:
        which = {"everybody": True, "flow_definition_id": flow, "summarize": True, **which}
        return (await busy.admin.ListTasks(filter=f'open_time >= "{begin}"{condition}', **which)).total_size

    for row in answer.turns:
        node = {"node_id": row.node_id}
        assert await length(' AND state != "COPIED"', **node) == row.turn_count
        assert await length(f" AND {decided}", **node) == row.decided_count
        assert await length(' AND state = "RETURNED"', **node) == row.returned_count
        assert await length(' AND state = "REJECTED"', **node) == row.rejected_count
        assert await length("", **node, overdue=True) == row.overdue_count
    boss = f' AND assignee_id = "{stable("boss")}" AND state = "OPEN"'
    assert await length(boss) == answer.people[0].open_count
    assert await length("", flow_definition_id=str(stable("another"))) == 0


async def test_a_period_and_a_flow_bound_what_is_counted(busy: Any) -> None:
    flow = (await busy.admin.AnalyzeCases()).turns[0].flow_definition_id
    later = (START + HOUR / 2).isoformat()

    answer = await busy.admin.AnalyzeCases(from_time=later)
    assert {row.node_id: row.turn_count for row in answer.turns} == {"": 2, "b": 2}
    assert len(answer.people) == 1, "whose turn is open now counts whenever it opened"
    before = await busy.admin.AnalyzeCases(from_time="2026-11-01T00:00:00Z", until_time="2026-11-02T00:00:00Z")
    assert list(before.turns) == []
    assert [row.node_id for row in (await busy.admin.AnalyzeCases(flow_definition_id=flow)).turns] == ["", "a", "b"]
    other = await busy.admin.AnalyzeCases(flow_definition_id=str(stable("another")))
    assert (list(other.turns), list(other.people)) == ([], [])


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"from_time": "2026-11-02T00:00:00Z", "until_time": "2026-11-01T00:00:00Z"}, "from_time"),
        ({"from_time": "2025-01-01T00:00:00Z"}, "from_time"),
        ({"from_time": Timestamp(seconds=2**31, nanos=2**31 - 1)}, "from_time"),
        ({"until_time": Timestamp(seconds=-62_135_596_800)}, "until_time"),
        ({"flow_definition_id": "PR"}, "flow_definition_id"),
    ],
)
async def test_what_cannot_be_counted_is_refused(office: Any, asked: dict[str, str], field: str) -> None:
    with refused("FIELD_FORMAT", field=field):
        await office.admin.AnalyzeCases(**asked)


async def test_a_list_of_a_flow_that_is_no_id_is_refused(office: Any) -> None:
    with refused("FIELD_FORMAT", field="flow_definition_id"):
        await office.admin.ListTasks(flow_definition_id="PR")


async def test_only_who_looks_after_approvals_is_told(busy: Any) -> None:
    stranger = busy.service.as_("stranger")

    with refused("PERMISSION_MISSING"):
        await stranger.AnalyzeCases()
    with refused("PERMISSION_MISSING"):
        await stranger.ListTasks(everybody=True)


@pytest.mark.parametrize(("department", "count"), [("workshop", 6), ("finance", 0)])
async def test_the_reach_of_the_right_bounds_what_is_told(busy: Any, department: str, count: int) -> None:
    busy.service.grant("stranger", ["approval.case.analyze"], "CHOSEN", departments=[department])
    stranger = busy.service.as_("stranger")
    turns, people = (answer := await stranger.AnalyzeCases()).turns, answer.people

    assert sum(row.turn_count for row in turns if not row.node_id) == count
    assert sum(row.open_count for row in people) == count // 3
    assert len((await stranger.ListTasks(everybody=True)).tasks) == count


async def test_looking_costs_the_same_however_much_there_is(office: Any) -> None:
    counts = []
    await office.flow(TIMED)
    for documents in (("p",), ("q", "r", "s", "t")):
        for document in documents:
            await office.deliver(document)
        with office.service.statements() as seen:
            await office.admin.AnalyzeCases()
        counts.append(len(seen))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("words", ["轴承", "PR-p", "{name}", "{username}"])
async def test_a_search_finds_by_content_number_and_requester(busy: Any, words: str) -> None:
    person = busy.service.organisation.people[stable("requester")]
    words = words.format(name=person.name, username=person.username)
    cases = (await busy.service.as_("requester").ListCases(search=words)).cases
    tasks = (await busy.service.as_("boss").ListTasks(search=words, filter='state = "OPEN"')).tasks

    assert "PR-p" in {case.document_number for case in cases}
    assert "PR-p" in {task.document_number for task in tasks}
    stranger = busy.service.organisation.people[stable("stranger")].name
    assert (await busy.service.as_("boss").ListTasks(search=stranger)).tasks == []
