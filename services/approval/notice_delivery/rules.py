"""By which channels a notice goes, when, and what becomes of an attempt."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from approval.notice_preference.rules import Preference, due_time
from approval.notice_robot.rules import serves
from chassis.organisation import Organisation

TRANSITIONS = {
    ("WAITING", "retry"): "WAITING",
    ("FAILED", "retry"): "WAITING",
    ("NOT_NEEDED", "retry"): "WAITING",
}
GIVE_UP = datetime.timedelta(days=3)
DELAYS_SECONDS = (1, 5, 30, 120, 600, 3600)
NO_ADDRESS = "notice.no_address"
BUNDLES = uuid.UUID("8d3f6f0e-4c9b-7d52-9a53-6b0f4a1f6f21")


@dataclass(frozen=True)
class Leg:
    """One channel that a notice takes. Legs with one `message_id` travel in one mail."""

    channel: str
    due_time: datetime.datetime
    message_id: uuid.UUID
    robot_id: uuid.UUID | None = None
    problem: str = ""


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: `TAKEN`, `REFUSED` for good, `LATER`, or `DOUBT`, where it may have arrived."""

    verdict: str
    answer: str
    seconds: float = 0.0


def legs(
    notice: Any, preference: Preference, robots: Iterable[Any], organisation: Organisation, now: datetime.datetime,
    *, mail_works: bool,
) -> list[Leg]:  # fmt: skip
    """The channels of a notice: none for who is not there any more, mail where it is wanted and there is a server,
    and the robots that serve the person and tell of this kind.
    """
    person = organisation.people.get(notice.employee_id)
    if person is None or not person.active:
        return []
    found = []
    if mail_works and notice.kind in preference.mail_kinds:
        due = due_time(now, preference, notice.kind, organisation, person.company_id or notice.company_id)
        bundle = uuid.uuid5(BUNDLES, f"{person.employee_id} {due.isoformat()}")
        alone = uuid.uuid5(BUNDLES, f"{notice.id} mail")
        # whatever waits for the same moment, a digest's or the end of quiet hours, comes in one mail
        together = due > now
        problem = "" if person.email else NO_ADDRESS
        found.append(Leg("MAIL", due, bundle if together else alone, problem=problem))
    for robot in robots:
        told = notice.kind in robot.kinds and notice.kind in preference.robot_kinds
        if told and serves(robot.company_id, robot.department_id, person, notice.company_id, organisation):
            found.append(Leg("ROBOT", now, uuid.uuid5(BUNDLES, f"{notice.id} {robot.id}"), robot.id))
    return found


def pause(attempts: int, seconds: float = 0.0) -> datetime.timedelta:
    """How long something rests after so many attempts; at least as long as the channel asks for."""
    return datetime.timedelta(seconds=max(seconds, DELAYS_SECONDS[min(max(attempts, 1), len(DELAYS_SECONDS)) - 1]))


def after(
    outcome: Outcome, attempts: int, since: datetime.datetime, now: datetime.datetime
) -> tuple[str, datetime.datetime | None]:
    """The state that an attempt leaves, and when the next one is due: none where it is over."""
    if outcome.verdict == "TAKEN":
        return "SENT", None
    if outcome.verdict == "REFUSED" or now - since >= GIVE_UP:
        return "FAILED", None
    return "WAITING", now + pause(attempts, outcome.seconds)
