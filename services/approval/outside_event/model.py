"""What happened, as programs outside are told of it. `sequence` grows in the order of the commits: who pulls behind it
misses nothing, since rows are put in one transaction after another.
"""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from approval.base import Base
from chassis.db import Document, Searchable
from heyi.approval.v1 import outside_events_pb2 as pb


class OutsideEvent(Searchable, Document, Base):
    __tablename__ = "outside_event"
    __message__ = pb.OutsideEvent
    __search__ = ("document_number", "event_type")

    company_id: Mapped[uuid.UUID]
    sequence: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity())
    event_type: Mapped[str]
    document_type: Mapped[str]
    document_id: Mapped[uuid.UUID]
    document_number: Mapped[str] = mapped_column(default="", server_default="")
    # who may read all of these may be told of it
    permission: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)


sa.Index("ix_outside_event_pull", OutsideEvent.company_id, OutsideEvent.sequence, unique=True)
