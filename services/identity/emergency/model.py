"""An emergency, as it was asked for at the machine."""

from __future__ import annotations

import datetime
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.crypto import Encrypted
from chassis.db import Document
from heyi.identity.v1 import emergencies_pb2 as pb
from identity.base import Base
from identity.emergency.rules import TRANSITIONS


class Emergency(Document, Base):
    __tablename__ = "emergency"
    __message__ = pb.Emergency
    __transitions__ = TRANSITIONS

    state: Mapped[str] = mapped_column(default="REQUESTED", index=True)
    reason: Mapped[str]
    opened_by: Mapped[str]
    minutes: Mapped[int]
    # ciphertext, and only until the account has it
    password: Mapped[str | None] = mapped_column(Encrypted("emergency", "password"))
    until_time: Mapped[datetime.datetime | None]
    close_time: Mapped[datetime.datetime | None]
    close_note: Mapped[str] = mapped_column(default="", server_default="")
    employee_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("employee.id"))
