"""When a mail may go, what a group chat is told, and what becomes of an attempt: rules, without a database."""

from __future__ import annotations

import datetime
import json
import pathlib
import re
import uuid

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from approval.notice.kinds import CHOSEN, KINDS, kind_of
from approval.notice_delivery import rules, words
from approval.notice_preference.rules import PRODUCT, Preference, due_time, effective, free_from, problems
from approval.notice_robot import rules as robots
from chassis import workdays
from chassis.clock import FrozenClock
from chassis.egress import Answer
from chassis.testing import COMPANY, MORNING, OTHER_COMPANY, stable, test_organisation

ORGANISATION = test_organisation(FrozenClock(MORNING))
LABELS = pathlib.Path(__file__).parents[3] / "proto" / "labels"


def at(text: str) -> datetime.datetime:
    """A time of the company, November 2026: the 23rd is a Monday."""
    return datetime.datetime.fromisoformat(f"2026-11-{text}:00+08:00")


def due(text: str, kind: str = "TURN", **said: object) -> datetime.datetime:
    return due_time(at(text), Preference(**said), kind, ORGANISATION, COMPANY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("happened", "said", "goes"),
    [
        ("23T10:20", {}, "23T10:20"),
        ("23T10:20", {"pace": "HOURLY"}, "23T11:00"),
        ("23T11:00", {"pace": "HOURLY"}, "23T12:00"),
        ("23T08:59", {"pace": "DAILY"}, "23T09:00"),
        ("23T09:00", {"pace": "DAILY"}, "24T09:00"),
        ("23T09:00", {"pace": "DAILY", "daily_at": "17:30"}, "23T17:30"),
        ("23T22:00", {"quiet": "HOURS"}, "24T07:30"),
        ("23T07:29", {"quiet": "HOURS"}, "23T07:30"),
        ("23T07:30", {"quiet": "HOURS"}, "23T07:30"),
        ("23T12:15", {"quiet": "HOURS", "quiet_from": "12:00", "quiet_until": "13:00"}, "23T13:00"),
        ("28T10:00", {"quiet": "HOURS"}, "28T10:00"),
        ("28T10:00", {"quiet": "HOURS_AND_DAYS_OFF"}, "30T07:30"),
        ("27T23:00", {"quiet": "HOURS_AND_DAYS_OFF"}, "30T07:30"),
        ("27T17:59", {"quiet": "OUTSIDE_WORK"}, "27T17:59"),
        ("27T18:00", {"quiet": "OUTSIDE_WORK"}, "30T09:00"),
        ("27T12:30", {"quiet": "OUTSIDE_WORK"}, "27T13:00"),
        ("27T21:30", {"pace": "HOURLY", "quiet": "HOURS"}, "28T07:30"),
    ],
)
def test_a_mail_goes_at_its_pace_and_after_quiet_hours(happened, said, goes):
    assert due(happened, **said) == at(goes)


def test_what_is_urged_on_waits_for_no_digest_but_for_the_end_of_quiet_hours():
    assert due("23T10:20", "URGE", pace="DAILY") == at("23T10:20")
    assert due("23T23:00", "URGE", pace="DAILY", quiet="HOURS") == at("24T07:30")


TIMES = st.times().map(lambda time: time.strftime("%H:%M"))
PREFERENCES = st.builds(
    Preference,
    pace=st.sampled_from(["AT_ONCE", "HOURLY", "DAILY"]),
    quiet=st.sampled_from(["NEVER", "HOURS", "HOURS_AND_DAYS_OFF", "OUTSIDE_WORK"]),
    daily_at=TIMES,
    quiet_from=TIMES,
    quiet_until=TIMES,
).filter(lambda said: said.quiet_from != said.quiet_until)
FIRST = datetime.datetime.fromisoformat("2026-01-01")
INSTANTS = st.datetimes(FIRST, FIRST + datetime.timedelta(days=700), timezones=st.just(datetime.UTC))


