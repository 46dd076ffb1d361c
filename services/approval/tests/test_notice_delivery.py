"""Notices on their way: by mail over a real SMTP server, by robots to a chat that answers as it likes."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from approval.notice.model import Notice
from approval.notice_delivery import check as untold
from approval.notice_delivery.courier import Courier
from approval.notice_delivery.mailer import Unreachable
from approval.notice_delivery.model import NoticeDelivery
from approval.notice_delivery.settings import MailServer, Settings
from approval.tests.factories import Office, approve, copy, sequence
from approval.tests.receivers import Chat, Mailbox
from chassis import egress, faults
from chassis.db import fenced_to
from chassis.testing import COMPANY, refused, stable

SENDER = "heyi@mail.example"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    box.up()
    yield box
    box.down()


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    room = Chat()
    monkeypatch.setenv(egress.ALLOW, room.origin)
    yield room
    room.close()


@pytest.fixture
async def courier(office: Office, mailbox: Mailbox) -> AsyncIterator[Courier]:
    """A courier with a mail server; everybody has an address."""
    for key in ("admin", "head", "boss", "buyer", "requester"):
        office.service.change_person(key, email=f"{key}@people.example")
    server = MailServer("127.0.0.1", mailbox.port, "none", SENDER)
    return Courier(office.service.runtime, Settings(server, "https://heyi.example"))


async def until_told(courier: Courier, clock: Any, rounds: int = 400) -> None:
    """Run the rounds until nothing is due, as time goes by; a server that is down is asked again later."""
    for _ in range(rounds):
        worked = await courier.route()
        with contextlib.suppress(Unreachable):
            worked += await courier.mail_once()
        worked += await courier.robots_once()
        if not worked and not await waiting(courier):
            return
        clock.advance(seconds=5)
    raise AssertionError(f"still on the way: {await waiting(courier)}")


async def rows(courier: Courier, *which: Any) -> list[NoticeDelivery]:
    with fenced_to(None):
        async with courier.runtime.read_sessions() as session:
            found = sa.select(NoticeDelivery).where(*which).order_by(NoticeDelivery.created_at, NoticeDelivery.id)
            return list(await session.scalars(found))


async def waiting(courier: Courier) -> int:
    return len(await rows(courier, NoticeDelivery.state == "WAITING"))


async def leases_end(courier: Courier) -> None:
    """Time passes on the database's clock, which no test moves."""
    with fenced_to(None):
        async with courier.runtime.sessions() as session, session.begin():
            past = sa.func.clock_timestamp() - datetime.timedelta(seconds=1)
            await session.execute(sa.update(NoticeDelivery).values(leased_until=past))


async def robot(office: Office, chat: Chat, **changes: Any) -> Any:
    fields = {"name": "采购群", "product": "WECOM", "address": f"{chat.origin}/send?key=secret-key-1234", **changes}
    return await office.admin.CreateNoticeRobot(notice_robot=fields)


async def test_each_is_told_by_mail_once_in_their_language_and_the_link_opens_it(office, courier, mailbox):
    office.service.change_person("boss", email="boss@people.example", locale="en")
    await office.flow(sequence(copy("c", "boss"), approve("a", "head")))
    await office.submit()

    await until_told(courier, office.service.clock)
    await until_told(courier, office.service.clock)

    by = {mail["To"].addresses[0].addr_spec: mail for mail in mailbox.mails if "PR-one" in mail["Subject"]}
    assert set(by) == {"head@people.example", "boss@people.example"}
    assert by["head@people.example"]["Subject"] == "Requester的“轴承 6204 等 3 项”（PR-one）等您审批"
    assert by["boss@people.example"]["Subject"] == "“轴承 6204 等 3 项” (PR-one) of Requester, for your information"
    head = by["head@people.example"]
    (notice,) = [n for n in (await office.service.as_("head").ListNotices()).notices if n.kind == 1]
    link = f"https://heyi.example/approval/notices/{notice.id}?company={COMPANY}"
    assert link in head.get_body(("plain",)).get_content()
    assert link.replace("&", "&amp;") in head.get_body(("html",)).get_content()
    assert (await office.service.as_("head").GetNotice(id=notice.id)).document_number == "PR-one"
    with refused("DOCUMENT_NOT_FOUND"):
        await office.service.as_("boss").GetNotice(id=notice.id)


