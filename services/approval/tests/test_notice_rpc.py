"""Each person is told once of each turn and outcome, and sees only the own notices."""

from __future__ import annotations

from approval.tests.factories import approve, branch, copy, parallel, sequence
from chassis.testing import refused, stable


async def keys(office, person: str) -> list[str]:
    """Newest last."""
    return [notice.text_key for notice in (await office.service.as_(person).ListNotices()).notices][::-1]


async def test_everybody_is_told_what_concerns_them(office):
    await office.flow(sequence(copy("c", "buyer"), approve("a", "head"), approve("b", "boss", "head")))
    await office.submit()
    await office.decide("head")
    await office.decide("head")
    await office.decide("boss", "Reject", text="预算不足")

    assert await keys(office, "head") == ["notice.todo", "notice.todo"], "once for each turn"
    assert await keys(office, "boss") == ["notice.todo"]
    assert await keys(office, "buyer") == ["notice.copied"]
    (outcome,) = (await office.service.as_("requester").ListNotices()).notices
    assert outcome.text_key == "notice.rejected"
    assert dict(outcome.text_facts) == {
        "requester": "Requester",
        "number": "PR-one",
        "title": "轴承 6204 等 3 项",
        "person": "Boss",
        "text": "预算不足",
    }


async def test_those_who_wait_in_vain_are_told_of_a_withdrawal(office):
    await office.flow(parallel("p", branch("x", approve("a", "head")), branch("y", approve("b", "boss"))))
    case = await office.submit()

    await office.service.as_("requester").WithdrawCase(id=case.id)

    assert await keys(office, "head") == ["notice.todo", "notice.withdrawn"]
    assert await keys(office, "boss") == ["notice.todo", "notice.withdrawn"]


async def test_a_notice_goes_to_its_reader_alone(office):
    await office.flow(approve("a", "head"))
    await office.submit()
    (notice,) = (await office.service.as_("head").ListNotices()).notices

    told = [event for _, event in await office.service.events("notice.created")]
    (event,) = [event for event in told if event.notice.case_id]
    assert event.notice.employee_id == str(stable("head"))
    for other in ("boss", "colleague", "requester"):
        assert (await office.service.as_(other).ListNotices()).notices == []
        with refused("DOCUMENT_NOT_FOUND"):
            await office.service.as_(other).MarkReadNotice(id=notice.id)


async def test_notices_are_marked_as_read_one_by_one_or_all(office):
    await office.flow(approve("a", "head"))
    for document in ("one", "two", "three"):
        await office.submit(document)
    head = office.service.as_("head")
    newest, *_ = (await head.ListNotices()).notices
    assert list(newest.allowed_actions) == ["mark_read"]

    read = await head.MarkReadNotice(id=newest.id)
    assert read.read_time.seconds
    assert list(read.allowed_actions) == []
    assert len((await head.ListNotices(filter='read_time = ""')).notices) == 2
    assert (await head.MarkAllReadNotices()).count == 2
    assert (await head.MarkAllReadNotices()).count == 0
    assert (await head.ListNotices(filter='read_time = ""')).notices == []
