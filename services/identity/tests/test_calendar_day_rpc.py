from __future__ import annotations

import datetime
from typing import Any

import pytest

from chassis import workdays
from chassis.organisation import Organisation
from chassis.testing import COMPANY, OTHER_COMPANY, Bench, refused

KEEPS = ["identity.calendar_day.*"]
NATIONAL_DAY = {"calendar_date": "2026-10-01", "kind": "HOLIDAY", "name": "国庆节"}
FILE = """date,kind,name,company
2026-10-01,休,国庆节,
2026-10-10,WORKDAY,国庆节调休,
2026-10-10,HOLIDAY,盘点日,{code}
"""


async def organisation(house: Bench) -> Organisation:
    """As the other services get it."""
    return Organisation.of(await house.as_service("approval", company=None).GetAuthorization(), house.clock)


async def code_of(admin: Any, company: Any = COMPANY) -> str:
    return str((await admin.GetCompany(id=str(company))).code)


async def test_a_day_is_kept_and_travels_with_the_organisation(house: Bench, admin: Any) -> None:
    before = await organisation(house)
    made = await admin.CreateCalendarDay(calendar_day=NATIONAL_DAY)
    after = await organisation(house)
    day = datetime.date(2026, 10, 1)

    assert after.epoch > before.epoch
    assert workdays.is_working_day(before, COMPANY, day)
    assert not workdays.is_working_day(after, COMPANY, day)
    gone = await admin.DeactivateCalendarDay(id=made.id, etag=made.etag)
    assert workdays.is_working_day(await organisation(house), COMPANY, day)
    back = await admin.ActivateCalendarDay(id=made.id, etag=gone.etag)
    await admin.UpdateCalendarDay(calendar_day={"id": made.id, "etag": back.etag, "kind": "WORKDAY"})
    assert workdays.is_working_day(await organisation(house), COMPANY, day)
    with refused("CALENDAR_DAY_EXISTS"):
        await admin.CreateCalendarDay(calendar_day=NATIONAL_DAY)
    own = {**NATIONAL_DAY, "calendar_company_id": str(COMPANY)}
    await admin.CreateCalendarDay(calendar_day=own)
    assert not workdays.is_working_day(await organisation(house), COMPANY, day)
    listed = await admin.ListCalendarDays(filter=f'calendar_company_id = "{COMPANY}"')
    assert [one.name for one in listed.calendar_days] == ["国庆节"]


async def test_the_hours_of_a_company_travel_too_and_wrong_ones_are_refused(house: Bench, admin: Any) -> None:
    place = await admin.GetCompany(id=str(COMPANY))
    with refused("FIELD_FORMAT", field="working_hours"):
        await admin.UpdateCompany(company={"id": place.id, "etag": place.etag, "working_hours": "nine to five"})
    await admin.UpdateCompany(company={"id": place.id, "etag": place.etag, "working_hours": "08:00-16:00"})
    assert (await organisation(house)).companies[COMPANY].working_hours == "08:00-16:00"


async def test_a_file_is_taken_in_once_and_again_without_effect(house: Bench, admin: Any) -> None:
    text = FILE.format(code=await code_of(admin))
    first = await admin.ImportCalendarDays(text=text)
    again = await admin.ImportCalendarDays(text=text)
    changed = await admin.ImportCalendarDays(text=text.replace("盘点日", "年度盘点"))

    assert (first.created_count, first.updated_count, first.unchanged_count) == (3, 0, 0)
    assert (again.created_count, again.updated_count, again.unchanged_count) == (0, 0, 3)
    assert (changed.created_count, changed.updated_count, changed.unchanged_count) == (0, 1, 2)
    days = (await organisation(house)).days
    assert days[None, datetime.date(2026, 10, 10)]
    assert not days[COMPANY, datetime.date(2026, 10, 10)]
    subjects = [subject.rsplit(".", 1)[1] for subject, _ in await house.events("calendar_day")]
    assert subjects == ["created", "created", "created", "updated"]


@pytest.mark.parametrize(
    ("text", "reason", "field"),
    [
        ("day,kind\n", "CALENDAR_DAY_COLUMNS", "text"),
        ("date,kind,name\n2026-02-30,HOLIDAY,x", "CALENDAR_DAY_LINE", "lines[2].date"),
        ("date,kind,name\n2026-02-01,HOLIDAY,x\n2026-02-01,WORKDAY,y", "CALENDAR_DAY_LINE", "lines[3].date"),
        ("date,kind,name\n2026-02-01,PARTY,x", "CALENDAR_DAY_LINE", "lines[2].kind"),
        ("date,kind,name\n2026-02-01,HOLIDAY", "CALENDAR_DAY_LINE", "lines[2].name"),
        ("date,kind,name,company\n2026-02-01,HOLIDAY,x,NONE", "CALENDAR_DAY_LINE", "lines[2].company"),
        ("date,kind,name\n" + "2026-02-01,HOLIDAY,x\n" * 1001, "CALENDAR_DAY_TOO_MANY", "text"),
        ("", "FIELD_REQUIRED", "text"),
    ],
)
async def test_a_file_with_a_wrong_line_leaves_nothing(admin: Any, text: str, reason: str, field: str) -> None:
    good = "" if "\n2026" not in text else text.rstrip() + "\n2026-03-01,HOLIDAY,good"
    with refused(reason, field=field):
        await admin.ImportCalendarDays(text=good if reason == "CALENDAR_DAY_LINE" else text)
    assert not (await admin.ListCalendarDays()).calendar_days


async def test_who_keeps_one_company_s_calendar_changes_no_other(house: Bench, admin: Any) -> None:
    everybodys = await admin.CreateCalendarDay(calendar_day=NATIONAL_DAY)
    house.grant("boss", KEEPS, "COMPANY", company=COMPANY)
    boss = house.as_("boss")
    await boss.CreateCalendarDay(calendar_day={**NATIONAL_DAY, "calendar_company_id": str(COMPANY)})
    with refused("CALENDAR_DAY_REACH"):
        await boss.CreateCalendarDay(calendar_day={**NATIONAL_DAY, "calendar_company_id": str(OTHER_COMPANY)})
    with refused("CALENDAR_DAY_REACH"):
        await boss.DeactivateCalendarDay(id=everybodys.id)
    with refused("CALENDAR_DAY_REACH"):
        await boss.ImportCalendarDays(text=FILE.format(code=await code_of(admin)))
    with refused("PERMISSION_MISSING"):
        await house.as_("stranger").ListCalendarDays()
