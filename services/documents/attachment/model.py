"""A file of a document, and how much of the store each person and company has used."""

from __future__ import annotations

import datetime
import uuid
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.orm import Mapped, mapped_column

from chassis.call import Call
from chassis.db import Document, Searchable
from documents.attachment.rules import TRANSITIONS, allowed_to
from documents.base import Base
from heyi.documents.v1 import attachments_pb2 as pb


class Attachment(Searchable, Document, Base):
    __tablename__ = "attachment"
    __message__ = pb.Attachment
    __transitions__ = TRANSITIONS
    __search__ = ("name", "description", "document_title")

    # the document's; none where the document is the group's
    company_id: Mapped[uuid.UUID | None]
    state: Mapped[str] = mapped_column(default="UPLOADING")
    added_by_id: Mapped[uuid.UUID] = mapped_column(index=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    document_type: Mapped[str]
    document_id: Mapped[uuid.UUID]
    document_title: Mapped[str] = mapped_column(default="")
    part_id: Mapped[str] = mapped_column(default="")
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    received_bytes: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    media_type: Mapped[str] = mapped_column(default="")
    sha256: Mapped[str] = mapped_column(default="")
    scan: Mapped[str | None]
    view: Mapped[str | None]
    refusal: Mapped[str] = mapped_column(default="")
    refusal_facts: Mapped[dict[str, Any] | None] = mapped_column(pg.JSONB(none_as_null=True))
    removed_by_id: Mapped[uuid.UUID | None]
    remove_time: Mapped[datetime.datetime | None]
    add_time: Mapped[datetime.datetime | None]
    # its name in the store, and whose room it takes there beside its owner's
    blob: Mapped[uuid.UUID] = mapped_column(unique=True)
    charged_company_id: Mapped[uuid.UUID]
    # when a piece came last; who checks it renews the lease
    touched_at: Mapped[datetime.datetime]
    leased_until: Mapped[datetime.datetime | None]
    # inspections of it that ended without a word
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    # of the caller: may they change the document (not stored)
    changes_document: ClassVar[bool] = False

    @staticmethod
    def __present__(row: Any, message: Any, call: Call) -> None:
        """What may be done follows from the document, which the rpc asks about."""
        message.ClearField("allowed_actions")
        if isinstance(row, Attachment):
            changes = row.changes_document
            message.allowed_actions.extend(allowed_to(row, call.actor.employee_id, changes=changes))


class StoreUsage(Base):
    """Bytes that files of a person, or in a company, take in the store: uploads and removed ones too, until purged."""

    __tablename__ = "store_usage"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    used_bytes: Mapped[int] = mapped_column(sa.BigInteger)


_KEPT = Attachment.state.in_(["READY", "REMOVED", "PURGED"])
sa.Index("ix_attachment_document", Attachment.document_type, Attachment.document_id, Attachment.created_at)
sa.Index("ix_attachment_recent", Attachment.created_at, Attachment.id, postgresql_where=_KEPT)
sa.Index("ix_attachment_name", Attachment.name, Attachment.id, postgresql_where=_KEPT)
sa.Index("ix_attachment_size", Attachment.size_bytes, Attachment.id, postgresql_where=_KEPT)
sa.Index("ix_attachment_checking", Attachment.touched_at, postgresql_where=Attachment.state == "CHECKING")
sa.Index(
    "ix_attachment_sweep",
    Attachment.state,
    Attachment.touched_at,
    postgresql_where=Attachment.state.in_(["UPLOADING", "REFUSED", "REMOVED"]),
)
