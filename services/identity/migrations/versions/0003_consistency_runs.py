"""Comparisons of the books, with what each rule came to and the rows that broke one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "consistency_run",
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("requester_id", sa.Uuid(), nullable=True),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finish_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("invariant_count", sa.Integer(), nullable=False),
        sa.Column("checked_count", sa.Integer(), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("finding_count", sa.Integer(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("failure_detail", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("custom_fields", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("search", postgresql.TSVECTOR(), nullable=True),
        sa.ForeignKeyConstraint(["requester_id"], ["employee.id"], name=op.f("fk_consistency_run_requester_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consistency_run")),
        sa.UniqueConstraint("number", name=op.f("uq_consistency_run_number")),
    )
    for column in ("created_at", "finish_time", "origin", "requester_id", "start_time", "state"):
        op.create_index(op.f(f"ix_consistency_run_{column}"), "consistency_run", [column], unique=False)
    op.create_index("ix_consistency_run_search", "consistency_run", ["search"], unique=False, postgresql_using="gin")
    op.create_index(
        "uq_consistency_run_open",
        "consistency_run",
        [sa.literal_column("(state IS NOT NULL)")],
        unique=True,
        postgresql_where=sa.text("state IN ('REQUESTED', 'RUNNING')"),
    )
    op.create_table(
        "consistency_result",
        sa.Column("parent_id", sa.Uuid(), nullable=False),
        sa.Column("invariant", sa.Text(), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("finding_count", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["consistency_run.id"], name=op.f("fk_consistency_result_parent_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consistency_result")),
    )
    op.create_index(op.f("ix_consistency_result_parent_id"), "consistency_result", ["parent_id"], unique=False)
    op.create_table(
        "consistency_finding",
        sa.Column("parent_id", sa.Uuid(), nullable=False),
        sa.Column("invariant", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("document_type", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("document_title", sa.Text(), nullable=False),
        sa.Column("document_company_id", sa.Text(), nullable=False),
        sa.Column("what_key", sa.Text(), nullable=False),
        sa.Column("what_facts", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("since_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cause_key", sa.Text(), nullable=False),
        sa.Column("cause_facts", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("first_run_number", sa.Text(), nullable=False),
        sa.Column("first_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["consistency_run.id"], name=op.f("fk_consistency_finding_parent_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consistency_finding")),
    )
    op.create_index(op.f("ix_consistency_finding_parent_id"), "consistency_finding", ["parent_id"], unique=False)
