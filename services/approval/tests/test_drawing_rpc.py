"""The way of a case on the picture of its flow."""

from __future__ import annotations

from approval.tests.factories import approve, branch, condition, copy, ids_of, parallel, sequence
from chassis.testing import refused, stable
from heyi.approval.v1 import case_views_pb2 as pb

TREE = sequence(
    approve("first", "boss"),
    condition(
        "size",
        branch("large", approve("finance", "head"), when="amount > 5000"),
        branch("small", approve("clerk", "admin")),
    ),
    parallel("both", branch("left", copy("tell", "admin")), branch("right", approve("last", "admin"))),
)


async def drawn(office, caller=None):
    case = await office.case()
    return await (caller or office.admin).DrawCase(id=case.id)


def standings(drawing):
    return {s.node_id or s.kind: s.Standing.Name(s.standing) for s in drawing.shapes if not s.joins}


async def test_done_current_to_come_and_not_taken(office):
    await office.flow(TREE)
    await office.submit()

    before = await drawn(office)
    await office.decide("boss")
    after = await drawn(office)
    await office.decide("head")
    await office.decide("admin")
    done = await drawn(office)

    assert standings(before) == {
        "start": "DONE", "first": "CURRENT", "size": "AHEAD", "finance": "AHEAD", "clerk": "NOT_TAKEN",
        "both": "AHEAD", "tell": "AHEAD", "last": "AHEAD", "end": "AHEAD",
    }  # fmt: skip
    assert standings(after) == standings(before) | {"first": "DONE", "size": "DONE", "finance": "CURRENT"}
    assert standings(done) == dict.fromkeys(standings(before), "DONE") | {"clerk": "NOT_TAKEN"}
    shapes = {shape.node_id: shape for shape in after.shapes if not shape.joins}
    assert set(shapes["first"].employee_ids) == ids_of("boss")
    assert set(shapes["finance"].employee_ids) == ids_of("head")
    assert shapes["first"].HasField("done_time")
    assert not shapes["finance"].HasField("done_time")
    name = office.service.organisation.people[stable("boss")].name
    assert list(shapes["first"].details) == [name]
    lines = [pb.DrawnShape.Standing.Name(line.standing) for line in done.lines]
    assert (lines.count("NOT_TAKEN"), lines.count("DONE"), len(lines)) == (2, 10, 12)


async def test_where_a_refusal_ended_it(office):
    await office.flow(TREE)
    await office.submit()
    await office.decide("boss", "Reject")
    assert standings(await drawn(office)) == {
        "start": "DONE", "first": "STOPPED", "size": "NOT_TAKEN", "finance": "NOT_TAKEN", "clerk": "NOT_TAKEN",
        "both": "NOT_TAKEN", "tell": "NOT_TAKEN", "last": "NOT_TAKEN", "end": "NOT_TAKEN",
    }  # fmt: skip


async def test_after_a_jump_back_the_way_is_ahead_again(office):
    await office.flow(TREE)
    await office.submit()
    await office.decide("boss")
    case = await office.case()
    await office.admin.JumpCase(id=case.id, node_id="first", reason="again")
    assert standings(await drawn(office)) == {
        "start": "DONE", "first": "CURRENT", "size": "AHEAD", "finance": "AHEAD", "clerk": "NOT_TAKEN",
        "both": "AHEAD", "tell": "AHEAD", "last": "AHEAD", "end": "AHEAD",
    }  # fmt: skip


async def test_without_a_flow_nothing_is_drawn_and_strangers_see_nothing(office):
    await office.submit()
    case = await office.case()
    assert await office.admin.DrawCase(id=case.id) == pb.CaseDrawing()
    with refused("DOCUMENT_NOT_FOUND"):
        await office.service.as_("boss").DrawCase(id=case.id)
