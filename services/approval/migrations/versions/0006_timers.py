"""Timers, turns with a time to answer, and what the flow itself did with its reason."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "timer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("due_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_seconds", sa.Integer(), nullable=True),
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("part_id", sa.Uuid(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timer")),
    )
    op.create_index(op.f("ix_timer_subject_id"), "timer", ["subject_id"], unique=False)
    op.create_index("ix_timer_due_time", "timer", ["due_time"], unique=False)
    op.create_index("ix_timer_failing", "timer", ["due_time"], unique=False, postgresql_where=sa.text("error <> ''"))
    op.add_column("task", sa.Column("due_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column("task", sa.Column("by_system", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index(
        "ix_task_due",
        "task",
        ["assignee_id", "due_time", "open_time", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'OPEN'"),
    )
    op.add_column("opinion", sa.Column("reason", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "opinion",
        sa.Column("reason_facts", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    )


def downgrade() -> None:
    op.drop_column("opinion", "reason_facts")
    op.drop_column("opinion", "reason")
    op.drop_index("ix_task_due", table_name="task")
    op.drop_column("task", "by_system")
    op.drop_column("task", "due_time")
    op.drop_table("timer")