async def test_a_document_that_hides_its_title_keeps_it_from_the_mail_too(office, courier, mailbox):
    await office.flow(approve("a", "head", rights={"title": "hidden"}))
    await office.submit()
    await until_told(courier, office.service.clock)

    (mail,) = [mail for mail in mailbox.mails if mail["To"].addresses[0].addr_spec == "head@people.example"]
    assert b"6204" not in mailbox.sources[mailbox.mails.index(mail)]
    assert "轴承" not in mail.as_string()
    assert "轴承" not in mail.get_body(("plain",)).get_content()


async def test_what_somebody_typed_is_text_in_a_mail_and_never_markup_or_a_header(office, courier, mailbox):
    await office.flow(approve("a", "head"))
    await office.submit(title='<img src=x onerror=alert(1)>"\r\nBcc: thief@evil.example\r\n\r\nhello')
    await until_told(courier, office.service.clock)

    (mail,) = [mail for mail in mailbox.mails if "PR-one" in str(mail["Subject"])]
    assert mail["Bcc"] is None
    assert mail["To"].addresses[0].addr_spec == "head@people.example"
    markup = mail.get_body(("html",)).get_content()
    assert "<img" not in markup
    assert "&lt;img src=x" in markup


async def test_an_hour_or_a_day_comes_in_one_mail_and_what_was_read_meanwhile_does_not(office, courier, mailbox):
    head = office.service.as_("head")
    await head.SetMineNoticePreference(notice_preference={**PREFERENCE, "pace": "HOURLY"})
    await office.flow(approve("a", "head"))
    for document in ("one", "two", "three"):
        await office.submit(document)
    await courier.route()
    assert await courier.mail_once() == 1, "the administrator's, about the flow's publication"
    read = next(n for n in (await head.ListNotices()).notices if n.document_number == "PR-two")
    await head.MarkReadNotice(id=read.id)

    office.service.clock.advance(hours=1)
    await until_told(courier, office.service.clock)

    (mail,) = [mail for mail in mailbox.mails if mail["To"].addresses[0].addr_spec == "head@people.example"]
    assert mail["Subject"] == "您有 2 条通知"
    text = mail.get_body(("plain",)).get_content()
    assert "PR-one" in text
    assert "PR-three" in text
    assert "PR-two" not in text
    states = Counter(row.state for row in await rows(courier, NoticeDelivery.employee_id == stable("head")))
    assert states == {"SENT": 2, "NOT_NEEDED": 1}


async def test_a_mail_server_that_is_down_holds_up_and_loses_nothing(office, courier, mailbox):
    await office.flow(approve("a", "head"))
    await office.submit()
    await courier.route()
    mailbox.down()

    with pytest.raises(Unreachable):
        await courier.mail_once()
    (row,) = await rows(courier, NoticeDelivery.employee_id == stable("head"))
    assert (row.state, row.attempt_count, row.doubt_count, row.trying) == ("WAITING", 0, 0, False)

    mailbox.up()
    await until_told(courier, office.service.clock)
    assert [mail["To"].addresses[0].addr_spec for mail in mailbox.mails].count("head@people.example") == 1


