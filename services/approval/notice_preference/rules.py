"""By which channel, how soon, and when not somebody is told: what they said themselves, else what their company says,
else what the product does. When a mail may go is computed on the person's company's clock and working calendar.
"""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from approval.notice.kinds import CHOSEN
from chassis import workdays
from chassis.labels import LOCALES
from chassis.organisation import Organisation, Person

TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
# further than a calendar looks ahead; one without a working day silences nobody
MOST_DAYS = 400
_DAY, _HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)
FIELDS = ("mail_kinds", "robot_kinds", "pace", "daily_at", "quiet", "quiet_from", "quiet_until", "locale")


@dataclass(frozen=True)
class Preference:
    """How somebody wants to be told; times of day are `HH:MM` of their company."""

    mail_kinds: Collection[str] = ("TURN", "COPY", "MENTION", "URGE", "OUTCOME")
    robot_kinds: Collection[str] = CHOSEN
    pace: str = "AT_ONCE"
    daily_at: str = "09:00"
    quiet: str = "NEVER"
    quiet_from: str = "22:00"
    quiet_until: str = "07:30"
    locale: str = ""
    source: str = "PRODUCT"


PRODUCT = Preference()


def effective(own: Any, company: Any) -> Preference:
    """What holds: the person's row, else their company's, else the product's."""
    for row, source in ((own, "PERSON"), (company, "COMPANY")):
        if row is not None:
            return Preference(**{name: getattr(row, name) for name in FIELDS}, source=source)
    return PRODUCT


def locale_of(preference: Preference, person: Person) -> str:
    """The language in which somebody is written to."""
    return next((one for one in (preference.locale, person.locale) if one in LOCALES), LOCALES[0])


def problems(row: Any) -> list[tuple[str, str, dict[str, object]]]:
    """What is wrong with a preference, by field."""
    found: list[tuple[str, str, dict[str, object]]] = [
        (name, "FIELD_REQUIRED", {}) for name in ("pace", "quiet") if not getattr(row, name)
    ]
    for name in ("daily_at", "quiet_from", "quiet_until"):
        if not TIME.fullmatch(getattr(row, name)):
            found.append((name, "FIELD_FORMAT", {"value": getattr(row, name), "expected": "00:00 - 23:59"}))
    for name in ("mail_kinds", "robot_kinds"):
        if "TEST" in getattr(row, name):
            found.append((name, "FIELD_TYPE", {"expected": ", ".join(CHOSEN)}))
    if row.locale and row.locale not in LOCALES:
        found.append(("locale", "NOTICE_LOCALE", {"value": row.locale, "allowed": ", ".join(LOCALES)}))
    if row.quiet in ("HOURS", "HOURS_AND_DAYS_OFF") and row.quiet_from == row.quiet_until:
        facts: dict[str, object] = {"quiet_from": row.quiet_from, "quiet_until": row.quiet_until}
        found.append(("quiet_until", "NOTICE_QUIET_ALL_DAY", facts))
    return found


def _is_bundled(preference: Preference, kind: str) -> bool:
    """Whether it waits for others of its hour or day. What is urged on does not."""
    return preference.pace != "AT_ONCE" and kind != "URGE"


def due_time(
    at: datetime.datetime, preference: Preference, kind: str, organisation: Organisation, company_id: uuid.UUID
) -> datetime.datetime:
    """The instant (UTC) at which a mail about something that happened at `at` goes: never before, never in quiet."""
    local = at.astimezone(workdays.zone_of(organisation, company_id))
    if _is_bundled(preference, kind):
        if preference.pace == "HOURLY":
            local = local.replace(minute=0, second=0, microsecond=0) + _HOUR
        else:
            daily = datetime.datetime.combine(local.date(), _time(preference.daily_at), local.tzinfo)
            local = daily if daily > local else daily + _DAY
    return free_from(local, preference, organisation, company_id)


def free_from(
    at: datetime.datetime, preference: Preference, organisation: Organisation, company_id: uuid.UUID
) -> datetime.datetime:
    """The first instant (UTC) from here on at which something may be sent."""
    local = at.astimezone(workdays.zone_of(organisation, company_id))
    return _not_quiet(local, preference, organisation, company_id).astimezone(datetime.UTC)


def _not_quiet(
    local: datetime.datetime, preference: Preference, organisation: Organisation, company_id: uuid.UUID
) -> datetime.datetime:
    """The first moment from here on that is not quiet."""
    begin = local
    if preference.quiet == "NEVER":
        return local
    if preference.quiet == "OUTSIDE_WORK":
        worked = any(
            workdays.is_working_day(organisation, company_id, local.date() + n * _DAY) for n in range(MOST_DAYS)
        )
        return workdays.working_from(organisation, company_id, local) if worked else begin
    for _ in range(2 * MOST_DAYS):
        if _day_off(local, preference, organisation, company_id):
            local = datetime.datetime.combine(local.date() + _DAY, datetime.time(), local.tzinfo)
        elif _quiet_hour(local, preference):
            ends = datetime.datetime.combine(local.date(), _time(preference.quiet_until), local.tzinfo)
            local = ends if ends > local else ends + _DAY
        else:
            return local
    return begin


def _day_off(
    local: datetime.datetime, preference: Preference, organisation: Organisation, company_id: uuid.UUID
) -> bool:
    off = preference.quiet == "HOURS_AND_DAYS_OFF"
    return off and not workdays.is_working_day(organisation, company_id, local.date())


def _quiet_hour(local: datetime.datetime, preference: Preference) -> bool:
    if preference.quiet not in ("HOURS", "HOURS_AND_DAYS_OFF"):
        return False
    begin, end, now = _time(preference.quiet_from), _time(preference.quiet_until), local.time()
    return begin <= now < end if begin <= end else now >= begin or now < end


def _time(text: str) -> datetime.time:
    return datetime.time.fromisoformat(text)
