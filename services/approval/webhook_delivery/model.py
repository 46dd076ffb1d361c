"""One event on its way to one webhook. The order of a document's events is kept: the next waits for the one before."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from approval.base import Base, refers_to
from chassis.db import Document, Searchable
from heyi.approval.v1 import webhook_deliveries_pb2 as pb

TRANSITIONS = {(state, "retry"): "WAITING" for state in ("WAITING", "SENT", "FAILED")}


class WebhookDelivery(Searchable, Document, Base):
    __tablename__ = "webhook_delivery"
    __message__ = pb.WebhookDelivery
    __transitions__ = TRANSITIONS
    __search__ = ("document_number", "event_type")
    __table_args__ = (sa.UniqueConstraint("webhook_id", "event_id"),)

    company_id: Mapped[uuid.UUID]
    state: Mapped[str] = mapped_column(default="WAITING")
    webhook_id: Mapped[uuid.UUID] = mapped_column(refers_to("webhook.id"))
    event_type: Mapped[str]
    # none of a test
    event_id: Mapped[uuid.UUID | None] = mapped_column(refers_to("outside_event.id"), index=True)
    document_type: Mapped[str] = mapped_column(default="")
    document_id: Mapped[uuid.UUID]
    document_number: Mapped[str] = mapped_column(default="", server_default="")
    due_time: Mapped[datetime.datetime]
    # since when it is tried; later than its making where it is sent again
    since_time: Mapped[datetime.datetime | None]
    attempt_count: Mapped[int] = mapped_column(default=0, server_default="0")
    answer_code: Mapped[int] = mapped_column(default=0, server_default="0")
    duration_milliseconds: Mapped[int] = mapped_column(default=0, server_default="0")
    answer: Mapped[str] = mapped_column(default="", server_default="")
    send_time: Mapped[datetime.datetime | None]
    lease: Mapped[uuid.UUID | None]
    leased_until: Mapped[datetime.datetime | None]


DELIVERY: Any = WebhookDelivery.__table__
_WAITS = WebhookDelivery.state == "WAITING"
sa.Index("ix_webhook_delivery_due", WebhookDelivery.due_time, postgresql_where=_WAITS)
sa.Index("ix_webhook_delivery_order", WebhookDelivery.webhook_id, WebhookDelivery.document_id, postgresql_where=_WAITS)
sa.Index("ix_webhook_delivery_list", WebhookDelivery.company_id, WebhookDelivery.created_at, WebhookDelivery.id)


def searched(row: Any) -> WebhookDelivery:
    """What a search finds a delivery by."""
    return WebhookDelivery(document_number=row.document_number, event_type=row.event_type)
