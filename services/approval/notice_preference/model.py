"""How somebody wants to be told of notices; without an employee, what holds in a company for whoever said nothing."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from approval.base import Base
from chassis.call import Call
from chassis.db import Document
from heyi.approval.v1 import notice_preferences_pb2 as pb


class NoticePreference(Document, Base):
    __tablename__ = "notice_preference"
    __message__ = pb.NoticePreference

    company_id: Mapped[uuid.UUID]
    employee_id: Mapped[uuid.UUID | None]
    mail_kinds: Mapped[list[str]]
    robot_kinds: Mapped[list[str]]
    pace: Mapped[str]
    daily_at: Mapped[str]
    quiet: Mapped[str]
    quiet_from: Mapped[str]
    quiet_until: Mapped[str]
    locale: Mapped[str] = mapped_column(default="")

    @staticmethod
    def __present__(row: Any, message: Any, call: Call) -> None:
        """Where it comes from and where the mails go."""
        source = "COMPANY" if row.employee_id is None else "PERSON"
        message.source = pb.NoticePreference.Source.Value(source)
        message.mail_works = bool(call.runtime.settings.own and call.runtime.settings.own.mail)
        me = call.actor.employee_id
        if me is not None and row.employee_id == me:
            message.email = call.organisation.people[me].email


_OF_COMPANY = NoticePreference.employee_id.is_(None)
Index("uq_notice_preference_employee_id", NoticePreference.employee_id, unique=True, postgresql_where=~_OF_COMPANY)
Index("uq_notice_preference_company", NoticePreference.company_id, unique=True, postgresql_where=_OF_COMPANY)
