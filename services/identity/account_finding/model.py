"""Findings about accounts in Keycloak, and how far Keycloak's records were read."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.call import Call
from chassis.db import Document, Searchable
from heyi.identity.v1 import account_findings_pb2 as pb
from identity.account_finding import rules
from identity.base import Base


class AccountFinding(Searchable, Document, Base):
    __tablename__ = "account_finding"
    __message__ = pb.AccountFinding
    __transitions__ = rules.TRANSITIONS
    __search__ = ("username", "name", "keycloak_value")

    state: Mapped[str] = mapped_column(default="OPEN", index=True)
    kind: Mapped[str] = mapped_column(index=True)
    employee_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("employee.id"), index=True)
    username: Mapped[str] = mapped_column(default="", index=True)
    name: Mapped[str] = mapped_column(default="", index=True)
    heyi_value: Mapped[str] = mapped_column(default="")
    keycloak_value: Mapped[str] = mapped_column(default="")
    changed_by: Mapped[str] = mapped_column(default="")
    change_time: Mapped[datetime.datetime | None]
    from_directory: Mapped[bool] = mapped_column(default=False, index=True)
    keycloak_id: Mapped[str] = mapped_column(default="", index=True)
    decide_time: Mapped[datetime.datetime | None]
    decided_by_id: Mapped[uuid.UUID | None]
    # of a STRANGER: what the account says of itself, for the employee who is made of it
    email: Mapped[str] = mapped_column(default="")
    # decided to be closed, and Keycloak does not know yet
    to_block: Mapped[bool] = mapped_column(default=False)

    @staticmethod
    def __present__(row: Any, message: Any, call: Call) -> None:
        """Only the answers that fit the finding are offered."""
        offered = [action for action in message.allowed_actions if rules.fits(row, action)]
        message.ClearField("allowed_actions")
        message.allowed_actions.extend(offered)


# one open finding for each value of an account
sa.Index(
    "uq_account_finding_open",
    AccountFinding.keycloak_id,
    AccountFinding.kind,
    unique=True,
    postgresql_where=sa.text("state = 'OPEN'"),
)
sa.Index("ix_account_finding_to_block", AccountFinding.id, postgresql_where=sa.text("to_block"))


class KeycloakWatch(Base):
    """One row: until when Keycloak's records are being read by somebody."""

    __tablename__ = "keycloak_watch"
    __table_args__ = (sa.CheckConstraint('"only"', name="one_row"),)

    only: Mapped[bool] = mapped_column(primary_key=True, default=True)
    leased_until: Mapped[datetime.datetime]