async def test_what_could_not_be_sent_in_time_waits_for_the_end_of_quiet_hours(office, courier, mailbox, monkeypatch):
    said = {**PREFERENCE, "quiet": "HOURS", "quiet_from": "22:00", "quiet_until": "07:30"}
    await office.service.as_("head").SetMineNoticePreference(notice_preference=said)
    await office.flow(approve("a", "head"))
    clock = office.service.clock
    clock.set("2026-11-23T13:55:00Z")  # 21:55
    office = Office(office.service)
    await office.submit()
    await courier.route()
    mailbox.down()
    clock.set("2026-11-23T13:59:00Z")
    with pytest.raises(Unreachable):
        await courier.mail_once()

    clock.set("2026-11-23T14:30:00Z")
    mailbox.up()
    await all_that_goes(courier)
    (row,) = await rows(courier, NoticeDelivery.employee_id == stable("head"))
    assert (row.state, row.attempt_count, row.trying, row.leased_until) == ("WAITING", 0, False, None)
    assert row.due_time == datetime.datetime(2026, 11, 23, 23, 30, tzinfo=datetime.UTC)
    assert [mail for mail in mailbox.mails if "head" in str(mail["To"])] == []

    clock.set("2026-11-23T23:30:00Z")
    mailbox.say = lambda mail: "550 no such person"
    await all_that_goes(courier)
    clock.set("2026-11-25T23:00:00Z")  # 07:00 two days later
    assert await untold.check(courier) == 1
    (row,) = await rows(courier, NoticeDelivery.employee_id == stable("head"))
    assert (row.state, row.due_time) == ("WAITING", datetime.datetime(2026, 11, 25, 23, 30, tzinfo=datetime.UTC))
    mailbox.say = lambda mail: "250 ok"
    settings = dataclasses.replace(courier.runtime.settings, own=courier.settings)
    monkeypatch.setattr(courier.runtime, "settings", settings)
    await office.service.as_("head").TestMineNoticePreference()
    await all_that_goes(courier)
    by_kind = {row.kind: row.state for row in await rows(courier, NoticeDelivery.employee_id == stable("head"))}
    assert by_kind == {"TURN": "WAITING", "TEST": "SENT"}, "who tries it out wants it now"
    clock.set("2026-11-25T23:30:00Z")
    await all_that_goes(courier)
    assert {row.state for row in await rows(courier, NoticeDelivery.employee_id == stable("head"))} == {"SENT"}


async def all_that_goes(courier: Courier) -> None:
    """Send whatever goes at this moment."""
    await courier.route()
    while await courier.mail_once():
        pass


async def test_a_refusal_for_now_is_tried_later_and_one_for_good_until_somebody_says_so(office, courier, mailbox):
    await office.flow(approve("a", "head"))
    await office.submit()
    answers = iter(["451 busy", "550 no such person", "250 ok"])
    mailbox.say = lambda mail: next(answers) if "head" in str(mail["To"]) else "250 ok"
    clock = office.service.clock

    await courier.route()
    await courier.mail_once()
    (row,) = await rows(courier, NoticeDelivery.employee_id == stable("head"))
    assert (row.state, row.answer) == ("WAITING", "451 busy")
    assert row.due_time - clock.now() == datetime.timedelta(seconds=60)
    clock.advance(seconds=61)
    await courier.mail_once()
    (row,) = await rows(courier, NoticeDelivery.employee_id == stable("head"))
    assert (row.state, row.answer) == ("FAILED", "550 no such person")
    with refused("DOCUMENT_NOT_FOUND"):
        await office.service.as_("other_company").RetryNoticeDelivery(id=str(row.id))

    retried = await office.admin.RetryNoticeDelivery(id=str(row.id))
    assert retried.state == retried.WAITING
    await courier.mail_once()
    (row,) = await rows(courier, NoticeDelivery.employee_id == stable("head"))
    assert (row.state, row.attempt_count, row.doubt_count) == ("SENT", 3, 0)
    with refused("ACTION_NOT_ALLOWED"):
        await office.admin.RetryNoticeDelivery(id=str(row.id))


@pytest.mark.parametrize("point", ["notice_claimed", "notice_sent"])
async def test_a_process_that_dies_around_sending_leaves_a_doubt_that_is_counted(
    office, courier, mailbox, tmp_path, point
):
    await office.flow(approve("a", "head"))
    await until_told(courier, office.service.clock)
    await office.submit()
    await courier.route()
    faults.arm(str(tmp_path))
    try:
        (tmp_path / point).write_text("error")
        with pytest.raises(faults.InjectedError):
            await courier.mail_once()
    finally:
        faults.arm("")
    assert await courier.mail_once() == 0, "the lease is on it"
    await leases_end(courier)
    await until_told(courier, office.service.clock)

    found = await rows(courier, NoticeDelivery.channel == "MAIL", NoticeDelivery.employee_id == stable("head"))
    assert {row.state for row in found} == {"SENT"}
    assert sum(row.doubt_count for row in found) >= 1
    times = Counter(mail["Message-ID"] for mail in mailbox.mails if "head" in str(mail["To"]))
    twice = {row.message_id for row in found if times[f"<{row.message_id}@mail.example>"] > 1}
    assert twice <= {row.message_id for row in found if row.doubt_count}
    assert len(times) == len(found), "the reader's program can tell the repeat by its Message-ID"
    assert bool(twice) == (point == "notice_sent")


