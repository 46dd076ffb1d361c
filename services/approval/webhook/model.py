"""An address outside that is told of events. Its secrets are ciphertext and leave the database only to sign."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from approval.base import Base
from approval.webhook.rules import TRANSITIONS
from chassis.call import Call
from chassis.crypto import Encrypted
from chassis.db import Document, Searchable
from heyi.approval.v1 import webhooks_pb2 as pb


class Webhook(Searchable, Document, Base):
    __tablename__ = "webhook"
    __message__ = pb.Webhook
    __transitions__ = TRANSITIONS
    __search__ = ("name",)
    __table_args__ = (sa.UniqueConstraint("company_id", "name"),)

    company_id: Mapped[uuid.UUID]
    state: Mapped[str] = mapped_column(default="ACTIVE")
    name: Mapped[str]
    address: Mapped[str]
    events: Mapped[list[str]]
    signing_key: Mapped[str] = mapped_column(Encrypted("webhook", "signing_key"))
    previous_key: Mapped[str | None] = mapped_column(Encrypted("webhook", "previous_key"))
    overlap_until_time: Mapped[datetime.datetime | None]
    maker_id: Mapped[uuid.UUID]
    # the rest is written by who sends
    answer: Mapped[str] = mapped_column(default="", server_default="")
    answer_time: Mapped[datetime.datetime | None]
    failing_since_time: Mapped[datetime.datetime | None]
    # what is still to be sent again: the events behind the first sequence, up to the second
    replay_after: Mapped[int | None] = mapped_column(sa.BigInteger)
    replay_until: Mapped[int | None] = mapped_column(sa.BigInteger)

    @staticmethod
    def __present__(row: Any, message: Any, call: Call) -> None:
        """The secret, in the answer to the call that made it and nowhere else."""
        message.secret = getattr(row, "shown_once", "")
