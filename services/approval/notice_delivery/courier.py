"""Brings notices to people by mail and by robots of group chats, in the background, for ever.

Level-triggered, in three rounds: `route` decides by which channels each new notice goes and writes a row for each;
`mail_once` and `robots_once` claim what is due with a lease in one short transaction, send without any, and settle in a
second one. A channel that is slow holds no lock, one that is down blocks nobody but itself, and a process that dies
leaves a lease that ends. Only where it died, or the channel's acknowledgement was lost, between sending and settling,
can something arrive twice: that is counted (`doubt_count`), and a mail is recognised by its Message-ID.
"""

from __future__ import annotations

import asyncio
import datetime
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from approval.case.model import Case
from approval.case.sight import all_hidden, hidden_from
from approval.notice.model import Notice
from approval.notice_delivery import mailer, rules, words
from approval.notice_delivery.model import DOUBTED, UNTOLD, NoticeDelivery
from approval.notice_delivery.settings import Settings
from approval.notice_preference.model import NoticePreference
from approval.notice_preference.rules import Preference, effective, free_from, locale_of
from approval.notice_robot import rules as robot_rules
from approval.notice_robot.model import NoticeRobot
from chassis import egress, faults, ids, telemetry
from chassis.call import Actor
from chassis.db import fenced_to
from chassis.runtime import search_vector
from heyi.approval.v1 import notice_robots_pb2

if TYPE_CHECKING:
    from chassis.runtime import Runtime

log = telemetry.logger("approval.courier")

AT_ONCE, ROUTED_AT_ONCE = 20, 200
POLL_SECONDS, LONGEST_PAUSE_SECONDS, TOLD_SECONDS = 1.0, 15.0, 15.0
# longer than a round may take, and short enough that a process that died is made up for within two minutes
LEASE, WORK_SECONDS = datetime.timedelta(seconds=90), 60.0
METHOD = "approval.notice_robot.answer"
DELIVERY: Any = NoticeDelivery.__table__
NOTICE: Any = Notice.__table__
ROBOT: Any = NoticeRobot.__table__
# claims come one after another, so what belongs into one mail is never claimed in two halves
CLAIMS = sa.text("SELECT pg_advisory_xact_lock(hashtext('notice_delivery.claim'))")
LATER_AGAIN = (mailer.Unreachable, DBAPIError, PoolTimeout, OSError)
Post = Callable[[str, Any], Awaitable[egress.Answer]]


@dataclass(frozen=True)
class Parcel:
    """What goes in one message, under one lease."""

    lease: uuid.UUID
    rows: Sequence[Any]
    told: Sequence[words.Told]
    employee_id: uuid.UUID
    message_id: uuid.UUID
    preference: Preference | None = None
    robot: Any = None