async def test_a_lost_acknowledgement_is_a_doubt_and_the_repeat_has_the_same_message_id(office, courier, mailbox):
    await office.flow(approve("a", "head"))
    await office.submit()
    await until_told(courier, office.service.clock)
    mailbox.mails.clear()
    await office.submit("two")
    mailbox.hang_up = 1
    await until_told(courier, office.service.clock)

    (row,) = await rows(courier, NoticeDelivery.document_number == "PR-two", NoticeDelivery.channel == "MAIL")
    assert (row.state, row.doubt_count, row.attempt_count) == ("SENT", 1, 2)
    assert [mail["Message-ID"] for mail in mailbox.mails] == [f"<{row.message_id}@mail.example>"] * 2


async def test_somebody_without_an_address_is_a_failure_and_somebody_who_left_is_not_told(office, courier, mailbox):
    office.service.change_person("head", email="")
    await office.flow(sequence(copy("c", "buyer"), approve("a", "head")))
    await office.submit()
    await courier.route()
    office.service.change_person("buyer", active=False)
    await until_told(courier, office.service.clock)

    (head,) = await rows(courier, NoticeDelivery.employee_id == stable("head"))
    (gone,) = await rows(courier, NoticeDelivery.employee_id == stable("buyer"))
    assert (head.state, gone.state) == ("FAILED", "NOT_NEEDED")
    assert (await office.admin.GetNoticeDelivery(id=str(head.id))).answer == "没有电子邮箱"


async def test_a_robot_tells_the_group_whom_it_is_for_and_nothing_of_the_content(office, courier, chat):
    made = await robot(office, chat, department_id=stable("works"), kinds=["TURN"])
    assert (made.address, made.secret) == ("", "")
    assert made.shown_address == f"{chat.origin}/…1234"
    await robot(office, chat, name="财务群", department_id=stable("finance"))
    await office.flow(sequence(copy("c", "buyer"), approve("a", "head")))
    await office.submit()
    await until_told(courier, office.service.clock)

    (line,) = [line for line in chat.lines() if "PR-" in line]
    assert line.startswith("- Head：采购申请 PR-one 等您处理 [打开](https://heyi.example/approval/notices/")
    assert "8000" not in str(chat.heard)
    assert "轴承" not in str(chat.heard)
    assert chat.heard[0]["path"] == "/send?key=secret-key-1234"
    after = await office.admin.GetNoticeRobot(id=made.id)
    assert after.answer == '200 {"errcode": 0, "errmsg": "ok"}'
    with fenced_to(None):
        async with office.service.runtime.read_sessions() as session:
            kept = (await session.execute(sa.text("SELECT address FROM notice_robot"))).scalars().all()
    assert len(kept) == 2
    assert all(b"secret-key" not in address for address in kept)


async def test_dingtalk_is_asked_with_a_signature_and_twenty_messages_a_minute_at_most(office, courier, chat):
    await office.flow(approve("a", "head"))
    await courier.route()
    await robot(office, chat, product="DINGTALK", secret="SEC1", kinds=["TURN"])
    for number in range(20):
        await office.submit(f"d{number}")
    await courier.route()

    assert await courier.robots_once() == 1
    assert await courier.robots_once() == 0, "the chat takes the next one in three seconds"
    await until_told(courier, office.service.clock)

    assert len(chat.lines()) == len(set(chat.lines())) == 20
    assert len(chat.taken) == 3
    assert re.search(r"&timestamp=\d{13}&sign=[A-Za-z0-9%]+$", chat.heard[0]["path"])