def is_quiet(instant, said):
    """Whether somebody wants nothing at this instant."""
    if said.quiet == "OUTSIDE_WORK":
        return workdays.working_from(ORGANISATION, COMPANY, instant) != instant
    local = instant.astimezone(workdays.zone_of(ORGANISATION, COMPANY))
    begin, end = map(datetime.time.fromisoformat, (said.quiet_from, said.quiet_until))
    within = begin <= local.time() < end if begin <= end else not end <= local.time() < begin
    off = not workdays.is_working_day(ORGANISATION, COMPANY, local.date())
    return said.quiet != "NEVER" and (within or (off and said.quiet == "HOURS_AND_DAYS_OFF"))


@given(INSTANTS, PREFERENCES, st.sampled_from(CHOSEN))
def test_a_mail_never_goes_too_early_nor_in_quiet_hours_nor_a_week_late(instant, said, kind):
    goes = due_time(instant, said, kind, ORGANISATION, COMPANY)

    assert goes >= instant
    assert not is_quiet(goes, said)
    assert (free_from(instant, said, ORGANISATION, COMPANY) > instant) == is_quiet(instant, said)
    assert goes - instant < datetime.timedelta(days=7)
    assert due_time(instant, said, kind, ORGANISATION, COMPANY) == goes


@given(INSTANTS, INSTANTS, PREFERENCES)
def test_what_happened_first_never_goes_last(one, other, said):
    early, late = sorted([one, other])
    assert due_time(early, said, "TURN", ORGANISATION, COMPANY) <= due_time(late, said, "TURN", ORGANISATION, COMPANY)


def test_a_calendar_without_a_working_day_silences_nobody():
    import dataclasses

    days = {(COMPANY, datetime.date(2026, 11, 23) + datetime.timedelta(days=n)): False for n in range(12_000)}
    never = dataclasses.replace(ORGANISATION, days=days)
    for quiet in ("HOURS_AND_DAYS_OFF", "OUTSIDE_WORK"):
        assert due_time(at("23T10:00"), Preference(quiet=quiet), "TURN", never, COMPANY) == at("23T10:00")


def test_the_person_goes_before_the_company_and_both_before_the_product():
    own, company = Preference(pace="HOURLY"), Preference(pace="DAILY")
    assert [effective(*pair).pace for pair in ((own, company), (None, company), (None, None))] == [
        "HOURLY", "DAILY", "AT_ONCE",
    ]  # fmt: skip
    assert problems(PRODUCT) == []


def test_every_notice_has_a_kind_and_every_kind_is_of_a_notice_that_there_is():
    keys = set(yaml.safe_load((LABELS / "en" / "approval.yaml").read_text("utf-8"))["messages"])
    named = [key for some in KINDS.values() for key in some]
    assert len(named) == len(set(named))
    assert set(named) <= keys
    assert kind_of("notice.todo") == "TURN"
    assert kind_of("notice.resumed") == "PROGRESS"
    assert set(KINDS) | {"PROGRESS"} == {*CHOSEN, "TEST"} == set(words.ROBOT)


# ---- group chats


@pytest.mark.parametrize(
    ("answer", "verdict", "seconds"),
    [
        (Answer(200, '{"errcode":0,"errmsg":"ok"}'), "TAKEN", 0),
        (Answer(200, '{"errcode":45009,"errmsg":"api freq out of limit"}'), "LATER", 60),
        (Answer(200, '{"errcode":130101,"errmsg":"send too fast"}'), "LATER", 60),
        (Answer(429, ""), "LATER", 60),
        (Answer(200, '{"errcode":-1,"errmsg":"system busy"}'), "LATER", 0),
        (Answer(502, "<html>"), "LATER", 0),
        (Answer(200, '{"errcode":310000,"errmsg":"sign not match"}'), "REFUSED", 0),
        (Answer(200, "hello"), "REFUSED", 0),
        (Answer(200, '{"errcode":"0"}'), "REFUSED", 0),
        (Answer(302, ""), "REFUSED", 0),
        (Answer(404, '{"errcode":0}'), "REFUSED", 0),
    ],
)
def test_a_chat_says_by_a_code_whether_it_took_the_message(answer, verdict, seconds):
    said = robots.said(answer)
    assert (said.verdict, said.seconds) == (verdict, seconds)