class Courier:
    """The rounds. Each can be run by itself."""

    def __init__(self, runtime: Runtime, settings: Settings | None = None, post: Post = egress.post) -> None:
        self.runtime, self.post = runtime, post
        self.settings = settings or runtime.settings.own or Settings()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._over_and_over(self.route))
            loops.create_task(self._over_and_over(self.robots_once))
            loops.create_task(self._over_and_over(self.tell_operators, rest=TOLD_SECONDS))
            if self.settings.mail is not None:
                loops.create_task(self._over_and_over(self.mail_once))

    async def _over_and_over(self, once: Callable[[], Awaitable[int]], rest: float = POLL_SECONDS) -> None:
        pause = rest
        while True:
            try:
                worked = await once()
            except LATER_AGAIN as problem:
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                log.warning("notices wait", round=once.__name__, problem=telemetry.plain(problem), pause_seconds=pause)
                await asyncio.sleep(pause)
                continue
            pause = rest
            if not worked:
                await asyncio.sleep(rest)

    # ---- which channels

    async def route(self) -> int:
        """Decide for some new notices by which channels they go; how many there were."""
        columns = [NOTICE.c[name] for name in ("id", "company_id", "employee_id", "kind", *ABOUT)]
        fresh = sa.select(*columns).where(NOTICE.c.routed.is_(False)).order_by(NOTICE.c.created_at, NOTICE.c.id)
        with fenced_to(None):
            async with self.runtime.sessions() as session, session.begin():
                await session.execute(CLAIMS)
                notices = (await session.execute(fresh.limit(ROUTED_AT_ONCE).with_for_update())).all()
                if not notices:
                    return 0
                await self.send_by(session, notices, await self.legs_of(session, notices))
                which = NOTICE.c.id.in_([notice.id for notice in notices])
                await session.execute(sa.update(NOTICE).where(which).values(routed=True))
        return len(notices)

    async def legs_of(self, session: Any, notices: Sequence[Any]) -> dict[uuid.UUID, list[rules.Leg]]:
        """The channels of each notice, in two statements."""
        organisation, now = self.runtime.rights().organisation, self.runtime.clock.now()
        preferences = await self.preferences_of(session, {notice.employee_id for notice in notices})
        wanted = ("id", "company_id", "department_id", "kinds")
        active = sa.select(*(ROBOT.c[name] for name in wanted)).where(ROBOT.c.state == "ACTIVE")
        robots = (await session.execute(active)).all()
        works = self.settings.mail is not None
        return {
            notice.id: rules.legs(
                notice, preferences[notice.employee_id], robots, organisation, now, mail_works=works
            )
            for notice in notices
        }  # fmt: skip

    async def preferences_of(self, session: Any, people: set[uuid.UUID]) -> dict[uuid.UUID, Preference]:
        """What holds for these people, in one statement."""
        known = self.runtime.rights().organisation.people
        home = {who: known[who].company_id for who in people if who in known}
        of_company = sa.and_(
            NoticePreference.employee_id.is_(None), NoticePreference.company_id.in_(set(home.values()) - {None})
        )
        rows = sa.select(NoticePreference).where(sa.or_(NoticePreference.employee_id.in_(people), of_company))
        found = {(row.employee_id or row.company_id): row for row in await session.scalars(rows)}
        return {who: effective(found.get(who), found.get(home.get(who))) for who in people}

    async def send_by(
        self, session: Any, notices: Sequence[Any], legs: Mapping[uuid.UUID, Sequence[rules.Leg]], **more: Any
    ) -> None:
        """Put notices on their way by these channels; by one that they already took, nothing happens."""
        rows = [
            {
                "id": ids.uuid7(), "version": 1, "company_id": notice.company_id, "notice_id": notice.id,
                "employee_id": notice.employee_id, "kind": notice.kind, "channel": leg.channel,
                "robot_id": leg.robot_id, "due_time": leg.due_time, "message_id": leg.message_id,
                "state": "FAILED" if leg.problem else "WAITING", "answer": leg.problem,
                "search": search_vector(NoticeDelivery(document_number=notice.document_number)),
                **{name: getattr(notice, name) for name in ABOUT}, **more,
            }
            for notice in notices for leg in legs[notice.id]
        ]  # fmt: skip
        if rows:
            known = pg.insert(DELIVERY).on_conflict_do_nothing(constraint="uq_notice_delivery_channel")
            await session.execute(known, rows)

    # ---- mail

    async def mail_once(self) -> int:
        """Send up to AT_ONCE mails that are due; how many. Raises Unreachable when the server was."""
        parcels = await self.claim_mails()
        if not parcels:
            return 0
        assert self.settings.mail is not None
        left = list(parcels)
        try:
            async with asyncio.timeout(WORK_SECONDS):
                while left:
                    async with mailer.conversation(self.settings.mail) as connection:
                        while left and connection.usable:
                            await self._mail(connection, left[0])
                            left.pop(0)
        except mailer.Unreachable:
            await self._give_back(left)
            raise
        except TimeoutError:
            # the first of them was under way
            await self._settle(left[0], rules.Outcome("DOUBT", "no answer in time"))
            await self._give_back(left[1:])
            raise mailer.Unreachable("no answer in time") from None
        return len(parcels)

    async def claim_mails(self) -> list[Parcel]:
        """Take mails that are due, the oldest first; for the length of the lease nobody else does. Those of people who
        want nothing now, tried again or late as they are, wait for the end of that.
        """
        now, lease = self.runtime.clock.now(), ids.uuid7()
        due = sa.and_(DELIVERY.c.state == "WAITING", DELIVERY.c.channel == "MAIL", DELIVERY.c.due_time <= now, _FREE)
        mails = (
            sa.select(DELIVERY.c.message_id).where(due).group_by(DELIVERY.c.message_id)
            .order_by(sa.func.min(DELIVERY.c.due_time), DELIVERY.c.message_id).limit(AT_ONCE)
        )  # fmt: skip
        with fenced_to(None):
            async with self.runtime.sessions() as session, session.begin():
                await session.execute(CLAIMS)
                rows = await self._take(session, sa.and_(due, DELIVERY.c.message_id.in_(mails)), lease)
                if not rows:
                    return []
                rows, told = await self._told(session, rows)
                preferences = await self.preferences_of(session, {row.employee_id for row in rows})
                rows = await self._not_in_quiet(session, rows, told, preferences, now)
        together: defaultdict[uuid.UUID, list[Any]] = defaultdict(list)
        for row in rows:
            together[row.message_id].append(row)
        return [
            Parcel(lease, some, [told[row.id] for row in some], some[0].employee_id, message_id,
                   preferences[some[0].employee_id])
            for message_id, some in together.items()
        ]  # fmt: skip

    async def _not_in_quiet(
        self,
        session: Any,
        rows: Sequence[Any],
        told: Mapping[uuid.UUID, words.Told],
        preferences: Mapping[uuid.UUID, Preference],
        now: datetime.datetime,
    ) -> list[Any]:
        """The rows that may go now, a test that somebody asks for always. The others were no attempt."""
        organisation, go = self.runtime.rights().organisation, []
        waits: defaultdict[datetime.datetime, list[uuid.UUID]] = defaultdict(list)
        for row in rows:
            company_id = organisation.people[row.employee_id].company_id or row.company_id
            free = free_from(now, preferences[row.employee_id], organisation, company_id)
            if free > now and told[row.id].kind != "TEST":
                waits[free].append(row.id)
            else:
                go.append(row)
        for free, some in waits.items():
            values = {**_RESTS, "due_time": free, "attempt_count": DELIVERY.c.attempt_count - 1}
            await session.execute(sa.update(DELIVERY).where(DELIVERY.c.id.in_(some)).values(**values))
        return go

    async def _mail(self, connection: mailer.Connection, parcel: Parcel) -> None:
        assert self.settings.mail is not None
        assert parcel.preference is not None
        person = self.runtime.rights().organisation.people[parcel.employee_id]
        faults.point("notice_claimed")
        try:
            letter = words.mail(
                parcel.told, locale=locale_of(parcel.preference, person), name=person.name, email=person.email,
                sender=self.settings.mail.sender, message_id=parcel.message_id,
                public_url=self.settings.public_url, at=self.runtime.clock.now(),
            )  # fmt: skip
        except ValueError as problem:
            outcome = rules.Outcome("REFUSED", f"{person.email[:100]}: {problem}"[:500])
        else:
            outcome = await connection.send(letter, person.email)
        faults.point("notice_sent")
        await self._settle(parcel, outcome)

    # ---- robots

    async def robots_once(self) -> int:
        """Send one message to each robot that may have one; how many."""
        parcels = await self.claim_robots()
        problems = await asyncio.gather(*(self._post(parcel) for parcel in parcels), return_exceptions=True)
        for problem in problems:
            if problem is not None:
                raise problem
        return len(parcels)

    async def claim_robots(self) -> list[Parcel]:
        """Take some lines for each robot that is ready; it is ready again when its chat takes another message."""
        now, lease = self.runtime.clock.now(), ids.uuid7()
        due = sa.and_(DELIVERY.c.state == "WAITING", DELIVERY.c.channel == "ROBOT", DELIVERY.c.due_time <= now, _FREE)
        ready = sa.select(NoticeRobot).where(
            NoticeRobot.state == "ACTIVE", NoticeRobot.ready_time <= now,
            sa.exists().where(DELIVERY.c.robot_id == NoticeRobot.id, due),
        )  # fmt: skip
        parcels = []
        with fenced_to(None):
            async with self.runtime.sessions() as session, session.begin():
                await session.execute(CLAIMS)
                for robot in (await session.scalars(ready.order_by(NoticeRobot.ready_time).limit(AT_ONCE))).all():
                    lines = (
                        sa.select(DELIVERY.c.id).where(due, DELIVERY.c.robot_id == robot.id)
                        .order_by(DELIVERY.c.due_time, DELIVERY.c.id).limit(robot_rules.LINES)
                    )  # fmt: skip
                    rows, told = await self._told(session, await self._take(session, DELIVERY.c.id.in_(lines), lease))
                    if rows:
                        some = [told[row.id] for row in rows]
                        parcels.append(Parcel(lease, rows, some, rows[0].employee_id, rows[0].message_id, robot=robot))
                        next_time = now + datetime.timedelta(seconds=robot_rules.SECONDS_APART)
                        await session.execute(
                            sa.update(ROBOT).where(ROBOT.c.id == robot.id).values(ready_time=next_time)
                        )
        return parcels

    async def _post(self, parcel: Parcel) -> None:
        robot, people = parcel.robot, self.runtime.rights().organisation.people
        faults.point("notice_claimed")
        locale = robot.locale or "zh-CN"
        lines = [
            words.chat_line(told, locale=locale, name=people[row.employee_id].name, public_url=self.settings.public_url)
            for row, told in zip(parcel.rows, parcel.told, strict=True)
        ]
        body = robot_rules.body(robot.product, words.chat_title(locale, len(lines)), lines)
        address = robot_rules.signed(robot.product, robot.address, robot.secret, self.runtime.clock.now())
        try:
            answer = robot_rules.said(await self.post(address, body))
        except egress.Unreachable as problem:
            outcome = rules.Outcome("LATER", f"Unreachable: {problem}")
        except egress.NoAnswer as problem:
            outcome = rules.Outcome("DOUBT", f"NoAnswer: {problem}")
        except egress.AddressRefused as problem:
            outcome = rules.Outcome("REFUSED", f"AddressRefused: {problem}")
        else:
            outcome = rules.Outcome(answer.verdict, answer.text, answer.seconds)
        faults.point("notice_sent")
        await self._settle(parcel, outcome)

    # ---- around an attempt

    async def _take(self, session: Any, which: Any, lease: uuid.UUID) -> Sequence[Any]:
        """Begin an attempt. One that was never settled may have arrived: a doubt."""
        until = sa.func.clock_timestamp() + LEASE
        doubted = DELIVERY.c.doubt_count + sa.case((DELIVERY.c.trying, 1), else_=0)
        values = {
            "lease": lease, "leased_until": until, "trying": True, "doubt_count": doubted,
            "attempt_count": DELIVERY.c.attempt_count + 1, "version": DELIVERY.c.version + 1,
        }  # fmt: skip
        shown = [DELIVERY.c[name] for name in SHOWN]
        taken = sa.update(DELIVERY).where(which).values(**values).returning(*shown)
        rows = (await session.execute(taken)).all()
        return sorted(rows, key=lambda row: row.id)

    async def _told(self, session: Any, rows: Sequence[Any]) -> tuple[list[Any], dict[uuid.UUID, words.Told]]:
        """What the rows say; those that say nothing new to anybody are settled here and left out."""
        people = self.runtime.rights().organisation.people
        notices = sa.select(NOTICE).where(NOTICE.c.id.in_([row.notice_id for row in rows]))
        by_id = {notice.id: notice for notice in (await session.execute(notices)).all()}
        cases = {notice.case_id for notice in by_id.values() if notice.case_id is not None}
        known = {case.id: case for case in await session.scalars(sa.select(Case).where(Case.id.in_(cases)))}
        needed, told, over = [], {}, []
        for row in rows:
            notice = by_id[row.notice_id]
            person = people.get(row.employee_id)
            if (notice.read_time is not None and notice.kind != "TEST") or person is None or not person.active:
                over.append(row.id)
                continue
            facts = dict(notice.text_facts or {})
            case = known.get(notice.case_id)
            if case is not None and "title" in all_hidden(case, hidden_from(case, row.employee_id)):
                facts["title"] = ""
            needed.append(row)
            told[row.id] = words.Told(
                notice.id, notice.company_id, notice.kind, notice.text_key, facts, notice.document_type,
                notice.document_number,
            )  # fmt: skip
        if over:
            done = {"state": "NOT_NEEDED", "answer": "notice.not_needed", "untold_since_time": None, **_RESTS}
            await session.execute(sa.update(DELIVERY).where(DELIVERY.c.id.in_(over)).values(**done))
        return needed, told

    async def _settle(self, parcel: Parcel, outcome: rules.Outcome) -> None:
        """Record what came of an attempt; where the lease was lost, whoever took over does."""
        now = self.runtime.clock.now()
        doubt = outcome.verdict == "DOUBT"
        by_state: defaultdict[tuple[str, datetime.datetime | None], list[uuid.UUID]] = defaultdict(list)
        for row in parcel.rows:
            by_state[rules.after(outcome, row.attempt_count, row.created_at, now)].append(row.id)
        call = None
        with fenced_to(None):
            async with self.runtime.sessions() as session, session.begin():
                for (state, due), some in by_state.items():
                    values: dict[str, Any] = {"state": state, "answer": outcome.answer, "updated_at": now, **_RESTS}
                    values["version"] = DELIVERY.c.version + 1
                    if due is not None:
                        values["due_time"] = due
                    if state == "SENT":
                        values |= {"send_time": now, "untold_since_time": None}
                    if doubt:
                        values["doubt_count"] = DELIVERY.c.doubt_count + 1
                    mine = sa.and_(DELIVERY.c.id.in_(some), DELIVERY.c.lease == parcel.lease)
                    await session.execute(sa.update(DELIVERY).where(mine).values(**values))
                if parcel.robot is not None:
                    call = await self._settle_robot(session, parcel, outcome, now)
        if call is not None:
            self.runtime.hand_over(call.outgoing)
        telemetry.count("heyi.notice.attempts", channel=parcel.rows[0].channel, outcome=outcome.verdict)
        if outcome.verdict != "TAKEN":
            log.warning("notice not taken", channel=parcel.rows[0].channel, verdict=outcome.verdict)

    async def _settle_robot(self, session: Any, parcel: Parcel, outcome: rules.Outcome, now: datetime.datetime) -> Any:
        """What the chat said is on the robot; whoever waits for the answer to a test hears of it."""
        failures = 0 if outcome.verdict == "TAKEN" else parcel.robot.failure_count + 1
        seconds = max(outcome.seconds, robot_rules.pause_seconds(failures) if failures else 0.0)
        values = {"answer": outcome.answer, "answer_time": now, "failure_count": failures}
        if failures:
            values["ready_time"] = now + datetime.timedelta(seconds=seconds)
        if all(told.kind != "TEST" for told in parcel.told):
            await session.execute(sa.update(ROBOT).where(ROBOT.c.id == parcel.robot.id).values(**values))
            return None
        actor = Actor(None, service=self.runtime.service.name)
        call = self.runtime.call_for_event(session, actor, parcel.robot.company_id, "")
        robot = await call.load(NoticeRobot, parcel.robot.id, lock=True, scope=False)
        for name, value in values.items():
            setattr(robot, name, value)
        call.announce(notice_robots_pb2.NoticeRobotUpdated, robot)
        await self.runtime.finish(call, METHOD)
        return call

    async def _give_back(self, parcels: Sequence[Parcel]) -> None:
        """Nothing was sent: it stays due, and was no attempt."""
        some = [row.id for parcel in parcels for row in parcel.rows]
        if some:
            mine = sa.and_(DELIVERY.c.id.in_(some), DELIVERY.c.lease == parcels[0].lease)
            free = {**_RESTS, "attempt_count": DELIVERY.c.attempt_count - 1}
            with fenced_to(None):
                async with self.runtime.sessions() as session, session.begin():
                    await session.execute(sa.update(DELIVERY).where(mine).values(**free))

    async def tell_operators(self) -> int:
        """How long the oldest notice is due and not told, what the daily check found untold, and what may have arrived
        twice within a day.
        """
        waiting = sa.and_(DELIVERY.c.state == "WAITING", DELIVERY.c.due_time <= self.runtime.clock.now())
        oldest = sa.select(sa.func.min(DELIVERY.c.due_time)).where(waiting).scalar_subquery()
        untold = sa.select(sa.func.count()).where(UNTOLD).scalar_subquery()
        today = DELIVERY.c.updated_at > self.runtime.clock.now() - datetime.timedelta(days=1)
        doubted = sa.select(sa.func.count()).where(DOUBTED, today).scalar_subquery()
        with fenced_to(None):
            async with self.runtime.read_sessions() as session:
                since, number, doubts = (await session.execute(sa.select(oldest, untold, doubted))).one()
        late = (self.runtime.clock.now() - since).total_seconds() if since else 0.0
        telemetry.gauge("heyi.notice.late", max(0.0, late), "s")
        telemetry.gauge("heyi.notice.untold", number)
        telemetry.gauge("heyi.notice.doubts", doubts)
        return 0


ABOUT = ("document_type", "document_id", "document_number")
SHOWN = (
    "id", "company_id", "notice_id", "employee_id", "channel", "robot_id", "message_id", "attempt_count",
    "doubt_count", "created_at",
)  # fmt: skip
_FREE = sa.or_(DELIVERY.c.leased_until.is_(None), DELIVERY.c.leased_until < sa.func.clock_timestamp())
_RESTS = {"trying": False, "lease": None, "leased_until": None}


async def deliver(runtime: Runtime) -> None:
    """Background work of the service: runs as long as the process does."""
    await Courier(runtime).run()