async def test_a_chat_in_trouble_is_asked_later_and_one_that_refuses_waits_for_an_administrator(office, courier, chat):
    await office.flow(approve("a", "head"))
    await courier.route()
    made = await robot(office, chat, kinds=["TURN"])
    await office.submit()
    replies = {1: (200, '{"errcode": 45009, "errmsg": "too many"}'), 2: (503, "{}"), 3: (0, "")}
    chat.answer = lambda number: replies.get(number, (200, '{"errcode": 93000, "errmsg": "invalid webhook url"}'))
    clock = office.service.clock

    async def state_after(pause: int) -> tuple[str, int, datetime.timedelta]:
        clock.advance(seconds=pause)
        await courier.robots_once()
        (row,) = await rows(courier, NoticeDelivery.channel == "ROBOT")
        return row.state, row.doubt_count, row.due_time - clock.now()

    await courier.route()
    assert await state_after(0) == ("WAITING", 0, datetime.timedelta(seconds=60))
    assert await state_after(61) == ("WAITING", 0, datetime.timedelta(seconds=5))
    assert (await state_after(10))[:2] == ("WAITING", 1), "no answer: it may have arrived"
    assert (await state_after(120))[:2] == ("FAILED", 1)
    admin = office.service.as_("admin")
    shown = await admin.GetNoticeRobot(id=made.id)
    assert (shown.failure_count, shown.answer) == (4, '200 {"errcode": 93000, "errmsg": "invalid webhook url"}')

    chat.answer = lambda number: (200, '{"errcode": 0}')
    await admin.SetAddressNoticeRobot(id=made.id, address=f"{chat.origin}/send?key=another")
    await until_told(courier, clock)
    (row,) = await rows(courier, NoticeDelivery.channel == "ROBOT")
    assert (row.state, len(chat.taken)) == ("SENT", 1)


async def test_a_test_goes_to_that_robot_alone_and_its_answer_is_announced(office, courier, chat):
    made = await robot(office, chat)
    tested = await office.admin.TestNoticeRobot(id=made.id)
    assert tested.answer == ""
    chat.answer = lambda number: (200, '{"errcode": 300001, "errmsg": "token is not exist"}')
    await until_told(courier, office.service.clock)

    told = [event.notice_robot.answer for _, event in await office.service.events("notice_robot.updated")]
    assert told == ["", "", '200 {"errcode": 300001, "errmsg": "token is not exist"}']
    assert len(chat.heard) == 1
    await office.admin.DeactivateNoticeRobot(id=made.id)
    with refused("ACTION_NOT_ALLOWED"):
        await office.admin.TestNoticeRobot(id=made.id)


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("http://qyapi.weixin.qq.com/send?key=1", "https"),
        ("https://user:word@qyapi.weixin.qq.com/send", "credentials"),
        ("https://169.254.169.254/latest/meta-data", "private"),
        ("https://127.0.0.1/", "private"),
        ("https://localhost/", "private"),
        ("https://qyapi.weixin.qq.com:5432/", "port"),
        ("file:///etc/passwd", "host"),
    ],
)
async def test_an_address_within_the_house_is_refused_when_it_is_typed(office, address, problem):
    with refused("NOTICE_ROBOT_ADDRESS", field="address") as caught:
        await office.admin.CreateNoticeRobot(notice_robot={"name": "x", "product": "WECOM", "address": address})
    assert caught.value.violations[0][2] == {"problem": problem}
    with refused("NOTICE_ROBOT_SECRET", field="secret"):
        fields = {"name": "x", "product": "WECOM", "address": "https://a.example/b", "secret": "s"}
        await office.admin.CreateNoticeRobot(notice_robot=fields)


PREFERENCE = {"mail_kinds": ["TURN"], "robot_kinds": [], "pace": "AT_ONCE", "quiet": "NEVER"}


async def test_a_person_goes_before_the_company_and_the_company_before_the_product(office):
    head = office.service.as_("head")
    assert (await head.GetMineNoticePreference()).source == 3
    await office.admin.SetDefaultNoticePreference(notice_preference={**PREFERENCE, "pace": "DAILY"})
    shown = await head.GetMineNoticePreference()
    assert (shown.source, shown.pace, shown.daily_at) == (2, 3, "09:00")

    mine = await head.SetMineNoticePreference(notice_preference={**PREFERENCE, "mail_kinds": ["COPY", "URGE", "COPY"]})
    assert (mine.source, list(mine.mail_kinds)) == (1, [2, 4])
    changed = await head.SetMineNoticePreference(notice_preference={**PREFERENCE, "mail_kinds": []})
    assert (changed.id, list(changed.mail_kinds)) == (mine.id, [])
    assert (await office.service.as_("boss").GetMineNoticePreference()).source == 2
    assert (await head.ResetMineNoticePreference()).source == 2
    assert (await head.GetMineNoticePreference()).pace == 3
    with refused("PERMISSION_MISSING"):
        await office.service.as_("stranger").SetDefaultNoticePreference(notice_preference=PREFERENCE)


