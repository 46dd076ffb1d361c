"""A key of a program outside: its hash, and what it may."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.call import Call
from chassis.db import Document, Searchable
from heyi.identity.v1 import api_keys_pb2 as pb
from identity.api_key.rules import TRANSITIONS
from identity.base import Base


class ApiKey(Searchable, Document, Base):
    __tablename__ = "api_key"
    __message__ = pb.ApiKey
    __transitions__ = TRANSITIONS
    __search__ = ("name",)

    state: Mapped[str] = mapped_column(default="ACTIVE", index=True)
    name: Mapped[str]
    key_company_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("company.id"), index=True)
    permissions: Mapped[list[str]]
    valid_until_date: Mapped[datetime.date]
    key_hash: Mapped[bytes] = mapped_column(unique=True)
    shown_key: Mapped[str]
    maker_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("employee.id"), index=True)
    last_use_time: Mapped[datetime.datetime | None]
    revoke_reason: Mapped[str] = mapped_column(default="", server_default="")

    @staticmethod
    def __present__(row: Any, message: Any, call: Call) -> None:
        """The key, in the answer to the call that made it and nowhere else."""
        message.secret = getattr(row, "shown_once", "")
