"""A post (岗位) that employees hold, with its rank, and what it was called from day to day."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.call import Call
from chassis.db import Document, Part, Searchable, lines_of, part_of
from heyi.identity.v1 import posts_pb2 as pb
from identity.base import Base
from identity.post import rules


class Post(Searchable, Document, Base):
    __tablename__ = "post"
    __message__ = pb.Post
    __transitions__ = rules.TRANSITIONS
    __search__ = ("code", "name")
    __table_args__ = (sa.CheckConstraint("(next_name = '') = (next_name_date IS NULL)", name="next_name_has_a_day"),)

    state: Mapped[str] = mapped_column(default="ACTIVE", index=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(index=True)
    level: Mapped[int] = mapped_column(default=0, index=True)
    description: Mapped[str] = mapped_column(default="")
    # what it is going to be called; "" and none: nothing is planned
    next_name: Mapped[str] = mapped_column(default="", server_default="")
    next_name_date: Mapped[datetime.date | None] = mapped_column(index=True)
    periods: Mapped[list[PostPeriod]] = lines_of("PostPeriod")

    @staticmethod
    def __present__(row: Any, message: Any, call: Call) -> None:
        """What is not planned cannot be withdrawn."""
        if row.next_name_date is None and "cancel_rename" in message.allowed_actions:
            message.allowed_actions.remove("cancel_rename")


class PostPeriod(Part, Base):
    __tablename__ = "post_period"
    __message__ = pb.PostPeriod

    post_id: Mapped[uuid.UUID] = part_of("post")
    from_date: Mapped[datetime.date]
    until_date: Mapped[datetime.date | None]
    name: Mapped[str]
