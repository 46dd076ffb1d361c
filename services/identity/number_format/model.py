"""How the documents of a type are numbered, in one company or in the whole group."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis import numbering
from chassis.call import Call
from chassis.db import Document, Searchable
from heyi.identity.v1 import number_formats_pb2 as pb
from identity.base import MASTER_DATA, Base


class NumberFormat(Searchable, Document, Base):
    __tablename__ = "number_format"
    __message__ = pb.NumberFormat
    __transitions__ = MASTER_DATA
    __search__ = ("pattern",)
    __refusals__ = {"uq_number_format_place": "NUMBER_FORMAT_EXISTS"}
    __table_args__ = (
        sa.Index(
            "uq_number_format_place",
            "document_type",
            "format_company_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
    )

    state: Mapped[str] = mapped_column(default="ACTIVE", index=True)
    document_type: Mapped[str] = mapped_column(index=True)
    format_company_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("company.id"), index=True)
    pattern: Mapped[str] = mapped_column(index=True)

    @staticmethod
    def __present__(row: Any, message: Any, call: Call) -> None:
        message.sample = numbering.render(row.pattern, call.today(), 1)
