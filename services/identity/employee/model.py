"""A person who works for the group, and the errand of keeping the account in Keycloak in step with that person."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from chassis.crypto import Encrypted
from chassis.db import Document, Searchable
from heyi.identity.v1 import employees_pb2 as pb
from identity.base import Base
from identity.employee import rules


class Employee(Searchable, Document, Base):
    __tablename__ = "employee"
    __message__ = pb.Employee
    __transitions__ = rules.TRANSITIONS
    __search__ = ("code", "name", "username", "phone")
    __refusals__ = {"uq_employee_username": "EMPLOYEE_USERNAME_TAKEN"}

    state: Mapped[str] = mapped_column(default="ACTIVE", index=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(index=True)
    username: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str] = mapped_column(default="", index=True)
    phone: Mapped[str] = mapped_column(default="")
    # empty for the first administrator alone, who is there before any company is
    home_company_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("company.id"), index=True)
    department_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("department.id"), index=True)
    post_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("post.id"), index=True)
    hire_date: Mapped[datetime.date | None] = mapped_column(index=True)
    locale: Mapped[str] = mapped_column(default="zh-CN")
    sort_key: Mapped[str] = mapped_column(default="", index=True)
    disable_time: Mapped[datetime.datetime | None]
    # tokens issued before are refused everywhere, also after the person may sign in again
    not_before: Mapped[datetime.datetime | None]
    # written by the Keycloak step without touching `version`: nobody's edit goes stale because an account was made
    account_state: Mapped[str] = mapped_column(default="PENDING", index=True)
    account_problem: Mapped[str] = mapped_column(default="")


class Account(Base):
    """What the Keycloak step has to do for an employee, and who is doing it.

    `wanted` counts the changes that Keycloak must learn of, `done` is the last one it has. A row is due at `due_at`
    unless a lease is on it; a change that comes while a lease is on waits for its end, so that an older picture never
    overwrites a newer one.
    """

    __tablename__ = "account"
    __table_args__ = (sa.Index("ix_account_due_at", "due_at"), sa.Index("ix_account_keycloak_id", "keycloak_id"))

    employee_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("employee.id"), primary_key=True)
    wanted: Mapped[int] = mapped_column(default=1)
    done: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime.datetime] = mapped_column(server_default=sa.func.clock_timestamp())
    failures: Mapped[int] = mapped_column(default=0)
    lease: Mapped[uuid.UUID | None]
    leased_until: Mapped[datetime.datetime | None]
    keycloak_id: Mapped[str | None]
    # ciphertext, and only until Keycloak has it
    password: Mapped[str | None] = mapped_column(Encrypted("account", "password"))
    password_temporary: Mapped[bool] = mapped_column(default=True)
    # which change (`wanted`) asked to let the person in again, or to take away the second factor; 0: none that is open
    unlocking: Mapped[int] = mapped_column(server_default="0", default=0)
    second_factor_reset: Mapped[int] = mapped_column(server_default="0", default=0)
    # the values on which both sides last agreed; of an account that was never written there are none
    agreed: Mapped[dict[str, Any] | None]
    # what was about to be written (`values`), until it is recorded: a write whose process died is not that of others
    attempts: Mapped[dict[str, Any] | None]
    # it comes from the company's own directory, which keeps its name, e-mail and password
    from_directory: Mapped[bool] = mapped_column(default=False)
    # who changed it in Keycloak, as read in its records, until the next look has told it
    changed_by: Mapped[str] = mapped_column(default="")
    change_time: Mapped[datetime.datetime | None]

    employee: Mapped[Employee] = relationship(lazy="raise")