async def test_a_preference_that_cannot_be_is_refused_at_its_field(office):
    head = office.service.as_("head")
    for field, value, reason in (
        ("daily_at", "25:00", "FIELD_FORMAT"),
        ("locale", "fr", "NOTICE_LOCALE"),
        ("mail_kinds", ["TEST"], "FIELD_TYPE"),
        ("pace", "PACE_UNSPECIFIED", "FIELD_REQUIRED"),
    ):
        with refused(reason, field=field):
            await head.SetMineNoticePreference(notice_preference={**PREFERENCE, field: value})
    with refused("NOTICE_QUIET_ALL_DAY", field="quiet_until"):
        said = {**PREFERENCE, "quiet": "HOURS", "quiet_from": "08:00", "quiet_until": "08:00"}
        await head.SetMineNoticePreference(notice_preference=said)
    with refused("NOTICE_NO_MAIL_SERVER"):
        await head.TestMineNoticePreference()


async def test_whoever_was_not_told_for_a_day_is_found_told_and_found_no_more(office, courier, mailbox):
    await office.flow(approve("a", "head"))
    await office.submit()
    mailbox.say = lambda mail: "550 no such person" if "head" in str(mail["To"]) else "250 ok"
    await until_told(courier, office.service.clock)
    clock = office.service.clock
    assert await untold.check(courier) == 0, "the day is not over"

    clock.advance(hours=25)
    assert await untold.check(courier) == 1
    (row,) = await rows(courier, NoticeDelivery.untold_since_time.is_not(None))
    assert (row.employee_id, row.state) == (stable("head"), "WAITING")
    since = row.untold_since_time
    admin = office.service.as_("admin")
    found = (await admin.ListNoticeDeliveries(filter='untold_since_time != ""')).notice_deliveries
    assert [delivery.employee_id for delivery in found] == [str(stable("head"))]
    await courier.tell_operators()
    clock.advance(days=4)
    report = await office.service.as_("admin").GetOperationsReport()
    (group,) = [group for group in report.stuck_groups if group.kind == "approval.untold"]
    assert [document.number for document in group.documents] == ["PR-one"]

    mailbox.say = lambda mail: "250 ok"
    await until_told(courier, clock)
    (row,) = await rows(courier, NoticeDelivery.employee_id == stable("head"))
    assert (row.state, row.untold_since_time) == ("SENT", None)
    assert since is not None
    assert await untold.check(courier) == 0


async def test_a_channel_that_was_wanted_later_and_a_turn_without_a_notice_are_made_up_for(office, courier, mailbox):
    await office.flow(approve("a", "head"))
    await office.service.as_("head").SetMineNoticePreference(notice_preference={**PREFERENCE, "mail_kinds": []})
    await office.submit()
    await office.submit("two")
    await until_told(courier, office.service.clock)
    assert await rows(courier, NoticeDelivery.employee_id == stable("head")) == []
    async with courier.runtime.sessions() as session, session.begin():
        with fenced_to(None):
            await session.execute(sa.delete(Notice).where(Notice.document_number == "PR-two"))

    await office.service.as_("head").ResetMineNoticePreference()
    office.service.clock.advance(hours=25)
    assert await untold.check(courier) == 1
    await until_told(courier, office.service.clock)

    told = [mail["Subject"] for mail in mailbox.mails if "head" in str(mail["To"])]
    assert sorted(re.findall(r"PR-\w+", " ".join(told))) == ["PR-one", "PR-two"]