def test_dingtalk_s_signature_is_the_hmac_of_time_and_secret_under_the_secret():
    moment = datetime.datetime.fromtimestamp(1_700_000_000, datetime.UTC)
    address = "https://oapi.dingtalk.com/robot/send?access_token=t"
    asked = robots.signed("DINGTALK", address, "SECabc", moment)
    assert asked == address + "&timestamp=1700000000000&sign=" + SIGN
    assert robots.signed("DINGTALK", address, "", moment) == address
    assert robots.signed("WECOM", address, "SECabc", moment) == address


def _sign() -> str:
    """Computed the other way round: by OpenSSL's words for the same thing."""
    import hmac
    from base64 import b64encode
    from urllib.parse import quote_plus

    return quote_plus(b64encode(hmac.digest(b"SECabc", b"1700000000000\nSECabc", "sha256")))


SIGN = _sign()


@given(
    st.text(max_size=200),
    st.text(max_size=200),
    st.sampled_from(["WECOM", "DINGTALK"]),
    st.sampled_from(["en", "zh-CN"]),
)
def test_a_group_s_message_is_within_its_limit_and_what_was_typed_is_no_markup(name, number, product, locale):
    told = words.Told(
        uuid.uuid4(), COMPANY, "TURN", "notice.todo", {"title": "secret"}, "procurement.purchase_requisition", number
    )
    public = "https://" + "heyi" * 15 + ".example"
    line = words.chat_line(told, locale=locale, name=name, public_url=public)
    body = robots.body(product, words.chat_title(locale, robots.LINES), [line] * robots.LINES)

    assert "\n" not in line
    text = body["markdown"].get("content") or body["markdown"]["text"]
    assert len(text.encode()) <= robots.LONGEST_BYTES
    assert line.count("[") == line.count("](") == 1, "the one link is ours"
    assert not re.search(r"[<>@`*#~|]", line)
    json.dumps(body)


def test_a_robot_serves_the_people_of_its_department_and_below_in_its_company():
    people = ORGANISATION.people
    for department, person, company, served in (
        (None, "finance_head", COMPANY, True),
        (None, "finance_head", OTHER_COMPANY, False),
        ("works", "head", COMPANY, True),
        ("workshop", "boss", COMPANY, False),
        ("finance", "head", COMPANY, False),
    ):
        found = robots.serves(
            COMPANY, stable(department) if department else None, people[stable(person)], company, ORGANISATION
        )
        assert found == served, (department, person)


# ---- attempts


def test_pauses_grow_and_after_three_days_somebody_must_look():
    now = at("23T10:00")
    pauses = [rules.pause(attempt).total_seconds() for attempt in range(1, 9)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 3600
    later = rules.Outcome("LATER", "", 60)
    assert rules.after(later, 1, now, now) == ("WAITING", now + datetime.timedelta(seconds=60))
    assert rules.after(later, 9, now - rules.GIVE_UP, now) == ("FAILED", None)
    assert rules.after(rules.Outcome("TAKEN", ""), 1, now - rules.GIVE_UP, now) == ("SENT", None)
    assert rules.after(rules.Outcome("REFUSED", ""), 1, now, now) == ("FAILED", None)
    assert rules.after(rules.Outcome("DOUBT", ""), 1, now, now)[0] == "WAITING"


@given(st.text(min_size=1, max_size=300), st.text(max_size=60))
def test_no_text_makes_a_mail_of_another_shape(title, name):
    told = words.Told(uuid.uuid4(), COMPANY, "TURN", "notice.todo", {"title": title, "requester": name}, "x.y", "N-1")
    mail = words.mail(
        [told], locale="en", name=name, email="a@b.example", sender="heyi@mail.example",
        message_id=uuid.uuid4(), public_url="https://heyi.example", at=at("23T10:00"),
    )  # fmt: skip
    head, _, _ = mail.as_bytes().partition(b"\r\n\r\n")
    names = [line.partition(b":")[0] for line in head.split(b"\r\n") if not line[:1].isspace()]
    assert names == [
        b"Subject", b"From", b"To", b"Date", b"Message-ID", b"Auto-Submitted", b"MIME-Version", b"Content-Type",
    ]  # fmt: skip
    markup = mail.get_body(("html",)).get_content()
    assert re.findall(r"<(\w+)", markup) == ["html", "meta", "title", "body", "p", "p", "br", "a", "p", "small"]
    assert len(str(mail["Subject"])) <= words.LONGEST_SUBJECT
