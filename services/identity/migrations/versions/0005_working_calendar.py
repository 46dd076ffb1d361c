"""The working calendar: holidays, make-up days, and the hours of each company."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("company", sa.Column("working_hours", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "calendar_day",
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("calendar_date", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("calendar_company_id", sa.Uuid(), nullable=True),
        sa.Column("search", postgresql.TSVECTOR(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("custom_fields", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(
            ["calendar_company_id"], ["company.id"], name=op.f("fk_calendar_day_calendar_company_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_day")),
    )
    op.create_index("ix_calendar_day_search", "calendar_day", ["search"], unique=False, postgresql_using="gin")
    for column in ("created_at", "kind", "name", "state", "calendar_company_id"):
        op.create_index(op.f(f"ix_calendar_day_{column}"), "calendar_day", [column], unique=False)
    op.create_index(
        "uq_calendar_day_place",
        "calendar_day",
        ["calendar_date", "calendar_company_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )


def downgrade() -> None:
    op.drop_table("calendar_day")
    op.drop_column("company", "working_hours")
