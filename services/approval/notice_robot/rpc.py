"""Serves heyi.approval.v1.NoticeRobots."""

from __future__ import annotations

import datetime
from typing import Any

import sqlalchemy as sa

from approval.notice.kinds import CHOSEN
from approval.notice_delivery.model import NoticeDelivery
from approval.notice_delivery.rules import GIVE_UP
from approval.notice_delivery.trial import send_trial
from approval.notice_robot import rules
from approval.notice_robot.model import NoticeRobot
from chassis import egress
from chassis.call import Call, Refused
from chassis.labels import LOCALES
from chassis.service import crud
from chassis.states import advance
from heyi.approval.v1 import notice_robots_pb2 as pb


class NoticeRobots(crud(NoticeRobot, pb.NoticeRobotUpdated, pb.NoticeRobotUpdated)):  # type: ignore[misc]
    async def CreateNoticeRobot(self, request: Any, call: Call) -> Any:
        sent = request.notice_robot
        row = await call.create(NoticeRobot, sent)
        row.kinds = row.kinds or list(CHOSEN)
        _address(row, sent.address, sent.secret)
        row.ready_time = call.now()
        await self.check(row, call)
        return call.announce(pb.NoticeRobotUpdated, row)

    async def SetAddressNoticeRobot(self, request: Any, call: Call) -> Any:
        row = await call.load(NoticeRobot, request.id, etag=request.etag)
        advance(row, "set_address")
        _address(row, request.address, request.secret)
        row.failure_count, row.ready_time = 0, call.now()
        # what the old address refused is tried at the new one
        await _move(call, row, "FAILED", "WAITING", since=call.now() - GIVE_UP)
        return call.announce(pb.NoticeRobotUpdated, row)

    async def TestNoticeRobot(self, request: Any, call: Call) -> Any:
        # of any version: it changes nothing that somebody wrote, and its answer makes a new one by itself
        row = await call.load(NoticeRobot, request.id)
        advance(row, "test")
        row.answer, row.answer_time, row.ready_time = "", None, call.now()
        send_trial(call, row.company_id, "approval.notice_robot", row.id, row.name, robot_id=row.id)
        return call.announce(pb.NoticeRobotUpdated, row)

    async def DeactivateNoticeRobot(self, request: Any, call: Call) -> Any:
        row = await call.load(NoticeRobot, request.id, etag=request.etag)
        advance(row, "deactivate")
        await _move(call, row, "WAITING", "NOT_NEEDED")
        return call.announce(pb.NoticeRobotUpdated, row)

    async def check(self, row: Any, call: Call) -> None:
        """It serves a department of its company, in a language that there is."""
        if row.department_id is not None:
            unit = call.organisation.departments.get(row.department_id)
            if unit is None or unit.company_id != row.company_id:
                raise Refused("FIELD_NO_SUCH_DOCUMENT", field="department_id", value=row.department_id)
        if row.locale and row.locale not in LOCALES:
            raise Refused.fields([("locale", "NOTICE_LOCALE", {"value": row.locale, "allowed": ", ".join(LOCALES)})])
        if "TEST" in row.kinds:
            raise Refused.fields([("kinds", "FIELD_TYPE", {"expected": ", ".join(CHOSEN)})])


def _address(row: NoticeRobot, address: str, secret: str) -> None:
    """Where a robot is told from now on. Refuses an address that may not be asked."""
    if not address:
        raise Refused.fields([("address", "FIELD_REQUIRED", {})])
    if secret and row.product != "DINGTALK":
        raise Refused.fields([("secret", "NOTICE_ROBOT_SECRET", {})])
    try:
        egress.check(address)
    except egress.AddressRefused as problem:
        raise Refused.fields([("address", "NOTICE_ROBOT_ADDRESS", {"problem": str(problem)})]) from None
    row.address, row.secret, row.shown_address = address, secret, rules.shown(address)


async def _move(call: Call, robot: NoticeRobot, state: str, to: str, since: datetime.datetime | None = None) -> None:
    """What is on the way to a robot, in one statement; what is being sent settles itself. No test is made again."""
    table = NoticeDelivery.__table__
    which = [table.c.robot_id == robot.id, table.c.state == state, sa.or_(to != "WAITING", table.c.kind != "TEST")]
    if since is not None:
        which.append(table.c.created_at > since)
    now = call.now()
    fresh = {"state": to, "due_time": now, "updated_at": now, "version": table.c.version + 1}
    await call.db.execute(sa.update(table).where(*which).values(**fresh))
