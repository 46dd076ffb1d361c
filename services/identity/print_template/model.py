"""How the documents of a type look on the paper of a company."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Document, Searchable
from heyi.identity.v1 import print_templates_pb2 as pb
from identity.base import MASTER_DATA, Base


class PrintTemplate(Searchable, Document, Base):
    __tablename__ = "print_template"
    __message__ = pb.PrintTemplate
    __transitions__ = MASTER_DATA
    __search__ = ("name",)
    __refusals__ = {"uq_print_template_name": "PRINT_TEMPLATE_EXISTS"}
    __table_args__ = (sa.UniqueConstraint("company_id", "document_type", "name", name="uq_print_template_name"),)

    company_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("company.id"), index=True)
    state: Mapped[str] = mapped_column(default="ACTIVE", index=True)
    document_type: Mapped[str] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(index=True)
    title: Mapped[str] = mapped_column(default="")
    title_en: Mapped[str] = mapped_column(default="")
    preferred: Mapped[bool] = mapped_column(default=False, index=True)
    revision: Mapped[int] = mapped_column(default=1)
    logo: Mapped[str] = mapped_column(default="")
    show_address: Mapped[bool] = mapped_column(default=False)
    show_tax_number: Mapped[bool] = mapped_column(default=False)
    field_names: Mapped[list[str]] = mapped_column(default=list)
    line_columns: Mapped[list[str]] = mapped_column(default=list)
    show_capitals: Mapped[bool] = mapped_column(default=False)
    show_code: Mapped[bool] = mapped_column(default=False)
    signatures: Mapped[list[str]] = mapped_column(default=list)
    footer: Mapped[str] = mapped_column(default="")
    paper: Mapped[str] = mapped_column(default="A4")
    landscape: Mapped[bool] = mapped_column(default=False)
    show_opinions: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
