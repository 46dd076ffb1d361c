"""The tables of imports, once per service: batches, and the rows of their files until they are not needed any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg


def import_tables(metadata: sa.MetaData, instant: Callable[..., sa.Column[Any]]) -> tuple[sa.Table, sa.Table]:
    """Batches and rows. A batch is worked on under a lease by whoever takes it; a row is settled with its document."""
    time = sa.DateTime(timezone=True)
    counts = ("row", "document", "problem", "skipped", "imported", "undone", "kept", "done", "total")
    batch = sa.Table(
        "import_batch",
        metadata,
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("document_type", sa.Text(), nullable=False),
        # who brought the file, and who asked for what is under way
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("file_hash", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        # [{position, header, field, examples}] and [{field, locale, values: {word: value}}]
        sa.Column("columns", pg.JSONB(), nullable=False),
        sa.Column("words", pg.JSONB(), nullable=False),
        sa.Column("steps", pg.JSONB(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("trouble", sa.Text(), nullable=False, server_default=""),
        *(sa.Column(f"{name}_count", sa.Integer(), nullable=False, server_default="0") for name in counts),
        # the row up to which the act under way has come
        sa.Column("cursor", sa.Integer(), nullable=False, server_default="0"),
        instant("created_at"),
        instant("updated_at"),
        sa.Column("settled_at", time),
        # its rows went
        sa.Column("expired", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("leased_until", time),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
    )
    sa.Index("ix_import_batch_company", batch.c.company_id, batch.c.id)
    sa.Index("ix_import_batch_actor", batch.c.actor_id, batch.c.id)
    sa.Index(
        "ix_import_batch_under_way",
        batch.c.id,
        postgresql_where=batch.c.state.in_(["CHECKING", "IMPORTING", "UNDOING"]),
    )
    row = sa.Table(
        "import_row",
        metadata,
        sa.Column("batch_id", sa.ForeignKey("import_batch.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("row_number", sa.Integer(), primary_key=True),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("cells", pg.ARRAY(sa.Text()), nullable=False),
        sa.Column("faults", pg.JSONB(none_as_null=True)),
        # NEW, BLANK, PART (a line of the row above), READY, BAD, SKIPPED, IMPORTED, RETIRED, UNDONE, KEPT
        sa.Column("state", sa.Text(), nullable=False, server_default="NEW"),
        # the first row of its document
        sa.Column("head", sa.Integer()),
        sa.Column("problems", pg.JSONB(none_as_null=True)),
        # the request that makes the document
        sa.Column("request", sa.LargeBinary()),
        # values that no two documents share: constraint and value
        sa.Column("keys", pg.ARRAY(sa.Text())),
        # type, file and row: of all batches one alone makes a document of it
        sa.Column("file_key", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Uuid()),
        sa.Column("document_version", sa.Integer()),
    )
    sa.Index("ix_import_row_state", row.c.batch_id, row.c.state, row.c.row_number)
    sa.Index("ix_import_row_head", row.c.batch_id, row.c.head)
    made = row.c.state == "IMPORTED"
    sa.Index("ix_import_row_once", row.c.company_id, row.c.file_key, unique=True, postgresql_where=made)
    return batch, row
