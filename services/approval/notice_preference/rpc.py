"""Serves heyi.approval.v1.NoticePreferences: the caller's own, and what holds in the company of the call."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from approval.notice_delivery.trial import send_trial
from approval.notice_preference import rules
from approval.notice_preference.model import NoticePreference
from chassis import mapping
from chassis.call import NO_COMPANY, Call, Refused
from heyi.approval.v1 import notice_preferences_pb2 as pb


class NoticePreferences:
    every_company = True

    async def GetMineNoticePreference(self, request: Any, call: Call) -> Any:
        own, company = await _rows(call, _me(call))
        return own_reply(call, rules.effective(own, company), own)

    async def SetMineNoticePreference(self, request: Any, call: Call) -> Any:
        me = _me(call)
        own, _ = await _rows(call, me)
        home = call.organisation.people[me].company_id or NO_COMPANY
        return _put(call, own, request.notice_preference, home, me)

    async def ResetMineNoticePreference(self, request: Any, call: Call) -> Any:
        own, company = await _rows(call, _me(call))
        if own is not None:
            await call.delete(own)
        return own_reply(call, rules.effective(None, company), None)

    async def TestMineNoticePreference(self, request: Any, call: Call) -> Any:
        person = call.organisation.people[_me(call)]
        if not (call.runtime.settings.own and call.runtime.settings.own.mail):
            raise Refused("NOTICE_NO_MAIL_SERVER")
        if not person.email:
            raise Refused("NOTICE_NO_EMAIL", name=person.name)
        company_id = person.company_id or call.company_id
        send_trial(call, company_id, "approval.notice_preference", person.employee_id, person.email)
        return pb.TestMineNoticePreferenceResponse(email=person.email)

    async def GetDefaultNoticePreference(self, request: Any, call: Call) -> Any:
        _, company = await _rows(call, None)
        if company is not None:
            return call.reply(company)
        reply = call.reply(_shown(rules.PRODUCT, call.company_id, None))
        reply.source = pb.NoticePreference.PRODUCT
        return reply

    async def SetDefaultNoticePreference(self, request: Any, call: Call) -> Any:
        _, company = await _rows(call, None)
        return _put(call, company, request.notice_preference, call.company_id, None)


def own_reply(call: Call, preference: rules.Preference, own: NoticePreference | None) -> Any:
    """What holds for the caller, where it comes from, and under whose version it is changed."""
    row = own or _shown(preference, call.company_id, _me(call))
    reply = call.reply(row)
    reply.source = pb.NoticePreference.Source.Value(preference.source)
    return reply


def _shown(preference: rules.Preference, company_id: uuid.UUID, employee_id: uuid.UUID | None) -> NoticePreference:
    """A row that is not kept, to be shown."""
    values = {name: getattr(preference, name) for name in rules.FIELDS}
    return NoticePreference(company_id=company_id, employee_id=employee_id, **values)


def _put(
    call: Call,
    row: NoticePreference | None,
    message: Any,
    company_id: uuid.UUID,
    employee_id: uuid.UUID | None,
) -> NoticePreference:
    """Keep what was said, as a whole. Times that were left empty are the product's."""
    values = mapping.read_new(mapping.plan_for(NoticePreference), message)
    values.pop("id", None)
    for name in ("daily_at", "quiet_from", "quiet_until"):
        values[name] = values[name] or getattr(rules.PRODUCT, name)
    if row is None:
        row = call.add(NoticePreference(company_id=company_id, employee_id=employee_id, **values))
    else:
        for name, value in values.items():
            setattr(row, name, value)
        call.touch(row)
    if found := rules.problems(row):
        raise Refused.fields(found)
    return row


async def _rows(call: Call, employee_id: uuid.UUID | None) -> tuple[NoticePreference | None, NoticePreference | None]:
    """A person's row and that of their company; without a person, that of the call's company. Locked in a write."""
    company_id = call.company_id if employee_id is None else call.organisation.people[employee_id].company_id
    of_company = sa.and_(NoticePreference.employee_id.is_(None), NoticePreference.company_id == company_id)
    wanted = of_company if employee_id is None else sa.or_(NoticePreference.employee_id == employee_id, of_company)
    statement = sa.select(NoticePreference).where(wanted)
    if call.method is not None and not call.method.read_only:
        statement = statement.with_for_update()
    rows = list(await call.db.scalars(statement))
    for row in rows:
        call.tracked[id(row)] = row
    own = next((row for row in rows if row.employee_id is not None), None)
    return own, next((row for row in rows if row.employee_id is None), None)


def _me(call: Call) -> uuid.UUID:
    assert call.actor.employee_id is not None
    return call.actor.employee_id
