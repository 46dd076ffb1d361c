"""A named set of permissions; what it reaches is decided by the grant's scope."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Searchable
from heyi.identity.v1 import roles_pb2 as pb
from identity.base import MASTER_DATA, Base


class Role(Searchable, Document, Base):
    __tablename__ = "role"
    __message__ = pb.Role
    __transitions__ = MASTER_DATA
    __search__ = ("code", "name")

    state: Mapped[str] = mapped_column(default="ACTIVE", index=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(index=True)
    description: Mapped[str] = mapped_column(default="")
    permissions: Mapped[list[str]] = mapped_column(default=list)
    built_in: Mapped[bool] = mapped_column(default=False)
