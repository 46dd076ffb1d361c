"""A post (岗位) that employees hold, with its rank."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Searchable
from heyi.identity.v1 import posts_pb2 as pb
from identity.base import MASTER_DATA, Base


class Post(Searchable, Document, Base):
    __tablename__ = "post"
    __message__ = pb.Post
    __transitions__ = MASTER_DATA
    __search__ = ("code", "name")

    state: Mapped[str] = mapped_column(default="ACTIVE", index=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(index=True)
    level: Mapped[int] = mapped_column(default=0, index=True)
    description: Mapped[str] = mapped_column(default="")
