"""Separated duties: pairs that nobody may hold together in one company."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "duty_conflict",
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("keeper_id", sa.Uuid(), nullable=False),
        sa.Column("first_duty", sa.Text(), nullable=False),
        sa.Column("first_permissions", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("first_role_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("second_duty", sa.Text(), nullable=False),
        sa.Column("second_permissions", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("second_role_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("built_in", sa.Boolean(), nullable=False),
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
        sa.ForeignKeyConstraint(["keeper_id"], ["employee.id"], name=op.f("fk_duty_conflict_keeper_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_conflict")),
        sa.UniqueConstraint("code", name=op.f("uq_duty_conflict_code")),
    )
    op.create_index("ix_duty_conflict_search", "duty_conflict", ["search"], unique=False, postgresql_using="gin")
    for column in ("created_at", "keeper_id", "name", "severity", "state"):
        op.create_index(op.f(f"ix_duty_conflict_{column}"), "duty_conflict", [column], unique=False)
