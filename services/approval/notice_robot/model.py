"""A robot of a group chat. Its address and secret are ciphertext and leave the database only to be used."""

from __future__ import annotations

import datetime
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from approval.base import Base
from approval.notice_robot.rules import TRANSITIONS
from chassis.crypto import Encrypted
from chassis.db import Document, Searchable
from heyi.approval.v1 import notice_robots_pb2 as pb


class NoticeRobot(Searchable, Document, Base):
    __tablename__ = "notice_robot"
    __message__ = pb.NoticeRobot
    __transitions__ = TRANSITIONS
    __search__ = ("name",)
    __table_args__ = (sa.UniqueConstraint("company_id", "name"),)

    company_id: Mapped[uuid.UUID]
    state: Mapped[str] = mapped_column(default="ACTIVE")
    name: Mapped[str]
    product: Mapped[str]
    address: Mapped[str] = mapped_column(Encrypted("notice_robot", "address"))
    secret: Mapped[str] = mapped_column(Encrypted("notice_robot", "secret"))
    shown_address: Mapped[str]
    # a department is identity's
    department_id: Mapped[uuid.UUID | None]
    kinds: Mapped[list[str]]
    locale: Mapped[str] = mapped_column(default="")
    # the rest is written by the courier
    answer: Mapped[str] = mapped_column(default="")
    answer_time: Mapped[datetime.datetime | None]
    failure_count: Mapped[int] = mapped_column(default=0)
    ready_time: Mapped[datetime.datetime] = mapped_column(server_default=sa.func.clock_timestamp())