async def test_everybody_is_told_by_every_channel_and_nobody_twice_though_both_fail(office, courier, mailbox, chat):
    """The mail server is away for a minute; the chat answers 500 every third time. HEYI_NOTICES makes it large."""
    number = int(os.environ.get("HEYI_NOTICES", "40"))
    await robot(office, chat, kinds=["TURN"])
    await office.flow(approve("a", "head"))
    await until_told(courier, office.service.clock)
    mailbox.mails.clear()
    chat.taken.clear()
    chat.answer = lambda count: (500, "{}") if count % 3 == 0 else (200, '{"errcode": 0}')
    for one in range(number):
        await office.deliver(f"n{one}")
        if one == number // 2:
            mailbox.down()
    clock, begin = office.service.clock, office.service.clock.now()
    for _ in range(13):
        await courier.route()
        with contextlib.suppress(Unreachable):
            await courier.mail_once()
        await courier.robots_once()
        clock.advance(seconds=5)
    assert clock.now() - begin >= datetime.timedelta(minutes=1)
    mailbox.up()
    await until_told(courier, clock, rounds=20 * number)

    wanted = {f"PR-n{one}" for one in range(number)}
    mails = Counter(found[0] for mail in mailbox.mails if (found := re.findall(r"PR-n\d+", str(mail["Subject"]))))
    lines = Counter(found[0] for line in chat.lines() if (found := re.findall(r"PR-n\d+", line)))
    untold_count = len(wanted - mails.keys()) + len(wanted - lines.keys())
    twice = sum(times - 1 for times in (*mails.values(), *lines.values()))
    print(f"notices: {untold_count} untold, {twice} twice of {2 * number}")
    assert (untold_count, twice) == (0, 0)
    assert sum(row.doubt_count for row in await rows(courier)) == 0


async def test_two_couriers_share_the_work_and_one_mail_is_never_sent_by_both(office, courier, mailbox):
    await office.flow(approve("a", "head"))
    for one in range(30):
        await office.deliver(f"s{one}")
    other = Courier(courier.runtime, courier.settings)
    await asyncio.gather(courier.route(), other.route())
    for _ in range(3):
        await asyncio.gather(*(each.mail_once() for each in (courier, other)))

    times = Counter(mail["Message-ID"] for mail in mailbox.mails)
    assert set(times.values()) == {1}
    assert len([mail for mail in mailbox.mails if "PR-s" in str(mail["Subject"])]) == 30


async def test_a_round_costs_the_same_however_many_notices_there_are(office, courier, mailbox):
    await office.flow(approve("a", "head"))
    await until_told(courier, office.service.clock)

    async def cost(documents: int) -> tuple[int, int]:
        for one in range(documents):
            await office.deliver(f"{documents}-{one}")
        with office.service.statements() as routing:
            await courier.route()
        with office.service.statements() as claiming:
            await courier.claim_mails()
        return len(routing), len(claiming)

    assert await cost(2) == await cost(20)


def test_the_courier_is_driven_by_settings_and_names_what_is_wrong():
    from approval.notice_delivery.settings import read
    from chassis.settings import Environment

    good = {
        "HEYI_SMTP_HOST": "mail.example",
        "HEYI_SMTP_FROM": SENDER,
        "HEYI_GATEWAY_PUBLIC_URL": "https://heyi.example/",
    }
    assert read(Environment({})).mail is None
    found = read(Environment(good))
    assert found.mail is not None
    assert (found.mail.port, found.mail.security, found.public_url) == (587, "starttls", "https://heyi.example")
    assert "secret" not in repr(read(Environment({**good, "HEYI_SMTP_USERNAME": "u", "HEYI_SMTP_PASSWORD": "secret"})))
    for wrong, named in (
        ({"HEYI_SMTP_SECURITY": "none"}, "HEYI_SMTP_SECURITY"),
        ({"HEYI_SMTP_SECURITY": "ssl"}, "HEYI_SMTP_SECURITY"),
        ({"HEYI_SMTP_PORT": "x"}, "HEYI_SMTP_PORT"),
        ({"HEYI_SMTP_FROM": ""}, "HEYI_SMTP_FROM"),
        ({"HEYI_SMTP_USERNAME": "u"}, "HEYI_SMTP_USERNAME"),
        ({"HEYI_GATEWAY_PUBLIC_URL": ""}, "HEYI_GATEWAY_PUBLIC_URL"),
    ):
        environment = Environment({**good, **wrong})
        read(environment)
        assert [problem.split(" ")[0] for problem in environment.problems] == [named]
